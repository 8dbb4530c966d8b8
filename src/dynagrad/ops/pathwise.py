"""Derivatives of gamma, beta and Dirichlet samples by their parameters: implicit
reparametrisation. Imports NumPy only.

A sample x at a fixed place u = F(x; a) of its distribution moves with the parameter by
dx/da = -(dF/da) / f(x; a) (M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization
gradients", 2018; M. Jankowiak, F. Obermeyer, "Pathwise derivatives beyond the reparameterization
trick", 2018). Since d log f / da is the sufficient statistic T(t) less its mean,

    dx/da = -integral over t < x of f(t) / f(x) (T(t) - E T) = +the same over t > x,

an integral whose integrand falls off from t = x on and does not change its sign much on the side
of x that is away from the mean: no digits cancel there. It is computed by double exponential
quadrature (H. Takahasi, M. Mori, 1974).
"""

import math
from functools import cache

import numpy as np

from .elementwise import underivable
from .rule import elementwise, primitive
from .special import digamma

#: the integrand is taken to be zero where it has fallen by e^-40
_DEPTH = 40.0
_TOP = 4.0
#: so many samples are computed at once, at all places of the integrands: their memory stays cached
_PIECE = 256


@cache
def _nodes(step):
    """Places in (0, 1] and their weights, as columns: s = exp(v - exp(-v)), scaled so that the last
    place is 1.
    """
    v = np.arange(-3.6, _TOP + step / 2, step)
    places = np.exp(v - np.exp(-v) - (_TOP - math.exp(-_TOP)))
    return places[:, None], step * places * (1 + np.exp(-v))


def _integral(nodes, reach, parts):
    """The integral of exp(-fall) value over 0 < s < reach, for each sample; fall, value = parts(s)
    are new arrays.
    """
    places, weights = nodes
    fall, value = parts(reach * places)
    np.negative(fall, fall)
    np.exp(fall, fall)
    fall *= value
    return reach * (weights @ fall)


def _reach(start, fall, slope):
    """Where the convex function `fall` is _DEPTH, by Newton's method from `start` above it."""
    for _ in range(12):
        start = start - (fall(start) - _DEPTH) / slope(start)
    return start


def _gamma_path(nodes, a, x):
    """dx/da for a sample x of the gamma distribution of shape a and scale 1."""
    center = np.log(x) - digamma(a)
    result = np.empty_like(x)
    low = x <= a
    b, y, c = a[low], x[low], center[low]

    def fall(s):
        return b * s + y * np.expm1(-s)

    reach = _reach((_DEPTH + y) / b, fall, lambda s: b - y * np.exp(-s))
    result[low] = -y * _integral(nodes, reach, lambda s: (fall(s), c - s))
    b, y, c = a[~low], x[~low], center[~low]

    def rise(s):
        return y * np.expm1(s) - b * s

    # exp(s) - 1 - s is at least s^2 / 2, and half of exp(s) - 1 from 1.26 on
    start = np.minimum(np.sqrt(2 * _DEPTH / y), np.maximum(1.26, np.log1p(2 * _DEPTH / y)))
    reach = _reach(start, rise, lambda s: y * np.exp(s) - b)
    result[~low] = y * _integral(nodes, reach, lambda s: (rise(s), c + s))
    return result


def _softplus(y):
    result = np.abs(y)
    np.negative(result, result)
    np.exp(result, result)
    np.log1p(result, result)
    result += np.maximum(y, 0)
    return result


def _beta_path(nodes, x, a, b):
    """dx/da for a sample x of the beta distribution of a and b, divided by x (1 - x)."""
    low = x * (a + b) <= a
    result = np.empty_like(x)
    for side, chosen in ((-1, low), (1, ~low)):
        result[chosen] = side * _beta_side(nodes, side, x[chosen], a[chosen], b[chosen])
    return result


def _beta_side(nodes, side, x, a, b):
    """The integral on one side of x, over logit t = logit x -+ s; its density is t^a (1 - t)^b."""
    total = a + b
    y = np.log(x) - np.log1p(-x)
    c = digamma(total) - digamma(a)
    base = _softplus(y)

    def parts(s):
        w = y + side * s
        soft = _softplus(w)
        return total * (soft - base) - side * a * s, c + (w - soft)

    def slope(s):
        return side * (total / (1 + np.exp(-(y + side * s))) - a)

    start = (_DEPTH + total * (base if side < 0 else base - y)) / (a if side < 0 else b)
    return _integral(nodes, _reach(start, lambda s: parts(s)[0], slope), parts)


def _in_double(fun, *arrays):
    """`fun` of the nodes and float64 vectors, piece by piece; its result in the arrays' dtype and
    common shape.

    The nodes for float64 give nine digits and more for all parameters from 1e-3 to 1e5, mostly all
    digits; those for float32, half as many, the digits that float32 has, nearly five at the ends.
    """
    wide = np.broadcast_arrays(*arrays)
    vectors = [np.asarray(a, np.float64).reshape(-1) for a in wide]
    dtype = np.result_type(*arrays)
    nodes = _nodes(0.05 if dtype == np.float64 else 0.1)
    result = np.empty(wide[0].size, dtype)
    with np.errstate(all="ignore"):
        for start in range(0, result.size, _PIECE):
            part = slice(start, start + _PIECE)
            result[part] = fun(nodes, *[v[part] for v in vectors])
    return result.reshape(wide[0].shape)


@primitive
def standard_gamma_grad(a, x):
    """The derivative by a of a sample x of the gamma distribution of shape a and scale 1."""
    return _in_double(_gamma_path, a, x)


@primitive
def dirichlet_grad(x, a, total):
    """The derivative by a of a component x of a Dirichlet sample, divided by 1 - x; `total` the
    sum of the concentrations, of which a is its own."""

    def path(nodes, x, a, total):
        return x * _beta_path(nodes, x, a, total - a)

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
