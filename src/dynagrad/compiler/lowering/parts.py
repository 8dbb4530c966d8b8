"""Views, reductions and writes of values, as lowerings need them. Imports graph and registry."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..ir.graph import Graph, Value
from .registry import Unlowered

Part = tuple[int, int, int]


def whole(x: Value) -> list[Part]:
    """The parts of a slice that is all of x."""
    return [(0, n, 1) for n in x.shape]


def narrowed(g: Graph, x: Value, axis: int, start: int, length: int) -> Value:
    """The part [start, start + length) along a dimension."""
    return stepped(g, x, axis, start, length, 1)


def stepped(g: Graph, x: Value, axis: int, start: int, count: int, step: int) -> Value:
    """The elements start + i * step, i < count, along a dimension."""
    parts = whole(x)
    parts[axis] = (start, count, step)
    return g.slice(x, parts)


def picked(g: Graph, x: Value, axis: int, index: int) -> Value:
    """The slice number `index` along a dimension, without it."""
    part = narrowed(g, x, axis, index % x.shape[axis], 1)
    return g.reshape(part, (*x.shape[:axis], *x.shape[axis + 1 :]))


def flipped(g: Graph, x: Value, axes: Iterable[int]) -> Value:
    """The order of elements reversed along some dimensions."""
    parts = whole(x)
    for axis in axes:
        n = x.shape[axis]
        parts[axis] = (n - 1, n, -1) if n else (0, 0, 1)
    return g.slice(x, parts)


def moved(g: Graph, x: Value, source: int, target: int) -> Value:
    """One dimension moved to another place, as np.moveaxis."""
    axes = list(range(x.ndim))
    axes.insert(target % x.ndim, axes.pop(source % x.ndim))
    return g.transpose(x, axes)


def swapped(g: Graph, x: Value, first: int = -1, second: int = -2) -> Value:
    """Two dimensions exchanged."""
    axes = list(range(x.ndim))
    axes[first], axes[second] = axes[second], axes[first]
    return g.transpose(x, axes)


def with_axis(g: Graph, x: Value, axis: int) -> Value:
    """A new dimension of size 1 in front of dimension `axis` (-1: at the end)."""
    axis = axis if axis >= 0 else x.ndim + 1 + axis
    return g.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


# --- basic indices --------------------------------------------------------------------------------


def basic(x: Value, index: Any) -> tuple[list[Part], list[int]]:
    """A tuple of numbers, slices, None and one `...` as the parts of a slice of x, and the shape
    that the slice then gets.
    """
    index = index if type(index) is tuple else (index,)
    if any(not _is_basic(item) for item in index):
        raise Unlowered
    taken = sum(item is not None and item is not ... for item in index)
    items: list[Any] = []
    for item in index:
        items += [slice(None)] * (x.ndim - taken) if item is ... else [item]
    items += [slice(None)] * (x.ndim - sum(item is not None for item in items))
    parts: list[Part] = []
    shape: list[int] = []
    for item in items:
        if item is None:
            shape.append(1)
            continue
        n = x.shape[len(parts)]
        if type(item) is slice:
            start, stop, step = item.indices(n)
            count = len(range(start, stop, step))
            parts.append((start, count, step) if count else (0, 0, 1))
            shape.append(count)
        else:
            if not -n <= item < n:
                raise Unlowered
            parts.append((int(item) % n, 1, 1))
    return parts, shape


def _is_basic(item: Any) -> bool:
    is_number = isinstance(item, int | np.integer) and not isinstance(item, bool)
    return item is None or item is ... or type(item) is slice or is_number


def indexed(g: Graph, x: Value, index: Any) -> Value:
    """x[index] for a basic index."""
    parts, shape = basic(x, index)
    return g.reshape(g.slice(x, parts), shape)


def placed(g: Graph, part: Value, shape: Sequence[int], parts: Sequence[Part]) -> Value:
    """Zeros of `shape` with `part` (whose shape may lack dimensions of size 1) at a slice."""
    part = g.reshape(part, [count for _, count, _ in parts])
    if any(step < 0 for _, _, step in parts):
        part = flipped(g, part, [a for a, (_, _, step) in enumerate(parts) if step < 0])
        parts = [
            (start + (count - 1) * step, count, -step) if step < 0 else (start, count, step)
            for start, count, step in parts
        ]
    if all(step == 1 or count <= 1 for _, count, step in parts):
        before = [start for start, _, _ in parts]
        after = [n - start - count for n, (start, count, _) in zip(shape, parts, strict=True)]
        return padded(g, part, before, after, 0)
    return g.write_slice(g.full(shape, 0, part.dtype), part, parts)


def padded(g: Graph, x: Value, before: Sequence[int], after: Sequence[int], fill: Any) -> Value:
    """x amid copies of a number; x itself where there is no room for any."""
    if not any(before) and not any(after):
        return x
    return g.pad(x, before, after, g.constant(np.array(fill, x.dtype)))


# --- reductions -----------------------------------------------------------------------------------


def axes_of(x: Value, axes: Any) -> tuple[int, ...]:
    """`axes` of a reduction (a number, a tuple, None for all) as sorted numbers from the front."""
    if axes is None:
        return tuple(range(x.ndim))
    axes = axes if type(axes) is tuple else (axes,)
    return tuple(sorted({a % x.ndim for a in axes})) if x.ndim else ()


def reduced(g: Graph, op: str, x: Value, axes: Any, keepdims: bool = False) -> Value:
    """A reduction; of bool, a sum is any and a product is all."""
    axes = axes_of(x, axes)
    if op in ("max", "min", "argmax", "argmin") and 0 in [x.shape[a] for a in axes]:
        raise Unlowered
    if x.dtype == np.bool_:
        op = {"sum": "any", "prod": "all", "max": "any", "min": "all"}.get(op, op)
    r = g.reduce(op, x, axes)
    return g.keep(x, r, axes) if keepdims else r


def place_of(g: Graph, op: str, x: Value, axis: int | None, keepdims: bool) -> Value:
    """argmax or argmin along a dimension, or of the elements in row-major order."""
    if not x.ndim:
        return g.constant(np.zeros((), np.int64))
    if axis is None:
        r = reduced(g, op, g.reshape(x, (x.size,)), 0)
        return g.reshape(r, (1,) * x.ndim) if keepdims else r
    return reduced(g, op, x, axis, keepdims)


def count(x: Value, axes: Any) -> int:
    """The number of elements that one result of a reduction is made of."""
    return math.prod(x.shape[a] for a in axes_of(x, axes))


def demand_all(g: Graph, condition: Value, text: str) -> None:
    """A check that an array of bool is true everywhere."""
    if condition.size:
        g.check(g.reduce("all", condition), text)


def demand_within(g: Graph, index: Value, low: int, end: int, text: str) -> None:
    """A check that low <= index < end everywhere."""
    first, last = (g.constant(np.array(n, index.dtype)) for n in (low, end))
    inside = g.map("bitand", g.map("ge", index, first), g.map("lt", index, last))
    demand_all(g, inside, text)
