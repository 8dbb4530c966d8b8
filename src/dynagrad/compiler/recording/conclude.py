"""From a recording to a variant: where its memory comes from, what it leaves behind.
Imports variant, differentiable.
"""

from functools import partial
from types import MethodType
from typing import Any

import numpy as np

from ...core.pytree import Spec, flatten
from ...core.tape import AccumulateGrad
from ...core.tensor import Tensor, base_of, edge_of
from ...nn.parameter import Parameter
from ..census.guards import Reason
from ..census.reads import CODE
from .changes import Change, dependence
from .differentiable import derive
from .identity import check_identity
from .memory import Gradient, geometry
from .number import Number
from .results import new_slot, note_results, number_slot, opened
from .session import G_SLOT, UNSET, Entered, Session, payload
from .snapshots import of_holders, of_hooks, snapshots
from .trace import Cell, Traced
from .variant import PLAIN_VALUES, Leaf, Unfit, Variant, is_leaf_edge


def conclude(
    session: Session, census: Any, another: Any, leaves: list, spec: Spec, result: Any
) -> Variant:
    """The variant of a recording that has just run, while its tensors still hold Traced payloads.
    `another()` makes a census like the one that has watched it.

    Raises Unfit.
    """
    check_identity(result, census.effects, census.is_fresh)
    if census.effects:  # what changes keep is made by each run, as a result is
        result = (result, [effect.value for effect in census.effects])
    result = opened(result, census.is_fresh)
    session.draws.check()
    session.check_settings()
    if not session.trace.alive:
        assert session.trace.reason is not None
        raise Unfit(session.trace.reason[0])
    variant = Variant(session, leaves, spec)
    variant.guards = census.guards
    variant.snapshots = snapshots(session, census.consulted)
    try:
        variant.snapshots += of_holders(census.holders)
    except ValueError as error:
        raise Unfit(str(error)) from None
    if census.effects:
        why = dependence(census, variant.snapshots, session)
        if why:
            first = census.effects[0]
            raise Unfit(Reason(why, *first.place))
        scheduled = session.counted[0] if session.deferred else len(census.consulted) + 1
        variant.changes = [Change(e, e.late >= scheduled) for e in census.effects]
    _bind_memory(variant, session, leaves)
    leaves_of = {e for _, _, e in variant.pinned if type(e) is AccumulateGrad}
    variant.extras = [(edge, edge.extra) for edge in leaves_of]
    variant.snapshots += of_hooks(extra for _, extra in variant.extras if extra is not None)
    _note_writes(variant, session)
    _note_gradients(variant, session)
    kept = {id(x) for x in leaves} | {id(g.expected) for g in census.guards if g.by == "identity"}
    note_results(variant, session, leaves, kept, result)
    if variant.live:
        _derive(variant, session, another())
    _note_deferred(variant, session)
    _check_survivors(variant, session, result)
    for slot in (*[option.slot for option in variant.options], *session.arguments.values()):
        variant.arrays[slot] = np.empty(())
    variant.arrays += [None] * (len(variant.graph.slots) - len(variant.arrays))
    return variant


def _reached(variant: Variant, session: Session) -> set[int]:
    """The identities of the tensors that guards and framework objects hold: an argument among them
    is met in two ways, and other arguments would not be.
    """
    found: set[int] = set()
    todo: list[Any] = [guard.expected for guard in variant.guards]
    todo += [value for snapshot in variant.snapshots for value in snapshot.entries.values()]
    todo += [value for group, _ in session.groups.values() for value in group.values()]
    while todo:
        x = todo.pop()
        if isinstance(x, Tensor):
            found.add(id(x))
        elif isinstance(x, tuple) or type(x) is list:
            todo += x
        elif isinstance(x, partial):
            todo += (x.func, *x.args, *x.keywords.values())
        elif isinstance(x, MethodType):
            todo.append(x.__self__)
    return found


def _derive(variant: Variant, session: Session, census: Any) -> None:
    """The backward pass of the results that have a history. The user's code in it runs here before
    its time: it may change nothing, stops before it does, and reads functions and classes alone,
    for other things may be others when the time has come.
    """
    entered = len(session.entered)
    census.is_inner, census.repeats, census.halt = True, False, _unfit_for
    try:
        derived = census.run(derive, (session, variant.live))
    except ValueError as error:
        raise Unfit(f"a result needs gradients, and {error}") from None
    for reason in census.reasons:
        raise Unfit(reason)
    if census.stores:
        raise Unfit("a result needs gradients, and its backward pass changes objects")
    if len(session.entered) > entered:
        raise Unfit("a result needs gradients, and its backward pass reads other tensors")
    variant.derived, variant.live = derived, []
    variant.outputs += derived.kept[: derived.saved]
    variant.guards_of_backward = [
        guard for guard in census.guards if guard.kind not in ("call", "argument")
    ]
    for guard in variant.guards_of_backward:
        if guard.kind not in ("function", "class") and not isinstance(guard.expected, CODE):
            text = f"a result needs gradients, and its backward pass reads {guard.name}"
            raise Unfit(Reason(text, guard.file, guard.line))
    variant.guards += variant.guards_of_backward
    changing = {id(s.held) for s in variant.snapshots if s.free or s.loose}
    found = [*snapshots(session, census.consulted), *of_holders(census.holders)]
    variant.snapshots += [snapshot for snapshot in found if id(snapshot.held) not in changing]


