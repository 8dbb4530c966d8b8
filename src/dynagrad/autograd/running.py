"""The backward pass that is running around a call, and what waits for several gradients of it.
Imports core.
"""

import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Literal

from ..core.engine import run
from ..core.hooks import call_hook
from ..core.paths import nodes_below
from ..core.tape import AccumulateGrad, Output
from ..core.tensor import edge_of
from .differentiate import RemovableHandle, accumulating


class Pass:
    """One backward pass, while it runs: what is to be called at its end, and notes of hooks."""

    def __init__(self, roots: list, targets: dict | None, needed: set | None):
        self._roots = roots
        self._targets = targets
        self._needed = needed
        self._executed: set | None = None
        self.callbacks: list[Callable[[], Any]] = []
        self.notes: dict[Any, Any] = {}

    def __call__(self) -> None:
        """Run the callbacks, also those that they add."""
        for callback in self.callbacks:
            callback()

    def executes(self, node: Any) -> bool:
        """Whether this pass comes to a node, or delivers to a leaf."""
        if self._executed is None:
            below = set(nodes_below(self._roots))
            if self._needed is not None and self._targets is not None:
                ends = {e.node if type(e) is Output else e for e in self._targets}
                below &= self._needed | ends
            edges = [*self._roots, *(edge for node in below for edge in node.edges)]
            leaves = {edge for edge in edges if type(edge) is AccumulateGrad}
            if self._targets is not None:
                leaves &= self._targets.keys()
            self._executed = below | leaves
        return node in self._executed


def current_pass() -> Pass | None:
    """The innermost backward pass of this thread that runs now, or None.

    A pass is a call of the engine's loop: it is looked up on the stack, so that passes which nobody
    asks about pay nothing.
    """
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code is run.__code__:
            found = frame.f_locals
            final = found["final"]
            if not final:
                final.append(Pass(found["roots"], found["targets"], found["needed"]))
            return final[0]
        frame = frame.f_back
    return None


class Engine:
    """What `Variable._execution_engine` offers."""

    def queue_callback(self, callback: Callable[[], Any]) -> None:
        """Call `callback()` at the end of the backward pass that is running; RuntimeError if none
        is.
        """
        running = current_pass()
        if running is None:
            raise RuntimeError(
                "Final callbacks can only be installed during backward pass.\n"
                "Call queue_callback within a hook or a Function's backward."
            )
        running.callbacks.append(callback)

    def is_checkpoint_valid(self) -> bool:
        """Whether the running pass fills all leaves, as reentrant checkpoints need."""
        return accumulating.get()


class MultiHandle(RemovableHandle):
    """The handle of a hook on several tensors."""

    def __init__(self, handles: tuple[RemovableHandle, ...]):
        self.handles = handles

    def remove(self) -> None:
        """Take the hook off all its tensors."""
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> tuple:
        return self.handles

    def __setstate__(self, state: tuple) -> None:
        self.handles = state


def register_multi_grad_hook(
    tensors: Sequence[Any],
    fn: Callable[[Any], None],
    *,
    mode: Literal["all", "any"] = "all",
) -> RemovableHandle:
    """Call a hook once for the gradients of several tensors in each backward pass.

    mode "all": `fn(grads)` when the gradients of all those tensors that the pass reaches are there,
    None for the others; a tensor that the pass comes to without a gradient does not keep it from
    being called at the end. mode "any": `fn(grad)` with the first of them. Source:
    torch.autograd.graph.register_multi_grad_hook.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    key = object()
    if mode == "any":

        def first(grad: Any) -> None:
            notes = _running().notes
            if key not in notes:
                notes[key] = True
                fn(grad)

        return MultiHandle(tuple([t.register_hook(first) for t in tensors if t.requires_grad]))
    tensors = tuple(tensors)
    if not all([t.requires_grad for t in tensors]):
        raise AssertionError(
            "Expected gradient function to be set: every tensor must require grad in mode 'all'"
        )
    # A hook that held the nodes would close a cycle: they hold the hook.
    nodes = [weakref.ref(getattr(edge := edge_of(t), "node", edge)) for t in tensors]

    def collecting(index: int) -> Callable[[Any], None]:
        def hook(grad: Any) -> None:
            running = _running()
            note = running.notes.get(key)
            if note is None:
                awaited = sum([running.executes(node()) for node in nodes])
                note = running.notes[key] = _Collected(len(nodes), awaited, fn)
                running.callbacks.append(note.finish)
            note.add(index, grad)

        return hook

    return MultiHandle(tuple([t.register_hook(collecting(i)) for i, t in enumerate(tensors)]))


class _Collected:
    """The gradients that have arrived for one hook in one pass."""

    def __init__(self, count: int, awaited: int, fn: Callable):
        self.grads: list[Any] = [None] * count
        self.awaited = awaited
        self.fn: Callable | None = fn

    def add(self, index: int, grad: Any) -> None:
        self.grads[index] = grad
        self.awaited -= 1
        if not self.awaited and self.fn is not None:
            fn, self.fn = self.fn, None
            fn(self.grads)

    def finish(self) -> None:
        if self.fn is not None:
            call_hook(self.fn, False, self.grads)


def _running() -> Pass:
    running = current_pass()
    if running is None:
        raise AssertionError("expected this hook to be called inside a backward call")
    return running
