"""Repeating and reordering, diagonals and triangles, into new memory; under PyTorch's names."""

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.dtype import int64, numpy_dtype
from ..core.overrides import explained, overridable
from ..core.tensor import Tensor, wrap
from ..core.views import inplace
from ..ops import indexing
from ..ops import joining as ops
from ..ops import shape as shapes
from . import shape
from .arguments import fixed, many_dims, no_kernel, one_dim, sizes, tensor, write_same
from .expansion import expand
from .nodes import node

__all__ = [
    "diag",
    "diag_embed",
    "diagflat",
    "flip",
    "fliplr",
    "flipud",
    "repeat_interleave",
    "roll",
    "rot90",
    "tile",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
]

Repeat = node("RepeatBackward0", ops.repeat)
Flip = node("FlipBackward0", ops.flip)
Roll = node("RollBackward0", ops.roll)
Rot90 = node("Rot90Backward0", ops.rot90)
DiagEmbed = node("DiagEmbedBackward0", ops.diag_embed)
DiagonalCopy = node("DiagonalBackward0_copy", shapes.diagonal_copy)
Tril = node("TrilBackward0", ops.tril)
Triu = node("TriuBackward0", ops.triu)
IndexSelect = node("IndexSelectBackward0", indexing.index)


# --- repeating --------------------------------------------------------------------------------


@overridable
def repeat(input: Tensor, *counts: Any, repeats: Any = None) -> Tensor:
    """The tensor repeated as blocks along each dimension; leading repeats add dimensions.

    A copy.
    """
    have = tensor("repeat", input)._a.shape
    repeats = sizes(counts if repeats is None else (repeats,), "repeat", "repeats")
    if len(repeats) < len(have):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of "
            "dimensions of tensor: "
            f"repeats {list(repeats)}, shape {list(have)}"
        )
    if any(n < 0 for n in repeats):
        full = (1,) * (len(repeats) - len(have)) + have
        wanted = [n * m for n, m in zip(repeats, full, strict=True)]
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(wanted)}: {wanted}"
        )
    return apply(Repeat, input, repeats=repeats)


@overridable
def tile(input: Tensor, *counts: Any, dims: Any = None) -> Tensor:
    """As repeat, but fewer repeats than dimensions apply to the last ones."""
    rank = tensor("tile", input)._a.ndim
    dims = sizes(counts if dims is None else (dims,), "tile", "dims")
    return repeat(input, (1,) * (rank - len(dims)) + dims)


@overridable
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element (or slice along `dim`) repeated in place; `repeats` is one number or one for
    each.

    With one argument, a tensor of counts: each index as often as its count says.
    """
    a = tensor("repeat_interleave", input)._a
    if repeats is None:
        a = fixed(a, _COUNTS)
        _check_counts(a, a.size)
        return wrap(np.repeat(np.arange(a.size), a))
    if isinstance(repeats, list | tuple):
        repeats = wrap(np.array(repeats, np.int64))
    if dim is None:
        input, dim = shape.flatten(shape.reshape(input, (-1,))), 0
        a = input._a
    axis = one_dim(dim, a.ndim, "repeat_interleave")
    if isinstance(repeats, Tensor) and repeats._a.size != 1:
        counts = fixed(repeats._a, _COUNTS)
        _check_counts(counts, a.shape[axis])
        return apply(IndexSelect, input, np.repeat(np.arange(a.shape[axis]), counts), axes=(axis,))
    n = int(fixed(repeats._a, _COUNTS).reshape(())) if isinstance(repeats, Tensor) else repeats
    if n < 0:
        raise RuntimeError(f"Repeats must be non-negative, got {n}")
    if not a.ndim:
        return repeat(input, n)
    wide = shape.unsqueeze(input, axis + 1)
    wide = expand(wide, (*a.shape[: axis + 1], n, *a.shape[axis + 1 :]))
    return shape.view(
        apply(shape.Clone, wide), (*a.shape[:axis], a.shape[axis] * n, *a.shape[axis + 1 :])
    )


_COUNTS = (
    "We do not support batching operators that can output dynamic shape. Attempted to vmap over "
    "aten::repeat_interleave.Tensor."
)


def _check_counts(counts: np.ndarray, n: int) -> None:
    if counts.dtype.kind not in "iu" or counts.itemsize < 4:
        advice = "Repeats must be int32 or int64."
        raise no_kernel("repeat_interleave_cpu", counts.dtype, advice)
    if counts.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if counts.size != n:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size(0) = {n}"
        )
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")


# --- reordering -------------------------------------------------------------------------------


@overridable
def flip(input: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """The order of elements reversed along these dimensions; a copy."""
    rank = tensor("flip", input)._a.ndim
    dims = sizes(axes if dims is None else (dims,), "flip", "dims")
    return apply(Flip, input, axes=many_dims(dims, rank, "flip") if dims else ())


@overridable
def fliplr(input: Tensor) -> Tensor:
    """Columns in reverse order (dimension 1); a copy."""
    if tensor("fliplr", input)._a.ndim < 2:
        raise RuntimeError(f"Input must be >= 2-d.\nIt has shape {list(input._a.shape)}.")
    return apply(Flip, input, axes=(1,))


@overridable
def flipud(input: Tensor) -> Tensor:
    """Rows in reverse order (dimension 0); a copy."""
    if tensor("flipud", input)._a.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.\nIt has no dimensions.")
    return apply(Flip, input, axes=(0,))


@overridable
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """The tensor turned by k quarters from the first towards the second dimension; a copy."""
    rank = tensor("rot90", input)._a.ndim
    dims = sizes((dims,), "rot90", "dims")
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if rank < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {rank}")
    if dims[0] == dims[1]:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    return apply(Rot90, input, k=k, axes=tuple([one_dim(d, rank, "rot90") for d in dims]))


@overridable
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved along dimensions, those that fall off re-entering; without dims, in the
    flat order.
    """
    rank = tensor("roll", input)._a.ndim
    shifts = sizes((shifts,), "roll", "shifts")
    dims = () if dims is None else sizes((dims,), "roll", "dims")
    if not shifts:
        raise RuntimeError("`shifts` required")
    if len(shifts) != len(dims) and not (len(shifts) == 1 and not dims):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    if not dims:
        return apply(Roll, input, shifts=shifts[0], axes=None)
    if not rank:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    return apply(Roll, input, shifts=shifts, axes=tuple([one_dim(d, rank, "roll") for d in dims]))


