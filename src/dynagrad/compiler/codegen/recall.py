"""Programs of graphs that were compiled before, in this process or another one: the cache on disk
knows what `backend.build` made of each, so that neither passes nor text are needed. Imports
backend, cache, foreign, graph, native, passes.

The key is the graph itself (operations, operands, constants, slots, writes, checks), the options,
and what `native.fingerprint` says. Functions of NumPy that a graph calls are no part of either:
an entry says which of the graph's calls is meant, by its place.
"""

import ctypes
import hashlib
import marshal
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..ir.graph import Call, Graph, Value, live
from ..ir.passes import simplify
from ..native import cache
from ..native import llvm as native
from ..native.foreign import blas
from . import aliasing, backend
from .backend import Program
from .normalise import normalise
from .plan import ALIGN

__all__ = ["Recalled", "program"]

#: the version of marshal that writes equal things as equal bytes
_PLAIN = 2
#: places in the table of pointers that say all by their kind
_KNOWN = ("arena", "overlap", "state", "pool")


def program(graph: Graph, *, bitwise: bool = False) -> Program:
    """Native code for a graph, simplified first."""
    key = None if cache.folder() is None else _key(graph, bitwise)
    if key is None:
        return backend.build(simplify(graph), bitwise=bitwise)
    calls = _calls(live(graph))
    kept = cache.load(key)
    if kept is not None:
        entry = _Entry(*marshal.loads(kept))
        library = native.load(entry.library)
        if library is not None:
            return Recalled(entry, library, graph, calls, bitwise)
    made = backend.build(simplify(graph), bitwise=bitwise)
    found = _entry(made, calls)
    if found is not None:
        cache.store(key, marshal.dumps(tuple(found)))
    return made


# --- keys -----------------------------------------------------------------------------------------


def _calls(order: list[Value]) -> list[Call]:
    """The functions that a graph calls, each once."""
    found = {id(v.data): v.data for v in order if v.op == "call"}
    return list(found.values())


def _key(graph: Graph, bitwise: bool) -> str | None:
    """The name of a graph's entry; None where it has something in it that has no plain form."""
    order = live(graph)
    number = {v: i for i, v in enumerate(order)}
    call = {id(c): i for i, c in enumerate(_calls(order))}
    rows: list[tuple] = []
    for v in order:
        attrs: Any = v.attrs
        if v.op == "constant":
            attrs = hashlib.sha256(v.data.tobytes()).digest() if v.data.nbytes else b""
        elif v.op == "call":
            results = [(tuple(shape), np.dtype(dtype).str) for shape, dtype in v.data.results]
            attrs = (call[id(v.data)], v.data.effects, results)
        rows.append((v.op, [number[x] for x in v.inputs], v.shape, v.dtype.str, attrs))
    found = blas()
    whole = (
        rows,
        [(slot, number[v]) for slot, v in graph.writes.items()],
        [(number[c.value], c.text) for c in graph.checks],
        [(slot.shape, slot.dtype.str, slot.strides) for slot in graph.slots],
        (bitwise, found is None, found is not None and found.ilp64),
    )
    try:
        text = marshal.dumps(whole, _PLAIN)
    except ValueError:
        return None
    tag = f"{sys.implementation.cache_tag} {np.__version__}"  # NumPy computes constants
    return cache.key("graph", tag, native.fingerprint(), hashlib.sha256(text).hexdigest())


