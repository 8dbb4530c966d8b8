"""Sparse tensors from indices and values, from dense tensors, and in other layouts."""

from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.dtype import dtype as Dtype
from ...core.dtype import layout as Layout
from ...core.dtype import number_dtype
from ...core.tensor import Tensor, wrap
from ...ops.neural.embedding import take_rows
from ...ops.sparse.patterns import Compressed, Coo, compressed
from ...ops.sparse.products import put_values, values_at
from ..from_data import tensor as make
from ..nodes import node
from .arrays import (
    SparseTensor,
    coalesced,
    fill,
    sparse_of,
    values_in,
    values_of,
)
from .checks import all_checked, check_compressed, check_places

Put = node("ToDenseBackward0", put_values)
#: the names of a compressed layout's indices, and of the lines that are compressed
NAMES = {
    "sparse_csr": ("crow_indices", "col_indices", "rows"),
    "sparse_csc": ("ccol_indices", "row_indices", "columns"),
}
_NO_BLOCKS = (
    "is not supported: a matrix of dense blocks has no layout of its own here. Use torch.sparse_csr"
)


# --- from indices and values ----------------------------------------------------------------------


def name_of(layout: Layout) -> str:
    """A layout's name without the module."""
    return str(layout).removeprefix("torch.")


def _values(values: Any, dtype: Any) -> Tensor:
    if isinstance(values, Tensor):
        return values if dtype is None else values.to(dtype)
    return make(values, dtype=dtype)


def _indices(indices: Any) -> np.ndarray:
    array = indices.detach()._a if isinstance(indices, Tensor) else make(indices)._a
    return array if array.dtype == np.int64 else array.astype(np.int64)


def _finished(s: SparseTensor, requires_grad: bool) -> SparseTensor:
    if requires_grad and s._e is None:
        s.requires_grad = True
    return s


def _size(size: Any) -> tuple[int, ...]:
    return tuple([int(n) for n in size])


def sparse_coo_tensor(
    *args: Any,
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    dtype: Dtype | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:
    """The tensor with `values` (places, *dense) at `indices` (sparse dimensions, places), and zeros
    elsewhere: sparse_coo_tensor(indices, values, size) or, empty, sparse_coo_tensor(size).

    Values of one place are added up. Gradients flow to values that require them. Without a size,
    the largest indices say it. RuntimeError for indices that are negative or beyond the size.
    """
    if len(args) == 1 and values is None and indices is None:
        size, args = args[0], ()
    given = (*args, *(None,) * (3 - len(args)))
    indices = given[0] if indices is None else indices
    values = given[1] if values is None else values
    size = given[2] if size is None else size
    if values is None:
        shape = _size(size)
        kind = number_dtype(0.0) if dtype is None else dtype.numpy
        empty = Coo(np.zeros((len(shape), 0), np.int64), shape)
        return _finished(fill(wrap(np.zeros(0, kind)), empty), requires_grad)
    v, places = _values(values, dtype), _indices(indices)
    if not v._a.ndim:
        v = v.reshape(1)
    if places.ndim != 2:
        if size is not None and len(size) != places.ndim + v._a.ndim:
            raise _dims_differ(len(size), len(places), v._a.ndim - 1)
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(places.shape)}")
    if size is None:
        if places.size and places.min() < 0:
            check_places(places, (0,) * len(places))
        largest = places.max(1) + 1 if places.shape[1] else np.zeros(len(places), int)
        shape = (*largest.tolist(), *v._a.shape[1:])
    else:
        shape = _size(size)
    _check_coo(places, v._a, shape)
    pattern = Coo(places, shape, bool(is_coalesced))
    if is_coalesced and all_checked(check_invariants) and (np.diff(pattern.flat) <= 0).any():
        raise RuntimeError(
            "cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor"
        )
    made = fill(v, pattern, "SparseCooTensorWithDimsAndTensors")
    return _finished(made, requires_grad)


def _dims_differ(given: int, sparse: int, dense: int) -> RuntimeError:
    return RuntimeError(
        f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {given}, sparse_dim "
        f"= {sparse}, dense_dim = {dense}"
    )


def _check_coo(places: np.ndarray, values: Any, shape: tuple[int, ...]) -> None:
    sparse, nnz = places.shape
    if len(shape) != sparse + values.ndim - 1:
        raise _dims_differ(len(shape), sparse, values.ndim - 1)
    if values.shape[0] != nnz:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {nnz}, nnz from "
            f"values: {values.shape[0]}"
        )
    if values.shape[1:] != shape[sparse:]:
        raise RuntimeError(
            f"values has incorrect size, expected {[nnz, *shape[sparse:]]}, got "
            f"{list(values.shape)}"
        )
    check_places(places, shape[:sparse])


