"""Views by shape: reshaping, permuting, dimensions of size 1; under PyTorch's names."""

from functools import wraps
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import apply
from ..core.carriers.batched import Batched
from ..core.carriers.carrier import payload
from ..core.complaints import legacy_name
from ..core.dtype import Size, channels_last, channels_last_3d, contiguous_format, dtype
from ..core.overrides import overridable
from ..core.quiet import warn
from ..core.storage import address, owner
from ..core.tensor import Tensor
from ..core.views import detached
from ..core.views import view as make_view
from ..core.watch import PLAIN, overriding, watched_call, watchers
from ..ops import shape as ops
from ..ops.conversion import clone as clone_in_order
from .arguments import many_dims, no_such_dim, one_dim, sizes, tensor
from .factory import axes_of, warn_once
from .nodes import node
from .shortcut import NONE, UNUSUAL, F, made, shortcut, untracked

__all__ = [
    "adjoint",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
]

View = node("ViewBackward0", ops.reshape)
ReshapeAlias = node("ReshapeAliasBackward0", ops.reshape)
UnsafeView = node("UnsafeViewBackward0", ops.reshape)
Squeeze0 = node("SqueezeBackward0", ops.reshape)
Squeeze1 = node("SqueezeBackward1", ops.reshape)
Squeeze2 = node("SqueezeBackward2", ops.reshape)
Unsqueeze = node("UnsqueezeBackward0", ops.unsqueeze)
Alias = node("AliasBackward0", ops.reshape)
Clone = node("CloneBackward0", ops.contiguous)
Reordered = node("CloneBackward0", clone_in_order)
Permute = node("PermuteBackward0", ops.transpose)
Transpose = node("TransposeBackward0", ops.transpose)
T = node("TBackward0", ops.transpose)


def view_by(cls: type, x: Tensor, **kw: Any) -> Tensor:
    """The view of `x` that the primitive of `cls` makes with these keywords."""
    a = x._a
    rule = cls.rule
    return make_view(cls, x, (rule.kernel if type(a) is ndarray else rule.fun)(a, **kw), kw)


# --- the same elements in row-major order -----------------------------------------------------


def _by_sizes(general: F) -> F:
    """The short path of `view` and `reshape`, as `shortcut` would make it, which packed the sizes
    twice: plain sizes for a plain tensor in row-major order.
    """

    @wraps(general)
    def public(input, *sizes, **named):
        if type(input) in PLAIN and not named:
            a = input._a
            if type(a) is ndarray and a.flags.c_contiguous:
                try:
                    n = sizes[0]
                    is_flat = type(n) is int and n == -1 and len(sizes) == 1
                    r = a.ravel() if is_flat else _reshaped(a, sizes)
                    if r is not None:
                        kw = NONE if untracked(input) else {"shape": r.shape}
                        return make_view(View, input, r, kw)
                except UNUSUAL:
                    pass
        return general(input, *sizes, **named)

    general.stands_for = public  # pyright: ignore[reportFunctionMemberAccess]
    return public  # pyright: ignore[reportReturnType]


def _reshaped(a: ndarray, sizes: tuple) -> ndarray | None:
    if len(sizes) == 1 and type(sizes[0]) is tuple:
        sizes = sizes[0]
    for n in sizes:
        if type(n) is not int or n < -1:
            return None
    return a.reshape(sizes)


