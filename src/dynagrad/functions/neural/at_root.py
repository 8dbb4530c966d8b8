"""Functions of torch itself whose namesakes at torch.nn.functional have other parameters."""

from typing import Any

import numpy as np

from ...core.overrides import overridable
from ...core.tensor import Tensor, wrap
from ...core.views import check_inplace
from .. import expansion, shape
from ..arguments import fixed, tensor, whole
from . import adaptive, ctc, distances, loss, pooling
from . import embedding as tables
from .dropout import check_probability, drop
from .normalization import normalized_batch, normalized_instances

__all__ = [
    "adaptive_max_pool1d",
    "alpha_dropout",
    "alpha_dropout_",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "ctc_loss",
    "dropout",
    "dropout_",
    "embedding",
    "embedding_bag",
    "embedding_renorm_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "hinge_embedding_loss",
    "instance_norm",
    "kl_div",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool3d",
    "poisson_nll_loss",
    "triplet_margin_loss",
]


@overridable
def max_pool1d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False) -> Tensor:
    """The largest element of each window; see nn.functional.max_pool1d."""
    return pooling.max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode)


@overridable
def max_pool1d_with_indices(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window, and its place."""
    return pooling.max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)


@overridable
def max_pool2d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window; see nn.functional.max_pool2d."""
    return pooling.max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)


@overridable
def max_pool3d(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
    """The largest element of each window; see nn.functional.max_pool3d."""
    return pooling.max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode)


@overridable
def adaptive_max_pool1d(input, output_size):
    """The largest elements of output_size intervals, and their places."""
    return adaptive.adaptive_max_pool1d_with_indices(input, output_size)


# --- dropout --------------------------------------------------------------------------------------


def _root(name: str, input: Any, p: float, train: bool, inplace: bool, **kinds: bool) -> Tensor:
    x = tensor(name, input)
    check_probability(p, RuntimeError)
    return drop(name, x, p, train, inplace, **kinds)


@overridable
def dropout(input, p, train):
    """dropout if `train`."""
    return _root("dropout", input, p, train, False)


@overridable
def dropout_(input, p, train):
    """dropout in place."""
    return _root("dropout", input, p, train, True)


@overridable
def feature_dropout(input, p, train):
    """dropout of whole channels (dimension 1)."""
    return _root("feature_dropout", input, p, train, False, channels=True)


@overridable
def feature_dropout_(input, p, train):
    """feature_dropout in place."""
    return _root("feature_dropout", input, p, train, True, channels=True)


@overridable
def alpha_dropout(input, p, train):
    """alpha_dropout if `train`."""
    return _root("alpha_dropout", input, p, train, False, alpha=True)


@overridable
def alpha_dropout_(input, p, train):
    """alpha_dropout in place."""
    return _root("alpha_dropout", input, p, train, True, alpha=True)


@overridable
def feature_alpha_dropout(input, p, train):
    """feature_alpha_dropout if `train`."""
    return _root("feature_alpha_dropout", input, p, train, False, channels=True, alpha=True)


@overridable
def feature_alpha_dropout_(input, p, train):
    """feature_alpha_dropout in place."""
    return _root("feature_alpha_dropout", input, p, train, True, channels=True, alpha=True)


# --- normalization --------------------------------------------------------------------------------


@overridable
def batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled
):
    """nn.functional.batch_norm, also of one value a channel; `cudnn_enabled` has no effect."""
    x = tensor("batch_norm", input)
    return normalized_batch(x, running_mean, running_var, weight, bias, training, momentum, eps)


@overridable
def instance_norm(
    input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled
):
    """nn.functional.instance_norm, also of one value a channel; `cudnn_enabled` has no effect."""
    x = tensor("instance_norm", input)
    held = running_mean, running_var
    return normalized_instances(x, *held, weight, bias, use_input_stats, momentum, eps)


# --- losses: reductions are numbers, and by default there is none ---------------------------------

_REDUCTIONS = {1: "mean", 2: "sum"}


def _reduction(name: str, number: Any) -> str:
    """The word for a reduction: 1 mean, 2 sum, any other number none."""
    return _REDUCTIONS.get(whole(name, number, "reduction"), "none")


