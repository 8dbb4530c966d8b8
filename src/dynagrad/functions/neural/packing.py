"""Sequences of different lengths, padded to one length or packed step by step, under PyTorch's
names.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...core.apply import apply, to_dtype
from ...core.complaints import legacy_name, type_name
from ...core.overrides import overridable
from ...core.tensor import Tensor, wrap
from ...ops import indexing as ops
from .. import joining
from ..arguments import fixed, tensor
from ..expansion import fitted
from ..nodes import node

__all__ = ["_pack_padded_sequence", "_pad_packed_sequence", "pad_sequence"]

Pack = node("PackPaddedSequenceBackward0", ops.index)
Pad = node("IndexPutBackward0", ops.put)

UNSORTED = (
    "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can "
    "pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
    "requirement if you do not need ONNX exportability."
)


def _by_step(lengths: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many sequences, sorted by length, have each step; and of each packed row its step and its
    sequence.
    """
    steps = np.arange(longest)
    present = steps[:, None] < lengths[None]
    step, sequence = np.nonzero(present)
    return present.sum(1), step, sequence


def _places(step: Any, sequence: Any, length: int, count: int, batch_first: bool) -> np.ndarray:
    """Where rows stand among the first two dimensions, (length, count) or (count, length)."""
    return sequence * length + step if batch_first else step * count + sequence


@overridable
def _pack_padded_sequence(input, lengths, batch_first):
    """The rows of sequences padded to one length, step by step without the padding; and how many
    sequences have each step. The lengths must not increase.
    """
    x = tensor("_pack_padded_sequence", input)
    given = tensor("_pack_padded_sequence", lengths, 2, "lengths")
    n = fixed(given._a, "the lengths of sequences cannot be batched")
    if n.ndim != 1 or n.dtype != np.int64:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {n.ndim}D cpu "
            f"{legacy_name(n.dtype)} tensor"
        )
    if x._a.ndim < 2:
        raise IndexError(
            "Dimension out of range (expected to be in range of [-1, 0], but got 1)\nThe padded "
            "sequences have the shape (L, N, ...), or (N, L, ...) with batch_first."
        )
    count, length = x._a.shape[:2] if batch_first else x._a.shape[1::-1]
    if not x._a.size:
        raise RuntimeError("Cannot pack empty tensors.")
    if len(n) != count:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(n)} "
            f"(batch_size={count})"
        )
    if n.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if (n[1:] > n[:-1]).any():
        raise RuntimeError(UNSORTED)
    if n[0] > length:
        raise RuntimeError(
            f"Expected lengths of at most {length}, the padded length, but got {n[0]}\nCheck "
            "batch_first, and that the lengths count the elements of the sequences."
        )
    sizes, step, sequence = _by_step(n, int(n[0]))
    places = _places(step, sequence, length, count, batch_first)
    return apply(Pack, x, places, axes=(0, 1)), wrap(sizes)


@overridable
def _pad_packed_sequence(data, batch_sizes, batch_first, padding_value, total_length):
    """Packed rows as sequences padded to one length, `total_length` or that of the longest; and
    their lengths.
    """
    x = tensor("_pad_packed_sequence", data)
    given = tensor("_pad_packed_sequence", batch_sizes, 2, "batch_sizes")
    sizes = fixed(given._a, "the sizes of packed batches cannot be batched")
    count, longest = int(sizes[0]), len(sizes)
    if 0 < total_length < longest:
        raise RuntimeError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {longest}"
        )
    length = max(longest, total_length)
    lengths = (sizes[:, None] > np.arange(count)).sum(0)
    _, step, sequence = _by_step(lengths, longest)
    shape = (count, length) if batch_first else (length, count)
    places = _places(step, sequence, length, count, batch_first)
    return _padded(x, places, shape, padding_value), wrap(lengths)


def _padded(rows: Tensor, places: np.ndarray, shape: tuple[int, int], value: float) -> Tensor:
    """Rows at their places of two dimensions of this shape, and a number everywhere else."""
    a = rows._a
    base = wrap(np.full((*shape, *a.shape[1:]), value, a.dtype))
    return apply(Pad, base, places, rows, axes=(0, 1), accumulate=False)


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (L, ...) of different lengths as one tensor (longest, N, ...), or (N, longest, ...)
    with batch_first, filled with a number on one side.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    return _pad_sequence(tuple(sequences), batch_first, padding_value, padding_side)


@overridable
def _pad_sequence(sequences, batch_first, padding_value, padding_side):
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    for number, t in enumerate(sequences):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"expected Tensor as element {number} in argument 0, but got {type_name(t)}"
            )
        if not t._a.ndim:
            raise IndexError(
                "Dimension specified as 0 but tensor has no dimensions\n"
                f"A sequence has its length as first dimension; element {number} is one number."
            )
    first = sequences[0]._a
    hint = "Sequences may differ in their first dimension only."
    rows = [
        fitted("pad_sequence", to_dtype(t, first.dtype), (t._a.shape[0], *first.shape[1:]), hint)
        for t in sequences
    ]
    lengths = np.array([t._a.shape[0] for t in sequences])
    length, count = int(lengths.max()), len(sequences)
    sequence = np.repeat(np.arange(count), lengths)
    step = np.arange(len(sequence)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    if padding_side == "left":
        step += length - np.repeat(lengths, lengths)
    shape = (count, length) if batch_first else (length, count)
    places = _places(step, sequence, length, count, batch_first)
    return _padded(joining.cat(rows), places, shape, padding_value)
