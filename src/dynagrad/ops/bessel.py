"""Bessel functions, and Airy's function of the first kind. Imports NumPy only.

The modified functions of the first kind, their derivatives' rules included, are our own; those of
the other kinds and the oscillating ones, which have no derivative in PyTorch, are SciPy's, an
optional extra.
"""

import numpy as np

from ..extras import optional
from .elementwise import drop, keep
from .rounding import sign
from .rule import ALIGNED, constant, elementwise, primitive
from .special import in_double

# --- modified, of the first kind ------------------------------------------------------------------
# Expansions in Chebyshev polynomials T_k(t), to 40 digits before rounding: of e^-x I0(x) and
# e^-x I1(x) / x for x = 4 (t + 1) up to 8, and of e^-x sqrt(x) I0(x) and e^-x sqrt(x) I1(x) for
# x = 16 / (t + 1) beyond.

# fmt: off
_I0_NEAR = (
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764,
    0.04930528423967071, -0.02373741480589947, 0.010546460394594998, -0.004324309995050576,
    0.0016394756169413357, -0.0005763755745385824, 0.00018850288509584165, -5.754195010082104e-05,
    1.6448448070728896e-05, -4.4167383584587505e-06, 1.1173875391201037e-06, -2.670793853940612e-07,
    6.046995022541919e-08, -1.300025009986248e-08, 2.6598237246823866e-09, -5.189795601635263e-10,
    9.675809035373237e-11, -1.726826291441556e-11, 2.95505266312964e-12, -4.856446783111929e-13,
    7.676185498604936e-14, -1.1685332877993451e-14, 1.715391285555133e-15, -2.431279846547955e-16,
    3.3307945188222384e-17, -4.4153416464793395e-18, 5.669178006921496e-19,
)
_I1_NEAR = (
    0.12629359322181682, -0.17641651835783406, 0.1026436586898471, -0.05294598120809499,
    0.024726449030626516, -0.010564084894626197, 0.004156422944312888, -0.0015135724506312532,
    0.0005122859561685758, -0.00016176081582589674, 4.781565107550054e-05, -1.3273163656039436e-05,
    3.4702513081376785e-06, -8.568720264695455e-07, 2.0032947535521353e-07, -4.445059128796328e-08,
    9.381537386495773e-09, -1.8872497517228294e-09, 3.625590281552117e-10, -6.663489723502027e-11,
    1.1736186298890901e-11, -1.9839743977649436e-12, 3.223793365945575e-13, -5.042185504727912e-14,
    7.600684294735408e-15, -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17,
    2.7779141127610464e-18, -3.541581772542136e-19,
)
_I0_FAR = (
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05,
    2.8913705208347567e-06, 2.0489185894690638e-07, 2.266668990498178e-08,
    3.3962320257083865e-09, 4.94060238822497e-10, 1.1889147107846439e-11,
    -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
    7.180124451383666e-13, 3.8527783827421426e-13, 1.54008621752141e-14,
    -4.150569347287222e-14, -9.554846698828307e-15, 3.8116806693526224e-15,
    1.7725601330565263e-15, -3.425485619677219e-16, -2.8276239805165836e-16,
    3.461222867697461e-17, 4.46562142029676e-17, -4.830504485944182e-18,
    -7.233180487874754e-18, 9.921475412173699e-19, 1.193650890845982e-18,
)
_I1_FAR = (
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371,
    -3.882564808877691e-06, -2.512236237870209e-07, -2.6314688468895196e-08,
    -3.835380385964237e-09, -5.589743462196584e-10, -1.8974958123505413e-11,
    3.2526035830154884e-11, 1.4125807436613782e-11, 2.0356285441470896e-12,
    -7.198551776245908e-13, -4.0835511110921974e-13, -2.1015418427726643e-14,
    4.272440016711951e-14, 1.0420276984128802e-14, -3.8144030724370075e-15,
    -1.8803547755107825e-15, 3.3082023109209285e-16, 2.96262899764595e-16,
    -3.209525921993424e-17, -4.6503053684893586e-17, 4.414348323071708e-18,
    7.517296310842105e-18, -9.314178867326884e-19, -1.242193275194891e-18,
)
# fmt: on


def _chebyshev(t, coefficients):
    """The sum of coefficients[k] T_k(t), by Clenshaw's recurrence."""
    twice = 2 * t
    last = before = np.zeros_like(t)
    for c in coefficients[:0:-1]:
        last, before = twice * last - before + c, last
    return t * last - before + coefficients[0]


def _scaled(x, near, far, *, odd):
    """e^-|x| I(x) from the expansions near 0 and far from it."""
    y = np.abs(x)
    result = np.empty_like(y)
    small = ~(y > 8)
    small_y, large = y[small], y[~small]
    part = _chebyshev(small_y / 4 - 1, near)
    result[small] = part * small_y if odd else part
    result[~small] = _chebyshev(16 / large - 1, far) / np.sqrt(large)
    return np.copysign(result, x) if odd else result


