"""Lowerings of tests of elements. Imports ops.comparison."""

from ...ops import comparison as ops
from ..ir.graph import Graph, Value
from .registry import lowering
from .terms import own_formula
from .ufuncs import BOOL

own_formula(ops.is_close, ops.is_positive_infinity, ops.is_negative_infinity)


@lowering(ops.is_real, moves=True)
def _is_real(g: Graph, x: Value) -> Value:
    return g.full(x.shape, True, BOOL)


@lowering(ops.is_in)
def _is_in(g: Graph, x: Value, y: Value, *, assume_unique: bool, invert: bool) -> Value:
    if y.size > 256 or x.dtype != y.dtype or not y.size:
        return NotImplemented
    flat = g.reshape(y, (y.size,))
    equal = g.map("eq", g.reshape(x, (*x.shape, 1)), flat)
    found = g.reduce("any", equal, (x.ndim,))
    return g.map("bitnot", found) if invert else found
