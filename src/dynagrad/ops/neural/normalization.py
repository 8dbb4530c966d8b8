"""Normalization to mean 0 and variance 1 with a learned scale and shift. Imports NumPy only."""

import math

import numpy as np

from ..batching import as_rows, batch_size, behind, leading
from ..elementwise import in_single, is_half, number_of, rsqrt
from ..layout import contiguous
from ..reduction import sum_over
from ..rule import general, primitive
from ..shape import reshape
from .normalization_kernels import LARGE, gradients_of_channels, gradients_of_rows, standardized
from .softmax import column_means, row_means


@primitive
def standardize(x, weight, bias, *, axes, eps, affine, parameter):
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and variance (of 1 / n) over `axes`.

    weight and bias, where given, have the shape `parameter` and are brought to `affine` first.
    """
    if is_half(x):
        return in_single(
            standardize, x, weight, bias, axes=axes, eps=eps, affine=affine, parameter=parameter
        )
    x = contiguous(x)
    n = math.prod([x.shape[i] for i in axes])
    if x.size >= LARGE and axes:
        found = standardized(x, weight, bias, axes, n, eps, affine, parameter)
        if found is not None:
            d, whole = found
            return d if whole else _with_parameters(d, weight, bias, affine)
    if axes and axes[0] == x.ndim - len(axes) and x.size:
        d = _standard_matrix(x.reshape(-1, n), row_means, eps).reshape(x.shape)
    elif axes == (0,) and x.ndim == 2 and x.size:
        d = _standard_matrix(x, column_means, eps)
    else:
        d = x - np.add.reduce(x, axes, keepdims=True) / n
        variance = np.add.reduce(d * d, axes, keepdims=True) / n
        d *= 1 / np.sqrt(variance + eps)
    return _with_parameters(d, weight, bias, affine)


def _with_parameters(d, weight, bias, affine):
    if weight is not None:
        d *= weight.reshape(affine)
    if bias is not None:
        d += bias.reshape(affine)
    return d


def _standard_matrix(x, means, eps):
    """A matrix brought to mean 0 and variance 1; `means`: row_means or column_means."""
    d = np.subtract(x, means(x))
    variance = means(np.multiply(d, d))
    np.add(variance, number_of(eps, x.dtype), variance)
    return np.divide(d, np.sqrt(variance, variance), d)


def _mean(t, axes):
    n = math.prod([t.shape[i] for i in axes])
    return sum_over(t, axes=axes, keepdims=True) * (1 / max(n, 1))


def standard(x, axes, eps):
    """x with mean 0 and variance 1, and by what it was divided for that, as a factor."""
    d = x - _mean(x, axes)
    r = rsqrt(_mean(d * d, axes) + eps)
    return d * r, r


def _of_standard(h, d, r, axes):
    """The derivative of x -> d applied to h; it is symmetric."""
    return r * (h - _mean(h, axes) - d * _mean(h * d, axes))


def _standardize_vjp(g, x, weight, *, axes, eps, affine, parameter, needs):
    found = gradients_of_rows(g, x, weight, axes, eps, affine, parameter, needs)
    if found is None:
        found = gradients_of_channels(g, x, weight, axes, eps, affine, parameter, needs)
    if found is not None:
        return found
    d, r = standard(x, axes, eps)
    along = tuple(i for i in range(x.ndim) if i >= len(affine) or affine[i] == 1)
    gx = gw = gb = None
    if needs[2]:
        gb = reshape(sum_over(g, axes=along, keepdims=False), shape=parameter)
    if needs[1]:
        gw = reshape(sum_over(g * d, axes=along, keepdims=False), shape=parameter)
    if needs[0]:
        h = g if weight is None else g * reshape(weight, shape=affine)
        gx = _of_standard(h, d, r, axes)
    return gx, gw, gb


def _standardize_jvp(t, x, weight, *, axes, eps, affine):
    d, r = standard(x, axes, eps)
    t = _of_standard(t, d, r, axes)
    return t if weight is None else t * reshape(weight, shape=affine)


def _standardize_batch(fun, values, flags, kw):
    size = batch_size(values, flags)
    x, *side = leading(values, (flags[0], True, True), size)
    affine, parameter = (1, *kw["affine"]), kw["parameter"]
    if flags[1] or flags[2]:
        side = leading(values[1:], flags[1:], size)
        affine, parameter = (size, *kw["affine"]), (size, *parameter)
    axes = behind(kw["axes"], 0)
    return fun(x, *side, axes=axes, eps=kw["eps"], affine=affine, parameter=parameter)


general(
    standardize,
    _standardize_vjp,
    joint=True,
    jvp=(
        _standardize_jvp,
        lambda t, x, *, axes, eps, affine: reshape(t, shape=affine) * standard(x, axes, eps)[0],
        lambda t, *, affine: reshape(t, shape=affine),
    ),
    batch=_standardize_batch,
)


@primitive
def rescale(x, weight, bias, mean, var, *, eps, affine):
    """(x - mean) / sqrt(var + eps) * weight + bias with given statistics, one a channel."""
    if is_half(x):
        return in_single(rescale, x, weight, bias, mean, var, eps=eps, affine=affine)
    scale = 1 / np.sqrt(var + var.dtype.type(eps))
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    if bias is not None:
        shift = shift + bias
    return x * scale.reshape(affine) + shift.reshape(affine)


def _rescale_vjp(g, x, weight, mean, var, *, eps, affine, needs):
    r = reshape(rsqrt(var + eps), shape=affine)
    along = tuple(i for i in range(len(affine)) if i != 1)
    size = (affine[1],)
    gx = gw = gb = gm = gv = None
    h = g * r if weight is None else g * (r * reshape(weight, shape=affine))
    d = x - reshape(mean, shape=affine)
    if needs[0]:
        gx = h
    if needs[1]:
        gw = reshape(sum_over(g * (d * r), axes=along, keepdims=False), shape=size)
    if needs[2]:
        gb = reshape(sum_over(g, axes=along, keepdims=False), shape=size)
    if needs[3]:
        gm = -reshape(sum_over(h, axes=along, keepdims=False), shape=size)
    if needs[4]:
        t = h * d * (r * r * -0.5)
        gv = reshape(sum_over(t, axes=along, keepdims=False), shape=size)
    return gx, gw, gb, gm, gv


def _scale(weight, var, eps):
    return rsqrt(var + eps) if weight is None else rsqrt(var + eps) * weight


def _rescale_x(t, weight, var, *, eps, affine):
    return t * reshape(_scale(weight, var, eps), shape=affine)


def _rescale_weight(t, x, mean, var, *, eps, affine):
    return (x - reshape(mean, shape=affine)) * reshape(t * rsqrt(var + eps), shape=affine)


def _rescale_bias(t, *, affine):
    return reshape(t, shape=affine)


def _rescale_mean(t, weight, var, *, eps, affine):
    return reshape(-t * _scale(weight, var, eps), shape=affine)


def _rescale_var(t, x, weight, mean, var, *, eps, affine):
    slope = _scale(weight, var, eps) * (t / (var + eps)) * -0.5
    return (x - reshape(mean, shape=affine)) * reshape(slope, shape=affine)


def _rescale_batch(fun, values, flags, kw):
    """With the same statistics for all the batch is more of the first dimension; else the formula
    itself.
    """
    x, weight, bias, mean, var = values
    if not any(flags[1:]):
        return reshape(fun(as_rows(x), *values[1:], **kw), shape=x.shape)
    size, affine = batch_size(values, flags), kw["affine"]
    x, weight, bias, mean, var = leading(values, flags, size)
    scale = reshape(_scale(weight, var, kw["eps"]), shape=(size, *affine))
    r = (x - reshape(mean, shape=(size, *affine))) * scale
    return r if bias is None else r + reshape(bias, shape=(size, *affine))


general(
    rescale,
    _rescale_vjp,
    joint=True,
    jvp=(_rescale_x, _rescale_weight, _rescale_bias, _rescale_mean, _rescale_var),
    batch=_rescale_batch,
)
