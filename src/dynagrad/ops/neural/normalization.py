"""Normalization to mean 0 and variance 1 with a learned scale and shift. Imports NumPy only."""

import math

import numpy as np

from ..elementwise import rsqrt
from ..reduction import sum_over
from ..rule import general, linear, primitive
from ..shape import reshape


@primitive
def standardize(x, weight, bias, *, axes, eps, affine, parameter):
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and variance (of 1 / n) over `axes`.

    weight and bias, where given, have the shape `parameter` and are brought to `affine` first.
    """
    n = math.prod([x.shape[i] for i in axes])
    d = x - np.add.reduce(x, axes, keepdims=True) / n
    variance = np.add.reduce(d * d, axes, keepdims=True) / n
    d *= 1 / np.sqrt(variance + eps)
    if weight is not None:
        d *= weight.reshape(affine)
    if bias is not None:
        d += bias.reshape(affine)
    return d


def _standardize_vjp(g, x, weight, *, axes, eps, affine, parameter, needs):
    n = math.prod([x.shape[i] for i in axes])

    def mean(t):
        return sum_over(t, axes=axes, keepdims=True) * (1 / n)

    d = x - mean(x)
    r = rsqrt(mean(d * d) + eps)
    d = d * r
    along = tuple(i for i in range(x.ndim) if i >= len(affine) or affine[i] == 1)
    gx = gw = gb = None
    if needs[2]:
        gb = reshape(sum_over(g, axes=along, keepdims=False), shape=parameter)
    if needs[1]:
        gw = reshape(sum_over(g * d, axes=along, keepdims=False), shape=parameter)
    if needs[0]:
        h = g if weight is None else g * reshape(weight, shape=affine)
        gx = r * (h - mean(h) - d * mean(h * d))
    return gx, gw, gb


general(standardize, _standardize_vjp, joint=True)


@primitive
def pad_constant(x, *, widths, value):
    """x surrounded by `value`: (before, after) for each dimension, negative widths crop."""
    shape = [n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)]
    result = np.full(shape, value, x.dtype)
    into = tuple(
        slice(max(a, 0), max(a, 0) + n + min(a, 0) + min(b, 0))
        for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    source = tuple(
        slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    result[into] = x[source]
    return result


general(
    pad_constant,
    lambda g, *, widths: pad_constant(g, widths=tuple((-a, -b) for a, b in widths), value=0),
)


@primitive
def rescale(x, weight, bias, mean, var, *, eps, affine):
    """(x - mean) / sqrt(var + eps) * weight + bias with given statistics, one a channel."""
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


general(rescale, _rescale_vjp, joint=True)


@primitive
def repeat_places(x, *, places, axis):
    """The elements number `places` along a dimension."""
    return x.take(places, axis)


@primitive
def add_places(x, *, places, axis, total):
    """Elements added up at `places` of a dimension: the transpose of repeat_places."""
    result = np.zeros((*x.shape[:axis], total, *x.shape[axis + 1 :]), x.dtype)
    lead = (slice(None),) * axis
    for source, place in enumerate(places):
        result[(*lead, place)] += x[(*lead, source)]
    return result


linear(
    repeat_places,
    lambda g, x_meta, *, places, axis: add_places(
        g, places=places, axis=axis, total=x_meta.shape[axis]
    ),
    fresh=True,
)
linear(
    add_places,
    lambda g, *, places, axis: repeat_places(g, places=places, axis=axis),
    fresh=True,
)
