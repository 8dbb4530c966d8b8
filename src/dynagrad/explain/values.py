"""Sentences about a gradient's values: zero, NaN, huge, vanishing, and what operation made it so.
Imports causes and replay.
"""

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from ..core.tape import Node
from .causes import (
    DEAD,
    SATURATED,
    growth_cause,
    how_bad,
    is_masked_infinity,
    short,
    zero_cause,
)
from .notes import leaves_below
from .reason import Place, Reason, count, place_of_node, share
from .replay import Contribution, Numbers, Replay

#: gradients with elements of at least this magnitude are called huge
HUGE = 1e4
#: gradients all of whose elements are below this magnitude, and not zero, are called vanishing
TINY = 1e-7
#: one operation that enlarges (or reduces) a gradient by this factor is named by itself
LARGE_FACTOR = 100.0

PROBLEMS = frozenset({"zero", "nan", "huge", "vanishing"})


def judge(n: Numbers) -> str:
    """The kind of a gradient: 'nan', 'zero', 'huge', 'vanishing', 'partly_zero' or 'ordinary'."""
    if n.is_bad:
        return "nan"
    if n.is_zero:
        return "zero"
    if n.largest >= HUGE:
        return "huge"
    if n.size and n.largest < TINY:
        return "vanishing"
    return "partly_zero" if n.zeros else "ordinary"


def described(n: Numbers) -> str:
    """A gradient in words, by its numbers alone."""
    kind = judge(n)
    elements = count(n.size, "element")
    if kind == "nan":
        return f"its gradient has {n.nans:,} NaN and {n.infinities:,} infinite of {elements}"
    if kind == "zero":
        return f"its gradient is zero in all of {elements}"
    if kind == "partly_zero":
        return f"its gradient is zero in {share(n.zero_share)} of {elements}"
    word = {"huge": "huge", "vanishing": "almost zero"}.get(kind, "ordinary")
    return f"its gradient is {word}: the largest of {elements} has the magnitude {n.largest:.3g}"


def explained(
    replay: Replay, node: Any, number: int, n: Numbers, first_bad: Callable[[], Node | None]
) -> Reason:
    """Why the gradient that arrived at a node is what it is; `first_bad` finds the first node with
    a NaN or an infinity in forward.
    """
    kind = judge(n)
    if kind == "zero":
        return _zero(replay, node, number, n)
    if kind == "partly_zero":
        return _partly_zero(replay, node, number, n)
    if kind == "nan":
        return _bad(replay, node, number, n, first_bad)
    if kind in ("huge", "vanishing"):
        return _scaled(replay, node, number, n, kind)
    return Reason("ordinary", described(n))


def _zero(replay: Replay, node: Any, number: int, n: Numbers) -> Reason:
    origins = replay.origins(node, number, lambda m: m.is_zero)
    if not origins:
        return _cancelled(replay, node, number, n)
    causes = [(c, zero_cause(c)) for c in origins]
    first, cause = causes[0]
    others = "" if len(causes) == 1 else f" (and so on {len(causes) - 1} other ways to it)"
    return Reason(
        "zero",
        f"{described(n)}: {cause.text}{others}",
        place_of_node(first.flow.node),
        cause=cause.kind,
        origins=[(what.kind, place_of_node(c.flow.node)) for c, what in causes],
        **cause.figures,
    )


def _cancelled(replay: Replay, node: Any, number: int, n: Numbers) -> Reason:
    stack, seen = [(node, number)], set()
    while stack:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        parts = replay.cancels(*at)
        if parts:
            places = [place_of_node(c.flow.node) for c in parts]
            lines = ", ".join(dict.fromkeys(p.short for p in places if p is not None))
            text = f"{count(len(parts), 'contribution')} to it cancel each other ({lines})"
            return Reason(
                "zero", f"{described(n)}: {text}", places[0], cause="cancelled", places=places
            )
        stack += [
            (c.flow.node, k) for c in replay.into(*at) for k in range(c.flow.node.results or 1)
        ]
    return Reason("zero", f"{described(n)}; no single operation makes it so", cause="unknown")


def _partly_zero(replay: Replay, node: Any, number: int, n: Numbers) -> Reason:
    candidates = replay.into(node, number)
    found: Contribution | None = None
    while candidates:
        found = max(candidates, key=lambda c: c.numbers.zero_share)
        if found.flow.incoming.zero_share < found.numbers.zero_share / 2:
            break
        candidates = replay.into(found.flow.node)
    if found is None:
        return Reason("partly_zero", described(n), cause="unknown")
    cause = zero_cause(found)
    return Reason(
        "partly_zero",
        f"{described(n)}: {cause.text}",
        place_of_node(found.flow.node),
        cause=cause.kind,
        **cause.figures,
    )


