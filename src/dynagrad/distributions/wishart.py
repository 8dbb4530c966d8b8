"""The Wishart distribution of covariance matrices, as torch.distributions.wishart."""

import math
from numbers import Number
from typing import Any

from ..core.dtype import Size
from ..functions.contraction import matmul
from ..functions.expansion import broadcast_shapes
from ..functions.factorization import cholesky, cholesky_solve
from ..functions.from_data import tensor
from ..functions.gamma import mvlgamma
from ..functions.random import randn
from ..functions.ranges import arange
from ..functions.reordering import tril_indices
from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .matrices import inverse_of, precision_to_scale_tril
from .utils import EMPTY, lazy_property, plain_shape

__all__ = ["Wishart"]

_LOG_2 = math.log(2)


def _digamma_sum(x: Any, p: int) -> Any:
    """The derivative of mvlgamma(x, p)."""
    return (x.unsqueeze(-1) - 0.5 * arange(p, dtype=x.dtype)).digamma().sum(-1)


class Wishart(ExponentialFamily):
    """Sums of `df` products x x^T of normal vectors with a covariance matrix, which is given by
    itself, by its inverse, or by its Cholesky factor.
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _expanded = {"df": 0, "covariance_matrix": 2, "scale_tril": 2, "precision_matrix": 2}
    _kept = ("_unbroadcasted_scale_tril", "_batch_dims")

    def __init__(
        self,
        df: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: Any = None,
    ):
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        named = [(name, value) for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise AssertionError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        ((name, matrix),) = named
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch "
                f"dimensions\nThe {name} given has {matrix.dim()}."
            )
        if isinstance(df, Number):
            df = tensor(df, dtype=matrix.dtype)
        batch_shape = broadcast_shapes(df.shape, matrix.shape[:-2])
        event_shape = matrix.shape[-2:]
        self.df = df.expand(batch_shape)
        setattr(self, name, matrix.expand((*batch_shape, -1, -1)))
        if self.df.le(event_shape[-1] - 1).any():
            raise ValueError(
                f"Value of df={df} expected to be greater than ndim - 1 = {event_shape[-1] - 1}."
            )
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        self._batch_dims = [-(x + 1) for x in range(len(batch_shape))]
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = matrix
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = cholesky(matrix)
        else:
            self._unbroadcasted_scale_tril = precision_to_scale_tril(matrix)
        self._dist_chi2 = self._chi2_of_diagonal()

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    def _chi2_of_diagonal(self) -> Chi2:
        fewer = arange(self._event_shape[-1], dtype=self.df.dtype)
        return Chi2(self.df.unsqueeze(-1) - fewer.expand((*self._batch_shape, -1)))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._batch_dims = [-(x + 1) for x in range(len(new._batch_shape))]
        new._dist_chi2 = new._chi2_of_diagonal()
        return new

    def _whole(self, matrix: Any) -> Any:
        return matrix.expand((*self._batch_shape, *self._event_shape))

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance of the vectors."""
        factor = self._unbroadcasted_scale_tril
        return self._whole(matmul(factor, factor.mT))

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        return self._whole(inverse_of(self._unbroadcasted_scale_tril))

    def _df(self) -> Any:
        return self.df.view((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Any:
        return self._df() * self.covariance_matrix

    @property
    def mode(self) -> Any:
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor = factor.masked_fill(factor <= 0, math.nan)
        return factor.view((*self._batch_shape, 1, 1)) * self.covariance_matrix

    @property
    def variance(self) -> Any:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._df() * (v.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape: Any = EMPTY) -> Any:
        """L A A^T L^T with normal values below the diagonal of A and chi values on it (M. S.
        Bartlett, "On the theory of statistical regression", 1933).
        """
        p = self._event_shape[-1]
        noise = self._dist_chi2.rsample(sample_shape).sqrt().diag_embed(dim1=-2, dim2=-1)
        rows, columns = tril_indices(p, p, offset=-1)
        noise[..., rows, columns] = randn(
            (*sample_shape, *self._batch_shape, p * (p - 1) // 2), dtype=noise.dtype
        )
        root = matmul(self._unbroadcasted_scale_tril, noise)
        return matmul(root, root.mT)

    def rsample(self, sample_shape: Any = EMPTY, max_try_correction: int | None = None) -> Any:
        """Values with gradients, the second that are drawn: PyTorch takes the first, unless all of
        a place's batch are singular, for singular and draws anew. What is singular then is drawn
        again, max_try_correction times in all (10).
        """
        sample_shape = plain_shape(sample_shape)
        tries = 10 if max_try_correction is None else max_try_correction
        sample = self._bartlett_sampling(sample_shape)
        again = self._any_of_batch(self.support.check(sample))
        for _ in range(tries):
            if not again.any():
                break
            new = self._bartlett_sampling(Size((int(again.sum()),)))
            sample[again] = new
            singular = self._any_of_batch(~self.support.check(new))
            again = again.masked_scatter(again, singular)
        return sample

    def _any_of_batch(self, places: Any) -> Any:
        """For each place of the sample shape whether it is so anywhere in its batch."""
        return places.any(dim=self._batch_dims) if self._batch_dims else places

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        nu, p = self.df, self._event_shape[-1]
        factor = self._unbroadcasted_scale_tril
        log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        value_factor = cholesky(value)
        value_log_det = 2 * value_factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        trace = cholesky_solve(value, factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (
            -nu * (p * _LOG_2 / 2 + log_det)
            - mvlgamma(nu / 2, p)
            + (nu - p - 1) / 2 * value_log_det
            - trace / 2
        )

    def entropy(self) -> Any:
        nu, p = self.df, self._event_shape[-1]
        log_det = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (
            (p + 1) * (p * _LOG_2 / 2 + log_det)
            + mvlgamma(nu / 2, p)
            - (nu - p - 1) / 2 * _digamma_sum(nu / 2, p)
            + nu * p / 2
        )

    @property
    def _natural_params(self) -> tuple:
        p = self._event_shape[-1]
        return -self.precision_matrix / 2, (self.df - p - 1) / 2

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        p = self._event_shape[-1]
        log_det = (-2 * x).logdet()
        return (y + (p + 1) / 2) * (-log_det + _LOG_2 * p) + mvlgamma(y + (p + 1) / 2, p)
