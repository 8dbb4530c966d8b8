"""Arithmetic under PyTorch's names: sums, products, quotients, and their in-place forms."""

import builtins
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import (
    OPERANDS,
    apply,
    binary,
    float32,
    float64,
    of_number,
    promoted,
    recording,
    scalar,
    to_dtype,
    unary,
    with_number,
)
from ..core.complaints import broadcast_error, not_a_tensor, not_for, refuse
from ..core.dtype import FLOATING, INTEGER, category, number_dtype, result_type
from ..core.out import write_out
from ..core.overrides import ask_overrides, overridable
from ..core.quiet import WARNED, quietly
from ..core.tensor import Tensor, edge_of
from ..core.views import inplace, part, written
from ..core.watch import PLAIN, overriding
from ..ops import elementwise as ops
from ..ops import rounding as rounding_ops
from .nodes import node
from .shortcut import alike, shortcut, three_alike

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "div",
    "divide",
    "floor_divide",
    "lerp",
    "mul",
    "multiply",
    "neg",
    "neg_",
    "negative",
    "negative_",
    "positive",
    "reciprocal",
    "reciprocal_",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
]

# --- what the subjects of elementwise functions share ---------------------------------------------


def in_place(op: Callable) -> Callable:
    """The in-place variant `name_` of an operation: the result is written into the first tensor's
    memory."""

    def variant(input, *args, **kw):
        return inplace(op, input, *args, **kw)

    return as_variant(variant, op)


def as_variant(variant: Callable, op: Callable) -> Callable:
    """A function with the name and the documentation of an operation's in-place variant."""
    variant.__name__ = variant.__qualname__ = f"{op.__name__}_"
    variant.__doc__ = f"`{op.__name__}`, written into the tensor's own memory. Returns the tensor."
    variant.__module__ = op.__module__
    return overridable(variant)


def as_operator(op: Callable, *, reflected: bool = False) -> Callable:
    """The operation as Tensor's operator: NotImplemented where it cannot serve the other
    operand."""
    _, _, bits = op.__name__.partition("bitwise_")  # the others are Python's in PyTorch too

    def general(self, other):
        if bits and not isinstance(self, Tensor):
            raise not_for(f"__{'r' if reflected else ''}{bits}__", self)
        if not isinstance(other, OPERANDS):
            return NotImplemented
        return op(other, self) if reflected else op(self, other)

    general.__name__ = op.__name__
    general.__doc__ = op.__doc__
    general.__module__ = op.__module__
    general = overridable(general)

    @wraps(general)
    def operator(self, other):
        if type(self) in PLAIN and type(other) in PLAIN:
            return op(other, self) if reflected else op(self, other)
        return general(self, other)

    general.stands_for = operator  # pyright: ignore[reportFunctionMemberAccess]
    return operator


def of_tensors(
    cls: Any, name: str, inputs: tuple, out: Any = None, *, floating: bool = False
) -> Tensor:
    """Apply `cls` to tensors, all of them required, after promotion and a check of their shapes."""
    for position, (argument, x) in enumerate(
        zip(("input", "other", "other2"), inputs, strict=False), 1
    ):
        if not isinstance(x, Tensor):
            raise not_a_tensor(name, position, argument, x)
    return of_operands(cls, name, inputs, out, floating=floating)


def of_operands(
    cls: Any, name: str, inputs: tuple, out: Any = None, *, floating: bool = False, **kw: Any
) -> Tensor:
    """Apply `cls` to tensors and numbers after promotion and a check of their shapes."""
    for position, (argument, x) in enumerate(
        zip(("input", "other", "other2"), inputs, strict=False), 1
    ):
        if not isinstance(x, OPERANDS):
            raise not_a_tensor(name, position, argument, x)
    if not any(isinstance(x, Tensor) for x in inputs):
        raise no_overload(name, inputs)
    converted = promoted(inputs, floating=floating, recorded=cls.differentiable)
    refuse(name, category(converted[0]._a.dtype))
    error = broadcast_error(name, [x._a.shape for x in converted])
    if error is not None:
        raise error
    result = apply(cls, *converted, **kw)
    return result if out is None else write_out(name, out, result, inputs)