def _compressed(
    layout: str,
    starts: Any,
    places: Any,
    values: Any,
    size: Any,
    dtype: Any,
    requires_grad: bool,
    check_invariants: bool | None,
) -> SparseTensor:
    v = _values(values, dtype)
    kinds = [i._a if isinstance(i, Tensor) else make(i)._a for i in (starts, places)]
    if any(i.dtype not in (np.int32, np.int64) for i in kinds):
        kinds = [i.astype(np.int64) for i in kinds]
    first, second = kinds
    if first.ndim != 1 or second.ndim != 1:
        raise NotImplementedError(
            f"a batch of {layout} matrices is not supported; indices have one dimension each, and "
            f"those given have {first.ndim} and {second.ndim}\nMake a list of matrices."
        )
    by_rows = layout == "sparse_csr"
    if size is None:
        pair = (len(first) - 1, int(second.max(initial=-1)) + 1)
        shape = (*(pair if by_rows else pair[::-1]), *v._a.shape[1:])
    else:
        shape = _size(size)
    if len(shape) != v._a.ndim + 1:
        raise RuntimeError(
            "tensor dimensionality must be sum of batch, base, and dense dimensionalities (=0 + 2 "
            f"+ {v._a.ndim - 1}) but got {len(shape)}"
        )
    counts = (shape[0], shape[1]) if by_rows else (shape[1], shape[0])
    ordered = all_checked(check_invariants)
    check_compressed(NAMES[layout], first, second, v._a.shape[0], counts, ordered)
    pattern = Compressed(layout, first, second, shape)
    return _finished(fill(v, pattern, "SparseCompressedTensor"), requires_grad)


def sparse_csr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Dtype | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> SparseTensor:
    """A matrix by rows: row i has values[crow_indices[i]:crow_indices[i + 1]] at the same part of
    col_indices. RuntimeError for indices that describe no matrix.
    """
    options = dtype, requires_grad, check_invariants
    return _compressed("sparse_csr", crow_indices, col_indices, values, size, *options)


