"""Shape operations: views by geometry, broadcasting and its transpose, joining and casting. Imports NumPy only."""

import math

import numpy as np
from numpy import ndarray

from .rule import linear, primitive


@primitive
def sum_to(x, *, shape):
    """Sum `x` down to `shape`, from which it could have been broadcast: the transpose of broadcast_to."""
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1
    )
    total = np.add.reduce(x, axes, keepdims=True)
    return total.reshape(shape)


@primitive
def broadcast_to(x, *, shape):
    """A view of `x` repeated along new dimensions and those of size 1."""
    return np.broadcast_to(x, shape)


linear(sum_to, lambda g, x_meta: broadcast_to(g, shape=x_meta.shape))
linear(broadcast_to, lambda g, x_meta: sum_to(g, shape=x_meta.shape))


@primitive
def reshape(x, *, shape):
    """The elements of `x` in row-major order under another shape; a view where strides allow it."""
    return np.reshape(x, shape)


@primitive
def transpose(x, *, axes):
    """A view with permuted dimensions."""
    return np.transpose(x, axes)


def inverse(axes):
    """The permutation that undoes `axes`."""
    return tuple(axes.index(i) for i in range(len(axes)))


linear(reshape, lambda g, x_meta: reshape(g, shape=x_meta.shape))
linear(transpose, lambda g, *, axes: transpose(g, axes=inverse(axes)))


@primitive
def cast(x, *, dtype):
    """The same values in another dtype; complex to real takes the real part."""
    if x.dtype.kind == "c" and dtype.kind != "c":
        x = x.real
    return np.asarray(x).astype(dtype)


@primitive
def copy(x):
    """The same values in new memory."""
    return np.array(x)


@primitive
def broadcast_cast(x, *, shape, dtype):
    """`x` broadcast and converted: what is written by copy_."""
    return np.array(np.broadcast_to(x, shape), dtype)


linear(
    broadcast_cast,
    lambda g, x_meta: sum_to(cast(g, dtype=x_meta.dtype), shape=x_meta.shape),
)
linear(cast, lambda g, x_meta: cast(g, dtype=x_meta.dtype), fresh=True)
linear(copy, lambda g: g)


# --- memory geometry: what views of views come down to ----------------------------------------------------------------


def _window(x, size, stride, offset):
    """The elements at offset + sum(index * stride) of x's memory, as a view; x owns or shows contiguous memory."""
    memory = x
    while isinstance(memory.base, ndarray):
        memory = memory.base
    if not memory.flags.forc:
        return _window_beyond(x, size, stride, offset)
    start = x.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
    step = x.itemsize
    flat = memory.reshape(-1, order="A")
    return ndarray(size, x.dtype, flat, start + offset * step, tuple(s * step for s in stride))


def _window_beyond(x, size, stride, offset):
    step = x.itemsize
    origin = np.lib.stride_tricks.as_strided(x, (), ())
    if offset:
        span = np.lib.stride_tricks.as_strided(x, (abs(offset) + 1,), (step if offset > 0 else -step,))
        origin = span[-1:]
    return np.lib.stride_tricks.as_strided(origin, size, tuple(s * step for s in stride))


def _laid_out(shape, stride, dtype):
    """Zeros in memory with the given strides, as (memory, view of that shape)."""
    span = 1 + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) if math.prod(shape) else 0
    memory = np.zeros(span, dtype)
    step = memory.itemsize
    return memory, ndarray(shape, dtype, memory, 0, tuple(s * step for s in stride))


@primitive
def as_strided(x, *, size, stride, offset, base_stride):
    """The window of x's memory with this geometry (in elements), `x` being laid out with base_stride."""
    step = x.itemsize
    if x.strides != tuple(s * step for s in base_stride) and x.size:
        memory, view = _laid_out(x.shape, base_stride, x.dtype)
        view[...] = x
        return ndarray(size, x.dtype, memory, offset * step, tuple(s * step for s in stride))
    return _window(x, size, stride, offset)


@primitive
def scatter_strided(x, *, shape, size, stride, offset, base_stride):
    """Zeros of `shape` with `x` added into the window of that geometry: the transpose of as_strided."""
    memory, whole = _laid_out(shape, base_stride, x.dtype)
    step = x.itemsize
    window = ndarray(size, x.dtype, memory, offset * step, tuple(s * step for s in stride))
    if _overlaps(size, stride):
        place = np.full(size, offset)
        for axis, s in enumerate(stride):
            place += s * np.arange(size[axis]).reshape((-1,) + (1,) * (len(size) - axis - 1))
        np.add.at(memory, place.ravel(), np.ravel(x))
    else:
        window[...] = x
    return np.array(whole, order="C")


