"""`why`: why a tensor's gradient is None, zero, huge or NaN. Imports the rest of this package."""

import gc
import sys
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from ..core.dtype import FLOATING, category
from ..core.paths import nodes_below
from ..core.storage import owner
from ..core.tape import AccumulateGrad, Node, grad_mode, node_and_number
from ..core.tensor import Tensor, base_of, edge_of
from ..core.views import is_dead_end
from .causes import forward_is_bad, short
from .notes import cut_of, leaves_below
from .paths import entries, keys_below, no_path
from .reason import LEARN, Reason, at, count, place_of_node
from .replay import Replay, Unreplayable, numbers
from .source import Assignment, last_assignment
from .values import PROBLEMS, described, explained, judge

GIVE_LOSS = "give the loss, as in why(x, loss), to learn where"


def why(x: Any, loss: Any = None) -> Reason:
    """Why the gradient of `x` is None, zero, huge, NaN, or cannot be: one sentence and one line.

    x: a Tensor, or an nn.Module (then each parameter is explained, those alike together).
    loss: the tensor, or tensors, that backward is (or was) called on; needed for what lies between.
    Its graph must not be freed: call `why` before backward, or backward(retain_graph=True). Tensors
    of several elements count by their sum. Nothing is changed: rules run once more on the values
    that the graph saved (the backward of a Function too), no hook is called, no `.grad` is touched.

    Returns a Reason, which prints as its sentence. Its `kind` is one of

    - not_leaf, lost_leaf: only leaves keep `.grad`; nobody holds the leaf below;
    - detached, no_grad, inference, not_differentiable, dtype, frozen, no_history: x does not
      require grad;
    - no_path, another_leaf, constant, no_gradient: x requires grad, but the loss does not reach it;
    - not_run, cleared, loss_without_graph, overwritten, hook, unknown: `.grad` is not this
      graph's gradient;
    - zero, partly_zero, nan, huge, vanishing (`details["cause"]` tells more), ordinary;
    - module: `details["parameters"]` holds the Reasons by name.

    TypeError if x is neither a Tensor nor a module, ValueError for an empty list of losses.
    """
    losses = _losses(loss)
    if isinstance(x, Tensor):
        reason = _Inquiry(losses, [x]).answer(x)
        if reason.kind == "no_history":
            return _as_the_source_reads(reason, last_assignment(x, sys._getframe(1)))
        return reason
    named = getattr(x, "named_parameters", None)
    if named is None:
        raise TypeError(f"why() takes a Tensor or an nn.Module, not {type(x).__name__}")
    return _module(x, dict(named()), losses)


def _losses(loss: Any) -> list[Tensor] | None:
    if loss is None:
        return None
    several = isinstance(loss, Iterable) and not isinstance(loss, Tensor)
    losses: list[Any] = list(loss) if several else [loss]
    if not losses:
        raise ValueError("why(): loss is empty; give a tensor, or leave it out")
    for t in losses:
        if not isinstance(t, Tensor):
            raise TypeError(f"why(): loss must be a Tensor or several, not {type(t).__name__}")
    return losses


def _module(module: Any, parameters: dict[str, Tensor], losses: list[Tensor] | None) -> Reason:
    inquiry = _Inquiry(losses, parameters.values())
    reasons = {name: inquiry.answer(p) for name, p in parameters.items()}
    groups: dict[tuple, list[str]] = {}
    for name, reason in reasons.items():
        known = (reason.details.get(key) for key in ("cause", "certain", "operation"))
        alike = (reason.kind, reason.place, *known)
        groups.setdefault(alike, []).append(name)
    lines = [f"{type(module).__name__} has {count(len(parameters), 'parameter')}"]
    for names in groups.values():
        head = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        lines.append(f"{head}: {reasons[names[0]]}")
    kinds = {key[0] for key in groups}
    return Reason(
        "module",
        "\n- ".join(lines),
        parameters=reasons,
        groups=list(groups.values()),
        kinds=sorted(kinds),
    )


