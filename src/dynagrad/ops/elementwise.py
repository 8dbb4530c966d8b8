"""Arithmetic: sums, products, powers, extrema, selection. Imports NumPy only.

Where a rule needs "the cotangent where a condition holds, else 0" it uses `keep` and `drop`: a
product with the mask would
turn an infinite cotangent into nan.
"""

import cmath
import math
import sys
from collections import defaultdict
from typing import Any

import numpy as np

from .layout import contiguous
from .rule import ALIGNED, constant, elementwise, primitive, same

# --- selection ------------------------------------------------------------------------------------


#: NumPy's functions below the question whether a class among the arguments takes the call over,
#: which costs 0.2 microseconds: `clip` is the ufunc of np.clip, which does a seventh of the work of
#: np.maximum for many elements and a number
_core: Any = sys.modules.get("numpy._core._multiarray_umath")
clip: Any = getattr(_core, "clip", np.ndarray.clip)
put_where: Any = getattr(_core, "putmask", np.putmask)
count_true: Any = getattr(_core, "count_nonzero", np.count_nonzero)
_where: Any = getattr(_core, "where", np.where)

#: from this number of elements on, another number of passes pays
LONG = 4096
_BITS = {
    np.dtype(name): np.dtype(f"i{np.dtype(name).itemsize}")
    for name in ("f2", "f4", "f8", "i2", "i4", "i8")
}


def select(condition, x, y):
    """np.where of arrays of one dtype. Many elements are selected by arithmetic on their bits,
    y ^ (x ^ y) * condition, which takes an eighth of the time where a processor cannot foresee the
    condition, and less where it can.
    """
    bits = _BITS.get(x.dtype)
    if condition.size < LONG or bits is None or y.dtype != x.dtype or condition.dtype != np.bool_:
        return _where(condition, x, y)
    if not (condition.flags.c_contiguous and x.flags.c_contiguous and y.flags.c_contiguous):
        return _where(condition, x, y)
    of_y = y.view(bits)
    result = np.multiply(np.bitwise_xor(x.view(bits), of_y), condition)
    return np.bitwise_xor(result, of_y, result).view(x.dtype)


def select_alike(condition, x, y):
    """`select` of arrays of one shape, x and y of one dtype; in the order of rows."""
    if condition.size >= LONG:
        return select(condition, x, y)
    result = y.copy()
    put_where(result, condition, x)
    return result


@primitive
def where(condition, x, y):
    """x where the condition holds, else y."""
    return select(condition, x, y)


@primitive
def keep(x, condition):
    """x where the condition holds, else 0."""
    return select(condition, x, x.dtype.type(0))


@primitive
def drop(x, condition):
    """0 where the condition holds, else x."""
    return select(condition, x.dtype.type(0), x)


elementwise(keep, lambda g, condition: keep(g, condition), None)
elementwise(drop, lambda g, condition: drop(g, condition), None)
elementwise(
    where,
    None,
    lambda g, condition: keep(g, condition),
    lambda g, condition: drop(g, condition),
)


@primitive
def nothing(x):
    """Zeros of x's kind: the cotangent of an input on which the result depends in steps only."""
    return np.zeros_like(x)


constant(nothing, batch=ALIGNED)


def is_half(x):
    """Whether an array has one of the 16-bit floating dtypes, float16 and bfloat16."""
    return x.dtype.itemsize == 2 and x.dtype.kind in "fV"


def widened(x):
    """x itself, or 16-bit floats as float32, which holds each of them exactly."""
    return x.astype(np.float32) if is_half(x) else x


def in_single(fun, *arrays, **metadata):
    """A primitive of several steps on 16-bit floats: computed in float32, rounded once."""
    wide = [None if a is None else widened(a) for a in arrays]
    return np.asarray(fun(*wide, **metadata), arrays[0].dtype)


