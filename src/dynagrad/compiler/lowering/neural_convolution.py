"""Lowerings of convolution, and of the windows of images as columns. Imports ops.neural."""

import math
from itertools import product
from typing import Any

from ...ops.neural import convolution as ops
from ...ops.neural import unfolding
from ..ir.graph import Graph, Value
from .parts import Part, padded, placed
from .registry import Unlowered, lowering


def _settings(stride: Any, padding: Any, dilation: Any, groups: int, size: Any) -> tuple:
    return tuple(stride), tuple(padding), tuple(dilation), int(groups), tuple(size)


def _needs_floats(*xs: Value) -> None:
    if any(x.dtype.kind != "f" or x.dtype != xs[0].dtype for x in xs):
        raise Unlowered


def _with_bias(g: Graph, r: Value, bias: Value | None) -> Value:
    if bias is None:
        return r
    return g.map("add", r, g.reshape(g.cast(bias, r.dtype), (r.shape[1], *(1,) * (r.ndim - 2))))


@lowering(ops.convolve, in_single=True)
def _convolve(
    g: Graph, x: Value, w: Value, bias: Any, *, last: bool = False, **settings: Any
) -> Value:
    _needs_floats(x, w)
    return _with_bias(g, g.convolve(x, w, _settings(**settings)), bias)


@lowering(ops.convolve_back, in_single=True)
def _convolve_back(
    g: Graph, y: Value, w: Value, bias: Any, *, last: bool = False, **settings: Any
) -> Value:
    _needs_floats(y, w)
    return _with_bias(g, g.convolve_back(y, w, _settings(**settings)), bias)


@lowering(ops.convolve_taps, in_single=True)
def _convolve_taps(g: Graph, x: Value, y: Value, **settings: Any) -> Value:
    _needs_floats(x, y)
    return g.convolve_taps(x, y, _settings(**settings))


# --- windows as columns ---------------------------------------------------------------------------


@lowering(unfolding.im2col, moves=True)
def _im2col(
    g: Graph, x: Value, *, kernel: Any, stride: Any, padding: Any, dilation: Any, size: Any
) -> Value:
    rank = len(kernel)
    images = x if x.ndim == rank + 2 else g.reshape(x, (1, *x.shape))
    n, c, *space = images.shape
    reach = unfolding.extent(kernel, size, stride, dilation)
    if any(p < 0 for p in padding) or 0 in (*size, *kernel):
        raise Unlowered
    after = [max(e - p - m, 0) for e, p, m in zip(reach, padding, space, strict=True)]
    x_padded = padded(g, images, (0, 0, *padding), (0, 0, *after), 0)
    below = [math.prod(x_padded.shape[a + 1 :]) for a in range(rank + 2)]
    taps = [s * d for s, d in zip(below[2:], dilation, strict=True)]
    places = [s * t for s, t in zip(below[2:], stride, strict=True)]
    shape, strides = (n, c, *kernel, *size), (*below[:2], *taps, *places)
    columns = g.strided(x_padded, shape, strides, 0)
    lead = x.shape[: x.ndim - 1 - rank]
    return g.reshape(columns, (*lead, c * math.prod(kernel), math.prod(size)))


@lowering(unfolding.col2im)
def _col2im(
    g: Graph,
    x: Value,
    *,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    size: Any,
    shape: Any,
) -> Value:
    if math.prod(kernel) > 25 or any(p < 0 for p in padding) or 0 in (*size, *kernel):
        raise Unlowered
    n = x.shape[0] if x.ndim == 3 else 1
    c = x.shape[-2] // math.prod(kernel)
    reach = unfolding.extent(kernel, size, stride, dilation)
    room = [max(e, p + m) for e, p, m in zip(reach, padding, shape, strict=True)]
    parts = g.reshape(x, (n, c, *kernel, *size))
    total = g.full((n, c, *room), 0, x.dtype)
    for tap in product(*map(range, kernel)):
        at = [(0, n, 1), (0, c, 1), *[(t, 1, 1) for t in tap], *[(0, m, 1) for m in size]]
        part = g.reshape(g.slice(parts, at), (n, c, *size))
        met: list[Part] = [(0, n, 1), (0, c, 1)]
        met += [(t * d, m, s) for t, d, m, s in zip(tap, dilation, size, stride, strict=True)]
        total = g.map("add", total, placed(g, part, total.shape, met))
    inside = [(p, m, 1) for p, m in zip(padding, shape, strict=True)]
    images = g.slice(total, [(0, n, 1), (0, c, 1), *inside])
    return images if x.ndim == 3 else g.reshape(images, images.shape[1:])
