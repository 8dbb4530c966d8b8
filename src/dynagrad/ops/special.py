"""The error function and its inverse, the gamma function's logarithm and derivatives. Imports
NumPy only.

Kernels compute in float64 whatever the input's precision is, and round once at the end; erf of
float32 reads a table.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from .compiled import LARGE, pointwise
from .rule import elementwise, primitive
from .transcendental import BLOCK, in_blocks


def polynomial(t, coefficients):
    """The polynomial with these coefficients, highest power first (Horner's scheme, in place)."""
    result = np.full_like(t, coefficients[0])
    for c in coefficients[1:]:
        result *= t
        result += c
    return result


def in_double(kernel, x):
    """`kernel` on x in float64, its result in x's dtype."""
    return kernel(np.atleast_1d(x).astype(np.float64)).reshape(x.shape).astype(x.dtype)


# --- the error function ---------------------------------------------------------------------------
# W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969):
# numerators and denominators, highest power first, for |x| < 0.46875, for |x| <= 4, and beyond.

_NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2)
    + (3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3)
    + (2.84423683343917062e3,),
)
_MIDDLE = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1)
    + (2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3)
    + (2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2)
    + (1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3)
    + (3.43936767414372164e3, 1.23033935480374942e3),
)
_FAR = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1)
    + (1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1)
    + (6.05183413124413191e-2, 2.33520497626869185e-3),
)
_NEAR_LIMIT = 0.46875


def rational(t, pair):
    """The quotient of two polynomials, numerator and denominator."""
    return polynomial(t, pair[0]) / polynomial(t, pair[1])


def erfcx_of_large(y):
    """e^(y^2) erfc(y) for y >= 0.46875."""
    result = np.empty_like(y)
    far = y > 4
    middle = y[~far]
    result[~far] = rational(middle, _MIDDLE)
    large = y[far]
    t = 1 / (large * large)
    result[far] = (1 / math.sqrt(math.pi) - t * rational(t, _FAR)) / large
    return result


def gaussian(y):
    """e^(-y^2), from y split into sixteenths, whose squares are exact."""
    sixteenths = np.trunc(y * 16) / 16
    result = np.exp(-sixteenths * sixteenths)
    result *= np.exp(-(y - sixteenths) * (y + sixteenths))
    return result


def _erfc_of_large(y):
    """erfc for y >= 0.46875."""
    y = np.minimum(y, 30.0)
    return erfcx_of_large(y) * gaussian(y)


def _erf64(x):
    y = np.abs(x)
    small = ~(y > _NEAR_LIMIT)
    result = np.empty_like(x)
    near = x[small]
    result[small] = near * rational(near * near, _NEAR)
    result[~small] = np.copysign(1 - _erfc_of_large(y[~small]), x[~small])
    return result


def erfc64(x):
    """erfc in float64."""
    y = np.abs(x)
    small = ~(y > _NEAR_LIMIT)
    result = np.empty_like(x)
    near = x[small]
    result[small] = 1 - near * rational(near * near, _NEAR)
    large = _erfc_of_large(y[~small])
    result[~small] = np.where(x[~small] < 0, 2 - large, large)
    return result


# In float32 a table of straight lines is exact to the rounding and takes eight passes, where a
# rational function takes twenty-four.


class Lines(NamedTuple):
    """A function from `low` to `high` as straight lines around the multiples of 1 / steps."""

    low: np.ndarray
    high: np.ndarray
    #: a number whose neighbours in float32 are 1 / steps away: x + shift is x rounded to the
    #: nearest multiple, counted by the lowest bits
    shift: np.ndarray
    first: np.ndarray
    #: intercepts as real parts and slopes as imaginary parts, so that one look-up finds both
    table: np.ndarray


def lines(fun, steps, limit, ends):
    """The table of a function, given in float64, on [-limit, limit]; it has the values
    `ends` beyond."""
    middle = np.arange(-limit * steps, limit * steps + 1) / steps
    low, high = fun(middle - 0.5 / steps), fun(middle + 0.5 / steps)
    slope = (high - low) * steps
    # half of the way from the chord to the curve: the error's sign changes, as in a minimax fit
    intercept = (fun(middle) + (low + high) / 2) / 2 - middle * slope
    table = np.empty(middle.size, np.complex64)
    table.real, table.imag = np.where(intercept == 0, -0.0, intercept), slope  # for -0.0 itself
    table[0], table[-1] = ends
    shift = np.array(1.5 * 2**23 / steps, np.float32)
    first = np.array(shift.view(np.int32) - limit * steps, np.int32)
    return Lines(np.array(-limit, np.float32), np.array(limit, np.float32), shift, first, table)


