"""Joining, repeating and reordering, always into new memory; under PyTorch's names."""

from typing import Any

import numpy as np

from ..core.apply import apply, overridable, promoted, write_out
from ..core.dtype import int64, numpy_dtype
from ..core.tape import node_class
from ..core.tensor import Tensor, wrap
from ..core.views import inplace
from ..ops import indexing
from ..ops import joining as ops
from ..ops import shape as shapes
from ..ops.rule import RULES
from . import shape
from .arguments import many_dims, one_dim, sizes, tensor

Cat = node_class("CatBackward0", RULES[ops.cat])
Stack = node_class("StackBackward0", RULES[ops.stack])
BlockDiag = node_class("BlockDiagBackward0", RULES[ops.block_diag])
Repeat = node_class("RepeatBackward0", RULES[ops.repeat])
Flip = node_class("FlipBackward0", RULES[ops.flip])
Roll = node_class("RollBackward0", RULES[ops.roll])
Rot90 = node_class("Rot90Backward0", RULES[ops.rot90])
DiagEmbed = node_class("DiagEmbedBackward0", RULES[ops.diag_embed])
DiagonalCopy = node_class("DiagonalBackward0_copy", RULES[shapes.diagonal_copy])
Tril = node_class("TrilBackward0", RULES[ops.tril])
Triu = node_class("TriuBackward0", RULES[ops.triu])
Chosen = node_class("MaskedSelectBackward0", RULES[indexing.index])
IndexSelect = node_class("IndexSelectBackward0", RULES[indexing.index])


# --- joining ----------------------------------------------------------------------------------


def _tensors(name: str, given: Any) -> tuple[Tensor, ...]:
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(given).__name__}"
        )
    for number, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {number} in argument 0, but got {type(x).__name__}"
            )
    return tuple(given)


def _same_dtype(tensors: tuple[Tensor, ...]) -> Any:
    first = tensors[0]._a.dtype
    for x in tensors:
        if x._a.dtype is not first:
            return promoted(tensors)
    return tensors


@overridable
def cat(tensors: Any, dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along an existing dimension; dtypes promote.

    Shapes agree in all other dimensions; a vector of size 0 fits anywhere. Source: torch.cat.
    """
    tensors = _tensors("cat", tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    shapes = [x._a.shape for x in tensors]
    rank = 0
    for number, s in enumerate(shapes):
        if not s:
            raise RuntimeError(
                f"zero-dimensional tensor (at position {number}) cannot be concatenated. "
                "Use stack, or x[None]."
            )
        if rank == 0 or (rank == 1 and len(s) > 1 and shapes[number - 1] == (0,)):
            rank = len(s)
    axis = one_dim(dim, rank, "cat")
    try:
        r = apply(Cat, *_same_dtype(tensors), axis=axis)
    except ValueError:
        raise _cat_error(shapes, axis) from None
    return r if out is None else write_out("cat", out, r)


def _cat_error(shapes: list[tuple], axis: int) -> RuntimeError:
    fitting = [(number, s) for number, s in enumerate(shapes) if s != (0,)]
    first = fitting[0][1]
    for number, s in fitting:
        if len(s) != len(first):
            return RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(s)}\n"
                f"tensors[{number}] has shape {list(s)}, the first one {list(first)}."
            )
        for d, (n, m) in enumerate(zip(first, s, strict=True)):
            if d != axis and n != m:
                return RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size "
                    f"{n} but got size {m} for tensor "
                    f"number {number} in the list.\nIts shape is {list(s)}, the first one's "
                    f"{list(first)}."
                )
    return RuntimeError(f"cat cannot join tensors of the shapes {[list(s) for s in shapes]}")


@overridable
def concat(tensors: Any, dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along a dimension: as cat."""
    return cat(tensors, dim, out=out)


@overridable
def concatenate(
    tensors: Any, axis: int = 0, *, dim: int | None = None, out: Tensor | None = None
) -> Tensor:
    """The tensors one after the other along a dimension: as cat."""
    return cat(tensors, axis if dim is None else dim, out=out)


@overridable
def stack(tensors: Any, dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors of one shape side by side along a new dimension; dtypes promote."""
    tensors = _tensors("stack", tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tensors[0]._a.shape
    for number, x in enumerate(tensors):
        if x._a.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at "
                f"entry 0 and {list(x._a.shape)} at "
                f"entry {number}"
            )
    r = apply(Stack, *_same_dtype(tensors), axis=one_dim(dim, len(first), "stack", extra=1))
    return r if out is None else write_out("stack", out, r)


def _joined(name: str, tensors: Any, rank: int, axis: int, out: Tensor | None) -> Tensor:
    tensors = _tensors(name, tensors)
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    raised = (shape.atleast_1d, shape.atleast_2d, shape.atleast_3d)[rank - 1](tensors)
    if name == "hstack" and raised[0]._a.ndim == 1:
        axis = 0
    return cat(raised, axis, out=out)


@overridable
def hstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors joined along dimension 1 (0 for vectors)."""
    return _joined("hstack", tensors, 1, 1, out)


@overridable
def vstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors, vectors as rows, joined along dimension 0."""
    return _joined("vstack", tensors, 2, 0, out)


@overridable
def row_stack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors, vectors as rows, joined along dimension 0: as vstack."""
    return _joined("vstack", tensors, 2, 0, out)


@overridable
def dstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors, made three-dimensional, joined along dimension 2."""
    return _joined("dstack", tensors, 3, 2, out)


@overridable
def column_stack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors, vectors as columns, joined along dimension 1."""
    tensors = _tensors("column_stack", tensors)
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    columns = [shape.reshape(x, (x._a.size, 1)) if x._a.ndim < 2 else x for x in tensors]
    return cat(columns, 1, out=out)


@overridable
def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal of a matrix of zeros; vectors are rows, numbers 1 x 1."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    for number, x in enumerate(_tensors("block_diag", tensors)):
        if x._a.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {number} has {x._a.ndim} dimensions"
            )
    if not tensors:
        return wrap(np.zeros((1, 0), np.float32))
    return apply(BlockDiag, *_same_dtype(tensors))


@overridable
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors expanded to the grid of their products; views.

    indexing "xy" exchanges the first two dimensions.
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    tensors = _tensors("meshgrid", tensors)
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for x in tensors:
        if x._a.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                f"shape {list(x._a.shape)}"
            )
        if x._a.dtype != tensors[0]._a.dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    places = list(range(len(tensors)))
    if indexing == "xy" and len(tensors) > 1:
        places[:2] = 1, 0
    full = tuple([tensors[place]._a.size for place in places])
    grids = []
    for place, x in zip(places, tensors, strict=True):
        line = shape.view(x, (1,) * place + (x._a.size,) + (1,) * (len(full) - place - 1))
        grids.append(shape.expand(line, full))
    return tuple(grids)


