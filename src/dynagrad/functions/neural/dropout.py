"""Dropout under PyTorch's names; the draws are PyTorch's, word for word of its generator."""

import math
from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.complaints import legacy_name
from ...core.dtype import FLOATING, category
from ...core.overrides import overridable
from ...core.quiet import warn
from ...core.tensor import Tensor, wrap
from ...core.views import inplace as write_in_place
from .. import elementwise, geometry, shape
from ..arguments import tensor
from ..generator import draws
from ..nodes import node
from ..sampling import drawn, drawn_like

NativeDropout = node("NativeDropoutBackward0", np.multiply)
#: what selu comes to for small arguments, with its sign changed
LOWEST = 1.7580993408473766


def check_probability(p: float, error: type[Exception] = ValueError) -> None:
    """Raise unless `p` lies in [0, 1]."""
    if not 0 <= p <= 1:
        raise error(f"dropout probability has to be between 0 and 1, but got {p:g}")


def _kept(a: Any, chance: float, sizes: tuple[int, ...], scale: float = 1.0) -> Any:
    """1 / scale with this probability, else 0, laid out as `a` where it has its shape."""

    def fill(out):
        draws("dropout").bernoulli(chance, out=out)
        if scale != 1 and out.dtype.itemsize == 2:  # the quotient is rounded, not the divisor
            out *= out.dtype.type(1 / scale)
        elif scale != 1:
            out /= out.dtype.type(scale)
        return out

    if sizes == a.shape:
        return drawn_like(a, fill, a.dtype)
    return drawn(lambda shape: fill(np.empty(shape, a.dtype)), sizes)


def drop(
    name: str, x: Tensor, p: float, training: bool, inplace: bool, *, channels=False, alpha=False
) -> Tensor:
    """Elements, or whole channels (dimension 1), dropped with probability p: to 0, the others
    divided by 1 - p; or, if `alpha`, to selu's lowest value, all rescaled.
    """
    if p == 0 or not training or x._a.size == 0:
        return x
    if channels and x._a.ndim < 2:
        raise RuntimeError(
            "Feature dropout requires at least 2 dimensions in the input\n"
            f"It has shape {list(x._a.shape)}."
        )
    if p < 1 and category(x._a.dtype) < FLOATING:
        raise RuntimeError(
            "result type Float can't be cast to the desired output type "
            f"{legacy_name(x._a.dtype)}\n{name} needs a floating dtype; convert, as in x.float()."
        )
    if p == 1:
        noise, shift = np.zeros((), x._a.dtype), None
    else:
        sizes = (*x._a.shape[:2], *[1] * (x._a.ndim - 2)) if channels else x._a.shape
        noise, shift = _noise(x._a, p, sizes, alpha)
    if inplace:
        write_in_place(elementwise.mul, x, wrap(noise), name=f"{name}_")
        return x if shift is None else write_in_place(elementwise.add, x, wrap(shift), name="add_")
    result = elementwise.mul(x, wrap(noise))
    return result if shift is None else elementwise.add(result, wrap(shift))


def _noise(a: Any, p: float, sizes: tuple[int, ...], alpha: bool) -> tuple[Any, Any]:
    """What elements are multiplied by, and what is added then (None: nothing)."""
    if not alpha:
        return _kept(a, 1 - p, sizes, 1 - p), None
    kept = _kept(a, 1 - p, sizes)
    kind = a.dtype.type  # numbers of 16 bits of NumPy's extensions do not stay such otherwise
    scale = 1 / math.sqrt((LOWEST * LOWEST * p + 1) * (1 - p))
    shift = (kept - kind(1)) * kind(LOWEST * scale) + kind(LOWEST * scale * p)
    return kept * kind(scale), shift


@overridable
def dropout(input, p=0.5, training=True, inplace=False):
    """In training each element is 0 with probability p, else divided by 1 - p."""
    check_probability(p)
    return drop("dropout", tensor("dropout", input), p, training, inplace)


@overridable
def dropout1d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of an input (N, C, L) or (C, L)."""
    check_probability(p)
    x = tensor("dropout1d", input)
    if x._a.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {x._a.ndim}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _batched_channels(x, p, training, inplace, 3)


@overridable
def dropout2d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of an input (N, C, H, W)."""
    check_probability(p)
    x = tensor("dropout2d", input)
    _warn_of_rank("dropout2d", x._a.ndim, 2)
    if x._a.ndim == 3:
        warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead."
        )
    return drop("feature_dropout", x, p, training, inplace, channels=True)


@overridable
def dropout3d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of an input (N, C, D, H, W) or (C, D, H, W)."""
    check_probability(p)
    x = tensor("dropout3d", input)
    _warn_of_rank("dropout3d", x._a.ndim, 3)
    return _batched_channels(x, p, training, inplace, 5)


def _warn_of_rank(name: str, ndim: int, rank: int) -> None:
    if ndim not in (rank + 1, rank + 2):
        warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in "
            "an error in a future release. To retain the behavior and silence this warning, please "
            f"use dropout instead. Note that {name} exists to provide channel-wise dropout on "
            f"inputs with {rank} spatial dimensions, a channel dimension, and an optional batch "
            f"dimension (i.e. {rank + 1}D or {rank + 2}D inputs)."
        )


def _batched_channels(x: Tensor, p: float, training: bool, inplace: bool, rank: int) -> Tensor:
    if x._a.ndim == rank:
        return drop("feature_dropout", x, p, training, inplace, channels=True)
    rows = geometry.unsqueeze_(x, 0) if inplace else shape.unsqueeze(x, 0)
    result = drop("feature_dropout", rows, p, training, inplace, channels=True)
    return geometry.squeeze_(result, 0) if inplace else shape.squeeze(result, 0)


@overridable
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """dropout to the lowest value of selu, rescaled to keep mean and variance.

    Source: Klambauer et al., "Self-normalizing neural networks" (2017).
    """
    check_probability(p)
    return drop("alpha_dropout", tensor("alpha_dropout", input), p, training, inplace, alpha=True)


@overridable
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """alpha_dropout of whole channels (dimension 1)."""
    check_probability(p)
    x = tensor("feature_alpha_dropout", input)
    name = "feature_alpha_dropout"
    return drop(name, x, p, training, inplace, channels=True, alpha=True)


@overridable
def native_dropout(input, p, train):
    """dropout if `train` (True or None), and the mask of what was kept."""
    x = tensor("native_dropout", input)
    a = x._a
    if train is False or not a.size:
        return elementwise.mul(x, 1), wrap(np.ones(a.shape, bool))
    kept = _kept(a, 1 - p, a.shape)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return apply(NativeDropout, x, wrap(kept * a.dtype.type(scale))), wrap(kept != 0)
