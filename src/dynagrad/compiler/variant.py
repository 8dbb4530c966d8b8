"""One recorded course of a step, bound to the memory that it works on, ready to run again.
Imports recording, program.

A variant knows where each slot's memory comes from (an argument, a tensor that the step reaches by
itself, a gradient, an option of an optimizer), when it may stand for the step (`fits`), and what
the step leaves in the world besides the memory that it writes: gradients set and cleared, counts
of writes, results.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..core.dtype import get_default_dtype
from ..core.pytree import Spec, flatten, unflatten
from ..core.storage import strides_of
from ..core.tape import AccumulateGrad, Node, Output, grad_mode
from ..core.tensor import Tensor, edge_of, family_of
from ..core.watch import PLAIN
from ..nn.parameter import Parameter
from .differentiable import Derived, derive, node_of_call
from .graph import Graph
from .number import Number
from .recording import G_SLOT, UNSET, Entered, Session, payload, same
from .trace import Cell, Traced

new = object.__new__
#: what may be a leaf of arguments and results besides tensors: compared by type and value
PLAIN_VALUES = (int, float, bool, str, bytes, complex, type(None), type, type(Ellipsis), np.dtype)


class Unfit(Exception):
    """The recorded course cannot stand for the step; the text says why."""


class Leaf(NamedTuple):
    """What is asked of one leaf of the arguments: `kind` is "tensor" (of this class and geometry,
    and with a history or not), "same" (this very object) or "value".
    """

    kind: str
    expected: Any
    geometry: tuple = ()
    requires: bool = False


class Gradient(NamedTuple):
    """A gradient that the step sets: of tensor `t`, from `slot`."""

    t: Tensor
    slot: int


class Option(NamedTuple):
    """A number that an optimizer's group holds under a key, or in a tuple there."""

    group: Any
    key: str
    index: int | None
    slot: int

    def read(self) -> Any:
        """The number as it is now."""
        value = self.group[self.key]
        return value if self.index is None else value[self.index]


def geometry(a: ndarray) -> tuple:
    """Shape, dtype and strides."""
    return a.shape, a.dtype, a.strides


def is_leaf_edge(edge: Any) -> bool:
    return edge is None or type(edge) is AccumulateGrad


