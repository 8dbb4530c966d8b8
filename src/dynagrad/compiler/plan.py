"""Where stored values lie in the scratch memory of a program. Imports schedule."""

from .graph import Value
from .schedule import Schedule

#: bytes that buffers begin at multiples of
ALIGN = 64


class Plan:
    """Offsets of buffers in one block of memory, reused once a value is read no more."""

    def __init__(self, schedule: Schedule) -> None:
        self.offsets: dict[Value, int] = {}
        self.size = 0
        #: bytes that all buffers would take without reuse
        self.demand = 0
        self._free: list[tuple[int, int]] = []
        ends: dict[int, list[Value]] = {}
        begins: dict[int, list[Value]] = {}
        for v in schedule.order:
            if v in schedule.stored and v in schedule.home:
                begin = schedule.home[v]
                begins.setdefault(begin, []).append(v)
                ends.setdefault(max(schedule.last.get(v, begin), begin), []).append(v)
        for g in range(len(schedule.groups)):
            for v in begins.get(g, ()):
                self._take(v)
            for v in ends.get(g, ()):
                self._give(v)

    @staticmethod
    def bytes_of(v: Value) -> int:
        """The size of a buffer, up to the next multiple of ALIGN."""
        return -(-max(v.size * v.dtype.itemsize, 1) // ALIGN) * ALIGN

    def _take(self, v: Value) -> None:
        need = self.bytes_of(v)
        self.demand += need
        fitting = [f for f in self._free if f[1] >= need]
        if fitting:
            offset, size = min(fitting, key=lambda f: f[1])
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
