"""Dropout, normalization and padding under PyTorch's names."""

import math
from typing import Any

import numpy as np

from ...core.apply import apply, legacy_name, wrap
from ...core.carriers.carrier import Carrier, detached_array
from ...core.carriers.memory import store
from ...core.complaints import type_name
from ...core.dtype import FLOATING, Size, category
from ...core.overrides import overridable
from ...core.random import default_generator
from ...core.tensor import Tensor, family_of
from ...core.views import inplace as write_in_place
from ...ops.neural import normalization as ops
from ...ops.reduction import sum_over
from .. import elementwise, powers, shape
from .. import reduction as reductions
from ..arguments import tensor
from ..sampling import drawn, drawn_like
from .activation import node, shown

__all__ = [
    "group_norm",
    "layer_norm",
    "rms_norm",
]

LayerNorm = node("NativeLayerNormBackward0", ops.standardize)
BatchNorm = node("NativeBatchNormBackward0", ops.standardize)
BatchNormFixed = node("NativeBatchNormBackward0", ops.rescale)
GroupNorm = node("NativeGroupNormBackward0", ops.standardize)
shown(3, BatchNormFixed)
Pad = node("ConstantPadNdBackward0", ops.pad_constant)


# --- dropout --------------------------------------------------------------------------------------


def _probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(a: Any, chance: float, shape: tuple[int, ...], scale: float = 1.0) -> Any:
    """1 / scale with this probability, else 0, laid out as `a` where it has its shape."""

    def fill(out):
        default_generator.bernoulli(chance, out=out)
        if scale != 1:
            out /= out.dtype.type(scale)
        return out

    if shape == a.shape:
        return drawn_like(a, fill, a.dtype)
    return drawn(lambda sizes: fill(np.empty(sizes, a.dtype)), shape)


def _drop(x: Tensor, p: float, inplace: bool, name: str, noise_shape: tuple[int, ...]) -> Tensor:
    if category(x._a.dtype) < FLOATING:
        raise RuntimeError(
            "result type Float can't be cast to the desired output type "
            f"{legacy_name(x._a.dtype)}\n{name} needs a floating dtype; convert, as in x.float()."
        )
    if p == 0 or x._a.size == 0:
        return x
    if p == 1:
        noise = np.zeros((), x._a.dtype)
    else:
        noise = _kept(x._a, 1 - p, noise_shape, 1 - p)
    if inplace:
        return write_in_place(elementwise.mul, x, wrap(noise), name=name)
    return elementwise.mul(x, wrap(noise))


@overridable
def dropout(input, p=0.5, training=True, inplace=False):
    """In training each element is 0 with probability p, else divided by 1 - p.

    The draws are PyTorch's, word for word of the default generator.
    """
    _probability(p)
    x = tensor("dropout", input)
    return _drop(x, p, inplace, "dropout_", x._a.shape) if training else x


def _drop_channels(name: str, input: Any, p: float, training: bool, inplace: bool) -> Tensor:
    _probability(p)
    x = tensor(name, input)
    if not training:
        return x
    return _drop(x, p, inplace, name, (*x._a.shape[:2], *[1] * (x._a.ndim - 2)))


@overridable
def dropout1d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of an input (N, C, L) or (C, L)."""
    if tensor("dropout1d", input)._a.ndim not in (2, 3):
        raise RuntimeError(
            "dropout1d: Expected 2D or 3D input, but received a "
            f"{input._a.ndim}D input. Note that dropout1d exists to provide channel-wise dropout."
        )
    return _batched_channels("dropout1d", input, p, training, inplace, 3)


@overridable
def dropout2d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of an input (N, C, H, W)."""
    return _drop_channels("dropout2d", input, p, training, inplace)


@overridable
def dropout3d(input, p=0.5, training=True, inplace=False):
    """dropout of whole channels of an input (N, C, D, H, W) or (C, D, H, W)."""
    return _batched_channels("dropout3d", input, p, training, inplace, 5)


def _batched_channels(name, input, p, training, inplace, rank):
    if input._a.ndim == rank:
        return _drop_channels(name, input, p, training, inplace)
    result = _drop_channels(name, shape.unsqueeze(input, 0), p, training, inplace)
    return shape.squeeze(result, 0)


