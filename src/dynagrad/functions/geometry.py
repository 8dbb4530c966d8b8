"""Sizes, strides and storage of tensors, and the in-place operations that change them."""

import math
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import recording
from ..core.carriers.carrier import Carrier, here
from ..core.dtype import Size, from_numpy_dtype
from ..core.overrides import overridable
from ..core.storage import address, offset_of, owner, strides_of
from ..core.tape import AccumulateGrad, Meta
from ..core.tensor import Tensor, base_of, edge_of, family_of, record
from ..core.views import check_inplace
from ..ops import shape as ops
from .arguments import many_dims, one_dim, sizes, tensor
from .nodes import node
from .parts import check_window, row_strides

__all__ = [
    "numel",
    "resize_as_",
]

# --- questions --------------------------------------------------------------------------------


def _existing_dim(self: Tensor, dim: int, name: str) -> int:
    if not self._a.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return one_dim(dim, self._a.ndim, name)


def size(self: Tensor, dim: int | None = None) -> Any:
    """The sizes of all dimensions, or of one."""
    return Size(self._a.shape) if dim is None else self._a.shape[_existing_dim(self, dim, "size")]


def stride(self: Tensor, dim: int | None = None) -> Any:
    """The distance in memory, in elements, between neighbours along each dimension, or along
    one.
    """
    strides = strides_of(self._a) if self._a.size else row_strides(self._a.shape)
    return strides if dim is None else strides[_existing_dim(self, dim, "stride")]


def storage_offset(self: Tensor) -> int:
    """The place of the first element in the storage, in elements."""
    return offset_of(self._a)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return tensor("numel", input)._a.size


def dim(self: Tensor) -> int:
    """The number of dimensions."""
    return self._a.ndim


def element_size(self: Tensor) -> int:
    """The bytes of one element."""
    return self._a.itemsize


def data_ptr(self: Tensor) -> int:
    """The address of the first element; 0 for a tensor without elements."""
    return address(_stored(self)) if self._a.size else 0


def _stored(t: Tensor) -> ndarray:
    """The tensor's array; RuntimeError for one that is none of its own."""
    a = t._a
    if isinstance(a, Carrier):
        a = a.handed()
    if isinstance(a, Carrier):
        raise RuntimeError(
            "Cannot access data pointer of Tensor that doesn't have storage\nInside a function "
            f"that vmap or jvp transforms, a tensor has no memory of its own. {here()}"
        )
    return a


def nbytes(self: Tensor) -> int:
    """The bytes of all elements."""
    return self._a.size * self._a.itemsize


class UntypedStorage:
    """The memory behind a tensor and its views, as bytes."""

    _unit = 1

    def __init__(self, memory: ndarray):
        self._memory = memory

    def data_ptr(self) -> int:
        """The address of the memory."""
        return address(self._memory) if self._memory.nbytes else 0

    def nbytes(self) -> int:
        """The size in bytes."""
        return self._memory.nbytes

    def size(self) -> int:
        """The number of elements (of bytes, for an untyped storage)."""
        return self._memory.nbytes // self._unit

    def element_size(self) -> int:
        """The bytes of one element."""
        return self._unit

    def _elements(self) -> ndarray:
        return _flat(self._memory).view(np.uint8)

    def tolist(self) -> list:
        """The elements as a list."""
        return self._elements().tolist()

    def __len__(self) -> int:
        return self.size()

    def __getitem__(self, index: int) -> Any:
        return self._elements()[index].item()

    def __eq__(self, other: Any) -> bool:
        return (
            type(other) is type(self)
            and self.data_ptr() == other.data_ptr()
            and len(self) == len(other)
        )

    __hash__ = object.__hash__

    def _name(self) -> str:
        return "torch.storage.UntypedStorage(device=cpu)"

    def __repr__(self) -> str:
        return (
            "".join(f" {value}\n" for value in self.tolist())
            + f"[{self._name()} of size {self.size()}]"
        )


