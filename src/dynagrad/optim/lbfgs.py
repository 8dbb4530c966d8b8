"""L-BFGS, with a line search. Imports optimizer, updates, line_search."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.quiet import quietly
from ..core.tape import caller, grad_mode
from ..core.tensor import Tensor, family_of, wrap
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer
from .updates import check_lr, number, real_parts

__all__ = ["LBFGS"]


def direction(g: Any, steps: list, changes: list, inverses: list, scale: Any) -> tuple[Any, list]:
    """Minus the approximated inverse Hessian times g, and the factors met on the way.

    `steps` and `changes`: the past differences s of the parameters and y of the gradients;
    `inverses`: 1 / (y . s) of each; `scale`: the first approximation. Both loops of J. Nocedal,
    "Updating Quasi-Newton Matrices with Limited Storage" (1980).
    """
    d = -g
    factors = [None] * len(steps)
    for i in reversed(range(len(steps))):
        factors[i] = np.dot(steps[i], d) * inverses[i]
        d = d - factors[i] * changes[i]
    d = d * scale
    for s, y, inverse, factor in zip(steps, changes, inverses, factors, strict=True):
        d = d + s * (factor - np.dot(y, d) * inverse)
    return d, factors


class LBFGS(Optimizer):
    """The quasi-Newton method with a limited memory; `step` needs a closure and calls it often.

    As torch.optim.LBFGS, after M. Schmidt's minFunc. `line_search_fn`: None takes steps of lr,
    "strong_wolfe" searches along each direction. All parameters are one group, and the state lies
    at the first of them.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(
                "LBFGS doesn't support per-parameter options (parameter groups)\n"
                f"It was given {len(self.param_groups)} groups: give one list of parameters."
            )

    def step(self, closure: Callable) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        if len(self.param_groups) != 1:
            raise AssertionError(
                f"Expected exactly one param_group, but got {len(self.param_groups)}\n"
                "Give LBFGS all of its parameters when it is made."
            )
        return _Run(self, closure).run()


