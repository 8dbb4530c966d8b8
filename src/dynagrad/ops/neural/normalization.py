"""Normalization to mean 0 and variance 1 with a learned scale and shift. Imports NumPy only."""

import math

import numpy as np

from ..elementwise import rsqrt
from ..reduction import sum_over
from ..rule import general, linear, primitive
from ..shape import reshape


@primitive
def standardize(x, weight, bias, *, axes, eps, affine):
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and variance (of 1 / n) over `axes`.

    `affine` is the shape to which weight and bias, where given, are brought first.
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


def _standardize_vjp(g, x, weight, weight_meta, bias_meta, *, axes, eps, affine, needs):
    n = math.prod([x.shape[i] for i in axes])

    def mean(t):
        return sum_over(t, axes=axes, keepdims=True) * (1 / n)

    d = x - mean(x)
    r = rsqrt(mean(d * d) + eps)
    d = d * r
    along = tuple(i for i in range(x.ndim) if i >= len(affine) or affine[i] == 1)
    gx = gw = gb = None
    if needs[2]:
        gb = reshape(sum_over(g, axes=along, keepdims=False), shape=bias_meta.shape)
    if needs[1]:
        gw = reshape(sum_over(g * d, axes=along, keepdims=False), shape=weight_meta.shape)
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


linear(
    pad_constant,
    lambda g, *, widths: pad_constant(g, widths=tuple((-a, -b) for a, b in widths), value=0),
    fresh=True,
)