def _unfit_for(reasons: list[Reason]) -> Unfit | None:
    return Unfit(reasons[0]) if reasons else None


def _bind_memory(variant: Variant, session: Session, leaves: list) -> None:
    places = {id(x): i for i, x in reversed(list(enumerate(leaves))) if isinstance(x, Tensor)}
    kept_same = {id(x) for x in leaves if id(x) in session.gradients or type(x) is Parameter}
    kept_same |= _reached(variant, session)
    held = [(t, g) for t, g in session.gradients.values() if g is not None and g is not UNSET]
    grads = {id(g): t for t, g in held}
    if len(grads) < len(held):
        raise Unfit("two tensors have one gradient")
    if not grads.keys().isdisjoint(places):
        raise Unfit("an argument is the gradient of a tensor that takes part")
    by_slot: dict[int, list[Entered]] = {}
    for entered in session.entered.values():
        if entered.traced.cell.slot is not None:
            by_slot.setdefault(entered.traced.cell.slot, []).append(entered)
    for slot, found in by_slot.items():
        variant.arrays[slot] = found[0].array
        for entered in found:
            t = entered.tensor
            now = payload(t)
            if type(now) is not Traced or now.array is not entered.array:
                _replaced(variant, t, now, id(t) in places)
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
    numbers = session.arguments
    variant.numbers = list(numbers.items())
    for i, x in enumerate(leaves):
        if not isinstance(x, Tensor):
            if not isinstance(x, PLAIN_VALUES):
                pinned.add(id(x))
            kind = "value" if isinstance(x, PLAIN_VALUES) else "same"
            variant.leaves.append(Leaf("number", float) if i in numbers else Leaf(kind, x))
        elif id(x) in pinned or id(x) in kept_same or places[id(x)] != i:
            variant.leaves.append(Leaf("same", x))
        else:
            a = payload(x)
            a = a.array if type(a) is Traced else a
            leaf = Leaf("tensor", type(x), geometry(a), edge_of(x) is not None)
            variant.leaves.append(leaf)
    _check_overlaps(session.trace.outside)


def _replaced(variant: Variant, t: Tensor, now: Any, is_argument: bool) -> None:
    """Note memory that the step made and gave to a tensor that was there before."""
    before = next(e for e in variant.entered if e.tensor is t).array
    if (
        type(now) is not Traced
        or is_argument
        or now.cell.slot is not None
        or now.array is not now.cell.root
        or now.array.dtype != before.dtype
        or any(now.cell is cell for _, _, cell in variant.replaced)
    ):
        raise Unfit("the step replaces the memory of a tensor that was there before")
    slot = new_slot(variant.graph, now, "memory")
    variant.outputs.append(slot)
    variant.replaced.append((t, slot, now.cell))


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
    leaf_of = {slot: i for i, slot in variant.arguments}
    for entered in session.entered.values():
        family = entered.tensor._v
        times = 0 if family is None else family.cell.count - entered.writes
        slot = entered.traced.cell.slot
        if times and slot in leaf_of:
            variant.written_arguments.append((leaf_of[slot], times))
        elif times:
            variant.written.append((entered.tensor, times))


def _note_gradients(variant: Variant, session: Session) -> None:
    for t, before in session.gradients.values():
        try:
            after = G_SLOT.__get__(t)
        except AttributeError:
            after = UNSET
        if id(t) in session.asked:
            variant.no_gradient.append(t)
        if after is before:
            if id(t) in session.dropped:
                if before is not None and before is not UNSET:
                    raise Unfit("a gradient is set to the tensor that it was")
                variant.cleared.append(t)
            continue
        if after is None:
            variant.cleared.append(t)
            continue
        a = payload(after)
        if type(a) is not Traced or a.cell.slot is not None or after._e is not None:
            raise Unfit("a gradient is set to a tensor that the step did not make, or with history")
        slot = new_slot(variant.graph, a, "gradient")
        variant.gradients.append(Gradient(t, slot, (id(t), *variant.graph.slots[slot])))


def _note_deferred(variant: Variant, session: Session) -> None:
    for scheduler, args, kwargs in session.deferred:
        leaves, spec = flatten((args, kwargs))
        places = [
            ("number", number_slot(variant, x)) if type(x) is Number else ("value", x)
            for x in leaves
        ]
        variant.deferred.append((scheduler, places, spec))


def _check_survivors(variant: Variant, session: Session, result: Any) -> None:
    """Raise where a tensor that the step made lives on elsewhere than in results and gradients."""
    returned = flatten(result)[0]
    known = {id(x) for x in returned}
    known.update(id(base_of(x)) for x in returned if isinstance(x, Tensor))
    known.update(id(G_SLOT.__get__(gradient.t)) for gradient in variant.gradients)
    for t in session.survivors():
        if id(t) not in known:
            shape = list(payload(t).shape)
            raise Unfit(f"a tensor of shape {shape} that the step made is kept, not returned")
