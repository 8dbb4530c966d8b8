"""Kullback-Leibler divergences of multivariate normal distributions:
(log det Sq / Sp + tr Sq^-1 Sp + (mq - mp)^T Sq^-1 (mq - mp) - n) / 2.
"""

from typing import Any

from ...functions.contraction import matmul
from ...functions.reordering import diag_embed
from ...functions.triangular import solve_triangular
from ..kl import register_kl
from ..lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    lowrank_log_det,
    lowrank_mahalanobis,
)
from ..matrices import batch_mahalanobis
from ..multivariate_normal import MultivariateNormal


def _same_events(p: Any, q: Any, which: str) -> Any:
    """The number of dimensions; ValueError where the two differ in it."""
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {which} with different event shapes cannot be computed\n"
            f"They are {tuple(p.event_shape)} and {tuple(q.event_shape)}."
        )
    return p.event_shape[0]


def _squares(matrix: Any) -> Any:
    """tr X X^T."""
    return matrix.pow(2).sum((-1, -2))


def _log_det(p: Any) -> Any:
    """log det of the covariance."""
    if isinstance(p, MultivariateNormal):
        return 2 * p._half_log_det()
    factor, diagonal = p._lowrank()
    return lowrank_log_det(factor, diagonal, p._capacitance_tril)


def _distance(p: Any, q: Any) -> Any:
    """The squared distance of the means, measured by q's covariance."""
    x = q.loc - p.loc
    if isinstance(q, MultivariateNormal):
        return batch_mahalanobis(q._unbroadcasted_scale_tril, x)
    factor, diagonal = q._lowrank()
    return lowrank_mahalanobis(factor, diagonal, x, q._capacitance_tril)


def _divergence(p: Any, q: Any, trace: Any, n: int) -> Any:
    return 0.5 * (_log_det(q) - _log_det(p) + trace + _distance(p, q) - n)


def _reduced(q: Any) -> Any:
    """A with Sq^-1 = D^-1 - A^T A (Woodbury's identity)."""
    factor, diagonal = q._lowrank()
    scaled = factor.mT / diagonal.unsqueeze(-2)
    return solve_triangular(q._capacitance_tril, scaled, upper=False)


@register_kl(MultivariateNormal, MultivariateNormal)
def _full(p: Any, q: Any) -> Any:
    n = _same_events(p, q, "Multivariate Normals")
    factor = q._unbroadcasted_scale_tril
    trace = _squares(solve_triangular(factor, p._unbroadcasted_scale_tril, upper=False))
    return _divergence(p, q, trace, n)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _lowrank(p: Any, q: Any) -> Any:
    n = _same_events(p, q, "Low Rank Multivariate Normals")
    a = _reduced(q)
    factor, diagonal = p._lowrank()
    q_diagonal = q._unbroadcasted_cov_diag
    trace = (
        (diagonal / q_diagonal).sum(-1)
        + _squares(factor * q_diagonal.rsqrt().unsqueeze(-1))
        - _squares(a * diagonal.sqrt().unsqueeze(-2))
        - _squares(matmul(a, factor))
    )
    return _divergence(p, q, trace, n)


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _full_and_lowrank(p: Any, q: Any) -> Any:
    n = _same_events(p, q, "(Low Rank) Multivariate Normals")
    factor = p._unbroadcasted_scale_tril
    near = _squares(factor * q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1))
    return _divergence(p, q, near - _squares(matmul(_reduced(q), factor)), n)


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _lowrank_and_full(p: Any, q: Any) -> Any:
    n = _same_events(p, q, "(Low Rank) Multivariate Normals")
    factor, diagonal = p._lowrank()
    root = q._unbroadcasted_scale_tril
    shared = _squares(solve_triangular(root, factor, upper=False))
    own = _squares(solve_triangular(root, diag_embed(diagonal.sqrt()), upper=False))
    return _divergence(p, q, shared + own, n)
