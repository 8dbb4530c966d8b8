"""The steps of recurrent layers, and products laid out for them, on ndarrays. Imports NumPy only.

A sequence is a matrix of rows: first those of step 0, then of step 1, ...; `sizes` tells how many
examples each step has, never more than the step before (PyTorch's packed sequences). A layer that
reads backwards begins with the last step; an example joins at its own last step.

The gates of a step lie one behind the other (gates, examples, units), so that the calls of a step
run over contiguous memory.
"""

import math
from itertools import accumulate
from typing import Any

import numpy as np

#: rows * columns * inner size up to which OpenBLAS multiplies without copying the operands first
SMALL = 10**6


class Steps:
    """The steps of a layer in the order in which it reads them: for each the rows' bounds."""

    def __init__(self, sizes: tuple[int, ...], reverse: bool):
        self.sizes = sizes
        ends = list(accumulate(sizes))
        bounds = [(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        self.bounds = bounds[::-1] if reverse else bounds
        self.reverse = reverse
        self.rows = ends[-1]
        self.most = sizes[0]
        self.even = sizes[-1] == sizes[0]

    def each(self, states: Any, gates: int = 0) -> list[Any]:
        """The parts of an array of all rows that belong to the steps, in the order of reading;
        with `gates`, of one that has those of each step one behind the other.
        """
        width = states.shape[1]
        if gates and self.even:
            parts = list(states.reshape(len(self.sizes), gates, self.most, width // gates))
            return parts[::-1] if self.reverse else parts
        if gates:
            flat, units = states.reshape(-1), width // gates
            return [
                flat[start * width : end * width].reshape(gates, end - start, units)
                for start, end in self.bounds
            ]
        if self.even:
            parts = list(states.reshape(len(self.sizes), self.most, width))
            return parts[::-1] if self.reverse else parts
        return [states[start:end] for start, end in self.bounds]

    def before(self, states: Any, first: Any) -> Any:
        """For each row the state that the step before left (`first` where there was none)."""
        result = np.empty_like(states)
        if self.even:
            n = self.most
            if self.reverse:
                result[:-n], result[-n:] = states[n:], first
            else:
                result[n:], result[:n] = states[:-n], first
            return result
        held = first[:0]
        for target, source in zip(self.each(result), self.each(states), strict=True):
            target[...] = begun(held, first, len(target))
            held = source
        return result

    def each_before(self, states: Any, first: Any) -> list[Any]:
        """`before` by steps, in the order of reading."""
        if self.even:
            return [first, *self.each(states)[:-1]]
        return self.each(self.before(states, first))

    def by_before(self, slopes: Any, states: Any, first: Any) -> Any:
        """The sum over all rows of slope and state before, multiplied: a gradient of weights."""
        if not self.even or len(self.sizes) == 1:
            return slopes.T @ self.before(states, first)
        n = self.most
        if self.reverse:
            result, begin = slopes[:-n].T @ states[n:], slopes[-n:]
        else:
            result, begin = slopes[n:].T @ states[:-n], slopes[:n]
        if first.any():
            result += begin.T @ first
        return result

    def last(self, states: Any) -> Any:
        """The state of each example after its last step."""
        n = self.most
        if self.reverse or len(self.sizes) == 1:
            return np.array(states[:n])
        if self.even:
            return np.array(states[-n:])
        result, done = np.empty((n, *states.shape[1:]), states.dtype), 0
        for start, end in reversed(self.bounds):
            result[done : end - start] = states[start + done : end]
            done = max(done, end - start)
        return result


def as_rows(x: Any) -> Any:
    """An array (L, N, I), or of rows (rows, I), as contiguous rows."""
    return np.ascontiguousarray(x).reshape(math.prod(x.shape[:-1]), x.shape[-1])


def sizes_of(x: Any, sizes: Any) -> Any:
    """The number of examples at each step of an array (L, N, I) or of rows."""
    return (x.shape[1],) * x.shape[0] if sizes is None else sizes


def begun(held: Any, first: Any, size: int) -> Any:
    """The states of the first `size` examples: those held, and the first ones of new examples."""
    have = len(held)
    if have >= size:
        return held if have == size else held[:size]
    return first[:size] if not have else np.concatenate([held, first[have:size]])


def parts_of(rows: int, inner: int, columns: int) -> int:
    """Into how many parts to cut the columns of a matrix so that each product is a small one; 1
    where that is of no use.
    """
    parts = 1
    while rows * inner * columns > SMALL * parts:
        parts *= 2
        if columns % parts or columns // parts < 32:
            return 1
    return parts


def cut(a: Any, parts: int) -> Any:
    """A stack of the parts of a matrix's columns, for a product of each; views."""
    if parts == 1:
        return a
    return np.moveaxis(a.reshape(*a.shape[:-1], parts, a.shape[-1] // parts), -2, -3)


def by_gates(weight: Any, scale: Any) -> Any:
    """The weights (gates * units, K) as a stack of matrices (gates, K, units), scaled by gate."""
    count = len(scale)
    stack = weight.reshape(count, -1, weight.shape[1]).transpose(0, 2, 1)
    result = np.empty(stack.shape, weight.dtype)
    return np.multiply(stack, scale, result)


def project(x: Any, weight: Any, bias: Any, scale: Any, steps: Steps, result: Any) -> None:
    """Fill `result` with scale * (weight x + bias) of all rows, by steps and gates; None as a bias
    is zero.
    """
    rows, width = x.shape
    count, units = len(scale), len(weight) // len(scale)
    weights = np.empty((count, width + (bias is not None), units), x.dtype)
    stack = weight.reshape(count, units, width).transpose(0, 2, 1)
    np.multiply(stack, scale, weights[:, :width])
    if bias is not None:
        np.multiply(bias.reshape(count, units), scale[:, 0], weights[:, width])
        wide = np.empty((rows, width + 1), x.dtype)
        wide[:, :width] = x
        wide[:, width] = 1
        x = wide
    if steps.even:
        n = steps.most
        length = len(steps.sizes)
        by_step = x.reshape(length, 1, n, x.shape[1])
        np.matmul(by_step, weights, result.reshape(length, count, n, units))
        return
    for part, target in zip(steps.each(x), steps.each(result, count), strict=True):
        np.matmul(part, weights, target)


def total(b: Any, d: Any) -> Any:
    """The sum of two biases, of which both or none are given."""
    return None if b is None else b + d


def column_sums(a: Any) -> Any:
    """The sums over the rows of a matrix."""
    return np.ones(len(a), a.dtype) @ a


def gradients(of_x, of_h, x, w, needs):
    """The gradients for x, w, b and d, as far as needed, from those of w x + b and of u h + d."""
    gx = of_x @ w if needs[0] else None
    gw = of_x.T @ x if needs[1] else None
    gb = column_sums(of_x) if needs[3] else None
    gd = column_sums(of_h) if needs[4] else None
    return gx, gw, gb, gd