class TypedStorage(UntypedStorage):
    """The memory behind a tensor and its views, as elements of its dtype."""

    def __init__(self, memory: ndarray, dtype: np.dtype):
        super().__init__(memory)
        self.dtype = from_numpy_dtype(dtype)
        self._unit = dtype.itemsize

    def _elements(self) -> ndarray:
        return _flat(self._memory).view(self.dtype.numpy)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self._memory)

    def _name(self) -> str:
        return f"torch.storage.TypedStorage(dtype={self.dtype!r}, device=cpu)"


def _flat(memory: ndarray) -> ndarray:
    return memory.reshape(-1, order="A")


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The tensor's memory as bytes."""
    return UntypedStorage(owner(_stored(self)))


def storage(self: Tensor) -> TypedStorage:
    """The tensor's memory as elements."""
    return TypedStorage(owner(_stored(self)), self._a.dtype)


# --- in place ---------------------------------------------------------------------------------

T1 = node("TBackward1", ops.transpose)
Transpose1 = node("TransposeBackward1", ops.transpose)
Unsqueeze1 = node("UnsqueezeBackward1", ops.unsqueeze)
Squeeze3 = node("SqueezeBackward3", ops.reshape)
Squeeze4 = node("SqueezeBackward4", ops.reshape)
Squeeze5 = node("SqueezeBackward5", ops.reshape)
AsStrided1 = node("AsStridedBackward1", ops.as_strided)

new = object.__new__


def _reshaped(cls: type, t: Tensor, name: str, **kw: Any) -> Tensor:
    """Give `t` another geometry over its memory; the history goes on through a node of `cls`."""
    edge, base = edge_of(t), base_of(t)
    # As by any write: views of a recorded base get a new history.
    is_renewed = base is not None and _is_inner(base._e)
    if recording():
        needs = edge is not None and check_inplace(t, name)
    else:  # a cotangent of the new shape could not go to the node of the old one
        needs = _is_inner(edge) and not is_renewed
    rule = cls.rule
    a = (rule.kernel if type(t._a) is ndarray else rule.fun)(t._a, **kw)
    family = family_of(t)
    if needs:
        node = new(cls)
        record(node, (edge,), tuple([Meta(t._a) for _ in rule.saves]), kw=kw)
        node.family = family
        t._e = node
    if is_renewed or (needs and family.has_views and base is None):
        family.rebased += 1
        if needs:
            t._n = family.rebased  # but what has just been recorded stays
    t._a = a
    family.cell.bump()
    return t


def _is_inner(edge: Any) -> bool:
    """Whether an edge is that of a result, no leaf's."""
    return edge is not None and type(edge) is not AccumulateGrad


@overridable
def t_(self: Tensor) -> Tensor:
    """t in place: the tensor itself becomes the transposed matrix."""
    rank = self._a.ndim
    if rank > 2:
        raise RuntimeError(f"t_() expects a tensor with <= 2 dimensions, but self is {rank}D")
    return _reshaped(T1, self, "t_", axes=tuple(range(rank))[::-1])


@overridable
def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """transpose in place: the tensor itself gets two dimensions exchanged."""
    rank = self._a.ndim
    axes = list(range(rank))
    i, j = one_dim(dim0, rank, "transpose_"), one_dim(dim1, rank, "transpose_")
    if rank:
        axes[i], axes[j] = j, i
    return _reshaped(Transpose1, self, "transpose_", axes=tuple(axes))


def swapaxes_(self: Tensor, axis0: int, axis1: int) -> Tensor:
    """transpose_ under NumPy's name."""
    return transpose_(self, axis0, axis1)


def swapdims_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """transpose_ under another name."""
    return transpose_(self, dim0, dim1)


@overridable
def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """unsqueeze in place."""
    return _reshaped(
        Unsqueeze1, self, "unsqueeze_", axis=one_dim(dim, self._a.ndim, "unsqueeze_", extra=1)
    )