class Variant:
    """See the module's text. Made by `conclude`."""

    def __init__(self, session: Session, leaves: list, spec: Spec) -> None:
        self.graph: Graph = session.trace.graph
        self.leaves: list[Leaf] = []
        self.spec = spec
        self.mode = (grad_mode.get(), get_default_dtype())
        self.guards: list[Any] = []
        self.arrays: list[Any] = [None] * len(self.graph.slots)
        self.arguments: list[tuple[int, int]] = []  # (leaf, slot)
        self.pinned: list[tuple[int, Tensor, Any]] = []  # (slot, tensor, edge)
        self.grown: list[tuple[int, Tensor]] = []  # (slot, tensor whose gradient it is)
        self.no_gradient: list[Tensor] = []
        self.options = [Option(*option) for option in session.options]
        self.groups = [_fixed_options(group, held) for group, held in session.groups.values()]
        self.gradients: list[Gradient] = []
        self.cleared: list[Tensor] = []
        self.written: list[tuple[Any, int]] = []  # (slot or family's tensor, how often)
        self.results: list[tuple[str, Any]] = []
        self.result_spec: Spec | None = None
        self.outputs: list[int] = []
        self.handed: dict[int, tuple[Tensor, ndarray]] = {}
        self.run_program: Callable[[list], int] | None = None
        self.derived: Derived | None = None
        self.run_backward: Callable[[list], int] | None = None
        self.has_effects = any(v.op == "call" and v.data.effects for v in self.graph.values)

    # --- may it stand for the step? ---------------------------------------------------------------

    def fits(self, leaves: list, spec: Spec) -> bool:
        """Whether all that the recording depended on is as it was; binds the memory if so."""
        if spec != self.spec or not PLAIN or (grad_mode.get(), get_default_dtype()) != self.mode:
            return False
        for leaf, x in zip(self.leaves, leaves, strict=True):
            if not _leaf_fits(leaf, x):
                return False
        for slot, t, edge in self.pinned:
            a = payload(t)
            if t._e is not edge:
                return False
            if a is not self.arrays[slot]:
                if type(a) is not ndarray or geometry(a) != geometry(self.arrays[slot]):
                    return False
                self.arrays[slot] = a
        for t in self.no_gradient:
            if getattr(t, "_g", None) is not None:
                return False
        for slot, t in self.grown:
            g = getattr(t, "_g", None)
            if g is None or type(payload(g)) is not ndarray or g._e is not None:
                return False
            a = payload(g)
            if geometry(a) != geometry(self.arrays[slot]):
                return False
            self.arrays[slot] = a
        for group, held in self.groups:
            for key, expected in held.items():
                if not same(group.get(key, UNSET), expected):
                    return False
        for option in self.options:
            value = option.read()
            if type(value) not in (float, int):
                return False
            self.arrays[option.slot][...] = value
        return all(guard.holds() for guard in self.guards)

    # --- running ----------------------------------------------------------------------------------

    def run(self, leaves: list) -> tuple[bool, Any]:
        """Run the native code: whether its checks held (else nothing was changed), the result."""
        arrays = self.arrays
        for i, slot in self.arguments:
            arrays[slot] = payload(leaves[i])
        slots = self.graph.slots
        for slot in self.outputs:
            at = slots[slot]
            arrays[slot] = _empty(at.shape, at.dtype, at.strides)
        for gradient in self.gradients:
            arrays[gradient.slot] = self._memory_for(gradient)
        assert self.run_program is not None
        if self.run_program(arrays):
            return False, None
        self._leave()
        return True, self._result(leaves)

    def _memory_for(self, gradient: Gradient) -> ndarray:
        """The memory that the gradient of the last call had, unless somebody else may see it."""
        held = self.handed.get(gradient.slot)
        if held is not None and G_SLOT.__get__(gradient.t) is held[0]:
            t, a = held
            if t._e is None and t._v is None and getrefcount(t) == ALONE[0]:
                if payload(t) is a and getrefcount(a) == ALONE[1] + (
                    a is self.arrays[gradient.slot]
                ):
                    return a
        at = self.graph.slots[gradient.slot]
        return _empty(at.shape, at.dtype, at.strides)

    def _leave(self) -> None:
        """The step's traces in the world that are no memory."""
        for gradient in self.gradients:
            a = self.arrays[gradient.slot]
            held = self.handed.get(gradient.slot)
            if held is None or held[1] is not a:
                held = self.handed[gradient.slot] = (_tensor(a), a)
            G_SLOT.__set__(gradient.t, held[0])
        for t in self.cleared:
            G_SLOT.__set__(t, None)
        for t, times in self.written:
            if t._v is not None:
                for _ in range(times):
                    t._v.cell.bump()

    def _result(self, leaves: list) -> Any:
        assert self.result_spec is not None
        made = []
        node = None if self.derived is None else self._node(leaves)
        for kind, what in self.results:
            if kind == "live":
                slot, number = what
                t = _tensor(self.arrays[slot])
                t._e = Output(node, number)
                made.append(t)
            elif kind == "new":
                slot, edge = what
                t = _tensor(self.arrays[slot])
                t._e = edge
                made.append(t)
            elif kind == "number":
                made.append(self.arrays[what].item())
            elif kind == "argument":
                made.append(leaves[what])
            elif kind == "gradient":
                made.append(G_SLOT.__get__(what))
            elif kind == "again":
                made.append(made[what])
            else:
                made.append(what)
        return unflatten(made, self.result_spec)

    def _node(self, leaves: list) -> Node:
        """The place in the graph of this call's results."""
        derived = self.derived
        assert derived is not None
        places = {slot: leaves[i] for i, slot in self.arguments}
        edges, arrays = [], self.arrays
        for entered in derived.boundary:
            t = places.get(entered.traced.cell.slot, entered.tensor)
            edges.append(edge_of(t))
        owners = {slot: t for slot, t, _ in self.pinned} | places
        families = []
        for slot in derived.kept[derived.saved :]:
            t = owners[slot]
            families.append((family_of(t), t._e, arrays[slot]))
        kept = tuple([arrays[slot] for slot in derived.kept])
        live = [arrays[what[0]] for kind, what in self.results if kind == "live"]
        return node_of_call(self._propagate, tuple(edges), kept, families, live)

    def _propagate(self, g: list, saved: tuple) -> list:
        """The cotangents of what the course took."""
        derived = self.derived
        assert derived is not None and self.run_backward is not None
        slots = derived.graph.slots
        arrays: list[Any] = [None] * len(slots)
        for at, part in zip(derived.cotangents, g, strict=True):
            if part is None:
                part = np.zeros(slots[at].shape, slots[at].dtype)
            arrays[at] = np.ascontiguousarray(part, slots[at].dtype)
        for at, a in zip(derived.reads, saved, strict=True):
            arrays[at] = a
        for at in derived.gradients:
            if at is not None:
                arrays[at] = _empty(*slots[at][:3])
        if self.run_backward(arrays):
            raise RuntimeError("a compiled backward pass failed: this is a bug in dynagrad")
        return [None if at is None else arrays[at] for at in derived.gradients]


