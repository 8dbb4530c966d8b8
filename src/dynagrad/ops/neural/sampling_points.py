"""Images at arbitrary points: each value is a sum over a few neighbours, its taps.

Three functions, linear in each of their inputs and one another's derivatives, do the sums; the
taps' weights are polynomials of the points' coordinates. Imports NumPy only.
"""

import math

import numpy as np

from ..batching import rowwise
from ..elementwise import in_single, is_half
from ..indexing import add_at
from ..joining import stack
from ..reduction import sum_over
from ..rule import ALIGNED, constant, general, linear, multilinear, primitive
from ..shape import cast, reshape
from ..sums import FLOAT32
from .resampling import CUBIC, cubic

# Shapes: x (N, C, *sizes), grid (N, *points, D) with D = len(sizes), the last coordinate first;
# weights and places (N, P, K) with P the number of points and K that of taps; values (N, C, P).


# --- sums over taps -------------------------------------------------------------------------------


@primitive
def sum_taps(x, weights, places):
    """out[n, c, p] = sum_k weights[n, p, k] x[n, c, places[n, p, k]] for x (N, C, S)."""
    n, channels, size = x.shape
    rows = np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(n * size, channels)
    result = np.zeros((*places.shape[:2], channels), x.dtype)
    for k, at in _rows_of_taps(places, size):
        part = rows.take(at, 0)
        part *= weights[:, :, k, None]
        result += part
    return np.ascontiguousarray(result.transpose(0, 2, 1))


@primitive
def spread_taps(v, weights, places, *, size):
    """out[n, c, s] = sum of weights[n, p, k] v[n, c, p] over the p and k where places is s."""
    n, channels, _ = v.shape
    columns = v.transpose(0, 2, 1)
    result = np.zeros((n * size, channels), v.dtype)
    each = np.arange(channels)
    for k, at in _rows_of_taps(places, size):
        part = columns * weights[:, :, k, None]
        add_at(result, at[..., None] * channels + each, part)
    return np.ascontiguousarray(result.reshape(n, size, channels).transpose(0, 2, 1))


@primitive
def weigh_taps(v, x, places):
    """out[n, p, k] = sum_c v[n, c, p] x[n, c, places[n, p, k]]."""
    n, channels, size = x.shape
    rows = np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(n * size, channels)
    columns = v.transpose(0, 2, 1)
    result = np.empty(places.shape, v.dtype)
    for k, at in _rows_of_taps(places, size):
        result[:, :, k] = np.add.reduce(rows.take(at, 0) * columns, -1)
    return result


def _rows_of_taps(places, size):
    """For each tap its number, and the rows of all images one after the other."""
    start = np.arange(places.shape[0])[:, None] * size
    for k in range(places.shape[2]):
        yield k, places[:, :, k] + start


multilinear(
    sum_taps,
    lambda g, x_meta, weights, places: spread_taps(g, weights, places, size=x_meta.shape[2]),
    lambda g, x, places: weigh_taps(g, x, places),
    None,
    batch=rowwise,
)
multilinear(
    spread_taps,
    lambda g, weights, places: sum_taps(g, weights, places),
    lambda g, v, places: weigh_taps(v, g, places),
    None,
    batch=rowwise,
)
multilinear(
    weigh_taps,
    lambda g, x, places: sum_taps(x, g, places),
    lambda g, v, places, x_meta: spread_taps(v, g, places, size=x_meta.shape[2]),
    None,
    batch=rowwise,
)


# --- taps of points -------------------------------------------------------------------------------


