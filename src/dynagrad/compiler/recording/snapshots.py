"""What framework objects held when a step was recorded: modules and optimizers keep all that they
are in dictionaries. Imports recording.
"""

from collections.abc import Iterable
from typing import Any

from ...core.tape import Extras
from ...nn.modules import hooks
from ...nn.modules.module import Module
from ...optim import optimizer
from ...optim.lr_scheduler import LRScheduler
from ...optim.optimizer import Optimizer
from .session import UNSET, Session, same

#: the hooks of all modules and of all optimizers
_HOOKS_OF_ALL = (
    *(hooks._global_forward_hooks, hooks._global_forward_pre_hooks),
    *(hooks._global_backward_hooks, hooks._global_backward_pre_hooks),
    *(optimizer._global_pre_hooks, optimizer._global_post_hooks),
)


#: what takes of an optimizer's groups no more than the parameters, and what is an input
_KNOWN_USES = (".step", ".zero_grad")


class Snapshot:
    """The entries of one dictionary, or some of them; scalars and lists by value, other things by
    identity.
    """

    __slots__ = ("entries", "free", "held", "loose", "some")

    def __init__(self, held: dict, skip: Any = (), some: Any = ()) -> None:
        self.held, self.some = held, bool(some)
        self.entries = {k: _copied(v) for k, v in held.items() if k not in skip}
        if some:
            self.entries = {k: v for k, v in self.entries.items() if k in some}
        #: entries that may be anything
        self.free: set[Any] = set()
        #: entries that are compared by identity alone
        self.loose: dict[Any, Any] = {}

    def holds(self) -> bool:
        """Whether the dictionary has these entries and no others (but for `some`)."""
        held = self.held
        known = len(self.entries) + len(self.free) + len(self.loose)
        if len(held) != known and not self.some:
            return False
        if not self.free <= held.keys():
            return False
        if any(held.get(k, UNSET) is not v for k, v in self.loose.items()):
            return False
        return all(same(held.get(k, UNSET), v) for k, v in self.entries.items())

    def release(self, key: Any) -> None:
        """Let an entry be anything, as long as it is there."""
        if self.entries.pop(key, UNSET) is not UNSET:
            self.free.add(key)

    def loosen(self, key: Any) -> None:
        """Let what a list holds be anything, as long as it is the same list."""
        if self.entries.pop(key, UNSET) is not UNSET:
            self.loose[key] = self.held[key]


def _copied(value: Any) -> Any:
    """A value that later changes of a list do not change."""
    return type(value)(map(_copied, value)) if type(value) in (list, tuple) else value


def snapshots(session: Session, consulted: Iterable[Any]) -> list[Snapshot]:
    """What the modules that a step called, the optimizers that it used, and the objects of these
    kinds that the user's code looked at hold now.
    """
    found: list[Snapshot] = []
    seen: dict[int, Any] = {id(x): x for x, _ in consulted}
    for x in list(seen.values()):
        if isinstance(x, Module):
            seen |= {id(module): module for module in x.modules()}
    seen |= session.modules | session.optimizers
    read = _read_as_wholes(consulted)
    seen |= read
    for x in seen.values():
        if isinstance(x, Module):
            found += _of_module(x)
        elif isinstance(x, Optimizer):
            found += _of_optimizer(x)
            found += [
                Snapshot(group, some=() if id(x) in read else ("params",))
                for group in x.param_groups
                if id(x) in read or id(group) not in session.groups
            ]
        elif not any(x is scheduler for scheduler, _, _ in session.deferred):
            found.append(Snapshot(x.__dict__))
    if any(isinstance(x, Module | Optimizer) for x in seen.values()):
        found += [Snapshot(held, session.own_hooks) for held in _HOOKS_OF_ALL]
    if session.sets:
        by_dict = {id(snapshot.held): snapshot for snapshot in found}
        for (_, name), (module, before) in session.sets.items():
            by_dict[id(module.__dict__)].entries[name] = before
    return found


def of_holders(holders: Iterable[tuple[Any, list[tuple[dict, dict]]]]) -> list[Snapshot]:
    """What other objects of the framework hold, which the user's code looked at. Raises ValueError
    if one of them has changed since.
    """
    found = []
    for x, dictionaries in holders:
        for held, before in dictionaries:
            snapshot = Snapshot(held)
            if snapshot.entries.keys() != before.keys() or not all(
                same(v, before[k]) for k, v in snapshot.entries.items()
            ):
                raise ValueError(f"a {type(x).__name__} changes what it holds")
            found.append(snapshot)
    return found


def of_hooks(extras: Iterable[Extras]) -> list[Snapshot]:
    """The hooks of leaves."""
    found = []
    for extra in extras:
        inner = [*extra.tensor_hooks.values(), extra.tensor_hooks, extra.prehooks]
        inner += [extra.posthooks, extra.post_accumulate, extra.retained]
        found += map(Snapshot, inner)
    return found


def _read_as_wholes(consulted: Iterable[Any]) -> dict[int, Optimizer]:
    """The optimizers of which something may have read all options: `state_dict`, `repr`. What the
    user's own code reads of the groups is guarded for itself.
    """
    found = {}
    for x, by in consulted:
        if by.endswith(_KNOWN_USES) or (by and "." not in by):
            continue
        owner = getattr(x, "optimizer", None) if isinstance(x, LRScheduler) else x
        if isinstance(owner, Optimizer):
            found[id(owner)] = owner
    return found


def _of_module(module: Module) -> list[Snapshot]:
    own = module.__dict__
    inner = [v for k, v in own.items() if k[0] == "_" and isinstance(v, dict)]
    return [Snapshot(own), *map(Snapshot, inner)]


def _of_optimizer(x: Optimizer) -> list[Snapshot]:
    states = [held for held in x.state.values() if isinstance(held, dict)]
    own_hooks = [v for k, v in x.__dict__.items() if k.endswith("_hooks")]
    own = Snapshot(x.__dict__)
    return [own, Snapshot(x.state), *map(Snapshot, states), *map(Snapshot, own_hooks)]
