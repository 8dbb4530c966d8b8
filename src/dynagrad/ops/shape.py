"""Shape operations: views by geometry, broadcasting and its transpose, joining and casting.

Imports NumPy only.
"""

import math

import numpy as np
from numpy import ndarray

from .creation import zeros
from .layout import arranged, memory_axes
from .rule import LEADING, linear, primitive, same

#: the columns of matrices with no more rows than this are added up as a product with ones
LONGEST = 1024
_ONES = {np.dtype(name): np.ones(LONGEST, name) for name in ("float32", "float64")}


@primitive
def sum_to(x, *, shape):
    """Sum `x` down to `shape`, from which it could have been broadcast: the transpose of
    broadcast_to.
    """
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    if lead == 1 and x.ndim == 2 and x.shape[1] == shape[0] and x.shape[0] <= LONGEST:
        ones = _ONES.get(x.dtype)
        if ones is not None:  # a bias: BLAS takes a third of add.reduce's time
            return ones[: x.shape[0]].dot(x)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1
    )
    try:
        total = np.add.reduce(x, axes, keepdims=True)
    except FloatingPointError:  # the engine's own calls are not repeated quietly
        with np.errstate(all="ignore"):
            total = np.add.reduce(x, axes, keepdims=True)
    return total.reshape(shape)


@primitive
def broadcast_to(x, *, shape):
    """A writeable view of `x` repeated, by strides of 0, along new dimensions and those of size
    1.
    """
    have, steps, rank = x.shape, x.strides, x.ndim
    if not rank:
        return restrided(x, shape, (0,) * len(shape))
    strides, below = [], x.itemsize
    for k in range(1, len(shape) + 1):
        n = shape[-k]
        if k > rank:
            step = below if n == 1 else 0
        elif have[-k] == n:
            step = steps[-k]
        elif have[-k] == 1:
            step = 0
        else:
            raise ValueError(f"shape {have} cannot be broadcast to {shape}")
        strides.append(step)
        below = n * step
    if rank > len(shape):
        raise ValueError(f"shape {have} cannot be broadcast to {shape}")
    return restrided(x, shape, tuple(strides[::-1]))


def of_rank(v, rank):
    """A batch with dimensions of size 1 behind the batch's, up to `rank` for each example."""
    if v.ndim > rank:
        return v
    return reshape(v, shape=(v.shape[0], *(1,) * (rank + 1 - v.ndim), *v.shape[1:]))


def _sum_batch(fun, values, flags, kw):
    (x,) = values
    size, shape = x.shape[0], kw["shape"]
    matched = (size, *(1,) * (x.ndim - 1 - len(shape)), *shape)
    if matched == x.shape and x.ndim - 1 > len(shape):
        return reshape(copy(x), shape=(size, *shape))  # a sum is new memory also of one term
    return reshape(sum_to(x, shape=matched), shape=(size, *shape))


def _broadcast_batch(fun, values, flags, kw):
    (x,) = values
    shape = kw["shape"]
    return fun(of_rank(x, len(shape)), **{**kw, "shape": (x.shape[0], *shape)})


linear(sum_to, lambda g, x_meta: broadcast_to(g, shape=x_meta.shape), batch=_sum_batch)
linear(broadcast_to, lambda g, x_meta: sum_to(g, shape=x_meta.shape), batch=_broadcast_batch)


@primitive
def reshape(x, *, shape):
    """The elements of `x` in row-major order under another shape; a view where strides allow it."""
    return x.reshape(shape)


@primitive
def unsqueeze(x, *, axis):
    """A view with a new dimension of size 1, whose stride spans the dimension behind it, as
    PyTorch's does.
    """
    shape, strides = x.shape, x.strides
    step = shape[axis] * strides[axis] if axis < x.ndim else x.itemsize
    if x.flags.c_contiguous:
        return x.reshape((*shape[:axis], 1, *shape[axis:]))
    return restrided(x, (*shape[:axis], 1, *shape[axis:]), (*strides[:axis], step, *strides[axis:]))


@primitive
def transpose(x, *, axes):
    """A view with permuted dimensions."""
    return x.transpose(axes)


def inverse(axes):
    """The permutation that undoes `axes`."""
    return tuple(axes.index(i) for i in range(len(axes)))


