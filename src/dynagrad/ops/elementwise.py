"""Elementwise primitives and their rules, one line each. Imports NumPy only."""

import numpy as np

from .rule import constant, elementwise, general, primitive, same

# --- arithmetic ---------------------------------------------------------------------------------------------------------

elementwise(np.add,      same,                 same)
elementwise(np.subtract, same,                 lambda g: -g)
elementwise(np.multiply, lambda g, y: g * y,   lambda g, x: g * x)
elementwise(np.divide,   lambda g, y: g / y,   lambda g, x, y: -g * ((x / y) / y))
elementwise(np.negative, lambda g: -g)
elementwise(np.exp,      lambda g, out: g * out)
elementwise(np.tanh,     lambda g, out: g * (1 - out * out))


@primitive
def power_scalar(x, *, exponent):
    """x ** exponent with a Python number as exponent."""
    if exponent == 2:
        return np.square(x)
    return np.power(x, x.dtype.type(exponent))


def _power_scalar_vjp(g, x, *, exponent):
    if exponent == 0:
        return g * 0
    return g * (exponent * power_scalar(x, exponent=exponent - 1))


elementwise(power_scalar, _power_scalar_vjp)


@primitive
def where(condition, x, y):
    """x where the condition holds, else y."""
    return np.where(condition, x, y)


general(where, None, lambda g, condition: where(condition, g, 0 * g), lambda g, condition: where(condition, 0 * g, g))
constant(np.equal)