def number_of(value, dtype):
    """A Python number as an array, which costs half of what the number does as an operand."""
    cache = _numbers32 if dtype is FLOAT32 else _numbers[dtype]
    found = cache.get(value) if value else None  # 0.0 equals -0.0
    if found is None:
        found = np.array(value, dtype)
        if len(cache) < 1024:
            cache[value] = found
    return found


FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")
_numbers: Any = defaultdict(dict)
_numbers32 = _numbers[FLOAT32]


def times(x, number):
    """x times a Python number, which an integer dtype wraps."""
    if x.dtype.kind in "iub":
        return x * np.array(number).astype(x.dtype)
    return x * number


def missing(name):
    """Raise PyTorch's error for an operation that has no derivative."""
    raise RuntimeError(
        f"derivative for aten::{name} is not implemented\nIt was asked for in a backward pass; "
        "compute this part under torch.no_grad() or on x.detach()."
    )


def underivable(name):
    """Raise PyTorch's error for an input (`function: input`) that has no derivative, where others
    have one.
    """
    raise NotImplementedError(
        f"the derivative for '{name}' is not implemented.\nGive this input as x.detach()."
    )


# --- sums, products, quotients --------------------------------------------------------------------

# fmt: off
elementwise(np.add,        same,                  same)
elementwise(np.subtract,   same,                  lambda g: -g)
elementwise(np.multiply,   lambda g, y: g * y,    lambda g, x: g * x)
elementwise(np.divide,     lambda g, y: g / y,    lambda g, x, y: -g * ((x / y) / y))
elementwise(np.negative,   lambda g: -g)
elementwise(np.square,     lambda g, x: g * (2 * x))
elementwise(np.reciprocal, lambda g, out: -g * (out * out))
elementwise(np.sqrt,       lambda g, out: g / (2 * out))
elementwise(np.conjugate,  lambda g: np.conjugate(g))
elementwise(np.hypot,      lambda g, x, out: g * (x / out),  lambda g, y, out: g * (y / out))
# fmt: on


@primitive
def add_scaled(x, y, *, alpha):
    """x + alpha * y."""
    if is_half(x):
        return in_single(add_scaled, x, y, alpha=alpha)
    return np.add(x, times(y, alpha))


@primitive
def number_minus(x, *, number):
    """A Python number minus x."""
    if is_half(x):
        return in_single(number_minus, x, number=number)
    return np.subtract(number, x)


@primitive
def minus_scaled(x, y, *, alpha):
    """y - alpha * x."""
    if is_half(x):
        return in_single(minus_scaled, x, y, alpha=alpha)
    return np.subtract(y, x if alpha == 1 else times(x, alpha))


@primitive
def rsqrt(x):
    """1 / sqrt(x)."""
    return in_single(rsqrt, x) if is_half(x) else np.reciprocal(np.sqrt(x))


elementwise(add_scaled, same, lambda g, *, alpha: g * alpha)
elementwise(number_minus, lambda g: -g)
elementwise(minus_scaled, lambda g, *, alpha: g * -alpha, same)
elementwise(rsqrt, lambda g, out: -0.5 * g * (out * out * out))


@primitive
def addcmul(x, y, z, *, value):
    """x + value * y * z."""
    if is_half(x):
        return in_single(addcmul, x, y, z, value=value)
    r = np.multiply(y, z, out=...)
    if value != 1:
        r = np.asarray(times(r, value))
    if r.dtype is x.dtype and r.shape == x.shape and r.strides == x.strides:
        return np.add(x, r, r)
    return x + r


@primitive
def addcdiv(x, y, z, *, value):
    """x + value * y / z."""
    if is_half(x):
        return in_single(addcdiv, x, y, z, value=value)
    return x + (y / z if value == 1 else value * (y / z))


elementwise(
    addcmul,
    same,
    lambda g, z, *, value: g * (z * value),
    lambda g, y, *, value: g * (y * value),
)
elementwise(
    addcdiv,
    same,
    lambda g, z, *, value: g * (value / z),
    lambda g, y, z, *, value: -g * (value * ((y / z) / z)),
)


