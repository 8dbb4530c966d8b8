"""The engine: one loop that runs the rules of a graph in reverse order, for `backward()` and
`grad()` alike.

Without create_graph the rules run on bare arrays; with it they run on Tensors, so that what they
compute is recorded. Nodes are processed in descending order of the tick at which they were made,
which is a topological order.
"""

from functools import partial
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy import ndarray

from ..ops.shape import copy, sum_to
from .apply import float32
from .complaints import broadcast_error
from .hooks import (
    added,
    after,
    after_leaf,
    before,
    before_leaf,
    capture,
    carried_sum,
    is_carried,
    kept,
    once_more,
    one_at_a_time,
    raised_in,
    run_tensor_hooks,
    seen,
)
from .paths import arrivals, is_wanted, needed_for
from .quiet import WARNED, quietly
from .saved import as_tensors, unpacked
from .tape import AccumulateGrad, Node, Output, clock, stale
from .tensor import Tensor, family_of
from .watch import PLAIN, Watcher, active, observed

new = object.__new__


def run(
    roots: list[Any],
    cotangents: list[Any],
    *,
    retain: bool,
    create: bool,
    targets: dict[Any, bool] | None = None,
) -> dict[Any, Any]:
    """Propagate `cotangents` (arrays, or Tensors with `create`) from the edges `roots` to the
    leaves.

    Without `targets` the gradients arrive in the leaves' `.grad`. With it (edges), only the nodes
    on a path to a target run, and the targets' gradients are returned; no leaf is touched but those
    that `targets` maps to True: theirs arrive in `.grad`.
    """
    final: list[Any] = []  # see autograd.running: what hooks ask to be called at the end
    grads: dict[Any, Any] = {}
    heap: list[tuple[int, Node]] = []
    leaves: list[AccumulateGrad] = []
    borrowed: set[AccumulateGrad] = set()
    owned: set[Node] = set()  # nodes that only pass on a cotangent which nobody else holds
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
        if not edges or g is None:
            continue
        saved = node.saved
        if saved is None:
            saved = unpacked(node, create)
        elif clock.last_write > node.seq:
            stale(node, saved)
        if create:
            saved = as_tensors(node, saved)
        try:
            results = (
                observed(Watcher.propagated, partial(node.vjp, g, saved, edges), node, g, create)
                if watched
                else node.vjp(g, saved, edges)
            )
        except WARNED as error:
            results = once_more(error, node, g, saved, edges)
        except Exception as error:
            error.add_note(raised_in(node))
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
                except (ValueError, *WARNED):
                    grads[edge] = added(node, edges.index(edge), held, r)
                if waiting is None or edge not in waiting:
                    continue
            elif type(edge) is AccumulateGrad:
                grads[edge] = r
                leaves.append(edge)
                if not (node.fresh or (node in owned and extra is None and r.flags.c_contiguous)):
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
                if edge.passes and not create and (node.fresh or (node in owned and extra is None)):
                    owned.add(edge)
                heappush(heap, (-edge.seq, edge))
                continue
            waiting[edge] -= 1
            if not waiting[edge]:
                _finish(edge, grads.pop(edge), False, create, targets, captured)
    for edge in leaves:
        g = grads.pop(edge, None)
        if g is None:
            continue
        if targets is None and not watched:
            deliver(edge, g, edge not in borrowed, create)
        else:
            _finish(edge, g, edge not in borrowed, create, targets, captured)
    for call in final:
        call()
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
    if targets is None or targets.get(edge):
        if PLAIN:
            deliver(edge, g, fresh, create)
        else:
            observed(Watcher.delivered, partial(deliver, edge, g, fresh, create), edge, g)
    elif edge in targets:
        if edge.extra is not None:
            g, fresh = run_tensor_hooks(edge.extra, 0, g, create), False
        captured[edge] = g if create else kept(g, fresh)


def deliver(edge: AccumulateGrad, g: Any, fresh: bool, create: bool) -> None:
    """Add a complete gradient to its leaf's `.grad`; hooks run even if the leaf is gone."""
    extra = edge.extra
    if extra is not None:
        g, fresh = before_leaf(extra, g, create), False  # hooks may keep what they saw
        if g is None:
            return
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
                    mine, fresh = np.conjugate(g), type(g) is ndarray and g.flags.c_contiguous
                rare = mine if held is None or type(mine) is not ndarray else held._a
                if type(rare) is not ndarray and is_carried(held, rare):
                    leaf._g = carried_sum(held, mine)
                elif held is None:
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
