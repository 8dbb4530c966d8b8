"""Losses of corresponding elements. Imports NumPy only."""

import math

import numpy as np

from ..batching import aligned, behind
from ..elementwise import in_single, is_half
from ..reduction import mean_over, sum_over
from ..rule import elementwise, general, primitive, same
from ..transcendental import sigmoid
from .activation import hardtanh, log_sigmoid


def reduced(values, reduction):
    """The losses themselves, their sum or their mean."""
    if reduction == "none":
        return values
    total = np.add.reduce(values, None)
    return total if reduction == "sum" else total / values.size


def share(g, shape, reduction):
    """The cotangent of each element's loss."""
    return g * (1 / (math.prod(shape) or 1)) if reduction == "mean" else g


def settled(values, reduction, axes=None):
    """Losses or their tangents reduced over `axes` by primitives."""
    if reduction == "none":
        return values
    reduce = sum_over if reduction == "sum" else mean_over
    return reduce(values, axes=axes, keepdims=False)


def _elements_batch(fun, values, flags, kw):
    """`batch=` of the losses of corresponding elements."""
    losses = fun(*aligned(values, flags), **{**kw, "reduction": "none"})
    return settled(losses, kw["reduction"], behind(None, losses.ndim - 1))


@primitive
def scale_by(x, *, number):
    """number * x."""
    if is_half(x):
        return in_single(scale_by, x, number=number)
    return x * number


@primitive
def shift_by(x, *, number):
    """x + number."""
    if is_half(x):
        return in_single(shift_by, x, number=number)
    return x + number


@primitive
def floor_through(x, *, low):
    """max(x, low) whose cotangent passes unchanged: a limit set behind the derivative's back."""
    if is_half(x):
        return in_single(floor_through, x, low=low)
    return np.maximum(x, low)


elementwise(scale_by, lambda g, *, number: g * number)
elementwise(shift_by, same)
elementwise(floor_through, same)


# --- regression -----------------------------------------------------------------------------------


@primitive
def mse(x, y, *, reduction):
    """(x - y)^2; both have the same shape."""
    if is_half(x):
        return in_single(mse, x, y, reduction=reduction)
    d = x - y
    if reduction == "none":
        return d * d
    d = d.reshape(-1)
    total = d.dot(d) if d.dtype.itemsize >= 4 else np.add.reduce(d * d)
    return total if reduction == "sum" else total / d.size


def _mse_x(g, x, y, *, reduction):
    return (x - y) * (share(g, x.shape, reduction) * 2)


def _mse_y(g, x, y, *, reduction):
    return (y - x) * (share(g, x.shape, reduction) * 2)


general(
    mse,
    _mse_x,
    _mse_y,
    jvp=(
        lambda t, x, y, *, reduction: settled(_mse_x(t, x, y, reduction="none"), reduction),
        lambda t, x, y, *, reduction: settled(_mse_y(t, x, y, reduction="none"), reduction),
    ),
    batch=_elements_batch,
)


@primitive
def huber(x, y, *, delta, scale, reduction):
    """scale * d^2 / 2 where |d| <= delta, else scale * delta * (|d| - delta / 2), for d = x - y.

    scale 1 is the Huber loss, scale 1 / delta the smooth L1 loss.
    """
    if is_half(x):
        return in_single(huber, x, y, delta=delta, scale=scale, reduction=reduction)
    d = x - y
    a = np.abs(d)
    values = np.where(a < delta, d * d * (0.5 * scale), (a - 0.5 * delta) * (delta * scale))
    return reduced(values, reduction)


def _huber_x(g, x, y, *, delta, scale, reduction):
    d = hardtanh(x - y, low=-delta, high=delta)
    return d * (share(g, x.shape, reduction) * scale)


def _huber_y(g, x, y, *, delta, scale, reduction):
    return _huber_x(g, y, x, delta=delta, scale=scale, reduction=reduction)


def _huber_pushed_x(t, x, y, *, delta, scale, reduction):
    t = _huber_x(t, x, y, delta=delta, scale=scale, reduction="none")
    return settled(t, reduction)


def _huber_pushed_y(t, x, y, *, delta, scale, reduction):
    return _huber_pushed_x(t, y, x, delta=delta, scale=scale, reduction=reduction)


general(huber, _huber_x, _huber_y, jvp=(_huber_pushed_x, _huber_pushed_y), batch=_elements_batch)


# --- two classes ----------------------------------------------------------------------------------


def _limits(dtype):
    """-100 and 1 as arrays: an array operand costs half of what a number does."""
    return np.array(-100, dtype), np.array(1, dtype)


_LIMITS = {d: _limits(d) for d in (np.dtype("float32"), np.dtype("float64"))}


