"""Lowerings of products that sum over dimensions. Imports ops.contraction."""

import math
from typing import Any

import numpy as np

from ...ops import contraction as ops
from ..ir.graph import Graph, Value
from .parts import narrowed, reduced, swapped, with_axis
from .reduction import sum_over
from .registry import Unlowered, lowering
from .shape import diagonal_of, undiagonal_of
from .terms import product
from .ufuncs import number

# --- matrix products ------------------------------------------------------------------------------


@lowering(ops.swap, moves=True)
def _swap(g: Graph, x: Value) -> Value:
    return x if x.ndim < 2 else swapped(g, x)


@lowering(ops.matmul_in_single, in_single=True)
@lowering(np.matmul)
def _matmul(g: Graph, x: Value, y: Value) -> Value:
    return product(g, x, y)


@lowering(ops.mm, in_single=True)
def _mm(g: Graph, x: Value, y: Value, *, flip: Any) -> Value:
    return product(g, x, y)


@lowering(ops.outer, in_single=True)
def _outer(g: Graph, x: Value, y: Value) -> Value:
    if x.dtype != y.dtype or x.dtype.kind != "f":
        raise Unlowered
    r = g.map("mul", with_axis(g, x, -1), with_axis(g, y, y.ndim - 1))
    return g.map("add", r, number(g, 0.0, r))  # the kernel adds to zeros


@lowering(ops.affine, in_single=True)
def _affine(g: Graph, bias: Value, x: Value, y: Value) -> Value:
    r = product(g, x, y)
    return g.map("add", r, g.cast(bias, r.dtype))


def _scaled(g: Graph, x: Value, factor: Any) -> Value:
    if not isinstance(factor, Value):
        if factor == 1:
            return x
        if x.dtype.kind in "iu" and int(factor) != factor:
            raise Unlowered
    return g.map("mul", x, number(g, factor, x))


def with_bias(g: Graph, bias: Value, r: Value, beta: Any, alpha: Any) -> Value:
    """beta * bias + alpha * r; beta 0 ignores bias."""
    r = _scaled(g, r, alpha)
    if not isinstance(beta, Value) and beta == 0:
        return r
    if bias.dtype != r.dtype or np.broadcast_shapes(bias.shape, r.shape) != r.shape:
        raise Unlowered
    return g.map("add", r, _scaled(g, bias, beta))


NUMBERS = ("beta", "alpha")


@lowering(ops.addmm, in_single=True, numbers=NUMBERS)
def _addmm(g: Graph, bias: Value, x: Value, y: Value, *, beta: Any, alpha: Any, flip: Any) -> Value:
    return with_bias(g, bias, product(g, x, y), beta, alpha)


@lowering(ops.addmv, numbers=NUMBERS)
def _addmv(g: Graph, bias: Value, x: Value, y: Value, *, beta: Any, alpha: Any) -> Value:
    return with_bias(g, bias, product(g, x, y), beta, alpha)


@lowering(ops.addbmm, numbers=NUMBERS)
def _addbmm(g: Graph, bias: Value, x: Value, y: Value, *, beta: Any, alpha: Any) -> Value:
    count, n, k = x.shape
    rows = g.reshape(g.transpose(x, (1, 0, 2)), (n, count * k))
    r = product(g, rows, g.reshape(y, (count * k, y.shape[2])))
    return with_bias(g, bias, r, beta, alpha)


@lowering(ops.addr, numbers=NUMBERS)
def _addr(g: Graph, bias: Value, x: Value, y: Value, *, beta: Any, alpha: Any) -> Value:
    if x.dtype != y.dtype:
        raise Unlowered
    r = g.map("mul", with_axis(g, x, -1), with_axis(g, y, 0))
    return with_bias(g, bias, r, beta, alpha)


@lowering(ops.vdot)
def _vdot(g: Graph, x: Value, y: Value) -> Value:
    if x.dtype != y.dtype or x.dtype == bool:
        raise Unlowered
    terms = g.map("mul", g.reshape(x, (x.size,)), g.reshape(y, (y.size,)))
    return reduced(g, "sum", terms, None)


# --- diagonals ------------------------------------------------------------------------------------


@lowering(ops.diagonals, moves=True)
def _diagonals(g: Graph, x: Value, *, labels: Any, output: Any) -> Value:
    names = list(labels)
    for label in dict.fromkeys(labels):
        while names.count(label) > 1:
            first = names.index(label)
            second = names.index(label, first + 1)
            x = diagonal_of(g, x, 0, first, second)
            del names[second], names[first]
            names.append(label)
    if sorted(names) != sorted(output):
        raise Unlowered
    return g.transpose(x, [names.index(label) for label in output])


@lowering(ops.embed_diagonals, moves=True)
def _embed_diagonals(g: Graph, x: Value, *, shape: Any, labels: Any, output: Any) -> Value:
    names, sizes = list(output), dict(zip(labels, shape, strict=True))
    if sorted(set(labels)) != sorted(names):
        raise Unlowered
    for label in dict.fromkeys(labels):
        for _ in range(labels.count(label) - 1):
            at = names.index(label)
            x = undiagonal_of(g, _last(g, x, at), 0, at, x.ndim, _twice(x, at, sizes[label]))
            names.append(label)
    order = []
    for label in labels:
        order.append(next(i for i, n in enumerate(names) if n == label and i not in order))
    return g.transpose(x, order)


