"""The LU factors of (batches of) matrices. Imports triangular, whose text says how rules are
written.
"""

import math

import numpy as np

from .complex import conj
from .contraction import swap
from .joining import cat
from .rule import ALIGNED, LEADING, constant, general, linear, multilinear, primitive
from .triangular import (
    columns,
    columns_of,
    filled_triangle,
    last,
    matrix_batch,
    rows_of,
    solve_triangle,
    triangle,
)

#: columns that are eliminated one by one before the rest of the matrix sees them, all at once
PANEL = 32


def lu_kernel(x):
    """L below and U on and above the diagonal of one array, the rows exchanged (counted from 1),
    and the number of the first zero pivot (0: none): Gaussian elimination with partial pivoting.

    G. Golub and C. Van Loan, "Matrix computations" (2013), algorithms 3.2.1 and 3.4.1, in panels.
    """
    *batch, m, n = x.shape
    a = np.array(x, np.result_type(x, np.float64)).reshape(math.prod(batch), m, n)
    k = min(m, n)
    pivots = np.zeros((len(a), k), np.int32)
    info = np.zeros(len(a), np.int32)
    with np.errstate(all="ignore"):
        for start in range(0, k, PANEL):
            stop = min(start + PANEL, k)
            for j in range(start, stop):
                _eliminate(a, j, stop, pivots, info)
            if stop < n:
                panel = filled_triangle(a[:, start:stop, start:stop], False, True)
                a[:, start:stop, stop:] = np.linalg.solve(panel, a[:, start:stop, stop:])
                a[:, stop:, stop:] -= np.matmul(a[:, stop:, start:stop], a[:, start:stop, stop:])
    lu = columns(a.astype(x.dtype).reshape(x.shape))
    return lu, pivots.reshape(*batch, k), info.reshape(batch)


def _eliminate(a, j, stop, pivots, info):
    """Column j of all matrices: the largest element to the diagonal, the rest out of the panel."""
    each = np.arange(len(a))
    column = a[:, j:, j]
    size = np.abs(column.real) + np.abs(column.imag) if a.dtype.kind == "c" else np.abs(column)
    row = size.argmax(-1) + j
    pivots[:, j] = row + 1
    chosen = a[each, row]
    a[each, row] = a[:, j]
    a[:, j] = chosen
    pivot = chosen[:, j]
    zero = pivot == 0
    info[(info == 0) & zero] = j + 1
    a[:, j + 1 :, j] /= np.where(zero, 1, pivot)[:, None]
    a[:, j + 1 :, j + 1 : stop] -= a[:, j + 1 :, j, None] * a[:, j, None, j + 1 : stop]


def _exchanged(pivots, rows):
    """The order of `rows` rows after exchanges: where each of the new ones was."""
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    order = np.tile(np.arange(rows), (len(flat), 1))
    each = np.arange(len(flat))
    for k, row in enumerate(flat.T - 1):
        order[each, row], order[:, k] = order[:, k], order[each, row]
    return order.reshape(*pivots.shape[:-1], rows)


@primitive
def exchange(x, pivots, *, back):
    """The rows of x exchanged with those that `pivots` names, one after the other; or put back."""
    order = _exchanged(pivots, x.shape[-2])
    if back:
        order = np.argsort(order, -1)
    batch = np.broadcast_shapes(x.shape[:-2], pivots.shape[:-1])
    order = np.broadcast_to(order, (*batch, order.shape[-1]))[..., None]
    return np.take_along_axis(np.broadcast_to(x, (*batch, *x.shape[-2:])), order, -2)


multilinear(
    exchange,
    lambda g, pivots, *, back: exchange(g, pivots, back=not back),
    None,
    batch=matrix_batch(2, 1),
)


@primitive
def permutation(x, pivots):
    """The matrix P with A = P L U, in the dtype of x, which has A's shape."""
    m = x.shape[-2]
    order = np.argsort(_exchanged(pivots, m), -1)
    result = np.asarray(order[..., :, None] == np.arange(m), x.dtype)
    if result.shape[:-2] == x.shape[:-2]:
        return result
    batch = np.broadcast_shapes(x.shape[:-2], result.shape[:-2])
    return np.array(np.broadcast_to(result, (*batch, m, m)))


constant(permutation, batch=matrix_batch(2, 1))


@primitive
def triangles(x, *, unit):
    """The lower and the upper triangle of x, one of each its smaller size; `unit` on the lower
    one's diagonal.
    """
    k = min(x.shape[-2:])
    lower = np.tril(x[..., :k], -1)
    i = np.arange(k)
    lower[..., i, i] = unit
    return lower, np.triu(x[..., :k, :])


@primitive
def packed(x, y):
    """What stands below the diagonal of x, with the upper triangle of y, in one matrix."""
    m, n = x.shape[-2], y.shape[-1]
    result = np.zeros((*x.shape[:-2], m, n), x.dtype)
    result[..., : x.shape[-1]] = np.tril(x, -1)
    result[..., : y.shape[-2], :] += np.triu(y)
    return result


