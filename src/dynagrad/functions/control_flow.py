"""torch.cond: a branch chosen by a value."""

from collections.abc import Callable
from typing import Any

from ..core.carriers.carrier import Carrier
from ..core.pytree import flatten, unflatten
from ..core.tensor import Tensor
from .arguments import settled
from .selection import where

__all__ = ["cond"]


def cond(pred: Any, true_fn: Callable, false_fn: Callable, operands: Any = ()) -> Any:
    """true_fn(*operands) if pred else false_fn(*operands).

    pred: a bool, a number or a tensor with one element; operands: a tuple or list of tensors,
    nested or not. Only the branch that is taken runs, so the graph holds that one alone; inside of
    vmap, where pred differs from one example to the next, both run and torch.where chooses.
    """
    if not isinstance(pred, bool | int | float | Tensor):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if isinstance(pred, Tensor) and pred._a.size != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, tuple | list) or not all(
        isinstance(x, Tensor) for x in flatten(operands)[0]
    ):
        raise RuntimeError(
            "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists "
            f"of tensor leaves, but got {operands}."
        )
    if isinstance(pred, Tensor) and isinstance(settled(pred._a), Carrier):
        return _both(pred, true_fn(*operands), false_fn(*operands))
    return true_fn(*operands) if pred else false_fn(*operands)


def _both(pred: Tensor, first: Any, second: Any) -> Any:
    """The leaves of the first result where pred holds, elsewhere those of the second."""
    leaves, spec = flatten(first)
    others, other_spec = flatten(second)
    if spec != other_spec:
        raise RuntimeError(
            "Expected true_fn and false_fn to return the same structure\n"
            f"Where pred is batched both run; they returned {type(first).__name__} and "
            f"{type(second).__name__}."
        )
    scalar = pred.reshape(()).bool()
    return unflatten([where(scalar, a, b) for a, b in zip(leaves, others, strict=True)], spec)