def _last(g: Graph, x: Value, axis: int) -> Value:
    order = [a for a in range(x.ndim) if a != axis]
    return g.transpose(x, [*order, axis])


def _twice(x: Value, axis: int, n: int) -> tuple[int, ...]:
    """x's shape with n as size of a dimension and of a new last one."""
    return (*x.shape[:axis], n, *x.shape[axis + 1 :], n)


@lowering(ops.trace)
def _trace(g: Graph, x: Value) -> Value:
    if x.dtype.kind in "biu":
        x = g.cast(x, np.int64)
    return reduced(g, "sum", diagonal_of(g, x, 0, x.ndim - 2, x.ndim - 1), -1)


# --- einsum ---------------------------------------------------------------------------------------


@lowering(ops.einsum, in_single=True)
def _einsum(g: Graph, *xs: Value, inputs: Any, output: Any) -> Value:
    if any(x.dtype.kind != "f" or x.dtype != xs[0].dtype for x in xs):
        raise Unlowered
    found = [(x, list(labels)) for x, labels in zip(xs, inputs, strict=True)]
    for first, second in _path(xs, inputs, output):
        y, b = found.pop(second)
        x, a = found.pop(first)
        kept = set(output).union(*[labels for _, labels in found])
        found.append(pair(g, x, y, a, b, kept))
    x, labels = found[0]
    x, labels = _sum_out(g, x, labels, set(output))
    return g.transpose(x, [labels.index(label) for label in output])


def _path(xs: Any, inputs: Any, output: Any) -> list[tuple[int, int]]:
    """Which two operands are multiplied next, cheapest first; a product goes to the end."""
    if len(xs) < 3:
        return [(0, 1)] * (len(xs) - 1)
    shapes = [np.broadcast_to(np.float32(0), x.shape) for x in xs]
    operands: list[Any] = [part for both in zip(shapes, inputs, strict=True) for part in both]
    _, *steps = np.einsum_path(*operands, output, optimize="greedy")[0]
    if any(len(step) != 2 for step in steps):
        raise Unlowered
    return [(min(step), max(step)) for step in steps]


def _sum_out(g: Graph, x: Value, labels: list, kept: set) -> tuple[Value, list]:
    lonely = tuple([i for i, label in enumerate(labels) if label not in kept])
    if not lonely:
        return x, labels
    left = [label for label in labels if label in kept]
    return sum_over(g, x, axes=lonely, keepdims=False), left


def pair(g: Graph, x: Value, y: Value, a: list, b: list, kept: set) -> tuple[Value, list]:
    """Two operands with labelled dimensions as one (batched) matrix product: the result and its
    labels, which are those of `kept`.
    """
    x, a = _sum_out(g, x, a, kept | set(b))
    y, b = _sum_out(g, y, b, kept | set(a))
    size = dict(zip(a, x.shape, strict=True)) | dict(zip(b, y.shape, strict=True))
    batch = [n for n in a if n in b and n in kept]
    summed = [n for n in a if n in b and n not in kept]
    left, right = [n for n in a if n not in b], [n for n in b if n not in a]

    def sizes(*groups: list) -> list[int]:
        return [math.prod(size[n] for n in group) for group in groups]

    x = g.transpose(x, [a.index(n) for n in (*batch, *left, *summed)])
    y = g.transpose(y, [b.index(n) for n in (*batch, *summed, *right)])
    whole, lead = [*batch, *left, *right], [size[n] for n in batch]
    if summed:
        x = g.reshape(x, (*lead, *sizes(left, summed)))
        y = g.reshape(y, (*lead, *sizes(summed, right)))
        r = product(g, x, y)
    else:
        r = g.map(
            "mul", g.reshape(x, (*lead, *sizes(left, []))), g.reshape(y, (*lead, *sizes([], right)))
        )
    return g.reshape(r, [size[n] for n in whole]), whole


@lowering(ops.cross)
def _cross(g: Graph, x: Value, y: Value, *, axis: int) -> Value:
    if x.dtype != y.dtype or x.dtype == bool:
        raise Unlowered
    shape = np.broadcast_shapes(x.shape, y.shape)
    axis = axis % len(shape) if x.ndim == y.ndim else axis
    if axis < 0 or x.ndim != y.ndim:
        raise Unlowered
    x, y = g.broadcast(x, shape), g.broadcast(y, shape)
    a, b = ([narrowed(g, v, axis, i, 1) for i in range(3)] for v in (x, y))
    parts = [
        g.map("sub", g.map("mul", a[j], b[k]), g.map("mul", a[k], b[j]))
        for j, k in ((1, 2), (2, 0), (0, 1))
    ]
    return g.concatenate(parts, axis)
