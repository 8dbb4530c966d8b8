"""Pooling over regular windows under PyTorch's names: largest elements, means, norms."""

import math
from typing import Any

from ...core.apply import apply, recording
from ...core.overrides import overridable
from ...core.tensor import Tensor, edge_of
from ...ops.neural import planes
from ...ops.neural import pooling as ops
from .. import elementwise, powers, rounding, shape
from ..arguments import tensor, whole, write_same
from ..nodes import node, shown
from ..unseen import alone
from .activation import relu
from .padding import pad
from .pool_arguments import (
    check_lines,
    check_max_pool1d,
    check_rank,
    check_windows,
    one_each,
    refuse_dtype,
    stride_or_size,
    the_one,
    window_of,
)

MaxPool = {rank: node(f"MaxPool{rank}DWithIndicesBackward0", ops.max_and_taps) for rank in (2, 3)}
MaxValues = {rank: node(f"MaxPool{rank}DWithIndicesBackward0", ops.max_windows) for rank in (2, 3)}
MaxPoolBack = node("MaxPool2DWithIndicesBackwardBackward0", planes.max_back)
AvgPool = {rank: node(f"AvgPool{rank}DBackward0", ops.avg_windows) for rank in (2, 3)}
TapPlaces = node("TapPlaces", ops.places_of_taps)
shown(2, MaxPoolBack)
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


def _windows(name, x, kernel, stride, padding, dilation, ceil):
    """How each of the last dimensions is pooled."""
    rank = len(kernel)
    steps = one_each(name, "stride", stride_or_size(stride, kernel), rank, 3)
    pads = one_each(name, "padding", padding, rank, 4)
    gaps = one_each(name, "dilation", dilation, rank, 5)
    sizes = x._a.shape[-rank:]
    if x._a.ndim < rank:
        check_rank(name, x._a.shape, rank)
    found = tuple(
        [
            window_of(n, k, step, before, gap, bool(ceil))
            for n, k, step, before, gap in zip(sizes, kernel, steps, pads, gaps, strict=True)
        ]
    )
    check_windows(name, x._a.shape, found)
    return found


# --- the largest element --------------------------------------------------------------------------


def _max_pool(x: Tensor, windows: tuple, indices: bool) -> tuple[Tensor, Any]:
    """The largest element of each window, and its row-major place if `indices`."""
    rank = len(windows)
    if not indices and not (edge_of(x) is not None and recording()):
        return apply(MaxValues[rank], x, windows=windows), None
    out, taps = apply(MaxPool[rank], x, windows=windows)
    if not indices:
        return out, None
    return out, apply(TapPlaces, taps, windows=windows, sizes=x._a.shape[-rank:])


def _max_pool_nd(name, input, kernel_size, stride, padding, dilation, ceil, indices, rank):
    x = tensor(name, input)
    kernel = one_each(name, "kernel_size", kernel_size, rank, 2)
    where = "max_pool3d_with_indices_out_cpu_template" if rank == 3 else name
    _check_lengths(name, stride, padding, dilation, rank)
    windows = _windows(where, x, kernel, stride, padding, dilation, ceil)
    refuse_dtype(name, x, names=INTEGERS)
    return _max_pool(x, windows, indices)


def _check_lengths(name, stride, padding, dilation, rank):
    """The errors of wrong numbers of strides and the like, which name the function itself."""
    one_each(name, "stride", stride_or_size(stride, (1,)), rank, 3)
    one_each(name, "padding", padding, rank, 4)
    one_each(name, "dilation", dilation, rank, 5)