class _Run:
    """One call of `step`."""

    def __init__(self, optimizer: LBFGS, closure: Callable):
        self.group = optimizer.param_groups[0]
        self.params = self.group["params"]
        self.state = optimizer.state[self.params[0]]
        self.state.setdefault("func_evals", 0)
        self.state.setdefault("n_iter", 0)
        self.closure = closure
        self.place = caller(4)

    def evaluate(self) -> Any:
        """The closure's loss, whose backward pass leaves the gradients."""
        token = grad_mode.set(True)
        try:
            return self.closure()
        finally:
            grad_mode.reset(token)

    def gradient(self) -> Any:
        """All gradients as one vector."""
        parts = []
        for p in self.params:
            g = p.grad
            if g is None:
                g = np.zeros_like(p._a)
            else:
                g = (g.to_dense() if g.is_sparse else g)._a
            parts.append(real_parts(g) if g.dtype.kind == "c" else g)
        return np.concatenate(parts, axis=None)

    def copies(self) -> list:
        return [p._a.copy() for p in self.params]

    def move(self, t: Any, d: Any, origin: list | None = None) -> None:
        """Add t times d to the parameters, or to their values in `origin`."""
        start = 0
        for i, p in enumerate(self.params):
            array = p._a
            values = array if origin is None else origin[i]
            if array.dtype.kind == "c":
                array, values = real_parts(array), real_parts(values)
            end = start + array.size
            array[...] = values + d[start:end].reshape(array.shape) * array.dtype.type(t)
            family_of(p).cell.bump(self.place)
            start = end

    def run(self) -> Any:
        group, state = self.group, self.state
        first_loss = self.evaluate()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        g = self.gradient()
        if np.abs(g).max() <= group["tolerance_grad"]:
            return first_loss
        memory = _Memory(state, group["history_size"])
        for i in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = quietly(memory.direction, g, state["n_iter"] == 1)
            memory.prev_g, memory.prev_loss = g, loss
            lr = number(group["lr"])
            memory.t = lr
            if state["n_iter"] == 1:
                memory.t = min(1.0, quietly(np.divide, 1.0, np.abs(g).sum())) * lr
            slope = np.dot(g, d)
            if slope > -group["tolerance_change"]:
                break
            before, evaluated = loss, 0
            if group["line_search_fn"] is not None:
                loss, g, memory.t, evaluated = self.search(memory.t, d, loss, g, slope)
                self.move(memory.t, d)
            else:
                self.move(memory.t, d)
                if i != group["max_iter"]:  # else nobody would look at it
                    loss, g, evaluated = float(self.evaluate()), self.gradient(), 1
            evaluations += evaluated
            state["func_evals"] += evaluated
            if (
                evaluations >= group["max_eval"]
                or np.abs(g).max() <= group["tolerance_grad"]
                or np.abs(d * memory.t).max() <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        memory.store(state)
        if state["n_iter"] > 1 and isinstance(memory.t, float) and isinstance(group["lr"], Tensor):
            state["t"] = group["lr"]
        return first_loss

    def search(self, t: Any, d: Any, loss: float, g: Any, slope: Any) -> tuple:
        """The loss, the gradient and the length of the step where the line search ended, and how
        often it asked for the loss.
        """
        if self.group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError(
                "only 'strong_wolfe' is supported\n"
                f"line_search_fn is {self.group['line_search_fn']!r}."
            )
        origin = self.copies()

        def at(t: Any) -> Point:
            self.move(t, d, origin)
            loss = float(self.evaluate())
            g = self.gradient()
            return Point(t, loss, g, np.dot(g, d))

        found, evaluated = strong_wolfe(at, t, np.abs(d).max(), Point(0, loss, g, slope))
        for p, array in zip(self.params, origin, strict=True):
            p._a[...] = array
        return found.loss, found.g, found.t, evaluated


class _Memory:
    """What L-BFGS remembers of its past steps; kept as tensors in the optimizer's state."""

    def __init__(self, state: dict[str, Any], size: int):
        self.size = size
        self.d, self.t, self.prev_g, self.scale = [
            _array(state.get(key)) for key in ("d", "t", "prev_flat_grad", "H_diag")
        ]
        # `old_dirs` are the changes of the gradient, `old_stps` the steps
        self.changes, self.steps, self.inverses = [
            [_array(t) for t in state.get(key) or []] for key in ("old_dirs", "old_stps", "ro")
        ]
        self.prev_loss = state.get("prev_loss")
        self.factors = [_array(t) for t in state.get("al", [])]

    def direction(self, g: Any, first: bool) -> Any:
        """The next direction, after the last step was learned from."""
        if first:
            self.changes, self.steps, self.inverses, self.scale = [], [], [], 1
            self.d = -g
            return self.d
        y = g - self.prev_g
        s = self.d * self.t
        ys = np.dot(y, s)
        if ys > 1e-10:
            if len(self.changes) == self.size:
                del self.changes[0], self.steps[0], self.inverses[0]
            self.changes.append(y)
            self.steps.append(s)
            self.inverses.append(1.0 / ys)
            self.scale = ys / np.dot(y, y)
        self.d, met = direction(g, self.steps, self.changes, self.inverses, self.scale)
        self.factors = (self.factors or [None] * self.size).copy()
        self.factors[: len(met)] = met
        return self.d

    def store(self, state: dict[str, Any]) -> None:
        """Write it into the optimizer's state, under PyTorch's names."""
        if self.factors:
            state["al"] = [_tensor(a) for a in self.factors]
        state["d"] = _tensor(self.d)
        state["t"] = _tensor(self.t)
        state["old_dirs"] = [_tensor(a) for a in self.changes]
        state["old_stps"] = [_tensor(a) for a in self.steps]
        state["ro"] = [_tensor(a) for a in self.inverses]
        state["H_diag"] = _tensor(self.scale)
        state["prev_flat_grad"] = _tensor(self.prev_g)
        state["prev_loss"] = self.prev_loss


def _array(value: Any) -> Any:
    """The array of a tensor; of one without dimensions its number."""
    return value._a[()] if isinstance(value, Tensor) else value


def _tensor(value: Any) -> Any:
    """NumPy's arrays and numbers as tensors; others as they are."""
    return wrap(np.asarray(value)) if isinstance(value, np.ndarray | np.generic) else value
