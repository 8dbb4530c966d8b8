"""Roots, remainders and rounding. Imports value."""

from .value import Value, fma, function, sqrt, where

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


def remainder(x: Value, y: Value) -> Value:
    """x - floor(x / y) y: fmod(x, y), plus y where its sign is not that of y."""
    rest = fmod(x, y)
    is_other = rest.compare("une", 0.0) & ((rest < 0.0) ^ (y < 0.0))
    return where(is_other, rest + y, rest)


FUNCTIONS = {
    f.__name__: function(f) for f in (rsqrt, floor, ceil, trunc, round, hypot, fmod, remainder)
} | {"sqrt": function(square_root)}