def _max_pool_lines(input, kernel_size, stride, padding, dilation, ceil, indices):
    """Pooling of lines as that of images with one row."""
    name = "max_pool1d"
    x = tensor(name, input)
    check_lines(name, x._a.shape)
    kernel = the_one(name, "kernel_size", kernel_size, 2)
    step = the_one(name, "stride", stride_or_size(stride, kernel), 3)
    pads = the_one(name, "padding", padding, 4)
    gaps = the_one(name, "dilation", dilation, 5)
    rows = shape.unsqueeze(x, -2)
    windows = _windows("max_pool2d", rows, (1, *kernel), (1, *step), (0, *pads), (1, *gaps), ceil)
    refuse_dtype("max_pool2d", x, names=INTEGERS)
    out, places = _max_pool(rows, windows, indices)
    return alone(shape.squeeze(out, -2)), alone(shape.squeeze(places, -2)) if indices else None


@overridable
def max_pool1d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """max_pool1d, and where the largest elements are."""
    return _max_pool_lines(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@overridable
def max_pool2d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """max_pool2d, and where the largest elements are: row-major numbers in each image."""
    return _max_pool_nd(
        "max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode, True, 2
    )


@overridable
def max_pool3d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """max_pool3d, and where the largest elements are: row-major numbers in each volume."""
    return _max_pool_nd(
        "max_pool3d", input, kernel_size, stride, padding, dilation, ceil_mode, True, 3
    )


@overridable
def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
) -> Any:
    """The largest element of each window of (N, C, L) or (C, L); `stride` is the window's size if
    left out.

    return_indices: also its place.
    """
    x = tensor("max_pool1d", input)
    if return_indices:
        return _max_pool_lines(x, kernel_size, stride, padding, dilation, ceil_mode, True)
    step = stride_or_size(stride, kernel_size)
    check_max_pool1d(x._a.shape, kernel_size, step, padding, dilation, ceil_mode)
    if not (edge_of(x) is not None and recording()):
        refuse_dtype("max_pool1d_impl", x)
    return _max_pool_lines(x, kernel_size, stride, padding, dilation, ceil_mode, False)[0]


@overridable
def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
) -> Any:
    """The largest element of each window of (N, C, H, W) or (C, H, W); `stride` is the window's
    size if left out.

    return_indices: also its place, a row-major number in the image.
    """
    result = _max_pool_nd(
        "max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 2
    )
    return result if return_indices else result[0]


@overridable
def max_pool3d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
) -> Any:
    """The largest element of each window of (N, C, D, H, W) or (C, D, H, W); `stride` is the
    window's size if left out.

    return_indices: also its place, a row-major number in the volume.
    """
    result = _max_pool_nd(
        "max_pool3d", input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, 3
    )
    return result if return_indices else result[0]


@overridable
def max_pool2d_with_indices_backward(
    grad_output, self, kernel_size, stride, padding, dilation, ceil_mode, indices
):
    """Zeros in self's shape with grad_output added where `indices` say."""
    g = tensor("max_pool2d_with_indices_backward", grad_output, 1, "grad_output")
    x = tensor("max_pool2d_with_indices_backward", self, 2, "self")
    return apply(MaxPoolBack, g, x, indices, rank=2)


# --- means ----------------------------------------------------------------------------------------


def _avg_pool(name, input, kernel_size, stride, padding, ceil, include, divisor, rank):
    x = tensor(name, input)
    kernel = one_each(name, "kernel_size", kernel_size, rank, 2)
    if divisor is not None:
        divisor = whole(name, divisor, "divisor_override")
        if divisor == 0:
            raise RuntimeError("divisor must be not zero")
    windows = _windows(name, x, kernel, stride, padding, 1, ceil)
    if rank == 3:
        refuse_dtype("avg_pool3d_out_frame", x, "", ("float32", "float64", "int64"))
    else:
        refuse_dtype("avg_pool2d", x, names=("int64",))
    kw = {"windows": windows, "include": bool(include), "divisor": divisor}
    return apply(AvgPool[rank], x, **kw)