def _bad(
    replay: Replay, node: Any, number: int, n: Numbers, first_bad: Callable[[], Node | None]
) -> Reason:
    origins = replay.origins(node, number, lambda m: m.is_bad)
    first = origins[0] if origins else None
    if first is not None and is_masked_infinity(first):
        text = (
            f"0 * inf at {short(first.flow.node).lower()}: zeros from behind it (a mask, such as "
            "where, or a slope of 0) meet an infinite slope; give these elements a harmless input "
            "before this operation, not after it"
        )
        return _bad_reason(n, text, first, "zero_times_infinity")
    origin = first_bad()
    if origin is not None:
        where = _bad_leaf(origin) or f"first {how_bad(origin)} {short(origin).lower()}"
        text = f"{described(n)}: values are NaN or infinite already in forward, {where}"
        return Reason("nan", text, place_of_node(origin), cause="forward")
    if first is None:
        return Reason("nan", f"{described(n)}: finite contributions overflow", cause="overflow")
    cause = growth_cause(first)
    word = "NaN or infinite" if first.numbers.nans else "infinite"
    text = f"it becomes {word} where {cause.text}"
    return _bad_reason(n, text, first, "operation", **cause.figures)


def _bad_leaf(node: Node) -> str | None:
    """A leaf below a node that holds NaN or infinity itself: no operation is to blame."""
    for leaf in leaves_below([node]):
        t = leaf.leaf()
        if t is not None and type(t._a) is np.ndarray and not np.isfinite(t._a).all():
            return (
                f"in a leaf of shape {list(t._a.shape)} that it depends on: what set that, such "
                "as the step before, did it"
            )
    return None


def _bad_reason(n: Numbers, text: str, c: Contribution, cause: str, **figures: Any) -> Reason:
    place = place_of_node(c.flow.node)
    return Reason(
        "nan",
        f"{described(n)}: {text}",
        place,
        cause=cause,
        operation=short(c.flow.node),
        **figures,
    )


def _factor(c: Contribution) -> float:
    """How much larger what a node handed on is than what it received."""
    received = c.flow.incoming.largest
    return c.numbers.largest / received if received else inf


def _scaled(replay: Replay, node: Any, number: int, n: Numbers, kind: str) -> Reason:
    path = replay.main_path(node, number)
    grows = kind == "huge"

    def stands_out(c: Contribution) -> bool:
        return _factor(c) >= LARGE_FACTOR if grows else _factor(c) <= 1 / LARGE_FACTOR

    factors = [_factor(c) for c in path]
    single = next((c for c in path if stands_out(c)), None)
    if single is not None:
        return _one_step(n, kind, single, len(path), factors)
    line, times, total = _busiest(path, grows)
    verb = "grows" if grows else "shrinks"
    if not times:
        return Reason(kind, described(n), cause="scale", factors=factors, steps=len(path))
    each = total ** (1 / times)
    text = (
        f"it {verb} little by little along {count(len(path), 'operation')}; at this line "
        f"{count(times, 'time')}, by the factor {each:.3g} each"
    )
    return Reason(
        kind,
        f"{described(n)}: {text}",
        line,
        cause="long_chain",
        factor=each,
        times=times,
        factors=factors,
        steps=len(path),
    )


def _one_step(n: Numbers, kind: str, c: Contribution, steps: int, factors: list[float]) -> Reason:
    name = short(c.flow.node)
    shrinks = kind == "vanishing"
    cause = zero_cause(c) if shrinks and name in SATURATED | DEAD else growth_cause(c)
    verb = "shrinks" if shrinks else "first grows"
    return Reason(
        kind,
        f"{described(n)}: it {verb} by the factor {_factor(c):.3g} where {cause.text}",
        place_of_node(c.flow.node),
        cause=cause.kind,
        operation=name,
        factor=_factor(c),
        factors=factors,
        steps=steps,
        **cause.figures,
    )


def _busiest(path: list[Contribution], grows: bool) -> tuple[Place | None, int, float]:
    """The line which does most of the scaling along a path: its place, how often it does, and by
    which factor in all.
    """
    lines: dict[Place | None, list[Any]] = {}
    for c in path:
        f = _factor(c)
        entry = lines.setdefault(place_of_node(c.flow.node), [0, 1.0, set()])
        entry[0] += 1
        entry[1] *= f
        entry[2].add((c.flow.node.code, c.flow.node.lasti))
    if not lines:
        return None, 0, 1.0
    best = (max if grows else min)(lines, key=lambda place: lines[place][1])
    times, total, instructions = lines[best]
    if (total <= 1) if grows else (total >= 1):
        return None, 0, 1.0
    return best, max(1, times // len(instructions)), total
