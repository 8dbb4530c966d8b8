"""Kernels compiled for a target and called on arrays."""

import ctypes
import mmap
import sys

import numpy as np
import pytest

from dynagrad.compiler.kernels.ir import Plan
from dynagrad.compiler.kernels.machine import Machine, machine_for
from dynagrad.compiler.native import llvm as native
from dynagrad.compiler.native.target import resolve

#: Names of targets, with what kernels are told about them.
TARGETS = {
    "native": machine_for(native.target()),
    "x86-64-v3": Machine(32, 16, True),
    "x86-64": Machine(16, 16),
}
_fences: list[mmap.mmap] = []
BOTH_ENDS = pytest.mark.parametrize("end", [True, False], ids=["after", "before"])
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pages are protected by mprotect")
SCALARS = {"f": "float", "d": "double"}


def available() -> list[str]:
    """The targets whose code this machine runs."""
    host = native.host()
    if "x86_64" not in host.triple:
        return ["native"]
    found = ["native"]
    for name in list(TARGETS)[1:]:
        try:
            resolve(name, host.target)
        except ValueError:
            continue
        found.append(name)
    return found


def run(plan: Plan, target: str, *arrays: np.ndarray, cuts: tuple[int, ...] = ()) -> None:
    """Call a kernel; its units in one range, or cut at the given ones. Scratch memory is full of
    nan before, and followed by bytes that must not change.
    """
    cpu = {} if target == "native" else {"cpu": target}
    library = native.build(plan.module(), opt=1, cached=False, **cpu)
    kinds = [ctypes.c_void_p] * (len(arrays) + 1)
    function = library.function(plan.name, None, *kinds, ctypes.c_int64, ctypes.c_int64)
    memory = np.full(plan.scratch_bytes + 256, 255, np.uint8)
    place = memory.ctypes.data + -memory.ctypes.data % 64
    ends = [0, *sorted(min(c, plan.units) for c in cuts), plan.units]
    for begin, end in zip(ends, ends[1:], strict=False):
        function(*[x.ctypes.data for x in arrays], place, begin, end)
    after = place - memory.ctypes.data + plan.scratch_bytes
    assert (memory[after:] == 255).all(), "written beyond scratch memory"


def fenced(x: np.ndarray, *, end: bool) -> np.ndarray:
    """A copy that ends where a page begins which nobody may touch, or begins where one ends: an
    access outside of the array crashes. The pages stay so until the process ends.
    """
    page = mmap.PAGESIZE
    count = max(1, -(-x.nbytes // page))
    room = mmap.mmap(-1, (count + 2) * page)
    _fences.append(room)
    memory = np.frombuffer(room, np.uint8)
    protect = ctypes.CDLL(None).mprotect
    for place in (memory.ctypes.data, memory.ctypes.data + (count + 1) * page):
        assert protect(ctypes.c_void_p(place), ctypes.c_size_t(page), 0) == 0
    start = (count + 1) * page - x.nbytes if end else page
    result = memory[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    result[...] = x
    return result


def guarded(x: np.ndarray) -> np.ndarray:
    """A copy with nan around it in memory, so that what is read from outside shows."""
    room = np.full(x.size + 256, np.nan, x.dtype) if x.dtype.kind == "f" else np.zeros(1)
    room[128 : 128 + x.size] = x.reshape(-1)
    return room[128 : 128 + x.size].reshape(x.shape)
