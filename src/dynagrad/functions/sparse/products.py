"""Products of sparse matrices with dense and sparse ones.

The gradient of a sparse factor has its places alone in `torch.sparse.mm`; the products at the root
of torch give a leaf the whole dense gradient, as PyTorch's do.
"""

from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.dtype import from_numpy_dtype
from ...core.tape import AccumulateGrad
from ...core.tensor import Tensor, edge_of
from ...ops.contraction import one_column, swap, without_last
from ...ops.neural.embedding import add_rows, take_rows
from ...ops.rule import RULES, Rule, rule_of
from ...ops.sparse.patterns import Coo, compressed
from ...ops.sparse.products import combine_rows, pair_rows
from .. import contraction
from ..arguments import tensor
from .arrays import (
    SparseTensor,
    coalesced,
    fill,
    named,
    sparse_of,
    unsupported,
    values_of,
)
from .construction import sorted_coo
from .places import joined


def _check(s: Any, x: Tensor) -> None:
    if x._a.dtype != s._a.dtype:
        kinds = [from_numpy_dtype(t._a.dtype).name.capitalize() for t in (s, x)]
        names = [{"Float32": "Float", "Float64": "Double"}.get(k, k) for k in kinds]
        raise RuntimeError(
            f"expected scalar type {names[0]} but found {names[1]}\nBoth factors need the same "
            "dtype."
        )
    if len(s._a.shape) != 2 or s._a.pattern.sparse_dim != 2:
        raise RuntimeError(
            f"addmm: 2-D matrices expected, got a {len(s._a.shape)}-D sparse tensor with "
            f"{s._a.pattern.sparse_dim} sparse dimensions"
        )
    rows = s._a.shape[1]
    if x._a.ndim != 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-1, 0], but got 1)\nThe dense "
            f"factor of a sparse matrix has two dimensions; given was the shape {list(x._a.shape)}"
        )
    if x._a.shape[0] != rows:
        raise RuntimeError(
            f"addmm: Argument #3 (dense): Expected dim 0 size {rows}, got {x._a.shape[0]}\n"
            f"The shapes are {list(s._a.shape)} and {list(x._a.shape)}."
        )


def _to_vector(values, x, *, pattern):
    """A @ x of a vector."""
    return without_last(combine_rows(values, one_column(x), pattern=pattern))


def _from_left(values, x, *, pattern):
    """x @ A."""
    return swap(combine_rows(values, swap(x), pattern=pattern.transposed))


def _leaf_to_vector(s, x):
    """A @ x of a vector, for a leaf, whose gradient is dense."""
    return np.matmul(s, x)


LEAF_TO_VECTOR = rule_of(
    _leaf_to_vector,
    "multilinear",
    (lambda g, x: one_column(g) * x, lambda g, s: np.matmul(swap(s), g)),
)
TO_VECTOR = rule_of(
    _to_vector,
    "multilinear",
    (
        lambda g, x, *, pattern: pair_rows(one_column(g), one_column(x), pattern=pattern),
        lambda g, values, *, pattern: _to_vector(values, g, pattern=pattern.transposed),
    ),
)
FROM_LEFT = rule_of(
    _from_left,
    "multilinear",
    (
        lambda g, x, *, pattern: pair_rows(swap(x), swap(g), pattern=pattern),
        lambda g, values, *, pattern: _from_left(values, g, pattern=pattern.transposed),
    ),
)
COMBINE = RULES[combine_rows]


def _is_leaf(s: Any) -> bool:
    return type(edge_of(s)) is AccumulateGrad


def _by_places(s: Any, x: Tensor, name: str, rule: Rule = COMBINE) -> Tensor:
    """A product through the values of s, so that its gradient has its places alone."""
    if edge_of(s) is not None:
        s = coalesced(s)
    return apply(named(name, rule), values_of(s), x, pattern=s._a.pattern.coo)


def mm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """The matrix product where one factor, or both, are sparse; two sparse ones give a sparse
    one.
    """
    first, second = sparse_of(input), sparse_of(mat2)
    if first is not None and second is not None:
        return _sparse_product(input, mat2)
    if first is None:
        dense = tensor("mm", input)
        if dense._a.shape[-1:] != mat2._a.shape[:1]:
            raise _not_fitting(dense, mat2)
        if not _is_leaf(mat2):
            return _by_places(mat2, dense, "MmBackward0", FROM_LEFT)
        return apply(named("MmBackward0", RULES[np.matmul]), dense, mat2)
    dense = tensor("mm", mat2, 2, "mat2")
    _check(input, dense)
    if _is_leaf(input):
        return apply(named("MmBackward0", RULES[np.matmul]), input, dense)
    return _by_places(input, dense, "MmBackward0")


