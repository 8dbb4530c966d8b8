"""Products that sum over dimensions: matrix products, einsum, cross. Imports NumPy only."""

import math

import numpy as np

from .batching import as_rows, batch_size, of_rank, with_batch
from .elementwise import in_single, is_half
from .reduction import sum_over
from .rule import ALIGNED, general, linear, multilinear, primitive, same
from .shape import broadcast_to, copy, reshape, sum_to, transpose, undiagonal


@primitive
def swap(x):
    """A view with the last two dimensions exchanged; a vector stays."""
    return x.T if x.ndim <= 2 else x.swapaxes(-1, -2)


def _swap_batch(fun, values, flags, kw):
    return swap(values[0]) if values[0].ndim > 2 else values[0]


linear(swap, lambda g: swap(g), batch=_swap_batch)


def one_column(x):
    """Vectors as matrices of one column."""
    return reshape(x, shape=(*x.shape, 1))


def one_row(x):
    """Vectors as matrices of one row."""
    return reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


# --- matrix products ------------------------------------------------------------------------------


def _left(g, x_meta, y):
    """The cotangent of x in x @ y; 1-d operands are rows (x) or columns (y)."""
    if y.ndim == 1:
        return one_column(g) * y
    if len(x_meta.shape) == 1:
        column = np.matmul(y, one_column(g))
        return reshape(column, shape=column.shape[:-1])
    return np.matmul(g, swap(y))


def _right(g, x, y_meta):
    """The cotangent of y in x @ y."""
    if x.ndim == 1:
        if len(y_meta.shape) == 1:
            return g * x
        return reshape(x, shape=(x.shape[0], 1)) * one_row(g)
    if len(y_meta.shape) == 1:
        rows, n = math.prod(x.shape[:-1]), x.shape[-1]
        return np.matmul(reshape(g, shape=(rows,)), reshape(x, shape=(rows, n)))
    return np.matmul(swap(x), g)


@primitive
def outer(x, y):
    """The products of each element of a vector by each of another one; other dimensions broadcast.

    BLAS would be called once for each pair of vectors; einsum takes a quarter less than multiply.
    """
    if is_half(y):
        return in_single(outer, x, y)
    return np.einsum("...i,...j->...ij", x, y, order="C")


multilinear(
    outer,
    lambda g, y: without_last(np.matmul(g, one_column(y))),
    lambda g, x: without_last(np.matmul(swap(g), one_column(x))),
    batch=ALIGNED,
)


def without_last(x):
    """Matrices of one column, or rows of one element, without that dimension."""
    return reshape(x, shape=x.shape[:-1])


def product(x, y, in_x, in_y):
    """x @ y for each example; `in_x` and `in_y` tell which of them has the batch.

    Where one factor is the same for all examples and a matrix at most, the other one's rows are
    multiplied by it together.
    """
    rank_x, rank_y = x.ndim - in_x, y.ndim - in_y
    if in_x and not in_y and rank_y <= 2:
        return _all_rows(x, y)
    if in_y and not in_x and rank_x <= 2:
        if rank_y == 1:
            return np.matmul(y, swap(x))
        if rank_x == 2 and y.shape[-1] == 1:
            of_columns = _all_rows(reshape(y, shape=y.shape[:-1]), swap(x))
            return one_column(of_columns)
    if rank_x == 1:
        x = one_row(x)
    if rank_y == 1:
        y = one_column(y)
    rank = max(rank_x, rank_y, 2)
    x, y = of_rank(x, rank) if in_x else x, of_rank(y, rank) if in_y else y
    if x.shape[-1] == 1:
        r = outer(without_last(x), reshape(y, shape=(*y.shape[:-2], y.shape[-1])))
    else:
        r = np.matmul(x, y)
    if rank_x > 1 and rank_y > 1:
        return r
    lead = r.shape[:-2]
    return reshape(r, shape=lead + r.shape[-2:-1] * (rank_x > 1) + r.shape[-1:] * (rank_y > 1))


def _all_rows(x, y):
    """The rows of x, in all its dimensions but the last, times one vector or matrix."""
    if x.ndim == 2:
        return np.matmul(x, y)
    rows = reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))
    return reshape(np.matmul(rows, y), shape=x.shape[:-1] + y.shape[1:])


def _product_batch(fun, values, flags, kw):
    return product(*values, *flags)


multilinear(np.matmul, _left, _right, batch=_product_batch)


@primitive
def matmul_in_single(x, y):
    """np.matmul of 16-bit floats, computed in float32 and rounded once."""
    return in_single(np.matmul, x, y)


multilinear(matmul_in_single, _left, _right, batch=_product_batch)


@primitive
def mm(x, y, *, flip):
    """The product of two matrices. `flip`: for each, whether its cotangent is computed transposed.

    That is done for operands in column-major order, such as the weight W of x @ W.T: behind the
    transposition its gradient is then contiguous without a copy.
    """
    if is_half(y):
        return in_single(mm, x, y, flip=flip)
    return x.dot(y)


