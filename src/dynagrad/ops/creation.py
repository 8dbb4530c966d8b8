"""Arrays made after the pattern of another, so that every carrier makes its own kind. Imports NumPy
only.
"""

import numpy as np

from .rule import LEADING, constant, primitive


@primitive
def full(like, *, shape, value, dtype):
    """An array of `shape` filled with a number, on the carrier of `like`."""
    return np.full(shape, value, dtype)


def zeros(*, shape, dtype, like):
    """Zeros on the carrier of `like`."""
    return full(like, shape=shape, value=0, dtype=dtype)


constant(full, batch=LEADING)
