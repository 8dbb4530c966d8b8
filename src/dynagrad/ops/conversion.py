"""Copies, their layout in memory, and what overwriting a tensor leaves of its gradient.

Imports NumPy only.
"""

import numpy as np

from .batching import leading, of_rank
from .creation import zeros
from .layout import empty_like
from .rule import ALIGNED, LEADING, linear, primitive, same
from .shape import broadcast_to, cast, sum_to

# --- layout ----------------------------------------------------------------------------------


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
    return fun(*values, **{**kw, "axes": None if axes is None else (0, *[a + 1 for a in axes])})


linear(clone, same, batch=_batch_in_order)
linear(alias, same, batch=LEADING)
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
