"""Evaluates one expression under PyTorch and under dynagrad and describes what comes out."""

import warnings
from typing import Any

import numpy as np
import torch

import dynagrad

LIBRARIES = (torch, dynagrad)


def names(library: Any, requires_grad: bool) -> dict[str, Any]:
    """The tensors that expressions of these tests speak of, the same numbers in both libraries."""
    generator = np.random.default_rng(7)

    def make(*shape: int, dtype: str = "float64") -> Any:
        t = library.tensor(
            generator.standard_normal(shape).astype(dtype).tolist(), dtype=library.float64
        )
        return t.requires_grad_() if requires_grad else t

    def whole(*shape: int) -> Any:
        return library.zeros(*shape, dtype=library.int64)

    tensors = {
        "x": make(2, 3, 4),
        "m": make(3, 4),
        "sq": make(3, 3),
        "x1": make(1, 3, 1),
        "v": make(6),
    }
    tensors["s"] = make()
    return {"torch": library, "np": np, "L": library.tensor, "I": whole, **tensors}


def parts(result: Any) -> list[Any]:
    """The tensors of a result."""
    return (
        [result] if not isinstance(result, tuple | list) else [t for r in result for t in parts(r)]
    )


def description(t: Any, *, strides: bool) -> Any:
    """What two results have in common."""
    if not hasattr(t, "grad_fn"):
        return t
    name = t.grad_fn.name() if t.grad_fn is not None else None
    found = [tuple(t.shape), str(t.dtype), name, t.requires_grad, t._base is not None]
    if strides:
        found += [t.stride(), t.storage_offset() if t.numel() else 0]
    return found


def outcome(expression: str, library: Any, requires_grad: bool) -> tuple[dict, list | str]:
    """The names and the tensors of an expression's result, or its error as text.

    An expression with `;` is a program: its last part is the result.
    """
    scope = names(library, requires_grad)
    *statements, last = expression.split(";")
    try:
        with warnings.catch_warnings():
            if library is torch:
                warnings.simplefilter("ignore")  # PyTorch's notes on its own plans
            for statement in statements:
                exec(statement.strip(), scope)
            return scope, parts(eval(last.strip(), scope))
    except Exception as error:
        return scope, f"{type(error).__name__}: {error}"


def check_same(expression: str, *, strides: bool = True, requires_grad: bool = True) -> None:
    """Both libraries give the same tensors, of the same kind, and the same first and second
    derivatives.
    """
    (_, expected), (_, found) = both = [
        outcome(expression, lib, requires_grad) for lib in LIBRARIES
    ]
    assert not isinstance(expected, str), expected
    assert not isinstance(found, str), found
    assert [description(t, strides=strides) for t in found] == [
        description(t, strides=strides) for t in expected
    ]
    for a, b in zip(expected, found, strict=True):
        if hasattr(a, "grad_fn"):
            np.testing.assert_allclose(
                b.detach().numpy(), a.detach().numpy(), rtol=1e-12, atol=1e-14
            )
    grads = [derivatives(lib, *case) for lib, case in zip(LIBRARIES, both, strict=True)]
    assert len(grads[0]) == len(grads[1])
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-12, err_msg=expression)


def derivatives(library: Any, scope: dict, results: list) -> list:
    """First and second derivatives of the results' cubes, weighted, with respect to all leaves."""
    leaves = [
        t for t in scope.values() if isinstance(t, library.Tensor) and t.is_leaf and t.requires_grad
    ]
    loss = None
    for weight, t in enumerate(results, start=1):
        if isinstance(t, library.Tensor) and t.requires_grad:
            term = (t * t * t).sum() * weight
            loss = term if loss is None else loss + term
    if loss is None or not leaves:
        return []
    first = library.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
    total = None
    for g in first:
        if g is not None and g.requires_grad:
            total = (g * g).sum() if total is None else total + (g * g).sum()
    second = () if total is None else library.autograd.grad(total, leaves, allow_unused=True)
    return [np.zeros(()) if g is None else g.detach().numpy() for g in (*first, *second)]


def check_same_error(expression: str, length: int = 40) -> None:
    """Both libraries raise the same type of error, and its text begins alike."""
    expected, found = [outcome(expression, lib, False)[1] for lib in LIBRARIES]
    assert isinstance(expected, str), expression
    assert isinstance(found, str), found
    kind, _, text = expected.partition(": ")
    assert found.startswith(f"{kind}: {text.splitlines()[0][:length]}"), f"{found!r}\n{expected!r}"
