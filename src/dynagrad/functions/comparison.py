"""Comparisons and tests of elements under PyTorch's names: operations without a derivative."""

import numpy as np

from ..core.apply import apply, binary, promoted
from ..core.carriers.carrier import Carrier
from ..core.complaints import legacy_name
from ..core.dtype import COMPLEX, category
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tape import AccumulateGrad, grad_mode
from ..core.tensor import Tensor, base_of, edge_of
from ..core.views import copy_
from ..ops import comparison as ops
from ..ops.conversion import discard
from .arguments import holds, tensor
from .elementwise import as_variant, of_tensors
from .nodes import node

__all__ = [
    "allclose",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
    "signbit",
]

# --- of two tensors, or a tensor and a number -----------------------------------------------------


@binary(np.equal, "EqBackward0")
def eq(input, other, *, out=None):
    """input == other, elementwise, as a bool tensor."""


@binary(np.not_equal, "NeBackward0")
def ne(input, other, *, out=None):
    """input != other, elementwise, as a bool tensor."""


@binary(np.less, "LtBackward0")
def lt(input, other, *, out=None):
    """input < other, elementwise, as a bool tensor."""


@binary(np.less_equal, "LeBackward0")
def le(input, other, *, out=None):
    """input <= other, elementwise, as a bool tensor."""


@binary(np.greater, "GtBackward0")
def gt(input, other, *, out=None):
    """input > other, elementwise, as a bool tensor."""


@binary(np.greater_equal, "GeBackward0")
def ge(input, other, *, out=None):
    """input >= other, elementwise, as a bool tensor."""


not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


@overridable
def equal(input, other):
    """Whether two tensors have the same shape and the same elements, as a bool."""
    x, y = tensor("equal", input)._a, tensor("equal", other, 2, "other")._a
    return x.shape == y.shape and holds(np.equal(x, y), True)


IsClose = node("IscloseBackward0", ops.is_close)


@overridable
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """|input - other| <= atol + rtol |other|, elementwise; equal infinities are close."""
    return _close("isclose", input, other, rtol, atol, equal_nan)


def _close(name, input, other, rtol, atol, equal_nan):
    x, y = tensor(name, input), tensor(name, other, 2, "other")
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(
            f"{legacy_name(x._a.dtype)} did not match {legacy_name(y._a.dtype)}\nisclose and "
            "allclose compare tensors of one dtype: convert one first"
        )
    for bound, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise RuntimeError(f"{bound} must be greater than or equal to zero, but got {value}")
    if name == "isclose":
        for t in (x, y):
            edge_of(t)  # PyTorch takes differences, which a view that a write made invalid has not
    return apply(IsClose, x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)


@overridable
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close (see isclose), as a bool."""
    return holds(_close("allclose", input, other, rtol, atol, equal_nan)._a, True)


IsIn = node("IsinBackward0", ops.is_in)


@overridable
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each element of `elements` is among `test_elements`; either may be a number."""
    for v in (elements, test_elements):
        if isinstance(v, Tensor) and v._a.dtype.kind in "bc":
            raise RuntimeError(
                f"Unsupported input type encountered for isin(): {legacy_name(v._a.dtype)}\n"
                "Convert it first, as in x.int()"
            )
    x, y = promoted((elements, test_elements), recorded=False)
    result = apply(IsIn, x, y, assume_unique=assume_unique, invert=invert)
    return result if out is None else write_out("isin", out, result)


# --- of one tensor --------------------------------------------------------------------------------


_isnan = node("IsnanBackward0", np.isnan)


@overridable
def isnan(input):
    """Whether each element is nan (in either part)."""
    return apply(_isnan, tensor("isnan", input))


_isinf = node("IsinfBackward0", np.isinf)


@overridable
def isinf(input):
    """Whether each element is infinite (in either part)."""
    return apply(_isinf, tensor("isinf", input))


_isfinite = node("IsfiniteBackward0", np.isfinite)


@overridable
def isfinite(input):
    """Whether each element is neither nan nor infinite."""
    x = tensor("isfinite", input)
    edge_of(x)  # PyTorch computes it by what has a derivative: no view without a sure history
    return apply(_isfinite, x)


_signbit = node("SignbitBackward0", np.signbit)


@overridable
def signbit(input, *, out=None):
    """Whether each element is negative; -0.0 is."""
    if category(tensor("signbit", input)._a.dtype) == COMPLEX:
        raise NotImplementedError("signbit is not implemented for complex tensors. Use x.real")
    result = apply(_signbit, input)
    return result if out is None else write_out("signbit", out, result)


