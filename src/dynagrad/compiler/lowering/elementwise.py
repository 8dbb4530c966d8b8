"""Lowerings of arithmetic, powers, extrema and selection. Imports ops.elementwise."""

from typing import Any

import numpy as np

from ...ops import elementwise as ops
from ..ir.graph import Graph, Value
from .registry import HALF, SINGLE, Unlowered, lowering
from .terms import Term, formula, own_formula
from .ufuncs import BOOL, mapped, number

own_formula(ops.number_minus, in_single=True, numbers=("number",))
own_formula(ops.lerp, in_single=True, floats=True)
own_formula(ops.clamp_low, ops.clamp_high, ops.clamp)


# --- selection ------------------------------------------------------------------------------------


def _zero(g: Graph, x: Value) -> Value:
    return number(g, 0, x)


@lowering(ops.where, moves=True)
def _where(g: Graph, condition: Value, x: Value, y: Value) -> Value:
    dtype = np.result_type(x.dtype, y.dtype)
    return g.where(g.cast(condition, bool), g.cast(x, dtype), g.cast(y, dtype))


@lowering(ops.keep, moves=True)
def _keep(g: Graph, x: Value, condition: Value) -> Value:
    return g.where(g.cast(condition, bool), x, _zero(g, x))


@lowering(ops.drop, moves=True)
def _drop(g: Graph, x: Value, condition: Value) -> Value:
    return g.where(g.cast(condition, bool), _zero(g, x), x)


@lowering(ops.nothing, moves=True)
def _nothing(g: Graph, x: Value) -> Value:
    return g.full(x.shape, 0, x.dtype)


@formula(ops.not_negative)
def _not_negative(x: Term) -> Term:
    return x >= 0


# --- sums and products with numbers ---------------------------------------------------------------


def times(x: Term, factor: Any) -> Term:
    """x times a number, which an integer dtype wraps."""
    if x.dtype.kind not in "iub":
        return x * factor
    if type(factor) is Term:
        return x * factor.astype(x.dtype)
    return x * np.array(factor).astype(x.dtype)


@formula(ops.add_scaled, in_single=True, numbers=("alpha",))
def _add_scaled(x: Term, y: Term, *, alpha: Any) -> Term:
    return x + times(y, alpha)


@formula(ops.minus_scaled, in_single=True, numbers=("alpha",))
def _minus_scaled(x: Term, y: Term, *, alpha: Any) -> Term:
    return y - (x if type(alpha) is not Term and alpha == 1 else times(x, alpha))


@lowering(ops.rsqrt, moves=True)
def _rsqrt(g: Graph, x: Value) -> Value:
    if x.dtype == HALF:
        return g.cast(g.map("rsqrt", g.cast(x, SINGLE)), HALF)
    return (
        g.map("rsqrt", x)
        if x.dtype.kind == "f"
        else mapped(g, np.reciprocal, mapped(g, np.sqrt, x))
    )


@formula(ops.addcmul, in_single=True, numbers=("value",))
def _addcmul(x: Term, y: Term, z: Term, *, value: Any) -> Term:
    product = y * z
    return x + (product if type(value) is not Term and value == 1 else times(product, value))


@formula(ops.addcdiv, in_single=True, numbers=("value",))
def _addcdiv(x: Term, y: Term, z: Term, *, value: Any) -> Term:
    quotient = y / z
    return x + (quotient if type(value) is not Term and value == 1 else value * quotient)


@formula(ops.lerp_number, in_single=True, floats=True, numbers=("weight",))
def _lerp_number(x: Term, y: Term, *, weight: Any) -> Any:
    difference = y - x
    if type(weight) is Term:
        far = y - difference * (1 - weight)
        return np.where(abs_of(weight) < 0.5, x + difference * weight, far)  # pyright: ignore[reportCallIssue, reportArgumentType]
    if abs(weight) < 0.5:
        return x + difference * weight
    return y - difference * (1 - weight)


def abs_of(x: Term) -> Any:
    """The absolute value of a term."""
    return np.absolute(x)  # pyright: ignore[reportCallIssue, reportArgumentType]


# --- powers ---------------------------------------------------------------------------------------


