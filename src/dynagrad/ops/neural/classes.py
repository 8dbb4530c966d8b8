"""Losses of classes: targets that are numbers of classes. Imports NumPy only."""

from functools import lru_cache

import numpy as np

from ..batching import as_rows, batch_size, behind, of_rank, rowwise, with_batch
from ..elementwise import drop, in_single, keep, where
from ..indexing import STARTS, erase, gather, index, ungather
from ..reduction import sum_over
from ..rule import constant, general, linear, primitive
from ..shape import broadcast_to, reshape
from ..sums import FLOAT32, FLOAT64, ROW, ones_of
from .activation import relu
from .loss import reduced, settled, share


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
    unsigned = target.view(np.uint64)
    if unsigned.item(unsigned.argmax()) < classes and not 0 <= ignore < classes:
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
    if x.dtype.itemsize == 2:
        return in_single(nll, x, target, weight, reduction=reduction, ignore=ignore)
    if x.ndim == 1:
        kw = {"reduction": reduction, "ignore": ignore}
        loss = nll.__wrapped__(x[None], target.reshape(1), weight, **kw)
        return loss.reshape(target.shape) if reduction == "none" else loss
    t, counts = _targets(target, x.shape[1], ignore)
    if x.ndim == 2 and weight is None and counts is None:
        picked = x.ravel().take(STARTS[x.shape] + t)
        if reduction == "none":
            return np.negative(picked, picked)
        n, dtype = len(t), x.dtype
        if 0 < n <= ROW and (dtype is FLOAT32 or dtype is FLOAT64):
            total = picked.dot(ones_of(n, dtype))
        else:
            total = np.add.reduce(picked)
        return -total if reduction == "sum" else -total / dtype.type(n)
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
        if counts is not None:  # also where none counts, and the mean is 0 / 0
            value = np.where(counts, value, x.dtype.type(0))
    if len(shape) == 2:
        result[_rows(len(t)), t] = value
    else:
        np.put_along_axis(result, t[:, None], np.broadcast_to(value, t.shape)[:, None], 1)
    return result


@primitive
def target_weights(x, target, weight, *, classes, ignore):
    """The weight of each target in x's dtype, 0 for those that do not count."""
    t, counts = _targets(target, classes, ignore)
    return _target_weights(t, counts, weight, x.dtype)


def _weights_of_rows(weight, shape):
    """Weights of the classes, other ones for each example, for all rows of a batch of `shape`."""
    sides = (1,) * (len(shape) - 3)
    weight = reshape(weight, shape=(weight.shape[0], 1, weight.shape[1], *sides))
    return as_rows(broadcast_to(weight, shape=shape))


def _picked_weights(x, rows, weight, own, shape, ignore):
    """`target_weights` of rows of targets; `own`: each example has weights of its own."""
    if own:
        of_rows = -_weights_of_rows(weight, shape)
        return nll(of_rows, rows, None, reduction="none", ignore=ignore)
    return target_weights(x, rows, weight, classes=shape[2], ignore=ignore)


def _weights_batch(fun, values, flags, kw):
    x, target, weight = values
    size = batch_size(values, flags)
    target = with_batch(target, flags[1], size)
    result_shape = target.shape
    if target.ndim == 1:  # an example is a single row of classes
        target = reshape(target, shape=(size, 1))
    shape = (*target.shape[:2], kw["classes"], *target.shape[2:])
    rows = _picked_weights(x, as_rows(target), weight, flags[2], shape, kw["ignore"])
    return reshape(rows, shape=result_shape)


def _nll_batch(fun, values, flags, kw):
    size, (x, target, weight) = batch_size(values, flags), values
    x, target = with_batch(x, flags[0], size), with_batch(target, flags[1], size)
    result_shape = target.shape
    if x.ndim == 2:  # an example is a single row of classes
        x, target = reshape(x, shape=(size, 1, x.shape[1])), reshape(target, shape=(size, 1))
    shape, ignore = x.shape, kw["ignore"]
    x, rows = as_rows(x), as_rows(target)
    w = weight
    if flags[2]:
        own = _weights_of_rows(weight, shape)
        x, w = drop(x * own, np.equal(own, 0)), None
    losses = reshape(fun(x, rows, w, reduction="none", ignore=ignore), shape=target.shape)
    if kw["reduction"] == "none":
        return reshape(losses, shape=result_shape)
    axes = behind(None, losses.ndim - 1)
    total = sum_over(losses, axes=axes, keepdims=False)
    if kw["reduction"] == "sum":
        return total
    weights = _picked_weights(x, rows, weight, flags[2], shape, ignore)
    return total / sum_over(reshape(weights, shape=target.shape), axes=axes, keepdims=False)


