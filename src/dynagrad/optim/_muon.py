"""Muon: steps along orthogonalised momentum. Imports optimizer, updates."""

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .optimizer import Optimizer
from .updates import CONSTANTS, advance, check_hyperparameter, check_lr, mixed, zeros_for

__all__ = ["Muon"]


def update(
    p, g, state, *, lr, weight_decay, momentum, nesterov, ns_coefficients, eps, ns_steps, rate
):
    """The new (p, mean gradient); `state` is (mean gradient,).

    m = m + (1 - momentum)(g - m);  with Nesterov's form u = g + momentum (m - g), else u = m;
    p = p - lr weight_decay p - rate orthogonal(u).
    """
    constant = CONSTANTS[p.dtype]
    (m,) = state
    m = mixed(m, g, 1 - momentum, constant.__getitem__)
    direction = mixed(g, m, momentum, constant.__getitem__) if nesterov else m
    direction = orthogonal(direction, ns_coefficients, ns_steps, eps).astype(p.dtype)
    return p * constant.once(1 - lr * weight_decay) - constant.once(rate) * direction, m


def orthogonal(x: Any, coefficients: Any, steps: int, eps: float) -> Any:
    """Nearly the orthogonal factor of a matrix, in the precision of bfloat16.

    Newton's and Schulz' iteration: with x scaled to norm 1, x = a x + (b G + c G G) x, G = x x^T.
    """
    if steps >= 100:
        raise ValueError(
            "Number of steps must be less than 100 for computational efficiency\n"
            f"ns_steps is {steps}."
        )
    if len(coefficients) != 3:
        raise ValueError(
            f"Coefficients must be a tuple of exactly 3 values\nns_coefficients is {coefficients}."
        )
    a, b, c = [np.float32(value) for value in coefficients]
    tall = x.shape[0] > x.shape[1]
    x = as_bfloat16(x)
    if tall:
        x = x.T
    norm = as_bfloat16(np.sqrt(np.vdot(x, x)))
    x = as_bfloat16(x / np.maximum(norm, as_bfloat16(np.float32(eps))))
    for _ in range(steps):
        gram = as_bfloat16(x @ x.T)
        x = as_bfloat16(a * x + as_bfloat16(b * gram + c * (gram @ gram)) @ x)
    return x.T if tall else x


def as_bfloat16(x: Any) -> Any:
    """float32 numbers rounded to the nearest that bfloat16 has."""
    bits = np.array(x, np.float32).view(np.uint32)
    bits += ((bits >> 16) & 1) + np.uint32(0x7FFF)
    bits &= np.uint32(0xFFFF0000)
    return bits.view(np.float32)


class Muon(Optimizer):
    """Momentum whose steps are made orthogonal: for the matrices in the middle of a network.

    As torch.optim.Muon. K. Jordan, "Muon: An optimizer for hidden layers in neural networks"
    (2024); adjust_lr_fn="match_rms_adamw": J. Liu et al., "Muon is Scalable for LLM Training"
    (2025).
    """

    __module__ = __name__.rpartition(".")[0]

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        check_lr(lr, "Learning rate should be >= 0 but is")
        for text, value in (
            ("momentum should be >= 0 but is", momentum),
            ("weight decay should be >= 0 but is", weight_decay),
        ):
            check_hyperparameter(text, value, value >= 0, "0 or more")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported\n"
                "It is one of None, 'original', 'match_rms_adamw'."
            )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.size()}\nGive the others, such as biases and embeddings, to AdamW."
                    )

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        if p._a.dtype.kind == "c":
            raise RuntimeError("Muon does not support complex parameters")
        state["momentum_buffer"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        names = ("weight_decay", "momentum", "nesterov", "ns_coefficients", "eps", "ns_steps")
        numbers = {name: group[name] for name in names}
        lr = group["lr"]
        if isinstance(lr, Tensor):
            lr = lr._a.reshape(())[()]  # in its own precision, as PyTorch's arithmetic with it
        numbers["lr"] = lr
        matched = group["adjust_lr_fn"] == "match_rms_adamw"

        def told(p: Any, state: dict[str, Any]) -> tuple:
            a, b = p._a.shape
            factor = 0.2 * math.sqrt(max(a, b)) if matched else math.sqrt(max(1, a / b))
            return (lr * factor,)

        advance(
            self,
            group,
            place,
            update,
            ("momentum_buffer",),
            numbers,
            names=("rate",),
            told=told,
            whole=True,
        )
