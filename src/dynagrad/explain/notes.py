"""Where histories end: `explaining()` notes every operation which leaves a history behind, with its
line. Imports core.

A tensor without history keeps nothing of what made it. Three traces exist without the mode:
`detach()` and `.data` leave a note on the tensor's family (they are no hot operations), a view made
under no_grad knows it, and what an operation saved can be compared with the memory of a tensor.
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..core.paths import nodes_below
from ..core.storage import owner
from ..core.tape import (
    AccumulateGrad,
    Family,
    Node,
    caller,
    family_saved,
    grad_mode,
    inference,
    node_and_number,
)
from ..core.tensor import Tensor, base_of, edge_of
from ..core.views import is_dead_end
from ..core.watch import Watcher, enter, leave
from .reason import Place, place_of


class Cut(NamedTuple):
    """One place where a history was left behind.

    kind: 'detached', 'no_grad', 'inference' or 'not_differentiable'; name: the operation; sources:
    the nodes whose results went in, held weakly; leaves: the leaves below them, held weakly (empty
    where the mode was off).
    """

    kind: str
    name: str
    place: Place | None
    sources: tuple[Any, ...]
    leaves: tuple[Any, ...]

    def living(self) -> list[Node]:
        """The nodes left behind that still exist."""
        return [node for ref in self.sources if (node := ref()) is not None]


class _Registry:
    """Notes about objects that cannot be keys of a dictionary (arrays), or should not be changed
    (nodes). A note goes with its object.
    """

    def __init__(self) -> None:
        self._notes: dict[int, tuple[Any, Any]] = {}

    def put(self, thing: Any, note: Any) -> None:
        key, notes = id(thing), self._notes
        try:
            notes[key] = (weakref.ref(thing, lambda _: notes.pop(key, None)), note)
        except TypeError:  # a payload without weak references: nothing is known of it later
            return

    def get(self, thing: Any) -> Any:
        found = self._notes.get(id(thing))
        return found[1] if found is not None and found[0]() is thing else None


#: array, or a tensor which shows that of another -> Cut: what made it had a history, it has none
CUTS = _Registry()
#: node -> {number of the input: Cut}
CUT_INPUTS = _Registry()


def leaves_below(edges: Any) -> dict[AccumulateGrad, None]:
    """The leaves among and below some edges."""
    found: dict[AccumulateGrad, None] = {}
    for group in (edges, *(node.edges for node in nodes_below(edges))):
        for edge in group:
            if type(edge) is AccumulateGrad:
                found[edge] = None
    return found


def cut_of_array(array: Any) -> Cut | None:
    """The note about an array, or about the memory that it shows."""
    cut = CUTS.get(array)
    if cut is None and type(array) is np.ndarray:
        cut = CUTS.get(owner(array))
    return cut


def cut_of_family(family: Family | None) -> Cut | None:
    """The note that `detach()` and `.data` leave."""
    found = getattr(family, "cut", None)
    if found is None:
        return None
    how, code, lasti, source = found
    return Cut("detached", how, place_of(code, lasti), (source,), ())


def cut_of(t: Tensor) -> Cut | None:
    """What is known of where the history of a tensor without history was left behind."""
    cut = CUTS.get(t)
    if cut is None:
        cut = cut_of_family(t._v)
    if cut is None:
        cut = cut_of_array(t._a)
    base = base_of(t)
    return cut_of(base) if cut is None and base is not None and base._e is None else cut


def cut_of_input(node: Node, index: int, array: Any) -> Cut | None:
    """What is known of an input of a node that has no history; `array` is what the node saved of
    it, if anything.
    """
    noted = CUT_INPUTS.get(node)
    if noted is not None and index in noted:
        return noted[index]
    if getattr(node, "cells", None) is not None:
        cut = cut_of_family(family_saved(node, index))
        if cut is not None:
            return cut
    return None if array is None else cut_of_array(array)


def _tensors(values: Any) -> Iterator[Tensor]:
    for x in values:
        if isinstance(x, Tensor):
            yield x
        elif type(x) in (list, tuple):
            yield from _tensors(x)
        elif type(x) is dict:
            yield from _tensors(x.values())


def _edge_below(t: Tensor) -> Any:
    """The edge of a tensor, or of what it shows where it is a view made under no_grad."""
    edge, base = edge_of(t), base_of(t)
    if base is not None and (is_dead_end(t) or (edge is None and cut_of(t) is None)):
        return edge_of(base)
    return edge


def _new_cut(name: str, inputs: list[Tensor], kind: str | None = None) -> Cut | None:
    """The Cut for a result without history: a new one if an input had a history, else that of an
    input which lost it before.
    """
    edges = [edge for t in inputs if (edge := _edge_below(t)) is not None]
    if not edges:
        return next((cut for t in inputs if (cut := cut_of(t)) is not None), None)
    if kind is None:
        recording = "not_differentiable" if grad_mode.get() else "no_grad"
        kind = "inference" if inference.get() else recording
    place = place_of(*caller(2))
    sources = tuple({id(n): weakref.ref(n) for n, _ in map(node_and_number, edges)}.values())
    leaves = tuple(map(weakref.ref, leaves_below(edges)))
    return Cut(kind, name, place, sources, leaves)


class _Calls(Watcher):
    """Notes the results of public functions: some end a history without a primitive of their own
    (`x.long()`).
    """

    def called(self, f: Callable, args: tuple, kwargs: dict) -> Any:
        result = f(*args, **kwargs)
        made = [t for t in _tensors((result,)) if t._e is None]
        if not made:
            return result
        given = list(_tensors((args, kwargs)))
        known = {id(t._a) for t in given}
        name = getattr(f, "__name__", "an operation")
        for t in made:
            if name == "detach":
                cut = _new_cut(name, given, "detached")
                if cut is not None:
                    CUTS.put(t, cut)
            elif id(t._a) not in known and cut_of(t) is None:
                cut = _new_cut(name, given)
                if cut is not None:
                    CUTS.put(t._a, cut)
        return result


class _Operations(Watcher):
    """Notes the results of primitives, and which inputs of a node had lost their history."""

    def computed(self, compute: Callable[[], Any], cls: type[Node], inputs: tuple, kw: dict) -> Any:
        result = compute()
        several = isinstance(result, tuple | list)
        arrays = [
            np.asarray(r) if isinstance(r, np.generic) else r
            for r in (result if several else (result,))
        ]
        given = list(_tensors(inputs))
        records = grad_mode.get() and cls.differentiable and any(t._e is not None for t in given)
        lost = [a for a in arrays if not records or a.dtype.kind not in "fcV"]
        if lost:
            cut = _new_cut(cls.torch_name.partition("Backward")[0].lower(), given)
            known = {id(t._a) for t in given}
            for a in lost:
                if cut is not None and id(a) not in known:
                    CUTS.put(a, cut)
        return tuple(arrays) if several else arrays[0]

    def noted(self, node: Node, inputs: tuple) -> None:
        cuts = {
            i: cut
            for i, x in enumerate(inputs)
            if isinstance(x, Tensor) and x._e is None and (cut := cut_of(x)) is not None
        }
        if cuts:
            CUT_INPUTS.put(node, cuts)


@contextmanager
def explaining() -> Iterator[None]:
    """Note, within this context, each operation that leaves a history behind (under no_grad, by
    detach, by a conversion to integers, by an operation without derivative), so that `why` can
    name its line.

    Operations cost several times as much; results and gradients are the same. The notes are kept
    as long as the tensors are, also after the context.
    """
    calls, operations = _Calls(), _Operations()
    enter(operations)
    enter(calls)
    try:
        yield
    finally:
        leave(calls)
        leave(operations)
