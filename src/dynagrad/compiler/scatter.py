"""Groups that write elements of an array at places that data or strides tell. Imports graph, index,
loops, pull.
"""

from . import elements
from .graph import Value
from .index import Index, row_major
from .loops import Function, Place, Written
from .pull import Access
from .schedule import Schedule


class ScatterFunction(Function):
    """The function of one `add_at`, `add_along`, `put_at`, `put_along` or `write_strided`."""

    def __init__(
        self,
        schedule: Schedule,
        v: Value,
        declared: dict[str, str],
        bitwise: bool,
        guards: list[Place] | None = None,
    ) -> None:
        self.v, self.number = v, schedule.home[v]
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
        """The function: a copy, and then one element after another."""
        v = self.v
        self.target = Access(self.pointer(("buffer", v)))
        index, _, closes = self.nest([v.size])
        self.reader.store(v, self.target, index, self.reader.at(v.inputs[0], index))
        for close in closes:
            close()
        {
            **dict.fromkeys(("add_at", "put_at"), self._rows),
            **dict.fromkeys(("add_along", "put_along"), self._along),
        }.get(v.op, self._strided)()
        return self.finish(1)

    def _put(self, place: Index, x: str) -> None:
        """Write an element, or add it to the one that is there."""
        r, v = self.reader, self.v
        if v.op in ("put_at", "put_along"):
            r.store(v, self.target, place, x)
            return
        before = r.load(v, self.target, place)
        r.store(v, self.target, place, elements.apply(self.e, "add", v.dtype, (before, x), False))

    def _rows(self) -> None:
        x, index, part = self.v.inputs
        (axis,) = self.v.attrs
        n, after = x.shape[axis], row_major(x.shape)[axis]
        sizes = [x.size // (n * after), index.size, after]
        flat, variables, closes = self.nest(sizes)
        row = self.reader.row(
            index, self.reader.divided(self.reader.divided(flat, after)[0], index.size)[1], n
        )
        lead, rest = (
            self.reader.divided(flat, index.size * after)[0],
            self.reader.divided(flat, after)[1],
        )
        self._put(
            lead.times(n * after).plus(row.times(after)).plus(rest), self.reader.at(part, flat)
        )
        for close in closes:
            close()

    def _along(self) -> None:
        x, index, part = self.v.inputs
        (axis,) = self.v.attrs
        flat, _, closes = self.nest(list(part.shape))
        steps = row_major(x.shape)
        strides = [0 if a == axis else s for a, s in enumerate(steps)]
        row = self.reader.row(index, flat, x.shape[axis]).times(steps[axis])
        place = self.reader.strided(flat, part.shape, strides).plus(row)
        self._put(place, self.reader.at(part, flat))
        for close in closes:
            close()

    def _strided(self) -> None:
        part = self.v.inputs[1]
        strides, offset = self.v.attrs
        flat, _, closes = self.nest(list(part.shape))
        place = self.reader.strided(flat, part.shape, strides).shifted(offset)
        self.reader.store(self.v, self.target, place, self.reader.at(part, flat))
        for close in closes:
            close()
