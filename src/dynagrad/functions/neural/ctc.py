"""The loss of connectionist temporal classification under PyTorch's name."""

from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.complaints import legacy_name
from ...core.overrides import overridable
from ...core.tensor import Tensor, wrap
from ...ops.neural import ctc as ops
from .. import elementwise, selection, shape
from .. import reduction as reductions
from ..arguments import no_kernel, settled, tensor
from ..nodes import node, shown
from .loss import reduction_of

__all__: list[str] = []

Ctc = node("CtcLossBackward0", ops.ctc)
shown(1, Ctc)


@overridable
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """-log of the probability of each target over all alignments with log_probs (T, N, C).

    targets: class numbers (N, S), or all of them one after the other; input_lengths and
    target_lengths (N,) say how much of each sequence counts. log_probs (T, C) is one sequence. The
    mean is of losses divided by the targets' lengths; zero_infinity makes the loss of targets that
    are too long 0. Source: Graves et al., "Connectionist temporal classification" (2006).
    """
    reduction = reduction_of(None, None, reduction)
    x, y = tensor("ctc_loss", log_probs, 1, "log_probs"), tensor("ctc_loss", targets, 2, "targets")
    single = x._a.ndim == 2
    if single:
        x = shape.unsqueeze(x, 1)
    _check(x, y, blank)
    size = x._a.shape[1]
    ins = _lengths("input_lengths", input_lengths, size)
    outs = _lengths("target_lengths", target_lengths, size)
    _check_lengths(x._a.shape[0], ins, outs)
    labels = ops.ctc_labels(_rows(y, outs), blank=int(blank))
    kw = {"blank": int(blank), "zero_infinity": bool(zero_infinity)}
    loss, _ = apply(Ctc, x, labels, ins, outs, **kw)
    if zero_infinity:
        infinite = wrap(np.equal(loss._a, np.inf))
        loss = selection.where(infinite, wrap(np.zeros((), x._a.dtype)), loss)
    if reduction == "mean":
        shares = elementwise.div(loss, wrap(np.maximum(outs, 1).astype(x._a.dtype)))
        return reductions.mean(shares)
    if reduction == "sum":
        return reductions.sum(loss)
    return shape.squeeze(loss, 0) if single else loss


def _check(x: Tensor, y: Tensor, blank: int) -> None:
    a = x._a
    if a.dtype not in (np.float32, np.float64):
        advice = "The log-probabilities must be float32 or float64: convert them, as in x.float()."
        raise no_kernel("ctc_loss_cpu", a.dtype, advice)
    if y._a.dtype.kind not in "iu":
        raise RuntimeError(
            "Expected tensor for argument #2 'targets' to have one of the following scalar types: "
            f"Long, Int; but got torch.{legacy_name(y._a.dtype)}Tensor instead (while checking "
            "arguments for ctc_loss_cpu)"
        )
    if a.ndim != 3:
        raise RuntimeError(
            f"Expected 3-dimensional tensor for argument #1 'log_probs', but got {a.ndim}-"
            "dimensional tensor (while checking arguments for ctc_loss)\nIts shape is (T, N, C), "
            "or (T, C) for one sequence."
        )
    if not 0 <= blank < a.shape[2]:
        raise RuntimeError(
            f"blank must be in label range\nGiven was {blank}; there are {a.shape[2]} classes."
        )


def _lengths(name: str, given: Any, size: int) -> Any:
    """Lengths as int64 (N,), from a tensor, a sequence of ints or one int."""
    if isinstance(given, Tensor):
        if given._a.dtype.kind not in "iu":
            raise RuntimeError(f"{name} must be integral\nGiven were numbers of {given.dtype}.")
        lengths = settled(given._a)
        lengths = lengths.astype(np.int64).reshape(-1)
    else:
        lengths = np.array(given, np.int64).reshape(-1)
    if len(lengths) != size:
        raise RuntimeError(
            f"{name} must be of size batch_size\nIt has {len(lengths)} elements for a batch of "
            f"{size}."
        )
    return lengths


def _check_lengths(times: int, ins: Any, outs: Any) -> None:
    for name, lengths in (("input_lengths", ins), ("target_lengths", outs)):
        if len(lengths) and lengths.min() < 0:
            raise RuntimeError(
                f"Expected {name} to have value at least 0, but got value {lengths.min()} (while "
                "checking arguments for ctc_loss_cpu)"
            )
    if len(ins) and ins.max() > times:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {times}, but got value {ins.max()} "
            "(while checking arguments for ctc_loss_cpu)"
        )


def _rows(y: Tensor, lengths: Any) -> Any:
    """Targets as one row a sequence, whichever way they were given."""
    a = settled(y._a)
    longest = int(lengths.max(initial=0))
    if a.ndim == 2:
        rows = a.reshape(len(lengths), -1)
        if rows.shape[1] < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                f"{list(a.shape)} for argument #2 'targets' (while checking arguments for "
                "ctc_loss_cpu)"
            )
        inside = np.arange(longest) < lengths[:, None]
        return np.where(inside, rows[:, :longest], 0).astype(np.int64)
    if a.ndim != 1:
        raise RuntimeError(
            f"targets must be 1-D or 2-D tensors, but got {a.ndim}-D (while checking arguments for "
            "ctc_loss_cpu)"
        )
    if a.size != lengths.sum():
        raise RuntimeError(
            f"Expected tensor to have size {lengths.sum()} at dimension 0, but got size {a.size} "
            "for argument #2 'targets' (while checking arguments for ctc_loss_cpu)"
        )
    inside = np.arange(longest) < lengths[:, None]
    rows = np.zeros(inside.shape, np.int64)
    rows[inside] = a
    return rows
