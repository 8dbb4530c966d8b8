"""What all losses share: the reduction, and weights of classes. Imports module."""

from typing import Any

from ...core.tensor import Tensor
from .._reduction import legacy_get_string
from .module import Module

__all__: list[str] = []


def _reduction(size_average: Any, reduce: Any, reduction: str) -> str:
    """`reduction`, or what the older arguments say, with a warning."""
    if size_average is None and reduce is None:
        return reduction
    return legacy_get_string(size_average, reduce)


class _Loss(Module):
    """A loss with a reduction."""

    __constants__ = ["reduction"]
    reduction: str

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__()
        self.reduction = _reduction(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    """A loss with a weight for each class, or each element, kept as a buffer."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
