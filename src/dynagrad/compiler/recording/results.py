"""What a recorded step returns: how a run makes it again. Imports variant, differentiable.

Results that the step made get memory of their own in each run. Several that show one memory, or
one that shows a part of it, are windows into the whole, so that a program sees the same strides and
the same sharing as without the compiler.
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ...core.dtype import Size, device, dtype, layout
from ...core.pytree import Spec, flatten, tree_map
from ...core.storage import geometry as window_of
from ...core.storage import strides_of
from ...core.tape import AccumulateGrad, Node, Output
from ...core.tensor import Tensor, base_of
from ..ir.graph import Graph
from .number import Number
from .session import G_SLOT, Session, payload
from .trace import Cell, Traced
from .variant import PLAIN_VALUES, Opened, Unfit, Variant

#: values of the framework that cannot change
_FIXED = (Size, device, dtype, layout)


def new_slot(graph: Graph, a: Traced, name: str) -> int:
    """A slot that a payload's elements are left in."""
    slot = graph.slot(a.shape, a.dtype, packed(a.array), name)
    graph.write(slot, a.value)
    return slot


def number_slot(variant: Variant, x: Number) -> int:
    """A slot that a run leaves a number in."""
    slot = variant.graph.slot((), np.float64, (), "result")
    variant.graph.write(slot, x.value)
    variant.outputs.append(slot)
    return slot


def packed(a: ndarray) -> tuple[int, ...]:
    """The strides of a copy that keeps the order of the dimensions in memory."""
    return strides_of(np.empty_like(a))


def _is_packed(a: ndarray) -> bool:
    """Whether there are no gaps, and no element has several places."""
    pairs = zip(strides_of(a), packed(a), a.shape, strict=True)
    return all(own == other for own, other, n in pairs if n > 1)


def opened(result: Any, is_fresh: Any) -> Any:
    """The result with the step's own objects as their classes and attributes.

    Raises Unfit for an object that cannot be made again from these.
    """
    seen: set[int] = set()

    def at(x: Any) -> Any:
        if not _is_own_object(x) or not is_fresh(x):
            return x
        if id(x) in seen:
            raise Unfit(f"a {type(x).__name__} stands in the result twice")
        seen.add(id(x))
        return Opened(type(x), tree_map(at, dict(vars(x))))

    return tree_map(at, result)


def _is_own_object(x: Any) -> bool:
    kind = type(x)
    plain = kind.__flags__ & (1 << 9) and kind.__new__ is object.__new__
    if not plain or isinstance(x, Tensor | type) or callable(x) or not hasattr(x, "__dict__"):
        return False
    slots = any("__slots__" in base.__dict__ and base.__slots__ for base in kind.__mro__[:-1])  # pyright: ignore
    return not slots and not hasattr(kind, "__del__") and not hasattr(kind, "__next__")


class _Result(NamedTuple):
    """What the results of one step need to know of each other."""

    variant: Variant
    places: dict[int, int]
    gradients: dict[int, Tensor]
    shared: Counter[Cell]
    whole: dict[Cell, int]
    live: list[Tensor]


def note_results(
    variant: Variant, session: Session, leaves: list, kept: set[int], result: Any
) -> None:
    """Note how a run makes the result again; `kept`: the identities of objects that are the same at
    each run. Raises Unfit.
    """
    made, variant.result_spec = flatten(result)
    variant.recorded_results = made
    variant.has_objects = _has_objects(variant.result_spec)
    gradients = {id(G_SLOT.__get__(g.t)): g.t for g in variant.gradients}
    tensors = [*made, *(G_SLOT.__get__(g.t) for g in variant.gradients)]
    shown = [payload(t) for t in {id(t): t for t in tensors}.values() if isinstance(t, Tensor)]
    shared = Counter([a.cell for a in shown if type(a) is Traced])
    if any(cell in shared for _, _, cell in variant.replaced):
        raise Unfit("a result shows memory that the step gives to a tensor")
    places = {id(x): i for i, x in enumerate(leaves)}
    note = _Result(variant, places, gradients, shared, {}, [])
    for gradient in variant.gradients:
        a = payload(G_SLOT.__get__(gradient.t))
        if a.array is a.cell.root:
            note.whole[a.cell] = gradient.slot
    seen: dict[int, int] = {}
    for number, x in enumerate(made):
        if isinstance(x, Tensor):
            if id(x) in seen:
                variant.results.append(("again", seen[id(x)]))
                continue
            seen[id(x)] = number
            variant.results.append(_tensor(note, x))
            _note_relation(variant, x, number, made, seen)
        elif type(x) is Number:
            given = [i for i, slot in variant.numbers if x.value is variant.graph.source(slot)]
            variant.results.append(
                ("argument", given[0]) if given else ("number", number_slot(variant, x))
            )
        elif isinstance(x, PLAIN_VALUES + _FIXED) or id(x) in kept:
            variant.results.append(("value", x))
        else:
            raise Unfit(f"the step returns a {type(x).__name__}")
    variant.live = note.live