def _fixed_options(group: dict, held: dict) -> tuple[dict, dict]:
    """What a group must hold again: all but the numbers, which are inputs."""

    def varies(value: Any) -> bool:
        return type(value) in (float, int) or (
            type(value) is tuple and value and all(type(v) is float for v in value)
        )

    return group, {k: (list(v) if k == "params" else v) for k, v in held.items() if not varies(v)}


def _leaf_fits(leaf: Leaf, x: Any) -> bool:
    if leaf.kind == "tensor":
        if type(x) is not leaf.expected or (edge_of(x) is not None) is not leaf.requires:
            return False
        a = payload(x)
        return type(a) is ndarray and geometry(a) == leaf.geometry
    if leaf.kind == "same":
        return x is leaf.expected
    return type(x) is type(leaf.expected) and (x is leaf.expected or x == leaf.expected)


def _tensor(a: ndarray) -> Tensor:
    t = new(Tensor)
    t._a = a
    t._e = t._v = None
    return t


def _empty(shape: tuple, dtype: np.dtype, strides: tuple) -> ndarray:
    """New memory with strides (in elements, of an array without gaps)."""
    order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
    if order == list(range(len(shape))):
        return np.empty(shape, dtype)
    inverse = np.argsort(order)
    return np.empty([shape[axis] for axis in order], dtype).transpose(inverse)


getrefcount = sys.getrefcount


class _Holder:
    """Something with a slot, as a tensor has one for its gradient."""

    __slots__ = ("held",)


def _alone() -> tuple[int, int]:
    """The counts of references that `_memory_for` sees of what nobody else holds: a slot and the
    pair in `handed` hold the tensor; the tensor's slot and that pair hold the array.
    """
    holder, inner, a = _Holder(), _Holder(), np.empty(1)
    inner.held = a
    holder.held = inner
    handed = {0: (inner, a)}
    del inner, a
    held = handed.get(0)
    t, a = held  # pyright: ignore[reportGeneralTypeIssues]
    return getrefcount(t), getrefcount(a)


ALONE = _alone()


# --- from a recording to a variant ----------------------------------------------------------------


