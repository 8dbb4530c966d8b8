"""Rows of a table by number, and the transpose: rows added up by number. Imports NumPy only."""

import numpy as np

from ..batching import batch_size, with_batch
from ..rule import linear, primitive
from ..shape import reshape, transpose

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


def _batch_last(x, rank):
    """The batch's dimension behind the `rank` ones that follow it."""
    return transpose(x, axes=(*range(1, rank + 1), 0, *range(rank + 1, x.ndim)))


def _batch_first(x, rank):
    """The dimension behind the first `rank` ones in front of them."""
    return transpose(x, axes=(rank, *range(rank), *range(rank + 1, x.ndim)))


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
        return _batch_first(fun(_batch_last(table, 1), index, padding=padding), index.ndim)
    size, rows = table.shape[:2]
    index, padding = _in_one_table(index, padding, rows, size)
    table = reshape(table, shape=(size * rows, *table.shape[2:]))
    return fun(table, index, padding=padding)


def _add_batch(fun, values, flags, kw):
    x, index = values
    rows, padding = kw["rows"], kw["padding"]
    if not flags[1]:
        table = fun(_batch_last(x, index.ndim), index, rows=rows, padding=padding)
        return _batch_first(table, 1)
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
