"""Adadelta. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    advance,
    check_at_least_0,
    check_hyperparameter,
    check_lr,
    new_count,
    option,
    run_lists,
    zeros_for,
)

__all__ = ["Adadelta", "adadelta"]


def update(p, g, state, *, step, lr, rho, eps, weight_decay, maximize):
    """The new (p, mean square of g, mean square of the steps); `state` is the latter two.

    s = rho s + (1 - rho) g g;  d = sqrt(a + eps) / sqrt(s + eps) g;  a = rho a + (1 - rho) d d;
    p = p - lr d.
    """
    constant = CONSTANTS[p.dtype]
    s, a = state
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    s = s * constant[rho] + constant[1 - rho] * g * g
    change = np.sqrt(a + constant[eps]) / np.sqrt(s + constant[eps]) * g
    a = a * constant[rho] + constant[1 - rho] * change * change
    return p - constant.once(lr) * change, s, a


class Adadelta(Optimizer):
    """Steps whose size follows from the running means of squared gradients and squared steps.

    As torch.optim.Adadelta. M. D. Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012).
    """

    _later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    _counts = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr)
        check_hyperparameter("Invalid rho value", rho, 0 <= rho <= 1, "between 0 and 1")
        check_at_least_0(eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_count()
        state["square_avg"] = zeros_for(p)
        state["acc_delta"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {
            name: option(group, name) for name in ("lr", "rho", "eps", "weight_decay", "maximize")
        }
        advance(self, group, place, update, ("square_avg", "acc_delta"), numbers)


def adadelta(
    params: list[Tensor],
    grads: list[Tensor],
    square_avgs: list[Tensor],
    acc_deltas: list[Tensor],
    state_steps: list[Tensor],
    capturable: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: Any,
    rho: Any,
    eps: Any,
    weight_decay: Any,
    maximize: Any,
) -> None:
    """One step of Adadelta on lists of tensors, as torch.optim.adadelta.adadelta."""
    lists = {"step": state_steps, "square": square_avgs, "delta": acc_deltas}
    numbers = {
        "lr": lr,
        "rho": rho,
        "eps": eps,
        "weight_decay": weight_decay,
        "maximize": maximize,
    }
    run_lists(
        update,
        params,
        grads,
        lists,
        numbers,
        differentiable=differentiable,
        capturable=capturable,
    )
