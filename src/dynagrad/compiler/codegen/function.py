"""Functions under construction, with loops: what lies outside comes in as pointers. Imports emit,
elements, graph, index, layouts, moves, pull, schedule.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ..ir.graph import Value
from .emit import Emitter
from .index import ZERO, Index, Var, of, row_major
from .layouts import is_plain
from .moves import RULES
from .pull import Access, Reader
from .schedule import Schedule

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
        self.reader = Reader(self.e, self.memory, RULES, contract=self.contract)
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
