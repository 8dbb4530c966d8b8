"""Rows of a table by number, and the transpose: rows added up by number. Imports NumPy only."""

import numpy as np

from ..rule import linear, primitive


@primitive
def take_rows(weight, index, *, padding):
    """weight[index]."""
    return weight.take(index, 0)


@primitive
def add_rows(x, index, *, rows, padding):
    """A table of zeros with x added to the rows `index`, except row `padding`."""
    width = x.shape[index.ndim :]
    index, x = index.reshape(-1), x.reshape(-1, *width)
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


linear(
    take_rows,
    lambda g, weight_meta, index, *, padding: add_rows(
        g, index, rows=weight_meta.shape[0], padding=padding
    ),
    fresh=True,
)


@primitive
def take_rows_but(x, index, *, padding):
    """x[index], zeros where the index is `padding`: the transpose of add_rows."""
    result = x.take(index, 0)
    if padding is not None:
        result[index == padding] = 0
    return result


linear(add_rows, lambda g, index, *, padding: take_rows_but(g, index, padding=padding), fresh=True)
linear(
    take_rows_but,
    lambda g, x_meta, index, *, padding: add_rows(g, index, rows=x_meta.shape[0], padding=padding),
    fresh=True,
)
