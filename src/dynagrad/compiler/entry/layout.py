"""Where CPython and NumPy keep what generated code looks at: offsets in objects, found by looking
for known values in samples. Imports core, census.

`Layout.found()` is None where a sample does not look as expected (another Python, another NumPy):
then guards are checked in Python.
"""

import ctypes
import sys
from functools import cache
from itertools import count
from types import CellType
from typing import Any, NamedTuple

import numpy as np

from ...core import tape
from ...core.tensor import Tensor
from ..census.classes import half_word, version_place
from ..native.foreign import can_make_entries


class Layout(NamedTuple):
    """Offsets in bytes from an object's address."""

    #: the slots of Tensor
    array: int
    edge: int
    gradient: int
    family: int
    #: core.tape.Family.rebased, core.tape.Clock.last_write
    rebased: int
    last_write: int
    cell: int
    #: core.tape.Node.extra
    extra: int
    #: a function's code, defaults and keyword defaults
    code: int
    defaults: int
    keyword_defaults: int
    #: a class's version tag (32 bits), which every change of the class changes; 0 if not found
    class_version: int
    #: a dictionary's version tag (64 bits), 0 where there is none
    dict_version: int
    #: the next number of itertools.count
    counter: int
    #: an array's number of dimensions (32 bits) and dtype; data, shape and strides lie around them
    ndim: int
    dtype: int


def word(address: int) -> int:
    """The 64 bits at an address."""
    return ctypes.c_int64.from_address(address).value


def _place(x: Any, part: Any, size: int, start: int = 16) -> int:
    """The offset in `x` of the only pointer to `part`."""
    found = [k for k in range(start, size, 8) if word(id(x) + k) == id(part)]
    if len(found) != 1:
        raise LookupError(f"{type(x).__name__}: {found}")
    return found[0]


class _Sample:
    """Something to be found."""


def _slot(kind: type, name: str, size: int) -> int:
    x, part = object.__new__(kind), _Sample()
    setattr(x, name, part)
    return _place(x, part, size)


@cache
def layout() -> Layout | None:
    """The layout of this process."""
    if not can_make_entries() or sys.maxsize < 2**32 or sys.byteorder != "little":
        return None
    try:
        return _found()
    except LookupError:
        return None


def _found() -> Layout:
    size = Tensor.__basicsize__

    def f(x: Any = (1,), *, y: Any = 2) -> Any:
        return x, y

    cell = _Sample()
    numbers = count(123456789)
    a = np.empty((3, 5), np.float32)
    _check_array(a)
    return Layout(
        array=_slot(Tensor, "_a", size),
        edge=_slot(Tensor, "_e", size),
        gradient=_slot(Tensor, "_g", size),
        family=_slot(Tensor, "_v", size),
        rebased=_slot(tape.Family, "rebased", tape.Family.__basicsize__),
        last_write=_slot(tape.Clock, "last_write", tape.Clock.__basicsize__),
        extra=_slot(tape.AccumulateGrad, "extra", tape.AccumulateGrad.__basicsize__),
        cell=_place(CellType(cell), cell, CellType.__basicsize__),
        code=_place(f, f.__code__, type(f).__basicsize__),
        defaults=_place(f, f.__defaults__, type(f).__basicsize__),
        keyword_defaults=_place(f, f.__kwdefaults__, type(f).__basicsize__),
        class_version=version_place(),
        dict_version=_dict_version(),
        counter=_number(numbers, 123456789),
        ndim=24,
        dtype=_place(a, a.dtype, 96),
    )


def _number(x: Any, number: int) -> int:
    found = [k for k in range(16, 48, 8) if word(id(x) + k) == number]
    if not found:
        raise LookupError("count")
    return found[0]


def _check_array(a: np.ndarray) -> None:
    at = id(a)
    shape, strides = word(at + 32), word(at + 40)
    ok = word(at + 16) == a.ctypes.data and half_word(at + 24) == 2
    ok = ok and [word(shape), word(shape + 8)] == [3, 5]
    if not ok or [word(strides), word(strides + 8)] != [20, 4]:
        raise LookupError("ndarray")


def _dict_version() -> int:
    if sys.version_info >= (3, 13):
        return 0
    d = {"a": 1, "b": 2.5}
    before = word(id(d) + 24)
    d.get("a")
    same = word(id(d) + 24)
    d["b"] = 3.5
    return 24 if before == same != word(id(d) + 24) else 0
