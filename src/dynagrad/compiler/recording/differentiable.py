"""Results that need gradients: the backward pass of a recorded course, as a graph of its own.
Imports recording, trace.

After a step whose results have a history, that history is run once on symbols: cotangents that
nobody knows yet enter as new slots, and the rules write what becomes of them into the same graph.
What depends on cotangents is the backward graph; what it needs of the forward part is either saved
or, where the forward pass has no use for it, computed again.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ...core.engine import run
from ...core.storage import strides_of
from ...core.tape import AccumulateGrad, Meta, Node, Output, caller, stale_text, tick
from ...core.tensor import Tensor
from ...ops.creation import full
from ...ops.rule import ANY, RULES
from ..ir.graph import Graph, Value
from .session import Entered, Session, payload
from .trace import Cell, Traced

#: views cost nothing to make again
_FREE = {"reshape", "transpose", "broadcast", "slice"}


class Derived(NamedTuple):
    """A backward graph, and what its slots are.

    `results`: numbers of the results that have gradients; `boundary`: the entered tensors that
    receive cotangents, with the backward graph's slots for them (None: none arrives). `kept`: slots
    of the forward graph that it reads: new ones, for saved values, and others, of memory that was
    there; `reads` are the backward graph's slots of the same.
    """

    graph: Graph
    results: list[int]
    cotangents: list[int]
    boundary: list[Entered]
    gradients: list[int | None]
    kept: list[int]
    reads: list[int]
    #: how many of `kept` are new
    saved: int
    #: for each of `gradients` the cotangents that it is made of: where none arrives, it is None
    flows: list[frozenset[int]]


def derive(session: Session, results: list[Tensor]) -> Derived:
    """Run the histories of results backward on symbols. Raises ValueError where that cannot be."""
    trace = session.trace
    graph = trace.graph
    boundary: dict[Any, Entered] = {}
    for entered in session.entered.values():
        if entered.edge is not None:
            boundary.setdefault(entered.edge, entered)
    _check_hooks(results, boundary)
    before = len(graph.values)
    slots, cotangents = [], []
    for t in results:
        a = payload(t).array
        ones = np.ones(a.shape, a.dtype)
        slot = graph.slot(a.shape, a.dtype, strides_of(ones), "cotangent")
        slots.append(slot)
        source = graph.source(slot)
        cotangents.append(Traced(trace, ones, Cell(ones, source), source))
    # hooks of what the step took run when the gradient really arrives
    held = {node: node.extra for node in map(_node_of, boundary)}
    for node in held:
        node.extra = None
    checks = len(graph.checks)
    try:
        targets = dict.fromkeys(boundary, False)
        edges = [t._e for t in results]
        found = run(edges, cotangents, retain=True, create=False, targets=targets)
    except RuntimeError as error:  # a part of it was run backward by the step
        raise ValueError(str(error).partition("\n")[0]) from None
    finally:
        for node, extra in held.items():
            node.extra = extra
    if not trace.alive:
        raise ValueError("its backward pass cannot be recorded")
    gradients = [found.get(edge) for edge in boundary]
    made = _Split(graph, before, slots)
    # a check of what the forward pass has, such as that an index is in range, is made there
    if any(check.value in made.dependent for check in graph.checks[checks:]):
        raise ValueError("its backward pass depends on values")
    out = [None if g is None else made.gradient(g, trace) for g in gradients]
    kept, reads, saved = made.kept()
    return Derived(
        made.graph,
        list(range(len(results))),
        made.cotangents,
        list(boundary.values()),
        out,
        kept,
        reads,
        saved,
        _flows(made.graph, set(made.cotangents), out),
    )


def _flows(graph: Graph, cotangents: set[int], gradients: list) -> list[frozenset[int]]:
    reached: dict[Any, frozenset[int]] = {}
    for v in graph.values:
        own = {v.attrs[0]} & cotangents if v.op == "source" else ()
        reached[v] = frozenset(own).union(*(reached[x] for x in v.inputs))
    none = frozenset()
    return [none if at is None else reached[graph.writes[at]] for at in gradients]


def _node_of(edge: Any) -> Any:
    return edge.node if type(edge) is Output else edge


def _check_hooks(results: list[Tensor], boundary: dict) -> None:
    seen: set[Node] = set()
    stack = [t._e for t in results]
    while stack:
        edge = stack.pop()
        if edge is None or edge in boundary:
            continue
        node = _node_of(edge)
        if node in seen:
            continue
        seen.add(node)
        if type(node) is AccumulateGrad:
            raise ValueError("a leaf that the step made is part of a result's history")
        if node.extra is not None:
            raise ValueError("a hook is part of a result's history")
        stack.extend(node.edges)


class _Split:
    """The backward part of a graph, moved into a graph of its own."""

    def __init__(self, forward: Graph, before: int, cotangents: list[int]) -> None:
        self.forward = forward
        self.graph = Graph()
        self.made: dict[Value, Value] = {}
        self.wanted = _needed(forward, before)
        self.sources: list[tuple[Value, int]] = []  # forward value, slot of the backward graph
        self.dependent: set[Value] = set()
        self.cotangents: list[int] = []
        for slot in cotangents:
            at = forward.slots[slot]
            source = forward.source(slot)
            self.cotangents.append(self.graph.slot(*at))
            self.made[source] = self.graph.source(self.cotangents[-1])
            self.dependent.add(source)
        for v in forward.values:
            if any(x in self.dependent for x in v.inputs):
                self.dependent.add(v)

    def gradient(self, g: Any, trace: Any) -> int:
        """The slot of a gradient: an array is a constant."""
        value = g.value if type(g) is Traced else trace.born(g).value
        array = g.array if type(g) is Traced else g
        slot = self.graph.slot(value.shape, value.dtype, strides_of(np.empty_like(array)))
        self.graph.write(slot, self.moved(value))
        return slot

    def moved(self, value: Value) -> Value:
        """A value in the backward graph."""
        stack = [value]
        while stack:
            v = stack[-1]
            if v in self.made:
                stack.pop()
                continue
            if self._is_kept(v):
                at = self.graph.slot(v.shape, v.dtype, _row_major(v.shape), "saved")
                self.sources.append((v, at))
                self.made[v] = self.graph.source(at)
                continue
            missing = [x for x in v.inputs if x not in self.made]
            if missing:
                stack.extend(missing)
                continue
            operands = tuple([self.made[x] for x in v.inputs])
            copy = self.graph._make(v.op, operands, v.shape, v.dtype, v.attrs, v.data)
            copy.place = v.place
            self.made[v] = copy
        return self.made[value]

    def _is_kept(self, v: Value) -> bool:
        """Whether the forward pass hands this value on: it has it anyway, and it is neither a view
        nor a constant.
        """
        if v in self.dependent or v.op == "constant" or v.op == "iota":
            return False
        if v.op == "source":
            return True
        if v.op in _FREE or v.op == "call":
            return False
        return v in self.wanted or v.op == "item"

    def kept(self) -> tuple[list[int], list[int], int]:
        """Slots of the forward graph that the backward graph reads, and its own; saved values come
        first.
        """
        written = self.forward.writes
        old = [(v, at) for v, at in self.sources if v.op == "source" and v.attrs[0] not in written]
        new = [item for item in self.sources if item not in old]
        kept = []
        for v, _ in new:
            slot = self.forward.slot(v.shape, v.dtype, _row_major(v.shape), "saved")
            self.forward.write(slot, v)
            kept.append(slot)
        for v, at in old:
            slot = v.attrs[0]
            kept.append(slot)
            self.graph.slots[at] = self.forward.slots[slot]
        return kept, [at for _, at in (*new, *old)], len(new)


def _needed(graph: Graph, before: int) -> set[Value]:
    """The values that the forward pass computes for its own results."""
    stack = [v for v in graph.writes.values()]
    stack += [check.value for check in graph.checks]
    reached: set[Value] = set()
    while stack:
        v = stack.pop()
        if v not in reached:
            reached.add(v)
            stack.extend(v.inputs)
    return reached


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return strides_of(np.empty(shape, np.int8))


class CompiledFunctionBackward(Node):
    """The node of one call of a compiled course: its results' cotangents go through the native
    backward pass to what the course took.
    """

    __slots__ = ("course", "families", "holds", "results")
    rule = RULES[full]._replace(kind="general", saves=(), results=ANY)
    torch_name = "CompiledFunctionBackward"

    def vjp(self, g, saved, edges):
        """Run the backward graph; for a derivative of it, the function once more."""
        *kept, taken = saved
        if any(isinstance(part, Tensor) for part in g):
            return taken.again(taken, g, self.seq)
        for family, edge, array in self.families:
            if family is not None and family.cell.last > self.seq:
                raise RuntimeError(stale_text(self, family, edge, array, is_result=False))
        return self.course(g, kept)


class Taken:
    """What a call took, for higher derivatives: its leaves, and the tensors that it read with their
    arrays. `again(taken, g, seq)` gives the cotangents of what it took.
    """

    __slots__ = ("again", "arrays", "leaves")

    def __init__(self, again: Callable, leaves: list, arrays: list[tuple[Tensor, ndarray]]) -> None:
        self.again, self.leaves, self.arrays = again, leaves, arrays


def second_derivative_text(why: str) -> str:
    """The error for a derivative of a compiled backward pass that there is not."""
    return (
        "torch.compile with aot_autograd does not currently support double backward\n"
        f"Here it would need the function to run once more, and {why}. Differentiate the function "
        "itself, or compile the function that differentiates."
    )


def node_of_call(
    course: Callable,
    edges: tuple,
    kept: tuple,
    families: list,
    results: list[ndarray],
    taken: Taken,
) -> CompiledFunctionBackward:
    """The node of a call with these results, which keeps the arrays `kept` and what it took."""
    node = object.__new__(CompiledFunctionBackward)
    node.course, node.edges, node.families = course, edges, families
    node.saved = (*kept, taken)
    node.fix = node.extra = node.kw = node.cells = None
    node.code, node.lasti = caller(3)
    node.results = len(results)
    node.metas = tuple([Meta(a) for a in results])
    node.holds = True
    node.seq = tick()
    return node