def conclude(session: Session, leaves: list, spec: Spec, result: Any) -> Variant:
    """The variant of a recording that has just run, while its tensors still hold Traced payloads.

    Raises Unfit.
    """
    session.draws.check()
    if not session.trace.alive:
        raise Unfit("random numbers are drawn in a way that is not recorded")
    variant = Variant(session, leaves, spec)
    _bind_memory(variant, session, leaves)
    _note_writes(variant, session)
    _note_gradients(variant, session)
    _note_results(variant, session, leaves, result)
    _check_survivors(variant, session, result)
    for option in variant.options:
        variant.arrays[option.slot] = np.empty(())
    variant.arrays += [None] * (len(variant.graph.slots) - len(variant.arrays))
    return variant


def _bind_memory(variant: Variant, session: Session, leaves: list) -> None:
    places = {id(x): i for i, x in reversed(list(enumerate(leaves))) if isinstance(x, Tensor)}
    kept_same = {id(x) for x in leaves if id(x) in session.gradients or type(x) is Parameter}
    grads = {id(before): t for t, before in session.gradients.values() if before is not None}
    by_slot: dict[int, list[Entered]] = {}
    for entered in session.entered.values():
        if entered.traced.cell.slot is not None:
            by_slot.setdefault(entered.traced.cell.slot, []).append(entered)
    for slot, found in by_slot.items():
        variant.arrays[slot] = found[0].array
        for entered in found:
            t = entered.tensor
            if t._e is not entered.edge:
                raise Unfit("the step changes the history of a tensor that was there before")
            place = places.get(id(t))
            if place is None and not is_leaf_edge(entered.edge):
                raise Unfit("a tensor with a history from before the step takes part")
            if place is not None and id(t) not in kept_same and len(found) == 1:
                variant.arguments.append((place, slot))
            elif id(t) in grads:
                variant.grown.append((slot, grads[id(t)]))
            else:
                variant.pinned.append((slot, t, entered.edge))
    pinned = {id(t) for _, t, _ in variant.pinned}
    for i, x in enumerate(leaves):
        if not isinstance(x, Tensor):
            if not isinstance(x, PLAIN_VALUES):
                pinned.add(id(x))
            kind = "value" if isinstance(x, PLAIN_VALUES) else "same"
            variant.leaves.append(Leaf(kind, x))
        elif id(x) in pinned or id(x) in kept_same or places[id(x)] != i:
            variant.leaves.append(Leaf("same", x))
        else:
            a = payload(x)
            a = a.array if type(a) is Traced else a
            leaf = Leaf("tensor", type(x), geometry(a), edge_of(x) is not None)
            variant.leaves.append(leaf)
    _check_overlaps(session.trace.outside)


def _check_overlaps(cells: list[Cell]) -> None:
    """Raise where memory that is written is also reached by another way."""
    spans = []
    for cell in cells:
        if cell.root.size:
            low, high = np.lib.array_utils.byte_bounds(cell.root)
            spans.append((low, high, cell))
    spans.sort(key=lambda span: span[0])
    for (_, high, cell), (low, _, other) in zip(spans, spans[1:], strict=False):
        if low < high and (cell.version or other.version):
            raise Unfit("two tensors share memory, and one of them is written")


def _note_writes(variant: Variant, session: Session) -> None:
    for cell in session.trace.outside:
        if cell.version:
            assert cell.slot is not None
            variant.graph.write(cell.slot, cell.value)
    for entered in session.entered.values():
        family = entered.tensor._v
        times = 0 if family is None else family.cell.count - entered.writes
        if times:
            variant.written.append((entered.tensor, times))


def _note_gradients(variant: Variant, session: Session) -> None:
    for t, before in session.gradients.values():
        try:
            after = G_SLOT.__get__(t)
        except AttributeError:
            after = UNSET
        if after is before:
            if id(t) in session.asked and before is None:
                variant.no_gradient.append(t)
            continue
        if id(t) in session.asked and before is None:
            variant.no_gradient.append(t)
        if after is None:
            variant.cleared.append(t)
            continue
        a = payload(after)
        if type(a) is not Traced or a.cell.slot is not None or after._e is not None:
            raise Unfit("a gradient is set to a tensor that the step did not make, or with history")
        slot = _new_slot(variant.graph, a, "gradient")
        variant.gradients.append(Gradient(t, slot))


