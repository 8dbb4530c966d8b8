"""Convolutions and their transposes in one, two and three dimensions. Imports module, lazy, init
and functional.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...core.tensor import Tensor
from .. import functional as F
from .. import init
from ..parameter import Parameter, UninitializedParameter, uninitialized
from .lazy import LazyModuleMixin
from .module import Module
from .utils import _ntuple, _reverse_repeat_tuple, _single

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

_PADDINGS = ("same", "valid")
_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
_LETTERS = {1: "L", 2: "H, W", 3: "D, H, W"}


class _ConvNd(Module):
    """What all convolutions share: settings as tuples, weight, bias, initial values, text."""

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Any
    dilation: tuple[int, ...]
    output_padding: tuple[int, ...]
    groups: int
    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: Any,
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if transposed and padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}\nIt is '
                f'"{padding_mode}".'
            )
        _check(in_channels, out_channels, groups, stride, padding, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _sides(padding, kernel_size, dilation)
        shape = self._weight_shape()
        self.weight = Parameter(uninitialized(*shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(uninitialized(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw uniform initial values below 1 / sqrt(fan_in), fan_in the inputs of one output."""
        a: Any = self.weight._a
        if a.flags.c_contiguous:
            init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        else:  # the numbers are drawn in the order of the dimensions, not of the memory
            drawn = uninitialized(*a.shape, dtype=self.weight.dtype)
            init._set(self.weight, init.kaiming_uniform_(drawn, a=math.sqrt(5))._a)
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}, stride={self.stride}",
        ]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * len(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def _takes(self) -> str:
        sides = _LETTERS[len(self.kernel_size)]
        return f"an input (N, {self.in_channels}, {sides}) or ({self.in_channels}, {sides})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


def _check(channels: int, made: int, groups: int, stride: Any, padding: Any, mode: str) -> None:
    """The settings of a convolution."""
    if groups <= 0:
        raise ValueError(f"groups must be a positive integer\nIt is {groups}.")
    if channels % groups != 0:
        raise ValueError(
            f"in_channels must be divisible by groups\nThey are {channels} and {groups}."
        )
    if made % groups != 0:
        raise ValueError(f"out_channels must be divisible by groups\nThey are {made} and {groups}.")
    if isinstance(padding, str):
        if padding not in _PADDINGS:
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of {set(_PADDINGS)}"
            )
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if mode not in _PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {set(_PADDING_MODES)}, but got padding_mode='{mode}'"
        )


