"""Convolutions under PyTorch's names."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray

from ...core.apply import apply
from ...core.complaints import type_name
from ...core.overrides import overridable
from ...core.tensor import Tensor
from ...ops.neural import convolution as ops
from .. import shape
from ..arguments import c_name, check_scalar_type, no_kernel
from ..nodes import node

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolution",
]

Convolution = node("ConvolutionBackward0", ops.convolve)
Transposed = node("ConvolutionBackward0", ops.convolve_back)

SIDES = ("depth", "height", "width")


# --- the checks of arguments ----------------------------------------------------------------------


def _ints(name: str, argument: str, given: Any, rank: int) -> tuple[int, ...]:
    """A setting as one int for each dimension."""
    if type(given) is int:
        return (given,) * rank
    if not isinstance(given, list | tuple):
        given = (given,)
    for n in given:
        if not isinstance(n, int | np.integer | Tensor) or isinstance(n, bool):
            raise TypeError(
                f"{name}() received an invalid combination of arguments: argument '{argument}' "
                f"must be tuple of ints, not {type_name(given if len(given) > 1 else n)}"
            )
    found = tuple([int(n) for n in given])
    if len(found) == 1:
        return found * rank
    if len(found) != rank:
        raise RuntimeError(
            f"expected {argument} to be a single integer value or a list of {rank} values to match "
            f"the convolution dimensions, but got {argument}={list(found)}"
        )
    return found


def _tensors(name: str, input: Any, weight: Any, bias: Any) -> None:
    for position, (argument, t) in enumerate((("input", input), ("weight", weight)), 1):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{name}() received an invalid combination of arguments: argument '{argument}' "
                f"(position {position}) must be Tensor, not {type_name(t)}"
            )
    if bias is not None and not isinstance(bias, Tensor):
        raise TypeError(
            f"{name}() received an invalid combination of arguments: argument 'bias' (position 3) "
            f"must be Tensor or None, not {type_name(bias)}"
        )


def _check_dtypes(x: Any, w: Any, bias: Tensor | None) -> None:
    if bias is not None and bias._a.dtype != x.dtype:
        given, other = c_name(x.dtype), c_name(bias._a.dtype)
        raise RuntimeError(
            f"Input type ({given}) and bias type ({other}) should be the same\nConvolutions do not "
            "promote: convert the bias, as in bias.to(input.dtype)."
        )
    advice = "Convolutions do not promote: convert the input, as in input.to(weight.dtype)."
    check_scalar_type(x.dtype, w.dtype, advice)


def _check_served(x: Any, dilation: tuple, transposed: bool) -> None:
    """Raise for the integer dtypes that PyTorch does not convolve."""
    if x.dtype.kind not in "biu" or (x.dtype.kind != "b" and x.dtype == np.int64):
        return
    rank = max(len(dilation), 2)
    if transposed:
        kernel = f"slow_conv_transpose{rank}d_out_cpu"
    elif set(dilation) != {1}:
        kernel = "slow_conv_dilated<>"
    elif x.dtype.kind != "b":
        return
    else:
        kernel = "slow_conv2d_cpu" if rank == 2 else "compute_columns3d"
    raise no_kernel(kernel, x.dtype)


def _check_settings(stride, padding, dilation, groups, output_padding) -> None:
    if groups <= 0:
        raise RuntimeError(f"non-positive groups is not supported\nGiven was groups={groups}.")
    for words, numbers, least in (
        ("negative padding is not supported", padding, 0),
        ("negative output_padding is not supported", output_padding, 0),
        ("non-positive stride is not supported", stride, 1),
        ("dilation should be greater than zero", dilation, 1),
    ):
        if min(numbers) < least:
            raise RuntimeError(f"{words}, but got {list(numbers)}")


def _other_rank(x: tuple, w: tuple) -> RuntimeError:
    return RuntimeError(
        f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight {list(w)}, but got "
        f"{len(x)}-dimensional input of size {list(x)} instead"
    )


def _check_shapes(x: tuple, w: tuple, bias: tuple | None, groups: int, transposed: bool) -> None:
    """Raise where the shapes of input, weight and bias do not fit each other."""
    shape, kernel = list(x), list(w)
    if len(shape) != len(kernel):
        raise _other_rank(x, w)
    if kernel[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {kernel} instead"
        )
    if kernel[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{kernel}] instead"
        )
    wanted = kernel[0] if transposed else kernel[1] * groups
    if shape[1] != wanted:
        words = "transposed=1" if transposed else f"groups={groups}"
        raise RuntimeError(
            f"Given {words}, weight of size {kernel}, expected input{shape} to have {wanted} "
            f"channels, but got {shape[1]} channels instead"
        )
    outputs = kernel[1] * groups if transposed else kernel[0]
    if bias is not None and bias != (outputs,):
        words = "transposed=1, " if transposed else ""
        raise RuntimeError(
            f"Given {words}weight of size {kernel}, expected bias to be 1-dimensional with "
            f"{outputs} elements, but got bias of size {list(bias)} instead"
        )
    if 0 in kernel[2:]:
        raise RuntimeError(f"kernel size should be greater than zero, but got {sides(kernel[2:])}")


def sides(numbers: Any, words: str = "kernel") -> str:
    """Numbers of height, width, ... as PyTorch's messages list them: kernel_height: 3 ..."""
    return " ".join([f"{words}_{s}: {n}" for s, n in zip(SIDES[-len(numbers) :], numbers)])  # noqa: B905


