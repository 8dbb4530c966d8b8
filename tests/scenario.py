"""Scenarios: programs written once, run with PyTorch and with dynagrad, whose reports must agree.

A scenario is a function `(torch, say)`. `say(...)` reports values; `say.error(f, ...)` reports what
a call raises. Values become plain data: a tensor's dtype, shape, numbers and place in the graph.
"""

import math
import re
import warnings
from collections.abc import Callable
from typing import Any

#: relative and absolute tolerance of numbers in reports
CLOSE = 2e-6


class Cases(list):
    """The scenarios of one file; used as a decorator."""

    def __call__(self, f: Callable) -> Callable:
        self.append(f)
        return f


class Report(list):
    """What a scenario said, in order."""

    def __init__(self, torch: Any):
        super().__init__()
        self.torch = torch

    def __call__(self, *values: Any) -> None:
        """Report values."""
        self.append(tuple(described(value, self.torch) for value in values))

    def error(self, f: Callable, *args: Any, **kwargs: Any) -> None:
        """Report the error that a call raises: its builtin type and its first sentence."""
        try:
            result = f(*args, **kwargs)
        except Exception as error:
            self.append(failure(error))
        else:
            self.append(("no error", described(result, self.torch)))

    def warning(self, f: Callable) -> None:
        """Report the warnings that a call gives."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            f()
        self.append([(w.category.__name__, first_sentence(str(w.message))) for w in caught])


def failure(error: Exception) -> tuple[str, str]:
    """An error as its nearest builtin type and the first sentence of its text."""
    kind = next(c for c in type(error).__mro__ if c.__module__ == "builtins")
    return kind.__name__, first_sentence(str(error))


def first_sentence(text: str) -> str:
    """The text up to its first full stop or line break."""
    return re.split(r"[.:]?\s*\n|\.(?:\s|$)", text.strip())[0].rstrip(".:")


def described(value: Any, torch: Any) -> Any:
    """A value as plain data that can be compared."""
    if isinstance(value, torch.Tensor):
        return {
            "dtype": str(value.dtype),
            "shape": tuple(value.shape),
            "values": value.detach().tolist(),
            "requires_grad": value.requires_grad,
            "is_leaf": value.is_leaf,
            "graph": chain(value.grad_fn),
        }
    if hasattr(value, "next_functions"):
        return chain(value)
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, list | tuple):
        return [described(item, torch) for item in value]
    if isinstance(value, dict):
        return {key: described(item, torch) for key, item in value.items()}
    if isinstance(value, BaseException):
        return failure(value)
    if value is None or isinstance(value, bool | int | float | complex | str):
        return value
    raise TypeError(f"a scenario cannot report {type(value)}")


def chain(node: Any, depth: int = 6) -> str:
    """A node with all below it, as nested text: `MulBackward0(AccumulateGrad, None)`."""
    if node is None:
        return "None"
    name = type(node).__name__
    if not depth or not node.next_functions:
        return name
    parts = [
        chain(below, depth - 1) + (f"[{number}]" if number else "")
        for below, number in node.next_functions
    ]
    return f"{name}({', '.join(parts)})"


def run(scenario: Callable, torch: Any) -> Report:
    """The report of a scenario under one of the libraries; an error that it leaves ends it."""
    say = Report(torch)
    try:
        scenario(torch, say)
    except Exception as error:
        error.add_note(f"after {len(say)} reports, under {torch.__name__}")
        raise
    return say


def differences(
    ours: Any, theirs: Any, where: str = "report", tolerance: float = CLOSE
) -> list[str]:
    """What differs between two pieces of plain data, one line each."""
    differs = [f"{where}: {ours!r}\n    PyTorch: {theirs!r}"]
    if isinstance(theirs, bool | str) or theirs is None or isinstance(ours, bool | str):
        return [] if ours == theirs else differs
    if isinstance(theirs, int | float | complex):
        return [] if close(ours, theirs, tolerance) else differs
    if isinstance(theirs, dict) and isinstance(ours, dict):
        keys = list(dict.fromkeys([*theirs, *ours]))
        pairs = [(key, ours.get(key), theirs.get(key)) for key in keys]
    elif isinstance(theirs, list | tuple) and isinstance(ours, list | tuple):
        if len(ours) != len(theirs):
            return differs
        pairs = [(i, a, b) for i, (a, b) in enumerate(zip(ours, theirs, strict=True))]
    else:
        return differs
    return [
        line for key, a, b in pairs for line in differences(a, b, f"{where}[{key!r}]", tolerance)
    ]


def close(a: Any, b: Any, tolerance: float = CLOSE) -> bool:
    """Whether two numbers agree to rounding; nan agrees with nan."""
    if a is None or isinstance(a, str):
        return False
    if isinstance(a, complex) or isinstance(b, complex):
        a, b = complex(a), complex(b)
        return close(a.real, b.real, tolerance) and close(a.imag, b.imag, tolerance)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))
