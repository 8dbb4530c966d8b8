"""Lowerings of shape operations: views, broadcasting and its transpose, casting, windows of memory.
Imports ops.shape, ops.conversion and ops.creation.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops import conversion, creation
from ...ops import shape as ops
from ...ops.neural import shuffling
from ..ir.graph import Graph, Value
from .parts import (
    Part,
    flipped,
    indexed,
    picked,
    placed,
    reduced,
    stepped,
    whole,
    with_axis,
)
from .registry import Unlowered, constant_of, lowering

# --- broadcasting ---------------------------------------------------------------------------------


@lowering(ops.sum_to)
def summed_to(g: Graph, x: Value, *, shape: tuple) -> Value:
    """Sum x down to a shape from which it could have been broadcast."""
    if x.shape == tuple(shape):
        return x
    lead = x.ndim - len(shape)
    axes = (*range(lead), *[i + lead for i, n in enumerate(shape) if n == 1 != x.shape[i + lead]])
    if x.dtype.kind in "biu" and x.dtype.itemsize < 8:
        x = g.cast(x, np.uint64 if x.dtype.kind == "u" else np.int64)  # NumPy's choice for sums
    return g.reshape(reduced(g, "sum", x, axes), shape)


@lowering(ops.broadcast_to, moves=True)
def _broadcast_to(g: Graph, x: Value, *, shape: Sequence[int]) -> Value:
    return g.broadcast(x, shape)


@lowering(ops.broadcast_cast, moves=True)
def _broadcast_cast(g: Graph, x: Value, *, shape: Sequence[int], dtype: Any) -> Value:
    return g.broadcast(cast_to(g, x, dtype), shape)


# --- reshaping and casting ------------------------------------------------------------------------


def known(shape: Any, size: int) -> list[int]:
    """A shape with its -1 replaced."""
    sizes = [shape] if isinstance(shape, int) else list(shape)
    if -1 in sizes:
        rest = -math.prod(sizes)
        sizes[sizes.index(-1)] = size // rest if rest else 0
    return sizes


@lowering(ops.reshape, moves=True)
def _reshape(g: Graph, x: Value, *, shape: Any) -> Value:
    return g.reshape(x, known(shape, x.size))


@lowering(np.reshape, moves=True)
def _np_reshape(g: Graph, x: Value, shape: Any = None) -> Value:
    return g.reshape(x, known(shape, x.size))


@lowering(ops.unsqueeze, moves=True)
def _unsqueeze(g: Graph, x: Value, *, axis: int) -> Value:
    return with_axis(g, x, axis)


@lowering(ops.transpose, moves=True)
def _transpose(g: Graph, x: Value, *, axes: Sequence[int]) -> Value:
    return g.transpose(x, axes)


def cast_to(g: Graph, x: Value, dtype: Any) -> Value:
    """The elements in another dtype."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise Unlowered
    return g.cast(x, dtype)


@lowering(ops.cast, moves=True)
def _cast(g: Graph, x: Value, *, dtype: Any) -> Value:
    return cast_to(g, x, dtype)


@lowering(ops.copy, ops.contiguous, conversion.alias, moves=True)
def _copy(g: Graph, x: Value) -> Value:
    return x


@lowering(conversion.clone, moves=True)
def _clone(g: Graph, x: Value, *, axes: Any) -> Value:
    return x


@lowering(conversion.to_copy, moves=True)
def _to_copy(g: Graph, x: Value, *, dtype: Any, axes: Any) -> Value:
    return cast_to(g, x, dtype)


@lowering(conversion.discard, moves=True)
def _discard(g: Graph, *xs: Value) -> Value:
    return g.full(np.broadcast_shapes(*[x.shape for x in xs]), 0, xs[0].dtype)


@lowering(conversion.fill, moves=True)
def _fill(g: Graph, x: Value, y: Value) -> Value:
    return g.broadcast(g.cast(y, x.dtype), x.shape)


@lowering(creation.full, moves=True, numbers=("value",))
def _full(g: Graph, like: Value, *, shape: Any, value: Any, dtype: Any) -> Value:
    dtype = np.dtype(type(value) if dtype is None else dtype)
    if dtype.kind not in "biuf" or isinstance(value, complex):
        raise Unlowered
    shape = (shape,) if isinstance(shape, int) else shape
    return g.broadcast(constant_of(g, value, dtype), shape)