def no_overload(name: str, inputs: tuple) -> TypeError:
    """PyTorch's error for arguments of which none is a tensor, or one is no number."""
    kinds = ", ".join(type(x).__name__ for x in inputs)
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({kinds}), but expected "
        "tensors, or a tensor and a number"
    )


def with_common(input: Tensor, number: Any) -> Tensor:
    """The tensor in the dtype of its arithmetic with a Python number."""
    return to_dtype(input, result_type([input._a, number]))


def plain(number: Any) -> Any:
    """A NumPy number as the Python number of the same value."""
    return number.item() if isinstance(number, np.generic) else number


def integers_only(name: str, *inputs: Any) -> None:
    """Raise PyTorch's error for a floating operand of an operation on bits or whole numbers."""
    for x in inputs:
        kind = (
            x._a.dtype
            if isinstance(x, Tensor)
            else number_dtype(x)
            if isinstance(x, OPERANDS)
            else None
        )
        if kind is not None and category(kind) > INTEGER:
            raise NotImplementedError(
                f"\"{name}_cpu\" not implemented for 'Float'\n{name} takes integer and bool "
                f"tensors, it was given {kind}; "
                "convert first, as in x.int()"
            )


# --- sums and products ----------------------------------------------------------------------------

AddScaled = node("AddBackward0", ops.add_scaled)
SubScaled = node("SubBackward0", ops.add_scaled)
Rsub = node("RsubBackward0", ops.minus_scaled)
RsubNumber = node("RsubBackward1", ops.number_minus)


def _scaled(cls: Any, name: str, sign: int) -> Callable:
    def scaled(input, other, alpha):
        if not isinstance(alpha, int | float | complex | np.number):
            raise TypeError(
                f"{name}(): argument 'alpha' must be Number, not {type(alpha).__name__}"
            )
        dtype = result_type([x._a if isinstance(x, Tensor) else x for x in (input, other)])
        if category(dtype) < FLOATING and not isinstance(alpha, int | np.integer):
            raise RuntimeError(
                "For integral input tensors, argument alpha must not be a floating point number.\n"
                f"{name} was given tensors of {dtype} and alpha={alpha}; convert them first, as "
                "in x.float()"
            )
        refuse(name, category(dtype))
        return of_operands(cls, name, (input, other), alpha=sign * plain(alpha))

    return scaled


@binary(np.add, "AddBackward0", numbers=True, scaled=_scaled(AddScaled, "add", 1))
def add(input, other, *, alpha=1, out=None):
    """input + alpha * other, elementwise. Shapes broadcast, dtypes promote."""


