"""Parts of tensors as views: slices, diagonals, windows; under PyTorch's names."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.apply import apply, to_dtype
from ..core.overrides import overridable
from ..core.storage import address, offset_of, owner, strides_of
from ..core.tensor import Tensor, wrap
from ..core.views import as_strided_view
from ..ops import shape
from ..ops.layout import empty_like
from .arguments import one_dim, sizes, tensor, whole, write_same
from .conversion import fill_
from .nodes import node
from .shape import view_by

__all__ = [
    "as_strided",
    "as_strided_scatter",
    "diagonal",
    "diagonal_scatter",
    "narrow",
    "select",
    "select_scatter",
    "slice_scatter",
]

Slice = node("SliceBackward0", shape.sliced)
Select = node("SelectBackward0", shape.select)
Diagonal = node("DiagonalBackward0", shape.diagonal)
Unfold = node("UnfoldBackward0", shape.unfold)


@overridable
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """The part [start, start + length) along a dimension, a view; a negative start counts from
    the end.
    """
    have = tensor("narrow", input)._a.shape
    if not have:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = one_dim(dim, len(have), "narrow")
    if isinstance(start, Tensor) and (start._a.ndim or start._a.dtype.kind not in "iu"):
        raise RuntimeError(
            "start must be an 0-dim integral Tensor.\nIt has shape "
            f"{list(start._a.shape)} and dtype {start.dtype!r}."
        )
    start, length, n = whole("narrow", start, "start"), whole("narrow", length, "length"), have[dim]
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative. Got {length}")
    if not -n <= start <= n:
        raise IndexError(
            f"start out of range (expected to be in range of [{-n}, {n}], but got {start})"
        )
    if start < 0:
        start += n
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return slice_by(input, dim, start, start + length, 1)


def slice_by(input: Tensor, dim: int, start: int, stop: int, step: int) -> Tensor:
    """The recorded slice of a dimension; its limits lie inside it."""
    return view_by(Slice, input, axis=dim, start=start, stop=stop, step=step)


def sliced(name: str, input: Tensor, dim: int, start: Any, end: Any, step: int) -> Tensor:
    """The slice start:end:step along a dimension, a view; limits beyond its ends are cut off."""
    have = tensor(name, input)._a.shape
    if not have:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    axis = one_dim(dim, len(have), name)
    if step <= 0:
        raise RuntimeError(f"slice step must be positive\nIt was {step}.")
    first, last, step = slice(start, end, step).indices(have[axis])
    return slice_by(input, axis, first, max(first, last), step)


@overridable
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice number `index` along a dimension, without it: a view."""
    have = tensor("select", input)._a.shape
    if not have:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = one_dim(dim, len(have), "select")
    index = whole("select", index, "index", 2)
    if not -have[dim] <= index < have[dim]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(have)} at "
            f"dimension {dim}"
        )
    return view_by(Select, input, axis=dim, index=index % have[dim])


@overridable
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements (i, i + offset) of two dimensions along a new last one, a view."""
    rank = tensor("diagonal", input)._a.ndim
    first, second = one_dim(dim1, rank, "diagonal"), one_dim(dim2, rank, "diagonal")
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return view_by(Diagonal, input, offset=offset, axis1=first, axis2=second)


@overridable
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` at distance `step` along a dimension, as a new last dimension: a
    view.
    """
    a = tensor("unfold", input)._a
    if not a.ndim:
        _check_windows(0, 1, size, step)
        return as_unfolded_number(input, size)
    axis = one_dim(dimension, a.ndim, "unfold")
    _check_windows(axis, a.shape[axis], size, step)
    return view_by(Unfold, input, axis=axis, size=size, step=step)


UnfoldNumber = node("UnfoldBackward0", shape.reshape)


def as_unfolded_number(input: Tensor, size: int) -> Tensor:
    """The windows of a number: itself as a vector of size 1 (or an empty one)."""
    r = view_by(UnfoldNumber, input, shape=(1,))
    return r if size else slice_by(r, 0, 0, 0, 1)


def _check_windows(axis: int, n: int, size: int, step: int) -> None:
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")


