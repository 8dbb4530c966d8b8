"""Lowerings of vector norms, distances and renormalization. Imports ops.norms and others."""

import math
from typing import Any

import numpy as np

from ...ops import distances, statistics
from ...ops import norms as ops
from .registry import Unlowered
from .terms import Term, formula


def power(x: Any, exponent: float) -> Any:
    """x ** exponent by the function that the kernel calls."""
    return np.power(x, x.dtype.type(exponent))


@formula(ops.absolute_power)
def absolute_power(x: Any, *, exponent: float) -> Any:
    """|x| ** exponent, but 0 where x is 0."""
    size = np.absolute(x)
    raised = size if exponent == 1 else power(size, exponent)
    return np.where(size == 0, size.dtype.type(0), raised)


@formula(ops.signed_power)
def _signed_power(x: Any, *, exponent: float) -> Any:
    if exponent == 0 and x.dtype.kind == "f":
        return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)
    return np.sign(x) * absolute_power(x, exponent=exponent)


def norm(x: Any, p: float, axes: Any, keepdims: bool) -> Any:
    """(sum |x|^p)^(1/p); the number of non-zeros for 0, the extreme |x| for +-inf."""
    if x.dtype.kind != "f":
        raise Unlowered
    over = {"axis": axes, "keepdims": keepdims}
    if p == 2:
        return np.sqrt(np.add.reduce(x * x, **over))
    size = np.absolute(x)
    if p == math.inf:
        return np.maximum.reduce(size, **over)
    if p == -math.inf:
        return np.minimum.reduce(size, **over)
    if p == 0:
        return np.add.reduce((size != 0).astype(size.dtype), **over)
    if p == 1:
        return np.add.reduce(size, **over)
    return power(np.add.reduce(power(size, p), **over), 1 / p)


@formula(ops.vector_norm, in_single=True, floats=True)
def _vector_norm(x: Any, *, p: float, axes: Any, keepdims: bool, dtype: Any) -> Any:
    if dtype is not None:
        x = x.astype(dtype)
        if x.dtype.itemsize == 2:
            raise Unlowered
    return norm(x, p, axes, keepdims)


@formula(ops.dist, floats=True)
def _dist(x: Any, y: Any, *, p: float) -> Any:
    return norm(x - y, p, None, False)


@formula(ops.weight_norm, in_single=True, floats=True)
def _weight_norm(v: Any, lengths: Any, *, axes: Any) -> Any:
    return v * (lengths / np.sqrt(np.add.reduce(v * v, axes, keepdims=True)))


@formula(statistics.renorm, floats=True)
def _renorm(x: Any, *, p: float, axes: Any, maxnorm: float) -> Any:
    found = norm(x, p, axes, True)
    factor = np.where(found > maxnorm, maxnorm / (found + statistics.TINY), 1.0)
    return x * factor.astype(found.dtype)


# --- distances of all pairs -----------------------------------------------------------------------


@formula(distances.cdist, floats=True)
def _cdist(x: Any, y: Any, *, p: float) -> Any:
    *lead, rows, width = x.shape
    if not width or not x.size or not y.size:
        raise Unlowered
    d = x.reshape(*lead, rows, 1, width) - y.reshape(*y.shape[:-2], 1, *y.shape[-2:])
    return norm(d, p, d.ndim - 1, False)


@formula(distances.euclidean_dist, floats=True)
def _euclidean_dist(x: Any, y: Any) -> Any:
    square_x = np.add.reduce(x * x, -1, keepdims=True)
    square_y = np.add.reduce(y * y, -1, keepdims=True)
    left = np.concatenate([x * -2, square_x, np.ones_like(square_x)], -1)
    right = np.concatenate([y, np.ones_like(square_y), square_y], -1)
    return np.sqrt(np.maximum(np.matmul(left, right.swapaxes(-1, -2)), 0))


@formula(distances.pdist, floats=True)
def _pdist(x: Any, *, p: float) -> Any:
    i, j = np.triu_indices(x.shape[-2], 1)
    if not x.size or not len(i):
        raise Unlowered
    g, axis = x.graph, x.ndim - 2
    a, b = (Term(g, g.take(x.value, g.constant(k.astype(np.int64)), axis)) for k in (i, j))
    return norm(a - b, p, x.ndim - 1, False)
