"""The tape: nodes (`grad_fn`), their edges, what they save, version cells and the grad mode.
Imports ops and errors.

An edge is what a tensor holds of the graph: None, a Node (its only result), an Output (one of
several results) or an AccumulateGrad (a leaf). Nodes hold the edges of their inputs, never Tensors,
and an AccumulateGrad holds its leaf weakly: a graph has no reference cycle and is freed by
reference counting alone.
"""

import gc
import os
import sys
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from typing import Any
from weakref import WeakSet

from numpy import ufunc

from .. import errors
from ..ops.creation import zeros
from ..ops.rule import ALL, ANY, Rule, metadata_names, same

#: one clock for nodes and in-place writes, so that "written after it was saved" is one comparison
counter = count(1)
tick = counter.__next__
#: what writes without being seen here (`settle()` counts it, late): see `settle_writes`
native_writers: Any = WeakSet()

grad_mode: ContextVar[bool] = ContextVar("grad_mode", default=True)
inference: ContextVar[bool] = ContextVar("inference_mode", default=False)


#: what native code sets the clock to, so that whoever compares it with a tick looks further
NEVER = 1 << 62


def settle_writes() -> None:
    """Have unseen writes counted before anybody looks at counts."""
    for writer in native_writers:
        writer.settle()


class Clock:
    """The tick of the latest in-place write anywhere: a node made after it needs no version check
    at all.
    """

    __slots__ = ("last_write",)


clock = Clock()
clock.last_write = 0


class _Library(dict):
    """Whether a file belongs to this package, by file name: a frame of one of them is no user's
    line.
    """

    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

    def __missing__(self, filename: str) -> bool:
        self[filename] = found = filename.startswith(self.root)
        return found


LIBRARY = _Library()


def caller(depth: int = 1) -> tuple[Any, int]:
    """The code object and instruction of the innermost frame outside this package."""
    frame = sys._getframe(depth)
    while frame is not None and LIBRARY[frame.f_code.co_filename]:
        frame = frame.f_back
    return (None, 0) if frame is None else (frame.f_code, frame.f_lasti)


class VersionCell:
    """The count of in-place writes to one memory, with the tick and the place of the last one.

    A tensor, its views and `detach()` share the cell; `.data` gets a fresh one. `apart`: what
    makes copies for nodes before a write (`views.part`).
    """

    __slots__ = ("apart", "code", "count", "last", "lasti", "ticks")

    def __init__(self):
        self.count = self.last = self.lasti = 0
        self.ticks = self.code = None
        self.apart: list[Any] | None = None

    def bump(self, place: tuple[Any, int] | None = None) -> None:
        """Count a write; `place` is the user's instruction if the caller knows it, as one that
        writes many tensors does.
        """
        self.count += 1
        self.code, self.lasti = caller(2) if place is None else place
        self.last = clock.last_write = tick()
        if self.ticks is None:
            self.ticks = deque(maxlen=16)
        self.ticks.append(self.last)

    def count_at(self, seq: int) -> int:
        """The count as it was at a tick (no more than 16 writes back)."""
        return self.count - sum(t > seq for t in self.ticks or ())


class Family:
    """What a base tensor and its differentiable views share: the version cell, and how often the
    base's history changed.

    `rebased` stays 0 until an in-place operation rewrites the history of a base that has views;
    from then on the views read their edge anew (see `tensor.sync`). From the first recorded write
    on, `base` (a weak reference to the base's memory) and `history` (the class of its node and the
    number of its result) tell error texts what was written. `cut`, set only where a history was
    left behind (`tensor.note_cut`), is what did it: (name, code, instruction, weak reference to the
    node).
    """

    __slots__ = ("base", "cell", "cut", "has_views", "history", "rebased")

    def __init__(self, cell: VersionCell | None = None):
        self.cell = VersionCell() if cell is None else cell
        self.rebased = 0
        self.has_views = False
        self.base: Any = None
        self.history: tuple[str, int] | None = None


class NodeDefaults:
    """Cold attributes of every node."""

    __slots__ = ()
    rule: Rule
    torch_name = "Node"
    #: the node keeps arrays, so that a second backward through it is an error once they are freed
    holds = False
    #: a result of the rules is new memory, which a leaf may keep without a copy
    fresh = False
    #: the rule gives its only input the cotangent itself, in another shape or order
    passes = False
    #: the inputs' shapes may differ from the result's by broadcasting
    broadcasts = False
    differentiable = True
    results = 1


