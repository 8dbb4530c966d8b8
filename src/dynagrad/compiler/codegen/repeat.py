"""A step of few numbers many times over, in one loop that keeps them in registers:
`i64 repeat(ptr slots, i64 n)`.

Such a step spends its time on loads, stores, calls, and what is the same each time. Here slots are
loaded once and written at the end; what depends on nothing that the step writes is computed once,
and so are logarithms of such bases of powers; powers that do not need each other share a vector. A
step whose checks do not all hold ends the loop before it, and so do numbers for which the quick
powers are not made: the caller goes on with the step itself. Slots may not overlap.
Imports elements, graph, index, powers, schedule, segments.
"""

from itertools import product

from ..ir.graph import Slot, Value
from . import elements, powers
from .function import Place, flat
from .index import ZERO, Index
from .schedule import SMALL
from .segments import Module, Segment

#: elements from the first to the last of a slot that is kept on the stack
SPAN = 256

_FRAME = """\
@own = internal global ptr null

define void @bind(ptr %table) {
  store ptr %table, ptr @own
  ret void
}
"""


def text(module: Module) -> str | None:
    """The module of the loop; None where the step has arrays or calls anything."""
    s = module.schedule
    written = s.graph.writes
    if not module.is_brief or len(module.steps) > 1 or not written:
        return None
    if any(not 0 < v.size <= SMALL or v.dtype.kind == "c" for v in written.values()):
        return None
    if any(max(offsets) - min(offsets) >= SPAN for offsets in _offsets(s.graph.slots, written)):
        return None
    loop = Repeated(module)
    body = loop.write()
    if ("arena", None) in loop.places:
        return None
    return "\n".join([_FRAME, *loop.declared.values(), "", body])


def _offsets(slots: list[Slot], chosen: dict[int, Value]) -> list[list[int]]:
    """Where the elements of some slots lie, from the one that the address is of."""
    found = []
    for number in chosen:
        shape, strides = slots[number].shape, slots[number].strides
        steps = [[i * s for i in range(n)] for n, s in zip(shape, strides, strict=True)]
        found.append(sorted({sum(place) for place in product(*steps)}))
    return found


class Repeated(Segment):
    """The function under construction."""

    def __init__(self, module: Module) -> None:
        graph = module.schedule.graph
        #: the elements of each written slot
        self.offsets = dict(zip(graph.writes, _offsets(graph.slots, graph.writes), strict=True))
        #: values that no slot written changes
        self.fixed = powers.fixed(module.schedule)
        super().__init__(module, 0)
        self.declared = {}
        self.start()
        self.reader.by_library, self.reader.moved = True, None

    def pointer(self, place: Place) -> str:
        """A slot that is written has its elements on the stack, from where registers take them."""
        if place[0] == "slot" and place[1] in self.offsets:
            self.places.setdefault(place, f"%own{place[1]}")
            return self.places[place]
        return super().pointer(place)

    def write(self) -> str:
        """The whole function."""
        e, s = self.e, self.schedule
        for slot in self.offsets:
            self._keep(slot)
        e.do("store i64 0, ptr %count")
        self._settle()
        groups = [powers.Powers(self.reader, group) for group in self.module.powers]
        quick = [(group, *group.logarithms()) for group in groups]
        self._check([usual for *_, usual in quick], is_fixed=True)
        e.do("br label %again")
        e.begin("again")
        e.do("%done = load i64, ptr %count")
        wanted = []
        for group, logarithms, _ in quick:
            found, usual = group.raised(logarithms)
            group.keep(found)
            wanted.append(usual)
        for number, group in enumerate(s.groups):
            self.number = number
            self._block(group.values)
            if number == max(s.checked, 0):
                self._check(wanted, is_fixed=False)
        self.end()
        self._close()
        table = ["  %table = load ptr, ptr @own"] if any("%table" in x for x in self.header) else []
        lines = ["define i64 @repeat(ptr %slots, i64 %n) nounwind {", "entry:", *table]
        cells = ["  %count = alloca i64", *self.cells]
        return "\n".join([*lines, *cells, *self.header, *flat(self.e.lines), "}", ""])

    # --- slots ------------------------------------------------------------------------------------

    def _keep(self, slot: int) -> None:
        """A slot's elements on the stack, with what they are if the step reads them."""
        offsets, kind = (
            self.offsets[slot],
            elements.in_memory(self.schedule.graph.slots[slot].dtype),
        )
        low, span = min(offsets), max(offsets) - min(offsets) + 1
        name = self.pointer(("slot", slot))
        self.cells.append(f"  {name}.all = alloca [{span} x {kind}]")
        self.header += [
            f"  {name} = getelementptr {kind}, ptr {name}.all, i64 {-low}",
            f"  {name}.at = getelementptr inbounds ptr, ptr %slots, i64 {slot}",
            f"  {name}.outside = load ptr, ptr {name}.at",
        ]
        if slot in self.schedule.graph.sources:
            self._move(slot, f"{name}.outside", name)

    def _move(self, slot: int, source: str, target: str) -> None:
        dtype = self.schedule.graph.slots[slot].dtype
        kind, e = elements.in_memory(dtype), self.e
        for offset in self.offsets[slot]:
            x = e.let(f"getelementptr {kind}, ptr {source}, i64 {offset}")
            y = e.let(f"getelementptr {kind}, ptr {target}, i64 {offset}")
            element = e.let(f"load {kind}, ptr {x}, align {dtype.itemsize}")
            e.do(f"store {kind} {element}, ptr {y}, align {dtype.itemsize}")

    def _settle(self) -> None:
        """Compute what is the same each time and needed by the checks."""
        s = self.schedule
        for v in s.order:
            early = v.op == "source" or s.home.get(v, s.end) <= max(s.checked, 0)
            if v in self.fixed and early and 0 < v.size <= SMALL and v.dtype.kind != "c":
                for k in range(v.size):
                    self.reader.at(v, Index(k))

    # --- the end of a step ------------------------------------------------------------------------

    def _check(self, usual: list[str], *, is_fixed: bool) -> None:
        """Leave the loop where a check does not hold, before it begins or in each step, or a power
        is not usual.
        """
        e = self.e
        asked = [c.value for c in self.schedule.graph.checks if (c.value in self.fixed) == is_fixed]
        wanted = [*(self.reader.at(v, ZERO) for v in asked), *usual]
        for truth in wanted[1:]:
            wanted[0] = e.op("and", "i1", wanted[0], truth)
        if wanted:
            good = e.label("good")
            e.do(f"br i1 {wanted[0]}, label %{good}, label %leave")
            e.begin(good)

    def _close(self) -> None:
        """Once more, or the end: slots are written if there was a step."""
        e = self.e
        e.do("%further = add i64 %done, 1")
        e.do("store i64 %further, ptr %count")
        e.do("%more = icmp ult i64 %further, %n")
        e.do("br i1 %more, label %again, label %leave")
        e.begin("leave")
        e.do("%ran = load i64, ptr %count")
        e.do("%any = icmp ne i64 %ran, 0")
        e.do("br i1 %any, label %put, label %end")
        e.begin("put")
        for slot in self.offsets:
            name = self.pointer(("slot", slot))
            self._move(slot, name, f"{name}.outside")
        e.do("br label %end")
        e.begin("end")
        e.do("ret i64 %ran")
