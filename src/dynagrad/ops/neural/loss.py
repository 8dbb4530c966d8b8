"""Losses of corresponding elements, and of classes. Imports NumPy only."""

import math
from functools import lru_cache

import numpy as np

from ..elementwise import drop, keep, where
from ..reduction import sum_over
from ..rule import constant, elementwise, general, linear, primitive, same
from ..shape import broadcast_to, reshape
from ..transcendental import sigmoid
from .activation import log_sigmoid, relu


def _reduced(values, reduction):
    """The losses themselves, their sum or their mean."""
    if reduction == "none":
        return values
    total = np.add.reduce(values, None)
    return total if reduction == "sum" else total / values.size


def share(g, shape, reduction):
    """The cotangent of each element's loss."""
    return g * (1 / (math.prod(shape) or 1)) if reduction == "mean" else g


@primitive
def scale_by(x, *, number):
    """number * x."""
    return x * number


@primitive
def shift_by(x, *, number):
    """x + number."""
    return x + number


@primitive
def floor_through(x, *, low):
    """max(x, low) whose cotangent passes unchanged: a limit set behind the derivative's back."""
    return np.maximum(x, low)


elementwise(scale_by, lambda g, *, number: g * number)
elementwise(shift_by, same)
elementwise(floor_through, same)


# --- regression -----------------------------------------------------------------------------------


@primitive
def mse(x, y, *, reduction):
    """(x - y)^2; both have the same shape."""
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


general(mse, _mse_x, _mse_y)


@primitive
def huber(x, y, *, delta, scale, reduction):
    """scale * d^2 / 2 where |d| <= delta, else scale * delta * (|d| - delta / 2), for d = x - y.

    scale 1 is the Huber loss, scale 1 / delta the smooth L1 loss.
    """
    d = x - y
    a = np.abs(d)
    values = np.where(a < delta, d * d * (0.5 * scale), (a - 0.5 * delta) * (delta * scale))
    return _reduced(values, reduction)


@primitive
def limit(x, *, low, high):
    """x limited to [low, high]."""
    return np.minimum(np.maximum(x, low), high)


general(limit, lambda g, x, *, low, high: keep(g, np.greater(x, low) & np.less(x, high)))


def _huber_x(g, x, y, *, delta, scale, reduction):
    d = limit(x - y, low=-delta, high=delta)
    return d * (share(g, x.shape, reduction) * scale)


def _huber_y(g, x, y, *, delta, scale, reduction):
    return _huber_x(g, y, x, delta=delta, scale=scale, reduction=reduction)


general(huber, _huber_x, _huber_y)


# --- two classes ----------------------------------------------------------------------------------


def _limits(dtype):
    """-100 and 1 as arrays: an array operand costs half of what a number does."""
    return np.array(-100, dtype), np.array(1, dtype)


_LIMITS = {d: _limits(d) for d in (np.dtype("float32"), np.dtype("float64"))}


@primitive
def bce(x, y, weight, *, reduction):
    """-(y log x + (1 - y) log(1 - x)), the logarithms limited to at least -100."""
    low, one = _LIMITS.get(x.dtype) or _limits(x.dtype)
    values = (y - one) * np.maximum(np.log1p(-x), low) - y * np.maximum(np.log(x), low)
    return _reduced(values if weight is None else values * weight, reduction)


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


general(bce, _bce_x, _bce_y)


@primitive
def bce_logits(x, y, weight, pos_weight, *, reduction):
    """-(p y log s + (1 - y) log(1 - s)) for s = sigmoid(x) and p = pos_weight."""
    values = np.maximum(-x, 0)
    values += np.log1p(np.exp(-np.abs(x)))
    if pos_weight is not None:
        values = values * (1 + (pos_weight - 1) * y)
    values = values + (1 - y) * x
    return _reduced(values if weight is None else values * weight, reduction)


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


general(bce_logits, _bce_logits_x, _bce_logits_y)