def _has_objects(spec: Spec) -> bool:
    return spec.kind is Opened or any(map(_has_objects, spec.parts))


def _tensor(note: _Result, x: Tensor) -> tuple[str, Any]:
    variant, a = note.variant, payload(x)
    if id(x) in note.gradients:
        return "gradient", note.gradients[id(x)]
    if type(a) is not Traced:  # it took no part
        if id(x) in note.places:
            return "argument", note.places[id(x)]
        return "value", x
    if a.cell.slot is not None:
        if id(x) in note.places:
            return "argument", note.places[id(x)]
        if any(t is x for _, t, _ in variant.pinned):
            return "value", x
        return "view", _shown(variant, x, a)
    if type(x) is not Tensor:
        raise Unfit(f"a result is a {type(x).__name__}")
    edge, number = x._e, None
    if edge is not None and not is_spent(edge):
        note.live.append(x)
        number = len(note.live) - 1
    if note.shared[a.cell] > 1 or not _is_packed(a.array):
        return "part", (*_part(note, a), edge, number)
    slot = new_slot(variant.graph, a, "result")
    variant.outputs.append(slot)
    return ("new", (slot, edge)) if number is None else ("live", (slot, number))


def _part(note: _Result, a: Traced) -> tuple[int, dict]:
    """The slot of the memory that a result shows, and the window."""
    cell, graph = a.cell, note.variant.graph
    if a.dtype != cell.root.dtype or not _is_packed(cell.root):
        raise Unfit("a result shows memory with gaps")
    slot = note.whole.get(cell)
    if slot is None:
        slot = graph.slot(cell.root.shape, cell.root.dtype, packed(cell.root), "result")
        graph.write(slot, cell.value)
        note.variant.outputs.append(slot)
        note.whole[cell] = slot
    return slot, window_of(a.array, cell.root)


def _note_relation(
    variant: Variant, x: Tensor, number: int, made: list, seen: dict[int, int]
) -> None:
    """Note that a result is a view of another one, or shares its count of writes."""
    if variant.results[-1][0] != "part" or x._v is None:
        return
    base = base_of(x)
    if base is not None:
        places = [i for i, other in enumerate(made) if other is base]
        if places:
            variant.related.append((number, "view", places[0]))
            return
    for other in seen.values():
        if other != number and made[other]._v is x._v and variant.results[other][0] == "part":
            variant.related.append((number, "family", other))
            return


def _shown(variant: Variant, x: Tensor, a: Traced) -> tuple:
    """A result in memory that was there before: how to show it again."""
    slot = a.cell.slot
    owners = [i for i, at in variant.arguments if at == slot]
    owners += [t for at, t, _ in variant.pinned if at == slot]
    if not owners or x._e is not None or type(x) is not Tensor or a.dtype != a.cell.root.dtype:
        raise Unfit("a result shows memory that was there before the step")
    owner = owners[0]
    family, base = x._v, base_of(x)
    found = [e.tensor for e in variant.entered if e.traced.cell.slot == slot]
    if base is not None and not any(base is t for t in found):
        raise Unfit("a result is a view of a view")
    is_family = family is not None and any(family is t._v for t in found)
    return slot, owner, window_of(a.array, a.cell.root), base is not None, is_family


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
