"""The checks of pooling functions: sizes, paddings and the shapes that they go with."""

from typing import Any

import numpy as np

from ...core.complaints import type_name
from ...core.tensor import Tensor
from ...ops.neural.pooling import Window
from ..arguments import no_kernel

_WORDS = {1: "one int", 2: "two ints", 3: "three ints"}


def whole_numbers(name: str, argument: str, given: Any, position: int = 2) -> tuple[int, ...]:
    """An int, or a tuple or list of them, as a tuple; TypeError otherwise."""
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        return (int(given),)
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not "
            f"{type_name(given)}"
        )
    for place, n in enumerate(given):
        if not isinstance(n, int | np.integer) or isinstance(n, bool):
            raise TypeError(
                f"{name}(): argument '{argument}' failed to unpack the object at pos {place + 1} "
                f'with error "type must be tuple of ints,but got {type_name(n)}"'
            )
    return tuple(map(int, given))


def one_each(name: str, argument: str, given: Any, rank: int, position: int) -> tuple[int, ...]:
    """A number for each pooled dimension, from one for all or a tuple."""
    numbers = whole_numbers(name, argument, given, position)
    if len(numbers) == rank:
        return numbers
    if len(numbers) == 1:
        return numbers * rank
    verb = "must be either" if argument == "dilation" else "must either be"
    what = "omitted, a single int," if argument == "stride" else "a single int,"
    if name == "avg_pool3d":
        verb = "must be"
    raise RuntimeError(
        f"{name}: {argument} {verb} {what} or a tuple of {_WORDS[rank]}\nGiven were {len(numbers)} "
        f"numbers: {numbers}."
    )


def the_one(name: str, argument: str, given: Any, position: int) -> tuple[int, ...]:
    """The number for the one pooled dimension; RuntimeError if there are several."""
    numbers = whole_numbers(name, argument, given, position)
    if len(numbers) != 1:
        raise RuntimeError(
            f"{name}() argument '{argument}' should contain one int (got {len(numbers)})"
        )
    return numbers


def stride_or_size(stride: Any, size: tuple[int, ...]) -> Any:
    """The stride, which is the window's size if it was left out."""
    return size if stride is None or (isinstance(stride, list | tuple) and not stride) else stride


def refuse_dtype(kernel: str, x: Tensor, kinds: str = "fV", names: tuple[str, ...] = ()) -> None:
    """Raise NotImplementedError unless x's dtype is of these kinds or names."""
    d = x._a.dtype
    if d.kind not in kinds and d.name not in names:
        raise no_kernel(kernel, d)


def window_of(n: int, size: int, stride: int, pad: int, dilation: int, ceil: bool) -> Window:
    """How a dimension of n elements is pooled; RuntimeError for numbers that fit no pooling."""
    if stride == 0:
        raise RuntimeError("stride should not be zero")
    if pad < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {pad}")
    if pad > ((size - 1) * dilation + 1) // 2:
        raise RuntimeError(
            "pad should be at most half of effective kernel size, but got "
            f"pad={pad}, kernel_size={size} and dilation={dilation}"
        )
    return Window(size, stride, pad, dilation, count_of(n, size, stride, pad, dilation, ceil))


def count_of(n: int, size: int, stride: int, pad: int, dilation: int, ceil: bool) -> int:
    """The number of windows; with `ceil` the last one may reach over the end, but starts within."""
    room = n + 2 * pad - dilation * (size - 1) - 1
    count = (room + (stride - 1 if ceil else 0)) // stride + 1
    return count - 1 if ceil and (count - 1) * stride >= n + pad else count


_AXES = {2: "HW", 3: "THW"}


def _named(prefix: str, numbers: Any) -> str:
    axes = _AXES[len(numbers)]
    return " ".join(f"{prefix}{axis}: {n}" for axis, n in zip(axes, numbers, strict=True))


