"""The generalized Pareto distribution, as torch.distributions.generalized_pareto."""

import math
from typing import Any

from ..functions.creation import zeros_like
from ..functions.random import rand
from ..functions.selection import where
from . import constraints
from .distribution import Distribution
from .utils import EMPTY, broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """P(x > loc + scale z) = (1 + concentration z)^(-1 / concentration): the tail of many
    distributions; an exponential one where concentration is 0.
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _expanded = {"loc": 0, "scale": 0, "concentration": 0}

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: Any = None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def _is_zero(self) -> Any:
        return self.concentration.isclose(zeros_like(self.concentration))

    def _safe(self) -> Any:
        """The concentration, 1 where it is zero: no 0 / 0, not in gradients either."""
        return self.concentration.masked_fill(self._is_zero(), 1.0)

    def _z(self, x: Any) -> Any:
        return (x - self.loc) / self.scale

    def rsample(self, sample_shape: Any = EMPTY) -> Any:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        z, k = self._z(value), self._safe()
        tail = where(self._is_zero(), z, (1 / k + 1) * (k * z).log1p())
        return -self.scale.log() - tail

    def log_survival_function(self, value: Any) -> Any:
        """The logarithm of the probability of values above this one."""
        if self._validate_args:
            self._validate_sample(value)
        z, k = self._z(value), self._safe()
        return where(self._is_zero(), -z, -(k * z).log1p() / k)

    def log_cdf(self, value: Any) -> Any:
        """The logarithm of `cdf`."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Any) -> Any:
        return self.log_cdf(value).exp()

    def icdf(self, value: Any) -> Any:
        k = self._safe()
        rest = (-value).log1p()
        return self.loc + self.scale * where(self._is_zero(), -rest, (-k * rest).expm1() / k)

    @property
    def mean(self) -> Any:
        k = self.concentration
        finite = k < 1
        mean = self.loc + self.scale / (1 - where(finite, k, zeros_like(k)))
        return mean.masked_fill(~finite, math.inf)

    @property
    def variance(self) -> Any:
        k = self.concentration
        finite = k < 0.5
        k = where(finite, k, zeros_like(k))
        variance = self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k))
        return variance.masked_fill(~finite, math.inf)

    def entropy(self) -> Any:
        return self.scale.log() + self.concentration + 1

    @property
    def mode(self) -> Any:
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From loc to where the tail ends, if it does."""
        k = self.concentration
        ends = where(k < 0, self.loc - self.scale / where(k < 0, k, k - k - 1), math.inf)
        return constraints.interval(self.loc, ends)
