"""The text of anomaly mode's error: who made the first nan, out of what, where, and what to do.
Imports core and nan_events.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.carriers.carrier import Carrier
from ..core.saved import unpacked
from ..core.tape import Node
from .function import BackwardCFunction
from .nan_events import (
    Event,
    Origins,
    array_of,
    bad_text,
    first_index,
    floats,
    operation_name,
    range_text,
    worst,
)

#: what makes the derivatives of an operation infinite or nan, and how to keep away from it
_AWAY = "Keep the operand away from there, as in x + eps or x.clamp(min=eps)."
_ZERO = "The derivative is infinite where the operand is 0, and undefined below 0. " + _AWAY
_ADVICE = {
    **dict.fromkeys(("Sqrt", "Rsqrt", "Log", "Log2", "Log10"), _ZERO),
    **dict.fromkeys(
        ("Pow", "PowerScalar"),
        "A power below 1 has an infinite derivative at 0, a fractional power is undefined below 0. "
        + _AWAY,
    ),
    "Div": "Look for zeros in the divisor, and add eps or replace them before the division.",
    "Reciprocal": "Look for zeros in the operand. " + _AWAY,
    "Log1P": "The derivative is infinite where the operand is -1. Keep the operand above it.",
    "Exp": "The exponential overflows above 88 in float32 and 709 in float64. Clamp the operand, "
    "or use logsumexp, softmax or log_softmax, which cannot overflow.",
    **dict.fromkeys(
        ("Acos", "Asin", "Atanh", "Acosh"),
        "The derivative is infinite at -1 and 1. Clamp the operand a little inside.",
    ),
    "LinalgVectorNorm": "The derivative of a norm is undefined at 0; add eps, or mask the input.",
    "Sub": "Two infinities of one sign have no difference: look for what made them.",
}
#: a finite result of finite operands, or one too large for its dtype
_GROWING = frozenset(
    "Add Sub Mul Mm Bmm Mv Dot Addmm Addmv Baddbmm Addcmul Sum Mean Prod MseLoss".split()
)
_MEND_HOOK = "Mend the hook; what it was given has no nan."
_TOO_LARGE = (
    "Finite values have grown too large for {dtype}. If they grew from step to step, lower the "
    "learning rate, scale the inputs, or clip the gradients (clip_grad_norm_)."
)
_OTHERWISE = "Look at the ranges above: a value at the edge of the domain, a 0 or an overflow."


class Given:
    """What a node had in its hands: cotangents, saved values with their labels, edges, and the
    forward place of each saved value; `is_carried` inside of vmap or forward mode.
    """

    def __init__(self, node: Node, g: Any):
        self.node = node
        parts = g if type(g) is list else [g]
        self.is_carried = any(isinstance(getattr(part, "_a", part), Carrier) for part in parts)
        self.cotangents = [array_of(part) for part in parts]
        self.saved = list(_saved(node))

    def lines(self) -> Iterator[tuple[str, str]]:
        """Everything with its range."""
        several = len(self.cotangents) > 1
        for number, g in enumerate(self.cotangents):
            if g is not None:
                yield f"cotangent {number}" if several else "cotangent", range_text(g)
        for label, array, _ in self.saved:
            yield f"saved {label}", range_text(array)

    def has(self, kind: str) -> bool:
        """Whether a cotangent holds a 'nan' or an 'inf'."""
        return any(worst(g) == kind for g in self.cotangents)

    def origin(self, kind: str, origins: Origins) -> Event | None:
        """Where the nan or infinity in a saved value comes from: the earliest of several."""
        found = []
        for label, array, edge in self.saved:
            if worst(array) == kind:
                event = origins.of(array, edge)
                found.append(
                    event
                    or Event(
                        kind,
                        "given",
                        f"the saved {label}, {range_text(array)}",
                        (self.node.code, self.node.lasti),
                    )
                )
        return min(found, key=lambda event: event.seq, default=None)


def _saved(node: Node) -> Iterator[tuple[str, Any, Any]]:
    """(label, array, edge) of all arrays that a node saved."""
    rule = node.rule
    if isinstance(node, BackwardCFunction):
        for number, kept in enumerate((node.saved or ((),))[0]):
            if kept is not None and kept.packed is None:
                yield f"tensor {number}", kept.array, kept.edge
        return
    for (kind, index, _), value in zip(rule.saves, _values(node), strict=False):
        if kind == "meta" or value is None:
            continue
        if kind == "out":
            yield "result", array_of(value), node
        elif rule.variadic:
            for i, part in enumerate(value):
                yield f"input {i}", array_of(part), node.edges[i]
        else:
            yield f"input {index}", array_of(value), node.edges[index]


def _values(node: Node) -> tuple:
    """What a node saved; nothing where it is freed."""
    if node.saved is not None:
        return node.saved
    return () if node.extra is None or node.extra.packed is None else unpacked(node, False)


def number_of(node: Node, place: int) -> int:
    """The number that PyTorch gives to the gradient of an input: masks and indices do not count."""
    vjps = getattr(getattr(node, "rule", None), "vjps", ())
    if len(node.edges) == len(vjps):
        return sum(f is not None for f in vjps[:place])
    return place


def headline(node: Node, place: int) -> str:
    """The first line, in PyTorch's words."""
    return (
        f"Function '{type(node).__name__}' returned nan values in its "
        f"{number_of(node, place)}th output."
    )


