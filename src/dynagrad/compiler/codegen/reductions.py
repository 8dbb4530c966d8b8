"""Reductions in loops: what they keep, and where. Imports elements, emit, graph, index, moves,
pull.

Sums of floats are added up in blocks, by vectors, and the sums of blocks in double; sums of columns
in memory, of some rows first. So long sums are about as exact as NumPy's pairwise ones.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir.graph import Value
from . import elements
from .emit import Emitter, literal, suffix
from .index import ZERO, Index, Var, of
from .moves import COMBINE, better
from .pull import Access

if TYPE_CHECKING:
    from .loops import LoopFunction

#: rows whose columns are added up before the sums go to the total
ROWS = 128
#: elements of a row of such sums on the stack
ON_STACK = 8192


def identity(op: str, dtype: np.dtype) -> Any:
    """What a reduction begins with."""
    if op in ("sum", "any"):
        return 0
    if op in ("prod", "all"):
        return 1
    if dtype.kind == "f":
        return -np.inf if op == "max" else np.inf
    return np.iinfo(dtype).min if op == "max" else np.iinfo(dtype).max


class Reduction:
    """A reduction in variables, one for each size of vector: sums of floats in blocks, whose sums
    are added in double.
    """

    def __init__(self, function: "LoopFunction", v: Value) -> None:
        self.f, self.v = function, v
        self.dtype = v.inputs[0].dtype
        self.exact = function.bitwise
        in_any_order = self.dtype.kind == "f" and v.op in ("sum", "prod")
        self.one_by_one = self.exact and in_any_order
        self.is_blocked = v.op == "sum" and self.dtype.kind == "f" and not self.exact
        half = self.dtype.char == "e" and in_any_order and not self.exact
        self.work = np.dtype(np.float32) if half else self.dtype
        self.kind = elements.register(self.work)
        self.cells: dict[int, str] = {}
        self.start: list[str] = []
        self.total = function.cell("double") if self.is_blocked else ""

    def clear(self) -> None:
        """Begin."""
        if self.is_blocked:
            self.f.e.do(f"store double 0.0, ptr {self.total}")
        else:
            self.begin_block()

    def begin_block(self) -> None:
        """Begin a block of elements: variables are set here, once it is known which there are."""
        self.start, self.cells = [], {}
        self.f.e.lines.append(self.start)  # type: ignore[arg-type]

    def _cell(self, count: int) -> str:
        if count not in self.cells:
            kind = elements.wide(self.kind, count)
            first = identity(self.v.op, self.work)
            if self.work.kind == "f" and self.v.op == "sum":
                first = -0.0
            name = self.cells[count] = self.f.cell(kind)
            value = elements.number(self.work, first, count)
            self.start.append(f"  store {kind} {value}, ptr {name}")
        return self.cells[count]

    def _of_block(self) -> str:
        """What all variables hold together."""
        e = self.f.e
        found = ""
        for count, cell in self.cells.items():
            kind = elements.wide(self.kind, count)
            x = across(e, self.v.op, self.work, e.let(f"load {kind}, ptr {cell}"), count)
            found = combined(e, self.v.op, self.work, found, x, exact=self.exact) if found else x
        return found

    def end_block(self) -> None:
        """Add a block's sum to the total."""
        e = self.f.e
        part = self._of_block()
        if self.kind != "double":
            part = e.convert("fpext", part, self.kind, "double")
        total = e.op("fadd", "double", e.let(f"load double, ptr {self.total}"), part)
        e.do(f"store double {total}, ptr {self.total}")

    def add(self, x: str, column: Index, count: int) -> None:
        """One more element for each lane."""
        e = self.f.e
        if self.work != self.dtype:
            x = elements.cast(e, x, self.dtype, self.work, count)
        cell, kind = self._cell(count), elements.wide(self.kind, count)
        before = e.let(f"load {kind}, ptr {cell}")
        after = combined(e, self.v.op, self.work, before, x, exact=self.exact, count=count)
        e.do(f"store {kind} {after}, ptr {cell}")

    def value(self) -> str:
        """The result in a register."""
        e = self.f.e
        if not self.is_blocked:
            return elements.cast(e, self._of_block(), self.work, self.v.dtype)
        found = e.let(f"load double, ptr {self.total}")
        return elements.cast(e, found, np.dtype(np.float64), self.v.dtype)

    def row_done(self) -> None:
        """A row is complete."""

    def finish(self) -> None:
        """Store the result."""
        place = Access(self.f.pointer(("buffer", self.v)))
        self.f.reader.store(self.v, place, ZERO, self.value())


def combined(
    e: Emitter, op: str, dtype: np.dtype, x: str, y: str, *, exact: bool, count: int = 1
) -> str:
    """What a reduction does with two elements; sums and products of floats in any order."""
    if dtype.kind == "f" and op in ("sum", "prod") and not exact and dtype.char != "e":
        name = "fadd" if op == "sum" else "fmul"
        kind = elements.wide(elements.register(dtype), count)
        return e.op(f"{name} reassoc contract", kind, x, y)
    return elements.apply(e, COMBINE[op], dtype, (x, y), False, count)


_ACROSS = {"sum": "add", "prod": "mul", "any": "or", "all": "and"}


