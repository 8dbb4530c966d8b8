"""The memory below tensors: owning buffer, offsets and strides in elements, views by geometry.
Imports NumPy only.
"""

from contextlib import suppress
from typing import Any

import numpy as np


def keep_freed_memory() -> None:
    """Let glibc keep freed memory for the next arrays instead of giving it back to the system.

    It gives back what was large until a program has freed a block as large once; from then on up to
    32 MB count as ordinary, and 64 MB may lie free (mallopt(3), M_MMAP_THRESHOLD: its limits move
    by themselves). An array of 32 MB that nobody writes, freed at once, moves them. It costs
    10 us; without it a step of training fetches the same pages from the system again and again: in
    an LSTM's step of 3 MB they took 2.5 of 6.4 ms. Elsewhere this does nothing.
    """
    with suppress(MemoryError):
        np.empty((32 << 20) - (64 << 10), np.int8)


keep_freed_memory()


def address(array: Any) -> int:
    """The address of the first element."""
    if type(array) is not np.ndarray:
        array = array.inner
    return array.__array_interface__["data"][0]


def owner(array: Any) -> np.ndarray:
    """The ndarray that owns, or was given, the memory that `array` shows."""
    if type(array) is not np.ndarray:
        array = array.inner
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def offset_of(array: Any) -> int:
    """The place of the first element in the owner's memory, in elements."""
    return (address(array) - address(owner(array))) // array.itemsize


def strides_of(array: Any) -> tuple[int, ...]:
    """Strides in elements, as PyTorch counts them."""
    size = array.itemsize
    return tuple(s // size for s in array.strides)


def in_order(whole: np.ndarray) -> np.ndarray | None:
    """An owner with its dimensions in the order of its memory, or None if the memory has gaps.

    The memory of a channels-last array, for one, is neither in C's order nor in Fortran's.
    """
    if not whole.flags.c_contiguous:
        whole = whole.transpose(sorted(range(whole.ndim), key=lambda d: -whole.strides[d]))
    return whole if whole.flags.c_contiguous else None


def geometry(view: Any, base: Any) -> dict[str, Any]:
    """The metadata of `as_strided` that makes `view` out of `base`'s memory (stride and offset in
    elements).
    """
    return {
        "size": view.shape,
        "stride": strides_of(view),
        "offset": (address(view) - address(base)) // view.itemsize,
        "base_stride": strides_of(base),
    }


def as_pairs(array: Any) -> np.ndarray:
    """Complex memory as pairs of real numbers, in a last dimension of two."""
    real = array.real
    strides = (*array.strides, real.itemsize)
    return np.lib.stride_tricks.as_strided(real, (*array.shape, 2), strides)
