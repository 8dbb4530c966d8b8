"""Changes of Python objects that a run makes after its native code, as the recorded step made them
(see `census.effects`). Imports census, identity, session, snapshots.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...nn.modules.module import Module
from ...nn.parameter import Parameter
from ..census.effects import Effect, held_by
from ..census.guards import MISSING, lookup, namespace
from .identity import Settled
from .session import Session
from .snapshots import Snapshot

__all__ = ["Change", "dependence", "is_open", "settle"]

_OWN = __name__.partition(".")[0]
#: attributes of modules that hold what the framework knows
_PARTS = ("_parameters", "_buffers", "_modules")
#: what may grow: arithmetic on these runs no code of the user's
_NUMBERS = (int, float)


class Change(NamedTuple):
    """One change to make again; `late`: after the schedulers have stepped."""

    effect: Effect
    late: bool

    def fits(self) -> bool:
        """Whether what is to grow is still a number, and what a module is to get it still has."""
        e = self.effect
        if e.by is not None:
            return type(held_by(e.kind, e.target, e.key)) in _NUMBERS
        return not isinstance(e.target, Module) or e.key in e.target.__dict__

    def make(self, value: Any) -> None:
        """Make it."""
        e = self.effect
        if e.kind == "append":
            e.target.append(value)
            return
        if e.by is not None:
            value = _grown(held_by(e.kind, e.target, e.key), e.by, value)
        _put(e, value)


def _grown(held: Any, by: str, value: Any) -> Any:
    if by == "+=":
        return held + value
    return held - value if by == "-=" else held * value


def _put(e: Effect, value: Any) -> None:
    if e.kind == "attribute":
        object.__setattr__(e.target, e.key, value)
    elif e.kind == "item":
        e.target[e.key] = value
    else:
        e.target.cell_contents = value


def is_open(x: Any, name: str, value: Any) -> bool:
    """Whether a step may set an attribute of a module: of one whose class is the user's, built on
    Module itself, where the name says nothing to the framework.
    """
    if not isinstance(x, Module) or name.startswith("_") or isinstance(value, Module | Parameter):
        return False
    kind, own = type(x), x.__dict__
    return (
        all(base in Module.__mro__ or not _is_ours(base) for base in kind.__mro__)
        and lookup(kind, "__setattr__") is lookup(Module, "__setattr__")
        and lookup(Module, name) is MISSING
        and lookup(type(lookup(kind, name)), "__set__") is MISSING
        and not any(name in own.get(part, ()) for part in _PARTS)
    )


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == _OWN


def dependence(census: Any, snapshots: list[Snapshot], session: Session) -> str:
    """Why the changes cannot be made again: what the framework reads would have to change too; ""
    if they can. The snapshots let go of what changes.
    """
    effects: list[Effect] = census.effects
    own = {id(s.held): s for s in snapshots}
    known = [*session.modules.values(), *(x for x, _ in census.consulted)]
    known = [x.modules() for x in known if isinstance(x, Module)]
    modules = {id(x.__dict__): x for found in known for x in found}
    targets = {id(e.target): e for e in effects if e.kind in ("append", "item")}
    for e in effects:
        snapshot = own.get(id(e.target.__dict__)) if e.kind == "attribute" else None
        if snapshot is not None:
            snapshot.release(e.key)
    for snapshot in snapshots:
        open_ones = modules.get(id(snapshot.held))
        for key, value in snapshot.held.items():
            for inner in (snapshot.held, *_containers(value)):
                e = targets.get(id(inner))
                if e is None:
                    continue
                is_own = inner is value and open_ones is not None
                if not is_own or not is_open(open_ones, key, value):
                    return f"{e.text} is part of what the framework reads"
                snapshot.loosen(key)
    return ""


def _containers(x: Any, depth: int = 0) -> Iterator[Any]:
    """The containers within a value, itself among them."""
    if not isinstance(x, list | tuple | dict | deque) or depth > 8:
        return
    yield x
    for item in x.values() if isinstance(x, dict) else x:
        yield from _containers(item, depth + 1)


def settle(effects: list[Effect], left: list[Any], result: Any, is_fresh: Any) -> Any:
    """Put ordinary numbers where the recorded step has left those that the trace watches: in what
    its changes are about, in other containers that it has changed, and in its result, which it
    returns.
    """
    settled = Settled(is_fresh)
    for container in left:
        settled(container)
    for e in effects:
        if e.kind != "append":
            held = held_by(e.kind, e.target, e.key)
            if (value := settled(held)) is not held:
                _settle(e, value)
            continue
        target: Any = e.target
        base: Any = deque if isinstance(target, deque) else list
        for i in range(base.__len__(target) - 1, -1, -1):
            if base.__getitem__(target, i) is e.value:
                base.__setitem__(target, i, settled(e.value))
                break
    return settled(result)


def _settle(e: Effect, value: Any) -> None:
    if e.kind == "item":
        dict.__setitem__(e.target, e.key, value)
    elif e.kind == "attribute" and (own := namespace(e.target)) is not None:
        own[e.key] = value
    else:
        _put(e, value)
