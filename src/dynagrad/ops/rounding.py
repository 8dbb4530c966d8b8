"""Rounding, signs, remainders, and the replacement of what is not finite. Imports NumPy only."""

import numpy as np

from .complex import conj
from .elementwise import drop, in_single, is_half, missing, nothing
from .rule import ALIGNED, elementwise, general, primitive, same

# --- rounding -------------------------------------------------------------------------------------

for _fun in (np.floor, np.ceil, np.trunc):
    elementwise(_fun, lambda g: nothing(g))


@primitive
def round_even(x):
    """The nearest integer, the even one of two."""
    return np.rint(x) if x.dtype.kind in "fV" else np.array(x)


@primitive
def round_decimals(x, *, decimals):
    """Rounded to a number of decimals; negative numbers round before the point."""
    if is_half(x):
        return in_single(round_decimals, x, decimals=decimals)
    scale = 10.0 ** abs(decimals)
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


@primitive
def frac(x):
    """What is after the point, with x's sign."""
    return x - np.trunc(x)


elementwise(round_even, lambda g: nothing(g))
elementwise(round_decimals, lambda g: nothing(g))
elementwise(frac, same)


# --- signs ----------------------------------------------------------------------------------------


@primitive
def sign(x):
    """-1, 0 or 1; 0 for nan."""
    if x.dtype.kind not in "fV":
        return np.array(x) if x.dtype.kind == "b" else np.sign(x)
    return np.where(np.isnan(x), x.dtype.type(0), np.sign(x))


@primitive
def sgn(x):
    """x / |x|, and 0 at 0: sign for real numbers."""
    if x.dtype.kind != "c":
        return sign(x)
    size = np.absolute(x)
    size = np.where(size == 0, size.dtype.type(1), size)
    result = np.empty_like(x)
    result.real, result.imag = x.real / size, x.imag / size
    return result


def _across(t, s, size):
    """(t - s Re(conj(s) t)) / size, and 0 where that is 0: for s = x / |x| the derivative of s."""
    inner = t * conj(s)
    along = (inner + conj(inner)) / 2
    return drop((t - along * s) / (size + np.equal(size, 0)), np.equal(size, 0))


def _sgn_vjp(g, x, x_meta):
    if x_meta.dtype.kind != "c":
        return nothing(g)
    return _across(g, conj(sgn(x)), np.absolute(x))


def _sgn_jvp(t, x, x_meta):
    if x_meta.dtype.kind != "c":
        return nothing(t)
    return _across(t, sgn(x), np.absolute(x))


elementwise(sign, lambda g: nothing(g))
general(sgn, _sgn_vjp, jvp=_sgn_jvp, batch=ALIGNED, ordered=True)
elementwise(np.absolute, lambda g, x: g * conj(sgn(x)))


@primitive
def copysign(x, y):
    """|x| with the sign of y."""
    return np.copysign(x, y)


def _copysign_vjp(g, x, out):
    """out / x, which is 1 or -1; 0 at 0, and nan for infinities, as in PyTorch."""
    return g * drop(out / x, np.equal(x, 0))


elementwise(copysign, _copysign_vjp, lambda g: nothing(g))


@primitive
def copysign_number(x, *, number):
    """|x| with the sign of a Python number."""
    return np.copysign(x, x.dtype.type(number))


elementwise(copysign_number, _copysign_vjp)


# --- quotients without remainder, and remainders --------------------------------------------------


@primitive
def divide_rounding(x, y, *, mode):
    """x / y rounded: mode 'floor' down, mode 'trunc' towards zero."""
    if x.dtype.kind in "iub":
        _check_zero(x, y)
        if mode == "floor":
            return np.floor_divide(x, y)
        remainder = np.fmod(x, y)
        return np.floor_divide(x - remainder, y)
    return np.trunc(np.divide(x, y)) if mode == "trunc" else _floor_floats(x, y)


def _check_zero(x, y):
    if y.dtype.kind in "iub" and x.size and not np.all(y):
        raise RuntimeError(
            "ZeroDivisionError\nAn integer tensor was divided by 0; convert to float, or mask the "
            "zeros first"
        )


def _floor_floats(x, y):
    """Python's floor division, but x / 0 is infinite as in a plain division."""
    return np.where(y == 0, np.divide(x, y), np.floor_divide(x, y))


elementwise(divide_rounding, lambda g: nothing(g), lambda g: nothing(g))


@primitive
def floor_divide(x, y):
    """floor(x / y)."""
    return divide_rounding(x, y, mode="floor")


elementwise(floor_divide, lambda g: missing("floor_divide"), lambda g: missing("floor_divide"))


@primitive
def remainder(x, y):
    """x - floor(x / y) * y: the sign is y's."""
    _check_zero(x, y)
    return np.remainder(x, y)


@primitive
def fmod(x, y):
    """x - trunc(x / y) * y: the sign is x's."""
    _check_zero(x, y)
    return np.fmod(x, y)


elementwise(remainder, same, lambda g, x, y: -g * divide_rounding(x, y, mode="floor"))
elementwise(fmod, same, lambda g, x, y: -g * divide_rounding(x, y, mode="trunc"))


@primitive
def remainder_number(x, *, number):
    """The remainder of a division by a Python number, with the number's sign."""
    return remainder(x, x.dtype.type(number))


@primitive
def fmod_number(x, *, number):
    """The remainder of a division by a Python number, with x's sign."""
    return fmod(x, x.dtype.type(number))


@primitive
def remainder_of_number(x, y):
    """The remainder of a Python number (x) divided by y; PyTorch gives it no derivative."""
    return remainder(x, y)


elementwise(remainder_of_number, lambda g: missing("remainder"), lambda g: missing("remainder"))
elementwise(remainder_number, same)
elementwise(fmod_number, same)


# --- what is not finite, and steps ----------------------------------------------------------------

LARGEST_BFLOAT16 = (2 - 2**-7) * 2.0**127


@primitive
def nan_to_num(x, *, nan, posinf, neginf):
    """x with its nan and infinities replaced; None for an infinity: the dtype's limit."""
    if x.dtype.kind != "V":
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    r = x.copy()  # bfloat16, which NumPy takes for no floating dtype and would leave as it is
    r[np.isnan(x)] = nan
    r[x == np.inf] = LARGEST_BFLOAT16 if posinf is None else posinf
    r[x == -np.inf] = -LARGEST_BFLOAT16 if neginf is None else neginf
    return r


elementwise(nan_to_num, lambda g, x: g * np.isfinite(x))


@primitive
def heaviside(x, y):
    """0 below zero, y at zero, 1 above; 0 for nan."""
    return np.where(x == 0, y, (x > 0).astype(x.dtype))


elementwise(heaviside, lambda g: missing("heaviside"), lambda g: missing("heaviside"))
elementwise(np.nextafter, same, lambda g: nothing(g))