def _i0e(x):
    return _scaled(x, _I0_NEAR, _I0_FAR, odd=False)


def _i1e(x):
    return _scaled(x, _I1_NEAR, _I1_FAR, odd=True)


def _grown(x, scaled):
    """e^|x| times the scaled function; nan at infinity, as PyTorch has it."""
    return np.exp(np.abs(x)) * scaled


@primitive
def i0(x):
    """The modified Bessel function of the first kind of order 0."""
    return in_double(lambda y: _grown(y, _i0e(y)), x)


@primitive
def i0e(x):
    """e^-|x| i0(x)."""
    return in_double(_i0e, x)


@primitive
def i1(x):
    """The modified Bessel function of the first kind of order 1."""
    return in_double(lambda y: _grown(y, _i1e(y)), x)


@primitive
def i1e(x):
    """e^-|x| i1(x)."""
    return in_double(_i1e, x)


def _order_one(g, x, slope):
    """g times the slope of a function of order 1: its quotient by x is 1/2 at 0."""
    origin = np.equal(x, 0)
    return drop(g * slope(x + origin), origin) + keep(0.5 * g, origin)


elementwise(i0, lambda g, x: g * i1(x))
elementwise(i0e, lambda g, x, out: g * (i1e(x) - sign(x) * out))
elementwise(i1, lambda g, x, out: _order_one(g, x, lambda y: i0(x) - out / y))
elementwise(i1e, lambda g, x, out: _order_one(g, x, lambda y: i0e(x) - out * (sign(x) + 1 / y)))


# --- without a derivative -------------------------------------------------------------------------


@primitive
def modified_bessel_i0(x):
    """i0, without a derivative."""
    return i0(x)


@primitive
def modified_bessel_i1(x):
    """i1, without a derivative."""
    return i1(x)


def _spherical_j0(x):
    near = np.abs(x) < 0.5
    t = np.where(near, x * x, 0)
    series = np.ones_like(t)
    for k in range(14, 0, -2):
        series = 1 - t / (k * (k + 1)) * series
    y = np.where(near | np.isinf(x), 1, x)
    return np.where(near, series, np.where(np.isinf(x), 0, np.sin(y) / y))


@primitive
def spherical_bessel_j0(x):
    """sin(x) / x, and 1 at 0."""
    return in_double(_spherical_j0, x)


def _from_scipy(name, x):
    """SciPy's function of this name, computed in float64."""
    functions = optional("scipy.special", "scipy", f"torch.special, for SciPy's {name},")
    return in_double(getattr(functions, name), x)


@primitive
def bessel_j0(x):
    """The Bessel function of the first kind of order 0."""
    return _from_scipy("j0", x)


@primitive
def bessel_j1(x):
    """The Bessel function of the first kind of order 1."""
    return _from_scipy("j1", x)


@primitive
def bessel_y0(x):
    """The Bessel function of the second kind of order 0."""
    return _from_scipy("y0", x)


@primitive
def bessel_y1(x):
    """The Bessel function of the second kind of order 1."""
    return _from_scipy("y1", x)


@primitive
def modified_bessel_k0(x):
    """The modified Bessel function of the second kind of order 0."""
    return _from_scipy("k0", x)


@primitive
def modified_bessel_k1(x):
    """The modified Bessel function of the second kind of order 1."""
    return _from_scipy("k1", x)


@primitive
def scaled_modified_bessel_k0(x):
    """e^x k0(x)."""
    return _from_scipy("k0e", x)


@primitive
def scaled_modified_bessel_k1(x):
    """e^x k1(x)."""
    return _from_scipy("k1e", x)


def _airy_far_below(x):
    """Two terms of the asymptotic series, exact for x < -1e5, where SciPy gives up in the end."""
    y = np.maximum(-x, 1e5)
    angle = 2 / 3 * y * np.sqrt(y)
    phase = angle - np.pi / 4
    return (np.cos(phase) + 5 / 72 * np.sin(phase) / angle) / (np.sqrt(np.pi * np.sqrt(y)))


@primitive
def airy_ai(x):
    """Airy's function of the first kind."""
    functions = optional("scipy.special", "scipy", "torch.special.airy_ai")

    def near_and_far(y):
        near = functions.airy(y)[0]
        return np.where(y < -1e5, _airy_far_below(y), near)

    return in_double(near_and_far, x)


for _function in (
    *(airy_ai, bessel_j0, bessel_j1, bessel_y0, bessel_y1, spherical_bessel_j0),
    *(modified_bessel_i0, modified_bessel_i1, modified_bessel_k0, modified_bessel_k1),
    *(scaled_modified_bessel_k0, scaled_modified_bessel_k1),
):
    constant(_function, batch=ALIGNED)
