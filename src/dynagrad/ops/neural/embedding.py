"""Rows of a table by number, and the transpose: rows added up by number; sums of them by bags.

Imports NumPy only.
"""

import numpy as np

from ..batching import as_rows, batch_size, moved, with_batch
from ..contraction import one_column
from ..elementwise import in_single, is_half, keep
from ..indexing import gather, ungather
from ..reduction import sum_over
from ..rule import constant, general, linear, multilinear, primitive
from ..shape import cast, reshape

# `padding` is the number of a row, or None; an array of numbers where tables of a batch are one.


@primitive
def take_rows(weight, index, *, padding):
    """weight[index]."""
    return weight.take(index, 0)


@primitive
def add_rows(x, index, *, rows, padding):
    """A table of zeros with x added to the rows `index`, except rows `padding`."""
    width = x.shape[index.ndim :]
    index, x = index.reshape(-1), x.reshape(index.size, *width)
    result = np.zeros((rows, *width), x.dtype)
    if index.size:
        order = index.argsort(kind="stable")
        index = index[order]
        starts = np.flatnonzero(np.r_[True, index[1:] != index[:-1]])
        # sorted runs: many times quicker than np.add.at, and in the order of the input
        result[index[starts]] = np.add.reduceat(x[order], starts, 0)
    if padding is not None:
        result[padding] = 0
    return result


def _in_one_table(index, padding, rows, size):
    """Indices, and the padding's, into the tables of all examples as one."""
    starts = np.arange(size) * rows
    if padding is not None:
        padding = (np.reshape(padding, (-1, 1)) + starts).reshape(-1)
    return index + starts.reshape(size, *(1,) * (index.ndim - 1)), padding


def _take_batch(fun, values, flags, kw):
    table, index = values
    padding = kw["padding"]
    if not flags[0]:
        return fun(table, index, padding=padding)
    if not flags[1]:
        return moved(fun(moved(table, 0, 1), index, padding=padding), index.ndim, 0)
    size, rows = table.shape[:2]
    index, padding = _in_one_table(index, padding, rows, size)
    return fun(as_rows(table), index, padding=padding)


def _add_batch(fun, values, flags, kw):
    x, index = values
    rows, padding = kw["rows"], kw["padding"]
    if not flags[1]:
        table = fun(moved(x, 0, index.ndim), index, rows=rows, padding=padding)
        return moved(table, 1, 0)
    size = batch_size(values, flags)
    index, padding = _in_one_table(index, padding, rows, size)
    x = with_batch(x, flags[0], size)
    table = fun(x, index, rows=size * rows, padding=padding)
    return reshape(table, shape=(size, rows, *table.shape[1:]))


linear(
    take_rows,
    lambda g, weight_meta, index, *, padding: add_rows(
        g, index, rows=weight_meta.shape[0], padding=padding
    ),
    fresh=True,
    batch=_take_batch,
)


@primitive
def take_rows_but(x, index, *, padding):
    """x[index], zeros where the index is `padding`: the transpose of add_rows."""
    result = x.take(index, 0)
    if padding is not None:
        result[np.isin(index, padding) if np.ndim(padding) else index == padding] = 0
    return result


linear(
    add_rows,
    lambda g, index, *, padding: take_rows_but(g, index, padding=padding),
    fresh=True,
    batch=_add_batch,
)
linear(
    take_rows_but,
    lambda g, x_meta, index, *, padding: add_rows(g, index, rows=x_meta.shape[0], padding=padding),
    fresh=True,
    batch=_take_batch,
)


@primitive
def uses(index):
    """For each index the number of equal ones."""
    _, where, counts = np.unique(index, return_inverse=True, return_counts=True)
    return counts[where.reshape(index.shape)]


def _uses_batch(fun, values, flags, kw):
    (index,) = values
    lead = np.arange(index.shape[0]).reshape(-1, *(1,) * (index.ndim - 1))
    return fun(index + lead * (index.max(initial=0) + 1))


constant(uses, batch=_uses_batch)


def _shared(g, index):
    """Cotangents of rows divided by the number of the rows' uses."""
    counts = uses(index)
    return g / cast(one_column(counts), dtype=np.dtype(np.float32))


@primitive
def take_shared_rows(weight, index, *, padding):
    """take_rows, the gradient of whose rows is divided by the number of their uses."""
    return weight.take(index, 0)


def _take_shared_batch(fun, values, flags, kw):
    """One table for each example, since rows are counted within it."""
    size = batch_size(values, flags)
    values = [with_batch(v, flag, size) for v, flag in zip(values, flags, strict=True)]
    return _take_batch(fun, values, (True, True), kw)