@primitive
def soft_margin(x, y, *, reduction):
    """log(1 + exp(-y x))."""
    t = -y * x
    return _reduced(np.maximum(t, 0) + np.log1p(np.exp(-np.abs(t))), reduction)


def _soft_margin_x(g, x, y, *, reduction):
    return share(g, x.shape, reduction) * (-y * sigmoid(-y * x))


general(soft_margin, _soft_margin_x)


# --- many classes ---------------------------------------------------------------------------------


@lru_cache(16)
def _rows(n):
    rows = np.arange(n)
    rows.flags.writeable = False
    return rows


def _targets(target, classes, ignore):
    """Targets that can index, and which of them count (None: all)."""
    if target.size == 0:
        return target, None
    # a negative number is a large one without its sign
    if np.maximum.reduce(target.view(np.uint64), None) < classes and not 0 <= ignore < classes:
        return target, None
    counts = target != ignore
    wrong = target[counts & ((target < 0) | (target >= classes))]
    if wrong.size:
        raise IndexError(
            f"Target {wrong[0]} is out of bounds.\nThe input has {classes} classes: targets lie in "
            f"[0, {classes - 1}], or equal ignore_index ({ignore})."
        )
    return np.where(counts, target, 0), counts


def _target_weights(target, counts, weight, dtype):
    """The weight of each target, 0 for those that do not count."""
    if weight is None:
        return np.ones(target.shape, dtype) if counts is None else counts.astype(dtype)
    return weight[target] if counts is None else weight[target] * counts


@primitive
def nll(x, target, weight, *, reduction, ignore):
    """-w[t] x[n, t] for log-probabilities x of shape (N, C, ...) and targets t of shape (N, ...).

    The mean is over the weights. Targets equal to `ignore` do not count.
    """
    if x.ndim == 1:
        kw = {"reduction": reduction, "ignore": ignore}
        loss = nll.__wrapped__(x[None], target.reshape(1), weight, **kw)
        return loss.reshape(target.shape) if reduction == "none" else loss
    t, counts = _targets(target, x.shape[1], ignore)
    if x.ndim == 2 and weight is None and counts is None:
        picked = x[_rows(len(t)), t]
        if reduction == "none":
            return np.negative(picked)
        total = np.add.reduce(picked)
        return -total if reduction == "sum" else -total / len(t)
    picked = np.take_along_axis(x, t[:, None], 1)[:, 0]
    w = _target_weights(t, counts, weight, x.dtype)
    losses = np.where(w == 0, x.dtype.type(0), picked * -w)
    if reduction == "none":
        return losses
    total = np.add.reduce(losses, None)
    return total if reduction == "sum" else total / np.add.reduce(w, None)


@primitive
def nll_back(x, target, weight, *, shape, reduction, ignore):
    """The transpose of nll: -w[t] x at the places of the targets, zeros elsewhere."""
    if len(shape) == 1:
        kw = {"shape": (1, *shape), "reduction": reduction, "ignore": ignore}
        return nll_back.__wrapped__(x, target.reshape(1), weight, **kw).reshape(shape)
    t, counts = _targets(target, shape[1], ignore)
    result = np.zeros(shape, x.dtype)
    if weight is None and counts is None:
        value = -x / t.size if reduction == "mean" and t.size else -x
    else:
        w = _target_weights(t, counts, weight, x.dtype)
        value = -x * w / np.add.reduce(w, None) if reduction == "mean" else -x * w
    if len(shape) == 2:
        result[_rows(len(t)), t] = value
    else:
        np.put_along_axis(result, t[:, None], np.broadcast_to(value, t.shape)[:, None], 1)
    return result


linear(
    nll,
    lambda g, x_meta, target, weight, *, reduction, ignore: nll_back(
        g, target, weight, shape=x_meta.shape, reduction=reduction, ignore=ignore
    ),
    fresh=True,
)
linear(
    nll_back,
    lambda g, target, weight, *, reduction, ignore: nll(
        g, target, weight, reduction=reduction, ignore=ignore
    ),
    fresh=True,
)


