"""Lowerings of pooling over regular windows, by slices for each tap. Imports ops.neural.pooling."""

import math
from itertools import product
from typing import Any

import numpy as np

from ...ops.neural import planes
from ...ops.neural import pooling as ops
from ..ir.graph import Graph, Value
from .indexing import places
from .parts import Part, padded, placed
from .registry import Unlowered, lowering
from .ufuncs import BOOL, number

#: windows with more taps than this are left to the kernel
MOST = 32


def _room(x: Value, windows: Any, value: Any, g: Graph) -> Value:
    """x with a number around, as far as windows reach."""
    rank = len(windows)
    sizes = x.shape[-rank:]
    lead = [0] * (x.ndim - rank)
    after = [max(w.reach - w.before - n, 0) for w, n in zip(windows, sizes, strict=True)]
    return padded(g, x, [*lead, *[w.before for w in windows]], [*lead, *after], value)


def _checked(x: Value, windows: Any) -> None:
    if math.prod(w.size for w in windows) > MOST or not x.size:
        raise Unlowered
    if any(w.before < 0 or w.count < 1 for w in windows):
        raise Unlowered


def _parts_of(shape: Any, windows: Any, tap: Any) -> list[Part]:
    """What a tap has in all windows of an array of this shape, as parts of a slice."""
    lead: list[Part] = [(0, n, 1) for n in shape[: -len(windows)]]
    return lead + [(t * w.dilation, w.count, w.stride) for t, w in zip(tap, windows, strict=True)]


def _taps(windows: Any) -> list[tuple[int, ...]]:
    return list(product(*[range(w.size) for w in windows]))


def _along(g: Graph, op: str, x: Value, windows: Any) -> Value:
    """An operation over each window, one dimension after the other."""
    rank = len(windows)
    for axis, w in enumerate(windows):
        at: list[Part] = [(0, n, 1) for n in x.shape]
        place, result = x.ndim - rank + axis, None
        for tap in range(w.size):
            at[place] = (tap * w.dilation, w.count, w.stride)
            part = g.slice(x, at)
            result = part if result is None else g.map(op, result, part)
        x = result if result is not None else x
    return x


def _lowest(x: Value) -> Any:
    if x.dtype == BOOL:
        raise Unlowered
    return -math.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min


@lowering(ops.max_windows)
def _max_windows(g: Graph, x: Value, *, windows: Any) -> Value:
    _checked(x, windows)
    return _along(g, "maximum", _room(x, windows, _lowest(x), g), windows)


@lowering(ops.max_and_taps)
def _max_and_taps(g: Graph, x: Value, *, windows: Any) -> tuple[Value, Value]:
    _checked(x, windows)
    room = _room(x, windows, _lowest(x), g)
    out = _along(g, "maximum", room, windows)
    taps = _taps(windows)
    dtype = np.uint8 if len(taps) < 255 else np.int32
    # the first of equal ones: from the last tap to the first; of nans the last
    found = g.full(out.shape, 0, dtype)
    parts = [g.slice(room, _parts_of(room.shape, windows, tap)) for tap in taps]
    for number_of_tap in reversed(range(len(taps))):
        is_it = g.map("eq", parts[number_of_tap], out)
        found = g.where(is_it, g.constant(dtype(number_of_tap)), found)
    if any(w.before for w in windows):
        first = _first_inside(windows).astype(dtype)
        nothing = g.map("eq", out, number(g, _lowest(x), x))
        found = g.where(nothing, g.constant(first), found)
    if x.dtype.kind == "f":
        for number_of_tap, part in enumerate(parts):
            found = g.where(g.map("isnan", part), g.constant(dtype(number_of_tap)), found)
    return out, found


