"""NAdam: Adam with Nesterov's momentum. Imports optimizer, updates."""

from collections.abc import Callable
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
    counted,
    mixed,
    new_count,
    new_scalar,
    option,
    run_lists,
    zeros_for,
)

__all__ = ["NAdam", "nadam"]

_NAMES = ("step", "mu", "mu_next", "mu_product")


def update(
    p,
    g,
    state,
    *,
    step,
    mu,
    mu_next,
    mu_product,
    lr,
    beta1,
    beta2,
    eps,
    weight_decay,
    maximize,
    decoupled_weight_decay,
):
    """The new (p, m, v) at step number `step`; `state` is (m, v).

    m = m + (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g g;  r = sqrt(v / (1 - beta2^step)) +
    eps;  p = p - lr (1 - mu) / (1 - mu_product) g / r - lr mu_next / (1 - mu_product mu_next) m /
    r, with mu_product the product of all mu so far.
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
    root = np.sqrt(v / constant.once(1 - beta2**step)) + constant[eps]
    p = p - constant.once(lr * (1 - mu) / (1 - mu_product)) * g / root
    p = p - constant.once(lr * mu_next / (1 - mu_product * mu_next)) * m / root
    return p, m, v


class NAdam(Optimizer):
    """Adam whose step looks ahead along the momentum, as Nesterov's.

    As torch.optim.NAdam. T. Dozat, "Incorporating Nesterov Momentum into Adam" (2016).
    """

    _later = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }
    _counts = True

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_at_least_0(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for held in self.state.values():
            product = held.get("mu_product")
            if product is not None and not isinstance(product, Tensor):
                held["mu_product"] = new_scalar(float(product))

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_count()
        state["mu_product"] = new_scalar(1.0)
        state["exp_avg"] = zeros_for(p)
        state["exp_avg_sq"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        beta1, beta2 = group["betas"]
        decay = group["momentum_decay"]
        numbers = {
            name: option(group, name)
            for name in ("lr", "eps", "weight_decay", "maximize", "decoupled_weight_decay")
        }
        numbers["beta1"], numbers["beta2"] = beta1, beta2

        advance(
            self,
            group,
            place,
            update,
            ("exp_avg", "exp_avg_sq"),
            numbers,
            names=_NAMES,
            told=_momenta(beta1, decay),
            capturable="params, mu_products and state_steps",
        )


def _momenta(beta1: Any, decay: float) -> Callable[[Any, dict[str, Any]], tuple]:
    """What the update is told of one parameter: the step, its momenta, the product of all."""

    def told(p: Any, state: dict[str, Any]) -> tuple:
        step = counted(state)
        mu = beta1 * (1 - 0.5 * 0.96 ** (step * decay))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * decay))
        state["mu_product"]._a[...] *= mu
        return step, mu, mu_next, state["mu_product"]._a.item()

    return told


def nadam(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    mu_products: list[Tensor],
    state_steps: list[Tensor],
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1: float,
    beta2: float,
    lr: Any,
    weight_decay: float,
    momentum_decay: float,
    eps: float,
) -> None:
    """One step of NAdam on lists of tensors, as torch.optim.nadam.nadam."""
    lists = {"step": state_steps, "mu_product": mu_products, "m": exp_avgs, "v": exp_avg_sqs}
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
        without=("step", "mu_product"),
        names=_NAMES,
        told=_momenta(beta1, momentum_decay),
        differentiable=differentiable,
        capturable=capturable,
    )
