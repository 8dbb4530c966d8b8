"""Sorting, selection by rank, and what is found with them. Imports NumPy only.

All sorting is stable, with nan after every number, as PyTorch's is. Differentiable functions
return (values, indices); their derivative goes to the elements that the indices name.
"""

import math

import numpy as np

from .batching import along_axis, batch_size, leading, merged
from .creation import zeros
from .cumulative import placed, taken
from .elementwise import underivable
from .extremes import evenly, evenly_jvp, picked, picked_jvp
from .indexing import STARTS, gather
from .joining import stack
from .layout import arranged, contiguous, memory_axes
from .rule import ALIGNED, constant, general, primitive
from .shape import reshape, select

# --- sorting --------------------------------------------------------------------------------------


def _keys(x):
    """What to order by: float32 for bfloat16, whose nan NumPy does not put last."""
    return x.astype(np.float32) if x.dtype.kind == "V" else x


#: what is sorted with the places packed behind it: 32 bits or less
_PACKED = {np.dtype(t) for t in ("float32", "float16", "int32", "int16", "int8", "uint8", "bool")}


def _packed_order(x, descending):
    """The stable order of rows by sorting 64-bit numbers: the element above, its place below.

    Sorting numbers is several times quicker in NumPy than sorting places by what they show.
    """
    if x.dtype.kind == "f":
        x = x.astype(np.float32, copy=False) + np.float32(0)  # -0.0 is equal to 0.0
        is_nan = x != x
        keys = x.view(np.int32)
        keys ^= (keys >> 31) & np.int32(0x7FFFFFFF)  # in the order of the numbers
        if is_nan.any():
            keys[is_nan] = 0x7FFFFFFF
    else:
        keys = x.astype(np.int32, copy=False)
    packed = (~keys if descending else keys).astype(np.int64)
    packed <<= 32
    packed |= np.arange(x.shape[-1])
    packed.sort(-1)
    packed &= 0xFFFFFFFF
    return packed


def _order(x, axis, descending):
    """The stable order along a dimension; descending: nan first, equal elements as they stand."""
    if x.size < 4096 and not descending and x.dtype.kind != "V":
        return x.argsort(axis, "stable")
    x = _keys(x)
    n = x.shape[axis]
    if n >= 64 and x.size >= 4096 and axis == x.ndim - 1 and n < 2**31 and x.dtype in _PACKED:
        return _packed_order(x, descending)
    if not descending:
        return x.argsort(axis, "stable")
    backwards = np.flip(x, axis).argsort(axis, "stable")
    return x.shape[axis] - 1 - np.flip(backwards, axis)


def _with_order(x, order, axis):
    order = np.ascontiguousarray(order)
    return gather.__wrapped__(x, order, axis=axis), order


def places_in_order(x, axis, descending):
    """Where the elements in order along a dimension stand; C-contiguous for such an array."""
    if x.ndim == 0:
        return np.zeros((), np.int64)
    return np.ascontiguousarray(_order(x, axis, descending))


#: up to so many elements it takes less to sort values as well than to collect them
FEW = 128


@primitive
def sort(x, *, axis, descending):
    """The elements in order along a dimension, and where they stood."""
    if x.ndim == 0:
        return np.array(x), np.zeros((), np.int64)
    order = _order(x, axis, descending)
    if x.size <= FEW and not descending and x.dtype.kind != "V" and x.flags.c_contiguous:
        values = x.copy()
        values.sort(axis, "stable")
        return values, np.ascontiguousarray(order)
    values, places = _with_order(x, order, axis)
    if x.flags.c_contiguous:
        return values, places
    axes = memory_axes(x.shape, x.strides)
    return arranged(values, axes), arranged(places, axes)


_FLOATS = {np.dtype("float32"), np.dtype("float64")}


