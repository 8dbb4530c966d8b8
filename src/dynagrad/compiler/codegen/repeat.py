"""A step of few numbers many times over, in one loop that keeps them in registers:
`i64 repeat(ptr slots, i64 n)`.

Such a step spends its time on loads, stores, calls, and what is the same each time. Here slots are
loaded once and written at the end; what depends on nothing that the step writes is computed once,
and so are logarithms of such bases of powers; powers that do not need each other share a vector. A
step whose checks do not all hold ends the loop before it, and so do numbers for which the quick
powers are not made: the caller goes on with the step itself. Slots may not overlap.
Imports elements, graph, index, pull, schedule, segments, vmath.
"""

from itertools import product

from ..ir.graph import Slot, Value
from ..vmath import power
from . import elements
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
    if len(module.steps) > 1 or module.guards is not None or not written:
        return None
    if any(group.kind != "block" for group in s.groups):
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
        self.fixed: set[Value] = set()
        #: truth values beside the checks
        self.usual: list[str] = []
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
        self.fixed = self._fixed()
        quick = [] if self.module.bitwise else self._powers()
        self._check(is_fixed=True)
        e.do("br label %again")
        e.begin("again")
        e.do("%done = load i64, ptr %count")
        for peers, logs in quick:
            self._raise(peers, *logs)
        for number, group in enumerate(s.groups):
            self.number = number
            self._block(group.values)
            if number == max(s.checked, 0):
                self._check(is_fixed=False)
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

    # --- what is the same each time ---------------------------------------------------------------

    def _fixed(self) -> set[Value]:
        """The values that no slot written changes; those needed by then are computed."""
        s = self.schedule
        found: set[Value] = set()
        for v in s.order:
            if v.op == "source":
                is_fixed = v.attrs[0] not in self.offsets
            else:
                is_fixed = v.op not in ("call", "item") and all(x in found for x in v.inputs)
            if is_fixed:
                found.add(v)
                early = v.op == "source" or s.home.get(v, s.end) <= max(s.checked, 0)
                if early and 0 < v.size <= SMALL and v.dtype.kind != "c":
                    for k in range(v.size):
                        self.reader.at(v, Index(k))
        return found

    def _powers(self) -> list[tuple[list[Value], tuple[str, str]]]:
        """Powers of single numbers with fixed bases, in groups that need none of the same group,
        and the logarithms of their bases as vectors.
        """
        depth: dict[Value, int] = {}
        groups: dict[tuple[int, str], list[Value]] = {}
        for v in self.schedule.order:
            depth[v] = max([depth[x] for x in v.inputs], default=0)
            quick = v.op == "pow" and v.size == 1 and v.dtype.char in "fd" and v not in self.fixed
            if quick and v.inputs[0] in self.fixed and v in self.schedule.home:
                groups.setdefault((depth[v], v.dtype.char), []).append(v)
                depth[v] += 1
        return [(groups[key], self._logarithms(groups[key])) for key in sorted(groups)]

    def _logarithms(self, peers: list[Value]) -> tuple[str, str]:
        kind = elements.wide(elements.register(peers[0].dtype), len(peers))
        bases = self._together([self.reader.at(v.inputs[0], ZERO) for v in peers], kind)
        head, tail, usual = power.usual_base(self.e, bases, kind)
        self._want(usual, len(peers))
        return head, tail

    def _raise(self, peers: list[Value], head: str, tail: str) -> None:
        """The powers of a group."""
        kind = elements.wide(elements.register(peers[0].dtype), len(peers))
        exponents = self._together([self.reader.at(v.inputs[1], ZERO) for v in peers], kind)
        found, usual = power.usual(self.e, head, tail, exponents, kind)
        self._want(usual, len(peers))
        for i, v in enumerate(peers):
            one = found
            if len(peers) > 1:
                one = self.e.let(f"extractelement {kind} {found}, i64 {i}")
            self.reader.keep((v, ZERO), one)

    def _together(self, names: list[str], kind: str) -> str:
        """Numbers as a vector."""
        if len(names) == 1:
            return names[0]
        one = kind.split()[-1].rstrip(">")
        found = "poison"
        for i, name in enumerate(names):
            found = self.e.let(f"insertelement {kind} {found}, {one} {name}, i64 {i}")
        return found

    def _want(self, truth: str, count: int) -> None:
        if count > 1:
            bits = self.e.let(f"bitcast <{count} x i1> {truth} to i{count}")
            truth = self.e.compare("eq", f"i{count}", bits, "-1")
        self.usual.append(truth)

    # --- the end of a step ------------------------------------------------------------------------

    def _check(self, *, is_fixed: bool) -> None:
        """Leave the loop where a check does not hold: before it begins, or in each step."""
        e = self.e
        asked = [c.value for c in self.schedule.graph.checks if (c.value in self.fixed) == is_fixed]
        wanted = [*(self.reader.at(v, ZERO) for v in asked), *self.usual]
        self.usual = []
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