# --- entries --------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """What the cache keeps of a program: the key of its object code; bytes of scratch memory; the
    table of pointers, constants as bytes; the slots that are written early, and those that are
    used; what happens in order.
    """

    library: str
    size: int
    table: list[tuple[str, Any]]
    early: list[int]
    used: list[int]
    steps: list[tuple[str, Any]]


def _entry(made: Program, calls: list[Call]) -> _Entry | None:
    """None for what only this process has: calls that the back end made itself."""
    number = {id(c): i for i, c in enumerate(calls)}
    table: list[tuple[str, Any]] = []
    for kind, what in made.module.table:
        if kind == "constant":
            table.append((kind, what.data.tobytes()))
        elif kind == "blas" or kind in _KNOWN:
            table.append((kind, what))
        else:
            return None
    steps: list[tuple[str, Any]] = []
    for kind, what in made.module.steps:
        if kind == "call":
            if id(what.data) not in number:
                return None
            given = [_operand(made, x) for x in what.inputs]
            whole = made.schedule.groups[made.schedule.home[what]].values
            items = [(v.attrs[0], _buffer(made, v)) for v in whole if v.op == "item"]
            what = (number[id(what.data)], given, items)
        steps.append((kind, what))
    used = {v.attrs[0] for v in made.schedule.order if v.op == "source"} | set(made.graph.writes)
    early = sorted(set(made.plan.slots.values()))
    size = made.plan.size + made.module.extra
    return _Entry(made.library.key, size, table, early, sorted(used), steps)


def _operand(made: Program, x: Value) -> tuple[str, Any, tuple[int, ...]]:
    """Where an operand of a call lies, and its shape."""
    shape = x.shape
    while x.op == "reshape" and x not in made.schedule.home:
        x = x.inputs[0]
    if x.op == "constant":
        return "constant", (x.data.tobytes(), x.dtype.str), shape
    slot = x.attrs[0] if x.op == "source" else made.plan.slots.get(x)
    if slot is not None:
        return "slot", slot, shape
    return "buffer", _buffer(made, x), shape


def _buffer(made: Program, v: Value) -> tuple[int, str, tuple[int, ...]]:
    return made.plan.offsets[v], v.dtype.str, v.shape


class _Called(NamedTuple):
    """A call of a program from the cache: what is called, where the operands lie and where each
    result goes.
    """

    data: Call
    given: list[tuple[str, Any, tuple[int, ...]]]
    items: list[tuple[int, np.ndarray]]


class Recalled(Program):
    """A program from the cache. What explains it (`graph`, `schedule`, `plan`, `report`) is made
    when somebody asks.
    """

    def __init__(
        self,
        entry: _Entry,
        library: native.Library,
        graph: Graph,
        calls: list[Call],
        bitwise: bool,
    ) -> None:
        self.library, self._given, self._bitwise = library, graph, bitwise
        self._memory = np.empty(entry.size + ALIGN, np.uint8)
        start = -self._memory.ctypes.data % ALIGN
        self._arena = self._memory[start : start + entry.size]
        self._state = aliasing.state(graph.slots, set(entry.early), set(entry.used))
        self._constants: list[np.ndarray] = []
        self._table = np.array([self._place(*place) for place in entry.table], np.uint64)
        library.function("bind", None, ctypes.c_void_p)(self._table.ctypes.data)
        self.steps = []
        for kind, what in entry.steps:
            if kind == "segment":
                made: Any = library.function(what, ctypes.c_int32, ctypes.c_void_p)
            else:
                number, given, items = what
                parts = [(i, self._part(*place)) for i, place in items]
                made = _Called(calls[number], given, parts)
            self.steps.append((kind, made))
        self.address = library.address(entry.steps[0][1]) if len(entry.steps) == 1 else None

    def _place(self, kind: str, what: Any) -> int:
        if kind != "constant":
            return self._resolve(kind, what)
        self._constants.append(np.frombuffer(what, np.uint8).copy())
        return self._constants[-1].ctypes.data

    def _part(self, start: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        """Scratch memory as an array."""
        kind = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        return self._arena[start : start + size].view(kind).reshape(shape)

    # --- calls into Python ------------------------------------------------------------------------

    def _operands(self, v: Any, table: np.ndarray) -> list[np.ndarray]:
        return [self._operand(*place, table=table) for place in v.given]

    def give(self, v: Any, results: Sequence[Any]) -> None:
        """Store the results of a call."""
        for number, part in v.items:
            part[...] = results[number]

    def _operand(
        self, kind: str, what: Any, shape: tuple[int, ...], *, table: np.ndarray
    ) -> np.ndarray:
        if kind == "constant":
            data, dtype = what
            return np.frombuffer(data, dtype).reshape(shape)
        if kind == "slot":
            return backend.view(int(table[what]), self._given.slots[what]).reshape(shape)
        return self._part(*what).reshape(shape)

    def repeated(self, table: np.ndarray) -> Any:
        """A loop of steps: see Program."""
        return self._whole.repeated(table)

    # --- for people -------------------------------------------------------------------------------

    @cached_property
    def graph(self) -> Graph:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What was compiled."""
        return normalise(simplify(self._given))[0]

    @cached_property
    def _whole(self) -> Program:
        return backend.build(simplify(self._given), bitwise=self._bitwise)

    @property
    def module(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The text, made anew."""
        return self._whole.module

    @property
    def schedule(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The groups, made anew."""
        return self._whole.schedule

    @property
    def plan(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where what lies, made anew."""
        return self._whole.plan

    @property
    def report(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What was made of the graph."""
        return self._whole.report
