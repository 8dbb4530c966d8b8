"""x to the power of y. Imports value, coefficients, exponential, emit.

The error of y log x is magnified by its size, up to 104 in float and 745 in double: so log x is
carried as a head and a tail, with about 14 bits more than one value has.
"""

from ..codegen.emit import Emitter
from . import coefficients
from .exponential import (
    EXP_RANGE,
    INFINITY,
    INVERSE_LN2,
    LN2,
    NAN,
    clamped,
    decomposed,
)
from .value import (
    BIAS,
    Value,
    fast_two_sum,
    fma,
    function,
    polynomial,
    rounded,
    scaled,
    two_product,
    where,
)

#: exponents from there on are left to `pow`: their products with a logarithm may overflow
LARGEST_USUAL = 2.0**40
#: 2 / 3 as a head and a tail
TWO_THIRDS = {
    "float": (float.fromhex("0x1.555556p-1"), float.fromhex("-0x1.555556p-26")),
    "double": (2 / 3, float.fromhex("0x1.5555555555555p-55")),
}


def log_pair(x: Value) -> tuple[Value, Value]:
    """log x as a head and a tail, for finite x > 0.

    With s = f / (2 + f): log(1 + f) = 2 s + s^3 (2 / 3) + s^5 P(s^2), the first two terms in pairs.
    """
    n, f = decomposed(x)
    two_thirds = TWO_THIRDS[x.element]
    below, below_tail = fast_two_sum(2.0, f)
    inverse = 1.0 / below
    s = f * inverse
    product, error = two_product(s, below)
    s_tail = (((f - product) - error) - s * below_tail) * inverse
    z, z_tail = two_product(s, s)
    z_tail = fma(s + s, s_tail, z_tail)
    cube, cube_tail = two_product(s, z)
    cube_tail = cube_tail + fma(s, z_tail, s_tail * z)
    second, second_tail = two_product(cube, two_thirds[0])
    second_tail = second_tail + fma(cube, two_thirds[1], cube_tail * two_thirds[0])
    rest = cube * z * polynomial(z, coefficients.ATANH_TAIL[x.element])
    high, low = fast_two_sum(s + s, second)
    low = low + (s_tail + s_tail + (second_tail + rest))
    high, tail = fast_two_sum(n * LN2[x.element][0], high)
    return fast_two_sum(high, fma(n, LN2[x.element][1], low + tail))


def magnitude(a: Value, y: Value) -> Value:
    """a^y for a >= 0, by the exponential of y log a in two parts."""
    log, tail = log_pair(a)
    log = log_or_limit(a, log)
    product, error = two_product(y, log)
    error = fma(y, tail, error)
    return exponential(product, where(abs(product) < 1e3, error, 0.0))


def exponential(x: Value, tail: Value) -> Value:
    """e^(x + tail). What sums lose is carried to the last one, so that the error is little more
    than that of one rounding, and numbers like 9 = 3^2 are exact.
    """
    high, low = LN2[x.element]
    x = clamped(x, EXP_RANGE[x.element])
    number, n = rounded(x, INVERSE_LN2, 2 * BIAS[x.element])
    first = fma(number, -high, x)
    r = fma(number, -low, first)
    r, lost = fast_two_sum(r, fma(number, -low, first - r) + tail)
    one, rest = fast_two_sum(1.0, r)
    square = r * r
    return scaled(one + (rest + fma(_even_odd(r, square), square, lost)), n)


def _even_odd(x: Value, square: Value) -> Value:
    """The polynomial of e^x in two halves, which need not wait for each other."""
    terms = coefficients.EXP[x.element]
    odd, even = terms[len(terms) % 2 :: 2], terms[1 - len(terms) % 2 :: 2]
    return fma(polynomial(square, odd), x, polynomial(square, even))


def usual_base(e: Emitter, x: str, kind: str) -> tuple[str, str, str]:
    """What `usual` needs of a base: the head and the tail of its logarithm, and whether it will do
    (it is finite and above 0).
    """
    base = Value(e, kind, x)
    log, tail = log_pair(base)
    return log.name, tail.name, ((base > 0.0) & (base < INFINITY)).name


def usual(e: Emitter, log: str, tail: str, y: str, kind: str) -> tuple[str, str]:
    """x^y by what `usual_base` says of x, and whether y will do (it is not huge)."""
    exponent = Value(e, kind, y)
    product, error = two_product(exponent, Value(e, kind, log))
    error = fma(exponent, Value(e, kind, tail), error)
    return exponential(product, error).name, (abs(exponent) < LARGEST_USUAL).name


def log_or_limit(a: Value, log: Value) -> Value:
    """The logarithm of a >= 0 with its values at 0, infinity and NaN."""
    return where(a.equals(0.0), -INFINITY, where(a < INFINITY, log, a))


def pow(x: Value, y: Value) -> Value:  # noqa: A001 - the name of the operation
    """x^y, with C's results for zeros, infinities, NaN and negative x."""
    a = abs(x)
    result = magnitude(a, y)
    is_even_or_fraction = (y * 0.5).call("trunc").equals(y * 0.5)
    is_integer = y.call("trunc").equals(y)
    is_odd = is_integer & ~is_even_or_fraction
    result = where(is_odd, result.call("copysign", x), result)
    result = where((x < 0.0) & ~is_integer & (a < INFINITY), NAN, result)
    is_one = x.equals(1.0) | (a.equals(1.0) & abs(y).equals(INFINITY))
    return where(is_one | y.equals(0.0), 1.0, result)


FUNCTIONS = {"pow": function(pow)}
