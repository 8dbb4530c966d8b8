"""Sample calls of special functions."""

from rule_calls import call, real

SAMPLES = {
    "frexp": [call(real(2, 3, low=0.6, high=0.9))],
    "multigammaln": [call(real(2, 3, low=2.5, high=4), p=p) for p in (1, 4)],
}
DOMAINS = {
    "ndtri": ((0.1, 0.9),),
    "entr": ((0.5, 2),),
    "xlog1py": ((0.5, 2), (0.5, 2)),
    "i1": ((0.5, 2),),
    "i1e": ((0.5, 2),),
    "i0e": ((0.5, 2),),
}
FUNCTIONS = (
    *("airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "spherical_bessel_j0"),
    *("modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1"),
    *("scaled_modified_bessel_k0", "scaled_modified_bessel_k1"),
)
FAMILIES = ("chebyshev_polynomial_", "shifted_chebyshev_polynomial_")
POLYNOMIALS = (
    *(f"{family}{kind}" for family in FAMILIES for kind in "tuvw"),
    *("hermite_polynomial_h", "hermite_polynomial_he"),
    *("laguerre_polynomial_l", "legendre_polynomial_p"),
)
CONSTANTS = {
    **dict.fromkeys(FUNCTIONS, [call(real(2, 3, low=0.5, high=20))]),
    **dict.fromkeys(POLYNOMIALS, [call(real(2, 9), real(9, low=0, high=20))]),
}
#: their first argument has no derivative in PyTorch
REFUSING = {"gammainc", "gammaincc", "zeta"}
