"""The normal distribution's function and its relatives under PyTorch's names."""

from ..core.overrides import overridable
from ..ops import normal as ops
from .nodes import node
from .special import of_reals

Erfcx = node("SpecialErfcxBackward0", ops.erfcx)
Ndtr = node("MulBackward1", ops.ndtr)
LogNdtr = node("SpecialLogNdtrBackward0", ops.log_ndtr)
Ndtri = node("SpecialNdtriBackward0", ops.ndtri)


@overridable
def erfcx(input, *, out=None):
    """e^(x^2) erfc(x), elementwise."""
    return of_reals(Erfcx, "special_erfcx", (input,), out, halves=False)


@overridable
def ndtr(input, *, out=None):
    """The share of the standard normal distribution below x, elementwise."""
    return of_reals(Ndtr, "special_ndtr", (input,), out)


@overridable
def log_ndtr(input, *, out=None):
    """log(ndtr(x)), also where ndtr(x) is too small for the dtype, elementwise."""
    return of_reals(LogNdtr, "special_log_ndtr", (input,), out, halves=False)


@overridable
def ndtri(input, *, out=None):
    """The inverse of ndtr on (0, 1), elementwise; infinite at the ends, nan outside."""
    return of_reals(Ndtri, "special_ndtri", (input,), out, halves=False)