def _first_inside(windows: Any) -> np.ndarray:
    """For each window the number of its first tap that is not padding."""
    numbers = np.zeros((), np.int64)
    for w in windows:
        numbers = numbers[..., None] * w.size + np.maximum(-(w.starts // w.dilation), 0)
    return numbers


@lowering(ops.places_of_taps)
def _places_of_taps(g: Graph, taps: Value, *, windows: Any, sizes: Any) -> Value:
    starts, steps = np.zeros((), np.int64), np.zeros((), np.int64)
    for w, n in zip(windows, sizes, strict=True):
        starts = starts[..., None] * n + w.starts
        steps = steps[..., None] * n + np.arange(w.size) * w.dilation
    at = places(g, taps, steps.size)
    return g.map("add", g.take(g.constant(steps.reshape(-1)), at, 0), g.constant(starts))


@lowering(ops.from_taps)
def _from_taps(g: Graph, x: Value, taps: Value, *, windows: Any, sizes: Any) -> Value:
    if math.prod(w.size for w in windows) > MOST or not x.size or x.dtype == BOOL:
        raise Unlowered
    rank, result = len(windows), None
    if all(w.stride == w.size and w.dilation == 1 for w in windows):
        return _tiled(g, x, taps, windows, sizes)
    room = [max(w.before + n, w.reach) for w, n in zip(windows, sizes, strict=True)]
    shape = (*x.shape[:-rank], *room)
    zero, apart = number(g, 0, x), all(w.stride >= w.size and w.dilation == 1 for w in windows)
    for number_of_tap, tap in enumerate(_taps(windows)):
        chosen = g.map("eq", taps, number(g, number_of_tap, taps))
        part = g.where(chosen, x, zero)
        parts = _parts_of(shape, windows, tap)
        if apart and result is not None:
            result = g.write_slice(result, part, parts)
        else:
            spread = placed(g, part, shape, parts)
            result = spread if result is None else g.map("add", result, spread)
    inside = [(w.before, n, 1) for w, n in zip(windows, sizes, strict=True)]
    assert result is not None
    return g.slice(result, [*[(0, n, 1) for n in x.shape[:-rank]], *inside])


def _tiled(g: Graph, x: Value, taps: Value, windows: Any, sizes: Any) -> Value:
    """`from_taps` of windows that lie side by side: each element of x stands in all places of its
    window, and stays in one.
    """
    rank, lead = len(windows), x.shape[: -len(windows)]
    numbers = np.arange(math.prod(w.size for w in windows)).astype(taps.dtype)
    numbers = numbers.reshape([n for w in windows for n in (1, w.size)])
    one = [n for w in windows for n in (w.count, 1)]
    wide = [n for w in windows for n in (w.count, w.size)]
    chosen = g.map("eq", g.reshape(taps, (*lead, *one)), g.constant(numbers))
    r = g.where(chosen, g.reshape(x, (*lead, *one)), number(g, 0, x))
    assert r.shape == (*lead, *wide)
    return _fitted(
        g, g.reshape(r, (*lead, *[w.count * w.size for w in windows])), windows, sizes, rank
    )


def _fitted(g: Graph, x: Value, windows: Any, sizes: Any, rank: int) -> Value:
    """The part behind the padding, with zeros beyond the last window."""
    lead = x.shape[:-rank]
    parts: list[Part] = [(0, n, 1) for n in lead]
    after = [0] * len(lead)
    for w, n, m in zip(windows, sizes, x.shape[-rank:], strict=True):
        count = max(min(n, m - w.before), 0)
        parts.append((w.before if count else 0, count, 1))
        after.append(n - count)
    return padded(g, g.slice(x, parts), [0] * x.ndim, after, 0)


# --- means ----------------------------------------------------------------------------------------


def _divided(g: Graph, x: Value, windows: Any, sizes: Any, include: bool, divisor: Any) -> Value:
    """What the kernels divide by: a number, or one for each window."""
    if x.dtype.kind != "f":
        raise Unlowered
    by = ops.divisor_of(windows, sizes, include, divisor)
    return g.map("div", x, g.constant(np.array(by, x.dtype)))


@lowering(ops.avg_windows, in_single=True)
def _avg_windows(g: Graph, x: Value, *, windows: Any, include: bool, divisor: Any) -> Value:
    _checked(x, windows)
    total = _along(g, "add", _room(x, windows, 0, g), windows)
    return _divided(g, total, windows, x.shape[-len(windows) :], include, divisor)


@lowering(ops.spread_avg, in_single=True)
def _spread_avg(
    g: Graph, x: Value, *, windows: Any, include: bool, divisor: Any, sizes: Any
) -> Value:
    _checked(x, windows)
    rank = len(windows)
    r = _divided(g, x, windows, sizes, include, divisor)
    for axis in reversed(range(rank)):
        r = _spread_along(g, r, windows[axis], sizes[axis], x.ndim - rank + axis)
    return r


def _spread_along(g: Graph, x: Value, w: Any, n: int, place: int) -> Value:
    """Each element added to all places of its window along one dimension of size n."""
    lead, trail = x.shape[:place], x.shape[place + 1 :]
    if w.stride == w.size and w.dilation == 1:
        wide = g.reshape(x, (*lead, w.count, 1, *trail))
        wide = g.broadcast(wide, (*lead, w.count, w.size, *trail))
        wide = g.reshape(wide, (*lead, w.count * w.size, *trail))
    else:
        shape = (*lead, max(w.before + n, w.reach), *trail)
        parts: list[Part] = [(0, m, 1) for m in x.shape]
        wide = None
        for tap in range(w.size):
            parts[place] = (tap * w.dilation, w.count, w.stride)
            spread = placed(g, x, shape, parts)
            wide = spread if wide is None else g.map("add", wide, spread)
        assert wide is not None
    count = min(n, wide.shape[place] - w.before)
    inside: list[Part] = [(0, m, 1) for m in wide.shape]
    inside[place] = (w.before, count, 1)
    after = [n - count if a == place else 0 for a in range(wide.ndim)]
    return padded(g, g.slice(wide, inside), [0] * wide.ndim, after, 0)


# --- elements of planes by number -----------------------------------------------------------------


@lowering(planes.pick_planes, moves=True)
def _pick_planes(g: Graph, x: Value, i: Value, *, rank: int) -> Value:
    flat = g.reshape(x, (math.prod(x.shape[:-rank]), math.prod(x.shape[-rank:])))
    at = g.reshape(places(g, i, flat.shape[1]), (flat.shape[0], math.prod(i.shape[-rank:])))
    return g.reshape(g.take_along(flat, at, 1), i.shape)


def _into_planes(op: str, g: Graph, x: Value, i: Value, sizes: Any) -> Value:
    rank = len(sizes)
    if x.dtype == BOOL or not x.size:
        raise Unlowered
    shape = (math.prod(x.shape[:-rank]), math.prod(x.shape[-rank:]))
    zeros = g.full((shape[0], math.prod(sizes)), 0, x.dtype)
    at = g.reshape(places(g, i, zeros.shape[1]), shape)
    r = getattr(g, op)(zeros, at, g.reshape(x, shape), 1)
    return g.reshape(r, (*x.shape[:-rank], *sizes))


@lowering(planes.unpick_planes)
def _unpick_planes(g: Graph, x: Value, i: Value, *, sizes: Any) -> Value:
    return _into_planes("add_along", g, x, i, sizes)


@lowering(planes.max_back)
def _max_back(g: Graph, x: Value, like: Value, i: Value, *, rank: int) -> Value:
    return _into_planes("add_along", g, x, i, like.shape[-rank:])


@lowering(planes.unpool_planes)
def _unpool_planes(g: Graph, x: Value, i: Value, *, sizes: Any) -> Value:
    return _into_planes("put_along", g, x, i, sizes)
