"""Sparse tensors with their places elsewhere: transposed, selected, joined."""

import operator
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...ops.neural.embedding import take_rows
from ...ops.sparse.patterns import Compressed, Coo
from ..arguments import one_dim
from ..joining import cat as join
from .arrays import SparseTensor, coalesced, fill, values_of


def _coo(s: Any, name: str) -> Coo:
    pattern = s._a.pattern
    if pattern.layout != "sparse_coo":
        raise s._a.unsupported(name)
    return pattern


def _taken(s: Any, number: np.ndarray, pattern: Coo, name: str) -> Any:
    """The values of these numbers at other places."""
    return fill(take_rows(values_of(s), number, padding=None), pattern, name)


# --- dimensions in another order ------------------------------------------------------------------


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged; of a matrix by rows, one by columns."""
    return _transposed(input, dim0, dim1, "Transpose")


def _transposed(s: Any, dim0: int, dim1: int, name: str) -> Any:
    pattern, rank = s._a.pattern, len(s._a.shape)
    first, second = one_dim(dim0, rank), one_dim(dim1, rank)
    if first == second:
        return s
    if {first, second} == {0, 1} and pattern.sparse_dim == 2:
        return fill(values_of(s), pattern.transposed, name)
    if isinstance(pattern, Compressed):
        raise s._a.unsupported("transpose")
    axes = list(range(rank))
    axes[first], axes[second] = second, first
    return permute(s, axes, name=name)


def t(input: Any) -> Any:
    """The transpose of a matrix."""
    pattern = input._a.pattern
    dense = len(input._a.shape) - pattern.sparse_dim
    if pattern.sparse_dim > 2 or dense:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got "
            f"{pattern.sparse_dim} sparse and {dense} dense dimensions"
        )
    return input if len(input._a.shape) < 2 else _transposed(input, 0, 1, "T")


def permute(input: Any, *dims: Any, name: str = "Permute") -> Any:
    """The dimensions in another order; sparse ones stay in front."""
    if len(dims) == 1 and isinstance(dims[0], list | tuple):
        dims = tuple(dims[0])
    rank = len(input._a.shape)
    axes = tuple([one_dim(d, rank) for d in dims])
    if sorted(axes) != list(range(rank)):
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {rank} is not equal "
            f"to len(dims) = {len(dims)}"
        )
    if isinstance(input._a.pattern, Compressed) and axes == (1, 0):
        return _transposed(input, 0, 1, name)
    pattern = _coo(input, "permute")
    count = pattern.sparse_dim
    if any(a >= count for a in axes[:count]):
        raise RuntimeError(
            f"transpose: can't exchange sparse and dense dimensions: {count} are sparse, and the "
            f"order is {list(axes)}\nCall to_dense() first."
        )
    values = values_of(input)
    if axes[count:] != tuple(range(count, rank)):
        values = values.permute(0, *[a - count + 1 for a in axes[count:]])
    return fill(values, pattern.permuted(axes), name)


def unsqueeze(input: Any, dim: int) -> Any:
    """A dimension of size 1 at `dim`."""
    pattern = _coo(input, "unsqueeze")
    at = one_dim(dim, len(input._a.shape) + 1)
    shape = (*input._a.shape[:at], 1, *input._a.shape[at:])
    if at > pattern.sparse_dim:
        values = values_of(input).unsqueeze(at - pattern.sparse_dim + 1)
        return fill(values, Coo(pattern.indices, shape, pattern.coalesced), "Unsqueeze")
    indices = np.insert(pattern.indices, at, 0, 0)
    return fill(values_of(input), Coo(indices, shape, pattern.coalesced), "Unsqueeze")


# --- parts ----------------------------------------------------------------------------------------


def select(input: Any, dim: int, index: Any) -> Any:
    """The slice `index` of a dimension, without that dimension."""
    shape = input._a.shape
    at = one_dim(dim, len(shape))
    size, number = shape[at], operator.index(index)
    if not -size <= number < size:
        raise IndexError(f"index {number} is out of bounds for dimension {at} with size {size}")
    pattern = input._a.pattern.coo
    rest = (*shape[:at], *shape[at + 1 :])
    if at >= pattern.sparse_dim:
        values = values_of(input).select(at - pattern.sparse_dim + 1, number % size)
        return fill(values, Coo(pattern.indices, rest, pattern.coalesced), "Select")
    some = np.flatnonzero(pattern.indices[at] == number % size)
    if pattern.sparse_dim == 1:  # a number, or the dense dimensions of one place
        return take_rows(values_of(input), some, padding=None).sum(0)
    indices = np.delete(pattern.indices, at, 0)[:, some]
    return _taken(input, some, Coo(indices, rest, pattern.coalesced), "Select")


def getitem(self: Any, index: Any) -> Any:
    """x[i] and x[i, j, ...] by integers; other indices are not supported."""
    parts = index if isinstance(index, tuple) else (index,)
    found = self
    for part in parts:
        if isinstance(part, slice) and part == slice(None) and parts[-1] is part:
            continue
        if isinstance(part, bool) or not hasattr(part, "__index__") or isinstance(part, Tensor):
            name = "as_strided" if isinstance(part, slice) else "index.Tensor"
            raise self._a.unsupported(name)
        found = select(found, 0, part) if isinstance(found, SparseTensor) else found[part]
    return found


def iterate(self: Any) -> Any:
    """The slices of the first dimension."""
    return iter([select(self, 0, i) for i in range(self._a.shape[0])])


def index_select(input: Any, dim: int, index: Tensor, *, out: Any = None) -> Any:
    """The slices `index` of a dimension, in that order."""
    shape = input._a.shape
    pattern = _coo(input, "index_select")
    at = one_dim(dim, len(shape))
    wanted = index._a.reshape(-1)
    wrong = (wanted < -shape[at]) | (wanted >= shape[at])
    if wrong.any():
        raise IndexError(
            f"index_select(): index contains {wanted[wrong][0]} that is out of range for tensor of "
            f"size {list(shape)} at dimension {at}"
        )
    wanted = wanted % shape[at] if len(wanted) else wanted.astype(np.int64)
    rest = (*shape[:at], len(wanted), *shape[at + 1 :])
    if at >= pattern.sparse_dim:
        values = values_of(input).index_select(at - pattern.sparse_dim + 1, index)
        return fill(values, Coo(pattern.indices, rest, pattern.coalesced), "IndexSelect")
    order = pattern.indices[at].argsort(kind="stable")
    starts = np.searchsorted(pattern.indices[at][order], np.arange(shape[at] + 1))
    counts = np.diff(starts)[wanted]
    slot = np.repeat(np.arange(len(wanted)), counts)
    begun = np.cumsum(counts) - counts
    number = order[
        np.arange(len(slot)) - np.repeat(begun, counts) + np.repeat(starts[wanted], counts)
    ]
    indices = pattern.indices[:, number].copy()
    indices[at] = slot
    return _taken(input, number, Coo(indices, rest), "IndexSelect")


def narrow_copy(input: Any, dim: int, start: int, length: int) -> Any:
    """The slices from `start` on, `length` of them."""
    pattern = _coo(input, "narrow_copy")
    at = one_dim(dim, len(input._a.shape))
    if at >= pattern.sparse_dim:
        raise input._a.unsupported("narrow_copy")
    places = pattern.indices[at]
    some = np.flatnonzero((places >= start) & (places < start + length))
    indices = pattern.indices[:, some].copy()
    indices[at] -= start
    shape = (*input._a.shape[:at], length, *input._a.shape[at + 1 :])
    return _taken(input, some, Coo(indices, shape, pattern.coalesced), "NarrowCopy")


# --- joining --------------------------------------------------------------------------------------


def cat(tensors: Any, dim: int = 0, *, out: Any = None, name: str = "Cat") -> Any:
    """Sparse tensors one after the other along a dimension."""
    tensors = list(tensors)
    for i, s in enumerate(tensors):
        if not isinstance(s, SparseTensor):
            raise RuntimeError(
                f"Concatenating sparse tensors, but a dense tensor was found at position {i}."
            )
        _coo(s, "cat")
    first = tensors[0]._a
    at = one_dim(dim, len(first.shape))
    for i, s in enumerate(tensors):
        shape = s._a.shape
        if (*shape[:at], *shape[at + 1 :]) != (*first.shape[:at], *first.shape[at + 1 :]):
            raise RuntimeError(
                "All tensors must have the same shape, except in the concatenating dimension: "
                f"{list(first.shape)} and {list(shape)} at position {i}"
            )
    if at >= first.pattern.sparse_dim:
        raise tensors[0]._a.unsupported("cat")
    return joined(tensors, at, name, shift=True)


def joined(tensors: list, at: int, name: str, shift: bool = False) -> Any:
    """The places of all of them, one tensor's after the other's; `shift`ed in dimension `at`."""
    places, start = [], 0
    for s in tensors:
        indices = s._a.pattern.coo.indices
        if shift:
            indices = indices.copy()
            indices[at] += start
            start += s._a.shape[at]
        places.append(indices)
    shape = list(tensors[0]._a.shape)
    if shift:
        shape[at] = start
    pattern = Coo(np.concatenate(places, 1), tuple(shape))
    values = join([values_of(s) for s in tensors], 0)
    return fill(values, pattern, name)


def stack(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """Sparse tensors along a new dimension."""
    tensors = list(tensors)
    at = one_dim(dim, len(tensors[0]._a.shape) + 1)
    return cat([unsqueeze(s, at) for s in tensors], at, name="Stack")


def spdiags(diagonals: Tensor, offsets: Tensor, shape: Any, layout: Any = None) -> Any:
    """The matrix whose diagonal `offsets[k]` has the entries of row k of `diagonals`: column j of
    the matrix takes element j of the row.
    """
    rows = diagonals if diagonals._a.ndim == 2 else diagonals.reshape(1, -1)
    places = offsets._a.reshape(-1)
    if len(places) != rows._a.shape[0]:
        raise RuntimeError(
            f"Number of diagonals ({rows._a.shape[0]}) does not match the number of offsets "
            f"({len(places)})"
        )
    if len(np.unique(places)) != len(places):
        raise RuntimeError("Offset tensor contains duplicate values")
    height, width = (int(n) for n in shape)
    given = rows._a.shape[1]
    number, indices = [], []
    for k, offset in enumerate(places.tolist()):
        start, end = max(0, offset), min(width, height + offset, given)
        columns = np.arange(start, max(start, end))
        number.append(k * given + columns)
        indices.append(np.stack([columns - offset, columns]))
    pattern = Coo(np.concatenate(indices, 1), (height, width))
    values = take_rows(rows.reshape(-1), np.concatenate(number), padding=None)
    made = fill(values, pattern, "Spdiags")
    if layout is None or str(layout) == "torch.sparse_coo":
        return made
    return coalesced(made).to_sparse(layout=layout)


def refuse_item(self: Any, index: Any, value: Any) -> None:
    """Sparse tensors are not written by indices: TypeError."""
    raise TypeError("Cannot assign to a sparse tensor\nMake a new one, or write into its values.")
