"""Sample calls of primitives: what draws their arrays, and their metadata."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Draw = Callable[[np.random.Generator], np.ndarray]


class Call(NamedTuple):
    """A call of a primitive: what draws its arrays (None: an absent one), and its metadata."""

    arrays: tuple[Draw | None, ...]
    metadata: dict[str, Any]

    def drawn(self, rng: np.random.Generator) -> list[np.ndarray | None]:
        """The arrays of this call."""
        return [None if draw is None else draw(rng) for draw in self.arrays]


def call(*arrays: Draw | None, **metadata: Any) -> Call:
    """A sample call."""
    return Call(arrays, metadata)


def real(*shape: int, low: float = -2.0, high: float = 2.0) -> Draw:
    """Numbers between two bounds."""
    return lambda rng: rng.uniform(low, high, shape)


def apart(*shape: int) -> Draw:
    """Numbers none of which is near another one or near 0."""
    count = int(np.prod(shape))
    return lambda rng: (rng.permutation(count) - count / 2 + 0.3).reshape(shape) / 3


def imaginary(*shape: int) -> Draw:
    """Complex numbers with a positive imaginary part."""
    return lambda rng: rng.uniform(-2, 2, shape) + 1j * rng.uniform(0.5, 2, shape)


def whole(*shape: int, below: int) -> Draw:
    """Integers from 0 to `below` - 1."""
    return lambda rng: rng.integers(0, below, shape)


def given(values: Any) -> Draw:
    """These values."""
    return lambda rng: np.array(values)


def levels(*shape: int) -> Draw:
    """Few different numbers, so that some are equal."""
    return lambda rng: rng.integers(-1, 2, shape).astype(float)


def ordered(*shape: int) -> Draw:
    """Numbers in ascending order along the last dimension."""
    return lambda rng: np.sort(rng.uniform(-2, 2, shape), -1)


def mask(*shape: int) -> Draw:
    """True and false."""
    return lambda rng: rng.random(shape) < 0.5


def definite(n: int) -> Draw:
    """A symmetric positive definite matrix."""

    def draw(rng):
        a = rng.normal(size=(n, n))
        return a @ a.T + n * np.eye(n)

    return draw


def regular(*shape: int) -> Draw:
    """Matrices far from singular."""
    return lambda rng: rng.uniform(-1, 1, shape) + 3 * np.eye(*shape[-2:])


def lower(n: int) -> Draw:
    """A lower triangle with a strong diagonal."""
    return lambda rng: np.tril(rng.uniform(-1, 1, (n, n))) + 3 * np.eye(n)
