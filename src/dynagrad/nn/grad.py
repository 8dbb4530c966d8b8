"""The gradients of convolutions by themselves. Imports functional and autograd.

A convolution is linear in its input and in its weight, so that each gradient is that of a call with
zeros in its place.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.differentiate import grad
from ..autograd.grad_mode import enable_grad
from ..core.tensor import Tensor
from ..functions.creation import zeros
from . import functional as F

__all__: list[str] = []


def _of_input(
    convolve: Callable, size: Sequence[int], weight: Any, g: Any, *settings: Any
) -> Tensor:
    with enable_grad():
        x = zeros(*size, dtype=g.dtype, requires_grad=True)
        result = convolve(x, weight, None, *settings)
        return grad(result, x, g, create_graph=g.requires_grad or weight.requires_grad)[0]


def _of_weight(convolve: Callable, x: Any, size: Sequence[int], g: Any, *settings: Any) -> Tensor:
    with enable_grad():
        weight = zeros(*size, dtype=g.dtype, requires_grad=True)
        result = convolve(x, weight, None, *settings)
        return grad(result, weight, g, create_graph=g.requires_grad or x.requires_grad)[0]


def conv1d_input(
    input_size: Any,
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv1d with respect to an input of `input_size`."""
    settings = (stride, padding, dilation, groups)
    return _of_input(F.conv1d, input_size, weight, grad_output, *settings)


def conv1d_weight(
    input: Tensor,
    weight_size: Any,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv1d with respect to a weight of `weight_size`."""
    settings = (stride, padding, dilation, groups)
    return _of_weight(F.conv1d, input, weight_size, grad_output, *settings)


def conv2d_input(
    input_size: Any,
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv2d with respect to an input of `input_size`."""
    settings = (stride, padding, dilation, groups)
    return _of_input(F.conv2d, input_size, weight, grad_output, *settings)


def conv2d_weight(
    input: Tensor,
    weight_size: Any,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv2d with respect to a weight of `weight_size`."""
    settings = (stride, padding, dilation, groups)
    return _of_weight(F.conv2d, input, weight_size, grad_output, *settings)


def conv3d_input(
    input_size: Any,
    weight: Tensor,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv3d with respect to an input of `input_size`."""
    settings = (stride, padding, dilation, groups)
    return _of_input(F.conv3d, input_size, weight, grad_output, *settings)


def conv3d_weight(
    input: Tensor,
    weight_size: Any,
    grad_output: Tensor,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv3d with respect to a weight of `weight_size`."""
    settings = (stride, padding, dilation, groups)
    return _of_weight(F.conv3d, input, weight_size, grad_output, *settings)
