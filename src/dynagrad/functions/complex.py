"""Complex numbers under PyTorch's names: parts, conjugates, angles, and tensors of pairs."""

from typing import Any

import numpy as np

from ..core.apply import apply, to_dtype
from ..core.dtype import COMPLEX, FLOATING, category, from_numpy_dtype, number_dtype
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor, ViewAsComplex, ViewAsReal, wrap
from ..core.views import copy_, view
from ..ops import complex as ops
from ..ops import shape
from .arguments import tensor
from .elementwise import in_place, of_tensors
from .nodes import node

__all__ = [
    "angle",
    "complex",
    "conj",
    "conj_physical",
    "conj_physical_",
    "imag",
    "is_conj",
    "is_neg",
    "polar",
    "real",
    "resolve_conj",
    "resolve_neg",
    "view_as_complex",
    "view_as_real",
]

Select = node("SelectBackward0", shape.select)
Conj = node("ConjBackward0", np.conjugate)
ConjPhysical = node("ConjPhysicalBackward0", np.conjugate)
Angle = node("AngleBackward0", ops.angle)
Complex = node("ComplexBackward0", ops.complex_of_parts)
Polar = node("PolarBackward0", ops.polar)


def has_complex(x: Any) -> bool:
    """Whether it is a tensor of complex numbers."""
    return isinstance(x, Tensor) and category(x._a.dtype) == COMPLEX


@overridable
def view_as_real(input):
    """The complex tensor as a real one with a last dimension of 2: a view."""
    if not has_complex(tensor("view_as_real", input)):
        raise RuntimeError(
            f"view_as_real is only supported for complex tensors, it was given {input._a.dtype}"
        )
    return view(ViewAsReal, input, ops.pairs(input._a), {})


@overridable
def view_as_complex(input):
    """The real tensor, whose last dimension of 2 holds the parts, as a complex one: a view."""
    a = tensor("view_as_complex", input)._a
    if a.dtype not in (np.float32, np.float64):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            "tensor of scalar type: "
            f"{from_numpy_dtype(a.dtype).name}"
        )
    if a.ndim == 0 or a.shape[-1] != 2:
        raise RuntimeError(
            f"Tensor must have a last dimension of size 2; view_as_complex was given the shape "
            f"{list(a.shape)}"
        )
    if a.strides[-1] != a.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1; use x.contiguous()")
    if any(s % (2 * a.itemsize) for s in a.strides[:-1]):
        raise RuntimeError(
            "Tensor must have a stride divisible by 2 for all but last dimension; use "
            "x.contiguous()"
        )
    return view(ViewAsComplex, input, ops.unpaired(a), {})


def _part(input: Tensor, index: int) -> Tensor:
    both = view_as_real(input)
    axis = both._a.ndim - 1
    return view(Select, both, both._a[..., index], {"axis": axis, "index": index})


@overridable
def real(input):
    """The real parts, a view; a real tensor itself."""
    return _part(input, 0) if has_complex(tensor("real", input)) else input


@overridable
def imag(input):
    """The imaginary parts, a view; RuntimeError for a real tensor."""
    if not has_complex(tensor("imag", input)):
        raise RuntimeError(
            "imag is not implemented for tensors with non-complex dtypes. A real tensor has no "
            "imaginary part to show"
        )
    return _part(input, 1)


def _write(part: Tensor, value) -> None:
    copy_(part, value if isinstance(value, Tensor) else wrap(np.asarray(value, part._a.dtype)))


def set_real(input, value):
    """Write the real parts: `x.real = value`."""
    _write(real(input), value)


def set_imag(input, value):
    """Write the imaginary parts: `x.imag = value`."""
    _write(imag(input), value)


@overridable
def conj(input):
    """The complex conjugate; a real tensor itself. It is computed at once."""
    return apply(Conj, input) if has_complex(tensor("conj", input)) else input


@overridable
def conj_physical(input, *, out=None):
    """The complex conjugate; a real tensor itself."""
    x = tensor("conj_physical", input)
    result = apply(ConjPhysical, x) if has_complex(x) else x
    return result if out is None else write_out("conj_physical", out, result)


@overridable
def resolve_conj(input):
    """The tensor itself: conjugates are always computed at once."""
    return tensor("resolve_conj", input)


@overridable
def resolve_neg(input):
    """The tensor itself: negatives are always computed at once."""
    return tensor("resolve_neg", input)


@overridable
def is_conj(input):
    """False: conjugates are always computed at once."""
    tensor("is_conj", input)
    return False


@overridable
def is_neg(input):
    """False: negatives are always computed at once."""
    tensor("is_neg", input)
    return False


@overridable
def angle(input, *, out=None):
    """The angle in the complex plane, elementwise; 0 or pi for real numbers."""
    x = tensor("angle", input)
    if category(x._a.dtype) < FLOATING:
        x = to_dtype(x, number_dtype(0.0))
    result = apply(Angle, x)
    return result if out is None else write_out("angle", out, result)


@overridable
def complex(real, imag, *, out=None):
    """real + i imag, elementwise; the parts must have one floating dtype."""
    x, y = tensor("complex", real, 1, "real"), tensor("complex", imag, 2, "imag")
    _check_parts(x, y)
    return of_tensors(Complex, "complex", (x, y), out)


@overridable
def polar(abs, angle, *, out=None):
    """abs e^(i angle), elementwise; both must have one floating dtype."""
    x, y = tensor("polar", abs, 1, "abs"), tensor("polar", angle, 2, "angle")
    _check_parts(x, y)
    return of_tensors(Polar, "polar", (x, y), out)


def _check_parts(x: Tensor, y: Tensor) -> None:
    names = [from_numpy_dtype(t._a.dtype).name for t in (x, y)]
    if not all(t._a.dtype.kind == "f" for t in (x, y)):  # no bfloat16
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {names[0]} and "
            f"{names[1]}"
        )
    if names[0] != names[1]:
        raise RuntimeError(
            f"Expected object of scalar type {names[0]} but got scalar type {names[1]} for second "
            "argument"
        )


conj_physical_ = in_place(conj_physical)
