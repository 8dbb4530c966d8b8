"""The census of user code: what a Python step read and changed while it ran once.

`Census.run` calls the step and follows every frame of the user's code, instruction by instruction.
Afterwards `guards` verify all that it read besides tensors, and `reasons` say why native code may
not stand in for it. What is not known to be harmless is a reason: no reason and all guards holding
means that the step's Python would do again what it did. Imports follow, guards, reads and watch.
"""

import os
from collections.abc import Callable
from typing import Any

from .effects import Effect
from .follow import follow
from .guards import MISSING, Guard, Reason
from .reads import World, always, nothing
from .watch import Store, Watch, is_numpy

__all__ = ["Census", "Effect", "Guard", "Reason", "Store"]

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Census:
    """Run a step once and note what its Python did.

    is_framework: whether a file is the framework's: its frames are not followed, its functions and
    objects are the tracer's business. is_framework_object: whether the tracer watches an object
    though its class is the user's (a Module). is_symbolic: whether a number came out of a tensor
    and belongs to the tracer; operators on it are the tracer's, C code that would read it is a
    reason.

    After `run`: `guards`, `reasons`, `arguments` (the paths within args and kwargs that were read
    as Python values) and `stores` (writes to framework objects made by the user's own code, which
    the tracer must know of or refuse). The tracer checks itself that framework objects still stand
    where they stood among the arguments, and rebuilds what the step returned.
    """

    def __init__(
        self,
        is_framework: Callable[[str], bool],
        is_framework_object: Callable[[Any], bool],
        is_symbolic: Callable[[Any], bool] | None = None,
    ) -> None:
        self._is_framework = is_framework
        self._is_framework_object = is_framework_object
        self._is_symbolic = is_symbolic or (lambda thing: False)
        self._files: dict[str, bool] = {}
        self.guards: list[Guard] = []
        self.reasons: list[Reason] = []
        self.arguments: list[tuple] = []
        self.stores: list[Store] = []
        #: the framework's objects that the user's code looked at or handed to the framework, each
        #: with the attribute or function, and which of them are noted here
        self.consulted: list[tuple[Any, str]] = []
        self.notes: Callable[[Any], bool | None] = always
        #: why an attribute of one cannot be read by a step, "" if it can
        self.hides: Callable[[Any, str], str] = nothing
        #: the error that ends the step when there are reasons, if it is to end: asked before each
        #: instruction of the user's code
        self.halt: Callable[[list[Reason]], BaseException | None] | None = None
        #: whether changes of Python objects are noted as such, where they can be made again; they
        #: are reasons if not. `effects` are those that a run has to make
        self.repeats = False
        self.effects: list[Effect] = []
        #: the others: containers that were changed, and what was stored
        self.left: list[Any] = []
        self.refused: list[Effect] = []
        #: see `Effects`
        self.is_open: Callable[[Any, str, Any], bool] | None = None
        self.is_later: Callable[[], bool] | None = None
        #: whether an object of the framework is made for one call of a function of the user's,
        #: which gets it as its first argument
        self.is_lent: Callable[[Any], bool] | None = None
        #: whether the framework's own code is run: what it uses of the standard library is not
        #: followed
        self.is_inner = False
        #: whether a file of the framework calls functions of the user's with containers that it has
        #: built anew from those that it was given
        self.rebuilds: Callable[[str], bool] | None = None
        #: the other ones: (object, [(a dictionary of it, a copy at first sight)])
        self.holders: list[tuple[Any, list[tuple[dict, dict]]]] = []

    def is_fresh(self, x: Any) -> bool:
        """Whether an object that is still there was made by the step's own code."""
        return id(x) in self._fresh

    def is_effect(self, x: Any, name: str) -> bool:
        """Whether the step's code sets an attribute which it will set at each run."""
        return any(e.kind == "attribute" and e.target is x and e.key == name for e in self.effects)

    def counts(self) -> tuple[int, int]:
        """How many objects were looked at, and how many guards there are, up to now."""
        return len(self._world.consulted), len(self._world.guards)

    def run(self, fn: Callable, args: tuple = (), kwargs: dict | None = None) -> Any:
        """`fn(*args, **kwargs)`, once, with its result or its exception."""
        kwargs = {} if kwargs is None else kwargs
        self._world = world = World(
            self._is_framework, self._is_framework_object, self._is_symbolic
        )
        world.notes, world.hides = self.notes, self.hides
        watch = Watch(self.follows, world, fn, args, kwargs)
        watch.halt = self.halt
        self.effects, self.left = watch.effects.made, watch.effects.left
        self.refused = watch.effects.refused
        watch.effects.repeats = self.repeats
        if self.is_open is not None:
            watch.effects.is_open = self.is_open
        watch.begun = self.is_inner
        watch.is_lent = self.is_lent or watch.is_lent
        watch.rebuilds = self.rebuilds or watch.rebuilds
        if self.is_later is not None:
            watch.effects.is_later = self.is_later
        result = MISSING
        try:
            result = follow(watch, lambda: fn(*args, **kwargs))
        except BaseException as error:
            watch.failed(error)
            raise
        finally:
            self._fresh = set(world.fresh)
            watch.finish(result)
            self.guards = list(world.guards.values())
            self.reasons = world.reasons
            self.arguments = list(dict.fromkeys(world.paths))
            self.stores = watch.stores
            self.consulted, self.holders = world.consulted, list(world.holders.values())
            watch.forget()
        return result

    def forget(self) -> None:
        """Let go of all that was seen, where nothing comes of the run: what sessions hold lives
        until the collector comes, and users may hold weak references.
        """
        seen = self.guards, self.consulted, self.holders, self.effects, self.left, self.refused
        for held in seen:
            held.clear()

    def follows(self, file: str) -> bool:
        """Whether a frame of this file is followed: the user's, and what it calls in libraries
        other than the framework and NumPy.
        """
        known = self._files.get(file)
        if known is None:
            skipped = self._is_framework(file) or is_numpy(file) or file.startswith(_OWN)
            known = self._files[file] = not skipped
        return known
