"""Resilient backpropagation. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..ops.elementwise import where
from ..ops.rounding import sign
from .optimizer import Optimizer
from .updates import CONSTANTS, advance, check_lr, new_count, number, option, run_lists, zeros_for

__all__ = ["Rprop", "rprop"]


def update(p, g, state, *, step, down, up, least, most, maximize):
    """The new (p, previous gradient, step sizes); `state` is the latter two.

    Where the gradient kept its sign the step size grows by `up`, where it changed it shrinks by
    `down` and the gradient counts as 0;  p = p - size sign(g).
    """
    constant = CONSTANTS[p.dtype]
    before, size = state
    if maximize:
        g = -g
    agree = sign(g * before)
    turned = agree < 0
    shorter = where(turned, size * constant[down], size)
    size = where(agree > 0, size * constant[up], shorter)
    size = np.minimum(np.maximum(size, constant[least]), constant[most])
    g = where(turned, constant[0.0], g)
    return p - sign(g) * size, g, size


class Rprop(Optimizer):
    """Steps by the sign of the gradient alone, each number with a step size of its own.

    As torch.optim.Rprop. M. Riedmiller, H. Braun, "A Direct Adaptive Method for Faster
    Backpropagation Learning" (1993).
    """

    _later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    _counts = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(
                f"Invalid eta values: {etas[0]}, {etas[1]}\n"
                "The first must be between 0 and 1, the second above 1."
            )
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr = number(group["lr"])
        state["step"] = new_count()
        state["prev"] = zeros_for(p)
        each = complex(lr, lr) if p._a.dtype.kind == "c" else lr
        state["step_size"] = wrap(np.full_like(p._a, each))

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {"maximize": option(group, "maximize")}
        numbers["down"], numbers["up"] = group["etas"]
        numbers["least"], numbers["most"] = group["step_sizes"]
        advance(self, group, place, update, ("prev", "step_size"), numbers)


def rprop(
    params: list[Tensor],
    grads: list[Tensor],
    prevs: list[Tensor],
    step_sizes: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    capturable: bool = False,
    maximize: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    step_size_min: Any,
    step_size_max: Any,
    etaminus: Any,
    etaplus: Any,
) -> None:
    """One step of Rprop on lists of tensors, as torch.optim.rprop.rprop."""
    lists = {"step": state_steps, "prev": prevs, "size": step_sizes}
    numbers = {
        "down": etaminus,
        "up": etaplus,
        "least": step_size_min,
        "most": step_size_max,
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