def report(watch: Any, node: Node, place: int, result: Any, g: Any, hook: Event | None) -> str:
    """The whole text for a nan in the gradient of input `place`; `hook` is the event of a hook that
    put it there.
    """
    with np.errstate(all="ignore"):
        given = Given(node, g)
        lines = [headline(node, place)]
        lines.append(f"  operation   {operation_name(node)}, at {node.place()}")
        parent = watch.parents.get(node)
        if parent is not None:
            lines.append(f"              recorded in the backward pass of {parent()}")
        lines.append(f"  returned    gradient of input {number_of(node, place)}: "
                     f"{bad_text(result, 'nan')}")  # fmt: skip
        for i, (label, text) in enumerate(given.lines()):
            lines.append(f"  {'given' if not i else '':10}  {label}: {text}")
        if given.is_carried:
            lines.append("              (of a vmap: all examples, the batch comes first)")
        for title, text in _verdict(watch, given, place, result, hook):
            for i, line in enumerate(text):
                lines.append(f"  {title if not i else '':10}  {line}")
    return "\n".join(lines)


def _verdict(
    watch: Any, given: Given, place: int, result: Any, hook: Event | None
) -> Iterator[tuple[str, list[str]]]:
    """The rest of the report: (title, lines)."""
    node, name = given.node, operation_name(given.node)
    event, advice = hook, _OTHERWISE
    trap = None if hook is not None else _trap(watch, given, place, result)
    if hook is not None:
        yield "verdict", ["A hook put the nan there.", *hook.lines()]
        advice = _MEND_HOOK
    elif given.has("nan"):
        event = watch.arrived(node, given.cotangents)
        yield "verdict", [f"{name} only passes the nan on: it came with the cotangent.",
                          *event.lines()]  # fmt: skip
        advice = _advice_for(event)
    elif (event := given.origin("nan", watch.origins)) is not None:
        yield "verdict", ["The nan was among the values of the forward pass already.",
                          *event.lines()]  # fmt: skip
        advice = _advice_for(event)
    elif given.has("inf"):
        event = watch.arrived(node, given.cotangents)
        yield "verdict", [f"{name} makes a nan of the infinity in its cotangent (0 * inf).",
                          *event.lines()]  # fmt: skip
        advice = _advice_for(event)
    elif (event := given.origin("inf", watch.origins)) is not None:
        yield "verdict", [f"{name} makes a nan of an infinity in the values of the forward pass.",
                          *event.lines()]  # fmt: skip
        advice = _advice_for(event)
    elif isinstance(node, BackwardCFunction):
        event = watch.origins.of(result)
        inside = [] if event is None else event.lines()
        yield "verdict", [f"The backward of {name} is the first producer of the nan: what it was "
                          "given is finite.", *inside]  # fmt: skip
        advice = "Mend that backward."
    else:
        yield "verdict", [f"{name} is the first producer of the nan: all that it was given is "
                          "finite."]  # fmt: skip
        advice = _ADVICE.get(name, _OTHERWISE)
    loss = watch.started_from(node)
    if loss is not None and loss.kind == "nan" and loss is not event:
        yield "loss", ["The result that this backward pass started from is nan itself.",
                       *loss.lines()]  # fmt: skip
    if trap is not None:
        yield trap[0]
    if trap is not None and trap[1]:
        advice = (
            "Replace the input first, where the mask drops it, and mask the result afterwards:\n"
            "    safe = torch.where(mask, x, 1.0)\n"
            "    y = torch.where(mask, f(safe), other)"
        )
    yield "what to do", advice.split("\n")


