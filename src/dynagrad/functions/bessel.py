"""Bessel functions and Airy's function under PyTorch's names."""

from ..core.overrides import overridable
from ..ops import bessel as ops
from .elementwise import in_place, node
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


@overridable
def modified_bessel_i0(input, *, out=None):
    """The modified Bessel function of the first kind of order 0, elementwise."""
    return of_reals(ModifiedBesselI0, "special_modified_bessel_i0", (input,), out, halves=False)


@overridable
def modified_bessel_i1(input, *, out=None):
    """The modified Bessel function of the first kind of order 1, elementwise."""
    return of_reals(ModifiedBesselI1, "special_modified_bessel_i1", (input,), out, halves=False)


@overridable
def modified_bessel_k0(input, *, out=None):
    """The modified Bessel function of the second kind of order 0, elementwise."""
    return of_reals(ModifiedBesselK0, "special_modified_bessel_k0", (input,), out, halves=False)


@overridable
def modified_bessel_k1(input, *, out=None):
    """The modified Bessel function of the second kind of order 1, elementwise."""
    return of_reals(ModifiedBesselK1, "special_modified_bessel_k1", (input,), out, halves=False)


@overridable
def scaled_modified_bessel_k0(x, *, out=None):
    """e^x times the modified Bessel function of the second kind of order 0, elementwise."""
    return of_reals(
        ScaledModifiedBesselK0, "special_scaled_modified_bessel_k0", (x,), out, halves=False
    )


@overridable
def scaled_modified_bessel_k1(x, *, out=None):
    """e^x times the modified Bessel function of the second kind of order 1, elementwise."""
    return of_reals(
        ScaledModifiedBesselK1, "special_scaled_modified_bessel_k1", (x,), out, halves=False
    )


@overridable
def bessel_j0(input, *, out=None):
    """The Bessel function of the first kind of order 0, elementwise."""
    return of_reals(BesselJ0, "special_bessel_j0", (input,), out, halves=False)


@overridable
def bessel_j1(input, *, out=None):
    """The Bessel function of the first kind of order 1, elementwise."""
    return of_reals(BesselJ1, "special_bessel_j1", (input,), out, halves=False)


@overridable
def bessel_y0(input, *, out=None):
    """The Bessel function of the second kind of order 0, elementwise."""
    return of_reals(BesselY0, "special_bessel_y0", (input,), out, halves=False)


@overridable
def bessel_y1(input, *, out=None):
    """The Bessel function of the second kind of order 1, elementwise."""
    return of_reals(BesselY1, "special_bessel_y1", (input,), out, halves=False)


@overridable
def spherical_bessel_j0(x, *, out=None):
    """sin(x) / x, and 1 at 0, elementwise."""
    return of_reals(SphericalBesselJ0, "special_spherical_bessel_j0", (x,), out, halves=False)


@overridable
def airy_ai(x, *, out=None):
    """Airy's function of the first kind, elementwise."""
    return of_reals(AiryAi, "special_airy_ai", (x,), out, halves=False)
