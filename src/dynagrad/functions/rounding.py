"""Rounding, signs, remainders and the replacement of what is not finite, under PyTorch's names."""

import builtins

import numpy as np

from ..core.apply import apply, unary
from ..core.complaints import not_a_tensor, refuse
from ..core.dtype import COMPLEX, FLOATING, category
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import rounding as ops
from .arguments import no_kernel
from .elementwise import in_place, of_operands, of_tensors, plain, with_common
from .nodes import node

__all__ = [
    "abs",
    "abs_",
    "absolute",
    "ceil",
    "ceil_",
    "copysign",
    "fix",
    "fix_",
    "floor",
    "floor_",
    "fmod",
    "frac",
    "frac_",
    "heaviside",
    "nan_to_num",
    "nan_to_num_",
    "nextafter",
    "remainder",
    "round",
    "round_",
    "sgn",
    "sign",
    "trunc",
    "trunc_",
]

# --- rounding -------------------------------------------------------------------------------------


@unary(np.floor, integers=True)
def floor(input, *, out=None):
    """The largest integer that is not above x, elementwise."""


@unary(np.ceil, integers=True)
def ceil(input, *, out=None):
    """The smallest integer that is not below x, elementwise."""


@unary(np.trunc, integers=True)
def trunc(input, *, out=None):
    """x without what is after the point, elementwise."""


fix = trunc


@unary(ops.round_even, "RoundBackward0", integers=True)
def _round(input, *, out=None):
    """The nearest integer, the even one of two, elementwise."""


RoundDecimals = node("RoundBackward1", ops.round_decimals)
Frac = node("FracBackward0", ops.frac)


def _floating_only(name: str, input: Tensor) -> None:
    if category(input._a.dtype) != FLOATING:
        raise no_kernel(f"{name}_cpu", input._a.dtype)


@overridable
def round(input, *, decimals=0, out=None):
    """The nearest number with that many decimals, the even one of two, elementwise; negative:
    before the point."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("round", 1, "input", input)
    if decimals == 0:
        refuse("round", category(input._a.dtype))
        result = _round(input)
        return result if out is None else write_out("round", out, result, (input,))
    _floating_only("round", input)
    result = apply(RoundDecimals, input, decimals=decimals)
    return result if out is None else write_out("round", out, result, (input,))


@overridable
def frac(input, *, out=None):
    """What is after the point, with the sign of x: x - trunc(x), elementwise."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("frac", 1, "input", input)
    _floating_only("frac", input)
    result = apply(Frac, input)
    return result if out is None else write_out("frac", out, result, (input,))


# --- signs ----------------------------------------------------------------------------------------


@unary(np.absolute, "AbsBackward0", integers=True)
def abs(input, *, out=None):
    """|x|, elementwise; the modulus of complex numbers."""


absolute = abs


@unary(ops.sign, "SignBackward0", integers=True)
def _sign(input, *, out=None):
    """-1, 0 or 1, elementwise."""


Sgn = node("SgnBackward0", ops.sgn)


