"""Lowerings of rows by number and of sums of them. Imports ops.neural.embedding."""

from typing import Any

import numpy as np

from ...ops.neural import embedding as ops
from ..ir.graph import Graph, Value
from .indexing import places
from .parts import with_axis
from .registry import Unlowered, lowering
from .ufuncs import BOOL, number


@lowering(ops.take_rows, ops.take_shared_rows, moves=True)
def _take_rows(g: Graph, weight: Value, index: Value, *, padding: Any) -> Value:
    return g.take(weight, places(g, index, weight.shape[0]), 0)


def _is_padding(g: Graph, index: Value, padding: Any) -> Value:
    """Where an index is the number, or one of the numbers, of a row that does not count."""
    found = None
    for row in np.atleast_1d(padding).reshape(-1).tolist():
        equal = g.map("eq", index, number(g, row, index))
        found = equal if found is None else g.map("bitor", found, equal)
    return g.full(index.shape, False, BOOL) if found is None else found


def rows_added(g: Graph, x: Value, index: Value, rows: int) -> Value:
    """A table of zeros with x added to its rows `index`."""
    width = x.shape[index.ndim :]
    if x.dtype == BOOL:
        raise Unlowered
    at = g.reshape(places(g, index, rows), (index.size,))
    zeros = g.full((rows, *width), 0, x.dtype)
    return g.add_at(zeros, at, g.reshape(x, (index.size, *width)), 0)


@lowering(ops.add_rows)
def _add_rows(g: Graph, x: Value, index: Value, *, rows: int, padding: Any) -> Value:
    table = rows_added(g, x, index, rows)
    if padding is None:
        return table
    numbers = np.atleast_1d(padding).reshape(-1)
    if numbers.size > 8:
        raise Unlowered
    at = g.iota(table.shape, 0)
    own = np.where(numbers < 0, numbers + rows, numbers)
    return g.where(_is_padding(g, at, own), number(g, 0, table), table)


@lowering(ops.take_rows_but, moves=True)
def _take_rows_but(g: Graph, x: Value, index: Value, *, padding: Any) -> Value:
    r = g.take(x, places(g, index, x.shape[0]), 0)
    if padding is None:
        return r
    if np.size(padding) > 8:
        raise Unlowered
    is_padding = _is_padding(g, g.cast(index, np.int64), padding)
    is_padding = g.reshape(is_padding, (*index.shape, *(1,) * (r.ndim - index.ndim)))
    return g.where(is_padding, number(g, 0, r), r)


@lowering(ops.bag_sum, ops.shared_bag_sum, in_single=True)
def _bag_sum(
    g: Graph, weight: Value, scale: Value, index: Value, bag: Value, *, bags: int
) -> Value:
    rows = g.take(weight, places(g, index, weight.shape[0]), 0)
    rows = g.map("mul", rows, g.cast(with_axis(g, scale, 1), rows.dtype))
    return rows_added(g, rows, bag, bags)


@lowering(ops.uses)
def _uses(g: Graph, index: Value) -> Value:
    if index.size > 256:
        raise Unlowered
    flat = g.reshape(index, (index.size,))
    equal = g.map("eq", with_axis(g, flat, 0), with_axis(g, flat, 1))
    return g.reshape(g.reduce("sum", g.cast(equal, np.int64), (1,)), index.shape)
