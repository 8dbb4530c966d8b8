"""Diagonals, triangles and triangular equations of (batches of) matrices. Imports NumPy only.

Rules are written transposed without conjugation: where a text has a cotangent or a factor, they
have its conjugate; `swap` of it is then the text's adjoint, `swap(conj())` its transpose.
Matrices that LAPACK returns lie in memory column by column, as PyTorch's do.
"""

import math

import numpy as np

from .batching import aligned
from .contraction import swap
from .indexing import getitem
from .rule import ALIGNED, general, linear, primitive
from .shape import diagonal_copy, reshape, undiagonal


def last(x):
    """The number of the last dimension."""
    return len(x.shape) - 1


def columns(x):
    """The matrices `x`, or a copy of them, column by column in memory."""
    if lies_by_columns(x) and x.ndim == 2:
        return x
    turned = np.empty((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    turned[...] = np.swapaxes(x, -1, -2)
    return np.swapaxes(turned, -1, -2)


def lies_by_columns(x):
    """Whether the columns of matrices are what lies together in memory."""
    return x.strides[-2:] == (x.itemsize, x.itemsize * max(x.shape[-2], 1))


def matrix_batch(*dims):
    """`batch=` of functions whose inputs have these numbers of dimensions besides the batch's that
    PyTorch has.
    """

    return lambda fun, values, flags, kw: fun(*aligned(values, flags, dims), **kw)


def rows_of(x, first, end):
    """The rows from `first` to `end` of matrices."""
    return getitem(x, index=(..., slice(first, end), slice(None)))


def columns_of(x, first, end):
    """The columns from `first` to `end` of matrices."""
    return getitem(x, index=(..., slice(first, end)))


@primitive
def column_major(x):
    """A copy of matrices, column by column in memory."""
    return columns(x.copy())


linear(column_major, lambda g: column_major(g), fresh=True, batch=ALIGNED)


# --- diagonals and triangles ----------------------------------------------------------------------


def diagonal_matrix(x):
    """Square matrices with the last dimension of `x` on their diagonals."""
    n = last(x)
    return undiagonal(x, offset=0, axis1=n, axis2=n + 1, shape=(*x.shape, x.shape[-1]))


def diagonal_of(x):
    """The diagonals of square matrices, in new memory."""
    return diagonal_copy(x, offset=0, axis1=last(x) - 1, axis2=last(x))


@primitive
def triangle(x, *, diagonal, upper):
    """The part below (or above) the diagonal, and `diagonal` times the diagonal itself."""
    part = np.triu(x, 1) if upper else np.tril(x, -1)
    if diagonal:
        i = np.arange(min(x.shape[-2:]))
        part[..., i, i] = x[..., i, i] * diagonal
    return part


linear(
    triangle,
    lambda g, *, diagonal, upper: triangle(g, diagonal=diagonal, upper=upper),
    fresh=True,
    batch=ALIGNED,
)


# --- triangular equations -------------------------------------------------------------------------


@primitive
def solve_triangle(x, y, *, upper, unit):
    """The matrix z with x z = y for a triangle of x (unit: with ones on its diagonal); inf and nan
    for a singular one.
    """
    # Gaussian elimination of an upper triangle is back substitution: no row is exchanged.
    step = 1 if upper else -1
    u = filled_triangle(x, upper, unit)[..., ::step, ::step]
    y = y[..., ::step, :]
    try:
        z = np.linalg.solve(u, y)
    except np.linalg.LinAlgError:
        z = _substituted(u, y)
    return columns(z[..., ::step, :])


def filled_triangle(x, upper, unit):
    """A triangle of x and zeros; `unit`: with ones on the diagonal."""
    x = np.triu(x) if upper else np.tril(x)
    if unit:
        i = np.arange(x.shape[-1])
        x[..., i, i] = 1
    return x


def _substituted(u, y):
    """Back substitution with an upper triangle that has zeros on its diagonal."""
    n = u.shape[-1]
    batch = np.broadcast_shapes(u.shape[:-2], y.shape[:-2])
    z = np.array(np.broadcast_to(y, (*batch, *y.shape[-2:])), np.result_type(u, y))
    with np.errstate(all="ignore"):
        for k in range(n - 1, -1, -1):
            z[..., k, :] /= u[..., k, k, None]
            z[..., :k, :] -= u[..., :k, k, None] * z[..., None, k, :]
    return z


def _solve_triangle_y(g, x, *, upper, unit):
    return solve_triangle(swap(x), g, upper=not upper, unit=unit)


def _solve_triangle_x(g, x, out, *, upper, unit):
    whole = -np.matmul(_solve_triangle_y(g, x, upper=upper, unit=unit), swap(out))
    return triangle(whole, diagonal=0 if unit else 1, upper=upper)


def _solve_triangle_jvp(t, x, out, *, upper, unit):
    t = triangle(t, diagonal=0 if unit else 1, upper=upper)
    return -solve_triangle(x, np.matmul(t, out), upper=upper, unit=unit)


def solve_batch(fun, values, flags, kw):
    """`batch=` of equations: the right sides of one matrix stand beside each other."""
    x, y = values
    vector = kw.get("vector", False)
    if not flags[0] and x.ndim == 2:
        return _solve_columns(fun, x, y, vector, kw)
    return matrix_batch(2, 1 if vector else 2)(fun, values, flags, kw)


def _solve_columns(fun, x, y, vector, kw):
    """One factorization of x for all right sides y, which stand in columns beside each other."""
    y = y if vector else swap(y)
    columns = swap(reshape(y, shape=(math.prod(y.shape[:-1]), y.shape[-1])))
    z = reshape(swap(fun(x, columns, **kw | {"vector": False} if vector else kw)), shape=y.shape)
    return z if vector else swap(z)


general(
    solve_triangle,
    _solve_triangle_x,
    _solve_triangle_y,
    jvp=(
        _solve_triangle_jvp,
        lambda t, x, *, upper, unit: solve_triangle(x, t, upper=upper, unit=unit),
    ),
    batch=solve_batch,
)
