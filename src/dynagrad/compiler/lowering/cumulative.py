"""Lowerings of what lies along sequences: shifts, counts, ranks. Imports ops.cumulative and others.

Running sums, products and extremes are left to their kernels: the graph has no running operation.
"""

from typing import Any

import numpy as np

from ...ops import cumulative as ops
from ...ops import sorting
from ..ir.graph import Graph, Value
from .indexing import places
from .parts import narrowed
from .registry import constant_of, lowering
from .terms import own_formula

own_formula(sorting.quantile_scale, sorting.quantile_places, floats=True)


@lowering(ops.shift, numbers=("fill",))
def _shift(g: Graph, x: Value, *, axis: int, by: int, fill: Any) -> Value:
    outside = constant_of(g, fill, x.dtype)
    if not x.ndim or not x.size:
        return g.broadcast(outside, x.shape)
    n = x.shape[axis]
    rest = narrowed(g, x, axis, 0 if by == 1 else 1, n - 1) if n > 1 else None
    edge = g.broadcast(outside, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    if rest is None:
        return edge
    return g.concatenate([edge, rest] if by == 1 else [rest, edge], axis)


@lowering(sorting.bincount)
def _bincount(g: Graph, x: Value, weights: Value | None = None, *, length: int) -> Value:
    if weights is None:
        weights = g.full(x.shape, 1, np.int64)
    elif weights.dtype != np.float64:
        weights = g.cast(weights, np.float64)
    zeros = g.full((length,), 0, weights.dtype)
    return g.add_at(zeros, places(g, x, length), weights, 0)
