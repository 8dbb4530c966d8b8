"""Exponentials, logarithms, trigonometric and hyperbolic functions. Imports NumPy only."""

import math

import numpy as np

from .compiled import LARGE, pointwise
from .elementwise import drop, in_single, is_half, keep
from .rule import elementwise, primitive

LN2, LN10 = math.log(2), math.log(10)
#: elements in one block of a kernel of several passes, so that a block stays in the cache
BLOCK = 1 << 16


def in_blocks(kernel, x):
    """`kernel(part, result)`, several passes over memory, run on parts of `x` that fit the cache;
    the results together."""
    if x.size <= BLOCK and x.ndim and x.flags.c_contiguous:
        result = np.empty(x.shape, x.dtype)
        kernel(x, result)
        return result
    if not x.flags.forc:
        x = np.array(x, order="C")
    result = np.empty_like(x)
    source, target = x.reshape(-1, order="A"), result.reshape(-1, order="A")
    for start in range(0, x.size, BLOCK):
        kernel(source[start : start + BLOCK], target[start : start + BLOCK])
    return result


# --- exponentials and logarithms ------------------------------------------------------------------

# fmt: off
elementwise(np.exp,     lambda g, out: g * out)
elementwise(np.exp2,    lambda g, out: g * (out * LN2))
elementwise(np.expm1,   lambda g, out: g * (out + 1))
elementwise(np.log,     lambda g, x: g / x)
elementwise(np.log2,    lambda g, x: g / (x * LN2))
elementwise(np.log10,   lambda g, x: g / (x * LN10))
elementwise(np.log1p,   lambda g, x: g / (x + 1))
# fmt: on


#: an array operand costs half of what a Python number does
ONES = {np.dtype(name): np.ones((), name) for name in ("float32", "float64")}


def _sigmoid_into(x, out):
    one = ONES[x.dtype]
    np.exp(np.negative(x, out), out)
    np.add(out, one, out)
    np.divide(one, out, out)  # a third of what np.reciprocal takes


@primitive
def sigmoid(x):
    """1 / (1 + e^-x); exactly 0 and 1 at the ends."""
    one = ONES.get(x.dtype)
    if one is None:
        if is_half(x):
            return in_single(sigmoid, x)
        return np.reciprocal(np.exp(np.negative(x)) + 1)
    if x.size >= 2 * LARGE:
        found = pointwise("sigmoid", x)
        if found is not None:
            return found
        if x.size > BLOCK:
            return in_blocks(_sigmoid_into, x)
    r = np.negative(x, out=...)
    np.add(np.exp(r, r), one, r)
    return np.divide(one, r, r)


elementwise(sigmoid, lambda g, out: g * (out * (1 - out)))


@primitive
def logit(x, *, eps):
    """log(x / (1 - x)); with eps, x is first limited to [eps, 1 - eps]."""
    if is_half(x):
        return in_single(logit, x, eps=eps)
    if eps is not None:
        x = np.minimum(np.maximum(x, eps), 1 - eps)
    return np.log(x / (1 - x))


def _logit_vjp(g, x, *, eps):
    low, high = (0, 1) if eps is None else (eps, 1 - eps)
    inside = np.greater_equal(x, low) & np.less_equal(x, high)
    slope = g / (x * (1 - x) + 0.0)  # so that -0.0 counts as 0.0
    # outside: 0 with eps, else 0 / 0
    return keep(slope, inside) if eps is not None else keep(slope, inside) / inside


elementwise(logit, _logit_vjp)
elementwise(np.logaddexp, lambda g, x, y: g * sigmoid(x - y), lambda g, x, y: g * sigmoid(y - x))
elementwise(
    np.logaddexp2,
    lambda g, x, y: g * sigmoid((x - y) * LN2),
    lambda g, x, y: g * sigmoid((y - x) * LN2),
)


@primitive
def xlogy(x, y):
    """x * log(y), and 0 where x is 0 (unless y is nan)."""
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log(y))


elementwise(
    xlogy,
    lambda g, x, y: drop(xlogy(g, y), np.equal(x, 0) & np.less_equal(y, 0)),
    lambda g, x, y: g * x / y,
)


@primitive
def ldexp(x, y, *, dtype):
    """x * 2 ** y; the power is computed in `dtype`, if that is not the operands'."""
    if dtype is None:
        return x * np.exp2(y)
    return x * np.exp2(y.astype(dtype)).astype(x.dtype)


elementwise(ldexp, lambda g, y: g * np.exp2(y), lambda g, out: g * (out * LN2))


# --- angles ---------------------------------------------------------------------------------------


@primitive
def arccosh_root(x):
    """sqrt(x^2 - 1); of complex numbers on the branch of arccosh."""
    return np.sqrt(x - 1) * np.sqrt(x + 1) if x.dtype.kind == "c" else np.sqrt(x * x - 1)


# fmt: off
elementwise(np.sin,     lambda g, x: g * np.cos(x))
elementwise(np.cos,     lambda g, x: g * -np.sin(x))
elementwise(np.tan,     lambda g, out: g * (1 + out * out))
elementwise(np.arcsin,  lambda g, x: g / np.sqrt(1 - x * x))
elementwise(np.arccos,  lambda g, x: -g / np.sqrt(1 - x * x))
elementwise(np.arctan,  lambda g, x: g / (x * x + 1))
elementwise(np.sinh,    lambda g, x: g * np.cosh(x))
elementwise(np.cosh,    lambda g, x: g * np.sinh(x))
elementwise(np.tanh,    lambda g, out: g * (1 - out * out))
elementwise(np.arcsinh, lambda g, x: g / np.sqrt(x * x + 1))
elementwise(np.arccosh, lambda g, x: g / arccosh_root(x))
elementwise(arccosh_root, lambda g, x, out: g * (x / out))
elementwise(np.arctanh, lambda g, x: g / (1 - x * x))
elementwise(np.deg2rad, lambda g: g * (math.pi / 180))
elementwise(np.rad2deg, lambda g: g * (180 / math.pi))
# fmt: on


def _of_square(g, x, y):
    """g / (x^2 + y^2), and g * 0 at the origin, where the angle has no direction."""
    square = x * x + y * y
    return g / (square + np.equal(square, 0)) * np.not_equal(square, 0)


elementwise(
    np.arctan2, lambda g, x, y: _of_square(g * y, x, y), lambda g, x, y: _of_square(g * -x, x, y)
)


@primitive
def sinc(x):
    """sin(pi x) / (pi x), and 1 at 0."""
    if is_half(x):
        return in_single(sinc, x)
    t = x * math.pi
    return np.where(t == 0, x.dtype.type(1), np.sin(t) / t)


def _sinc_vjp(g, x):
    t, square = x * math.pi, x * x * math.pi
    return drop(g * ((t * np.cos(t) - np.sin(t)) / square), np.equal(square, 0))


elementwise(sinc, _sinc_vjp)
