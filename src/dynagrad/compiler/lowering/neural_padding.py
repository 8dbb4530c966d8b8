"""Lowerings of padding. Imports ops.neural.padding."""

from typing import Any

from ...ops.neural import padding as ops
from ..graph import Graph, Value
from .parts import narrowed
from .registry import constant_of, lowering


@lowering(ops.pad_constant, moves=True, numbers=("value",))
def _pad_constant(g: Graph, x: Value, *, widths: Any, value: Any) -> Value:
    for axis, (before, after) in enumerate(widths):
        first = max(-before, 0)
        left = x.shape[axis] - first - max(-after, 0)
        if left < 0:
            return NotImplemented
        x = narrowed(g, x, axis, first if left else 0, left)
    sides = [[max(w[k], 0) for w in widths] for k in (0, 1)]
    if not any(sides[0]) and not any(sides[1]):
        return x
    return g.pad(x, *sides, constant_of(g, value, x.dtype))
