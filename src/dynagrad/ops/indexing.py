"""Indexing. Imports NumPy only."""

import numpy as np

from .rule import linear, primitive


@primitive
def getitem(x, *, index):
    """x[index] for a basic index (numbers, slices, None, ...): a view."""
    return np.asarray(x[index])


@primitive
def ungetitem(x, *, index, shape):
    """Zeros of `shape` with `x` at a basic index: the transpose of getitem."""
    result = np.zeros(shape, x.dtype)
    result[index] = x
    return result


linear(getitem, lambda g, x_meta, *, index: ungetitem(g, index=index, shape=x_meta.shape), fresh=True)
linear(ungetitem, lambda g, *, index: getitem(g, index=index))
