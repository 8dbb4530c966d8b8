"""The engine: one loop that runs the rules of a graph in reverse order, for `backward()` and
`grad()` alike.

Without create_graph the rules run on bare arrays; with it they run on Tensors, so that what they
compute is recorded. Nodes are processed in descending order of the tick at which they were made,
which is a topological order.
"""

import os
from functools import partial
from heapq import heappop, heappush
from threading import RLock
from typing import Any

import numpy as np
from numpy import ndarray

from ..ops.shape import copy, sum_to
from .apply import broadcast_error, float32
from .hooks import after, after_leaf, before, before_leaf, capture, run_tensor_hooks, seen, unpacked
from .paths import arrivals, is_wanted, needed_for
from .quiet import WARNED, quietly
from .tape import AccumulateGrad, Node, Output, clock, family_saved, stale
from .tensor import Tensor, family_of, with_edge
from .watch import PLAIN, active, watched_rules

new = object.__new__
#: held while a leaf's gradient grows: backward passes in several threads may meet in one leaf
one_at_a_time = RLock()
if hasattr(os, "register_at_fork"):  # a child must not wait for a thread that it does not have
    os.register_at_fork(after_in_child=one_at_a_time._at_fork_reinit)  # pyright: ignore


def run(
    roots: list[Any],
    cotangents: list[Any],
    *,
    retain: bool,
    create: bool,
    targets: dict[Any, None] | None = None,
) -> dict[Any, Any]:
    """Propagate `cotangents` (arrays, or Tensors with `create`) from the edges `roots` to the
    leaves.

    Without `targets` the gradients arrive in the leaves' `.grad`. With it (edges), only the nodes
    on a path to a target run, no leaf is touched, and the targets' gradients are returned.
    """
    grads: dict[Any, Any] = {}
    heap: list[tuple[int, Node]] = []
    leaves: list[AccumulateGrad] = []
    borrowed: set[AccumulateGrad] = set()
    waiting: dict[AccumulateGrad, int] | None = None
    captured: dict[Any, Any] = {}
    needed = None if targets is None else needed_for(roots, targets)
    watched = not PLAIN and bool(active())

    for edge, g in zip(roots, cotangents):  # noqa: B905 - as many by construction
        if type(edge) is AccumulateGrad:
            leaves.append(edge)
            borrowed.add(edge)
            grads[edge] = quietly(np.add, grads[edge], g) if edge in grads else g
        elif heap or type(edge) is Output:
            _arrive(edge, g, grads, heap)
        else:
            grads[edge] = g
            heap.append((-edge.seq, edge))
    while heap:
        node = heappop(heap)[1]
        g = grads.pop(node)
        edges = node.edges
        extra = node.extra
        if extra is not None:
            g = before(node, g, create)
        if needed is not None:
            capture(node, g, targets, captured, create)
            if node not in needed:
                continue
            edges = tuple([e if is_wanted(e, needed, targets) else None for e in edges])
        if not edges:
            continue
        saved = node.saved
        if saved is None:
            saved = unpacked(node, create)
        elif clock.last_write > node.seq:
            stale(node, saved)
        if create:
            saved = _as_tensors(node, saved)
        try:
            results = (
                watched_rules(partial(node.vjp, g, saved, edges), node, g, create)
                if watched
                else node.vjp(g, saved, edges)
            )
        except WARNED:
            results = quietly(node.vjp, g, saved, edges)
        except Exception as error:
            error.add_note(
                f"raised in the backward pass of {type(node).__name__}, made at {node.place()}"
            )
            raise
        if node.fix is not None:
            results = [
                r if r is None or shape is None or r.shape == shape else sum_to(r, shape=shape)
                for r, shape in zip(results, node.fix, strict=False)
            ]
        if not retain and node.holds:
            node.saved = None
        if extra is not None:
            results = after(node, results, g, create, retain)
        for edge, r in zip(edges, results):  # noqa: B905 - a joint rule may say less
            if r is None or edge is None:
                continue
            held = grads.get(edge)
            if held is not None:
                try:
                    grads[edge] = held + r
                except WARNED:
                    grads[edge] = quietly(np.add, held, r)
                if waiting is None or edge not in waiting:
                    continue
            elif type(edge) is AccumulateGrad:
                grads[edge] = r
                leaves.append(edge)
                if not node.fresh:
                    borrowed.add(edge)
                if edge.extra is None:
                    continue
                if waiting is None:
                    waiting = arrivals([n for _, n in heap], edges)
            elif type(edge) is Output:
                _arrive(edge, r, grads, heap)
                continue
            else:
                grads[edge] = r
                heappush(heap, (-edge.seq, edge))
                continue
            waiting[edge] -= 1
            if not waiting[edge]:
                _finish(edge, grads.pop(edge), False, create, targets, captured)
    for edge in leaves:
        g = grads.pop(edge, None)
        if g is None:
            continue
        if targets is None:
            deliver(edge, g, edge not in borrowed, create)
        else:
            _finish(edge, g, False, create, targets, captured)
    return captured


