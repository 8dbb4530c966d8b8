"""Lowerings of the losses of corresponding elements. Imports ops.neural.loss."""

from typing import Any

import numpy as np

from ...ops.neural import loss as ops
from .terms import formula, own_formula

own_formula(ops.shift_by, ops.scale_by, in_single=True, floats=True, numbers=("number",))
own_formula(ops.floor_through, in_single=True, floats=True, numbers=("low",))


def reduced(values: Any, reduction: str) -> Any:
    """The losses themselves, their sum or their mean."""
    if reduction == "none":
        return values
    total = np.add.reduce(values, None)
    return total if reduction == "sum" else total / values.size


@formula(ops.mse, in_single=True, floats=True)
def _mse(x: Any, y: Any, *, reduction: str) -> Any:
    d = x - y
    return reduced(d * d, reduction)


@formula(ops.huber, in_single=True, floats=True)
def _huber(x: Any, y: Any, *, delta: Any, scale: Any, reduction: str) -> Any:
    d = x - y
    a = np.absolute(d)
    values = np.where(a < delta, d * d * (0.5 * scale), (a - 0.5 * delta) * (delta * scale))
    return reduced(values, reduction)


@formula(ops.bce, in_single=True, floats=True)
def _bce(x: Any, y: Any, weight: Any, *, reduction: str) -> Any:
    values = (y - 1) * np.maximum(np.log1p(-x), -100) - y * np.maximum(np.log(x), -100)
    return reduced(values if weight is None else values * weight, reduction)


@formula(ops.bce_logits, in_single=True, floats=True)
def _bce_logits(x: Any, y: Any, weight: Any, pos_weight: Any, *, reduction: str) -> Any:
    values = np.maximum(-x, 0) + np.log1p(np.exp(-np.absolute(x)))
    if pos_weight is not None:
        values = values * (1 + (pos_weight - 1) * y)
    values = values + (1 - y) * x
    return reduced(values if weight is None else values * weight, reduction)


@formula(ops.soft_margin, in_single=True, floats=True)
def _soft_margin(x: Any, y: Any, *, reduction: str) -> Any:
    t = -y * x
    return reduced(np.maximum(t, 0) + np.log1p(np.exp(-np.absolute(t))), reduction)