@primitive
def sample_weights(grid, *, sizes, mode, padding, align, orders):
    """The weights of the taps of each point (N, P, K), or a derivative of them.

    orders: for each coordinate how often the weights are differentiated with respect to it.
    """
    n, count, dims = grid.shape[0], math.prod(grid.shape[1:-1]), len(sizes)
    result = np.ones((n, count, 1), grid.dtype)
    for d in range(dims - 1, -1, -1):  # the last coordinate counts along the first dimension
        size = sizes[dims - 1 - d]
        at, slope = _coordinate(grid[..., d].reshape(n, count), size, mode, padding, align)
        low, each = _along(at, mode, orders[d])
        if padding == "zeros":
            # what is not a number stays so, for its cause to be seen
            each = np.where(_inside(low, size, mode) | np.isnan(each), each, 0)
        if orders[d]:
            each = each * (slope ** orders[d])[..., None]
        result = (result[..., None] * each[:, :, None, :]).reshape(
            n, count, result.shape[-1] * each.shape[-1]
        )
    return result


@primitive
def sample_places(grid, *, sizes, mode, padding, align):
    """The taps of each point (N, P, K), as numbers in row-major order; 0 for those outside."""
    n, count, dims = grid.shape[0], math.prod(grid.shape[1:-1]), len(sizes)
    result = np.zeros((n, count, 1), np.int64)
    for d in range(dims - 1, -1, -1):
        size = sizes[dims - 1 - d]
        at, _ = _coordinate(grid[..., d].reshape(n, count), size, mode, padding, align)
        low, each = _along(at, mode, 0)
        places = _taps_from(low, mode)
        if mode == "bicubic" and padding == "reflection":
            places = _reflected(places.astype(np.float64), size, align)[0].astype(np.int64)
        places = np.clip(places, 0, size - 1)
        result = (result[..., None] * size + places[:, :, None, :]).reshape(
            n, count, result.shape[-1] * each.shape[-1]
        )
    return result


def _taps_from(low, mode):
    first, count = {"nearest": (0, 1), "bilinear": (0, 2), "bicubic": (-1, 4)}[mode]
    # far outside, and where a coordinate is no number, any place far outside will do
    low = np.where(np.abs(low) < 2**31, low, -100).astype(np.int64)
    return low[..., None] + np.arange(first, first + count)


def _inside(low, size, mode):
    places = _taps_from(low, mode)
    return (places >= 0) & (places < size)


def _along(at, mode, order):
    """The first tap of coordinates, and the weights of all of them (or a derivative)."""
    if mode == "nearest":
        low = np.rint(at)
        return low, np.full((*at.shape, 1), 0.0 if order else 1.0, at.dtype)
    low = np.floor(at)
    t = at - low
    if mode == "bilinear":
        if order == 0:
            return low, np.stack([1 - t, t], -1)
        ones = np.full_like(t, 1.0 if order == 1 else 0.0)
        return low, np.stack([-ones, ones], -1)
    signs = [(1, 1.0), (0, 1.0), (-1, -1.0), (-2, -1.0)]
    weights = [cubic(np.abs(t + k), CUBIC, order) * sign**order for k, sign in signs]
    return low, np.stack(weights, -1)


def _coordinate(x, size, mode, padding, align):
    """Coordinates in [-1, 1] as places along a dimension, and their slopes."""
    if align:
        at, slope = (x + 1) / 2 * (size - 1), (size - 1) / 2
    else:
        at, slope = ((x + 1) * size - 1) / 2, size / 2
    slope = np.full_like(at, slope)
    if mode == "bicubic" or padding == "zeros":
        return at, slope
    if padding == "reflection":
        at, sign = _reflected(at, size, align)
        slope = slope * sign
    within = (at > 0) & (at < size - 1)
    # in this order what is not a number becomes 0
    return np.fmin(np.fmax(at, 0), size - 1), np.where(within, slope, 0)


def _reflected(at, size, align):
    """Places beyond the first and last centre (align) or border mirrored there, and the signs."""
    low, span = (0.0, size - 1.0) if align else (-0.5, float(size))
    if span == 0:
        return np.zeros_like(at), np.zeros_like(at)
    d = at - low
    sign = np.where(d < 0, -1, 1).astype(at.dtype)
    d = np.abs(d)
    extra, odd = np.fmod(d, span), np.floor(d / span) % 2 == 1
    return np.where(odd, span - extra + low, extra + low), np.where(odd, -sign, sign)


