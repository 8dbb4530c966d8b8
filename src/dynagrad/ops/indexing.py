"""Indexing: by numbers and slices, by index arrays, by one index an element, by masks.

Imports NumPy only.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .creation import zeros
from .elementwise import LONG, select_alike
from .elementwise import select as chosen
from .index_batching import (
    are_neighbours,
    basic_batch,
    clear_batch,
    gather_batch,
    index_batch,
    put_batch,
    scatter_batch,
    unindex_batch,
)
from .layout import arranged, contiguous, dense, memory_axes
from .rule import ALIGNED, constant, general, linear, primitive, same
from .shape import cast, narrow, restrided, sum_to, widen


@primitive
def getitem(x, *, index):
    """x[index] for a tuple of numbers, slices, None and one `...` (else NumPy copies a single
    element): a view.
    """
    r = x[index]
    return r if None not in index else _with_strides(r, index)


def _with_strides(r, index):
    """`r` with PyTorch's strides along new dimensions: those of the dimension behind, where
    NumPy has 0.
    """
    kept = sum(item is not ... and type(item) is not int for item in index)
    new: list[bool] = []
    for item in index:
        if item is ...:
            new += [False] * (r.ndim - kept)
        elif type(item) is not int:
            new.append(item is None)
    strides, below = list(r.strides), r.itemsize
    for d in range(r.ndim - 1, -1, -1):
        if new[d]:
            strides[d] = below
        below = r.shape[d] * strides[d]
    return restrided(r, r.shape, tuple(strides))


@primitive
def ungetitem(x, *, index, shape):
    """Zeros of `shape` with `x` at a basic index: the transpose of getitem."""
    result = np.zeros(shape, x.dtype)
    result[index] = x
    return result


linear(
    getitem,
    lambda g, x_meta, *, index: ungetitem(g, index=index, shape=x_meta.shape),
    fresh=True,
    batch=basic_batch,
)
linear(ungetitem, lambda g, *, index: getitem(g, index=index), batch=basic_batch)


# --- index arrays -----------------------------------------------------------------------------
#
# An index is one array of places, counted in row-major order through the dimensions `axes` that
# it replaces: never negative, never out of range. Indices in several dimensions are brought into
# this form first. The result has the index's dimensions where `axes` stood, or in front if they
# are not neighbours. A number counts as a vector of one element.


@primitive
def index(x, i, *, axes, in_rows=True):
    """The elements of `x` at places `i` of the dimensions `axes`, in new memory."""
    if in_rows or x.flags.c_contiguous or x.ndim < 2:
        return _at(x, i, axes)
    # PyTorch: an elementwise function of the index and of x, of which the index's dimensions see
    # nothing
    neighbours = are_neighbours(axes)
    lead = x.strides[: axes[0]] if neighbours else ()
    trail = [s for d, s in enumerate(x.strides) if d >= len(lead) and d not in axes]
    strides = [(*lead, *(0,) * i.ndim, *trail)]
    strides.append(((0,) * len(lead)) + i.strides + (0,) * len(trail))
    result = _at(x, i, axes)
    return arranged(result, memory_axes(result.shape, *strides))


def _at(x, i, axes):
    """The elements in the order of rows."""
    first = axes[0]
    if not x.ndim:
        x = x.reshape(1)
    if len(axes) > 1:
        if not are_neighbours(axes):
            return contiguous(x[_key(x, i, axes)])
        try:
            x = x.reshape((*x.shape[:first], -1, *x.shape[axes[-1] + 1 :]), copy=False)
        except ValueError:
            return contiguous(x[_key(x, i, axes)])
    return x.take(i, first)


@primitive
def unindex(x, i, *, axes, shape):
    """Zeros of `shape` with `x` added at places `i`: the transpose of index."""
    result = np.zeros(shape, x.dtype)
    put_into(result, i, x, axes=axes, accumulate=True)
    return result


@primitive
def put(x, i, v, *, axes, accumulate, in_rows=False):
    """A copy of `x` with `v`, broadcast, written or added at places `i` of the dimensions
    `axes`; its memory is in x's order, or in that of rows.
    """
    result = np.array(x, order="C") if in_rows or x.flags.c_contiguous else dense(x)
    put_into(result, i, v, axes=axes, accumulate=accumulate)
    return result


@primitive
def clear(x, i, *, axes):
    """A copy of `x` with zeros at places `i` of the dimensions `axes`."""
    result = np.array(x, order="C")
    put_into(result, i, 0, axes=axes, accumulate=False)
    return result


def put_into(x, i, v, *, axes, accumulate):
    """Write or add `v` at places `i` of x's own memory."""
    if not x.ndim:
        x = x.reshape(1)
    if not accumulate:
        x[_key(x, i, axes)] = v
        return
    places, shape = _places(x.shape, i, axes)
    add_at(x, places, np.broadcast_to(v, shape))


