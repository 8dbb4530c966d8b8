"""Lowerings of rounding, signs and remainders. Imports ops.rounding."""

import math
from typing import Any

import numpy as np

from ...ops import complex as parts
from ...ops import rounding as ops
from ..ir.graph import Graph, Value
from .parts import demand_all
from .registry import constant_of, lowering
from .terms import own_formula
from .ufuncs import BOOL, mapped, number

own_formula(ops.round_decimals, in_single=True)
own_formula(ops.frac, ops.heaviside, ops.copysign)


@lowering(parts.real_part, parts.conj, moves=True)
def _itself(g: Graph, x: Value) -> Value:
    return x


@lowering(parts.imag_part, moves=True)
def _imag_part(g: Graph, x: Value) -> Value:
    return g.full(x.shape, 0, x.dtype)


@lowering(parts.angle, floats=True)
def _angle(g: Graph, x: Value) -> Value:
    zero = number(g, 0, x)
    turned = g.where(g.map("lt", x, zero), number(g, math.pi, x), zero)
    return g.where(g.map("isnan", x), x, turned)


@lowering(ops.round_even)
def _round_even(g: Graph, x: Value) -> Value:
    return g.map("round", x) if x.dtype.kind == "f" else x


@lowering(ops.sign, ops.sgn)
def _sign(g: Graph, x: Value) -> Value:
    if x.dtype == BOOL:
        return x
    if x.dtype.kind != "f":
        return g.map("sign", x)
    return g.where(g.map("isnan", x), number(g, 0, x), g.map("sign", x))


@lowering(ops.copysign_number, floats=True, numbers=("number",))
def _copysign_number(g: Graph, x: Value, *, number: Any) -> Value:
    return mapped(
        g, np.copysign, x, g.cast(number, x.dtype) if type(number) is Value else float(number)
    )


# --- quotients ------------------------------------------------------------------------------------


def _nonzero(g: Graph, y: Value) -> Value:
    """An integer divisor, checked for zeros, with ones in their place."""
    if y.dtype.kind == "f":
        return y
    zero = g.map("eq", y, number(g, 0, y))
    if y.op == "constant" and np.all(y.data):
        return y
    demand_all(g, g.map("bitnot", zero), "no integer is divided by 0")
    return g.where(zero, number(g, 1, y), y)


def _matched(g: Graph, x: Value, y: Value) -> tuple[Value, Value]:
    dtype = np.result_type(x.dtype, y.dtype)
    return g.cast(x, dtype), g.cast(y, dtype)


@lowering(ops.divide_rounding)
def _divide_rounding(g: Graph, x: Value, y: Value, *, mode: str) -> Value:
    x, y = _matched(g, x, y)
    if x.dtype == BOOL:
        return NotImplemented
    if x.dtype.kind == "f":
        quotient = g.map("div", x, y)
        if mode == "trunc":
            return g.map("trunc", quotient)
        return g.where(g.map("eq", y, number(g, 0, y)), quotient, g.map("floordiv", x, y))
    y = _nonzero(g, y)
    if mode != "floor":
        x = g.map("sub", x, g.map("fmod", x, y))
    return g.map("floordiv", x, y)


@lowering(ops.floor_divide)
def _floor_divide(g: Graph, x: Value, y: Value) -> Value:
    return _divide_rounding(g, x, y, mode="floor")


def _remainder(op: str) -> Any:
    def lower(g: Graph, x: Value, y: Value) -> Value:
        x, y = _matched(g, x, y)
        return NotImplemented if x.dtype == BOOL else g.map(op, x, _nonzero(g, y))

    return lower


def _remainder_by_number(op: str) -> Any:
    def lower(g: Graph, x: Value, *, number: Any) -> Value:
        if x.dtype == BOOL:
            return NotImplemented
        if x.dtype.kind != "f" and (isinstance(number, Value) or int(number) == 0):
            return NotImplemented
        return g.map(op, x, constant_of(g, number, x.dtype))

    return lower


lowering(ops.remainder, ops.remainder_of_number)(_remainder("remainder"))
lowering(ops.fmod)(_remainder("fmod"))
lowering(ops.remainder_number, numbers=("number",))(_remainder_by_number("remainder"))
lowering(ops.fmod_number, numbers=("number",))(_remainder_by_number("fmod"))


@lowering(ops.nan_to_num)
def _nan_to_num(g: Graph, x: Value, *, nan: Any, posinf: Any, neginf: Any) -> Value:
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    infinite = g.map("isinf", x)
    above = g.map("bitand", infinite, g.map("gt", x, number(g, 0, x)))
    below = g.map("bitand", infinite, g.map("lt", x, number(g, 0, x)))
    r = g.where(g.map("isnan", x), number(g, nan, x), x)
    return g.where(above, number(g, high, x), g.where(below, number(g, low, x), r))
