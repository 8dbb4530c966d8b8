"""Bytes: what a node keeps for the backward pass, and what an operation allocates. Imports core."""

import weakref
from collections.abc import Iterator
from typing import Any

from numpy import ndarray

from ..core.storage import address, owner
from ..core.tape import AccumulateGrad, Node, Output
from ..core.tensor import Tensor


class SavedBytes:
    """Counts the bytes that nodes keep for backward, each piece of memory once while it lives."""

    def __init__(self):
        self._known: dict[tuple, Any] = {}

    def count(self, node: Node) -> tuple[int, int]:
        """The bytes that a node keeps, and those of them which are due to it: neither a parameter's
        own memory nor kept by an earlier node.
        """
        parameters = {id(owner(leaf._a)) for leaf in _leaves(node.edges)}
        kept = due = 0
        seen = set()
        for array in arrays_in(node.saved):
            whole = owner(array)
            size = _size(array)
            piece = (id(whole), address(array), size)
            if piece in seen:
                continue
            seen.add(piece)
            kept += size
            if id(whole) in parameters:
                continue
            known = self._known.get(piece)
            if known is None or known() is not whole:  # another array may have had this address
                self._known[piece] = weakref.ref(whole)
                due += size
        return kept, due


def arrays_in(value: Any) -> Iterator[ndarray]:
    """The arrays in what a node saved, also those that a Function's ctx keeps."""
    if isinstance(value, ndarray):
        yield value
    elif isinstance(value, Tensor):
        yield from arrays_in(value._a)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays_in(item)
    elif isinstance(getattr(value, "array", None), ndarray):
        yield value.array


def _size(array: ndarray) -> int:
    """The bytes of the elements that an array shows, an element repeated by broadcasting once."""
    size = array.itemsize
    for n, stride in zip(array.shape, array.strides, strict=True):
        size *= n if stride or not n else 1
    return size


def _leaves(edges: tuple) -> Iterator[Tensor]:
    """The leaves that edges lead to directly, or through views, which keep no arrays."""
    for edge in edges:
        node = edge.node if type(edge) is Output else edge
        for _ in range(8):
            if node is None or type(node) is AccumulateGrad or node.holds or len(node.edges) != 1:
                break
            (below,) = node.edges
            node = below.node if type(below) is Output else below
        if type(node) is AccumulateGrad:
            leaf = node.leaf()
            if leaf is not None and isinstance(leaf._a, ndarray):
                yield leaf


def allocated(result: Any, inputs: Any) -> int:
    """The bytes of new memory in an operation's results: memory that none of its inputs has."""
    before = {id(owner(a)) for a in arrays_in(tuple(inputs))}
    total = 0
    for array in arrays_in(result):
        whole = owner(array)
        if id(whole) not in before:
            before.add(id(whole))
            total += array.nbytes
    return total
