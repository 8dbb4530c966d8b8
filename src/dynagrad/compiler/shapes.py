"""Which shapes a compiled function meets, when a shape gets a course, and which courses go again.
Imports recording.

A course is recorded for the shapes that its arguments have. The first shape is recorded at once.
Another one runs eagerly until it has come as often as makes a recording worth its time: `patience`
calls, counted from the work in the graph that was recorded last, not measured, so that the same
program does the same each time. So all recordings of further shapes together take about as long as
the eager calls before them did, whatever shapes come; and n calls record at most n / patience of
them. Courses beyond COURSES, or whose memory is beyond MEMORY, are dropped, the one first that was
not taken for the longest time; its shape then waits as a new one.
"""

from collections import deque
from typing import Any, NamedTuple

from numpy import ndarray

from ..core.pytree import flatten
from ..core.tensor import Tensor
from ..nn.parameter import Parameter
from .entry.courses import work
from .ir.graph import Graph
from .receipt.witness import LARGEST
from .recording.session import payload
from .recording.variant import Variant

__all__ = ["Dropped", "Shape", "Shapes", "mark", "taken"]

#: courses of one function, and bytes that they may hold
COURSES, MEMORY = 256, 1 << 30
#: shapes that are counted
KNOWN = 4096
#: eager calls that a recording takes as long as, where the arrays are small; elements to work on,
#: for each value of the graph, with which an eager call takes twice as long as with none
CALLS, ELEMENTS = 256, 1 << 14
#: bytes of Python's own for each value of a graph
OVERHEAD = 2048
#: arguments without others inside
_FLAT = {Tensor, Parameter, float, int, bool, str, type(None)}
#: where a tensor keeps whether the user has said that its sizes vary (True) or do not, and whether
#: any has been told so
_MARK = "_dynamo_varies"
_marked: list[bool] = []


def mark(t: Any, varies: bool) -> None:
    """Note that the user says whether sizes of a tensor vary."""
    setattr(t, _MARK, varies)
    _marked.append(varies)
    del _marked[1:]


class Dropped(NamedTuple):
    """A course that is no longer there: its shapes, and how often it ran."""

    key: tuple
    runs: int


class Shape:
    """What is known of calls with these shapes: how many were waiting for a course, and the
    courses, one for each way through the function.
    """

    __slots__ = ("courses", "key", "waited")

    def __init__(self, key: tuple) -> None:
        self.key = key
        self.waited = 0
        self.courses: list[Variant] = []


class Shapes:
    """The shapes that one function meets. `dynamic`: as that of `compile`."""

    def __init__(self, dynamic: bool | None) -> None:
        self.dynamic = dynamic
        self.known: dict[tuple, Shape] = {}
        self.dropped: deque[Dropped] = deque(maxlen=KNOWN)
        #: 0 before anything was recorded
        self.patience = 0
        self._tick = 0

    def of(self, args: tuple, kwargs: dict) -> Shape:
        """What is known of the shapes of these arguments."""
        leaves: Any = args
        if kwargs or not _FLAT.issuperset(map(type, args)):
            leaves = flatten((args, kwargs))[0]
        key = tuple([_shape(x) for x in leaves if isinstance(x, Tensor)])
        found = self.known.get(key)
        if found is None:
            if len(self.known) >= KNOWN:
                self.known = {k: s for k, s in self.known.items() if s.courses}
            found = self.known[key] = Shape(key)
        return found

    def waits(self, shape: Shape, args: tuple, kwargs: dict) -> bool:
        """Whether a call that no course fits had better run eagerly: it is counted."""
        if shape.courses or self.dynamic is False:
            return False
        shape.waited += 1
        if shape.waited == 1:
            varies = self.dynamic is True
            if _marked:
                marks = [getattr(x, _MARK, None) for x in flatten((args, kwargs))[0]]
                if not varies and False in marks:
                    return False
                varies = varies or True in marks
            if not self.patience and not varies:
                return False
        return shape.waited < (self.patience or 2)

    def recorded(self, shape: Shape, variant: Variant, others: list[Variant]) -> list[Variant]:
        """Note a new course; those of the others that have to go for it."""
        shape.waited = 0
        shape.courses.append(variant)
        self.patience = patience(variant.graph)
        self._tick += 1
        for one in (*others, variant):
            runs = taken(one)
            if runs != one.looked or one is variant:
                one.recent = self._tick, runs - one.looked
                one.looked = runs
        if others and sum(map(_copies, (*others, variant))) > LARGEST:
            assert variant.witness is not None
            variant.witness.drop("the copies for other courses fill the room for them")
        return self._too_many(variant, others)

    def _too_many(self, new: Variant, others: list[Variant]) -> list[Variant]:
        idle = [one for one in others if one.course is None or not one.course.busy]
        left = deque(sorted(idle, key=lambda one: one.recent))
        total, going = sum(map(memory, (*others, new))), []
        while left and (len(others) - len(going) >= COURSES or total > MEMORY):
            going.append(left.popleft())
            total -= memory(going[-1])
        return going

    def futile(self) -> int:
        """How many courses, besides the first ones for their shapes, were never taken."""
        further = [one for shape in self.known.values() for one in shape.courses[1:]]
        return sum(not taken(one) for one in further)

    def forget(self, variant: Variant) -> None:
        """A course is dropped."""
        for shape in self.known.values():
            if variant in shape.courses:
                shape.courses.remove(variant)
                self.dropped.append(Dropped(shape.key, taken(variant)))

    def listed(self, numbers: dict[Variant, int]) -> list[str]:
        """The shapes in words, with what became of them; `numbers` are those of the courses."""
        known = [shape for shape in self.known.values() if shape.courses or shape.waited]
        if len(known) < 2 and not self.dropped:
            return []
        lines = []
        for shape in sorted(known, key=lambda one: (not one.courses, -one.waited)):
            names = ", ".join(str(numbers[one]) for one in shape.courses)
            runs = sum(map(taken, shape.courses))
            what = f"course {names}, ran {_times(runs)}" if shape.courses else "eager, "
            if not shape.courses:
                what += f"came {_times(shape.waited)} of {self.patience or 2}"
            lines.append(f"{_shown(shape.key)}: {what}")
        for key, runs in reversed(self.dropped):
            lines.append(f"{_shown(key)}: dropped as the least recent, ran {_times(runs)}")
        return lines


def _times(count: int) -> str:
    return f"{count} time{'' if count == 1 else 's'}"


def _shape(t: Tensor) -> tuple[int, ...] | None:
    a = payload(t)
    return a.shape if type(a) is ndarray else None


def taken(variant: Variant) -> int:
    """How often a course ran."""
    return variant.runs + (0 if variant.course is None else variant.course.runs)


def patience(graph: Graph) -> int:
    """About how many eager calls take as long as recording and compiling a graph."""
    count = max(1, len(graph.values))
    return max(2, round(CALLS / (1 + sum(map(work, graph.values)) / (count * ELEMENTS))))


def memory(variant: Variant) -> int:
    """About how many bytes a course holds."""
    programs = [p for p in (variant.program, variant.backward) if p is not None]
    values = len(variant.graph.values) * OVERHEAD
    return values + _copies(variant) + sum(getattr(p, "bytes", 0) for p in programs)


def _copies(variant: Variant) -> int:
    witness = variant.witness
    return witness.bytes if witness is not None and witness.is_complete else 0


def _shown(key: tuple) -> str:
    return ", ".join("-" if shape is None else str(list(shape)) for shape in key) or "no arguments"
