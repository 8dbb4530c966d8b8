"""Products that sum over dimensions: matrix products, einsum, cross. Imports NumPy only."""

import math

import numpy as np

from .rule import general, linear, multilinear, primitive
from .shape import broadcast_to, copy, reshape, sum_to


@primitive
def swap(x):
    """A view with the last two dimensions exchanged; a vector stays."""
    return x.T if x.ndim <= 2 else x.swapaxes(-1, -2)


linear(swap, lambda g: swap(g))


# --- matrix products ------------------------------------------------------------------------------


def _left(g, x_meta, y):
    """The cotangent of x in x @ y; 1-d operands are rows (x) or columns (y)."""
    if y.ndim == 1:
        return reshape(g, shape=(*g.shape, 1)) * y
    if len(x_meta.shape) == 1:
        column = np.matmul(y, reshape(g, shape=(*g.shape, 1)))
        return reshape(column, shape=column.shape[:-1])
    return np.matmul(g, swap(y))


def _right(g, x, y_meta):
    """The cotangent of y in x @ y."""
    if x.ndim == 1:
        if len(y_meta.shape) == 1:
            return g * x
        return reshape(x, shape=(x.shape[0], 1)) * reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
    if len(y_meta.shape) == 1:
        rows, n = math.prod(x.shape[:-1]), x.shape[-1]
        return np.matmul(reshape(g, shape=(rows,)), reshape(x, shape=(rows, n)))
    return np.matmul(swap(x), g)


multilinear(np.matmul, _left, _right)


@primitive
def mm(x, y, *, flip):
    """The product of two matrices. `flip`: for each, whether its cotangent is computed transposed.

    That is done for operands in column-major order, such as the weight W of x @ W.T: behind the
    transposition its gradient is then contiguous without a copy.
    """
    return x.dot(y)


def _mm_left(g, y, *, flip):
    return swap(np.matmul(y, swap(g))) if flip[0] else np.matmul(g, swap(y))


def _mm_right(g, x, *, flip):
    return swap(np.matmul(swap(g), x)) if flip[1] else np.matmul(swap(x), g)


multilinear(mm, _mm_left, _mm_right)


def scaled(x, factor):
    """x * factor for a Python number."""
    return x if factor == 1 else x * factor


@primitive
def addmm(bias, x, y, *, beta, alpha, flip):
    """beta * bias + alpha * (x @ y) for (batches of) matrices; beta 0 ignores bias."""
    product = np.matmul(x, y)
    if alpha != 1:
        product *= alpha
    if beta == 0:
        return product
    product += bias if beta == 1 else bias * bias.dtype.type(beta)
    return product


def _addmm_bias(g, bias_meta, *, beta):
    if beta != 1:
        g = g * beta
    return copy(g) if g.shape == bias_meta.shape else sum_to(g, shape=bias_meta.shape)


general(
    addmm,
    _addmm_bias,
    lambda g, y, *, alpha, flip: scaled(_mm_left(g, y, flip=flip), alpha),
    lambda g, x, *, alpha, flip: scaled(_mm_right(g, x, flip=flip), alpha),
)


@primitive
def affine(bias, x, y):
    """x @ y + bias for two matrices and a vector, what a linear layer does; y is a turned weight.

    The cotangent of y is computed turned, so that the weight's comes out row by row.
    """
    product = np.matmul(x, y)
    product += bias
    return product


general(
    affine,
    lambda g, bias_meta: sum_to(g, shape=bias_meta.shape),
    lambda g, y: np.matmul(g, swap(y)),
    lambda g, x: swap(np.matmul(swap(g), x)),
)


@primitive
def addmv(bias, x, y, *, beta, alpha):
    """beta * bias + alpha * (x @ y) for a matrix and a vector."""
    return addmm.__wrapped__(bias, x, y, beta=beta, alpha=alpha, flip=None)


general(
    addmv,
    _addmm_bias,
    lambda g, x_meta, y, *, alpha: scaled(_left(g, x_meta, y), alpha),
    lambda g, x, y_meta, *, alpha: scaled(_right(g, x, y_meta), alpha),
)


@primitive
def addbmm(bias, x, y, *, beta, alpha):
    """beta * bias + alpha * sum of the products of the matrices x[i] @ y[i]."""
    n, k = x.shape[1], x.shape[0] * x.shape[2]
    rows = x.transpose(1, 0, 2).reshape(n, k)
    return addmm.__wrapped__(bias, rows, y.reshape(k, -1), beta=beta, alpha=alpha, flip=None)


general(
    addbmm,
    _addmm_bias,
    lambda g, y, *, alpha: scaled(np.matmul(g, swap(y)), alpha),
    lambda g, x, *, alpha: scaled(np.matmul(swap(x), g), alpha),
)


@primitive
def addr(bias, x, y, *, beta, alpha):
    """beta * bias + alpha * (outer product of two vectors)."""
    return addmm.__wrapped__(bias, x[:, None], y[None, :], beta=beta, alpha=alpha, flip=None)


general(
    addr,
    _addmm_bias,
    lambda g, y, *, alpha: scaled(np.matmul(g, y), alpha),
    lambda g, x, *, alpha: scaled(np.matmul(x, g), alpha),
)


@primitive
def vdot(x, y):
    """The sum of conj(x) * y."""
    return np.vdot(x, y)


general(vdot, lambda g, y: np.conjugate(g * y), lambda g, x: g * np.conjugate(x))


# --- diagonals ------------------------------------------------------------------------------------


