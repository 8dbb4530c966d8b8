"""A backward pass that only looks: the rules of a graph run once more, no hook is called, nothing
is freed, no `.grad` is touched. What passed along each edge is kept as a few numbers. Imports core.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from ..core.paths import is_wanted, needed_for
from ..core.saved import unpacked
from ..core.tape import AccumulateGrad, Node, Output, clock, node_and_number, stale
from ..ops.shape import sum_to


class Numbers(NamedTuple):
    """What is kept of an array: how many elements, zeros, NaNs and infinities it has, and its
    largest finite magnitude.
    """

    size: int
    zeros: int
    largest: float
    nans: int
    infinities: int

    @property
    def is_zero(self) -> bool:
        """All elements are zero, and there are some."""
        return self.size > 0 and self.zeros == self.size

    @property
    def is_bad(self) -> bool:
        """There is a NaN or an infinity."""
        return self.nans + self.infinities > 0

    @property
    def zero_share(self) -> float:
        """The share of zeros."""
        return self.zeros / self.size if self.size else 0.0


def numbers(value: Any) -> Numbers:
    """The Numbers of a cotangent (array, or the list of a node's)."""
    if type(value) is list:
        return together([numbers(part) for part in value if part is not None])
    array = as_floats(value)
    with np.errstate(all="ignore"):
        magnitude = np.abs(array)
    finite = np.isfinite(magnitude)
    nans = int(np.isnan(magnitude).sum())
    return Numbers(
        size=magnitude.size,
        zeros=magnitude.size - int(np.count_nonzero(magnitude)),
        largest=float(np.max(magnitude, where=finite, initial=0.0)),
        nans=nans,
        infinities=magnitude.size - nans - int(finite.sum()),
    )


def as_floats(value: Any) -> np.ndarray:
    """An array as NumPy's functions take it: a structured dtype (bfloat16) as float32, of a sparse
    array its values.
    """
    array = getattr(value, "_a", value)
    array = getattr(array, "values", array)
    return array.astype(np.float32) if array.dtype.kind == "V" else np.asarray(array)


def together(parts: Iterable[Numbers]) -> Numbers:
    """The Numbers of several arrays as one."""
    parts = list(parts)
    return Numbers(
        sum(p.size for p in parts),
        sum(p.zeros for p in parts),
        max((p.largest for p in parts), default=0.0),
        sum(p.nans for p in parts),
        sum(p.infinities for p in parts),
    )


class Flow:
    """What one node received and handed on: `incoming`, and `outgoing` by the number of the input
    (None where nothing went).
    """

    __slots__ = ("incoming", "node", "outgoing")

    def __init__(self, node: Node, incoming: Numbers, outgoing: list[Numbers | None]):
        self.node = node
        self.incoming = incoming
        self.outgoing = outgoing


class Contribution(NamedTuple):
    """What one node handed to one of its inputs."""

    flow: Flow
    index: int
    number: int

    @property
    def numbers(self) -> Numbers:
        """The Numbers of what was handed on."""
        found = self.flow.outgoing[self.index]
        if found is None:
            raise LookupError("nothing was handed on")
        return found


class Unreplayable(RuntimeError):
    """The graph cannot run again; `node` is the one that cannot, `why` says which way: 'freed',
    'stale', 'opaque' or 'failed'.
    """

    def __init__(self, node: Node, why: str, error: str):
        super().__init__(error)
        self.node = node
        self.why = why


class Replay:
    """One pass from `roots` (edges and their cotangents) to `targets` (edges).

    gradients: what arrived at each target, by (node, number); contributions: who handed what to a
    node, by node; hooked: the nodes on the way that have hooks, which did not run.
    """

    def __init__(self, roots: list[tuple[Any, Any]], targets: list[Any]):
        self.gradients: dict[tuple[Any, int], Any] = {}
        self.contributions: dict[Any, list[Contribution]] = {}
        self.hooked: list[Node] = []
        self._targets = dict.fromkeys(targets, False)
        self._keys = {node_and_number(edge) for edge in targets}
        self._grads: dict[Any, Any] = {}
        self._heap: list[tuple[int, int, Node]] = []
        self._wanted = needed_for([edge for edge, _ in roots], self._targets)
        for edge, cotangent in roots:
            if is_wanted(edge, self._wanted, self._targets):
                self._arrive(edge, cotangent)
        while self._heap:
            self._step(heappop(self._heap)[2])
        for node, g in self._grads.items():
            if (node, 0) in self._keys:
                self.gradients[node, 0] = g

    def _arrive(self, edge: Any, g: Any) -> None:
        node, number = node_and_number(edge)
        held = self._grads.get(node)
        if held is None and type(node) is not AccumulateGrad:
            heappush(self._heap, (-node.seq, id(node), node))
        if type(edge) is not Output:
            self._grads[node] = g if held is None else held + g
            return
        if held is None:
            held = self._grads[node] = [None] * node.results
        part = held[number]
        held[number] = g if part is None else part + g

    def _step(self, node: Node) -> None:
        g = self._grads.pop(node)
        parts = g if type(g) is list else [g]
        for number, part in enumerate(parts):
            if (node, number) in self._keys and part is not None:
                self.gradients[node, number] = part
        extra = node.extra
        if extra is not None and (extra.tensor_hooks or extra.prehooks or extra.posthooks):
            self.hooked.append(node)
        if node not in self._wanted or not node.edges:
            return
        edges = tuple(
            [e if is_wanted(e, self._wanted, self._targets) else None for e in node.edges]
        )
        results = list(run_rules(node, g, edges))
        results += [None] * (len(edges) - len(results))
        results = [None if e is None else r for e, r in zip(edges, results, strict=False)]
        flow = Flow(node, numbers(g), [None if r is None else numbers(r) for r in results])
        for index, (edge, r) in enumerate(zip(edges, results, strict=False)):
            if edge is not None and r is not None:
                owner, number = node_and_number(edge)
                found = self.contributions.setdefault(owner, [])
                found.append(Contribution(flow, index, number))
                self._arrive(edge, r)

    def into(self, node: Any, number: int | None = None) -> list[Contribution]:
        """Who handed what to a node (to one of its results), the first to do so first."""
        found = self.contributions.get(node, [])
        return [c for c in found if number is None or c.number == number]

    def origins(
        self, node: Any, number: int, has_it: Callable[[Numbers], bool]
    ) -> list[Contribution]:
        """The contributions that have a property which what their node received did not have, on
        all ways that lead to a node; the nearest to the loss first.
        """
        found: dict[int, Contribution] = {}
        seen: set[Any] = set()
        stack = self.into(node, number)
        while stack:
            c = stack.pop()
            if not has_it(c.numbers):
                continue
            if not has_it(c.flow.incoming):
                found.setdefault(id(c.flow), c)
            elif c.flow.node not in seen:
                seen.add(c.flow.node)
                stack += self.into(c.flow.node)
        return sorted(found.values(), key=lambda c: -c.flow.node.seq)

    def main_path(self, node: Any, number: int) -> list[Contribution]:
        """The way along the largest contributions, from the loss down to a node."""
        path: list[Contribution] = []
        candidates = self.into(node, number)
        while candidates:
            best = max(candidates, key=lambda c: c.numbers.largest)
            path.append(best)
            candidates = self.into(best.flow.node)
        return path[::-1]

    def cancels(self, node: Any, number: int) -> list[Contribution]:
        """The contributions that add up to zero though none of them is zero."""
        found = self.into(node, number)
        return found if len(found) > 1 and not any(c.numbers.is_zero for c in found) else []


def run_rules(node: Node, g: Any, edges: tuple) -> list[Any]:
    """One node's rules on arrays, as the engine runs them but for hooks."""
    if type(node).__name__ == "CheckpointFunctionBackward":
        raise Unreplayable(node, "opaque", "a reentrant checkpoint runs a backward pass of its own")
    saved = node.saved
    try:
        if saved is None:
            saved = unpacked(node, False)
    except RuntimeError as error:
        raise Unreplayable(node, "freed", str(error)) from None
    try:
        if clock.last_write > node.seq and node.saved is not None:
            stale(node, saved)
    except RuntimeError as error:
        raise Unreplayable(node, "stale", str(error)) from None
    try:
        with np.errstate(all="ignore"):
            results = node.vjp(g, saved, edges)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        why = "stale" if "modified by an inplace operation" in text else "failed"
        raise Unreplayable(node, why, text) from error
    if node.fix is not None:
        results = [
            r if r is None or shape is None or r.shape == shape else sum_to(r, shape=shape)
            for r, shape in zip(results, node.fix, strict=False)
        ]
    return list(results)
