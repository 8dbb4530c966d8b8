"""Relaxed Bernoulli distributions, as torch.distributions.relaxed_bernoulli."""

from typing import Any

from ..functions.random import rand
from . import constraints
from .parameters import Odds
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform
from .utils import EMPTY, broadcast_all, clamp_probs

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


class LogitRelaxedBernoulli(Odds):
    """Logistic noise plus the log odds, divided by a temperature: the logits of values that are
    nearly 0 or 1 (C. J. Maddison, A. Mnih, Y. W. Teh, "The concrete distribution", 2017).
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True
    _kept = ("temperature",)

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):
        self.temperature = temperature
        batch_shape, _ = self._take(probs, logits)
        super().__init__(batch_shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = EMPTY) -> Any:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(rand(shape, dtype=probs.dtype))
        noise = u.log() - (-u).log1p()
        return (noise + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        diff = logits - value * self.temperature
        return self.temperature.log() + diff - 2 * diff.exp().log1p()


class _Relaxed(TransformedDistribution):
    """What relaxed distributions show of their base."""

    has_rsample = True

    @property
    def temperature(self) -> Any:
        """How far values are from being discrete: near 0 they nearly are."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Any:
        """As the base distribution's."""
        return self.base_dist.logits

    @property
    def probs(self) -> Any:
        """As the base distribution's."""
        return self.base_dist.probs


class RelaxedBernoulli(_Relaxed):
    """Values in (0, 1) near the ends: a Bernoulli distribution whose samples have gradients."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)
