"""Convolutions as products of matrices with windows of their input. Imports graph.

Shapes: x (N, C, *space), w (O, C / groups, *kernel), y (N, O, *size). The products go over
examples and groups, (N, G), so that results lie as they are wanted.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..ir.graph import Graph, Value


def _box(g: Graph, x: Value, start: Sequence[int], extent: Sequence[int]) -> Value:
    """The box of `extent` of the last dimensions that begins at -start, zeros outside of x."""
    parts = [(0, n, 1) for n in x.shape[:2]]
    before, after = [0, 0], [0, 0]
    for n, p, e in zip(x.shape[2:], start, extent, strict=True):
        first = max(-p, 0)
        count = max(min(n - first, e - max(p, 0)), 0)
        parts.append((first, count, 1))
        before.append(min(max(p, 0), e))
        after.append(e - count - before[-1])
    if any(count == 0 for _, count, _ in parts):
        return g.full((*x.shape[:2], *extent), 0, x.dtype)
    x = g.slice(x, parts)
    if any(before) or any(after):
        return g.pad(x, before, after, g.constant(np.zeros((), x.dtype)))
    return x


def _reach(
    kernel: Sequence[int], size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[int]:
    """How far `size` windows of a kernel reach."""
    together = zip(kernel, size, stride, dilation, strict=True)
    return [(n - 1) * s + (k - 1) * d + 1 for k, n, s, d in together]


def _windows(
    g: Graph, x: Value, kernel: Sequence[int], settings: tuple, size: Sequence[int]
) -> Value:
    """(N, G, C / G * kernel, places): what of x each element of the kernel meets at each place."""
    stride, padding, dilation, groups, _ = settings
    extent = _reach(kernel, size, stride, dilation)
    x = _box(g, x, padding, extent)
    n, c = x.shape[:2]
    if math.prod(kernel) == 1 and tuple(extent) == tuple(size):
        return g.reshape(x, (n, groups, c // groups, math.prod(size)))
    steps = [math.prod(extent[i + 1 :]) for i in range(len(extent))]
    plane = math.prod(extent)
    taps = [a * d for a, d in zip(steps, dilation, strict=True)]
    places = [a * s for a, s in zip(steps, stride, strict=True)]
    shape = (n, groups, c // groups, *kernel, *size)
    strides = (c * plane, c // groups * plane, plane, *taps, *places)
    met = g.strided(x, shape, strides, 0)
    return g.reshape(met, (n, groups, c // groups * math.prod(kernel), math.prod(size)))


def _wide(g: Graph, *values: Value) -> list[Value]:
    """float16 is computed in float32."""
    return [g.cast(x, np.float32) if x.dtype == np.float16 else x for x in values]


def _convolve(g: Graph, v: Value, x: Value, w: Value) -> Value:
    x, w = _wide(g, x, w)
    groups, size = v.attrs[3:]
    n, o, kernel = x.shape[0], w.shape[0], w.shape[2:]
    met = _windows(g, x, kernel, v.attrs, size)
    rows = g.reshape(w, (1, groups, o // groups, math.prod(w.shape[1:])))
    rows = g.broadcast(rows, (n, *rows.shape[1:]))
    return g.cast(g.reshape(g.matmul(rows, met), v.shape), v.dtype)


def _convolve_back(g: Graph, v: Value, y: Value, w: Value) -> Value:
    """The convolution of y, with zeros between its elements where the stride is more than 1, and
    the kernel turned round.
    """
    y, w = _wide(g, y, w)
    stride, padding, dilation, groups, size = v.attrs
    n, o, *places = y.shape
    c, kernel = w.shape[1], w.shape[2:]
    if any(s > 1 for s in stride):
        spread = [(m - 1) * s + 1 for m, s in zip(places, stride, strict=True)]
        zeros = g.full((n, o, *spread), 0, y.dtype)
        parts = [(0, n, 1), (0, o, 1), *[(0, m, s) for m, s in zip(places, stride, strict=True)]]
        y = g.write_slice(zeros, y, parts)
    turned = g.slice(w, [(0, o, 1), (0, c, 1), *[(k - 1, k, -1) for k in kernel]])
    turned = g.reshape(turned, (groups, o // groups, c, math.prod(kernel)))
    turned = g.reshape(g.transpose(turned, (0, 2, 1, 3)), (groups * c, o // groups, *kernel))
    start = [(k - 1) * d - p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    ones = (1,) * len(kernel)
    settings = (ones, tuple(start), dilation, groups, tuple(size))
    x = g.convolve(y, turned, settings)
    return g.cast(_convolve(g, x, y, turned), v.dtype)


def _convolve_taps(g: Graph, v: Value, x: Value, y: Value) -> Value:
    x, y = _wide(g, x, y)
    groups, kernel = v.attrs[3:]
    n, o, *size = y.shape
    met = _windows(g, x, kernel, v.attrs, size)
    rows, places = met.shape[2:]
    y = g.reshape(y, (n, groups, o // groups, places))
    if n * o * rows <= met.size or n == 1:
        each = g.matmul(y, g.transpose(met, (0, 1, 3, 2)))
        total = g.reduce("sum", each, (0,)) if n > 1 else each
        return g.cast(g.reshape(total, v.shape), v.dtype)
    left = g.reshape(g.transpose(y, (1, 2, 0, 3)), (groups, o // groups, n * places))
    right = g.reshape(g.transpose(met, (1, 0, 3, 2)), (groups, n * places, rows))
    return g.cast(g.reshape(g.matmul(left, right), v.shape), v.dtype)


CONVOLUTIONS: dict[str, Callable[..., Value]] = {
    "convolve": _convolve,
    "convolve_back": _convolve_back,
    "convolve_taps": _convolve_taps,
}
