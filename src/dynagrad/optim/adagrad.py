"""Adagrad. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import wrap
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    check_hyperparameter,
    check_modes,
    check_scalar_tensor,
    counted,
    new_count,
    number,
    real_parts,
    run,
    with_gradients,
)

__all__ = ["Adagrad"]


def update(p, g, state, *, step, lr, lr_decay, weight_decay, eps, maximize):
    """The new (p, sum of squares) at step number `step`; `state` is (sum of squares,).

    s = s + g g;  p = p - lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps).
    """
    dtype = p.dtype
    constant = CONSTANTS[dtype]
    (s,) = state
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    s = s + g * g
    rate = np.array(lr / (1 + (step - 1) * lr_decay), dtype)
    return p - rate * g / (np.sqrt(s) + constant[eps]), s


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

    As torch.optim.Adagrad. J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for Online
    Learning and Stochastic Optimization" (2011).
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_scalar_tensor("lr", lr)
        check_hyperparameter("Invalid learning rate", lr, number(lr) >= 0, "0 or more")
        check_hyperparameter("Invalid lr_decay value", lr_decay, lr_decay >= 0, "0 or more")
        check_hyperparameter(
            "Invalid weight_decay value", weight_decay, weight_decay >= 0, "0 or more"
        )
        check_hyperparameter(
            "Invalid initial_accumulator_value value",
            initial_accumulator_value,
            initial_accumulator_value >= 0,
            "0 or more",
        )
        check_hyperparameter("Invalid epsilon value", eps, eps >= 0, "0 or more")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_modes(foreach=foreach, fused=fused, differentiable=differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p, initial_accumulator_value)

    def _start(self, p: Any, value: Any) -> None:
        if p._a.dtype.kind == "c":
            value = complex(value, value)
        state = self.state[p]
        state["step"] = new_count()
        state["sum"] = wrap(np.full_like(p._a, value))

    def share_memory(self) -> None:
        """Do nothing: the state is already in the process's memory."""

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {
            "step": 0.0,
            "lr": number(group["lr"]),
            "lr_decay": group["lr_decay"],
            "weight_decay": number(group["weight_decay"]),
            "eps": group["eps"],
            "maximize": group["maximize"],
        }
        for p, array, g in with_gradients(group, place):
            state = self.state[p]
            if not state:
                raise KeyError(
                    "step\nAdagrad makes its state when it is constructed; it has none for a "
                    "parameter added later. Give all "
                    "parameter groups to the constructor."
                )
            numbers["step"] = counted(state)
            arrays = (state["sum"]._a,)
            if array.dtype.kind == "c":
                array, g, arrays = real_parts(array), real_parts(g), (real_parts(arrays[0]),)
            run(update, array, g, arrays, numbers)