def _by(numbers: Any) -> str:
    return " x ".join(map(str, numbers))


def _sizes_forward(x, w, stride, padding, dilation) -> tuple[int, ...]:
    """The last dimensions of a convolution."""
    around = [n + 2 * p for n, p in zip(x[2:], padding, strict=True)]
    reach = [(k - 1) * d + 1 for k, d in zip(w[2:], dilation, strict=True)]
    size = tuple([(n - r) // s + 1 for n, r, s in zip(around, reach, stride, strict=True)])
    if min(size) < 1:
        raise RuntimeError(
            f"Calculated padded input size per channel: ({_by(around)}). Kernel size: "
            f"({_by(reach)}). Kernel size can't be greater than actual input size"
        )
    return size


def _sizes_back(x, w, stride, padding, dilation, more) -> tuple[int, ...]:
    """The last dimensions of a transposed convolution."""
    shape = x[2:]
    if 0 in shape:
        raise RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x)}"
        )
    if any(m >= s and m >= d for m, s, d in zip(more, stride, dilation, strict=True)):
        lead = (0,) if len(more) == 1 else ()  # in PyTorch one dimension is two, of height 1
        ones = (1,) * len(lead)
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"{sides(lead + more, 'output_padding')} {sides(ones + stride, 'stride')} "
            f"{sides(ones + dilation, 'dilation')}"
        )
    size = tuple(
        [
            (n - 1) * s - 2 * p + (k - 1) * d + m + 1
            for n, s, p, k, d, m in zip(shape, stride, padding, w[2:], dilation, more, strict=True)
        ]
    )
    if min(size) < 1:
        ones = (1,) * (len(size) == 1)
        raise RuntimeError(
            f"Given input size per channel: ({_by(ones + shape)}). Calculated output size per "
            f"channel: ({_by(ones + size)}). Output size is too small"
        )
    return size


@lru_cache(maxsize=256)
def _result_size(
    x, w, bias, stride, padding, dilation, groups, transposed, more, size
) -> tuple[int, ...]:
    """The last dimensions of the result for these shapes and settings, which are checked. A layer
    asks the same at each step.
    """
    _check_settings(stride, padding, dilation, groups, more)
    _check_shapes(x, w, bias, groups, transposed)
    if transposed:
        return _sizes_back(x, w, stride, padding, dilation, more)
    return size if size and 0 not in size else _sizes_forward(x, w, stride, padding, dilation)


