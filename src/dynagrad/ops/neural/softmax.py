"""softmax and its logarithm along one dimension. Imports NumPy only."""

import numpy as np

from ..elementwise import in_single, is_half
from ..layout import contiguous
from ..reduction import sum_over
from ..rule import LEADING, general, primitive


@primitive
def softmax(x, *, axis):
    """exp(x) / sum(exp(x)) along a dimension, computed from x - max(x)."""
    if is_half(x):
        return in_single(softmax, x, axis=axis)
    if not x.size:
        return np.array(x)
    x = contiguous(x)
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
