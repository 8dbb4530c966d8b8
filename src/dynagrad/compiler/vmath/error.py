"""erf and what is made of it: erfc, gelu. Imports value, coefficients, exponential."""

from . import coefficients
from .exponential import INFINITY, NAN, exp_minus_one, logistic, reduced
from .value import (
    Value,
    at_least,
    at_most,
    copysign,
    fma,
    function,
    polynomial,
    power_of_two,
    scaled,
    two_product,
    where,
)

#: beyond it erf is 1 or -1
ERF_RANGE = {"float": 4.0, "double": 6.0}
#: beyond it erfc is 0, and gelu of minus it
ERFC_RANGE = {"float": 10.5, "double": 27.5}
GELU_RANGE = {"float": 15.0, "double": 39.0}
#: the polynomial for erfc is one in (x - c) / (x + c)
ERFC_CENTRE = {"float": 2.25, "double": 3.75}
SQRT_HALF = 0.7071067811865476


def erf(x: Value) -> Value:
    """The error function: an odd polynomial up to 1, 1 - exp(log erfc|x|) beyond."""
    a = at_most(abs(x), ERF_RANGE[x.element])
    _, n, r = reduced(polynomial(a, coefficients.LOG_ERFC[x.element]))
    power = power_of_two(n)
    large = (1.0 - power) - exp_minus_one(r) * power
    return where(a >= 1.0, copysign(large, x), erf_near(x))


def erf_near(x: Value) -> Value:
    """erf for |x| <= 1."""
    return fma(polynomial(x * x, coefficients.ERF[x.element]), x, x)


def erfc_far(a: Value, square: Value, rest: Value) -> tuple[Value, Value]:
    """erfc(a) for a >= 1/2 as a factor and an exponent for `scaled`; a^2 = square + rest."""
    centre = ERFC_CENTRE[a.element]
    t = (a - centre) / (a + centre)
    _, n, r = reduced(-square)
    factor = polynomial(t, coefficients.ERFC[a.element]) / (a + a + 1.0)
    return factor * polynomial(r - rest, (*coefficients.EXP[a.element], 1.0, 1.0)), n


def erfc(x: Value) -> Value:
    """1 - erf(x), small for large x: e^-x^2 times a polynomial."""
    a = at_most(abs(x), ERFC_RANGE[x.element])
    far = scaled(*erfc_far(a, *two_product(a, a)))
    far = where(x < 0.0, 2.0 - far, far)
    return where(a < 0.5, 1.0 - erf_near(x), far)


def gelu(x: Value) -> Value:
    """x times the normal distribution function, which is erfc(-x / sqrt 2) / 2."""
    limited = at_least(x, -GELU_RANGE[x.element])
    a = at_most(abs(limited), GELU_RANGE[x.element])
    half = a * 0.5
    factor, n = erfc_far(a * SQRT_HALF, *two_product(half, a))
    tail = scaled(factor * half, n)
    far = where(x > 0.0, x - tail, -tail)
    z = limited * SQRT_HALF
    near = limited * fma(erf_near(z), 0.5, 0.5)
    result = where(abs(z) < 0.5, near, far)
    return where(x.equals(-INFINITY), NAN, result)


def gelu_tanh(x: Value) -> Value:
    """x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), that is x / (1 + e^-2u)."""
    factor = fma(x * x, 2 * 0.7978845608028654 * 0.044715, 2 * 0.7978845608028654)
    result = logistic(x * factor, at_least(x, -GELU_RANGE[x.element]))
    return where(x.equals(-INFINITY), NAN, result)


FUNCTIONS = {f.__name__: function(f) for f in (erf, erfc, gelu, gelu_tanh)}
