"""Parameter and Buffer: the tensors that a module owns. Imports core and functions."""

from typing import Any

import numpy as np

from ..core.dtype import check_device, get_default_dtype, numpy_dtype
from ..core.tensor import Tensor, new, wrap
from ..core.views import detached
from ..core.watch import take_as_own
from ..functions.factory import shape_of
from ..functions.tensor_methods import disabled_torch_function, tensor_repr

__all__ = ["Buffer", "Parameter", "is_lazy"]


class _ParameterMeta(type(Tensor)):
    """Instances of other tensor classes count as parameters if they are marked with `_is_param`."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        return (
            cls is Parameter
            and isinstance(instance, Tensor)
            and getattr(instance, "_is_param", False)
        )


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that becomes one of a module's parameters when it is assigned as an attribute:
    `Parameter(data)`.

    It shows the memory of `data` and, unless `requires_grad` is False, its gradient is accumulated,
    also if it is made under no_grad. As torch.nn.Parameter.
    """

    __slots__ = ()
    __torch_function__ = disabled_torch_function  # pyright: ignore - not bound, as in PyTorch

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = wrap(np.empty(0, get_default_dtype().numpy))
        if (
            type(data) is not Tensor
            and not isinstance(data, Parameter)
            and isinstance(data, Tensor)
        ):
            t: Any = data.detach().requires_grad_(requires_grad)  # pyright: ignore
            if type(t) is not type(data):
                raise RuntimeError(
                    f"Creating a Parameter from an instance of type {type(data).__name__} requires "
                    "that detach() returns an "
                    f"instance of the same type, but return type {type(t).__name__} was found "
                    "instead."
                )
            t._is_param = True  # pyright: ignore
            return t
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter data must be a Tensor, not {type(data).__name__}. Make one first: "
                "torch.tensor(value)"
            )
        t = new(cls)
        shared = detached(data)
        t._a, t._e, t._v = shared._a, None, shared._v
        if requires_grad:
            t.requires_grad = True
        return t

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True):
        """All is done when the object is made: Tensor has no initialisation of its own."""

    def __repr__(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return "Parameter containing:\n" + tensor_repr(self)

    def __deepcopy__(self, memo: dict) -> "Parameter":
        found = memo.get(id(self))
        if found is None:
            copy = wrap(np.array(self._a, order="K"))
            found = memo[id(self)] = type(self)(copy, self.requires_grad)
        return found


take_as_own(Parameter)


class _BufferMeta(type(Tensor)):
    """Any tensor marked with `_is_buffer` is a Buffer."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that becomes one of a module's buffers when it is assigned as an attribute:
    `Buffer(data)`.

    What it makes is an ordinary Tensor, marked. `persistent`: whether `state_dict` holds it. As
    torch.nn.Buffer.
    """

    __slots__ = ()
    __torch_function__ = disabled_torch_function  # pyright: ignore - not bound, as in PyTorch

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = wrap(np.empty(0, get_default_dtype().numpy))
        t = data.detach()
        t.requires_grad = data.requires_grad
        t.persistent = persistent
        t._is_buffer = True
        return t


def is_lazy(param: Any) -> bool:
    """Whether a parameter has no shape yet: never here."""
    return False


def uninitialized(*shape: int, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor whose values are still to be set, for a module that resets its parameters next."""
    check_device(device)
    return wrap(
        np.empty(
            shape_of("empty", shape),
            get_default_dtype().numpy if dtype is None else numpy_dtype(dtype),
        )
    )