def _few_of_many(x, k, largest):
    """topk along rows, one place after the other; None where infinite numbers or nan are found."""
    if x.dtype not in _FLOATS or x.size == 0:
        return None
    out_of_reach = -math.inf if largest else math.inf
    rest = x.reshape(-1, x.shape[-1]).copy()
    rows = STARTS[rest.shape]
    flat, found = rest.reshape(-1), [rest.argmax(1) if largest else rest.argmin(1)]
    while len(found) < k:
        flat[found[-1] + rows] = out_of_reach
        found.append(rest.argmax(1) if largest else rest.argmin(1))
    least = flat.take(found[-1] + rows)  # infinite where there was nothing left to find
    order = np.array(found).T.reshape(*x.shape[:-1], k)
    values, order = _with_order(x, order, x.ndim - 1)
    total = np.add.reduce(values, None) + np.add.reduce(least)
    return (values, order) if math.isfinite(total) else None


@primitive
def topk(x, *, k, axis, largest):
    """The k greatest (or least) elements along a dimension in order, and where they stand."""
    if x.ndim == 0:
        return np.array(x), np.zeros((), np.int64)
    n = x.shape[axis]
    if 0 < k <= 8 <= n // 4 and axis == x.ndim - 1 and x.flags.c_contiguous:
        found = _few_of_many(x, k, largest)
        if found is not None:
            return found
    elif n <= 32 and axis == x.ndim - 1 and largest and x.dtype in _FLOATS and x.size:
        flat = x.reshape(-1)
        if not math.isnan(flat.dot(flat)):
            return _with_order(x, np.negative(x).argsort(axis, "stable")[..., :k], axis)
    lead = (slice(None),) * axis
    if n < 512 or k > n // 8:
        return _with_order(x, _order(x, axis, largest)[(*lead, slice(k))], axis)
    kth = n - k if largest else k - 1
    chosen = np.argpartition(_keys(x), kth, axis)[
        (*lead, slice(kth, None) if largest else slice(k))
    ]
    chosen = np.sort(chosen, axis)
    order = _order(np.take_along_axis(x, chosen, axis), axis, largest)
    return _with_order(x, np.take_along_axis(chosen, order, axis), axis)


general(sort, placed, results=2, jvp=taken, batch=along_axis)
general(topk, placed, results=2, jvp=taken, batch=along_axis)


# --- one element by its rank ----------------------------------------------------------------------


def _select(x, rank, axis, keepdims):
    """The elements of a rank (an int, or an array with size 1 along `axis`), and their places."""
    order = np.argsort(_keys(x), axis, "stable")
    if not isinstance(rank, np.ndarray):
        rank = np.full([1 if i == axis else n for i, n in enumerate(x.shape)], rank)
    place = np.take_along_axis(order, rank, axis)
    return _kept(np.take_along_axis(x, place, axis), place, axis, keepdims)


def _kept(values, places, axis, keepdims):
    if keepdims:
        return values, places
    lead = (slice(None),) * axis
    return values[(*lead, 0, ...)], places[(*lead, 0, ...)]


@primitive
def kth(x, *, k, axis, keepdims):
    """The k-th least element along a dimension, counted from 1, and where it stands."""
    if x.ndim == 0:
        return np.array(x), np.zeros((), np.int64)
    return _select(contiguous(x), k - 1, axis, keepdims)