@overridable
def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """squeeze in place."""
    have = self._a.shape
    if dim is None:
        cls, dims = Squeeze3, range(len(have))
    elif isinstance(dim, list | tuple):
        cls, dims = Squeeze5, many_dims(dim, len(have), "squeeze_") if dim else ()
    else:
        cls, dims = Squeeze4, (one_dim(dim, len(have), "squeeze_"),)
    left = tuple([n for d, n in enumerate(have) if n != 1 or d not in dims])
    return _reshaped(cls, self, "squeeze_", shape=left)


@overridable
def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """as_strided in place: the tensor itself becomes that window of its storage."""
    a = self._a
    size, stride = sizes((size,), "as_strided_"), sizes((stride,), "as_strided_", "stride")
    memory = owner(a)
    start = offset_of(a)
    offset = start if storage_offset is None else storage_offset
    check_window(size, stride, offset, memory.nbytes // a.itemsize, a.itemsize)
    kw = {"size": size, "stride": stride, "offset": offset - start, "base_stride": strides_of(a)}
    return _reshaped(AsStrided1, self, "as_strided_", **kw)


@overridable
def resize_(self: Tensor, *shape_: Any, size: Any = None, memory_format: Any = None) -> Tensor:
    """Another shape over the same storage, in row-major order; a larger one gets new memory.

    Elements keep their order in the storage; new ones are zeros. Views that exist keep the old
    memory then.
    """
    if edge_of(self) is not None:
        raise RuntimeError(
            "cannot resize variables that require grad. Use a view or reshape, or detach() first."
        )
    shape = sizes(shape_ if size is None else (size,), "resize_")
    if any(n < 0 for n in shape):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    if isinstance(self._a, Carrier):
        return _resized(self, shape)
    a, strides = self._a, row_strides(shape)
    start = storage_offset(self)
    needed = start + ops.span(shape, strides)
    memory = _flat(owner(a)).view(a.dtype)
    if needed > memory.size:
        memory = np.concatenate([memory, np.zeros(needed - memory.size, a.dtype)])
    self._a = ndarray(
        shape, a.dtype, memory, start * a.itemsize, tuple([s * a.itemsize for s in strides])
    )
    family_of(self).cell.bump()
    return self


def _resized(t: Tensor, shape: tuple) -> Tensor:
    count = math.prod(shape)
    if count > t._a.size:
        raise RuntimeError(
            f"resize_: cannot resize a tensor of {t._a.size} elements to {list(shape)}, which "
            "needs more memory, inside a function that vmap or jvp transforms\nMake a new tensor, "
            "as in x.new_zeros(...)."
        )
    t._a = t._a.reshape(-1)[:count].reshape(shape)
    family_of(t).cell.bump()
    return t


def resize_as_(self: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of another tensor."""
    return resize_(self, tensor("resize_as_", the_template, 1, "the_template")._a.shape)


@overridable
def set_(
    self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None
) -> Tensor:
    """Show another tensor's memory, or a window of a storage; without arguments none at all."""
    if source is None:
        a = np.empty((0,), self._a.dtype)
    elif isinstance(source, Tensor) and size is None:
        a = source._a
    else:
        memory = (
            owner(source._a) if isinstance(source, Tensor) else getattr(source, "_memory", None)
        )
        if memory is None:
            raise TypeError(
                "set_() received an invalid combination of arguments - got "
                f"({type(source).__name__}), but expected a Tensor or a storage"
            )
        item = self._a.itemsize
        room = memory.nbytes // item
        shape = (room - storage_offset,) if size is None else sizes((size,), "set_")
        strides = row_strides(shape) if stride is None else sizes((stride,), "set_", "stride")
        check_window(shape, strides, storage_offset, room, item)
        steps = tuple([s * item for s in strides])
        a = ndarray(shape, self._a.dtype, _flat(memory), storage_offset * item, steps)
    if a.dtype != self._a.dtype:
        raise RuntimeError(
            f"Expected a Tensor of type {self.dtype!r} but got a type "
            f"{from_numpy_dtype(a.dtype)!r} for argument 'source'"
        )
    self._a = a
    family_of(self).cell.bump()
    return self
