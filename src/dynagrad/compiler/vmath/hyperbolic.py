"""tanh, sinh, cosh and their inverses. Imports value, coefficients, exponential."""

from . import coefficients
from .exponential import (
    INFINITY,
    LN2,
    clamped,
    exp_minus_one,
    log1p,
    log_near,
    reduced,
)
from .value import (
    BIAS,
    MANTISSA,
    Value,
    at_most,
    copysign,
    fast_two_sum,
    fma,
    function,
    polynomial,
    power_of_two,
    scaled,
    sqrt,
    where,
)

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
    return where(a >= 0.625, copysign(large, x), odd(x, coefficients.TANH))


FUNCTIONS = {f.__name__: function(f) for f in (tanh,)}
