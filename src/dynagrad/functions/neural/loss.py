"""Losses of corresponding elements under PyTorch's names."""

import math
from typing import Any

import numpy as np

from ...core.apply import apply, promoted, to_dtype
from ...core.complaints import broadcast_error, legacy_name
from ...core.dtype import FLOATING, Size, category, number_dtype
from ...core.overrides import overridable
from ...core.quiet import warn
from ...core.tensor import Tensor, wrap
from ...core.watch import PLAIN
from ...ops.elementwise import drop
from ...ops.neural import loss as ops
from ...ops.shape import copy
from .. import elementwise, expansion, powers, rounding, selection, shape, transcendental
from .. import reduction as reductions
from ..arguments import bounds, no_derivative, no_kernel, tensor
from ..nodes import node, shown
from .activation import LogSigmoid

Mse = node("MseLossBackward0", ops.mse)
SmoothL1 = node("SmoothL1LossBackward0", ops.huber)
Huber = node("HuberLossBackward0", ops.huber)
Bce = node("BinaryCrossEntropyBackward0", ops.bce)
BceLogits = node("BinaryCrossEntropyWithLogitsBackward0", ops.bce_logits)
SoftMargin = node("SoftMarginLossBackward0", ops.soft_margin)
shown(2, Bce, BceLogits)
shown(1, SoftMargin)
AddNumber = node("AddBackward1", ops.shift_by)
SubNumber = node("SubBackward1", ops.shift_by)
MulNumber = node("MulBackward1", ops.scale_by)
DivNumber = node("DivBackward1", ops.scale_by)
MaskedFill = node("MaskedFillBackward0", drop)
shown(1, MaskedFill)
CloneFloor = node("CloneBackward0", ops.floor_through)
Clone = node("CloneBackward0", copy)

REDUCTIONS = ("mean", "sum", "none")


def plus(x: Tensor, number: float, cls: Any = AddNumber) -> Tensor:
    """x + number, or what `cls` does; an integer tensor becomes floating, as with any float."""
    if category(x._a.dtype) < FLOATING and isinstance(number, float):
        x = to_dtype(x, number_dtype(0.0))
    return apply(cls, x, number=number)


def reduction_of(size_average: Any, reduce: Any, reduction: Any) -> str:
    """The reduction, also from the two older arguments (with PyTorch's warning)."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead."
        )
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"{reduction} is not a valid value for reduction\nIt must be 'mean', 'sum' or 'none'."
        )
    return reduction


def reduced(x: Any, reduction: str) -> Any:
    """The losses themselves, their mean or their sum."""
    if reduction == "mean":
        return reductions.mean(x)
    return reductions.sum(x) if reduction == "sum" else x


def same_size(input: Tensor, target: Tensor) -> bool:
    """Whether the sizes agree; warns as PyTorch does if not."""
    if input._a.shape == target._a.shape:
        return True
    warn(
        f"Using a target size ({Size(target._a.shape)}) that is different to the input size "
        f"({Size(input._a.shape)}). This will likely lead to incorrect results due to "
        "broadcasting. Please ensure they have the same size."
    )
    return False


def pair(name: str, input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Two floating tensors of one shape and dtype, from arguments that broadcast."""
    function = f"{name}_loss"
    x, y = tensor(function, input), tensor(function, target, 2, "target")
    if not same_size(x, y):
        error = broadcast_error(name, [x._a.shape, y._a.shape])
        if error is not None:
            raise error
        x, y = expansion.broadcast_tensors(x, y)
    x, y = promoted((x, y))
    if category(x._a.dtype) < FLOATING:
        raise no_kernel(f"{name}_cpu", x._a.dtype)
    return x, y


