"""The error function, its inverse, and the gamma function's relatives under PyTorch's names."""

from ..core.apply import OPERANDS, apply, promoted, to_dtype, unary
from ..core.complaints import broadcast_error, not_a_tensor
from ..core.dtype import COMPLEX, FLOATING, category, number_dtype
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import special as ops
from .arguments import no_kernel
from .elementwise import in_place, no_overload
from .nodes import node

__all__ = [
    "digamma",
    "erf",
    "erf_",
    "erfc",
    "erfc_",
    "erfinv",
    "lgamma",
    "polygamma",
]


def of_reals(cls, name, inputs, out=None, *, halves=True, **kw):
    """Apply `cls` to real tensors, and numbers beside them, after promotion to a floating dtype;
    `halves`: float16 and bfloat16 are among those that PyTorch serves.
    """
    if not any(isinstance(x, Tensor) for x in inputs):
        if len(inputs) == 1:
            raise not_a_tensor(name, 1, "input", inputs[0])
        raise no_overload(name, inputs)
    for x in inputs:
        if not isinstance(x, OPERANDS):
            raise no_overload(name, inputs)
    converted = promoted(inputs, floating=True)
    dtype = converted[0]._a.dtype
    if category(dtype) == COMPLEX or (dtype.itemsize == 2 and not halves):
        raise unserved(name, dtype)
    error = broadcast_error(name, [x._a.shape for x in converted])
    if error is not None:
        raise error
    result = apply(cls, *converted, **kw)
    return result if out is None else write_out(name, out, result)


def unserved(name, dtype):
    """PyTorch's error for a dtype that a function does not take."""
    kernel = name.removeprefix("special_")
    advice = f"{kernel} takes float32 and float64 tensors, among others; convert it: x.float()"
    return no_kernel(f"{kernel}_cpu", dtype, advice)


@unary(ops.erf)
def erf(input, *, out=None):
    """2/sqrt(pi) times the integral of e^(-t^2) from 0 to x, elementwise."""


@unary(ops.erfc)
def erfc(input, *, out=None):
    """1 - erf(x), accurate where that is small, elementwise."""


@unary(ops.erfinv)
def erfinv(input, *, out=None):
    """The inverse of erf on (-1, 1), elementwise; infinite at the ends."""


@unary(ops.lgamma)
def lgamma(input, *, out=None):
    """log |Gamma(x)|, elementwise."""


@unary(ops.digamma)
def digamma(input, *, out=None):
    """The derivative of lgamma, elementwise."""


Polygamma = node("PolygammaBackward0", ops.polygamma)


@overridable
def polygamma(n, input, *, out=None):
    """The n-th derivative of digamma, elementwise."""
    if not isinstance(input, Tensor):
        raise not_a_tensor("polygamma", 2, "input", input)
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n. It was given n={n}")
    x = input if category(input._a.dtype) >= FLOATING else to_dtype(input, number_dtype(0.0))
    result = apply(Polygamma, x, n=n)
    return result if out is None else write_out("polygamma", out, result)


def polygamma_of(input, n):
    """polygamma(n, input): the method, where the tensor comes first."""
    return polygamma(n, input)


polygamma_of.__name__ = "polygamma"

erf_ = in_place(erf)
erfc_ = in_place(erfc)
erfinv_ = in_place(erfinv)
lgamma_ = in_place(lgamma)
digamma_ = in_place(digamma)
polygamma_ = in_place(polygamma_of)
