"""Containers and objects that a step returns, or keeps by its changes: which object each one is.
Imports census, number, variant.

A run makes them anew. That is what the step does where it made each of them itself and has it in
one place; the call that was recorded hands out the very objects that the step had.
"""

import gc
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from ..census.effects import Effect
from ..census.guards import Reason, namespace
from .number import Number
from .variant import Unfit

__all__ = ["Settled", "check_identity"]

_DICTS = (dict, OrderedDict, defaultdict)
_DEEPEST = 64


def check_identity(result: Any, effects: list[Effect], is_fresh: Callable[[Any], bool]) -> None:
    """Raise Unfit unless each container in the result, or in the values that changes keep, was made
    by the step and stands in one place.
    """
    why = _obstacle(result, effects, is_fresh)
    if why:
        raise Unfit(Reason(why, *(effects[0].place if effects else ("", 0))))


def _obstacle(result: Any, effects: list[Effect], is_fresh: Callable[[Any], bool]) -> str:
    level, seen, others = [result, *(e.value for e in effects)], {}, []
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for x in level:
            inside = _inside(x, is_fresh)
            if inside is None:
                continue
            if not isinstance(x, tuple):
                if id(x) in seen:
                    does = "keeps" if effects else "returns"
                    return f"the step {does} a {type(x).__name__} in several places"
                if not is_fresh(x):
                    others.append(x)
            seen[id(x)] = x
            below += inside
        if not below:
            break
        level = below
    else:
        return "the step returns containers within each other, too many to look at"
    known = {id(level), id(seen), id(others), *seen}
    known.update(id(namespace(x)) for x in seen.values() if is_fresh(x))
    changed = {id(e.target) for e in effects}
    for x in others:
        if id(x) in changed:
            return f"the step returns the {type(x).__name__} that it changes"
        # what the framework made for the step is in no other hands: nobody can tell
        if any(id(holder) not in known for holder in gc.get_referrers(x)):
            return f"the step returns a {type(x).__name__} that was there before"
    return ""


def _inside(x: Any, is_fresh: Callable[[Any], bool]) -> list[Any] | None:
    """What a run would make anew for this; None where it would not be made anew."""
    kind: Any = type(x)
    if kind in (list, tuple, deque):
        return list(x)
    if kind in _DICTS:
        return list(dict.values(x))
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        return list(tuple.__iter__(x))
    own = _attributes(x) if is_fresh(x) else None
    return None if own is None else list(own.values())


def _attributes(x: Any) -> dict[str, Any] | None:
    """The attributes of an object whose class is the user's."""
    if isinstance(x, type) or not type(x).__flags__ & (1 << 9):
        return None
    return namespace(x)


class Settled:
    """What a step left, without the trace's numbers: containers that can change are changed in
    place, by the methods of their builtin bases, for the user's code has had its turn.
    """

    def __init__(self, is_fresh: Callable[[Any], bool]) -> None:
        self.is_fresh = is_fresh
        #: what was met, by identity, with what takes its place
        self.seen: dict[int, tuple[Any, Any]] = {}

    def __call__(self, x: Any) -> Any:
        kind: Any = type(x)
        if kind is Number:
            return float.__float__(x)
        is_container = isinstance(x, list | tuple | dict | deque)
        own = _attributes(x) if not is_container and self.is_fresh(x) else None
        if not is_container and own is None:
            return x
        if id(x) in self.seen:
            return self.seen[id(x)][1]
        self.seen[id(x)] = x, x
        if own is not None:
            self._values(own)
        elif isinstance(x, dict):
            self._values(x)
        elif isinstance(x, tuple):
            items = list(tuple.__iter__(x))
            settled = [self(item) for item in items]
            if any(new is not old for new, old in zip(settled, items, strict=True)):
                made = tuple.__new__(kind, settled)
                if (held := namespace(x)) is not None:
                    made.__dict__.update(held)
                self.seen[id(x)] = x, made
                return made
        else:
            base: Any = deque if isinstance(x, deque) else list
            for i, item in enumerate(list(base.__iter__(x))):
                if (value := self(item)) is not item:
                    base.__setitem__(x, i, value)
        return x

    def _values(self, held: dict) -> None:
        for key, item in list(dict.items(held)):
            if (value := self(item)) is not item:
                dict.__setitem__(held, key, value)