linear(reshape, lambda g, x_meta: reshape(g, shape=x_meta.shape), batch=LEADING)
linear(unsqueeze, lambda g, x_meta: reshape(g, shape=x_meta.shape), batch=LEADING)
linear(
    transpose,
    lambda g, *, axes: transpose(g, axes=inverse(axes)),
    batch=lambda fun, values, flags, kw: fun(*values, axes=(0, *[a + 1 for a in kw["axes"]])),
)


@primitive
def cast(x, *, dtype):
    """The same values in another dtype; complex to real takes the real part."""
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        x = x.real
    x = np.asarray(x)
    if 0 in x.strides and x.ndim > 1 and x.size:  # K would put repeated dimensions last
        return arranged(x.astype(dtype, "C"), memory_axes(x.shape, x.strides))
    return x.astype(dtype)


@primitive
def copy(x):
    """The same values in new memory."""
    return np.array(x)


@primitive
def contiguous(x):
    """The same values in new memory in row-major order."""
    return np.array(x, order="C")


@primitive
def broadcast_cast(x, *, shape, dtype):
    """`x` broadcast and converted: what is written by copy_."""
    return np.array(np.broadcast_to(x, shape), dtype)


linear(
    broadcast_cast,
    lambda g, x_meta: sum_to(cast(g, dtype=x_meta.dtype), shape=x_meta.shape),
    batch=_broadcast_batch,
)
linear(cast, lambda g, x_meta: cast(g, dtype=x_meta.dtype), fresh=True, batch=LEADING)
linear(copy, same, batch=LEADING)
linear(contiguous, same, batch=LEADING)


# --- memory geometry: what views of views come down to --------------------------------------------


def restrided(x, shape, strides, start=0):
    """A writeable view of x's memory by shape and strides (in bytes) from `start` bytes after x's
    first element.

    NumPy's own broadcast_to and as_strided cost ten times as much; the first is read-only besides.
    """
    if x.flags.c_contiguous and start >= 0:
        try:
            return ndarray(shape, x.dtype, x, start, strides)
        except (ValueError, TypeError):
            pass  # the window reaches beyond x itself
    memory = x
    while isinstance(memory.base, ndarray):
        memory = memory.base
    if memory.flags.forc:
        start += x.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
        return ndarray(shape, x.dtype, memory.reshape(-1, order="A"), start, strides)
    return _window_beyond(x, shape, tuple(s // x.itemsize for s in strides), start // x.itemsize)


def _window(x, size, stride, offset):
    """The elements at offset + sum(index * stride) of x's memory, as a view."""
    step = x.itemsize
    return restrided(x, size, tuple(s * step for s in stride), offset * step)


def _window_beyond(x, size, stride, offset):
    step = x.itemsize
    origin = np.lib.stride_tricks.as_strided(x, (), ())
    if offset:
        span = np.lib.stride_tricks.as_strided(
            x, (abs(offset) + 1,), (step if offset > 0 else -step,)
        )
        origin = span[-1:]
    return np.lib.stride_tricks.as_strided(origin, size, tuple(s * step for s in stride))


def span(size, stride):
    """The number of elements that a window reaches over; 0 for one without elements."""
    return _reach(size, stride) if math.prod(size) else 0


def _laid_out(shape, base_stride, dtype, size, stride, offset):
    """Zeros in memory with base_stride as strides, and with room for a window of another geometry:
    (view of that shape, window, memory, place of the window in it).
    """
    lead = max(-offset, 0)
    inside = lead + span(shape, base_stride), lead + offset + span(size, stride)
    memory = np.zeros(max(*inside, 1), dtype)
    step = memory.itemsize
    whole = ndarray(shape, dtype, memory, lead * step, tuple(s * step for s in base_stride))
    place = (lead + offset) * step
    window = ndarray(size, dtype, memory, place, tuple(s * step for s in stride))
    return whole, window, memory, lead + offset


@primitive
def as_strided(x, *, size, stride, offset, base_stride):
    """The window of x's memory with this geometry (in elements), `x` being laid out with
    base_stride.
    """
    step = x.itemsize
    if x.strides != tuple(s * step for s in base_stride) and x.size:
        whole, window, _, _ = _laid_out(x.shape, base_stride, x.dtype, size, stride, offset)
        whole[...] = x
        return window
    return _window(x, size, stride, offset)


@primitive
def scatter_strided(x, *, shape, size, stride, offset, base_stride):
    """Zeros of `shape` with `x` added into the window of that geometry: the transpose of
    as_strided.
    """
    whole, window, memory, start = _laid_out(shape, base_stride, x.dtype, size, stride, offset)
    if _overlaps(size, stride):
        place = np.full(size, start)
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


def _reach(size, stride):
    """The number of elements from the first to the last one that a window shows."""
    return 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))


