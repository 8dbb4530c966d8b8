"""Elementwise operations that equal simpler ones, bit by bit. Imports graph.

Each function takes the builder of the new graph and the operands, and returns the simpler value or
None. No sum is split or joined: floating numbers are not associative.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import Value


def number_of(x: Value) -> Any:
    """The number that a constant of one element is; None for all other values."""
    return x.data.item() if x.op == "constant" and x.data.size == 1 else None


def _like(s: Any, x: Value, y: Value) -> Value:
    """x with the shape that it has beside y."""
    return s.spread(x, np.broadcast_shapes(x.shape, y.shape))


def _add(s: Any, x: Value, y: Value) -> Value | None:
    n = number_of(y)
    if n is not None and n == 0 and (y.dtype.kind != "f" or math.copysign(1, n) < 0):
        return _like(s, x, y)
    if y.op == "neg":
        return s.map("sub", x, y.inputs[0])
    return s.map("sub", y, x.inputs[0]) if x.op == "neg" else None


def _sub(s: Any, x: Value, y: Value) -> Value | None:
    n = number_of(y)
    if n is not None and n == 0 and (y.dtype.kind != "f" or math.copysign(1, n) > 0):
        return _like(s, x, y)
    return s.map("add", x, y.inputs[0]) if y.op == "neg" else None


def _mul(s: Any, x: Value, y: Value) -> Value | None:
    n = number_of(y)
    if n is not None:
        if y.dtype.kind == "b":
            return _and(s, x, y)
        if n == 1:
            return _like(s, x, y)
        if n == -1:
            return s.map("neg", _like(s, x, y))
        if n == 0 and y.dtype.kind in "iu":
            return s.spread(y, np.broadcast_shapes(x.shape, y.shape))
    if x.op == "neg" and y.op == "neg":
        return s.map("mul", x.inputs[0], y.inputs[0])
    return None


def _div(s: Any, x: Value, y: Value) -> Value | None:
    n = number_of(y)
    if n is None:
        is_inverse = y.op == "sqrt" and number_of(x) == 1
        return s.map("rsqrt", _like(s, y.inputs[0], x)) if is_inverse else None
    if n == 1:
        return _like(s, x, y)
    if n == -1:
        return s.map("neg", _like(s, x, y))
    limits = np.finfo(y.dtype)
    is_power = math.isfinite(n) and abs(math.frexp(n)[0]) == 0.5
    if is_power and limits.smallest_normal <= abs(1 / n) <= limits.max:
        return s.map("mul", x, s.g.constant(np.array(1 / n, y.dtype)))
    return None


def _neg(s: Any, x: Value) -> Value | None:
    if x.op == "neg":
        return x.inputs[0]
    return None


def _abs(s: Any, x: Value) -> Value | None:
    if x.op == "abs" or x.dtype.kind in "ub":
        return x
    return s.map("abs", x.inputs[0]) if x.op == "neg" else None


def _bitnot(s: Any, x: Value) -> Value | None:
    if x.op == "bitnot":
        return x.inputs[0]
    if x.op in ("eq", "ne"):
        return s.map("ne" if x.op == "eq" else "eq", *x.inputs)
    return None


def _and(s: Any, x: Value, y: Value) -> Value | None:
    n = number_of(y)
    if n is not None and y.dtype.kind == "b":
        return _like(s, x, y) if n else _like(s, y, x)
    return x if x is y else None


def _or(s: Any, x: Value, y: Value) -> Value | None:
    n = number_of(y)
    if n is not None and y.dtype.kind == "b":
        return _like(s, y, x) if n else _like(s, x, y)
    return x if x is y else None


def _xor(s: Any, x: Value, y: Value) -> Value | None:
    n = number_of(y)
    if n is not None and y.dtype.kind == "b":
        x = _like(s, x, y)
        return s.map("bitnot", x) if n else x
    return None


def _where(s: Any, condition: Value, x: Value, y: Value) -> Value | None:
    n = number_of(condition)
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    if n is not None:
        return s.spread(x if n else y, shape)
    if x is y:
        return s.spread(x, shape)
    if condition.op == "bitnot":
        return s.map("where", condition.inputs[0], y, x)
    if x.dtype == np.bool_:
        a, b = number_of(x), number_of(y)
        if a is True and b is False:
            return s.spread(condition, shape)
        if a is False and b is True:
            return s.spread(s.map("bitnot", condition), shape)
    return None


def _same_twice(s: Any, x: Value, y: Value) -> Value | None:
    return x if x is y else None


def _of_itself(truth: bool) -> Callable:
    """A comparison of an integer with itself."""

    def rule(s: Any, x: Value, y: Value) -> Value | None:
        if x is y and x.dtype.kind in "biu":
            return s.spread(s.g.constant(np.array(truth)), x.shape)
        return None

    return rule


IDENTITIES: dict[str, Callable] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "abs": _abs,
    "copy": lambda s, x: x,
    "bitnot": _bitnot,
    "bitand": _and,
    "bitor": _or,
    "bitxor": _xor,
    "where": _where,
    **dict.fromkeys(("maximum", "minimum", "fmax", "fmin"), _same_twice),
    **dict.fromkeys(("eq", "le", "ge"), _of_itself(True)),
    **dict.fromkeys(("ne", "lt", "gt"), _of_itself(False)),
}
