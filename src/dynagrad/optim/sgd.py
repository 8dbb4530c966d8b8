"""Stochastic gradient descent with momentum. Imports optimizer, updates."""

from typing import Any

from ..core.tape import caller
from ..core.tensor import Tensor
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    advance,
    check_fused,
    check_hyperparameter,
    check_scalar_tensor,
    number,
    option,
    run_places,
    run_states,
    zeros_for,
)

__all__ = ["SGD", "sgd"]


def update(p, g, state, *, lr, momentum, dampening, weight_decay, nesterov, maximize, first):
    """The new (p, velocity), or (p,) without momentum; `state` is (velocity,).

    g = g + weight_decay p;  v = momentum v + (1 - dampening) g, at the first step v = g;
    p = p - lr v, with Nesterov's form p = p - lr (g + momentum v).
    """
    constant = CONSTANTS[p.dtype]
    if maximize:
        g = -g
    if weight_decay:
        g = g + constant[weight_decay] * p
    rate = constant.once(lr)
    if not momentum:
        return (p - rate * g,)
    (v,) = state
    if first:
        v = constant.detached(g)
    elif dampening:
        v = v * constant[momentum] + constant[1 - dampening] * g
    else:
        v = v * constant[momentum]
        v += g
    g = g + constant[momentum] * v if nesterov else v
    return p - rate * g, v


def _descend(p, g, state, *, lr):
    """p - lr g."""
    return (p - CONSTANTS[p.dtype].once(lr) * g,)


_OPTIONS = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")


class SGD(Optimizer):
    """Gradient descent, p = p - lr g, with momentum, Nesterov's momentum and weight decay.

    As torch.optim.SGD. I. Sutskever et al., "On the importance of initialization and momentum in
    deep learning" (2013), with the learning rate outside the velocity.
    """

    _later = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": None,
    }

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
        check_hyperparameter("Invalid learning rate", lr, not number(lr) < 0, "0 or more")
        check_hyperparameter("Invalid momentum value", momentum, not momentum < 0, "0 or more")
        check_hyperparameter(
            "Invalid weight_decay value", weight_decay, not number(weight_decay) < 0, "0 or more"
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
        check_fused(fused, foreach, differentiable)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Without momentum there is no state; the velocity is made in `_is_first`."""

    def _step_sparse(self, p: Any, g: Any, group: dict[str, Any]) -> None:
        """The step of a parameter with a sparse gradient: its velocity is sparse too."""
        momentum, decay = group["momentum"], number(group["weight_decay"])
        if group.get("maximize"):
            g = -g
        if decay:
            g = g.add(p, alpha=decay)  # refused: a sum with p is dense
        if momentum:
            state = self.state[p]
            velocity = state.get("momentum_buffer")
            if velocity is None:
                velocity = state["momentum_buffer"] = g.detach().clone()
            else:
                velocity.mul_(momentum).add_(g, alpha=1 - group["dampening"])
            g = g.add(velocity, alpha=momentum) if group["nesterov"] else velocity
        lr = number(group["lr"])
        if p.is_sparse:
            p.add_(g, alpha=-lr)
        else:
            run_places(_descend, p, g, (), {"lr": lr})

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {name: option(group, name) for name in _OPTIONS}
        keys = ("momentum_buffer",) if numbers["momentum"] else ()
        told = _is_first if keys else _is_not_first
        advance(self, group, place, update, keys, numbers, names=("first",), told=told)


def _is_first(p: Any, state: dict[str, Any]) -> tuple:
    """Whether the parameter has no velocity yet; then the place for one is made."""
    if state.get("momentum_buffer") is not None:
        return (False,)
    state["momentum_buffer"] = zeros_for(p)
    return (True,)


def _is_not_first(p: Any, state: dict[str, Any]) -> tuple:
    return (False,)


def sgd(
    params: list[Tensor],
    d_p_list: list[Tensor],
    momentum_buffer_list: list[Tensor | None],
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    fused: bool | None = None,
    grad_scale: Any = None,
    found_inf: Any = None,
    *,
    weight_decay: float,
    momentum: float,
    lr: Any,
    dampening: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """One step of SGD on lists of tensors, as torch.optim.sgd.sgd; velocities of None are made."""
    numbers = {
        "lr": number(lr),
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": number(weight_decay),
        "nesterov": nesterov,
        "maximize": maximize,
    }
    found = [
        (p, g, {"momentum_buffer": velocity} if momentum else {})
        for p, g, velocity in zip(params, d_p_list, momentum_buffer_list, strict=True)
    ]
    keys = ("momentum_buffer",) if momentum else ()
    told = _is_first if momentum else _is_not_first
    run_states(update, found, keys, numbers, ("first",), told, False, caller(2))
    if momentum:
        momentum_buffer_list[:] = [state["momentum_buffer"] for _, _, state in found]
