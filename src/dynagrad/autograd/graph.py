"""The graph's own names: nodes and the old name of a tensor in it. Imports core."""

from typing import Any

from ..core.tape import Node
from ..core.tensor import Tensor
from .saved import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks

__all__ = [
    "Node",
    "Variable",
    "disable_saved_tensors_hooks",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class _VariableMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """The old name of Tensor: `Variable(t)` gives a tensor on the same memory; every Tensor is an
    instance.
    """

    def __new__(cls, data: Tensor, requires_grad: bool = False, volatile: Any = None) -> Any:
        t = data.detach()
        if requires_grad:
            t.requires_grad = True
        return t
