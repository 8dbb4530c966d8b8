"""Adafactor. Imports optimizer, updates."""

from typing import Any

import numpy as np

from ..core.dtype import finfo
from ..core.tensor import wrap
from .optimizer import Optimizer
from .updates import (
    CONSTANTS,
    advance,
    check_hyperparameter,
    check_lr,
    mixed,
    new_count,
    option,
    zeros_for,
)

__all__ = ["Adafactor"]


def update(p, g, state, *, step, lr, beta2_decay, eps1, eps2, d, weight_decay, maximize):
    """The new (p, row means, column means, mean square) at step number `step`; `state` is the
    latter three, of which a matrix has the first two and a vector the last.

    b = step^beta2_decay;  v = v + b (g g - v), for a matrix as the product of the means r and c of
    its rows and columns over the mean of r;  u = g / sqrt(v), divided by max(1, rms(u) / d);
    p = p - lr weight_decay p - max(eps2, rms(p)) min(lr, 1 / sqrt(step)) u.
    """
    constant = CONSTANTS[p.dtype]
    rows, columns, square = state
    if maximize:
        g = -g
    weight = step**beta2_decay
    rate = max(eps2, _rms(p)) * min(lr, step**-0.5)
    if weight_decay:
        p = p * constant.once(1 - lr * weight_decay)
    squares = g * g
    if g.ndim > 1:
        rows = mixed(rows, np.mean(squares, axis=-1, keepdims=True), weight, constant.once)
        columns = mixed(columns, np.mean(squares, axis=-2, keepdims=True), weight, constant.once)
        level = np.maximum(np.mean(rows, axis=-2, keepdims=True), constant[eps1])
        v = np.matmul(rows, columns) / level
    else:
        v = square = mixed(square, squares, weight, constant.once)
    change = g / np.sqrt(np.maximum(v, constant[eps1 * eps1]))
    return p - constant.once(rate / max(1.0, _rms(change) / d)) * change, rows, columns, square


def _rms(x: Any) -> Any:
    return float(np.vdot(x, x) / x.size) ** 0.5


class Adafactor(Optimizer):
    """Steps as Adam's, whose mean squares of a matrix are kept as those of its rows and columns.

    As torch.optim.Adafactor. N. Shazeer, M. Stern, "Adafactor: Adaptive Learning Rates with
    Sublinear Memory Cost" (2018).
    """

    __module__ = __name__.rpartition(".")[0]
    _later = {"foreach": None}
    _counts = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        check_lr(lr, "Learning rate should be >= 0 but is")
        for text, value, holds, expected in (
            ("beta2_decay should be <= 0 but is", beta2_decay, beta2_decay <= 0, "0 or less"),
            ("epsilon1 should be >= 0 but is", eps[0], (eps[0] or 0) >= 0, "0 or more"),
            ("epsilon2 should be >= 0 but is", eps[1], eps[1] >= 0, "0 or more"),
            ("Clipping threshold d should be >= 1 but is", d, d >= 1, "1 or more"),
            ("weight_decay should be >= 0 but is", weight_decay, weight_decay >= 0, "0 or more"),
        ):
            check_hyperparameter(text, value, holds, expected)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def step(self, closure: Any = None) -> Any:
        return self._run(closure)

    def _start(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        if p._a.dtype.kind == "c":
            raise RuntimeError("Adafactor does not support complex parameters")
        state["step"] = new_count()
        shape, dtype = p._a.shape, p._a.dtype
        if len(shape) > 1:
            state["row_var"] = wrap(np.zeros((*shape[:-1], 1), dtype))
            state["col_var"] = wrap(np.zeros((*shape[:-2], 1, shape[-1]), dtype))
        else:
            state["variance"] = zeros_for(p)

    def _update_group(self, group: dict[str, Any], place: tuple[Any, int]) -> None:
        numbers = {
            name: option(group, name)
            for name in ("lr", "beta2_decay", "d", "weight_decay", "maximize")
        }
        numbers["eps1"], numbers["eps2"] = group["eps"]
        if numbers["eps1"] is None:
            numbers["eps1"] = finfo(group["params"][0].dtype).eps
        keys = ("row_var", "col_var", "variance")
        advance(self, group, place, update, keys, numbers, whole=True)
