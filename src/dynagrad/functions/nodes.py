"""Classes of nodes for the functions: made of a primitive, under the name that PyTorch prints."""

from collections.abc import Callable
from typing import Any

from ..core.tape import node_class
from ..ops.rule import RULES


def node(name: str, fun: Callable) -> Any:
    """The node class that PyTorch calls `name`, for a primitive."""
    return node_class(name, RULES[fun])


def shown(count: int, *classes: Any) -> None:
    """Let `next_functions` of these nodes list their first inputs only, as PyTorch's do."""
    for cls in classes:
        listed = cls.next_functions.fget
        cls.next_functions = property(lambda self, listed=listed: listed(self)[:count])