@primitive
def lerp(x, y, weight):
    """x + weight * (y - x), computed from the nearer end."""
    if is_half(x):
        return in_single(lerp, x, y, weight)
    difference = y - x
    near = x + weight * difference
    return np.where(np.abs(weight) < 0.5, near, y - difference * (1 - weight))


@primitive
def lerp_number(x, y, *, weight):
    """x + weight * (y - x) for a Python number as weight, computed from the nearer end."""
    if is_half(x):
        return in_single(lerp_number, x, y, weight=weight)
    difference = np.subtract(y, x, out=...)
    if abs(weight) < 0.5:
        np.multiply(difference, number_of(weight, x.dtype), difference)
        return np.add(x, difference, difference)
    return y - difference * (1 - weight)


elementwise(
    lerp,
    lambda g, weight: g * (1 - weight),
    lambda g, weight: g * weight,
    lambda g, x, y: g * (y - x),
)
elementwise(lerp_number, lambda g, *, weight: g * (1 - weight), lambda g, *, weight: g * weight)


# --- powers ---------------------------------------------------------------------------------------

_QUICK_POWERS = {
    0.5: np.sqrt,
    1: np.positive,
    2: np.square,
    3: lambda x: x * x * x,
    -1: np.reciprocal,
    -2: lambda x: np.reciprocal(x * x),
}


@primitive
def power_scalar(x, *, exponent):
    """x ** exponent with a Python number as exponent."""
    if is_half(x):
        return in_single(power_scalar, x, exponent=exponent)
    quick = _QUICK_POWERS.get(exponent)
    if quick is not None and x.dtype.kind in "fc":
        return quick(x)
    return np.power(x, exponent) if x.dtype.kind in "fc" else _integer_power(x, exponent)


def _power_scalar_vjp(g, x, *, exponent):
    if exponent == 0:
        return nothing(g)
    if exponent == 2:
        return g * (x + x)
    return g * (exponent * power_scalar(x, exponent=exponent - 1))


elementwise(power_scalar, _power_scalar_vjp)


@primitive
def power(x, y):
    """x ** y; integers wrap, and a negative integer power is the reciprocal rounded to zero."""
    if is_half(x):
        return in_single(power, x, y)
    return np.power(x, y) if x.dtype.kind in "fc" else _integer_power(x, y)


@primitive
def power_of(x, *, base):
    """base ** x with a Python number as base."""
    if is_half(x):
        return in_single(power_of, x, base=base)
    x = contiguous(x)
    return np.power(base, x) if x.dtype.kind in "fc" else _integer_power(x.dtype.type(base), x)


def _integer_power(x, exponent):
    x, exponent = np.asarray(x), np.asarray(exponent, x.dtype)
    if x.dtype.kind == "b":
        return x | ~exponent
    result = np.power(x, np.maximum(exponent, 0))
    if x.dtype.kind == "u":
        return result
    inverse = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (exponent & 1), 0)).astype(x.dtype)
    return np.where(exponent < 0, inverse, result)


@primitive
def not_negative(x):
    """Whether this is a real number, 0 or above."""
    return (x.real >= 0) & (x.imag == 0)


constant(not_negative, batch=ALIGNED)
elementwise(
    power,
    lambda g, x, y: keep(g * (y * power(x, y - 1)), y != 0),
    lambda g, x, y, out: g * drop(out * np.log(x), (x == 0) & not_negative(y)),
)


def _power_of_vjp(g, x, out, *, base):
    if base == 0:
        return g * drop(out * -math.inf, x >= 0)
    if isinstance(base, complex):
        return g * (out * cmath.log(base))
    return g * (out * (math.log(base) if base > 0 else math.nan))


elementwise(power_of, _power_of_vjp, ordered=False)


# --- extrema --------------------------------------------------------------------------------------
# At a tie of maximum and minimum each side gets half; fmax and fmin give all to the first
# (PyTorch's choices).


