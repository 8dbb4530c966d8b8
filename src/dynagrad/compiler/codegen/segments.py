"""The functions of a step: `i32 segment(ptr slots)`, each from one call into Python to the next.

Small values are straight-line code in it, loops are functions that it calls, and matrix products
go to BLAS. What lies outside, the scratch memory, constants and functions of other libraries, is
found through a table of pointers, whose address is in the variable `own` of the library.
Imports elements, graph, index, loops, plan, powers, pull, scatter, schedule.
"""

from typing import Any

from ..ir.graph import Value
from ..kernels import ir as kernels
from ..kernels.machine import Machine
from ..native.foreign import Blas
from . import elements, powers, products, tasks
from .function import Function, Place, Written, flat
from .index import Index
from .layouts import Layout, is_plain
from .loops import LoopFunction
from .plan import Plan
from .pull import Access
from .scatter import ScatterFunction
from .schedule import SMALL, Group, Schedule, base_of

ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112


#: An index within bounds, whatever it was; the last that was not leaves its code.
_GUARD = """\
@fault = internal global i32 0

define internal i64 @guard(i64 %i, i64 %low, i64 %high, i32 %code) noinline {
entry:
  %above = icmp sge i64 %i, %low
  %below = icmp slt i64 %i, %high
  %good = and i1 %above, %below
  br i1 %good, label %within, label %outside
within:
  ret i64 %i
outside:
  store i32 %code, ptr @fault
  ret i64 %low
}
"""