def _overlaps(size, stride):
    """Whether two indices may show the same element (sufficient test on sorted strides)."""
    reach = 0
    for s, n in sorted((s, n) for n, s in zip(size, stride, strict=True) if n > 1):
        if s <= reach:
            return True
        reach += s * (n - 1)
    return False


linear(
    as_strided,
    lambda g, x_meta, *, size, stride, offset, base_stride: scatter_strided(
        g, shape=x_meta.shape, size=size, stride=stride, offset=offset, base_stride=base_stride
    ),
)
linear(
    scatter_strided,
    lambda g, *, size, stride, offset, base_stride: as_strided(
        g, size=size, stride=stride, offset=offset, base_stride=base_stride
    ),
)


@primitive
def write_strided(x, y, *, size, stride, offset, base_stride):
    """A copy of `x` with `y` written into the window of that geometry: what an in-place write to a view does."""
    memory, whole = _laid_out(x.shape, base_stride, x.dtype)
    whole[...] = x
    step = x.itemsize
    ndarray(size, x.dtype, memory, offset * step, tuple(s * step for s in stride))[...] = y
    return np.array(whole, order="C")


def _without_window(g, size, stride, offset, base_stride):
    window = as_strided(g, size=size, stride=stride, offset=offset, base_stride=base_stride)
    return write_strided(g, window * 0, size=size, stride=stride, offset=offset, base_stride=base_stride)


linear(
    write_strided,
    lambda g, *, size, stride, offset, base_stride: _without_window(g, size, stride, offset, base_stride),
    lambda g, *, size, stride, offset, base_stride: as_strided(
        g, size=size, stride=stride, offset=offset, base_stride=base_stride
    ),
)


# --- joining ----------------------------------------------------------------------------------------------------------


@primitive
def cat(*xs, axis):
    """The arrays one after the other along an existing dimension."""
    return np.concatenate(xs, axis)


@primitive
def stack(*xs, axis):
    """The arrays side by side along a new dimension."""
    return np.stack(xs, axis)


@primitive
def narrow(x, *, axis, start, length):
    """The part [start, start + length) along a dimension, a view."""
    return x[(slice(None),) * axis + (slice(start, start + length),)]


@primitive
def widen(x, *, axis, start, total):
    """Zeros of size `total` along a dimension, with `x` at `start`: the transpose of narrow."""
    shape = list(x.shape)
    shape[axis] = total
    result = np.zeros(shape, x.dtype)
    result[(slice(None),) * axis + (slice(start, start + x.shape[axis]),)] = x
    return result


def _parts(g, metas, axis):
    parts, start = [], 0
    for meta in metas:
        parts.append(narrow(g, axis=axis, start=start, length=meta.shape[axis]))
        start += meta.shape[axis]
    return parts


linear(cat, lambda g, xs_meta, *, axis: _parts(g, xs_meta, axis))
linear(narrow, lambda g, x_meta, *, axis, start: widen(g, axis=axis, start=start, total=x_meta.shape[axis]), fresh=True)
linear(widen, lambda g, x_meta, *, axis, start: narrow(g, axis=axis, start=start, length=x_meta.shape[axis]))


@primitive
def unstack(x, *, axis):
    """All slices along a dimension, without it: the transpose of stack."""
    return tuple(np.moveaxis(x, axis, 0)[i, ...] for i in range(x.shape[axis]))


@primitive
def select(x, *, axis, index):
    """The slice number `index` along a dimension, without it: a view."""
    return x[(slice(None),) * axis + (index, ...)]


@primitive
def unselect(x, *, axis, index, total):
    """Zeros with `x` as slice number `index` of `total` along a new dimension: the transpose of select."""
    result = np.zeros((*x.shape[:axis], total, *x.shape[axis:]), x.dtype)
    result[(slice(None),) * axis + (index, ...)] = x
    return result


linear(stack, lambda g, xs_meta, *, axis: [select(g, axis=axis, index=i) for i in range(len(xs_meta))])
linear(select, lambda g, x_meta, *, axis, index: unselect(g, axis=axis, index=index, total=x_meta.shape[axis]), fresh=True)
linear(unselect, lambda g, *, axis, index: select(g, axis=axis, index=index))