@lowering(shuffling.rearrange, moves=True)
def _rearrange(g: Graph, x: Value, *, rank: int, split: Any, axes: Any, last: Any) -> Value:
    lead = x.shape[: x.ndim - rank]
    order = (*range(len(lead)), *[len(lead) + axis for axis in axes])
    return g.reshape(g.transpose(g.reshape(x, (*lead, *split)), order), (*lead, *last))


# --- parts along a dimension ----------------------------------------------------------------------


@lowering(ops.narrow, moves=True)
def _narrow(g: Graph, x: Value, *, axis: int, start: int, length: int) -> Value:
    return indexed(g, x, (slice(None),) * axis + (slice(start, start + length),))


def _zeros_with(g: Graph, x: Value, axis: int, part: Part, total: int) -> Value:
    shape = (*x.shape[:axis], total, *x.shape[axis + 1 :])
    parts: list[Part] = [(0, n, 1) for n in shape]
    parts[axis] = part
    return placed(g, x, shape, parts)


@lowering(ops.widen, moves=True)
def _widen(g: Graph, x: Value, *, axis: int, start: int, total: int) -> Value:
    return _zeros_with(g, x, axis, (start, x.shape[axis], 1), total)


@lowering(ops.sliced, moves=True)
def _sliced(g: Graph, x: Value, *, axis: int, start: Any, stop: Any, step: Any) -> Value:
    return indexed(g, x, (slice(None),) * axis + (slice(start, stop, step),))


