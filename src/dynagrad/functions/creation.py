"""Tensors of given sizes: zeros, ones, full, empty, eye, their `_like` forms and `new_` methods."""

from typing import Any

import numpy as np
from numpy import ndarray

from ..core.carriers.carrier import in_memory
from ..core.dtype import contiguous_format, number_dtype, preserve_format
from ..core.overrides import explained, overridable
from ..ops import creation as ops
from ..ops.layout import empty_in_order
from ..ops.layout import empty_like as memory_like
from ..ops.shape import span
from .arguments import one_size, whole
from .arguments import tensor as need_tensor
from .factory import (
    axes_of,
    check_options,
    default_float,
    fitting,
    into,
    made,
    number,
    shape_of,
    type_of,
)

__all__ = [
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "eye",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "scalar_tensor",
    "zeros",
    "zeros_like",
]

# --- sizes -----------------------------------------------------------------------------------


@explained
def zeros(
    *shape,
    size=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    names=None,
):
    """A tensor of zeros: zeros(2, 3), zeros((2, 3)); by default of default floating dtype."""
    check_options("zeros", device, layout, pin_memory)
    sizes = shape_of("zeros", shape, size)
    d = type_of("zeros", dtype, default_float())
    if out is not None:
        return into("zeros", out, np.zeros(sizes, out._a.dtype), dtype, requires_grad)
    return made(np.zeros(sizes, d), requires_grad)


@explained
def ones(
    *shape,
    size=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    names=None,
):
    """A tensor of ones: ones(2, 3), ones((2, 3)); by default of default floating dtype."""
    check_options("ones", device, layout, pin_memory)
    sizes = shape_of("ones", shape, size)
    d = type_of("ones", dtype, default_float())
    if out is not None:
        return into("ones", out, np.ones(sizes, out._a.dtype), dtype, requires_grad)
    return made(np.ones(sizes, d), requires_grad)


@explained
def empty(
    *shape,
    size=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=contiguous_format,
    names=None,
):
    """A tensor whose values are whatever its memory held: to be written before it is read."""
    check_options("empty", device, layout, pin_memory)
    sizes = shape_of("empty", shape, size)
    d = type_of("empty", dtype, default_float())
    axes = axes_of(memory_format, len(sizes))
    if axes is None:
        raise RuntimeError(
            f"unsupported memory format option Preserve\nempty() has no other tensor whose layout "
            f"could be kept; memory_format was {memory_format}."
        )
    if out is not None:
        return into("empty", out, np.empty(sizes, out._a.dtype), dtype, requires_grad)
    return made(empty_in_order(sizes, d, axes), requires_grad)


@explained
def empty_strided(
    size, stride, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """A tensor with the given strides, in elements, whose values are whatever its memory held."""
    check_options("empty_strided", device, layout, pin_memory)
    sizes = shape_of("empty_strided", (tuple(size),))
    strides = tuple([one_size(s) for s in stride])
    if len(sizes) != len(strides):
        raise RuntimeError(
            f"dimensionality of sizes ({len(sizes)}) must match dimensionality of strides "
            f"({len(strides)})\nGive one stride for each size."
        )
    if any(s is None or s < 0 for s in strides):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(sizes)} and "
            f"strides={list(stride)}\nStrides are ints of 0 or more, in elements."
        )
    d = type_of("empty_strided", dtype, default_float())
    memory = np.empty(span(sizes, strides), d)
    in_bytes = tuple([s * d.itemsize for s in strides])  # pyright: ignore[reportOptionalOperand]
    return made(np.ndarray(sizes, d, memory, 0, in_bytes), requires_grad)


@explained
def empty_permuted(
    size,
    physical_layout,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """A tensor without gaps whose dimensions lie in memory in the order `physical_layout`, slowest
    first; its values are whatever its memory held.
    """
    check_options("empty_permuted", device, layout, pin_memory)
    sizes, order = shape_of("empty_permuted", (tuple(size),)), tuple(physical_layout)
    if len(sizes) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(sizes)} is not equal to len(physical_layout) = {len(order)}"
        )
    for place, d in enumerate(order):
        if not 0 <= d < len(sizes):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(sizes) - 1}, but got "
                f"{d} at index {place}).  NB: negative dims not currently supported; file an issue "
                "if you want it."
            )
    if len(set(order)) < len(order):
        raise RuntimeError(f"Duplicate dim not allowed\nphysical_layout was {list(order)}.")
    d = type_of("empty_permuted", dtype, default_float())
    return made(empty_in_order(sizes, d, order), requires_grad)


@explained
def full(
    size,
    fill_value,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    names=None,
):
    """A tensor with one value everywhere; without dtype=, bool, int64, default float or complex."""
    check_options("full", device, layout, pin_memory)
    if not isinstance(size, list | tuple):
        kind = type(size).__name__
        raise TypeError(
            f"full(): argument 'size' (position 1) must be tuple of ints, not {kind}\n"
            "Give the sizes in a tuple: full((2, 3), value)."
        )
    sizes = shape_of("full", (size,))
    value = number("full", fill_value, 2, "fill_value")
    d = type_of("full", dtype, number_dtype(value)) if out is None else out._a.dtype
    array = np.full(sizes, fitting(value, d), d)
    if out is not None:
        return into("full", out, array, dtype, requires_grad)
    return made(array, requires_grad)


