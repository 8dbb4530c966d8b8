"""RMSprop. Imports optimizer, updates."""

from typing import Any

import numpy as np

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
    zeros_for,
)

__all__ = ["RMSprop"]


def update(p, g, state, *, lr, alpha, eps, weight_decay, momentum, centered, maximize):
    """The new (p, mean square, velocity, mean); `state` is (mean square, velocity or None, mean or
    None).

    s = alpha s + (1 - alpha) g g;  centered: m = m + (1 - alpha)(g - m) and r = sqrt(s - m m), else
    r = sqrt(s); p = p - lr g / (r + eps), with momentum v = momentum v + g / (r + eps) and p = p -
    lr v.
    """
    dtype = p.dtype
    constant = CONSTANTS[dtype]
    s, v, m = state
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    s = s * constant[alpha] + constant[1 - alpha] * g * g
    if centered:
        weight = constant[1 - alpha]
        m = m + weight * (g - m) if 1 - alpha < 0.5 else g - (g - m) * (1 - weight)
        root = np.sqrt(s - m * m)
    else:
        root = np.sqrt(s)
    root = root + constant[eps]
    rate = np.array(lr, dtype)
    if momentum > 0:
        v = v * constant[momentum] + g / root
        return p - rate * v, s, v, m
    return p - rate * g / root, s, v, m


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient.

    As torch.optim.RMSprop. T. Tieleman, G. Hinton, "Lecture 6.5" (2012); centered: A. Graves,
    "Generating Sequences With Recurrent Neural Networks" (2013).
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_scalar_tensor("lr", lr)
        check_hyperparameter("Invalid learning rate", lr, number(lr) >= 0, "0 or more")
        check_hyperparameter("Invalid epsilon value", eps, eps >= 0, "0 or more")
        check_hyperparameter("Invalid momentum value", momentum, momentum >= 0, "0 or more")
        check_hyperparameter(
            "Invalid weight_decay value", weight_decay, weight_decay >= 0, "0 or more"
        )
        check_hyperparameter("Invalid alpha value", alpha, alpha >= 0, "0 or more")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)
        check_modes(foreach=foreach, differentiable=differentiable, capturable=capturable)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {
            "lr": number(group["lr"]),
            "alpha": group["alpha"],
            "eps": group["eps"],
            "weight_decay": number(group["weight_decay"]),
            "momentum": group["momentum"],
            "centered": group["centered"],
            "maximize": group["maximize"],
        }
        for p, array, g in with_gradients(group, place):
            state = self.state[p]
            if not state:
                state["step"] = new_count()
                state["square_avg"] = zeros_for(p)
                if group["momentum"] > 0:
                    state["momentum_buffer"] = zeros_for(p)
                if group["centered"]:
                    state["grad_avg"] = zeros_for(p)
            counted(state)
            arrays = (
                state["square_avg"]._a,
                state["momentum_buffer"]._a if group["momentum"] > 0 else None,
                state["grad_avg"]._a if group["centered"] else None,
            )
            if array.dtype.kind == "c":
                array, g = real_parts(array), real_parts(g)
                arrays = tuple([None if a is None else real_parts(a) for a in arrays])
            run(update, array, g, arrays, numbers)
