"""The windows of images as the columns of a matrix, and their sum at their places. Imports NumPy
only.
"""

import math
from typing import Any

import numpy as np
from numpy import ndarray

from ..batching import rowwise
from ..rule import linear, primitive
from ..shape import restrided

# --- windows --------------------------------------------------------------------------------------


def framed(x: ndarray, start: tuple, extent: tuple, last: bool = False) -> ndarray:
    """The box of `extent` of x's last dimensions that begins at -start, zeros outside of x; `last`:
    with the examples last in memory.
    """
    if not (last or any(start)) and extent == x.shape[2:]:
        return x
    into: list[Any] = [...]
    source: list[Any] = [...]
    inside = True
    for n, p, e in zip(x.shape[2:], start, extent, strict=True):
        begin, skipped = max(p, 0), max(-p, 0)
        count = max(min(e - begin, n - skipped), 0)
        into.append(slice(begin, begin + count))
        source.append(slice(skipped, skipped + count))
        inside = inside and count == e
    if inside and not last:
        return x[tuple(source)]
    if last:
        result = np.zeros((x.shape[1], *extent, x.shape[0]), x.dtype)
        result = result.transpose(len(extent) + 1, *range(len(extent) + 1))
    else:
        result = np.zeros((*x.shape[:2], *extent), x.dtype)
    result[tuple(into)] = x[tuple(source)]
    return result


def extent(kernel: tuple, size: tuple, stride: tuple, dilation: tuple) -> tuple:
    """How far `size` windows of a kernel reach, from the start of the first one."""
    return tuple(
        [
            (n - 1) * s + (k - 1) * d + 1
            for k, n, s, d in zip(kernel, size, stride, dilation, strict=True)
        ]
    )


def windows(
    x: ndarray,
    kernel: tuple,
    size: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    last: bool = False,
) -> ndarray:
    """(C, *kernel, N, *size): what of x each element of the kernel meets at each place; a view."""
    x = framed(x, padding, extent(kernel, size, stride, dilation), last)
    n, c, *steps = x.strides
    taps = [a * d for a, d in zip(steps, dilation, strict=True)]
    places = [a * s for a, s in zip(steps, stride, strict=True)]
    return restrided(x, (x.shape[1], *kernel, x.shape[0], *size), (c, *taps, n, *places))


def add_at_taps(target, products, stride, dilation, first) -> None:
    """Add (C, *kernel, ...) to the places that each element of the kernel meets; these begin at
    dimension `first` of the target.
    """
    kernel = products.shape[1 : 1 + len(stride)]
    sizes = products.shape[len(stride) + first :]
    lead = (slice(None),) * first
    for tap in np.ndindex(*kernel):
        met = [
            slice(i * d, i * d + (m - 1) * s + 1, s)
            for i, d, m, s in zip(tap, dilation, sizes, stride, strict=False)
        ]
        target[(*lead, *met)] += products[(slice(None), *tap)]


# --- the primitives -------------------------------------------------------------------------------


@primitive
def im2col(x, *, kernel, stride, padding, dilation, size):
    """The windows of x (N, C, *S) as the columns of (N, C * elements, places); N may be absent."""
    images = x if x.ndim == len(kernel) + 2 else x[None]
    met = windows(images, kernel, size, stride, padding, dilation)
    axes, place = range(met.ndim), 1 + len(kernel)
    met = met.transpose(place, *axes[:place], *axes[1 + place :])
    shape = (images.shape[1] * math.prod(kernel), math.prod(size))
    return np.array(met, order="C").reshape(*x.shape[: x.ndim - place], *shape)


@primitive
def col2im(x, *, kernel, stride, padding, dilation, size, shape):
    """The sum of the windows (N, C * elements, places) at their places in (N, C, *shape); N may be
    absent.
    """
    n = x.shape[0] if x.ndim == 3 else 1
    c = x.shape[-2] // math.prod(kernel)
    total = np.zeros((c, n, *extent(kernel, size, stride, dilation)), x.dtype)
    parts = x.reshape(n, c, *kernel, *size)
    axes, place = range(parts.ndim), 2 + len(kernel)
    parts = parts.transpose(1, *axes[2:place], 0, *axes[place:])
    add_at_taps(total, parts, stride, dilation, 2)
    images = framed(total.swapaxes(0, 1), tuple([-p for p in padding]), shape)
    return np.ascontiguousarray(images if x.ndim == 3 else images[0])


def _batch(fun, values, flags, kw):
    """Examples of single images are the images of one example."""
    single = len(kw["kernel"]) + 1 if fun is im2col else 2
    return fun(values[0], **kw) if values[0].ndim - 1 == single else rowwise(fun, values, flags, kw)


linear(
    im2col,
    lambda g, x_meta, *, kernel, stride, padding, dilation, size: col2im(
        g,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        size=size,
        shape=x_meta.shape[-len(kernel) :],
    ),
    fresh=True,
    batch=_batch,
)
linear(
    col2im,
    lambda g, *, kernel, stride, padding, dilation, size: im2col(
        g, kernel=kernel, stride=stride, padding=padding, dilation=dilation, size=size
    ),
    fresh=True,
    batch=_batch,
)
