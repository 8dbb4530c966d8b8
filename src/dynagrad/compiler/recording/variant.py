"""One recorded course of a step, bound to the memory that it works on, ready to run again.
Imports memory, session, differentiable.

A variant knows where each slot's memory comes from (an argument, a tensor that the step reaches by
itself, a gradient, an option of an optimizer), when it may stand for the step (`fits`), and what
the step leaves in the world besides the memory that it writes: gradients set and cleared, counts
of writes, results.
"""

import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray
from numpy.lib.array_utils import byte_bounds

from ...core.dtype import get_default_dtype
from ...core.protocols import adopt
from ...core.pytree import Spec, unflatten
from ...core.tape import AccumulateGrad, Node, Output, grad_mode
from ...core.tensor import Tensor, edge_of, family_of
from ...core.watch import PLAIN
from ...ops.shape import as_strided
from ..census.guards import Guard, Reason
from ..ir.graph import Graph
from ..receipt.witness import Comparison, Witness
from .differentiable import Derived, Taken, node_of_call, second_derivative_text
from .memory import Gradient, geometry, is_free, new_array, new_tensor, run_on
from .session import G_SLOT, UNSET, Session, payload, same

new = object.__new__
#: what may be a leaf of arguments and results besides tensors: compared by type and value
PLAIN_VALUES = (int, float, bool, str, bytes, complex, type(None), type, type(Ellipsis), np.dtype)


class Unfit(Exception):
    """The recorded course cannot stand for the step: for a reason, or a text and the code of the
    user's line.
    """

    def __init__(self, reason: Reason | str, code: Any = None) -> None:
        if isinstance(reason, str):
            file, line = ("", 0) if code is None else (code.co_filename, code.co_firstlineno)
            reason = Reason(reason, file, line)
        super().__init__(reason.text)
        self.reason = reason


class Opened(NamedTuple):
    """An object of a class that keeps all it has in its dictionary."""

    kind: type
    held: dict

    def closed(self) -> Any:
        """The object."""
        made = object.__new__(self.kind)
        made.__dict__.update({k: close(v) for k, v in self.held.items()})
        return made


def close(x: Any) -> Any:
    """A new container, with objects in the place of what says how to make them."""
    kind: Any = type(x)
    if kind is Opened:
        return x.closed()
    if kind in (list, tuple):
        return kind(map(close, x))
    if issubclass(kind, tuple) and hasattr(x, "_fields"):
        return kind(*map(close, x))
    if kind in (dict, OrderedDict, defaultdict):
        x.update({key: close(value) for key, value in x.items()})
    elif kind is deque:
        x.extend([close(x.popleft()) for _ in range(len(x))])
    return x


class Leaf(NamedTuple):
    """What is asked of one leaf of the arguments: `kind` is "tensor" (of this class and geometry,
    and with a history or not), "same" (this very object), "value", or "number" (any float).
    """

    kind: str
    expected: Any
    geometry: tuple = ()
    requires: bool = False


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


def is_leaf_edge(edge: Any) -> bool:
    """Whether an edge is a leaf's, or there is none."""
    return edge is None or type(edge) is AccumulateGrad


