"""Groups that write elements of an array at places that data or strides tell. Imports graph, index,
loops, pull.
"""

from collections.abc import Callable

from ..ir.graph import Value
from ..kernels.machine import Machine
from . import elements
from .function import Function, Place, Written
from .index import Index, Var, of, row_major
from .pull import Access
from .schedule import Schedule


class ScatterFunction(Function):
    """The function of one `add_at`, `add_along`, `put_at`, `put_along`, `write_strided`, or of a
    `concatenate` of many.
    """

    def __init__(
        self,
        schedule: Schedule,
        v: Value,
        declared: dict[str, str],
        bitwise: bool,
        machine: Machine,
        guards: list[Place] | None = None,
    ) -> None:
        self.v, self.number, self.machine = v, schedule.home[v], machine
        super().__init__(schedule, declared, not bitwise, guards)

    def memory(self, v: Value) -> Access | None:
        """Its own result is only written."""
        if v is self.v or (v in self.schedule.home and self.schedule.home[v] > self.number):
            return self.leaf(v)
        return super().memory(v)

    def is_read_only(self, place: Place) -> bool:
        """Whether a function writes nothing there."""
        return place != ("buffer", self.v)

    def write(self) -> Written:
        """The function: a copy, and then one element after another; or part after part."""
        v = self.v
        self.target = Access(self.pointer(("buffer", v)))
        if v.op == "concatenate":
            self._parts()
            return self.finish(1)
        x = v.inputs[0]
        plain = x.op == "broadcast" and x.inputs[0].size == 1 or self.memory(x) is not None

        def copy(index: Index) -> None:
            self.reader.store(v, self.target, index, self.reader.repeated(x, index, index.lanes()))

        self._over([v.size] if plain else list(v.shape), copy)
        {
            **dict.fromkeys(("add_at", "put_at"), self._rows),
            **dict.fromkeys(("add_along", "put_along"), self._along),
        }.get(v.op, self._strided)()
        return self.finish(1)

    def _over(
        self, sizes: list[int], body: Callable[[Index], None], *, single: bool = False
    ) -> None:
        """Loops over some dimensions, in vectors along the last unless `single`."""
        *front, last = sizes or [1]
        index, _, closes = self.nest(front)
        index = index.times(last)
        lanes = self.machine.vector // max(self.v.dtype.itemsize, 4)

        def each(var: Var) -> None:
            body(index.plus(of(var)))

        self.pieces(last, ("0", str(last)), 1 if single or self.guards is not None else lanes, each)
        for close in closes:
            close()

    def _parts(self) -> None:
        """Arrays one after another."""
        v = self.v
        (axis,) = v.attrs
        after, length = row_major(v.shape)[axis], v.shape[axis]
        offset = 0
        for x in v.inputs:
            n = x.shape[axis]

            def copy(
                flat: Index, x: Value = x, size: int = n * after, offset: int = offset
            ) -> None:
                lead, rest = self.reader.divided(flat, size)
                place = lead.times(length * after).plus(rest).shifted(offset)
                found = self.reader.repeated(x, flat, flat.lanes())
                self.reader.store(v, self.target, place, found)

            self._over(_sizes(x, n * after), copy)
            offset += n * after

    def _put(self, place: Index, x: str, count: int = 1) -> None:
        """Write elements, or add them to those that are there."""
        r, v = self.reader, self.v
        if v.op not in ("put_at", "put_along"):
            before = r.load(v, self.target, place)
            x = elements.apply(self.e, "add", v.dtype, (before, x), False, count)
        r.store(v, self.target, place, x)

    def _rows(self) -> None:
        x, index, part = self.v.inputs
        (axis,) = self.v.attrs
        n, after = x.shape[axis], row_major(x.shape)[axis]

        def put(flat: Index) -> None:
            r = self.reader
            ahead, rest = r.divided(flat, after)
            lead, at = r.divided(ahead, index.size)
            row = r.row(index, at, n)
            place = lead.times(n * after).plus(row.times(after)).plus(rest)
            self._put(place, r.repeated(part, flat, flat.lanes()), flat.lanes())

        # Rows may be met twice: lanes along one row never meet.
        self._over([x.size // (n * after), index.size, after], put, single=after == 1)

    def _along(self) -> None:
        x, index, part = self.v.inputs
        (axis,) = self.v.attrs
        steps = row_major(x.shape)
        strides = [0 if a == axis else s for a, s in enumerate(steps)]

        def put(flat: Index) -> None:
            row = self.reader.row(index, flat, x.shape[axis]).times(steps[axis])
            place = self.reader.strided(flat, part.shape, strides).plus(row)
            self._put(place, self.reader.at(part, flat))

        self._over(list(part.shape), put, single=True)

    def _strided(self) -> None:
        part = self.v.inputs[1]
        strides, offset = self.v.attrs

        def put(flat: Index) -> None:
            place = self.reader.strided(flat, part.shape, strides).shifted(offset)
            self.reader.store(self.v, self.target, place, self.reader.at(part, flat))

        # Elements may be met twice: the last one stays.
        self._over(list(part.shape), put, single=True)


def _sizes(x: Value, row: int) -> list[int]:
    """Loops over an array, row after row of so many elements: over the dimensions of what it is
    another shape of, if rows end where these do, so that none is to be divided.
    """
    while x.op == "reshape":
        x = x.inputs[0]
    found, last = list(x.shape), 1
    while last < row and found:
        last *= found.pop()
    return list(x.shape) if last == row else [x.size // row, row]
