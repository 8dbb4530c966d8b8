"""Transforms of vectors to points of the simplex."""

from typing import Any

from ...core.dtype import Size, finfo
from ...functions.creation import ones
from ...functions.neural.activation import logsigmoid
from ...functions.neural.padding import pad
from .. import constraints
from .elementwise import clipped_sigmoid
from .transform import Transform

__all__ = ["SoftmaxTransform", "StickBreakingTransform"]


def _need_vectors(shape: Any) -> None:
    if len(shape) < 1:
        raise ValueError("Too few dimensions on input")


class SoftmaxTransform(Transform):
    """y = exp(x) / sum exp(x). Not bijective: x is known up to a constant only."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, SoftmaxTransform)

    def _call(self, x: Any) -> Any:
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y: Any) -> Any:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        _need_vectors(shape)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        _need_vectors(shape)
        return shape


class StickBreakingTransform(Transform):
    """K - 1 numbers to K shares: of what is left of a stick, each takes the sigmoid of its number,
    shifted so that zeros give equal shares.
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, StickBreakingTransform)

    def _call(self, x: Any) -> Any:
        count = x.shape[-1]
        left = count + 1 - ones(count, dtype=x.dtype).cumsum(-1)
        share = clipped_sigmoid(x - left.log())
        rest = (1 - share).cumprod(-1)
        return pad(share, [0, 1], value=1) * pad(rest, [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        taken = y[..., :-1]
        left = y.shape[-1] - ones(taken.shape[-1], dtype=y.dtype).cumsum(-1)
        rest = (1 - taken.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return taken.log() - rest.log() + left.log()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        count = x.shape[-1]
        left = count + 1 - ones(count, dtype=x.dtype).cumsum(-1)
        x = x - left.log()
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        _need_vectors(shape)
        return Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> Any:
        _need_vectors(shape)
        return Size((*shape[:-1], shape[-1] - 1))