# --- regression -----------------------------------------------------------------------------------


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target)^2, averaged by default; `weight` weighs elements."""
    if (
        type(input) in PLAIN
        and type(target) in PLAIN
        and weight is None
        and size_average is None
        and reduce is None
        and reduction in REDUCTIONS
    ):
        a, b = input._a, target._a
        if a.shape == b.shape and a.dtype is b.dtype and a.dtype.kind == "f":
            return apply(Mse, input, target, reduction=reduction)
    return _mse(input, target, size_average, reduce, reduction, weight)


@overridable
def _mse(input, target, size_average, reduce, reduction, weight):
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = pair("mse", input, target)
    if weight is None:
        return apply(Mse, x, y, reduction=reduction)
    return _weighted(powers.pow(elementwise.sub(x, y), 2), weight, reduction)


_mse.stands_for = mse_loss  # pyright: ignore[reportFunctionMemberAccess]


def _weighted(losses: Any, weight: Tensor, reduction: str) -> Any:
    if weight._a.shape != losses._a.shape:
        raise ValueError("Weights and input must have the same size.")
    losses = elementwise.mul(losses, weight)
    if reduction == "none":
        return losses
    total = reductions.sum(losses)
    return total if reduction == "sum" else elementwise.div(total, reductions.sum(weight))


@overridable
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|, averaged by default; `weight` weighs elements."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = tensor("l1_loss", input), tensor("l1_loss", target, 2, "target")
    if not same_size(x, y):
        x, y = expansion.broadcast_tensors(x, y)
    losses = rounding.abs(elementwise.sub(x, y))
    return reduced(losses, reduction) if weight is None else _weighted(losses, weight, reduction)


@overridable
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, for d = input - target."""
    reduction = reduction_of(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    x, y = pair("smooth_l1", input, target)
    if beta == 0:
        return reduced(rounding.abs(elementwise.sub(x, y)), reduction)
    return apply(SmoothL1, x, y, delta=float(beta), scale=1 / beta, reduction=reduction)


@overridable
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), for d = input - target."""
    reduction = reduction_of(None, None, reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    x, y = pair("huber", input, target)
    kw = {"delta": float(delta), "scale": 1.0}
    if weight is None:
        return apply(Huber, x, y, **kw, reduction=reduction)
    return _weighted(apply(Huber, x, y, **kw, reduction="none"), weight, reduction)


# --- two classes ----------------------------------------------------------------------------------


@overridable
def binary_cross_entropy(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """-(y log x + (1 - y) log(1 - x)) for probabilities x; the logarithms are at least -100."""
    reduction = reduction_of(size_average, reduce, reduction)
    name = "binary_cross_entropy"
    x, y = tensor(name, input), tensor(name, target, 2, "target")
    a, b = x._a, y._a
    if a.shape != b.shape:
        raise ValueError(
            f"Using a target size ({Size(b.shape)}) that is different to the input size "
            f"({Size(a.shape)}) is deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        weight = expansion.broadcast_to(weight, a.shape) if weight._a.shape != a.shape else weight
    for other in (y,) if weight is None else (y, weight):
        if other._a.dtype != a.dtype:
            raise RuntimeError(
                f"Found dtype {legacy_name(other._a.dtype)} but expected {legacy_name(a.dtype)}\n"
                "The target must have the input's dtype: convert it, as in y.to(x.dtype)."
            )
    if a.dtype.kind not in "fV":
        raise no_kernel("binary_cross_entropy", a.dtype, "Probabilities are floating numbers.")
    no_derivative(name, weight=weight)
    result = apply(Bce, x, y, weight, reduction=reduction)
    # outside [0, 1] a logarithm is nan, so the bounds are looked at only where a nan came out
    r = result._a
    if type(r) is not np.ndarray:
        _check_probabilities(*bounds(a, 0, 1))
    elif math.isnan(r.item()) if r.ndim == 0 else (r != r).any():
        if a.size:
            _check_probabilities(np.fmin.reduce(a, None), np.fmax.reduce(a, None))
    return result


def _check_probabilities(low: Any, high: Any) -> None:
    if low < 0 or high > 1:
        raise RuntimeError(
            "all elements of input should be between 0 and 1\nThe input lies in "
            f"[{low:g}, {high:g}]. For scores before the sigmoid use "
            "binary_cross_entropy_with_logits."
        )


@overridable
def binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
):
    """binary_cross_entropy of sigmoid(input), stably; pos_weight weighs positive targets.

    Both weights have gradients, which PyTorch gives inside of torch.func's transforms alone.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    name = "binary_cross_entropy_with_logits"
    x, y = tensor(name, input), tensor(name, target, 2, "target")
    if x._a.shape != y._a.shape:
        raise ValueError(
            f"Target size ({Size(y._a.shape)}) must be the same as input size ({Size(x._a.shape)})"
        )
    if category(y._a.dtype) < FLOATING:
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {legacy_name(y._a.dtype)}"
            "\nThe target must be floating: convert it, as in target.float()."
        )
    if x._a.dtype != y._a.dtype:
        x, y = promoted((x, y))
    extra = []
    for w in (weight, pos_weight):
        if w is not None and w._a.dtype != x._a.dtype:
            (w, _) = promoted((w, x))
        extra.append(w)
    return apply(BceLogits, x, y, *extra, reduction=reduction)


@overridable
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)) for targets 1 and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = tensor("soft_margin_loss", input), tensor("soft_margin_loss", target, 2, "target")
    error = broadcast_error("soft_margin_loss", [x._a.shape, y._a.shape])
    if error is not None:
        raise error
    no_derivative("soft_margin_loss", target=y)
    x, y = promoted((x, y))
    if x._a.shape != y._a.shape:
        x, y = expansion.broadcast_tensors(x, y)
    return apply(SoftMargin, x, y, reduction=reduction)


@overridable
def hinge_embedding_loss(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
):
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = tensor("hinge_embedding_loss", input), tensor("hinge_embedding_loss", target, 2)
    zeros = wrap(np.zeros(x._a.shape, x._a.dtype))
    beyond = selection.clamp_min(elementwise.sub(constant(margin, x), x), 0)
    losses = elementwise.add(
        selection.where(wrap(y._a != 1), beyond, zeros),
        selection.where(wrap(y._a != -1), x, zeros),
    )
    return reduced(losses, reduction)


