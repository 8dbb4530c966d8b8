"""The incomplete gamma functions, the multivariate one and Hurwitz's zeta. Imports NumPy only."""

import math

import numpy as np

from ..extras import optional
from .elementwise import underivable
from .rule import elementwise, primitive
from .special import digamma, hurwitz_zeta, lgamma


def _of_scipy(name, a, x, limit):
    """SciPy's function; `limit` its value for x = 0 and for infinite a, 1 - limit that for infinite
    x, where the other may be nan (PyTorch's choice).
    """
    functions = optional("scipy.special", "scipy", f"torch.special.{name}")
    dtype = np.result_type(a, x)
    result = getattr(functions, name)(a.astype(np.float64), x.astype(np.float64))
    known = ((a == np.inf) & ~np.isinf(x) & ~(x < 0)) | (np.isnan(a) & (x == 0))
    result = np.where(known, limit, result)
    return np.where((x == np.inf) & np.isnan(a), 1 - limit, result).astype(dtype)


@primitive
def gammainc(a, x):
    """The lower incomplete gamma function, regularised: the integral of t^(a-1) e^-t / Gamma(a)
    from 0 to x."""
    return _of_scipy("gammainc", a, x, 0)


@primitive
def gammaincc(a, x):
    """1 - gammainc(a, x), accurate where that is small."""
    return _of_scipy("gammaincc", a, x, 1)


def _density(a, x):
    """The derivative of gammainc with respect to x."""
    return np.exp((a - 1) * np.log(x) - x - lgamma(a))


elementwise(gammainc, lambda g: underivable("igamma: input"), lambda g, a, x: g * _density(a, x))
elementwise(gammaincc, lambda g: underivable("igammac: input"), lambda g, a, x: -g * _density(a, x))


@primitive
def multigammaln(x, *, p):
    """The logarithm of the multivariate gamma function: p (p - 1) / 4 log(pi) and the sum of
    lgamma(x - k/2) for k = 0, ..., p - 1."""
    total = lgamma(x.astype(np.float64))
    for k in range(1, p):
        total += lgamma(np.asarray(x - 0.5 * k, np.float64))
    return (total + 0.25 * p * (p - 1) * math.log(math.pi)).astype(x.dtype)


def _multigammaln_vjp(g, x, *, p):
    total = digamma(x)
    for k in range(1, p):
        total = total + digamma(x - 0.5 * k)
    return g * total


elementwise(multigammaln, _multigammaln_vjp)


@primitive
def zeta(x, q):
    """Hurwitz's zeta function, the sum of (q + k)^-x over k = 0, 1, ..."""
    dtype = np.result_type(x, q)
    return hurwitz_zeta(x.astype(np.float64), q.astype(np.float64)).astype(dtype)


elementwise(zeta, lambda g: underivable("zeta"), lambda g, x, q: g * (-x * zeta(x + 1, q)))
