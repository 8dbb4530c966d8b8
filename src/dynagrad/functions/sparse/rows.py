"""Rows of tables whose gradient is sparse: the rows that were taken, and no others."""

from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.tape import node_class
from ...core.tensor import Tensor
from ...ops.contraction import one_column
from ...ops.neural.embedding import bag_sum, take_rows
from ...ops.reduction import sum_over
from ...ops.rule import rule_of
from ...ops.shape import reshape
from ...ops.sparse.patterns import Coo
from ..nodes import shown
from .arrays import fill


def _row_gradient(g: Any, index: Any, shape: tuple[int, ...], padding: int | None) -> Any:
    """The cotangents of the rows `index` of a table, row `padding` left out."""
    places = (index._a if isinstance(index, Tensor) else index).reshape(1, -1).astype(np.int64)
    values = reshape(g, shape=(places.shape[1], *shape[1:]))
    if padding is not None:
        kept = np.flatnonzero(places[0] != padding)
        places, values = places[:, kept], take_rows(values, kept, padding=None)
    return fill(values, Coo(places, shape))


def _rows(weight, index, *, padding):
    return take_rows(weight, index, padding=padding)


def _shared_rows(weight, index, *, padding):
    return take_rows(weight, index, padding=padding)


def _refused(g, index):
    raise RuntimeError(
        "embedding_backward: scale_grad_by_freq not supported with sparse gradients\nLeave out "
        "sparse=True or scale_grad_by_freq=True."
    )


def _bags(weight, scale, index, bag, *, bags):
    return bag_sum(weight, scale, index, bag, bags=bags)


def _bag_rows(g, weight_meta, scale, index, bag):
    rows = take_rows(g, bag, padding=None) * one_column(scale)
    return _row_gradient(rows, index, weight_meta.shape, None)


def _bag_scales(g, weight, index, bag):
    rows = take_rows(g, bag, padding=None) * take_rows(weight, index, padding=None)
    return sum_over(rows, axes=(1,), keepdims=False)


ROWS = rule_of(
    _rows,
    "linear",
    (
        lambda g, weight_meta, index, *, padding: _row_gradient(
            g, index, weight_meta.shape, padding
        ),
    ),
    fresh=True,
)
SHARED = rule_of(_shared_rows, "linear", (_refused,))
BAGS = rule_of(_bags, "multilinear", (_bag_rows, _bag_scales))
SparseEmbedding = node_class("EmbeddingBackward0", ROWS)
SharedEmbedding = node_class("EmbeddingBackward0", SHARED)
SparseEmbeddingBag = node_class("EmbeddingBagBackward0", BAGS)
shown(1, SparseEmbedding, SharedEmbedding)
shown(2, SparseEmbeddingBag)


def embedding_rows(w: Tensor, index: Tensor, padding: int | None, by_uses: bool) -> Tensor:
    """weight[index] with a sparse gradient."""
    return apply(SharedEmbedding if by_uses else SparseEmbedding, w, index, padding=padding)


def bag_rows(w: Tensor, scale: Any, index: Tensor, bag: np.ndarray, bags: int) -> Tensor:
    """Sums of rows by bags with a sparse gradient of the table."""
    return apply(SparseEmbeddingBag, w, scale, index, bag, bags=bags)