@primitive
def pick(x, target):
    """x[n, target[n]]."""
    return x[_rows(len(target)), target]


@primitive
def place(x, target, *, classes):
    """Rows of zeros with x[n] at target[n]: the transpose of pick."""
    result = np.zeros((len(target), classes), x.dtype)
    result[_rows(len(target)), target] = x
    return result


@primitive
def is_target(x, target):
    """Whether x[n, c] belongs to the target's class, c == target[n]."""
    return np.arange(x.shape[1]) == target[:, None]


linear(pick, lambda g, x_meta, target: place(g, target, classes=x_meta.shape[1]), fresh=True)
linear(place, lambda g, target: pick(g, target), fresh=True)
constant(is_target)


@primitive
def multi_margin(x, target, weight, *, p, margin, reduction):
    """sum over c != t of w[t] max(0, margin - x[t] + x[c])^p / C, for each row."""
    z = np.maximum(margin - x[_rows(len(target)), target][:, None] + x, 0)
    z[_rows(len(target)), target] = 0
    z = z if p == 1 else z * z
    values = np.add.reduce(z if weight is None else z * weight[target][:, None], 1) / x.shape[1]
    return _reduced(values, reduction)


@primitive
def take_weights(weight, target):
    """weight[target] as a column."""
    return weight[target][:, None]


constant(take_weights)


def _multi_margin_vjp(g, x, target, weight, *, p, margin, reduction):
    n, classes = x.shape
    z = relu(x + margin - reshape(pick(x, target), shape=(n, 1)))
    slope = 2 * z if p == 2 else where(np.greater(z, 0), z * 0 + 1, z * 0)
    slope = drop(slope, is_target(x, target)) * (1 / classes)
    if weight is not None:
        slope = slope * take_weights(weight, target)
    g = share(g, (n,), reduction)
    slope = slope * (reshape(g, shape=(n, 1)) if reduction == "none" else g)
    return slope - place(sum_over(slope, axes=(1,), keepdims=False), target, classes=classes)


general(multi_margin, _multi_margin_vjp)


@primitive
def multilabel_margin(x, target, *, reduction):
    """Sum of max(0, 1 - x[t] + x[c]) / C over a row's labels t (up to -1) and other classes c."""
    labels, others, count = _label_masks(target)
    z = np.maximum(1 - x[:, :, None] + x[:, None, :], 0)
    z = z * (labels[:, :, None] & others[:, None, :])
    return _reduced(np.add.reduce(z, (1, 2)) / count, reduction)


def _label_masks(target):
    n, classes = target.shape
    listed = np.logical_and.accumulate(target >= 0, 1)
    labels = np.zeros((n, classes), bool)
    rows = np.broadcast_to(_rows(n)[:, None], target.shape)
    labels[rows[listed], target[listed]] = True
    return labels, ~labels, classes


@primitive
def label_pairs(x, target):
    """1 for every pair (label of the row, other class), else 0."""
    labels, others, _ = _label_masks(target)
    return (labels[:, :, None] & others[:, None, :]).astype(x.dtype)


constant(label_pairs)


def _multilabel_margin_vjp(g, x, target, *, reduction):
    n, classes = x.shape
    z = 1 - reshape(x, shape=(n, classes, 1)) + reshape(x, shape=(n, 1, classes))
    pairs = label_pairs(x, target) * (1 / classes)
    pairs = keep(pairs, np.greater(z, 0))
    g = share(g, (n,), reduction)
    g = reshape(g, shape=(n, 1)) if reduction == "none" else broadcast_to(g, shape=(n, 1))
    up = sum_over(pairs, axes=(1,), keepdims=False)
    down = sum_over(pairs, axes=(2,), keepdims=False)
    return g * (up - down)


general(multilabel_margin, _multilabel_margin_vjp)
