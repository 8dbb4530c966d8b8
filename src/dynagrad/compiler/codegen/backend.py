"""Native code for a graph. Imports foreign, graph, native, normalise, plan, repeat, schedule,
segments.
"""

import ctypes
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..ir.graph import Graph, Value
from ..kernels.machine import machine_for
from ..native import llvm as native
from ..native import pool
from ..native.foreign import blas
from . import aliasing, repeat
from .normalise import normalise
from .plan import ALIGN
from .report import Report, report
from .schedule import Schedule
from .segments import Module

__all__ = ["Program", "build"]


class Program:
    """A graph as native code.

    `address` is that of `i32 step(ptr slots)`: `slots` is an array of addresses, one for each slot
    of the graph in order; it returns 0, or 1 + the number of the first check that failed, and then
    nothing outside was written, or -1 for slots that overlap so that only `run` can do the step:
    nothing was done. None if Python must be called in between. A program owns its scratch memory:
    one call at a time. `report` says what was made of the graph.
    """

    def __init__(
        self,
        graph: Graph,
        module: Module,
        library: native.Library,
        found: dict[Value, Value],
        written: float,
    ) -> None:
        self.graph, self.library = graph, library
        self.module, self._found, self._written = module, found, written
        self.schedule, self.plan = module.schedule, module.plan
        size = self.plan.size + module.extra
        self._memory = np.empty(size + ALIGN, np.uint8)
        start = -self._memory.ctypes.data % ALIGN
        self._arena = self._memory[start : start + size]
        sources = {v.attrs[0] for v in self.schedule.order if v.op == "source"}
        used = sources | set(graph.writes)
        self._state = aliasing.state(graph.slots, set(self.plan.slots.values()), used)
        self._table = np.array([self._resolve(*p) for p in module.table], np.uint64)
        library.function("bind", None, ctypes.c_void_p)(self._table.ctypes.data)
        #: what happens in order: ("segment", function) and ("call", value)
        self.steps: list[tuple[Any, Any]] = []
        for kind, what in module.steps:
            if kind == "segment":
                what = library.function(what, ctypes.c_int32, ctypes.c_void_p)
            self.steps.append((kind, what))
        native_only = len(module.steps) == 1
        self.address = library.address(module.steps[0][1]) if native_only else None

    @property
    def bytes(self) -> int:
        """Of scratch memory and code."""
        return self._memory.nbytes + self.library.size

    @cached_property
    def report(self) -> Report:
        """What was made of the graph."""
        times = {"text": self._written, **self.library.times}
        return report(self.module, self._found, times, from_cache=self.library.from_cache)

    def repeated(self, table: np.ndarray) -> Any:
        """`repeat(slots, n)`, a loop of steps on the slots whose addresses a table has: it gives
        back how many it has made, and ends early where a check fails. See repeat. None if there is
        no such loop, or slots overlap.
        """
        apart = aliasing.are_apart(self.graph.slots, set(self.graph.writes), table)
        return self._repeated[1] if apart else None

    @cached_property
    def _repeated(self) -> tuple[Any, Any]:
        text = repeat.text(self.module)
        if text is None:
            return None, None
        library = native.build(text, opt=1)
        library.function("bind", None, ctypes.c_void_p)(self._table.ctypes.data)
        # The interpreter's lock stays held: no other thread sees tensors that are not written yet.
        prototype = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)
        return library, prototype(library.address("repeat"))

    def fault(self, code: int) -> str:
        """What a code below -1 of checked code means."""
        kind, what = (self.module.guards or [])[-2 - code]
        name = f"slot {what}" if kind == "slot" else f"{kind} {what!r}"
        return f"an index is out of the bounds of {name}"

    def _resolve(self, kind: str, what: Any) -> int:
        if kind == "arena":
            return self._arena.ctypes.data
        if kind == "constant":
            return what.data.ctypes.data
        if kind == "overlap":
            return aliasing.address()
        if kind == "state":
            return self._state.ctypes.data
        if kind == "pool":
            return pool.address()
        if kind == "address":
            return what
        found = blas()
        assert found is not None
        return found.functions[what]

    def run(self, table: np.ndarray) -> int:
        """One step on the memory whose addresses are given: what `step` returns, but never -1."""
        table = np.ascontiguousarray(table)
        code = self._run(table)
        return self._run_on_copies(table) if code == -1 else code

    def _run(self, table: np.ndarray) -> int:
        for kind, what in self.steps:
            if kind == "call":
                self.call(what, table)
            elif code := what(table.ctypes.data):
                return code
        return 0

    def _run_on_copies(self, table: np.ndarray) -> int:
        """A step on slots that overlap: on copies of them, which are written back in order."""
        slots = self.graph.slots
        reaches = [aliasing.reach(slot) for slot in slots]
        copies = [np.empty(high - low + ALIGN, np.uint8) for low, high in reaches]
        places = np.zeros(len(slots), np.uint64)
        for i, ((low, high), copy) in enumerate(zip(reaches, copies, strict=True)):
            if self._state[4, i] and high > low:
                places[i] = copy.ctypes.data - low
                ctypes.memmove(copy.ctypes.data, int(table[i]) + low, high - low)
        code = self._run(places)
        if not code:
            for i in self.graph.writes:
                view(int(table[i]), slots[i])[...] = view(int(places[i]), slots[i])
        return code

    # --- calls into Python ------------------------------------------------------------------------

    def call(self, v: Value, table: np.ndarray) -> None:
        """Call a function of NumPy on what lies in memory, and store its results."""
        call = v.data
        results = call.fun(*self._operands(v, table), **call.kw)
        results = results if isinstance(results, tuple) else (results,)
        for i, (shape, dtype) in enumerate(call.results):
            found = np.asarray(results[i])
            if found.shape != tuple(shape) or found.dtype != dtype:
                raise RuntimeError(
                    f"{getattr(call.fun, '__name__', call.fun)} gave {found.dtype.name}"
                    f"{list(found.shape)}, not {np.dtype(dtype).name}{list(shape)} as before"
                )
        self.give(v, results)

    def _operands(self, v: Value, table: np.ndarray) -> list[np.ndarray]:
        return [self._array(x, table) for x in v.inputs]

    def give(self, v: Value, results: Sequence[Any]) -> None:
        """Store the results of a call."""
        for item in self.schedule.groups[self.schedule.home[v]].values:
            if item.op == "item":
                self._buffer(item)[...] = results[item.attrs[0]]

    def _array(self, x: Value, table: np.ndarray) -> np.ndarray:
        """What lies in memory, as an array."""
        shape = x.shape
        while x.op == "reshape" and x not in self.schedule.home:
            x = x.inputs[0]
        if x.op == "constant":
            return x.data.reshape(shape)
        slot = x.attrs[0] if x.op == "source" else self.plan.slots.get(x)
        if slot is not None:
            return view(int(table[slot]), self.graph.slots[slot]).reshape(shape)
        return self._buffer(x).reshape(shape)

    def _buffer(self, v: Value) -> np.ndarray:
        start = self.plan.offsets[v]
        part = self._arena[start : start + v.size * v.dtype.itemsize]
        return part.view(v.dtype).reshape(v.shape)