def _not_fitting(x: Tensor, y: Tensor) -> RuntimeError:
    shapes = " and ".join("x".join(map(str, t._a.shape)) for t in (x, y))
    return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({shapes})")


def mv(input: Any, vec: Tensor, *, out: Any = None) -> Tensor:
    """A sparse matrix times a vector."""
    if len(input._a.shape) != 2 or vec._a.shape != input._a.shape[1:]:
        raise RuntimeError(
            "mv: expected self.size(-1) == vec.size(-1)\n"
            f"The shapes are {list(input._a.shape)} and {list(vec._a.shape)}."
        )
    _check(input, vec.reshape(-1, 1))
    if _is_leaf(input):
        return apply(named("MvBackward0", LEAF_TO_VECTOR), input, vec)
    return _by_places(input, vec, "MvBackward0", TO_VECTOR)


def matmul(input: Any, other: Any, *, out: Any = None) -> Any:
    """`mm`, or `mv` where the other factor is a vector."""
    if isinstance(other, SparseTensor) or other._a.ndim != 1:
        if not isinstance(input, SparseTensor) and input._a.ndim != 2:
            if input._a.ndim == 1:
                return mv(other.t(), input)
            flat = input.reshape(-1, input._a.shape[-1])
            return mm(flat, other).reshape(*input._a.shape[:-1], other._a.shape[1])
        return mm(input, other)
    return mv(input, other)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """input @ weight.T + bias, with a sparse weight or a sparse input."""
    made = matmul(input, weight.t())
    return made if bias is None else made + bias


def addmm(
    input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None
) -> Any:
    """beta input + alpha mat1 @ mat2, the dense result of a sparse and a dense matrix."""
    return _sum(input, mm(mat1, mat2), beta, alpha, "AddmmBackward0")