@overridable
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the tensor's storage by size, stride and offset, counted in elements."""
    a = tensor("as_strided", input)._a
    size, stride = sizes((size,), "as_strided"), sizes((stride,), "as_strided", "stride")
    memory = owner(a)
    offset = offset_of(a) if storage_offset is None else storage_offset
    check_window(size, stride, offset, memory.nbytes // a.itemsize, a.itemsize)
    return as_strided_view(input, size, stride, offset)


def check_window(size: tuple, stride: tuple, offset: int, room: int, itemsize: int) -> None:
    """Raise unless a window of this geometry lies in a storage of `room` elements."""
    if len(size) != len(stride):
        raise RuntimeError(
            f"mismatch in length of strides and shape: size {list(size)}, stride {list(stride)}"
        )
    if any(s < 0 for s in stride):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(stride)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if any(n < 0 for n in size):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(size)}: {list(size)}"
        )
    needed = offset + shape.span(size, stride) if all(size) else 0
    if needed > room:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset "
            f"{offset}, and itemsize {itemsize} "
            f"requiring a storage size of {needed * itemsize} are out of bounds for storage "
            f"of size {room * itemsize}"
        )


def row_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of row-major memory without gaps."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(strides[::-1])


# --- copies with a part replaced --------------------------------------------------------------

SelectScatter = node("SelectScatterBackward0", shape.write_strided)
SliceScatter = node("SliceScatterBackward0", shape.write_strided)
DiagonalScatter = node("DiagonalScatterBackward0", shape.write_strided)
AsStridedScatter = node("AsStridedScatterBackward0", shape.write_strided)


def _replaced(cls: type, name: str, input: Tensor, src: Tensor, part: Callable) -> Tensor:
    """A copy of `input` with `src` in the view that `part` makes of a tensor like it."""
    blank = _blank(name, input)
    a, window = input._a, part(blank)._a
    if tensor(name, src, 2, "src")._a.shape != window.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src._a.shape)}, slice size = "
            f"{list(window.shape)}"
        )
    step = window.itemsize
    offset = (address(window) - address(blank._a)) // step if window.size else 0
    stride = strides_of(window)
    kw = {
        "size": window.shape,
        "stride": stride,
        "offset": offset,
        "base_stride": strides_of(blank._a),
    }
    return apply(cls, input, to_dtype(src, a.dtype), **kw)


def _blank(name: str, input: Any) -> Tensor:
    """Memory laid out as PyTorch's copies are: with the input's own strides, gaps and all."""
    a = tensor(name, input)._a
    if type(a) is not np.ndarray or a.flags.c_contiguous:
        return wrap(np.empty(a.shape, a.dtype))
    steps = [(abs(s), n) for s, n in zip(a.strides, a.shape, strict=True) if n > 1]
    reach = 0
    for step, n in sorted(steps):
        if step <= reach:
            return wrap(empty_like(a, a.dtype))
        reach += step * (n - 1)
    memory = np.empty(reach // a.itemsize + 1, a.dtype)
    return wrap(np.ndarray(a.shape, a.dtype, memory, strides=a.strides))


@overridable
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy with `src` as slice number `index` along a dimension."""

    def part(x: Tensor) -> Tensor:
        return select(x, dim, index)

    return _replaced(SelectScatter, "select_scatter", input, src, part)


@overridable
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy with `src` in the slice start:end:step along a dimension."""

    def part(x: Tensor) -> Tensor:
        return sliced("slice_scatter", x, dim, start, end, step)

    r = _replaced(SliceScatter, "slice_scatter", input, src, part)
    return r if out is None else write_same("slice_scatter", out, r, src)


@overridable
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy with `src` on a diagonal."""

    def part(x: Tensor) -> Tensor:
        return diagonal(x, offset, dim1, dim2)

    return _replaced(DiagonalScatter, "diagonal_scatter", input, src, part)


@overridable
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None
) -> Tensor:
    """A copy with `src` in the window of this geometry (in elements, row-major)."""

    def part(x: Tensor) -> Tensor:
        return as_strided(x, size, stride, storage_offset)

    return _replaced(AsStridedScatter, "as_strided_scatter", input, src, part)


@overridable
def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write one value on the main diagonal; `wrap` begins it anew below a square, one row later."""
    x = tensor("fill_diagonal_", input)
    have = x._a.shape
    if len(have) < 2:
        raise RuntimeError(
            "dimensions must larger than 1\n"
            f"fill_diagonal_ needs a matrix or more; the tensor has shape {list(have)}."
        )
    if len(have) > 2 and len(set(have)) > 1:
        raise RuntimeError(
            f"all dimensions of input must be of equal length\nThe tensor has shape {list(have)}."
        )
    step = sum(strides_of(x._a))
    start = offset_of(x._a)
    rows = have[0] if wrap and len(have) == 2 else 1
    for first in range(0, rows, have[1] + 1):
        length = min(have[0] - first, have[1])
        offset = start + first * strides_of(x._a)[0]
        fill_(as_strided(x, (length,), (step,), offset), fill_value)
    return x
