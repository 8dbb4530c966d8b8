"""The negative binomial distribution, as torch.distributions.negative_binomial."""

from typing import Any

from ..autograd.grad_mode import no_grad
from ..functions.neural.activation import logsigmoid
from ..functions.random import poisson
from ..functions.transcendental import sigmoid
from . import constraints
from .gamma import Gamma
from .parameters import Odds
from .utils import EMPTY, lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Odds):
    """How many trials succeed, each with probability `probs`, before `total_count` have failed."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _expanded = {"total_count": 0, **Odds._expanded}

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: Any = None
    ):
        batch_shape, (count,) = self._take(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(batch_shape, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Any:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Any:
        return self.mean / sigmoid(-self.logits)

    @lazy_property
    def _gamma(self) -> Gamma:
        # the rate of the Poisson distribution that this one is a mixture of
        return Gamma(self.total_count, (-self.logits).exp(), validate_args=False)

    def sample(self, sample_shape: Any = EMPTY) -> Any:
        with no_grad():
            return poisson(self._gamma.sample(sample_shape))

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        powers = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        choices = -(n + value).lgamma() + (1.0 + value).lgamma() + n.lgamma()
        return powers - choices.masked_fill(n + value == 0.0, 0.0)
