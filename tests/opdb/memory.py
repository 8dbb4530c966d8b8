"""Which saved values could be overwritten unnoticed: looked up in the graph of a call."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import dynagrad
from dynagrad.core.tape import AccumulateGrad, family_saved, node_and_number, result_family
from dynagrad.core.tensor import edge_of, family_of


def unwatched(results: list[Any], held: list[Any]) -> str:
    """Words on the first array in the graph of `results` that lies in the memory of a tensor of
    `held` while its node does not know that tensor's version; empty if there is none.
    """
    cells = [family_of(t).cell for t in held]
    for node in _nodes(results):
        for family, array in _kept(node):
            for number, (t, cell) in enumerate(zip(held, cells, strict=True)):
                known = None if family is None else family.cell
                if known is not cell and np.shares_memory(array, t._a):
                    return f"{node.name()} keeps memory of tensor {number} unwatched"
    return ""


def _nodes(results: list[Any]) -> Iterator[Any]:
    waiting = [node_and_number(edge_of(t))[0] for t in results]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen or type(node) is AccumulateGrad:
            continue
        seen.add(node)
        yield node
        waiting += [node_and_number(edge)[0] for edge in node.edges]


def _kept(node: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """The arrays that a node keeps, each with the family whose version it checks (None: none)."""
    rule = getattr(node, "rule", None)
    for save, value in zip(rule.saves if rule else (), node.saved or (), strict=False):
        if save.kind == "out":
            yield from _arrays(value, result_family(node, save.index))
        elif save.kind == "in" and rule.variadic:
            for number, part in enumerate(value or ()):
                yield from _arrays(part, family_saved(node, number))
        elif save.kind == "in":
            yield from _arrays(value, family_saved(node, save.index))
    read = {name for names in rule.keywords for name in names} if rule else ()
    yield from _arrays({k: v for k, v in (node.kw or {}).items() if k in read}, None)


def _arrays(value: Any, family: Any) -> Iterator[tuple[Any, np.ndarray]]:
    if isinstance(value, np.ndarray):
        yield family, value
    elif isinstance(value, dynagrad.Tensor):
        yield family, value._a
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _arrays(part, family)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _arrays(part, family)
