"""Lowerings of the losses of classes. Imports ops.neural.classes."""

from typing import Any

import numpy as np

from ...ops.neural import classes as ops
from ..ir.graph import Graph, Value
from .indexing import places
from .parts import demand_all, picked, reduced, with_axis
from .registry import Unlowered, lowering
from .ufuncs import number

INSIDE = "a target is one of the classes, or equals ignore_index"


def _targets(g: Graph, target: Value, classes: int, ignore: int) -> tuple[Value, Value | None]:
    """Targets that can index, and which of them count (None: all, while the check holds)."""
    target = g.cast(target, np.int64)
    if not 0 <= ignore < classes and not _may_equal(target, ignore):
        return places(g, target, classes, INSIDE), None
    zero, end = number(g, 0, target), number(g, classes, target)
    counts = g.map("ne", target, number(g, ignore, target))
    inside = g.map("bitand", g.map("ge", target, zero), g.map("lt", target, end))
    demand_all(g, g.map("bitor", g.map("bitnot", counts), inside), INSIDE)
    return g.where(g.map("bitand", counts, inside), target, zero), counts


def _may_equal(target: Value, ignore: int) -> bool:
    """Whether targets that are ignored are to be expected: unknown, so they are."""
    return target.op != "constant" or bool((target.data == ignore).any())


def _weights(g: Graph, t: Value, counts: Value | None, weight: Any, dtype: Any) -> Value:
    """The weight of each target, 0 for those that do not count."""
    if weight is None:
        return g.full(t.shape, 1, dtype) if counts is None else g.cast(counts, dtype)
    w = g.cast(g.take(weight, t, 0), dtype)
    return w if counts is None else g.map("mul", w, g.cast(counts, dtype))


def _rows(g: Graph, x: Value, target: Value) -> tuple[Value, Value]:
    """A single row of classes as a matrix of one."""
    return g.reshape(x, (1, x.shape[0])), g.reshape(target, (1,))


@lowering(ops.nll, in_single=True, floats=True)
def _nll(g: Graph, x: Value, target: Value, weight: Any, *, reduction: str, ignore: int) -> Value:
    if x.ndim == 1:
        loss = _nll(g, *_rows(g, x, target), weight, reduction=reduction, ignore=ignore)
        return g.reshape(loss, target.shape) if reduction == "none" else loss
    if not x.size or weight is not None and weight.dtype != x.dtype:
        raise Unlowered
    t, counts = _targets(g, target, x.shape[1], ignore)
    found = picked(g, g.take_along(x, with_axis(g, t, 1), 1), 1, 0)
    w, zero = _weights(g, t, counts, weight, x.dtype), number(g, 0, x)
    if weight is not None:
        losses = g.map("mul", found, g.map("neg", w))
        losses = g.where(g.map("eq", w, zero), zero, losses)
    else:
        losses = g.map("neg", found)
        losses = losses if counts is None else g.where(counts, losses, zero)
    if reduction == "none":
        return losses
    total = reduced(g, "sum", losses, None)
    return total if reduction == "sum" else g.map("div", total, reduced(g, "sum", w, None))


@lowering(ops.nll_back, floats=True)
def _nll_back(
    g: Graph, x: Value, target: Value, weight: Any, *, shape: Any, reduction: str, ignore: int
) -> Value:
    if len(shape) == 1:
        kw = {"shape": (1, *shape), "reduction": reduction, "ignore": ignore}
        return g.reshape(_nll_back(g, x, g.reshape(target, (1,)), weight, **kw), shape)
    if not target.size or weight is not None and weight.dtype != x.dtype:
        raise Unlowered
    t, counts = _targets(g, target, shape[1], ignore)
    w = _weights(g, t, counts, weight, x.dtype)
    value = g.map("mul", g.map("neg", x), w)
    if reduction == "mean":
        value = g.map("div", value, reduced(g, "sum", w, None))
    if counts is not None:
        value = g.where(counts, value, number(g, 0, x))
    value = g.broadcast(value, t.shape)
    # a comparison of each class with the target, which melts into what follows
    classes = g.iota(shape, 1)
    is_target = g.map("eq", classes, with_axis(g, t, 1))
    return g.where(is_target, with_axis(g, value, 1), number(g, 0, x))


@lowering(ops.target_weights, floats=True)
def _target_weights(
    g: Graph, x: Value, target: Value, weight: Any, *, classes: int, ignore: int
) -> Value:
    if weight is not None and weight.dtype != x.dtype:
        raise Unlowered
    t, counts = _targets(g, target, classes, ignore)
    return _weights(g, t, counts, weight, x.dtype)


@lowering(ops.multi_margin, floats=True)
def _multi_margin(
    g: Graph, x: Value, target: Value, weight: Any, *, p: int, margin: Any, reduction: str
) -> Value:
    if not x.size or weight is not None and weight.dtype != x.dtype:
        raise Unlowered
    t = places(g, target, x.shape[1], INSIDE)
    column, zero = with_axis(g, t, 1), number(g, 0, x)
    own = g.take_along(x, column, 1)
    z = g.map("maximum", g.map("add", g.map("sub", number(g, margin, x), own), x), zero)
    z = g.where(g.map("eq", g.iota(x.shape, 1), column), zero, z)
    z = z if p == 1 else g.map("mul", z, z)
    if weight is not None:
        z = g.map("mul", z, with_axis(g, g.take(weight, t, 0), 1))
    values = g.map("div", reduced(g, "sum", z, 1), number(g, x.shape[1], x))
    if reduction == "none":
        return values
    total = reduced(g, "sum", values, None)
    return total if reduction == "sum" else g.map("div", total, number(g, values.size, x))
