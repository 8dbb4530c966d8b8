"""Lowerings of normalization. Imports ops.neural.normalization."""

from typing import Any

from ...ops.elementwise import rsqrt
from ...ops.neural import normalization as ops
from .terms import formula


@formula(ops.standardize, in_single=True, floats=True)
def _standardize(
    x: Any, weight: Any, bias: Any, *, axes: Any, eps: float, affine: Any, parameter: Any
) -> Any:
    # by the formula of the rules, which then find what the forward pass has computed
    d, _ = ops.standard(x, axes, eps)
    if weight is not None:
        d = d * weight.reshape(affine)
    return d if bias is None else d + bias.reshape(affine)


@formula(ops.rescale, in_single=True, floats=True)
def _rescale(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, *, eps: float, affine: Any
) -> Any:
    scale = rsqrt(var + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    if bias is not None:
        shift = shift + bias
    return x * scale.reshape(affine) + shift.reshape(affine)
