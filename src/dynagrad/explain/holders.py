"""Who refers to an object, in words: variables of running functions, globals, attributes, items of
containers, closures, tracebacks. Imports core.
"""

import gc
import inspect
import sys
from types import (
    AsyncGeneratorType,
    CellType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any, NamedTuple

from ..core.tape import LIBRARY, Node, Output
from ..core.tensor import Tensor
from .reason import Place

#: how many containers deep a name is looked for
DEPTH = 5


class Holder(NamedTuple):
    """One reference: `text` says who holds, `kind` is 'local', 'global', 'attribute', 'closure',
    'traceback', 'generator', 'item' or 'unknown'; `name` the variable's or attribute's.
    """

    kind: str
    name: str
    text: str
    place: Place | None

    def __str__(self) -> str:
        return self.text


def own_frames() -> list[FrameType]:
    """The frames of all running functions, those of this package excepted."""
    found = []
    for frame in sys._current_frames().values():
        while frame is not None:
            if not LIBRARY[frame.f_code.co_filename]:
                found.append(frame)
            frame = frame.f_back
    return found


def variables(frame: FrameType) -> dict[str, Any]:
    """A copy of a frame's local variables. Before Python 3.13 the frame keeps the dictionary that
    it hands out, and would keep alive what its function deletes later: it is emptied.
    """
    local = frame.f_locals
    found = dict(local)
    if type(local) is dict and local is not frame.f_globals and frame.f_code.co_flags & 1:
        local.clear()
    return found


class Search:
    """One search for holders; `ignored` are the containers of the search itself."""

    def __init__(self) -> None:
        self.frames = own_frames()
        self._locals = [(frame, variables(frame)) for frame in self.frames if _is_function(frame)]
        self._ignored: set[int] = set()
        self.ignore(self._locals, self.frames, self._ignored)
        for pair in self._locals:
            self.ignore(pair, pair[1])

    def ignore(self, *things: Any) -> None:
        """Leave these out of what refers."""
        self._ignored.update(map(id, things))

    def holders(self, thing: Any, depth: int = DEPTH) -> list[Holder]:
        """Who refers to `thing`."""
        found = list(self._running(thing))
        referrers = gc.get_referrers(thing)
        self.ignore(referrers, found)
        for r in referrers:
            if id(r) not in self._ignored and not (type(r) is FrameType and self._is_ours(r)):
                found += self._described(r, thing, depth, referrers)
        return list(dict.fromkeys(found))

    def _is_ours(self, frame: FrameType) -> bool:
        return LIBRARY[frame.f_code.co_filename] or any(frame is f for f in self.frames)

    def _running(self, thing: Any) -> list[Holder]:
        found = []
        for frame, local in self._locals:
            for name, value in local.items():
                if value is thing:
                    place = Place(frame.f_code.co_filename, frame.f_lineno or 0, "")
                    text = f"local variable `{name}` of {_function(frame.f_code)}, at {place.short}"
                    found.append(Holder("local", name, text, place))
        return found

    def _described(self, r: Any, thing: Any, depth: int, referrers: list) -> list[Holder]:
        kind = type(r)
        if kind is dict:
            return self._in_dict(r, thing, depth)
        if kind in (list, tuple, set, frozenset) or kind.__name__ == "deque":
            return self._in_container(r, thing, depth)
        if kind is CellType:
            return self._in_cell(r, depth)
        if kind is FrameType:
            return self._in_frame(r, thing)
        if kind in (GeneratorType, CoroutineType, AsyncGeneratorType):
            return [self._in_generator(r, thing)]
        if kind is MethodType:
            return self._through(r, depth, f"the bound method {r.__qualname__}")
        if kind is FunctionType:
            if r.__globals__ is thing:
                return []
            place = Place(r.__code__.co_filename, r.__code__.co_firstlineno, "")
            text = f"a default value of function {r.__qualname__}, at {place.short}"
            return [Holder("attribute", r.__qualname__, text, place)]
        if isinstance(r, BaseException):
            return [Holder("traceback", "", f"the exception {kind.__name__}", None)]
        if isinstance(r, Tensor | Output | Node) and not isinstance(thing, Tensor):
            return []  # the graph itself, of which its own tensors and nodes are known
        return self._in_object(r, thing, depth)

    def _in_dict(self, r: dict, thing: Any, depth: int) -> list[Holder]:
        names = [key for key, value in r.items() if value is thing]
        for module in list(sys.modules.values()):
            if isinstance(module, ModuleType) and module.__dict__ is r:
                name = module.__spec__.name if module.__spec__ else "__main__"
                where = getattr(module, "__file__", None)
                short = f" of {Place(where, 0, '').short[:-2]}" if where else f" of {name}"
                return [Holder("global", n, f"global variable `{n}`{short}", None) for n in names]
        if "__builtins__" in r:  # a namespace that code was executed in
            return [Holder("global", n, f"global variable `{n}`", None) for n in names]
        for owner in gc.get_referrers(r):
            if getattr(owner, "__dict__", None) is r and not isinstance(owner, type):
                return self._attributes(owner, names, depth)
        return self._through(r, depth, "a dict", "".join(f"[{n!r}]" for n in names[:1]))

    def _in_container(self, r: Any, thing: Any, depth: int) -> list[Holder]:
        return self._through(r, depth, f"a {type(r).__name__} of {len(r):,}")

    def _through(self, r: Any, depth: int, what: str, suffix: str = "") -> list[Holder]:
        """The holders of a container, told as those of what is in it."""
        if depth <= 1:
            return [Holder("unknown", "", what, None)]
        is_new = id(r) not in self._ignored
        self.ignore(r)  # it may hold itself
        above = [h for h in self.holders(r, depth - 1) if h.kind != "unknown"]
        if is_new:
            self._ignored.discard(id(r))
        if not above:
            return [Holder("unknown", "", what, None)]
        return [
            Holder(
                "item" if h.kind != "traceback" else h.kind,
                h.name + suffix,
                f"{h} ({what})",
                h.place,
            )
            for h in above
        ]

    def _in_cell(self, r: Any, depth: int) -> list[Holder]:
        found = []
        for owner in gc.get_referrers(r):
            for f in gc.get_referrers(owner) if type(owner) is tuple else ():
                if type(f) is FunctionType and f.__closure__ is owner:
                    name = f.__code__.co_freevars[[c is r for c in owner].index(True)]
                    place = Place(f.__code__.co_filename, f.__code__.co_firstlineno, "")
                    text = f"variable `{name}` in the closure of {f.__qualname__}, at {place.short}"
                    found.append(Holder("closure", name, text, place))
        return found

    def _in_frame(self, r: FrameType, thing: Any) -> list[Holder]:
        names = [n for n, v in variables(r).items() if v is thing]
        keeper = _traceback_of(r)
        found = []
        for name in names:
            place = Place(r.f_code.co_filename, r.f_lineno or 0, "")
            text = f"local variable `{name}` of {_function(r.f_code)}, at {place.short}"
            if keeper is not None:
                text += f" (kept by {keeper})"
            found.append(Holder("traceback" if keeper else "local", name, text, place))
        return found

    def _in_generator(self, r: Any, thing: Any) -> Holder:
        frame = getattr(r, "gi_frame", None) or getattr(r, "cr_frame", None)
        frame = frame or getattr(r, "ag_frame", None)
        names = [] if frame is None else [n for n, v in variables(frame).items() if v is thing]
        name = names[0] if names else ""
        text = f"variable `{name}` of the suspended {r.__qualname__}"
        return Holder("generator", name, text, None)

    def _in_object(self, r: Any, thing: Any, depth: int) -> list[Holder]:
        names = [n for n, v in getattr(r, "__dict__", {}).items() if v is thing]
        for kind in type(r).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if inspect.getattr_static(r, slot, None) is not None:
                    if not slot.startswith("__") and getattr(r, slot, None) is thing:
                        names.append(slot)
        return self._attributes(r, names, depth)

    def _attributes(self, r: Any, names: list[str], depth: int) -> list[Holder]:
        kind = type(r).__name__
        if not names:
            return self._through(r, depth, f"a {kind}")
        return [Holder("attribute", n, f"attribute .{n} of <{kind}>", None) for n in names]


def _is_function(frame: FrameType) -> bool:
    return frame.f_locals is not frame.f_globals


def _function(code: CodeType) -> str:
    return "the module" if code.co_name == "<module>" else f"function {code.co_qualname}"


def _traceback_of(frame: FrameType) -> str | None:
    """The exception whose traceback keeps a frame."""
    below: list[Any] = [frame]
    for _ in range(50):
        for r in gc.get_referrers(below[-1]):
            if type(r) is TracebackType and r not in below:
                below.append(r)
                break
        else:
            break
    if len(below) == 1:
        return None
    for r in gc.get_referrers(below[-1]):
        if isinstance(r, BaseException):
            return f"the traceback of {type(r).__name__}"
    return "a traceback"
