"""What a trace asks about the program, operands, options and windows of memory. Imports core
and ops.sorting."""

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from ...core.tape import LIBRARY
from ...ops import sorting

#: operations whose results have as many elements as the values decide
SIZED_BY_VALUES = {sorting.unique, sorting.unique_consecutive, sorting.bincount}

_NUMPY = os.path.dirname(np.__file__) + os.sep


def user_place() -> Any:
    """The user's instruction: neither ours nor one of NumPy's operators."""
    frame = sys._getframe(3)
    while frame is not None and (
        LIBRARY[frame.f_code.co_filename] or frame.f_code.co_filename.startswith(_NUMPY)
    ):
        frame = frame.f_back
    return None if frame is None else (frame.f_code, frame.f_lasti)


def leaves_of(x: Any) -> Iterator:
    """What lists, tuples and dictionaries hold in the end."""
    if type(x) is dict:
        x = list(x.values())
    if type(x) in (list, tuple):
        for item in x:
            yield from leaves_of(item)
    else:
        yield x


def weak_dtype(fun: Callable, arrays: list, results: tuple) -> np.dtype | None:
    """The dtype that NumPy gives to a Python number among these operands."""
    strong = [a.dtype for a in arrays if isinstance(a, ndarray | np.generic)]
    weak = [a for a in arrays if type(a) in (int, float, bool)]
    if not weak:
        return None
    return np.result_type(*strong, *weak) if strong else None


class _Without:
    """A kernel whose operands at some places are None."""

    def __init__(self, kernel: Callable, missing: list[int]) -> None:
        self.kernel, self.missing = kernel, missing
        self.__name__ = getattr(kernel, "__name__", "kernel")

    def __call__(self, *arrays: Any, **kw: Any) -> Any:
        given = list(arrays)
        for place in self.missing:
            given.insert(place, None)
        return self.kernel(*given, **kw)


def without(kernel: Callable, missing: list[int]) -> Callable:
    """A kernel that is not given the operands at some places, which are None."""
    return _Without(kernel, missing) if missing else kernel


def as_slice(
    root: tuple[int, ...], shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> tuple | None:
    """A window of row-major memory as one slice for each dimension; None where it is none."""
    if len(root) != len(shape):
        return None
    parts, size = [], 1
    steps = []
    for n in reversed(root):
        steps.append(size)
        size *= n
    steps.reverse()
    for n, count, stride, step in zip(root, shape, strides, steps, strict=True):
        if not step or not n:
            return None
        start, offset = divmod(offset, step)
        by = stride // step if count > 1 else 1
        if (count > 1 and (stride % step or by <= 0)) or start + (count - 1) * by >= n:
            return None
        parts.append((start, count, by))
    return None if offset else tuple(parts)
