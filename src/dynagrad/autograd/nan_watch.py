"""The watcher of anomaly mode: it looks at every result and every gradient for the first nan.
Imports core and nan_report.
"""

import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..core.quiet import WARNED, quietly, warn
from ..core.tape import AccumulateGrad, Node, caller, node_and_number
from ..core.tensor import Tensor
from ..core.watch import Watcher
from ..ops.shape import sum_to
from .nan_events import (
    Event,
    Notes,
    Origins,
    array_of,
    bad_text,
    operation_name,
    range_text,
    stack_here,
    stack_text,
    worst,
)
from .nan_report import Given, forward_text, report


class Setting(NamedTuple):
    """The arguments of set_detect_anomaly."""

    mode: bool
    check_nan: bool
    check_forward: str


class NanWatch(Watcher):
    """Follows nan and infinity from operation to operation; `setting` tells what this thread or
    task wants.
    """

    def __init__(self, setting: Callable[[], Setting]):
        self.setting = setting
        self.origins = Origins()
        #: the user's frames at the time each node was recorded
        self.stacks = Notes()
        #: for nodes recorded in a backward pass: says which node was at work
        self.parents = Notes()
        #: the nodes that sent each node its cotangent, and whether they put zeros into it
        self._senders = Notes()
        #: the infinities that were sent to each node
        self._infinities = Notes()
        #: what the last operation made: (id of its inputs, its class, event)
        self._made: ContextVar[tuple | None] = ContextVar("made", default=None)
        self._running: ContextVar[Node | None] = ContextVar("running", default=None)
        #: what a hook has made since the last node ran
        self._hooked: ContextVar[Event | None] = ContextVar("hooked", default=None)
        #: what is to be said of a nan that the pass started from, if it ends well
        self._warning: ContextVar[str | None] = ContextVar("warning", default=None)

    # --- forward ---

    def computed(self, compute: Callable[[], Any], cls: type[Node], inputs: tuple, kw: dict) -> Any:
        """Look for the operation that makes a nan or an infinity out of none."""
        result = compute()
        setting = self.setting()
        if not setting.mode or not setting.check_nan:
            return result
        if isinstance(result, np.generic):  # what is remembered must be the tensor's own memory
            result = np.asarray(result)
        first = None
        for r in result if type(result) in (tuple, list) else (result,):
            kind = worst(r)
            if kind is not None:
                event, is_new = self._forward_event(kind, array_of(r), cls, inputs)
                self.origins.remember(array_of(r), event)
                first = first or event
                if is_new and kind == "nan" and setting.check_forward == "raise":
                    if self._running.get() is None:
                        raise RuntimeError(forward_text(event))
        if first is not None or self._made.get() is not None:
            self._made.set(None if first is None else (id(inputs), cls, first))
        return result

    def _forward_event(
        self, kind: str, r: Any, cls: type[Node], inputs: tuple
    ) -> tuple[Event, bool]:
        """Where the bad values of a result come from, and whether this operation made them."""
        carriers = [(i, x) for i, x in enumerate(inputs) if worst(array_of(x)) == kind]
        if carriers:
            found = [self._origin(x, kind, f"operand {i} of {operation_name(cls)}")
                     for i, x in carriers]  # fmt: skip
            return min(found, key=lambda event: event.seq), False
        causes = [self._origin(x, "inf", f"operand {i} of {operation_name(cls)}")
                  for i, x in enumerate(inputs) if worst(array_of(x)) == "inf"]  # fmt: skip
        event = Event(
            kind,
            "operation" if self._running.get() is None else "inside",
            operation_name(cls),
            caller(3),
            bad_text(r, kind),
            tuple((f"operand {i}", range_text(array_of(x))) for i, x in enumerate(inputs[:6])),
            min(causes, key=lambda cause: cause.seq, default=None),
        )
        return event, True

    def _origin(self, x: Any, kind: str, name: str) -> Event:
        """The event of a tensor or array that holds a nan or an infinity."""
        array = array_of(x)
        event = self.origins.of(array, x._e if isinstance(x, Tensor) else None)
        if event is None:
            what = "a number" if getattr(x, "_is_number", False) else range_text(array)
            event = Event(kind, "given", f"{name}, {what}", caller(4))
            self.origins.remember(array, event)
        return event

    def noted(self, node: Node, inputs: tuple) -> None:
        """Keep the stack of a recorded operation, and what it made."""
        setting = self.setting()
        if not setting.mode:
            return
        self.stacks.put(node, stack_here())
        running = self._running.get()
        if running is not None:
            self.parents.put(node, _described(running))
        made = self._made.get()
        if made is not None:
            self._made.set(None)
            if made[0] == id(inputs) and made[1] is type(node):
                self.origins.nodes.put(node, made[2])

    def wrote(self, t: Tensor, sources: tuple) -> None:
        """Remember where the nan that a write brought into a tensor's memory comes from."""
        setting = self.setting()
        if not setting.mode or not setting.check_nan:
            return
        array = t._a
        kind = worst(array)
        if kind is None:
            return
        found = [self.origins.of(array_of(s), s._e if isinstance(s, Tensor) else None)
                 for s in sources if worst(array_of(s)) is not None and s is not t]  # fmt: skip
        known = [event for event in found if event is not None]
        event = min(known, key=lambda event: event.seq, default=self.origins.of(array))
        if event is None:
            event = Event(kind, "write", range_text(array), caller(3))
        self.origins.remember(array, event)
        node = node_and_number(t._e)[0]
        if node is not None and type(node) is not AccumulateGrad:
            self.origins.nodes.put(node, event)

    # --- backward ---

    def propagated(self, compute: Callable[[], Any], node: Node, g: Any, create: bool) -> Any:
        """Run a node's rules and look for the first nan in what they return."""
        setting = self.setting()
        if not setting.mode:
            return compute()
        if setting.check_nan:
            self._look_at_start(node)
        token = self._running.set(node)
        try:
            try:
                results = compute()
            except WARNED:
                if hasattr(node, "function"):  # a backward of the user's runs once
                    raise
                results = quietly(compute)
        except Exception as error:
            self._annotate(error, node)
            raise
        finally:
            self._running.reset(token)
        if setting.check_nan:
            cotangents = [array_of(part) for part in (g if type(g) is list else [g])]
            try:
                for place, (edge, result) in enumerate(zip(node.edges, results, strict=False)):
                    if edge is not None and result is not None:
                        self._sent(node, place, result, cotangents, g)
            finally:
                self._hooked.set(None)
        return results

    def _sent(self, node: Node, place: int, result: Any, cotangents: list, g: Any) -> None:
        """Check one gradient that a node returned, and note what it tells of later ones."""
        r = array_of(result)
        kind = worst(r)
        target = node_and_number(node.edges[place])[0]
        shape = None if node.fix is None or result.shape != r.shape else node.fix[place]
        if kind == "inf" and shape not in (None, r.shape):
            if worst(quietly(sum_to, r, shape=shape)) == "nan":
                kind, r = "nan", quietly(sum_to, r, shape=shape)
        if kind == "nan":
            self._fail(node, place, r, g, None)
        if kind == "inf":
            event = self._backward_infinity(node, r, cotangents)
            self.origins.remember(r, event)
            self._infinities.put(target, [*(self._infinities.get(target) or ()), event])
        if type(target) is not AccumulateGrad:
            senders = self._senders.get(target)
            if senders is None:
                self._senders.put(target, senders := {})
            senders[weakref.ref(node)] = _zeros(node, place, r, cotangents)

    def _backward_infinity(self, node: Node, r: Any, cotangents: list) -> Event:
        if any(worst(g) == "inf" for g in cotangents):
            return self.arrived(node, cotangents)
        given = Given(node, cotangents if len(cotangents) > 1 else cotangents[0])
        return Event(
            "inf",
            "node",
            type(node).__name__,
            (node.code, node.lasti),
            bad_text(r, "inf"),
            tuple(given.lines()),
            given.origin("inf", self.origins),
        )

    def arrived(self, node: Node, cotangents: list) -> Event:
        """Where the nan or infinity in a node's cotangent comes from."""
        bad = [(worst(g), g) for g in cotangents if worst(g) is not None]
        kind, g = next((("nan", g) for kind, g in bad if kind == "nan"), ("inf", bad[0][1]))
        place = node.code, node.lasti
        event = self.origins.memory.get(_memory(g))
        extra = node.extra
        if event is None and extra is not None and (extra.tensor_hooks or extra.prehooks):
            event = self._hooked.get()  # the engine conjugates what a hook returns: other memory
        if event is not None:
            return event
        infinities = self._infinities.get(node) or []
        if kind == "nan" and infinities:
            name = type(node).__name__
            return Event(kind, "sum", name, place, range_text(g), cause=infinities[0])
        if infinities:
            return infinities[0]
        if self._senders.get(node):
            return Event(kind, "sum", type(node).__name__, place, range_text(g))
        what = f"the gradient that backward() was given, {range_text(g)},"
        return Event(kind, "given", what + f" for the result of {operation_name(node)}", place)

    def hooked(self, hook: Any, node: Node | None, given: tuple, answer: Any) -> None:
        """Look whether a hook made a nan; `node` is the one whose gradients a post-hook changed."""
        setting = self.setting()
        if not setting.mode or not setting.check_nan or not given:
            return
        parts = answer if type(answer) in (tuple, list) else (answer,)
        bad = [i for i, part in enumerate(parts) if worst(array_of(part)) == "nan"]
        if not bad or any(worst(array_of(t)) == "nan" for t in _flat(given)):
            return
        result = array_of(parts[bad[0]])
        code = getattr(hook, "__code__", None)
        name = getattr(hook, "__name__", type(hook).__name__)
        cause = self.origins.memory.get(_memory(result))
        event = Event("nan", "hook", name, (code, -1), bad_text(result, "nan"), cause=cause)
        if node is not None:
            g = [array_of(part) for part in given[1]]
            self._fail(node, bad[0], result, g if len(g) > 1 else g[0], event)
        self.origins.remember(result, event)
        self._hooked.set(event)

    def _fail(self, node: Node, place: int, r: Any, g: Any, hook: Event | None) -> None:
        error = RuntimeError(report(self, node, place, r, g, hook))
        self._annotate(error, node)
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def _annotate(self, error: Exception, node: Node) -> None:
        """Add the stack of the forward call to an error of the backward pass."""
        stack = self.stacks.get(node)
        if stack is None:
            lines = [
                "No forward pass information for it: anomaly mode was off when it was recorded, "
                "or it is a view."
            ]
        else:
            lines = ["Forward call, innermost line last:", *stack_text(stack)]
        error.add_note("\n  ".join([f"Error detected in {type(node).__name__}.", *lines]))

    # --- the graph above a node ---

    def _above(self, node: Node) -> Iterator[tuple[Node, int]]:
        """The nodes through which the cotangent came to `node`, the nearest first, and whether they
        put zeros into it (see `_zeros`).
        """
        todo, seen = [node], {id(node)}
        while todo:
            for reference, zeros in (self._senders.get(todo.pop(0)) or {}).items():
                sender = reference()
                if sender is not None and id(sender) not in seen:
                    seen.add(id(sender))
                    todo.append(sender)
                    yield sender, zeros

    def zero_from(self, node: Node) -> tuple[Node | None, bool]:
        """The nearest node above that drops elements (True), or else that put zeros into the
        cotangent (False); None stands for the gradient that backward() was given.
        """
        found = sorted(
            (pair for pair in self._above(node) if pair[1]), key=lambda pair: -pair[1]
        )  # stable: the nearest first
        return (found[0][0], found[0][1] == DROPS) if found else (None, False)

    def started_from(self, node: Node) -> Event | None:
        """The event of the result from which the cotangent of `node` set out."""
        for sender in (node, *(sender for sender, _ in self._above(node))):
            if not self._senders.get(sender):
                event = self.origins.nodes.get(sender)
                if event is not None:
                    return event
        return None

    def _look_at_start(self, node: Node) -> None:
        """Prepare a warning if backward starts from a nan: its gradients may well be finite, and
        wrong.
        """
        if self._senders.get(node):
            return
        self._warning.set(None)
        event = self.origins.nodes.get(node)
        if event is not None and event.kind == "nan":
            lines = [f"backward() starts from a nan, the result of {operation_name(node)}, made at",
                     f"  {node.place()}", *event.lines()]  # fmt: skip
            self._warning.set("\n".join(lines))

    def delivered(self, compute: Callable[[], Any], leaf: Node, g: Any) -> Any:
        """Give the warning: the pass has come to a leaf without an error that tells more."""
        text = self._warning.get()
        if text is not None:
            self._warning.set(None)
            warn(text)
        return compute()


