"""Exponential families: the entropy from the log normalizer; as torch.distributions.exp_family."""

from typing import Any

from ..autograd.differentiate import grad
from ..autograd.grad_mode import enable_grad
from .distribution import Distribution, overridden

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Densities h(x) exp(<t(x), theta> - F(theta)).

    A subclass gives the natural parameters theta, the log normalizer F and the mean of log h, the
    carrier measure; entropy and Kullback-Leibler divergence follow as Bregman divergences (F.
    Nielsen, R. Nock, "Entropies and cross-entropies of exponential families", 2010).
    """

    @property
    def _natural_params(self) -> tuple:
        """The natural parameters, one tensor each."""
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Any) -> Any:
        """The log normalizer F as a function of the natural parameters."""
        raise NotImplementedError

    @overridden
    def _mean_carrier_measure(self) -> Any:
        """The mean of log h."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """F(theta) - <theta, F'(theta)> - E log h, F' by automatic differentiation."""
        with enable_grad():
            theta = [p.detach().requires_grad_() for p in self._natural_params]
            log_normalizer = self._log_normalizer(*theta)
            gradients = grad(log_normalizer.sum(), theta, create_graph=True)
        result = log_normalizer - self._mean_carrier_measure
        for p, g in zip(theta, gradients, strict=True):
            terms = p * g
            result = result - terms.reshape((*self._batch_shape, -1)).sum(-1)
        return result