@overridable
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """dropout to the lowest value of selu, rescaled to keep mean and variance.

    Source: Klambauer et al., "Self-normalizing neural networks" (2017).
    """
    _probability(p)
    x = tensor("alpha_dropout", input)
    if not training or p == 0 or not x._a.size:
        return x
    if p == 1:
        return elementwise.mul(x, wrap(np.zeros((), x._a.dtype)))
    low = -1.7580993408473766
    noise = _kept(x._a, 1 - p, x._a.shape)
    scale = 1 / math.sqrt((low * low * p + 1) * (1 - p))
    shift = (1 - noise) * (low * scale) - low * scale * p
    result = elementwise.add(elementwise.mul(x, wrap(noise * scale)), wrap(shift))
    return write_in_place(lambda _: result, x, name="alpha_dropout_") if inplace else result


# --- normalization --------------------------------------------------------------------------------


def ints(name: str, argument: str, given: Any, hint: str) -> tuple[int, ...]:
    """The second argument of a function, which must be a sequence of ints."""
    if not isinstance(given, list | tuple) or not all(
        isinstance(n, int | np.integer) for n in given
    ):
        raise TypeError(
            f"{name}(): argument '{argument}' (position 2) must be tuple of ints, not "
            f"{type_name(given)}\n{hint}"
        )
    return tuple(given)


ROW_SHAPE = "Give the last sizes of the input, as in x.shape[-1:]."
PADDING = "Give the numbers before and after each dimension, from the last one on."


@overridable
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, normalized_shape."""
    x = tensor("layer_norm", input)
    sizes = ints("layer_norm", "normalized_shape", normalized_shape, ROW_SHAPE)
    n = len(sizes)
    if not n or x._a.shape[-n:] != sizes:
        stars = ", ".join(["*", *map(str, sizes)])
        raise RuntimeError(
            f"Given normalized_shape={list(sizes)}, expected input with shape [{stars}], but got "
            f"input of size{list(x._a.shape)}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._a.shape != sizes:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(t._a.shape)} and normalized_shape = {list(sizes)}"
            )
    rank = x._a.ndim
    axes = tuple(range(rank - n, rank))
    affine = (1,) * (rank - n) + sizes
    return apply(LayerNorm, x, weight, bias, axes=axes, eps=eps, affine=affine, parameter=sizes)


def _check_channels(x: Tensor, **given: Tensor | None) -> None:
    channels = x._a.shape[1]
    for name, t in given.items():
        if t is not None and t._a.shape != (channels,):
            raise RuntimeError(f"{name} should contain {channels} elements not {t._a.size}")


@overridable
def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Each channel (dimension 1) brought to mean 0 and variance 1, then scaled and shifted.

    In training with the statistics of the batch, which also update the running ones; else with
    the running statistics.
    """
    x = tensor("batch_norm", input)
    a = x._a
    if training and math.prod(a.shape[:1] + a.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {Size(a.shape)}"
        )
    _check_channels(x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    affine = tuple(n if i == 1 else 1 for i, n in enumerate(a.shape))
    if not training:
        for name, t in (("running_mean", running_mean), ("running_var", running_var)):
            if t is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        kw = {"eps": eps, "affine": affine}
        return apply(BatchNormFixed, x, weight, bias, running_mean, running_var, **kw)
    axes = (0, *range(2, a.ndim))
    if running_mean is not None or running_var is not None:
        _update(a, axes, running_mean, running_var, momentum)
    kw = {"axes": axes, "eps": eps, "affine": affine, "parameter": (a.shape[1],)}
    return apply(BatchNorm, x, weight, bias, **kw)


def _update(a: Any, axes: tuple, mean: Tensor | None, var: Tensor | None, momentum: float) -> None:
    """Move the running statistics towards the batch's (its variance with n - 1)."""
    for held, value in zip((mean, var), _statistics(a, axes), strict=True):
        if held is not None:
            _move(held, value.reshape(-1), momentum)


def _statistics(a: Any, axes: tuple) -> tuple[Any, Any]:
    """Mean and variance over some dimensions, which stay with size 1, without derivative."""
    a = detached_array(a)
    n = math.prod([a.shape[i] for i in axes])
    now = _total(a, axes) / n
    d = a - now
    return now, _total(d * d, axes) / (n - 1)


def _total(a: Any, axes: tuple) -> Any:
    if type(a) is np.ndarray:
        return np.add.reduce(a, axes, keepdims=True)
    return sum_over(a, axes=axes, keepdims=True)


def _move(held: Tensor, value: Any, momentum: float) -> None:
    if isinstance(value, Carrier) and not isinstance(held._a, Carrier):
        raise RuntimeError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which "
            "will be updated in place, were not batched.\nUse eval(), "
            "track_running_stats=False, or running statistics for each example of the vmap."
        )
    store(held, held._a * (1 - momentum) + value * momentum)
    family_of(held).cell.bump()


