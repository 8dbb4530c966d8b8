"""Eigenvalues, singular values and what is made of them: pseudo-inverses, least squares, ranks; and
the matrix exponential. Imports triangular, whose text says how rules are written.
"""

import math

import numpy as np

from .batching import batch_size, with_batch
from .complex import conj, real_part
from .contraction import one_column, one_row, swap
from .linalg import solve
from .reduction import divide_or_zero, sum_over
from .rule import ALIGNED, LEADING, constant, general, linear, primitive
from .triangular import (
    columns,
    columns_of,
    diagonal_matrix,
    diagonal_of,
    last,
    matrix_batch,
    rows_of,
)

# --- eigenvalues ----------------------------------------------------------------------------------


@primitive
def eigh(x, *, upper):
    """Eigenvalues (ascending) and eigenvectors (columns) of symmetric or Hermitian matrices."""
    values, vectors = np.linalg.eigh(x, "U" if upper else "L")
    return values, columns(vectors)


@primitive
def over_gaps(x, values):
    """x_ij / (v_j - v_i), 0 on the diagonal; and where x is 0, so that close values, of which
    nothing depends on the vectors, do no harm.
    """
    gaps = values[..., None, :] - values[..., :, None]
    i = np.arange(values.shape[-1])
    gaps[..., i, i] = np.inf
    with np.errstate(all="ignore"):
        return np.where(x == 0, x.dtype.type(0), x / gaps)


def _gaps_vjp(g, values, values_meta, out):
    t = -over_gaps(g, values) * out
    t = t if values_meta.dtype.kind == "c" else real_part(t)
    down = sum_over(t, axes=(last(t) - 1,), keepdims=False)
    return down - sum_over(t, axes=(last(t),), keepdims=False)


def _gaps_jvp(t, values, out):
    row = one_row(t)
    return (one_column(t) - row) * over_gaps(out, values)


general(
    over_gaps,
    lambda g, values: over_gaps(g, values),
    _gaps_vjp,
    jvp=(lambda t, values: over_gaps(t, values), _gaps_jvp),
    batch=matrix_batch(2, 1),
)


def _eigh_vjp(g0, g1, out0, out1):
    # M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
    # differentiation" (2008), section 3.1, made symmetric as the input is; where the vectors are
    # complex the left factor is conj, since rules are transposed.
    inner = diagonal_matrix(g0) + over_gaps(np.matmul(swap(out1), g1), out0)
    whole = np.matmul(np.matmul(conj(out1), inner), swap(out1))
    return (whole + swap(conj(whole))) * 0.5


def _eigh_jvp(t, out0, out1):
    inner = np.matmul(np.matmul(swap(conj(out1)), t), out1)
    return real_part(diagonal_of(inner)), np.matmul(out1, over_gaps(inner, out0))


general(eigh, _eigh_vjp, jvp=_eigh_jvp, results=2, batch=ALIGNED)


@primitive
def eig(x):
    """Eigenvalues and eigenvectors (columns of norm 1) of square matrices, always complex."""
    values, vectors = np.linalg.eig(x)
    dtype = np.result_type(x.dtype, np.complex64)
    return values.astype(dtype, copy=False), columns(vectors.astype(dtype, copy=False))


def _eig_vjp(g0, g1, x_meta, out0, out1):
    # C. Boeddeker, P. Hanebrink, L. Drude, J. Heymann and R. Haeb-Umbach, "On the computation of
    # complex-valued gradients with application to statistically optimum beamforming" (2017),
    # equation 4.77: the vectors have norm 1, and a phase on which nothing may depend
    v = swap(out1)
    inner = np.matmul(v, g1)
    along = diagonal_of(inner)
    along = one_row(along + conj(along))
    inner = inner - np.matmul(v, conj(out1)) * along * 0.5
    whole = np.matmul(diagonal_matrix(g0) + over_gaps(inner, out0), v)
    whole = solve(v, whole, vector=False)
    return whole if x_meta.dtype.kind == "c" else real_part(whole)


def _eig_jvp(t, out0, out1):
    inner = solve(out1, np.matmul(t, out1), vector=False)
    moved = np.matmul(out1, over_gaps(inner, out0))
    along = diagonal_of(np.matmul(swap(conj(out1)), moved))
    along = one_row(along + conj(along))
    return diagonal_of(inner), moved - out1 * along * 0.5


general(eig, _eig_vjp, jvp=_eig_jvp, results=2, batch=ALIGNED)


@primitive
def only_values(x, *, kind):
    """The eigenvalues ("eig", of symmetric matrices "L" and "U" by their triangle) or the singular
    values ("svd") without the vectors.
    """
    if kind == "eig":
        return np.linalg.eigvals(x).astype(np.result_type(x.dtype, np.complex64), copy=False)
    if kind == "svd":
        return np.linalg.svd(x, compute_uv=False)
    return np.linalg.eigvalsh(x, kind)


constant(only_values, batch=ALIGNED, ordered=False)


