"""RAdam: Adam with a rectified variance. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    advance,
    check_at_least_0,
    check_betas,
    check_lr,
    mixed,
    new_count,
    option,
    run_lists,
    zeros_for,
)

__all__ = ["RAdam", "radam"]


def update(
    p,
    g,
    state,
    *,
    step,
    lr,
    beta1,
    beta2,
    eps,
    weight_decay,
    maximize,
    decoupled_weight_decay,
):
    """The new (p, m, v) at step number `step`; `state` is (m, v).

    m = m + (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g g;  p = p - lr / (1 - beta1^step) m f,
    with f = 1 until the approximated length rho of the running mean of squares is above 5, from
    then on f = rect(rho) sqrt(1 - beta2^step) / (sqrt(v) + eps).
    """
    constant = CONSTANTS[p.dtype]
    m, v = state
    if maximize:
        g = -g
    if weight_decay:
        if decoupled_weight_decay:
            p = p * constant.once(1 - lr * weight_decay)
        else:
            g = g + constant[weight_decay] * p
    m = mixed(m, g, 1 - beta1, constant.__getitem__)
    v = v * constant[beta2] + constant[1 - beta2] * g * g
    limit = 2 / (1 - beta2) - 1
    left = 1 - beta2**step
    rho = limit - 2 * step * beta2**step / left
    rate = lr / (1 - beta1**step)
    if rho > 5:
        rect = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
        rate = rate * (rect * left) ** 0.5
        return p - constant.once(rate) * m / (np.sqrt(v) + constant[eps]), m, v
    return p - constant.once(rate) * m, m, v


class RAdam(Optimizer):
    """Adam whose adaptive steps begin only when their variance is tractable.

    As torch.optim.RAdam. L. Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond"
    (2020).
    """

    _later = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }
    _counts = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr)
        check_at_least_0(eps=eps)
        check_betas(betas)
        check_at_least_0(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_count()
        state["exp_avg"] = zeros_for(p)
        state["exp_avg_sq"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {
            name: option(group, name)
            for name in ("lr", "eps", "weight_decay", "maximize", "decoupled_weight_decay")
        }
        numbers["beta1"], numbers["beta2"] = group["betas"]
        advance(self, group, place, update, ("exp_avg", "exp_avg_sq"), numbers)


def radam(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    state_steps: list[Tensor],
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: Any,
    beta2: Any,
    lr: Any,
    weight_decay: Any,
    eps: Any,
) -> None:
    """One step of Radam on lists of tensors, as torch.optim.radam.radam."""
    lists = {"step": state_steps, "m": exp_avgs, "v": exp_avg_sqs}
    numbers = {
        "beta1": beta1,
        "beta2": beta2,
        "lr": lr,
        "weight_decay": weight_decay,
        "eps": eps,
        "maximize": maximize,
        "decoupled_weight_decay": decoupled_weight_decay,
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
