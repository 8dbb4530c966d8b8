"""How long each loop and kernel of a program takes: the same code with a look at the clock after
each group of values, run on scratch copies. Imports backend, native, schedule, segments, witness.
"""

import ctypes
import sys
import time
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..codegen.backend import Program
from ..codegen.schedule import Schedule
from ..codegen.segments import Module, Segment
from ..native import llvm as native
from .witness import memory, replay

#: seconds for a measurement, about, and how many runs at least and at most
SECONDS, FEWEST, MOST = 0.3, 5, 200


class Measurement(NamedTuple):
    """Seconds, the shortest of all runs: of a step, and of each group of values by its number.
    `remark` says why there are none.
    """

    step: float
    groups: dict[int, float]
    remark: str = ""


def measure(program: Program, inputs: list[ndarray], draws: dict[int, ndarray]) -> Measurement:
    """Time a program on copies of inputs, which are renewed before each run."""
    stamped, times = _stamped(program)
    arrays = [memory(slot) for slot in program.graph.slots]
    shortest = np.full(len(times) - 1, np.inf)
    step = float("inf")
    began = time.perf_counter()
    for run in range(MOST):
        if run >= FEWEST and time.perf_counter() - began > SECONDS:
            break
        _renew(arrays, inputs)
        times[...] = 0
        if replay(stamped, arrays, draws):
            return Measurement(0.0, {}, "a check fails on these inputs: not measured")
        shortest = np.minimum(shortest, np.diff(_seconds(times)))
        _renew(arrays, inputs)
        begin = time.perf_counter()
        replay(program, arrays, draws)
        step = min(step, time.perf_counter() - begin)
    cost = shortest[0]  # of looking at the clock
    return Measurement(step, {i: max(float(t - cost), 0.0) for i, t in enumerate(shortest[1:])})


def _renew(arrays: list[ndarray], inputs: list[ndarray]) -> None:
    for a, source in zip(arrays, inputs, strict=True):
        np.copyto(a, source)


def _stamped(program: Program) -> tuple[Program, ndarray]:
    """The program with stamps, and where it writes them: row 0 and 1 at the beginning, row 2 + i
    after group i.
    """
    schedule, module = Schedule(program.graph), program.module
    times = np.zeros((len(schedule.groups) + 2, 2), np.int64)
    made = _StampedModule(
        schedule,
        times,
        bitwise=module.bitwise,
        blas=module.blas,
        machine=module.machine,
        threads=module.threads,
    )
    return Program(program.graph, made, native.build(made.text(), opt=1), {}, 0.0), times


class _StampedModule(Module):
    def __init__(self, schedule: Schedule, times: ndarray, **options: Any) -> None:
        self.times = times
        super().__init__(schedule, **options)

    def begin(self, number: int) -> Segment:
        return _StampedSegment(self, number)


class _StampedSegment(Segment):
    def __init__(self, module: _StampedModule, begin: int) -> None:
        self.times = module.times
        super().__init__(module, begin)
        if module.schedule.groups[begin].kind == "call":
            self.stamp(begin + 2)
        else:
            self.stamp(0)
            self.stamp(1)

    def group(self, number: int) -> None:
        super().group(number)
        self.stamp(number + 2)

    def end(self) -> None:
        super().end()
        self.stamp(len(self.times) - 1)

    def stamp(self, row: int) -> None:
        """Write the time into a row."""
        clock = self.pointer(("address", _clock()))
        times = self.pointer(("address", self.times.ctypes.data))
        at = self.e.let(f"getelementptr i8, ptr {times}, i64 {row * 16}")
        which = "" if sys.platform == "win32" else f"i32 {_clock_number()}, "
        self.e.let(f"call i32 {clock}({which}ptr {at})")


def _clock() -> int:
    """The address of the system's function that tells the time."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.QueryPerformanceCounter
    else:
        function = ctypes.CDLL(None).clock_gettime
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _clock_number() -> int:
    return getattr(time, "CLOCK_UPTIME_RAW", None) or time.CLOCK_MONOTONIC


def _seconds(times: ndarray) -> ndarray:
    """The stamps as seconds; a row that nobody wrote is the one before."""
    if sys.platform == "win32":
        frequency = ctypes.c_int64()
        ctypes.windll.kernel32.QueryPerformanceFrequency(ctypes.byref(frequency))
        seconds = (times[:, 0] - times[0, 0]) / frequency.value
    else:
        seconds = (times[:, 0] - times[0, 0]) + times[:, 1] * 1e-9
    seconds[times[:, 0] == 0] = -np.inf
    return np.maximum.accumulate(seconds)
