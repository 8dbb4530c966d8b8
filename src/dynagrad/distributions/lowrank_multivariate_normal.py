"""Normal vectors whose covariance is of low rank plus a diagonal, as
torch.distributions.lowrank_multivariate_normal.
"""

import math
from typing import Any

from ..core.dtype import Size
from ..functions.contraction import matmul
from ..functions.creation import eye
from ..functions.expansion import broadcast_shapes
from ..functions.factorization import cholesky
from ..functions.reordering import diag_embed
from ..functions.triangular import solve_triangular
from . import constraints
from .distribution import Distribution
from .matrices import batch_mahalanobis, batch_mv
from .utils import EMPTY, lazy_property, standard_normal

__all__ = ["LowRankMultivariateNormal"]


def capacitance_tril(factor: Any, diagonal: Any) -> Any:
    """The Cholesky factor of I + W^T D^-1 W."""
    scaled = factor.mT / diagonal.unsqueeze(-2)
    identity = eye(factor.size(-1), dtype=factor.dtype)
    return cholesky(matmul(scaled, factor) + identity)


def lowrank_log_det(factor: Any, diagonal: Any, capacitance: Any) -> Any:
    """log det(W W^T + D) = log det(I + W^T D^-1 W) + log det D (the determinant lemma)."""
    roots = capacitance.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return 2 * roots + diagonal.log().sum(-1)


def lowrank_mahalanobis(factor: Any, diagonal: Any, x: Any, capacitance: Any) -> Any:
    """x^T (W W^T + D)^-1 x by Woodbury's identity."""
    scaled = batch_mv(factor.mT / diagonal.unsqueeze(-2), x)
    return (x.pow(2) / diagonal).sum(-1) - batch_mahalanobis(capacitance, scaled)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors with mean `loc` and covariance cov_factor cov_factor^T + diag(cov_diag):
    nothing of the covariance's size is made unless it is asked for.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _expanded = {
        "loc": 1,
        "cov_factor": 2,
        "cov_diag": 1,
        "covariance_matrix": 2,
        "scale_tril": 2,
        "precision_matrix": 2,
    }
    _kept = ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril")

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: Any = None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(
                f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m"
            )
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        batch_shape = broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc = loc.expand((*batch_shape, -1))
        self.cov_factor = cov_factor.expand((*batch_shape, -1, -1))
        self.cov_diag = cov_diag.expand((*batch_shape, -1))
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        self._capacitance_tril = capacitance_tril(cov_factor, cov_diag)

    def _whole(self, matrix: Any) -> Any:
        return matrix.expand((*self._batch_shape, *self._event_shape, *self._event_shape))

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy_property
    def variance(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The diagonal of the covariance."""
        squares = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return squares.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance: D^1/2 times that of I + D^-1/2 W W^T D^-1/2, which
        is better conditioned.
        """
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        inner = matmul(scaled, scaled.mT).contiguous()
        identity = eye(self._event_shape[0], dtype=inner.dtype)
        return self._whole(root * cholesky(inner + identity))

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        factor = self._unbroadcasted_cov_factor
        return self._whole(matmul(factor, factor.mT) + diag_embed(self._unbroadcasted_cov_diag))

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance, by Woodbury's identity."""
        diagonal = self._unbroadcasted_cov_diag
        scaled = self._unbroadcasted_cov_factor.mT / diagonal.unsqueeze(-2)
        a = solve_triangular(self._capacitance_tril, scaled, upper=False)
        return self._whole(diag_embed(diagonal.reciprocal()) - matmul(a.mT, a))

    def rsample(self, sample_shape: Any = EMPTY) -> Any:
        shape = self._extended_shape(sample_shape)
        rank = self.cov_factor.shape[-1:]
        dtype = self.loc.dtype
        shared = standard_normal(Size((*shape[:-1], *rank)), dtype)
        own = standard_normal(shape, dtype)
        moved = batch_mv(self._unbroadcasted_cov_factor, shared)
        return self.loc + moved + self._unbroadcasted_cov_diag.sqrt() * own

    def _lowrank(self) -> tuple[Any, Any]:
        return self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        capacitance = self._capacitance_tril
        distance = lowrank_mahalanobis(*self._lowrank(), value - self.loc, capacitance)
        log_det = lowrank_log_det(*self._lowrank(), capacitance)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + log_det + distance)

    def entropy(self) -> Any:
        log_det = lowrank_log_det(*self._lowrank(), self._capacitance_tril)
        constant = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return (0.5 * (constant + log_det)).expand(self._batch_shape)
