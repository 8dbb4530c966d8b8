"""Loop groups as functions of their own: `void loop(i64 begin, i64 end, ptr...)`.

The function goes over `begin <= i < end` of its outermost loop. Pointers are what it reads and
writes; none overlaps another that is written. Loops are scalar: LLVM makes vectors of them.
Imports elements, emit, graph, index, layouts, pull, schedule.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import elements
from .emit import Emitter, literal, suffix
from .graph import Value
from .index import ZERO, Index, Var, of, row_major
from .kernels.machine import Machine
from .layouts import is_plain
from .pull import COMBINE, Access, Reader, better
from .schedule import COLUMN_SUM, FULL, ROW, ROW_SUM, TOTAL, Schedule

#: elements that are added up before the sum goes to a wider total
BLOCK = 2048
#: rows whose columns are added up before the sums go to the total
ROWS = 128
#: instructions for an element that are few
LIGHT = 24
#: elements of a row of such sums on the stack
ON_STACK = 8192
#: how often loops are written anew because an index needs them in parts
TRIES = 12

#: what lies outside a function: ("buffer", value), ("slot", number) or ("constant", value); with a
#: third part, so many elements behind its beginning
Place = tuple[Any, ...]


class Written(NamedTuple):
    """A function: its text without its name (a `$` stands for that), what its pointers stand for,
    and the size of the outermost loop.
    """

    text: str
    places: tuple[Place, ...]
    size: int
    #: pairs of places, of which the second may be the same memory as the first: each element is
    #: read from the first, if at all, right before it is written to the second
    in_place: frozenset[tuple[Place, Place]] = frozenset()

    def merged(self, pairs: dict[Place, Place]) -> "Written":
        """The function with one pointer for places that are the same memory: `pairs` leads from the
        second to the first.
        """
        text, places = self.text, list(self.places)
        for second, first in pairs.items():
            old, new = f"%p{self.places.index(second)}", f"%p{self.places.index(first)}"
            text = text.replace(f", ptr noalias {old},", ",").replace(f", ptr noalias {old})", ")")
            text = re.sub(rf"{old}\b", new, text)
            places.remove(second)
        return self._replace(text=text, places=tuple(places))


class Function:
    """A function under construction, with loops."""

    def __init__(
        self,
        schedule: Schedule,
        declared: dict[str, str],
        contract: bool,
        guards: list[Place] | None = None,
    ) -> None:
        self.schedule, self.declared, self.contract = schedule, declared, contract
        self.guards = guards
        self.start()

    def start(self) -> None:
        """Begin with an empty body."""
        self.e = Emitter(self.declared)
        self.reader = Reader(self.e, self.memory, contract=self.contract)
        self.places: dict[Place, str] = {}
        self.cells: list[str] = []
        if self.guards is not None:
            self.reader.guard = self._guarded
        else:
            self.reader.moved = self._moved

    def _moved(self, pointer: str, number: int) -> str:
        """Another argument for what begins later in the same memory, if it is only read: so loops
        that differ in where they begin are the same function.
        """
        found = [place for place, name in self.places.items() if name == pointer]
        if len(found) != 1 or len(found[0]) != 2 or not self.is_read_only(found[0]):
            return ""
        return self.pointer((*found[0], number))

    def is_read_only(self, place: Place) -> bool:
        """Whether a function writes nothing there."""
        return place[0] in ("slot", "constant")

    def _guarded(self, pointer: str, at: str) -> str:
        """An index that was compared with the size of what a pointer points to."""
        assert self.guards is not None
        found = [place for place, name in self.places.items() if name == pointer]
        if not found:
            return at
        (place,) = found
        low, high = self.extent(place)
        if place not in self.guards:
            self.guards.append(place)
        code = -2 - self.guards.index(place)
        return self.e.let(f"call i64 @guard(i64 {at}, i64 {low}, i64 {high}, i32 {code})")

    def extent(self, place: Place) -> tuple[int, int]:
        """The indices that a place has: the first, and the one behind the last."""
        kind, what = place
        if kind != "slot":
            return 0, what.size
        slot = self.schedule.graph.slots[what]
        steps = [(n - 1) * s for n, s in zip(slot.shape, slot.strides, strict=True)]
        return sum(s for s in steps if s < 0), sum(s for s in steps if s > 0) + 1

    def pointer(self, place: Place) -> str:
        """The name of the argument that stands for a place."""
        return self.places.setdefault(place, f"%p{len(self.places)}")

    def leaf(self, v: Value) -> Access | None:
        """Where a value lies that was there before the step."""
        if v.op == "source":
            strides = self.schedule.graph.slots[v.attrs[0]].strides
            pointer = self.pointer(("slot", v.attrs[0]))
            return Access(pointer, None if is_plain(v.shape, strides) else strides)
        if v.op == "constant" and v.size > 1:
            return Access(self.pointer(("constant", v)))
        return None

    def memory(self, v: Value) -> Access | None:
        """Where a value lies by now."""
        found = self.leaf(v)
        if found is None and v in self.schedule.stored:
            return Access(self.pointer(("buffer", v)))
        return found

    def cell(self, kind: str, stem: str = "cell") -> str:
        """A variable on the stack."""
        name = self.e.name(stem)
        self.cells.append(f"  {name} = alloca {kind}")
        return name

    # --- loops ------------------------------------------------------------------------------------

    def loop(
        self, size: int, begin: str = "0", end: str = "", lanes: int = 1, *, guarded: bool = False
    ) -> tuple[Var, Callable[[], None]]:
        """Begin a loop; its variable, and what ends it. Without `end` it goes over all of `size`,
        and is no loop if that is done at once. `guarded`: it may have nothing to do.
        """
        if size == lanes and not end:
            return Var("0", size, is_loop=size > 1, lanes=lanes, level=self.reader.depth), _nothing
        e = self.e
        self.reader.enter()
        end = end or str(size)
        head, latch, after = e.label("loop"), e.label("next"), e.label("end")
        before = e.block
        i, following = e.name("i"), e.name("i")
        if guarded:
            runs = e.compare("ult", "i64", begin, end)
            e.do(f"br i1 {runs}, label %{head}, label %{after}")
        else:
            e.do(f"br label %{head}")
        e.begin(head)
        e.do(f"{i} = phi i64 [ {begin}, %{before} ], [ {following}, %{latch} ]")

        def close() -> None:
            self.reader.leave()
            e.do(f"br label %{latch}")
            e.begin(latch)
            e.do(f"{following} = add nuw nsw i64 {i}, {lanes}")
            more = e.compare("ult", "i64", following, end)
            e.do(f"br i1 {more}, label %{head}, label %{after}")
            e.begin(after)

        return Var(i, size, is_loop=True, lanes=lanes, level=self.reader.depth), close

    def pieces(
        self, size: int, bounds: tuple[str, str], lanes: int, body: Callable[[Var], None]
    ) -> None:
        """A loop in vectors, and what is left over in smaller ones."""
        begin, end = bounds
        if begin == "0" and end == str(size):
            self._known_pieces(size, lanes, body)
            return
        if lanes > 1:
            e = self.e
            span = e.op("sub", "i64", end, begin)
            whole = e.op("and", "i64", span, str(-lanes))
            middle = e.op("add", "i64", begin, whole)
            var, close = self.loop(size, begin, middle, lanes, guarded=True)
            body(var)
            close()
            begin = middle
        var, close = self.loop(size, begin, end, guarded=lanes > 1)
        body(var)
        close()

    def _known_pieces(self, size: int, lanes: int, body: Callable[[Var], None]) -> None:
        while lanes > size:
            lanes //= 2
        done = size // lanes * lanes
        end = "" if done == size or done == lanes else str(done)
        if done == lanes < size:
            body(Var("0", size, is_loop=True, lanes=lanes, level=self.reader.depth))
        else:
            var, close = self.loop(size, "0", end, lanes)
            body(var)
            close()
        while size - done >= 4:
            lanes = 1 << ((size - done).bit_length() - 1)
            body(Var(str(done), size, is_loop=True, lanes=lanes, level=self.reader.depth))
            done += lanes
        if done < size:
            var, close = self.loop(size, str(done), str(size))
            body(var)
            close()

    def nest(
        self, sizes: list[int], *, ranged: bool = False
    ) -> tuple[Index, list[Var], list[Callable[[], None]]]:
        """Begin loops over some dimensions: the index in row-major order, the variables, and what
        ends the loops, the innermost first. `ranged`: the outermost goes from %begin to %end.
        """
        index, variables, closes = ZERO, [], []
        for i, (n, step) in enumerate(zip(sizes, row_major(sizes), strict=True)):
            bounds = ("%begin", "%end") if ranged and i == 0 and n > 1 else ("0", "")
            var, close = self.loop(n, *bounds)
            index = index.plus(of(var).times(step))
            variables.append(var)
            closes.append(close)
        return index, variables, closes[::-1]

    def finish(self, size: int) -> Written:
        """The function, once its body is complete."""
        self.e.do("ret void")
        self.e.lines = flat(self.e.lines)
        arguments = "".join(f", ptr noalias {name}" for name in self.places.values())
        lines = [
            f"define internal void @$(i64 %begin, i64 %end{arguments}) nounwind {{",
            *("entry:", *self.cells, *self.e.lines, "}"),
        ]
        return Written("\n".join(lines) + "\n", tuple(self.places), size, self._in_place())

    def _in_place(self) -> frozenset[tuple[Place, Place]]:
        r = self.reader
        found = set()
        moved = {place[:2] for place in self.places if len(place) > 2}
        for first, a in self.places.items():
            for second, b in self.places.items():
                if len(first) > 2 or len(second) > 2 or first in moved or second in moved:
                    continue
                if a != b and a not in r.stores and b in r.stores and b not in r.loads:
                    if r.loads[a] <= r.stores[b]:
                        found.add((first, second))
        return frozenset(found)


def _nothing() -> None:
    """The end of a loop that is none."""


def flat(lines: list) -> list[str]:
    """Lines in order, with those that were put in between later."""
    found: list[str] = []
    for line in lines:
        if isinstance(line, str):
            found.append(line)
        else:
            found += flat(line)
    return found


class LoopFunction(Function):
    """The function of one loop group."""

    def __init__(
        self,
        schedule: Schedule,
        number: int,
        declared: dict[str, str],
        bitwise: bool,
        machine: Machine,
        guards: list[Place] | None = None,
    ) -> None:
        self.number, self.group = number, schedule.groups[number]
        self.machine = machine
        self.bitwise = bitwise
        self.phase = 0
        self.outer = [self.group.size // self.group.inner] if self.group.inner else []
        self.inner = [self.group.inner or self.group.size]
        super().__init__(schedule, declared, not bitwise, guards)

    def memory(self, v: Value) -> Access | None:
        """Values of this group lie in memory once their phase is over."""
        at = self.leaf(v)
        if at is not None:
            return at
        s = self.schedule
        if v in s.local:
            late = s.home[v] == self.number and s.phase[v] < self.phase
            return self.rows[v] if late else None
        if v not in s.stored:
            return None
        home = s.home[v]
        if home > self.number:
            return None
        if home == self.number and (s.role[v] != FULL or s.phase[v] >= self.phase):
            return None
        return Access(self.pointer(("buffer", v)))

    def is_read_only(self, place: Place) -> bool:
        """Whether a function writes nothing there."""
        return place[0] != "buffer" or self.schedule.home[place[1]] != self.number

    def write(self) -> Written:
        """The function, with its loops cut in two as indices need them."""
        for _ in range(TRIES):
            self.start()
            self._body()
            wanted = {self.known[v]: n for v, n in self.reader.cuts.items() if v in self.known}
            if not wanted:
                break
            self.outer = _cut(self.outer, {i: n for (o, i), n in wanted.items() if o})
            self.inner = _cut(self.inner, {i: n for (o, i), n in wanted.items() if not o})
        return self.finish((self.outer or self.inner)[0])

    # --- the body ---------------------------------------------------------------------------------

    def _body(self) -> None:
        self.known: dict[Var, tuple[bool, int]] = {}
        self.sums: dict[Value, _Sum] = {}
        self.rows: dict[Value, Access] = {}
        s, own = self.schedule, self.group.values
        values = [v for v in own if any(g == self.number for g, _ in s.places[v])]
        for v in values:
            if s.role[v] == TOTAL:
                self.sums[v] = _Sum(self, v)
                self.sums[v].clear()
            elif s.role[v] == COLUMN_SUM:
                self.sums[v] = _Columns(self, v)
                self.sums[v].clear()
        self.outer = [n for n in self.outer if n > 1] if len(self.outer) > 1 else self.outer
        row, variables, closes = self.nest(self.outer, ranged=True)
        self.known.update({var: (True, i) for i, var in enumerate(variables)})
        for phase in range(1 + max([s.phase[v] for v in values], default=0)):
            self._phase(phase, row, [v for v in values if s.phase[v] == phase])
        for v in values:
            if s.role[v] == COLUMN_SUM:
                self.sums[v].row_done()
        for close in closes:
            close()
        for v in values:
            if s.role[v] in (TOTAL, COLUMN_SUM):
                self.sums[v].finish()

    def _phase(self, phase: int, row: Index, values: list[Value]) -> None:
        self.phase = phase
        s = self.schedule
        sums = [v for v in values if s.role[v] == ROW_SUM]
        for v in values:
            if s.role[v] == ROW:
                self._keep_row(v, row, self.reader.at(v, row))
        for v in sums:
            self.sums[v] = _Arg(self, v) if v.op.startswith("arg") else _Sum(self, v)
            self.sums[v].clear()
        inside = [v for v in values if s.role[v] != ROW]
        if inside:
            self._inner(row, inside)
        self.phase = phase + 1
        for v in sums:
            self._keep_row(v, row, self.sums[v].value())

    def _keep_row(self, v: Value, row: Index, name: str) -> None:
        self.reader.keep((v, row), name)
        if v in self.schedule.stored:
            self.reader.store(v, Access(self.pointer(("buffer", v))), row, name)

    def _inner(self, row: Index, values: list[Value]) -> None:
        """The loops over the elements of a row, or over everything where there are no rows."""
        ranged = not self.outer
        base = self.base = row.times(self.group.inner or 0)
        *front, last = self.inner
        index, variables, closes = self.nest(front, ranged=ranged)
        self.known.update({v: (False, i) for i, v in enumerate(variables)})
        index = index.times(last)
        partial = [v for v in values if v in self.sums and self.sums[v].is_blocked]
        bounds = ("%begin", "%end") if ranged and not front else ("0", str(last))
        lanes = self._lanes(values)

        def body(var: Var) -> None:
            self.known[var] = (False, len(front))
            column = index.plus(of(var))
            self._elements(values, base.plus(column), column)

        if partial and last > BLOCK:
            self._blocks(partial, last, bounds, lanes, body)
        else:
            for v in partial:
                self.sums[v].begin_block()
            self.pieces(last, bounds, lanes, body)
            for v in partial:
                self.sums[v].end_block()
        for close in closes:
            close()

    def _lanes(self, values: list[Value]) -> int:
        """How many elements a register holds: a full one of the widest floats; two where little is
        done with each element, so that one needs not wait for the other.
        """
        if any(v in self.sums and self.sums[v].one_by_one for v in values):
            return 1
        if self.guards is not None:
            return 1
        dtypes = {v.dtype for v in values} | {x.dtype for v in values for x in v.inputs}
        sizes = [max(d.itemsize, 4) for d in dtypes if d.kind == "f"]
        sizes = sizes or [d.itemsize for d in dtypes]
        lanes = self.machine.vector // max(sizes)
        work = sum(self.schedule.own_cost(v) for v in values)
        return lanes * 2 if work <= LIGHT else lanes

    def _blocks(
        self,
        partial: list[Value],
        last: int,
        bounds: tuple[str, str],
        lanes: int,
        body: Callable[[Var], None],
    ) -> None:
        """A loop in blocks, after each of which sums go to their totals."""
        e = self.e
        begin, end = bounds
        span = e.op("sub", "i64", end, begin)
        count = e.op("udiv", "i64", e.op("add", "i64", span, str(BLOCK - 1)), str(BLOCK))
        block, close = self.loop(-(-last // BLOCK) + 1, "0", count)
        first = e.op("add", "i64", begin, e.op("mul", "i64", block.text, str(BLOCK)))
        limit = e.call("umin", "i64", e.op("add", "i64", first, str(BLOCK)), end)
        for v in partial:
            self.sums[v].begin_block()
        self.pieces(last, (first, limit), lanes, body)
        for v in partial:
            self.sums[v].end_block()
        close()

    def _elements(self, values: list[Value], flat: Index, column: Index) -> None:
        """Some elements of each value: all are computed before any is stored."""
        s = self.schedule
        count = flat.lanes()
        found = []
        for v in values:
            if s.role[v] == FULL:
                found.append((v, self.reader.at(v, flat)))
        for v in values:
            if s.role[v] != FULL:
                self.sums[v].add(self.reader.at(v.inputs[0], flat), column, count)
        for v, name in found:
            if v in s.stored:
                self.reader.store(v, Access(self.pointer(("buffer", v))), flat, name)
            elif v in s.local:
                self.reader.store(v, self._row(v), flat, name)

    def _row(self, v: Value) -> Access:
        """Where a row of a value is kept."""
        if v not in self.rows:
            kind = f"[{self.group.inner or v.size} x {elements.in_memory(v.dtype)}]"
            self.rows[v] = Access(self.cell(kind), None, self.base)
        return self.rows[v]


def _cut(sizes: list[int], inner: dict[int, int]) -> list[int]:
    found: list[int] = []
    for i, n in enumerate(sizes):
        found += [n // inner[i], inner[i]] if i in inner else [n]
    return found


# --- reductions -----------------------------------------------------------------------------------


def identity(op: str, dtype: np.dtype) -> Any:
    """What a reduction begins with."""
    if op in ("sum", "any"):
        return 0
    if op in ("prod", "all"):
        return 1
    if dtype.kind == "f":
        return -np.inf if op == "max" else np.inf
    return np.iinfo(dtype).min if op == "max" else np.iinfo(dtype).max


class _Sum:
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


class _Arg(_Sum):
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


class _Columns(_Sum):
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