linear(
    take_shared_rows,
    lambda g, weight_meta, index, *, padding: add_rows(
        _shared(g, index), index, rows=weight_meta.shape[0], padding=padding
    ),
    fresh=True,
    batch=_take_shared_batch,
)


# --- bags: `bag` holds the number of the bag of each index, in ascending order --------------------


@primitive
def bag_sum(weight, scale, index, bag, *, bags):
    """out[b] = sum of scale[i] * weight[index[i]] over the i of bag b."""
    if is_half(weight):
        return in_single(bag_sum, weight, scale, index, bag, bags=bags)
    rows = weight.take(index, 0) * scale[:, None].astype(weight.dtype, copy=False)
    return add_rows.__wrapped__(rows, bag, rows=bags, padding=None)


def _bag_rows(g, scale, bag, meta):
    """The cotangents of the rows that were added up."""
    rows = take_rows(g, bag, padding=None) * one_column(scale)
    return cast(rows, dtype=meta.dtype) if is_half(meta) else rows


def _bag_weight(g, weight_meta, scale, index, bag):
    rows = _bag_rows(g, scale, bag, weight_meta)
    return add_rows(rows, index, rows=weight_meta.shape[0], padding=None)


def _bag_scale(g, weight, index, bag):
    rows = take_rows(g, bag, padding=None) * take_rows(weight, index, padding=None)
    return sum_over(rows, axes=(1,), keepdims=False)


def _bag_batch(fun, values, flags, kw):
    """The tables of all examples as one, and their bags."""
    size = batch_size(values, flags)
    *tables, index, bag = [with_batch(v, flag, size) for v, flag in zip(values, flags, strict=True)]
    rows, bags = tables[0].shape[1], kw["bags"]
    lead = np.arange(size)[:, None]
    index, bag = [reshape(v, shape=(-1,)) for v in (index + lead * rows, bag + lead * bags)]
    result = fun(*map(as_rows, tables), index, bag, bags=size * bags)
    return reshape(result, shape=(size, bags, *result.shape[1:]))


multilinear(bag_sum, _bag_weight, _bag_scale, batch=_bag_batch)


@primitive
def shared_bag_sum(weight, scale, index, bag, *, bags):
    """bag_sum, the gradient of whose rows is divided by the number of their uses."""
    return bag_sum.__wrapped__(weight, scale, index, bag, bags=bags)


multilinear(
    shared_bag_sum,
    lambda g, weight_meta, scale, index, bag: add_rows(
        _shared(_bag_rows(g, scale, bag, weight_meta), index),
        index,
        rows=weight_meta.shape[0],
        padding=None,
    ),
    _bag_scale,
    batch=_bag_batch,
)


@primitive
def bag_winners(weight, index, bag, *, bags):
    """The number of the row that has the largest element, (bags, width); -1 for empty bags."""
    rows = weight.take(index, 0)
    winners = np.full((bags, weight.shape[1]), -1, np.int64)
    if index.size:
        starts = np.flatnonzero(np.r_[True, bag[1:] != bag[:-1]])
        top = np.maximum.reduceat(rows, starts, 0)
        lengths = np.diff(np.r_[starts, len(bag)])
        is_top = (rows == np.repeat(top, lengths, 0)) | (rows != rows)
        places = np.where(is_top, np.arange(len(bag))[:, None], len(bag))
        winners[bag[starts]] = index[np.minimum.reduceat(places, starts, 0)]
    return winners


@primitive
def bag_max(weight, index, bag, *, bags):
    """The largest elements of the rows of each bag; zeros for empty ones."""
    winners = bag_winners.__wrapped__(weight, index, bag, bags=bags)
    largest = np.take_along_axis(weight, np.maximum(winners, 0), 0) if len(weight) else winners
    return np.where(winners < 0, weight.dtype.type(0), largest).astype(weight.dtype, copy=False)


def _bag_max_vjp(g, weight, weight_meta, index, bag, *, bags):
    winners = bag_winners(weight, index, bag, bags=bags)
    g = keep(g, np.greater_equal(winners, 0))
    return ungather(g, np.maximum(winners, 0), axis=0, shape=weight_meta.shape)


def _bag_max_jvp(t, weight, index, bag, *, bags):
    winners = bag_winners(weight, index, bag, bags=bags)
    largest = gather(t, np.maximum(winners, 0), axis=0)
    return keep(largest, np.greater_equal(winners, 0))


def _winners_batch(fun, values, flags, kw):
    size, rows = batch_size(values, flags), values[0].shape[int(flags[0])]
    winners = _bag_batch(fun, values, flags, kw)
    start = np.arange(size).reshape(-1, 1, 1) * rows
    return np.where(winners < 0, -1, winners - start)


constant(bag_winners, batch=_winners_batch)
general(bag_max, _bag_max_vjp, jvp=_bag_max_jvp, batch=_bag_batch)