@primitive
def median_along(x, *, axis, keepdims):
    """The lower median along a dimension and where it stands; the first nan if there is one."""
    if x.ndim == 0:
        return np.array(x), np.zeros((), np.int64)
    x, n = contiguous(x), x.shape[axis]
    nans = np.add.reduce(x != x, axis, keepdims=True)
    return _select(x, np.where(nans > 0, n - nans, (n - 1) // 2), axis, keepdims)


@primitive
def nanmedian_along(x, *, axis, keepdims):
    """The lower median along a dimension of what is not nan, and where it stands."""
    if x.ndim == 0:
        return np.array(x), np.zeros((), np.int64)
    x = contiguous(x)
    numbers = np.add.reduce(x == x, axis, keepdims=True)
    return _select(x, np.maximum((numbers - 1) // 2, 0), axis, keepdims)


@primitive
def median_of(x):
    """The lower median of all elements, nan if one of them is."""
    return _median(x, (x != x).any())


@primitive
def nanmedian_of(x):
    """The lower median of all elements that are not nan."""
    return _median(x[x == x], False)


def _median(x, has_nan):
    if x.size == 0 or has_nan:
        with np.errstate(all="ignore"):
            return np.array(np.nan).astype(x.dtype)
    rank = (x.size - 1) // 2
    return np.partition(x.reshape(-1), rank)[rank, ...]


@primitive
def mode(x, *, axis, keepdims):
    """The most frequent element along a dimension, the least of several, and its last place."""
    if x.ndim == 0:
        return np.array(x), np.zeros((), np.int64)
    order = np.argsort(_keys(x), axis, "stable")
    ordered = np.take_along_axis(x, order, axis)
    lead = (slice(None),) * axis
    places = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    starts = np.broadcast_to(places, x.shape).copy()
    after, before = (*lead, slice(1, None)), (*lead, slice(0, -1))
    starts[after] *= ordered[after] != ordered[before]
    run = places - np.maximum.accumulate(starts, axis)
    place = np.take_along_axis(order, np.argmax(run, axis, keepdims=True), axis)
    return _kept(np.take_along_axis(x, place, axis), place, axis, keepdims)


def _batch_of_all(along):
    """Each example's median is one along the dimension of all its elements (as in PyTorch, of
    equal elements one gets the whole gradient there).
    """
    return lambda fun, values, flags, kw: along(merged(values[0]), axis=1, keepdims=False)[0]


for _fun in (kth, median_along, nanmedian_along, mode):
    general(_fun, picked, results=2, jvp=picked_jvp, batch=along_axis)
general(median_of, evenly, jvp=evenly_jvp, batch=_batch_of_all(median_along))
general(nanmedian_of, evenly, jvp=evenly_jvp, batch=_batch_of_all(nanmedian_along))


@primitive
def quantile_scale(x, *, ignore_nan):
    """(scale, offset) of each row: the quantile q lies at rank q scale + offset of the sorted row.

    A nan, which is sorted to the end, is itself the quantile unless nans are ignored.
    """
    numbers = np.add.reduce(x == x, -1, keepdims=True)
    n = x.shape[-1]
    if ignore_nan:
        scale = np.maximum(numbers - 1, 0).astype(x.dtype)
        return scale, np.zeros_like(scale)
    spoilt = numbers < n
    return (
        np.where(spoilt, 0, n - 1).astype(x.dtype),
        np.where(spoilt, n - 1, 0).astype(x.dtype),
    )


constant(quantile_scale, results=2, batch=ALIGNED, ordered=False)


@primitive
def quantile_places(ranks, *, how):
    """Ranks as places: the one at or below ("floor"), at or above ("ceil"), or the nearest."""
    rounding = {"floor": np.floor, "ceil": np.ceil, "nearest": np.rint}[how]
    return rounding(ranks).astype(np.int64)


constant(quantile_places, batch=ALIGNED, ordered=False)


# --- places in sorted arrays ----------------------------------------------------------------------


@primitive
def searchsorted(x, v, *, right):
    """Where `v` would be inserted in sorted `x`, row by row; `right`: after equal elements."""
    side = "right" if right else "left"
    if x.ndim == 1:
        return np.asarray(np.searchsorted(x, v, side))
    result = np.empty(v.shape, np.int64)
    if v.size:
        rows = zip(x.reshape(-1, x.shape[-1]), v.reshape(-1, v.shape[-1]), strict=True)
        result.reshape(-1, v.shape[-1])[...] = [
            np.searchsorted(row, values, side) for row, values in rows
        ]
    return result


def _searchsorted_batch(fun, values, flags, kw):
    x, v = values
    if not flags[0] and x.ndim == 1:
        return fun(x, v, **kw)
    x, v = leading(values, flags)
    rows = merged(v) if x.ndim == 2 else v
    return reshape(fun(x, rows, **kw), shape=v.shape)


constant(searchsorted, batch=_searchsorted_batch)


# --- distinct values and counts -------------------------------------------------------------------


@primitive
def unique(x, *, axis):
    """Distinct elements (or slices) in order, the number of each element's value, the counts."""
    values, inverse, counts = np.unique(
        _keys(x), return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    return (
        values.astype(x.dtype, copy=False),
        inverse.reshape(x.shape if axis is None else -1),
        counts,
    )


@primitive
def unique_consecutive(x, *, axis):
    """One of each run of equal elements (or slices), the number of each one's run, the lengths."""
    rows = x.reshape(-1) if axis is None else np.moveaxis(x, axis, 0)
    n = len(rows)
    first = np.ones(n, bool)
    if n > 1:
        different = rows[1:] != rows[:-1]
        first[1:] = different.reshape(n - 1, -1).any(1)
    starts = np.flatnonzero(first)
    inverse = np.cumsum(first) - 1
    counts = np.diff(np.append(starts, n))
    values = np.ascontiguousarray(rows[starts])
    values = values if axis is None else np.moveaxis(values, 0, axis)
    return values, inverse.reshape(x.shape if axis is None else -1), counts


@primitive
def bincount(x, weights=None, *, length):
    """How often each number 0, 1, ... occurs in x, or the sum of its weights."""
    return np.bincount(x, weights, length)


@primitive
def histogram(x, *, bins, low, high):
    """How many elements lie in each of `bins` equal parts of [low, high], no others.

    Without limits (None) they are the least and the greatest element.
    """
    if low is None:
        low, high = _span(x)
    low, high, parts = (x.dtype.type(v) for v in (low, high, bins))
    values = x[(x >= low) & (x <= high)]
    # each step is rounded to the dtype, as PyTorch's are
    bin_of = np.minimum(((values - low) * parts / (high - low)).astype(np.int64), bins - 1)
    return np.bincount(bin_of, minlength=bins).astype(x.dtype)


def _no_batch(fun, values, flags, kw):
    raise RuntimeError(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to "
        f"vmap over {fun.__name__}\nIts result has another size for each example; call it outside "
        "of vmap, or in a loop"
    )


def one_by_one(fun, values, flags, kw):
    """Counting takes a pass over each example's values anyway."""
    size = batch_size(values, flags)
    results = [
        fun(
            *[select(v, axis=0, index=n) if f else v for v, f in zip(values, flags, strict=True)],
            **kw,
        )
        for n in range(size)
    ]
    for n, r in enumerate(results):
        if r.shape != results[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(results[0].shape)} at "
                f"entry 0 and {list(r.shape)} at entry {n}\n{fun.__name__} under vmap needs "
                "results of one size; bincount's is chosen by minlength"
            )
    return stack(*results, axis=0)


def _count_batch(fun, values, flags, kw):
    if batch_size(values, flags):
        return one_by_one(fun, values, flags, kw)
    weighted = len(values) > 1 and values[1] is not None
    dtype = np.dtype("float64" if weighted else "int64")
    return zeros(shape=(0, kw["length"]), dtype=dtype, like=values[0])


def _histogram_batch(fun, values, flags, kw):
    if batch_size(values, flags):
        return one_by_one(fun, values, flags, kw)
    return reshape(values[0], shape=(0, kw["bins"]))


def _span(x):
    """The range of the elements, which must be finite; one wider by 1 on each side if empty."""
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    if not np.isfinite([low, high]).all():
        raise RuntimeError(
            f"torch.histc: range of [{low:g}, {high:g}] is not finite\nThe tensor holds nan or "
            "inf; give min and max, or clean it by nan_to_num()"
        )
    return (low - 1, high + 1) if low == high else (low, high)


general(
    unique,
    lambda g0, *, axis: underivable("_unique2" if axis is None else "unique_dim"),
    results=3,
    batch=_no_batch,
)
general(
    unique_consecutive,
    lambda g0: underivable("unique_consecutive"),
    results=3,
    batch=_no_batch,
)
constant(bincount, batch=_count_batch)
constant(histogram, batch=_histogram_batch)