# --- convolution ----------------------------------------------------------------------------------


def _channels_last(a: Any) -> bool:
    """Whether the channels of an image or a volume come last in memory."""
    if type(a) is not ndarray or a.flags.c_contiguous or a.ndim not in (4, 5) or 0 in a.shape:
        return False
    least = 0
    for d in (1, *range(a.ndim - 1, 1, -1), 0):
        stride = a.strides[d]
        if stride < least or not stride or (d == 0 and least == a.strides[1]):
            return False
        least = stride * a.shape[d]
    return True


def _convolve(
    x, weight, bias, stride, padding, dilation, groups, transposed, more, size=None
) -> Tensor:
    """The convolution of a batch, its settings given for each dimension."""
    a, w = x._a, weight._a
    given = (stride, padding, dilation, groups, transposed, more, size)
    size = _result_size(a.shape, w.shape, None if bias is None else bias._a.shape, *given)
    _check_dtypes(a, w, bias)
    _check_served(a, dilation, transposed)
    cls = Transposed if transposed else Convolution
    kw = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if _channels_last(a) or _channels_last(w):
        kw["last"] = True
    return apply(cls, x, weight, bias, **kw, size=size)


def _padding_of_same(kernel: tuple, stride: tuple, dilation: tuple) -> tuple[int, ...]:
    """How many zeros go in front of each dimension for a result of the input's size; where as many
    or one more go behind, no padded copy is needed.
    """
    if set(stride) != {1}:
        raise RuntimeError(
            "padding='same' is not supported for strided convolutions\nGiven was stride="
            f"{list(stride)}; give the padding in numbers."
        )
    if min(dilation) < 1:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    return tuple([d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)])


def _checked(name: str, rank: int, input: Any, weight: Any, bias: Any, groups: Any) -> bool:
    """Check the kinds of the arguments; whether the input is a batch."""
    _tensors(name, input, weight, bias)
    if not isinstance(groups, int | np.integer) or isinstance(groups, bool):
        raise TypeError(
            f"{name}() received an invalid combination of arguments: argument 'groups' must be "
            f"int, not {type_name(groups)}"
        )
    n = input._a.ndim
    if n != rank + 1 and n != rank + 2:
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got "
            f"input of size: {list(input._a.shape)}"
        )
    if weight._a.ndim < 3:
        raise RuntimeError(
            "weight should have at least three dimensions\nIt has shape "
            f"{list(weight._a.shape)} instead of (outputs, inputs / groups, *kernel)."
        )
    return n == rank + 2


def _conv(name, rank, input, weight, bias, stride, padding, dilation, groups) -> Tensor:
    batched = _checked(name, rank, input, weight, bias, groups)
    if bias is not None:
        _check_dtypes(input._a, input._a, bias)
    x = input if batched else shape.unsqueeze(input, 0)
    dims = weight._a.ndim - 2
    if isinstance(padding, str) and x._a.ndim != dims + 2:
        raise _other_rank(x._a.shape, weight._a.shape)
    stride = _ints(name, "stride", stride, dims)
    dilation = _ints(name, "dilation", dilation, dims)
    size = None
    if padding == "same":
        padding, size = _padding_of_same(weight._a.shape[2:], stride, dilation), x._a.shape[2:]
    elif padding == "valid":
        padding = (0,) * dims
    elif isinstance(padding, str):
        raise RuntimeError(f"Invalid padding string: '{padding}'\nUse 'same', 'valid' or numbers.")
    else:
        padding = _ints(name, "padding", padding, dims)
    y = _convolve(x, weight, bias, stride, padding, dilation, groups, False, (0,), size)
    return y if batched else shape.squeeze(y, 0)


