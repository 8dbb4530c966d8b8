"""Elementwise operations under PyTorch's names."""

import builtins

import numpy as np

from ..core.apply import apply, binary, node_class, not_a_tensor, overridable, promoted, unary, wrap
from ..core.tensor import Tensor
from ..core.views import inplace
from ..ops import elementwise as ops
from ..ops.rule import RULES

# --- arithmetic -----------------------------------------------------------------------------------------------------------


@binary(np.add, "AddBackward0", numbers=True)
def _add(input, other, *, out=None):
    """input + other, elementwise."""


@binary(np.subtract, "SubBackward0", numbers=True)
def _sub(input, other, *, out=None):
    """input - other, elementwise."""


def add(input, other, *, alpha=1, out=None):
    """input + alpha * other, elementwise. Shapes broadcast, dtypes promote."""
    if alpha != 1:
        other = mul(other, alpha) if isinstance(other, Tensor) else other * alpha
    return _add(input, other, out=out)


def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other, elementwise. Shapes broadcast, dtypes promote; bool tensors are refused."""
    if alpha != 1:
        other = mul(other, alpha) if isinstance(other, Tensor) else other * alpha
    return _sub(input, other, out=out)


@binary(np.multiply, "MulBackward0", numbers=True)
def mul(input, other, *, out=None):
    """input * other, elementwise. Shapes broadcast, dtypes promote."""


@binary(np.divide, "DivBackward0", floating=True, numbers=True)
def div(input, other, *, out=None):
    """input / other, elementwise; integers give the default floating dtype."""


@unary(np.negative, integers=True)
def neg(input, *, out=None):
    """-input, elementwise."""


@unary(np.tanh)
def tanh(input, *, out=None):
    """Hyperbolic tangent: (e^x - e^-x) / (e^x + e^-x), elementwise."""


@unary(np.exp)
def exp(input, *, out=None):
    """e^x, elementwise."""


PowScalar = node_class("PowBackward0", RULES[ops.power_scalar])
Where = node_class("WhereBackward0", RULES[ops.where])


@overridable
def where(condition, input, other):
    """input where the condition holds, else other, elementwise."""
    if not isinstance(condition, Tensor):
        raise not_a_tensor("where", 1, "condition", condition)
    x, y = promoted((input, other))
    return apply(Where, condition, x, y)


@overridable
def pow(input, exponent):
    """input ** exponent for a number as exponent."""
    return apply(PowScalar, input, exponent=exponent)


def add_(input, other, *, alpha=1):
    """input += alpha * other, in place."""
    return inplace(add, input, other, alpha=alpha, name="add_")


def mul_(input, other):
    """input *= other, in place."""
    return inplace(mul, input, other, name="mul_")
