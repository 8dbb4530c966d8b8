"""Loop groups as functions of their own: `void loop(i64 begin, i64 end, ptr...)`.

The function goes over `begin <= i < end` of its outermost loop. Pointers are what it reads and
writes; none overlaps another that is written. Elements of the innermost loop are taken in vectors,
those that are left over in shorter ones. Imports elements, function, graph, index, kernels, pull,
reductions, schedule.
"""

from collections.abc import Callable

from ..ir.graph import Value
from ..kernels.machine import Machine
from . import elements
from .function import Function, Place, Written
from .index import Index, Var, of
from .pull import Access
from .reductions import ArgReduction, Columns, Reduction
from .schedule import COLUMN_SUM, FULL, ROW, ROW_SUM, TOTAL, Schedule

#: elements that are added up before the sum goes to a wider total
BLOCK = 2048
#: instructions for an element that are few
LIGHT = 24
#: elements of rows that go through the phases of a loop together: of a row with little work, of
#: one with values of so many instructions, and of all at a time
SHORT, LONG, ABREAST = 96, 256, 512
HARD = 20
#: how often loops are written anew because an index needs them in parts
TRIES = 12


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
        #: rows that go through each phase together
        self.together = self._together(schedule)
        self.outer = []
        if self.group.inner:
            self.outer = [self.group.size // self.group.inner // self.together]
        self.inner = [self.group.inner or self.group.size]
        super().__init__(schedule, declared, not bitwise, guards)

    def _together(self, schedule: Schedule) -> int:
        """How many short rows to take at a time: while one waits for its reduction's end, others
        go on. Rows of elementary functions may be longer.
        """
        inner, own = self.group.inner, self.group.values
        if not inner or not any(schedule.role[v] == ROW_SUM for v in own):
            return 1
        if inner > (LONG if max(map(schedule.own_cost, own)) >= HARD else SHORT):
            return 1
        rows = self.group.size // inner
        fitting = [n for n in (8, 4, 2) if n * inner <= ABREAST and rows % n == 0 and rows > n]
        return next(iter(fitting), 1)

    def memory(self, v: Value) -> Access | None:
        """Values of this group lie in memory once their phase is over."""
        at = self.leaf(v)
        if at is not None:
            return at
        s = self.schedule
        if v in self.kept and s.phase[v] < self.phase:
            return self.kept[v]
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
            cuts = self.reader.cuts
            if self.turns & set(cuts):
                self.outer, self.together = [*self.outer, self.together], 1
                continue
            wanted = {self.known[v]: n for v, n in cuts.items() if v in self.known}
            if not wanted:
                break
            self.outer = _cut(self.outer, {i: n for (o, i), n in wanted.items() if o})
            self.inner = _cut(self.inner, {i: n for (o, i), n in wanted.items() if not o})
        return self.finish((self.outer or self.inner)[0])

    # --- the body ---------------------------------------------------------------------------------

    def _body(self) -> None:
        self.known: dict[Var, tuple[bool, int]] = {}
        self.sums: dict[Value, Reduction] = {}
        self.rows: dict[Value, Access] = {}
        #: numbers of rows that later phases read, and the variables that count such rows
        self.kept: dict[Value, Access] = {}
        self.turns: set[Var] = set()
        s, own = self.schedule, self.group.values
        values = [v for v in own if any(g == self.number for g, _ in s.places[v])]
        for v in values:
            if s.role[v] == TOTAL:
                self.sums[v] = Reduction(self, v)
                self.sums[v].clear()
            elif s.role[v] == COLUMN_SUM:
                self.sums[v] = Columns(self, v)
                self.sums[v].clear()
        self.outer = [n for n in self.outer if n > 1] if len(self.outer) > 1 else self.outer
        first, variables, closes = self.nest(self.outer, ranged=True)
        self.known.update({var: (True, i) for i, var in enumerate(variables)})
        self.first = first.times(self.together)
        last = max([s.phase[v] for v in values], default=0)
        for phase in range(1 + last):
            turn, close = self.loop(self.together)
            self.turns.add(turn)
            row = self.first.plus(of(turn))
            self._phase(phase, row, [v for v in values if s.phase[v] == phase])
            for v in values:
                if phase == last and s.role[v] == COLUMN_SUM:
                    self.sums[v].row_done()
            close()
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
            self.sums[v] = ArgReduction(self, v) if v.op.startswith("arg") else Reduction(self, v)
            self.sums[v].clear()
        inside = [v for v in values if s.role[v] != ROW]
        if inside:
            self._inner(row, inside)
        self.phase = phase + 1
        for v in sums:
            self._keep_row(v, row, self.sums[v].value())

    def _keep_row(self, v: Value, row: Index, name: str) -> None:
        self.reader.keep((v, row), name)
        if self.together > 1:
            kind = f"[{self.together} x {elements.in_memory(v.dtype)}]"
            self.kept[v] = Access(self.cell(kind), None, self.first)
            self.reader.store(v, self.kept[v], row, name)
        if v in self.schedule.stored:
            self.reader.store(v, Access(self.pointer(("buffer", v))), row, name)

    def _inner(self, row: Index, values: list[Value]) -> None:
        """The loops over the elements of a row, or over everything where there are no rows."""
        ranged = not self.outer
        base = row.times(self.group.inner or 0)
        *front, last = self.inner
        woven = self._is_woven(values)
        if woven:
            *front, last = front
        index, variables, closes = self.nest(front, ranged=ranged)
        self.known.update({v: (False, i) for i, v in enumerate(variables)})
        index = index.times(last)
        partial = [v for v in values if v in self.sums and self.sums[v].is_blocked]
        bounds = ("%begin", "%end") if ranged and not front else ("0", str(last))
        lanes = self._lanes(values)

        def body(var: Var) -> None:
            self.known[var] = (False, len(front))
            column = index.plus(of(var))
            if woven:
                self._pairs(values, base.plus(column.times(2)))
            else:
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

    def _is_woven(self, values: list[Value]) -> bool:
        """Whether the innermost loop is over two elements each time: then vectors run along the one
        around it.
        """
        if len(self.inner) < 2 or self.inner[-1] != 2 or self.inner[-2] < 4:
            return False
        plain = all(self.schedule.role[v] == FULL for v in values)
        return plain and not self.bitwise and self.guards is None

    def _pairs(self, values: list[Value], flat: Index) -> None:
        """Some pairs of elements of each value, which lie side by side."""
        s = self.schedule
        found = [(v, [self.reader.at(v, flat.shifted(i)) for i in range(2)]) for v in values]
        for v, names in found:
            if v in s.stored or v in s.local:
                kept = v in s.local and v not in s.stored
                place = self._row(v) if kept else Access(self.pointer(("buffer", v)))
                self.reader.store_pairs(v, place, flat, names)

    def _row(self, v: Value) -> Access:
        """Where a row of a value is kept."""
        if v not in self.rows:
            inner = self.group.inner or v.size
            kind = f"[{inner * self.together} x {elements.in_memory(v.dtype)}]"
            self.rows[v] = Access(self.cell(kind), None, self.first.times(inner))
        return self.rows[v]


def _cut(sizes: list[int], inner: dict[int, int]) -> list[int]:
    found: list[int] = []
    for i, n in enumerate(sizes):
        found += [n // inner[i], inner[i]] if i in inner else [n]
    return found
