"""Reductions. Imports NumPy only."""

import numpy as np

from .rule import general, linear, primitive
from .shape import broadcast_to, reshape


@primitive
def sum_over(x, *, axes, keepdims):
    """The sum over the dimensions `axes` (None: over all)."""
    return np.add.reduce(x, axes, None, None, keepdims)


def expand_back(g, x_meta, axes, keepdims):
    """A reduction's cotangent broadcast to its input's shape."""
    if not keepdims and axes is not None:
        kept = tuple(1 if i in axes else n for i, n in enumerate(x_meta.shape))
        g = reshape(g, shape=kept)
    elif keepdims is False and axes is None:
        g = reshape(g, shape=(1,) * len(x_meta.shape))
    return broadcast_to(g, shape=x_meta.shape)


linear(sum_over, lambda g, x_meta, *, axes, keepdims: expand_back(g, x_meta, axes, keepdims))


@primitive
def var_over(x, *, axes, keepdims, correction):
    """The variance over `axes`: sum((x - mean)^2) / max(0, n - correction)."""
    mean = np.add.reduce(x, axes, keepdims=True) / _count(x.shape, axes)
    d = x - mean
    n = max(0, _count(x.shape, axes) - correction)
    return np.add.reduce(d * d.conj() if d.dtype.kind == "c" else d * d, axes, keepdims=keepdims) / x.dtype.type(n)


def _count(shape, axes):
    n = 1
    for i in range(len(shape)) if axes is None else axes:
        n *= shape[i]
    return n


def _var_vjp(g, x, *, axes, keepdims, correction):
    n = _count(x.shape, axes)
    d = x - sum_over(x, axes=axes, keepdims=True) / n
    return expand_back(g, x, axes, keepdims) * (d * (2.0 / max(0, n - correction) if n > correction else float("nan")))


general(var_over, _var_vjp)
