"""Walks over a recorded graph before it runs: what lies below some edges, and what leads to which.
Imports tape.
"""

from operator import attrgetter
from typing import Any

from .tape import AccumulateGrad, Node, Output


def nodes_below(roots: Any) -> list[Node]:
    """All nodes below and among the edges `roots`."""
    found: dict[Node, None] = {}
    stack = [*roots]
    while stack:
        edge = stack.pop()
        node = edge.node if type(edge) is Output else edge
        if node is not None and node not in found and type(node) is not AccumulateGrad:
            found[node] = None
            stack.extend(node.edges)
    return list(found)


def arrivals(heap: list[Node], edges: tuple) -> dict[AccumulateGrad, int]:
    """How many edges still lead to each leaf with hooks: its hooks run when the last one has
    contributed.

    That is PyTorch's order, and lets an optimiser in backward free memory. A leaf which some of
    these edges never reach with a cotangent is finished at the end.
    """
    counts: dict[AccumulateGrad, int] = {}
    for group in (edges, *(node.edges for node in nodes_below([*heap, *edges]))):
        for edge in group:
            if type(edge) is AccumulateGrad:
                counts[edge] = counts.get(edge, 0) + 1
    return counts


def needed_for(roots: list, targets: dict[Any, bool]) -> set[Node]:
    """The nodes on a path to a target: one of their edges is a target or leads to one. Where
    targets keep their gradients (True), their nodes too, for the hooks.
    """
    keys = {(e.node, e.number) if type(e) is Output else e for e in targets}
    needed: set[Node] = set()
    for node in sorted(nodes_below(roots), key=attrgetter("seq")):
        for edge in node.edges:
            if type(edge) is Output:
                edge = edge.node if edge.node in needed else (edge.node, edge.number)
            if edge in needed or edge in keys:
                needed.add(node)
                break
    below = [e.node if type(e) is Output else e for e, keeps in targets.items() if keeps]
    return needed.union(node for node in below if type(node) is not AccumulateGrad)


def is_wanted(edge: Any, needed: set[Node], targets: Any) -> bool:
    """Whether an edge is a target or leads to one."""
    if edge is None:
        return False
    if type(edge) is Output:
        return edge.node in needed or any(
            type(t) is Output and t.node is edge.node and t.number == edge.number for t in targets
        )
    return edge in needed or edge in targets
