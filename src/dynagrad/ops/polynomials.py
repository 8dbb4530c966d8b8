"""Orthogonal polynomials of a whole degree n, given as an array too. Imports NumPy only.

Degrees are cut to whole numbers; a polynomial of negative degree is 0. Three-term recurrences:
M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions, table 22.7.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .rule import ALIGNED, constant, primitive


def _ascend(x, n, first, step):
    """p_n(x) from p_0 = 1, p_1 = `first` and p_(k+1) = step(k, p_k, p_(k-1)), all elements
    together.

    An element whose polynomial has left the range of its dtype (inf - inf) stays nan.
    """
    before, last = np.ones_like(x), first
    result = np.where(n == 1, first, (n == 0).astype(x.dtype))
    k = 1
    rising = n > 1
    while rising.any():
        before, last = last, step(k, last, before)
        k += 1
        done = rising & ((n == k) | np.isnan(last))
        np.copyto(result, last, where=done)
        rising &= ~done
    return result


def _evaluated(polynomial, x, n):
    """`polynomial` of x and whole n, in float64, its result in the dtype of their arithmetic."""
    shape, dtype = np.broadcast_shapes(x.shape, n.shape), np.result_type(x, n)
    x, n = np.broadcast_arrays(np.atleast_1d(x), n)
    result = polynomial(x.astype(np.float64), np.trunc(n).astype(np.int64))
    return result.astype(dtype).reshape(shape)


# --- Chebyshev ------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What sets one kind of Chebyshev polynomials apart from the others, whose recurrence is the
    same.

    `first` p_1, and the values at 1; at -1 (without the sign (-1)^n); and, for x = cos(t), at t.
    """

    first: Callable
    at_one: Callable
    at_minus_one: Callable
    at_angle: Callable


T = Kind(lambda x: x, lambda n: n * 0 + 1, lambda n: n * 0 + 1, lambda n, t: np.cos(n * t))
U = Kind(
    lambda x: x + x,
    lambda n: n + 1,
    lambda n: n + 1,
    lambda n, t: np.sin((n + 1) * t) / np.sin(t),
)
V = Kind(
    lambda x: x + x - 1,
    lambda n: n * 0 + 1,
    lambda n: n + n + 1,
    lambda n, t: np.cos((n + 0.5) * t) / np.cos(t / 2),
)
W = Kind(
    lambda x: x + x + 1,
    lambda n: n + n + 1,
    lambda n: n * 0 + 1,
    lambda n, t: np.sin((n + 0.5) * t) / np.sin(t / 2),
)
#: degrees up to here go by the recurrence, inside [-1, 1] as well
_LOW = 8


def _chebyshev(kind, x, n):
    """Inside (-1, 1) and of a high degree by the angle, elsewhere by the recurrence."""
    end = np.abs(x) == 1
    by_angle = (np.abs(x) < 1) & (n > _LOW)
    climbed = np.where(end | by_angle, -1, n)
    result = _ascend(x, climbed, kind.first(x), lambda k, p, before: (x + x) * p - before)
    if by_angle.any():
        result[by_angle] = kind.at_angle(n[by_angle], np.arccos(x[by_angle]))
    if end.any():
        sign = 1 - 2 * (n % 2)
        limit = np.where(x > 0, kind.at_one(n), sign * kind.at_minus_one(n))
        result = np.where(end & (n >= 0), limit, result)
    return result


def _plain(kind, x, n):
    return _evaluated(lambda y, m: _chebyshev(kind, y, m), x, n)


def _shifted(kind, x, n):
    return _evaluated(lambda y, m: _chebyshev(kind, y + y - 1, m), x, n)


@primitive
def chebyshev_polynomial_t(x, n):
    """T_n(x), of the first kind: cos(n t) for x = cos(t)."""
    return _plain(T, x, n)


@primitive
def chebyshev_polynomial_u(x, n):
    """U_n(x), of the second kind: sin((n + 1) t) / sin(t) for x = cos(t)."""
    return _plain(U, x, n)


@primitive
def chebyshev_polynomial_v(x, n):
    """V_n(x), of the third kind: cos((n + 1/2) t) / cos(t / 2) for x = cos(t)."""
    return _plain(V, x, n)


@primitive
def chebyshev_polynomial_w(x, n):
    """W_n(x), of the fourth kind: sin((n + 1/2) t) / sin(t / 2) for x = cos(t)."""
    return _plain(W, x, n)


@primitive
def shifted_chebyshev_polynomial_t(x, n):
    """T_n(2 x - 1)."""
    return _shifted(T, x, n)


@primitive
def shifted_chebyshev_polynomial_u(x, n):
    """U_n(2 x - 1)."""
    return _shifted(U, x, n)


@primitive
def shifted_chebyshev_polynomial_v(x, n):
    """V_n(2 x - 1)."""
    return _shifted(V, x, n)


@primitive
def shifted_chebyshev_polynomial_w(x, n):
    """W_n(2 x - 1)."""
    return _shifted(W, x, n)


# --- Hermite, Laguerre, Legendre ------------------------------------------------------------------


def _hermite(x, n, factor):
    """p_(k+1) = factor (x p_k - k p_(k-1)); nan from the degrees on that PyTorch leaves out."""
    highest = 128 if np.result_type(x, n) == np.float32 else 512

    def climb(x, n):
        scaled = factor * x
        low = np.where(n > highest, -1, n)
        result = _ascend(x, low, scaled, lambda k, p, before: scaled * p - (factor * k) * before)
        return np.where(n > highest, np.nan, result)

    return _evaluated(climb, x, n)


@primitive
def hermite_polynomial_h(x, n):
    """H_n(x), the physicists' Hermite polynomial."""
    return _hermite(x, n, 2)


@primitive
def hermite_polynomial_he(x, n):
    """He_n(x), the probabilists' Hermite polynomial."""
    return _hermite(x, n, 1)


def _laguerre(x, n):
    low = np.where(x == 0, np.minimum(n, 0), n)  # 1 at 0, whatever the degree
    return _ascend(
        x, low, 1 - x, lambda k, p, before: ((k + k + (1 - x)) * p - k * before) / (k + 1)
    )


@primitive
def laguerre_polynomial_l(x, n):
    """L_n(x), Laguerre's polynomial."""
    return _evaluated(_laguerre, x, n)


def _legendre(x, n):
    end = (np.abs(x) == 1) & (n >= 0)
    low = np.where(end, 0, n)
    result = _ascend(x, low, x, lambda k, p, before: ((k + k + 1) * x * p - k * before) / (k + 1))
    return np.where(end & (x < 0) & (n % 2 == 1), -result, result)


@primitive
def legendre_polynomial_p(x, n):
    """P_n(x), Legendre's polynomial."""
    return _evaluated(_legendre, x, n)


constant(chebyshev_polynomial_t, batch=ALIGNED)
constant(chebyshev_polynomial_u, batch=ALIGNED)
constant(chebyshev_polynomial_v, batch=ALIGNED)
constant(chebyshev_polynomial_w, batch=ALIGNED)
constant(shifted_chebyshev_polynomial_t, batch=ALIGNED)
constant(shifted_chebyshev_polynomial_u, batch=ALIGNED)
constant(shifted_chebyshev_polynomial_v, batch=ALIGNED)
constant(shifted_chebyshev_polynomial_w, batch=ALIGNED)
constant(hermite_polynomial_h, batch=ALIGNED)
constant(hermite_polynomial_he, batch=ALIGNED)
constant(laguerre_polynomial_l, batch=ALIGNED)
constant(legendre_polynomial_p, batch=ALIGNED)
