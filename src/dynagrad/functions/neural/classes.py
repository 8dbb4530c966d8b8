"""Losses of classes under PyTorch's names."""

import math

import numpy as np

from ...core.apply import apply, recording
from ...core.complaints import legacy_name, not_a_tensor
from ...core.dtype import FLOATING, category
from ...core.overrides import overridable
from ...core.quiet import WARNED, quietly
from ...core.tape import Meta
from ...core.tensor import Tensor, edge_of, family_of, wrap
from ...core.watch import PLAIN
from ...ops.neural import classes as ops
from ...ops.neural.classes import nll
from ...ops.neural.softmax import log_softmax
from ...ops.reduction import sum_over
from .. import elementwise, shape
from .. import reduction as reductions
from ..arguments import bounds, check_scalar_type, no_derivative, tensor
from ..contraction import noted
from ..nodes import node, shown
from .activation import floating
from .loss import (
    AddNumber,
    DivNumber,
    MaskedFill,
    MulNumber,
    reduction_of,
)
from .softmax import LogSoftmax, torch_log_softmax

Nll = node("NllLossBackward0", ops.nll)
Nll2d = node("NllLoss2DBackward0", ops.nll)
MultiMargin = node("MultiMarginLossBackward0", ops.multi_margin)
MultilabelMargin = node("MultilabelMarginLossBackward0", ops.multilabel_margin)
shown(1, Nll, Nll2d, MultiMargin, MultilabelMargin)
INT64 = np.dtype(np.int64)
CLASS_NUMBERS = "Targets are class numbers: convert them, as in target.long()."


# --- classes --------------------------------------------------------------------------------------


def _class_numbers(target: Tensor) -> Tensor:
    """Targets as int64; RuntimeError for anything but int64 and uint8."""
    kind = target._a.dtype
    if kind is INT64 or kind == INT64:
        return target
    if kind == np.uint8:
        return wrap(target._a.astype(INT64))
    raise RuntimeError(
        f"expected target dtype to be Long or Byte, but got {legacy_name(kind)}\n{CLASS_NUMBERS}"
    )


def _check_nll(x: Tensor, target: Tensor, weight: Tensor | None) -> None:
    a, t = x._a, target._a
    if a.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if a.ndim == 1:
        if t.ndim > 1 or t.size != 1:
            raise ValueError(
                f"Expected input batch_size ({a.shape[0]}) to match target batch_size ({t.size})."
                if t.ndim == 1
                else "0D or 1D target tensor expected, multi-target not supported"
            )
    elif t.ndim == 0 or a.shape[0] != t.shape[0]:
        got = t.shape[0] if t.ndim else 0
        raise ValueError(
            f"Expected input batch_size ({a.shape[0]}) to match target batch_size ({got})."
        )
    elif a.ndim == 2 and t.ndim != 1:
        raise RuntimeError(
            "0D or 1D target tensor expected, multi-target not supported\nFor an input of shape "
            f"{list(a.shape)} the target has shape [{a.shape[0]}]; given was {list(t.shape)}."
        )
    elif t.shape != (a.shape[0], *a.shape[2:]):
        raise RuntimeError(
            f"Expected target size {[a.shape[0], *a.shape[2:]]}, got {list(t.shape)}"
        )
    if weight is not None:
        classes = a.shape[0] if a.ndim == 1 else a.shape[1]
        if weight._a.shape != (classes,):
            raise RuntimeError(
                f"weight tensor should be defined either for all {classes} classes or no classes "
                f"but got weight tensor of shape: {list(weight._a.shape)}"
            )
        advice = "Convert the weight, as in weight.to(x.dtype)."
        check_scalar_type(a.dtype, weight._a.dtype, advice)