class Module:
    """The text of a program: its functions, and the table of pointers that they need.

    `table` lists what the pointers are: ("arena", None), ("constant", value), ("blas", name),
    ("overlap", None) for the function of aliasing and ("state", None) for what it keeps, ("pool",
    None) for the pool's parallel_for; ("address", address) for others.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        bitwise: bool,
        blas: Blas | None,
        machine: Machine,
        checked: bool = False,
        threads: int = 1,
    ) -> None:
        self.schedule, self.bitwise, self.blas = schedule, bitwise, blas
        self.machine, self.threads = machine, threads
        #: bytes of scratch memory that kernels and parts of sums need beside the plan's
        self.extra = 0
        #: places whose bounds are looked after, in the order of their codes
        self.guards: list[Place] | None = [] if checked else None
        self.int = "i64" if blas is not None and blas.ilp64 else "i32"
        self.declared: dict[str, str] = {}
        self.written: dict[int, Written] = {}
        self.kernels: dict[int, kernels.Plan] = {}
        for number, group in enumerate(schedule.groups):
            self._write_function(number, group)
        self.plan = Plan(schedule, self.written)
        #: whether there are no arrays, so that each operation counts
        self.is_brief = checked is False and all(g.kind == "block" for g in schedule.groups)
        #: groups of powers that are quicker together than by the C library
        self.powers: list[list[Value]] = []
        has_fma = machine != Machine()  # the least of all; a call for each would be slow
        if self.is_brief and not bitwise and not schedule.stored and has_fma:
            self.powers = powers.grouped(schedule, powers.fixed(schedule))
        self.table: list[Place] = [("arena", None)]
        self.functions: dict[str, str] = {}
        #: what happens in order: ("segment", name) and ("call", value)
        self.steps: list[tuple[str, Any]] = []
        self._texts: list[str] = []
        self._write()

    def entry(self, place: Place) -> int:
        """The number of a pointer in the table."""
        if place not in self.table:
            self.table.append(place)
        return self.table.index(place)

    def function(self, written: str) -> str:
        """The name of a function; equal ones are one."""
        return self.functions.setdefault(written, f"loop{len(self.functions)}")

    def _write_function(self, number: int, group: Group) -> None:
        s = self.schedule
        if group.kind == "product":
            has_blas = self.blas is not None
            made = products.kernel(s, group.values[0], self.machine, has_blas=has_blas)
            if made is not None:
                self.kernels[number] = made
                self.declared.update(made.declared)
            return
        if group.kind == "turn":
            made = self.kernels[number] = products.turn(s, group.values[0], self.machine)
            self.declared.update(made.declared)
            return
        if group.kind == "scatter":
            made = ScatterFunction(
                s, group.values[0], self.declared, self.bitwise, self.machine, self.guards
            )
        elif group.kind == "loop" and any(
            g == number for v in group.values for g, _ in s.places[v]
        ):
            made = LoopFunction(s, number, self.declared, self.bitwise, self.machine, self.guards)
        else:
            return
        self.written[number] = made.write()

    def _write(self) -> None:
        groups = self.schedule.groups
        segment = self.begin(0)
        if self.plan.slots:
            segment.look_for_overlaps()
        for group in self.powers:
            powers.Powers(segment.reader, group).remembered()
        for number, group in enumerate(groups):
            if group.kind == "call":
                self._close(segment)
                self.steps.append(("call", group.values[0]))
                segment = self.begin(number)
            else:
                segment.group(number)
            if number == self.schedule.checked:
                segment.checks()
        segment.end()
        self._close(segment)

    def begin(self, number: int) -> "Segment":
        """A new function, from a group on."""
        return Segment(self, number)

    def _close(self, segment: "Segment") -> None:
        name = f"segment{len(self._texts)}"
        self._texts.append(segment.text(name))
        self.steps.append(("segment", name))

    def text(self) -> str:
        """The whole module."""
        bind = "define void @bind(ptr %table) {\n  store ptr %table, ptr @own\n  ret void\n}\n"
        functions = [text.replace("@$", f"@{name}") for text, name in self.functions.items()]
        head = "@own = internal global ptr null\n"
        if self.guards is not None:
            head += _GUARD
        return "\n".join([head, *self.declared.values(), "", bind, *functions, *self._texts])


class Segment(Function):
    """One function under construction: groups are added in order."""

    def __init__(self, module: Module, begin: int) -> None:
        self.module, self.begin, self.number = module, begin, begin
        self.header: list[str] = []
        #: values in registers that lie in memory too by now
        self.kept: set[Value] = set()
        super().__init__(module.schedule, module.declared, not module.bitwise, module.guards)
        self.reader.by_library, self.reader.moved = True, None

    def pointer(self, place: Place) -> str:
        """The name of a pointer, which is defined at the top of the function."""
        found = self.places.get(place)
        if found is not None:
            return found
        kind, what, *further = place
        if further:
            return self._further(place)
        if kind == "buffer" and what in self.module.plan.slots:
            return self.pointer(("slot", self.module.plan.slots[what]))
        name = self.places[place] = f"%p{len(self.places)}"
        if kind == "scratch":
            base = self.pointer(("arena", None))
            offset = self.module.plan.size
            self.header.append(f"  {name} = getelementptr inbounds i8, ptr {base}, i64 {offset}")
            return name
        if kind == "buffer":
            base, offset = self.pointer(("arena", None)), self.module.plan.offsets[what]
            self.header.append(f"  {name} = getelementptr inbounds i8, ptr {base}, i64 {offset}")
            return name
        number = what if kind == "slot" else self.module.entry(place)
        table = "%slots" if kind == "slot" else "%table"
        self.header.append(f"  {name}.at = getelementptr inbounds ptr, ptr {table}, i64 {number}")
        self.header.append(f"  {name} = load ptr, ptr {name}.at")
        return name

    def _further(self, place: Place) -> str:
        """A pointer behind the beginning of a place."""
        base, (kind, what, number) = self.pointer(place[:2]), place
        dtype = self.schedule.graph.slots[what].dtype if kind == "slot" else what.dtype
        name = self.places[place] = f"%p{len(self.places)}"
        offset = number * dtype.itemsize
        self.header.append(f"  {name} = getelementptr i8, ptr {base}, i64 {offset}")
        return name

    def memory(self, v: Value) -> Access | None:
        """Small values of this segment are in registers; an element at an index that is data is
        loaded.
        """
        at = self.leaf(v)
        if at is not None or v not in self.schedule.stored:
            return at
        home = self.schedule.home[v]
        in_block = self.schedule.groups[home].kind == "block" and home >= self.begin
        if home > self.number or (in_block and v not in self.kept):
            return None
        return Access(self.pointer(("buffer", v)))

    def text(self, name: str) -> str:
        """The whole function."""
        table = ["  %table = load ptr, ptr @own"] if any("%table" in x for x in self.header) else []
        lines = [f"define i32 @{name}(ptr %slots) nounwind {{", "entry:", *table, *self.cells]
        end = ["  ret i32 0"]
        if self.guards is not None:
            end = ["  %fault = load i32, ptr @fault", "  ret i32 %fault"]
            lines.append("  store i32 0, ptr @fault")
        return "\n".join([*lines, *self.header, *flat(self.e.lines), *end, "}", ""])

    # --- groups -----------------------------------------------------------------------------------

    def group(self, number: int) -> None:
        """Add what a group does."""
        s = self.schedule
        self.number = number
        group = s.groups[number]
        if group.kind == "block":
            self._block(group.values)
        elif number in self.module.written:
            self._call(self.module.written[number].merged(self.module.plan.same_memory(number)))
        elif group.kind == "product":
            self._product(group.values[0])
        elif group.kind == "turn":
            self._turn(group.values[0])

    def _block(self, values: list[Value]) -> None:
        for v in values:
            for k in range(v.size):
                name = self.reader.at(v, Index(k))
                if v in self.schedule.stored:
                    self.reader.store(v, Access(self.pointer(("buffer", v))), Index(k), name)
            if v in self.schedule.stored:
                self.kept.add(v)

    def _call(self, made: Written) -> None:
        name = self.module.function(made.text)
        m = self.module
        group = self.schedule.groups[self.number]
        cut = None
        if m.threads > 1 and group.kind == "loop":
            cut = tasks.cut_loop(self.schedule, self.number, made.size)
        if cut is not None:
            self._call_in_parts(made, name, cut)
            return
        pointers = "".join(f", ptr {self.pointer(p)}" for p in made.places)
        self.e.do(f"call void @{name}(i64 0, i64 {made.size}{pointers})")

    def _call_in_parts(self, made: Written, name: str, cut: tasks.Cut) -> None:
        """A loop in chunks, and then the parts of sums together."""
        m = self.module
        sums = [] if m.bitwise else tasks.summed(self.schedule, self.number)
        if m.bitwise and tasks.summed(self.schedule, self.number):
            pointers = "".join(f", ptr {self.pointer(p)}" for p in made.places)
            self.e.do(f"call void @{name}(i64 0, i64 {made.size}{pointers})")
            return
        starts: dict[Place, str] = {}
        parts: dict[int, int] = {}
        room = 0
        for v in sums:
            scratch = self.pointer(("scratch", None))
            starts["buffer", v] = self.e.let(f"getelementptr i8, ptr {scratch}, i64 {room}")
            parts[made.places.index(("buffer", v))] = tasks.alignment(v)
            room += tasks.alignment(v) * cut.count
        m.extra = max(m.extra, room)
        pointers = [starts.get(p) or self.pointer(p) for p in made.places]
        text = tasks.task(name, len(pointers), parts, cut.chunk, is_kernel=False)
        self._share(m.function(text), pointers, made.size, cut.chunk)
        for v in sums:
            lanes = max(1, m.machine.vector // v.dtype.itemsize)
            whole = tasks.Together(self.schedule, v, cut, tasks.alignment(v), lanes).write()
            target = self.pointer(("buffer", v))
            combine = m.function(whole.text)
            start = starts["buffer", v]
            self.e.do(f"call void @{combine}(i64 0, i64 1, ptr {target}, ptr {start})")

    def _share(self, name: str, pointers: list[str], size: int, chunk: int) -> None:
        """Have the pool call a function for all chunks of a range."""
        kind = f"[{len(pointers)} x ptr]"
        array = self.cell(kind)
        for i, pointer in enumerate(pointers):
            at = self.e.let(f"getelementptr ptr, ptr {array}, i64 {i}")
            self.e.do(f"store ptr {pointer}, ptr {at}")
        pool = self.pointer(("pool", None))
        self.e.do(f"call void {pool}(ptr @{name}, ptr {array}, i64 {size}, i64 {chunk})")

    def _product(self, v: Value) -> None:
        x, y = v.inputs
        made = self.module.kernels.get(self.number)
        if made is not None:
            name = self.module.function(made.ir)
            a, b = (self._start(v, f) for f in products.operands(v))
            c, scratch = self.pointer(("buffer", v)), self.pointer(("scratch", None))
            m = self.module
            m.extra = max(m.extra, made.scratch_bytes)
            cut = None
            if m.threads > 1:
                bytes_ = -(-made.scratch_bytes // 64) * 64
                cut = tasks.cut_kernel(products.work(v), made.units, bytes_)
            if cut is not None:
                m.extra = max(m.extra, bytes_ * cut.count)
                text = tasks.task(name, 4, {3: bytes_}, cut.chunk, is_kernel=True)
                self._share(m.function(text), [a, b, c, scratch], made.units, cut.chunk)
                return
            pointers = f"ptr {a}, ptr {b}, ptr {c}, ptr {scratch}"
            self.e.do(f"call void @{name}({pointers}, i64 0, i64 {made.units})")
            return
        *batch, m, n = v.shape
        index, _, closes = self.nest(batch)
        a, transpose_a, lda = self._factor(x, batch, index)
        b, transpose_b, ldb = self._factor(y, batch, index)
        c = Access(self.pointer(("buffer", v)))
        target = self.reader.pointer(v, c, index.times(m * n))
        kind, letter = ("float", "s") if v.dtype.char == "f" else ("double", "d")
        function = self.pointer(("blas", f"cblas_{letter}gemm"))
        i = self.module.int
        one, zero = elements.number(v.dtype, 1.0), elements.number(v.dtype, 0.0)
        arguments = (
            f"i32 {ROW_MAJOR}, i32 {transpose_a}, i32 {transpose_b}, {i} {m}, {i} {n}, "
            f"{i} {x.shape[-1]}, {kind} {one}, ptr {a}, {i} {lda}, ptr {b}, {i} {ldb}, "
            f"{kind} {zero}, ptr {target}, {i} {n}"
        )
        self.e.do(f"call void {function}({arguments})")
        for close in closes:
            close()

    def _turn(self, v: Value) -> None:
        """A matrix from the order in which it lies."""
        name = self.module.function(self.module.kernels[self.number].ir)
        start, end = self._first(self.schedule.turned[v]), self.pointer(("buffer", v))
        self.e.do(f"call void @{name}(ptr {start}, ptr {end})")

    def _start(self, v: Value, x: Value) -> str:
        """The address of the first element of a factor."""
        if v.op != "matmul":
            return self._plain(x)
        found = self.schedule.matrix_layout(x)
        assert found is not None, "factors lie in memory"
        return self._first(found)

    def _first(self, found: Layout) -> str:
        """The address of the first element of a view."""
        access = self.leaf(found.base) or Access(self.pointer(("buffer", found.base)))
        return self.reader.pointer(found.base, Access(access.pointer), Index(found.offset))

    def _plain(self, x: Value) -> str:
        """The address of a value in row-major order."""
        base = base_of(x, self.schedule.home)
        if base in self.schedule.stored:
            return self.pointer(("buffer", base))
        access = self.leaf(base)
        assert access is not None, "operands lie in memory"
        return access.pointer

    def _factor(self, x: Value, batch: list[int], index: Index) -> tuple[str, int, int]:
        """A factor of a product: its address, whether it is transposed, and the distance of its
        rows.
        """
        found = self.schedule.matrix_layout(x)
        assert found is not None, "factors lie in memory"
        base = found.base
        access = self.leaf(base) or Access(self.pointer(("buffer", base)))
        *lead, rows, columns = found.strides
        place = self.reader.strided(index, batch, lead).shifted(found.offset)
        address = self.reader.pointer(base, Access(access.pointer), place)
        if columns == 1 and rows >= x.shape[-1]:
            return address, AS_IT_IS, rows
        return address, TRANSPOSED, columns

    # --- the end ----------------------------------------------------------------------------------

    def look_for_overlaps(self) -> None:
        """Give -1 back where slots overlap that are written early."""
        e = self.e
        check, state = self.pointer(("overlap", None)), self.pointer(("state", None))
        n = len(self.schedule.graph.slots)
        found = e.let(f"call i32 {check}(ptr %slots, ptr {state}, i64 {n})")
        bad, good = e.label("overlap"), e.label("apart")
        e.do(f"br i1 {e.compare('ne', 'i32', found, '0')}, label %{bad}, label %{good}")
        e.begin(bad)
        e.do("ret i32 -1")
        e.begin(good)

    def checks(self) -> None:
        """Go back with a number where one does not hold: which one is only asked then."""
        e, checks = self.e, self.schedule.graph.checks
        held = [self.reader.at(check.value, Index(0)) for check in checks]
        if not held:
            return
        together = held[0]
        for one in held[1:]:
            together = e.op("and", "i1", together, one)
        good, bad = e.label("good"), e.label("bad")
        e.do(f"br i1 {together}, label %{good}, label %{bad}")
        e.begin(bad)
        first = str(len(held))
        for i in range(len(held) - 1, 0, -1):
            first = e.select(held[i - 1], "i32", first, str(i))
        e.do(f"ret i32 {first}")
        e.begin(good)

    def end(self) -> None:
        """The writes of what does not lie in its slot yet."""
        s = self.schedule
        self.number = s.end
        registers: dict[int, list[str]] = {}
        for slot, v in s.graph.writes.items():
            if not self._in_memory(v):
                registers[slot] = [self.reader.at(v, Index(k)) for k in range(v.size)]
        for slot, v in s.graph.writes.items():
            at = s.graph.slots[slot]
            access = Access(self.pointer(("slot", slot)), at.strides)
            if slot in registers:
                for k, name in enumerate(registers[slot]):
                    self.reader.store(v, access, Index(k), name)
            elif v.size and self.module.plan.slots.get(base_of(v, s.stored)) != slot:
                self._copy(slot, v)

    def _in_memory(self, v: Value) -> bool:
        """Whether a value that is written lies in scratch memory."""
        return v.size > SMALL or v.dtype.kind == "c" or v.size == 0

    def _copy(self, slot: int, v: Value) -> None:
        base = base_of(v, self.schedule.stored)
        source = self.pointer(("buffer", base))
        at = self.schedule.graph.slots[slot]
        if is_plain(v.shape, at.strides):
            full = "@llvm.memcpy.p0.p0.i64"
            self.declared[full] = f"declare void {full}(ptr, ptr, i64, i1)"
            target = self.pointer(("slot", slot))
            size = v.size * v.dtype.itemsize
            self.e.do(f"call void {full}(ptr {target}, ptr {source}, i64 {size}, i1 false)")
            return
        index, _, closes = self.nest(list(v.shape))
        element = self.reader.load(v, Access(source), index)
        self.reader.store(v, Access(self.pointer(("slot", slot)), at.strides), index, element)
        for close in closes:
            close()
