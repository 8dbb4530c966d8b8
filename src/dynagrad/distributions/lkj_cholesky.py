"""Cholesky factors of random correlation matrices, as torch.distributions.lkj_cholesky."""

import math
from typing import Any

from ..core.dtype import Size, finfo
from ..functions.creation import zeros
from ..functions.gamma import mvlgamma
from ..functions.joining import cat
from ..functions.random import randn
from ..functions.ranges import arange
from ..functions.reordering import diag_embed
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import EMPTY, broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Lower Cholesky factors L of dim x dim correlation matrices whose density is proportional to
    det(L L^T)^(concentration - 1) (D. Lewandowski, D. Kurowicka, H. Joe, "Generating random
    correlation matrices based on vines and extended onion method", 2009; here by the onion).
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _expanded = {"concentration": 0}
    _kept = ("dim",)

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: Any = None):
        if dim < 2:
            raise ValueError(
                f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        dtype = self.concentration.dtype
        marginal = self.concentration + 0.5 * (dim - 2)
        # one row after the other: the squared length of the part beside the diagonal
        offset = cat([zeros((1,), dtype=dtype), arange(dim - 1, dtype=dtype)])
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._beta = self._beta.expand(Size((*new._batch_shape, self.dim)))
        return new

    def sample(self, sample_shape: Any = EMPTY) -> Any:
        y = self._beta.sample(sample_shape).unsqueeze(-1)
        directions = randn(self._extended_shape(sample_shape), dtype=y.dtype).tril(-1)
        directions = directions / directions.norm(dim=-1, keepdim=True)
        directions[..., 0, :].fill_(0.0)  # the first row has nothing beside its diagonal
        w = y.sqrt() * directions
        tiny = finfo(w.dtype).tiny
        diagonal = (1 - (w**2).sum(dim=-1)).clamp(min=tiny).sqrt()
        return w + diag_embed(diagonal)

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        rows = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        rest = self.dim - 1
        order = arange(2, self.dim + 1)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        alpha = self.concentration + 0.5 * rest
        norm = 0.5 * rest * math.log(math.pi) + mvlgamma(alpha - 0.5, rest) - alpha.lgamma() * rest
        return (order * rows.log()).sum(dim=-1) - norm
