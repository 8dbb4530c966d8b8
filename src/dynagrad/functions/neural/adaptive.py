"""Pooling to a given size under PyTorch's names: adaptive and fractional windows."""

from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.overrides import overridable
from ...core.tensor import Tensor
from ...ops.layout import memory_axes
from ...ops.neural import planes as ops
from ...ops.neural.pooling import Window, max_and_taps
from ...ops.neural.resampling import Axis, resample
from .. import random, shape
from .. import reduction as reductions
from ..arguments import tensor
from ..nodes import node, shown
from ..parts import as_strided, narrow
from .pool_arguments import check_lines, refuse_dtype, the_one, whole_numbers
from .pooling import TapPlaces

AdaptiveAvg = {rank: node(f"AdaptiveAvgPool{rank}DBackward0", resample) for rank in (2, 3)}
AdaptiveMax = {rank: node(f"AdaptiveMaxPool{rank}DBackward0", ops.pick_planes) for rank in (2, 3)}
FractionalMax = {
    rank: node(f"FractionalMaxPool{rank}DBackward0", ops.pick_planes) for rank in (2, 3)
}
RegularMax = {rank: node(f"AdaptiveMaxPool{rank}DBackward0", max_and_taps) for rank in (2, 3)}
AdaptivePlaces = node("AdaptivePlaces", ops.adaptive_max_places)
FractionalPlaces = node("FractionalPlaces", ops.fractional_max_places)
shown(1, *AdaptiveMax.values(), *FractionalMax.values())


# --- adaptive: intervals that cover the input evenly ----------------------------------------------


def _sizes_of(name: str, output_size: Any, x: Tensor, rank: int) -> tuple[int, ...]:
    """The size of the result; None keeps that of the input."""
    if isinstance(output_size, int | np.integer):
        return (int(output_size),) * rank
    if not hasattr(output_size, "__len__"):
        raise TypeError(
            f"object of type '{type(output_size).__name__}' has no len()\n{name} takes an int, or "
            f"a tuple of {rank} ints or None."
        )
    if x._a.ndim <= len(output_size):
        raise ValueError(
            f"Input dimension should be at least {len(output_size) + 1}\nIt has shape "
            f"{list(x._a.shape)}."
        )
    defaults = x._a.shape[x._a.ndim - len(output_size) :]
    sizes = [n if size is None else size for size, n in zip(output_size, defaults, strict=True)]
    return whole_numbers(name, "output_size", sizes)


def _check_input(name: str, x: Tensor, rank: int, colon: str = "") -> None:
    sizes = x._a.shape
    if len(sizes) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got{colon} {list(sizes)}"
        )
    for dim in range(len(sizes) - rank, len(sizes)):
        if sizes[dim] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {list(sizes)} with dimension {dim} being empty"
            )


def _adaptive_avg(x: Tensor, sizes: tuple[int, ...], rank: int) -> Tensor:
    name = f"adaptive_avg_pool{rank}d"
    if len(sizes) != rank:
        raise RuntimeError(f"{name}: output_size must be {rank}\nGiven was {sizes}.")
    if min(sizes) < 0:
        given = f"{sizes[0]}, {sizes[1]}" + (f",{sizes[2]}" if rank == 3 else "")
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{given}}}"
        )
    if set(sizes) == {1}:
        return _mean(x, rank)
    _check_input(name, x, rank)
    refuse_dtype(name if rank == 2 else f"{name}_cpu", x)
    axes = tuple(
        [
            Axis("area", n, m, False, None, False, False)
            for n, m in zip(x._a.shape[-rank:], sizes, strict=True)
        ]
    )
    return apply(AdaptiveAvg[rank], x, axes=axes, back=False)


def _mean(x: Tensor, rank: int) -> Tensor:
    """The mean over the last dimensions, which stay with size 1; channels last stay so."""
    result = reductions.mean(x, dim=tuple(range(-rank, 0)), keepdim=True)
    a = x._a
    if a.ndim == rank + 2 and isinstance(a, np.ndarray) and not a.flags.c_contiguous:
        n, c = a.shape[:2]
        if memory_axes(a.shape, a.strides) == (0, *range(2, a.ndim), 1):
            return as_strided(result, (n, c, *(1,) * rank), (c, 1, *(c,) * rank))
    return result


