"""Lowerings of indexing: by numbers and slices, by arrays of indices, by masks.

An index that is out of range fails a check: the call is then run eagerly, where it raises.
Imports ops.indexing.
"""

import math
from typing import Any

import numpy as np

from ...ops import indexing as ops
from ...ops.index_batching import are_neighbours
from ..ir.graph import Graph, Value
from .parts import basic, demand_within, indexed, narrowed, padded, placed
from .registry import Unlowered, lowering
from .ufuncs import BOOL, number

#: what the checks say
INSIDE = "an index is within its dimension"


@lowering(ops.getitem, moves=True)
def _getitem(g: Graph, x: Value, *, index: Any) -> Value:
    return indexed(g, x, index)


@lowering(ops.ungetitem, moves=True)
def _ungetitem(g: Graph, x: Value, *, index: Any, shape: Any) -> Value:
    zeros = g.full(shape, 0, x.dtype)
    parts, found = basic(zeros, index)
    return placed(g, g.broadcast(x, found), shape, parts)


# --- index arrays ---------------------------------------------------------------------------------


def places(g: Graph, i: Value, end: int, text: str = INSIDE) -> Value:
    """Indices as int64 that lie in [0, end): checked, and moved there if they do not, since checks
    are looked at when all is computed.
    """
    i = g.cast(i, np.int64)
    if not end and i.size:
        raise Unlowered
    if i.op == "constant" and bool(((i.data >= 0) & (i.data < end)).all()):
        return i
    demand_within(g, i, 0, end, text)
    low, high = (g.constant(np.int64(n)) for n in (0, max(end - 1, 0)))
    return g.map("minimum", g.map("maximum", i, low), high)


class Rows:
    """An array whose dimensions `axes` are one, number `axis`: in front if they are no neighbours.

    `back` undoes it for an array of x's shape.
    """

    def __init__(self, g: Graph, x: Value, axes: tuple[int, ...]) -> None:
        if not x.ndim:
            x, axes = g.reshape(x, (1,)), (0,)
            self.shape: tuple[int, ...] = ()
        else:
            self.shape = x.shape
        first = axes[0]
        if len(axes) > 1 and not are_neighbours(axes):
            self.order = [*axes, *[a for a in range(x.ndim) if a not in axes]]
            x, first = g.transpose(x, self.order), 0
        else:
            self.order = list(range(x.ndim))
        self.turned = x.shape
        end = first + len(axes)
        self.count, self.axis = math.prod(x.shape[first:end]), first
        self.value = g.reshape(x, (*x.shape[:first], self.count, *x.shape[end:]))

    def back(self, g: Graph, x: Value) -> Value:
        """An array like `value` in the shape of x."""
        x = g.reshape(x, self.turned)
        x = g.transpose(x, [self.order.index(a) for a in range(x.ndim)])
        return g.reshape(x, self.shape)

    def part_shape(self, i: Value) -> tuple[int, ...]:
        """The shape of what an index shows."""
        shape = self.value.shape
        return (*shape[: self.axis], *i.shape, *shape[self.axis + 1 :])


@lowering(ops.index, moves=True)
def _index(g: Graph, x: Value, i: Value, *, axes: Any, in_rows: bool = True) -> Value:
    rows = Rows(g, x, axes)
    return g.take(rows.value, places(g, i, rows.count), rows.axis)


@lowering(ops.unindex)
def _unindex(g: Graph, x: Value, i: Value, *, axes: Any, shape: Any) -> Value:
    return _added(g, g.full(shape, 0, x.dtype), i, x, axes)


def _added(g: Graph, x: Value, i: Value, v: Value, axes: Any) -> Value:
    """x with v added at places of the dimensions `axes`."""
    if x.dtype == BOOL:
        raise Unlowered
    rows = Rows(g, x, axes)
    at = places(g, i, rows.count)
    v = g.broadcast(g.cast(v, x.dtype), rows.part_shape(i))
    return rows.back(g, g.add_at(rows.value, at, v, rows.axis))


@lowering(ops.put)
def _put(
    g: Graph, x: Value, i: Value, v: Value, *, axes: Any, accumulate: bool, in_rows: bool = False
) -> Value:
    return _added(g, x, i, v, axes) if accumulate else _put_at(g, x, i, v, axes)


def _put_at(g: Graph, x: Value, i: Value, v: Value, axes: Any) -> Value:
    """x with v written at places of the dimensions `axes`."""
    rows = Rows(g, x, axes)
    at = places(g, i, rows.count)
    v = g.broadcast(g.cast(v, x.dtype), rows.part_shape(i))
    return rows.back(g, g.put_at(rows.value, at, v, rows.axis))


