"""softmax and its logarithm along one dimension. Imports NumPy only."""

from functools import lru_cache

import numpy as np

from ..compiled import KERNELS, LONG, ROWS, along_rows
from ..elementwise import in_single, is_half
from ..layout import contiguous
from ..reduction import sum_over
from ..rule import LEADING, general, primitive

#: rows up to this length are summed by a product with ones
LINE = 4096
#: rows up to this length are summed into every element of a row
SHORT = 16
#: so few elements are bounded by the sum of their squares
FEW = 64
#: rows up to this length are subtracted from as a whole
MIDDLE = 64


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


@lru_cache(64)
def _parts(rows, columns, dtype):
    return np.full((rows, columns), 1 / rows, dtype)


def row_means(x):
    """The means of a matrix's rows, as row_sums gives their sums."""
    n = x.shape[1]
    if n > LINE:
        return np.divide(row_sums(x), n)
    return x.dot(_parts(n, n if n <= SHORT else 1, x.dtype))


def column_means(x):
    """The means of a matrix's columns as a row."""
    n = x.shape[0]
    if n > LINE:
        return np.add.reduce(x, 0, keepdims=True) / n
    return _parts(n, 1, x.dtype).T.dot(x)


def _less_largest(x):
    """The rows of a matrix less their largest elements."""
    largest = np.maximum.reduce(x, 1, keepdims=True)
    n = x.shape[1]
    return np.subtract(x, largest.repeat(n, 1) if n <= SHORT else largest)


def _lies_within(x, low, high):
    """Whether all elements are between two numbers; nan is not."""
    return x.item(x.argmax()) < high and x.item(x.argmin()) > low


def _shares(x):
    """The softmax of a matrix's rows: of e^x, or of the rows less their largest elements where
    that is too large or too small.
    """
    if x.size <= LINE:
        flat = x.ravel()
        if flat.dot(flat) < 6400:  # so that no element is beyond 80
            e = np.exp(x)
            n = x.shape[1]
            return np.divide(e, e.dot(_ones(n, n, x.dtype)) if n <= SHORT else row_sums(e), e)
    else:
        if x.size >= ROWS and x.shape[1] >= LONG:
            fast = KERNELS["softmax"]
            if fast is not None:
                return fast(x)
        e = np.exp(x)
        total = row_sums(e)
        if _lies_within(total, 1e-15, 1e30):
            return np.divide(e, total, e)
    e = _less_largest(x)
    np.exp(e, e)
    return np.divide(e, row_sums(e), e)


def _log_shares(x):
    """The logarithms of _shares. Without the rows' largest elements the result has an error of
    half of the last digit of the sum's logarithm: too much where that is large, or where a result
    is close to 0.
    """
    if x.size >= ROWS and x.shape[1] >= LONG:
        fast = KERNELS["log_softmax"]
        if fast is not None:
            return fast(x)
    e = np.exp(x)
    n = x.shape[1]
    total = e.dot(_ones(n, n, x.dtype)) if n <= SHORT else row_sums(e)
    np.log(total, total)
    if n <= SHORT and x.size <= FEW:
        flat = x.ravel()
        if n > 1 and flat.dot(flat) < 16:  # elements differ by less than 6
            return np.subtract(x, total, e)
    if _lies_within(total, -8, 8):
        np.subtract(x, total.repeat(n, 1) if SHORT < n <= MIDDLE else total, e)
        if e.item(e.argmax()) < -0.1:
            return e
    d = _less_largest(x)
    total = row_sums(np.exp(d, e))
    return np.subtract(d, np.log(total, total), d)


@primitive
def softmax(x, *, axis):
    """exp(x) / sum(exp(x)) along a dimension, from x - max(x) where exp(x) could overflow."""
    if axis == 1 and x.size and x.ndim == 2 and x.flags.c_contiguous and x.itemsize > 2:
        return _shares(x)
    if is_half(x):
        return in_single(softmax, x, axis=axis)
    if not x.size:
        return np.array(x)
    x = contiguous(x)
    if axis == x.ndim - 1:
        return _shares(x.reshape(-1, x.shape[-1])).reshape(x.shape)
    e = np.exp(x - np.maximum.reduce(x, axis, keepdims=True))
    e /= np.add.reduce(e, axis, keepdims=True)
    return e


@primitive
def log_softmax(x, *, axis):
    """x - log(sum(exp(x))) along a dimension, computed from x - max(x)."""
    if axis == 1 and x.size and x.ndim == 2 and x.flags.c_contiguous and x.itemsize > 2:
        return _log_shares(x)
    if is_half(x):
        return in_single(log_softmax, x, axis=axis)
    if not x.size:
        return np.array(x)
    x = contiguous(x)
    if axis == x.ndim - 1:
        return _log_shares(x.reshape(-1, x.shape[-1])).reshape(x.shape)
    d = x - np.maximum.reduce(x, axis, keepdims=True)
    d -= np.log(np.add.reduce(np.exp(d), axis, keepdims=True))
    return d


@primitive
def log_softmax_back(x, y, *, axis):
    """x - exp(y) * sum(x): the transposed derivative of log_softmax, whose result is y."""
    if is_half(x):
        return in_single(log_softmax_back, x, y, axis=axis)
    found = along_rows("log_softmax_back", x, y, axis)
    if found is not None:
        return found
    result = np.exp(y)
    result *= np.add.reduce(x, axis, keepdims=True)
    return np.subtract(x, result, result)


def _softmax_vjp(g, out, *, axis):
    found = along_rows("softmax_back", g, out, axis)
    if found is not None:
        return found
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
