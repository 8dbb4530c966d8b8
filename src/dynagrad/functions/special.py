"""The error function, its inverse, and the gamma function's relatives under PyTorch's names."""

from ..core.apply import apply, not_a_tensor, to_dtype, unary, write_out
from ..core.dtype import FLOATING, category, number_dtype
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import special as ops
from .elementwise import in_place, node

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
