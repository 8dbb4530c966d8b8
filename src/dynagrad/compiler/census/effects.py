"""Changes of Python objects that a step makes and that a run of it can repeat: an attribute, a key,
a global or an enclosing function's variable set to what the step computed; a number there that
grows; a list that gets one more element. Imports bytecode, guards and reads.

They are repeated after the native code, in order. That is sound as long as the step does not depend
on what it changes: what it set it may read again, for that it knows; a number that grows and a list
that was appended to must not be read at all.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from .bytecode import Instruction
from .guards import MISSING, SCALARS, lookup, namespace
from .reads import World

__all__ = ["Effect", "Effects"]

_DICTS = (dict, OrderedDict, defaultdict)
_LISTS = (list, deque)
#: what may grow, and by what
_NUMBERS = (int, float)
#: more changes than these are not repeated one by one
_MANY = 256
_ADDS = {13: "+=", 18: "*=", 23: "-="}


class Effect:
    """One change. `kind` is "attribute" or "item" (of `target`, under `key`), "cell" or "append".

    `by` is the operator where a number grows, None where a value takes the place of another one.
    `late`: how many objects of the framework had been looked at, to tell what came before.
    """

    __slots__ = ("by", "key", "kind", "late", "place", "target", "value")

    def __init__(self, kind: str, target: Any, key: Any, by: str | None, value: Any) -> None:
        self.kind, self.target, self.key, self.by, self.value = kind, target, key, by, value
        self.late = 0
        self.place: tuple[str, int] = ("", 0)

    @property
    def text(self) -> str:
        """In words, for people."""
        kind = type(self.target).__name__
        if self.kind == "append":
            return f"a {kind} gets one more element"
        name = {"attribute": f"{kind}.{self.key}", "cell": self.key}.get(self.kind)
        return f"{name or f'{kind}[{self.key!r}]'} {self.by or '='} ..."


class Effects:
    """The changes of one run.

    repeats: whether anything is to be noted at all.
    is_open: whether the step's code may set an attribute of an object of the framework to a value
    (MISSING: to a number), as it may those of its own modules. is_later: whether what runs now is
    going to run itself each time, so that nothing is to be done again.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.repeats = False
        self.made: list[Effect] = []
        #: other changes: containers, and what is stored
        self.left: list[Any] = []
        self.refused: list[Effect] = []
        self.is_open: Callable[[Any, str, Any], bool] = _never
        self.is_later: Callable[[], bool] = _not_now
        world.unread = self.unread
        #: what was set to a known value, and what only grew
        self._set: set[tuple] = set()
        self._grown: set[tuple] = set()
        #: what is being read for the sake of growing, by where it will be stored
        self._silent: tuple | None = None

    # --- reading ----------------------------------------------------------------------------------

    def unread(self, kind: str, on: tuple) -> bool:
        """Whether a read needs no guard."""
        if not self.made and self._silent is None:
            return False
        place = place_of(kind, on)
        return place is not None and (place == self._silent or place in self._set)

    def loads(self, record: Any, one: Instruction, kind: str, target: Any, key: Any) -> None:
        """An instruction is about to read what may be about to grow."""
        self._silent = None
        growth = record.stack.plan.growths.get(one.offset)
        if growth is None or not self._may_change(kind, target, key):
            return
        place = place_of(kind, (target, key))
        held = held_by(kind, target, key)
        if place is None or place in self._set:
            return
        if type(held) not in _NUMBERS and not (place in self._grown and self.world.symbolic(held)):
            return
        self._silent = place
        record.grows[growth.store] = [place, len(self.made), None]

    def loaded(self) -> None:
        """The read is over."""
        self._silent = None

    def operates(self, record: Any, one: Instruction, operand: Any) -> None:
        """The operator of what grows is about to run."""
        growth = record.stack.plan.growths.get(one.offset)
        if growth is not None and growth.store in record.grows:
            record.grows[growth.store][2] = (_ADDS[one.arg or 0], operand)

    # --- writing ----------------------------------------------------------------------------------

    def stores(
        self, record: Any, one: Instruction, kind: str, target: Any, key: Any, value: Any, why: str
    ) -> str:
        """A value is about to be stored: "" if a run can do that again, else `why`."""
        found = self._judged(record, one, kind, target, key, value, why)
        if found and kind == "item" and not isinstance(target, dict):
            self.left.append(target)
        elif found:
            self.refused.append(Effect(kind, target, key, None, value))
        return found

    def _judged(
        self, record: Any, one: Instruction, kind: str, target: Any, key: Any, value: Any, why: str
    ) -> str:
        pending = record.grows.pop(one.offset, None)
        place = place_of(kind, (target, key))
        if place is None or not self._may_change(kind, target, key, value):
            return why
        if pending is not None and pending[0] == place and pending[2] is not None:
            _, count, (by, operand) = pending
            if any(place_of(e.kind, (e.target, e.key)) == place for e in self.made[count:]):
                return f"{why} while it computes what to set"
            if type(operand) not in _NUMBERS and not self.world.symbolic(operand):
                return why
            self._grown.add(place)
            return self._note(Effect(kind, target, key, by, operand), why)
        if not self._can_be_made_again(value):
            return why
        if kind == "attribute":
            self.world.class_names(type(target), key)
        self._set.add(place)
        self._grown.discard(place)
        return self._note(Effect(kind, target, key, None, value), why)

    def appends(self, target: Any, value: Any, why: str) -> str:
        """An element is about to be appended to a list: as `stores`."""
        if not self.repeats or self.is_later():
            return why
        if type(target) not in _LISTS or id(target) in self.world.arguments:
            return why
        if not self._can_be_made_again(value):
            return why
        return self._note(Effect("append", target, None, None, value), why)

    def _note(self, effect: Effect, why: str) -> str:
        if len(self.made) >= _MANY:
            return f"{why}, as it did {_MANY} times"
        effect.late = len(self.world.consulted)
        effect.place = self.world.place()
        self.made.append(effect)
        return ""

    def _may_change(self, kind: str, target: Any, key: Any, value: Any = MISSING) -> bool:
        """Whether a change of this does no more than it says."""
        if not self.repeats or self.world.is_fresh(target) or self.is_later():
            return False
        if kind == "item":
            return (
                type(target) in _DICTS
                and type(key) in SCALARS
                and id(target) not in self.world.arguments
            )
        if kind == "attribute":
            if self.world.framework(target):
                return self.is_open(target, key, value)
            own, found = type(target), lookup(type(target), key)
            is_plain = found is MISSING or lookup(type(found), "__set__") is MISSING
            return (
                bool(own.__flags__ & (1 << 9))
                and not isinstance(target, type)
                and lookup(own, "__setattr__") is object.__setattr__
                and is_plain
                and namespace(target) is not None
            )
        return kind == "cell"

    def _can_be_made_again(self, value: Any, depth: int = 0) -> bool:
        """Whether a run can make such a value: what a step may return."""
        world = self.world
        if type(value) in SCALARS or world.symbolic(value) or world.framework(value):
            return True
        if depth > 8 or not (isinstance(value, tuple) or world.is_fresh(value)):
            return False
        if callable(value) or hasattr(type(value), "__next__"):
            return False
        if not isinstance(value, tuple | list | dict):
            return True  # an object of the step's own
        inside = value.values() if isinstance(value, dict) else value
        return all(self._can_be_made_again(item, depth + 1) for item in inside)

    # --- afterwards -------------------------------------------------------------------------------

    def conflict(self) -> str:
        """What the step read of what it changes, though nothing says what it will be; "" if it did
        not.
        """
        if not self.made:
            return ""
        whole = {id(e.target): e for e in self.made if e.kind in ("append", "item")}
        for guard in self.world.guards.values():
            place = place_of(guard.kind, guard.on)
            on_whole = guard.kind in ("list", "container") and id(guard.on[0]) in whole
            if place in self._grown or on_whole:
                return f"changes what it also reads: {guard.text}"
        for effect in self.made:
            if effect.kind != "attribute" or not self.world.framework(effect.target):
                continue
            grown = place_of("attribute", (effect.target, effect.key)) in self._grown
            for number, (thing, why) in enumerate(self.world.consulted):
                if thing is effect.target and why == effect.key:
                    if grown or number < effect.late:
                        return f"changes what it also reads: {effect.text}"
        return ""


def place_of(kind: str, on: tuple) -> tuple | None:
    """What a read or a change is about, the same for all ways to it."""
    target, key = (*on, None)[:2]
    if kind in ("global", "item", "keyword"):
        return id(target), type(key), key
    if kind == "attribute":
        own = namespace(target)
        return (id(target if own is None else own), str, key)
    return (id(target), None, None) if kind == "cell" else None


def held_by(kind: str, target: Any, key: Any) -> Any:
    """What is there now, MISSING if nothing is."""
    if kind == "attribute":
        own = namespace(target)
        return MISSING if own is None else own.get(key, MISSING)
    if kind == "item":
        return dict.get(target, key, MISSING)
    try:
        return target.cell_contents
    except ValueError:
        return MISSING


def _not_now() -> bool:
    return False


def _never(thing: Any, name: str, value: Any) -> bool:
    return False