@overridable
def adaptive_avg_pool1d(input, output_size):
    """The means of output_size intervals that cover (N, C, L) or (C, L) evenly."""
    name = "adaptive_avg_pool1d"
    x = tensor(name, input)
    sizes = the_one(name, "output_size", output_size, 2)
    check_lines(name, x._a.shape)
    return shape.squeeze(_adaptive_avg(shape.unsqueeze(x, -2), (1, *sizes), 2), -2)


@overridable
def adaptive_avg_pool2d(input, output_size):
    """The means of rectangles that cover (N, C, H, W) or (C, H, W) evenly, output_size of them;
    None in output_size: as many as elements.
    """
    x = tensor("adaptive_avg_pool2d", input)
    return _adaptive_avg(x, _sizes_of("adaptive_avg_pool2d", output_size, x, 2), 2)


@overridable
def adaptive_avg_pool3d(input, output_size):
    """The means of boxes that cover (N, C, D, H, W) or (C, D, H, W) evenly, as
    adaptive_avg_pool2d.
    """
    x = tensor("adaptive_avg_pool3d", input)
    return _adaptive_avg(x, _sizes_of("adaptive_avg_pool3d", output_size, x, 3), 3)


def _adaptive_max(x: Tensor, sizes: tuple[int, ...], rank: int) -> tuple[Tensor, Tensor]:
    name = f"adaptive_max_pool{rank}d"
    if len(sizes) != rank:
        raise RuntimeError(
            f"{name}(): internal error: output_size.size() must be {rank}\nGiven was {sizes}."
        )
    _check_input(name, x, rank, ":")
    if min(sizes) < 0:
        least = next(n for n in sizes if n < 0)
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {least}: "
            f"{[*x._a.shape[:-rank], *sizes]}"
        )
    refuse_dtype(name if rank == 2 else f"{name}_cpu", x)
    spatial = x._a.shape[-rank:]
    if min(sizes) and not any(n % m for n, m in zip(spatial, sizes, strict=True)):
        windows = tuple(
            [Window(n // m, n // m, 0, 1, m) for n, m in zip(spatial, sizes, strict=True)]
        )
        out, taps = apply(RegularMax[rank], x, windows=windows)
        return out, apply(TapPlaces, taps, windows=windows, sizes=spatial)
    places = apply(AdaptivePlaces, x, sizes=sizes)
    return apply(AdaptiveMax[rank], x, places, rank=rank), places


@overridable
def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool1d, and where the largest elements are."""
    name = "adaptive_max_pool1d"
    x = tensor(name, input)
    sizes = the_one(name, "output_size", output_size, 2)
    check_lines(name, x._a.shape)
    out, places = _adaptive_max(shape.unsqueeze(x, -2), (1, *sizes), 2)
    return shape.squeeze(out, -2), shape.squeeze(places, -2)


@overridable
def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool2d, and where the largest elements are: row-major numbers in each image."""
    x = tensor("adaptive_max_pool2d", input)
    return _adaptive_max(x, _sizes_of("adaptive_max_pool2d", output_size, x, 2), 2)


@overridable
def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """adaptive_max_pool3d, and where the largest elements are: row-major numbers in each volume."""
    x = tensor("adaptive_max_pool3d", input)
    return _adaptive_max(x, _sizes_of("adaptive_max_pool3d", output_size, x, 3), 3)


@overridable
def adaptive_max_pool1d(input, output_size, return_indices=False) -> Any:
    """The largest elements of output_size intervals that cover (N, C, L) or (C, L) evenly."""
    result = adaptive_max_pool1d_with_indices(input, output_size)
    return result if return_indices else result[0]


@overridable
def adaptive_max_pool2d(input, output_size, return_indices=False) -> Any:
    """The largest elements of rectangles that cover (N, C, H, W) or (C, H, W) evenly."""
    result = adaptive_max_pool2d_with_indices(input, output_size)
    return result if return_indices else result[0]


@overridable
def adaptive_max_pool3d(input, output_size, return_indices=False) -> Any:
    """The largest elements of boxes that cover (N, C, D, H, W) or (C, D, H, W) evenly."""
    result = adaptive_max_pool3d_with_indices(input, output_size)
    return result if return_indices else result[0]


# --- fractional: windows of one size at random distances ------------------------------------------


_ROOM = {2: ("height", "width"), 3: ("time", "height", "width")}


def _fractional(
    input: Any, kernel_size: Any, output_size: Any, ratio: Any, samples: Any, rank: int
) -> tuple[Tensor, Tensor]:
    """Graham, "Fractional max-pooling" (arXiv:1412.6071)."""
    name = f"fractional_max_pool{rank}d"
    x = tensor(name, input)
    if output_size is None:
        if ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        output_size = _by_ratio(name, x, ratio, rank)
    if x._a.ndim <= rank:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x._a.ndim}, {x._a.ndim - 1}], "
            f"but got {-rank - 1})"
        )
    if samples is None:
        batch = 1 if x._a.ndim == rank + 1 else x._a.shape[0]
        refuse_dtype("check_uniform_bounds", x)
        samples = random.rand(batch, x._a.shape[-rank - 1], rank, dtype=x.dtype)
    words = "Ints" if rank == 2 else "three Ints"
    both = []
    for argument, given in (("kernel_size", kernel_size), ("output_size", output_size)):
        numbers = whole_numbers(name, argument, given)
        if len(numbers) not in (1, rank):
            raise RuntimeError(
                f"{name}: {argument} must either be a single Int or tuple of {words}"
            )
        both.append(numbers if len(numbers) == rank else numbers * rank)
    kernel, sizes = both
    samples = _samples_for(x, samples, rank)
    where = name if rank == 2 else f"{name}_out"
    for axis, n, k, count in zip(_ROOM[rank], x._a.shape[-rank:], kernel, sizes, strict=True):
        if count + k - 1 > n or (rank == 3 and count + k - 1 >= n):
            raise RuntimeError(f"{where}(): pool {axis} {k} too large relative to input {axis} {n}")
    refuse_dtype(f"{name}_out_frame", x)
    places = apply(FractionalPlaces, x, samples, kernel=kernel, sizes=sizes)
    return apply(FractionalMax[rank], x, places, rank=rank), places


