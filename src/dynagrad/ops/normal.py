"""The normal distribution's function, its logarithm and inverse, and the scaled error function.
Imports NumPy only.
"""

import math

import numpy as np

from .rule import elementwise, primitive
from .special import erfc64, erfcx_of_large, gaussian, in_double, rational

ROOT_HALF = math.sqrt(0.5)


def _erfcx64(x):
    y = np.abs(x)
    small = ~(y > 0.46875)
    result = np.empty_like(x)
    near = x[small]
    result[small] = np.exp(near * near) * erfc64(near)
    large = x[~small]
    scaled = erfcx_of_large(y[~small])
    below = np.clip(-large, 0, 30)  # erfcx(-y) = 2 e^(y^2) - erfcx(y)
    result[~small] = np.where(large < 0, 2 / gaussian(below) - scaled, scaled)
    return result


@primitive
def erfcx(x):
    """e^(x^2) erfc(x), which does not vanish where erfc does."""
    return in_double(_erfcx64, x)


@primitive
def ndtr(x):
    """The share of the standard normal distribution below x: erfc(-x / sqrt(2)) / 2."""
    return in_double(lambda y: 0.5 * erfc64(y * -ROOT_HALF), x)


def _log_ndtr64(x):
    y = x * -ROOT_HALF
    low = x < -1
    tail = np.log(_erfcx64(np.where(low, y, 0)) / 2) - np.where(low, y * y, 0)
    return np.where(low, tail, np.log1p(-0.5 * erfc64(np.where(low, 0, -y))))


@primitive
def log_ndtr(x):
    """log(ndtr(x)), also where ndtr(x) is 0 in floating point."""
    return in_double(_log_ndtr64, x)


elementwise(erfcx, lambda g, x, out: g * (2 * x * out - 2 / math.sqrt(math.pi)))
elementwise(ndtr, lambda g, x: g * (1 / math.sqrt(2 * math.pi) * np.exp(-0.5 * np.square(x))))
elementwise(log_ndtr, lambda g, x: g * (math.sqrt(2 / math.pi) / erfcx(x * -ROOT_HALF)))


# M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied
# Statistics 37 (1988), PPND16: numerators and denominators, highest power first, for
# |p - 1/2| <= 0.425, and for r = sqrt(-log(min(p, 1 - p))) up to 5 and beyond.

_CENTRE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4)
    + (4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3)
    + (1.3314166789178437745e2, 3.3871328727963666080),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4)
    + (2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2)
    + (4.2313330701600911252e1, 1.0),
)
_OUTSIDE = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1)
    + (1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550)
    + (4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2)
    + (1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940)
    + (2.05319162663775882187, 1.0),
)
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3)
    + (2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580)
    + (5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5)
    + (7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1)
    + (5.99832206555887937690e-1, 1.0),
)


def _ndtri64(p):
    q = p - 0.5
    centre = q * rational(np.maximum(0.180625 - q * q, 0), _CENTRE)
    r = np.sqrt(-np.log(np.minimum(p, 1 - p)))
    near, far = np.minimum(r, 5) - 1.6, np.maximum(r, 5) - 5
    outside = np.where(r <= 5, rational(near, _OUTSIDE), rational(far, _TAIL))
    result = np.where(np.abs(q) <= 0.425, centre, np.copysign(outside, q))
    ends = np.where((p == 0) | (p == 1), np.copysign(np.inf, q), np.nan)
    return np.where((p > 0) & (p < 1), result, ends)


@primitive
def ndtri(x):
    """The inverse of ndtr on (0, 1)."""
    return in_double(_ndtri64, x)


elementwise(ndtri, lambda g, out: g * (math.sqrt(2 * math.pi) * np.exp(0.5 * np.square(out))))
