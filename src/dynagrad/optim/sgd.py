"""Stochastic gradient descent with momentum. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import wrap
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    check_hyperparameter,
    check_modes,
    check_scalar_tensor,
    number,
    run,
    with_gradients,
)

__all__ = ["SGD"]


def update(p, g, state, *, lr, momentum, dampening, weight_decay, nesterov, maximize, first):
    """The new (p, velocity), or (p,) without momentum; `state` is (velocity,).

    g = g + weight_decay p;  v = momentum v + (1 - dampening) g, at the first step v = g;
    p = p - lr v, with Nesterov's form p = p - lr (g + momentum v).
    """
    dtype = p.dtype
    constant = CONSTANTS[dtype]
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    rate = np.array(lr, dtype)
    if not momentum:
        return (p - rate * g,)
    (v,) = state
    if first:
        v = g
    elif dampening:
        v = v * constant[momentum] + constant[1 - dampening] * g
    else:
        v = v * constant[momentum] + g
    g = g + constant[momentum] * v if nesterov else v
    return p - rate * g, v


class SGD(Optimizer):
    """Gradient descent, p = p - lr g, with momentum, Nesterov's momentum and weight decay.

    As torch.optim.SGD. I. Sutskever et al., "On the importance of initialization and momentum in
    deep learning" (2013), with the learning rate outside the velocity.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_scalar_tensor("lr", lr)
        check_hyperparameter("Invalid learning rate", lr, number(lr) >= 0, "0 or more")
        check_hyperparameter("Invalid momentum value", momentum, momentum >= 0, "0 or more")
        check_hyperparameter(
            "Invalid weight_decay value", weight_decay, number(weight_decay) >= 0, "0 or more"
        )
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_modes(foreach=foreach, fused=fused, differentiable=differentiable)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (
                ("nesterov", False),
                ("maximize", False),
                ("foreach", None),
                ("fused", None),
            ):
                group.setdefault(name, value)
            group.setdefault("differentiable", False)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        momentum = number(group["momentum"])
        numbers = {
            "lr": number(group["lr"]),
            "momentum": momentum,
            "dampening": number(group["dampening"]),
            "weight_decay": number(group["weight_decay"]),
            "nesterov": group["nesterov"],
            "maximize": group["maximize"],
            "first": False,
        }
        for p, array, g in with_gradients(group, place):
            if not momentum:
                run(update, array, g, (), numbers)
                continue
            state = self.state[p]
            velocity = state.get("momentum_buffer")
            numbers["first"] = velocity is None
            if velocity is None:
                velocity = state["momentum_buffer"] = wrap(np.empty_like(array))
            run(update, array, g, (velocity._a,), numbers)
