"""x to the power of y. Imports value, coefficients, exponential.

The error of y log x is magnified by its size, up to 745 in double: so log x carries 11 bits more
than a double, as a head and a tail. In float everything is computed in double, which has 29.
"""

from . import coefficients
from .exponential import (
    EXP_RANGE,
    INFINITY,
    INVERSE_LN2,
    LN2,
    NAN,
    clamped,
    decomposed,
    reduced,
)
from .value import (
    BIAS,
    Value,
    fast_two_sum,
    fma,
    function,
    polynomial,
    power_of_two,
    rounded,
    scaled,
    two_product,
    where,
)

TWO_THIRDS = 2 / 3
#: 2 / 3 less the double nearest to it
TWO_THIRDS_TAIL = float.fromhex("0x1.5555555555555p-55")


def log_of_double(x: Value) -> tuple[Value, Value]:
    """log x as a head and a tail, for finite x > 0 in double: to about 2^-68 of it.

    With s = f / (2 + f): log(1 + f) = 2 s + s^3 (2 / 3) + s^5 P(s^2), the first two terms in pairs.
    """
    n, f = decomposed(x)
    below, below_tail = fast_two_sum(2.0, f)
    inverse = 1.0 / below
    s = f * inverse
    product, error = two_product(s, below)
    s_tail = (((f - product) - error) - s * below_tail) * inverse
    z, z_tail = two_product(s, s)
    z_tail = fma(s + s, s_tail, z_tail)
    cube, cube_tail = two_product(s, z)
    cube_tail = cube_tail + fma(s, z_tail, s_tail * z)
    second, second_tail = two_product(cube, TWO_THIRDS)
    second_tail = second_tail + fma(cube, TWO_THIRDS_TAIL, cube_tail * TWO_THIRDS)
    rest = cube * z * polynomial(z, coefficients.ATANH_TAIL["double"])
    high, low = fast_two_sum(s + s, second)
    low = low + (s_tail + s_tail + (second_tail + rest))
    high, tail = fast_two_sum(n * LN2["double"][0], high)
    return fast_two_sum(high, fma(n, LN2["double"][1], low + tail))


def magnitude_of_double(a: Value, y: Value) -> Value:
    """a^y for a >= 0 in double, by the exponential of y log a in two parts."""
    log, tail = log_of_double(a)
    log = log_or_limit(a, log)
    product, error = two_product(y, log)
    error = fma(y, tail, error)
    error = where(abs(product) < 1e3, error, 0.0)
    _, n, r = reduced(clamped(product, EXP_RANGE["double"]))
    return scaled(polynomial(r + error, (*coefficients.EXP["double"], 1.0, 1.0)), n)


def magnitude_of_float(a: Value, y: Value) -> Value:
    """a^y for a >= 0 in float: in double, with polynomials that are good for float."""
    a, y = a.to("double", "fpext"), y.to("double", "fpext")
    n, f = decomposed(a)
    s = f / (f + 2.0)
    z = s * s
    log = fma(n, 1 / INVERSE_LN2, fma(s * z, polynomial(z, coefficients.ATANH["float"]), s + s))
    limited = clamped(y * log_or_limit(a, log), EXP_RANGE["float"])
    n, bits = rounded(limited, INVERSE_LN2, 2 * BIAS["double"])
    r = fma(n, -1 / INVERSE_LN2, limited)
    result = polynomial(r, (*coefficients.EXPM1["float"], 1.0, 1.0)) * power_of_two(bits)
    return result.to("float", "fptrunc")


def log_or_limit(a: Value, log: Value) -> Value:
    """The logarithm of a >= 0 with its values at 0, infinity and NaN."""
    return where(a.equals(0.0), -INFINITY, where(a < INFINITY, log, a))


def pow(x: Value, y: Value) -> Value:  # noqa: A001 - the name of the operation
    """x^y, with C's results for zeros, infinities, NaN and negative x."""
    a = abs(x)
    result = (magnitude_of_float if x.element == "float" else magnitude_of_double)(a, y)
    is_even_or_fraction = (y * 0.5).call("trunc").equals(y * 0.5)
    is_integer = y.call("trunc").equals(y)
    is_odd = is_integer & ~is_even_or_fraction
    result = where(is_odd, result.call("copysign", x), result)
    result = where((x < 0.0) & ~is_integer & (a < INFINITY), NAN, result)
    is_one = x.equals(1.0) | (a.equals(1.0) & abs(y).equals(INFINITY))
    return where(is_one | y.equals(0.0), 1.0, result)


FUNCTIONS = {"pow": function(pow)}