def _described(node: Node) -> Callable[[], str]:
    name, code, lasti = type(node).__name__, node.code, node.lasti
    return lambda: f"{name}, made at {errors.source_line(code, lasti)}"


def _memory(array: Any) -> Any:
    while isinstance(array, np.ndarray) and isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _flat(given: tuple) -> Iterator[Any]:
    for part in given:
        yield from part if type(part) is tuple else (part,)


#: what hides elements whatever their cotangents are, and what drops some of those it meets
_MASKS = frozenset(
    "Where MaskedFill MaskedScatter MaskedSelect Index IndexSelect Gather Take Select Slice".split()
)
_CHOICES = frozenset(
    "Relu LeakyRelu Threshold Clamp ClampMin ClampMax Max Min Maximum Minimum Topk Sort Narrow "
    "Split Unbind Tril Triu CopySlices".split()
)
ZEROS, DROPS = 1, 2


def _zeros(node: Node, place: int, r: Any, cotangents: list) -> int:
    """Whether a node returned zeros where its cotangent has none (ZEROS), because it drops elements
    (DROPS); else 0. A product drops elements if its other factor is a constant.
    """
    if not isinstance(r, np.ndarray) or np.count_nonzero(r) == r.size:
        return 0
    name = operation_name(node)
    if name in _MASKS:
        return DROPS
    if len(cotangents) == 1 and cotangents[0].shape == r.shape:
        new = bool(((r == 0) & (cotangents[0] != 0)).any())
    else:
        new = all(g is None or np.count_nonzero(g) == g.size for g in cotangents)
    if not new:
        return 0
    by_constant = name == "Mul" and len(node.edges) == 2 and node.edges[1 - place] is None
    return DROPS if by_constant or name in _CHOICES else ZEROS
