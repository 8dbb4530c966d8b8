"""Choosing between values under PyTorch's names: larger and smaller, limits, where a condition
holds."""

from typing import Any

import numpy as np

from ..core.apply import OPERANDS, apply, promoted
from ..core.complaints import broadcast_error, legacy_name, not_a_tensor
from ..core.dtype import COMPLEX, category
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from ..core.watch import PLAIN
from ..ops import elementwise as ops
from .arguments import c_type, fixed
from .elementwise import in_place, of_operands, of_tensors, plain, with_common
from .nodes import node
from .shortcut import NONE, made, pairwise, shortcut, three_alike, untracked

__all__ = [
    "clamp",
    "clamp_",
    "clamp_max",
    "clamp_max_",
    "clamp_min",
    "clamp_min_",
    "clip",
    "clip_",
    "fmax",
    "fmin",
    "maximum",
    "minimum",
    "where",
]

# --- larger and smaller ---------------------------------------------------------------------------

Maximum = node("MaximumBackward0", np.maximum)
Minimum = node("MinimumBackward0", np.minimum)
Fmax = node("FmaxBackward0", np.fmax)
Fmin = node("FminBackward0", np.fmin)


def _ordered(name, *inputs):
    for x in inputs:
        if isinstance(x, Tensor) and category(x._a.dtype) == COMPLEX:
            raise RuntimeError(
                f"{name} not implemented for complex tensors.\nComplex numbers have no order; "
                "compare x.abs() or x.real"
            )


@pairwise(Maximum, kinds="fiub")
@overridable
def maximum(input, other, *, out=None):
    """The larger element of two tensors; nan wins. At a tie each side gets half of the gradient."""
    _ordered("maximum", input, other)
    return of_tensors(Maximum, "maximum", (input, other), out)


@pairwise(Minimum, kinds="fiub")
@overridable
def minimum(input, other, *, out=None):
    """The smaller element of two tensors; nan wins. At a tie each side gets half of the
    gradient."""
    _ordered("minimum", input, other)
    return of_tensors(Minimum, "minimum", (input, other), out)


@pairwise(Fmax, kinds="fiub")
@overridable
def fmax(input, other, *, out=None):
    """The larger element of two tensors; a number wins over nan."""
    _ordered("fmax", input, other)
    return of_tensors(Fmax, "fmax", (input, other), out)


@pairwise(Fmin, kinds="fiub")
@overridable
def fmin(input, other, *, out=None):
    """The smaller element of two tensors; a number wins over nan."""
    _ordered("fmin", input, other)
    return of_tensors(Fmin, "fmin", (input, other), out)


# --- limits ---------------------------------------------------------------------------------------

Clamp = node("ClampBackward0", ops.clamp)
ClampLow = node("ClampBackward0", ops.clamp_low)
ClampHigh = node("ClampBackward0", ops.clamp_high)
ClampNumber = node("ClampBackward1", ops.clamp_number)
CLAMP = ClampNumber.rule.kernel
ClampMin = node("ClampMinBackward1", ops.clamp_low)
ClampMax = node("ClampMaxBackward1", ops.clamp_high)
ClampMinNumber = node("ClampMinBackward0", ops.clamp_number)
ClampMaxNumber = node("ClampMaxBackward0", ops.clamp_number)
#: limits of floating tensors that leave their dtype alone
LIMITS = frozenset({int, float, type(None)})


def _short_clamp(input, min=None, max=None):
    if type(min) not in LIMITS or type(max) not in LIMITS or min is max:
        return None
    a = input._a
    if type(input) not in PLAIN or a.dtype.kind != "f":
        return None
    if untracked(input) and a.flags.c_contiguous:
        return made(CLAMP(a, low=min, high=max))
    return apply(ClampNumber, input, low=min, high=max)