@primitive
def bce(x, y, weight, *, reduction):
    """-(y log x + (1 - y) log(1 - x)), the logarithms limited to at least -100."""
    if is_half(x):
        return in_single(bce, x, y, weight, reduction=reduction)
    low, one = _LIMITS.get(x.dtype) or _limits(x.dtype)
    values = (y - one) * np.maximum(np.log1p(-x), low) - y * np.maximum(np.log(x), low)
    return reduced(values if weight is None else values * weight, reduction)


def _weighed(g, weight, shape, reduction):
    g = share(g, shape, reduction)
    return g if weight is None else g * weight


#: PyTorch's bound, 1e-12 rounded to float32
SMALLEST_VARIANCE = 9.999999960041972e-13


def _bce_x(g, x, y, weight, *, reduction):
    g = _weighed(g, weight, x.shape, reduction)
    return g * ((x - y) / np.maximum((1 - x) * x, SMALLEST_VARIANCE))


def _bce_y(g, x, weight, *, reduction):
    return _weighed(g, weight, x.shape, reduction) * (np.log1p(-x) - np.log(x))


def _bce_pushed_x(t, x, y, weight, *, reduction):
    return settled(_bce_x(t, x, y, weight, reduction="none"), reduction)


def _bce_pushed_y(t, x, weight, *, reduction):
    return settled(_bce_y(t, x, weight, reduction="none"), reduction)


general(bce, _bce_x, _bce_y, jvp=(_bce_pushed_x, _bce_pushed_y), batch=_elements_batch)


@primitive
def bce_logits(x, y, weight, pos_weight, *, reduction):
    """-(p y log s + (1 - y) log(1 - s)) for s = sigmoid(x) and p = pos_weight."""
    if is_half(x):
        return in_single(bce_logits, x, y, weight, pos_weight, reduction=reduction)
    values = np.maximum(-x, 0)
    values += np.log1p(np.exp(-np.abs(x)))
    if pos_weight is not None:
        values = values * (1 + (pos_weight - 1) * y)
    values = values + (1 - y) * x
    return reduced(values if weight is None else values * weight, reduction)


def _bce_logits_x(g, x, y, weight, pos_weight, *, reduction):
    g = _weighed(g, weight, x.shape, reduction)
    if pos_weight is None:
        return g * (sigmoid(x) - y)
    t = pos_weight * y
    return g * ((t + 1 - y) * sigmoid(x) - t)


def _bce_logits_y(g, x, weight, pos_weight, *, reduction):
    g = _weighed(g, weight, x.shape, reduction)
    if pos_weight is None:
        return -g * x
    return g * (log_sigmoid(-x) - pos_weight * log_sigmoid(x))


def _bce_logits_weight(g, x, y, pos_weight, *, reduction):
    t = y if pos_weight is None else pos_weight * y
    return share(g, x.shape, reduction) * ((y - 1) * log_sigmoid(-x) - t * log_sigmoid(x))


def _bce_logits_pos_weight(g, x, y, weight, *, reduction):
    return _weighed(g, weight, x.shape, reduction) * (-y * log_sigmoid(x))


def _bce_logits_pushed_x(t, x, y, weight, pos_weight, *, reduction):
    t = _bce_logits_x(t, x, y, weight, pos_weight, reduction="none")
    return settled(t, reduction)


def _bce_logits_pushed_y(t, x, weight, pos_weight, *, reduction):
    return settled(_bce_logits_y(t, x, weight, pos_weight, reduction="none"), reduction)


def _bce_logits_pushed_weight(t, x, y, pos_weight, *, reduction):
    return settled(_bce_logits_weight(t, x, y, pos_weight, reduction="none"), reduction)


def _bce_logits_pushed_pos_weight(t, x, y, weight, *, reduction):
    return settled(_bce_logits_pos_weight(t, x, y, weight, reduction="none"), reduction)


general(
    bce_logits,
    _bce_logits_x,
    _bce_logits_y,
    _bce_logits_weight,
    _bce_logits_pos_weight,
    jvp=(
        _bce_logits_pushed_x,
        _bce_logits_pushed_y,
        _bce_logits_pushed_weight,
        _bce_logits_pushed_pos_weight,
    ),
    batch=_elements_batch,
)


@primitive
def soft_margin(x, y, *, reduction):
    """log(1 + exp(-y x))."""
    if is_half(x):
        return in_single(soft_margin, x, y, reduction=reduction)
    t = -y * x
    return reduced(np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t))), reduction)


def _soft_margin_x(g, x, y, *, reduction):
    return share(g, x.shape, reduction) * (-y * sigmoid(-y * x))


def _soft_margin_pushed(t, x, y, *, reduction):
    return settled(_soft_margin_x(t, x, y, reduction="none"), reduction)


general(soft_margin, _soft_margin_x, jvp=_soft_margin_pushed, batch=_elements_batch)