# --- diagonals and triangles ------------------------------------------------------------------


@overridable
def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """A vector as the diagonal of a matrix, or a copy of a matrix' diagonal."""
    rank = tensor("diag", input)._a.ndim
    if rank not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {rank}D")
    if rank == 1:
        r = diag_embed(input, diagonal)
    else:
        r = apply(DiagonalCopy, input, offset=diagonal, axis1=0, axis2=1)
    return r if out is None else write_same("diag", out, r, input)


@overridable
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices of zeros with the last dimension on a diagonal, the matrices' dimensions at dim1
    and dim2.
    """
    rank = tensor("diag_embed", input)._a.ndim
    first, second = (one_dim(d, rank, "diag_embed", extra=1) for d in (dim1, dim2))
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    if not rank:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got -2)")
    return apply(DiagEmbed, input, offset=offset, axis1=first, axis2=second)


@overridable
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements as the diagonal of a matrix."""
    return diag_embed(shape.reshape(tensor("diagflat", input), (-1,)), offset)


def _triangle(cls: type, name: str, input: Any, diagonal: int, out: Tensor | None) -> Tensor:
    if tensor(name, input)._a.ndim < 2:
        raise RuntimeError(
            f"{name}: input tensor must have at least 2 dimensions, got shape "
            f"{list(input._a.shape)}"
        )
    r = apply(cls, input, k=diagonal)
    return r if out is None else write_same(name, out, r)


@overridable
def tril(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle of each matrix, up to a diagonal; zeros elsewhere."""
    return _triangle(Tril, "tril", input, diagonal, out)


@overridable
def triu(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle of each matrix, from a diagonal on; zeros elsewhere."""
    return _triangle(Triu, "triu", input, diagonal, out)


def tril_(input: Tensor, diagonal: int = 0) -> Tensor:
    """tril in place."""
    return inplace(tril, input, diagonal)


def triu_(input: Tensor, diagonal: int = 0) -> Tensor:
    """triu in place."""
    return inplace(triu, input, diagonal)


def _triangle_indices(row: int, col: int, offset: int, dtype: Any, upper: bool) -> Tensor:
    for name, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{name} must be non-negative, got{n}")
    lower = np.tri(row, col, offset - 1 if upper else offset, dtype=bool)
    pairs = np.nonzero(~lower if upper else lower)
    return wrap(np.stack(pairs).astype(numpy_dtype(int64 if dtype is None else dtype)))


@explained
def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
) -> Tensor:
    """The row and column numbers of a matrix' lower triangle, as two rows."""
    return _triangle_indices(row, col, offset, dtype, False)


@explained
def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
) -> Tensor:
    """The row and column numbers of a matrix' upper triangle, as two rows."""
    return _triangle_indices(row, col, offset, dtype, True)