@explained
def scalar_tensor(
    s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """A tensor without dimensions that holds the number `s`, of default floating dtype."""
    check_options("scalar_tensor", device, layout, pin_memory)
    value = number("scalar_tensor", s, 1, "s")
    d = type_of("scalar_tensor", dtype, default_float())
    return made(np.array(fitting(value, d), d), requires_grad)


@explained
def eye(
    n,
    m=None,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The identity matrix of n rows and m columns (default n)."""
    check_options("eye", device, layout, pin_memory)
    checked = []
    for position, (argument, value) in enumerate((("n", n), ("m", n if m is None else m)), start=1):
        count = whole("eye", value, argument, position)
        if count < 0:
            raise RuntimeError(f"{argument} must be greater or equal to 0, got {count}")
        checked.append(count)
    if out is not None:
        return into("eye", out, np.eye(*checked, dtype=out._a.dtype), dtype, requires_grad)
    return made(np.eye(*checked, dtype=type_of("eye", dtype, default_float())), requires_grad)


# --- after the pattern of another tensor -----------------------------------------------------


def like(
    name: str, input: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any, format_: Any
) -> tuple[Any, np.dtype, Any]:
    """After which array, in which dtype, and with which order of the axes in memory a tensor like
    `input` is made.
    """
    need_tensor(name, input)
    check_options(name, device, layout, pin_memory)
    a = input._a
    return a, type_of(name, dtype, a.dtype), axes_of(format_, a.ndim)


def _filled(a: Any, d: np.dtype, axes: Any, value: Any) -> Any:
    """One value everywhere, after the pattern of an array or carrier."""
    a = in_memory(a)
    if type(a) is not ndarray:
        return ops.full(a, shape=a.shape, value=value, dtype=d)
    array = memory_like(a, d, axes)
    array[...] = value
    return array


def _new(self: Any, sizes: tuple, d: np.dtype, value: Any) -> Any:
    """One value everywhere, on the levels of `self`."""
    a = self._a
    if type(a) is not ndarray:
        return ops.full(a, shape=sizes, value=value, dtype=d)
    return np.full(sizes, value, d) if value else np.zeros(sizes, d)


@overridable
def zeros_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=preserve_format,
):
    """Zeros with the shape, dtype and layout of `input`."""
    a, d, axes = like("zeros_like", input, dtype, layout, device, pin_memory, memory_format)
    return made(_filled(a, d, axes, 0), requires_grad)


@overridable
def ones_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=preserve_format,
):
    """Ones with the shape, dtype and layout of `input`."""
    a, d, axes = like("ones_like", input, dtype, layout, device, pin_memory, memory_format)
    return made(_filled(a, d, axes, 1), requires_grad)


@overridable
def empty_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=preserve_format,
):
    """Memory as it is, with the shape, dtype and layout of `input`."""
    a, d, axes = like("empty_like", input, dtype, layout, device, pin_memory, memory_format)
    array = memory_like(a, d, axes) if type(a) is ndarray else _filled(a, d, axes, 0)
    return made(array, requires_grad)


@overridable
def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=preserve_format,
):
    """One value everywhere, with the shape, dtype and layout of `input`."""
    a, d, axes = like("full_like", input, dtype, layout, device, pin_memory, memory_format)
    value = fitting(number("full_like", fill_value, 2, "fill_value"), d)
    return made(_filled(a, d, axes, value), requires_grad)


# --- methods: the dtype of the tensor, other sizes -------------------------------------------


@explained
def new_empty(
    self,
    *shape,
    size=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """Memory as it is, of the given sizes and this tensor's dtype."""
    check_options("new_empty", device, layout, pin_memory)
    sizes = shape_of("new_empty", shape, size)
    d = type_of("new_empty", dtype, self._a.dtype)
    array = np.empty(sizes, d) if type(self._a) is ndarray else _new(self, sizes, d, 0)
    return made(array, requires_grad)


@explained
def new_zeros(
    self,
    *shape,
    size=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """Zeros of the given sizes and this tensor's dtype."""
    check_options("new_zeros", device, layout, pin_memory)
    sizes = shape_of("new_zeros", shape, size)
    return made(_new(self, sizes, type_of("new_zeros", dtype, self._a.dtype), 0), requires_grad)


@explained
def new_ones(
    self,
    *shape,
    size=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """Ones of the given sizes and this tensor's dtype."""
    check_options("new_ones", device, layout, pin_memory)
    sizes = shape_of("new_ones", shape, size)
    return made(_new(self, sizes, type_of("new_ones", dtype, self._a.dtype), 1), requires_grad)


@explained
def new_full(
    self,
    size,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """One value everywhere, in the given sizes and this tensor's dtype."""
    check_options("new_full", device, layout, pin_memory)
    d = type_of("new_full", dtype, self._a.dtype)
    value = fitting(number("new_full", fill_value, 2, "fill_value"), d)
    return made(_new(self, shape_of("new_full", (size,)), d, value), requires_grad)


@explained
def new_empty_strided(
    self,
    size,
    stride,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """Memory as it is, with the given sizes and strides and this tensor's dtype."""
    return empty_strided(
        size,
        stride,
        dtype=self.dtype if dtype is None else dtype,
        layout=layout,
        device=device,
        pin_memory=pin_memory,
        requires_grad=requires_grad,
    )