_isreal = node("IsrealBackward0", ops.is_real)


@overridable
def isreal(input):
    """Whether each element has no imaginary part."""
    return apply(_isreal, tensor("isreal", input))


_isposinf = node("IsposinfBackward0", ops.is_positive_infinity)


@overridable
def isposinf(input, *, out=None):
    """Whether each element is positive infinity."""
    return _infinite("isposinf", _isposinf, input, out)


_isneginf = node("IsneginfBackward0", ops.is_negative_infinity)


@overridable
def isneginf(input, *, out=None):
    """Whether each element is negative infinity."""
    return _infinite("isneginf", _isneginf, input, out)


def _infinite(name, cls, input, out):
    if category(tensor(name, input)._a.dtype) == COMPLEX:
        raise RuntimeError(f"{name} does not support complex inputs. Test x.real and x.imag")
    result = apply(cls, input)
    return result if out is None else write_out(name, out, result)


@overridable
def is_complex(input):
    """Whether the tensor's dtype is complex, as a bool."""
    return category(tensor("is_complex", input)._a.dtype) == COMPLEX


@overridable
def is_floating_point(input):
    """Whether the tensor's dtype is a real floating one, as a bool."""
    return category(tensor("is_floating_point", input)._a.dtype) == COMPLEX - 1


@overridable
def is_nonzero(input):
    """Whether the only element is not 0, as a bool; RuntimeError unless there is exactly one."""
    a = tensor("is_nonzero", input)._a
    if a.size != 1:
        raise RuntimeError(
            "Boolean value of Tensor with "
            + ("no values" if a.size == 0 else "more than one value")
            + f" is ambiguous\nThe tensor has shape {list(a.shape)}; use x.any() or x.all()"
        )
    return bool(a) if isinstance(a, Carrier) else bool(a.item() != 0)


# --- truth ----------------------------------------------------------------------------------------

And = node("LogicalAndBackward0", np.logical_and)
Or = node("LogicalOrBackward0", np.logical_or)
Xor = node("LogicalXorBackward0", np.logical_xor)
Not = node("LogicalNotBackward0", np.logical_not)


@overridable
def logical_and(input, other, *, out=None):
    """Whether both elements differ from 0."""
    return of_tensors(And, "logical_and", (input, other), out)


@overridable
def logical_or(input, other, *, out=None):
    """Whether at least one of the two elements differs from 0."""
    return of_tensors(Or, "logical_or", (input, other), out)


@overridable
def logical_xor(input, other, *, out=None):
    """Whether exactly one of the two elements differs from 0."""
    return of_tensors(Xor, "logical_xor", (input, other), out)


@overridable
def logical_not(input, *, out=None):
    """Whether the element is 0."""
    result = apply(Not, tensor("logical_not", input))
    return result if out is None else write_out("logical_not", out, result, (input,))


def _written(op, kind):
    """The in-place variant of a comparison: the flags are written as numbers of the tensor's own
    dtype; the derivatives by the old values and by the other operand are 0.
    """
    of_number, of_two = node(f"{kind}Backward0", discard), node(f"{kind}Backward1", discard)

    def variant(input, *args, **kw):
        flags = op(input, *args, **kw)
        others = tuple([x for x in (*args, *kw.values()) if isinstance(x, Tensor)])
        return copy_(input, flags, f"{op.__name__}_", of_two if others else of_number, others)

    return as_variant(variant, op)


def _written_logical(op, kind):
    """The in-place variant of a logical operation: as above, but a leaf may be written, which it
    stays, as in PyTorch.
    """
    cls = node(f"{kind}Backward1", discard)

    def variant(input, *args, **kw):
        flags = op(input, *args, **kw)
        base = base_of(input)
        root = edge_of(input if base is None else base)
        token = grad_mode.set(grad_mode.get() and type(root) is not AccumulateGrad)
        try:
            return copy_(input, flags, f"{op.__name__}_", cls, ())
        finally:
            grad_mode.reset(token)

    return as_variant(variant, op)


eq_ = _written(eq, "Eq")
ne_ = not_equal_ = _written(ne, "Ne")
lt_ = less_ = _written(lt, "Lt")
le_ = less_equal_ = _written(le, "Le")
gt_ = greater_ = _written(gt, "Gt")
ge_ = greater_equal_ = _written(ge, "Ge")
logical_and_ = _written_logical(logical_and, "LogicalAnd")
logical_or_ = _written_logical(logical_or, "LogicalOr")
logical_xor_ = _written_logical(logical_xor, "LogicalXor")
logical_not_ = _written_logical(logical_not, "LogicalNot")
