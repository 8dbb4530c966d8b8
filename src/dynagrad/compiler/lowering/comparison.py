"""Lowerings of tests of elements. Imports ops.comparison."""

from ...ops import comparison as ops
from ..graph import Graph, Value
from .registry import lowering
from .terms import own_formula
from .ufuncs import BOOL

own_formula(ops.is_close, ops.is_positive_infinity, ops.is_negative_infinity)


@lowering(ops.is_real, moves=True)
def _is_real(g: Graph, x: Value) -> Value:
    return g.full(x.shape, True, BOOL)
