"""Counts in the bins of a grid. Imports NumPy only."""

import numpy as np

from .elementwise import missing
from .rule import general, primitive
from .sorting import one_by_one


@primitive
def binned(x, weight, edges, *, counts, density):
    """How many rows of x, or how much of their weight, lie in each bin of a grid with `counts` bins
    in each column. A bin holds its left edge, the last one both; all columns' edges are one array.
    """
    edges = np.split(edges, np.cumsum([n + 1 for n in counts])[:-1])
    inside = np.ones(len(x), bool)
    place = np.zeros(len(x), np.int64)
    for column, e, n in zip(x.T, edges, counts, strict=True):
        inside &= (column >= e[0]) & (column <= e[-1])
        found = np.searchsorted(e, column, side="right") - 1
        place = place * n + np.clip(found, 0, n - 1)
    weights = None if weight is None else weight[inside].astype(np.float64)
    total = int(np.prod(counts))
    hist = np.bincount(place[inside], weights, total).astype(x.dtype).reshape(counts)
    if density:
        with np.errstate(all="ignore"):
            hist /= np.add.reduce(hist, None)
            for axis, e in enumerate(edges):
                hist /= np.diff(e).reshape((-1,) + (1,) * (len(edges) - axis - 1))
    return hist


general(
    binned,
    lambda g: missing("histogram"),
    lambda g: missing("histogram"),
    None,
    batch=one_by_one,
)
