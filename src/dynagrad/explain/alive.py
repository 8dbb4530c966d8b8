"""`why_alive`: who keeps a graph in memory, and how much it holds. Imports holders and core."""

import gc
import sys
from typing import Any

import numpy as np

from ..core.paths import nodes_below
from ..core.saved import Packed
from ..core.storage import owner
from ..core.tape import AccumulateGrad, Node, Output, node_and_number
from ..core.tensor import Tensor, edge_of
from .causes import short
from .holders import Holder, Search
from .notes import leaves_below
from .reason import Place, count, place_of_node

#: how many lines and holders a report shows
SHOWN = 5
#: a line that adds at least this often to one graph is told as a growing sum
GROWING = 3
SUMS = frozenset("Add Sub Rsub Mul Maximum Minimum Cat Stack".split())


class Alive:
    """What `why_alive` found about one graph; it prints as a short report.

    sentence: who keeps it, and what it costs; place: the line that made its last node; nodes: how
    many there are; bytes_saved: the arrays kept for backward, each once; bytes_of_leaves: the part
    of them that is the memory of living leaves, which stays without the graph; bytes_of_nodes: the
    nodes themselves; lines: (Place, bytes, nodes), the line that holds the most first; holders: who
    refers to it; repeats: how often one line added to the graph (1: not a growing sum).
    """

    def __init__(self, root: Node, tensors: list[Tensor]):
        self.root = short(root)
        self.place = place_of_node(root)
        nodes = nodes_below([root])
        self.nodes = len(nodes)
        self.repeats = _repeats(root)
        self.lines, self.bytes_saved, self.bytes_of_leaves = _measured(root, nodes)
        self.bytes_of_nodes = sum(
            sys.getsizeof(n) + sys.getsizeof(n.edges) + sys.getsizeof(n.saved) for n in nodes
        )
        self.tensors = len(tensors)
        self.holders: list[Holder] = []

    @property
    def bytes_held(self) -> int:
        """What would be free without this graph: saved arrays but for leaves' own memory, and
        nodes.
        """
        return self.bytes_saved - self.bytes_of_leaves + self.bytes_of_nodes

    @property
    def sentence(self) -> str:
        """Who keeps the graph, what it costs, and what to do."""
        named = [h for h in self.holders if h.kind != "unknown"]
        who = (
            f"{named[0]}" if named else "nothing that could be found (C code, or a reference cycle)"
        )
        size = f"{count(self.nodes, 'node')} and {_size(self.bytes_held)}"
        if self.repeats >= GROWING:
            what = f"{self.repeats:,} graphs, which one line joined again and again: {size}"
            advice = "; add .item() or .detach() of each instead if this needs no gradient"
        else:
            what = f"a graph of {size}"
            many = any(h.kind == "item" for h in named)
            advice = "; keep .item() or .detach() instead if these need no gradient" if many else ""
        return f"{who} keeps {what}{advice}"

    def __str__(self) -> str:
        text = [self.sentence]
        if self.place is not None:
            text.append(f"  made at {self.place}")
        total = f"{_size(self.bytes_saved)} saved for backward"
        text.append(
            f"  {total}, of which {_size(self.bytes_of_leaves)} are leaves' own; "
            f"{_size(self.bytes_of_nodes)} of nodes"
        )
        for place, size, nodes in self.lines[:SHOWN]:
            text.append(f"  {_size(size):>9} in {count(nodes, 'node')} made at {place}")
        text += [f"  held by {holder}" for holder in self.holders[:SHOWN]]
        return "\n".join(text)

    __repr__ = __str__