general(
    triangles,
    lambda g0, g1: packed(g0, g1),
    jvp=lambda t: triangles(t, unit=0),
    results=2,
    batch=ALIGNED,
)
linear(
    packed,
    lambda g: triangles(g, unit=0)[0],
    lambda g: triangles(g, unit=0)[1],
    fresh=True,
    batch=LEADING,
)


def lu_gradient(gl, gu, lower, upper):
    """The cotangent of P^T A from those of L and U.

    F. de Hoog, R. Anderssen and M. Lukas, "Differentiation of matrix functionals using triangular
    factorization" (2011), theorem 5; the rows below a square L and the columns beside a square U
    are solutions of equations, which come first.
    """
    m, n, k = lower.shape[-2], upper.shape[-1], lower.shape[-1]
    below = beside = None
    square_l, square_u = rows_of(lower, 0, k), columns_of(upper, 0, k)
    head_l, head_u = rows_of(gl, 0, k), columns_of(gu, 0, k)
    if m > k:
        below = _solve_right(rows_of(gl, k, m), square_u)
        head_u = head_u - np.matmul(swap(rows_of(lower, k, m)), below)
    if n > k:
        beside = _solve_down(square_l, columns_of(gu, k, n))
        head_l = head_l - np.matmul(beside, swap(columns_of(upper, k, n)))
    inner = triangle(np.matmul(swap(square_l), head_l), diagonal=0, upper=False) + triangle(
        np.matmul(head_u, swap(square_u)), diagonal=1, upper=True
    )
    whole = _solve_right(_solve_down(square_l, inner), square_u)
    if below is not None:
        whole = cat(whole, below, axis=last(whole) - 1)
    return whole if beside is None else cat(whole, beside, axis=last(whole))


def _solve_down(lower, g):
    return solve_triangle(swap(lower), g, upper=True, unit=True)


def _solve_right(g, upper):
    return swap(solve_triangle(upper, swap(g), upper=True, unit=False))


@primitive
def lu_factor(x):
    """L and U in one matrix, the rows exchanged, and the number of the first zero pivot."""
    return lu_kernel(x)


def _lu_factor_vjp(g0, out0, out1):
    lower, upper = triangles(out0, unit=1)
    gl, gu = triangles(g0, unit=0)
    return exchange(lu_gradient(gl, gu, lower, upper), out1, back=True)


general(lu_factor, _lu_factor_vjp, results=3, batch=ALIGNED)


@primitive
def lu(x):
    """P, L and U with x = P L U."""
    factors, pivots, _ = lu_kernel(x)
    lower, upper = triangles(factors, unit=1)
    return permutation(x, pivots), lower, upper


general(
    lu,
    lambda g1, g2, out0, out1, out2: np.matmul(out0, lu_gradient(g1, g2, out1, out2)),
    results=3,
    batch=ALIGNED,
)


@primitive
def lu_solve(x, pivots, y, *, adjoint):
    """The z with A z = y (adjoint: A^H z = y) from the LU factors x of A."""
    if not adjoint:
        w = solve_triangle(x, exchange(y, pivots, back=False), upper=False, unit=True)
        return solve_triangle(x, w, upper=True, unit=False)
    x = conj(swap(x))
    w = solve_triangle(x, y, upper=False, unit=False)
    return columns(exchange(solve_triangle(x, w, upper=True, unit=True), pivots, back=True))


def _lu_solve_vjp(g, x, pivots, y, out, *, adjoint, needs):
    gy = lu_solve(conj(x), pivots, g, adjoint=not adjoint)
    if not needs[0]:
        return None, None, gy
    bar = conj(x)
    if adjoint:
        # U^H z = y, L^H w = z, out = P w
        w = exchange(out, pivots, back=False)
        z = solve_triangle(swap(bar), y, upper=False, unit=False)
        gz = solve_triangle(bar, exchange(g, pivots, back=False), upper=False, unit=True)
        gl = -np.matmul(conj(w), swap(conj(gz)))
        gu = -np.matmul(conj(z), swap(conj(gy)))
    else:
        # L w = P^T y, U out = w
        w = solve_triangle(x, exchange(y, pivots, back=False), upper=False, unit=True)
        gw = solve_triangle(swap(x), g, upper=False, unit=False)
        gl = -np.matmul(exchange(gy, pivots, back=False), swap(w))
        gu = -np.matmul(gw, swap(out))
    return packed(gl, gu), None, gy


general(lu_solve, _lu_solve_vjp, joint=True, batch=matrix_batch(2, 1, 2))


@primitive
def zero_pivot(x):
    """The number of the first zero pivot of each matrix; 0 if there is none."""
    return lu_kernel(x)[2]


constant(zero_pivot, batch=ALIGNED, ordered=False)
