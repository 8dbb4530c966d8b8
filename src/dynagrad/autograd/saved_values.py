"""What nodes saved, as users read it: `grad_fn._saved_self`, `_raw_saved_self`. Imports core.

PyTorch's names are attributes of the node classes: of those that exist, and of those made later.
"""

from collections.abc import Callable, Iterator
from typing import Any

from .. import errors
from ..core.saved import Packed, as_tensors, has_packed, pack, pack_result, packed_values
from ..core.tape import NAMED_VALUES, AccumulateGrad, Meta, Node, Output, clock, extras, stale
from ..core.tensor import wrap
from .saved_names import DEFAULTS, named


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
    saved: Any = node.saved if node.saved is not None else packed_values(node)
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
            packed_values(node)
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


def _classes(cls: type) -> Iterator[type]:
    for below in cls.__subclasses__():
        yield below
        yield from _classes(below)


def _name_values() -> None:
    made: dict[int, dict[str, Any]] = {}
    for torch_name, sources in named().items():
        members = made.get(id(sources))
        if members is None:
            members = made[id(sources)] = {}
            for name, source in sources.items():
                members[f"_saved_{name}"] = NamedValue(name, source)
                members[f"_raw_saved_{name}"] = RawValue(name, source)
        NAMED_VALUES[torch_name] = members
    for cls in _classes(Node):
        for name, value in NAMED_VALUES.get(cls.__dict__.get("torch_name", ""), {}).items():
            setattr(cls, name, value)


_name_values()