def _advice_for(event: Event) -> str:
    if event.role == "hook":
        return _MEND_HOOK
    root = event
    while root.cause is not None:
        root = root.cause
    if root.kind == "inf" and "float16" in root.result:
        return (
            "The largest float16 is 65504: compute this in float32, or scale the loss "
            "(torch.amp.GradScaler)."
        )
    if root.role in ("given", "write"):
        return (
            "Look at the data: torch.isnan(t).any() and torch.isinf(t).any() tell of each tensor."
        )
    name = root.name.removesuffix("Backward0") if root.role == "node" else root.name
    if root.kind == "inf" and name in _GROWING:
        return _TOO_LARGE.format(dtype=root.result.split(" ")[0])
    return _ADVICE.get(name, _OTHERWISE)


# --- 0 * inf behind a mask ------------------------------------------------------------------------


def _trap(
    watch: Any, given: Given, place: int, result: Any
) -> tuple[tuple[str, list[str]], bool] | None:
    """The explanation of a nan that is a zero cotangent times an infinite derivative, and whether
    the zero stands for an element that was dropped; None for any other nan.
    """
    node = given.node
    if (
        len(given.cotangents) != 1
        or given.is_carried
        or not floats(given.cotangents[0])
        or isinstance(node, BackwardCFunction)
    ):
        return None
    g = given.cotangents[0]
    bad = np.isnan(result)
    where = _aligned(g, result.shape)
    if where is None:
        if g.any():
            return None
    else:
        bad &= where == 0
    if not bad.any():
        return None
    slope = _slope(node, g, place)
    if slope is None or slope.shape != result.shape or np.isfinite(slope[bad]).all():
        return None
    index = first_index(bad)
    zero, drops = watch.zero_from(node)
    if zero is None:
        who = "the gradient given to backward() is 0 there,"
    else:
        what = "drops that element" if drops else "has the derivative 0 there"
        who = f"{operation_name(zero)} {what},\n    at {zero.place()}"
    size, value = ("nan", "nan") if np.isnan(slope[tuple(index)]) else ("infinite", "inf")
    lines = (
        f"At index {index} the cotangent is 0, for {who}\n"
        f"and the derivative of {operation_name(node)} there is {size},\n    at {node.place()}\n"
        f"0 * {value} is nan"
        + (": a mask on the result does not protect the gradient of what it hides." * drops)
    )
    return (f"0 * {value}", lines.split("\n")), drops


def _aligned(g: Any, shape: tuple[int, ...]) -> Any:
    """A cotangent as seen from the elements of the gradient; None where they do not correspond."""
    try:
        return np.broadcast_to(g, shape)
    except ValueError:
        return None


def _slope(node: Node, g: Any, place: int) -> Any:
    """The gradient of input `place` for a cotangent of ones; None where that cannot be asked."""
    try:
        slope = node.vjp(np.ones_like(g), _values(node), node.edges)[place]
    except Exception:  # a report must not fail for a rule that wants what it was called with
        return None
    return array_of(slope) if slope is not None else None


def forward_text(event: Event) -> str:
    """The error of check_forward='raise'."""
    return "\n  ".join(
        [
            f"Operation '{event.name}' returned nan values in the forward pass.",
            *event.lines(),
            "what to do: " + _advice_for(event),
        ]  # fmt: skip
    )
