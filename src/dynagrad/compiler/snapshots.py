"""What framework objects held when a step was recorded: modules and optimizers keep all that they
are in dictionaries. Imports recording.
"""

from typing import Any

from ..nn.modules.module import Module
from ..optim.optimizer import Optimizer
from .recording import UNSET, Session, same

#: attributes that change in every step, and on which nothing depends
_IDLE = {"_opt_called", "_step_count"}


class Snapshot:
    """The entries of one dictionary; scalars and lists by value, other things by identity."""

    __slots__ = ("entries", "held")

    def __init__(self, held: dict, skip: Any = ()) -> None:
        self.held = held
        self.entries = {k: _copied(v) for k, v in held.items() if k not in skip}

    def holds(self) -> bool:
        """Whether the dictionary has these entries and no others."""
        held = self.held
        if len(held) != len(self.entries) and len(held.keys() - _IDLE) != len(self.entries):
            return False
        return all(same(held.get(k, UNSET), v) for k, v in self.entries.items())


def _copied(value: Any) -> Any:
    """A value that later changes of a list do not change."""
    return type(value)(map(_copied, value)) if type(value) in (list, tuple) else value


def snapshots(session: Session) -> list[Snapshot]:
    """What the modules that a step called and the optimizers that it used hold now."""
    found: list[Snapshot] = []
    for module in session.modules.values():
        found += _of_module(module)
    for optimizer in session.optimizers.values():
        found += _of_optimizer(optimizer)
    return found


def _of_module(module: Module) -> list[Snapshot]:
    own = module.__dict__
    inner = [v for k, v in own.items() if k[0] == "_" and isinstance(v, dict)]
    return [Snapshot(own), *map(Snapshot, inner)]


def _of_optimizer(optimizer: Optimizer) -> list[Snapshot]:
    states = [held for held in optimizer.state.values() if isinstance(held, dict)]
    hooks = [v for k, v in optimizer.__dict__.items() if k.endswith("_hooks")]
    own = Snapshot(optimizer.__dict__, _IDLE)
    return [own, Snapshot(optimizer.state), *map(Snapshot, states), *map(Snapshot, hooks)]
