"""What nodes saved, as their rules read it: unpacked if hooks packed it, as Tensors for higher
derivatives. Imports tape, tensor and hooks.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from .. import errors
from .hooks import call_hook
from .tape import (
    AccumulateGrad,
    Meta,
    Node,
    Output,
    clock,
    family_saved,
    grad_mode,
    stale,
)
from .tensor import Tensor, with_edge


class Packed:
    """A saved value in the form that a pack hook gave it, the hook that gives it back, and what is
    to come back.
    """

    __slots__ = ("meta", "unpack", "value")

    def __init__(self, value: Any, unpack: Any, meta: Meta):
        self.value = value
        self.unpack = unpack
        self.meta = meta

    def tensor(self) -> Tensor:
        """The value, unpacked anew at each call."""
        t = self.unpack(self.value)
        if not isinstance(t, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(t).__name__}\nGiven was {t!r}. unpack_hook returns the tensor that "
                "pack_hook was given."
            )
        return t

    def array(self) -> Any:
        """The value for a rule: of the shape and, among floating dtypes, the dtype that was saved,
        so that gradients have their inputs' dtypes.
        """
        a, meta = self.tensor()._a, self.meta
        if a.shape != meta.shape and not _broadcasts(a.shape, meta.shape):
            raise RuntimeError(
                f"Output of saved tensor unpack_hook expected to have shape {list(meta.shape)} but "
                f"got {list(a.shape)}\nunpack_hook returns the tensor that pack_hook was given."
            )
        return a.astype(meta.dtype) if a.dtype != meta.dtype and a.dtype.kind == "f" else a


def _broadcasts(shape: tuple, to: tuple) -> bool:
    return len(shape) <= len(to) and all(
        a in (1, b) for a, b in zip(shape[::-1], to[::-1], strict=False)
    )


def pack(t: Tensor, hook: Callable[[Tensor], Any], unpack: Callable[[Any], Tensor]) -> Packed:
    """Have `hook` pack a saved tensor."""
    value = _hooked(t, hook)
    if value is t and t._e is not None:
        return Packed((t._a, t._e), partial(_given_back, unpack), Meta(t._a))
    return Packed(value, unpack, Meta(t._a))


def pack_result(array: Any, edge: Any, hook: Callable, unpack: Callable) -> Packed:
    """Have `hook` pack a node's own result. The tensor that it sees leaves the graph afterwards: a
    hook that returned it, kept by the node, would close a reference cycle.
    """
    t = with_edge(array, edge if array.dtype.kind in "fcV" else None)
    value = _hooked(t, hook)
    t._e = None
    return Packed(value, unpack, Meta(array))


def _hooked(t: Tensor, hook: Callable[[Tensor], Any]) -> Any:
    """What a pack hook makes of a tensor; RuntimeError if it writes into it."""
    token = grad_mode.set(False)
    count = _writes(t)
    try:
        value = hook(t)
    finally:
        grad_mode.reset(token)
    if _writes(t) != count:
        raise RuntimeError(errors.PACK_WRITES)
    return value


def _writes(t: Tensor) -> int:
    return 0 if t._v is None else t._v.cell.count


def _given_back(unpack: Callable[[Any], Tensor], kept: tuple) -> Tensor:
    """Unpack a tensor that its pack hook returned as it was. Only its memory and its edge are kept:
    the tensor might hold a gradient whose graph holds the node.
    """
    array, edge = kept
    leaf = edge.leaf() if type(edge) is AccumulateGrad else None
    return unpack(with_edge(array, edge) if leaf is None else leaf)


def unpacked(node: Node, create: bool) -> tuple:
    """The arrays saved by a node whose `saved` is None: those that hooks have packed, or
    RuntimeError if they are freed.
    """
    packed = packed_values(node)
    if clock.last_write > node.seq:
        own = [None if has_packed(packed[i]) else packed[i] for i in range(len(packed))]
        stale(node, tuple(own))
    values: list[Any] = [None] * len(packed)
    for place, value in packed.items():
        if type(value) is tuple:
            values[place] = tuple([_unpacked(part, create) for part in value])
        else:
            values[place] = _unpacked(value, create)
    return tuple(values)


def packed_values(node: Node) -> dict[int, Any]:
    """What hooks made of a node's saved values, by place; RuntimeError if they are freed."""
    packed = None if node.extra is None else node.extra.packed
    if packed is None:
        raise RuntimeError(errors.FREED.format(node=type(node).__name__, place=node.place()))
    return packed


def has_packed(value: Any) -> bool:
    """Whether a saved value, or an item of a saved tuple, is packed."""
    return any(type(v) is Packed for v in (value if type(value) is tuple else (value,)))


def _unpacked(value: Any, create: bool) -> Any:
    return call_hook(value.array, create) if type(value) is Packed else value


def as_tensors(node: Node, saved: tuple) -> tuple:
    """Saved values as Tensors with their places in the graph: the inputs' edges, the node itself
    for its results.
    """
    if not node.rule.saves:
        return saved  # nothing, or what a node without a rule of its own keeps
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
