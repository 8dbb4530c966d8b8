"""Adam, with AMSGrad and coupled or decoupled weight decay. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import Tensor
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

__all__ = ["Adam"]


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
    amsgrad,
    maximize,
    decoupled_weight_decay,
):
    """The new (p, m, v, largest v) at step number `step`; `state` is (m, v, largest v or None).

    m = m + (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g g;
    p = p - lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps).
    """
    dtype = p.dtype
    constant = CONSTANTS[dtype]
    m, v, largest = state
    if maximize:
        g = -g
    if weight_decay:
        if decoupled_weight_decay:
            p = p * np.array(1 - lr * weight_decay, dtype)
        else:
            g = g + constant[weight_decay] * p
    if 1 - beta1 < 0.5:
        m = m + constant[1 - beta1] * (g - m)
    else:  # nearer to g: the same sum from the other end
        m = g - (g - m) * (1 - constant[1 - beta1])
    v = v * constant[beta2] + constant[1 - beta2] * g * g
    spread = v
    if amsgrad:
        spread = largest = np.maximum(largest, v)
    root = np.array((1 - beta2**step) ** 0.5, dtype)
    rate = np.array(lr / (1 - beta1**step), dtype)
    p = p - rate * m / (np.sqrt(spread) / root + constant[eps])
    return p, m, v, largest


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    As torch.optim.Adam. D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization" (2015);
    amsgrad: S. Reddi et al., "On the Convergence of Adam and Beyond" (2018);
    decoupled_weight_decay: as AdamW.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        check_scalar_tensor("lr", lr, foreach)
        _check_ranges(lr, betas, eps, weight_decay)
        for i in range(2):
            check_scalar_tensor(f"betas[{i}]", betas[i], foreach)
        defaults = {
            "lr": lr,
            "betas": (number(betas[0]), number(betas[1])),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_modes(
            foreach=foreach, fused=fused, differentiable=differentiable, capturable=capturable
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name in (
                "amsgrad",
                "maximize",
                "capturable",
                "differentiable",
                "decoupled_weight_decay",
            ):
                group.setdefault(name, False)
            group.setdefault("foreach", None)
            group.setdefault("fused", None)
            for p in group["params"]:
                held = self.state.get(p, {})
                if held and not isinstance(held["step"], Tensor):
                    steps, held["step"] = held["step"], new_count()
                    held["step"]._a[...] = steps

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        beta1, beta2 = group["betas"]
        numbers = {
            "step": 0.0,
            "lr": number(group["lr"]),
            "beta1": number(beta1),
            "beta2": number(beta2),
            "eps": group["eps"],
            "weight_decay": number(group["weight_decay"]),
            "amsgrad": group["amsgrad"],
            "maximize": group["maximize"],
            "decoupled_weight_decay": group["decoupled_weight_decay"],
        }
        for p, array, g in with_gradients(group, place):
            state = self.state[p]
            if not state:
                state["step"] = new_count()
                state["exp_avg"] = zeros_for(p)
                state["exp_avg_sq"] = zeros_for(p)
                if group["amsgrad"]:
                    state["max_exp_avg_sq"] = zeros_for(p)
            numbers["step"] = counted(state)
            largest = state["max_exp_avg_sq"]._a if group["amsgrad"] else None
            arrays = (state["exp_avg"]._a, state["exp_avg_sq"]._a, largest)
            if array.dtype.kind == "c":
                array, g = real_parts(array), real_parts(g)
                arrays = tuple([None if a is None else real_parts(a) for a in arrays])
            run(update, array, g, arrays, numbers)


def _check_ranges(lr: Any, betas: Any, eps: float, weight_decay: float) -> None:
    check_hyperparameter("Invalid learning rate", lr, number(lr) >= 0, "0 or more")
    check_hyperparameter("Invalid epsilon value", eps, eps >= 0, "0 or more")
    for i in range(2):
        holds = 0 <= number(betas[i]) < 1
        check_hyperparameter(
            f"Invalid beta parameter at index {i}", betas[i], holds, "at least 0 and below 1"
        )
    check_hyperparameter(
        "Invalid weight_decay value", weight_decay, number(weight_decay) >= 0, "0 or more"
    )
    kinds = {type(beta) is not float and isinstance(beta, Tensor) for beta in betas}
    if len(kinds) > 1 or not all(isinstance(beta, float | Tensor) for beta in betas):
        raise ValueError("betas must be either both floats or both Tensors")
