"""Nested containers of values (lists, tuples, named tuples, dicts): taken apart into leaves and put
together again. Imports nothing.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple


class Spec(NamedTuple):
    """The structure of a container: its kind, what rebuilds it, its parts. A leaf has kind None."""

    kind: type | None
    context: Any
    parts: tuple["Spec", ...]

    @property
    def count(self) -> int:
        """The number of leaves."""
        return 1 if self.kind is None else sum(part.count for part in self.parts)


LEAF = Spec(None, None, ())


def _is_named(x: Any) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")


def _opened(x: Any) -> tuple[list, Any] | None:
    """The values in a container and what rebuilds it; None for a leaf."""
    kind = type(x)
    if kind is list or kind is tuple:
        return list(x), None
    if kind is dict or kind is OrderedDict:
        return list(x.values()), list(x)
    if kind is defaultdict:
        return list(x.values()), (x.default_factory, list(x))
    if kind is deque:
        return list(x), x.maxlen
    if _is_named(x):
        return list(x), None
    return None


def _closed(spec: Spec, values: list) -> Any:
    kind: Any = spec.kind
    if kind is list:
        return values
    if kind is dict or kind is OrderedDict:
        return kind(zip(spec.context, values, strict=True))
    if kind is defaultdict:
        factory, keys = spec.context
        return defaultdict(factory, zip(keys, values, strict=True))
    if kind is deque:
        return deque(values, spec.context)
    return kind(values) if kind is tuple else kind(*values)


def flatten(tree: Any) -> tuple[list, Spec]:
    """The leaves of a container from left to right, and its structure."""
    opened = _opened(tree)
    if opened is None:
        return [tree], LEAF
    values, context = opened
    leaves, parts = [], []
    for value in values:
        below, spec = flatten(value)
        leaves += below
        parts.append(spec)
    return leaves, Spec(type(tree), context, tuple(parts))


def unflatten(leaves: list, spec: Spec) -> Any:
    """A container of this structure with these leaves."""
    return _built(iter(leaves), spec)


def _built(leaves: Any, spec: Spec) -> Any:
    if spec.kind is None:
        return next(leaves)
    return _closed(spec, [_built(leaves, part) for part in spec.parts])


def tree_map(f: Callable, tree: Any) -> Any:
    """The container with `f` applied to every leaf."""
    leaves, spec = flatten(tree)
    return unflatten([f(leaf) for leaf in leaves], spec)


def spread(prefix: Any, spec: Spec) -> list | None:
    """One value for each leaf of `spec` from a container that has its structure up to some depth:
    a value there counts for all leaves below. None where the structures differ.
    """
    if spec.kind is not None:
        opened = _opened(prefix)
        if opened is not None:
            values, context = opened
            same_kind = spec.kind is type(prefix)
            if same_kind and spec.kind in (dict, OrderedDict) and set(context) == set(spec.context):
                values = [prefix[key] for key in spec.context]
            elif not same_kind or len(values) != len(spec.parts):
                return None
            found = []
            for value, part in zip(values, spec.parts, strict=True):
                below = spread(value, part)
                if below is None:
                    return None
                found += below
            return found
    elif _opened(prefix) is not None:
        return None
    return [prefix] * spec.count
