"""The memory below tensors: owning buffer, offsets and strides in elements, views by geometry.
Imports NumPy only.
"""

from typing import Any

import numpy as np


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
