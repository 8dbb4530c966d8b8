"""Loops and kernels in several threads: how work is cut, and the functions that the pool calls.

Work is cut by its amount alone, whatever the number of threads, so that results do not depend on
it. A chunk has scratch memory and partial sums of its own. Imports graph, index, loops, pull,
schedule.
"""

from typing import NamedTuple

from ..ir.graph import Value
from .function import Function, Written
from .index import Var, of
from .pull import Access
from .reductions import combined
from .schedule import COLUMN_SUM, TOTAL, Schedule

#: instructions on one element that make a chunk, about; and products of a kernel
CHUNK, PRODUCTS = 400_000, 2_000_000
#: chunks at most, and bytes of scratch memory that they have together
MOST, ROOM = 32, 32 << 20
#: elements of a loop without rows that stay together
TOGETHER = 256


class Cut(NamedTuple):
    """Units of a range that make a chunk, and how many chunks there are."""

    chunk: int
    count: int


def cut_loop(schedule: Schedule, number: int, size: int) -> Cut | None:
    """How to cut a loop; None for one that is too short."""
    group = schedule.groups[number]
    cost = sum(schedule.own_cost(v) for v in group.values) + 2 * len(group.streams)
    wanted = min(MOST, group.size * cost // CHUNK)
    together = TOGETHER if size == group.size else 1
    return _cut(size, wanted, together)


def cut_kernel(products: int, units: int, scratch: int) -> Cut | None:
    """How to cut a kernel; None for one that has little to do."""
    wanted = min(MOST, products // PRODUCTS, ROOM // max(scratch, 1))
    return _cut(units, wanted, 1)


def _cut(size: int, wanted: int, together: int) -> Cut | None:
    if wanted < 2 or size < 2 * together:
        return None
    chunk = -(-size // wanted)
    chunk = -(-chunk // together) * together
    count = -(-size // chunk)
    return Cut(chunk, count) if count > 1 else None


def summed(schedule: Schedule, number: int) -> list[Value]:
    """The values of a loop that each chunk has a part of."""
    return [
        v
        for v in schedule.groups[number].values
        if schedule.role[v] in (COLUMN_SUM, TOTAL) and v in schedule.stored
    ]


def task(name: str, pointers: int, parts: dict[int, int], chunk: int, *, is_kernel: bool) -> str:
    """The text of `void task(ptr args, i64 begin, i64 end)`, which calls a function with pointers
    from an array; those in `parts` move on by so many bytes from chunk to chunk.
    """
    lines = ["define internal void @$(ptr %args, i64 %begin, i64 %end) nounwind {", "entry:"]
    names = []
    for i in range(pointers):
        lines.append(f"  %at{i} = getelementptr ptr, ptr %args, i64 {i}")
        lines.append(f"  %a{i} = load ptr, ptr %at{i}")
        names.append(f"ptr %a{i}")
    if parts:
        lines.append(f"  %index = udiv i64 %begin, {chunk}")
    for i, size in parts.items():
        lines.append(f"  %o{i} = mul i64 %index, {size}")
        lines.append(f"  %b{i} = getelementptr i8, ptr %a{i}, i64 %o{i}")
        names[i] = f"ptr %b{i}"
    bounds = ["i64 %begin", "i64 %end"]
    arguments = [*names, *bounds] if is_kernel else [*bounds, *names]
    lines.append(f"  call void @{name}({', '.join(arguments)})")
    return "\n".join([*lines, "  ret void", "}", ""])


class Together(Function):
    """The function that combines the parts of a reduction."""

    def __init__(self, schedule: Schedule, v: Value, cut: Cut, stride: int, lanes: int) -> None:
        self.v, self.cut, self.stride, self.lanes = v, cut, stride, lanes
        super().__init__(schedule, {}, True)

    def write(self) -> Written:
        """The first part, and then the others one after another."""
        v = self.v
        target = Access(self.pointer(("buffer", v)))
        parts = Access(self.pointer(("scratch", None)))
        step = self.stride // v.dtype.itemsize

        def first(var: Var) -> None:
            self.reader.store(v, target, of(var), self.reader.load(v, parts, of(var)))

        self.pieces(v.size, ("0", str(v.size)), self.lanes, first)
        chunk, close = self.loop(self.cut.count, "1", str(self.cut.count))

        def more(var: Var) -> None:
            place = of(var).plus(of(chunk).times(step))
            x = self.reader.load(v, target, of(var))
            y = self.reader.load(v, parts, place)
            found = combined(self.e, v.op, v.dtype, x, y, exact=False, count=var.lanes)
            self.reader.store(v, target, of(var), found)

        self.pieces(v.size, ("0", str(v.size)), self.lanes, more)
        close()
        return self.finish(1)


def alignment(v: Value) -> int:
    """The bytes of one part of a reduction, up to a multiple of 64."""
    return -(-v.size * v.dtype.itemsize // 64) * 64
