"""Watchers: what looks at operations while it is active (saved-tensor hooks, anomaly mode,
profilers). Imports tape and tensor.

While nobody watches, the operations know nothing of this file: a watcher empties PLAIN, so that
every short path gives way to the general one, and that one asks here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from threading import Lock
from typing import Any

from .tape import Node
from .tensor import Tensor

#: classes whose instances take part in operations without asking anybody (Tensor, Parameter, ...)
OWN: set[type] = {Tensor}
#: the same, but empty while somebody watches: what the short paths ask
PLAIN: set[type] = {Tensor}
#: classes that override `__torch_function__` and, while somebody watches, Watcher; while it is
#: empty nothing is asked
overriding: set[type] = set()


def take_as_own(kind: type) -> None:
    """Let a class take part in operations without asking anybody."""
    OWN.add(kind)
    if PLAIN:
        PLAIN.add(kind)


class Watcher:
    """What may be told of the operations of this thread or task; a subclass overrides what it
    needs.
    """

    #: whether it brings the arguments of functions to one dtype
    casts: bool = False

    def called(self, f: Callable, args: tuple, kwargs: dict) -> Any:
        """A public function is called: its result (`f(*args, **kwargs)`), or NotImplemented to
        stand aside. The watcher itself is not active inside.
        """
        return NotImplemented

    def computed(self, compute: Callable[[], Any], cls: type[Node], inputs: tuple, kw: dict) -> Any:
        """A primitive runs: `compute()` does it and returns the result, Tensor or tuple of them."""
        return compute()

    def writing(self, t: Tensor) -> None:
        """A tensor's memory is about to be written in place."""

    def noted(self, node: Node, inputs: tuple) -> None:
        """A node was recorded for these inputs; what it saved may be replaced here."""

    def propagated(self, compute: Callable[[], Any], node: Node, g: Any, create: bool) -> Any:
        """A node's rules run in a backward pass: `compute()` does it and returns the inputs'
        cotangents.
        """
        return compute()

    def stream(self, stream: Any) -> None:
        """A stream of random numbers is about to be used."""

    def drawn(self, draw: Callable, given: tuple) -> Any:
        """Random values are drawn: what `draw(*arrays)` returns for the payloads `given`, or
        NotImplemented to stand aside.
        """
        return NotImplemented

    def created(self, x: Any) -> None:
        """A module is being made."""

    def secret(self, what: str) -> None:
        """Something happens that no operation shows, as this text says."""

    def delivered(self, compute: Callable[[], Any], leaf: Node, g: Any) -> Any:
        """A leaf's gradient is complete: `compute()` adds it to `.grad`."""
        return compute()

    def wrote(self, t: Tensor, sources: tuple) -> None:
        """`t`'s memory was written in place, from these tensors or arrays."""

    def hooked(self, hook: Any, node: Node | None, given: tuple, answer: Any) -> None:
        """A user's hook has answered in a backward pass; `node` is given for a node's post-hook."""


#: the watchers of this thread or task, the outermost first
watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("watchers", default=())
#: those of all threads and tasks; they see everything before these do, but are not asked `called`
everywhere: list[Watcher] = []
_lock = Lock()
#: who has all operations take their general path, and the watchers of all threads and tasks. They
#: are kept themselves, not counted, so that what an interrupt cut short can be ended all the same
_general: list[Any] = []
_watching: list[Watcher] = []


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Let `watcher` see the operations of this thread or task."""
    enter(watcher)
    try:
        yield
    finally:
        leave(watcher)


def general_paths(holder: Any, wanted: bool) -> None:
    """Have all operations take their general path, until the same holder has taken that back as
    often.
    """
    with _lock:
        if wanted:
            _general.append(holder)
        else:
            _drop(_general, holder)
        if _general:
            PLAIN.clear()
        else:
            PLAIN.update(OWN)


def _drop(held: list, x: Any) -> list:
    """The list, of which `x` itself is taken out where it came last, if it is there."""
    for place in [n for n, one in enumerate(held) if one is x][-1:]:
        del held[place]
    return held


def active() -> tuple[Watcher, ...]:
    """All watchers of this thread or task."""
    return (*everywhere, *watchers.get())


def enter(watcher: Watcher) -> None:
    """Begin to watch."""
    general_paths(watcher, True)
    with _lock:
        _watching.append(watcher)
        overriding.add(Watcher)
    watchers.set((*watchers.get(), watcher))


def leave(watcher: Watcher) -> None:
    """End what `enter` began, or what of it there is."""
    watchers.set(tuple(_drop(list(watchers.get()), watcher)))
    with _lock:
        _drop(_watching, watcher)
        if not _watching:
            overriding.discard(Watcher)
    general_paths(watcher, False)


def watched_call(f: Callable, args: tuple, kwargs: dict) -> Any:
    """What the watchers answer for a public function, the innermost first; NotImplemented if none
    does.
    """
    all_of_them = watchers.get()
    for place in reversed(range(len(all_of_them))):
        watcher = all_of_them[place]
        if type(watcher).called is Watcher.called:
            continue
        token = watchers.set((*all_of_them[:place], *all_of_them[place + 1 :]))
        try:
            answer = watcher.called(f, args, kwargs)
        finally:
            watchers.reset(token)
        if answer is not NotImplemented:
            return answer
    return NotImplemented


def watched_draw(draw: Callable, *given: Any) -> Any:
    """What a watcher answers for a draw of random values; NotImplemented if none does."""
    for watcher in active():
        answer = watcher.drawn(draw, given)
        if answer is not NotImplemented:
            return answer
    return NotImplemented


def observed(event: Callable, compute: Callable[[], Any], *given: Any) -> Any:
    """Run `compute` under the eyes of all watchers: `event` is a method of Watcher that takes it,
    such as `Watcher.computed`.
    """
    for watcher in active():
        compute = partial(getattr(watcher, event.__name__), compute, *given)
    return compute()


def notify(event: Callable, *given: Any) -> None:
    """Tell all watchers of an event: a method of Watcher, such as `Watcher.noted`."""
    for watcher in active():
        getattr(watcher, event.__name__)(*given)
