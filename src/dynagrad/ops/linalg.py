"""Inverses, equations and determinants of (batches of) matrices. Imports triangular, whose text
says how rules are written.
"""

import numpy as np

from .contraction import one_column, swap
from .lu import lu_kernel, lu_solve
from .reduction import sum_over
from .rule import ALIGNED, general, primitive
from .shape import reshape
from .triangular import columns, last, solve_batch

# --- inverse and equations ------------------------------------------------------------------------


@primitive
def inverse(x):
    """The inverse; inf and nan for a singular matrix."""
    try:
        # of the transpose, so that the result's columns are what lies together
        return np.swapaxes(np.linalg.inv(np.swapaxes(x, -1, -2)), -1, -2)
    except np.linalg.LinAlgError:
        factors, pivots, _ = lu_kernel(x)
        return lu_solve(factors, pivots, np.eye(x.shape[-1], dtype=x.dtype), adjoint=False)


def _inverse_vjp(g, out):
    return -np.matmul(np.matmul(swap(out), g), swap(out))


general(
    inverse,
    _inverse_vjp,
    jvp=lambda t, out: -np.matmul(np.matmul(out, t), out),
    batch=ALIGNED,
)


@primitive
def solve(x, y, *, vector):
    """The z with x z = y, a matrix or a vector; inf and nan for a singular x."""
    y = y[..., None] if vector else y
    try:
        z = np.linalg.solve(x, y)
    except np.linalg.LinAlgError:
        factors, pivots, _ = lu_kernel(x)
        z = lu_solve(factors, pivots, y, adjoint=False)
    if not vector:
        return columns(z)
    return columns(z[..., 0]) if z.ndim > 2 else z[..., 0]


def _solve_x(g, x, out, *, vector):
    h = solve(swap(x), g, vector=vector)
    if vector:
        h, out = one_column(h), one_column(out)
    return -np.matmul(h, swap(out))


def _product(x, y, vector):
    """x @ y for matrices x, and matrices or vectors y."""
    if not vector:
        return np.matmul(x, y)
    r = np.matmul(x, one_column(y))
    return reshape(r, shape=r.shape[:-1])


general(
    solve,
    _solve_x,
    lambda g, x, *, vector: solve(swap(x), g, vector=vector),
    jvp=(
        lambda t, x, out, *, vector: -solve(x, _product(t, out, vector), vector=vector),
        lambda t, x, *, vector: solve(x, t, vector=vector),
    ),
    batch=solve_batch,
)


# --- determinants ---------------------------------------------------------------------------------


@primitive
def det(x):
    """The determinant."""
    with np.errstate(all="ignore"):
        return np.linalg.det(x)


@primitive
def cofactors(x):
    """The matrix of cofactors, det(x) times the transposed inverse, for singular matrices too.

    From the singular values: cof(U S V) = det(U) det(V) U cof(S) V, where the cofactors of a
    diagonal matrix are the products of its other elements.
    """
    u, s, v = np.linalg.svd(np.conjugate(x))
    n = s.shape[-1]
    others = [np.multiply.reduce(np.delete(s, i, -1), -1) for i in range(n)]
    sign = np.conjugate(np.linalg.det(u) * np.linalg.det(v))
    middle = u * np.stack(others, -1)[..., None, :] if n else u
    return np.asarray(sign[..., None, None] * np.matmul(middle, v))


def _cofactors_vjp(g, x, out):
    # cof = det inv^T, hence d cof = tr(inv dx) cof - inv^T dx^T cof
    inv = inverse(x)
    trace = sum_over(g * out, axes=(last(out) - 1, last(out)), keepdims=True)
    return trace * swap(inv) - np.matmul(np.matmul(out, swap(g)), swap(inv))


def _cofactors_jvp(t, x, out):
    inv = swap(inverse(x))
    return _matrix_of(_inner_product(t, inv)) * out - np.matmul(np.matmul(inv, swap(t)), out)


general(cofactors, _cofactors_vjp, jvp=(_cofactors_jvp,), batch=ALIGNED)


def _matrix_of(x):
    """Numbers as matrices of one element."""
    return reshape(x, shape=(*x.shape, 1, 1))


def _inner_product(x, y):
    """The sum of the products of corresponding elements of matrices."""
    return sum_over(x * y, axes=(x.ndim - 2, x.ndim - 1), keepdims=False)


general(
    det,
    lambda g, x: _matrix_of(g) * cofactors(x),
    jvp=lambda t, x: _inner_product(t, cofactors(x)),
    batch=ALIGNED,
)


@primitive
def slogdet(x):
    """The sign of the determinant and the logarithm of its absolute value."""
    return tuple(np.linalg.slogdet(x))


def _slogdet_vjp(g0, g1, x, x_meta, out0):
    # d log|det| = Re tr(inv dx), d sign = sign * i Im tr(inv dx); the sign of real ones is constant
    if x_meta.dtype.kind == "c":
        turn = g0 * out0
        g1 = g1 + (turn - np.conjugate(turn)) * 0.5
    return _matrix_of(g1) * swap(inverse(x))


def _slogdet_jvp(t, x, x_meta, out0):
    t = _inner_product(t, swap(inverse(x)))
    of_sign = out0 * (t - np.conjugate(t)) * 0.5 if x_meta.dtype.kind == "c" else None
    return of_sign, t


general(slogdet, _slogdet_vjp, jvp=_slogdet_jvp, results=2, batch=ALIGNED)
