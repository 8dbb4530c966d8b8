"""The order in memory of copies and of what elementwise functions return. Imports NumPy only.

PyTorch (TensorIterator) sorts dimensions as the operands' strides say: two of them stand as in the
first operand that tells them apart. NumPy's order "K" keeps two dimensions in the order of rows as
soon as any operand has them so. The two agree wherever the first operand is C-contiguous and
not broadcast, and for two operands of two dimensions wherever it is C-contiguous.
"""

import numpy as np


def memory_axes(shape, *strides):
    """The axes from the slowest to the fastest in memory, as PyTorch orders those of a copy, or of
    what it makes of several operands.

    An axis of stride 0 keeps its place among its neighbours; of equal strides the longer axis is
    the slower one.
    """
    fastest_first = list(range(len(shape)))[::-1]
    for start in range(1, len(shape)):
        place = start
        for other in range(start - 1, -1, -1):
            a, b = fastest_first[other], fastest_first[place]
            told = _told_apart(a, b, shape, strides)
            if told > 0:
                fastest_first[other], fastest_first[place] = b, a
                place = other
            elif told < 0:
                break
    return tuple(fastest_first[::-1])


def _told_apart(a, b, shape, strides):
    """1 where the axis a is slower than b, -1 where it is faster, 0 where nothing tells."""
    for steps in strides:
        s, r = steps[a], steps[b]
        if s and r:
            if s != r:
                return 1 if s > r else -1
            if shape[a] > shape[b]:
                return 1
    return 0


def empty_in_order(shape, dtype, axes):
    """Memory for an array whose axes lie in the order `axes`, from the slowest to the fastest."""
    places = sorted(range(len(axes)), key=axes.__getitem__)
    return np.empty([shape[axis] for axis in axes], dtype).transpose(places)


def empty_like(x, dtype, axes=None):
    """Memory for an array of x's shape: dense, with the axes in the order `axes`, or in x's."""
    if axes is None:
        if x.flags.c_contiguous:
            return np.empty(x.shape, dtype)
        axes = memory_axes(x.shape, x.strides)
    return empty_in_order(x.shape, dtype, axes)


def dense(x):
    """The same values in new dense memory, with the axes in x's order; a stride may be negative."""
    axes = memory_axes(x.shape, [abs(s) for s in x.strides])
    result = empty_in_order(x.shape, x.dtype, axes)
    result[...] = x
    return result


def contiguous(x):
    """x in the order of rows; itself where it is so."""
    return x if x.flags.c_contiguous else x.copy()


def in_rows(result):
    """A reduction's result in the order of rows; itself where it is so."""
    return result.copy() if result.ndim > 1 and not result.flags.c_contiguous else result


def channels_last(x):
    """A copy of x (N, C, ...) with its channels as the fastest dimension in memory."""
    result = empty_in_order(x.shape, x.dtype, (0, *range(2, x.ndim), 1))
    result[...] = x
    return result


def channels_as(result, x):
    """`result` with its channels as the fastest dimension in memory, if x has them there."""
    if x.ndim > 3 and memory_axes(x.shape, x.strides) == (0, *range(2, x.ndim), 1):
        return channels_last(result)
    return np.ascontiguousarray(result)


def in_order(result, operands):
    """What an elementwise function has made of the operands, moved where PyTorch orders it
    otherwise.
    """
    if result.ndim < 2 or not result.size:
        return result
    strides = [_stretched(a, result.shape) for a in operands if a is not None]
    return arranged(result, memory_axes(result.shape, *strides))


def arranged(x, axes):
    """x with its axes in the order `axes` in memory, dense; itself where it is so."""
    step = x.itemsize
    for axis in reversed(axes):
        if x.shape[axis] > 1 and x.strides[axis] != step:
            moved = empty_in_order(x.shape, x.dtype, axes)
            moved[...] = x
            return moved
        step *= x.shape[axis]
    return x


def _stretched(a, shape):
    """The strides of an operand that is broadcast to `shape`."""
    missing = len(shape) - a.ndim
    own = zip(a.strides, a.shape, shape[missing:], strict=True)
    return (0,) * missing + tuple([s if n == m else 0 for s, n, m in own])
