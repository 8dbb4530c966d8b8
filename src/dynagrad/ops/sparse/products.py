"""Products and values of sparse arrays, as primitives of their values. Imports NumPy only.

A sparse array is a pattern (`patterns`), which is metadata here, and the array of its values:
so rules are those of dense arrays, and every derivative has further ones.
"""

import math
from types import ModuleType
from typing import Any

import numpy as np

from ...extras import optional
from ..batching import as_rows, batch_size, moved, with_batch
from ..elementwise import in_single, is_half
from ..rule import linear, multilinear, primitive
from ..shape import reshape
from .patterns import Lines

#: products of fewer numbers than this are not worth the import of SciPy
WORTH_SCIPY = 1 << 15
#: products of fewer numbers than this cost less as one histogram than as groups of rows
FEW = 1 << 11
#: places whose rows of the other factor are gathered at once: they stay in the cache
TOGETHER = 4096


@primitive
def values_at(x, *, pattern):
    """The values of a dense array at the places of a pattern."""
    return x[tuple(pattern.indices)]


@primitive
def put_values(values, *, pattern):
    """The dense array with these values at the places of a pattern; those of one place add up."""
    sizes = pattern.shape[: pattern.sparse_dim]
    rest = values.shape[1:]
    result = np.zeros((*sizes, *rest), values.dtype)
    if pattern.coalesced:
        result[tuple(pattern.indices)] = values
    else:
        np.add.at(result.reshape(math.prod(sizes), *rest), pattern.flat, values)
    return result


def _values_batch(fun, values, flags, kw):
    """The batch as the last of the dense dimensions."""
    (x,) = values
    made = fun(moved(x, 0, x.ndim - 1), **kw)
    return moved(made, made.ndim - 1, 0)


linear(
    values_at,
    lambda g, *, pattern: put_values(g, pattern=pattern),
    fresh=True,
    batch=_values_batch,
)
linear(
    put_values,
    lambda g, *, pattern: values_at(g, pattern=pattern),
    fresh=True,
    batch=_values_batch,
)


# --- products -------------------------------------------------------------------------------------


@primitive
def combine_rows(values, x, *, pattern):
    """A @ x for the sparse matrix A of these values: row i is the sum of values (i, j) times x[j].

    SciPy multiplies large matrices where it is installed; otherwise rows with equally many places
    are taken together, as batches of BLAS products.
    """
    if is_half(x):
        return in_single(combine_rows, values, x, pattern=pattern)
    lines = pattern.lines
    if lines.order is not None:
        values = values[lines.order]
    count = len(values) * x.shape[1]
    if count < FEW and x.dtype.kind == "f":
        return _histogram(lines, values, x)
    scipy = _scipy() if count >= WORTH_SCIPY else None
    if scipy is not None:
        shape = (lines.count, len(x))
        return scipy.csr_array((values, lines.columns, lines.starts), shape=shape) @ x
    return _in_groups(lines, values, x)


def _histogram(lines: Lines, values: Any, x: Any) -> Any:
    """Each product added at its place of the result, in float64."""
    width = x.shape[1]
    places = lines.rows[:, None] * width + np.arange(width)
    parts = values[:, None] * x[lines.columns]
    sums = np.bincount(places.reshape(-1), parts.reshape(-1), lines.count * width)
    return sums.astype(x.dtype).reshape(lines.count, width)


def _in_groups(lines: Lines, values: Any, x: Any) -> Any:
    result = np.zeros((lines.count, x.shape[1]), np.result_type(values, x))
    for rows, places in lines.groups:
        step = max(1, TOGETHER // places.shape[1])
        for start in range(0, len(rows), step):
            some = places[start : start + step]
            factors = values[some][:, None]
            result[rows[start : start + step]] = np.matmul(factors, x[lines.columns[some]])[:, 0]
    return result


class _Found:
    """SciPy's sparse matrices, looked for once."""

    module: ModuleType | None = None
    done = False


def _scipy() -> Any:
    if not _Found.done:
        try:
            _Found.module = optional("scipy.sparse", "scipy", "the product of large matrices")
        except ImportError:
            _Found.module = None
        _Found.done = True
    return _Found.module


@primitive
def pair_rows(left, right, *, pattern):
    """At each place (i, j) of a pattern the product of left[i] and right[j], summed: the entries of
    left @ right.T that the pattern has.
    """
    if is_half(left):
        return in_single(pair_rows, left, right, pattern=pattern)
    rows, columns = pattern.indices
    result = np.empty(len(rows), np.result_type(left, right))
    for start in range(0, len(rows), TOGETHER):
        part = slice(start, start + TOGETHER)
        np.einsum("ij,ij->i", left[rows[part]], right[columns[part]], out=result[part])
    return result


def _combine_batch(fun, values, flags, kw):
    """Examples of x alone side by side, as columns; otherwise one matrix with a block for each."""
    a, x = values
    if not flags[0]:
        size, rows, width = x.shape
        made = fun(a, reshape(moved(x, 0, 1), shape=(rows, size * width)), **kw)
        return moved(reshape(made, shape=(made.shape[0], size, width)), 1, 0)
    size = batch_size(values, flags)
    x = with_batch(x, flags[1], size)
    made = fun(as_rows(a), as_rows(x), pattern=kw["pattern"].repeated(size))
    return reshape(made, shape=(size, kw["pattern"].shape[0], x.shape[-1]))


def _pair_batch(fun, values, flags, kw):
    size = batch_size(values, flags)
    rows = [as_rows(with_batch(v, flag, size)) for v, flag in zip(values, flags, strict=True)]
    pattern = kw["pattern"]
    return reshape(fun(*rows, pattern=pattern.repeated(size)), shape=(size, pattern.nnz))


multilinear(
    combine_rows,
    lambda g, x, *, pattern: pair_rows(g, x, pattern=pattern),
    lambda g, values, *, pattern: combine_rows(values, g, pattern=pattern.transposed),
    batch=_combine_batch,
)
multilinear(
    pair_rows,
    lambda g, right, *, pattern: combine_rows(g, right, pattern=pattern),
    lambda g, left, *, pattern: combine_rows(g, left, pattern=pattern.transposed),
    batch=_pair_batch,
)
