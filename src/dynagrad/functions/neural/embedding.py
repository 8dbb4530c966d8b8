"""Rows of a table by number, and sums of them, under PyTorch's names."""

from functools import cache
from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.carriers.carrier import Carrier, detached_array
from ...core.complaints import legacy_name
from ...core.overrides import overridable
from ...core.tape import grad_mode
from ...core.tensor import Tensor, family_of, wrap
from ...core.watch import PLAIN
from ...ops.elementwise import is_half
from ...ops.neural import embedding as ops
from ...ops.norms import vector_norm
from .. import shape
from ..arguments import bounds, fixed, no_such_dim, out_of_nothing, tensor
from ..later import loaded
from ..nodes import node, shown
from ..shortcut import INT64, made, shortcut, untracked, within

__all__: list[str] = []

Embedding = node("EmbeddingBackward0", ops.take_rows)
SharedEmbedding = node("EmbeddingBackward0", ops.take_shared_rows)
EmbeddingBag = node("EmbeddingBagBackward0", ops.bag_sum)
LargestOfBag = node("EmbeddingBagBackward0", ops.bag_max)
SharedEmbeddingBag = node("EmbeddingBagBackward0", ops.shared_bag_sum)
shown(1, Embedding, SharedEmbedding)
shown(2, EmbeddingBag, LargestOfBag, SharedEmbeddingBag)


@cache
def with_sparse_gradient(name: str) -> Any:
    """A function of `functions.sparse.rows`, loaded for it."""
    return loaded("sparse.rows", name)


def _check_index(name: str, index: Tensor, rows: int, width: int = 1) -> None:
    i = index._a
    if i.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{legacy_name(i.dtype)}Tensor instead (while checking "
            f"arguments for {name})"
        )
    least, largest = bounds(i)
    if least < 0 or largest >= rows:
        if not rows * width and name == "embedding":
            raise out_of_nothing(largest if least >= 0 else least, rows)
        raise IndexError(
            f"index out of range in self\nThe table has {rows} rows; the indices span {least} to "
            f"{largest}."
        )


def _short_embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    by_uses=False,
    sparse=False,
) -> Tensor | None:
    shape = weight._a.shape
    if padding_idx is not None or max_norm is not None or by_uses or sparse or len(shape) != 2:
        return None
    if type(weight) not in PLAIN or type(input) not in PLAIN:
        return None
    i = input._a
    if untracked(weight) and untracked(input) and i.dtype is INT64:
        # an index that is too large is found by NumPy
        return made(weight._a.take(i, 0)) if i.item(i.argmin()) >= 0 else None
    return apply(Embedding, weight, input, padding=None) if within(i, shape[0]) else None


@shortcut(_short_embedding)
@overridable
def embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """weight[input]: rows of a table (rows, width) by number; row padding_idx gets no gradient.

    max_norm: rows with a larger norm are scaled down to it first, in place. scale_grad_by_freq: a
    row's gradient is divided by the number of its uses. sparse: the table's gradient is a sparse
    tensor of the rows used.
    """
    index = tensor("embedding", input)
    w = tensor("embedding", weight, 2, "weight")
    if w._a.ndim == 0 and w.requires_grad and grad_mode.get():
        raise no_such_dim(0, 0)
    if w._a.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D\nIt has shape {list(w._a.shape)}.")
    rows = w._a.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    _check_index("embedding", index, *w._a.shape)
    if max_norm is not None:
        shorten(w, index._a, max_norm, norm_type)
    if sparse:
        return with_sparse_gradient("embedding_rows")(
            w, index, padding_idx, bool(scale_grad_by_freq)
        )
    cls = SharedEmbedding if scale_grad_by_freq else Embedding
    return apply(cls, w, index, padding=padding_idx)


def shorten(w: Tensor, index: Any, max_norm: float, p: float) -> None:
    """Scale the rows of a table that are used, and longer than max_norm, to that norm."""
    if isinstance(w._a, Carrier) or isinstance(index, Carrier):
        raise RuntimeError(
            "max_norm shortens rows of the table in place, which a table or indices inside of "
            "vmap, jvp or forward-mode AD cannot do\nShorten them before: torch.renorm(weight, 2, "
            "0, max_norm)."
        )
    used = np.unique(index)
    rows = w._a[used]
    with np.errstate(all="ignore"):
        norms = vector_norm(rows, p=float(p), axes=(1,), keepdims=True, dtype=None).astype(float)
        long = norms[:, 0] > max_norm
        scales = max_norm / (norms[long] + 1e-7)
        if is_half(rows):
            shorter = (rows[long].astype(np.float32) * scales.astype(np.float32)).astype(rows.dtype)
        else:
            shorter = rows[long] * scales.astype(rows.dtype)
    if len(shorter):
        w._a[used[long]] = shorter
        family_of(w).cell.bump()


# --- bags -----------------------------------------------------------------------------------------

_BAGS = "sum", "mean", "max"