@overridable
def nll_loss(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
):
    """-weight[t] input[t] for log-probabilities (N, C, ...) and class numbers t (N, ...).

    The mean is over the weights of the targets that differ from ignore_index. IndexError for a
    class number outside [0, C).
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = tensor("nll_loss", input), tensor("nll_loss", target, 2, "target")
    return _nll(x, t, weight, ignore_index, reduction)


def _nll(x: Tensor, t: Tensor, weight: Tensor | None, ignore: int, reduction: str) -> Tensor:
    _check_nll(x, t, weight)
    no_derivative("nll_loss2d_forward" if x._a.ndim > 2 else "nll_loss_forward", weight=weight)
    t = _class_numbers(t)
    floating("nll_loss_out_frame", "nll_loss", x)
    kw = {"reduction": reduction, "ignore": ignore}
    if x._a.ndim <= 2:
        return apply(Nll, x, t, weight, **kw)
    if x._a.ndim == 4:
        return apply(Nll2d, x, t, weight, **kw)
    n, classes, *rest = x._a.shape
    x = shape.reshape(x, (n, classes, 1, math.prod(rest)))
    result = apply(Nll2d, x, shape.reshape(t, (n, 1, math.prod(rest))), weight, **kw)
    return shape.view(result, t._a.shape) if reduction == "none" else result


def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """-sum_c weight[c] y_c log softmax(input)_c over dimension 1.

    The target y holds class numbers (N, ...), or probabilities in the input's shape (N, C, ...).
    label_smoothing moves that part of the target to the uniform distribution.
    """
    if (
        type(input) in PLAIN
        and type(target) in PLAIN
        and not label_smoothing
        and size_average is None
        and reduce is None
        and weight is None
        and reduction in ("mean", "sum", "none")
    ):
        a, t = input._a, target._a
        if (
            a.ndim == 2
            and t.dtype is INT64
            and t.ndim == 1
            and a.dtype.kind == "f"
            and a.shape[0] == t.shape[0]
            and type(a) is type(t) is np.ndarray
        ):
            return _hot_cross_entropy(input, target, reduction, ignore_index)
    return _cross_entropy(
        input, target, weight, size_average, ignore_index, reduce, reduction, label_smoothing
    )


ALONG_ROWS = {"axis": 1}


def _hot_cross_entropy(input, target, reduction, ignore):
    """cross_entropy of class numbers for one row of scores a sample, recorded by hand."""
    a, t = input._a, target._a
    kw = {"reduction": reduction, "ignore": ignore}
    try:
        logs = LogSoftmax.rule.kernel(a, axis=1)
        loss = Nll.rule.kernel(logs, t, None, **kw)
    except WARNED:
        logs = quietly(log_softmax, a, axis=1)
        loss = quietly(nll, logs, t, None, **kw)
    edge = edge_of(input)
    if edge is None or not recording():
        return wrap(loss)
    first = noted(LogSoftmax, logs, (edge,), (logs,), ALONG_ROWS, None)
    cells = (None, family_of(target), None)
    saved = (Meta(logs), t, None)
    return noted(Nll, np.asarray(loss), (first._e, None, None), saved, kw, cells)


@overridable
def _cross_entropy(
    input, target, weight, size_average, ignore_index, reduce, reduction, label_smoothing
):
    for position, (argument, value) in enumerate((("input", input), ("target", target)), 1):
        if not isinstance(value, Tensor):
            raise not_a_tensor("cross_entropy_loss", position, argument, value)
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    axis = 0 if input._a.ndim == 1 else 1
    if input._a.shape == target._a.shape and input._a.ndim:
        if category(target._a.dtype) < FLOATING:
            raise RuntimeError(
                "Expected floating point type for target with class probabilities, got "
                f"{legacy_name(target._a.dtype)}\nA target in the input's shape holds "
                "probabilities; class numbers have shape (N, ...)."
            )
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        logs = torch_log_softmax(input, axis)
        return _of_probabilities(logs, target, weight, axis, reduction, label_smoothing)
    if input._a.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    logs = torch_log_softmax(input, axis)
    loss = _nll(logs, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return loss
    t = _class_numbers(target)._a
    smooth = _uniform_part(logs, t, weight, axis, ignore_index, reduction)
    classes = input._a.shape[axis]
    return elementwise.add(
        apply(MulNumber, loss, number=1 - label_smoothing),
        apply(MulNumber, smooth, number=label_smoothing / classes),
    )


_cross_entropy.stands_for = cross_entropy  # pyright: ignore[reportFunctionMemberAccess]


def _uniform_part(logs, t, weight, axis, ignore, reduction):
    """-sum_c weight[c] logs_c for targets that count, with the reduction of nll_loss."""
    if weight is not None:
        logs = elementwise.mul(logs, _on_axis(weight, axis, logs._a.ndim))
    losses = elementwise.neg(reductions.sum(logs, dim=axis))
    losses = apply(MaskedFill, losses, wrap((t == ignore).reshape(losses._a.shape)))
    if reduction == "none":
        return losses
    total = reductions.sum(losses)
    if reduction == "sum":
        return total
    kw = {"classes": logs._a.shape[axis], "ignore": ignore}
    weights = ops.target_weights(logs._a, t, None if weight is None else weight._a, **kw)
    return elementwise.div(total, wrap(sum_over(weights, axes=None, keepdims=False)))


def _on_axis(weight: Tensor, axis: int, ndim: int) -> Tensor:
    return shape.reshape(weight, [-1 if i == axis else 1 for i in range(ndim)])


def _of_probabilities(logs, target, weight, axis, reduction, smoothing):
    classes = logs._a.shape[axis]
    if smoothing:
        target = apply(MulNumber, target, number=1 - smoothing)
        target = apply(AddNumber, target, number=smoothing / classes)
    products = elementwise.mul(logs, target)
    if weight is not None:
        products = elementwise.mul(products, _on_axis(weight, axis, logs._a.ndim))
    if reduction == "none":
        return elementwise.neg(reductions.sum(products, dim=axis))
    total = elementwise.neg(reductions.sum(products))
    if reduction == "sum":
        return total
    return apply(DivNumber, total, number=classes / (logs._a.size or math.nan))


def _check_rows(sizes: tuple[int, ...]) -> None:
    if len(sizes) > 2 or (0 in sizes if len(sizes) < 2 else not sizes[1]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(sizes)}"
        )


@overridable
def multi_margin_loss(
    input,
    target,
    p=1,
    margin=1.0,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """sum over classes c != t of weight[t] max(0, margin - x[t] + x[c])^p / C."""
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    x = floating("multi_margin_loss", "multi_margin_loss", input)
    t = tensor("multi_margin_loss", target, 2, "target")
    _check_rows(x._a.shape)
    single = x._a.ndim <= 1
    if single:
        x, t = shape.reshape(x, (1, x._a.size)), shape.reshape(t, (1,))
    if t._a.shape != x._a.shape[:1]:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size {[x._a.shape[0]]}, but got "
            f"{list(t._a.shape)}. Input has shape {list(x._a.shape)}."
        )
    if weight is not None and weight._a.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    if weight is not None and weight._a.shape != x._a.shape[1:]:
        raise RuntimeError(
            f"inconsistent weight size, expected {x._a.shape[1]} but got {list(weight._a.shape)}"
        )
    check_scalar_type(INT64, t._a.dtype, CLASS_NUMBERS)
    least, largest = bounds(t._a)
    if least < 0 or largest >= x._a.shape[1]:
        raise RuntimeError(
            f"target out of range\nThe input has {x._a.shape[1]} classes: targets lie in "
            f"[0, {x._a.shape[1] - 1}]."
        )
    no_derivative("multi_margin_loss", weight=weight)
    losses = apply(MultiMargin, x, t, weight, p=p, margin=float(margin), reduction=reduction)
    return shape.reshape(losses, ()) if single and reduction == "none" else losses


@overridable
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """sum over labels t (up to the first -1) and other classes c of max(0, 1 - x[t] + x[c]) / C."""
    reduction = reduction_of(size_average, reduce, reduction)
    x = floating("multilabel_margin_loss_forward_out_frame", "multilabel_margin_loss", input)
    t = tensor("multilabel_margin_loss", target, 2, "target")
    _check_rows(x._a.shape)
    if x._a.shape != t._a.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(t._a.shape)} for input of size: {list(x._a.shape)}"
        )
    if x._a.ndim <= 1:
        row = shape.reshape(x, (1, x._a.size))
        losses = apply(MultilabelMargin, row, shape.reshape(t, (1, t._a.size)), reduction=reduction)
        return shape.reshape(losses, ()) if reduction == "none" else losses
    return apply(MultilabelMargin, x, t, reduction=reduction)