def _strided_batch(fun, values, flags, kw):
    """One example's memory after the other, each laid out with base_stride."""
    count = next(v.shape[0] for v, flag in zip(values, flags, strict=True) if flag)
    size, stride, base_stride = kw["size"], kw["stride"], kw["base_stride"]
    x, *rest = values
    if not flags[0]:
        x = broadcast_to(x, shape=(count, *x.shape))
    shape = kw.get("shape", x.shape[1:])
    whole = _reach(shape, base_stride)
    if math.prod(size) and math.prod(shape) and kw["offset"] + _reach(size, stride) > whole:
        raise RuntimeError(
            f"vmap: as_strided({size}, {stride}, {kw['offset']}) would access memory outside of "
            f"one example of the batch, which has shape {list(shape)}\nTake the window from a "
            "tensor that spans the memory it shows"
        )
    moved = dict(
        kw, size=(count, *size), stride=(whole, *stride), base_stride=(whole, *base_stride)
    )
    if "shape" in kw:
        moved["shape"] = (count, *shape)
    if not count:
        return reshape(x, shape=(0, *(size if fun is as_strided else shape)))
    rest = [
        broadcast_to(y if not flags[1] else of_rank(y, len(size)), shape=moved["size"])
        for y in rest
    ]
    return fun(x, *rest, **moved)


linear(
    as_strided,
    lambda g, x_meta, *, size, stride, offset, base_stride: scatter_strided(
        g, shape=x_meta.shape, size=size, stride=stride, offset=offset, base_stride=base_stride
    ),
    batch=_strided_batch,
)
linear(
    scatter_strided,
    lambda g, *, size, stride, offset, base_stride: as_strided(
        g, size=size, stride=stride, offset=offset, base_stride=base_stride
    ),
    batch=_strided_batch,
)


@primitive
def write_strided(x, y, *, size, stride, offset, base_stride):
    """A copy of `x` with `y` written into the window of that geometry: what an in-place write
    to a view does.
    """
    whole, window, _, _ = _laid_out(x.shape, base_stride, x.dtype, size, stride, offset)
    whole[...] = x
    window[...] = y
    return np.array(whole, order="C") if _overlaps(x.shape, base_stride) else whole


def _without_window(g, dtype, size, stride, offset, base_stride):
    nothing = zeros(shape=size, dtype=dtype, like=g)
    return write_strided(
        g, nothing, size=size, stride=stride, offset=offset, base_stride=base_stride
    )


linear(
    write_strided,
    lambda g, x_meta, *, size, stride, offset, base_stride: _without_window(
        g, x_meta.dtype, size, stride, offset, base_stride
    ),
    lambda g, *, size, stride, offset, base_stride: as_strided(
        g, size=size, stride=stride, offset=offset, base_stride=base_stride
    ),
    batch=_strided_batch,
)


# --- parts along a dimension ------------------------------------------------------------------


@primitive
def narrow(x, *, axis, start, length):
    """The part [start, start + length) along a dimension, a view."""
    return x[(slice(None),) * axis + (slice(start, start + length),)]


@primitive
def widen(x, *, axis, start, total):
    """Zeros of size `total` along a dimension, with `x` at `start`: the transpose of narrow."""
    return _zeros_with(x, axis, slice(start, start + x.shape[axis]), (total,))


@primitive
def sliced(x, *, axis, start, stop, step):
    """Every `step`-th slice of [start, stop) along a dimension, a view."""
    return x[(slice(None),) * axis + (slice(start, stop, step),)]


@primitive
def unsliced(x, *, axis, start, stop, step, total):
    """Zeros of size `total` along a dimension, with `x` at every `step`-th place: the transpose
    of sliced.
    """
    return _zeros_with(x, axis, slice(start, stop, step), (total,))


@primitive
def select(x, *, axis, index):
    """The slice number `index` along a dimension, without it: a view."""
    return x[(slice(None),) * axis + (index, ...)]


@primitive
def unselect(x, *, axis, index, total):
    """Zeros with `x` as slice number `index` of `total` along a new dimension: the transpose of
    select.
    """
    return _zeros_with(x, axis, index, (total,), new=True)