@primitive
def diagonals(x, *, labels, output):
    """A view: dimensions of equal label become one, their diagonal, ordered as in `output`."""
    return np.einsum(x, labels, output)


@primitive
def embed_diagonals(x, *, shape, labels, output):
    """Zeros of `shape` with `x` on those diagonals: the transpose of `diagonals`."""
    result = np.zeros(shape, x.dtype)
    diagonals.__wrapped__(result, labels=labels, output=output)[...] = x
    return result


linear(
    diagonals,
    lambda g, x_meta, *, labels, output: embed_diagonals(
        g, shape=x_meta.shape, labels=labels, output=output
    ),
)
linear(
    embed_diagonals,
    lambda g, *, labels, output: diagonals(g, labels=labels, output=output),
)


@primitive
def trace(x):
    """The sum of a matrix's diagonal."""
    return np.add.reduce(x.diagonal(), dtype=np.int64 if x.dtype.kind in "biu" else None)


@primitive
def embed_corner(x, *, shape):
    """Zeros of `shape`, a matrix, with `x` on the diagonal from its first corner."""
    result = np.zeros(shape, x.dtype)
    np.fill_diagonal(result[: x.shape[0], : x.shape[0]], x)
    return result


@primitive
def corner_diagonal(x):
    """The diagonal of a matrix."""
    return x.diagonal()


linear(embed_corner, lambda g: corner_diagonal(g))
linear(corner_diagonal, lambda g, x_meta: embed_corner(g, shape=x_meta.shape), fresh=True)
linear(
    trace,
    lambda g, x_meta: embed_corner(broadcast_to(g, shape=(min(x_meta.shape),)), shape=x_meta.shape),
    fresh=True,
)


# --- einsum ---------------------------------------------------------------------------------------


@primitive
def einsum(*xs, inputs, output):
    """The sum over all labels not in `output` of the product of the operands.

    `inputs` holds one tuple of labels (small integers) for each operand, without repetition; a
    label has the same size everywhere.
    """
    if len(xs) == 1:
        return np.array(np.einsum(xs[0], inputs[0], output))
    if len(xs) == 2:
        return _pair(xs[0], xs[1], inputs[0], inputs[1], output)
    operands = [part for pair in zip(xs, inputs, strict=True) for part in pair]
    return np.einsum(*operands, output, optimize="greedy")


def _pair(x, y, a, b, output):
    """Two operands as one (batched) matrix product."""
    x, a = _sum_out(x, a, b, output)
    y, b = _sum_out(y, b, a, output)
    size = dict(zip(a, x.shape, strict=True)) | dict(zip(b, y.shape, strict=True))
    batch = [label for label in a if label in b and label in output]
    summed = [label for label in a if label in b and label not in output]
    left = [label for label in a if label not in b]
    right = [label for label in b if label not in a]

    def count(labels):
        return math.prod([size[label] for label in labels])

    x = x.transpose([a.index(label) for label in (*batch, *left, *summed)])
    y = y.transpose([b.index(label) for label in (*batch, *summed, *right)])
    whole = (*batch, *left, *right)
    shape = [size[label] for label in whole]
    if summed:
        lead = [size[label] for label in batch]
        x = x.reshape(*lead, count(left), count(summed))
        y = y.reshape(*lead, count(summed), count(right))
        result = np.matmul(x, y).reshape(shape)
    else:
        ones = (1,) * len(left)
        x = x.reshape((*x.shape, *[1] * len(right)))
        y = y.reshape((*y.shape[: len(batch)], *ones, *y.shape[len(batch) :]))
        result = np.asarray(np.multiply(x, y))
    return result.transpose([whole.index(label) for label in output])


def _sum_out(x, labels, others, output):
    """Sum over the labels which nobody else has."""
    lonely = tuple(
        i for i, label in enumerate(labels) if label not in others and label not in output
    )
    if not lonely:
        return x, labels
    return np.add.reduce(x, lonely, out=...), [n for i, n in enumerate(labels) if i not in lonely]


def _einsum_vjp(g, xs, *, inputs, output, needs):
    return [
        _einsum_operand(g, xs, inputs, output, i) if needed else None
        for i, needed in enumerate(needs)
    ]


def _einsum_operand(g, xs, inputs, output, number):
    """One operand's cotangent: einsum of `g` with the others, repeated along its lonely labels."""
    labels = inputs[number]
    operands, names = [g], [output]
    for i, x in enumerate(xs):
        if i != number:
            operands.append(x)
            names.append(inputs[i])
    known = {label for group in names for label in group}
    kept = tuple(label for label in labels if label in known)
    r = einsum(*operands, inputs=tuple(names), output=kept)
    if kept == labels:
        return r
    shape = xs[number].shape
    ones = tuple(n if label in known else 1 for label, n in zip(labels, shape, strict=True))
    return broadcast_to(reshape(r, shape=ones), shape=shape)


multilinear(einsum, _einsum_vjp, fresh=False)


# --- others ---------------------------------------------------------------------------------------


@primitive
def cross(x, y, *, axis):
    """The cross product along a dimension of size 3; the other dimensions broadcast."""
    x, y = np.broadcast_arrays(np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0))
    result = np.empty_like(x, order="C")
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        result[i] = x[j] * y[k] - x[k] * y[j]
    return np.array(np.moveaxis(result, 0, axis), order="C")


multilinear(
    cross,
    lambda g, y, *, axis: cross(y, g, axis=axis),
    lambda g, x, *, axis: cross(g, x, axis=axis),
)
