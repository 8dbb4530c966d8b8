"""What anomaly mode remembers of a nan or an infinity: who made it, where, out of what. Imports
core.

Nothing here keeps a tensor, an array or a graph alive: notes are kept beside objects that they hold
weakly, and an event holds texts.
"""

import os
import sys
import sysconfig
import weakref
from collections.abc import Iterator
from itertools import count, groupby
from types import CodeType
from typing import Any

import numpy as np

from .. import errors
from ..core.carriers.batched import Batched
from ..core.carriers.carrier import Carrier
from ..core.carriers.dual import Dual
from ..core.dtype import from_numpy_dtype
from ..core.storage import owner
from ..core.tape import LIBRARY, AccumulateGrad, Node, caller, node_and_number
from ..core.tensor import Tensor

_tick = count(1).__next__
#: a note on a graph of views is searched this far
_FAR = 64


class Notes:
    """A value for each of some objects, which are held weakly and told apart by identity (arrays
    have no hash).
    """

    def __init__(self):
        self._held: dict[int, tuple[weakref.ref, Any]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def put(self, thing: Any, value: Any) -> None:
        """Note `value` for `thing`."""
        key, held = id(thing), self._held

        def gone(reference: weakref.ref) -> None:
            if key in held and held[key][0] is reference:
                del held[key]

        held[key] = (weakref.ref(thing, gone), value)

    def get(self, thing: Any) -> Any:
        """What was noted for `thing`, or None."""
        entry = self._held.get(id(thing))
        return entry[1] if entry is not None and entry[0]() is thing else None


class Event:
    """The first appearance of a nan or an infinity.

    kind: 'nan' or 'inf'; role: what made it ('operation', 'inside' a rule of the backward pass,
    'node', 'hook', 'write', 'sum', 'given'); operands: (label, range) of what it was made from;
    cause: the earlier event that explains this one, as the infinity in a nan's operands.
    """

    __slots__ = ("cause", "code", "kind", "lasti", "name", "operands", "result", "role", "seq")

    def __init__(
        self,
        kind: str,
        role: str,
        name: str,
        place: tuple[CodeType | None, int],
        result: str = "",
        operands: tuple[tuple[str, str], ...] = (),
        cause: "Event | None" = None,
    ):
        self.kind, self.role, self.name = kind, role, name
        self.code, self.lasti = place
        self.result, self.operands, self.cause = result, operands, cause
        self.seq = _tick()

    def place(self) -> str:
        """The source line."""
        return errors.source_line(self.code, self.lasti)

    def lines(self) -> Iterator[str]:
        """The event as the lines of a report, its causes below it."""
        kind = {"nan": "nan", "inf": "infinity"}[self.kind]
        yield {
            "operation": f"The {kind} was first made in the forward pass by {self.name},",
            "inside": f"The {kind} was first made in the backward pass by {self.name},",
            "node": f"The {kind} was first made in the backward pass by {self.name}, of",
            "hook": f"The {kind} was first returned by the hook '{self.name}', defined",
            "write": f"The {kind} was written in place, into {self.name},",
            "sum": f"The {kind} was first made by adding what met in {self.name}, of",
            "given": f"The {kind} was there before any operation: {self.name}, used",
        }[self.role]
        yield f"    at {self.place()}"
        for label, text in self.operands:
            yield f"    {label}: {text}"
        if self.result:
            yield f"    result: {self.result}"
        if self.cause is not None:
            yield from self.cause.lines()


def floats(a: Any) -> bool:
    """Whether `a` is an array that could hold a nan."""
    if type(a) is not np.ndarray and not isinstance(a, np.ndarray):
        return False
    return a.dtype.kind in "fc" or a.dtype.name == "bfloat16"


def worst(a: Any) -> str | None:
    """'nan', 'inf' or None: the worst value in an array, or in the one below a carrier; anything
    else holds None.
    """
    a = array_of(a) if isinstance(a, Carrier) else a
    if not floats(a) or np.isfinite(a).all():
        return None
    return "nan" if np.isnan(a).any() else "inf"


def array_of(x: Any) -> Any:
    """The array of a Tensor or NumPy number: of a batch the array of all its examples, of a value
    with a tangent the value, of a sparse tensor its values. Anything else itself.
    """
    while isinstance(x, Tensor | Batched | Dual):
        x = x._a if isinstance(x, Tensor) else x.value if isinstance(x, Batched) else x.primal
    if isinstance(x, Carrier):
        return getattr(x, "values", x)
    return np.asarray(x) if isinstance(x, np.generic) else x


def first_index(mask: Any) -> list[int]:
    """The index of the first True."""
    return [int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape)]


