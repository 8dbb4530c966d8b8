"""Edges that users hold: a place in the graph without the tensor that stands there. Imports tape,
tensor.
"""

from typing import Any, NamedTuple

from ..core.tape import AccumulateGrad, Meta, Node, Output
from ..core.tensor import Tensor, edge_of


class GradientEdge(NamedTuple):
    """The place where a gradient is computed: result `output_nr` of `node`. It stands for its
    tensor in `grad` and `backward`, without keeping that tensor's memory.

    ownership_token: what else must stay alive for the graph to do so (a node owns its graph here;
    PyTorch's needs a token for Functions). Source: torch.autograd.graph.GradientEdge.
    """

    node: Node
    output_nr: int
    ownership_token: Node | None = None


def place_in_graph(x: Any) -> Any:
    """The edge of a Tensor or GradientEdge."""
    if type(x) is not GradientEdge:
        return edge_of(x)
    node, number, _ = x
    if not isinstance(node, Node):
        raise RuntimeError(
            "GradientEdge's first object must be an autograd.graph.Node but got "
            + type(node).__name__
        )
    single = type(node) is AccumulateGrad or node.rule.results == 1
    count = 1 if single else node.results
    if not 0 <= number < count:
        raise IndexError(f"{type(node).__name__} has {count} results, no number {number}")
    return node if single else Output(node, number)


def described(x: Any) -> Any:
    """What has the shape and dtype of a Tensor, or of a GradientEdge's result; None where only the
    operation knew them (an edge built by hand).
    """
    if type(x) is not GradientEdge:
        return x._a
    node, number, _ = x
    if type(node) is AccumulateGrad:
        leaf = node.leaf()
        return None if leaf is None else leaf._a
    metas = getattr(node, "metas", None)
    if metas is not None:
        return metas[number]
    for save, value in zip(node.rule.saves, node.saved or (), strict=False):
        if save.kind == "out" and save.index == number and value is not None:
            return value
    return None


def gradient_edge(t: Tensor) -> GradientEdge:
    """The edge of a tensor that requires grad; its node knows the shape from then on."""
    if not t.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients\nSet requires_grad=True on an input before the computation."
        )
    edge: Any = edge_of(t)
    if type(edge) is Output:
        return GradientEdge(edge.node, edge.number)
    if type(edge) is not AccumulateGrad:
        edge.metas = (Meta(t._a),)
    return GradientEdge(edge, 0)
