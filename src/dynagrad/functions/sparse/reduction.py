"""Sums over sparse tensors, and softmax along a dimension of what has values there."""

from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.tape import AccumulateGrad, node_class
from ...core.tensor import Tensor, edge_of, wrap
from ...ops.neural.embedding import add_rows, take_rows
from ...ops.rule import rule_of
from ...ops.shape import broadcast_to
from ...ops.sparse.patterns import Coo, compressed
from ..arguments import one_dim
from .arrays import coalesced, fill, sparse_of, values_of
from .construction import sorted_coo


def _total(s):
    return np.asarray(s.values.sum())


TOTAL = rule_of(_total, "linear", (lambda g, s_meta: broadcast_to(g, shape=s_meta.shape),))
Total = node_class("SumBackward0", TOTAL)


def _dims(dim: Any, rank: int) -> tuple[int, ...]:
    dims = dim if isinstance(dim, list | tuple) else (dim,)
    return tuple(sorted({one_dim(d, rank) for d in dims}))


def total(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum of all values, dense; over some dimensions, the sparse sums."""
    s = coalesced(input)
    if dim is not None:
        return _sum(s, dim, keepdim, dtype, "SumBackward1")
    if dtype is None and type(edge_of(input)) is AccumulateGrad:
        return apply(Total, input)  # a leaf's gradient is dense, as PyTorch's
    return values_of(s).sum(dtype=dtype)


def sparse_sum(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    """The sum over some dimensions, sparse while a sparse dimension is left; of all, a number."""
    held = sparse_of(input)
    if held is None or held.pattern.layout != "sparse_coo":
        found = "Strided" if held is None else "SparseCsr"
        raise RuntimeError(f"coalesce expected sparse coordinate tensor layout but got {found}")
    if dim is None:
        return values_of(coalesced(input)).sum(dtype=dtype)
    return _sum(coalesced(input), dim, False, dtype, "SparseSumBackward0")


def _sum(s: Any, dim: Any, keepdim: bool, dtype: Any, name: str) -> Any:
    layout = s._a.pattern.layout
    if layout != "sparse_coo":
        s = sorted_coo(s)
    pattern, shape = s._a.pattern, s._a.shape
    count, dims = pattern.sparse_dim, _dims(dim, len(shape))
    values = values_of(s)
    if dtype is not None:
        values = values.to(dtype)
    within = [d - count + 1 for d in dims if d >= count]
    if within:
        values = values.sum(within, keepdim=keepdim)
    left = [d for d in range(count) if d not in dims]
    if not left and not keepdim:
        return values.sum(0)
    if keepdim:
        indices = pattern.indices.copy()
        indices[[d for d in dims if d < count]] = 0
        rest = tuple(1 if d in dims else n for d, n in enumerate(shape))
    else:
        indices = pattern.indices[left]
        rest = tuple(n for d, n in enumerate(shape) if d not in dims)
    unique, inverse = Coo(indices, rest).unique
    made = add_rows(values, inverse, rows=unique.nnz, padding=None)
    if layout != "sparse_coo" and len(rest) == 2:
        return fill(made, compressed(layout, unique)[0], name)
    return fill(made, unique, name)


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None):
    """The norm of all values."""
    if dim is not None:
        raise input._a.unsupported("norm over dimensions")
    return values_of(coalesced(input)).norm(2 if p == "fro" else p)


def any_of(input: Any) -> Tensor:
    """Whether any value is not zero."""
    return values_of(coalesced(input)).detach().any()


# --- softmax --------------------------------------------------------------------------------------


def softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """exp(x) divided by its sum along `dim`, where absent places count as minus infinity."""
    return _normalized(input, dim, dtype, False)


def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The logarithm of `softmax`: x - log(sum(exp(x))) along `dim` over the places there are."""
    return _normalized(input, dim, dtype, True)


def _normalized(input: Any, dim: Any, dtype: Any, log: bool) -> Any:
    held = sparse_of(input)
    name = "_sparse_log_softmax" if log else "_sparse_softmax"
    if held is None:
        raise NotImplementedError(
            f"Could not run 'aten::{name}' with arguments from the 'CPU' backend: the tensor is "
            "dense.\nUse torch.softmax."
        )
    if held.pattern.layout != "sparse_coo":
        raise held.unsupported(name)
    s = coalesced(input)
    pattern = s._a.pattern
    at = one_dim(dim, len(s._a.shape))
    values = values_of(s)
    if dtype is not None:
        values = values.to(dtype)
    node = "SparseLogSoftmax" if log else "SparseSoftmax"
    if at >= pattern.sparse_dim:
        within = at - pattern.sparse_dim + 1
        made = values.log_softmax(within) if log else values.softmax(within)
        return fill(made, pattern, node)
    rest = (*s._a.shape[:at], *s._a.shape[at + 1 :])
    unique, line = Coo(np.delete(pattern.indices, at, 0), rest).unique
    return fill(_along_lines(values, line, unique.nnz, log), pattern, node)


def _along_lines(values: Tensor, line: np.ndarray, count: int, log: bool) -> Tensor:
    largest = np.full((count, *values._a.shape[1:]), -np.inf, values._a.dtype)
    np.maximum.at(largest, line, values._a)
    shifted = values - wrap(largest[line])
    powers = shifted.exp()
    sums = add_rows(powers, line, rows=count, padding=None)
    if log:
        return shifted - take_rows(sums.log(), line, padding=None)
    return powers / take_rows(sums, line, padding=None)