def range_text(a: Any) -> str:
    """An array's dtype, shape and range: `float32 [2, 3], from 0 to 4, 1 nan, 0 inf`."""
    if not isinstance(a, np.ndarray):
        return f"{type(a).__name__}"
    text = f"{from_numpy_dtype(a.dtype).name} {list(a.shape)}"
    if not a.size:
        return f"{text}, empty"
    if not floats(a):
        return f"{text}, from {a.min()} to {a.max()}" if a.dtype.kind in "iu" else text
    finite = np.isfinite(a)
    values = np.abs(a[finite]) if a.dtype.kind == "c" else a[finite]
    if values.size:
        low, high = float(values.min()), float(values.max())
        of = "magnitude " if a.dtype.kind == "c" else ""
        text += f", {of}from {low:.6g} to {high:.6g}"
    nans = int(np.count_nonzero(np.isnan(a)))
    return f"{text}, {nans} nan, {a.size - nans - int(np.count_nonzero(finite))} inf"


def bad_text(a: Any, kind: str) -> str:
    """An array's range and where its first nan or infinity stands."""
    mask = np.isnan(a) if kind == "nan" else ~np.isfinite(a)
    return f"{range_text(a)}, the first {kind} at index {first_index(mask)}"


class Origins:
    """Which event the values of a memory, or the result of a node, go back to."""

    def __init__(self):
        self.memory = Notes()
        self.nodes = Notes()

    def remember(self, array: Any, event: Event) -> None:
        """Values in the memory of `array` go back to `event`."""
        if isinstance(array, np.ndarray):
            self.memory.put(owner(array), event)

    def of(self, array: Any, edge: Any = None) -> Event | None:
        """The event that the values of `array`, the result which `edge` leads to, go back to."""
        found = self.memory.get(owner(array)) if isinstance(array, np.ndarray) else None
        return self.below(edge) if found is None else found

    def below(self, edge: Any) -> Event | None:
        """The event of the nearest node at or below an edge; only views and writes to parts of a
        tensor lie between.
        """
        todo, seen = [node_and_number(edge)[0]], 0
        while todo and seen < _FAR:
            node = todo.pop(0)
            if node is None or type(node) is AccumulateGrad:
                continue
            seen += 1
            event = self.nodes.get(node)
            if event is not None:
                return event
            todo.extend(node_and_number(e)[0] for e in node.edges)
        return None


# --- stacks ---------------------------------------------------------------------------------------

_PATHS = sysconfig.get_paths()
_OTHERS = tuple(
    {_PATHS[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
)
#: a stack is kept this deep
_DEPTH = 64


def stack_here() -> tuple[tuple[CodeType, int], ...]:
    """The frames outside this package, the innermost first."""
    frame, found = sys._getframe(1), []
    while frame is not None and len(found) < _DEPTH:
        if not LIBRARY[frame.f_code.co_filename]:
            found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def stack_text(stack: tuple[tuple[CodeType, int], ...]) -> list[str]:
    """The user's frames of a stack, the innermost last; frames of Python's library, of installed
    packages and of the command that runs a script are left out, those of a recursion told once.
    """
    own = [
        (code, lasti)
        for code, lasti in stack
        if not code.co_filename.startswith(_OTHERS) and not code.co_filename.startswith("<frozen")
    ]
    lines = []
    for (code, lasti), same in groupby(reversed(own or list(stack[:1]))):
        times = len(list(same))
        lines.append(errors.source_line(code, lasti) + f" ({times} times)" * (times > 1))
    return lines


def operation_name(node: Node | type[Node]) -> str:
    """A node's operation as messages write it: Sqrt for SqrtBackward0."""
    cls = node if isinstance(node, type) else type(node)
    return errors.short_name(cls.__name__)


def here() -> tuple[CodeType | None, int]:
    """The user's line."""
    return caller(2)