def add_at(x, places, v):
    """Add `v` to x's elements number `places` in row-major order; equal places add up.

    NumPy's add.at has a fast loop for flat arrays only: there it does 1 ns an element, five to
    ten times quicker than on rows, and quicker than bincount or sorting.
    """
    flat = x.reshape(-1)
    if v.dtype is not x.dtype:
        v = v.astype(x.dtype, copy=False)
    np.add.at(flat, places.reshape(-1), v.reshape(-1))
    if not x.flags.c_contiguous:
        x[...] = flat.reshape(x.shape)


def _key(x, i, axes):
    """The index `i` as NumPy's index tuple."""
    if len(axes) == 1:
        return (slice(None),) * axes[0] + (i,)
    each = iter(np.unravel_index(i, [x.shape[axis] for axis in axes]))
    return tuple([next(each) if n in axes else slice(None) for n in range(axes[-1] + 1)])


def _places(shape, i, axes):
    """The row-major numbers, in an array of `shape`, of the elements that an index shows."""
    first = axes[0]
    if are_neighbours(axes):
        lead, trail = shape[:first], shape[axes[-1] + 1 :]
        n, k = math.prod(shape[a] for a in axes), math.prod(trail)
        places = (i * k if k != 1 else i).reshape(-1, 1) + np.arange(k)
        if lead:
            places = np.arange(math.prod(lead)).reshape(-1, 1, 1) * (n * k) + places
        return places, (*lead, *i.shape, *trail)
    places = np.arange(math.prod(shape)).reshape(shape)[_key(np.empty(shape, bool), i, axes)]
    return places, places.shape


linear(
    index,
    lambda g, i, x_meta, *, axes: unindex(g, i, axes=axes, shape=x_meta.shape),
    None,
    fresh=True,
    batch=index_batch,
)
linear(unindex, lambda g, i, *, axes: index(g, i, axes=axes), None, fresh=True, batch=unindex_batch)
linear(clear, lambda g, i, *, axes: clear(g, i, axes=axes), None, fresh=True, batch=clear_batch)
linear(
    put,
    lambda g, i, *, axes, accumulate: g if accumulate else clear(g, i, axes=axes),
    None,
    lambda g, i, v_meta, *, axes: sum_to(index(g, i, axes=axes), shape=v_meta.shape),
    batch=put_batch,
)


# --- one index for every element --------------------------------------------------------------


class _Starts(dict):
    """The numbers of the first elements of the rows of a matrix, constants, by its shape."""

    def __missing__(self, key):
        count, step = key
        found = np.arange(count) * step
        if count <= 4096 and len(self) < 256:
            self[key] = found
        return found


STARTS = _Starts()


@lru_cache(64)
def _offsets(shape, axis, step):
    """What is added to the places along `axis` in an index of this shape, a constant.

    Written out: NumPy takes twice as long where it has to repeat a row or a column.
    """
    rows, columns = shape
    offsets = np.empty(shape, np.int64)
    offsets[...] = np.arange(columns) if axis == 0 else np.arange(rows).reshape(-1, 1) * step
    return offsets


def _grid(shape, i, axis):
    """The row-major numbers, in an array of `shape`, of the elements (.., i[..], ..) along
    `axis`.
    """
    if not shape:
        return np.zeros(i.shape, np.int64)
    if len(shape) == 2:
        count, step = i.shape[1 - axis], shape[1]
        if i.size <= 4096:
            return (i if axis == 1 else i * step) + _offsets(i.shape, axis, step)
        if axis == 1:
            return i + STARTS[count, step].reshape(-1, 1)
        return i * step + np.arange(count)
    places: Any = 0
    step = 1
    for d in range(len(shape) - 1, -1, -1):
        if d == axis:
            places = places + i * step
        elif i.shape[d] > 1:
            places = places + np.arange(i.shape[d]).reshape((-1,) + (1,) * (i.ndim - d - 1)) * step
        step *= shape[d]
    return places


def _cropped(v, shape):
    """The part of a source that an index of `shape` names, or the one number for all places."""
    if v.ndim and v.shape != shape:
        for axis, n in enumerate(shape):
            if v.shape[axis] != n:
                v = narrow(v, axis=axis, start=0, length=n)
    return v


def _uncropped(g, shape):
    """The cotangent of the source of `shape`: zeros where the index did not reach; the sum for
    one number.
    """
    if not shape:
        return sum_to(g, shape=shape)
    for axis, n in enumerate(shape):
        if g.shape[axis] != n:
            g = widen(g, axis=axis, start=0, total=n)
    return g


@primitive
def gather(x, i, *, axis):
    """out[a, b, ..] = x[.., i[a, b, ..], ..] with the index along `axis`."""
    if not i.size:
        return np.empty(i.shape, x.dtype)
    return x.reshape(-1).take(_grid(x.shape, i, axis))


