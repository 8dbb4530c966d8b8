"""Distances, similarities and the losses made of them under PyTorch's names."""

from typing import Any

import numpy as np

from ...core.apply import apply, promoted
from ...core.complaints import legacy_name
from ...core.dtype import FLOATING, Size, category
from ...core.overrides import overridable
from ...core.tensor import wrap
from ...ops.norms import vector_norm as norm_op
from .. import comparison, elementwise, expansion, powers, selection
from .. import reduction as reductions
from ..arguments import one_dim, tensor
from ..nodes import node
from ..norms import VectorNorm
from .activation import floating
from .loss import (
    CloneFloor,
    SubNumber,
    plus,
    reduced,
    reduction_of,
)

__all__ = [
    "cosine_similarity",
    "pairwise_distance",
]

Norm = node("NormBackward1", norm_op)


@overridable
def margin_ranking_loss(
    input1, input2, target, margin: float = 0, size_average=None, reduce=None, reduction="mean"
):
    """max(0, -target (input1 - input2) + margin) for targets 1 (input1 is larger) and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1._a.ndim == input2._a.ndim == target._a.ndim:
        sizes = [Size(x._a.shape) for x in (input1, input2, target)]
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {sizes[0]}, input2: {sizes[1]}, target: {sizes[2]} "
        )
    order = elementwise.mul(elementwise.neg(target), elementwise.sub(input1, input2))
    losses = selection.clamp_min(plus(order, margin), 0)
    return reduced(losses, reduction)


@overridable
def cosine_embedding_loss(
    input1, input2, target, margin: float = 0, size_average=None, reduce=None, reduction="mean"
):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    rank = target._a.ndim + 1
    if rank > 2:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1._a.ndim != rank or input2._a.ndim != rank:
        raise RuntimeError(
            f"{rank - 1}D target tensor expects {rank}D input tensors, but found inputs with sizes "
            f"{list(input1._a.shape)} and {list(input2._a.shape)}."
        )

    def dot(x, y):
        return reductions.sum(elementwise.mul(x, y), dim=rank - 1)

    sizes = [plus(dot(x, x), 1e-12) for x in (input1, input2)]
    cosine = elementwise.div(dot(input1, input2), powers.sqrt(elementwise.mul(*sizes)))
    zeros = wrap(np.zeros(cosine._a.shape, cosine._a.dtype))
    alike = elementwise.sub(wrap(np.ones(cosine._a.shape, cosine._a.dtype)), cosine)
    apart = selection.clamp_min(plus(cosine, -margin, SubNumber), 0)
    losses = elementwise.add(
        selection.where(comparison.eq(target, 1), alike, zeros),
        selection.where(comparison.eq(target, -1), apart, zeros),
    )
    return reduced(losses, reduction)


@overridable
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps over the last dimension."""
    name = "pairwise_distance"
    x1, x2 = tensor(name, x1, 1, "x1"), tensor(name, x2, 2, "x2")
    difference = plus(elementwise.sub(x1, x2), float(eps))
    axes = (difference._a.ndim - 1,) if difference._a.ndim else ()
    return apply(Norm, difference, p=float(p), axes=axes, keepdims=keepdim, dtype=None)


@overridable
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`."""
    x1, x2 = tensor("cosine_similarity", x1, 1, "x1"), tensor("cosine_similarity", x2, 2, "x2")
    x1, x2 = promoted((x1, x2))
    if category(x1._a.dtype) != FLOATING:
        raise RuntimeError(
            "expected common dtype to be floating point, yet common dtype is "
            f"{legacy_name(x1._a.dtype)}\nConvert the tensors first, as in x.float()."
        )
    x1, x2 = expansion.broadcast_tensors(x1, x2) if x1._a.shape != x2._a.shape else (x1, x2)
    axis = one_dim(dim, x1._a.ndim, "cosine_similarity")
    axes = (axis,) if x1._a.ndim else ()
    units = []
    for x in (x1, x2):
        norm = apply(VectorNorm, x, p=2.0, axes=axes, keepdims=True, dtype=None)
        units.append(elementwise.div(x, apply(CloneFloor, norm, low=eps)))
    return reductions.sum(elementwise.mul(*units), dim=axis)


@overridable
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """input / max(|input|_p, eps), the norm taken along `dim`."""
    x = floating("normalize", "normalize", input, complex_too=True)
    axis = one_dim(dim, x._a.ndim, "normalize")
    axes = (axis,) if x._a.ndim else ()
    norm = apply(VectorNorm, x, p=float(p), axes=axes, keepdims=True, dtype=None)
    norm = expansion.expand_as(selection.clamp_min(norm, eps), x)
    return elementwise.div(x, norm, out=out)


def _check_margin(margin: float) -> None:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")


def _check_ranks(anchor: Any, positive: Any, negative: Any) -> None:
    ranks = [tensor("triplet_margin_loss", x)._a.ndim for x in (anchor, positive, negative)]
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {ranks[0]}D, positive {ranks[1]}D, and negative "
            f"{ranks[2]}D inputs"
        )


@overridable
def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin=1.0,
    p: float = 2,
    eps=1e-6,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) for p-norm distances d.

    swap: the negative's distance is the smaller one of those to anchor and positive.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    _check_margin(margin)
    return triplet(anchor, positive, negative, margin, p, eps, swap, reduction)


def triplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float,
    p: float,
    eps: float,
    swap: bool,
    reduction: str,
) -> Any:
    """triplet_margin_loss with any margin."""
    _check_ranks(anchor, positive, negative)
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = selection.minimum(far, pairwise_distance(positive, negative, p, eps))
    losses = elementwise.sub(plus(near, margin), far)
    return reduced(selection.clamp_min(losses, 0), reduction)


@overridable
def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function=None,
    margin=1.0,
    swap=False,
    reduction="mean",
):
    """triplet_margin_loss with any function of two tensors as distance."""
    reduction = reduction_of(None, None, reduction)
    _check_margin(margin)
    _check_ranks(anchor, positive, negative)
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = selection.minimum(far, distance(positive, negative))
    losses = elementwise.sub(elementwise.add(near, margin), far)
    return reduced(selection.clamp_min(losses, 0), reduction)