def _new_slot(graph: Graph, a: Traced, name: str) -> int:
    slot = graph.slot(a.shape, a.dtype, _packed(a.array), name)
    graph.write(slot, a.value)
    return slot


def _packed(a: ndarray) -> tuple[int, ...]:
    """The strides of a copy that keeps the order of the dimensions in memory."""
    return strides_of(np.empty_like(a))


def _note_results(variant: Variant, session: Session, leaves: list, result: Any) -> None:
    made, variant.result_spec = flatten(result)
    places = {id(x): i for i, x in enumerate(leaves)}
    grads = {id(G_SLOT.__get__(g.t)): g.t for g in variant.gradients}
    seen: dict[int, int] = {}
    live: list[Tensor] = []
    for number, x in enumerate(made):
        if id(x) in seen and isinstance(x, Tensor):
            variant.results.append(("again", seen[id(x)]))
            continue
        seen[id(x)] = number
        if isinstance(x, Tensor):
            variant.results.append(_result_tensor(variant, x, places, grads, live))
        elif type(x) is Number:
            graph = variant.graph
            slot = graph.slot((), np.float64, (), "result")
            graph.write(slot, x.value)
            variant.outputs.append(slot)
            variant.results.append(("number", slot))
        elif isinstance(x, PLAIN_VALUES):
            variant.results.append(("value", x))
        else:
            raise Unfit(f"the step returns a {type(x).__name__}")
    if live:
        try:
            variant.derived = derive(session, live)
        except ValueError as error:
            raise Unfit(f"a result needs gradients, and {error}") from None
        variant.outputs += variant.derived.kept[: variant.derived.saved]


def _result_tensor(
    variant: Variant, x: Tensor, places: dict, grads: dict, live: list[Tensor]
) -> tuple[str, Any]:
    if id(x) in grads:
        return "gradient", grads[id(x)]
    a = payload(x)
    if type(a) is not Traced:  # it took no part
        if id(x) in places:
            return "argument", places[id(x)]
        return "value", x
    if a.cell.slot is not None:
        if id(x) in places:
            return "argument", places[id(x)]
        if any(t is x for _, t, _ in variant.pinned):
            return "value", x
        raise Unfit("a result shows memory that was there before the step")
    if type(x) is not Tensor:
        raise Unfit(f"a result is a {type(x).__name__}")
    edge = x._e
    slot = _new_slot(variant.graph, a, "result")
    variant.outputs.append(slot)
    if edge is not None and not is_spent(edge):
        live.append(x)
        return "live", (slot, len(live) - 1)
    return "new", (slot, edge)


def is_spent(edge: Any) -> bool:
    """Whether a history was run backward, so that it can only say what it was."""
    if type(edge) is AccumulateGrad:
        return False
    stack, seen, holds = [edge.node if type(edge) is Output else edge], set(), False
    while stack:
        node = stack.pop()
        if node in seen or not isinstance(node, Node):
            continue
        seen.add(node)
        if node.holds:
            holds = True
            if node.saved is not None:
                return False
        stack.extend(e.node if type(e) is Output else e for e in node.edges if e is not None)
    return holds


def _check_survivors(variant: Variant, session: Session, result: Any) -> None:
    """Raise where a tensor that the step made lives on elsewhere than in results and gradients."""
    known = {id(x) for x in flatten(result)[0]}
    known.update(id(G_SLOT.__get__(gradient.t)) for gradient in variant.gradients)
    for t in session.survivors():
        if id(t) not in known:
            shape = list(payload(t).shape)
            raise Unfit(f"a tensor of shape {shape} that the step made is kept, not returned")
