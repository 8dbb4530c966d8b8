"""Nested containers of values, taken apart and put together: what programs use of PyTorch's
torch.utils._pytree. Imports core.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..core import pytree as core

__all__ = [
    "LeafSpec",
    "PyTree",
    "TreeSpec",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any
IsLeaf = Callable[[Any], bool] | None


class TreeSpec:
    """The structure of nested containers: lists, tuples, named tuples, dicts, deques."""

    __slots__ = ("_spec",)

    def __init__(self, spec: core.Spec):
        self._spec = spec

    @property
    def type(self) -> Any:
        """The kind of the outermost container; None for a leaf."""
        return self._spec.kind

    @property
    def num_leaves(self) -> int:
        """The number of leaves."""
        return self._spec.count

    @property
    def num_children(self) -> int:
        """The number of values in the outermost container."""
        return len(self._spec.parts)

    @property
    def num_nodes(self) -> int:
        """The number of containers and leaves."""
        return 1 + sum(child.num_nodes for child in self.children())

    def children(self) -> list["TreeSpec"]:
        """The structures of the values in the outermost container."""
        return [TreeSpec(part) for part in self._spec.parts]

    def is_leaf(self) -> bool:
        """Whether this is no container."""
        return self._spec.kind is None

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The container of these leaves."""
        return tree_unflatten(leaves, self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and self._spec == other._spec

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves))

    def __repr__(self) -> str:
        if self.is_leaf():
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.children()})"


def LeafSpec() -> TreeSpec:  # noqa: N802 - PyTorch's name
    """The structure of a leaf."""
    return TreeSpec(core.LEAF)


class _Hidden:
    """A value that is a leaf although it is a container."""

    def __init__(self, value: Any):
        self.value = value


def _hide(tree: Any, is_leaf: Callable[[Any], bool]) -> Any:
    """The tree with what `is_leaf` says hidden from taking apart."""
    if is_leaf(tree):
        return _Hidden(tree)
    values, context, *_ = core._opened(tree) or (None, None)
    if values is None:
        return tree
    spec = core.Spec(type(tree), context, ())
    return core._closed(spec, [_hide(value, is_leaf) for value in values])


def tree_flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of nested containers from left to right, and their structure; `is_leaf`: also
    what this is true of is a leaf.
    """
    if is_leaf is None:
        leaves, spec = core.flatten(tree)
        return leaves, TreeSpec(spec)
    leaves, spec = core.flatten(_hide(tree, is_leaf))
    return [x.value if type(x) is _Hidden else x for x in leaves], TreeSpec(spec)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The containers of this structure around these leaves. ValueError for another number."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "tree_unflatten(leaves, treespec): Expected `treespec` to be instance of PyTreeSpec "
            f"but got item of type {type(treespec)}."
        )
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec "
            f"refers to a pytree that holds {treespec.num_leaves} items ({treespec})."
        )
    return core.unflatten(leaves, treespec._spec)


def tree_structure(tree: Any, is_leaf: IsLeaf = None) -> TreeSpec:
    """The structure of nested containers."""
    return tree_flatten(tree, is_leaf)[1]


def tree_leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of nested containers from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: Any, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """The leaves of nested containers, one after the other."""
    return iter(tree_leaves(tree, is_leaf))


def tree_is_leaf(tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether a value is no container that is taken apart."""
    return core._opened(tree) is None or (is_leaf is not None and is_leaf(tree))


def tree_map(func: Callable, tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """func of every leaf, in the same containers; of several trees, func of the leaves that stand
    at one place. ValueError for structures that differ.
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves]
    for rest in rests:
        others, structure = tree_flatten(rest, is_leaf)
        if structure != spec:
            _refuse(spec._spec, structure._spec)
        columns.append(others)
    return core.unflatten([func(*row) for row in zip(*columns, strict=True)], spec._spec)


def _refuse(wanted: core.Spec, given: core.Spec) -> None:
    """Raise ValueError for the first place where two structures differ."""
    if wanted.kind is not given.kind:
        raise ValueError(f"Node type mismatch; expected {wanted.kind}, but got {given.kind}.")
    if len(wanted.parts) != len(given.parts):
        raise ValueError(
            f"Node arity mismatch; expected {len(wanted.parts)}, but got {len(given.parts)}."
        )
    if wanted.context != given.context:
        raise ValueError(f"Node keys mismatch; {wanted.context} and {given.context}.")
    for one, other in zip(wanted.parts, given.parts, strict=True):
        if one != other:
            _refuse(one, other)


def tree_map_(func: Callable, tree: Any, *rests: Any, is_leaf: IsLeaf = None) -> Any:
    """Call func with every leaf, as `tree_map`, and return the tree."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def _chosen(kind: Any) -> Callable[[Any], bool]:
    """Whether a leaf is of a type, of one of several, or fulfils a condition."""
    if isinstance(kind, type | tuple) or hasattr(kind, "__args__"):
        return lambda x: isinstance(x, kind)
    return kind


def tree_map_only(
    type_or_types_or_pred: Any, /, func: Any, tree: Any = None, is_leaf: IsLeaf = None
) -> Any:
    """func of every leaf of such a type, or that fulfils a condition; the others stay."""
    chosen = _chosen(type_or_types_or_pred)
    return tree_map(lambda x: func(x) if chosen(x) else x, tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any, /, func: Any, tree: Any = None, is_leaf: IsLeaf = None
) -> Any:
    """Call func with every leaf of such a type, and return the tree."""
    tree_map_only(type_or_types_or_pred, func, tree, is_leaf)
    return tree


def tree_all(pred: Callable, tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether all leaves fulfil a condition."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable, tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether a leaf fulfils a condition."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(type_or_types: Any, /, pred: Any, tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether all leaves of a type fulfil a condition."""
    return all(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(type_or_types: Any, /, pred: Any, tree: Any, is_leaf: IsLeaf = None) -> bool:
    """Whether a leaf of a type fulfils a condition."""
    return any(pred(x) for x in tree_leaves(tree, is_leaf) if isinstance(x, type_or_types))
