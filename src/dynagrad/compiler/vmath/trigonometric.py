"""sin and cos."""

from . import coefficients
from .value import (
    Value,
    fma,
    fast_two_sum,
    function,
    polynomial,
    rounded,
    two_product,
    two_sum,
    where,
    Emitter,
)

TWO_OVER_PI = 0.6366197723675814
HALF_PI = {
    "float": tuple(map(float.fromhex, ("0x1.921fb6p+0", "-0x1.777a5cp-25", "-0x1.ee59dap-50"))),
    "double": tuple(
        map(
            float.fromhex,
            ("0x1.921fb54442d18p+0", "0x1.1a62633145c07p-54", "-0x1.f1976b7ed8fbcp-110"),
        )
    ),
}
#: the first part again, as parts that are exact when multiplied by an integer below 2^16
SHORT = {
    "float": tuple(map(float.fromhex, ("0x1.92p+0", "0x1.fap-12", "0x1.6p-20"))),
    "double": tuple(map(float.fromhex, ("0x1.921fb5444p+0", "0x1.68cp-39"))),
}
LIMIT = 65536.0


def reduced(x: Value) -> tuple[Value, Value, Value]:
    """(n, h, l): x = n pi / 2 + h + l, |h| <= pi / 4, for |x| <= 2^16; n's low bits."""
    number, n = rounded(x, TWO_OVER_PI)
    first, second, third = HALF_PI[x.element]
    if x.e.has_fma:
        h = fma(number, -first, x)
    else:
        h = x
        for part in SHORT[x.element]:
            h = h - number * part
    product, error = two_product(number, second)
    total, rest = two_sum(h, -product)
    return n, *fast_two_sum(total, fma(number, -third, rest - error))


def sine(r: Value, low: Value, z: Value) -> Value:
    """sin(r + low), z = r^2."""
    return r + fma(polynomial(z, coefficients.SIN[r.element]), z * r, low)


def cosine(r: Value, low: Value, z: Value) -> Value:
    """cos(r + low), z = r^2."""
    half = z * 0.5
    high = 1.0 - half
    rest = (1.0 - high) - half
    return high + (fma(polynomial(z, coefficients.COS[r.element]), z * z, rest) - r * low)


def sin(x: Value) -> Value:
    """The sine."""
    n, r, low = reduced(x)
    z = r * r
    y = where((n & 1).equals(1), cosine(r, low, z), sine(r, low, z))
    sign = (n & 2) << (30 if x.element == "float" else 62)
    return where(x.equals(0.0), x, (y.bits ^ sign).float)


def cos(x: Value) -> Value:
    """The cosine."""
    n, r, low = reduced(x)
    z = r * r
    y = where((n & 1).equals(1), sine(r, low, z), cosine(r, low, z))
    sign = ((n + 1) & 2) << (30 if x.element == "float" else 62)
    return (y.bits ^ sign).float


FUNCTIONS = {f.__name__: function(f) for f in (sin, cos)}