@lowering(ops.power_scalar, moves=True, numbers=("exponent",))
def _power_scalar(g: Graph, x: Value, *, exponent: Any) -> Value:
    if x.dtype == HALF:
        return g.cast(_power_scalar(g, g.cast(x, SINGLE), exponent=exponent), HALF)
    if x.dtype.kind != "f":
        return _whole_power(g, x, exponent)
    if type(exponent) is Value:
        return g.map("pow", x, g.cast(exponent, x.dtype))
    if isinstance(exponent, complex):
        raise Unlowered
    if exponent in (1, 2, 3, -1, -2, 0.5):
        return _quick_power(g, x, exponent)
    return g.map("pow", x, number(g, exponent, x))


def _quick_power(g: Graph, x: Value, exponent: float) -> Value:
    """The powers that the kernel takes by products, quotients and roots."""
    if exponent == 1:
        return x
    if exponent == 0.5:
        return g.map("sqrt", x)
    if exponent == -1:
        return g.map("div", number(g, 1, x), x)
    square = g.map("mul", x, x)
    if exponent == 2:
        return square
    return g.map("mul", square, x) if exponent == 3 else g.map("div", number(g, 1, x), square)


def _whole_power(g: Graph, x: Value, exponent: Any) -> Value:
    """A power of integers; a negative one is rounded to zero."""
    if type(exponent) is Value or not isinstance(exponent, int) or not 0 <= exponent < 64:
        raise Unlowered
    if x.dtype == BOOL:
        return x if exponent else g.full(x.shape, True, BOOL)
    result, square = None, x
    while exponent:
        if exponent & 1:
            result = square if result is None else g.map("mul", result, square)
        exponent >>= 1
        square = g.map("mul", square, square) if exponent else square
    return g.full(x.shape, 1, x.dtype) if result is None else result


@lowering(ops.power, moves=True)
def _power(g: Graph, x: Value, y: Value) -> Value:
    if x.dtype == BOOL and y.dtype == BOOL:
        return g.map("bitor", x, g.map("bitnot", y))
    if x.dtype.kind != "f":
        raise Unlowered
    return mapped(g, np.power, x, y)


@lowering(ops.power_of, moves=True, numbers=("base",))
def _power_of(g: Graph, x: Value, *, base: Any) -> Value:
    if isinstance(base, complex) or x.dtype.kind != "f":
        raise Unlowered
    if x.dtype == HALF:
        return g.cast(_power_of(g, g.cast(x, SINGLE), base=base), HALF)
    return g.map("pow", number(g, base, x), x)


# --- limits and bits ------------------------------------------------------------------------------


@lowering(ops.clamp_number, moves=True, numbers=("low", "high"))
def _clamp_number(g: Graph, x: Value, *, low: Any, high: Any) -> Value:
    dtype, x = x.dtype, g.cast(x, SINGLE) if x.dtype == HALF else x
    for ufunc, op, limit in ((np.maximum, "maximum", low), (np.minimum, "minimum", high)):
        if limit is None:
            continue
        if x.dtype.kind == "f":
            x = g.map(op, x, number(g, limit, x))
        elif type(limit) is Value:
            raise Unlowered
        else:
            x = mapped(g, ufunc, x, limit)
    return g.cast(x, dtype) if dtype == HALF else x


def _is_outside(g: Graph, y: Value, end: int) -> Value:
    """Whether a number of places to shift by is negative, or `end` and more."""
    beyond = g.map("ge", y, number(g, end, y))
    return (
        g.map("bitor", beyond, g.map("lt", y, number(g, 0, y))) if y.dtype.kind == "i" else beyond
    )


@lowering(ops.left_shift)
def _left_shift(g: Graph, x: Value, y: Value) -> Value:
    if x.dtype != y.dtype or x.dtype == BOOL:
        raise Unlowered
    outside = _is_outside(g, y, 8 * x.dtype.itemsize)
    shifted = g.map("shl", x, g.where(outside, number(g, 0, y), y))
    return g.where(outside, number(g, 0, x), shifted)


@lowering(ops.right_shift)
def _right_shift(g: Graph, x: Value, y: Value) -> Value:
    if x.dtype != y.dtype or x.dtype == BOOL:
        raise Unlowered
    most = 8 * x.dtype.itemsize - (x.dtype.kind == "i")
    if x.dtype.kind == "i":
        return g.map("shr", x, g.where(_is_outside(g, y, most), number(g, most, y), y))
    outside = _is_outside(g, y, most)
    shifted = g.map("shr", x, g.where(outside, number(g, 0, y), y))
    return g.where(outside, number(g, 0, x), shifted)