@shortcut(_short_clamp)
@overridable
def clamp(input, min=None, max=None, *, out=None):
    """input limited to [min, max]: two numbers or two tensors, one of which may be None; nan
    stays."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("clamp", 1, "input", input)
    if min is None and max is None:
        raise RuntimeError(
            "torch.clamp: At least one of 'min' or 'max' must not be None; "
            "for no limit, use the tensor itself"
        )
    kinds = {isinstance(x, Tensor) for x in (min, max) if x is not None}
    if len(kinds) > 1 or not all(x is None or isinstance(x, OPERANDS) for x in (min, max)):
        raise TypeError(
            f"clamp() received an invalid combination of arguments - got ({type(input).__name__}, "
            f"{type(min).__name__}, "
            f"{type(max).__name__}), but expected min and max to be both tensors or both numbers"
        )
    if any(category(x._a.dtype) == COMPLEX for x in (input, min, max) if isinstance(x, Tensor)):
        raise NotImplementedError(
            "clamp is not supported for complex types; limit x.real, or x.abs()"
        )
    if kinds == {False}:
        return _clamp_number(ClampNumber, "clamp", input, min, max, out)
    if max is None:
        return of_operands(ClampLow, "clamp", (input, min), out)
    if min is None:
        return of_operands(ClampHigh, "clamp", (input, max), out)
    return of_operands(Clamp, "clamp", (input, min, max), out)


def _clamp_number(cls, name, input, low, high, out):
    x = input
    for limit in (low, high):
        if limit is not None:
            x = with_common(x, limit)
    low, high = (_limit(plain(limit), x._a.dtype) for limit in (low, high))
    result = apply(cls, x, low=low, high=high)
    return result if out is None else write_out(f"{name}.Scalar", out, result, (input,))


def _limit(number, dtype):
    """A limit in the tensor's dtype: a negative one of unsigned numbers wraps, as in PyTorch."""
    if dtype.kind not in "iu" or type(number) is not int:
        return number
    top = int(np.iinfo(dtype).max)
    if not (-top if dtype.kind == "u" else -top - 1) <= number <= top:
        raise RuntimeError(
            f"value cannot be converted to type {c_type(dtype)} without overflow\n{number} does "
            "not "
            "fit into the tensor's dtype."
        )
    return number % (top + 1) if dtype.kind == "u" else number


clip = clamp


@overridable
def clamp_min(input, min, *, out=None):
    """The larger of input and min, a number or a tensor, elementwise."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("clamp_min", 1, "input", input)
    if isinstance(min, Tensor):
        return of_operands(ClampMin, "clamp_min", (input, min), out)
    if not isinstance(min, OPERANDS):
        raise not_a_tensor("clamp_min", 2, "min", min)
    return _clamp_number(ClampMinNumber, "clamp_min", input, min, None, out)


@overridable
def clamp_max(input, max, *, out=None):
    """The smaller of input and max, a number or a tensor, elementwise."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("clamp_max", 1, "input", input)
    if isinstance(max, Tensor):
        return of_operands(ClampMax, "clamp_max", (input, max), out)
    if not isinstance(max, OPERANDS):
        raise not_a_tensor("clamp_max", 2, "max", max)
    return _clamp_number(ClampMaxNumber, "clamp_max", input, None, max, out)


clamp_ = clip_ = in_place(clamp)
clamp_min_ = in_place(clamp_min)
clamp_max_ = in_place(clamp_max)

# --- where ----------------------------------------------------------------------------------------

Where = node("WhereBackward0", ops.where)


def _short_where(condition, input, other):
    return three_alike(Where, condition, input, other, NONE, ops.select_alike)


@shortcut(_short_where)
@overridable
def where(condition, input=None, other=None, *, out=None) -> Any:
    """input where the condition holds, else other, elementwise; where(condition): the indices at
    which it holds."""
    if not isinstance(condition, Tensor):
        raise TypeError(
            f"where(): argument 'condition' (position 1) must be Tensor, not "
            f"{type(condition).__name__}; "
            "write a comparison of tensors, such as x > 0"
        )
    if input is None and other is None:
        held = fixed(
            condition._a,
            "We do not support batching operators that can output dynamic shape. Attempted to vmap "
            "over aten::where.",
        )
        return tuple(wrap(np.array(i)) for i in np.nonzero(np.atleast_1d(held)))
    for position, argument, x in ((2, "input", input), (3, "other", other)):
        if not isinstance(x, OPERANDS):
            raise not_a_tensor("where", position, argument, x)
    if condition._a.dtype.name not in ("bool", "uint8"):
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{legacy_name(condition._a.dtype)}\nWrite condition != 0, or condition.bool()."
        )
    x, y = promoted((input, other))
    error = broadcast_error("where", [condition._a.shape, x._a.shape, y._a.shape])
    if error is not None:
        raise error
    result = apply(Where, condition, x, y)
    return result if out is None else write_out("where", out, result, (condition, input, other))


def where_method(input, condition, other) -> Tensor:
    """The tensor where the condition holds, else other: x.where(condition, other)."""
    return where(condition, input, other)
