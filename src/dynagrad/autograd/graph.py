"""The graph's own names: its nodes and edges, hooks on what it saves and on several gradients, and
the old name of a tensor in it. Imports edges, mutation, running and saved.

What differs from PyTorch: hooks are never called with None for a result that no gradient reached; a
view's hooks registered before a write see the gradient of its old values; a leaf's node, once
hooked, lives as long as its tensor; rules that keep other values than PyTorch's (shapes where it
keeps tensors, no moments of normalisations) pack, and show as `_saved_*`, what they keep.
"""

from collections.abc import Iterable
from typing import Any, NoReturn

from ..core.tape import Node
from ..core.tensor import Tensor
from ..core.views import written
from .edges import GradientEdge
from .edges import gradient_edge as get_gradient_edge
from .mutation import allow_mutation_on_saved_tensors
from .running import Engine, register_multi_grad_hook
from .saved import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks

__all__ = [
    "GradientEdge",
    "Node",
    "Variable",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count a write to the memory of a tensor, or of each of several, that was made past the
    library: backward then notices that saved values are stale.

    Source: torch.autograd.graph.increment_version.
    """
    if isinstance(tensor, Tensor):
        tensor = (tensor,)
    if not isinstance(tensor, Iterable):
        raise RuntimeError(
            "increment_version expect a Iterable[Tensor] as input\n"
            f"Given was {type(tensor).__name__}."
        )
    for t in tensor:
        if not isinstance(t, Tensor):
            raise RuntimeError(
                "increment_version expects each element of the iterable to be a tensor\n"
                f"Given was {type(t).__name__}."
            )
        written(t, None, False)


class _VariableMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """The old name of Tensor: `Variable(t)` gives a tensor on the same memory; every Tensor is an
    instance.
    """

    _execution_engine = Engine()

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: Any = None) -> Any:
        t = data.detach()
        if requires_grad:
            t.requires_grad = True
        return t


def variable(*args: Any, **kwargs: Any) -> NoReturn:
    """Removed: torch.tensor took its place."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")
