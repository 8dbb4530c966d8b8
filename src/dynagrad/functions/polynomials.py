"""Orthogonal polynomials under PyTorch's names: x or n may be a number, they have no derivative."""

from ..core.overrides import overridable
from ..ops import polynomials as ops
from .nodes import node
from .special import of_reals

ChebyshevPolynomialT = node("NotImplemented", ops.chebyshev_polynomial_t)
ChebyshevPolynomialU = node("NotImplemented", ops.chebyshev_polynomial_u)
ChebyshevPolynomialV = node("NotImplemented", ops.chebyshev_polynomial_v)
ChebyshevPolynomialW = node("NotImplemented", ops.chebyshev_polynomial_w)
ShiftedChebyshevPolynomialT = node("NotImplemented", ops.shifted_chebyshev_polynomial_t)
ShiftedChebyshevPolynomialU = node("NotImplemented", ops.shifted_chebyshev_polynomial_u)
ShiftedChebyshevPolynomialV = node("NotImplemented", ops.shifted_chebyshev_polynomial_v)
ShiftedChebyshevPolynomialW = node("NotImplemented", ops.shifted_chebyshev_polynomial_w)
HermitePolynomialH = node("NotImplemented", ops.hermite_polynomial_h)
HermitePolynomialHe = node("NotImplemented", ops.hermite_polynomial_he)
LaguerrePolynomialL = node("NotImplemented", ops.laguerre_polynomial_l)
LegendrePolynomialP = node("NotImplemented", ops.legendre_polynomial_p)


def _polynomial(cls, name, x, n, out):
    return of_reals(cls, f"special_{name}", (x, n), out, halves=False)


@overridable
def chebyshev_polynomial_t(x, n, *, out=None):
    """T_n(x), Chebyshev's polynomial of the first kind, elementwise."""
    return _polynomial(ChebyshevPolynomialT, "chebyshev_polynomial_t", x, n, out)


@overridable
def chebyshev_polynomial_u(x, n, *, out=None):
    """U_n(x), Chebyshev's polynomial of the second kind, elementwise."""
    return _polynomial(ChebyshevPolynomialU, "chebyshev_polynomial_u", x, n, out)


@overridable
def chebyshev_polynomial_v(x, n, *, out=None):
    """V_n(x), Chebyshev's polynomial of the third kind, elementwise."""
    return _polynomial(ChebyshevPolynomialV, "chebyshev_polynomial_v", x, n, out)


@overridable
def chebyshev_polynomial_w(x, n, *, out=None):
    """W_n(x), Chebyshev's polynomial of the fourth kind, elementwise."""
    return _polynomial(ChebyshevPolynomialW, "chebyshev_polynomial_w", x, n, out)


@overridable
def shifted_chebyshev_polynomial_t(x, n, *, out=None):
    """T_n(2 x - 1), of the first kind on [0, 1], elementwise."""
    return _polynomial(ShiftedChebyshevPolynomialT, "shifted_chebyshev_polynomial_t", x, n, out)


@overridable
def shifted_chebyshev_polynomial_u(x, n, *, out=None):
    """U_n(2 x - 1), of the second kind on [0, 1], elementwise."""
    return _polynomial(ShiftedChebyshevPolynomialU, "shifted_chebyshev_polynomial_u", x, n, out)


@overridable
def shifted_chebyshev_polynomial_v(x, n, *, out=None):
    """V_n(2 x - 1), of the third kind on [0, 1], elementwise."""
    return _polynomial(ShiftedChebyshevPolynomialV, "shifted_chebyshev_polynomial_v", x, n, out)


@overridable
def shifted_chebyshev_polynomial_w(x, n, *, out=None):
    """W_n(2 x - 1), of the fourth kind on [0, 1], elementwise."""
    return _polynomial(ShiftedChebyshevPolynomialW, "shifted_chebyshev_polynomial_w", x, n, out)


@overridable
def hermite_polynomial_h(x, n, *, out=None):
    """H_n(x), the physicists' Hermite polynomial, elementwise."""
    return _polynomial(HermitePolynomialH, "hermite_polynomial_h", x, n, out)


@overridable
def hermite_polynomial_he(x, n, *, out=None):
    """He_n(x), the probabilists' Hermite polynomial, elementwise."""
    return _polynomial(HermitePolynomialHe, "hermite_polynomial_he", x, n, out)


@overridable
def laguerre_polynomial_l(x, n, *, out=None):
    """L_n(x), Laguerre's polynomial, elementwise."""
    return _polynomial(LaguerrePolynomialL, "laguerre_polynomial_l", x, n, out)


@overridable
def legendre_polynomial_p(x, n, *, out=None):
    """P_n(x), Legendre's polynomial, elementwise."""
    return _polynomial(LegendrePolynomialP, "legendre_polynomial_p", x, n, out)
