"""Places of elements that are not zero. Imports NumPy only."""

import numpy as np

from .batching import batch_size
from .creation import zeros
from .rule import constant, primitive
from .sorting import one_by_one


@primitive
def first_places(x, *, size, fill):
    """The indices of the first `size` elements that are not zero; rows of `fill` for those that
    there are too few of.
    """
    rows = np.full((size, x.ndim), fill, np.int64)
    found = np.argwhere(x)[:size]
    rows[: len(found)] = found
    return rows


@primitive
def nonzero_places(x):
    """The indices of the elements that are not zero, as the rows of a matrix."""
    return np.argwhere(x) if x.ndim else np.empty((int(bool(x)), 0), np.int64)


def _equally_many(fun, values, flags, kw):
    if batch_size(values, flags):
        return one_by_one(fun, values, flags, kw)
    raise RuntimeError(
        "Batching rule not implemented for aten::argwhere. The fallback path does not support vmap "
        "over dims of size 0.\nHow many rows an example has, no example tells."
    )


constant(nonzero_places, batch=_equally_many)


def _batch(fun, values, flags, kw):
    if batch_size(values, flags):
        return one_by_one(fun, values, flags, kw)
    (x,) = values
    return zeros(shape=(0, kw["size"], x.ndim - 1), dtype=np.dtype("int64"), like=x)


constant(first_places, batch=_batch)