# --- singular values ------------------------------------------------------------------------------


@primitive
def svd(x, *, full):
    """U, S and V with x = U diag(S) V, S descending; `full`: U and V are square."""
    u, s, v = np.linalg.svd(x, full_matrices=full)
    return columns(u), s, columns(v)


def _svd_vjp(g0, g1, g2, x_meta, out0, out1, out2, *, full):
    # J. Townsend, "Differentiating the singular value decomposition" (2016), equations 31-36, with
    # adjoints for transposes. The vectors of a complex matrix are determined up to a common phase
    # of u and v; what depends on it would count as a change of u. What completes the bases of full
    # matrices is arbitrary, and has no part in the gradient.
    k = min(x_meta.shape[-2:])
    if full:
        g0, out0 = columns_of(g0, 0, k), columns_of(out0, 0, k)
        g2, out2 = rows_of(g2, 0, k), rows_of(out2, 0, k)
    u, s, v = out0, out1, conj(swap(out2))
    gu, gv = g0, conj(swap(g2))
    row = one_row(s)
    square = s * s
    pu, pv = np.matmul(swap(u), gu), np.matmul(swap(v), gv)
    skew_u, skew_v = pu - swap(conj(pu)), pv - swap(conj(pv))
    middle = (
        over_gaps(skew_u, square) * row
        + swap(swap(over_gaps(skew_v, square)) * row)
        + diagonal_matrix(g1)
    )
    if x_meta.dtype.kind == "c":
        middle = middle + diagonal_matrix(divide_or_zero(diagonal_of(skew_u), s) * 0.5)
    u_bar = conj(u)
    whole = np.matmul(np.matmul(u_bar, middle), swap(v))
    if u.shape[-2] > u.shape[-1]:
        whole = whole + np.matmul(divide_or_zero(gu - np.matmul(u_bar, pu), row), swap(v))
    if v.shape[-2] > v.shape[-1]:
        rest = gv - np.matmul(conj(v), pv)
        whole = whole + np.matmul(divide_or_zero(u_bar, row), swap(conj(rest)))
    return whole


general(svd, _svd_vjp, results=3, batch=ALIGNED)


# --- pseudo-inverse, rank and least squares -------------------------------------------------------


def _bound(sizes, atol, rtol):
    """Below what the absolute values `sizes` count as 0: max(atol, rtol * the largest)."""
    return np.maximum(sizes.max(-1, initial=0) * rtol, atol)[..., None]


@primitive
def matrix_rank(x, atol, rtol, *, hermitian):
    """The number of singular values above max(atol, rtol * largest)."""
    if hermitian:
        sizes = np.abs(np.linalg.eigvalsh(x))
    else:
        sizes = np.linalg.svd(x, compute_uv=False)
    return np.asarray((sizes > _bound(sizes, atol, rtol)).sum(-1), np.int64)


constant(matrix_rank, batch=matrix_batch(2, 0, 0), ordered=False)


def _pseudo_inverse(x, atol, rtol, hermitian):
    """The inverse without what is below the bounds, and the singular values."""
    if hermitian:
        s, v = np.linalg.eigh(x)
        u, sizes = np.conjugate(np.swapaxes(v, -1, -2)), np.abs(s)
    else:
        w, s, v = np.linalg.svd(x, full_matrices=False)
        u, v, sizes = (*(np.conjugate(np.swapaxes(a, -1, -2)) for a in (w, v)), s)
    counted = sizes > _bound(sizes, atol, rtol)
    inverse = np.where(counted, 1 / np.where(counted, s, 1), 0)
    return np.matmul(v * inverse[..., None, :].astype(s.dtype), u), sizes, counted


@primitive
def pinv(x, atol, rtol, *, hermitian):
    """The Moore-Penrose inverse; singular values up to max(atol, rtol * largest) count as 0."""
    return _pseudo_inverse(x, atol, rtol, hermitian)[0]


def _pinv_of(g, x, out):
    # G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    # problems whose variables separate" (1973), equation 4.12, transposed
    pt, bar = swap(out), conj(out)
    gt = swap(conj(g))
    rows = gt - np.matmul(conj(np.matmul(x, out)), gt)
    across = gt - np.matmul(gt, conj(np.matmul(out, x)))
    result = np.matmul(rows, np.matmul(bar, pt)) + np.matmul(np.matmul(pt, bar), across)
    return result - np.matmul(np.matmul(pt, g), pt)


def _pinv_jvp(t, x, out):
    adjoint, out_adjoint = swap(conj(t)), swap(conj(out))
    rows = adjoint - np.matmul(adjoint, np.matmul(x, out))
    across = adjoint - np.matmul(np.matmul(out, x), adjoint)
    result = np.matmul(np.matmul(out, out_adjoint), rows)
    result = result + np.matmul(across, np.matmul(out_adjoint, out))
    return result - np.matmul(np.matmul(out, t), out)


general(
    pinv,
    lambda g, x, out: _pinv_of(g, x, out),
    jvp=(_pinv_jvp, None, None),
    batch=matrix_batch(2, 0, 0),
)


