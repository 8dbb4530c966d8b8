"""Higher derivatives of compiled calls: a backward pass that is to be recorded itself runs the
function once more, eagerly, on what the call took. Imports results, variant.

That is only done where the function changes nothing, draws no random numbers, and all that the call
read is as it was; else it is an error, of the recorded call as of all that follow.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...core.engine import run
from ...core.pytree import flatten, unflatten
from ...core.tape import AccumulateGrad, Node, caller, grad_mode, tick
from ...core.tensor import Tensor, edge_of, tell
from ...ops.creation import full
from ...ops.rule import RULES
from .differentiable import Taken, second_derivative_text
from .results import opened
from .session import Session, payload
from .variant import Variant

__all__ = ["differentiate", "obstacle", "refuse", "refused"]


def obstacle(variant: Variant, session: Session) -> str:
    """Why the function of a course must not run once more for a derivative; "" if it may."""
    if variant.touched or variant.written or variant.replaced or variant.sets:
        return "the function writes into what was there before"
    if variant.gradients or variant.cleared or variant.options or variant.deferred:
        return "the function sets gradients or takes a step"
    if variant.changes:
        return "the function changes objects"
    if variant.has_effects or session.draws.streams:
        return "the function draws random numbers"
    return ""


def differentiate(
    function: Callable, lock: Any, variant: Variant, taken: Taken, g: list, seq: int
) -> list:
    """The cotangents of what a course took, recorded: from those of its results, `g`."""
    for t, array in taken.arrays:
        if payload(t) is not array or (t._v is not None and t._v.cell.last > seq):
            raise RuntimeError(second_derivative_text("a tensor that it read was written since"))
    leaves, edges = list(taken.leaves), []
    places = {slot: i for i, slot in variant.arguments}
    assert variant.derived is not None
    token = grad_mode.set(True)
    try:
        for entered in variant.derived.boundary:
            slot: Any = entered.traced.cell.slot
            if slot in places:  # an alias: hooks of the tensor run when this pass arrives there
                at = places[slot]
                leaves[at] = leaves[at].view_as(leaves[at])
                edges.append(edge_of(leaves[at]))
            else:
                edges.append(edge_of(entered.tensor))
        args, kwargs = unflatten(leaves, variant.spec)
        with lock:
            fits = variant.fits(leaves, variant.spec, args, kwargs)
        if not fits:
            raise RuntimeError(second_derivative_text("what it read has changed since"))
        results = _live(variant, function(*args, **kwargs))
        roots = [(t._e, part) for t, part in zip(results, g, strict=True) if part is not None]
        with _without_hooks(edges):
            found = run(
                [edge for edge, _ in roots],
                [part for _, part in roots],
                retain=True,
                create=True,
                targets=dict.fromkeys(edges, False),
            )
    finally:
        grad_mode.reset(token)
    return [found.get(edge) for edge in edges]


def _live(variant: Variant, result: Any) -> list[Tensor]:
    """The results that have a history, in the order of the node's."""
    same = {id(what) for kind, what in variant.results if kind == "value"}
    leaves, _ = flatten(opened(result, lambda x: id(x) not in same))
    found = zip(variant.results, leaves, strict=True)
    return [x for (kind, what), x in found if kind == "live" or _is_live_part(kind, what)]


def _is_live_part(kind: str, what: Any) -> bool:
    return kind == "part" and what[-1] is not None


@contextmanager
def _without_hooks(edges: list) -> Iterator[None]:
    """Leaves without their hooks, which run when the gradient really arrives."""
    held = {e: e.extra for e in edges if isinstance(e, AccumulateGrad) and e.extra is not None}
    for edge in held:
        edge.extra = None
    try:
        yield
    finally:
        for edge, extra in held.items():
            edge.extra = extra


class CompiledFunctionOnceBackward(Node):
    """The node of a result of a recorded call, whose own history it hides from higher derivatives:
    those of later calls have none.
    """

    __slots__ = ("why",)
    rule = RULES[full]._replace(kind="general", saves=())
    torch_name = "CompiledFunctionBackward"

    def vjp(self, g, saved, edges):
        """The cotangent as it is."""
        if isinstance(g, Tensor):
            raise RuntimeError(second_derivative_text(self.why))
        return [g]


def refused(why: str, taken: Taken, g: list, seq: int) -> list:
    """What `differentiate` is where it cannot be."""
    raise RuntimeError(second_derivative_text(why))


def refuse(variant: Variant, why: str) -> None:
    """Let the recorded call's results have first derivatives alone."""
    for (kind, what), x in zip(variant.results, variant.recorded_results, strict=True):
        if kind != "live" and not _is_live_part(kind, what):
            continue
        node = object.__new__(CompiledFunctionOnceBackward)
        node.why, node.edges, node.saved = why, (x._e,), ()
        node.fix = node.extra = node.kw = node.cells = None
        node.code, node.lasti = caller(3)
        node.seq = tick()
        x._e = node
        if x._v is not None:
            tell(node, x._v)