def constant(value: float, like: Tensor) -> Tensor:
    """A number as a 0-d tensor of another's dtype."""
    return wrap(np.array(value, like._a.dtype))


# --- distributions --------------------------------------------------------------------------------


@overridable
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target (log target - input) for log-probabilities; with log_target the target is one."""
    whole = reduction
    if reduction == "batchmean" and size_average is None and reduce is None:
        whole = "sum"
    elif reduction == "mean" and size_average is None and reduce is None:
        warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release."
        )
    whole = reduction_of(size_average, reduce, whole)
    result = reduced(divergence(input, target, log_target), whole)
    if reduction == "batchmean" and input._a.ndim:
        result = elementwise.div(result, input._a.shape[0])
    return result


def divergence(input: Any, target: Any, log_target: bool) -> Tensor:
    """kl_div of each element."""
    name = "kl_div"
    x, y = tensor(name, input), tensor(name, target, 2, "target")
    if category(x._a.dtype) < FLOATING or category(y._a.dtype) < FLOATING:
        raise RuntimeError(
            f"kl_div: Integral inputs not supported.\nGiven were {x.dtype} and {y.dtype}; the "
            "target holds probabilities: convert it, as in target.float()."
        )
    if log_target:
        return elementwise.mul(transcendental.exp(y), elementwise.sub(y, x))
    return elementwise.sub(transcendental.xlogy(y, y), elementwise.mul(y, x))


@overridable
def poisson_nll_loss(
    input,
    target,
    log_input=True,
    full=False,
    size_average=None,
    eps=1e-8,
    reduce=None,
    reduction="mean",
):
    """exp(x) - y x, or x - y log(x + eps) without log_input; `full` adds Stirling's term."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = tensor("poisson_nll_loss", input), tensor("poisson_nll_loss", target, 2, "target")
    if log_input:
        losses = elementwise.sub(transcendental.exp(x), elementwise.mul(y, x))
    else:
        logs = transcendental.log(plus(x, eps))
        losses = elementwise.sub(x, elementwise.mul(y, logs))
    if full:
        log = transcendental.log
        stirling = elementwise.add(
            elementwise.sub(elementwise.mul(y, log(y)), y),
            plus(log(plus(y, 2 * math.pi, MulNumber)), 0.5, MulNumber),
        )
        losses = elementwise.add(losses, apply(MaskedFill, stirling, wrap(y._a <= 1)))
    return reduced(losses, reduction)


def _has_one_size_of_1(given: tuple[int, ...], full: tuple[int, ...]) -> bool:
    """Whether a shape is the full one but for a single size, which is 1."""
    others = [n for n, m in zip(given, full, strict=False) if n != m]
    return len(given) == len(full) and others == [1]


@overridable
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log v + (input - target)^2 / v) / 2 for v = max(var, eps); `full` adds log(2 pi) / 2."""
    x = tensor("gaussian_nll_loss", input)
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = wrap(np.full(x._a.shape, var, x._a.dtype))
    elif bounds(var._a, 0)[0] < 0 if type(var._a) is not np.ndarray else (var._a < 0).any():
        raise ValueError("var has negative entry/entries")
    if var._a.shape != x._a.shape:
        if x._a.shape[:-1] == var._a.shape:
            var = shape.unsqueeze(var, -1)
        elif not _has_one_size_of_1(var._a.shape, x._a.shape):
            raise ValueError(
                f"var is of incorrect size\nIt has shape {list(var._a.shape)}, the input "
                f"{list(x._a.shape)}; one of its sizes may be 1, or the last one missing."
            )
    reduction_of(None, None, reduction)
    v = apply(CloneFloor, var, low=eps)
    square = powers.pow(elementwise.sub(x, target), 2)
    losses = elementwise.mul(
        elementwise.add(transcendental.log(v), elementwise.div(square, v)), 0.5
    )
    if full:
        losses = elementwise.add(losses, 0.5 * math.log(2 * math.pi))
    return reduced(losses, reduction)


@overridable
def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """binary_cross_entropy_with_logits averaged over the classes of each row."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, y = tensor("multilabel_soft_margin_loss", input), tensor("multilabel", target, 2)
    other = elementwise.sub(constant(1, y), y)
    losses = elementwise.neg(
        elementwise.add(
            elementwise.mul(y, apply(LogSigmoid, x)),
            elementwise.mul(other, apply(LogSigmoid, elementwise.neg(x))),
        )
    )
    if weight is not None:
        losses = elementwise.mul(losses, weight)
    rows = elementwise.div(reductions.sum(losses, dim=-1), x._a.shape[-1])
    return reduced(rows, reduction)
