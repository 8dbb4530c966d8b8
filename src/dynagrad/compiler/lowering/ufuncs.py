"""NumPy's elementwise functions: which operation each is, and in which dtype NumPy computes it.
Imports graph.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..ir.graph import Graph, Value
from .parts import reduced
from .registry import HALF, LOWERINGS, SINGLE, Unlowered, constant_of

BOOL = np.dtype("bool")

#: functions that are one operation of the graph
OPERATIONS: dict[np.ufunc, str] = {
    **{np.add: "add", np.subtract: "sub", np.multiply: "mul", np.divide: "div"},
    **{np.negative: "neg", np.absolute: "abs", np.sqrt: "sqrt", np.hypot: "hypot"},
    **{np.maximum: "maximum", np.minimum: "minimum", np.fmax: "fmax", np.fmin: "fmin"},
    **{np.bitwise_and: "bitand", np.bitwise_or: "bitor", np.bitwise_xor: "bitxor"},
    **{np.invert: "bitnot", np.left_shift: "shl", np.right_shift: "shr"},
    **{np.exp: "exp", np.exp2: "exp2", np.expm1: "expm1", np.log: "log", np.log2: "log2"},
    **{np.log10: "log10", np.log1p: "log1p", np.sin: "sin", np.cos: "cos", np.tan: "tan"},
    **{np.arcsin: "asin", np.arccos: "acos", np.arctan: "atan", np.arctan2: "atan2"},
    **{np.sinh: "sinh", np.cosh: "cosh", np.tanh: "tanh", np.arcsinh: "asinh"},
    **{np.arccosh: "acosh", np.arctanh: "atanh", np.floor: "floor", np.ceil: "ceil"},
    **{np.trunc: "trunc", np.rint: "round", np.sign: "sign", np.copysign: "copysign"},
    **{np.less: "lt", np.less_equal: "le", np.greater: "gt", np.greater_equal: "ge"},
    **{np.equal: "eq", np.not_equal: "ne", np.power: "pow"},
    **{np.isnan: "isnan", np.isinf: "isinf", np.isfinite: "isfinite", np.signbit: "signbit"},
}
#: what some of them are for bool
OF_BOOL = {"add": "bitor", "mul": "bitand", "maximum": "bitor", "minimum": "bitand"}
OF_BOOL |= {"fmax": "bitor", "fmin": "bitand", "abs": "copy"}
#: functions that leave integers as they are
WHOLE = frozenset(("floor", "ceil", "trunc"))


def number(g: Graph, value: Any, like: Value) -> Value:
    """A number as a 0-d value of another value's dtype."""
    return constant_of(g, value, like.dtype)


def _square(g: Graph, x: Value) -> Value:
    return g.map("bitand" if x.dtype == BOOL else "mul", x, x)


def _reciprocal(g: Graph, x: Value) -> Value:
    if x.dtype.kind != "f":
        raise Unlowered
    return g.map("div", number(g, 1, x), x)


def _same(g: Graph, x: Value) -> Value:
    return x


def _scaled(factor: float) -> Callable:
    return lambda g, x: g.map("mul", x, number(g, factor, x))


def _log_of_sum(base: str, of_two: float, slope: float) -> Callable:
    """log(base^x + base^y) as NumPy computes it; `of_two` is the logarithm of 2."""

    def lower(g: Graph, x: Value, y: Value) -> Value:
        apart = g.map("neg", g.map("abs", g.map("sub", x, y)))
        beyond = g.map("log1p", g.map(base, apart))
        if slope != 1:
            beyond = g.map("mul", beyond, number(g, slope, x))
        twice = g.map("add", x, number(g, of_two, x))  # infinities of one sign among them
        return g.where(g.map("eq", x, y), twice, g.map("add", g.map("maximum", x, y), beyond))

    return lower


def truth(g: Graph, x: Value) -> Value:
    """Whether elements are not zero."""
    return x if x.dtype == BOOL else g.map("ne", x, number(g, 0, x))


def _logical(op: str) -> Callable:
    return lambda g, *xs: g.map(op, *[truth(g, x) for x in xs])


