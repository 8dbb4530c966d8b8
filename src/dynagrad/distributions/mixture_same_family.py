"""Mixtures of distributions of one family, as torch.distributions.mixture_same_family."""

from typing import Any

from ..autograd.grad_mode import no_grad
from ..core.dtype import Size
from ..functions.neural.softmax import torch_log_softmax
from . import constraints
from .categorical import Categorical
from .distribution import Distribution
from .utils import EMPTY, plain_shape

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """One of the distributions along the last batch dimension of `component_distribution`, chosen
    by the Categorical `mixture_distribution`.
    """

    arg_constraints: Any = {}
    has_rsample = False

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Any,
        validate_args: Any = None,
    ):
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of "
                "torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of "
                "torch.distributions.Distribution"
            )
        chosen, batch = mixture_distribution.batch_shape, component_distribution.batch_shape
        for a, b in zip(reversed(chosen), reversed(batch[:-1]), strict=False):
            if a != 1 and b != 1 and a != b:
                raise ValueError(
                    f"`mixture_distribution.batch_shape` ({chosen}) is not compatible with "
                    f"`component_distribution.batch_shape`({batch[:-1]})"
                )
        count, have = mixture_distribution.logits.shape[-1], batch[-1]
        if count != have:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({have})"
            )
        self._num_component = count
        event_shape = component_distribution.event_shape
        self._event_ndims = len(event_shape)
        super().__init__(batch[:-1], event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        batch_shape = plain_shape(batch_shape)
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        new._component_distribution = self._component_distribution.expand(
            Size((*batch_shape, self._num_component))
        )
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        new._num_component = self._num_component
        new._event_ndims = self._event_ndims
        event_shape = new._component_distribution.event_shape
        Distribution.__init__(new, batch_shape, event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        """That of the components."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Any:
        """The distribution of the component's number."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components, along the last batch dimension."""
        return self._component_distribution

    def _weights(self) -> Any:
        """The mixture's probabilities, shaped to multiply values of the components."""
        probs = self._mixture_distribution.probs
        mixed = len(self._mixture_distribution.batch_shape)
        ones = 0 if mixed == 1 else len(self._batch_shape) - mixed
        shape = tuple(probs.shape)
        return probs.reshape((*shape[:-1], *[1] * ones, shape[-1], *[1] * self._event_ndims))

    def _pad(self, x: Any) -> Any:
        return x.unsqueeze(-1 - self._event_ndims)

    @property
    def mean(self) -> Any:
        means = self._component_distribution.mean
        return (self._weights() * means).sum(dim=-1 - self._event_ndims)

    @property
    def variance(self) -> Any:
        """The mean of the variances and the variance of the means."""
        weights, parts = self._weights(), self._component_distribution
        dim = -1 - self._event_ndims
        within = (weights * parts.variance).sum(dim=dim)
        between = (weights * (parts.mean - self._pad(self.mean)).pow(2.0)).sum(dim=dim)
        return within + between

    def cdf(self, x: Any) -> Any:
        parts = self._component_distribution.cdf(self._pad(x))
        return (parts * self._mixture_distribution.probs).sum(dim=-1)

    def log_prob(self, x: Any) -> Any:
        if self._validate_args:
            self._validate_sample(x)
        parts = self._component_distribution.log_prob(self._pad(x))
        weights = torch_log_softmax(self._mixture_distribution.logits, dim=-1)
        return (parts + weights).logsumexp(dim=-1)

    def sample(self, sample_shape: Any = EMPTY) -> Any:
        with no_grad():
            sample_shape = plain_shape(sample_shape)
            dim = len(sample_shape) + len(self.batch_shape)
            chosen = self._mixture_distribution.sample(sample_shape)
            values = self._component_distribution.sample(sample_shape)
            shape = tuple(chosen.shape)
            ones = (1,) * (self._event_ndims + 1)
            index = chosen.reshape(shape + ones).repeat((*(1,) * len(shape), 1, *self._event_shape))
            return values.gather(dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily(\n  {self._mixture_distribution},\n  "
            f"{self._component_distribution})"
        )