@overridable
def sgn(input, *, out=None):
    """-1, 0 or 1, elementwise; x / |x| for complex numbers."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("sgn", 1, "input", input)
    result = apply(Sgn, input)
    return result if out is None else write_out("sgn", out, result, (input,))


@overridable
def sign(input, *, out=None):
    """-1, 0 or 1, elementwise; 0 for nan."""
    if isinstance(input, Tensor) and category(input._a.dtype) == COMPLEX:
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
            "torch.sgn instead."
        )
    result = _sign(input)
    return result if out is None else write_out("sign", out, result, (input,))


Copysign = node("CopysignBackward0", ops.copysign)
CopysignNumber = node("CopysignBackward1", ops.copysign_number)


@overridable
def copysign(input, other, *, out=None):
    """|input| with the sign of other, elementwise."""
    if isinstance(other, Tensor):
        return of_tensors(Copysign, "copysign", (input, other), out, floating=True)
    return of_operands(
        CopysignNumber, "copysign", (input,), out, floating=True, number=plain(other)
    )


# --- remainders -----------------------------------------------------------------------------------

Remainder = node("RemainderBackward1", ops.remainder)
RemainderNumber = node("RemainderBackward0", ops.remainder_number)
RemainderOfNumber = node("NotImplemented", ops.remainder_of_number)
Fmod = node("FmodBackward1", ops.fmod)
FmodNumber = node("FmodBackward0", ops.fmod_number)


@overridable
def remainder(input, other, *, out=None):
    """input - floor(input / other) * other, elementwise: the sign is other's, as with Python's
    %."""
    if isinstance(input, Tensor) and not isinstance(other, Tensor):
        return _by_number(RemainderNumber, "remainder", input, other, out)
    if not isinstance(input, Tensor):
        return of_operands(RemainderOfNumber, "remainder", (input, other), out)
    return of_operands(Remainder, "remainder", (input, other), out)


@overridable
def fmod(input, other, *, out=None):
    """input - trunc(input / other) * other, elementwise: the sign is input's, as with C's fmod."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("fmod", 1, "input", input)
    if not isinstance(other, Tensor):
        return _by_number(FmodNumber, "fmod", input, other, out)
    return of_operands(Fmod, "fmod", (input, other), out)


def _by_number(cls, name, input, other, out):
    if not isinstance(other, builtins.int | builtins.float | np.number):
        raise not_a_tensor(name, 2, "other", other)
    x = with_common(input, other)
    refuse(name, category(x._a.dtype))
    result = apply(cls, x, number=plain(other))
    return result if out is None else write_out(name, out, result, (input,))


# --- what is not finite, and steps ----------------------------------------------------------------

NanToNum = node("NanToNumBackward0", ops.nan_to_num)
Heaviside = node("NotImplemented", ops.heaviside)
Nextafter = node("NextafterBackward0", np.nextafter)


@overridable
def nan_to_num(input, nan=None, posinf=None, neginf=None, *, out=None):
    """input with nan replaced (by 0) and the infinities (by the dtype's largest and smallest
    number), elementwise."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("nan_to_num", 1, "input", input)
    kw = {"nan": 0.0 if nan is None else nan, "posinf": posinf, "neginf": neginf}
    result = apply(NanToNum, input, **kw)
    return result if out is None else write_out("nan_to_num", out, result, (input,))


@overridable
def heaviside(input, values, *, out=None):
    """0 below zero, `values` at zero, 1 above, elementwise. It has no derivative."""
    for position, argument, x in ((1, "input", input), (2, "values", values)):
        if not isinstance(x, Tensor):
            raise not_a_tensor("heaviside", position, argument, x)
    if "c" in input._a.dtype.kind + values._a.dtype.kind:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input._a.dtype != values._a.dtype:
        raise RuntimeError(
            "heaviside is not yet implemented for tensors with different dtypes.\n"
            f"It was given {input._a.dtype} and {values._a.dtype}: convert one of them first"
        )
    return of_operands(Heaviside, "heaviside", (input, values), out)


@overridable
def nextafter(input, other, *, out=None):
    """The next floating number after input in the direction of other, elementwise."""
    return of_tensors(Nextafter, "nextafter", (input, other), out)


floor_ = in_place(floor)
ceil_ = in_place(ceil)
trunc_ = fix_ = in_place(trunc)
round_ = in_place(round)
frac_ = in_place(frac)
abs_ = absolute_ = in_place(abs)
sign_ = in_place(sign)
sgn_ = in_place(sgn)
copysign_ = in_place(copysign)
remainder_ = in_place(remainder)
fmod_ = in_place(fmod)
nan_to_num_ = in_place(nan_to_num)
heaviside_ = in_place(heaviside)
nextafter_ = in_place(nextafter)
