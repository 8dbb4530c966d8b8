"""What a recorded run took and gave, and how native code compares with it. Imports aliasing, graph.

While a step is recorded, copies are kept of the memory that it meets, at first sight, and of the
random numbers that it draws; when it is done, of what it left. Native code is then run on scratch
copies of the one and compared with the other: the step's own memory, random streams and code are
not touched. That takes longer than recording, so it is done when somebody asks; copies of more than
LARGEST bytes are not kept until then.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from ..codegen import aliasing
from ..ir.graph import Graph, Slot

#: bytes of copies that are kept
LARGEST = 8 << 20


class Difference(NamedTuple):
    """One output: its slot's number and name, and the largest difference from what the recorded run
    left, divided by the largest number there (0 for equal ones, infinity where one is NaN alone).
    """

    slot: int
    name: str
    relative: float


class Comparison(NamedTuple):
    """Native code beside the recorded run: what differs how much, and a remark for people."""

    outputs: list[Difference]
    remark: str = ""

    @property
    def largest(self) -> Difference | None:
        """The output that differs most."""
        return max(self.outputs, key=_relative, default=None)

    def __str__(self) -> str:
        if not self.outputs:
            return self.remark or "there is no output to compare"
        worst = self.largest
        assert worst is not None
        count = f"{len(self.outputs)} output{'' if len(self.outputs) == 1 else 's'}"
        text = f"{count}, largest relative difference {worst.relative:.1e}"
        if worst.relative:
            text += f" (slot {worst.slot}, {worst.name})"
        return text + (f"; {self.remark}" if self.remark else "")


class Witness:
    """Copies of a recorded run's inputs, random numbers and outputs."""

    def __init__(self) -> None:
        self.inputs: dict[int, ndarray] = {}
        self.outputs: dict[int, ndarray] = {}
        self.draws: dict[int, ndarray] = {}
        self.bytes = 0
        self._why = ""

    @property
    def is_complete(self) -> bool:
        """Whether nothing was too large."""
        return self.bytes <= LARGEST and not self._why

    def entered(self, slot: int, array: Any) -> None:
        """Memory from before the step, as it is now."""
        self._keep(self.inputs, slot, array)

    def drew(self, call: Any, result: ndarray) -> None:
        """Random numbers that a call gave."""
        self._keep(self.draws, id(call), result)

    def left(self, slot: int, array: Any) -> None:
        """What the step leaves in a slot."""
        self._keep(self.outputs, slot, array)

    def _keep(self, held: dict[int, ndarray], key: int, array: Any) -> None:
        array = np.asarray(array)
        self.bytes += array.nbytes
        if self.is_complete:
            held[key] = array.copy()
        else:
            self.drop()

    def drop(self, why: str = "") -> None:
        """Let go of all copies."""
        self.inputs, self.outputs, self.draws = {}, {}, {}
        self.bytes, self._why = 0 if why else self.bytes, why

    def compare(self, program: Any, graph: Graph) -> Comparison:
        """Run a program on copies, and compare."""
        if not self.is_complete:
            why = self._why or f"the step works on more than {LARGEST >> 20} MiB"
            return Comparison([], f"not kept: {why}")
        foreign = [v for v in graph.values if v.op == "call" and not is_ours(v.data)]
        if foreign:
            return Comparison([], "not compared: a call leads into code of yours, which runs once")
        arrays = [memory(slot) for slot in graph.slots]
        for slot, held in self.inputs.items():
            arrays[slot][...] = held
        code = replay(program, arrays, self.draws)
        if code:
            return Comparison([], f"the native code gave up with code {code}")
        found = [
            Difference(slot, graph.slots[slot].name or "memory", difference(arrays[slot], held))
            for slot, held in self.outputs.items()
            if slot in graph.writes
        ]
        remark = "random numbers as they were drawn" if self.draws else ""
        return Comparison(found, remark)


def is_ours(call: Any) -> bool:
    """Whether a call's function is NumPy's or the library's, so that it may run again."""
    fun = getattr(call.fun, "kernel", call.fun)
    fun = getattr(fun, "func", fun)
    name: str = getattr(fun, "__module__", None) or type(fun).__module__
    return call.effects or name.partition(".")[0] in ("numpy", __name__.partition(".")[0])


def memory(slot: Slot) -> ndarray:
    """New memory, of zeros, that lies as a slot does."""
    low, high = aliasing.reach(slot)
    if high == low:
        return np.zeros(slot.shape, slot.dtype)
    size = slot.dtype.itemsize
    raw = np.zeros(high - low, np.uint8)
    first = raw[-low : -low + size].view(slot.dtype)
    return as_strided(first, slot.shape, [s * size for s in slot.strides])


def replay(program: Any, arrays: list[ndarray], draws: dict[int, ndarray]) -> int:
    """A step of a program on arrays: what `run` returns. Calls that draw random numbers give those
    that are known, or ones.
    """
    table = np.array([a.__array_interface__["data"][0] for a in arrays] or [0], np.uint64)
    for kind, what in program.steps:
        if kind == "call" and what.data.effects:
            shape, dtype = what.data.results[0]
            drawn = draws.get(id(what.data))
            program.give(what, [np.ones(shape, dtype) if drawn is None else drawn])
        elif kind == "call":
            program.call(what, table)
        elif code := what(table.ctypes.data):
            return code
    return 0


def difference(found: ndarray, expected: ndarray) -> float:
    """See Difference."""
    if not expected.size:
        return 0.0
    if expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(found, expected) else float("inf")
    kind = np.complex128 if expected.dtype.kind == "c" else np.float64
    a, b = found.astype(kind), expected.astype(kind)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        gap = np.where(same, 0.0, np.abs(a - b)).max()
        finite = np.abs(b[np.isfinite(b)])
    if np.isnan(gap):
        return float("inf")
    size = float(finite.max()) if finite.size else 0.0
    return float(gap) / size if size else (0.0 if gap == 0 else float("inf"))


def _relative(found: Difference) -> float:
    return found.relative
