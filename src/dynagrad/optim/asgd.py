"""Averaged stochastic gradient descent. Imports optimizer, updates."""

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    advance,
    check_at_least_0,
    check_lr,
    counted,
    new_count,
    new_scalar,
    number,
    option,
    run_lists,
    zeros_for,
)

__all__ = ["ASGD", "asgd"]


def update(p, g, state, *, mu, eta, lambd, weight_decay, maximize):
    """The new (p, average of p); `state` is (average,).

    p = p - eta lambd p - eta g;  average = average + mu (p - average).
    """
    constant = CONSTANTS[p.dtype]
    (average,) = state
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    p = p * constant.once(1 - lambd * eta) - constant.once(eta) * g
    return p, p if mu == 1 else average + constant.once(mu) * (p - average)


class ASGD(Optimizer):
    """Gradient descent with a falling rate, which also keeps the average of the parameters.

    As torch.optim.ASGD: the average is `state[p]["ax"]`. B. T. Polyak, A. B. Juditsky,
    "Acceleration of Stochastic Approximation by Averaging" (1992).
    """

    _later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    _counts = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_lr(lr)
        check_at_least_0(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for held in self.state.values():
            for name in ("eta", "mu"):
                if name in held and not isinstance(held[name], Tensor):
                    held[name] = new_scalar(float(held[name]))

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_count()
        state["eta"] = new_scalar(number(group["lr"]))
        state["mu"] = new_scalar(1.0)
        state["ax"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        lr = number(group["lr"])
        numbers = {name: option(group, name) for name in ("lambd", "weight_decay", "maximize")}
        advance(
            self,
            group,
            place,
            update,
            ("ax",),
            numbers,
            names=("mu", "eta"),
            told=_rates(lr, group["lambd"], group["alpha"], group["t0"]),
            capturable="params, mus, etas, and state_steps",
        )


def _rates(
    lr: float, lambd: float, alpha: float, t0: float
) -> Callable[[Any, dict[str, Any]], tuple]:
    """What the update is told of one parameter: the weight of the average and the rate."""

    def told(p: Any, state: dict[str, Any]) -> tuple:
        step = counted(state)
        now = state["mu"]._a.item(), state["eta"]._a.item()
        state["eta"]._a[...] = lr / (1 + lambd * lr * step) ** alpha
        state["mu"]._a[...] = 1 / max(1, step - t0)
        return now

    return told


def asgd(
    params: list[Tensor],
    grads: list[Tensor],
    axs: list[Tensor],
    mus: list[Tensor],
    etas: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lambd: float,
    lr: Any,
    t0: float,
    alpha: float,
    weight_decay: float,
) -> None:
    """One step of ASGD on lists of tensors, as torch.optim.asgd.asgd."""
    lists = {"step": state_steps, "mu": mus, "eta": etas, "average": axs}
    numbers = {"lambd": lambd, "weight_decay": weight_decay, "maximize": maximize}
    run_lists(
        update,
        params,
        grads,
        lists,
        numbers,
        without=("step", "mu", "eta"),
        names=("mu", "eta"),
        told=_rates(number(lr), lambd, alpha, t0),
        differentiable=differentiable,
        capturable=capturable,
    )