@_by_sizes
@overridable
def view(input: Tensor, *shape: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """The same memory under another shape, in row-major order; one size may be -1. Never copies.

    Given a dtype instead: the same bytes read as that type. Raises RuntimeError where sizes do not
    multiply up, or where the strides would need a copy. Source: torch.Tensor.view.
    """
    if dtype is not None or (len(shape) == 1 and isinstance(shape[0], _Dtype)):
        return _view_dtype(input, shape[0] if dtype is None else dtype)
    size = plain_sizes(shape if size is None else (size,), "view")
    a = input._a
    try:
        if type(a) is ndarray:
            r = a.reshape(size, copy=False)
        else:
            a.inner.reshape(size, copy=False)
            r = ops.reshape(a, shape=_infer(size, a.size))
    except (ValueError, TypeError):
        raise _not_viewable(a, size) from None
    if r.shape != size and min(size) < -1:  # which NumPy takes for -1
        _infer(size, a.size)
    return make_view(View, input, r, {"shape": r.shape})


_Dtype = dtype


def plain_sizes(size: tuple, name: str, argument: str = "size") -> tuple[int, ...]:
    """Sizes as a tuple of ints; the check of each is left to those that need it."""
    if len(size) == 1 and type(size[0]) is not int:
        size = size[0] if type(size[0]) in (tuple, Size, list) else size
    for n in size:
        if type(n) is not int:
            return sizes(tuple(size), name, argument)
    return tuple(size)


def _infer(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """`shape` with its -1 worked out; RuntimeError if it cannot hold `numel` elements."""
    known, unknown = 1, None
    for place, n in enumerate(shape):
        if n == -1:
            if unknown is not None:
                raise RuntimeError(
                    f"only one dimension can be inferred, but shape {list(shape)} has several -1"
                )
            unknown = place
        elif n < 0:
            raise RuntimeError(
                f"invalid shape dimension {n} at index {place} of shape {list(shape)}"
            )
        else:
            known *= n
    if unknown is None:
        if known == numel:
            return shape
    elif known and numel % known == 0:
        return (*shape[:unknown], numel // known, *shape[unknown + 1 :])
    elif not known and not numel:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the "
            "unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    raise RuntimeError(
        f"shape '{list(shape)}' is invalid for input of size {numel}\nSizes must multiply "
        f"up to {numel}."
    )


def _not_viewable(a: Any, shape: tuple) -> RuntimeError:
    try:
        _infer(shape, a.size)
    except RuntimeError as error:
        return error
    return RuntimeError(
        "view size is not compatible with input tensor's size and stride (at least one "
        "dimension spans across two "
        "contiguous subspaces). Use .reshape(...) instead.\nThe tensor of shape "
        f"{list(a.shape)} and stride "
        f"{[s // a.itemsize for s in a.strides]} would have to be copied for shape {list(shape)}."
    )


def _view_dtype(input: Tensor, d: Any) -> Tensor:
    a, wanted = input._a, d.numpy
    if wanted.itemsize != a.itemsize:
        names = f"{legacy_name(a.dtype)} as {legacy_name(wanted)} (different element sizes)"
        if not a.ndim:
            raise RuntimeError(f"self.dim() cannot be 0 to view {names}")
        ratio = max(wanted.itemsize // a.itemsize, 1)
        if a.shape[-1] % ratio:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {ratio} to view {names}, but got {a.shape[-1]}"
            )
        if a.strides[-1] != a.itemsize:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {names}, but got "
                f"{a.strides[-1] // a.itemsize}. Call .contiguous() first."
            )
        for i, stride in enumerate(a.strides[:-1]):
            if stride // a.itemsize % ratio:
                raise RuntimeError(
                    f"self.stride({i}) must be divisible by {ratio} to view {names}, but got "
                    f"{stride // a.itemsize}"
                )
        begin = (address(a) - address(owner(a))) // a.itemsize
        if begin % ratio:
            raise RuntimeError(
                f"self.storage_offset() must be divisible by {ratio} to view {names}, but got "
                f"{begin}"
            )
    r = detached(input)
    r._a = _reread(r._a, wanted)
    return r


def _reread(a: Any, d: np.dtype) -> Any:
    """The same memory as another type, also that of a batch."""
    if isinstance(a, Batched):
        return Batched(a.level, _reread(payload(a.value), d), a.is_batched)
    return a.view(d)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.view(other.size())`."""
    return view(input, tensor("view_as", other, 1, "other")._a.shape)


@_by_sizes
@overridable
def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The elements in row-major order under another shape: a view where strides allow, else a
    copy.
    """
    tensor("reshape", input)
    shape = plain_sizes(sizes if shape is None else (shape,), "reshape", "shape")
    a = input._a
    try:
        if type(a) is ndarray:
            r = a.reshape(shape, copy=False)
        else:
            r = a.inner.reshape(shape, copy=False)
            r = ops.reshape(a, shape=r.shape)
    except (ValueError, TypeError):
        shape = _infer(shape, a.size)
        return apply(UnsafeView, apply(Clone, input), shape=shape)
    if r.shape != shape and min(shape) < -1:  # which NumPy takes for -1
        _infer(shape, a.size)
    return make_view(View if a.flags.c_contiguous else ReshapeAlias, input, r, {"shape": r.shape})


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.reshape(other.size())`."""
    return reshape(input, tensor("reshape_as", other, 1, "other")._a.shape)


@overridable
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim..end_dim merged into one; the tensor itself if there is nothing to
    merge.
    """
    shape = tensor("flatten", input)._a.shape
    rank = len(shape)
    first, last = one_dim(start_dim, rank, "flatten"), one_dim(end_dim, rank, "flatten")
    if first > last:
        raise RuntimeError(
            "flatten() has invalid args: start_dim cannot come after end_dim, got "
            f"{start_dim}, {end_dim}"
        )
    if rank and first == last:
        return input
    merged = 1
    for n in shape[first : last + 1]:
        merged *= n
    return reshape(input, (*shape[:first], merged, *shape[last + 1 :]))


@overridable
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension split into several, of these sizes (one may be -1): a view."""
    shape = tensor("unflatten", input)._a.shape
    if not shape:
        raise RuntimeError(f"unflatten got an unexpected error: {no_such_dim(0, 0)}")
    dim = one_dim(dim, len(shape), "unflatten")
    parts = plain_sizes((sizes,), "unflatten", "sizes")
    if not parts:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        parts = _infer(parts, shape[dim])
    except RuntimeError as error:
        if "only one" in str(error):
            raise
        raise RuntimeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim "
            f"{dim} ({shape[dim]}) in the "
            f"input tensor of shape {list(shape)}"
        ) from None
    return view(input, (*shape[:dim], *parts, *shape[dim + 1 :]))


@overridable
def ravel(input: Tensor) -> Tensor:
    """One dimension of all elements, a view where the memory is contiguous."""
    return view(contiguous(tensor("ravel", input)), -1)


def _short_contiguous(input: Tensor) -> Tensor | None:
    a = input._a
    if type(input) not in PLAIN or type(a) is not ndarray:
        return None
    if a.flags.c_contiguous:
        return input
    return made(a.copy()) if untracked(input) else apply(Clone, input)


@shortcut(_short_contiguous)
@overridable
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its memory is in the order of a format, else a copy that is; without
    one, in row-major order.
    """
    a = input._a
    axes = None if memory_format is None else axes_of(memory_format, a.ndim)
    if axes is None or axes == tuple(range(a.ndim)):
        return input if a.flags.c_contiguous else apply(Clone, input)
    if isinstance(a, ndarray) and a.transpose(axes).flags.c_contiguous:
        return input
    return apply(Reordered, input, axes=axes)


def is_contiguous(input: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements lie without gaps in memory, in the order of a format; without one, in
    row-major order.
    """
    a = input._a
    if memory_format is None or memory_format is contiguous_format:
        return a.flags.c_contiguous
    for last, rank in ((channels_last, 4), (channels_last_3d, 5)):
        if memory_format is last:
            return a.ndim == rank and a.transpose(axes_of(last, rank)).flags.c_contiguous
    axes_of(memory_format, a.ndim)  # refuses what is no format
    return a.flags.c_contiguous


# --- permutations -----------------------------------------------------------------------------


@overridable
def permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """Dimensions in another order, a view: size(i) of the result is input.size(dims[i])."""
    rank = tensor("permute", input)._a.ndim
    dims = plain_sizes(order if dims is None else (dims,), "permute", "dims")
    if len(dims) != rank:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match "
            "the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {rank} is not equal to len(dims) = "
            f"{len(dims)}"
        )
    axes = tuple([one_dim(d, rank, "permute") for d in dims])
    if len(set(axes)) < rank:
        raise RuntimeError(f"permute(): duplicate dims are not allowed. Got {list(dims)}")
    return view_by(Permute, input, axes=axes)


@overridable
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged, a view."""
    rank = tensor("transpose", input)._a.ndim
    axes = list(range(rank))
    i, j = one_dim(dim0, rank, "transpose"), one_dim(dim1, rank, "transpose")
    if rank:
        axes[i], axes[j] = j, i
    return view_by(Transpose, input, axes=tuple(axes))


@overridable
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two dimensions exchanged, a view: as transpose."""
    return transpose(input, axis0, axis1)


@overridable
def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged, a view: as transpose."""
    return transpose(input, dim0, dim1)


def _short_t(input: Tensor) -> Tensor | None:
    a = input._a
    if type(input) not in PLAIN or type(a) is not ndarray or a.ndim != 2:
        return None
    return make_view(T, input, a.T, _SWAP)


@shortcut(_short_t)
@overridable
def t(input: Tensor) -> Tensor:
    """A matrix transposed, a view; vectors and numbers as they are."""
    a = tensor("t", input)._a
    rank = a.ndim
    if rank == 2:
        return make_view(
            T, input, a.T if type(a) is ndarray else ops.transpose(a, axes=(1, 0)), _SWAP
        )
    if rank > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {rank}D. Use "
            "transpose(dim0, dim1) or .mT."
        )
    return view_by(T, input, axes=tuple(range(rank)))


_SWAP = {"axes": (1, 0)}


def numpy_T(input: Tensor) -> Tensor:
    """All dimensions in reverse order, a view: `x.T`."""
    if overriding and watchers.get():
        answer = watched_call(numpy_T, (input,), {})
        if answer is not NotImplemented:
            return answer
    rank = input._a.ndim
    if rank != 2:
        _warn_of_T(rank)
    return view_by(Permute, input, axes=tuple(range(rank))[::-1])


def _warn_of_T(rank: int) -> None:
    warn_once(
        "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
        "deprecated and it will throw an error in a future release. Consider `x.mT` to transpose "
        "batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the "
        "dimensions of a tensor."
        if rank
        else "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
    )


def matrix_T(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, a view: `x.mT`."""
    return input if _is_number(input, "mT") else transpose(input, -2, -1)


@overridable
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged and conjugated: `x.mH`. A view for real tensors."""
    if _is_number(input, "mH"):
        return input
    r: Any = transpose(input, -2, -1)
    return np.conjugate(r) if r._a.dtype.kind == "c" else r


def matrix_H(input: Tensor) -> Tensor:
    """A matrix transposed and conjugated: `x.H`. A view for real tensors."""
    rank = input._a.ndim
    if rank not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {rank}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if rank > 2 else "")
        )
    return adjoint(input) if rank else numpy_T(input)


