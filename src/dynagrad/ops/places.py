"""Places of elements that are not zero. Imports NumPy only."""

import numpy as np

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


constant(first_places, batch=one_by_one)
