"""Comparisons and tests of elements: operations without a derivative. Imports NumPy only."""

import numpy as np

from .batching import merged, of_rank
from .reduction import any_over
from .rule import ALIGNED, constant, primitive
from .shape import reshape

for _fun in (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.isnan, np.isinf, np.isfinite, np.signbit),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
):
    constant(_fun)


@primitive
def is_close(x, y, *, rtol, atol, equal_nan):
    """|x - y| <= atol + rtol |y|, or x == y, or both nan where equal_nan is set."""
    if x.dtype.kind in "iub":
        x, y = x.astype(np.float64), y.astype(np.float64)
    limit = atol + rtol * np.abs(y)
    close = (x == y) | ((np.abs(x - y) <= limit) & np.isfinite(limit))
    return close | (np.isnan(x) & np.isnan(y)) if equal_nan else close


@primitive
def is_in(x, y, *, assume_unique, invert):
    """Whether each element of x is among those of y."""
    return np.isin(x, y, assume_unique=assume_unique, invert=invert)


@primitive
def is_real(x):
    """Whether the imaginary part is 0."""
    return x.imag == 0


@primitive
def is_positive_infinity(x):
    """x == inf."""
    return x == np.inf


@primitive
def is_negative_infinity(x):
    """x == -inf."""
    return x == -np.inf


def _is_in_batch(fun, values, flags, kw):
    x, y = values
    if not flags[1]:
        return fun(x, y, **kw)
    if not flags[0]:
        x = reshape(x, shape=(1, *x.shape))
    y = of_rank(merged(y), x.ndim)
    found = any_over(np.equal(reshape(x, shape=(*x.shape, 1)), y), axes=(x.ndim,), keepdims=False)
    return np.logical_not(found) if kw["invert"] else found


constant(is_in, batch=_is_in_batch)
for _fun in (is_close, is_real, is_positive_infinity, is_negative_infinity):
    constant(_fun, batch=ALIGNED)