@primitive
def ungather(x, i, *, axis, shape):
    """Zeros of `shape` with `x` added where gather read: its transpose."""
    result = np.zeros(shape, x.dtype)
    if i.size:
        add_at(result, _grid(shape, i, axis), x)
    return result


@primitive
def scatter(x, i, v, *, axis):
    """A copy of `x` with v[a, b, ..] written to (.., i[a, b, ..], ..)."""
    result = np.array(x, order="C")
    result.reshape(-1)[_grid(x.shape, i, axis)] = _cropped(v, i.shape)
    return result


@primitive
def scatter_add(x, i, v, *, axis):
    """A copy of `x` with v[a, b, ..] added at (.., i[a, b, ..], ..)."""
    result = np.array(x, order="C")
    if v.shape != i.shape:
        v = np.broadcast_to(_cropped(v, i.shape), i.shape)
    add_at(result, _grid(x.shape, i, axis), v)
    return result


@primitive
def erase(x, i, *, axis):
    """A copy of `x` with zeros at (.., i[a, b, ..], ..)."""
    result = np.array(x, order="C")
    result.reshape(-1)[_grid(x.shape, i, axis)] = 0
    return result


linear(
    gather,
    lambda g, i, x_meta, *, axis: ungather(g, i, axis=axis, shape=x_meta.shape),
    None,
    fresh=True,
    batch=gather_batch,
)
linear(
    ungather, lambda g, i, *, axis: gather(g, i, axis=axis), None, fresh=True, batch=scatter_batch
)
linear(erase, lambda g, i, *, axis: erase(g, i, axis=axis), None, fresh=True, batch=scatter_batch)
linear(
    scatter,
    lambda g, i, *, axis: erase(g, i, axis=axis),
    None,
    lambda g, i, v_meta, *, axis: _uncropped(gather(g, i, axis=axis), v_meta.shape),
    fresh=True,
    batch=scatter_batch,
)
linear(
    scatter_add,
    same,
    None,
    lambda g, i, v_meta, *, axis: _uncropped(gather(g, i, axis=axis), v_meta.shape),
    batch=scatter_batch,
)


def _neutral(reduce, dtype):
    """The number that leaves the others as they are."""
    if reduce == "prod":
        return 1
    sign = -1 if reduce == "amax" else 1
    if dtype.kind in "fV":
        return sign * math.inf
    if dtype.kind == "b":
        return reduce == "amin"
    info = np.iinfo(dtype)
    return info.min if reduce == "amax" else info.max


_REDUCE = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


@primitive
def scatter_reduce(x, i, v, *, axis, reduce, include_self):
    """prod, amax or amin of x's elements and all v[a, b, ..] with the place (.., i[a, b, ..], ..).

    Elements of `x` that receive something take part themselves only with include_self.
    """
    result = np.array(x, order="C")
    places = _grid(x.shape, i, axis).reshape(-1)
    flat = result.reshape(-1)
    if not include_self:
        flat[places] = _neutral(reduce, x.dtype)
    _REDUCE[reduce].at(flat, places, _cropped(v, i.shape).reshape(-1))
    return result


def _extreme_factors(x, i, v, out, dtype, axis, include_self):
    """An extremum's derivative is shared equally by all elements that attain it."""
    own = np.equal(x, out)
    if not include_self:
        own = erase(own, i, axis=axis)
    own = cast(own, dtype=dtype)
    theirs = cast(np.equal(v, gather(out, i, axis=axis)), dtype=dtype)
    return own, [(1.0, theirs)], np.maximum(scatter_add(own, i, theirs, axis=axis), 1.0)


def _product_factors(x, i, v, dtype, axis, include_self):
    """A product's derivative is the product of the others: the whole without the element, which is
    divided out where it is not zero and replaced by one where it is the only zero there.

    These products are scatters again, so that further derivatives see the zeros among the others.
    """
    settings = {"axis": axis, "reduce": "prod"}
    safe_x = x + cast(np.equal(x, 0.0), dtype=dtype)
    own = scatter_reduce(safe_x, i, v, include_self=True, **settings) / safe_x
    if not include_self:
        own = erase(own, i, axis=axis)
    marks = cast(np.equal(v, 0.0), dtype=dtype)
    nothing = cast(np.not_equal(x, x), dtype=dtype)
    zeros_there = gather(scatter_add(nothing, i, marks, axis=axis), i, axis=axis)
    only = marks * cast(np.equal(zeros_there, 1.0), dtype=dtype)
    safe_v = v * (1.0 - marks) + marks
    whole = scatter_reduce(x, i, v, include_self=include_self, **settings)
    without = scatter_reduce(x, i, safe_v, include_self=include_self, **settings)
    return own, [(whole, (1.0 - marks) / safe_v), (without, only)], 1.0