def _weights_vjp(g, grid, grid_meta, *, sizes, mode, padding, align, orders):
    slopes = []
    for d in range(len(sizes)):
        higher = tuple([o + (i == d) for i, o in enumerate(orders)])
        w = sample_weights(
            grid, sizes=sizes, mode=mode, padding=padding, align=align, orders=higher
        )
        slopes.append(sum_over(g * w, axes=(2,), keepdims=False))
    return reshape(stack(*slopes, axis=2), shape=grid_meta.shape)


general(sample_weights, _weights_vjp, batch=rowwise)
constant(sample_places, batch=rowwise)


# --- grid_sample ----------------------------------------------------------------------------------


@primitive
def grid_sample(x, grid, *, mode, padding, align):
    """x (N, C, *sizes) at the points grid (N, *points, D), in [-1, 1] along each dimension."""
    if is_half(x):
        return in_single(grid_sample, x, grid, mode=mode, padding=padding, align=align)
    sizes = x.shape[2:]
    kw = {"sizes": sizes, "mode": mode, "padding": padding, "align": align}
    weights = sample_weights(grid, orders=(0,) * len(sizes), **kw)
    result = sum_taps(_flat(x), weights, sample_places(grid, **kw))
    return result.reshape(*x.shape[:2], *grid.shape[1:-1])


def _flat(x):
    """Images with their spatial dimensions as one."""
    return reshape(x, shape=(*x.shape[:2], math.prod(x.shape[2:])))


def _grid_sample_vjp(g, x, x_meta, grid, grid_meta, *, mode, padding, align, needs):
    shape, dtype = x_meta.shape, x_meta.dtype
    if is_half(x_meta):
        g, x, grid = cast(g, dtype=FLOAT32), cast(x, dtype=FLOAT32), cast(grid, dtype=FLOAT32)
    kw = {"sizes": shape[2:], "mode": mode, "padding": padding, "align": align}
    orders = (0,) * (len(shape) - 2)
    places, values = sample_places(grid, **kw), _flat(g)
    gx = ggrid = None
    if needs[0]:
        weights = sample_weights(grid, orders=orders, **kw)
        gx = spread_taps(values, weights, places, size=math.prod(shape[2:]))
        gx = cast(reshape(gx, shape=shape), dtype=dtype)
    if needs[1]:
        gw = weigh_taps(values, _flat(x), places)
        ggrid = cast(_weights_vjp(gw, grid, grid_meta, orders=orders, **kw), dtype=dtype)
    return gx, ggrid


general(grid_sample, _grid_sample_vjp, joint=True, batch=rowwise)


@primitive
def affine_grid(theta, *, sizes, align):
    """The points of an image of `sizes` under each affine map theta (N, D, D + 1)."""
    points = _unit_points(sizes, align, theta.dtype)
    result = np.matmul(points, theta.swapaxes(-1, -2))
    return result.reshape(*theta.shape[:-2], *sizes, len(sizes))


@primitive
def add_affine_grid(x, *, sizes, align):
    """The transpose of affine_grid."""
    lead = x.shape[: x.ndim - len(sizes) - 1]
    x = x.reshape(*lead, math.prod(sizes), len(sizes))
    return np.matmul(x.swapaxes(-1, -2), _unit_points(sizes, align, x.dtype))


def _unit_points(sizes, align, dtype):
    """The points of an image in [-1, 1], last coordinate first, and 1: (P, D + 1)."""
    centres = []
    for n in sizes:
        span = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        centres.append(span if align else span * (n - 1) / n)
    grid = np.meshgrid(*centres, indexing="ij")
    columns = [c.reshape(-1) for c in grid[::-1]]
    return np.stack([*columns, np.ones(math.prod(sizes))], -1).astype(dtype)


linear(
    affine_grid,
    lambda g, *, sizes, align: add_affine_grid(g, sizes=sizes, align=align),
    fresh=True,
    batch=ALIGNED,
)
linear(
    add_affine_grid,
    lambda g, *, sizes, align: affine_grid(g, sizes=sizes, align=align),
    fresh=True,
    batch=ALIGNED,
)