def view(address: int, slot: Any) -> np.ndarray:
    """The memory of a slot as an array."""
    if 0 in slot.shape:
        return np.empty(slot.shape, slot.dtype)
    low, high = aliasing.reach(slot)
    size = slot.dtype.itemsize
    data = (ctypes.c_uint8 * (high - low)).from_address(address + low)
    start = np.ctypeslib.as_array(data)[-low : -low + size].view(slot.dtype)
    return as_strided(start, slot.shape, [s * size for s in slot.strides])


def build(
    graph: Graph, *, bitwise: bool = False, threads: int = 1, checked: bool = False
) -> Program:
    """Native code for a graph. `bitwise`: no reassociation and no fused multiply-add in loops;
    reductions go one element after another in row-major order. `checked`: for tests; each index of
    a load or store in a loop is compared with the size of what it goes to, and a step with one
    that is out of bounds gives back a code below -1: see `Program.fault`. `threads`: more than one
    for code that shares long loops and kernels with the pool, which says how many threads there are
    when it runs.
    """
    begin = time.perf_counter()
    normal, found = normalise(graph)
    module = Module(
        Schedule(normal),
        bitwise=bitwise,
        blas=blas(),
        machine=machine_for(native.target()),
        checked=checked,
        threads=threads,
    )
    text = module.text()
    written = (time.perf_counter() - begin) * 1e3
    return Program(normal, module, native.build(text, opt=1), found, written)


def addresses(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The table of addresses of arrays."""
    return np.array([a.ctypes.data for a in arrays], np.uint64)