def _mm_left(g, y, *, flip):
    return swap(np.matmul(y, swap(g))) if flip[0] else np.matmul(g, swap(y))


def _mm_right(g, x, *, flip):
    return swap(np.matmul(swap(g), x)) if flip[1] else np.matmul(swap(x), g)


multilinear(mm, _mm_left, _mm_right, batch=_product_batch)


def scaled(x, factor):
    """x * factor for a Python number."""
    return x if factor == 1 else x * factor


@primitive
def addmm(bias, x, y, *, beta, alpha, flip):
    """beta * bias + alpha * (x @ y) for (batches of) matrices; beta 0 ignores bias."""
    if is_half(y):
        return in_single(addmm, bias, x, y, beta=beta, alpha=alpha, flip=flip)
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


def _with_bias(bias, x, y, flags, kw):
    """beta * bias + alpha * (x @ y) for each example."""
    size = batch_size((bias, x, y), flags)
    in_product = flags[1] or flags[2]
    r = product(x, y, flags[1], flags[2]) if in_product else np.matmul(x, y)
    r = scaled(with_batch(r, in_product, size), kw.get("alpha", 1))
    beta = kw.get("beta", 1)
    if beta == 0:
        return r
    return r + scaled(of_rank(bias, r.ndim - 1) if flags[0] else bias, beta)


def _with_bias_batch(fun, values, flags, kw):
    bias, x, y = values
    return _with_bias(bias, x, y, flags, kw)


#: the forward modes of the three inputs of bias + x @ y
_PUSHED = (
    lambda t, *, beta: scaled(t, beta),
    lambda t, y, *, alpha: scaled(np.matmul(t, y), alpha),
    lambda t, x, *, alpha: scaled(np.matmul(x, t), alpha),
)

general(
    addmm,
    _addmm_bias,
    lambda g, y, *, alpha, flip: scaled(_mm_left(g, y, flip=flip), alpha),
    lambda g, x, *, alpha, flip: scaled(_mm_right(g, x, flip=flip), alpha),
    jvp=_PUSHED,
    batch=_with_bias_batch,
)


@primitive
def affine(bias, x, y):
    """x @ y + bias for two matrices and a vector, what a linear layer does; y is a turned weight.

    The cotangent of y is computed turned, so that the weight's comes out row by row.
    """
    if is_half(y):
        return in_single(affine, bias, x, y)
    product = np.matmul(x, y)
    product += bias
    return product


def _affine_batch(fun, values, flags, kw):
    bias, x, y = values
    if flags[0] or flags[2] or bias.ndim > 1:
        return _with_bias(bias, x, y, flags, kw)
    return reshape(fun(bias, as_rows(x), y), shape=(*x.shape[:2], y.shape[1]))


general(
    affine,
    lambda g, bias_meta: sum_to(g, shape=bias_meta.shape),
    lambda g, y: np.matmul(g, swap(y)),
    lambda g, x: swap(np.matmul(swap(g), x)),
    jvp=(same, lambda t, y: np.matmul(t, y), lambda t, x: np.matmul(x, t)),
    batch=_affine_batch,
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
    jvp=_PUSHED,
    batch=_with_bias_batch,
)


@primitive
def addbmm(bias, x, y, *, beta, alpha):
    """beta * bias + alpha * sum of the products of the matrices x[i] @ y[i]."""
    n, k = x.shape[1], x.shape[0] * x.shape[2]
    rows = x.transpose(1, 0, 2).reshape(n, k)
    return addmm.__wrapped__(bias, rows, y.reshape(k, -1), beta=beta, alpha=alpha, flip=None)


def _sum_of_products(x, y):
    return sum_over(np.matmul(x, y), axes=(0,), keepdims=False)


def _addbmm_batch(fun, values, flags, kw):
    bias, x, y = values
    at = int(flags[1])
    count, n, k = x.shape[at:]
    x = transpose(x, axes=(*range(at), at + 1, at, at + 2))
    x = reshape(x, shape=(*x.shape[:at], n, count * k))
    at = int(flags[2])
    y = reshape(y, shape=(*y.shape[:at], count * k, y.shape[-1]))
    return _with_bias(bias, x, y, flags, kw)


general(
    addbmm,
    _addmm_bias,
    lambda g, y, *, alpha: scaled(np.matmul(g, swap(y)), alpha),
    lambda g, x, *, alpha: scaled(np.matmul(swap(x), g), alpha),
    jvp=(
        _PUSHED[0],
        lambda t, y, *, alpha: scaled(_sum_of_products(t, y), alpha),
        lambda t, x, *, alpha: scaled(_sum_of_products(x, t), alpha),
    ),
    batch=_addbmm_batch,
)


@primitive
def addr(bias, x, y, *, beta, alpha):
    """beta * bias + alpha * (outer product of two vectors)."""
    return addmm.__wrapped__(bias, x[:, None], y[None, :], beta=beta, alpha=alpha, flip=None)