def across(e: Emitter, op: str, dtype: np.dtype, x: str, count: int) -> str:
    """A reduction of the lanes of a vector."""
    if count == 1:
        return x
    one = elements.register(dtype)
    kind = elements.wide(one, count)
    first, flags = "", ""
    name = _ACROSS.get(op)
    if dtype.kind == "f":
        if name is not None:
            flags, first = (
                "reassoc ",
                f"{one} {elements.number(dtype, -0.0 if op == 'sum' else 1)}, ",
            )
        name = f"f{name or op + 'imum'}"
    elif name is None:
        name = ("s" if dtype.kind == "i" else "u") + op
    full = f"@llvm.vector.reduce.{name}.{suffix(kind)}"
    start = f"{one}, " if first else ""
    e.declared.setdefault(full, f"declare {one} {full}({start}{kind})")
    return e.let(f"call {flags}{one} {full}({first}{kind} {x})")


class ArgReduction(Reduction):
    """The index of the greatest or least element of a row: the first of equals and of NaNs."""

    def __init__(self, function: "LoopFunction", v: Value) -> None:
        self.f, self.v = function, v
        self.dtype = v.inputs[0].dtype
        self.is_blocked, self.one_by_one = False, True
        self.kind = elements.register(self.dtype)
        self.cell, self.at = function.cell(self.kind), function.cell("i64")

    def clear(self) -> None:
        """Begin."""
        op = "max" if self.v.op == "argmax" else "min"
        first = elements.number(self.dtype, identity(op, self.dtype))
        self.f.e.do(f"store {self.kind} {first}, ptr {self.cell}")
        self.f.e.do(f"store i64 0, ptr {self.at}")

    def add(self, x: str, column: Index, count: int) -> None:
        """One more element."""
        e = self.f.e
        best = e.let(f"load {self.kind}, ptr {self.cell}")
        place = e.let(f"load i64, ptr {self.at}")
        is_better = better(self.f.reader, self.v, x, best)
        e.do(f"store {self.kind} {e.select(is_better, self.kind, x, best)}, ptr {self.cell}")
        here = self.f.reader.number(column)
        e.do(f"store i64 {e.select(is_better, 'i64', here, place)}, ptr {self.at}")

    def value(self) -> str:
        """The result in a register."""
        return self.f.e.let(f"load i64, ptr {self.at}")


class Columns(Reduction):
    """Sums of columns, in memory: of some rows first, if there are many."""

    def __init__(self, function: "LoopFunction", v: Value) -> None:
        self.f, self.v, self.dtype = function, v, v.dtype
        self.exact, self.is_blocked, self.one_by_one = function.bitwise, False, False
        self.place = Access(function.pointer(("buffer", v)))
        rows = function.group.size // v.size
        is_sum = v.op == "sum" and v.dtype.char in "fd" and not self.exact
        self.part = None
        if is_sum and rows > 2 * ROWS and v.size <= ON_STACK:
            kind = elements.in_memory(v.dtype)
            self.part = Access(function.cell(f"[{v.size} x {kind}]"))
            self.rows = function.cell("i64")

    def clear(self) -> None:
        """Begin."""
        self._fill(self.place)
        if self.part is not None:
            self._fill(self.part)
            self.f.e.do(f"store i64 0, ptr {self.rows}")

    def _each(self, body: Callable[[Var], None]) -> None:
        lanes = 1
        if self.f.guards is None:
            lanes = self.f.machine.vector // self.dtype.itemsize
        self.f.pieces(self.v.size, ("0", str(self.v.size)), lanes, body)

    def _fill(self, place: Access) -> None:
        def body(var: Var) -> None:
            first = elements.number(self.dtype, identity(self.v.op, self.dtype), var.lanes)
            self.f.reader.store(self.v, place, of(var), first)

        self._each(body)

    def add(self, x: str, column: Index, count: int) -> None:
        """One more element of some columns."""
        place = self.part or self.place
        r, op = self.f.reader, self.v.op
        before = r.load(self.v, place, column)
        after = combined(self.f.e, op, self.dtype, before, x, exact=self.exact, count=count)
        r.store(self.v, place, column, after)

    def row_done(self) -> None:
        """After some rows their sums go to the total."""
        if self.part is None:
            return
        e = self.f.e
        count = e.op("add", "i64", e.let(f"load i64, ptr {self.rows}"), "1")
        full = e.compare("eq", "i64", count, str(ROWS))
        e.do(f"store i64 {e.select(full, 'i64', '0', count)}, ptr {self.rows}")
        then, after = e.label("full"), e.label("after")
        e.do(f"br i1 {full}, label %{then}, label %{after}")
        e.begin(then)
        self._flush()
        e.do(f"br label %{after}")
        e.begin(after)

    def _flush(self) -> None:
        part, r = self.part, self.f.reader
        assert part is not None

        def body(var: Var) -> None:
            kind = elements.wide(elements.register(self.dtype), var.lanes)
            x = r.load(self.v, part, of(var))
            total = self.f.e.op("fadd", kind, r.load(self.v, self.place, of(var)), x)
            r.store(self.v, self.place, of(var), total)
            r.store(self.v, part, of(var), literal(kind, 0.0))

        self._each(body)

    def finish(self) -> None:
        """Add what is left to the total."""
        if self.part is not None:
            self._flush()