@lowering(ops.unsliced, moves=True)
def _unsliced(
    g: Graph, x: Value, *, axis: int, start: Any, stop: Any, step: Any, total: int
) -> Value:
    first, end, by = slice(start, stop, step).indices(total)
    count = len(range(first, end, by))
    if count != x.shape[axis]:
        x = g.broadcast(x, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    return _zeros_with(g, x, axis, (first, count, by) if count else (0, 0, 1), total)


@lowering(ops.select, moves=True)
def _select(g: Graph, x: Value, *, axis: int, index: int) -> Value:
    if not -x.shape[axis] <= index < x.shape[axis]:
        raise Unlowered
    return picked(g, x, axis, index)


@lowering(ops.unselect, moves=True)
def _unselect(g: Graph, x: Value, *, axis: int, index: int, total: int) -> Value:
    return _zeros_with(g, with_axis(g, x, axis), axis, (index % total, 1, 1), total)


# --- diagonals and windows ------------------------------------------------------------------------


def diagonal_of(g: Graph, x: Value, offset: int, axis1: int, axis2: int) -> Value:
    """The elements x[i, i + offset] of two dimensions along a new last one."""
    axis1, axis2 = axis1 % x.ndim, axis2 % x.ndim
    others = [a for a in range(x.ndim) if a not in (axis1, axis2)]
    x = g.transpose(x, [*others, axis1, axis2])
    *lead, rows, columns = x.shape
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    if not length:
        return g.full((*lead, 0), 0, x.dtype)
    # a diagonal is a column of the matrix that begins at its start and has rows longer by one
    start = max(offset, 0) + max(-offset, 0) * columns
    flat = g.reshape(x, (*lead, rows * columns))
    return stepped(g, flat, len(lead), start, length, columns + 1)


@lowering(ops.diagonal, ops.diagonal_copy, moves=True)
def _diagonal(g: Graph, x: Value, *, offset: int, axis1: int, axis2: int) -> Value:
    return diagonal_of(g, x, offset, axis1, axis2)


def undiagonal_of(g: Graph, x: Value, offset: int, axis1: int, axis2: int, shape: Any) -> Value:
    """Zeros of `shape` with x on a diagonal."""
    rank = len(shape)
    axis1, axis2 = axis1 % rank, axis2 % rank
    others = [a for a in range(rank) if a not in (axis1, axis2)]
    rows, columns = shape[axis1], shape[axis2]
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    lead = [shape[a] for a in others]
    x = g.broadcast(x, (*lead, length))
    across = [*lead, rows, columns]
    if not length:
        return g.full(shape, 0, x.dtype)
    i, j = (g.iota((rows, columns), axis) for axis in (0, 1))
    on = g.map("eq", g.map("add", i, g.constant(np.int64(offset))), j)
    # each row holds its element everywhere, and keeps it on the diagonal
    first = max(-offset, 0)
    zero = g.constant(np.zeros((), x.dtype))
    none = [0] * len(lead)
    tall = g.pad(x, [*none, first], [*none, rows - first - length], zero)
    r = g.where(on, g.broadcast(with_axis(g, tall, -1), across), zero)
    order = [*others, axis1, axis2]
    return g.transpose(r, [order.index(a) for a in range(rank)])


@lowering(ops.undiagonal, moves=True)
def _undiagonal(g: Graph, x: Value, *, offset: int, axis1: int, axis2: int, shape: Any) -> Value:
    return undiagonal_of(g, x, offset, axis1, axis2, shape)


@lowering(ops.unfold, moves=True)
def _unfold(g: Graph, x: Value, *, axis: int, size: int, step: int) -> Value:
    count = (x.shape[axis] - size) // step + 1
    below = math.prod(x.shape[axis + 1 :])
    strides = [math.prod(x.shape[a + 1 :]) for a in range(x.ndim)]
    strides[axis] = below * step
    return g.strided(x, (*x.shape[:axis], count, *x.shape[axis + 1 :], size), (*strides, below), 0)


@lowering(ops.fold)
def _fold(g: Graph, x: Value, *, axis: int, size: int, step: int, total: int) -> Value:
    if size > 32:
        raise Unlowered
    count, r = x.shape[axis], g.full((*x.shape[:axis], total, *x.shape[axis + 1 : -1]), 0, x.dtype)
    for k in range(size):
        part = picked(g, x, x.ndim - 1, k)
        if not count:
            continue
        shape = (*part.shape[:axis], total, *part.shape[axis + 1 :])
        parts: list[Part] = [(0, n, 1) for n in shape]
        parts[axis] = (k, count, step)
        r = g.map("bitor" if x.dtype == bool else "add", r, placed(g, part, shape, parts))
    return r


# --- windows of memory ----------------------------------------------------------------------------


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides, in elements, of an array in the order of rows."""
    return tuple([math.prod(shape[a + 1 :]) for a in range(len(shape))])


def laid_out(g: Graph, x: Value, strides: Sequence[int]) -> tuple[Value, list[int]]:
    """x with its dimensions in the order of dense memory with these strides, and that order."""
    axes = sorted(range(x.ndim), key=lambda a: (-strides[a], x.shape[a] == 1))
    turned = g.transpose(x, axes)
    dense = row_major(turned.shape)
    for a, n, step in zip(axes, turned.shape, dense, strict=True):
        if n > 1 and strides[a] != step:
            raise Unlowered
    return turned, axes


def _is_inside(x: Value, size: Sequence[int], stride: Sequence[int], offset: int) -> bool:
    steps = [(n - 1) * s for n, s in zip(size, stride, strict=True)]
    low, high = (offset + sum(f(s, 0) for s in steps) for f in (min, max))
    return low >= 0 and high < x.size


def as_slice(x: Value, size: Sequence[int], stride: Sequence[int], offset: int) -> Any:
    """A window of dense memory as parts of x, and for each of its dimensions the one of x (None: it
    has size 1 or repeats); None where it is no such thing.
    """
    dense, rest = row_major(x.shape), offset
    parts: list[Part] = []
    for n, step in zip(x.shape, dense, strict=True):
        parts.append((rest // step if step and n > 1 else 0, 1, 1))
        rest -= parts[-1][0] * step
    if rest:
        return None
    places: list[int | None] = []
    for n, s in zip(size, stride, strict=True):
        place = None
        if n > 1 and s:
            fits = [a for a, step in enumerate(dense) if x.shape[a] > 1 and s % step == 0]
            fits = [a for a in fits if parts[a][1] == 1 and abs(s) < dense[a] * x.shape[a]]
            if not fits:
                return None
            place = fits[0]
            step, start = s // dense[place], parts[place][0]
            if not (0 <= start + (n - 1) * step < x.shape[place]):
                return None
            parts[place] = (start, n, step)
        places.append(place)
    return parts, places


def window(g: Graph, x: Value, size: Sequence[int], stride: Sequence[int], offset: int) -> Value:
    """Element i of the result is element offset + sum(i * stride) of x in the order of rows."""
    if 0 in size:
        return g.full(size, 0, x.dtype)
    if not offset and math.prod(size) == x.size and _is_dense(size, stride):
        return g.reshape(x, size)
    found = as_slice(x, size, stride, offset)
    if found is None:
        return g.strided(x, size, stride, offset)
    parts, places = found
    part = g.slice(x, parts)
    used = [a for a in places if a is not None]
    others = [a for a in range(x.ndim) if a not in used]
    part = g.transpose(part, [*others, *used])
    sizes = [n if a is not None else 1 for n, a in zip(size, places, strict=True)]
    return g.broadcast(g.reshape(part, sizes), size)


def _is_dense(size: Sequence[int], stride: Sequence[int]) -> bool:
    return all(n == 1 or s == d for n, s, d in zip(size, stride, row_major(size), strict=True))


@lowering(ops.as_strided, moves=True)
def _as_strided(
    g: Graph, x: Value, *, size: Any, stride: Any, offset: int, base_stride: Any
) -> Value:
    x, _ = laid_out(g, x, base_stride)
    if 0 not in size and not _is_inside(x, size, stride, offset):
        raise Unlowered
    return window(g, x, size, stride, offset)


@lowering(ops.write_strided, moves=True)
def _write_strided(
    g: Graph, x: Value, y: Value, *, size: Any, stride: Any, offset: int, base_stride: Any
) -> Value:
    if 0 in size:
        return x
    y = g.broadcast(g.cast(y, x.dtype), size)
    dense, axes = laid_out(g, x, base_stride)
    if not _is_inside(dense, size, stride, offset) or overlaps(size, stride):
        raise Unlowered
    r = written(g, dense, y, size, stride, offset)
    return g.transpose(r, [axes.index(a) for a in range(x.ndim)])


def written(g: Graph, x: Value, y: Value, size: Any, stride: Any, offset: int) -> Value:
    """x with y in the place of its window."""
    if not offset and y.size == x.size and _is_dense(size, stride):
        return g.reshape(y, x.shape)
    found = as_slice(x, size, stride, offset)
    if found is None:
        return g.write_strided(x, y, stride, offset)
    parts, places = found
    used = [a for a in places if a is not None]
    y = g.reshape(y, [n for n, a in zip(size, places, strict=True) if a is not None])
    y = g.transpose(y, [used.index(a) for a in sorted(used)])
    y = g.reshape(y, [n for _, n, _ in parts])
    back = [a for a, (_, _, step) in enumerate(parts) if step < 0]
    parts = [(s + (n - 1) * t, n, -t) if t < 0 else (s, n, t) for s, n, t in parts]
    return y if parts == whole(x) and not back else g.write_slice(x, flipped(g, y, back), parts)


def overlaps(size: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether two indices may show the same element."""
    reach = 0
    for s, n in sorted((abs(s), n) for n, s in zip(size, stride, strict=True) if n > 1):
        if s <= reach:
            return True
        reach += s * (n - 1)
    return False


@lowering(ops.scatter_strided)
def _scatter_strided(
    g: Graph, x: Value, *, shape: Any, size: Any, stride: Any, offset: int, base_stride: Any
) -> Value:
    zeros = g.full(shape, 0, x.dtype)
    if 0 in size:
        return zeros
    dense, axes = laid_out(g, zeros, base_stride)
    if not _is_inside(dense, size, stride, offset):
        raise Unlowered
    if overlaps(size, stride):
        place = np.full(size, offset, np.int64)
        for axis, s in enumerate(stride):
            place += s * np.arange(size[axis]).reshape((-1,) + (1,) * (len(size) - axis - 1))
        if place.size > 1 << 16 or x.dtype == bool:
            raise Unlowered
        at, flat = g.constant(place.reshape(-1)), g.reshape(dense, (dense.size,))
        r = g.reshape(g.add_at(flat, at, g.reshape(x, (x.size,)), 0), dense.shape)
    else:
        r = written(g, dense, g.broadcast(x, size), size, stride, offset)
    return g.transpose(r, [axes.index(a) for a in range(len(shape))])
