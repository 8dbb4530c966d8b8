"""Lowerings of activation functions. Imports ops.neural.activation."""

import math
from typing import Any

import numpy as np

from ...ops.neural import activation as ops
from ..ir.graph import Graph, Value
from .parts import narrowed
from .registry import SINGLE, lowering
from .terms import Term, formula, own_formula
from .ufuncs import mapped, number

own_formula(ops.hardsigmoid, ops.hardswish, ops.hardshrink, ops.prelu, ops.rrelu, floats=True)
own_formula(ops.threshold, floats=True)
own_formula(ops.softshrink, in_single=True, floats=True)
own_formula(ops.hardtanh, in_single=True, floats=True, numbers=("low", "high"))
own_formula(ops.elu, in_single=True, floats=True, numbers=("alpha", "scale"))

_SQRT_HALF = math.sqrt(0.5)
_ROOT, _CUBIC = math.sqrt(2 / math.pi), 0.044715
_DENSITY = 1 / math.sqrt(2 * math.pi)


@lowering(ops.relu, moves=True)
def _relu(g: Graph, x: Value) -> Value:
    if x.dtype == bool:
        return NotImplemented
    return mapped(g, np.maximum, x, number(g, 0, x))


@lowering(ops.gate, moves=True)
def _gate(g: Graph, x: Value, y: Value) -> Value:
    return g.where(mapped(g, np.not_equal, y, number(g, 0, y)), x, number(g, 0, x))


@formula(ops.leaky_relu, in_single=True, floats=True, numbers=("slope",))
def _leaky_relu(x: Term, *, slope: Any) -> Any:
    if type(slope) is not Term and 0 < slope <= 1:
        return np.maximum(x, x * slope)
    return np.where(x > 0, x, x * slope)


@formula(ops.softplus, in_single=True, floats=True)
def _softplus(x: Term, *, beta: Any, threshold: Any) -> Any:
    g = x.graph
    if beta == 1 and (threshold == 20 or threshold >= 17 and x.dtype == SINGLE):
        return Term(g, g.map("softplus", x.value))  # above 17 the sum is x in float32
    t = x * beta
    smooth = np.maximum(t, 0) + np.log1p(np.exp(-np.absolute(t)))
    return np.where(t > threshold, x, smooth / beta)


@formula(ops.log_sigmoid, floats=True)
def _log_sigmoid(x: Any) -> Any:
    return np.minimum(x, 0) - np.log1p(np.exp(-np.absolute(x)))


@formula(ops.mish, floats=True)
def _mish(x: Any) -> Any:
    g = x.graph
    return x * np.tanh(Term(g, g.map("softplus", x.value)))  # pyright: ignore[reportCallIssue, reportArgumentType]


@formula(ops.silu, floats=True)
def _silu(x: Term) -> Any:
    return x / (np.exp(-x) + 1)


@formula(ops.glu, floats=True)
def _glu(x: Term, *, axis: int) -> Any:
    g, n = x.graph, x.shape[axis] // 2
    a, b = (Term(g, narrowed(g, x.value, axis, start, n)) for start in (0, n))
    return a / (1 + np.exp(-b))


# --- gelu -----------------------------------------------------------------------------------------
# The kernels take polynomials for float32, as near to the truth as erf is.


def _cdf(x: Term) -> Any:
    """The normal distribution function."""
    g = x.graph
    return (Term(g, g.map("erf", (x * _SQRT_HALF).value)) + 1) * 0.5


@formula(ops.normal_cdf, floats=True)
def _normal_cdf(x: Term) -> Any:
    return _cdf(x)


@formula(ops.gelu, in_single=True, floats=True)
def _gelu(x: Term) -> Any:
    return x * _cdf(x)


@formula(ops.gelu_slope, floats=True)
def _gelu_slope(x: Term) -> Any:
    return _cdf(x) + x * (np.exp(x * x * -0.5) * _DENSITY)


@formula(ops.gelu_tanh, in_single=True, floats=True)
def _gelu_tanh(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(_ROOT * (x + _CUBIC * (x * x * x))))
