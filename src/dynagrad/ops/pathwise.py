"""Derivatives of gamma, beta and Dirichlet samples by their parameters: implicit
reparametrisation. Imports NumPy only.

A sample x at a fixed place u = F(x; a) of its distribution moves with the parameter by
dx/da = -(dF/da) / f(x; a) (M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization
gradients", 2018; M. Jankowiak, F. Obermeyer, "Pathwise derivatives beyond the reparameterization
trick", 2018). Since d log f / da is the sufficient statistic T(t) less its mean,

    dx/da = -integral over t < x of f(t) / f(x) (T(t) - E T) = +the same over t > x,

an integral whose integrand falls off from t = x on and does not change its sign much on the side
of x that is away from the mean: no digits cancel there. It is computed by double exponential
quadrature (H. Takahasi, M. Mori, 1974), exact to the rounding of float64 for all parameters.
"""

import math

import numpy as np

from .elementwise import underivable
from .rule import elementwise, primitive
from .special import digamma

#: the integrand is taken to be zero where it has fallen by e^-40
_DEPTH = 40.0
_STEP = 0.1
_TOP = 4.0
_GRID = np.arange(-3.4, _TOP + _STEP / 2, _STEP)
#: places in (0, 1] and their weights: s = exp(v - exp(-v)), scaled so that the last is 1
_PLACES = np.exp(_GRID - np.exp(-_GRID) - (_TOP - math.exp(-_TOP)))
_WEIGHTS = _STEP * _PLACES * (1 + np.exp(-_GRID))


def _integral(reach, fall, value):
    """The integral of exp(-fall(s)) value(s) over 0 < s < reach, elementwise."""
    total = np.zeros_like(reach)
    for place, weight in zip(_PLACES.tolist(), _WEIGHTS.tolist(), strict=True):
        s = reach * place
        total += weight * np.exp(-fall(s)) * value(s)
    return total * reach


def _reach(start, fall, slope):
    """Where the convex function `fall` is _DEPTH, by Newton's method from `start` above it."""
    for _ in range(12):
        start = start - (fall(start) - _DEPTH) / slope(start)
    return start


def _gamma_path(a, x):
    """dx/da for a sample x of the gamma distribution of shape a and scale 1."""
    center = np.log(x) - digamma(a)
    result = np.empty_like(x)
    low = x <= a
    b, y, c = a[low], x[low], center[low]

    def fall(s):
        return b * s + y * np.expm1(-s)

    reach = _reach((_DEPTH + y) / b, fall, lambda s: b - y * np.exp(-s))
    result[low] = -y * _integral(reach, fall, lambda s: c - s)
    b, y, c = a[~low], x[~low], center[~low]

    def rise(s):
        return y * np.expm1(s) - b * s

    # exp(s) - 1 - s is at least s^2 / 2, and half of exp(s) - 1 from 1.26 on
    start = np.minimum(np.sqrt(2 * _DEPTH / y), np.maximum(1.26, np.log1p(2 * _DEPTH / y)))
    reach = _reach(start, rise, lambda s: y * np.exp(s) - b)
    result[~low] = y * _integral(reach, rise, lambda s: c + s)
    return result


def _softplus(y):
    return np.logaddexp(0, y)


def _beta_path(x, a, b):
    """dx/da for a sample x of the beta distribution of a and b, divided by x (1 - x)."""
    total = a + b
    place = np.log(x) - np.log1p(-x)
    shift = digamma(total) - digamma(a)
    result = np.empty_like(x)
    # log t - log(1 - t) = place -+ s; the density of that variable is t^a (1 - t)^b
    for side, chosen in ((-1, x * total <= a), (1, ~(x * total <= a))):
        p, q, y, c = a[chosen], total[chosen], place[chosen], shift[chosen]
        base, rest = _softplus(y), (b if side > 0 else a)[chosen]

        def fall(s, side=side, p=p, q=q, y=y, base=base):
            return q * (_softplus(y + side * s) - base) - side * p * s

        def slope(s, side=side, p=p, q=q, y=y):
            return side * (q / (1 + np.exp(-(y + side * s))) - p)

        def value(s, side=side, y=y, c=c):
            return c - _softplus(-(y + side * s))

        start = (_DEPTH + q * (base if side < 0 else _softplus(-y))) / rest
        reach = _reach(start, fall, slope)
        result[chosen] = side * _integral(reach, fall, value)
    return result


def _in_double(fun, *arrays):
    """`fun` of float64 vectors, its result in the arrays' dtype and common shape."""
    wide = np.broadcast_arrays(*arrays)
    with np.errstate(all="ignore"):
        result = fun(*[np.asarray(a, np.float64).reshape(-1) for a in wide])
    return result.reshape(wide[0].shape).astype(np.result_type(*arrays))


@primitive
def standard_gamma_grad(a, x):
    """The derivative by a of a sample x of the gamma distribution of shape a and scale 1."""
    return _in_double(_gamma_path, a, x)


@primitive
def dirichlet_grad(x, a, total):
    """The derivative by a of a component x of a Dirichlet sample, divided by 1 - x; `total` the
    sum of the concentrations, of which a is its own."""

    def path(x, a, total):
        return x * _beta_path(x, a, total - a)

    return _in_double(path, x, a, total)


@primitive
def gamma_sample(a, x):
    """x, a sample of the gamma distribution of shape a, which moves with a."""
    return x if a.shape == x.shape else np.broadcast_arrays(x, a)[0].copy()


elementwise(
    standard_gamma_grad,
    lambda g: underivable("_standard_gamma_grad: self"),
    lambda g: underivable("_standard_gamma_grad: output"),
)
elementwise(
    dirichlet_grad,
    lambda g: underivable("_dirichlet_grad: x"),
    lambda g: underivable("_dirichlet_grad: alpha"),
    lambda g: underivable("_dirichlet_grad: total"),
)
elementwise(gamma_sample, lambda g, a, out: g * standard_gamma_grad(a, out), None)
