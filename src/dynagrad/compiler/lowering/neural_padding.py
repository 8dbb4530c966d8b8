"""Lowerings of padding and resampling, of affine grids. Imports ops.neural."""

from typing import Any

import numpy as np

from ...ops.neural import padding as ops
from ...ops.neural import resampling, sampling_points
from ..ir.graph import Graph, Value
from .parts import moved, narrowed
from .places import added, taken
from .registry import Unlowered, constant_of, lowering
from .terms import own_formula

own_formula(sampling_points.affine_grid, sampling_points.add_affine_grid, floats=True)


@lowering(ops.pad_constant, moves=True, numbers=("value",))
def _pad_constant(g: Graph, x: Value, *, widths: Any, value: Any) -> Value:
    for axis, (before, after) in enumerate(widths):
        first = max(-before, 0)
        left = x.shape[axis] - first - max(-after, 0)
        if left < 0:
            raise Unlowered
        x = narrowed(g, x, axis, first if left else 0, left)
    before, after = ([max(w[k], 0) for w in widths] for k in (0, 1))
    if not any(before) and not any(after):
        return x
    return g.pad(x, before, after, constant_of(g, value, x.dtype))


@lowering(ops.pad_edges, moves=True)
def _pad_edges(g: Graph, x: Value, *, widths: Any, mode: str) -> Value:
    for axis, (before, after) in enumerate(widths, x.ndim - len(widths)):
        if before or after:
            places = ops.edge_places(mode, x.shape[axis], before, after)
            if places.size and not (places.min() >= 0 and places.max() < x.shape[axis]):
                raise Unlowered
            x = taken(g, x, places, axis)
    return x


@lowering(ops.add_edges, floats=True)
def _add_edges(g: Graph, x: Value, *, widths: Any, mode: str, sizes: Any) -> Value:
    first = x.ndim - len(widths)
    for axis, (before, after) in enumerate(widths, first):
        if before or after:
            n = sizes[axis - first]
            x = added(g, x, ops.edge_places(mode, n, before, after), axis, n)
    return x


# --- resampling -----------------------------------------------------------------------------------


@lowering(resampling.resample, floats=True)
def _resample(g: Graph, x: Value, *, axes: Any, back: bool) -> Value:
    first = x.ndim - len(axes)
    order = range(len(axes)) if not axes[0].wide else range(len(axes))[::-1]
    for i in order:
        if axes[i].size != axes[i].count:
            x = _along(g, x, first + i, axes[i], back)
    return x


def _along(g: Graph, x: Value, dim: int, axis: Any, back: bool) -> Value:
    """One dimension as weighted sums of few elements, or as a product with a matrix."""
    places, weights = (resampling.transposed_taps if back else resampling.taps)(axis)
    weights = weights.astype(x.dtype)
    if places.shape[1] > resampling.FEW:
        matrix = np.zeros((axis.count if back else axis.size, len(places)), x.dtype)
        np.add.at(matrix, (places, np.arange(len(places))[:, None]), weights)
        rows = moved(g, x, dim, -1)
        flat = g.reshape(rows, (x.size // x.shape[dim], x.shape[dim]))
        product = g.matmul(flat, g.constant(matrix))
        return moved(g, g.reshape(product, (*rows.shape[:-1], len(places))), -1, dim)
    total = None
    for k in range(places.shape[1]):
        part, weight = taken(g, x, places[:, k], dim), weights[:, k]
        if not (weight == 1).all():
            side = g.reshape(g.constant(weight), (len(weight), *(1,) * (x.ndim - dim - 1)))
            part = g.map("mul", part, side)
        total = part if total is None else g.map("add", total, part)
    if total is None:
        raise Unlowered
    return total
