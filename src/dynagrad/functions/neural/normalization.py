"""Normalization under PyTorch's names."""

import math
from typing import Any

import numpy as np

from ...core.apply import apply, to_dtype
from ...core.carriers.carrier import Carrier, detached_array
from ...core.carriers.memory import store
from ...core.complaints import type_name
from ...core.dtype import Size
from ...core.overrides import overridable
from ...core.quiet import quietly
from ...core.tape import Node
from ...core.tensor import Tensor, family_of
from ...core.watch import PLAIN
from ...ops.elementwise import is_half
from ...ops.neural import normalization as ops
from ...ops.reduction import sum_over
from ...ops.shape import cast
from .. import elementwise, powers, shape
from .. import reduction as reductions
from ..arguments import no_derivative, no_such_dim, tensor
from ..conversion import clone
from ..nodes import node, shown
from ..parts import select
from ..shortcut import made, shortcut, untracked
from ..unseen import alone

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


# --- normalization --------------------------------------------------------------------------------


def _ints(name: str, argument: str, given: Any, hint: str) -> tuple[int, ...]:
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


def _directly(x: Any, weight: Any, bias: Any, shape: tuple, kw: dict[str, Any]) -> Tensor | None:
    """A normalization of which nothing is recorded, of x in this shape; None for other tensors."""
    arrays = [None, None]
    for place, t in enumerate((weight, bias)):
        if t is not None:
            if type(t) not in PLAIN or not untracked(t) or t._a.shape != kw["parameter"]:
                return None
            arrays[place] = t._a
    a = x._a
    if type(x) not in PLAIN or not untracked(x) or a.dtype.kind != "f" or not a.size:
        return None
    r = ops.standardize.__wrapped__(a.reshape(shape), *arrays, **kw)
    return made(r.reshape(a.shape))


def _short_layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    have, sizes = input._a.shape, tuple(normalized_shape)
    n = len(sizes)
    if not n or have[-n:] != sizes:
        return None
    first = len(have) - n
    axes = tuple(range(first, len(have)))
    kw = {"axes": axes, "eps": eps, "affine": (1,) * first + sizes, "parameter": sizes}
    return _directly(input, weight, bias, have, kw)


@shortcut(_short_layer_norm)
@overridable
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, normalized_shape."""
    x = tensor("layer_norm", input)
    sizes = _ints("layer_norm", "normalized_shape", normalized_shape, ROW_SHAPE)
    _check_rows(x, sizes, weight=weight, bias=bias)
    n, rank = len(sizes), x._a.ndim
    axes = tuple(range(rank - n, rank))
    affine = (1,) * (rank - n) + sizes
    return _normalized(
        LayerNorm, x, weight, bias, axes=axes, eps=eps, affine=affine, parameter=sizes
    )


def _normalized(cls: type[Node], x: Tensor, *held: Any, **kw: Any) -> Tensor:
    """The primitive; 16-bit inputs with float32 parameters are computed in float32 and rounded
    once, and every gradient has the dtype of what it belongs to.
    """
    given = x._a.dtype
    wide = next((t._a.dtype for t in held if t is not None), given)
    if wide == given or given.itemsize != 2:
        return apply(cls, x, *held, **kw)
    return to_dtype(apply(cls, to_dtype(x, wide), *held, **kw), given)


def _check_rows(x: Tensor, sizes: tuple[int, ...], **parameters: Tensor | None) -> None:
    """RuntimeError unless the last dimensions and the parameters have these sizes."""
    n = len(sizes)
    if not n:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, t in parameters.items():
        if t is not None and t._a.shape != sizes:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(t._a.shape)} and normalized_shape = {list(sizes)}"
            )
    if x._a.shape[-n:] != sizes:
        stars = ", ".join(["*", *map(str, sizes)])
        raise RuntimeError(
            f"Given normalized_shape={list(sizes)}, expected input with shape [{stars}], but got "
            f"input of size{list(x._a.shape)}"
        )


def _check_channels(x: Tensor, **given: Tensor | None) -> None:
    channels = x._a.shape[1]
    for name, t in given.items():
        if t is not None and t._a.shape != (channels,):
            raise RuntimeError(f"{name} should contain {channels} elements not {t._a.size}")


def _short_batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    have = input._a.shape
    if training is not True or running_mean is not None or running_var is not None:
        return None
    if len(have) < 2 or have[0] < 2:
        return None
    axes = (0, *range(2, len(have)))
    affine = (1, have[1], *[1] * (len(have) - 2))
    kw = {"axes": axes, "eps": eps, "affine": affine, "parameter": have[1:2]}
    return _directly(input, weight, bias, have, kw)


@shortcut(_short_batch_norm)
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
    size = x._a.shape
    if training and len(size) > 1 and math.prod(size[:1] + size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {Size(size)}"
        )
    if eps <= 0 and (training or eps < 0):
        needed = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {needed}, but got {eps}")
    return normalized_batch(x, running_mean, running_var, weight, bias, training, momentum, eps)


def normalized_batch(
    x: Tensor,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """batch_norm, whatever the number of values in a channel."""
    a = x._a
    if a.ndim == 1 and not a.size:
        return _nothing_normalized(x, weight, bias)
    if a.ndim < 2:
        raise no_such_dim(1, a.ndim)
    _check_channels(x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not a.size:
        return _nothing_normalized(x, weight, bias)
    no_derivative("native_batch_norm", running_mean=running_mean, running_var=running_var)
    affine = tuple(n if i == 1 else 1 for i, n in enumerate(a.shape))
    if not training:
        for name, t in (("running_mean", running_mean), ("running_var", running_var)):
            if t is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        kw = {"eps": eps, "affine": affine}
        return _normalized(BatchNormFixed, x, weight, bias, running_mean, running_var, **kw)
    axes = (0, *range(2, a.ndim))
    if running_mean is not None or running_var is not None:
        quietly(_update, a, axes, running_mean, running_var, momentum)
    kw = {"axes": axes, "eps": eps, "affine": affine, "parameter": (a.shape[1],)}
    return _normalized(BatchNorm, x, weight, bias, **kw)


def _nothing_normalized(x: Tensor, weight: Any, bias: Any) -> Tensor:
    """A batch without elements: itself, in a graph with the parameters, whose gradients are 0."""
    result = clone(x)
    if weight is not None:
        result = elementwise.mul(result, select(weight, 0, 0))
    return result if bias is None else elementwise.add(result, select(bias, 0, 0))


def _update(a: Any, axes: tuple, mean: Tensor | None, var: Tensor | None, momentum: float) -> None:
    """Move the running statistics towards the batch's (its variance with n - 1)."""
    for held, value in zip((mean, var), _statistics(a, axes), strict=True):
        if held is not None:
            _move(held, value.reshape(-1), momentum)


