"""max_unpool under PyTorch's names: elements back where max pooling took them from."""

import math
from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.complaints import legacy_name
from ...core.overrides import overridable
from ...core.tensor import Tensor
from ...ops.neural import planes as ops
from .. import shape
from ..arguments import bounds, tensor
from ..nodes import node, shown
from .pool_arguments import refuse_dtype, stride_or_size, volume, whole_numbers

MaxUnpool = {rank: node(f"MaxUnpool{rank}DBackward0", ops.unpool_planes) for rank in (2, 3)}
shown(1, *MaxUnpool.values())


def _each(name: str, argument: str, given: Any, rank: int) -> tuple[int, ...]:
    """A number for each dimension; a tuple is taken as it is."""
    if isinstance(given, int | np.integer):
        return (int(given),) * rank
    return whole_numbers(name, argument, given)


def _sizes(x: Tensor, kernel: tuple, stride: tuple, padding: tuple, wanted: Any) -> tuple:
    """The size of the result: what pooling would have had before, or a wish close to that."""
    rank = len(kernel)
    if len(stride) < rank or len(padding) < rank or x._a.ndim < rank:
        raise IndexError("tuple index out of range\nGive one number for each pooled dimension.")
    usual = [
        (n - 1) * s + k - 2 * p
        for n, k, s, p in zip(x._a.shape[-rank:], kernel, stride, padding, strict=False)
    ]
    if wanted is None:
        sizes = tuple(usual)
    else:
        sizes = tuple(wanted)
        if len(sizes) == rank + 2:
            sizes = sizes[2:]
        if len(sizes) != rank:
            raise ValueError(
                f"output_size should be a sequence containing {rank} or {rank + 2} elements, but "
                f"it has a length of '{len(sizes)}'"
            )
        for d, (n, size, step) in enumerate(zip(usual, sizes, stride, strict=False)):
            if not n - step < size < n + step:
                raise ValueError(
                    f'invalid output_size "{wanted}" (dim {d} must be between {n - step} and '
                    f"{n + step})"
                )
    for d, n in enumerate(sizes):
        if n < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{d}]={n}"
            )
    return sizes


def _unpool(x: Tensor, indices: Tensor, sizes: tuple, stride: tuple) -> Tensor:
    rank = len(sizes)
    i = indices._a
    if i.dtype != np.int64:
        given = f" but got: {legacy_name(i.dtype)}" if rank == 2 else ""
        raise RuntimeError(f"elements in indices should be type int64{given}")
    a = x._a
    if a.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Input to max_unpooling{rank}d should be a {rank + 1}d or {rank + 2}d Tensor, but got "
            f"a tensor with {a.ndim} dimensions."
        )
    if a.shape != i.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(a.shape)}) but got indices tensor with shape: {list(i.shape)}"
        )
    if rank == 3 and min(stride) <= 0:
        raise RuntimeError(f"strides should be greater than zero, but got stride: {list(stride)}")
    for dim in range(1, a.ndim):
        if a.shape[dim] == 0:
            raise RuntimeError(
                f"max_unpooling{rank}d_forward_out_cpu(): Expected input to have non-zero size for "
                f"non-batch dimensions, but got {list(a.shape)} with dimension {dim} being empty."
            )
    refuse_dtype(f"max_unpool{rank}d", x)
    least, greatest = bounds(i)
    if least < 0 or greatest >= math.prod(sizes):
        raise RuntimeError(
            f"Found an invalid max index: {least if least < 0 else greatest} (output volumes are "
            f"of size {volume(sizes)})"
        )
    return apply(MaxUnpool[rank], x, indices, sizes=sizes)


def _max_unpool(input, indices, kernel_size, stride, padding, output_size, rank):
    name = f"max_unpool{rank}d"
    x, i = tensor(name, input), tensor(name, indices, 2, "indices")
    kernel = _each(name, "kernel_size", kernel_size, rank)
    steps = _each(name, "stride", stride_or_size(stride, kernel), rank)
    pads = _each(name, "padding", padding, rank)
    sizes = _sizes(x, kernel, steps, pads, output_size)
    if rank > 1:
        return _unpool(x, i, sizes, steps)
    column = _unpool(shape.unsqueeze(x, -1), shape.unsqueeze(i, -1), (*sizes, 1), (*steps, 1))
    return shape.squeeze(column, -1)


@overridable
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Zeros with input's elements at the places `indices`, which max_pool1d returned."""
    return _max_unpool(input, indices, kernel_size, stride, padding, output_size, 1)


@overridable
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Zeros with input's elements at the places `indices`, which max_pool2d returned."""
    return _max_unpool(input, indices, kernel_size, stride, padding, output_size, 2)


@overridable
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Zeros with input's elements at the places `indices`, which max_pool3d returned."""
    return _max_unpool(input, indices, kernel_size, stride, padding, output_size, 3)
