"""Pixels and channels in another order under PyTorch's names."""

from typing import Any

from ...core.apply import apply
from ...core.overrides import overridable
from ...core.tensor import Tensor
from ...ops.neural import shuffling as ops
from ..arguments import tensor, whole
from ..nodes import node

PixelShuffle = node("PixelShuffleBackward0", ops.rearrange)
PixelUnshuffle = node("PixelUnshuffleBackward0", ops.rearrange)
ChannelShuffle = node("ChannelShuffleBackward0", ops.rearrange)


def _positive(name: str, argument: str, given: Any) -> int:
    n = whole(name, given, argument, 2)
    if n <= 0:
        raise RuntimeError(f"{name} expects a positive {argument}, but got {n}")
    return n


def _image(name: str, x: Tensor) -> tuple[int, ...]:
    if x._a.ndim < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {x._a.ndim} "
            "dimension(s)"
        )
    return x._a.shape[-3:]


@overridable
def pixel_shuffle(input, upscale_factor):
    """(..., C r^2, H, W) to (..., C, H r, W r): r^2 channels become the r x r pixels of one.

    Source: Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network" (arXiv:1609.05158).
    """
    x = tensor("pixel_shuffle", input)
    channels, height, width = _image("pixel_shuffle", x)
    r = _positive("pixel_shuffle", "upscale_factor", upscale_factor)
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    c = channels // (r * r)
    split, last = (c, r, r, height, width), (c, height * r, width * r)
    return apply(PixelShuffle, x, rank=3, split=split, axes=(0, 3, 1, 4, 2), last=last)


@overridable
def pixel_unshuffle(input, downscale_factor):
    """(..., C, H r, W r) to (..., C r^2, H, W): the inverse of pixel_shuffle."""
    x = tensor("pixel_unshuffle", input)
    channels, *sizes = _image("pixel_unshuffle", x)
    r = _positive("pixel_unshuffle", "downscale_factor", downscale_factor)
    for name, n, place in zip(("height", "width"), sizes, (-2, -1), strict=True):
        if n % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({place})={n} is not divisible by {r}"
            )
    height, width = [n // r for n in sizes]
    split, last = (channels, height, r, width, r), (channels * r * r, height, width)
    return apply(PixelUnshuffle, x, rank=3, split=split, axes=(0, 2, 4, 1, 3), last=last)


@overridable
def channel_shuffle(input, groups):
    """Channels (dimension 1) of `groups` groups taken in turn: the first ones of all groups first.

    Source: Zhang et al., "ShuffleNet" (arXiv:1707.01083).
    """
    x = tensor("channel_shuffle", input)
    sizes = x._a.shape
    if len(sizes) < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(sizes)}"
        )
    groups = whole("channel_shuffle", groups, "groups", 2)
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    channels, *rest = sizes[1:]
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} "
            "groups."
        )
    split = (groups, channels // groups, *rest)
    axes = (1, 0, *range(2, len(split)))
    return apply(ChannelShuffle, x, rank=len(split) - 1, split=split, axes=axes, last=sizes[1:])


native_channel_shuffle = channel_shuffle
