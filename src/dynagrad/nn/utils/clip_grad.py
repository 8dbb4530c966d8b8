"""Keep gradients small. Imports core."""

import math
from types import GeneratorType
from typing import Any

import numpy as np

from ...core.apply import scalar
from ...core.quiet import warn
from ...core.tensor import Tensor, family_of, wrap
from ...ops.joining import stack
from ...ops.sums import real_dtype

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]


def _tensors(parameters: Any) -> list[Tensor]:
    """One tensor, or several, as a list."""
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    found = [getattr(p, "_g", None) for p in parameters]
    return [g for g in found if g is not None]


def _norm(array: Any, p: float) -> Any:
    """The p-norm of all elements of an array or payload, in its dtype."""
    with np.errstate(all="ignore"):
        a = np.abs(array.reshape(-1))
        if a.size == 0:
            return np.zeros((), a.dtype)
        if p == math.inf:
            return np.maximum.reduce(a)
        if p == -math.inf:
            return np.minimum.reduce(a)
        if p == 0:
            return np.add.reduce((a != 0).astype(a.dtype))
        if p == 1:
            return np.add.reduce(a)
        if p == 2:
            return np.sqrt(np.add.reduce(a * a))
        return np.add.reduce(a**p) ** a.dtype.type(1.0 / p)


def get_total_norm(
    tensors: Any,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of the norms of all tensors: for a p-norm, the one of all elements together."""
    arrays = [t._a for t in _tensors(tensors)]
    p = float(norm_type)
    if not arrays:
        return wrap(np.zeros((), np.float32))
    total = _norm(stack(*[_norm(a, p).reshape(()) for a in arrays], axis=0), p)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable "
            "this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return wrap(total.reshape(()))


def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Multiply the gradients by max_norm / total_norm where that is below 1."""
    for g in _gradients(_tensors(parameters)):
        norm = total_norm._a
        with np.errstate(all="ignore"):
            factor = np.minimum(scalar(max_norm, norm.dtype) / (norm + scalar(1e-6, norm.dtype)), 1)
            g._a[...] = g._a * factor.astype(real_dtype(g._a.dtype))
        family_of(g).cell.bump()


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients together, in place, so that their norm is at most `max_norm`; returns the
    norm they had.
    """
    is_generator = isinstance(parameters, GeneratorType)
    parameters = _tensors(parameters)
    if is_generator and not parameters:
        warn("`parameters` is an empty generator, no gradient clipping will occur.")
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, float(max_norm), total, foreach)
    return total


def clip_grad_norm(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """`clip_grad_norm_` under its older name, with a FutureWarning that says so."""
    warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Bring every element of the gradients, in place, into [-clip_value, clip_value]."""
    for g in _gradients(_tensors(parameters)):
        limit = scalar(float(clip_value), g._a.dtype)
        g._a[...] = np.minimum(np.maximum(g._a, -limit), limit)
        family_of(g).cell.bump()
