"""Bessel functions and Airy's function under PyTorch's names."""

from ..core.overrides import overridable
from ..ops import bessel as ops
from .elementwise import in_place
from .nodes import node
from .special import of_reals

I0 = node("I0Backward0", ops.i0)
I0E = node("SpecialI0EBackward0", ops.i0e)
I1 = node("SpecialI1Backward0", ops.i1)
I1E = node("SpecialI1EBackward0", ops.i1e)


@overridable
def i0(input, *, out=None):
    """The modified Bessel function of the first kind of order 0, elementwise."""
    return of_reals(I0, "i0", (input,), out)


@overridable
def i0e(input, *, out=None):
    """e^-|x| i0(x), elementwise."""
    return of_reals(I0E, "special_i0e", (input,), out)


@overridable
def i1(input, *, out=None):
    """The modified Bessel function of the first kind of order 1, elementwise."""
    return of_reals(I1, "special_i1", (input,), out)


@overridable
def i1e(input, *, out=None):
    """e^-|x| i1(x), elementwise."""
    return of_reals(I1E, "special_i1e", (input,), out)


i0_ = in_place(i0)

# --- without a derivative -------------------------------------------------------------------------

ModifiedBesselI0 = node("NotImplemented", ops.modified_bessel_i0)
ModifiedBesselI1 = node("NotImplemented", ops.modified_bessel_i1)
ModifiedBesselK0 = node("NotImplemented", ops.modified_bessel_k0)
ModifiedBesselK1 = node("NotImplemented", ops.modified_bessel_k1)
ScaledModifiedBesselK0 = node("NotImplemented", ops.scaled_modified_bessel_k0)
ScaledModifiedBesselK1 = node("NotImplemented", ops.scaled_modified_bessel_k1)
BesselJ0 = node("NotImplemented", ops.bessel_j0)
BesselJ1 = node("NotImplemented", ops.bessel_j1)
BesselY0 = node("NotImplemented", ops.bessel_y0)
BesselY1 = node("NotImplemented", ops.bessel_y1)
SphericalBesselJ0 = node("NotImplemented", ops.spherical_bessel_j0)
AiryAi = node("NotImplemented", ops.airy_ai)


def _wide(cls, name, x, out):
    return of_reals(cls, f"special_{name}", (x,), out, halves=False)


@overridable
def modified_bessel_i0(input, *, out=None):
    """The modified Bessel function of the first kind of order 0, elementwise."""
    return _wide(ModifiedBesselI0, "modified_bessel_i0", input, out)


@overridable
def modified_bessel_i1(input, *, out=None):
    """The modified Bessel function of the first kind of order 1, elementwise."""
    return _wide(ModifiedBesselI1, "modified_bessel_i1", input, out)


@overridable
def modified_bessel_k0(input, *, out=None):
    """The modified Bessel function of the second kind of order 0, elementwise."""
    return _wide(ModifiedBesselK0, "modified_bessel_k0", input, out)


@overridable
def modified_bessel_k1(input, *, out=None):
    """The modified Bessel function of the second kind of order 1, elementwise."""
    return _wide(ModifiedBesselK1, "modified_bessel_k1", input, out)


@overridable
def scaled_modified_bessel_k0(x, *, out=None):
    """e^x times the modified Bessel function of the second kind of order 0, elementwise."""
    return _wide(ScaledModifiedBesselK0, "scaled_modified_bessel_k0", x, out)


@overridable
def scaled_modified_bessel_k1(x, *, out=None):
    """e^x times the modified Bessel function of the second kind of order 1, elementwise."""
    return _wide(ScaledModifiedBesselK1, "scaled_modified_bessel_k1", x, out)


@overridable
def bessel_j0(input, *, out=None):
    """The Bessel function of the first kind of order 0, elementwise."""
    return _wide(BesselJ0, "bessel_j0", input, out)


@overridable
def bessel_j1(input, *, out=None):
    """The Bessel function of the first kind of order 1, elementwise."""
    return _wide(BesselJ1, "bessel_j1", input, out)


@overridable
def bessel_y0(input, *, out=None):
    """The Bessel function of the second kind of order 0, elementwise."""
    return _wide(BesselY0, "bessel_y0", input, out)


@overridable
def bessel_y1(input, *, out=None):
    """The Bessel function of the second kind of order 1, elementwise."""
    return _wide(BesselY1, "bessel_y1", input, out)


@overridable
def spherical_bessel_j0(x, *, out=None):
    """sin(x) / x, and 1 at 0, elementwise."""
    return _wide(SphericalBesselJ0, "spherical_bessel_j0", x, out)


@overridable
def airy_ai(x, *, out=None):
    """Airy's function of the first kind, elementwise."""
    return _wide(AiryAi, "airy_ai", x, out)
