"""Families of kernels, each kernel compiled at its first use. Imports code, native, pool."""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..native.llvm import Library, build
from ..native.pool import parallel_for
from ..native.runtime import addresses
from .code import Module

__all__ = ["FLOATS", "Family", "address", "chunk_of", "is_plain"]

#: the letter of a dtype that kernels know -> LLVM's type
FLOATS = {"f": "float", "d": "double"}


class Family:
    """Kernels that are written together and compiled when they are needed. `write` adds all of
    them to a module, which takes those that it wants.
    """

    def __init__(self, write: Callable[[Module], None]) -> None:
        self._write = write
        self._libraries: list[Library] = []
        self._addresses: dict[str, int] = {}

    def load(self, *names: str) -> None:
        """Compile kernels, or fetch them from the cache on disk. ImportError, OSError or
        NativeError where that cannot be.
        """
        missing = [name for name in names if name not in self._addresses]
        if missing:
            module = Module(missing)
            self._write(module)
            library = build(module.text(), opt=1)
            self._libraries.append(library)
            self._addresses |= {name: library.address(name) for name in missing}

    def run(self, name: str, n: int, chunk: int, *arguments: Any) -> None:
        """Run a kernel for 0..n in chunks. Arguments: arrays, whose addresses are passed,
        integers, floats; None is a null pointer.
        """
        if name not in self._addresses:
            self.load(name)
        table = [_entry(a) for a in arguments]
        form = "".join(["d" if type(a) is float else "q" for a in arguments])
        parallel_for(self._addresses[name], _struct(form).pack(*table), n, chunk)


def _entry(argument: Any) -> Any:
    if type(argument) is np.ndarray:
        return argument.__array_interface__["data"][0]
    return 0 if argument is None else argument


@lru_cache(64)
def _struct(form: str) -> struct.Struct:
    return struct.Struct(f"={form}")


def chunk_of(count: int, work: int = 1 << 15) -> int:
    """How many rows of `count` elements one thread takes at a time."""
    return max(work // max(count, 1), 1)


def address(name: str) -> int:
    """Where a function of the C library lies; 0 if it has none of this name."""
    return addresses().get(name, 0)


def is_plain(*arrays: Any) -> bool:
    """Whether all are contiguous arrays of one dtype, float32 or float64."""
    first = arrays[0]
    if type(first) is not np.ndarray or first.dtype.char not in FLOATS:
        return False
    dtype = first.dtype
    return all(type(a) is np.ndarray and a.dtype == dtype and a.flags.c_contiguous for a in arrays)
