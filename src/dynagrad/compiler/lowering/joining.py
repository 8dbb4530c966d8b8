"""Lowerings of joining, splitting, repeating and reordering. Imports ops.joining."""

from typing import Any

import numpy as np

from ...ops import joining as ops
from ...ops import triangular
from ..ir.graph import Graph, Value
from .parts import flipped, narrowed, picked, swapped, with_axis
from .registry import Unlowered, lowering
from .shape import undiagonal_of
from .ufuncs import mapped, number


@lowering(ops.cat, moves=True)
def _cat(g: Graph, *xs: Value, axis: int) -> Value:
    dtype = np.result_type(*[x.dtype for x in xs])
    rank = max(x.ndim for x in xs)
    fitting = [x for x in xs if x.ndim == rank and (x.size or x.shape != (0,) or rank == 1)]
    fitting = [x for x in fitting if x.shape != (0,)] or fitting[:1]
    return g.concatenate([g.cast(x, dtype) for x in fitting], axis)


@lowering(ops.stack, moves=True)
def _stack(g: Graph, *xs: Value, axis: int) -> Value:
    dtype = np.result_type(*[x.dtype for x in xs])
    axis %= xs[0].ndim + 1
    return g.concatenate([with_axis(g, g.cast(x, dtype), axis) for x in xs], axis)


@lowering(ops.split, moves=True)
def _split(g: Graph, x: Value, *, axis: int, sizes: Any) -> tuple[Value, ...]:
    parts, start = [], 0
    for size in sizes:
        parts.append(narrowed(g, x, axis, start if size else 0, size))
        start += size
    return tuple(parts)


@lowering(ops.unbind, moves=True)
def _unbind(g: Graph, x: Value, *, axis: int) -> tuple[Value, ...]:
    return tuple([picked(g, x, axis, i) for i in range(x.shape[axis])])


@lowering(ops.block_diag, moves=True)
def _block_diag(g: Graph, *xs: Value) -> Value:
    dtype = xs[0].dtype
    blocks = [g.cast(g.reshape(x, (1,) * (2 - x.ndim) + x.shape), dtype) for x in xs]
    columns, start, rows = sum(b.shape[1] for b in blocks), 0, []
    zero = g.constant(np.zeros((), dtype))
    for b in blocks:
        rows.append(g.pad(b, (0, start), (0, columns - start - b.shape[1]), zero))
        start += b.shape[1]
    return g.concatenate(rows, 0)


@lowering(ops.repeat, moves=True)
def _repeat(g: Graph, x: Value, *, repeats: Any) -> Value:
    repeats = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    rank = max(x.ndim, len(repeats))
    repeats = (1,) * (rank - len(repeats)) + repeats
    sizes = (1,) * (rank - x.ndim) + x.shape
    x = g.reshape(x, [n for size in sizes for n in (1, size)])
    pairs = [n for pair in zip(repeats, sizes, strict=True) for n in pair]
    whole = [n * size for n, size in zip(repeats, sizes, strict=True)]
    return g.reshape(g.broadcast(x, pairs), whole)


@lowering(ops.flip, moves=True)
def _flip(g: Graph, x: Value, *, axes: Any) -> Value:
    axes = (axes,) if isinstance(axes, int) else axes
    return flipped(g, x, [a % x.ndim for a in axes])


@lowering(ops.roll, moves=True)
def _roll(g: Graph, x: Value, *, shifts: Any, axes: Any) -> Value:
    if axes is None:
        shift = shifts if isinstance(shifts, int) else sum(shifts)
        return g.reshape(_rolled(g, g.reshape(x, (x.size,)), shift, 0), x.shape)
    axes = (axes,) if isinstance(axes, int) else axes
    shifts = (shifts,) * len(axes) if isinstance(shifts, int) else shifts
    for shift, axis in zip(shifts, axes, strict=True):
        x = _rolled(g, x, shift, axis % x.ndim)
    return x


def _rolled(g: Graph, x: Value, shift: int, axis: int) -> Value:
    n = x.shape[axis]
    shift = shift % n if n else 0
    if not shift:
        return x
    parts = [narrowed(g, x, axis, n - shift, shift), narrowed(g, x, axis, 0, n - shift)]
    return g.concatenate(parts, axis)


@lowering(ops.rot90, moves=True)
def _rot90(g: Graph, x: Value, *, k: int, axes: Any) -> Value:
    first, second = (a % x.ndim for a in axes)
    if k % 4 == 0:
        return x
    if k % 4 == 2:
        return flipped(g, x, (first, second))
    return swapped(g, flipped(g, x, (second if k % 4 == 1 else first,)), first, second)


@lowering(ops.diag_embed, moves=True)
def _diag_embed(g: Graph, x: Value, *, offset: int, axis1: int, axis2: int) -> Value:
    size = x.shape[-1] + abs(offset)
    shape = list(x.shape[:-1])
    for axis in sorted((axis1, axis2)):
        shape.insert(axis, size)
    return undiagonal_of(g, x, offset, axis1, axis2, shape)


def triangle_of(g: Graph, x: Value, k: int, upper: bool) -> Value:
    """The elements of matrices on and below diagonal k, or on and above; zeros elsewhere."""
    rows, columns = (g.iota(x.shape[-2:], axis) for axis in (0, 1))
    edge = g.map("add", rows, g.constant(np.int64(k)))
    return g.where(g.map("ge" if upper else "le", columns, edge), x, number(g, 0, x))


@lowering(ops.tril, moves=True)
def _tril(g: Graph, x: Value, *, k: int) -> Value:
    return triangle_of(g, x, k, False)


@lowering(ops.triu, moves=True)
def _triu(g: Graph, x: Value, *, k: int) -> Value:
    return triangle_of(g, x, k, True)


@lowering(triangular.column_major, moves=True)
def _column_major(g: Graph, x: Value) -> Value:
    return x


@lowering(triangular.triangle)
def _triangle(g: Graph, x: Value, *, diagonal: float, upper: bool) -> Value:
    part = triangle_of(g, x, 1 if upper else -1, upper)
    if not diagonal:
        return part
    rows, columns = (g.iota(x.shape[-2:], axis) for axis in (0, 1))
    scaled = mapped(g, np.multiply, x, diagonal)
    if scaled.dtype != x.dtype:
        raise Unlowered
    return g.where(g.map("eq", rows, columns), scaled, part)