def _vectors(name: str, tensors: Any) -> tuple[Tensor, ...]:
    for x in _tensors(name, tensors):
        if x._a.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x._a.shape)}")
    return tuple(tensors)


@overridable
def cartesian_prod(*tensors: Any) -> Tensor:
    """All tuples with one element of each vector, as the rows of a matrix."""
    tensors = _vectors("cartesian_prod", tensors)
    if len(tensors) == 1:
        return tensors[0]
    return stack([shape.flatten(g) for g in meshgrid(*tensors, indexing="ij")], 1)


@overridable
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All subsets of `r` elements of a vector, in order, as rows; with_replacement: elements
    may repeat.
    """
    (input,) = _vectors("combinations", (tensor("combinations", input),))
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    n = input._a.size
    if r == 0:
        return wrap(np.empty((0,), input._a.dtype))
    numbers = np.indices((n,) * r).reshape(r, -1)
    steps = numbers[1:] - numbers[:-1]
    chosen = numbers[:, np.all(steps >= (0 if with_replacement else 1), axis=0)]
    return stack([apply(Chosen, input, i, axes=(0,)) for i in chosen], 1)


# --- repeating --------------------------------------------------------------------------------


@overridable
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """The tensor repeated as blocks along each dimension; leading repeats add dimensions.

    A copy.
    """
    have = tensor("repeat", input)._a.shape
    repeats = sizes(repeats, "repeat", "repeats")
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
def tile(input: Tensor, *dims: Any) -> Tensor:
    """As repeat, but fewer repeats than dimensions apply to the last ones."""
    rank = tensor("tile", input)._a.ndim
    dims = sizes(dims, "tile", "dims")
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
        _check_counts(a, a.size)
        return wrap(np.repeat(np.arange(a.size), a))
    if isinstance(repeats, list | tuple):
        repeats = wrap(np.array(repeats, np.int64))
    if dim is None:
        input, dim = shape.flatten(shape.reshape(input, (-1,))), 0
        a = input._a
    axis = one_dim(dim, a.ndim, "repeat_interleave")
    if isinstance(repeats, Tensor) and repeats._a.size != 1:
        _check_counts(repeats._a, a.shape[axis])
        return apply(
            IndexSelect, input, np.repeat(np.arange(a.shape[axis]), repeats._a), axes=(axis,)
        )
    n = int(repeats._a.reshape(())) if isinstance(repeats, Tensor) else repeats
    if n < 0:
        raise RuntimeError(f"Repeats must be non-negative, got {n}")
    if not a.ndim:
        return repeat(input, n)
    wide = shape.unsqueeze(input, axis + 1)
    wide = shape.expand(wide, (*a.shape[: axis + 1], n, *a.shape[axis + 1 :]))
    return shape.view(
        apply(shape.Clone, wide), (*a.shape[:axis], a.shape[axis] * n, *a.shape[axis + 1 :])
    )


def _check_counts(counts: np.ndarray, n: int) -> None:
    if counts.dtype.kind not in "iu" or counts.itemsize < 4:
        raise NotImplementedError(
            '"repeat_interleave_cpu" not implemented for '
            "'{shape._legacy(counts.dtype)}': repeats must be int32 or int64"
        )
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
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The order of elements reversed along these dimensions; a copy."""
    rank = tensor("flip", input)._a.ndim
    dims = sizes(dims, "flip", "dims")
    return apply(Flip, input, axes=many_dims(dims, rank, "flip") if dims else ())


@overridable
def fliplr(input: Tensor) -> Tensor:
    """Columns in reverse order (dimension 1); a copy."""
    if tensor("fliplr", input)._a.ndim < 2:
        raise RuntimeError(f"Input must be >= 2-d. Got shape {list(input._a.shape)}")
    return apply(Flip, input, axes=(1,))


@overridable
def flipud(input: Tensor) -> Tensor:
    """Rows in reverse order (dimension 0); a copy."""
    if tensor("flipud", input)._a.ndim < 1:
        raise RuntimeError("Input must be >= 1-d. Got a 0-d tensor")
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
    return r if out is None else write_out("diag", out, r)


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
    return r if out is None else write_out(name, out, r)


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
