"""Powers and roots under PyTorch's names."""

import numpy as np

from ..core.apply import OPERANDS, apply, to_dtype, unary, with_number
from ..core.complaints import legacy_name, not_a_tensor
from ..core.dtype import COMPLEX, FLOATING, category, result_type
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import elementwise as ops
from .arguments import no_kernel
from .elementwise import in_place, of_operands, of_tensors, plain, with_common
from .nodes import node

__all__ = [
    "float_power",
    "hypot",
    "pow",
    "rsqrt",
    "rsqrt_",
    "sqrt",
    "sqrt_",
    "square",
    "square_",
]

PowScalar = node("PowBackward0", ops.power_scalar)
Pow = node("PowBackward1", ops.power)
PowOf = node("PowBackward2", ops.power_of)


@overridable
def power(input, other):
    """input ** other, without out=: the operator."""
    if not isinstance(other, OPERANDS):
        return NotImplemented
    if isinstance(other, Tensor):
        if input._a.dtype.kind == other._a.dtype.kind == "b":
            raise no_kernel("pow", input._a.dtype, "Convert one first, as in x.int().")
        return of_operands(Pow, "pow", (input, other))
    x = with_common(input, other)
    if category(x._a.dtype) < FLOATING and plain(other) < 0:
        raise RuntimeError(
            "Integers to negative integer powers are not allowed.\n"
            f"pow was given {x._a.dtype} and the exponent {other}; use a floating tensor, as in "
            "x.float()"
        )
    return apply(PowScalar, x, exponent=plain(other))


_general_power = power
power = with_number(ops.power_scalar, "PowBackward0", "exponent")(power)


@overridable
def power_from(input, other):
    """other ** input: the reflected operator."""
    if not isinstance(other, OPERANDS):
        return NotImplemented
    if isinstance(other, Tensor):
        return power(other, input)
    return apply(PowOf, with_common(input, other), base=plain(other))


@overridable
def pow(input, exponent, *, out=None):
    """input ** exponent, elementwise; either may be a number. Integers stay integers."""
    if isinstance(input, Tensor):
        result = power(input, exponent)
    elif isinstance(exponent, Tensor):
        result = power_from(exponent, input)
    else:
        raise not_a_tensor("pow", 1, "input", input)
    if result is NotImplemented:
        raise TypeError(
            f"pow() received an invalid combination of arguments - got ({type(input).__name__}, "
            f"{type(exponent).__name__}), "
            "but expected tensors or numbers, at least one of them a tensor"
        )
    return result if out is None else write_out("pow", out, result, (input, exponent))


_general_power.stands_for = pow  # pyright: ignore[reportFunctionMemberAccess]
power_from.__name__ = "__rpow__"  # what `__torch_function__` reads


def _double(inputs):
    kind = result_type([x._a if isinstance(x, Tensor) else x for x in inputs])
    return np.dtype("complex128" if category(kind) == COMPLEX else "float64")


@overridable
def float_power(input, exponent, *, out=None):
    """input ** exponent in double precision, elementwise."""
    for position, argument, x in ((1, "input", input), (2, "exponent", exponent)):
        if not isinstance(x, OPERANDS):
            raise not_a_tensor("float_power", position, argument, x)
    double = _double((input, exponent))
    x, y = (to_dtype(v, double) if isinstance(v, Tensor) else plain(v) for v in (input, exponent))
    return pow(x, y, out=out)


@unary(np.square, "PowBackward0", integers=True)
def square(input, *, out=None):
    """input ** 2, elementwise."""


@unary(np.sqrt)
def sqrt(input, *, out=None):
    """The square root, elementwise; nan below zero."""


@unary(ops.rsqrt)
def rsqrt(input, *, out=None):
    """1 / sqrt(input), elementwise."""


Hypot = node("HypotBackward0", np.hypot)


@overridable
def hypot(input, other, *, out=None):
    """sqrt(input^2 + other^2) without overflow, elementwise."""
    return of_tensors(Hypot, "hypot", (input, other), out)


@overridable
def float_power_(input, exponent):
    """`float_power`, written into the tensor's own memory, which must be in double precision."""
    double = _double((input, exponent))
    if isinstance(input, Tensor) and input._a.dtype != double:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {legacy_name(input._a.dtype)} but the "
            f"operation's result requires dtype {legacy_name(double)}\nConvert it first, as in "
            "x.double()"
        )
    return _float_power_(input, exponent)


pow_ = in_place(pow)
_float_power_ = in_place(float_power)
square_ = in_place(square)
sqrt_ = in_place(sqrt)
rsqrt_ = in_place(rsqrt)
hypot_ = in_place(hypot)