def check_windows(name: str, shape: tuple[int, ...], windows: tuple[Window, ...]) -> None:
    """Raise unless windows of these kinds have room in a tensor of this shape."""
    rank = len(windows)
    for text, prefix, numbers in (
        ("kernel size", "k", [w.size for w in windows]),
        ("stride", "d", [w.stride for w in windows]),
        ("dilation", "dilation", [w.dilation for w in windows]),
    ):
        if min(numbers) <= 0:
            raise RuntimeError(
                f"{text} should be greater than zero, but got {_named(prefix, numbers)}"
            )
    check_rank(name, shape, rank)
    if 0 in shape[len(shape) - rank - 1 :]:
        if rank == 2:
            raise RuntimeError(
                "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, "
                f"but got:{list(shape)}"
            )
        raise RuntimeError(
            f"{name}(): Expected input's non-batch dimensions to have positive length, but input "
            f"has a shape of {list(shape)} and non-batch dimension 0 has length zero!"
        )
    sizes = shape[-rank:]
    kernel = [w.size for w in windows]
    if name == "avg_pool3d" and any(n < k for n, k in zip(sizes, kernel, strict=True)):
        raise RuntimeError(
            f"input image ({_named('', sizes)}) smaller than kernel size ({_named('k', kernel)})"
        )
    counts = [w.count for w in windows]
    if min(counts) < 1:
        given, found = ("x".join(map(str, (shape[-rank - 1], *s))) for s in (sizes, counts))
        raise RuntimeError(
            f"Given input size: ({given}). Calculated output size: ({found}). Output size is too "
            "small"
        )


def check_rank(name: str, shape: tuple[int, ...], rank: int) -> None:
    """Raise unless there are channels, and perhaps a batch, in front of the pooled dimensions."""
    if len(shape) == rank and name == "avg_pool2d":
        raise IndexError(
            "Dimension out of range (expected to be in range of "
            f"[{-rank}, {rank - 1}], but got {-rank - 1})\nPooling needs a dimension of channels."
        )
    if len(shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input\n"
            f"It has shape {list(shape)}."
        )


def check_lines(name: str, shape: tuple[int, ...]) -> None:
    """Raise unless the shape is (N, C, L) or (C, L)."""
    if len(shape) not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 "
            f"'self' (while checking arguments for {name})"
        )


def check_max_pool1d(
    shape: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> None:
    """The errors of max_pool1d itself, which differ from those of the other pooling functions."""
    name = "max_pool1d"
    if len(shape) not in (2, 3) or 0 in shape[len(shape) - 2 :]:
        raise RuntimeError(
            f"{name}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(shape)}"
        )
    given = []
    for position, (argument, value) in enumerate(
        (("kernel_size", kernel), ("stride", stride), ("padding", padding), ("dilation", dilation))
    ):
        numbers = whole_numbers(name, argument, value, position + 2)
        if len(numbers) != 1:
            kinds = {
                "kernel_size": "an int, list of ints or tuple of ints",
                "stride": "None, an int, list of ints, or tuple of ints",
            }.get(argument, "an int, list of ints, or tuple of ints")
            raise RuntimeError(
                f"{name}() {argument} must be {kinds} of size 1 but got size {len(numbers)}"
            )
        given.append(numbers[0])
    size, step, pad, spread = given
    for argument, n in (("kernel_size", size), ("stride", step)):
        if n <= 0:
            raise RuntimeError(f"{name}() {argument} must be greater than zero, but got {n}")
    if pad < 0:
        raise RuntimeError(f"{name}() padding must be non-negative, but got {pad}")
    if pad > size // 2:
        raise RuntimeError(
            f"{name}() padding should be at most half of kernel size, but got padding={pad} and "
            f"kernel_size={size}"
        )
    if spread <= 0:
        raise RuntimeError(f"{name}() dilation must be greater than zero, but got {spread}")
    count = count_of(shape[-1], size, step, pad, spread, ceil)
    if count <= 0:
        raise RuntimeError(f"{name}() Invalid computed output size: {count}")


def volume(sizes: Any) -> str:
    """Sizes as messages show them: 4x4."""
    return "x".join(map(str, sizes))