@overridable
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of (N, C, L) or (C, L); `stride` is the window's size if left out.

    count_include_pad: zeros of the padding count as elements.
    """
    name = "avg_pool1d"
    x = tensor(name, input)
    check_lines(name, x._a.shape)
    kernel = the_one(name, "kernel_size", kernel_size, 2)
    step = the_one(name, "stride", stride_or_size(stride, kernel), 3)
    pads = the_one(name, "padding", padding, 4)
    rows = shape.unsqueeze(x, -2)
    sizes = ((1, *kernel), (1, *step), (0, *pads))
    out = _avg_pool("avg_pool2d", rows, *sizes, ceil_mode, count_include_pad, None, 2)
    return shape.squeeze(out, -2)


@overridable
def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
    *,
    out=None,
):
    """The mean of each window of (N, C, H, W) or (C, H, W); `stride` is the window's size if left
    out.

    count_include_pad: zeros of the padding count as elements; divisor_override: what sums are
    divided by instead of the number of elements.
    """
    given = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    result = _avg_pool("avg_pool2d", input, *given, 2)
    return result if out is None else write_same("avg_pool2d", out, result, input)


@overridable
def avg_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
    *,
    out=None,
):
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W), as avg_pool2d."""
    given = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    result = _avg_pool("avg_pool3d", input, *given, 3)
    return result if out is None else write_same("avg_pool3d", out, result, input)


# --- what is made of means ------------------------------------------------------------------------


def _lp_pool(name, input, p, kernel_size, stride, ceil, rank):
    x = tensor(name, input)
    kernel = one_each(name, "kernel_size", kernel_size, rank, 3)
    if isinstance(p, int | float) and math.isinf(p):
        largest = (max_pool1d, max_pool2d, max_pool3d)[rank - 1]
        sizes = rounding.abs(x)
        if p > 0:
            return largest(sizes, kernel, stride, 0, 1, ceil)
        return elementwise.neg(largest(elementwise.neg(sizes), kernel, stride, 0, 1, ceil))
    mean = (avg_pool1d, avg_pool2d, avg_pool3d)[rank - 1]
    means = mean(powers.pow(x, p), kernel, stride, 0, ceil)
    positive = elementwise.mul(rounding.sign(means), relu(rounding.abs(means)))
    return powers.pow(elementwise.mul(positive, math.prod(kernel)), 1.0 / p)


@overridable
def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(sum of x^p)^(1/p) of each window, p = norm_type; infinity takes the largest |x|."""
    return _lp_pool("lp_pool1d", input, norm_type, kernel_size, stride, ceil_mode, 1)


@overridable
def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """lp_pool1d for images (N, C, H, W) or (C, H, W)."""
    return _lp_pool("lp_pool2d", input, norm_type, kernel_size, stride, ceil_mode, 2)


@overridable
def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """lp_pool1d for volumes (N, C, D, H, W) or (C, D, H, W)."""
    return _lp_pool("lp_pool3d", input, norm_type, kernel_size, stride, ceil_mode, 3)


@overridable
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha * m)^beta, m the mean of x^2 over `size` neighbouring channels.

    Source: Krizhevsky et al., "ImageNet classification with deep convolutional neural networks"
    (2012).
    """
    x = tensor("local_response_norm", input)
    sizes = x._a.shape
    if len(sizes) < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality                          input (got "
            f"{len(sizes)} dimensions)"
        )
    if not x._a.size:
        return x
    squares = elementwise.mul(x, x)
    around = (size // 2, (size - 1) // 2)
    if len(sizes) == 3:
        rows = pad(shape.unsqueeze(squares, 1), (0, 0, *around))
        means = shape.squeeze(avg_pool2d(rows, (size, 1), 1), 1)
    else:
        volumes = shape.view(squares, (sizes[0], 1, sizes[1], sizes[2], -1))
        volumes = pad(volumes, (0, 0, 0, 0, *around))
        means = shape.view(shape.squeeze(avg_pool3d(volumes, (size, 1, 1), 1), 1), sizes)
    divisor = powers.pow(elementwise.add(elementwise.mul(means, alpha), k), beta)
    return elementwise.div(x, divisor)