@lowering(ops.clear)
def _clear(g: Graph, x: Value, i: Value, *, axes: Any) -> Value:
    return _put_at(g, x, i, number(g, 0, x), axes)


# --- one index for every element ------------------------------------------------------------------


def along(g: Graph, x: Value, i: Value, axis: int) -> tuple[Value, Value]:
    """x cropped to the index's shape but along `axis`, and the checked index, of one rank."""
    if not x.ndim or not i.ndim:
        x, i = (v if v.ndim else g.reshape(v, (1,)) for v in (x, i))
    for a, n in enumerate(i.shape):
        if a != axis and x.shape[a] != n:
            x = narrowed(g, x, a, 0, n)
    return x, places(g, i, x.shape[axis])


@lowering(ops.gather, moves=True)
def _gather(g: Graph, x: Value, i: Value, *, axis: int) -> Value:
    if not i.size:
        return g.full(i.shape, 0, x.dtype)
    x, at = along(g, x, i, axis)
    return g.reshape(g.take_along(x, at, axis), i.shape)


def _cropped(g: Graph, v: Value, shape: tuple[int, ...]) -> Value:
    if v.ndim and v.shape != shape:
        for axis, n in enumerate(shape):
            if v.shape[axis] != n:
                v = narrowed(g, v, axis, 0, n)
    return g.broadcast(v, shape)


def _written_along(op: str, g: Graph, x: Value, i: Value, v: Value, axis: int) -> Value:
    """x with v written or added (`op`) along an axis, where the index may be smaller than x."""
    if not i.size:
        return x
    v = _cropped(g, g.cast(v, x.dtype), i.shape)
    part, at = along(g, x, i, axis)
    r = getattr(g, op)(part, at, g.reshape(v, at.shape), axis)
    if part.size == x.size:
        return g.reshape(r, x.shape)
    return g.write_slice(x, r, [(0, n, 1) for n in r.shape])


@lowering(ops.ungather)
def _ungather(g: Graph, x: Value, i: Value, *, axis: int, shape: Any) -> Value:
    zeros = g.full(shape, 0, x.dtype)
    if not i.size:
        return zeros
    if x.dtype == BOOL:
        raise Unlowered
    part, at = along(g, zeros, i, axis)
    r = g.add_along(part, at, g.reshape(x, at.shape), axis)
    rest = [n - m for n, m in zip(shape or (1,), r.shape, strict=True)]
    return g.reshape(padded(g, r, [0] * len(rest), rest, 0), shape)


@lowering(ops.scatter_add)
def _scatter_add(g: Graph, x: Value, i: Value, v: Value, *, axis: int) -> Value:
    if x.dtype == BOOL:
        raise Unlowered
    return _written_along("add_along", g, x, i, v, axis)


@lowering(ops.scatter)
def _scatter(g: Graph, x: Value, i: Value, v: Value, *, axis: int) -> Value:
    return _written_along("put_along", g, x, i, v, axis)


@lowering(ops.erase)
def _erase(g: Graph, x: Value, i: Value, *, axis: int) -> Value:
    return _written_along("put_along", g, x, i, number(g, 0, x), axis)


@lowering(ops.count_parts)
def _count_parts(g: Graph, x: Value, i: Value, *, axis: int, include_self: bool) -> Value:
    one = number(g, 1, x)
    start = g.broadcast(one, x.shape)
    if not include_self:
        start = _erase(g, start, i, axis=axis)
    return g.map("maximum", _scatter_add(g, start, i, g.broadcast(one, i.shape), axis=axis), one)


@lowering(ops.scatter_mean)
def _scatter_mean(
    g: Graph, x: Value, i: Value, v: Value, *, axis: int, mean: bool, include_self: bool
) -> Value:
    start = x if include_self else _erase(g, x, i, axis=axis)
    total = _scatter_add(g, start, i, v, axis=axis)
    if not mean:
        return total
    parts = _count_parts(g, x, i, axis=axis, include_self=include_self)
    return g.map("floordiv" if x.dtype.kind in "iu" else "div", total, parts)


# --- masks ----------------------------------------------------------------------------------------


@lowering(ops.masked, moves=True)
def _masked(g: Graph, x: Value, mask: Value, *, keep: bool) -> Value:
    zero, mask = number(g, 0, x), g.cast(mask, bool)
    return g.where(mask, x, zero) if keep else g.where(mask, zero, x)


@lowering(ops.fill_where, moves=True)
def _fill_where(g: Graph, x: Value, mask: Value, v: Value) -> Value:
    dtype = np.result_type(v.dtype, x.dtype)
    return g.where(g.cast(mask, bool), g.cast(v, dtype), g.cast(x, dtype))
