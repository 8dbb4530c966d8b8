"""The recorder: the watcher that makes an event of each operation. Imports core, events, flops,
memory, modules and names.
"""

import threading
import weakref
from bisect import bisect_left
from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from operator import attrgetter
from time import perf_counter_ns
from typing import Any

from ..core.tape import AccumulateGrad, Node, Output, caller, tick
from ..core.tensor import Tensor
from ..core.watch import Watcher, enter, leave, watchers
from .events import FunctionEvent
from .flops import flops_of
from .memory import SavedBytes, allocated
from .modules import Calls, Steps
from .names import call_stack, node_name, operation_of, primitive_of

_ENGINE = "autograd::engine::evaluate_function: "

#: the innermost event that is open in this thread or task
_current: ContextVar[FunctionEvent | None] = ContextVar("profiler_event", default=None)
#: the class of the latest primitive's node, and its event
_latest: ContextVar[Any] = ContextVar("profiler_primitive", default=(None, None))


class Recorder(Watcher):
    """Collects the events of the thread or task in which it was started, and of tasks and threads
    that take over its context.
    """

    def __init__(self, *, shapes: bool, memory: bool, stacks: bool, flops: bool):
        self.shapes, self.memory, self.stacks, self.flops = shapes, memory, stacks, flops
        self.events: list[FunctionEvent] = []
        self.origin = perf_counter_ns()
        self.finish = 0
        self.modules = Calls()
        self.steps = Steps(self)
        self._recorded: dict[int, FunctionEvent] = {}
        self._saved = SavedBytes()
        self._threads: dict[int, int] = {}
        self._next = count(1).__next__

    def start(self) -> None:
        """Begin to record; RuntimeError where this thread or task is being recorded already."""
        if active() is not None:
            raise RuntimeError(
                "a profiler is already running in this thread\nOne profile at a time: leave the "
                "outer one's `with` block, or call its stop(), first. To mark a part of a profile, "
                "use record_function."
            )
        self.thread()
        self.origin = perf_counter_ns()
        self.modules.attach()
        self.steps.attach()
        enter(self)

    def stop(self) -> None:
        """End what `start` began; what is still open ends here."""
        self.finish = perf_counter_ns()
        leave(self)
        self.modules.detach(self.finish)
        self.steps.detach()
        for call in self.modules.calls:
            call.thread = self._threads.setdefault(call.thread, len(self._threads) + 1)
        for event in self.events:
            if not event.end:
                event.end = self.finish
        _current.set(None)
        _latest.set((None, None))
        self._recorded.clear()
        self._saved = SavedBytes()

    def thread(self) -> int:
        """The number of this thread: 1 for the one that started the profile."""
        ident = threading.get_ident()
        return self._threads.get(ident) or self._threads.setdefault(ident, len(self._threads) + 1)

    # --- events

    def open(self, name: str, kind: str, place: tuple[Any, int] | None = None) -> FunctionEvent:
        """Begin an event inside the one that is open; `place`: the user's instruction, if the
        caller knows it.
        """
        event = FunctionEvent(name, kind, self._next(), self.thread(), self.origin)
        parent = self._parent(event.thread)
        if parent is not None:
            event._parent = weakref.ref(parent)
            parent.cpu_children.append(event)
        event.code, event.lasti = caller(2) if place is None else place
        event.module = self.modules.path()
        event.tick = tick()
        if self.stacks:
            event.stack = call_stack(2)
        self.events.append(event)
        _current.set(event)
        _latest.set((None, None))
        event.start = perf_counter_ns()
        return event

    def close(self, event: FunctionEvent, before: FunctionEvent | None) -> None:
        """End an event, and what is still open inside it; `before` was open before it."""
        event.end = perf_counter_ns()
        event.last_tick = tick()
        event.cpu_memory_usage = sum(e.cpu_memory_usage for e in event.cpu_children)
        _current.set(before)
        open_ones = [e for e in event.cpu_children if not e.end]
        while open_ones:
            inner = open_ones.pop()
            inner.end = event.end
            open_ones.extend(e for e in inner.cpu_children if not e.end)

    def _parent(self, thread: int) -> FunctionEvent | None:
        parent = _current.get()
        # A task or a thread may carry on the context of an event that has ended or is another's.
        if parent is None or parent.end or parent.thread != thread or parent._origin != self.origin:
            return None
        return parent

    # --- what a watcher is told

    def called(self, f: Callable, args: tuple, kwargs: dict) -> Any:
        """A public function is called."""
        name, kind = _name_and_kind(f, args)
        before = _current.get()
        if before is not None and not before.end and (before.name, before.kind) == (name, kind):
            return NotImplemented  # this call itself, or one half of a function calling the other
        event = self.open(name, kind)
        token = watchers.set((*watchers.get(), self))
        result = NotImplemented
        try:
            result = f(*args, **kwargs)
        finally:
            watchers.reset(token)
            self.close(event, before)
        if result is NotImplemented:  # an operator that leaves the operands to Python
            self._forget(event)
            return result
        self._describe(event, (*args, *kwargs.values()), result)
        self._register(result, event)
        return result

    def begin(self, name: str, kind: str, args: str | None = None) -> FunctionEvent:
        """Begin a block that `end` ends, or the end of what it stands in."""
        event = self.open(name, kind)
        event.args = args
        return event

    def end(self, what: str | FunctionEvent) -> None:
        """End a block that `begin` began: the event, or the innermost of a name."""
        event = _current.get()
        while event is not None and what not in (event, event.name):
            event = event.cpu_parent
        if event is None and isinstance(what, FunctionEvent):
            what.end = what.end or perf_counter_ns()  # its block was left out of order
        if event is not None:
            self.close(event, event.cpu_parent)

    def is_active(self) -> bool:
        """Whether this thread or task is recorded here."""
        return self in watchers.get()

    def computed(self, compute: Callable[[], Any], cls: type[Node], inputs: tuple, kw: dict) -> Any:
        """A primitive runs: an event of its own, unless the public function has its name."""
        name = primitive_of(cls)
        before = _current.get()
        if before is not None and not before.end and before.name == name:
            _latest.set((cls, before))
            return compute()
        event = self.open(name, "operation")
        try:
            result = compute()
        finally:
            self.close(event, before)
        self._describe(event, inputs, result)
        _latest.set((cls, event))
        return result

    def noted(self, node: Node, inputs: tuple) -> None:
        """A node was recorded: count what it keeps."""
        cls, event = _latest.get()
        _latest.set((None, None))
        if cls is not type(node):
            event = self._parent(self.thread())
        if event is None:
            return
        kept, due = self._saved.count(node)
        event.kept_bytes += kept
        event.self_saved_bytes += due
        self._tie(node, event)

    def propagated(self, compute: Callable[[], Any], node: Node, g: Any, create: bool) -> Any:
        """A node runs backward."""
        return self._backward(compute, node, g)

    def delivered(self, compute: Callable[[], Any], leaf: AccumulateGrad, g: Any) -> Any:
        """A leaf's gradient is complete and added to its `.grad`."""
        return self._backward(compute, leaf, g)

    def _backward(self, compute: Callable[[], Any], node: Node, g: Any) -> Any:
        name = node_name(type(node))
        before = _current.get()
        is_leaf = type(node) is AccumulateGrad
        place = caller() if is_leaf else (node.code, node.lasti)
        outer = self.open(_ENGINE + name, "backward", place)
        inner = self.open(name, "backward", place)
        forward = None if is_leaf else self._forward_of(node)
        for event in (outer, inner):
            event.sequence_nr = -1 if is_leaf else node.seq
            if forward is not None:
                event._forward = weakref.ref(forward)
                event.fwd_thread = forward.thread
                event.module = forward.module
        try:
            result = compute()
        finally:
            self.close(inner, outer)
            self.close(outer, before)
        self._describe(inner, g if isinstance(g, list) else (g,), result)
        return result

    def _forward_of(self, node: Node) -> FunctionEvent | None:
        """The event in which a node was recorded: the one tied to it or, for a node of which nobody
        tells (a view inside an operation), the innermost of this thread that ran at its tick.
        """
        found = self._recorded.get(node.seq)
        if found is None:
            thread = self.thread()
            last = bisect_left(self.events, node.seq, key=attrgetter("tick"))
            for event in reversed(self.events[max(0, last - 64) : last]):
                if event.last_tick > node.seq and event.thread == thread:
                    return event
        return found

    # --- what is known of an event once it has ended

    def _forget(self, event: FunctionEvent) -> None:
        parent = event.cpu_parent
        if event.cpu_children or self.events[-1] is not event:
            return
        self.events.pop()
        if parent is not None:
            parent.cpu_children.remove(event)

    def _describe(self, event: FunctionEvent, inputs: Any, result: Any) -> None:
        if self.shapes or self.flops:
            shapes = [_shape(x) for x in inputs]
            if self.flops:
                event.flops = flops_of(event.name, shapes)
            if self.shapes:
                event.input_shapes = shapes
        if self.memory:
            event.cpu_memory_usage = allocated(result, inputs)

    def _register(self, result: Any, event: FunctionEvent) -> None:
        """Tie the nodes of the results (views tell nobody) to the event that made them."""
        for t in result if isinstance(result, tuple | list) else (result,):
            if not isinstance(t, Tensor):
                continue
            base = getattr(t, "_b", None)
            for edge in (t._e, None if base is None else base._e):
                node = edge.node if type(edge) is Output else edge
                if node is None or type(node) is AccumulateGrad or node.seq < event.tick:
                    continue  # nothing was recorded here
                self._tie(node, event)
                if type(node).__name__ == "CopySlices" and node.edges[1] is not None:
                    written = node.edges[1]
                    self._tie(written.node if type(written) is Output else written, event)

    def _tie(self, node: Node, event: FunctionEvent) -> None:
        if node.seq not in self._recorded:
            self._recorded[node.seq] = event
            if event.sequence_nr < 0:
                event.sequence_nr = node.seq


def started(asked: Any) -> Recorder:
    """A recorder of what a profile asks for by its attributes, at work."""
    recorder = Recorder(
        shapes=asked.record_shapes,
        memory=asked.profile_memory,
        stacks=asked.with_stack,
        flops=asked.with_flops,
    )
    recorder.start()
    return recorder


def _name_and_kind(f: Callable, args: tuple) -> tuple[str, str]:
    owner = getattr(f, "__self__", None)
    if isinstance(owner, type):  # a user's Function
        return owner.__name__, "operation"
    name = operation_of(getattr(f, "__qualname__", type(f).__name__))
    if name == "aten::zero_grad":
        return f"Optimizer.zero_grad#{type(args[0]).__name__}.zero_grad", "optimizer"
    return name, "operation" if name.startswith("aten::") else "data"


def _shape(x: Any) -> list:
    if isinstance(x, tuple | list):
        return [_shape(item) for item in x] if any(isinstance(i, Tensor) for i in x) else []
    return list(getattr(x, "shape", ()))


def active() -> Recorder | None:
    """The recorder of this thread or task."""
    return next((w for w in watchers.get() if isinstance(w, Recorder)), None)
