"""Elements at places that are known while a step is compiled: slices where that is possible.
Imports graph.
"""

from collections.abc import Iterator

import numpy as np

from ..ir.graph import Graph, Value
from .parts import placed, reduced, stepped

#: more runs than this are looked up
MOST = 8


def runs(places: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """(at, start, count, step): from `at` on, `count` places from `start` on by a constant step."""
    at, n = 0, len(places)
    while at < n:
        end, step = at + 1, 1
        if end < n:
            step = int(places[end] - places[at])
            while end < n and places[end] - places[end - 1] == step:
                end += 1
        yield at, int(places[at]), end - at, step
        at = end


def taken(g: Graph, x: Value, places: np.ndarray, axis: int) -> Value:
    """x.take(places, axis) for places within bounds."""
    found = list(runs(places))
    if not 0 < len(found) <= MOST:
        repeated = _repeated(g, x, places, axis)
        return (
            g.take(x, g.constant(places.astype(np.int64)), axis) if repeated is None else repeated
        )
    parts = [stepped(g, x, axis, start, count, step) for _, start, count, step in found]
    return parts[0] if len(parts) == 1 else g.concatenate(parts, axis)


def _repeated(g: Graph, x: Value, places: np.ndarray, axis: int) -> Value | None:
    """Each element of x the same number of times."""
    n = x.shape[axis]
    times = len(places) // n if n else 0
    if not times or not np.array_equal(places, np.arange(n).repeat(times)):
        return None
    lead, trail = x.shape[:axis], x.shape[axis + 1 :]
    wide = g.broadcast(g.reshape(x, (*lead, n, 1, *trail)), (*lead, n, times, *trail))
    return g.reshape(wide, (*lead, n * times, *trail))


def added(g: Graph, x: Value, places: np.ndarray, axis: int, n: int) -> Value:
    """The transpose of `taken`: zeros of size n along the axis with x added at the places."""
    found = list(runs(places))
    shape = (*x.shape[:axis], n, *x.shape[axis + 1 :])
    if len(found) > MOST:
        zeros = g.full(shape, 0, x.dtype)
        return g.add_at(zeros, g.constant(places.astype(np.int64)), x, axis)
    total = None
    for at, start, count, step in found:
        part = stepped(g, x, axis, at, count, 1)
        if step == 0:
            part, count, step = reduced(g, "sum", part, axis, True), 1, 1
        parts = [(0, m, 1) for m in shape]
        parts[axis] = (start, count, step)
        spread = placed(g, part, shape, parts)
        total = spread if total is None else g.map("add", total, spread)
    return g.full(shape, 0, x.dtype) if total is None else total