def _arrive(edge: Any, g: Any, grads: dict, heap: list) -> None:
    """Add a contribution to a node's only result, or to one of several."""
    node = edge.node if type(edge) is Output else edge
    held = grads.get(node)
    if held is None:
        heappush(heap, (-node.seq, node))
    if type(edge) is not Output:
        grads[node] = g if held is None else quietly(np.add, held, g)
        return
    if held is None:
        held = grads[node] = [None] * node.results
    part = held[edge.number]
    held[edge.number] = g if part is None else quietly(np.add, part, g)


def _finish(
    edge: AccumulateGrad, g: Any, fresh: bool, create: bool, targets: Any, captured: dict
) -> None:
    if targets is None:
        deliver(edge, g, fresh, create)
    elif edge in targets:
        captured[edge] = g if edge.extra is None else run_tensor_hooks(edge.extra, 0, g, create)


def deliver(edge: AccumulateGrad, g: Any, fresh: bool, create: bool) -> None:
    """Add a complete gradient to its leaf's `.grad`; hooks run even if the leaf is gone."""
    extra = edge.extra
    if extra is not None:
        g, fresh = before_leaf(extra, g, create), False  # hooks may keep what they saw
    leaf = edge.leaf()
    if leaf is not None:
        with one_at_a_time:
            held = leaf._g
            if create:
                mine = seen(g if fresh or held is not None else copy(g))
                leaf._g = mine if held is None else held + mine
            else:
                mine = g
                if g.dtype is not float32 and g.dtype.kind == "c":
                    mine, fresh = np.conjugate(g), True
                if held is None:
                    leaf._g = t = new(Tensor)
                    t._a = mine if fresh and type(mine) is ndarray else np.array(mine, order="C")
                    t._e = t._v = None
                elif held._a.shape != mine.shape:  # the leaf's data has another shape by now
                    raise broadcast_error("backward", [held._a.shape, mine.shape]) or RuntimeError(
                        f".grad has the shape {list(held._a.shape)}, the new gradient "
                        f"{list(mine.shape)}"
                    )
                else:
                    add_into(held._a, mine)
                    if held._v is not None or held._e is not None:
                        family_of(held).cell.bump()
    if extra is not None:
        after_leaf(extra, leaf, g, create)


def add_into(a: ndarray, g: Any) -> None:
    """a += g in a's own memory."""
    if a.size < 4096:
        try:
            a[...] = a + g  # overlapping operands make one ufunc call three times as slow
        except WARNED:
            a[...] = quietly(np.add, a, g)
    else:
        quietly(np.add, a, g, a)


def _as_tensors(node: Node, saved: tuple) -> tuple:
    """Saved values as Tensors with their places in the graph: the inputs' edges, the node itself
    for its results.
    """
    values = []
    for (kind, index, _), value in zip(node.rule.saves, saved, strict=True):
        if kind == "meta" or value is None:
            values.append(value)
        elif kind == "out":
            edge = node if node.rule.results == 1 else Output(node, index)
            # An integer result (indices) has no derivative: as an input it must not be recorded.
            values.append(with_edge(value, edge if value.dtype.kind in "fcV" else None))
        elif node.rule.variadic:
            values.append(tuple(with_edge(v, e) for v, e in zip(value, node.edges, strict=True)))
        else:
            t = with_edge(value, node.edges[index])
            if t._e is None:
                t._v = family_saved(node, index)
            values.append(t)
    return tuple(values)
