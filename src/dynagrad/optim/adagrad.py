"""Adagrad. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    advance,
    check_at_least_0,
    check_fused,
    check_lr,
    counted,
    new_count,
    number,
    option,
    run_lists,
    run_places,
)

__all__ = ["Adagrad", "adagrad"]


def update(p, g, state, *, step, lr, lr_decay, weight_decay, eps, maximize):
    """The new (p, sum of squares) at step number `step`; `state` is (sum of squares,).

    s = s + g g;  p = p - lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps).
    """
    constant = CONSTANTS[p.dtype]
    (s,) = state
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    s = s + g * g
    rate = constant.once(lr / (1 + (step - 1) * lr_decay))
    return p - rate * g / (np.sqrt(s) + constant[eps]), s


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

    As torch.optim.Adagrad. J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for Online
    Learning and Stochastic Optimization" (2011).
    """

    _later = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}
    _counts = True

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
        check_lr(lr)
        check_at_least_0(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
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
        check_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p, self.state[p], group)

    def share_memory(self) -> None:
        """Do nothing: the state is already in the process's memory."""

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        value = group["initial_accumulator_value"]
        if p._a.dtype.kind == "c":
            value = complex(value, value)
        state["step"] = new_count()
        state["sum"] = wrap(np.full_like(p._a, value))

    def _step_sparse(self, p: Any, g: Any, group: dict[str, Any]) -> None:
        """The step at the places that a sparse gradient has."""
        if number(group["weight_decay"]):
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        state = self.state[p]
        names = ("lr", "lr_decay", "eps", "maximize")
        numbers = {"weight_decay": 0, **{name: option(group, name) for name in names}}
        run_places(update, p, g, (state["sum"],), {"step": counted(state), **numbers})

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {
            name: option(group, name)
            for name in ("lr", "lr_decay", "weight_decay", "eps", "maximize")
        }
        advance(self, group, place, update, ("sum",), numbers)


def adagrad(
    params: list[Tensor],
    grads: list[Tensor],
    state_sums: list[Tensor],
    state_steps: list[Tensor],
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr: Any,
    weight_decay: Any,
    lr_decay: Any,
    eps: Any,
    maximize: Any,
) -> None:
    """One step of Adagrad on lists of tensors, as torch.optim.adagrad.adagrad."""
    lists = {"step": state_steps, "sum": state_sums}
    numbers = {
        "lr": lr,
        "weight_decay": weight_decay,
        "lr_decay": lr_decay,
        "eps": eps,
        "maximize": maximize,
    }
    run_lists(
        update,
        params,
        grads,
        lists,
        numbers,
        differentiable=differentiable,
    )
