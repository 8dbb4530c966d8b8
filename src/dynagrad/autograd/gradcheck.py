"""gradcheck: recorded derivatives against differences of the function, entry by entry.

The numeric Jacobian is the central difference (f(x + eps) - f(x - eps)) / (2 eps).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.differentiate import grad
from ..core.quiet import warn
from ..core.tape import grad_mode
from ..core.tensor import Tensor, wrap
from ..functions import random

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Raised by gradcheck and gradgradcheck where the derivatives differ."""


def _tuple(values: Any) -> tuple:
    return tuple(values) if isinstance(values, list | tuple) else (values,)


def _differentiable(values: Any) -> list[Tensor]:
    return [x for x in _tuple(values) if isinstance(x, Tensor) and x.requires_grad]


def _checked_inputs(inputs: tuple) -> list[Tensor]:
    wanted = _differentiable(inputs)
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for position, x in enumerate(inputs):
        if not (isinstance(x, Tensor) and x.requires_grad):
            continue
        if x._a.dtype.kind == "c":
            raise ValueError(
                f"gradcheck compares real derivatives, and input {position} is {x.dtype}.\n"
                "Check a function of the real and the imaginary part instead."
            )
        if x._a.dtype != np.float64:
            warn(
                f"Input #{position} requires gradient and is not a double precision floating point "
                "or complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. "
            )
    return wanted


def _numerical(
    func: Callable, inputs: tuple, x: Tensor, count: int, eps: float
) -> list[np.ndarray]:
    """d outputs / d x by central differences, one matrix (elements of x, elements) an output."""
    columns: list[list[np.ndarray]] = [[] for _ in range(count)]

    def values() -> list[np.ndarray]:
        return [np.array(y._a).reshape(-1) for y in _differentiable_values(func(*inputs), count)]

    for place in np.ndindex(x._a.shape):
        kept = x._a[place].copy()
        token = grad_mode.set(False)
        try:
            x._a[place] = kept + eps
            above = values()
            x._a[place] = kept - eps
            below = values()
        finally:
            x._a[place] = kept
            grad_mode.reset(token)
        for column, a, b in zip(columns, above, below, strict=True):
            column.append((a - b) / (2 * eps))
    return [np.stack(column) if column else np.zeros((0, 0), x._a.dtype) for column in columns]


def _differentiable_values(outputs: Any, count: int) -> list[Tensor]:
    floating = [y for y in _tuple(outputs) if isinstance(y, Tensor) and y._a.dtype.kind == "f"]
    return floating[:count]


def _analytical(y: Tensor, x: Tensor) -> np.ndarray:
    """d y / d x by the recorded graph, a matrix (elements of x, elements of y)."""
    jacobian = np.zeros((x._a.size, y._a.size), x._a.dtype)
    for column in range(y._a.size):
        seed = np.zeros(y._a.size, y._a.dtype)
        seed[column] = 1
        (g,) = grad(y, [x], wrap(seed.reshape(y._a.shape)), retain_graph=True, allow_unused=True)
        if g is not None:
            jacobian[:, column] = g._a.reshape(-1)
    return jacobian


def _first_difference(
    func: Callable, inputs: tuple, eps: float, atol: float, rtol: float
) -> str | None:
    wanted = _checked_inputs(inputs)
    outputs = [y for y in _tuple(func(*inputs)) if isinstance(y, Tensor)]
    floating = _differentiable_values(outputs, len(outputs))
    if not any(y.requires_grad for y in floating):
        raise ValueError(
            "gradcheck expects at least one output tensor to require gradient: none of the "
            "function's results does"
        )
    for i, x in enumerate(wanted):
        numerical = _numerical(func, inputs, x, len(floating), eps)
        for o, (y, expected) in enumerate(zip(floating, numerical, strict=True)):
            found = _analytical(y, x) if y.requires_grad else np.zeros_like(expected)
            if expected.size and not np.allclose(found, expected, rtol, atol):
                return (
                    f"Jacobian mismatch for output {o} with respect to input {i},\n"
                    f"numerical:{wrap(expected)!r}\nanalytical:{wrap(found)!r}\n"
                )
    return None


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
    **further: Any,
) -> bool:
    """Whether the gradients of `func` at `inputs` agree with differences, as
    torch.autograd.gradcheck: every output with every real input that requires grad.

    Use float64 inputs. Raises GradcheckError where they differ, or returns False if
    `raise_exception` is False; ValueError if nothing requires grad. The options in `further`, and
    `fast_mode`, are taken and change nothing: the whole Jacobian is always compared.
    """
    try:
        difference = _first_difference(func, _tuple(inputs), eps, atol, rtol)
    except ValueError:
        if raise_exception:
            raise
        return False
    if difference is None:
        return True
    if raise_exception:
        raise GradcheckError(difference)
    return False


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **further: Any,
) -> bool:
    """gradcheck of the gradients: second derivatives of `func` at `inputs`.

    `grad_outputs` weigh the outputs; without them they are drawn at random.
    """
    inputs = _tuple(inputs)
    if grad_outputs is None:
        outputs = _differentiable(func(*inputs))
        weights = tuple(random.randn_like(y).detach().requires_grad_() for y in outputs)
    else:
        weights = _tuple(grad_outputs)

    def gradients(*args: Any) -> tuple:
        x, g = args[: len(inputs)], args[len(inputs) :]
        token = grad_mode.set(True)
        try:
            outputs = _differentiable(func(*x))
            found = grad(outputs, _differentiable(x), g, create_graph=True, allow_unused=True)
        finally:
            grad_mode.reset(token)
        return tuple(v for v in found if v is not None)

    return gradcheck(
        gradients,
        (*inputs, *weights),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )
