"""In-place writes to saved tensors, allowed: what is saved is copied just before it is written.
Imports core and saved.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from ..core.storage import owner
from ..core.tensor import Tensor, wrap
from .saved import saved_tensors_hooks

_allowed: ContextVar[bool] = ContextVar("mutation_of_saved_tensors_allowed", default=False)

OUTSIDE = (
    "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context"
    "in which the graph was originally recorded."
)


class _Handle:
    """What a node keeps in the place of a saved tensor."""

    __slots__ = ("__weakref__",)


class SavedCopies:
    """The saved tensors of one context, by their handles: as they were saved (`original`), or
    copied because they were to be written (`cloned`).
    """

    def __init__(self):
        self.original: WeakKeyDictionary[_Handle, Tensor] = WeakKeyDictionary()
        self.cloned: WeakKeyDictionary[_Handle, Tensor] = WeakKeyDictionary()
        self._by_memory: dict[int, WeakSet[_Handle]] = {}

    def clear(self) -> None:
        """Forget all; the graphs recorded in the context cannot run backward any more."""
        self.original.clear()
        self.cloned.clear()
        self._by_memory.clear()

    def keep(self, t: Tensor) -> _Handle:
        """A handle for a tensor; the same for the same tensor while it is unchanged."""
        handles = self._by_memory.setdefault(id(owner(t._a)), WeakSet())
        for handle in handles:
            held = self.original.get(handle)
            if held is not None and held._a is t._a:
                return handle
        handle = _Handle()
        handles.add(handle)
        self.original[handle] = wrap(t._a)
        return handle

    def read(self, handle: _Handle) -> Tensor:
        """The tensor as it was saved."""
        found = self.cloned.get(handle)
        if found is None:
            found = self.original.get(handle)
        if found is None or not _allowed.get():
            raise AssertionError(OUTSIDE)
        return found

    def before_write(self, array: Any) -> None:
        """Copy what is saved of the memory that is about to be written."""
        for handle in list(self._by_memory.get(id(owner(array)), ())):
            held = self.original.get(handle)
            if held is not None and np.may_share_memory(held._a, array):
                self.cloned[handle] = wrap(np.array(held._a))
                del self.original[handle]


class _CopyOnWrite(saved_tensors_hooks):
    def __init__(self, copies: SavedCopies):
        super().__init__(copies.keep, copies.read)
        self._copies = copies

    def writing(self, t: Tensor) -> None:
        """Copy before the write."""
        self._copies.before_write(t._a)


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[SavedCopies]:
    """Within this context, tensors saved for backward may be written in place: backward, which must
    run within it too, sees them as they were saved.

    A saved tensor is copied when it is first written, by this thread or task. Yields the object
    that holds the copies; it is cleared at the end. Raises RuntimeError when nested. Source:
    torch.autograd.graph.allow_mutation_on_saved_tensors.
    """
    if _allowed.get():
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    copies = SavedCopies()
    with _CopyOnWrite(copies):
        token = _allowed.set(True)
        try:
            yield copies
        finally:
            copies.clear()
            _allowed.reset(token)
