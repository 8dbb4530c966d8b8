"""Where the graph below a loss stops: whether a tensor is on it, and what cut it off. Imports
notes.
"""

from typing import Any, NamedTuple

import numpy as np

from ..core.paths import nodes_below
from ..core.storage import owner
from ..core.tape import AccumulateGrad, Node, node_and_number
from ..core.tensor import Tensor
from .causes import operand, short
from .notes import Cut, cut_of_input, leaves_below
from .reason import LEARN, Place, Reason, at, count, place_of, place_of_node


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


def keys_below(roots: list[Any]) -> set[tuple[Any, int]]:
    """The (node, number) of all tensors on a path from the roots."""
    groups = (roots, *(node.edges for node in nodes_below(roots)))
    return {node_and_number(edge) for edges in groups for edge in edges if edge is not None}


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
    return key[0] in living or key in keys_below(living)


def no_path(roots: list[Any], x: Tensor, edge: Any) -> Reason:
    """Why the loss does not reach a tensor: the nearest cut, as far as it is known."""
    if all(type(root) is AccumulateGrad for root in roots):
        text = (
            "the loss is a leaf, which no operation made: if it was set anew from a number or an "
            "array (.item(), .numpy(), .detach()), its history stayed behind; leave that out"
        )
        return Reason("no_path", f"no path leads from the loss to it: {text}", certain=True)
    found = entries(roots, x)
    for entry in found:
        if entry.own:
            return _own_constant(entry)
    for entry in found:
        if entry.cut is not None and leads_to(entry.cut, edge):
            cut = entry.cut
            call = cut.name if cut.name.startswith(".") else f"{cut.name}()"
            how = {
                "detached": f"{call} leaves its history behind",
                "no_grad": f"{call} ran under no_grad",
                "inference": f"{call} ran in inference mode",
                "not_differentiable": f"{call} has no derivative",
            }[cut.kind]
            return Reason(
                "no_path",
                f"no path leads from the loss to it: {how}, and the loss took the result in "
                f"{at(entry.place)}",
                cut.place,
                cut=cut.kind,
                operation=cut.name,
                used_at=entry.place,
                certain=True,
            )
    other = _beside(roots, x, edge) or _another_leaf(roots, x)
    return other if other is not None else _guess(x, edge, found)


def _own_constant(entry: Entry) -> Reason:
    text = (
        "no path leads from the loss to it: the loss reads its values, but as a constant "
        "(detach() or .data, or before it required grad)"
    )
    used = entry.place
    if entry.cut is not None:
        text += f", {at(used)}"
    place = entry.cut.place if entry.cut is not None else used
    return Reason("constant", text, place, used_at=used, certain=True)


def _another_leaf(roots: list[Any], x: Tensor) -> Reason | None:
    head = "no path leads from the loss to it: the gradient goes to another leaf"
    for leaf in leaves_below(roots):
        t = leaf.leaf()
        if t is x:
            text = f"{head}, this tensor before it stopped requiring grad and began again"
            return Reason("another_leaf", text, certain=True)
        if t is not None and t._a.size and np.may_share_memory(t._a, x._a):
            text = f"{head}, of shape {tuple(t._a.shape)}, that shows the same memory"
            return Reason("another_leaf", text, certain=True)
    dead = [leaf for leaf in leaves_below(roots) if leaf.leaf() is None]
    if not dead:
        return None
    leaves = count(len(dead), "leaf tensor")
    return Reason(
        "another_leaf",
        f"no path leads from the loss to it; the loss depends on {leaves} that nobody holds any "
        "more: perhaps this tensor was made anew (x = x - lr * g, a new Parameter, a copy) after, "
        "or instead of, the one that the loss used",
        certain=False,
    )


def _beside(roots: list[Any], x: Tensor, edge: Any) -> Reason | None:
    """A result that stands beside the loss, made of the same tensors."""
    if type(edge) is AccumulateGrad:
        return None
    cell = x._v.cell if x._v is not None else None
    if cell is not None and cell.count:
        text = (
            "its memory was written in place, which gave it a new history; the loss used what it "
            "was before, or another view of that memory"
        )
        return Reason(
            "no_path",
            f"no path leads from the loss to it: {text}",
            place_of(cell.code, cell.lasti),
            certain=True,
        )
    node = node_and_number(edge)[0]
    if keys_below(roots).isdisjoint(keys_below([edge])):
        return None
    text = (
        f"{short(node)} made it of tensors which the loss uses too, but the loss does not use the "
        "result (a slice, a copy or a conversion is a new tensor)"
    )
    place = place_of_node(node)
    return Reason("no_path", f"no path leads from the loss to it: {text}", place, certain=True)


def _guess(x: Tensor, edge: Any, found: list[Entry]) -> Reason:
    is_leaf = type(edge) is AccumulateGrad
    # A cut that explaining() noted knows its leaves: this one is not among them.
    found = [e for e in found if e.cut is None or not (is_leaf and e.cut.leaves)]
    nearest = next((e for e in found if e.cut is not None), found[0] if found else None)
    head = "no path leads from the loss to it: it is not used"
    blind = "(values that go through .item(), .numpy() or float() leave no trace)"
    if nearest is None:
        text = f"{head}; nothing that the loss takes in without history comes from it {blind}"
        return Reason("no_path", text, certain=True)
    cut = nearest.cut
    places = list(dict.fromkeys(e.place for e in found if e.place is not None))
    if cut is not None:
        text = (
            f"{head}, or {cut.name} cut it off, whose result the loss takes in {at(nearest.place)}"
        )
    elif len(places) == 1:
        text = f"{head}, or was cut off before this line, which takes in values without history"
    else:
        lines = count(len(places), "line")
        text = f"{head}, or was cut off before one of {lines} that take in values without history"
    return Reason(
        "no_path",
        f"{text} {blind}; {LEARN}",
        nearest.place if cut is None else cut.place,
        certain=False,
        cut=None if cut is None else cut.kind,
        places=places,
    )