def _addr_batch(fun, values, flags, kw):
    bias, x, y = values
    row = one_row(y)
    return _with_bias(bias, one_column(x), row, flags, kw)


general(
    addr,
    _addmm_bias,
    lambda g, y, *, alpha: scaled(np.matmul(g, y), alpha),
    lambda g, x, *, alpha: scaled(np.matmul(x, g), alpha),
    jvp=(
        _PUSHED[0],
        lambda t, y, *, alpha: scaled(one_column(t) * y, alpha),
        lambda t, x, *, alpha: scaled(one_column(x) * t, alpha),
    ),
    batch=_addr_batch,
)


@primitive
def vdot(x, y):
    """The sum of conj(x) * y."""
    return np.vdot(x, y)


general(
    vdot,
    lambda g, y: np.conjugate(g * y),
    lambda g, x: g * np.conjugate(x),
    jvp=(lambda t, y: vdot(t, y), lambda t, x: vdot(x, t)),
    batch=lambda fun, values, flags, kw: product(np.conjugate(values[0]), values[1], *flags),
)


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


def _new_label(*groups):
    """The smallest number that labels no dimension yet."""
    used = {label for group in groups for label in group}
    return next(label for label in range(len(used) + 1) if label not in used)


def _diagonals_batch(fun, values, flags, kw):
    (x,) = values
    new = _new_label(kw["labels"])
    shape = {"shape": (x.shape[0], *kw["shape"])} if "shape" in kw else {}
    return fun(x, labels=(new, *kw["labels"]), output=(new, *kw["output"]), **shape)


linear(
    diagonals,
    lambda g, x_meta, *, labels, output: embed_diagonals(
        g, shape=x_meta.shape, labels=labels, output=output
    ),
    batch=_diagonals_batch,
)
linear(
    embed_diagonals,
    lambda g, *, labels, output: diagonals(g, labels=labels, output=output),
    batch=_diagonals_batch,
)


@primitive
def trace(x):
    """The sums of matrices' diagonals."""
    dtype = np.int64 if x.dtype.kind in "biu" else None
    return np.add.reduce(x.diagonal(0, -2, -1), -1, dtype=dtype)


def _trace_vjp(g, x_meta):
    shape = x_meta.shape
    rows, columns = len(shape) - 2, len(shape) - 1
    repeated = broadcast_to(one_column(g), shape=(*shape[:-2], min(shape[-2:])))
    return undiagonal(repeated, offset=0, axis1=rows, axis2=columns, shape=shape)


linear(trace, _trace_vjp, fresh=True, batch=ALIGNED)


# --- einsum ---------------------------------------------------------------------------------------


@primitive
def einsum(*xs, inputs, output):
    """The sum over all labels not in `output` of the product of the operands.

    `inputs` holds one tuple of labels (small integers) for each operand, without repetition; a
    label has the same size everywhere.
    """
    if is_half(xs[0]):
        return in_single(einsum, *xs, inputs=inputs, output=output)
    if len(xs) == 1:
        return np.array(np.einsum(xs[0], inputs[0], output))
    if len(xs) == 2:
        return _pair(xs[0], xs[1], inputs[0], inputs[1], output)
    operands = [part for pair in zip(xs, inputs, strict=True) for part in pair]
    with np.errstate(all="ignore"):  # NumPy's own frames would have a name to warn in
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
    # NumPy's own choice for small unsigned integers is an unsigned sum.
    dtype = np.int64 if x.dtype.kind in "biu" else None
    summed = np.add.reduce(x, lonely, dtype=dtype, out=...)
    return summed, [n for i, n in enumerate(labels) if i not in lonely]


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


def _einsum_batch(fun, values, flags, kw):
    new = _new_label(*kw["inputs"], kw["output"])
    inputs = [(new, *a) if flag else a for a, flag in zip(kw["inputs"], flags, strict=True)]
    return fun(*values, inputs=tuple(inputs), output=(new, *kw["output"]))


multilinear(einsum, _einsum_vjp, fresh=False, batch=_einsum_batch)


# --- others ---------------------------------------------------------------------------------------


@primitive
def cross(x, y, *, axis):
    """The cross product along a dimension of size 3; the other dimensions broadcast."""
    x, y = np.broadcast_arrays(np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0))
    result = np.empty_like(x, order="C")
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        result[i] = x[j] * y[k] - x[k] * y[j]
    return np.array(np.moveaxis(result, 0, axis), order="C")


def _cross_batch(fun, values, flags, kw):
    x, y = [
        v if flag else reshape(v, shape=(1, *v.shape))
        for v, flag in zip(values, flags, strict=True)
    ]
    axis = kw["axis"]
    return fun(x, y, axis=axis + 1 if axis >= 0 else axis)


multilinear(
    cross,
    lambda g, y, *, axis: cross(y, g, axis=axis),
    lambda g, x, *, axis: cross(g, x, axis=axis),
    batch=_cross_batch,
)