def _statistics(a: Any, axes: tuple) -> tuple[Any, Any]:
    """Mean and variance over some dimensions, which stay with size 1, without derivative."""
    a = detached_array(a)
    if is_half(a):
        a = cast(a, dtype=np.dtype(np.float32))
    n = math.prod([a.shape[i] for i in axes])
    if type(a) is np.ndarray:
        now = _total(a, axes) / n
    else:  # as the rules of `standardize` do, so that a compiled step computes it once
        now = _total(a, axes) * (1 / n)
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


def _short_group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    n, channels, *rest = input._a.shape
    each = channels // num_groups
    if each * num_groups != channels:
        return None
    axes = tuple(range(2, 3 + len(rest)))
    affine = (1, num_groups, each, *[1] * len(rest))
    kw = {"axes": axes, "eps": eps, "affine": affine, "parameter": (channels,)}
    return _directly(input, weight, bias, (n, num_groups, each, *rest), kw)


@shortcut(_short_group_norm)
@overridable
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """(x - mean) / sqrt(var + eps) over groups of channels (dimension 1), scaled by channel."""
    x = tensor("group_norm", input)
    a = x._a
    if a.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {a.ndim}")
    check_groups(x, a.shape[1], num_groups)
    return normalized_groups(x, num_groups, weight, bias, eps)


def check_groups(x: Tensor, channels: int, groups: int) -> None:
    """RuntimeError unless the channels can be parted into as many groups."""
    if channels % groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(x._a.shape)} and num_groups={groups}"
        )


def normalized_groups(x: Tensor, groups: int, weight: Any, bias: Any, eps: float) -> Tensor:
    """group_norm of arguments that have been checked."""
    n, channels, *rest = x._a.shape
    each = channels // groups
    parts = shape.reshape(x, (n, groups, each, *rest))
    axes = tuple(range(2, 3 + len(rest)))
    affine = (1, groups, each, *[1] * len(rest))
    kw = {"axes": axes, "eps": eps, "affine": affine, "parameter": (channels,)}
    return alone(shape.reshape(_normalized(GroupNorm, parts, weight, bias, **kw), x._a.shape))


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
    size = x._a.shape
    if use_input_stats and math.prod(size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {Size(size)}"
        )
    held = running_mean, running_var
    return normalized_instances(x, *held, weight, bias, use_input_stats, momentum, eps)


def normalized_instances(
    x: Tensor,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """instance_norm, whatever the number of values in a channel."""
    if not use_input_stats:
        return normalized_batch(x, running_mean, running_var, weight, bias, False, momentum, eps)
    a = x._a
    axes = tuple(range(2, a.ndim))
    if running_mean is not None or running_var is not None:
        quietly(_update_of_instances, a, axes, running_mean, running_var, momentum)
    affine = tuple(n if i == 1 else 1 for i, n in enumerate(a.shape))
    kw = {"axes": axes, "eps": eps, "affine": affine, "parameter": (a.shape[1],)}
    return _normalized(BatchNorm, x, weight, bias, **kw)


def _update_of_instances(a, axes, mean, var, momentum):
    for held, value in zip((mean, var), _statistics(a, axes), strict=True):
        if held is not None:
            average = _total(value.reshape(a.shape[:2]), (0,)) / a.shape[0]
            _move(held, average.reshape(-1), momentum)


@overridable
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / sqrt(mean(x^2) + eps) * weight over the last dimensions (arXiv:1910.07467)."""
    x = tensor("rms_norm", input)
    sizes = _ints("rms_norm", "normalized_shape", normalized_shape, ROW_SHAPE)
    _check_rows(x, sizes, weight=weight)
    n, given = len(sizes), x._a.dtype
    if is_half(x._a):
        x = to_dtype(x, np.dtype(np.float32))
    eps = float(np.finfo(x._a.dtype).eps) if eps is None else eps
    dims = tuple(range(x._a.ndim - n, x._a.ndim))
    square = reductions.mean(powers.pow(x, 2), dim=dims, keepdim=True)
    result = elementwise.mul(x, powers.rsqrt(elementwise.add(square, eps)))
    result = result if weight is None else elementwise.mul(result, weight)
    return result if result._a.dtype == given else to_dtype(result, given)