def read_off(x, out, held):
    """The tabulated function of a float32 array, written to `out`."""
    flat = x.ravel()
    if x.size > 4096 or not flat.dot(flat) < 1e6:  # else no place is so far that it overflows
        x = x.clip(held.low, held.high, out)
    places = np.add(x, held.shift).view(np.int32)
    np.subtract(places, held.first, places)
    # nan is rounded to a place beyond the table: the last line's slope of 0 keeps it nan
    found = held.table.take(places, None, None, "clip")
    np.multiply(x, found.imag, out)
    np.add(out, found.real, out)


#: up to this number of elements Python's own function of each costs half of what ten calls of
#: NumPy cost
FEW = 32


@cache
def _erf_lines():
    return lines(_erf64, 2048, 4, (-1, 1))


def _erf32_into(x, out):
    read_off(x, out, _erf_lines())


@primitive
def erf(x):
    """The error function, 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    if x.size <= FEW and x.flags.c_contiguous:
        return np.array(list(map(math.erf, x.ravel().tolist())), x.dtype).reshape(x.shape)
    if x.size >= LARGE:
        found = pointwise("erf", x)
        if found is not None:
            return found
    if x.dtype != np.float32:
        return in_double(_erf64, x)
    if x.size > BLOCK or not x.ndim or not x.flags.c_contiguous:
        return in_blocks(_erf32_into, x)
    result = np.empty(x.shape, x.dtype)
    read_off(x, result, _erf_lines())
    return result


@primitive
def erfc(x):
    """1 - erf(x), accurate where that is small."""
    if x.size >= LARGE:
        found = pointwise("erfc", x)
        if found is not None:
            return found
    return in_double(erfc64, x)


elementwise(erf, lambda g, x: g * (2 / math.sqrt(math.pi) * np.exp(-np.square(x))))
elementwise(erfc, lambda g, x: g * (-2 / math.sqrt(math.pi) * np.exp(-np.square(x))))


# M. Giles, "Approximating the erfinv function", GPU Computing Gems 2 (2010): the start for
# Newton's method.
_CENTRE = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087) + (
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_TAIL = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773) + (
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _erfinv64(x):
    w = -np.log((1 - x) * (1 + x))
    y = x * np.where(
        w < 5, polynomial(w - 2.5, _CENTRE), polynomial(np.sqrt(np.maximum(w, 5)) - 3, _TAIL)
    )
    tail = np.abs(x) > 0.5
    for _ in range(2):
        # the residual of the smaller of erf and erfc, so that no digits cancel
        residual = np.where(tail, np.sign(x) * ((1 - np.abs(x)) - erfc64(np.abs(y))), _erf64(y) - x)
        step = residual / (2 / math.sqrt(math.pi) * np.exp(-y * y))
        y = y - step / (1 + y * step)
    return np.where(np.abs(x) == 1, np.copysign(np.inf, x), np.where(np.abs(x) > 1, np.nan, y))


@primitive
def erfinv(x):
    """The inverse of erf on (-1, 1)."""
    return in_double(_erfinv64, x)


elementwise(erfinv, lambda g, out: g * (math.sqrt(math.pi) / 2 * np.exp(np.square(out))))


# --- the gamma function ---------------------------------------------------------------------------

_log_gamma = np.frompyfunc(math.lgamma, 1, 1)


#: the largest number whose log |Gamma| is finite
_LARGEST = 2.55634816387169e305


def _lgamma64(x):
    pole = ((x <= 0) & (x == np.floor(x))) | (x > _LARGEST)
    result = np.asarray(_log_gamma(np.where(pole, 1, x)), np.float64)
    return np.where(pole, np.inf, result)


@primitive
def lgamma(x):
    """log |Gamma(x)|."""
    return in_double(_lgamma64, x)


#: B(2k) / (2k) for k = 1, 2, ...: the asymptotic series of digamma, whose terms divide by x^(2k)
_DIGAMMA_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def _digamma64(x):
    low = x < 0.5
    y = np.where(low, 1 - x, x)
    total = np.zeros_like(y)
    for _ in range(10):  # psi(y) = psi(y + 1) - 1 / y, until the series is exact
        small = y < 10
        total -= np.where(small, 1 / y, 0)
        y = np.where(small, y + 1, y)
    t = 1 / (y * y)
    total += np.log(y) - 0.5 / y - t * polynomial(t, _DIGAMMA_SERIES[::-1])
    fraction = x - np.rint(x)
    reflected = total - np.pi / np.tan(np.pi * fraction)
    result = np.where(low, reflected, total)
    result = np.where((x < 0) & (fraction == 0), np.nan, result)
    return np.where(x == 0, np.copysign(np.inf, -x), result)


@primitive
def digamma(x):
    """The derivative of lgamma."""
    return in_double(_digamma64, x)


#: B(2k) / (2k)! for k = 1, 2, ...: the corrections of the Euler-Maclaurin formula
_EULER_MACLAURIN = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)


def _zeta_of_positive(s, q):
    """Hurwitz's zeta function for s > 1 and q > 0, by the Euler-Maclaurin formula."""
    total = np.zeros_like(q)
    for k in range(16):
        total += (q + k) ** -s
    a = q + 16
    total += a ** (1 - s) / (s - 1) + 0.5 * a**-s
    factor = s * a ** (-s - 1)
    for k, c in enumerate(_EULER_MACLAURIN):
        total += c * factor
        factor = factor * ((s + 2 * k + 1) / a) * ((s + 2 * k + 2) / a)
    return total


