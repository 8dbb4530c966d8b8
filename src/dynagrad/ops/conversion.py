"""Copies, their layout in memory, and what overwriting a tensor leaves of its gradient.

Imports NumPy only.
"""

import numpy as np

from .batching import leading, of_rank
from .creation import zeros
from .rule import ALIGNED, LEADING, linear, primitive
from .shape import broadcast_to, cast, sum_to

# --- layout ----------------------------------------------------------------------------------


def memory_axes(shape, strides):
    """The axes from the slowest to the fastest in memory, as PyTorch orders those of a copy.

    An axis of stride 0 keeps its place among its neighbours; of equal strides the longer axis is
    the slower one.
    """
    fastest_first = list(range(len(shape)))[::-1]
    for start in range(1, len(shape)):
        place = start
        for other in range(start - 1, -1, -1):
            a, b = fastest_first[other], fastest_first[place]
            if strides[a] == 0 or strides[b] == 0:
                continue
            if strides[a] > strides[b] or (strides[a] == strides[b] and shape[a] > shape[b]):
                fastest_first[other], fastest_first[place] = b, a
                place = other
            elif strides[a] < strides[b]:
                break
    return tuple(fastest_first[::-1])


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


@primitive
def clone(x, *, axes):
    """The same values in new dense memory; `axes`: their order in memory, None to keep x's."""
    if axes is None and x.flags.c_contiguous:
        return x.copy()
    result = empty_like(x, x.dtype, axes)
    result[...] = x
    return result


@primitive
def to_copy(x, *, dtype, axes):
    """The same values, of another dtype perhaps, in new dense memory."""
    if axes is None and x.flags.c_contiguous and x.dtype.kind != "c":
        return x.astype(dtype)
    result = empty_like(x, dtype, axes)
    result[...] = x.real if x.dtype.kind == "c" and dtype.kind not in "cb" else x
    return result


@primitive
def alias(x):
    """The same memory under another name."""
    return x[...]


def _batch_in_order(fun, values, flags, kw):
    """The batch is the slowest dimension in memory."""
    axes = kw["axes"]
    return fun(*values, **{**kw, "axes": axes and (0, *[a + 1 for a in axes])})


linear(clone, lambda g: g, batch=_batch_in_order)
linear(alias, lambda g: g, batch=LEADING)
linear(to_copy, lambda g, x_meta: cast(g, dtype=x_meta.dtype), fresh=True, batch=_batch_in_order)


# --- overwriting -----------------------------------------------------------------------------


@primitive
def discard(*xs):
    """Zero, whatever the inputs are: what is left of values that were overwritten by others."""
    return np.zeros(np.broadcast_shapes(*[x.shape for x in xs]), xs[0].dtype)


@primitive
def fill(x, y):
    """An array like x with the number y everywhere."""
    result = np.empty_like(x)
    result[...] = y.real if y.dtype.kind == "c" and x.dtype.kind not in "cb" else y
    return result


def _zeros(g, metas):
    return [zeros(shape=meta.shape, dtype=meta.dtype, like=g) for meta in metas]


def _fill_batch(fun, values, flags, kw):
    x, y = leading(values, flags)
    return fun(x, broadcast_to(of_rank(y, x.ndim - 1), shape=x.shape))


linear(discard, lambda g, xs_meta: _zeros(g, xs_meta), fresh=True, batch=ALIGNED)
linear(
    fill,
    lambda g, x_meta: zeros(shape=x_meta.shape, dtype=x_meta.dtype, like=g),
    lambda g, y_meta: cast(sum_to(g, shape=y_meta.shape), dtype=y_meta.dtype),
    fresh=True,
    batch=_fill_batch,
)
