"""Lowerings of greatest and least elements and their places. Imports ops.extremes."""

from typing import Any

import numpy as np

from ...ops import extremes as ops
from ..ir.graph import Graph, Value
from .parts import place_of, reduced
from .registry import lowering
from .terms import Term, formula


@formula(ops.tie_share, floats=True)
def _tie_share(
    x: Term, y: Term, *, axes: Any, keepdims: bool, nan_ties: bool = False, absolute: bool = False
) -> Any:
    g = x.graph
    if not keepdims and y.ndim:
        over = range(x.ndim) if axes is None else axes
        y = y.reshape([1 if i in over else n for i, n in enumerate(x.shape)])
    ties = (np.absolute(x) if absolute else x) == y  # pyright: ignore[reportCallIssue, reportArgumentType]
    if nan_ties:
        ties = ties | ((x != x) & (y != y))
    marks = ties.astype(x.dtype)
    return marks / Term(g, reduced(g, "sum", marks.value, axes, True))


def _extreme(op: str) -> Any:
    def lower(g: Graph, x: Value, *, axes: Any, keepdims: bool) -> Value:
        return reduced(g, op, x, axes, keepdims)

    return lower


lowering(ops.amax_over)(_extreme("max"))
lowering(ops.amin_over)(_extreme("min"))


@lowering(ops.aminmax_over)
def _aminmax_over(g: Graph, x: Value, *, axes: Any, keepdims: bool) -> tuple[Value, Value]:
    return reduced(g, "min", x, axes, keepdims), reduced(g, "max", x, axes, keepdims)


@lowering(ops.maximum_of)
def _maximum_of(g: Graph, x: Value) -> Value:
    return reduced(g, "max", x, None)


@lowering(ops.minimum_of)
def _minimum_of(g: Graph, x: Value) -> Value:
    return reduced(g, "min", x, None)


def _along(op: str) -> Any:
    def lower(g: Graph, x: Value, *, axis: int, keepdims: bool) -> tuple[Value, Value]:
        if not x.ndim:
            return x, g.constant(np.zeros((), np.int64))
        return reduced(g, op, x, axis, keepdims), reduced(g, f"arg{op}", x, axis, keepdims)

    return lower


lowering(ops.max_along)(_along("max"))
lowering(ops.min_along)(_along("min"))


def _place(op: str) -> Any:
    def lower(g: Graph, x: Value, *, axis: int | None, keepdims: bool) -> Value:
        return place_of(g, op, x, axis, keepdims)

    return lower


lowering(ops.argmax)(_place("argmax"))
lowering(ops.argmin)(_place("argmin"))