def _sides(padding: Any, kernel_size: tuple, dilation: tuple) -> Any:
    """The padding as F.pad wants it: before and after each dimension, the last one first."""
    if not isinstance(padding, str):
        return _reverse_repeat_tuple(padding, 2)
    sides: list[int] = []
    for size, step in zip(reversed(kernel_size), reversed(dilation), strict=True):
        total = step * (size - 1) if padding == "same" else 0
        sides += [total // 2, total - total // 2]
    return sides


class _Conv(_ConvNd):
    """What Conv1d, Conv2d and Conv3d share; a subclass names its rank and its function."""

    _rank: int
    _convolve: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        each = _ntuple(self._rank)
        super().__init__(
            in_channels,
            out_channels,
            each(kernel_size),
            each(stride),
            padding if isinstance(padding, str) else each(padding),
            each(dilation),
            False,
            each(0),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution with this weight and bias: what subclasses with weights of their own
        call.
        """
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        return self._convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution over one dimension: (N, in_channels, L) to (N, out_channels, L'), N optional.

    out[o] = bias[o] + sum over i of weight[o, i] correlated with input[i]; with `groups`, i runs
    over the channels of o's group. L' = (L + 2 padding - dilation (kernel_size - 1) - 1) // stride
    + 1. `padding` may be "valid" or "same". As torch.nn.Conv1d.
    """

    _rank = 1
    _convolve = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolution over two dimensions: (N, in_channels, H, W) to (N, out_channels, H', W'). See
    Conv1d.
    """

    _rank = 2
    _convolve = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Convolution over three dimensions: (N, in_channels, D, H, W) to (N, out_channels, D', H',
    W'). See Conv1d.
    """

    _rank = 3
    _convolve = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """What the transposed convolutions share."""

    def _output_padding(
        self,
        input: Tensor,
        output_size: Sequence[int] | None,
        stride: Sequence[int],
        padding: Sequence[int],
        kernel_size: Sequence[int],
        num_spatial_dims: int,
        dilation: Sequence[int] | None = None,
    ) -> Sequence[int]:
        """What is missing to the size that was asked for, in each dimension."""
        if output_size is None:
            return _single(self.output_padding)
        rank, sizes = num_spatial_dims, tuple(input.shape)
        others = 2 if len(sizes) == rank + 2 else 1
        wanted = list(output_size)
        if len(wanted) == others + rank:
            wanted = wanted[others:]
        if len(wanted) != rank:
            raise ValueError(
                f"ConvTranspose{rank}D: for {len(sizes)}D input, output_size must have {rank} or "
                f"{others + rank} elements (got {len(wanted)})"
            )
        steps = (1,) * rank if dilation is None else dilation
        least = [
            (sizes[others + d] - 1) * stride[d]
            - 2 * padding[d]
            + steps[d] * (kernel_size[d] - 1)
            + 1
            for d in range(rank)
        ]
        most = [low + s - 1 for low, s in zip(least, stride, strict=True)]
        if not all(low <= n <= top for low, n, top in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to "
                f"{most} (for an input of {input.shape[2:]})"
            )
        return [n - low for n, low in zip(wanted, least, strict=True)]


class _ConvTranspose(_ConvTransposeNd):
    """What ConvTranspose1d, 2d and 3d share; a subclass names its rank and its function."""

    _rank: int
    _convolve: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        each = _ntuple(self._rank)
        super().__init__(
            in_channels,
            out_channels,
            each(kernel_size),
            each(stride),
            each(padding),
            each(dilation),
            True,
            each(output_padding),
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        if self.padding_mode != "zeros":
            raise ValueError(f"Only `zeros` padding mode is supported for {self._get_name()}")
        more = self._output_padding(
            input,
            output_size,
            self.stride,
            self.padding,
            self.kernel_size,
            self._rank,
            self.dilation,
        )
        return self._convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            more,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """The transpose of a convolution, as a map: (N, in_channels, L) to (N, out_channels, L').

    L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1; `forward`'s
    `output_size` chooses output_padding. `weight` (in_channels, out_channels / groups,
    kernel_size). M. D. Zeiler et al., "Deconvolutional Networks" (2010).
    """

    _rank = 1
    _convolve = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """The transpose of a convolution over two dimensions. See ConvTranspose1d."""

    _rank = 2
    _convolve = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """The transpose of a convolution over three dimensions. See ConvTranspose1d."""

    _rank = 3
    _convolve = staticmethod(F.conv_transpose3d)


# --- lazy: in_channels is that of the first input ------------------------------------------------


class _LazyConvXdMixin(LazyModuleMixin):
    """What the lazy convolutions share: in_channels is read from the first input."""

    _rank: int
    groups: int
    in_channels: int
    out_channels: int
    weight: Any
    bias: Any

    def _make_lazy(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # pyright: ignore[reportAttributeAccessIssue]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Make the parameters for the channels of this input."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups != 0:
            raise ValueError(
                f"in_channels must be divisible by groups\nThey are {self.in_channels} and "
                f"{self.groups}."
            )
        self.weight.materialize(self._weight_shape())  # pyright: ignore
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _get_in_channels(self, input: Tensor) -> int:
        rank, sizes = self._get_num_spatial_dims(), input._a.shape
        if len(sizes) not in (rank + 1, rank + 2):
            raise RuntimeError(
                f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {input.shape}"
            )
        return sizes[-rank - 1]

    def _get_num_spatial_dims(self) -> int:
        return self._rank


class _LazyConv(_LazyConvXdMixin):
    """The arguments of the lazy convolutions."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        settings = (stride, padding, dilation, groups, False, padding_mode)
        super().__init__(0, 0, kernel_size, *settings)
        self._make_lazy(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvXdMixin):
    """The arguments of the lazy transposed convolutions."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        settings = (stride, padding, output_padding, groups, False, dilation, padding_mode)
        super().__init__(0, 0, kernel_size, *settings)
        self._make_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that takes in_channels from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that takes in_channels from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that takes in_channels from its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose3d