@overridable
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(var + eps) over groups of channels (dimension 1), scaled by channel."""
    x = tensor("group_norm", input)
    a = x._a
    if a.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {a.ndim}")
    if a.shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(a.shape)} and num_groups={num_groups}"
        )
    grouped = (a.shape[0], num_groups, -1)
    parts = shape.reshape(x, grouped)
    plain = apply(GroupNorm, parts, None, None, axes=(2,), eps=eps, affine=(), parameter=())
    result = shape.reshape(plain, a.shape)
    side = [-1 if i == 1 else 1 for i in range(a.ndim)]
    if weight is not None:
        result = elementwise.mul(result, shape.reshape(weight, side))
    return result if bias is None else elementwise.add(result, shape.reshape(bias, side))


@overridable
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Each channel of each sample brought to mean 0 and variance 1, then scaled and shifted."""
    x = tensor("instance_norm", input)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    a = x._a
    if math.prod(a.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {Size(a.shape)}"
        )
    axes = tuple(range(2, a.ndim))
    if running_mean is not None or running_var is not None:
        _update_of_instances(a, axes, running_mean, running_var, momentum)
    affine = tuple(n if i == 1 else 1 for i, n in enumerate(a.shape))
    kw = {"axes": axes, "eps": eps, "affine": affine, "parameter": (a.shape[1],)}
    return apply(BatchNorm, x, weight, bias, **kw)


def _update_of_instances(a, axes, mean, var, momentum):
    for held, value in zip((mean, var), _statistics(a, axes), strict=True):
        if held is not None:
            average = _total(value.reshape(a.shape[:2]), (0,)) / a.shape[0]
            _move(held, average.reshape(-1), momentum)


@overridable
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(mean(x^2) + eps) * weight over the last dimensions (arXiv:1910.07467)."""
    x = tensor("rms_norm", input)
    n = len(ints("rms_norm", "normalized_shape", normalized_shape, ROW_SHAPE))
    eps = float(np.finfo(x._a.dtype).eps) if eps is None else eps
    dims = tuple(range(x._a.ndim - n, x._a.ndim))
    square = reductions.mean(powers.pow(x, 2), dim=dims, keepdim=True)
    result = elementwise.mul(x, powers.rsqrt(elementwise.add(square, eps)))
    return result if weight is None else elementwise.mul(result, weight)


# --- padding --------------------------------------------------------------------------------------


@overridable
def pad(input, pad, mode="constant", value=None):
    """input with `pad` elements added (before and after each dimension, from the last one on).

    mode "constant" fills with `value`; "reflect", "replicate" and "circular" repeat the input.
    """
    x = tensor("pad", input)
    a = x._a
    pad = ints("pad", "pad", pad, PADDING)
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2\nGiven was {list(pad)}.")
    if len(pad) > 2 * a.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(pad)} and input of dimension {a.ndim}"
        )
    widths = [(0, 0)] * (a.ndim - len(pad) // 2)
    widths += [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    for i, (before, after) in enumerate(widths):
        n = a.shape[i]
        if min(before, 0) + min(after, 0) + n < 0 or before + after + n < 0:
            raise RuntimeError(
                f"narrow(): length must be non-negative.\nPadding ({before}, {after}) crops more "
                f"than dimension {i} of size {n} has."
            )
    if mode == "constant":
        fill = 0 if value is None else value
        return apply(Pad, x, widths=tuple(widths), value=fill)
    if mode not in _MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value not in (None, 0):
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = apply(
                _MODES[mode], x, places=_places(mode, a.shape[axis], before, after), axis=axis
            )
    return x


_MODES = {
    "reflect": node("ReflectionPad1DBackward0", ops.repeat_places),
    "replicate": node("ReplicationPad1DBackward0", ops.repeat_places),
    "circular": node("CopySlices", ops.repeat_places),
}


def _places(mode: str, n: int, before: int, after: int) -> tuple[int, ...]:
    """For each element of a padded dimension, the element of the input which it repeats."""
    if mode == "reflect" and max(before, after) >= n:
        raise RuntimeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({before}, {after}) at a dimension of size {n}"
        )
    if mode == "circular" and max(before, after) > n:
        raise RuntimeError("Padding value causes wrapping around more than once.")
    places = range(-before, n + after)
    if mode == "replicate":
        return tuple(min(max(i, 0), n - 1) for i in places)
    if mode == "circular":
        return tuple(i % n for i in places)
    return tuple(n - 1 - abs(n - 1 - abs(i)) for i in places)
