"""Parameter and Buffer: the tensors that a module owns; those without a shape yet. Imports core and
functions.
"""

from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..core.dtype import check_device, from_numpy_dtype, get_default_dtype, numpy_dtype
from ..core.overrides import override_disabled
from ..core.tensor import Tensor, new, wrap
from ..core.views import detached
from ..core.watch import overriding, take_as_own
from ..functions.factory import need_gradients, shape_of
from ..functions.tensor_methods import as_subclass, disabled_torch_function, tensor_repr

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "is_lazy",
]


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
            need_gradients(t)
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


def uninitialized(*shape: int, device: Any = None, dtype: Any = None) -> Tensor:
    """A tensor whose values are still to be set, for a module that resets its parameters next."""
    check_device(device)
    return wrap(
        np.empty(
            shape_of("empty", shape),
            get_default_dtype().numpy if dtype is None else numpy_dtype(dtype),
        )
    )


# --- without a shape yet -------------------------------------------------------------------------

#: the functions that may be asked of a tensor without a shape
_ALLOWED = frozenset(
    (
        *("size", "copy_", "is_complex", "is_floating_point", "get_device", "__hash__"),
        *("half", "float", "double", "char", "short", "int", "long", "cuda", "cpu", "to"),
    )
)

#: those that have no shape yet: while there are any, every operation asks whether it met one
_waiting: "WeakValueDictionary[int, Any]" = WeakValueDictionary()


def _refusal(what: Any, cls: type) -> ValueError:
    return ValueError(
        f"Attempted to use an uninitialized parameter in {what}. This error happens when you are "
        "using a `LazyModule` or explicitly manipulating "
        f"`torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call `forward` with "
        "a dummy batch to initialize the parameters before calling torch functions"
    )


class UninitializedTensorMixin:
    """What UninitializedParameter and UninitializedBuffer share: all functions refuse them until
    `materialize` gives them a shape.
    """

    __slots__ = ()
    cls_to_become: type
    _a: Any
    requires_grad: bool

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary Parameter or Tensor of this shape, without values."""
        check_device(device)
        kind = self._a.dtype if dtype is None else numpy_dtype(dtype)
        self._a = np.empty(shape_of("empty", (shape,)), kind)
        self.__class__ = self.cls_to_become
        _waiting.pop(id(self), None)
        if not _waiting:
            overriding.difference_update((UninitializedParameter, UninitializedBuffer))

    @property
    def shape(self) -> Any:
        """Raises RuntimeError: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self) -> Any:
        """Raises RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def _none_yet(self, *args: Any, **kwargs: Any) -> Any:
        """Raises ValueError: there are no elements yet."""
        raise _refusal("a question about its elements", type(self))

    numel = nelement = dim = item = tolist = __len__ = _none_yet

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return type(self), (self.requires_grad,)

    def __deepcopy__(self, memo: dict) -> Any:
        found = memo.get(id(self))
        if found is None:
            made = type(self)(self.requires_grad, None, from_numpy_dtype(self._a.dtype))  # pyright: ignore
            found = memo[id(self)] = made
        return found

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", None) not in _ALLOWED:
            raise _refusal(func, cls)
        token = override_disabled.set(True)
        try:
            result = func(*args, **(kwargs or {}))
        finally:
            override_disabled.reset(token)
        if type(result) is Tensor and issubclass(cls, UninitializedBuffer):
            return as_subclass(result, cls)
        return result


def _without_shape(cls: type, requires_grad: bool, device: Any, dtype: Any) -> Any:
    """An empty tensor of such a class, of which every operation is told."""
    t: Any = new(cls)
    t._a, t._e, t._v = uninitialized(0, device=device, dtype=dtype)._a, None, None
    if requires_grad:
        t.requires_grad = True
    overriding.add(cls)
    _waiting[id(t)] = t
    return t


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape is not known yet, for lazy modules: `materialize(shape)` makes it a
    Parameter of that shape. As torch.nn.parameter.UninitializedParameter.
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _without_shape(cls, requires_grad, device, dtype)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None):
        """All is done when the object is made."""


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A Buffer whose shape is not known yet, for lazy modules: `materialize(shape)` makes it a
    Tensor of that shape. As torch.nn.parameter.UninitializedBuffer.
    """

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> Any:
        t = _without_shape(cls, requires_grad, device, dtype)
        t.persistent = persistent
        t._is_buffer = True
        return t


#: until there is one, no operation need look for them
overriding.difference_update((UninitializedParameter, UninitializedBuffer))


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)