def sparse_csc_tensor(
    ccol_indices: Any,
    row_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Dtype | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> SparseTensor:
    """A matrix by columns: the transpose's `sparse_csr_tensor`."""
    options = dtype, requires_grad, check_invariants
    return _compressed("sparse_csc", ccol_indices, row_indices, values, size, *options)


def sparse_compressed_tensor(
    compressed_indices: Any,
    plain_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Dtype | None = None,
    layout: Layout | None = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> SparseTensor:
    """`sparse_csr_tensor` or `sparse_csc_tensor`, as `layout` says."""
    if layout is None:
        raise RuntimeError("sparse_compressed_tensor: layout must be given, as torch.sparse_csr")
    name = name_of(layout)
    if name not in NAMES:
        raise NotImplementedError(f"sparse_compressed_tensor with torch.{name} {_NO_BLOCKS}.")
    options = dtype, requires_grad, check_invariants
    return _compressed(name, compressed_indices, plain_indices, values, size, *options)


def sparse_bsr_tensor(*args: Any, **kwargs: Any) -> Any:
    """Matrices of blocks are not supported: NotImplementedError."""
    raise NotImplementedError(f"sparse_bsr_tensor {_NO_BLOCKS}: sparse_csr_tensor.")


def sparse_bsc_tensor(*args: Any, **kwargs: Any) -> Any:
    """Matrices of blocks are not supported: NotImplementedError."""
    raise NotImplementedError(f"sparse_bsc_tensor {_NO_BLOCKS}: sparse_csr_tensor.")


# --- other layouts --------------------------------------------------------------------------------


def to_dense(self: Any, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The dense tensor. Its gradient arrives at the places that the sparse tensor has."""
    if dtype is not None:
        raise RuntimeError("dtype argument is not supported by sparse_to_dense")
    s = coalesced(self)
    return apply(Put, values_of(s), pattern=s._a.pattern.coo)


def to_sparse(
    self: Tensor,
    sparse_dim: Any = None,
    *,
    layout: Layout | None = None,
    blocksize: Any = None,
    dense_dim: int | None = None,
) -> Any:
    """The sparse tensor of the entries other than zero: COO, or another `layout`.

    sparse_dim: the count of leading dimensions that are sparse; the others stay in full.
    """
    if isinstance(sparse_dim, Layout):
        layout, sparse_dim = sparse_dim, None
    name = "sparse_coo" if layout is None else name_of(layout)
    if name in NAMES:
        return _to_compressed(self, name, "ToSparseBackward1")
    if name != "sparse_coo":
        raise NotImplementedError(f"to_sparse with torch.{name} {_NO_BLOCKS}.")
    held = sparse_of(self)
    if held is None:
        return fill(*_nonzero(self, sparse_dim), f"ToSparseBackward{int(sparse_dim is None)}")
    if sparse_dim is not None and sparse_dim != held.pattern.sparse_dim:
        raise RuntimeError(
            "to_sparse: conversion from Sparse to Sparse with sparse_dim argument "
            "!=self.sparse_dim() is not supported"
        )
    if held.pattern.layout == "sparse_coo":
        return self
    return fill(values_of(self), held.pattern.coo, "ToSparseBackward1")


def sorted_coo(s: Any) -> Any:
    """A matrix in a compressed layout as COO, sorted by rows."""
    pattern = s._a.pattern.coo
    values = values_of(s)
    if not pattern.coalesced:
        order = pattern.flat.argsort(kind="stable")
        distinct = not pattern.nnz or (np.diff(pattern.flat[order]) > 0).all()
        pattern = Coo(pattern.indices[:, order], pattern.shape, bool(distinct))
        values = take_rows(values, order, padding=None)
    return fill(values, pattern, "ToSparseBackward1")


def _nonzero(t: Tensor, sparse_dim: int | None) -> tuple[Tensor, Coo]:
    """The values other than zero, and their places."""
    a = t._a
    count = a.ndim if sparse_dim is None else sparse_dim
    if not 0 <= count <= a.ndim:
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{a.ndim}] range, but {count} is "
            "given"
        )
    some = a != 0
    if count < a.ndim:
        some = some.any(tuple(range(count, a.ndim)))
    pattern = Coo(np.stack(np.nonzero(some)) if count else np.zeros((0, 1), int), a.shape, True)
    return values_at(t, pattern=pattern), pattern


def _to_compressed(t: Any, layout: str, name: str = "") -> Any:
    held = sparse_of(t)
    if held is not None and held.pattern.layout == layout:
        return t
    if len(t._a.shape) != 2:
        raise RuntimeError(
            f"to_{layout} expected a tensor of 2 dimensions, but got {len(t._a.shape)}"
        )
    name = name or f"To{layout.title().replace('_', '')}Backward0"
    if held is None:
        values, pattern = _nonzero(t, None)
    else:
        coo = coalesced(t) if held.pattern.layout == "sparse_coo" else sorted_coo(t)
        values, pattern = values_of(coo), coo._a.pattern
    made, order = compressed(layout, pattern)
    if layout == "sparse_csc":
        values = take_rows(values, order, padding=None)
    return fill(values, made, name)


def to_sparse_coo(self: Tensor) -> Any:
    """`to_sparse()`: by coordinates."""
    return to_sparse(self)


def to_sparse_csr(self: Tensor, dense_dim: int | None = None) -> Any:
    """The matrix by rows."""
    return _to_compressed(self, "sparse_csr")


def to_sparse_csc(self: Tensor, dense_dim: int | None = None) -> Any:
    """The matrix by columns."""
    return _to_compressed(self, "sparse_csc")


def to_sparse_bsr(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Any:
    """Matrices of blocks are not supported: NotImplementedError."""
    raise NotImplementedError(f"to_sparse_bsr {_NO_BLOCKS}: to_sparse_csr().")


def to_sparse_bsc(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Any:
    """Matrices of blocks are not supported: NotImplementedError."""
    raise NotImplementedError(f"to_sparse_bsc {_NO_BLOCKS}: to_sparse_csr().")


def sparse_mask(self: Tensor, mask: Any) -> Any:
    """This tensor's values at the places of the sparse tensor `mask`."""
    held = sparse_of(mask)
    if held is None:
        raise NotImplementedError(
            "Could not run 'aten::sparse_mask' with arguments from the 'CPU' backend: mask must be "
            "a sparse tensor.\nConvert it: mask.to_sparse()."
        )
    if held.shape != self._a.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self._a.shape)} "
            f"but mask has size {list(held.shape)}"
        )
    return fill(values_in(self, held.pattern), held.pattern, "SparseMask")