class Node(NodeDefaults):
    """One recorded operation, what users see as `grad_fn`. Each PyTorch name is a subclass:
    `MulBackward0`, ...

    edges: the inputs' edges; saved: the values that the rules read; seq: the tick at which it was
    made; code, lasti: the user's instruction that made it; fix: for each input the shape to sum its
    cotangent to (None: nothing to do); extra: hooks and what else is rare; kw: the call's metadata;
    cells: the families of inputs without edge that are saved; family: the family of the tensor made
    (set when it gets one); metas: the results' shapes and dtypes (several results).
    """

    __slots__ = (
        "__weakref__",
        "cells",
        "code",
        "edges",
        "extra",
        "family",
        "fix",
        "kw",
        "lasti",
        "metas",
        "saved",
        "seq",
    )

    def __new__(cls, *args: Any) -> Any:
        """Only operations make nodes, past this method."""
        raise TypeError(f"Can't instantiate abstract class {cls.__name__}: operations make nodes")

    def name(self) -> str:
        """The operation's name in PyTorch's spelling; nodes of the machine itself carry its
        namespace.
        """
        return class_name(type(self))

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes of the inputs, each with the number of its result: ((node or None, number),
        ...).
        """
        return tuple([node_and_number(self.edges[i]) for i in self.inputs_shown()])

    def inputs_shown(self) -> list[int]:
        """The numbers of the inputs that users see: indices and masks are no inputs in PyTorch's
        graph.
        """
        vjps = getattr(getattr(self, "rule", None), "vjps", ())
        every = len(self.edges) != len(vjps)
        return [i for i in range(len(self.edges)) if every or vjps[i] is not None]

    @property
    def metadata(self) -> dict:
        """A dictionary for the user's notes on this node."""
        return extras(self).metadata

    def _sequence_nr(self) -> int:
        return self.seq

    def place(self) -> str:
        """The user's source line which made the node."""
        return errors.source_line(self.code, self.lasti)

    def keyword(self, name: str) -> Any:
        """The value of a metadata keyword; `needs` tells a joint rule which inputs want a
        cotangent.
        """
        if name == "needs":
            return tuple(edge is not None for edge in self.edges)
        return self.kw[name]  # pyright: ignore[reportOptionalSubscript]

    def cotangent(self, g: list, number: int) -> Any:
        """The cotangent of one of several results; zeros where none arrived."""
        if g[number] is None:
            present = next(value for value in g if value is not None)
            meta = self.metas[number]
            return zeros(shape=meta.shape, dtype=meta.dtype, like=present)
        return g[number]

    def all_cotangents(self, g: list) -> list:
        """The cotangents of all results, with zeros where none arrived."""
        return [self.cotangent(g, i) for i in range(self.results)]

    def vjp(self, g, saved, edges):
        """The inputs' cotangents, one for each edge, from the result's; made at the first call of
        its class.
        """
        cls = type(self)
        cls.vjp = _vjp(cls.rule)
        return cls.vjp(self, g, saved, edges)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"


def class_name(cls: type) -> str:
    """The name of a node class in PyTorch's spelling."""
    name = cls.__name__
    return (
        f"torch::autograd::{name}"
        if name in ("AccumulateGrad", "CopyBackwards", "CopySlices")
        else name
    )


class Output:
    """The edge to result `number` of a node with several results."""

    __slots__ = ("family", "node", "number")

    def __init__(self, node: Node, number: int):
        self.node = node
        self.number = number


class AccumulateGrad(Node):
    """The edge of a leaf: where its gradient arrives. It holds the leaf weakly; if the leaf is
    gone, so is the gradient.
    """

    __slots__ = ("leaf",)

    @property
    def variable(self):
        """The leaf, or None where nobody holds it any more."""
        return self.leaf()


def nobody() -> None:
    """What stands for the leaf of a dead end, a view made under no_grad of what requires grad. As
    in PyTorch, operations on it are recorded, and the cotangents that arrive are dropped.
    """


class Hooks(dict):
    """Hooks by the numbers of their handles, which refer to it weakly."""

    __slots__ = ("__weakref__",)


class Extras:
    """The rare belongings of a node: hooks on its results' cotangents, on itself, retained
    gradients, notes; and what it saved, where hooks have packed it (`saved` is None then).
    """

    __slots__ = (
        "metadata",
        "packed",
        "post_accumulate",
        "posthooks",
        "prehooks",
        "retained",
        "tensor_hooks",
    )

    def __init__(self):
        self.tensor_hooks: dict[int, Hooks] = {}
        self.prehooks = Hooks()
        self.posthooks = Hooks()
        self.retained = {}
        self.post_accumulate = Hooks()
        self.metadata = {}
        self.packed: dict[int, Any] | None = None  # by place, in the order of unpacking


