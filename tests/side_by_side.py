"""One expression, evaluated with PyTorch and with dynagrad under the name `torch`."""

import re
import warnings
from typing import Any

import numpy as np

from dynagrad.functions import factory


def outcome(torch: Any, expression: str, given: str = "", names: dict | None = None) -> dict:
    """What the expression gives: a tensor's properties, another value's text, or the error.

    `given` are statements to run before; both start from seed 0.
    """
    space = {"torch": torch, "np": np, **(names or {})}
    torch.manual_seed(0)
    exec(given, space)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        factory.warned.clear()
        try:
            found = described(torch, eval(expression, space))
        except Exception as error:
            found = {"error": type(error).__name__, "text": str(error)}
    found["warnings"] = [(w.category.__name__, str(w.message)[:40]) for w in caught]
    return found


def described(torch: Any, value: Any) -> dict:
    """A tensor's bits and properties; the text of anything else, without addresses and modules."""
    if isinstance(value, tuple | list) and any(isinstance(v, torch.Tensor) for v in value):
        return {"all": [described(torch, v) for v in value]}
    if not isinstance(value, torch.Tensor):
        text = re.sub(r"0x[0-9a-f]+", "0x", repr(value))
        return {"value": re.sub(r"dynagrad(\.\w+)*\.|torch\._C\.|torch\.", "", text)}
    array = value.detach().numpy()
    node = value.grad_fn
    return {
        "type": type(value).__name__,
        "dtype": str(value.dtype),
        "shape": tuple(value.shape),
        "strides": [s for s, n in zip(array.strides, array.shape, strict=True) if n > 1],
        "bits": np.ascontiguousarray(array).tobytes(),
        "values": array.tolist(),
        "requires_grad": value.requires_grad,
        "grad_fn": None if node is None else type(node).__name__,
    }


def assert_same(reference: dict, found: dict, own_words: bool = False) -> None:
    """Both outcomes are the same; of errors, the type and (unless `own_words`) how they begin."""
    if "error" in reference:
        assert found.get("error") == reference["error"], found
        if not own_words:
            start = reference["text"].split("\n")[0][:45]
            assert found["text"].startswith(start), (found["text"], reference["text"])
        return
    assert found == reference
