"""Products with logarithms that are 0 where their factor is. Imports NumPy only."""

import numpy as np

from .elementwise import drop
from .rule import elementwise, primitive


@primitive
def xlog1py(x, y):
    """x * log(1 + y), and 0 where x is 0 (unless y is nan)."""
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log1p(y))


elementwise(
    xlog1py,
    lambda g, x, y: drop(g * np.log1p(y), np.equal(x, 0) & np.less_equal(y, -1)),
    lambda g, x, y: g * (x / (y + 1)),
)


@primitive
def entr(x):
    """-x log(x), a term of an entropy: 0 at 0, minus infinity below."""
    inside = np.where(x > 0, x, x.dtype.type(1))
    ends = np.where(x < 0, x.dtype.type(-np.inf), np.where(x == 0, x.dtype.type(0), x))
    return np.where(x > 0, -inside * np.log(inside), ends)


elementwise(entr, lambda g, x: g * (-1 - np.log(x)))
