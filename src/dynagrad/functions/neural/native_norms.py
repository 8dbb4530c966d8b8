"""Normalization with its statistics, under the names of PyTorch's kernels."""

from typing import Any

import numpy as np

from ...core.apply import to_dtype
from ...core.out import write_out
from ...core.overrides import overridable
from ...core.tensor import Tensor, wrap
from ...core.views import detached
from ...ops.elementwise import is_half
from .. import elementwise, powers, shape
from .. import reduction as reductions
from ..arguments import tensor
from .normalization import batch_norm, check_groups, layer_norm, normalized_groups

__all__ = ["native_batch_norm", "native_group_norm", "native_layer_norm"]

FLOAT32 = np.dtype(np.float32)


def _statistics(x: Tensor, dims: tuple[int, ...], eps: float, keep: bool) -> list[Tensor]:
    """The mean and 1 / sqrt(var + eps) over some dimensions; of 16 bits in float32."""
    if is_half(x._a):
        x = to_dtype(x, FLOAT32)
    mean = reductions.mean(x, dim=dims, keepdim=keep)
    number: Any = 0
    variance = reductions.var(x, dim=dims, correction=number, keepdim=keep)
    return [mean, powers.rsqrt(elementwise.add(variance, eps))]


@overridable
def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """layer_norm, the means and the factors 1 / sqrt(var + eps), which have no gradient."""
    x = tensor("native_layer_norm", input)
    result = layer_norm(x, tuple(normalized_shape), weight, bias, eps)
    rank = x._a.ndim
    dims = tuple(range(rank - len(normalized_shape), rank))
    return (result, *[_like(t, x) for t in _statistics(detached(x), dims, eps, True)])


def _like(t: Tensor, x: Tensor) -> Tensor:
    return to_dtype(t, x._a.dtype) if t._a.dtype != x._a.dtype else t


@overridable
def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """group_norm of N samples of C channels with HxW elements, its means and factors (N, group)."""
    x = tensor("native_group_norm", input)
    check_groups(x, C, group)
    result = normalized_groups(x, group, weight, bias, eps)
    parts = shape.reshape(x, (N, group, C // group * HxW))
    return (result, *[_like(t, x) for t in _statistics(parts, (2,), eps, False)])


@overridable
def native_batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, *, out=None
):
    """batch_norm, and in training the batch's means and factors 1 / sqrt(var + eps)."""
    x = tensor("native_batch_norm", input)
    dims = (0, *range(2, x._a.ndim))
    parameter = next((t for t in (weight, bias, running_mean, running_var) if t is not None), x)
    if training:
        found: Any = [_like(t, parameter) for t in _statistics(detached(x), dims, eps, False)]
    else:
        dtype = parameter._a.dtype
        found = [wrap(np.empty(0, dtype)) for _ in range(2)]
    result = batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    results = (result, *found)
    if out is None:
        return results
    pairs = zip(out, results, strict=True)
    return tuple([write_out("native_batch_norm", o, r) for o, r in pairs])