COMPOSED: dict[np.ufunc, Callable] = {
    np.square: _square,
    np.reciprocal: _reciprocal,
    np.conjugate: _same,
    np.positive: _same,
    np.deg2rad: _scaled(math.pi / 180),
    np.rad2deg: _scaled(180 / math.pi),
    np.logaddexp: _log_of_sum("exp", math.log(2), 1),
    np.logaddexp2: _log_of_sum("exp2", 1, 1 / math.log(2)),
    np.logical_and: _logical("bitand"),
    np.logical_or: _logical("bitor"),
    np.logical_xor: _logical("bitxor"),
    np.logical_not: _logical("bitnot"),
}


# --- dtypes ---------------------------------------------------------------------------------------


@lru_cache(4096)
def _resolved(ufunc: np.ufunc, kinds: tuple) -> tuple[np.dtype, ...]:
    """The dtypes of the operands and the result of the loop that NumPy takes."""
    try:
        return ufunc.resolve_dtypes((*kinds, None))
    except TypeError as error:
        raise Unlowered from error


def kind_of(x: Any) -> Any:
    """What an operand counts as in the choice of a dtype: a dtype, or the type of a number."""
    if type(x) is bool:
        return BOOL
    return type(x) if type(x) in (int, float, complex) else x.dtype


def operand(g: Graph, x: Any, dtype: np.dtype) -> Value:
    """An operand (value, array or number) as a value of a dtype."""
    if type(x) is Value:
        return g.cast(x, dtype)
    return constant_of(g, x, dtype)


def mapped(g: Graph, ufunc: np.ufunc, *xs: Any, kinds: tuple = ()) -> Value:
    """An elementwise function of values, arrays and numbers. `kinds`: what the operands count as.

    float16 is computed in float32 and rounded once, as NumPy does.
    """
    *given, result = _resolved(ufunc, kinds or tuple([kind_of(x) for x in xs]))
    if any(d.kind not in "biuf" for d in given):
        raise Unlowered
    if HALF in given:
        single = [SINGLE if d == HALF else d for d in given]
        r = _computed(g, ufunc, [operand(g, x, d) for x, d in zip(xs, single, strict=True)])
        return g.cast(r, result)
    return _computed(g, ufunc, [operand(g, x, d) for x, d in zip(xs, given, strict=True)])


def _computed(g: Graph, ufunc: np.ufunc, xs: list[Value]) -> Value:
    composed = COMPOSED.get(ufunc)
    if composed is not None:
        return composed(g, *xs)
    op = OPERATIONS.get(ufunc)
    if op is None:
        raise Unlowered
    x = xs[0]
    if x.dtype == BOOL:
        op = OF_BOOL.get(op, op)
    if x.dtype.kind != "f":
        if op in WHOLE or op == "copy":
            return x
        if op in ("isnan", "isinf", "isfinite"):
            return g.full(x.shape, op == "isfinite", BOOL)
    return g.map(op, *xs)


def _of(ufunc: np.ufunc) -> Callable:
    def lower(g: Graph, *xs: Any, **metadata: Any) -> Any:
        if metadata:
            return NotImplemented
        try:
            return mapped(g, ufunc, *xs)
        except Unlowered:
            return NotImplemented

    return lower


for _ufunc in (*OPERATIONS, *COMPOSED):
    LOWERINGS[_ufunc] = _of(_ufunc)


# --- reductions -----------------------------------------------------------------------------------

_REDUCTIONS: dict[np.ufunc, str] = {
    **{np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min"},
    **{np.logical_or: "any", np.logical_and: "all"},
}


def reduction(g: Graph, ufunc: np.ufunc, x: Value, axes: Any, dtype: Any, keepdims: bool) -> Value:
    """`ufunc.reduce` of a value."""
    op = _REDUCTIONS.get(ufunc)
    if op is None or x.dtype == HALF:
        raise Unlowered
    if op in ("any", "all"):
        x = truth(g, x)
    elif dtype is not None:
        x = g.cast(x, dtype)
    elif op in ("sum", "prod") and x.dtype.kind in "biu" and x.dtype.itemsize < 8:
        x = g.cast(x, np.uint64 if x.dtype.kind == "u" else np.int64)
    return reduced(g, op, x, axes, keepdims)
