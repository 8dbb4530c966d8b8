"""The Gumbel distribution, as torch.distributions.gumbel."""

import math
from numbers import Number
from typing import Any

from ..core.dtype import finfo
from ..functions.creation import full_like, ones_like
from ..functions.from_data import tensor
from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    """P(x <= v) = exp(-exp(-(v - loc) / scale)): extremes of many values."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    _expanded = {"loc": 0, "scale": 0}

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None):
        numbers = isinstance(loc, Number) and isinstance(scale, Number)
        self.loc, self.scale = broadcast_all(loc, scale)
        info = finfo(tensor(0.0).dtype if numbers else self.loc.dtype)
        if numbers:
            base = Uniform(info.tiny, 1 - info.eps, validate_args=validate_args)
        else:
            base = Uniform(
                full_like(self.loc, info.tiny),
                full_like(self.loc, 1 - info.eps),
                validate_args=validate_args,
            )
        super().__init__(base, self._transforms_of(self), validate_args=validate_args)

    def _transforms_of(self, expanded: Any) -> list:
        """x = loc - scale log(-log u)."""
        return [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-ones_like(expanded.scale)),
            ExpTransform().inv,
            AffineTransform(loc=expanded.loc, scale=-expanded.scale),
        ]

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    @property
    def mean(self) -> Any:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def stddev(self) -> Any:
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Any:
        return self.stddev.pow(2)

    def entropy(self) -> Any:
        return self.scale.log() + (1 + euler_constant)
