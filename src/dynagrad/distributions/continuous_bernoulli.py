"""The continuous Bernoulli distribution, as torch.distributions.continuous_bernoulli."""

import math
from typing import Any

from ..autograd.grad_mode import no_grad
from ..functions.creation import ones_like, zeros_like
from ..functions.neural.loss import binary_cross_entropy_with_logits
from ..functions.random import rand
from ..functions.selection import where
from . import constraints
from .exp_family import ExponentialFamily
from .parameters import Odds
from .utils import EMPTY, broadcast_all, clamp_probs, lazy_property, logits_to_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(Odds, ExponentialFamily):
    """Density proportional to probs^x (1 - probs)^(1 - x) on [0, 1] (G. Loaiza-Ganem, J. P.
    Cunningham, "The continuous Bernoulli", 2019).

    Where probs lies within `lims`, around 1/2, Taylor series take the place of 0 / 0.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _kept = ("_lims",)

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: Any = None,
    ):
        batch_shape, _ = self._take(probs, logits)
        if probs is not None:
            if validate_args is not None and not constraints.unit_interval.check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self._param = self.probs = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(batch_shape, validate_args=validate_args)

    @lazy_property
    def probs(self) -> Any:
        """The parameter in (0, 1); not the mean."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _stable(self) -> tuple[Any, Any]:
        """Where the formulas hold, and probs there (a harmless value elsewhere)."""
        low, high = self._lims
        outside = (self.probs <= low) | (self.probs > high)
        return outside, where(outside, self.probs, low * ones_like(self.probs))

    def _log_norm(self) -> Any:
        outside, p = self._stable()
        below = where(p <= 0.5, p, zeros_like(p))
        above = where(p >= 0.5, p, ones_like(p))
        width = where(p <= 0.5, (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        log_norm = ((-p).log1p() - p.log()).abs().log() - width
        x = (self.probs - 0.5).pow(2)
        taylor = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return where(outside, log_norm, taylor)

    @property
    def mean(self) -> Any:
        outside, p = self._stable()
        mean = p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log())
        x = self.probs - 0.5
        return where(outside, mean, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x)

    @property
    def stddev(self) -> Any:
        return self.variance.sqrt()

    @property
    def variance(self) -> Any:
        outside, p = self._stable()
        variance = p * (p - 1.0) / (1.0 - 2.0 * p).pow(2) + 1.0 / ((-p).log1p() - p.log()).pow(2)
        x = (self.probs - 0.5).pow(2)
        return where(outside, variance, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def _places(self, sample_shape: Any) -> Any:
        return rand(self._extended_shape(sample_shape), dtype=self.probs.dtype)

    def sample(self, sample_shape: Any = EMPTY) -> Any:
        with no_grad():
            return self.icdf(self._places(sample_shape))

    def rsample(self, sample_shape: Any = EMPTY) -> Any:
        return self.icdf(self._places(sample_shape))

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        powers = -binary_cross_entropy_with_logits(logits, value, reduction="none")
        return powers + self._log_norm()

    def cdf(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        outside, p = self._stable()
        cdf = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inner = where(outside, cdf, value)
        return where(value <= 0, zeros_like(value), where(value >= 1.0, ones_like(value), inner))

    def icdf(self, value: Any) -> Any:
        outside, p = self._stable()
        rest = (-p).log1p()
        places = ((-p + value * (2.0 * p - 1.0)).log1p() - rest) / (p.log() - rest)
        return where(outside, places, value)

    def entropy(self) -> Any:
        none, one = (-self.probs).log1p(), self.probs.log()
        return self.mean * (none - one) - self._log_norm() - none

    @property
    def _natural_params(self) -> tuple:
        return (self.logits,)

    def _log_normalizer(self, x: Any) -> Any:
        low, high = self._lims
        outside = (x <= low - 0.5) | (x > high - 0.5)
        cut = where(outside, x, (low - 0.5) * ones_like(x))
        log_norm = cut.expm1().abs().log() - cut.abs().log()
        return where(outside, log_norm, 0.5 * x + x.pow(2) / 24.0 - x.pow(4) / 2880.0)