def _factors(x, x_meta, i, v, out, axis, reduce, include_self):
    """(own, parts, ties): a result's derivative by x's element is `own / ties`; by an element of
    the source it is the sum, over the (whole, theirs) in `parts`, of `whole / ties` at its place
    times `theirs`.
    """
    part = _cropped(v, i.shape)
    if reduce == "prod":
        return _product_factors(x, i, part, x_meta.dtype, axis, include_self)
    return _extreme_factors(x, i, part, out, x_meta.dtype, axis, include_self)


def _added(terms):
    first, *rest = terms
    for term in rest:
        first = first + term
    return first


def _scatter_reduce_gradient(g, x, x_meta, i, v, out, *, axis, reduce, include_self):
    own, parts, ties = _factors(x, x_meta, i, v, out, axis, reduce, include_self)
    g = g / ties
    to_v = _added([gather(g * whole, i, axis=axis) * theirs for whole, theirs in parts])
    return g * own, None, _uncropped(to_v, v.shape)


def _input_jvp(t, x, x_meta, i, v, out, *, axis, reduce, include_self):
    own, _, ties = _factors(x, x_meta, i, v, out, axis, reduce, include_self)
    return t * own / ties


def _source_jvp(t, x, x_meta, i, v, out, *, axis, reduce, include_self):
    _, parts, ties = _factors(x, x_meta, i, v, out, axis, reduce, include_self)
    nothing, t = zeros(shape=x_meta.shape, dtype=x_meta.dtype, like=x), _cropped(t, i.shape)
    return _added(
        [scatter_add(nothing, i, t * theirs, axis=axis) * whole / ties for whole, theirs in parts]
    )


general(
    scatter_reduce,
    _scatter_reduce_gradient,
    joint=True,
    jvp=(_input_jvp, None, _source_jvp),
    batch=scatter_batch,
)


@primitive
def scatter_mean(x, i, v, *, axis, mean, include_self):
    """Sum or mean of x's elements and all v[a, b, ..] with the place (.., i[a, b, ..], ..);
    include_self as above.
    """
    start = x if include_self else erase.__wrapped__(x, i, axis=axis)
    total = scatter_add.__wrapped__(start, i, v, axis=axis)
    if not mean:
        return total
    parts = count_parts.__wrapped__(x, i, axis=axis, include_self=include_self)
    return np.floor_divide(total, parts) if x.dtype.kind in "iu" else total / parts


@primitive
def count_parts(x, i, *, axis, include_self):
    """How many elements a scatter with this index brings together at each place of `x`, at
    least 1.
    """
    start = np.ones(x.shape, x.dtype)
    if not include_self:
        start = erase.__wrapped__(start, i, axis=axis)
    parts = scatter_add.__wrapped__(start, i, np.ones(i.shape, x.dtype), axis=axis)
    return np.maximum(parts, x.dtype.type(1))


def _mean_gradient(g, i, shape, axis, mean, include_self):
    share = g / count_parts(g, i, axis=axis, include_self=include_self) if mean else g
    to_x = share if include_self else erase(share, i, axis=axis)
    return to_x, None, _uncropped(gather(share, i, axis=axis), shape)


constant(count_parts, batch=scatter_batch)
linear(
    scatter_mean,
    lambda g, i, v_meta, *, axis, mean, include_self: _mean_gradient(
        g, i, v_meta.shape, axis, mean, include_self
    ),
    joint=True,
    batch=scatter_batch,
)


# --- masks ------------------------------------------------------------------------------------


@primitive
def masked(x, mask, *, keep):
    """`x` where the mask, broadcast, equals `keep`; zeros elsewhere."""
    zero = x.dtype.type(0)
    return np.where(mask, x, zero) if keep else np.where(mask, zero, x)


@primitive
def fill_where(x, mask, v):
    """`v`, a number, where the mask holds, `x` elsewhere; x and mask broadcast."""
    if v.ndim or mask.shape != x.shape:  # numbers of a batch have dimensions
        return contiguous(chosen(mask, v, x))
    return filled(x, mask, v)


def filled(x, mask, v):
    """fill_where of one number, Python's or an array, for a mask of x's shape."""
    if x.size < LONG:
        return select_alike(mask, v, x)
    return contiguous(chosen(mask, np.asarray(v, x.dtype), x))


linear(
    masked,
    lambda g, mask, x_meta, *, keep: sum_to(masked(g, mask, keep=keep), shape=x_meta.shape),
    None,
    fresh=True,
    batch=ALIGNED,
)
linear(
    fill_where,
    lambda g, mask, x_meta: sum_to(masked(g, mask, keep=False), shape=x_meta.shape),
    None,
    lambda g, mask, v_meta: sum_to(masked(g, mask, keep=True), shape=v_meta.shape),
    fresh=True,
    batch=ALIGNED,
)
