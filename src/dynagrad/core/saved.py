"""What nodes saved: as their rules read it (unpacked if hooks packed it, as Tensors for higher
derivatives), and as users read it (`grad_fn._saved_self`). Imports tape, tensor and hooks.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from .. import errors
from ..saved_names import DEFAULTS, named
from .hooks import call_hook
from .tape import (
    NAMED_VALUES,
    AccumulateGrad,
    Meta,
    Node,
    Output,
    clock,
    extras,
    family_saved,
    grad_mode,
    stale,
)
from .tensor import Tensor, with_edge, wrap


class Packed:
    """A saved value in the form that a pack hook gave it, and the hook that gives it back."""

    __slots__ = ("unpack", "value")

    def __init__(self, value: Any, unpack: Any):
        self.value = value
        self.unpack = unpack

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


def pack(t: Tensor, hook: Callable[[Tensor], Any], unpack: Callable[[Any], Tensor]) -> Packed:
    """Have `hook` pack a saved tensor."""
    value = _hooked(t, hook)
    if value is t and t._e is not None:
        return Packed((t._a, t._e), partial(_given_back, unpack))
    return Packed(value, unpack)


def pack_result(array: Any, edge: Any, hook: Callable, unpack: Callable) -> Packed:
    """Have `hook` pack a node's own result. The tensor that it sees leaves the graph afterwards: a
    hook that returned it, kept by the node, would close a reference cycle.
    """
    t = with_edge(array, edge if array.dtype.kind in "fcV" else None)
    value = _hooked(t, hook)
    t._e = None
    return Packed(value, unpack)


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
    packed = _packed_values(node)
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


def _packed_values(node: Node) -> dict[int, Any]:
    packed = None if node.extra is None else node.extra.packed
    if packed is None:
        raise RuntimeError(errors.FREED.format(node=type(node).__name__, place=node.place()))
    return packed


def has_packed(value: Any) -> bool:
    """Whether a saved value, or an item of a saved tuple, is packed."""
    return any(type(v) is Packed for v in (value if type(value) is tuple else (value,)))


def _unpacked(value: Any, create: bool) -> Any:
    return call_hook(value.tensor, create)._a if type(value) is Packed else value


def as_tensors(node: Node, saved: tuple) -> tuple:
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


# --- as users read it -----------------------------------------------------------------------------


def place_of(node: Node, source: str, *, size: bool = False) -> int | None:
    """The place among a node's saved values of a parameter or result of its rule."""
    rule = node.rule
    for place, (kind, index, _) in enumerate(rule.saves):
        if kind == "out":
            if source == (f"out{index}" if index else "out"):
                return place
        elif (kind == "meta") == size and rule.params[index] == source:
            return place
    return None


def saved_tensor(node: Node, place: int) -> Any:
    """One saved value as a Tensor in its place of the graph (a leaf is itself), or what else was
    saved; None where nothing was needed.
    """
    kind, index, _ = node.rule.saves[place]
    saved: Any = node.saved if node.saved is not None else _packed_values(node)
    value = saved[place]
    packed = has_packed(value)
    if not packed and clock.last_write > node.seq:
        stale(node, tuple([value if i == place else None for i in range(len(saved))]))
    if type(value) is Packed:
        value = value.tensor()._a
    if type(value) is tuple and not node.rule.variadic:
        return tuple([wrap(v) if hasattr(v, "dtype") else v for v in value])
    if value is None or not hasattr(value, "dtype"):
        return value
    edge = node.edges[index] if kind == "in" and index < len(node.edges) else None
    leaf = edge.leaf() if type(edge) is AccumulateGrad else None
    if leaf is not None and leaf._a is value and not packed:
        return leaf
    return as_tensors(node, tuple([value if i == place else None for i in range(len(saved))]))[
        place
    ]