class _Report(list):
    """Several Alives, which print one after another."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) if self else "no graph is alive"

    __str__ = __repr__


def why_alive(t: Any = None) -> Any:
    """Who keeps a graph in memory, and how many bytes it holds.

    t: a Tensor or a Node (grad_fn): an Alive, about the largest graph that it is part of, since
    whoever holds a later result holds this one too. None: a list of Alives, of the five graphs that
    hold the most. Nothing is changed. What only C code refers to is not found, nor are variables
    of a function between its calls. TypeError for anything else; ValueError for a tensor without a
    graph.
    """
    if t is None:
        return _largest()
    if isinstance(t, Tensor):
        node = node_and_number(edge_of(t))[0]
        if node is None or type(node) is AccumulateGrad:
            raise ValueError(
                "why_alive(): this tensor has no graph (it is a leaf, or does not require grad)"
            )
    elif isinstance(t, Node):
        node = t
    else:
        raise TypeError(f"why_alive() takes a Tensor or a Node, not {type(t).__name__}")
    del t
    living = _Living()
    tops = living.tops(node)
    root = max(tops, key=lambda n: len(nodes_below([n])))
    del node, tops
    return living.report(root)


def _largest() -> _Report:
    living = _Living()
    roots = [n for n in living.nodes if n not in living.consumers and n.edges]
    measured = sorted(roots, key=lambda n: -_measured(n, nodes_below([n]))[1])[:SHOWN]
    del roots
    living.search.ignore(measured)
    return _Report([living.report(n) for n in measured])


class _Living:
    """All nodes and tensors of this moment."""

    def __init__(self) -> None:
        self.search = Search()
        objects = gc.get_objects()  # issubclass: isinstance may run code of the user's objects
        self.nodes = {
            x: None
            for x in objects
            if issubclass(type(x), Node) and not issubclass(type(x), AccumulateGrad)
        }
        self.consumers: dict[Node, list[Node]] = {}
        for consumer in self.nodes:
            for edge in getattr(consumer, "edges", ()):
                node = node_and_number(edge)[0]
                if node is not None and type(node) is not AccumulateGrad:
                    self.consumers.setdefault(node, []).append(consumer)
        self.tensors: dict[Node, list[Tensor]] = {}
        for x in objects:
            if issubclass(type(x), Tensor):
                node = node_and_number(getattr(x, "_e", None))[0]
                if node in self.nodes:
                    self.tensors.setdefault(node, []).append(x)

    def tops(self, node: Node) -> list[Node]:
        """The nodes above a node that no other node uses."""
        found, seen, stack = [], {node}, [node]
        while stack:
            n = stack.pop()
            above = self.consumers.get(n, ())
            if not above:
                found.append(n)
            for consumer in above:
                if consumer not in seen:
                    seen.add(consumer)
                    stack.append(consumer)
        return found

    def report(self, root: Node) -> Alive:
        """The Alive of one graph."""
        tensors = self.tensors.get(root, [])
        alive = Alive(root, tensors)
        self.search.ignore(self.nodes, self.consumers, self.tensors, tensors, self.__dict__)
        self.search.ignore(*self.consumers.values(), *self.tensors.values())
        holders = [h for t in tensors for h in self.search.holders(t)]
        outputs = [r for r in gc.get_referrers(root) if type(r) is Output]
        things = (root, *outputs)
        self.search.ignore(outputs, things)
        for thing in things:
            holders += self.search.holders(thing, 3)
        order = {"item": 0, "unknown": 2}
        alive.holders = sorted(dict.fromkeys(holders), key=lambda h: order.get(h.kind, 1))
        return alive


def _repeats(root: Node) -> int:
    """How often the instruction that made the last node joined another graph to its own result."""
    if short(root) not in SUMS:
        return 1
    times, node = 1, root
    while True:
        below = [
            n
            for n, _ in map(node_and_number, node.edges)
            if n is not None and type(n) is not AccumulateGrad
        ]
        same = [
            n
            for n in below
            if type(n).__name__ == type(root).__name__
            and (n.code, n.lasti) == (root.code, root.lasti)
        ]
        if not same or len(below) < 2:
            return times
        node = same[0]
        times += 1


def _arrays(value: Any) -> list[np.ndarray]:
    """The arrays among what a node keeps."""
    if isinstance(value, np.ndarray):
        return [value]
    if type(value) in (tuple, list):
        return [a for part in value for a in _arrays(part)]
    if type(value) is dict:
        return _arrays(list(value.values()))
    if isinstance(value, Tensor):
        return _arrays(value._a)
    if value is None:
        return []
    if type(value) is Packed:
        return _arrays(value.value)
    kept = getattr(value, "array", None)  # what a Function saved
    return _arrays(getattr(value, "packed", None) if kept is None else kept)


def _measured(
    root: Node, nodes: list[Node]
) -> tuple[list[tuple[Place | None, int, int]], int, int]:
    """Bytes and nodes of each line, the bytes in all, and those that are leaves' own memory; an
    array belongs to the line of the first node that saved it.
    """
    own = {
        id(owner(t._a)): owner(t._a).nbytes
        for leaf in leaves_below([root])
        if (t := leaf.leaf()) is not None and isinstance(t._a, np.ndarray)
    }
    lines: dict[Place | None, list[int]] = {}
    places: dict[Any, Place | None] = {}
    counted: set[int] = set()
    total = of_leaves = 0
    for node in sorted(nodes, key=lambda n: n.seq):
        key = (node.code, node.lasti)
        if key not in places:
            places[key] = place_of_node(node)
        entry = lines.setdefault(places[key], [0, 0])
        entry[1] += 1
        for array in _arrays((node.saved, node.kw, getattr(node.extra, "packed", None))):
            memory = owner(array)
            if id(memory) not in counted:
                counted.add(id(memory))
                total += memory.nbytes
                entry[0] += memory.nbytes
                of_leaves += own.get(id(memory), 0)
    ranked = sorted(lines.items(), key=lambda item: (-item[1][0], -item[1][1]))
    return [(place, size, n) for place, (size, n) in ranked], total, of_leaves


def _size(number: int) -> str:
    """Bytes for readers."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number} bytes"