def _nll_back_batch(fun, values, flags, kw):
    size, (x, target, weight) = batch_size(values, flags), values
    x, target = with_batch(x, flags[0], size), with_batch(target, flags[1], size)
    shape, ignore = (size, *kw["shape"]), kw["ignore"]
    if len(shape) == 2:
        shape, target = (size, 1, shape[1]), reshape(target, shape=(size, 1))
    rows = as_rows(target)
    if kw["reduction"] == "mean":
        weights = _picked_weights(x, rows, weight, flags[2], shape, ignore)
        axes = behind(None, target.ndim - 1)
        x = x / sum_over(reshape(weights, shape=target.shape), axes=axes, keepdims=False)
    x = as_rows(broadcast_to(of_rank(x, target.ndim - 1), shape=target.shape))
    over = {"shape": (size * shape[1], *shape[2:]), "reduction": "none", "ignore": ignore}
    result = fun(x, rows, None if flags[2] else weight, **over)
    if flags[2]:
        result = result * _weights_of_rows(weight, shape)
    return reshape(result, shape=(size, *kw["shape"]))


linear(
    nll,
    lambda g, x_meta, target, weight, *, reduction, ignore: nll_back(
        g, target, weight, shape=x_meta.shape, reduction=reduction, ignore=ignore
    ),
    fresh=True,
    batch=_nll_batch,
)
linear(
    nll_back,
    lambda g, target, weight, *, reduction, ignore: nll(
        g, target, weight, reduction=reduction, ignore=ignore
    ),
    fresh=True,
    batch=_nll_back_batch,
)
constant(target_weights, batch=_weights_batch)


@primitive
def multi_margin(x, target, weight, *, p, margin, reduction):
    """sum over c != t of w[t] max(0, margin - x[t] + x[c])^p / C, for each row."""
    z = np.maximum(margin - x[_rows(len(target)), target][:, None] + x, 0)
    z[_rows(len(target)), target] = 0
    z = z if p == 1 else z * z
    values = np.add.reduce(z if weight is None else z * weight[target][:, None], 1) / x.shape[1]
    return reduced(values, reduction)


def _multi_margin_vjp(g, x, target, weight, *, p, margin, reduction):
    n, classes = x.shape
    column = reshape(target, shape=(n, 1))
    z = relu(x + margin - gather(x, column, axis=1))
    slope = 2 * z if p == 2 else where(np.greater(z, 0), z * 0 + 1, z * 0)
    slope = erase(slope, column, axis=1) * (1 / classes)
    if weight is not None:
        slope = slope * index(weight, column, axes=(0,))
    g = share(g, (n,), reduction)
    slope = slope * (reshape(g, shape=(n, 1)) if reduction == "none" else g)
    total = sum_over(slope, axes=(1,), keepdims=True)
    return slope - ungather(total, column, axis=1, shape=(n, classes))


def _multi_margin_batch(fun, values, flags, kw):
    x, target, weight = values
    common = None if flags[2] else weight
    size = batch_size(values, flags)
    target = with_batch(target, flags[1], size)
    rows = as_rows(with_batch(x, flags[0], size))
    losses = fun(rows, as_rows(target), common, **{**kw, "reduction": "none"})
    losses = reshape(losses, shape=target.shape)
    if flags[2]:
        losses = losses * gather(weight, target, axis=1)
    return settled(losses, kw["reduction"], (1,))


general(multi_margin, _multi_margin_vjp, batch=_multi_margin_batch)


@primitive
def multilabel_margin(x, target, *, reduction):
    """Sum of max(0, 1 - x[t] + x[c]) / C over a row's labels t (up to -1) and other classes c."""
    labels, others, count = _label_masks(target)
    z = np.maximum(1 - x[:, :, None] + x[:, None, :], 0)
    z = z * (labels[:, :, None] * others[:, None, :]).astype(z.dtype)
    return reduced(np.add.reduce(z, (1, 2)) / count, reduction)


def _label_masks(target):
    """How often each class is a label of its row, where it is none, and the number of classes."""
    n, classes = target.shape
    listed = np.logical_and.accumulate(target >= 0, 1)
    labels = np.zeros((n, classes), np.int64)
    rows = np.broadcast_to(_rows(n)[:, None], target.shape)
    np.add.at(labels, (rows[listed], target[listed]), 1)
    return labels, labels == 0, classes


@primitive
def label_pairs(x, target):
    """For every pair (label of the row, other class) how often the label stands there, else 0."""
    labels, others, _ = _label_masks(target)
    return (labels[:, :, None] * others[:, None, :]).astype(x.dtype)


constant(label_pairs, batch=rowwise)


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


def _multilabel_margin_batch(fun, values, flags, kw):
    losses = rowwise(fun, values, flags, {"reduction": "none"})
    return settled(losses, kw["reduction"], (1,))


general(multilabel_margin, _multilabel_margin_vjp, batch=_multilabel_margin_batch)
