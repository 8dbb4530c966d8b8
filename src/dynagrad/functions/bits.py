"""Whole numbers and bits under PyTorch's names: integer and bool tensors only."""

import numpy as np

from ..core.apply import apply
from ..core.complaints import not_a_tensor
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import elementwise as ops
from .elementwise import in_place, integers_only, of_operands, of_tensors
from .nodes import node
from .shortcut import pairwise

__all__ = [
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "gcd",
    "gcd_",
    "lcm",
    "lcm_",
]

And = node("BitwiseAndBackward0", np.bitwise_and)
Or = node("BitwiseOrBackward0", np.bitwise_or)
Xor = node("BitwiseXorBackward0", np.bitwise_xor)
Not = node("BitwiseNotBackward0", np.invert)
LeftShift = node("LshiftBackward0", ops.left_shift)
RightShift = node("RshiftBackward0", ops.right_shift)
Gcd = node("GcdBackward0", np.gcd)
Lcm = node("LcmBackward0", np.lcm)


def _bits(cls, name, input, other, out):
    integers_only(name, input, other)
    return of_operands(cls, name, (input, other), out)


@pairwise(And, kinds="biu")
@overridable
def bitwise_and(input, other, *, out=None):
    """The bits set in both; the logical and of bool tensors."""
    return _bits(And, "bitwise_and", input, other, out)


@pairwise(Or, kinds="biu")
@overridable
def bitwise_or(input, other, *, out=None):
    """The bits set in either; the logical or of bool tensors."""
    return _bits(Or, "bitwise_or", input, other, out)


@pairwise(Xor, kinds="biu")
@overridable
def bitwise_xor(input, other, *, out=None):
    """The bits set in exactly one; the logical xor of bool tensors."""
    return _bits(Xor, "bitwise_xor", input, other, out)


@overridable
def bitwise_not(input, *, out=None):
    """All bits flipped; the logical not of a bool tensor."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("bitwise_not", 1, "input", input)
    integers_only("bitwise_not", input)
    result = apply(Not, input)
    return result if out is None else write_out("bitwise_not", out, result, (input,))


def invert(input):
    """The operator `~`."""
    if input._a.dtype.kind not in "iub":
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors; "
            f"it was given {input._a.dtype}. Write -x, or x == 0"
        )
    return bitwise_not(input)


@overridable
def bitwise_left_shift(input, other, *, out=None):
    """input * 2 ** other in the integer's bits."""
    return _bits(LeftShift, "lshift", input, other, out)


@overridable
def bitwise_right_shift(input, other, *, out=None):
    """floor(input / 2 ** other), the sign kept."""
    return _bits(RightShift, "rshift", input, other, out)


@overridable
def gcd(input, other, *, out=None):
    """The greatest common divisor, elementwise."""
    integers_only("gcd", input, other)
    return of_tensors(Gcd, "gcd", (input, other), out)


@overridable
def lcm(input, other, *, out=None):
    """The least common multiple, elementwise."""
    integers_only("lcm", input, other)
    return of_tensors(Lcm, "lcm", (input, other), out)


bitwise_and_ = in_place(bitwise_and)
bitwise_or_ = in_place(bitwise_or)
bitwise_xor_ = in_place(bitwise_xor)
bitwise_not_ = in_place(bitwise_not)
bitwise_left_shift_ = in_place(bitwise_left_shift)
bitwise_right_shift_ = in_place(bitwise_right_shift)
gcd_ = in_place(gcd)
lcm_ = in_place(lcm)