class Variant:
    """See the module's text. Made by `conclude`."""

    def __init__(self, session: Session, leaves: list, spec: Spec) -> None:
        self.graph: Graph = session.trace.graph
        self.leaves: list[Leaf] = []
        self.spec = spec
        self.mode = (grad_mode.get(), get_default_dtype())
        self.guards: list[Any] = []
        self.snapshots: list[Any] = []
        self.arrays: list[Any] = [None] * len(self.graph.slots)
        self.arguments: list[tuple[int, int]] = []  # (leaf, slot)
        self.numbers: list[tuple[int, int]] = []  # (leaf, slot), of floats
        self.pinned: list[tuple[int, Tensor, Any]] = []  # (slot, tensor, edge)
        #: the leaves' edges with the hooks that they have
        self.extras: list[tuple[AccumulateGrad, Any]] = []
        self.grown: list[tuple[int, Tensor]] = []  # (slot, tensor whose gradient it is)
        #: tensors that get new memory: (tensor, slot, the recorded memory)
        self.replaced: list[tuple[Tensor, int, Any]] = []
        #: attributes that modules get: (a module's dictionary, name, value)
        self.sets = [
            (module.__dict__, name, module.__dict__[name])
            for (_, name), (module, before) in session.sets.items()
            if not same(module.__dict__[name], before)
        ]
        #: streams of random numbers to be set back if a check fails
        self.streams: list[Any] = []
        if self.graph.checks:
            self.streams = [stream for stream, _ in session.draws.streams.values()]
        #: slots of memory from before the step, and those of them that it writes
        self.outside = [cell.slot for cell in session.trace.outside]
        self.touched = [cell.slot for cell in session.trace.outside if cell.version]
        self.no_gradient: list[Tensor] = []
        self.options = [Option(*option) for option in session.options]
        self.groups = [_fixed_options(group, held) for group, held in session.groups.values()]
        self.gradients: list[Gradient] = []
        self.cleared: list[Tensor] = []
        self.written: list[tuple[Any, int]] = []  # (tensor, how often)
        self.written_arguments: list[tuple[int, int]] = []  # (leaf, how often)
        self.results: list[tuple[str, Any]] = []
        self.result_spec: Spec | None = None
        #: the results of the recorded run, until it has been looked at
        self.recorded_results: list[Any] = []
        #: (result, "view" or "family", the result that it is a view of or shares its count with)
        self.related: list[tuple[int, str, int]] = []
        #: whether there are objects among the results
        self.has_objects = False
        #: changes of Python objects, which a run makes after the native code
        self.changes: list[Any] = []
        self.outputs: list[int] = []
        #: what it shares with the function's other courses
        self.handed: Any = None
        #: its instructions for the gate, and how often the gate did not know that it fits
        self.course: Any = None
        self.misses = self.looked_after = 0
        #: how often it had run when it was looked at last; when that was more than before, and by
        #: how much
        self.looked = 0
        self.recent: tuple[int, int] = (0, 0)
        self.program: Any = None
        #: makes a program of a graph; the backward one is made at the first backward
        self.build: Callable[[Graph], Any] | None = None
        self.backward: Any = None
        #: the backward program's memory is used by one thread at a time
        self.one_backward = threading.Lock()
        self.derived: Derived | None = None
        #: the recorded run's results that have a history, until that is derived
        self.live: list[Tensor] = []
        #: what the user's code in its backward pass reads
        self.guards_of_backward: list[Guard] = []
        #: gives the cotangents of what a call took, recorded (see `again`)
        self.again: Callable = _never
        #: steps of schedulers, which follow the native code: (scheduler, leaves, spec), where a
        #: leaf is the place of a number or ("value", the value)
        self.deferred: list[tuple[Any, list[tuple[str, Any]], Spec]] = []
        self.entered = list(session.entered.values())
        #: for people: where and how long it was recorded, how long compiled, how often it ran from
        #: Python and was missed, why it did not fit, what its last run gave back
        self.place: Any = None
        self.recorded = self.compiled = 0.0
        self.runs = self.missed = self.code = 0
        self.why = ""
        self.witness: Witness | None = None
        self.comparison: Comparison | None = None
        self.has_effects = any(v.op == "call" and v.data.effects for v in self.graph.values)

    # --- may it stand for the step? ---------------------------------------------------------------

    def fits(self, leaves: list, spec: Spec, args: tuple, kwargs: dict) -> bool:
        """Whether all that the recording depended on is as it was; binds the memory if so."""
        if spec != self.spec or not PLAIN or (grad_mode.get(), get_default_dtype()) != self.mode:
            return False
        for leaf, x in zip(self.leaves, leaves, strict=True):
            if not _leaf_fits(leaf, x):
                return False
        moved: dict[int, ndarray] = {}
        bound: dict[int, ndarray] = {}
        for slot, t, edge in self.pinned:
            a = payload(t)
            if t._e is not edge or bound.setdefault(slot, a) is not a:
                return False
            if a is not self.arrays[slot]:
                if type(a) is not ndarray or geometry(a) != geometry(self.arrays[slot]):
                    return False
                moved[slot] = a
        if any(edge.extra is not extra for edge, extra in self.extras):
            return False
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
            if a is not self.arrays[slot]:
                moved[slot] = a
        if not self._is_apart(leaves, moved):
            return False
        for slot, a in moved.items():  # not before: what is bound has been looked at
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
        if not all(snapshot.holds() for snapshot in self.snapshots):
            return False
        if not all(change.fits() for change in self.changes):
            return False
        return all(guard.holds(args, kwargs) for guard in self.guards)

    def _is_apart(self, leaves: list, moved: dict[int, ndarray]) -> bool:
        """Whether memory that the step writes is reached in one way only: by arguments (or, if
        memory has moved or an argument is written, by anything) it must not be shown.
        """
        if not self.touched or not (moved or self.arguments):
            return True
        touched: Any = self.touched
        arrays = dict(enumerate(self.arrays)) | moved
        if not moved and not any(slot in touched for _, slot in self.arguments):
            arrays = {at: arrays[at] for at in touched}
        arrays = {at: a for at, a in arrays.items() if a is not None and at in self.outside}
        arrays |= {slot: payload(leaves[i]) for i, slot in self.arguments}
        spans = {at: byte_bounds(a) for at, a in arrays.items() if a.size}
        for at in self.touched:
            low, high = spans.get(at, (0, 0))
            if any(start < high and low < end for k, (start, end) in spans.items() if k != at):
                return False
        return True

    # --- running ----------------------------------------------------------------------------------

    def run(self, leaves: list) -> tuple[bool, Any]:
        """Run the native code: whether its checks held (else nothing was changed), the result."""
        if self.changes and not all(change.fits() for change in self.changes):
            self.code = 0
            return False, None
        arrays = self.arrays
        for i, slot in self.arguments:
            arrays[slot] = payload(leaves[i])
        for i, slot in self.numbers:
            arrays[slot][...] = leaves[i]
        slots = self.graph.slots
        for slot in self.outputs:
            if not is_free(arrays, slot, slots[slot]):
                arrays[slot] = new_array(*slots[slot][:3])
        for gradient in self.gradients:
            at = slots[gradient.slot]
            a = self.handed.memory(gradient, arrays)
            arrays[gradient.slot] = new_array(at.shape, at.dtype, at.strides) if a is None else a
        before = [stream.get_state() for stream in self.streams]
        with self.alone():
            self.code = run_on(self.program, arrays)
        if self.code:
            for stream, state in zip(self.streams, before, strict=True):
                stream.set_state(state)
        else:
            self.runs += 1
            self._leave(leaves)
        result = None if self.code else self._outcome(leaves)
        for gradient in self.gradients:  # nobody but the tensor may hold its memory
            arrays[gradient.slot] = None
        return not self.code, result

    def _outcome(self, leaves: list) -> Any:
        """The result of a run; schedulers step, and objects of Python change."""
        if not self.changes:
            self._step_schedulers()
            return self._result(leaves)
        result, values = self._result(leaves)
        for late in (False, True):
            if late:
                self._step_schedulers()
            for change, value in zip(self.changes, values, strict=True):
                if change.late is late:
                    change.make(value)
        return result

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the gate from the program's memory: native code that is called from Python lets
        other threads run.
        """
        course = self.course
        before = course is not None and course.busy
        if course is not None:
            course.busy = True
        try:
            yield
        finally:
            if course is not None:
                course.busy = before

    def counts(self) -> tuple[int, int]:
        """How many values its graph has, and how many guards there are."""
        return len(self.graph.values), len(self.guards)

    def failed_check(self) -> str:
        """What the check says that the last run failed at."""
        checks = self.program.graph.checks
        if 0 < self.code <= len(checks):
            return f"a check fails: {checks[self.code - 1].text}"
        return "its code found that it cannot stand for this call"

    def compare(self) -> Comparison:
        """How the native code, on copies, compares with the recorded run; done once."""
        if self.comparison is None:
            if self.witness is None or not hasattr(self.program, "steps"):
                self.comparison = Comparison([], "not compared: there is no native code")
            else:
                self.comparison = self.witness.compare(self.program, self.graph)
        return self.comparison

    def _leave(self, leaves: list) -> None:
        """The step's traces in the world that are no memory."""
        for gradient in self.gradients:
            self.handed.leave(gradient, self.arrays[gradient.slot])
        for t in self.cleared:
            G_SLOT.__set__(t, None)
        for t, times in self.written:
            if t._v is not None:
                for _ in range(times):
                    t._v.cell.bump()
        for i, times in self.written_arguments:
            for _ in range(times):
                family_of(leaves[i]).cell.bump()
        for t, slot, _ in self.replaced:
            t._a = self.arrays[slot]
        for held, name, value in self.sets:
            held[name] = value

    def _step_schedulers(self) -> None:
        for scheduler, leaves, spec in self.deferred:
            made = [self.arrays[x].item() if kind == "number" else x for kind, x in leaves]
            args, kwargs = unflatten(made, spec)
            scheduler.step(*args, **kwargs)

    def _result(self, leaves: list) -> Any:
        assert self.result_spec is not None
        made = []
        node: Any = None if self.derived is None else self._node(leaves)
        for kind, what in self.results:
            if kind == "live":
                slot, number = what
                t = new_tensor(self.arrays[slot])
                t._e = Output(node, number)
                made.append(t)
            elif kind == "view":
                made.append(self._view(what, leaves))
            elif kind == "new":
                slot, edge = what
                t = new_tensor(self.arrays[slot])
                t._e = edge
                made.append(t)
            elif kind == "part":
                slot, window, edge, number = what
                t = new_tensor(as_strided(self.arrays[slot], **window))
                t._e = edge if number is None else Output(node, number)
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
        for number, relation, other in self.related:
            if relation == "view":
                adopt(made[number], made[other])
            else:
                made[number]._v = family_of(made[other])
        result = unflatten(made, self.result_spec)
        return close(result) if self.has_objects else result

    def _view(self, what: tuple, leaves: list) -> Tensor:
        slot, owner, window, is_view, is_family = what
        source = leaves[owner] if type(owner) is int else owner
        t = new_tensor(as_strided(self.arrays[slot], **window))
        if is_view:
            adopt(t, source)
        elif is_family:
            t._v = family_of(source)
        return t

    def _node(self, leaves: list) -> Node:
        """The place in the graph of this call's results."""
        derived = self.derived
        assert derived is not None
        places = {slot: leaves[i] for i, slot in self.arguments}
        edges, arrays = [], self.arrays
        for entered in derived.boundary:
            slot: Any = entered.traced.cell.slot
            t = places.get(slot, entered.tensor)
            edges.append(edge_of(t))
        owners = {slot: t for slot, t, _ in self.pinned} | places
        families = []
        numbers = {slot for _, slot in self.numbers}
        for slot in derived.kept[derived.saved :]:
            if slot not in numbers:
                t = owners[slot]
                families.append((family_of(t), t._e, arrays[slot]))
        # the next call brings another number in the same memory
        kept = tuple([arrays[s].copy() if s in numbers else arrays[s] for s in derived.kept])
        live = [self._live(kind, what) for kind, what in self.results]
        live = [a for a in live if a is not None]
        read = [(t, arrays[slot]) for slot, t, _ in self.pinned]
        read += [(t, arrays[slot]) for slot, t in places.items()]
        for t, _ in read:
            if t._v is None:
                family_of(t)  # so that writes are counted
        taken = Taken(self.again, leaves, read)
        return node_of_call(self._propagate, tuple(edges), kept, families, live, taken)

    def _live(self, kind: str, what: Any) -> ndarray | None:
        """The array of a result with a history."""
        if kind == "part" and what[-1] is not None:
            return as_strided(self.arrays[what[0]], **what[1])
        return self.arrays[what[0]] if kind == "live" else None

    def _propagate(self, g: list, saved: list) -> list:
        """The cotangents of what the course took."""
        derived = self.derived
        assert derived is not None and self.build is not None
        for guard in self.guards_of_backward:
            if not guard.holds():
                raise RuntimeError(
                    f"a backward pass reads what has changed since the forward pass: {guard.text}\n"
                    "A compiled forward pass fixes what its backward pass reads."
                )
        if self.backward is None:
            self.backward = self.build(derived.graph)
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
                arrays[at] = new_array(*slots[at][:3])
        with self.one_backward:
            failed = run_on(self.backward, arrays)
        if failed:
            raise RuntimeError("a compiled backward pass failed: this is a bug in dynagrad")
        missing = {at for at, part in zip(derived.cotangents, g, strict=True) if part is None}
        return [
            None if at is None or (flows and flows <= missing) else arrays[at]
            for at, flows in zip(derived.gradients, derived.flows, strict=True)
        ]


def _never(taken: Taken, g: list, seq: int) -> list:
    raise RuntimeError(second_derivative_text("it cannot"))


def _fixed_options(group: dict, held: dict) -> tuple[dict, dict]:
    """What a group must hold again: all but the numbers, which are inputs."""

    def varies(value: Any) -> bool:
        if type(value) is tuple:
            return len(value) > 0 and all(type(v) is float for v in value)
        return type(value) in (float, int)

    return group, {k: (list(v) if k == "params" else v) for k, v in held.items() if not varies(v)}


def _leaf_fits(leaf: Leaf, x: Any) -> bool:
    if leaf.kind == "tensor":
        if type(x) is not leaf.expected or (edge_of(x) is not None) is not leaf.requires:
            return False
        a = payload(x)
        return type(a) is ndarray and geometry(a) == leaf.geometry
    if leaf.kind == "same":
        return x is leaf.expected
    if leaf.kind == "number":
        return type(x) is float
    return type(x) is type(leaf.expected) and (x is leaf.expected or x == leaf.expected)
