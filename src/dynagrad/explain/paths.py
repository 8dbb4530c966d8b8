"""Where the graph below a loss stops: whether a tensor is on it, and what cut it off. Imports
notes.
"""

from typing import Any, NamedTuple

import numpy as np

from ..core.paths import nodes_below
from ..core.storage import owner
from ..core.tape import AccumulateGrad, Node, node_and_number
from ..core.tensor import Tensor
from .causes import operand
from .notes import Cut, cut_of_input
from .reason import Place, place_of_node


class Entry(NamedTuple):
    """An input without history of a node below the loss; `cut` is what is known of it, `own` tells
    that it is the memory of the tensor asked for.
    """

    node: Node
    index: int
    cut: Cut | None
    own: bool

    @property
    def place(self) -> Place | None:
        """The line that took the value in."""
        return place_of_node(self.node)


def is_below(roots: list[Any], key: tuple[Any, int]) -> bool:
    """Whether a tensor's (node, number) is on a path from the roots."""
    if key in {node_and_number(root) for root in roots}:
        return True
    return any(
        node_and_number(edge) == key
        for node in nodes_below(roots)
        for edge in node.edges
        if edge is not None
    )


def entries(roots: list[Any], t: Tensor) -> list[Entry]:
    """The inputs without history of all nodes below the roots, the latest first."""
    memory = owner(t._a) if type(t._a) is np.ndarray else None
    found = []
    for node in sorted(nodes_below(roots), key=lambda n: -n.seq):
        vjps = getattr(node.rule, "vjps", ())
        for index, edge in enumerate(node.edges):
            if edge is not None or (len(vjps) == len(node.edges) and vjps[index] is None):
                continue
            array = operand(node, index)
            own = (
                memory is not None
                and type(array) is np.ndarray
                and owner(array) is memory
                and np.may_share_memory(array, t._a)
            )
            found.append(Entry(node, index, cut_of_input(node, index, array), own))
    return found


def leads_to(cut: Cut, edge: Any) -> bool:
    """Whether what a cut left behind is known to lead to an edge."""
    key = node_and_number(edge)
    if type(edge) is AccumulateGrad and any(ref() is edge for ref in cut.leaves):
        return True
    living = cut.living()
    return key[0] in living or is_below(living, key)
