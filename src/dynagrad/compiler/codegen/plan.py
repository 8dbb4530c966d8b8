"""Where stored values lie: in scratch memory, or in the slot that they are written to.

A value is computed right into its slot if all checks are evaluated by then, and nothing reads what
the slot held before, or at most the loop that writes it, each element right before it is written.
Slots that overlap others in memory break that; the program looks for them: see aliasing.
Imports graph, layouts, loops, schedule.
"""

from ..ir.graph import Value
from .function import Written
from .layouts import is_plain
from .schedule import FULL, SMALL, Schedule, base_of

#: bytes that buffers begin at multiples of
ALIGN = 64


class Plan:
    """`offsets` in one block of scratch memory, reused once a value is read no more; `slots` for
    values that lie in one; `shared` leads from a value to the one whose memory it takes over.
    """

    def __init__(self, schedule: Schedule, functions: dict[int, Written]) -> None:
        self.schedule, self.functions = schedule, functions
        self.offsets: dict[Value, int] = {}
        self.slots: dict[Value, int] = {}
        self.shared: dict[Value, Value] = {}
        self.size = 0
        #: bytes that all buffers would take without reuse
        self.demand = 0
        self._free: list[tuple[int, int]] = []
        self._choose_slots()
        self._allocate()

    # --- slots ------------------------------------------------------------------------------------

    def _choose_slots(self) -> None:
        s = self.schedule
        for slot, written in s.graph.writes.items():
            v = base_of(written, s.home)
            if v.size > SMALL and v in s.home and v not in self.slots and self._fits(v, slot):
                self.slots[v] = slot

    def _fits(self, v: Value, slot: int) -> bool:
        s = self.schedule
        at = s.graph.slots[slot]
        number = s.home[v]
        kind = s.groups[number].kind
        if number <= s.checked or not is_plain(at.shape, at.strides) or v.dtype != at.dtype:
            return False
        if kind not in ("loop", "product", "scatter"):
            return False
        source = s.graph.sources.get(slot)
        last = -1 if source is None else s.last.get(source, -1)
        if last < number:
            return True
        if last > number or kind != "loop" or s.role[v] != FULL:
            return False
        return (("slot", slot), ("buffer", v)) in self.functions[number].in_place

    def same_memory(self, number: int) -> dict:
        """For the function of a group: places that lie in the memory of others."""
        written = self.functions[number]
        found = {}
        for place in written.places:
            kind, v = place[:2]
            if len(place) == 2 and kind == "buffer" and self.schedule.home[v] == number:
                other = None
                if v in self.slots:
                    other = ("slot", self.slots[v])
                elif v in self.shared:
                    other = ("buffer", self.shared[v])
                if other in written.places:
                    found[kind, v] = other
        return found

    # --- scratch memory ---------------------------------------------------------------------------

    @staticmethod
    def bytes_of(v: Value) -> int:
        """The size of a buffer, up to the next multiple of ALIGN."""
        return -(-max(v.size * v.dtype.itemsize, 1) // ALIGN) * ALIGN

    def _allocate(self) -> None:
        s = self.schedule
        ends: dict[int, list[Value]] = {}
        begins: dict[int, list[Value]] = {}
        for v in s.order:
            if v in s.stored and v in s.home and v not in self.slots:
                begin = s.home[v]
                begins.setdefault(begin, []).append(v)
                ends.setdefault(max(s.last.get(v, begin), begin), []).append(v)
        for g in range(len(s.groups)):
            dying = ends.get(g, [])
            for v in begins.get(g, ()):
                self.demand += self.bytes_of(v)
                if not self._take_over(v, g, dying):
                    self._take(v)
            for v in dying:
                if v not in self.shared.values():
                    self._give(v)

    def _take_over(self, v: Value, g: int, dying: list[Value]) -> bool:
        """Give a value the memory of one that its loop reads for the last time."""
        s = self.schedule
        if s.groups[g].kind != "loop" or s.role[v] != FULL:
            return False
        allowed = self.functions[g].in_place if g in self.functions else frozenset()
        for u in dying:
            if (("buffer", u), ("buffer", v)) not in allowed or u in self.shared.values():
                continue
            if s.home[u] != g and u.size == v.size and u.dtype.itemsize == v.dtype.itemsize:
                self.shared[v] = u
                self.offsets[v] = self.offsets[u]
                return True
        return False

    def _take(self, v: Value) -> None:
        need = self.bytes_of(v)
        fitting = [f for f in self._free if f[1] >= need]
        if fitting:
            offset, size = min(fitting, key=_length)
            self._free.remove((offset, size))
            if size > need:
                self._free.append((offset + need, size - need))
        else:
            offset = self.size
            self.size += need
        self.offsets[v] = offset

    def _give(self, v: Value) -> None:
        """Free a buffer, together with free ones beside it."""
        begin, end = self.offsets[v], self.offsets[v] + self.bytes_of(v)
        rest = []
        for offset, size in self._free:
            if offset + size == begin:
                begin = offset
            elif offset == end:
                end = offset + size
            else:
                rest.append((offset, size))
        self._free = [*rest, (begin, end - begin)]


def _length(free: tuple[int, int]) -> int:
    return free[1]