def extras(node: Node) -> Extras:
    """The node's Extras, made at first use."""
    if node.extra is None:
        node.extra = Extras()
    return node.extra


def node_and_number(edge: Any) -> tuple[Any, int]:
    """An edge as PyTorch's pair (node, number of its result)."""
    return (edge.node, edge.number) if type(edge) is Output else (edge, 0)


class Meta:
    """The shape and dtype of a value that is not kept itself."""

    __slots__ = ("dtype", "shape")

    def __init__(self, array: Any):
        self.shape = array.shape
        self.dtype = array.dtype


#: in `Node.cells`: the value saved is the node's own copy, no write reaches it
OWN_COPY = Family()


def stale(node: Node, saved: tuple) -> None:
    """Raise if a value that `node` saved has been written since (PyTorch's error, with both source
    lines).
    """
    if native_writers:
        settle_writes()
    for (kind, index, users), value in zip(node.rule.saves, saved, strict=False):
        if kind == "meta" or value is None:
            continue
        if users and node.edges and all(_leads_nowhere(node.edges[i]) for i in users):
            continue  # it serves for cotangents that are dropped
        if kind == "out":
            parts = ((result_family(node, index), Output(node, index), value),)
        elif node.rule.variadic:
            parts = [
                (family_saved(node, i), e, v)
                for i, (e, v) in enumerate(zip(node.edges, value, strict=True))
            ]
        else:
            parts = ((family_saved(node, index), node.edges[index], value),)
        for family, edge, array in parts:
            if family is not None and family.cell.last > node.seq:
                raise RuntimeError(stale_text(node, family, edge, array, is_result=kind == "out"))


def _leads_nowhere(edge: Any) -> bool:
    if type(edge).__name__ == "ToCopyBackward0":  # PyTorch converts operands below the graph
        edge = edge.edges[0]
    return edge is None or getattr(edge, "leaf", None) is nobody


def family_saved(node: Node, index: int) -> Family | None:
    """The family of the input that `node` saved; None where no write can reach what it saved."""
    cells = getattr(node, "cells", None)
    if cells is not None and cells[index] is not None:
        return None if cells[index] is OWN_COPY else cells[index]
    return getattr(node.edges[index], "family", None)


def result_family(node: Node, number: int) -> Family | None:
    """The family of one of the node's results, if it has one."""
    family = getattr(node, "family", None)
    return family.get(number) if type(family) is dict else family


def stale_text(node: Node, family: Family, edge: Any, array: Any, *, is_result: bool) -> str:
    """The error for a value that `node` saved, which belonged to `edge` and was written since."""
    cell = family.cell
    owner, number = node_and_number(edge)
    name = None if owner is None or type(owner) is AccumulateGrad else class_name(type(owner))
    if family.history is not None and not is_result:
        # PyTorch names the history that the tensor has by now; that of a view is made anew from its
        # base's.
        name, number = family.history if family.base() is array else ("AsStridedBackward0", 0)
    which = f", which is output {number} of {errors.short_name(name)}," if name else ""
    return errors.STALE.format(
        tensor=errors.tensor_text(array.dtype.name, array.shape),
        which=which,
        now=cell.count,
        seen=cell.count_at(node.seq),
        saved_at=node.place(),
        changed_at=errors.source_line(cell.code, cell.lasti),
    )


#: for each node class PyTorch's attributes for what is saved (`autograd.saved_values` fills it)
NAMED_VALUES: dict[str, dict[str, Any]] = {}
#: called when a node is first shown to a user, who may ask it for what it saved
first_look: list[Callable[[], Any]] = []


def node_class(torch_name: str, rule: Rule) -> type[Node]:
    """The Node subclass that PyTorch calls `torch_name`, differentiated by `rule`."""
    return type(
        torch_name,
        (Node,),
        {
            "__slots__": () if rule.results != ANY else ("results",),
            "__module__": "builtins",
            "rule": rule,
            "torch_name": torch_name,
            "holds": any(save.kind != "meta" for save in rule.saves),
            "fresh": rule.fresh,
            "passes": rule.kind == "linear"
            and not rule.fresh
            and len(rule.vjps) == rule.results == 1
            and not rule.variadic
            and all(save.kind == "meta" for save in rule.saves),
            "differentiable": rule.kind != "constant",
            "broadcasts": rule.kind in ("elementwise", "multilinear", "general")
            and not rule.variadic,
        }
        | ({"results": rule.results} if rule.results != ANY else {})
        | NAMED_VALUES.get(torch_name, {}),
    )


