"""RMSprop. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    advance,
    check_at_least_0,
    check_lr,
    counted,
    mixed,
    new_count,
    option,
    run_lists,
    zeros_for,
)

__all__ = ["RMSprop", "rmsprop"]


def update(p, g, state, *, lr, alpha, eps, weight_decay, momentum, centered, maximize):
    """The new (p, mean square, velocity, mean); `state` is (mean square, velocity or None, mean or
    None).

    s = alpha s + (1 - alpha) g g;  centered: m = m + (1 - alpha)(g - m) and r = sqrt(s - m m), else
    r = sqrt(s); p = p - lr g / (r + eps), with momentum v = momentum v + g / (r + eps) and p = p -
    lr v.
    """
    constant = CONSTANTS[p.dtype]
    s, v, m = state
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    s = s * constant[alpha] + constant[1 - alpha] * g * g
    if centered:
        m = mixed(m, g, 1 - alpha, constant.__getitem__)
        root = np.sqrt(s - m * m)
    else:
        root = np.sqrt(s)
    root = root + constant[eps]
    rate = constant.once(lr)
    if momentum > 0:
        v = v * constant[momentum] + g / root
        return p - rate * v, s, v, m
    return p - rate * g / root, s, v, m


_OPTIONS = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize")


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient.

    As torch.optim.RMSprop. T. Tieleman, G. Hinton, "Lecture 6.5" (2012); centered: A. Graves,
    "Generating Sequences With Recurrent Neural Networks" (2013).
    """

    _later = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }
    _counts = True

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
        check_lr(lr)
        check_at_least_0(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
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

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_count()
        state["square_avg"] = zeros_for(p)
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_for(p)
        if group["centered"]:
            state["grad_avg"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {name: option(group, name) for name in _OPTIONS}
        keys = (
            "square_avg",
            "momentum_buffer" if group["momentum"] > 0 else None,
            "grad_avg" if group["centered"] else None,
        )
        advance(self, group, place, update, keys, numbers, names=(), told=_count)


def _count(p: Any, state: dict[str, Any]) -> tuple:
    """Count the step, of which the formula is not told."""
    counted(state)
    return ()


def rmsprop(
    params: list[Tensor],
    grads: list[Tensor],
    square_avgs: list[Tensor],
    grad_avgs: list[Tensor],
    momentum_buffer_list: list[Any],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lr: Any,
    alpha: Any,
    eps: Any,
    weight_decay: Any,
    momentum: Any,
    centered: Any,
) -> None:
    """One step of Rmsprop on lists of tensors, as torch.optim.rmsprop.rmsprop."""
    lists = {
        "step": state_steps,
        "square": square_avgs,
        "velocity": momentum_buffer_list if momentum else None,
        "mean": grad_avgs if centered else None,
    }
    numbers = {
        "lr": lr,
        "alpha": alpha,
        "eps": eps,
        "weight_decay": weight_decay,
        "momentum": momentum,
        "centered": centered,
        "maximize": maximize,
    }
    run_lists(
        update,
        params,
        grads,
        lists,
        numbers,
        names=(),
        told=_count,
        differentiable=differentiable,
        capturable=capturable,
    )