@overridable
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """y[n, o, l] = bias[o] + sum_ck x[n, c, l * stride + k * dilation] weight[o, c, k].

    input (N, C, L) or (C, L), weight (O, C / groups, K). padding: zeros on both sides, "valid" for
    none, "same" for as many results as places.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@overridable
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """conv1d over the last two dimensions: input (N, C, H, W) or (C, H, W), weight (O, C / groups,
    kH, kW).
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@overridable
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """conv1d over the last three dimensions: input (N, C, D, H, W) or (C, D, H, W), weight (O, C /
    groups, kD, kH, kW).
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(
    name, rank, input, weight, bias, stride, padding, output_padding, groups, dilation
) -> Tensor:
    batched = _checked(name, rank, input, weight, bias, groups)
    x = input if batched else shape.unsqueeze(input, 0)
    dims = weight._a.ndim - 2
    for argument, given in (("padding", padding), ("output_padding", output_padding)):
        if isinstance(given, str):
            raise TypeError(f"{name}(): argument '{argument}' must be tuple of ints, not str")
    settings = (("stride", stride), ("padding", padding), ("dilation", dilation))
    steps, around, apart = (_ints(name, argument, given, dims) for argument, given in settings)
    more = _ints(name, "output_padding", output_padding, dims)
    y = _convolve(x, weight, bias, steps, around, apart, groups, True, more)
    return y if batched else shape.squeeze(y, 0)


@overridable
def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transpose of conv1d: y[n, o, l * stride + k * dilation] sums x[n, c, l] weight[c, o, k].

    input (N, C, L) or (C, L), weight (C, O / groups, K). padding takes as many places away on both
    sides, output_padding adds some at the end.
    """
    settings = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose("conv_transpose1d", 1, input, weight, bias, *settings)


@overridable
def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transpose of conv2d: input (N, C, H, W) or (C, H, W), weight (C, O / groups, kH, kW)."""
    settings = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose("conv_transpose2d", 2, input, weight, bias, *settings)


@overridable
def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The transpose of conv3d: input (N, C, D, H, W) or (C, D, H, W), weight (C, O / groups, kD,
    kH, kW).
    """
    settings = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose("conv_transpose3d", 3, input, weight, bias, *settings)


@overridable
def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """conv1d, conv2d, conv3d or the transpose of one, by the number of weight's dimensions."""
    name = "convolution"
    _tensors(name, input, weight, bias)
    if not 3 <= weight._a.ndim <= 5:
        raise RuntimeError(
            f"unsupported ConvNd parameters\nweight has {weight._a.ndim} dimensions; convolution "
            "takes 3 to 5, one to three of them the kernel's."
        )
    dims = weight._a.ndim - 2
    settings = (("stride", stride), ("padding", padding), ("dilation", dilation))
    steps, around, apart = (_ints(name, argument, given, dims) for argument, given in settings)
    more = _ints(name, "output_padding", output_padding, dims)
    return _convolve(input, weight, bias, steps, around, apart, groups, bool(transposed), more)


@overridable
def conv_tbc(input, weight, bias, pad=0):
    """conv1d of a sequence (time, batch, channels) with weight (K, channels, outputs)."""
    _tensors("conv_tbc", input, weight, bias)
    x, w, b = input._a, weight._a, bias._a
    if x.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if w.ndim != 3:
        raise RuntimeError(
            "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
        )
    if b.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    if x.shape[2] != w.shape[1]:
        raise RuntimeError(
            "Input dim 2 (input channels) is not == dim 1 in the weight tensor\nGiven were "
            f"{list(x.shape)} and {list(w.shape)}."
        )
    if b.shape[0] != w.shape[2]:
        raise RuntimeError(
            "Bias size must equal dim 2 in the weight tensor (output channels).\nGiven were "
            f"{list(b.shape)} and {list(w.shape)}."
        )
    channels_first = shape.permute(input, (1, 2, 0))
    kernel = shape.permute(weight, (2, 1, 0))
    y = _convolve(channels_first, kernel, bias, (1,), (pad,), (1,), 1, False, (0,))
    return shape.contiguous(shape.permute(y, (2, 0, 1)))
