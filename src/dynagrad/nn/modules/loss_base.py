"""What all losses share: the reduction, and weights of classes. Imports module."""

from typing import Any

from ...core.quiet import warn
from ...core.tensor import Tensor
from .module import Module

__all__: list[str] = []


def _reduction(size_average: Any, reduce: Any, reduction: str) -> str:
    """`reduction`, or what the older arguments say, with a warning."""
    if size_average is None and reduce is None:
        return reduction
    mean = True if size_average is None else size_average
    reduced = True if reduce is None else reduce
    found = "none" if not reduced else "mean" if mean else "sum"
    warn(
        f"size_average and reduce args will be deprecated, please use reduction='{found}' instead."
    )
    return found


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
