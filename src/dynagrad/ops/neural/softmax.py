"""softmax and its logarithm along one dimension. Imports NumPy only."""

from functools import lru_cache

import numpy as np

from ..elementwise import in_single, is_half
from ..layout import contiguous
from ..reduction import sum_over
from ..rule import LEADING, general, primitive

#: rows up to this length are summed by a product with ones
LINE = 4096
#: rows up to this length are summed into every element of a row
SHORT = 16


@lru_cache(64)
def _ones(rows, columns, dtype):
    return np.ones((rows, columns), dtype)


def row_sums(x):
    """The sums of a matrix's rows as a column; for short rows repeated along the row.

    A product with ones takes half the time of a reduction, and operands of one shape take a quarter
    of the time of those that broadcast.
    """
    n = x.shape[1]
    if n > LINE:
        return np.add.reduce(x, 1, keepdims=True)
    return x.dot(_ones(n, n if n <= SHORT else 1, x.dtype))


def _less_largest(x):
    """The rows of a matrix less their largest elements."""
    largest = np.maximum.reduce(x, 1, keepdims=True)
    n = x.shape[1]
    return np.subtract(x, largest.repeat(n, 1) if n <= SHORT else largest)


def _exponentials(x):
    """e^x of a matrix, or of its rows less their largest elements where it could overflow."""
    if x.size <= LINE:
        flat = x.reshape(-1)
        if flat.dot(flat) < 6400:  # so that no element is beyond 80
            return np.exp(x)
    d = _less_largest(x)
    return np.exp(d, d)


@primitive
def softmax(x, *, axis):
    """exp(x) / sum(exp(x)) along a dimension, from x - max(x) where exp(x) could overflow."""
    if is_half(x):
        return in_single(softmax, x, axis=axis)
    if not x.size:
        return np.array(x)
    x = contiguous(x)
    if axis == x.ndim - 1:
        e = _exponentials(x if axis == 1 else x.reshape(-1, x.shape[-1]))
        e /= row_sums(e)
        return e if axis == 1 else e.reshape(x.shape)
    e = np.exp(x - np.maximum.reduce(x, axis, keepdims=True))
    e /= np.add.reduce(e, axis, keepdims=True)
    return e


@primitive
def log_softmax(x, *, axis):
    """x - log(sum(exp(x))) along a dimension, computed from x - max(x)."""
    if is_half(x):
        return in_single(log_softmax, x, axis=axis)
    if not x.size:
        return np.array(x)
    x = contiguous(x)
    if axis == x.ndim - 1:
        d = _less_largest(x if axis == 1 else x.reshape(-1, x.shape[-1]))
        total = row_sums(np.exp(d))
        d -= np.log(total, total)
        return d if axis == 1 else d.reshape(x.shape)
    d = x - np.maximum.reduce(x, axis, keepdims=True)
    d -= np.log(np.add.reduce(np.exp(d), axis, keepdims=True))
    return d


@primitive
def log_softmax_back(x, y, *, axis):
    """x - exp(y) * sum(x): the transposed derivative of log_softmax, whose result is y."""
    if is_half(x):
        return in_single(log_softmax_back, x, y, axis=axis)
    result = np.exp(y)
    result *= np.add.reduce(x, axis, keepdims=True)
    return np.subtract(x, result, result)


def _softmax_vjp(g, out, *, axis):
    t = g * out
    return t - out * sum_over(t, axes=(axis,), keepdims=True)


def _back_x(g, y, *, axis):
    return g - sum_over(g * np.exp(y), axes=(axis,), keepdims=True)


def _back_y(g, x, y, *, axis):
    return -g * np.exp(y) * sum_over(x, axes=(axis,), keepdims=True)


def _log_softmax_jvp(t, out, *, axis):
    return t - sum_over(np.exp(out) * t, axes=(axis,), keepdims=True)


# The Jacobian of softmax is symmetric.
general(softmax, _softmax_vjp, jvp=_softmax_vjp, batch=LEADING)
general(
    log_softmax,
    lambda g, out, *, axis: log_softmax_back(g, out, axis=axis),
    jvp=_log_softmax_jvp,
    batch=LEADING,
)
general(
    log_softmax_back,
    _back_x,
    _back_y,
    jvp=(lambda t, y, *, axis: log_softmax_back(t, y, axis=axis), _back_y),
    batch=LEADING,
)
