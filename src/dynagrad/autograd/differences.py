"""Jacobians as gradcheck compares them: by differences of the function, and by the recorded graph.
Imports core.

A matrix has a row for each element of an input and a column for each element of an output. For a
complex input z = x + iy and a real output L an entry is dL/dx + i dL/dy, which is what `.grad`
holds.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from .differentiate import grad

Choice = Callable[[Any], tuple]


def as_tuple(values: Any) -> tuple:
    """One value, or a list or tuple of them, as a tuple."""
    return tuple(values) if isinstance(values, list | tuple) else (values,)


def differentiable(outputs: Any) -> tuple[Tensor, ...]:
    """The outputs of a function that require grad."""
    return tuple(y for y in as_tuple(outputs) if y.requires_grad)


def tensors(outputs: Any) -> tuple[Tensor, ...]:
    """The outputs of a function that are tensors."""
    return tuple(y for y in as_tuple(outputs) if isinstance(y, Tensor))


def floating(outputs: Any) -> tuple[Tensor, ...]:
    """The outputs of a function that are floating or complex tensors."""
    return tuple(y for y in as_tuple(outputs) if isinstance(y, Tensor) and y._a.dtype.kind in "fcV")


# --- differences ----------------------------------------------------------------------------------


def slope(
    func: Callable, inputs: tuple, x: Tensor, place: Any, step: Any, eps: float, choose: Choice
) -> list[np.ndarray]:
    """The central difference (f(x + step) - f(x - step)) / (2 eps) of each output, flat.

    `x` is one of `inputs`; its memory at `place` (an index; Ellipsis: all of it) is written for the
    time of two calls. What the function itself writes elsewhere stays, and so shows.
    """
    kept = x._a[place].copy()
    results = []
    try:
        for sign in (-1, 1):
            x._a[place] = kept + sign * step
            results.append([np.array(y._a) for y in choose(func(*inputs))])
    finally:
        x._a[place] = kept
    slopes = []
    for below, above in zip(*results, strict=True):
        if below.shape != above.shape:
            where = "" if place is Ellipsis else f"on index {place} "
            raise AssertionError(
                "Expected `func` to return outputs with the same shape when inputs are perturbed "
                f"{where}by {eps}, but got: shapes {wrap(below).shape} and {wrap(above).shape}."
            )
        slopes.append(((above - below) / (2 * eps)).reshape(-1))
    return slopes


def directions(x: Tensor) -> tuple:
    """The unit steps within one element: real, and imaginary for complex tensors."""
    return (1, 1j) if x._a.dtype.kind == "c" else (1,)


def numerical_slopes(
    func: Callable, inputs: tuple, x: Tensor, eps: float, choose: Choice
) -> list[list[np.ndarray]]:
    """For each direction of x's elements, and each output, the matrix of central differences."""
    found: list[list[np.ndarray]] = []
    for unit in directions(x):
        rows = [
            slope(func, inputs, x, place, eps * unit, eps, choose)
            for place in np.ndindex(x._a.shape)
        ]
        columns = list(zip(*rows, strict=True)) if rows else []
        found.append([np.stack(column) for column in columns])
    return found


def numerical(
    func: Callable, inputs: tuple, x: Tensor, eps: float, choose: Choice
) -> list[np.ndarray]:
    """d output / d x for each output, by central differences."""
    return combined(numerical_slopes(func, inputs, x, eps, choose))


def combined(parts: list) -> list:
    """The slopes along the directions of an element as one number each."""
    if len(parts) == 1:
        return parts[0]
    return [real + 1j * imaginary for real, imaginary in zip(*parts, strict=True)]


# --- the recorded graph ---------------------------------------------------------------------------


def vector_products(y: Tensor, inputs: list[Tensor], v: np.ndarray) -> list[Tensor | None]:
    """The gradients of `inputs` for the cotangent `v` of `y`."""
    return list(grad(y, inputs, wrap(v), retain_graph=True, allow_unused=True))


def analytical(y: Tensor, inputs: list[Tensor]) -> tuple[list[np.ndarray], bool]:
    """d y / d input for each of `inputs` by one backward pass a column, and whether all gradients
    had their input's dtype.
    """
    matrices = [np.zeros((x._a.size, y._a.size), x._a.dtype) for x in inputs]
    same_dtype = True
    for column in range(y._a.size):
        seed = np.zeros(y._a.size, y._a.dtype)
        seed[column] = 1
        found = vector_products(y, inputs, seed.reshape(y._a.shape))
        for matrix, x, g in zip(matrices, inputs, found, strict=True):
            if g is not None:
                same_dtype = same_dtype and g._a.dtype == x._a.dtype
                matrix[:, column] = g._a.reshape(-1)
    return matrices, same_dtype
