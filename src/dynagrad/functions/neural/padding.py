"""Padding under PyTorch's names."""

from typing import Any

from ...core.apply import apply
from ...core.overrides import overridable
from ...core.tensor import Tensor
from ...ops.neural import padding as ops
from ..arguments import tensor
from ..nodes import node
from .pool_arguments import refuse_dtype, whole_numbers

Pad = node("ConstantPadNdBackward0", ops.pad_constant)
Edges = {
    ("reflect", 1): node("ReflectionPad1DBackward0", ops.pad_edges),
    ("reflect", 2): node("ReflectionPad2DBackward0", ops.pad_edges),
    ("reflect", 3): node("ReflectionPad3DBackward0", ops.pad_edges),
    ("replicate", 1): node("ReplicationPad1DBackward0", ops.pad_edges),
    ("replicate", 2): node("ReplicationPad2DBackward0", ops.pad_edges),
    ("replicate", 3): node("ReplicationPad3DBackward0", ops.pad_edges),
    **{("circular", rank): node("CopySlices", ops.pad_edges) for rank in (1, 2, 3)},
}
_KERNELS = {"reflect": "reflection_pad{}d", "replicate": "replication_pad{}d"}
_WIDTHS = "Give the numbers before and after each dimension, from the last one on."


@overridable
def pad(input, pad, mode="constant", value=None):
    """input with `pad` elements added (before and after each dimension, from the last one on).

    mode "constant" fills with `value`; "reflect", "replicate" and "circular" repeat the input.
    """
    x = tensor("pad", input)
    if isinstance(pad, int):
        raise TypeError(
            f"pad(): argument 'pad' (position 2) must be tuple of ints, not int\n{_WIDTHS}"
        )
    numbers = whole_numbers("pad", "pad", pad)
    if len(numbers) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2\nGiven was {list(numbers)}.")
    rank = x._a.ndim
    if len(numbers) > 2 * rank:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(numbers)} and input of dimension {rank}"
        )
    if mode == "constant":
        return _constant(x, numbers, 0 if value is None else value)
    if value not in (None, 0):
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    count = len(numbers) // 2
    if not (1 <= count <= 3 and rank in (count + 1, count + 2)):
        raise NotImplementedError(
            f"Padding size {len(numbers)} is not supported for {rank}D input tensor.\nPadding by "
            'repetition takes the last dimensions of (C, ...) or (N, C, ...); mode="constant" '
            "takes any."
        )
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    widths = _in_order(numbers)
    _check_edges(x, widths, mode)
    return apply(Edges[mode, count], x, widths=widths, mode=mode)


def constant_pad_nd(input, pad, value=0):
    """input with `value` around: numbers before and after each dimension, from the last one on."""
    x = tensor("constant_pad_nd", input)
    numbers = whole_numbers("constant_pad_nd", "pad", pad)
    if len(numbers) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(numbers)}")
    if len(numbers) > 2 * x._a.ndim:
        raise RuntimeError(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad "
            f"length is {len(numbers)}while the input has {x._a.ndim}dimensions."
        )
    return _constant(x, numbers, value)


constant_pad_nd = overridable(constant_pad_nd)


def _in_order(numbers: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """(before, after) for each dimension, the first one first."""
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return tuple(pairs)[::-1]


def _constant(x: Tensor, numbers: tuple[int, ...], value: Any) -> Tensor:
    sizes = x._a.shape
    widths = ((0, 0),) * (len(sizes) - len(numbers) // 2) + _in_order(numbers)
    for i, (before, after) in enumerate(widths):
        n = sizes[i]
        if min(before, 0) + min(after, 0) + n < 0 or before + after + n < 0:
            raise RuntimeError(
                f"narrow(): length must be non-negative.\nPadding ({before}, {after}) crops more "
                f"than dimension {i} of size {n} has."
            )
    if isinstance(value, Tensor):
        value = value._a.item()
    return apply(Pad, x, widths=widths, value=value)


def _check_edges(x: Tensor, widths: tuple[tuple[int, int], ...], mode: str) -> None:
    """Raise where there are not enough elements to repeat."""
    sizes = x._a.shape
    count = len(widths)
    if mode != "circular":
        if 0 in sizes[len(sizes) - count - 1 :]:
            raise RuntimeError(
                f"Expected {count + 1}D or {count + 2}D (batch mode) tensor with possibly 0 batch "
                f"size and other non-zero dimensions for input, but got: {list(sizes)}"
            )
        refuse_dtype(_KERNELS[mode].format(count), x, "fVciu")
    for i in range(count)[::-1]:
        before, after = widths[i]
        dim = len(sizes) - count + i
        n = sizes[dim]
        if mode == "reflect" and max(before, after) >= n:
            raise RuntimeError(
                f"Argument #{4 + 2 * (count - 1 - i)}: Padding size should be less than the "
                f"corresponding input dimension, but got: padding ({before}, {after}) at dimension "
                f"{dim} of input {list(sizes)}"
            )
        if mode == "circular" and max(before, after) > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if mode == "circular" and n + before + after < 0:
            raise RuntimeError(
                "Negative padding value is resulting in an empty dimension\nPadding "
                f"({before}, {after}) crops more than dimension {dim} of size {n} has."
            )
    left = [n + before + after for n, (before, after) in zip(sizes[-count:], widths, strict=True)]
    if mode != "circular" and max(left) < 1:
        names = ("W",) if count == 1 else ("H", "W") if count == 2 else ("D", "H", "W")
        given, found = (
            " ".join(f"{name}: {n}" for name, n in zip(names, s, strict=True))
            for s in (sizes[-count:], left)
        )
        raise RuntimeError(f"input ({given}) is too small. Calculated output {found}")
    if min(left) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(left)}: "
            f"{[*sizes[:-count], *left]}"
        )
