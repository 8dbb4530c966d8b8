"""The memory of runs: new arrays, those of results that are gone, and gradients, which all courses
of a function leave in the same memory. Imports session.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import getweakrefcount

import numpy as np
from numpy import ndarray

from ...core.storage import address
from ...core.tensor import Tensor
from ..ir.graph import Slot
from .session import G_SLOT, gradient_of, payload

new = object.__new__


def geometry(a: ndarray) -> tuple:
    """Shape, dtype and strides."""
    return a.shape, a.dtype, a.strides


class Gradient(NamedTuple):
    """A gradient that the step sets: of tensor `t`, from `slot`, in memory that is kept under
    `key`.
    """

    t: Tensor
    slot: int
    key: tuple


class Handed:
    """The gradients that the courses of one function left last, and their memory, which the next
    call writes unless somebody else holds them.

    `pairs` are by the key of a Gradient; `told` is called with a key whose memory is no longer
    used, before it goes.
    """

    def __init__(self, told: Callable[[tuple], None]) -> None:
        self.pairs: dict[tuple, tuple[Tensor, ndarray]] = {}
        self.told = told

    def memory(self, gradient: Gradient, arrays: list) -> ndarray | None:
        """The memory of a gradient, unless somebody else may see it."""
        held = self.pairs.get(gradient.key)
        if held is None:
            return None
        t, a = held
        elsewhere = gradient_of(gradient.t) is not t
        if t._e is None and t._v is None and getrefcount(t) == ALONE[0] - elsewhere:
            if payload(t) is a and getrefcount(a) == ALONE[1] + (a is arrays[gradient.slot]):
                return a
        return None

    def leave(self, gradient: Gradient, a: ndarray) -> None:
        """Set a gradient, which lies in an array."""
        held = self.pairs.get(gradient.key)
        if held is None or held[1] is not a:
            if held is not None:
                self.told(gradient.key)
            held = self.pairs[gradient.key] = (new_tensor(a), a)
        G_SLOT.__set__(gradient.t, held[0])

    def keep(self, keys: set[tuple]) -> None:
        """Let go of the memory that no course leaves a gradient in."""
        self.pairs = {key: held for key, held in self.pairs.items() if key in keys}


def run_on(program: Any, arrays: list) -> int:
    """Run a program on the arrays of its slots."""
    if program.address is None and hasattr(program, "run_arrays"):
        return program.run_arrays(arrays)
    # a slot without memory is one that this program does not use
    places = [0 if a is None else address(a) for a in arrays]
    table = np.array(places, np.uint64)
    return program.run(table)


def new_tensor(a: ndarray) -> Tensor:
    """A tensor on this memory, without a history."""
    t = new(Tensor)
    t._a = a
    t._e = t._v = None
    return t


def new_array(shape: tuple, dtype: np.dtype, strides: tuple) -> ndarray:
    """New memory with strides (in elements, of an array without gaps)."""
    order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
    if order == list(range(len(shape))):
        return np.empty(shape, dtype)
    inverse = np.argsort(order)
    return np.empty([shape[axis] for axis in order], dtype).transpose(inverse)


getrefcount = sys.getrefcount


def _references(arrays: list, slot: int) -> int:
    """How many references there are to an array in a list, and those of this call."""
    a = arrays[slot]
    return getrefcount(a)


#: bytes from which new memory means new pages
WORTH = 1 << 20
#: what it says of an array that nobody else holds
_LONELY = _references([np.empty(1)], 0)


def is_free(arrays: list, slot: int, at: Slot) -> bool:
    """Whether the last run's output is gone but for what this course has of it: then its memory
    serves again, whose pages the system has at hand.
    """
    if arrays[slot] is None or _references(arrays, slot) != _LONELY:
        return False
    a = arrays[slot]
    if type(a) is not ndarray or a.nbytes < WORTH or a.base is not None or not a.flags.writeable:
        return False
    strides = tuple([s * at.dtype.itemsize for s in at.strides])
    return geometry(a) == (at.shape, at.dtype, strides) and not getweakrefcount(a)


class _Holder:
    """Something with a slot, as a tensor has one for its gradient."""

    __slots__ = ("held",)


def _alone() -> tuple[int, int]:
    """The counts of references that `Handed.memory` sees of what nobody else holds: a slot and the
    pair hold the tensor; the tensor's slot and that pair hold the array.
    """
    holder, inner, a = _Holder(), _Holder(), np.empty(1)
    inner.held = a
    holder.held = inner
    handed = {0: (inner, a)}
    del inner, a
    held = handed.get(0)
    t, a = held  # pyright: ignore[reportGeneralTypeIssues]
    return getrefcount(t), getrefcount(a)


ALONE = _alone()
