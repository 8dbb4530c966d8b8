"""Adamax. Imports optimizer, updates."""

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

__all__ = ["Adamax", "adamax"]


def update(p, g, state, *, step, lr, beta1, beta2, eps, weight_decay, maximize):
    """The new (p, m, u) at step number `step`; `state` is (m, u).

    m = m + (1 - beta1)(g - m);  u = max(beta2 u, |g| + eps);  p = p - lr / (1 - beta1^step) m / u.
    """
    constant = CONSTANTS[p.dtype]
    m, u = state
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    m = mixed(m, g, 1 - beta1, constant.__getitem__)
    u = np.maximum(u * constant[beta2], np.abs(g) + constant[eps])
    return p - constant.once(lr / (1 - beta1**step)) * m / u, m, u


class Adamax(Optimizer):
    """Adam with the largest recent gradient in the place of the root of the mean square.

    As torch.optim.Adamax. D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization" (2015).
    """

    _later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    _counts = True

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
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
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_count()
        state["exp_avg"] = zeros_for(p)
        state["exp_inf"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {name: option(group, name) for name in ("lr", "eps", "weight_decay", "maximize")}
        numbers["beta1"], numbers["beta2"] = group["betas"]
        advance(self, group, place, update, ("exp_avg", "exp_inf"), numbers)


def adamax(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_infs: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    eps: Any,
    beta1: Any,
    beta2: Any,
    lr: Any,
    weight_decay: Any,
) -> None:
    """One step of Adamax on lists of tensors, as torch.optim.adamax.adamax."""
    lists = {"step": state_steps, "mean": exp_avgs, "largest": exp_infs}
    numbers = {
        "eps": eps,
        "beta1": beta1,
        "beta2": beta2,
        "lr": lr,
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
