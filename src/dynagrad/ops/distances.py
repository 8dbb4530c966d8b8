"""Distances between all pairs of two lists of points. Imports NumPy only."""

import math

import numpy as np

from .contraction import one_column, one_row, swap
from .elementwise import keep
from .indexing import index, unindex
from .norms import absolute_power, signed_power, vector_norm
from .reduction import divide_or_zero, sum_over
from .rule import ALIGNED, LEADING, general, primitive
from .shape import reshape

#: the largest number of coordinate differences held at once
BLOCK = 1 << 20

# Shapes: x (..., P, M), y (..., R, M), result (..., P, R).


def _norms(d, p):
    return vector_norm.__wrapped__(d, p=p, axes=(d.ndim - 1,), keepdims=False, dtype=None)


def _differences(x, y):
    """x_i - y_j for all pairs, (..., P, R, M)."""
    x = one_row(x)
    return x - reshape(y, shape=(*y.shape[:-2], 1, *y.shape[-2:]))


@primitive
def cdist(x, y, *, p):
    """The p-norms of x_i - y_j."""
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    rows, columns, width = x.shape[-2], y.shape[-2], x.shape[-1]
    result = np.zeros((*lead, rows, columns), x.dtype)
    if not width or not result.size:
        return result
    step = max(BLOCK // max(math.prod(lead) * columns * width, 1), 1)
    for start in range(0, rows, step):
        part = slice(start, start + step)
        result[..., part, :] = _norms(_differences(x[..., part, :], y), p)
    return result


def _slope(g, d, out, p):
    """g times the derivative of the p-norm `out` of d, along the last dimension."""
    g, out = one_column(g), one_column(out)
    if p == 0:
        return d * g * 0
    if p == 1:
        return signed_power(d, exponent=0) * g
    if p == 2:
        return d * divide_or_zero(g, out)
    if p == math.inf:  # ties are not shared: each coordinate at the distance gets all of it
        return keep(signed_power(d, exponent=0) * g, np.equal(np.absolute(d), out))
    return signed_power(d, exponent=p - 1) * divide_or_zero(g, absolute_power(out, exponent=p - 1))


def _cdist_vjp(g, x, y, out, *, p, needs):
    slopes = _slope(g, _differences(x, y), out, p)
    axis = slopes.ndim - 2
    gx = sum_over(slopes, axes=(axis,), keepdims=False) if needs[0] else None
    gy = -sum_over(slopes, axes=(axis - 1,), keepdims=False) if needs[1] else None
    return gx, gy


def _pushed(t, d, out, p):
    """The tangent of the norms of d, whose tangent is t."""
    ones = divide_or_zero(out, out) if p == 2 else out * 0 + 1
    slopes = _slope(ones, d, out, p)
    return sum_over(slopes * t, axes=(d.ndim - 1,), keepdims=False)


def _cdist_x(t, x, y, out, *, p):
    return _pushed(one_row(t), _differences(x, y), out, p)


def _cdist_y(t, x, y, out, *, p):
    t = reshape(t, shape=(*t.shape[:-2], 1, *t.shape[-2:]))
    return -_pushed(t, _differences(x, y), out, p)


general(cdist, _cdist_vjp, joint=True, jvp=(_cdist_x, _cdist_y), batch=ALIGNED)


@primitive
def euclidean_dist(x, y):
    """The Euclidean distances by one matrix product: |x|^2 - 2 x y + |y|^2."""
    square_x = np.add.reduce(x * x, -1, keepdims=True)
    square_y = np.add.reduce(y * y, -1, keepdims=True)
    ones_x, ones_y = np.ones_like(square_x), np.ones_like(square_y)
    left = np.concatenate([x * -2, square_x, ones_x], -1)
    right = np.concatenate([y, ones_y, square_y], -1)
    result = np.matmul(left, right.swapaxes(-1, -2))
    return np.sqrt(np.maximum(result, 0))


def _euclidean_vjp(g, x, y, out, *, needs):
    ratio = divide_or_zero(g, out)
    gx = gy = None
    if needs[0]:
        total = sum_over(ratio, axes=(ratio.ndim - 1,), keepdims=True)
        gx = x * total - np.matmul(ratio, y)
    if needs[1]:
        turned = swap(ratio)
        total = sum_over(turned, axes=(turned.ndim - 1,), keepdims=True)
        gy = y * total - np.matmul(turned, x)
    return gx, gy


def _euclidean_x(t, x, y, out):
    along = sum_over(t * x, axes=(t.ndim - 1,), keepdims=True) - np.matmul(t, swap(y))
    return divide_or_zero(along, out)


def _euclidean_y(t, x, y, out):
    return swap(_euclidean_x(t, y, x, swap(out)))


general(
    euclidean_dist,
    _euclidean_vjp,
    joint=True,
    jvp=(_euclidean_x, _euclidean_y),
    batch=ALIGNED,
)


@primitive
def pdist(x, *, p):
    """The p-norms of x_i - x_j for i < j, row by row, (P (P - 1) / 2,)."""
    i, j = np.triu_indices(x.shape[-2], 1)
    result = np.zeros((*x.shape[:-2], len(i)), x.dtype)
    step = max(BLOCK // max(math.prod(x.shape[:-2]) * x.shape[-1], 1), 1)
    for start in range(0, len(i) if x.shape[-1] else 0, step):
        part = slice(start, start + step)
        result[..., part] = _norms(x[..., i[part], :] - x[..., j[part], :], p)
    return result


def _differences_of_pairs(x, i, j):
    axes = (x.ndim - 2,)
    return index(x, i, axes=axes) - index(x, j, axes=axes)


def _pdist_vjp(g, x, out, *, p):
    i, j = np.triu_indices(x.shape[-2], 1)
    slopes = _slope(g, _differences_of_pairs(x, i, j), out, p)
    kw = {"axes": (x.ndim - 2,), "shape": x.shape}
    return unindex(slopes, i, **kw) - unindex(slopes, j, **kw)


def _pdist_jvp(t, x, out, *, p):
    i, j = np.triu_indices(x.shape[-2], 1)
    return _pushed(_differences_of_pairs(t, i, j), _differences_of_pairs(x, i, j), out, p)


general(pdist, _pdist_vjp, jvp=_pdist_jvp, batch=LEADING)
