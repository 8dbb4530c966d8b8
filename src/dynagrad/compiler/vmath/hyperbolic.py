"""tanh, sinh, cosh and their inverses. Imports value, coefficients, exponential."""

import math

from . import coefficients
from .exponential import EXP_RANGE, exp_minus_one, log1p, reduced
from .value import (
    Value,
    at_most,
    copysign,
    fma,
    function,
    polynomial,
    power_of_two,
    scaled,
    sqrt,
    where,
)

#: from there on sqrt(x^2 + 1) is x
LARGE = {"float": 2.0**30, "double": 2.0**60}
#: beyond it tanh is 1 or -1
TANH_RANGE = {"float": 10.0, "double": 20.0}


def odd(x: Value, table: dict[str, tuple[float, ...]]) -> Value:
    """x + x^3 P(x^2)."""
    z = x * x
    return fma(polynomial(z, table[x.element]) * z, x, x)


def tanh(x: Value) -> Value:
    """The hyperbolic tangent: an odd polynomial up to 0.625, 1 - 2 / (e^2|x| + 1) beyond."""
    a = abs(x)
    limited = at_most(a, TANH_RANGE[x.element])
    _, n, r = reduced(limited + limited)
    e = fma(exp_minus_one(r), power_of_two(n), power_of_two(n))
    large = 1.0 - 2.0 / (e + 1.0)
    return copysign(where(a >= 0.625, large, odd(x, coefficients.TANH)), x)


def half_exp(a: Value) -> tuple[Value, Value]:
    """e^a / 2 and e^-a / 2 for a >= 0; neither overflows before its sum or difference does."""
    _, n, r = reduced(at_most(a, EXP_RANGE[a.element][1] + 1.0))
    e = scaled(polynomial(r, (*coefficients.EXP[a.element], 1.0, 1.0)), n - 1)
    return e, 0.25 / e


def sinh(x: Value) -> Value:
    """The hyperbolic sine: an odd polynomial up to 1, (e^x - e^-x) / 2 beyond."""
    a = abs(x)
    rising, falling = half_exp(a)
    return where(a >= 1.0, copysign(rising - falling, x), odd(x, coefficients.SINH))


def cosh(x: Value) -> Value:
    """The hyperbolic cosine."""
    rising, falling = half_exp(abs(x))
    return rising + falling


def asinh(x: Value) -> Value:
    """The inverse of sinh: log1p(a + a^2 / (1 + sqrt(1 + a^2))), a = |x|."""
    a = abs(x)
    square = a * a
    near = a + square / (sqrt(square + 1.0) + 1.0)
    return copysign(_log1p_or_log_of_twice(a, near), x)


def acosh(x: Value) -> Value:
    """The inverse of cosh: log1p(t + sqrt(2 t + t^2)), t = x - 1; NaN below 1."""
    t = x - 1.0
    result = _log1p_or_log_of_twice(x, t + sqrt(fma(t, t, t + t)))
    return where(t < 0.0, math.nan, result)


def _log1p_or_log_of_twice(x: Value, near: Value) -> Value:
    """log1p(near), or log(2 x) for x so large that its square may overflow."""
    is_large = x > LARGE[x.element]
    return log1p(where(is_large, x, near)) + where(is_large, x.constant(math.log(2)), 0.0)


def atanh(x: Value) -> Value:
    """The inverse of tanh: log1p(2 a / (1 - a)) / 2, a = |x|."""
    a = abs(x)
    return copysign(log1p((a + a) / (1.0 - a)) * 0.5, x)


FUNCTIONS = {f.__name__: function(f) for f in (tanh, sinh, cosh, asinh, acosh, atanh)}