def _zeros_with(x, axis, where, sizes, new=False):
    """Zeros whose size along `axis` is given, with `x` at one place along it."""
    result = np.zeros(x.shape[:axis] + sizes + x.shape[axis + (not new) :], x.dtype)
    result[(slice(None),) * axis + (where, ...)] = x
    return result


linear(
    narrow,
    lambda g, x_meta, *, axis, start: widen(g, axis=axis, start=start, total=x_meta.shape[axis]),
    fresh=True,
    batch=LEADING,
)
linear(
    widen,
    lambda g, x_meta, *, axis, start: narrow(g, axis=axis, start=start, length=x_meta.shape[axis]),
    batch=LEADING,
)
linear(
    sliced,
    lambda g, x_meta, *, axis, start, stop, step: unsliced(
        g, axis=axis, start=start, stop=stop, step=step, total=x_meta.shape[axis]
    ),
    fresh=True,
    batch=LEADING,
)
linear(
    unsliced,
    lambda g, *, axis, start, stop, step: sliced(g, axis=axis, start=start, stop=stop, step=step),
    batch=LEADING,
)
linear(
    select,
    lambda g, x_meta, *, axis, index: unselect(g, axis=axis, index=index, total=x_meta.shape[axis]),
    fresh=True,
    batch=LEADING,
)
linear(unselect, lambda g, *, axis, index: select(g, axis=axis, index=index), batch=LEADING)


# --- diagonals and windows --------------------------------------------------------------------


@primitive
def diagonal(x, *, offset, axis1, axis2):
    """The elements x[i, i + offset] of two dimensions along a new last one, a view."""
    strides, shape = list(x.strides), list(x.shape)
    rows, columns, down, across = shape[axis1], shape[axis2], strides[axis1], strides[axis2]
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    start = max(offset, 0) * across + max(-offset, 0) * down if length else 0
    for axis in sorted((axis1, axis2), reverse=True):
        del strides[axis], shape[axis]
    return restrided(x, (*shape, length), (*strides, down + across), start)


@primitive
def diagonal_copy(x, *, offset, axis1, axis2):
    """diagonal in new memory."""
    return np.array(_diagonal(x, offset=offset, axis1=axis1, axis2=axis2))


@primitive
def undiagonal(x, *, offset, axis1, axis2, shape):
    """Zeros of `shape` with `x` on a diagonal: the transpose of diagonal."""
    result = np.zeros(shape, x.dtype)
    _diagonal(result, offset=offset, axis1=axis1, axis2=axis2)[...] = x
    return result


@primitive
def unfold(x, *, axis, size, step):
    """All windows of `size` at distance `step` along a dimension, along a new last one: a view."""
    count = (x.shape[axis] - size) // step + 1
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
    s = x.strides[axis]
    return restrided(x, shape, (*x.strides[:axis], s * step, *x.strides[axis + 1 :], s))


@primitive
def fold(x, *, axis, size, step, total):
    """The sum of overlapping windows at their places: the transpose of unfold."""
    result = np.zeros((*x.shape[:axis], total, *x.shape[axis + 1 : -1]), x.dtype)
    lead = (slice(None),) * axis
    span = (x.shape[axis] - 1) * step + 1
    for k in range(size):
        result[(*lead, slice(k, k + span, step))] += x[..., k]
    return result


_diagonal = diagonal.__wrapped__
linear(
    diagonal,
    lambda g, x_meta, *, offset, axis1, axis2: undiagonal(
        g, offset=offset, axis1=axis1, axis2=axis2, shape=x_meta.shape
    ),
    fresh=True,
    batch=LEADING,
)
linear(
    diagonal_copy,
    lambda g, x_meta, *, offset, axis1, axis2: undiagonal(
        g, offset=offset, axis1=axis1, axis2=axis2, shape=x_meta.shape
    ),
    fresh=True,
    batch=LEADING,
)
linear(
    undiagonal,
    lambda g, *, offset, axis1, axis2: diagonal(g, offset=offset, axis1=axis1, axis2=axis2),
    batch=LEADING,
)
linear(
    unfold,
    lambda g, x_meta, *, axis, size, step: fold(
        g, axis=axis, size=size, step=step, total=x_meta.shape[axis]
    ),
    fresh=True,
    batch=LEADING,
)
linear(
    fold,
    lambda g, *, axis, size, step: unfold(g, axis=axis, size=size, step=step),
    batch=LEADING,
)