def _by_ratio(name: str, x: Tensor, ratio: Any, rank: int) -> tuple[int, ...]:
    if not hasattr(ratio, "__len__"):
        raise TypeError(f"object of type '{type(ratio).__name__}' has no len()")
    if len(ratio) > rank:
        raise ValueError(
            f"{name} requires output_ratio to either be a single Int or tuple of Ints."
        )
    sizes = x._a.shape[-rank:]
    return tuple([int(n * r) for n, r in zip(sizes, ratio, strict=True)])


def _samples_for(x: Tensor, samples: Tensor, rank: int) -> Tensor:
    """The random numbers of every plane of x, without gradient."""
    given = samples._a
    if given.dtype != x._a.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if given.ndim != 3:
        raise RuntimeError(
            f"Expect _random_samples to have 3 dimensions, got {given.ndim}\n"
            "They are those of the batch, of channels and of numbers a plane."
        )
    batch = 1 if x._a.ndim == rank + 1 else x._a.shape[0]
    if given.shape[0] < batch:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if given.shape[1] != x._a.shape[-rank - 1]:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if given.shape[2] != rank:
        raise RuntimeError(
            f"Expect _random_samples.size(2) equals to {rank}; got {given.shape[2]}."
        )
    used = samples if given.shape[0] == batch else narrow(samples, 0, 0, batch)
    return shape.reshape(used, (*x._a.shape[:-rank], rank))


@overridable
def fractional_max_pool2d_with_indices(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """fractional_max_pool2d, and where the largest elements are: row-major numbers."""
    return _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 2)


@overridable
def fractional_max_pool3d_with_indices(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """fractional_max_pool3d, and where the largest elements are: row-major numbers."""
    return _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 3)


@overridable
def fractional_max_pool2d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
) -> Any:
    """The largest elements of output_size windows at random distances, or of output_ratio times as
    many as (N, C, H, W) or (C, H, W) has elements.
    """
    result = _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 2)
    return result if return_indices else result[0]


@overridable
def fractional_max_pool3d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
) -> Any:
    """fractional_max_pool2d for volumes (N, C, D, H, W) or (C, D, H, W)."""
    result = _fractional(input, kernel_size, output_size, output_ratio, _random_samples, 3)
    return result if return_indices else result[0]
