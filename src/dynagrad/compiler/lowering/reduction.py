"""Lowerings of sums, means, products, variances and log-sum-exps. Imports ops.reduction."""

import math
from typing import Any

import numpy as np

from ...ops import reduction as ops
from ..ir.graph import Graph, Value
from .parts import count, reduced
from .registry import SINGLE, Unlowered, lowering
from .terms import Term, formula
from .ufuncs import mapped, number, truth


@formula(ops.is_number)
def _is_number(x: Any) -> Any:
    return (x == x).astype(x.dtype)


@formula(ops.divide_or_zero)
def _divide_or_zero(x: Any, y: Any) -> Any:
    zero = y == 0
    return np.where(zero, x.dtype.type(0), x / np.where(zero, y.dtype.type(1), y))


# --- adding up ------------------------------------------------------------------------------------


@lowering(ops.spread, moves=True)
def spread_over(g: Graph, x: Value, *, shape: Any, axes: Any, keepdims: bool) -> Value:
    """A reduction's result repeated over its input's shape."""
    if not keepdims and x.ndim:
        kept = axes_of_shape(shape, axes)
        x = g.reshape(x, [1 if i in kept else n for i, n in enumerate(shape)])
    return g.broadcast(x, shape)


def axes_of_shape(shape: Any, axes: Any) -> Any:
    """The reduced dimensions of a shape."""
    return range(len(shape)) if axes is None else [a % len(shape) for a in axes]


@lowering(ops.sum_over, moves=True)
def sum_over(g: Graph, x: Value, *, axes: Any, keepdims: bool) -> Value:
    """The sum over dimensions; of float16 in float32."""
    if x.dtype == np.float16:
        return g.cast(reduced(g, "sum", g.cast(x, SINGLE), axes, keepdims), x.dtype)
    return reduced(g, "sum", x, axes, keepdims)


@lowering(ops.sum_as, moves=True)
def _sum_as(g: Graph, x: Value, *, axes: Any, keepdims: bool, dtype: Any) -> Value:
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise Unlowered
    return sum_over(g, g.cast(x, dtype), axes=axes, keepdims=keepdims)


@lowering(ops.total)
def _total(g: Graph, x: Value) -> Value:
    return reduced(g, "sum", x, None)


@lowering(ops.mean_over, moves=True)
def mean_over(g: Graph, x: Value, *, axes: Any, keepdims: bool) -> Value:
    """The sum over dimensions divided by the number of terms."""
    n = count(x, axes)
    if x.dtype == np.float16:
        wide = reduced(g, "sum", g.cast(x, SINGLE), axes, keepdims)
        return g.cast(g.map("div", wide, number(g, n, wide)), x.dtype)
    return mapped(g, np.divide, reduced(g, "sum", x, axes, keepdims), n)


@lowering(ops.mean_as, moves=True)
def _mean_as(g: Graph, x: Value, *, axes: Any, keepdims: bool, dtype: Any) -> Value:
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise Unlowered
    return mean_over(g, g.cast(x, dtype), axes=axes, keepdims=keepdims)


@lowering(ops.average)
def _average(g: Graph, x: Value) -> Value:
    return mean_over(g, x, axes=None, keepdims=False)


@formula(ops.nansum_over)
def _nansum_over(x: Term, *, axes: Any, keepdims: bool) -> Any:
    kept = np.where(np.isnan(x), x.dtype.type(0), x)
    return ops.sum_over(kept, axes=axes, keepdims=keepdims)


@lowering(ops.product)
def _product(g: Graph, x: Value, *, axis: Any, keepdims: bool) -> Value:
    return reduced(g, "prod", x, None if x.ndim == 0 else axis, keepdims)


@lowering(ops.any_over)
def _any_over(g: Graph, x: Value, *, axes: Any, keepdims: bool) -> Value:
    return reduced(g, "any", truth(g, x), axes, keepdims)


@lowering(ops.all_over)
def _all_over(g: Graph, x: Value, *, axes: Any, keepdims: bool) -> Value:
    return reduced(g, "all", truth(g, x), axes, keepdims)


@lowering(ops.count_nonzero)
def _count_nonzero(g: Graph, x: Value, *, axes: Any) -> Value:
    return reduced(g, "sum", g.cast(truth(g, x), np.int64), axes)


# --- variances ------------------------------------------------------------------------------------


def _moments(g: Graph, x: Value, axes: Any, keepdims: bool, correction: Any) -> tuple[Value, Value]:
    """Variance and mean by two passes."""
    n = count(x, axes)
    if not x.size or type(correction) is Value or x.dtype.kind != "f":
        raise Unlowered
    mean = mean_over(g, x, axes=axes, keepdims=True)
    d = g.map("sub", x, mean)
    total = reduced(g, "sum", g.map("mul", d, d), axes, keepdims)
    var = g.map("div", total, number(g, max(0, n - correction), x))
    return var, g.reshape(mean, var.shape)


def _known(g: Graph, mean: Value) -> Value:
    return g.where(g.map("isinf", mean), number(g, math.nan, mean), mean)


@lowering(ops.var_over)
def _var_over(g: Graph, x: Value, *, axes: Any, keepdims: bool, correction: Any) -> Value:
    return _moments(g, x, axes, keepdims, correction)[0]


@lowering(ops.std_over)
def _std_over(g: Graph, x: Value, *, axes: Any, keepdims: bool, correction: Any) -> Value:
    return g.map("sqrt", _moments(g, x, axes, keepdims, correction)[0])


@lowering(ops.var_mean_over)
def _var_mean(g: Graph, x: Value, *, axes: Any, keepdims: bool, correction: Any) -> Any:
    var, mean = _moments(g, x, axes, keepdims, correction)
    return var, _known(g, mean)


@lowering(ops.std_mean_over)
def _std_mean(g: Graph, x: Value, *, axes: Any, keepdims: bool, correction: Any) -> Any:
    var, mean = _moments(g, x, axes, keepdims, correction)
    return g.map("sqrt", var), _known(g, mean)


# --- log-sum-exp ----------------------------------------------------------------------------------


@lowering(ops.logsumexp_over)
def _logsumexp_over(g: Graph, x: Value, *, axes: Any, keepdims: bool) -> Value:
    if x.dtype.kind != "f" or not x.size:
        raise Unlowered
    top = reduced(g, "max", x, axes, True)
    top = g.where(g.map("isfinite", top), top, number(g, 0, x))
    terms = reduced(g, "sum", g.map("exp", g.map("sub", x, top)), axes, keepdims)
    return g.map("add", g.map("log", terms), g.reshape(top, terms.shape))