def _is_number(input: Tensor, name: str) -> bool:
    """Whether the tensor is 0-d, which PyTorch returns as it is; RuntimeError for a vector."""
    rank = input._a.ndim
    if rank == 0:
        warn(f"Tensor.{name} is deprecated on 0-D tensors: it is the tensor itself.")
    if rank == 1:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got "
            f"{rank}-D tensor."
        )
    return rank == 0


@overridable
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions `source` moved to places `destination`, the others in order around them: a
    view.
    """
    rank = tensor("movedim", input)._a.ndim
    given = [list(d) if isinstance(d, list | tuple) else [d] for d in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({given[0]} dims) should "
            "contain the same number of dims "
            f"as destination ({given[1]} dims)"
        )
    found = []
    for which, dims in zip(("source", "destination"), given, strict=True):
        found.append([one_dim(d, rank, "movedim") for d in dims])
        if len(set(found[-1])) < len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{which}` ({dims})")
    order = [d for d in range(rank) if d not in found[0]]
    for to, d in sorted(zip(found[1], found[0], strict=True)):
        order.insert(to, d)
    return view_by(Permute, input, axes=tuple(order[:rank]))


@overridable
def moveaxis(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to other places, a view: as movedim."""
    return movedim(input, source, destination)


# --- dimensions of size 1 ---------------------------------------------------------------------