def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha mat @ vec."""
    return _sum(input, mv(mat, vec), beta, alpha, "AddmvBackward0")


def _sum(input: Any, product: Any, beta: Any, alpha: Any, name: str) -> Any:
    if alpha != 1:
        product = product * alpha
    if beta != 1:
        input = input * beta
    if isinstance(input, SparseTensor) or isinstance(product, SparseTensor):
        return input + product
    return apply(named(name, RULES[np.add]), input, product)


# --- torch.sparse ---------------------------------------------------------------------------------


def sparse_mm(mat1: Any, mat2: Any, reduce: str | None = None) -> Any:
    """mat1 @ mat2 for a sparse matrix and a dense or sparse one; the gradient of a sparse factor is
    sparse, with its places.
    """
    if reduce not in (None, "sum"):
        raise NotImplementedError(
            f"torch.sparse.mm: reduce={reduce!r} is not supported\nDivide the sum by the counts of "
            "the rows for a mean."
        )
    for i, x in enumerate((mat1, mat2)):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"_sparse_mm(): argument '{('sparse', 'dense')[i]}' (position {i + 1}) must be "
                f"Tensor, not {type(x).__name__}"
            )
    if sparse_of(mat1) is None:
        if sparse_of(mat2) is None:
            if mat1._a.shape[-1:] != mat2._a.shape[:1]:
                raise _not_fitting(mat1, mat2)
            return mat1 @ mat2
        if mat1._a.shape[-1:] != mat2._a.shape[:1]:
            raise _not_fitting(mat1, mat2)
        return _by_places(mat2, mat1, "SparseAddmmBackward0", FROM_LEFT)
    if sparse_of(mat2) is not None:
        return _sparse_product(mat1, mat2)
    _check(mat1, mat2)
    return _by_places(mat1, mat2, "SparseAddmmBackward0")


def sparse_addmm(mat: Any, mat1: Any, mat2: Any, *, beta: Any = 1.0, alpha: Any = 1.0) -> Any:
    """beta mat + alpha mat1 @ mat2; the gradient of the sparse mat1 is sparse."""
    return _sum(mat, sparse_mm(mat1, mat2), beta, alpha, "SparseAddmmBackward0")


def _sparse_product(x: Any, y: Any) -> Any:
    """The sparse product: each pair of places (i, k), (k, j) adds its product at (i, j)."""
    if x._a.shape[1] != y._a.shape[0]:
        raise _not_fitting(x, y)
    layout = x._a.pattern.layout
    x, y = (coalesced(s) if s._a.pattern.layout == "sparse_coo" else sorted_coo(s) for s in (x, y))
    first, second = x._a.pattern, y._a.pattern
    inner = first.indices[1]
    starts = second.lines.starts
    counts = np.diff(starts)[inner]
    left = np.repeat(np.arange(first.nnz), counts)
    begun = np.cumsum(counts) - counts
    right = np.arange(len(left)) - np.repeat(begun, counts) + np.repeat(starts[inner], counts)
    indices = np.stack([first.indices[0][left], second.indices[1][right]])
    pattern, inverse = Coo(indices, (first.shape[0], second.shape[1])).unique
    pairs = take_rows(values_of(x), left, padding=None) * take_rows(
        values_of(y), right, padding=None
    )
    values = add_rows(pairs, inverse, rows=pattern.nnz, padding=None)
    if layout == "sparse_csr":
        return fill(values, compressed(layout, pattern)[0], "SparseSparseMatmul")
    return fill(values, pattern, "SparseSparseMatmul")


def sampled_addmm(
    input: Any, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0, out: Any = None
) -> Any:
    """beta input + alpha (mat1 @ mat2 at the places of the sparse matrix `input`, CSR)."""
    held = sparse_of(input)
    if held is None or held.pattern.layout == "sparse_coo":
        raise unsupported("sparse_sampled_addmm", "CPU" if held is None else "SparseCPU")
    if mat1._a.shape != (held.shape[0], mat2._a.shape[0]) or mat2._a.shape[1] != held.shape[1]:
        raise _not_fitting(mat1, mat2)
    found = pair_rows(mat1, mat2.t(), pattern=held.pattern.coo)
    return fill(values_of(input) * beta + found * alpha, held.pattern, "SparseSampledAddmm")


# --- products with sparse results -----------------------------------------------------------------


def _rows_in_full(s: Any, x: Tensor) -> tuple[np.ndarray, Tensor]:
    """The rows of s that have places, and those rows of s @ x."""
    rows = np.unique(s._a.pattern.coo.indices[0])
    return rows, take_rows(mm(s, x), rows, padding=None)


def hspmm(mat1: Any, mat2: Tensor, *, out: Any = None) -> Any:
    """mat1 @ mat2 of a sparse and a dense matrix as a hybrid tensor: its rows are sparse."""
    if sparse_of(mat1) is None:
        raise unsupported("hspmm", "CPU")
    _check(mat1, mat2)
    rows, values = _rows_in_full(mat1, mat2)
    shape = (mat1._a.shape[0], mat2._a.shape[1])
    return fill(values, Coo(rows[None], shape), "Hspmm")


def smm(input: Any, mat: Tensor) -> Any:
    """input @ mat of a sparse and a dense matrix as a sparse one."""
    return _full_places(input, mat)


def _full_places(s: Any, x: Tensor) -> Any:
    if sparse_of(s) is None:
        raise RuntimeError("tensor.sspaddmm(...) can only be called on sparse tensors")
    _check(s, x)
    rows, values = _rows_in_full(s, x)
    width = x._a.shape[1]
    columns = np.tile(np.arange(width), len(rows))
    indices = np.stack([np.repeat(rows, width), columns])
    return fill(values.reshape(-1), Coo(indices, (s._a.shape[0], width)), "Sspaddmm")


def sspaddmm(
    input: Any, mat1: Any, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Any = None
) -> Any:
    """beta input + alpha mat1 @ mat2, sparse; input and mat1 are sparse, mat2 is dense."""
    product = _full_places(mat1, mat2)
    if sparse_of(input) is None:
        raise RuntimeError("tensor.sspaddmm(...) can only be called on sparse tensors")
    if input._a.shape != product._a.shape:
        raise RuntimeError(
            f"sspaddmm: expected sizes of 'self' and the product to match, but "
            f"{list(input._a.shape)} != {list(product._a.shape)}"
        )
    return joined([input * beta, product * alpha], 0, "Sspaddmm")


def bmm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """The products of a batch of matrices, the first ones sparse in all three dimensions."""
    if sparse_of(mat2) is not None:
        raise RuntimeError("bmm_sparse: Tensor 'mat2' must be dense")
    s = coalesced(input)
    pattern = s._a.pattern
    batch, rows, inner = pattern.shape
    if mat2._a.shape[:2] != (batch, inner):
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {inner}] "
            f"but got: {list(mat2._a.shape[:2])}."
        )
    block, row, column = pattern.indices
    places = np.stack([block * rows + row, block * inner + column])
    flat = Coo(places, (batch * rows, batch * inner), True)
    x = mat2.reshape(batch * inner, mat2._a.shape[2])
    made = apply(named("BmmBackward0", RULES[combine_rows]), values_of(s), x, pattern=flat)
    return made.reshape(batch, rows, mat2._a.shape[2])


def spmm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """`torch.mm`: the product of a sparse and a dense matrix."""
    if sparse_of(input) is None and sparse_of(mat2) is None:
        return contraction.mm(input, mat2, out=out)
    return mm(input, mat2)


dsmm, hsmm, saddmm = spmm, hspmm, sspaddmm
