"""exp and logarithms and what is made of them: expm1, log1p, sigmoid, softplus.

Every function reduces its argument to x = n ln 2 + r, or to x = 2^n (1 + f), and adds a short
polynomial; ln 2 is split in two so that n times its first part is exact. Imports value,
coefficients.
"""

from . import coefficients
from .value import (
    BIAS,
    MANTISSA,
    ROUNDER,
    Operand,
    Value,
    at_least,
    at_most,
    copysign,
    fast_two_sum,
    fma,
    function,
    polynomial,
    rounded,
    scaled,
    where,
)

INVERSE_LN2 = 1.4426950408889634
#: ln 2, 1 / ln 2 and so on as a head and a tail; heads that n is multiplied by are short
LN2 = {
    "float": (float.fromhex("0x1.62ep-1"), float.fromhex("0x1.0bfbe8p-15")),
    "double": (float.fromhex("0x1.62e42fefa3p-1"), float.fromhex("0x1.3de6af278ece6p-42")),
}
LOG2_E = {
    "float": (float.fromhex("0x1.715476p+0"), float.fromhex("0x1.4ae0cp-26")),
    "double": (float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.777d0ffda0d24p-56")),
}
LOG10_E = {
    "float": (float.fromhex("0x1.bcb7b2p-2"), float.fromhex("-0x1.5b235ep-27")),
    "double": (float.fromhex("0x1.bcb7b1526e50ep-2"), float.fromhex("0x1.95355baaafad3p-57")),
}
LOG10_2 = {
    "float": (float.fromhex("0x1.344p-2"), float.fromhex("0x1.3509f8p-18")),
    "double": (float.fromhex("0x1.34413509f7p-2"), float.fromhex("0x1.3fde623e2566bp-43")),
}
#: arguments of exp and exp2 below which the result is 0, and above which it is infinite
EXP_RANGE = {"float": (-104.5, 89.0), "double": (-746.0, 710.0)}
EXP2_RANGE = {"float": (-151.0, 128.5), "double": (-1077.0, 1024.5)}
#: below it expm1 is -1
EXPM1_LOW = {"float": -18.0, "double": -38.0}
SMALLEST_NORMAL = {"float": 2.0**-126, "double": 2.0**-1022}
#: the bits of sqrt(1/2): arguments of logarithms are reduced to one factor of 2 from there
SQRT_HALF = {"float": 0x3F3504F3, "double": 0x3FE6A09E667F3BCD}
#: where 1 / (1 + e^-x), also times x, is neither 0 nor 1
SIGMOID_RANGE = {"float": (-115.0, 60.0), "double": (-760.0, 60.0)}
#: exponents that are split in two, and the part that is split off
SIGMOID_FAR = {"float": (100.0, 64.0), "double": (900.0, 512.0)}
INFINITY, NAN = float("inf"), float("nan")


def clamped(x: Value, limits: tuple[float, float]) -> Value:
    """x within limits, or NaN."""
    return at_least(at_most(x, limits[1]), limits[0])


def reduced(x: Value) -> tuple[Value, Value, Value]:
    """n, the exponent for `scaled`, and r with x = n ln 2 + r, |r| <= ln(2) / 2."""
    n, bits = rounded(x, INVERSE_LN2, 2 * BIAS[x.element])
    high, low = LN2[x.element]
    return n, bits, fma(n, -low, fma(n, -high, x))


def exp_minus_one(r: Value) -> Value:
    """e^r - 1 for |r| <= ln(2) / 2, exact as far as e^r needs it."""
    return fma(polynomial(r, coefficients.EXP[r.element]), r * r, r)


def exp(x: Value) -> Value:
    """e^x."""
    _, n, r = reduced(clamped(x, EXP_RANGE[x.element]))
    return scaled(polynomial(r, (*coefficients.EXP[r.element], 1.0, 1.0)), n)


def exp2(x: Value) -> Value:
    """2^x."""
    x = clamped(x, EXP2_RANGE[x.element])
    n, bits = rounded(x, 1.0, 2 * BIAS[x.element])
    r = x - n
    return scaled(fma(polynomial(r, coefficients.EXP2[x.element]), r, 1.0), bits)


def expm1(x: Value) -> Value:
    """e^x - 1, small where x is. As 2^n * (expm1(r) + (1 - 2^-n)), where the last is exact."""
    limits = EXPM1_LOW[x.element], EXP_RANGE[x.element][1]
    _, n, r = reduced(clamped(x, limits))
    bias, shift = BIAS[x.element], MANTISSA[x.element]
    # 2^-n is too small to count, and not representable, for the largest n
    inverse = ((3 * bias - n) << shift).float
    rest = 1.0 - where(x > limits[1] - 2, 0.0, inverse)
    sum_ = fma(polynomial(r, coefficients.EXPM1[x.element]), r * r, r + rest)
    return copysign(scaled(sum_, n), x)


# --- Logarithms ----------------------------------------------------------------------------------


def decomposed(x: Value) -> tuple[Value, Value]:
    """n and f with x = 2^n (1 + f), 1 + f from sqrt(1/2) to sqrt(2), for x > 0."""
    bias, shift, rounder = BIAS[x.element], MANTISSA[x.element], ROUNDER[x.element]
    is_tiny = x < SMALLEST_NORMAL[x.element]
    bits = where(is_tiny, x * 2.0**shift, x).bits
    biased, mantissa = exponent(bits, x.element)
    # an integer below the mantissa of `rounder` is a float by its bits: not all CPUs convert i64
    number = (biased + x.constant(rounder).bits).float
    offset = where(is_tiny, x.constant(rounder + bias + shift), rounder + bias)
    return number - offset, mantissa - 1.0


def exponent(bits: Value, kind: str) -> tuple[Value, Value]:
    """The exponent with its bias, and the mantissa from sqrt(1/2) to sqrt(2), of a normal number by
    its bits.
    """
    one = BIAS[kind] << MANTISSA[kind]
    biased = (bits + (one - SQRT_HALF[kind])) >> MANTISSA[kind]
    return biased, (bits - (biased << MANTISSA[kind]) + one).float


def log_tail(f: Value, half_square: Value) -> Value:
    """log(1 + f) - f + f^2 / 2."""
    if f.element == "float":
        return polynomial(f, coefficients.LOG["float"]) * (f * f * f)
    s = f / (f + 2.0)
    z = s * s
    return s * fma(z, polynomial(z, coefficients.ATANH["double"]), half_square)


def log_near(n: Value, f: Value) -> Value:
    """n ln 2 + log(1 + f)."""
    high, low = LN2[f.element]
    half_square = f * 0.5 * f
    tail = fma(n, low, log_tail(f, half_square))
    return fma(n, high, f - (half_square - tail))


def guarded(x: Value, result: Value) -> Value:
    """A logarithm's result with those for 0, negative numbers, infinity and NaN set right."""
    is_usual = (x > 0.0) & (x < INFINITY)
    special = where(x.compare("olt", 0.0), x.constant(NAN), x)
    special = where(x.equals(0.0), -INFINITY, special)
    return where(is_usual, result, special)


def log(x: Value) -> Value:
    """The natural logarithm."""
    return guarded(x, log_near(*decomposed(x)))


def log2(x: Value) -> Value:
    """The logarithm to base 2."""
    n, f = decomposed(x)
    return guarded(x, n + _in_base(f, LOG2_E[x.element], 0.0))


def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    n, f = decomposed(x)
    high, low = LOG10_2[x.element]
    return guarded(x, fma(n, high, _in_base(f, LOG10_E[x.element], n * low)))


def _in_base(f: Value, of_e: tuple[float, float], addend: Operand) -> Value:
    """log(1 + f) times the logarithm of e, a head and a tail, plus something small."""
    half_square = f * 0.5 * f
    tail = log_tail(f, half_square) - half_square
    return fma(f, of_e[0], fma(tail, of_e[0], fma(f, of_e[1], addend)))


def log1p(x: Value) -> Value:
    """log(1 + x), small where x is. 1 + x only chooses n; f is x / 2^n + (1 / 2^n - 1)."""
    sum_ = x + 1.0
    biased, mantissa = exponent(sum_.bits, x.element)
    n = (biased + x.constant(ROUNDER[x.element]).bits).float - (
        ROUNDER[x.element] + BIAS[x.element]
    )
    inverse = (((2 * BIAS[x.element]) - biased) << MANTISSA[x.element]).float
    # beyond, adding 1 changes nothing and 1 / 2^n may be denormal
    is_large = x > 2.0 ** (MANTISSA[x.element] + 2)
    f = where(is_large, mantissa - 1.0, fma(x, inverse, inverse - 1.0))
    result = where(x.equals(0.0), x, log_near(n, f))
    is_usual = (x > -1.0) & (x < INFINITY)
    special = where(x < -1.0, x.constant(NAN), x)
    special = where(x.equals(-1.0), -INFINITY, special)
    return where(is_usual, result, special)


def log1p_of_unit(x: Value) -> Value:
    """log(1 + x) for x from 0 to 1."""
    is_half = x > 0.41421356
    f = where(is_half, fma(x, 0.5, -0.5), x)
    n = where(is_half, x.constant(1.0), 0.0)
    return log_near(n, f)


# --- What is made of them ------------------------------------------------------------------------


def logistic(x: Value, factor: Value | None = None) -> Value:
    """1 / (1 + e^-x), times a factor that is bounded where the result is near 0.

    With e^-x = (1 + q) 2^n: 1 / (1 + (1 + q) 2^n), or 2^-n / (1 + q + 2^-n) for n > 0. The error of
    the denominator's last sum is kept, and the quotient is corrected by it.
    """
    n, _, r = reduced(-clamped(x, SIGMOID_RANGE[x.element]))
    steps, is_large = abs(n), n > 0.0
    # where 2^-n is too small for a normal number it does not count in the sum, and is split
    limit, part = SIGMOID_FAR[x.element]
    is_far = steps > limit
    steps = where(is_far, steps - part, steps)
    power = (((ROUNDER[x.element] + BIAS[x.element]) - steps).bits << MANTISSA[x.element]).float
    addend = fma(exp_minus_one(r), where(is_large, x.constant(1.0), power), power)
    total, rest = fast_two_sum(1.0, addend)
    quotient = 1.0 / total
    result = fma(-quotient * quotient, rest, quotient)
    result = result if factor is None else result * factor
    result = where(is_large, result * power, result)
    return where(is_far, result * 2.0**-part, result)


def sigmoid(x: Value) -> Value:
    """1 / (1 + e^-x)."""
    return logistic(x)


def silu(x: Value) -> Value:
    """x / (1 + e^-x), NaN at minus infinity."""
    result = logistic(x, at_least(x, SIGMOID_RANGE[x.element][0]))
    return where(x.equals(-INFINITY), NAN, result)


def softplus(x: Value) -> Value:
    """log(1 + e^x) as max(x, 0) + log1p(e^-|x|); x itself beyond 20, as PyTorch has it."""
    result = at_least(x, 0.0) + log1p_of_unit(exp(-abs(x)))
    # in float the sum is x from 17 on
    return result if x.element == "float" else where(x > 20.0, x, result)


def logsigmoid(x: Value) -> Value:
    """log(1 / (1 + e^-x)) as min(x, 0) - log1p(e^-|x|)."""
    return at_most(x, 0.0) - log1p_of_unit(exp(-abs(x)))


FUNCTIONS = {
    f.__name__: function(f)
    for f in (exp, exp2, expm1, log, log2, log10, log1p, sigmoid, softplus, logsigmoid, silu)
}
