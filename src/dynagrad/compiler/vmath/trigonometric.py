"""sin, cos, tan and their inverses. Imports value, coefficients, reduction."""

from collections.abc import Callable

from . import coefficients
from .reduction import HALF_PI, LIMIT, anywhere, near
from .value import (
    Value,
    copysign,
    fma,
    function,
    polynomial,
    sqrt,
    where,
)

INFINITY = float("inf")
Reduction = Callable[[Value], tuple[Value, Value, Value]]


def sine(r: Value, low: Value) -> Value:
    """sin(r + low) for |r| <= pi / 4."""
    z = r * r
    return r + fma(polynomial(z, coefficients.SIN[r.element]), z * r, low)


def cosine(r: Value, low: Value) -> Value:
    """cos(r + low) for |r| <= pi / 4."""
    z = r * r
    half = z * 0.5
    high = 1.0 - half
    rest = (1.0 - high) - half
    return high + (fma(polynomial(z, coefficients.COS[r.element]), z * z, rest) - r * low)


def negated_where(bit: Value, x: Value) -> Value:
    """-x where the second lowest bit of an integer is set."""
    return (x.bits ^ ((bit & 2) << (30 if x.element == "float" else 62))).float


def is_odd(n: Value) -> Value:
    """Whether an integer is odd."""
    return (n & 1).equals(1)


def sin(x: Value, reduced: Reduction = anywhere) -> Value:
    """The sine."""
    n, r, low = reduced(x)
    y = negated_where(n, where(is_odd(n), cosine(r, low), sine(r, low)))
    return where(x.equals(0.0), x, y)


def cos(x: Value, reduced: Reduction = anywhere) -> Value:
    """The cosine."""
    n, r, low = reduced(x)
    return negated_where(n + 1, where(is_odd(n), sine(r, low), cosine(r, low)))


def tan(x: Value, reduced: Reduction = anywhere) -> Value:
    """The tangent: sin / cos, or -cos / sin an odd number of quarters of a circle away."""
    n, r, low = reduced(x)
    s, c, odd = sine(r, low), cosine(r, low), is_odd(n)
    y = negated_where(n + n, where(odd, c, s) / where(odd, s, c))
    return where(x.equals(0.0), x, y)


def beyond_limit(x: Value) -> Value:
    """Whether x is out of the range of the functions in NEAR, not being NaN."""
    return abs(x) > LIMIT


# --- Inverses ------------------------------------------------------------------------------------


def asin_near(x: Value, z: Value) -> Value:
    """asin(x) - x for |x| <= 1/2, z = x^2."""
    return polynomial(z, coefficients.ASIN[x.element]) * z * x


def asin(x: Value) -> Value:
    """The inverse sine: beyond 1/2 it is pi / 2 - 2 asin(sqrt((1 - x) / 2))."""
    a = abs(x)
    is_large = a > 0.5
    z = where(is_large, fma(a, -0.5, 0.5), x * x)
    s = where(is_large, sqrt(z), a)
    tail = asin_near(s, z)
    high, low, _ = HALF_PI[x.element]
    far = high - (s + s + (tail + tail - low))
    return copysign(where(is_large, far, s + tail), x)


def acos(x: Value) -> Value:
    """The inverse cosine: pi / 2 - asin(x) up to 1/2, 2 asin(sqrt((1 - x) / 2)) beyond."""
    a = abs(x)
    is_large = a > 0.5
    z = where(is_large, fma(a, -0.5, 0.5), x * x)
    s = where(is_large, sqrt(z), x)
    tail = asin_near(s, z)
    high, low, _ = HALF_PI[x.element]
    twice = s + s + (tail + tail)
    far = where(x < 0.0, 2 * high - (twice - 2 * low), twice)
    return where(is_large, far, high - (s - (low - tail)))


def atan_of_quotient(above: Value, below: Value) -> tuple[Value, Value]:
    """atan(above / below) for 0 <= above <= below, as a head and a tail: beyond tan(pi / 8) as pi /
    4 and the angle of (above - below) / (above + below).
    """
    is_large = above > below * 0.41421356237309503
    numerator = where(is_large, above - below, above)
    t = numerator / where(is_large, above + below, below)
    z = t * t
    tail = polynomial(z, coefficients.ATAN[t.element]) * z * t
    high, low, _ = HALF_PI[t.element]
    base = where(is_large, t.constant(0.5 * high), 0.0)
    total = base + t
    rest = (base - total) + t
    return total, rest + where(is_large, tail + 0.5 * low, tail)


def atan(x: Value) -> Value:
    """The inverse tangent."""
    return atan2(x, x.constant(1.0))


def atan2(y: Value, x: Value) -> Value:
    """The angle of the point (x, y), from -pi to pi, with C's results for zeros and infinities."""
    a, b = abs(y), abs(x)
    is_steep = a > b
    above, below = where(is_steep, b, a), where(is_steep, a, b)
    # their sum must not be infinite; two infinities are as far as each other, two zeros give 0
    factor = where(below > 1e30, below.constant(0.25), 1.0)
    both = above.equals(INFINITY)
    above = where(both, 1.0, above * factor)
    below = where(both, 1.0, where(below.equals(0.0), 1.0, below * factor))
    angle, tail = atan_of_quotient(above, below)
    high, low, _ = HALF_PI[x.element]
    is_left = copysign(x.constant(1.0), x) < 0.0
    # pi / 2 - angle, pi - angle, pi / 2 + angle
    sign = where(is_steep ^ is_left, x.constant(-1.0), 1.0)
    base = where(is_steep, x.constant(high), where(is_left, x.constant(2 * high), 0.0))
    rest = where(is_steep, x.constant(low), where(is_left, x.constant(2 * low), 0.0))
    result = fma(angle, sign, base) + fma(tail, sign, rest)
    result = where(y.is_nan() | x.is_nan(), x + y, result)
    return copysign(result, y)


def sin_near(x: Value) -> Value:
    """The sine for |x| <= 2^16."""
    return sin(x, near)


def cos_near(x: Value) -> Value:
    """The cosine for |x| <= 2^16."""
    return cos(x, near)


def tan_near(x: Value) -> Value:
    """The tangent for |x| <= 2^16."""
    return tan(x, near)


FUNCTIONS = {f.__name__: function(f) for f in (sin, cos, tan, asin, acos, atan, atan2)}
NEAR = {"sin": function(sin_near), "cos": function(cos_near), "tan": function(tan_near)}
BEYOND = {name: function(beyond_limit) for name in NEAR}