@binary(np.subtract, "SubBackward0", numbers=True, scaled=_scaled(SubScaled, "sub", -1))
def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other, elementwise. Shapes broadcast, dtypes promote; bool tensors are
    refused."""


subtract = sub


@overridable
def rsub(input, other, *, alpha=1):
    """other - alpha * input, elementwise."""
    if isinstance(other, Tensor):
        refuse("rsub", builtins.min(category(input._a.dtype), category(other._a.dtype)))
        return of_operands(Rsub, "rsub", (input, other), alpha=alpha)
    return minus_from(input if alpha == 1 else mul(input, alpha), other)


@with_number(ops.number_minus, "RsubBackward1", "number")
def minus_from(input, other):
    """other - input: the reflected operator."""
    if not isinstance(other, OPERANDS):
        return NotImplemented
    if isinstance(other, Tensor):
        return sub(other, input)
    refuse("rsub", builtins.min(category(input._a.dtype), category(number_dtype(other))))
    return apply(RsubNumber, with_common(input, other), number=plain(other))


@binary(np.multiply, "MulBackward0", numbers=True)
def mul(input, other, *, out=None):
    """input * other, elementwise. Shapes broadcast, dtypes promote."""


multiply = mul


@unary(np.negative, integers=True)
def neg(input, *, out=None):
    """-input, elementwise."""


negative = neg


@overridable
def positive(input):
    """The tensor itself; bool tensors are refused."""
    if input._a.dtype.kind == "b":
        raise RuntimeError(
            "The `+` operator, on a bool tensor is not supported. Convert it first: x.int()"
        )
    return input


#: what multiplies a floating tensor without a conversion of dtypes
NUMBERS = frozenset({int, float})
Addcmul = node("AddcmulBackward0", ops.addcmul)
Addcdiv = node("AddcdivBackward0", ops.addcdiv)


def _short_product(cls: Any) -> Callable[..., Any]:
    def short(input, tensor1, tensor2, *, value=1):
        if type(value) not in NUMBERS:
            return None
        return three_alike(cls, input, tensor1, tensor2, {"value": value})

    return short


@shortcut(_short_product(Addcmul))
@overridable
def addcmul(input, tensor1, tensor2, *, value=1, out=None):
    """input + value * tensor1 * tensor2, elementwise."""
    return of_operands(Addcmul, "addcmul", (input, tensor1, tensor2), out, value=plain(value))


@shortcut(_short_product(Addcdiv))
@overridable
def addcdiv(input, tensor1, tensor2, *, value=1, out=None):
    """input + value * tensor1 / tensor2, elementwise; at least one of the two must be floating."""
    if builtins.max(category(x._a.dtype) for x in (tensor1, tensor2)) < FLOATING:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported. Use addcdiv on floating "
            "tensors, as in "
            "x.addcdiv(a.float(), b), or torch.div(a, b, rounding_mode='trunc')."
        )
    return of_operands(Addcdiv, "addcdiv", (input, tensor1, tensor2), out, value=plain(value))


Lerp = node("LerpBackward1", ops.lerp)
LerpNumber = node("LerpBackward0", ops.lerp_number)


def _short_lerp(input, end, weight):
    if type(weight) in NUMBERS:
        return alike(LerpNumber, input, end, {"weight": weight})
    return three_alike(Lerp, input, end, weight)


@shortcut(_short_lerp)
@overridable
def lerp(input, end, weight, *, out=None):
    """input + weight * (end - input), elementwise; the tensors must have one dtype."""
    if not isinstance(weight, OPERANDS):
        raise not_a_tensor("lerp", 3, "weight", weight)
    for name, x in (("end", end), ("weight", weight)):
        if name == "weight" and isinstance(x, Tensor) and not x._a.ndim:
            continue  # as a number, it is promoted
        if isinstance(x, Tensor) and x._a.dtype != input._a.dtype:
            raise RuntimeError(
                f"expected dtype {input._a.dtype} for `{name}` but got dtype {x._a.dtype}\n"
                f"lerp does not promote: convert {name} to input's dtype first"
            )
    if isinstance(weight, Tensor):
        result = of_operands(Lerp, "lerp", (input, end, weight))
        return result if out is None else write_out("lerp.Tensor", out, result)
    return of_operands(LerpNumber, "lerp", (input, end), out, weight=plain(weight))


# --- quotients ------------------------------------------------------------------------------------

DivRounding = node("DivBackward2", rounding_ops.divide_rounding)


@binary(np.divide, "DivBackward0", floating=True, numbers=True)
def true_divide(input, other, *, out=None):
    """input / other, elementwise; integers give the default floating dtype."""


def div(input, other, *, rounding_mode=None, out=None):
    """input / other, elementwise; rounding_mode 'trunc' rounds towards zero, 'floor' down, and
    both keep integers."""
    if overriding or type(input) not in PLAIN:
        given = {"rounding_mode": rounding_mode, "out": out}
        given = {name: value for name, value in given.items() if value is not None}
        answer = ask_overrides(div, (input, other), given)
        if answer is not NotImplemented:
            return answer
    if rounding_mode is None:
        return true_divide(input, other, out=out)
    return _div_rounding(input, other, rounding_mode, out)


@overridable
def _div_rounding(input, other, rounding_mode, out):
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        input = of_number(np.asarray(input, number_dtype(input)))
    return of_operands(DivRounding, "div", (input, other), out, mode=rounding_mode)


true_divide.operator.stands_for = div
divide = div


@binary(rounding_ops.floor_divide, "NotImplemented", numbers=True)
def floor_divide(input, other, *, out=None):
    """floor(input / other), elementwise; integers stay integers. It has no derivative."""


@unary(np.reciprocal)
def reciprocal(input, *, out=None):
    """1 / input, elementwise."""


def divide_from(input, other):
    """other / input: the reflected operator."""
    return mul(input.reciprocal(), other) if isinstance(other, OPERANDS) else NotImplemented


# --- in place -------------------------------------------------------------------------------------


def write_directly(fun: Callable, t: Any, other: Any, alpha: Any = 1) -> bool:
    """t = fun(t, alpha * other) in t's memory where nothing is recorded and nothing must be
    converted; else False."""
    if type(t) not in PLAIN:
        return False
    a = t._a
    dtype = a.dtype
    if (dtype is not float32 and dtype is not float64) or type(a) is not ndarray or 0 in a.strides:
        return False
    records = recording()
    v = t._v
    if records and (t._e is not None or (v is not None and t.requires_grad)):
        return False
    kind = type(other)
    if kind in PLAIN:
        b = other._a
        if b.dtype is not dtype or type(b) is not ndarray or (b.ndim and b.shape != a.shape):
            return False
        if records and edge_of(other) is not None:
            return False
        w = other._v
        if w is not None and v is not None and w.cell is v.cell:
            return False  # one memory, which the general path looks at
    elif kind is float or kind is int:
        b = scalar(other, dtype)
    else:
        return False
    if alpha != 1:
        if type(alpha) is not float and type(alpha) is not int:
            return False
        try:
            b = np.multiply(b, scalar(alpha, dtype))
        except WARNED:
            b = quietly(np.multiply, b, scalar(alpha, dtype))
    if v is not None:
        part(t)
    _write(fun, a, b)
    written(t, None, False)
    return True


def _write(fun: Callable, a: ndarray, b: Any) -> None:
    try:
        fun(a, b, a)
    except WARNED:
        pass  # NumPy looks at the flags after the loop: the results are all there


def add_(input, other, *, alpha=1):
    """input += alpha * other, in place."""
    if write_directly(np.add, input, other, alpha):
        return input
    return _add_(input, other, alpha=alpha)


def sub_(input, other, *, alpha=1):
    """input -= alpha * other, in place."""
    if write_directly(np.subtract, input, other, alpha):
        return input
    return _sub_(input, other, alpha=alpha)


def mul_(input, other):
    """input *= other, in place."""
    return input if write_directly(np.multiply, input, other) else _mul_(input, other)


def div_(input, other, *, rounding_mode=None):
    """input /= other, in place."""
    if rounding_mode is None and write_directly(np.divide, input, other):
        return input
    return _div_(input, other, rounding_mode=rounding_mode)


_add_, _sub_, _mul_, _div_ = in_place(add), in_place(sub), in_place(mul), in_place(div)
subtract_, multiply_, divide_ = sub_, mul_, div_
true_divide_ = in_place(true_divide)
floor_divide_ = in_place(floor_divide)
neg_ = negative_ = in_place(neg)
reciprocal_ = in_place(reciprocal)
addcmul_ = in_place(addcmul)
addcdiv_ = in_place(addcdiv)
lerp_ = in_place(lerp)
