"""Lowerings of softmax and its logarithm. Imports ops.neural.softmax."""

from typing import Any

import numpy as np

from ...ops.neural import attention as attending
from ...ops.neural import softmax as ops
from .terms import Term, formula


def shares(x: Any, axis: int) -> Any:
    """exp(x) / sum(exp(x)) along a dimension."""
    if not x.size:
        return x
    e = np.exp(x - np.maximum.reduce(x, axis, keepdims=True))
    return e / np.add.reduce(e, axis, keepdims=True)


@formula(ops.softmax, in_single=True, floats=True)
def _softmax(x: Term, *, axis: int) -> Any:
    return shares(x, axis)


@formula(ops.log_softmax, in_single=True, floats=True)
def _log_softmax(x: Any, *, axis: int) -> Any:
    if not x.size:
        return x
    d = x - np.maximum.reduce(x, axis, keepdims=True)
    return d - np.log(np.add.reduce(np.exp(d), axis, keepdims=True))


@formula(ops.log_softmax_back, in_single=True, floats=True)
def _log_softmax_back(x: Any, y: Any, *, axis: int) -> Any:
    return x - np.exp(y) * np.add.reduce(x, axis, keepdims=True)


# --- attention ------------------------------------------------------------------------------------


def safe_shares(x: Any) -> Any:
    """softmax along the last dimension; zeros where all of x is -inf."""
    if not x.size:
        return x
    top = np.maximum.reduce(x, -1, keepdims=True)
    nothing = top == -np.inf
    e = np.exp(x - np.where(nothing, 0.0, top))
    total = np.add.reduce(e, -1, keepdims=True)
    return e / np.where(nothing, 1.0, total)


@formula(attending.safe_softmax, floats=True)
def _safe_softmax(x: Any) -> Any:
    return safe_shares(x)


@formula(attending.attention, in_single=True, floats=True)
def _attention(q: Any, k: Any, v: Any, mask: Any, *, scale: float) -> Any:
    scores = np.matmul(q * scale, k.swapaxes(-1, -2))
    return np.matmul(safe_shares(scores if mask is None else scores + mask), v)
