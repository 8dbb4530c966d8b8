"""Roots, remainders and rounding. Imports value."""

from .value import Value, copysign, fma, function, sqrt, two_product, where

INFINITY = float("inf")


def square_root(x: Value) -> Value:
    """The square root."""
    return sqrt(x)


def rsqrt(x: Value) -> Value:
    """1 / sqrt(x)."""
    return 1.0 / sqrt(x)


def floor(x: Value) -> Value:
    """The largest integer that is not above x."""
    return x.call("floor")


def ceil(x: Value) -> Value:
    """The smallest integer that is not below x."""
    return x.call("ceil")


def trunc(x: Value) -> Value:
    """x without its fraction."""
    return x.call("trunc")


def round(x: Value) -> Value:  # noqa: A001 - the name of the operation
    """The nearest integer, the even one of two."""
    return x.call("roundeven")


def hypot(x: Value, y: Value) -> Value:
    """sqrt(x^2 + y^2) without overflow on the way: in double, or scaled by a power of two."""
    a, b = abs(x), abs(y)
    if x.element == "float":
        u, v = a.to("double", "fpext"), b.to("double", "fpext")
        result = sqrt(u * u + v * v).to("float", "fptrunc")
    else:
        larger = where(a > b, a, b)
        is_huge, is_tiny = larger > 2.0**500, larger < 2.0**-400
        factor = where(is_huge, x.constant(2.0**-600), where(is_tiny, x.constant(2.0**600), 1.0))
        inverse = where(is_huge, x.constant(2.0**600), where(is_tiny, x.constant(2.0**-600), 1.0))
        u, v = a * factor, b * factor
        result = sqrt(fma(u, u, v * v)) * inverse
    return where(a.equals(INFINITY) | b.equals(INFINITY), INFINITY, result)


def fmod(x: Value, y: Value) -> Value:
    """The exact remainder of x / y, rounded towards zero, with the sign of x. LLVM calls the C
    library for it, element by element.
    """
    return x.new(x.e.op("frem", x.kind, x.name, y.name))


def fmod_near(x: Value, y: Value) -> Value:
    """fmod for quotients that are not `beyond_quotient`: x - trunc(x / y) y without rounding. The
    quotient may have been rounded up to an integer: then y was subtracted once too often.
    """
    a, b = abs(x), abs(y)
    if x.element == "float":
        u, v = a.to("double", "fpext"), b.to("double", "fpext")
        rest = _reduced(u, v).to("float", "fptrunc")
    else:
        rest = _reduced(a, b)
    return copysign(where(b.equals(INFINITY), a, rest), x)


def _reduced(a: Value, b: Value) -> Value:
    product, error = two_product((a / b).call("trunc"), b)
    rest = (a - product) - error
    return where(rest < 0.0, rest + b, rest)


def beyond_quotient(x: Value, y: Value) -> Value:
    """Whether `fmod_near` and `remainder_near` do not serve for x and y."""
    a, b = abs(x), abs(y)
    if x.element == "float":
        return a > b * 2.0**28
    return (a > b * 2.0**51) | (a > 2.0**900) | (b < 2.0**-900)


def remainder(x: Value, y: Value) -> Value:
    """x - floor(x / y) y: fmod(x, y), plus y where its sign is not that of y."""
    return _with_sign_of(y, fmod(x, y))


def remainder_near(x: Value, y: Value) -> Value:
    """The remainder for quotients that are not `beyond_quotient`."""
    return _with_sign_of(y, fmod_near(x, y))


def _with_sign_of(y: Value, rest: Value) -> Value:
    is_other = rest.compare("une", 0.0) & ((rest < 0.0) ^ (y < 0.0))
    return where(is_other, rest + y, rest)


FUNCTIONS = {
    f.__name__: function(f) for f in (rsqrt, floor, ceil, trunc, round, hypot, fmod, remainder)
} | {"sqrt": function(square_root)}
NEAR = {"fmod": function(fmod_near), "remainder": function(remainder_near)}
BEYOND = {"fmod": function(beyond_quotient), "remainder": function(beyond_quotient)}