class _Inquiry:
    """What is asked about some tensors and one loss: the graph runs once for all of them."""

    def __init__(self, losses: list[Tensor] | None, asked: Iterable[Tensor]):
        self.losses = losses
        self.roots = [e for t in losses or () if (e := edge_of(t)) is not None]
        self._asked = list(asked)

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes below the loss."""
        return nodes_below(self.roots)

    @cached_property
    def keys(self) -> set[tuple[Any, int]]:
        """What is on a path from the loss."""
        return keys_below(self.roots)

    @cached_property
    def first_bad(self) -> Node | None:
        """The first node that read or made a NaN or an infinity in forward."""
        return min(filter(forward_is_bad, self.nodes), key=lambda n: n.seq, default=None)

    @cached_property
    def replay(self) -> Replay:
        """The pass to all tensors asked about; Unreplayable if the graph cannot run again."""
        weights = [
            (edge_of(t), np.ones(t._a.shape, t._a.dtype))
            for t in self.losses or ()
            if edge_of(t) is not None
        ]
        targets = [e for t in self._asked if (e := edge_of(t)) is not None]
        return Replay(weights, targets)

    def answer(self, x: Tensor) -> Reason:
        """The Reason for one tensor."""
        if type(x._a) is not np.ndarray and x._a.levels:
            return Reason("unknown", "it belongs to a function transform, which has no graph here")
        try:
            edge = edge_of(x)
        except RuntimeError as error:
            return Reason("unknown", str(error).partition("\n")[0])
        if edge is None or is_dead_end(x):
            return self._constant(x)
        if self.losses is None:
            return _without_loss(x, edge)
        if not self.roots:
            reason = _no_history(self.losses[0])
            text = f"the loss has no graph that could lead to it: {reason.sentence}"
            return Reason("loss_without_graph", text, reason.place, loss=reason)
        if node_and_number(edge) not in self.keys:
            return no_path(self.roots, x, edge)
        return self._on_path(x, edge)

    def _constant(self, x: Tensor) -> Reason:
        reason = _no_history(x)
        if self.roots:
            read = [entry for entry in entries(self.roots, x) if entry.own]
            reason.details["read_at"] = [entry.place for entry in read]
        return reason

    def _on_path(self, x: Tensor, edge: Any) -> Reason:
        key = node_and_number(edge)
        try:
            replay = self.replay
        except Unreplayable as refusal:
            return _not_again(x, edge, refusal)
        g = replay.gradients.get(key)
        if g is None:
            return _no_gradient(key[0], self.nodes)
        n = numbers(g)
        reason = explained(replay, *key, n, lambda: self.first_bad)
        held = getattr(x, "_g", None)
        if held is not None:
            return _compared(reason, judge(numbers(held)), held, replay)
        if reason.kind in PROBLEMS:
            reason.sentence = f"as soon as backward runs, {reason.sentence}"
            reason.details["is_run"] = False
            return reason
        if type(edge) is not AccumulateGrad:
            found = _not_leaf(x, edge)
        else:
            found = Reason(
                "not_run",
                "backward has not put this graph's gradient into .grad: it has not run on this "
                "loss, or kept the graph (retain_graph=True) and .grad was set to None since",
            )
            if reason.kind == "partly_zero":
                found.sentence += f"; as soon as it does, {reason.sentence}"
                found.place = reason.place
        found.details["gradient"] = reason
        return found


# --- x has no history -----------------------------------------------------------------------------


def _no_history(x: Tensor) -> Reason:
    cut = cut_of(x)
    if cut is not None:
        call = cut.name if cut.name.startswith(".") else f"{cut.name}()"
        text = {
            "detached": f"{call} left its history behind",
            "no_grad": f"{call} made it, or what it comes from, under no_grad",
            "inference": f"{call} made it, or what it comes from, in inference mode",
            "not_differentiable": f"{call} made it, or what it comes from, and has no derivative",
        }[cut.kind]
        return Reason(cut.kind, f"it does not require grad: {text}", cut.place, operation=cut.name)
    if category(x._a.dtype) < FLOATING:
        text = f"its dtype is {x.dtype!r}; only floating and complex tensors have gradients"
        return Reason("dtype", f"it does not require grad: {text}")
    if getattr(x, "_m", None) == "no_grad" and base_of(x) is not None:
        text = f"it is a view made under no_grad; {LEARN}"
        return Reason("no_grad", f"it does not require grad: {text}")
    if getattr(x, "_is_param", False) or type(x).__name__ == "Parameter":
        return Reason("frozen", "this parameter has requires_grad=False: it is frozen")
    if _shares_with_recorded(x):
        text = "it shows the memory of a tensor that requires grad: .data, or NumPy, made it"
        return Reason("detached", f"it does not require grad: {text}", operation=".data")
    now = "" if grad_mode.get() else " (grad mode is off at this moment)"
    return Reason(
        "no_history",
        "it does not require grad: it was made without requires_grad=True (from numbers or NumPy, "
        "which carry no history), from tensors without it, under no_grad, or by an operation "
        f"without derivative{now}; {LEARN}",
    )


def _as_the_source_reads(reason: Reason, assigned: Assignment | None) -> Reason:
    """A reason without a line, with what can be read in the source."""
    if assigned is None:
        return reason
    reason.place = assigned.place
    if assigned.mode is None:
        reason.sentence += f" (as the source reads, this line assigned `{assigned.name}`)"
        return reason
    return Reason(
        "no_grad",
        f"it does not require grad: as the source reads, `{assigned.name}` was last assigned under "
        f"no_grad, which begins {at(assigned.mode)}",
        assigned.place,
        mode=assigned.mode,
        certain=False,
        **reason.details,
    )


def _shares_with_recorded(x: Tensor) -> bool:
    """Whether a living tensor that requires grad has this memory: `.data` of a leaf leaves no note,
    because optimizers write through it.
    """
    memory = owner(x._a)
    for t in gc.get_objects():
        if issubclass(type(t), Tensor) and getattr(t, "_e", None) is not None:
            if type(t._a) is np.ndarray and owner(t._a) is memory:
                return True
    return False


# --- x has a history, no loss is given ------------------------------------------------------------


def _without_loss(x: Tensor, edge: Any) -> Reason:
    held = getattr(x, "_g", None)
    if held is not None:
        n = numbers(held)
        kind = judge(n)
        more = "" if kind == "ordinary" else f"; {GIVE_LOSS}"
        return Reason(kind, described(n) + more, share=n.zero_share, largest=n.largest)
    if type(edge) is not AccumulateGrad:
        return _not_leaf(x, edge)
    return Reason(
        "unknown",
        "it is a leaf that requires grad, and .grad is None: no backward pass has reached it since "
        "it was made or last cleared; which of these, the tensor alone cannot tell; "
        + GIVE_LOSS.replace("where", "whether the loss reaches it"),
    )


def _not_leaf(x: Tensor, edge: Any) -> Reason:
    node = node_and_number(edge)[0]
    name = short(node)
    if x.retains_grad:
        text = "it retains its gradient, but no backward pass has reached it since"
        return Reason("not_run", text, place_of_node(node), operation=name)
    below = leaves_below([edge])
    if below and all(leaf.leaf() is None for leaf in below) and len(nodes_below([edge])) <= 3:
        return Reason(
            "lost_leaf",
            f"it is no leaf: {name} made it of a leaf that nobody holds, and only leaves keep "
            ".grad; make the values first (also .to() and .cuda()), then call requires_grad_() on "
            "the result",
            place_of_node(node),
            operation=name,
        )
    return Reason(
        "not_leaf",
        f"it is no leaf: {name} made it, and only leaves keep .grad; call retain_grad() on it "
        "before backward, or use autograd.grad",
        place_of_node(node),
        operation=name,
    )


# --- the loss reaches x ---------------------------------------------------------------------------


def _no_gradient(node: Any, nodes: list[Node]) -> Reason:
    consumers = [n for n in nodes if any(node_and_number(e)[0] is node for e in n.edges)]
    latest = max(consumers, key=lambda n: n.seq) if consumers else None
    what = "an operation" if latest is None else short(latest)
    return Reason(
        "no_gradient",
        f"the loss depends on it, but {what} hands no gradient (None) to it",
        None if latest is None else place_of_node(latest),
    )


def _not_again(x: Tensor, edge: Any, refusal: Unreplayable) -> Reason:
    """What can be said where the graph cannot run again."""
    place = place_of_node(refusal.node)
    if refusal.why == "stale":
        text = f"backward fails: {str(refusal).partition(chr(10))[0]}"
        return Reason("overwritten", text, place, error=str(refusal))
    if refusal.why != "freed":
        text = f"the graph cannot be run to look at it: {refusal}"
        return Reason("unknown", text, place, error=str(refusal))
    held = getattr(x, "_g", None)
    if held is not None:
        n = numbers(held)
        kind = judge(n)
        more = (
            "; where, the graph cannot tell any more, because backward has freed it: call why "
            "before backward, or backward(retain_graph=True)"
        )
        return Reason(kind, described(n) + (more if kind != "ordinary" else ""), is_freed=True)
    if type(edge) is not AccumulateGrad and not x.retains_grad:
        return _not_leaf(x, edge)
    return Reason(
        "cleared",
        "a backward pass has run through this graph and freed it, and .grad is None: it was "
        "cleared since (zero_grad, .grad = None), or that pass was for other tensors "
        "(autograd.grad, backward(inputs=...))",
        place,
    )


def _compared(reason: Reason, kind: str, held: Tensor, replay: Replay) -> Reason:
    """The reason for `.grad` as it is: this graph's gradient, or another's."""
    if kind == reason.kind:
        return reason
    have = described(numbers(held)).replace("its gradient", ".grad")
    if replay.hooked:
        text = f"{have}, but without hooks it would not be so: a hook changes it on the way"
        return Reason("hook", text, place_of_node(replay.hooked[0]), gradient=reason)
    if kind == "zero":
        text = (
            f"{have}, while this graph's gradient is not zero: .grad was cleared "
            "(zero_grad(set_to_none=False)) and backward has not run since"
        )
        return Reason("cleared", text, gradient=reason)
    return Reason(
        kind,
        f"{have}; this graph alone does not make it so: {reason.sentence}; other backward "
        "passes, hooks or the optimizer added to it",
        reason.place,
        gradient=reason,
        cause="other_passes",
    )
