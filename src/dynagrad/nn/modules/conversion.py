"""A module's parameters and buffers as other dtypes, or in other memory. Imports core and
parameter.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from ...core.apply import to_dtype
from ...core.dtype import (
    FLOATING,
    bfloat16,
    category,
    check_device,
    dtype,
    float16,
    float32,
    float64,
)
from ...core.quiet import warn
from ...core.tape import grad_mode
from ...core.tensor import Tensor, wrap
from ..parameter import UninitializedBuffer, is_lazy

T = TypeVar("T", bound="Convertible")


class Convertible:
    """The part of Module that converts and moves what belongs to it."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    children: Callable[[], Iterator[Any]]

    def _apply(self: T, fn: Callable[[Any], Any], recurse: bool = True) -> T:
        """Replace the values of all parameters, gradients and buffers by `fn` of them; parameters
        stay the same objects.
        """
        if recurse:
            for module in self.children():
                module._apply(fn)
        token = grad_mode.set(False)
        try:
            for parameter in self._parameters.values():
                if parameter is None:
                    continue
                g = getattr(parameter, "_g", None)
                parameter.data = fn(parameter)
                if g is not None:
                    made = fn(g)
                    g.data = made
                    parameter._g = g
        finally:
            grad_mode.reset(token)
        for name, buffer in self._buffers.items():
            if buffer is None:
                continue
            made = fn(buffer)
            if is_lazy(buffer) and not is_lazy(made):
                made = UninitializedBuffer(dtype=made.dtype, persistent=buffer.persistent)
            self._buffers[name] = made
        return self

    def _to_dtype(self: T, wanted: dtype) -> T:
        return self._apply(
            lambda t: to_dtype(t, wanted.numpy) if category(t._a.dtype) == FLOATING else t
        )

    def float(self: T) -> T:
        """Convert floating parameters and buffers to float32."""
        return self._to_dtype(float32)

    def double(self: T) -> T:
        """Convert floating parameters and buffers to float64."""
        return self._to_dtype(float64)

    def half(self: T) -> T:
        """Convert floating parameters and buffers to float16."""
        return self._to_dtype(float16)

    def bfloat16(self: T) -> T:
        """Convert floating parameters and buffers to bfloat16."""
        return self._to_dtype(bfloat16)

    def type(self: T, dst_type: Any) -> T:
        """Convert all parameters and buffers to a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def cpu(self: T) -> T:
        """Return the module: everything is on the CPU."""
        return self._apply(lambda t: t)

    def cuda(self: T, device: Any = None) -> T:
        """Raise AssertionError: dynagrad computes on the CPU."""
        check_device("cuda" if device is None else device)
        return self

    def xpu(self: T, device: Any = None) -> T:
        """Raise AssertionError: dynagrad computes on the CPU."""
        raise AssertionError(f"Torch not compiled with XPU enabled: {_CPU}")

    def ipu(self: T, device: Any = None) -> T:
        """Raise AssertionError: dynagrad computes on the CPU."""
        raise AssertionError(f"There is no IPU: {_CPU}")

    def mtia(self: T, device: Any = None) -> T:
        """Raise AssertionError: dynagrad computes on the CPU."""
        raise AssertionError(f"There is no MTIA device: {_CPU}")

    def to_empty(self: T, *, device: Any, recurse: bool = True) -> T:
        """Give parameters and buffers new memory without values."""
        check_device(device)
        return self._apply(lambda t: wrap(np.empty_like(t._a)), recurse)

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Convert floating and complex parameters and buffers: to(dtype), to(device, dtype),
        to(tensor), to(memory_format=...), which concerns those of 4 or 5 dimensions; device is the
        CPU.
        """
        wanted, form = _wanted(args, **kwargs)
        if wanted is None and form is None:
            return self._apply(lambda t: t)
        if wanted is not None:
            _check_dtype(wanted)

        def converted(t: Any) -> Any:
            if wanted is not None and category(t._a.dtype) >= FLOATING:
                t = to_dtype(t, wanted.numpy)
            return t.to(memory_format=form) if form is not None and t._a.ndim in (4, 5) else t

        return self._apply(converted)

    def share_memory(self: T) -> T:
        """Move all parameters and buffers to memory that other processes share
        (Tensor.share_memory_); returns the module.
        """
        return self._apply(lambda t: t.share_memory_())


_CPU = "dynagrad computes on the CPU; use device='cpu'"


def _wanted(
    args: tuple,
    tensor: Tensor | None = None,
    device: Any = None,
    dtype: Any = None,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> tuple[Any, Any]:
    """The dtype and the memory format that the arguments of `to` ask for."""
    check_device(device)
    found = dtype
    for value in args if tensor is None else (*args, tensor):
        if isinstance(value, Tensor):
            found = value.dtype
        elif isinstance(value, _Dtype):
            found = value
        elif value is not None and not isinstance(value, bool):
            check_device(value)
    if found is not None and not isinstance(found, _Dtype):
        raise TypeError(
            f"to() received an invalid combination of arguments: dtype is {type(found).__name__}. "
            "Use to(dtype), to(device, dtype) or to(tensor), as in module.to(torch.float64)."
        )
    return found, memory_format


_Dtype = dtype


def _check_dtype(wanted: dtype) -> None:
    if wanted.category < FLOATING:
        raise TypeError(
            "nn.Module.to only accepts floating point or complex dtypes, but got desired "
            f"dtype={wanted!r}"
        )
    if wanted.category > FLOATING:
        warn(
            "Complex modules are a new feature under active development whose design may change, "
            "and some modules might not work as expected when using complex tensors as parameters "
            "or buffers."
        )
