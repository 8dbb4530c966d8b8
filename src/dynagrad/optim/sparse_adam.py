"""Adam for sparse gradients. Imports optimizer, updates."""

from typing import Any

from ..core.tensor import family_of
from .adam import update
from .optimizer import Optimizer
from .updates import (
    check_betas,
    check_hyperparameter,
    check_scalar_tensor,
    number,
    run_places,
    zeros_for,
)

__all__ = ["SparseAdam"]


def _update(p, g, state, **numbers):
    """Adam's update, without the largest mean of squares."""
    return update(p, g, (*state, None), **numbers)[:3]


class SparseAdam(Optimizer):
    """Adam that treats only the places where the gradient, a sparse COO tensor, has a value.

    As torch.optim.SparseAdam. The running means of the other places, and the parameters there,
    stay as they are.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ):
        check_scalar_tensor("lr", lr)
        check_hyperparameter("Invalid learning rate", lr, number(lr) > 0, "above 0")
        check_hyperparameter("Invalid epsilon value", eps, eps > 0, "above 0")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        self._check_dense()

    def _check_dense(self) -> None:
        sparse, pairs = [], []
        for i, group in enumerate(self.param_groups):
            for j, p in enumerate(group["params"]):
                if p.is_sparse:
                    sparse.append([i, j])
                if p.is_complex():
                    pairs.append([i, j])
        if sparse:
            raise ValueError(
                f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors"
            )
        if pairs:
            raise ValueError(
                f"Complex params at indices {pairs}: SparseAdam does not support complex parameters"
            )

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {
            "lr": number(group["lr"]),
            "weight_decay": 0,
            "amsgrad": False,
            "maximize": group.get("maximize", False),
            "decoupled_weight_decay": False,
        }
        numbers["beta1"], numbers["beta2"] = group["betas"]
        for p in group["params"]:
            g = p.grad
            if g is None:
                continue
            if not g.is_sparse:
                raise RuntimeError(
                    "SparseAdam does not support dense gradients, please consider Adam instead"
                )
            state = self.state[p]
            if not state:
                state["step"] = 0
                state["exp_avg"] = zeros_for(p)
                state["exp_avg_sq"] = zeros_for(p)
            state["step"] += 1
            numbers["step"] = state["step"]
            # here eps is added to the root of the mean itself, not of the corrected one
            numbers["eps"] = group["eps"] / (1 - numbers["beta2"] ** state["step"]) ** 0.5
            run_places(_update, p, g, (state["exp_avg"], state["exp_avg_sq"]), numbers)
            family_of(p).cell.bump(place)