@primitive
def lstsq(x, y, *, rcond, residuals):
    """The least z with least |x z - y|, its squared residuals (`residuals`; empty if a matrix lacks
    rank), and the ranks.
    """
    m, n = x.shape[-2:]
    inverse, sizes, counted = _pseudo_inverse(x, 0.0, rcond, False)
    z = np.matmul(inverse, y)
    rank = np.asarray(counted.sum(-1), np.int64)
    rest = np.zeros(0, sizes.dtype)
    if residuals and (rank == n).all():
        rest = np.abs(np.matmul(x, z) - y)
        rest = np.add.reduce(rest * rest, -2)
    # as LAPACK, in whose memory the right sides have stood
    memory = np.zeros((*z.shape[:-2], z.shape[-1], max(m, n)), z.dtype)
    held = np.swapaxes(memory, -1, -2)[..., :n, :]
    held[...] = z
    return held, rest, rank


def _lstsq_vjp(g0, g1, x, y, out0, *, rcond, needs):
    inverse = pinv(x, 0.0, rcond, hermitian=False)
    gy = np.matmul(swap(inverse), g0)
    gx = _pinv_of(np.matmul(g0, swap(y)), x, inverse) if needs[0] else None
    if math.prod(g1.shape):
        # the residual is least, so that it does not depend on the solution
        weights = one_row(g1) * 2
        away = conj(y - np.matmul(x, out0)) * weights
        gy = gy + away
        if needs[0]:
            gx = gx - np.matmul(away, swap(out0))
    return gx, gy


def _lstsq_batch(fun, values, flags, kw):
    size = batch_size(values, flags)
    z, rest, rank = matrix_batch(2, 2)(fun, values, flags, kw)
    return z, with_batch(rest, rest.ndim > 1, size), with_batch(rank, flags[0], size)


general(lstsq, _lstsq_vjp, joint=True, results=3, batch=_lstsq_batch)


# --- the exponential ------------------------------------------------------------------------------

#: the coefficients of Padé's approximant of degree 13, and the norm up to which it is exact to
#: rounding
PADE = (
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
)
PADE_NORM = 5.371920351148152


@primitive
def matrix_exp(x):
    """The exponential of square matrices, scaled, approximated and squared.

    N. Higham, "The scaling and squaring method for the matrix exponential revisited" (2005),
    algorithm 2.3, always with degree 13.
    """
    n = x.shape[-1]
    a = x.astype(np.result_type(x, np.float64))
    with np.errstate(all="ignore"):
        norm = np.add.reduce(np.abs(a), -2).max(-1, initial=0)
        # a matrix that is not finite is not scaled, but yields nan
        norm = np.where(np.isfinite(norm), norm, 0)
        halvings = np.ceil(np.log2(np.maximum(norm / PADE_NORM, 1))).astype(np.int64)
        a = a * np.ldexp(1.0, -halvings)[..., None, None]
        b, eye = PADE, np.eye(n)
        a2 = np.matmul(a, a)
        a4 = np.matmul(a2, a2)
        a6 = np.matmul(a2, a4)
        odd = np.matmul(a6, b[13] * a6 + b[11] * a4 + b[9] * a2)
        odd = np.matmul(a, odd + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
        even = np.matmul(a6, b[12] * a6 + b[10] * a4 + b[8] * a2)
        even = even + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * eye
        r = np.linalg.solve(even - odd, even + odd)
        for k in range(int(halvings.max(initial=0))):
            r = np.where((k < halvings)[..., None, None], np.matmul(r, r), r)
    return r.astype(x.dtype)


@primitive
def beside(x, y):
    """The matrices [[x, y], [0, x]]."""
    n = x.shape[-1]
    result = np.zeros((*x.shape[:-2], 2 * n, 2 * n), np.result_type(x, y))
    result[..., :n, :n] = result[..., n:, n:] = x
    result[..., :n, n:] = y
    return result


@primitive
def corner(x):
    """The upper right quarter of matrices."""
    n = x.shape[-1] // 2
    return np.ascontiguousarray(x[..., :n, n:])


def _on_diagonal(g):
    n = g.shape[-1] // 2
    return columns_of(rows_of(g, 0, n), 0, n) + columns_of(rows_of(g, n, 2 * n), n, 2 * n)


linear(beside, lambda g: _on_diagonal(g), lambda g: corner(g), fresh=True, batch=LEADING)
linear(corner, lambda g: beside(g * 0, g), fresh=True, batch=ALIGNED)


def _frechet(x, direction):
    """The derivative of the exponential at x: I. Najfeld and T. Havel, "Derivatives of the matrix
    exponential and their computation" (1995), theorem 4.11.
    """
    return corner(matrix_exp(beside(x, direction)))


general(
    matrix_exp,
    lambda g, x: _frechet(swap(x), g),
    jvp=lambda t, x: _frechet(x, t),
    batch=ALIGNED,
)
