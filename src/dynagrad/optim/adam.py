"""Adam, with AMSGrad and coupled or decoupled weight decay. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    advance,
    check_at_least_0,
    check_betas,
    check_fused,
    check_lr,
    check_scalar_tensor,
    counted,
    mixed,
    new_count,
    number,
    option,
    run_lists,
    step_count,
    zeros_for,
)

__all__ = ["Adam", "adam"]


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
    constant = CONSTANTS[p.dtype]
    m, v, largest = state
    if maximize:
        g = -g
    if weight_decay:
        if decoupled_weight_decay:
            p = p * constant.once(1 - lr * weight_decay)
        else:
            g = g + constant[weight_decay] * p
    m = mixed(m, g, 1 - beta1, constant.__getitem__)
    square = g * g
    square *= constant[1 - beta2]
    v = v * constant[beta2]
    v += square
    spread = v
    if amsgrad:
        spread = largest = np.maximum(largest, v)
    # both sides of the fraction times the root: one pass over the array less
    root = (1 - beta2**step) ** 0.5
    change = m * constant.once(lr * root / (1 - beta1**step))
    change /= np.sqrt(spread) + constant.once(eps * root)
    return p - change, m, v, largest


_OPTIONS = ("lr", "eps", "weight_decay", "amsgrad", "maximize", "decoupled_weight_decay")


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    As torch.optim.Adam. D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization" (2015);
    amsgrad: S. Reddi et al., "On the Convergence of Adam and Beyond" (2018);
    decoupled_weight_decay: as AdamW.
    """

    _later = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }
    _counts = True
    _sparse_error = "Adam does not support sparse gradients, please consider SparseAdam instead"

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
        _check_tensors(lr, betas, foreach, capturable)
        check_at_least_0(eps=eps)
        check_betas(betas)
        check_at_least_0(weight_decay=weight_decay)
        if not (all(isinstance(b, float) for b in betas) or _tensors(betas)):
            raise ValueError("betas must be either both floats or both Tensors")
        defaults = {
            "lr": lr,
            "betas": (_scalar(betas[0]), _scalar(betas[1])),
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
        check_fused(fused, foreach, differentiable)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_count()
        state["exp_avg"] = zeros_for(p)
        state["exp_avg_sq"] = zeros_for(p)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {name: option(group, name) for name in _OPTIONS}
        recorded = group["differentiable"]
        numbers["beta1"], numbers["beta2"] = [
            beta if recorded else number(beta) for beta in group["betas"]
        ]
        keys = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None)
        told = _count_tensor if recorded else step_count
        advance(self, group, place, update, keys, numbers, told=told)


def _scalar(value: Any) -> Any:
    return value.reshape(()) if isinstance(value, Tensor) else value


def _count_tensor(p: Any, state: dict[str, Any]) -> tuple:
    """The number of the step as a tensor: where a step is recorded, PyTorch counts in float32."""
    counted(state)
    if state["step"].requires_grad:
        raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")
    return (state["step"].clone(),)


def _tensors(betas: Any) -> bool:
    return all(isinstance(beta, Tensor) for beta in betas)


def _check_tensors(lr: Any, betas: Any, foreach: Any, capturable: bool) -> None:
    for name, value in (("lr", lr), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
        if isinstance(value, Tensor) and foreach and not capturable:
            raise ValueError(
                f"{name} as a Tensor is not supported for capturable=False and foreach=True"
            )
        check_scalar_tensor(name, value)
    check_lr(lr)


def adam(
    params: list[Tensor],
    grads: list[Tensor],
    exp_avgs: list[Tensor],
    exp_avg_sqs: list[Tensor],
    max_exp_avg_sqs: list[Tensor],
    state_steps: list[Tensor],
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    has_complex: bool = False,
    decoupled_weight_decay: bool = False,
    *,
    amsgrad: Any,
    beta1: Any,
    beta2: Any,
    lr: Any,
    weight_decay: Any,
    eps: Any,
    maximize: Any,
) -> None:
    """One step of Adam on lists of tensors, as torch.optim.adam.adam."""
    lists = {
        "step": state_steps,
        "m": exp_avgs,
        "v": exp_avg_sqs,
        "largest": max_exp_avg_sqs if amsgrad else None,
    }
    numbers = {
        "amsgrad": amsgrad,
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
        told=_count_tensor if differentiable else step_count,
        differentiable=differentiable,
        capturable=capturable,
    )
