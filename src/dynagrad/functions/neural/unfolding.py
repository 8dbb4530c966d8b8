"""unfold and fold, the windows of images as columns, under PyTorch's names."""

import math
from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.complaints import type_name
from ...core.overrides import overridable
from ...core.tensor import Tensor
from ...ops.neural import unfolding as ops
from ..arguments import no_kernel, sizes, tensor
from ..nodes import node
from .convolution import sides

Im2Col = node("Im2ColBackward0", ops.im2col)
Col2Im = node("Col2ImBackward0", ops.col2im)


def _pair(name: str, argument: str, position: int, given: Any) -> tuple[int, ...]:
    """A setting of unfold and fold as two ints."""
    if isinstance(given, int) and not isinstance(given, bool):
        return (given, given)
    if not isinstance(given, list | tuple) or not all(
        isinstance(n, int | np.integer | Tensor) and not isinstance(n, bool) for n in given
    ):
        wrong = given if not isinstance(given, list | tuple) else given[0]
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, but "
            f"found element of type {type_name(wrong)} at pos 0"
        )
    if len(given) != 2:
        raise RuntimeError(f"It is expected {argument} equals to 2, but got size {len(given)}")
    return sizes((given,), name, argument)


def _check_windows(kernel, dilation, padding, stride) -> None:
    for words, short, numbers, least in (
        ("kernel size should be greater than zero", "kernel", kernel, 1),
        ("stride should be greater than zero", "stride", stride, 1),
        ("dilation should be greater than zero", "dilation", dilation, 1),
        ("padding should be non-negative", "pad", padding, 0),
    ):
        if min(numbers) < least:
            raise RuntimeError(f"{words}, but got {sides(numbers, short)}")


def _count(shape, kernel, dilation, padding, stride) -> tuple[int, ...]:
    """The number of windows along each dimension of an image."""
    every = zip(shape, kernel, dilation, padding, stride, strict=True)
    return tuple([(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in every])


def _check_floating(kernel: str, x: Any) -> None:
    if x.dtype.kind in "iu":
        raise no_kernel(kernel, x.dtype)


@overridable
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of an image as columns: (N, C, H, W) gives (N, C * kH * kW, places), (C, H, W)
    gives (C * kH * kW, places).
    """
    x = tensor("im2col", input)
    given = (("kernel_size", kernel_size), ("dilation", dilation), ("padding", padding))
    given = (*given, ("stride", stride))
    kernel, apart, around, step = (
        _pair("im2col", argument, i, value) for i, (argument, value) in enumerate(given, 2)
    )
    a = x._a
    if a.ndim not in (3, 4) or 0 in a.shape[a.ndim - 3 :]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(a.shape)}"
        )
    _check_windows(kernel, apart, around, step)
    places = _count(a.shape[-2:], kernel, apart, around, step)
    if min(places) < 1:
        raise RuntimeError(
            f"Given input with spatial size {a.shape[-2:]}, kernel_size={kernel}, dilation="
            f"{apart}, padding={around}, calculated shape of the array of sliding blocks as "
            f"{places}, but its components must be at least one."
        )
    _check_floating("im2col_out_cpu", a)
    settings = {"kernel": kernel, "stride": step, "padding": around, "dilation": apart}
    return apply(Im2Col, x, **settings, size=places)


@overridable
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The sum of windows at their places in an image, the transpose of unfold: (N, C * kH * kW,
    places) gives (N, C, *output_size).
    """
    x = tensor("col2im", input)
    given = (("output_size", output_size), ("kernel_size", kernel_size), ("dilation", dilation))
    given = (*given, ("padding", padding), ("stride", stride))
    size, kernel, apart, around, step = (
        _pair("col2im", argument, i, value) for i, (argument, value) in enumerate(given, 2)
    )
    a = x._a
    _check_windows(kernel, apart, around, step)
    if a.ndim not in (2, 3) or 0 in a.shape[a.ndim - 2 :]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(a.shape)}"
        )
    if a.shape[-2] % math.prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={a.shape[-2]} and kernel_size={kernel}."
        )
    places = _count(size, kernel, apart, around, step)
    total = math.prod(places)
    words = (
        f"Given output_size={size}, kernel_size={kernel}, dilation={apart}, padding={around}, "
        f"stride={step}, expected size of input's dimension 2 to match the calculated number of "
        f"sliding blocks {places[0]} * {places[1]} = {total}, but got input.size(2)={a.shape[-1]}."
    )
    if a.shape[-1] != total or min(places) < 0:
        raise RuntimeError(words)
    _check_floating("col2im_out_cpu", a)
    settings = {"kernel": kernel, "stride": step, "padding": around, "dilation": apart}
    return apply(Col2Im, x, **settings, size=places, shape=size)
