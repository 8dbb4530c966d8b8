"""Elements picked from the last dimensions by row-major numbers, and windows without a regular
grid: adaptive and fractional pooling.

Imports NumPy only.
"""

import math
from itertools import product

import numpy as np

from ..creation import zeros
from ..elementwise import is_half, widened
from ..indexing import add_at
from ..layout import channels_as
from ..rule import ALIGNED, LEADING, constant, linear, primitive
from .resampling import intervals

# --- by number ------------------------------------------------------------------------------------


def _flat_places(i, rank, area):
    """Row-major numbers in the whole array, from those in each plane of its last dimensions."""
    planes = math.prod(i.shape[:-rank])
    return i.reshape(planes, math.prod(i.shape[-rank:])) + np.arange(planes)[:, None] * area


@primitive
def pick_planes(x, i, *, rank):
    """The elements number `i`, counted in row-major order, of the last `rank` dimensions."""
    area = math.prod(x.shape[-rank:])
    return channels_as(x.reshape(-1).take(_flat_places(i, rank, area)).reshape(i.shape), x)


def into_planes(x, i, sizes, *, add):
    """Zeros with x written, or added, at places `i` of the last dimensions."""
    shape = (*x.shape[: -len(sizes)], *sizes)
    half = is_half(x)
    result = np.zeros(shape, np.float32 if half and add else x.dtype)
    places = _flat_places(i, len(sizes), math.prod(sizes))
    if add:
        add_at(result, places, x)
    else:
        result.reshape(-1)[places.reshape(-1)] = x.reshape(-1)
    return result.astype(x.dtype, copy=False)


@primitive
def unpick_planes(x, i, *, sizes):
    """Zeros with x added at places `i` of the last dimensions: the transpose of pick_planes."""
    return channels_as(into_planes(x, i, sizes, add=True), x)


@primitive
def unpool_planes(x, i, *, sizes):
    """Zeros with x written at places `i` of the last dimensions; equal places hold one of them."""
    return channels_as(into_planes(x, i, sizes, add=False), x)


@primitive
def max_back(x, like, i, *, rank):
    """Max pooling's derivative: unpick_planes in the shape of `like`, whose derivative is 0."""
    return channels_as(into_planes(x, i, like.shape[-rank:], add=True), like)


linear(
    pick_planes,
    lambda g, i, x_meta, *, rank: unpick_planes(g, i, sizes=x_meta.shape[-rank:]),
    None,
    fresh=True,
    batch=LEADING,
)
linear(
    unpick_planes,
    lambda g, i, *, sizes: pick_planes(g, i, rank=len(sizes)),
    None,
    fresh=True,
    batch=LEADING,
)
linear(
    max_back,
    lambda g, i, *, rank: pick_planes(g, i, rank=rank),
    lambda g, like_meta: zeros(shape=like_meta.shape, dtype=like_meta.dtype, like=g),
    None,
    fresh=True,
    batch=LEADING,
)
linear(
    unpool_planes,
    lambda g, i, *, sizes: pick_planes(g, i, rank=len(sizes)),
    None,
    fresh=True,
    batch=LEADING,
)


# --- where the largest elements are ---------------------------------------------------------------


def _best(candidates):
    """The place of the largest of some (values, places): the first of equal ones, the last nan."""
    values, places = next(candidates)
    values = np.array(values)
    places = np.array(np.broadcast_to(places, values.shape))
    for other, there in candidates:
        better = (other > values) | (other != other)
        np.copyto(values, other, where=better)
        np.copyto(places, there, where=better)
    return places


@primitive
def adaptive_max_places(x, *, sizes):
    """Where the largest element of each interval of the last dimensions lies; `sizes`: how many
    intervals they have.
    """
    rank = len(sizes)
    spatial = x.shape[-rank:]
    x = widened(x)
    cuts = [intervals(n, count) for n, count in zip(spatial, sizes, strict=True)]
    lengths = [int((end - start).max(initial=1)) for start, end in cuts]

    def candidates():
        for tap in product(*map(range, lengths)):
            at = [np.minimum(start + k, end - 1) for k, (start, end) in zip(tap, cuts, strict=True)]
            number = np.zeros((), np.int64)
            for n, place in zip(spatial, at, strict=True):
                number = number[..., None] * n + place
            yield x[(..., *np.ix_(*at))], number

    return channels_as(_best(candidates()), x)


def _starts(samples, n, size, count):
    """The starts of `count` windows of a size among n elements, from one random number a plane.

    Source: Graham, "Fractional max-pooling" (arXiv:1412.6071).
    """
    kind = samples.dtype.type
    alpha = kind(n - size) / kind(count - 1) if count > 1 else kind(0)
    steps = np.arange(count).astype(samples.dtype)
    u = samples[..., None]
    starts = ((steps + u) * alpha).astype(np.int64) - (u * alpha).astype(np.int64)
    starts[..., -1:] = n - size
    return starts


@primitive
def fractional_max_places(x, samples, *, kernel, sizes):
    """Where the largest element of each window lies; random numbers `samples` (planes..., rank) say
    how far windows of size `kernel` are apart.
    """
    rank = len(sizes)
    spatial = x.shape[-rank:]
    order = (1, 0) if rank == 2 else (0, 1, 2)  # of planes the last dimension's number is first
    starts = [
        _starts(samples[..., number], n, k, count)
        for number, n, k, count in zip(order, spatial, kernel, sizes, strict=True)
    ]
    flat = widened(x).reshape(-1)
    first = np.arange(math.prod(x.shape[:-rank])).reshape(*x.shape[:-rank], *(1,) * rank)
    first = first * math.prod(spatial)

    def candidates():
        for tap in product(*map(range, kernel)):
            number = np.zeros((), np.int64)
            for axis, (n, k, start) in enumerate(zip(spatial, tap, starts, strict=True)):
                side = [start.shape[-1] if d == axis else 1 for d in range(rank)]
                place = (start + k).reshape(*start.shape[:-1], *side)
                number = number * n + place
            yield flat.take(first + number), number

    return _best(candidates())


constant(adaptive_max_places, batch=ALIGNED, ordered=False)
constant(fractional_max_places, batch=LEADING)