@overridable
def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=0):
    """nn.functional.binary_cross_entropy_with_logits of an input that broadcasts to the target."""
    name = "binary_cross_entropy_with_logits"
    x, y = tensor(name, input), tensor(name, target, 2, "target")
    x = expansion.fitted(name, x, y._a.shape, "The target must have the shape of the input.")
    return loss.binary_cross_entropy_with_logits(
        x, y, weight, pos_weight=pos_weight, reduction=_reduction(name, reduction)
    )


@overridable
def kl_div(input, target, reduction=0, *, log_target=False):
    """target (log target - input) for log-probabilities; with log_target the target is one."""
    losses = loss.divergence(input, target, log_target)
    return loss.reduced(losses, _reduction("kl_div", reduction))


@overridable
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """exp(x) - y x, or x - y log(x + eps) without log_input; `full` adds Stirling's term."""
    word = _reduction("poisson_nll_loss", reduction)
    return loss.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=word)


@overridable
def hinge_embedding_loss(input, target, margin=1.0, reduction=0):
    """input where target is 1, max(0, margin - input) where it is -1."""
    word = _reduction("hinge_embedding_loss", reduction)
    return loss.hinge_embedding_loss(input, target, margin, reduction=word)


@overridable
def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=0):
    """max(0, -target (input1 - input2) + margin) for targets 1 (input1 is larger) and -1."""
    word = _reduction("margin_ranking_loss", reduction)
    return distances.margin_ranking_loss(input1, input2, target, margin, reduction=word)


@overridable
def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=0):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1."""
    word = _reduction("cosine_embedding_loss", reduction)
    return distances.cosine_embedding_loss(input1, input2, target, margin, reduction=word)


@overridable
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction=0
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) for p-norm distances d."""
    word = _reduction("triplet_margin_loss", reduction)
    return distances.triplet(anchor, positive, negative, margin, p, eps, swap, word)


@overridable
def ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False
):
    """-log of the probability of each target over all alignments; see nn.functional.ctc_loss."""
    word = _reduction("ctc_loss", reduction)
    lengths = input_lengths, target_lengths
    return ctc.ctc_loss(log_probs, targets, *lengths, blank, word, zero_infinity)


# --- tables ---------------------------------------------------------------------------------------


@overridable
def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """weight[indices]; row padding_idx (no negative number) gets no gradient."""
    rows = tensor("embedding", weight)._a.shape[:1]
    padding = padding_idx if rows and 0 <= padding_idx < rows[0] else None
    return tables.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq)


@overridable
def embedding_renorm_(input, indices, max_norm, norm_type):
    """Scale rows that are longer than max_norm and named by the indices, in place."""
    w = tensor("embedding_renorm_", input)
    if check_inplace(w, "embedding_renorm_"):
        raise RuntimeError(
            "derivative for aten::embedding_renorm_ is not implemented\n"
            "Use torch.renorm(input, 2, 0, max_norm), or write under torch.no_grad()."
        )
    tables.shorten(w, tensor("embedding_renorm_", indices, 2, "indices")._a, max_norm, norm_type)
    return w


@overridable
def embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode=0,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """nn.functional.embedding_bag, with `mode` as a number (0 sum, 1 mean, 2 max), and three more
    results: the bag of each index; for means and maxima the bags' sizes; for means the sizes again,
    for maxima the row that each element came from.
    """
    w, index = tensor("embedding_bag", weight), tensor("embedding_bag", indices, 2, "indices")
    if index._a.ndim != 1:
        index = shape.reshape(index, -1)
    word = ("sum", "mean", "max")[whole("embedding_bag", mode, "mode", 5)]
    result = tables.embedding_bag(
        index,
        w,
        offsets,
        scale_grad_by_freq=scale_grad_by_freq and word != "max",
        mode=word,
        per_sample_weights=per_sample_weights,
        include_last_offset=include_last_offset,
        padding_idx=padding_idx,
    )
    places = fixed(index._a, "embedding_bag's indices")
    starts = fixed(offsets._a, "embedding_bag's offsets")
    bag, count = tables.bag_numbers(places, starts, include_last_offset)
    sizes = np.zeros(count, np.int64)
    if word != "sum":
        counted = bag < count
        if padding_idx is not None:
            counted &= places != padding_idx % w._a.shape[0]
        sizes = np.bincount(bag[counted], minlength=count)
    largest = sizes.copy()
    if word == "max":
        largest = tables.rows_of_largest(w._a, result._a, places, np.where(counted, bag, count))
    return result, wrap(bag), wrap(sizes), wrap(largest)
