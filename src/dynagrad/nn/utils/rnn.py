"""Sequences of different lengths: padded, packed for recurrent layers, and back. Imports core and
functions.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...core.tensor import Tensor, wrap
from ...functions.from_data import as_tensor
from ...functions.gathering import index_select
from ...functions.neural.packing import (
    _pack_padded_sequence,
    _pad_packed_sequence,
    pad_sequence,
)
from ...functions.sorting import sort

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpad_sequence",
    "pack_sequence",
    "unpack_sequence",
]

T = TypeVar("T", bound="PackedSequence")


class PackedSequence_(NamedTuple):
    """The fields of a PackedSequence."""

    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


def bind(optional: Any, fn: Callable[[Any], Any]) -> Any:
    """fn(optional), or None for None."""
    return None if optional is None else fn(optional)


class PackedSequence(PackedSequence_):
    """Sequences sorted by length, step by step: `data` holds the first elements of all, then the
    second elements of those that have one, and so on; `batch_sizes` how many have each step.

    `sorted_indices` is the order in which the sequences were taken, `unsorted_indices` the way
    back; None where they were sorted already. Made by `pack_sequence` and `pack_padded_sequence`.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Any = None,
        sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> Any:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not isinstance(data, list | tuple) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _of(self: T, f: Callable[[Any], Any]) -> T:
        """The sequence of f(data); itself where that is the same tensor."""
        data = f(self.data)
        return self if data is self.data else type(self)(data, *self[1:])

    def pin_memory(self: T) -> T:
        """A sequence whose data is pinned as far as tensors here can be."""
        return type(self)(
            self.data.pin_memory(),
            self.batch_sizes,
            bind(self.sorted_indices, lambda t: t.pin_memory()),
            bind(self.unsorted_indices, lambda t: t.pin_memory()),
        )

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """The sequence with its data converted as `Tensor.to` does it."""
        return self._of(lambda data: data.to(*args, **kwargs))

    def cuda(self: T, *args: Any, **kwargs: Any) -> T:
        """Raise as `Tensor.cuda` does: data lies in the memory of the CPU."""
        return self._of(lambda data: data.cuda(*args, **kwargs))

    def cpu(self: T, *args: Any, **kwargs: Any) -> T:
        """The sequence itself: its data is on the CPU."""
        return self._of(lambda data: data.cpu(*args, **kwargs))

    def double(self: T) -> T:
        """The sequence in float64."""
        return self._of(lambda data: data.double())

    def float(self: T) -> T:
        """The sequence in float32."""
        return self._of(lambda data: data.float())

    def half(self: T) -> T:
        """The sequence in float16."""
        return self._of(lambda data: data.half())

    def long(self: T) -> T:
        """The sequence in int64."""
        return self._of(lambda data: data.long())

    def int(self: T) -> T:
        """The sequence in int32."""
        return self._of(lambda data: data.int())

    def short(self: T) -> T:
        """The sequence in int16."""
        return self._of(lambda data: data.short())

    def char(self: T) -> T:
        """The sequence in int8."""
        return self._of(lambda data: data.char())

    def byte(self: T) -> T:
        """The sequence in uint8."""
        return self._of(lambda data: data.byte())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data is pinned."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one; None for None."""
    if permutation is None:
        return None
    order = permutation._a
    result = np.empty_like(order)
    result[order] = np.arange(order.size, dtype=order.dtype)
    return wrap(result)


def pack_padded_sequence(
    input: Tensor,  # noqa: A002 - PyTorch's name
    lengths: Any,
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack sequences that are padded to one length: input (L, N, *), or (N, L, *) with batch_first.

    With enforce_sorted they must come in the order of decreasing length; otherwise they are sorted
    here, and `pad_packed_sequence` gives them back in their own order.
    """
    if isinstance(lengths, Tensor):
        lengths = wrap(lengths._a.astype(np.int64))
    else:
        lengths = wrap(np.array(lengths).astype(np.int64))
    order = None
    if not enforce_sorted:
        lengths, order = sort(lengths, descending=True)
        input = index_select(input, 0 if batch_first else 1, order)  # noqa: A001
    data, batch_sizes = _pack_padded_sequence(input, lengths, batch_first)
    return PackedSequence(data, batch_sizes, order, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Packed sequences padded to the length of the longest, or `total_length`, in the order in
    which they were packed; and their lengths.
    """
    longest = len(sequence.batch_sizes)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, "
                f"but got total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    sizes = sequence.batch_sizes
    padded, lengths = _pad_packed_sequence(
        sequence.data, sizes, batch_first, padding_value, longest
    )
    order = sequence.unsorted_indices
    if order is None:
        return padded, lengths
    return index_select(padded, 0 if batch_first else 1, order), lengths[order]


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded tensor (L, N, *), or (N, L, *) with batch_first, without padding.

    As in PyTorch, a tensor (L, N, *) itself becomes (N, L, *).
    """
    if not batch_first:
        padded_sequences.transpose_(0, 1)
    found = []
    steps = wrap(np.arange(padded_sequences._a.shape[1]))
    for sequence, length in zip(padded_sequences, lengths, strict=True):
        found.append(sequence[steps < length])
    return found


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L, *) of different lengths, by decreasing length unless `enforce_sorted` is
    false.
    """
    lengths = as_tensor([len(s) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in their order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
