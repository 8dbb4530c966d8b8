"""The error function and what is made of it."""

from . import coefficients
from .exponential import exp_minus_one, reduced
from .value import Value, at_most, copysign, fma, function, polynomial, power_of_two, where

#: beyond it erf is 1 or -1
ERF_RANGE = {"float": 4.0, "double": 6.0}


def erf(x: Value) -> Value:
    """The error function: an odd polynomial up to 1, 1 - exp(log erfc|x|) beyond."""
    a = at_most(abs(x), ERF_RANGE[x.element])
    _, n, r = reduced(polynomial(a, coefficients.LOG_ERFC[x.element]))
    power = power_of_two(n)
    large = (1.0 - power) - exp_minus_one(r) * power
    small = fma(polynomial(x * x, coefficients.ERF[x.element]), x, x)
    return where(a >= 1.0, copysign(large, x), small)


FUNCTIONS = {f.__name__: function(f) for f in (erf,)}