@overridable
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """The sum, mean or maximum of the rows of weight (rows, width) that each bag names.

    input (bags, n) holds one bag a row, or input (n,) all bags one after the other, which start at
    `offsets` (with include_last_offset their end stands there too). per_sample_weights multiply the
    rows of sums; entries padding_idx count as absent. sparse: the table's gradient is a sparse
    tensor of the rows used.
    """
    if isinstance(weight, Tensor) and isinstance(input, Tensor) and weight._a.dtype == np.int64:
        if input._a.dtype.kind in "fV":  # the old order of the arguments
            input, weight = weight, input
    index, w = tensor("embedding_bag", input), tensor("embedding_bag", weight, 2, "weight")
    index, offsets, scale = _bag_arguments(index, w, offsets, per_sample_weights)
    if mode not in _BAGS:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and (scale_grad_by_freq or sparse):
        what = "scaling the gradient by the frequency" if scale_grad_by_freq else "sparse weights"
        raise ValueError(f"max mode does not support {what}")
    if scale is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    rows = w._a.shape[0]
    padding_idx = _padding(padding_idx, rows)
    _check_bag_index(index, rows)
    places = fixed(index._a, "embedding_bag's indices")
    if max_norm is not None:
        shorten(w, places, max_norm, norm_type)
    bag, count = bag_numbers(places, offsets, include_last_offset)
    if padding_idx is not None or (bag.size and bag[-1] >= count):
        kept = np.flatnonzero(
            (bag < count) & (places != (-1 if padding_idx is None else padding_idx))
        )
        index, bag = wrap(places[kept]), bag[kept]
        scale = None if scale is None else scale[wrap(kept)]
    if mode == "max":
        return apply(LargestOfBag, w, index, bag, bags=count)
    kind = np.dtype(np.float32) if is_half(w._a) else w._a.dtype
    if scale is None:
        sizes = np.bincount(bag, minlength=count) if mode == "mean" else np.ones(count)
        scale = (1 / np.maximum(sizes, 1))[bag].astype(kind)
    if sparse and not scale_grad_by_freq:
        return with_sparse_gradient("bag_rows")(w, scale, index, bag, count)
    cls = SharedEmbeddingBag if scale_grad_by_freq else EmbeddingBag
    return apply(cls, w, scale, index, bag, bags=count)


def _padding(number: Any, rows: int) -> Any:
    """The padding's row counted from the front, or None."""
    if number is None:
        return None
    if not -rows <= number < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, -{rows} through {rows - 1}, "
            f"but got {number}"
        )
    return number % rows


def _bag_arguments(index: Tensor, w: Tensor, offsets: Any, scale: Any) -> tuple:
    """Indices and weights in one dimension, and where each bag starts."""
    if scale is not None and scale._a.shape != index._a.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({scale.shape}) is not None, then it must have "
            f"the same shape as the input ({index.shape})"
        )
    if w._a.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {w._a.ndim}")
    if index._a.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
        bags, each = index._a.shape
        starts = np.arange(bags) * each
        index = shape.reshape(index, -1)
        return index, starts, None if scale is None else shape.reshape(scale, -1)
    if index._a.ndim != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {index._a.ndim}"
        )
    if not isinstance(offsets, Tensor):
        raise ValueError(f"offsets has to be a 1D Tensor but got {offsets}")
    if offsets._a.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    starts = fixed(offsets._a, "embedding_bag's offsets")
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {starts[0]}"
        )
    if starts.size and starts[-1] > index._a.size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {index._a.size} but got "
            f"offsets[-1] of {starts[-1]}"
        )
    if scale is not None and scale._a.dtype != w._a.dtype:
        names = [f"torch.{legacy_name(t._a.dtype)}Tensor" for t in (w, scale)]
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument "
            f"#1 'per_sample_weights'; but type {names[0]} does not equal {names[1]} (while "
            "checking arguments for embedding_bag)"
        )
    return index, starts, scale


def _check_bag_index(index: Tensor, rows: int) -> None:
    try:
        _check_index("embedding_bag", index, rows)
    except IndexError:
        i = detached_array(index._a)
        wrong = np.flatnonzero((i < 0) | (i >= rows))[0] if type(i) is np.ndarray else 0
        value = i[wrong] if type(i) is np.ndarray else bounds(i)[1]
        raise RuntimeError(
            f"Index {wrong} of input takes value {value} which is not in the valid range "
            f"[0, {rows})"
        ) from None


def bag_numbers(places: Any, starts: Any, with_end: bool) -> tuple[Any, int]:
    """The bag of each entry, and the number of bags; entries beyond the last bag's end are in a bag
    of that number.
    """
    if with_end and not starts.size:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    bag = np.searchsorted(starts, np.arange(places.size), "right") - 1
    return bag, starts.size - with_end


def rows_of_largest(table: Any, found: Any, places: Any, bag: Any) -> Any:
    """The row of the table that each element of the bags' maxima comes from: the first, 0 if none.

    `bag` says which bag each of the indices `places` is in; those beyond the last bag do not count.
    """
    rows = np.zeros(found.shape, np.int64)
    held = np.flatnonzero(bag < len(found))
    # backwards, as the last one of equal assignments holds
    number, column = np.nonzero(table[places[held]] == found[bag[held]])
    number, column = held[number[::-1]], column[::-1]
    rows[bag[number], column] = places[number]
    return rows
