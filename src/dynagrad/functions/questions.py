"""What is seldom asked of tensors, and Python functions applied to their elements."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.complaints import legacy_name
from ..core.overrides import overridable
from ..core.storage import owner, strides_of
from ..core.tensor import Tensor, edge_of, family_of
from .arguments import sizes, tensor
from .geometry import UntypedStorage, data_ptr
from .shape import reshape

__all__ = ["is_distributed", "is_same_size", "is_signed", "is_storage"]


@overridable
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    first, second = tensor("is_same_size", input), tensor("is_same_size", other, 2, "other")
    return first._a.shape == second._a.shape


@overridable
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return tensor("is_signed", input)._a.dtype.kind not in "bu"


def is_distributed(input: Tensor) -> bool:
    """Whether the tensor is spread over processes: never."""
    return False


def is_storage(obj: Any, /) -> bool:
    """Whether the object is the memory of a tensor."""
    return isinstance(obj, UntypedStorage)


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both tensors show the same memory with the same shape and strides."""
    a, b = self._a, tensor._a
    return owner(a) is owner(b) and (a.shape, a.strides, data_ptr(self)) == (
        b.shape,
        b.strides,
        data_ptr(tensor),
    )


def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions in the order in which they lie in memory, slowest first; those of equal
    strides, and of stride 0, as they are numbered.
    """
    strides = strides_of(self._a)
    if 0 in strides:
        return tuple(range(len(strides)))
    return tuple(sorted(range(len(strides)), key=lambda d: -strides[d]))


def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """What Module.load_state_dict puts in the place of this tensor: the other one (`assign`), or
    this one with the other's values.
    """
    return other.detach() if assign else self.copy_(other).detach()


def const_data_ptr(self: Tensor) -> int:
    """The address of the first element, for reading."""
    return data_ptr(self)


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself: it is dense."""
    return self if dtype is None else self.to(dtype)


def dense_dim(self: Tensor) -> int:
    """The number of dimensions, all of which are dense."""
    return self._a.ndim


def sparse_dim(self: Tensor) -> int:
    """The number of sparse dimensions: none."""
    return 0


# --- other shapes -----------------------------------------------------------------------------


def resize(self: Tensor, *shape: Any) -> Tensor:
    """`reshape` to as many elements (deprecated)."""
    wanted, have = sizes(shape, "resize"), self._a.shape
    count = int(np.prod(wanted))
    if count != self._a.size:
        raise RuntimeError(
            f"requested resize to {'x'.join(map(str, wanted))} ({count} elements in total), but "
            f"the given tensor has a size of {'x'.join(map(str, have))} ({self._a.size} elements). "
            "autograd's resize can only change the shape of a given tensor, while preserving the "
            "number of elements. "
        )
    return reshape(self, wanted)


def resize_as(self: Tensor, tensor: Tensor) -> Tensor:
    """`resize` to another tensor's shape (deprecated)."""
    return resize(self, tensor._a.shape)


# --- Python functions of elements -------------------------------------------------------------


def _written(t: Tensor, name: str, others: tuple[Tensor, ...], function: Callable) -> Tensor:
    if edge_of(t) is not None:
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            "instead."
        )
    a = t._a
    for other in others:
        if other._a.dtype != a.dtype:
            raise TypeError(
                f"{name}: expected torch.{legacy_name(a.dtype)}Tensor for 'other' (got "
                f"torch.{legacy_name(other._a.dtype)}Tensor)"
            )
    columns = [np.broadcast_to(o._a, a.shape).ravel().tolist() for o in (t, *others)]
    values = [function(*row) for row in zip(*columns, strict=True)]
    a[...] = np.array(values).astype(a.dtype).reshape(a.shape)
    family_of(t).cell.bump()
    return t


def apply_(self: Tensor, callable: Callable) -> Tensor:
    """Replace each element by a Python function of it: slow, and without derivative."""
    return _written(self, "apply_", (), callable)


def map_(self: Tensor, tensor: Tensor, callable: Callable) -> Tensor:
    """Replace each element by a Python function of it and of another tensor's."""
    return _written(self, "map_", (tensor,), callable)


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable) -> Tensor:
    """Replace each element by a Python function of it and of two other tensors'."""
    return _written(self, "map2_", (x, y), callable)
