"""Lowerings of normalization. Imports ops.neural.normalization."""

import math
from typing import Any

import numpy as np

from ...ops.neural import normalization as ops
from .terms import formula


@formula(ops.standardize, in_single=True, floats=True)
def _standardize(
    x: Any, weight: Any, bias: Any, *, axes: Any, eps: float, affine: Any, parameter: Any
) -> Any:
    n = math.prod([x.shape[i] for i in axes])
    d = x - np.add.reduce(x, axes, keepdims=True) / n
    variance = np.add.reduce(d * d, axes, keepdims=True) / n
    d = d * (1 / np.sqrt(variance + eps))
    if weight is not None:
        d = d * weight.reshape(affine)
    return d if bias is None else d + bias.reshape(affine)


@formula(ops.rescale, in_single=True, floats=True)
def _rescale(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, *, eps: float, affine: Any
) -> Any:
    scale = 1 / np.sqrt(var + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale
    if bias is not None:
        shift = shift + bias
    return x * scale.reshape(affine) + shift.reshape(affine)