class NamedValue:
    """An attribute of nodes that shows a saved value under PyTorch's name."""

    __slots__ = ("name", "source")

    def __init__(self, name: str, source: str):
        self.name = name
        self.source = source

    def __get__(self, node: Any, cls: type) -> Any:
        if node is None:
            return self
        size = self.name.endswith("_sym_sizes")
        place = place_of(node, self.source, size=size)
        if place is None:
            return (node.kw or {}).get(self.source, DEFAULTS.get(self.name))
        value = saved_tensor(node, place)
        if self.name == "indices" and self.source == "i" and type(value) is not tuple:
            return (value,)  # of an index with one array
        return tuple(value.shape) if size and type(value) is Meta else value


class RawValue(NamedValue):
    """An attribute of nodes that shows how a value is saved."""

    __slots__ = ()

    def __get__(self, node: Any, cls: type) -> Any:
        if node is None:
            return self
        place = place_of(node, self.source)
        if place is None:
            raise AttributeError(
                f"{type(node).__name__} keeps no tensor '{self.name}': the rule does not need it"
            )
        if node.saved is None:
            _packed_values(node)
        return SavedTensor(node, place)


class SavedTensor:
    """One saved value of a node: what it is, and hooks for it alone."""

    __slots__ = ("_node", "_place")

    def __init__(self, node: Node, place: int):
        self._node = node
        self._place = place

    def _kept(self) -> Any:
        node = self._node
        if node.saved is not None:
            return node.saved[self._place]
        packed = None if node.extra is None else node.extra.packed
        if packed is None:
            raise RuntimeError(errors.HOOKS_ON_FREED)
        return packed[self._place]

    def register_hooks(self, pack_hook: Callable, unpack_hook: Callable) -> None:
        """Pack the value now, and unpack it each time it is read. One pair of hooks is allowed."""
        for hook in (pack_hook, unpack_hook):
            if not callable(hook):
                raise TypeError(
                    f"register_hooks(): incompatible function arguments\n{hook!r} is not callable"
                )
        value = self._kept()
        if value is None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor with value None is forbidden"
            )
        if has_packed(value):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: "
                "only one pair of hooks is allowed at a time."
            )
        node, place = self._node, self._place
        kind, index, _ = node.rule.saves[place]
        if kind == "out":
            edge = node if node.rule.results == 1 else Output(node, index)
            packed = pack_result(value, edge, pack_hook, unpack_hook)
        else:
            packed = pack(saved_tensor(node, place), pack_hook, unpack_hook)
        held = extras(node)
        if node.saved is not None:
            held.packed = {i: v for i, v in enumerate(node.saved)}
            node.saved = None
        held.packed[place] = packed  # pyright: ignore[reportOptionalSubscript]

    def unpack(self) -> Any:
        """The value, as `grad_fn._saved_<name>` shows it."""
        return saved_tensor(self._node, self._place)

    @property
    def data(self) -> Any:
        """What is kept: the value, or what the pack hook made of it."""
        value = self._kept()
        return value.value if type(value) is Packed else saved_tensor(self._node, self._place)

    @property
    def unpack_hook(self) -> Any:
        """The hook that unpacks the value, or None."""
        value = self._kept()
        return value.unpack if type(value) is Packed else None


def saving_order(node: Node) -> list[int]:
    """The places of a node's saved values in the order in which PyTorch packs them: inputs by name,
    then results.
    """
    names = {v.source: v.name for v in NAMED_VALUES.get(node.torch_name, {}).values()}

    def key(place: int) -> tuple:
        kind, index, _ = node.rule.saves[place]
        return kind == "out", names.get(node.rule.params[index], "~") if kind == "in" else "", place

    return sorted(range(len(node.rule.saves)), key=key)


def _fill_names() -> None:
    made: dict[int, dict[str, Any]] = {}
    for torch_name, sources in named().items():
        members = made.get(id(sources))
        if members is None:
            members = made[id(sources)] = {}
            for name, source in sources.items():
                members[f"_saved_{name}"] = NamedValue(name, source)
                members[f"_raw_saved_{name}"] = RawValue(name, source)
        NAMED_VALUES[torch_name] = members


_fill_names()