@overridable
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without dimensions of size 1: all of them, or those among `dim`. A view."""
    shape = tensor("squeeze", input)._a.shape
    if dim is None:
        cls, shape = Squeeze0, tuple([n for n in shape if n != 1])
    elif isinstance(dim, list | tuple):
        dims = many_dims(dim, len(shape), "squeeze") if dim else ()
        cls, shape = Squeeze2, tuple([n for d, n in enumerate(shape) if n != 1 or d not in dims])
    else:
        d = one_dim(dim, len(shape), "squeeze")
        cls = Squeeze1
        if shape and shape[d] == 1:
            shape = shape[:d] + shape[d + 1 :]
    return view_by(cls, input, shape=shape)


@overridable
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With a new dimension of size 1 at `dim`, a view."""
    dim = one_dim(dim, tensor("unsqueeze", input)._a.ndim, "unsqueeze", extra=1)
    return view_by(Unsqueeze, input, axis=dim)


def _at_least(rank: int, name: str, tensors: tuple) -> Any:
    if len(tensors) == 1 and not isinstance(tensors[0], list | tuple):
        x = tensor(name, tensors[0])
        missing = rank - x._a.ndim
        if missing <= 0:
            return x
        if not x._a.ndim:
            return reshape(x, (1,) * rank)
        if rank == 3:
            return unsqueeze(unsqueeze(x, 0), -1) if missing == 2 else unsqueeze(x, -1)
        return unsqueeze(x, 0)
    if len(tensors) == 1:
        tensors = tuple(tensors[0])
    return tuple([_at_least(rank, name, (x,)) for x in tensors])


@overridable
def atleast_1d(*tensors: Any) -> Any:
    """Numbers as vectors of size 1; other tensors as they are.

    Several tensors, or a list: a tuple.
    """
    return _at_least(1, "atleast_1d", tensors)


@overridable
def atleast_2d(*tensors: Any) -> Any:
    """Numbers and vectors as one row; other tensors as they are.

    Several tensors, or a list: a tuple.
    """
    return _at_least(2, "atleast_2d", tensors)


@overridable
def atleast_3d(*tensors: Any) -> Any:
    """Numbers 1 x 1 x 1, vectors 1 x n x 1, matrices n x m x 1; others as they are.

    Several: a tuple.
    """
    return _at_least(3, "atleast_3d", tensors)