def hurwitz_zeta(s, q):
    """Hurwitz's zeta function, the sum of (q + k)^-s over k = 0, 1, ..., in float64.

    Below 0 the terms with q + k < 0 are a difference of two such sums, which has (q + k)^-s only
    for whole s. Infinite for s = 1 and for q = 0, -1, ..., nan for s < 1.
    """
    s, q = np.broadcast_arrays(np.asarray(s, np.float64), q)
    whole = np.floor(q)
    negative, pole = q < 0, (q <= 0) & (whole == q)
    fraction = np.where(negative & ~pole, q - whole, np.where(pole, 1, q))
    order = np.where((s > 1) & (s < np.inf), s, 2)
    result = _zeta_of_positive(order, fraction)
    if negative.any():
        mirrored = np.where(negative & ~pole, fraction, 0.5)
        above = _zeta_of_positive(order, 1 - mirrored)
        above -= _zeta_of_positive(order, np.where(negative, 1 - q, 1))
        sign = np.where(order % 2 == 0, 1, np.where(order % 2 == 1, -1, np.nan))
        result = np.where(negative, result + sign * above, result)
    result = np.where(s == np.inf, np.where(q < 1, np.inf, np.where(q == 1, 1, 0)), result)
    result = np.where(np.isnan(s) | np.isnan(q), np.nan, result)
    return np.where(s < 1, np.nan, np.where(pole | (s == 1), np.inf, result))


def _trigamma(x, sine):
    low = x < 0.5
    direct = _zeta_of_positive(2.0, np.where(low, 1 - x, x))
    return np.where(low, (np.pi / sine) ** 2 - direct, direct)


@primitive
def polygamma(x, *, n):
    """The n-th derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x)."""
    if n == 0:
        return in_double(_digamma64, x)
    if n == 1:
        # in x's precision, as in PyTorch: at the poles it decides how large "infinite" is
        angle = x * x.dtype.type(math.pi) if x.dtype.itemsize > 2 else x * np.float32(math.pi)
        sine = np.atleast_1d(np.sin(angle)).astype(np.float64)
        return in_double(lambda y: _trigamma(y, sine), x)
    return in_double(lambda y: (-1.0) ** (n + 1) * math.factorial(n) * hurwitz_zeta(n + 1.0, y), x)


elementwise(lgamma, lambda g, x: g * digamma(x))
elementwise(digamma, lambda g, x: g * polygamma(x, n=1))
elementwise(polygamma, lambda g, x, *, n: g * polygamma(x, n=n + 1))
