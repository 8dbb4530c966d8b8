"""Images at other sizes: every value is a weighted sum of values along each dimension.

Imports NumPy only.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..batching import as_rows
from ..elementwise import widened
from ..layout import channels_as
from ..rule import linear, primitive
from ..shape import reshape
from ..special import polynomial

#: the parameter of Keys' cubic kernel, and the one that PyTorch takes when it widens the kernel
CUBIC, WIDE_CUBIC = -0.75, -0.5
#: more taps than this are one matrix product
FEW = 8


class Axis(NamedTuple):
    """How one dimension is resampled, from `size` values to `count`.

    mode: "nearest", "nearest-exact", "linear", "cubic", "lanczos", "area"; `wide` stretches the
    kernel over what one result covers (antialiasing); `factor`: the scale that was asked for, if it
    overrules the ratio of the sizes; `align`: the outermost centres coincide; `double`: centres are
    computed in float64.
    """

    mode: str
    size: int
    count: int
    align: bool
    factor: float | None
    wide: bool
    double: bool


@primitive
def resample(x, *, axes, back):
    """The last dimensions of x resampled as `axes` (one Axis each) say; `back`: the transpose.

    Integers of 8 bits are rounded after each dimension.
    """
    dtype = x.dtype
    r: Any = widened(x)
    first = x.ndim - len(axes)
    order = range(len(axes)) if dtype.kind == "f" and not axes[0].wide else range(len(axes))[::-1]
    for i in order:
        r = _along(r, first + i, axes[i], back)
    r = r.astype(dtype, copy=r is x)
    return r if x.flags.c_contiguous else channels_as(r, x)


def _along(x, dim, axis, back):
    if axis.size == axis.count:  # whatever the scale says
        return x
    places, weights = taps(axis)
    if back:
        places, weights = transposed_taps(axis)
    if x.dtype.kind in "iu" and not axis.mode.startswith("nearest"):
        return _whole_numbers(x, dim, places, weights)
    weights = weights.astype(x.dtype)
    if places.shape[1] > FEW:
        matrix = np.zeros((axis.count if back else axis.size, len(places)), x.dtype)
        np.add.at(matrix, (places, np.arange(len(places))[:, None]), weights)
        product = np.moveaxis(np.matmul(np.moveaxis(x, dim, -1), matrix), -1, dim)
        result = np.empty(product.shape, product.dtype)  # with the strides of its shape
        result[...] = product
        return result
    result = None
    side = (-1, *(1,) * (x.ndim - dim - 1))
    for k in range(places.shape[1]):
        part = x.take(places[:, k], dim)
        if not (weights[:, k] == 1).all():
            part *= weights[:, k].reshape(side)
        result = part if result is None else np.add(result, part, out=result)
    return result


def _whole_numbers(x, dim, places, weights):
    """Weighted sums of bytes with weights of 16 bits, as image libraries do it."""
    largest = weights.max(initial=0.0)
    digits = 0
    while digits < 22 and int(0.5 + largest * (1 << (digits + 1))) < 1 << 15:
        digits += 1
    fixed = weights * (1 << digits)
    fixed = np.where(fixed < 0, fixed - 0.5, fixed + 0.5).astype(np.int32)
    side = (-1, *(1,) * (x.ndim - dim - 1))
    total = np.int32(1 << (digits - 1))
    for k in range(places.shape[1]):
        total = total + x.take(places[:, k], dim).astype(np.int32) * fixed[:, k].reshape(side)
    return np.clip(total >> digits, 0, 255).astype(x.dtype)


def _resample_batch(fun, values, flags, kw):
    (x,) = values
    result = fun(as_rows(x), **kw)
    return reshape(result, shape=(*x.shape[:2], *result.shape[1:]))


linear(
    resample,
    lambda g, *, axes, back: resample(g, axes=axes, back=not back),
    fresh=True,
    batch=_resample_batch,
)


# --- where each value comes from ------------------------------------------------------------------


def scale_of(axis, kind):
    """The distance of two results, counted in values."""
    if axis.align:
        return kind(axis.size - 1) / kind(axis.count - 1) if axis.count > 1 else kind(0)
    if axis.factor is not None and axis.factor > 0:
        return kind(1.0 / axis.factor)
    return kind(axis.size) / kind(axis.count)


@lru_cache(maxsize=64)
def taps(axis):
    """For each result the places that it reads, and their weights: two arrays (count, taps)."""
    if axis.mode.startswith("nearest"):
        places = _nearest(axis)[:, None]
        return places, np.ones(places.shape)
    if axis.mode == "area":
        return _area(axis)
    if axis.wide:
        return _wide(axis)
    kind = np.float64 if axis.double else np.float32
    scale, i = scale_of(axis, kind), np.arange(axis.count).astype(kind)
    source = scale * i if axis.align else scale * (i + kind(0.5)) - kind(0.5)
    if axis.mode == "linear":
        source = np.maximum(source, 0)
        low = np.minimum(source.astype(np.int64), axis.size - 1)
        t = np.clip(source - low, 0, 1)
        return _stacked([low, np.minimum(low + 1, axis.size - 1)], [1 - t, t])
    low = np.floor(source).astype(np.int64)
    t = np.clip(source - low, 0, 1)
    places = [np.clip(low + k, 0, axis.size - 1) for k in (-1, 0, 1, 2)]
    weights = [cubic(np.abs(t - k), CUBIC) for k in (-1, 0, 1, 2)]
    for k in range(3):  # beyond the border a value is read twice: one tap, rounded once
        twice = places[k] == places[k + 1]
        weights[k + 1] = weights[k + 1] + np.where(twice, weights[k], 0)
        weights[k] = np.where(twice, 0, weights[k])
    return _stacked(places, weights)


def _stacked(places, weights):
    return np.stack(places, 1), np.stack(weights, 1)


def _nearest(axis):
    i = np.arange(axis.count)
    if axis.mode == "nearest" and axis.count == 2 * axis.size:
        return i >> 1
    scale = scale_of(axis._replace(align=False), np.float32)
    at = i.astype(np.float32)
    if axis.mode == "nearest-exact":
        at = at + np.float32(0.5)
    return np.minimum(np.floor(at * scale).astype(np.int64), axis.size - 1)


def intervals(n, count):
    """The starts and ends of `count` intervals which cover n elements evenly."""
    i = np.arange(count)
    return i * n // count, -(-(i + 1) * n // count)


def _area(axis):
    first, last = intervals(axis.size, axis.count)
    k = np.arange((last - first).max(initial=1))
    inside = k < (last - first)[:, None]
    places = np.minimum(first[:, None] + k, axis.size - 1)
    return places, inside / (last - first)[:, None]


def _wide(axis):
    """The kernel stretched by the scale where that is above 1, its weights divided by their sum."""
    kind = np.float64 if axis.double else np.float32
    scale = scale_of(axis, kind)
    half = kind({"linear": 1, "cubic": 2, "lanczos": 3}[axis.mode])
    support = half * scale if scale >= 1 else half
    inverse = 1 / scale if scale >= 1 else kind(1)
    center = scale * (np.arange(axis.count).astype(kind) + kind(0.5))
    first = np.maximum((center - support + kind(0.5)).astype(np.int64), 0)
    last = np.minimum((center + support + kind(0.5)).astype(np.int64), axis.size)
    k = np.arange(max((last - first).max(initial=1), 1))
    distance = np.abs((k + (first[:, None] - center[:, None]) + kind(0.5)) * inverse)
    if axis.mode == "cubic":
        weights = cubic(distance, WIDE_CUBIC)
    elif axis.mode == "lanczos":
        weights = _lanczos(distance)
    else:
        weights = np.maximum(1 - distance, 0)
    weights = np.where(k < (last - first)[:, None], weights, 0)
    total = weights.sum(1, keepdims=True)
    weights = weights / np.where(total == 0, 1, total)
    return np.clip(first[:, None] + k, 0, axis.size - 1), weights


def cubic(d, a, order=0):
    """Keys' piecewise cubic kernel at distances d >= 0, or its derivative of some order.

    Source: Keys, "Cubic convolution interpolation for digital image processing" (1981).
    """
    near, far = (a + 2, -a - 3, 0, 1), (a, -5 * a, 8 * a, -4 * a)
    for _ in range(order):
        near, far = _derivative(near), _derivative(far)
    return np.where(d <= 1, polynomial(d, near), np.where(d >= 2, 0, polynomial(d, far)))


def _derivative(coefficients):
    n = len(coefficients) - 1
    return tuple([c * (n - i) for i, c in enumerate(coefficients[:-1])]) or (0,)


def _lanczos(d):
    """sinc(d) sinc(d / 3) within three values. Source: Duchon, "Lanczos filtering" (1979)."""
    return np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0).astype(d.dtype)


@lru_cache(maxsize=64)
def transposed_taps(axis):
    """For each value the results that read it, and the weights, filled up with zeros."""
    places, weights = taps(axis)
    results = np.broadcast_to(np.arange(axis.count)[:, None], places.shape)
    used = weights != 0
    readers, results, weights = places[used], results[used], weights[used]
    order = readers.argsort(kind="stable")
    readers, results, weights = readers[order], results[order], weights[order]
    counts = np.bincount(readers, minlength=axis.size)
    number = np.arange(len(readers)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (axis.size, max(counts.max(initial=1), 1))
    there, weight = np.zeros(shape, np.int64), np.zeros(shape, weights.dtype)
    there[readers, number] = results
    weight[readers, number] = weights
    return there, weight