def _half_at_ties(g, x, y):
    return where(np.equal(x, y), g / 2, g)


elementwise(
    np.maximum,
    lambda g, x, y: drop(_half_at_ties(g, x, y), np.less(x, y)),
    lambda g, x, y: drop(_half_at_ties(g, x, y), np.greater(x, y)),
)
elementwise(
    np.minimum,
    lambda g, x, y: drop(_half_at_ties(g, x, y), np.greater(x, y)),
    lambda g, x, y: drop(_half_at_ties(g, x, y), np.less(x, y)),
)
elementwise(
    np.fmax,
    lambda g, x, y: keep(g, np.greater_equal(x, y) | np.isnan(y)),
    lambda g, x, y: drop(g, np.greater_equal(x, y) | np.isnan(y)),
)
elementwise(
    np.fmin,
    lambda g, x, y: keep(g, np.less_equal(x, y) | np.isnan(y)),
    lambda g, x, y: drop(g, np.less_equal(x, y) | np.isnan(y)),
)


@primitive
def clamp_number(x, *, low, high):
    """x limited to [low, high], Python numbers, either of which may be None; nan stays."""
    dtype = x.dtype
    if dtype is FLOAT32 and low and high:
        least, most = _numbers32.get(low), _numbers32.get(high)  # number_of, without its calls
        if least is not None and most is not None:
            return clip(x, least, most)
    if dtype is FLOAT32 or dtype is FLOAT64:
        low = number_of(-math.inf if low is None else low, dtype)
        return clip(x, low, number_of(math.inf if high is None else high, dtype))
    if is_half(x):
        return in_single(clamp_number, x, low=low, high=high)
    if low is not None:
        x = np.maximum(x, low)
    return np.minimum(x, high) if high is not None else x


def _within(x, low, high):
    if low is None:
        return np.less_equal(x, high)
    if high is None:
        return np.greater_equal(x, low)
    return np.greater_equal(x, low) & np.less_equal(x, high)


elementwise(clamp_number, lambda g, x, *, low, high: keep(g, _within(x, low, high)))


@primitive
def clamp_low(x, low):
    """The larger of x and low; nan in x stays."""
    return np.maximum(x, low)


@primitive
def clamp_high(x, high):
    """The smaller of x and high; nan in x stays."""
    return np.minimum(x, high)


@primitive
def clamp(x, low, high):
    """x limited to [low, high]; high counts where low exceeds it."""
    return np.minimum(np.maximum(x, low), high)


elementwise(
    clamp_low,
    lambda g, x, low: keep(g, np.greater_equal(x, low)),
    lambda g, x, low: keep(g, np.less(x, low)),
)
elementwise(
    clamp_high,
    lambda g, x, high: keep(g, np.less_equal(x, high)),
    lambda g, x, high: keep(g, np.greater(x, high)),
)
elementwise(
    clamp,
    lambda g, x, low, high: keep(g, _within(x, low, high)),
    lambda g, x, low, high: keep(g, np.less(x, low) & np.less(low, high)),
    lambda g, x, low, high: keep(g, np.greater(x, high) | np.less(high, low)),
)


# --- integers and bits ----------------------------------------------------------------------------

for _fun in (
    np.gcd,
    np.lcm,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.invert,
):
    constant(_fun)


@primitive
def left_shift(x, y):
    """x * 2 ** y in the integer's bits; 0 where y is negative or as large as the number of bits."""
    return np.where((y < 0) | (y >= 8 * x.itemsize), x.dtype.type(0), np.left_shift(x, y))


@primitive
def right_shift(x, y):
    """floor(x / 2 ** y); a shift that is negative or too large moves all value bits out."""
    most = 8 * x.itemsize - (x.dtype.kind == "i")
    return np.right_shift(x, np.where((y < 0) | (y >= most), y.dtype.type(most), y))


constant(left_shift, batch=ALIGNED)
constant(right_shift, batch=ALIGNED)