def _vjp(rule: Rule) -> Any:
    """The method that runs a rule's vjps, made for its pattern so that the engine's loop does no
    lookups.
    """
    if rule.kind == "constant":
        return lambda self, g, saved, edges: (None,) * len(edges)
    calls = [_call(rule, i) for i in range(len(rule.vjps))]
    if rule.joint:
        (call,) = calls
        return lambda self, g, saved, edges: call(self, g, saved)
    if len(calls) == 1:
        (first,) = calls
        (f,) = rule.vjps
        whole = bool(rule.keywords[0]) and set(rule.keywords[0]) == metadata_names(rule.fun)
        if whole and rule.results == 1 and len(rule.reads[0]) == 1:
            return lambda self, g, saved, edges: (f(g, saved[0], **self.kw),)  # pyright: ignore[reportOptionalCall]
        if first is None or rule.keywords[0] or rule.results != 1 or len(rule.reads[0]) > 1:
            return lambda self, g, saved, edges: (first(self, g, saved),)  # pyright: ignore[reportOptionalCall]
        if rule.reads[0]:
            return lambda self, g, saved, edges: (f(g, saved[0]),)  # pyright: ignore[reportOptionalCall]
        return lambda self, g, saved, edges: (f(g),)  # pyright: ignore[reportOptionalCall]
    if (
        len(calls) == 2
        and None not in calls
        and (rule.fun.__class__ is ufunc or len(rule.params) == 2)
    ):
        return _two(rule, *calls)

    def many(self, g, saved, edges):
        return [
            None if e is None or call is None else call(self, g, saved)
            for e, call in zip(edges, calls)  # noqa: B905 - inputs without a rule may follow
        ]

    return many


def _two(rule: Rule, first: Any, second: Any) -> Any:
    f, h = rule.vjps
    if (
        rule.results == 1
        and not any(rule.keywords)
        and all(len(reads) == 1 for reads in rule.reads)
    ):
        (i,), (j,) = rule.reads

        def reading(self, g, saved, edges):
            ea, eb = edges
            return None if ea is None else f(g, saved[i]), None if eb is None else h(g, saved[j])  # pyright: ignore

        return reading
    if f is h is same:
        return lambda self, g, saved, edges: (g, None if edges[1] is None else g)
    if f is same and rule.results == 1 and not any(rule.keywords) and not any(rule.reads):
        return lambda self, g, saved, edges: (g, None if edges[1] is None else h(g))  # pyright: ignore[reportOptionalCall]

    def two(self, g, saved, edges):
        ea, eb = edges
        return None if ea is None else first(self, g, saved), None if eb is None else second(
            self, g, saved
        )

    return two


def _call(rule: Rule, number: int) -> Any:
    """One vjp as a function of (node, cotangent or list of them, saved values)."""
    f, reads, keywords = rule.vjps[number], rule.reads[number], rule.keywords[number]
    if f is None:
        return None
    incoming = rule.cotangents[number]
    if rule.results != 1:
        return lambda node, g, saved: f(
            *(
                [node.all_cotangents(g)]
                if incoming == ALL
                else [node.cotangent(g, i) for i in incoming]
            ),
            *[saved[i] for i in reads],
            **{k: node.keyword(k) for k in keywords},
        )
    if keywords and set(keywords) == metadata_names(
        rule.fun
    ):  # all of a call's: passed on as they are
        if not reads:
            return lambda node, g, saved: f(g, **node.kw)
        if len(reads) == 1:
            (i,) = reads
            return lambda node, g, saved: f(g, saved[i], **node.kw)
        return lambda node, g, saved: f(g, *[saved[i] for i in reads], **node.kw)
    if "needs" in keywords:
        return lambda node, g, saved: f(
            g, *[saved[i] for i in reads], **{k: node.keyword(k) for k in keywords}
        )
    if keywords:
        return lambda node, g, saved: f(
            g, *[saved[i] for i in reads], **{k: node.kw[k] for k in keywords}
        )
    if not reads:
        return lambda node, g, saved: f(g)
    if len(reads) == 1:
        (i,) = reads
        return lambda node, g, saved: f(g, saved[i])
    return lambda node, g, saved: f(g, *[saved[i] for i in reads])


#: The cyclic collector finds nothing in a graph, yet walks all of it again and again while it
#: grows. Where the process still has Python's default threshold it is raised once; a user's own
#: setting is left alone.
PYTHON_DEFAULT_THRESHOLDS = ((700, 10, 10), (2000, 10, 0), (2000, 10, 10))
if gc.get_threshold() in PYTHON_DEFAULT_THRESHOLDS:
    gc.set_threshold(50_000, *gc.get_threshold()[1:])
