"""Linear algebra on (batches of) matrices. Imports NumPy only.

Rules are written transposed without conjugation: where a text has the adjoint of a factor, they
have its transpose for real matrices, and its conjugates where a factor is unitary.
"""

import numpy as np

from .contraction import swap
from .reduction import sum_over
from .rule import elementwise, general, linear, primitive
from .shape import reshape


def last(x):
    """The number of the last dimension."""
    return len(x.shape) - 1


# --- diagonals and triangles ----------------------------------------------------------------------


@primitive
def diagonal_matrix(x):
    """Square matrices with the last dimension of `x` on their diagonals."""
    n = x.shape[-1]
    result = np.zeros((*x.shape, n), x.dtype)
    i = np.arange(n)
    result[..., i, i] = x
    return result


@primitive
def diagonal_of(x):
    """The diagonals of square matrices."""
    i = np.arange(x.shape[-1])
    return x[..., i, i]


linear(diagonal_matrix, lambda g: diagonal_of(g), fresh=True)
linear(diagonal_of, lambda g: diagonal_matrix(g), fresh=True)


@primitive
def triangle(x, *, diagonal, upper):
    """The part below (or above) the diagonal, and `diagonal` times the diagonal itself."""
    part = np.triu(x, 1) if upper else np.tril(x, -1)
    if diagonal:
        i = np.arange(min(x.shape[-2:]))
        part[..., i, i] = x[..., i, i] * diagonal
    return part


linear(
    triangle, lambda g, *, diagonal, upper: triangle(g, diagonal=diagonal, upper=upper), fresh=True
)


@primitive
def conjugated(x):
    """The conjugate of a complex array; a real one itself."""
    return np.conjugate(x) if x.dtype.kind == "c" else x


general(conjugated, lambda g: conjugated(g), fresh=False)


# --- eigenvalues ----------------------------------------------------------------------------------


@primitive
def eigh(x, *, upper):
    """Eigenvalues (ascending) and eigenvectors (columns) of symmetric or Hermitian matrices."""
    values, vectors = np.linalg.eigh(x, "U" if upper else "L")
    return values, vectors


@primitive
def spectral_gaps(x):
    """1 / (x_j - x_i) off the diagonal, 0 on it."""
    d = x[..., None, :] - x[..., :, None]
    i = np.arange(x.shape[-1])
    d[..., i, i] = np.inf
    return 1 / d


def _gaps_vjp(g, out):
    t = -g * out * out
    down = sum_over(t, axes=(last(t) - 1,), keepdims=False)
    return down - sum_over(t, axes=(last(t),), keepdims=False)


general(spectral_gaps, _gaps_vjp)


def _eigh_vjp(g0, g1, out0, out1):
    # M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
    # differentiation" (2008), section 3.1, made symmetric as the input is; where the vectors are
    # complex the left factor is conjugated, since rules are transposed.
    inner = diagonal_matrix(g0) + spectral_gaps(out0) * np.matmul(swap(out1), g1)
    whole = np.matmul(np.matmul(conjugated(out1), inner), swap(out1))
    return (whole + swap(conjugated(whole))) * 0.5


general(eigh, _eigh_vjp, results=2)


# --- inverse, determinant, equations --------------------------------------------------------------


@primitive
def inverse(x):
    """The inverse; LinAlgError for a singular matrix."""
    return np.linalg.inv(x)


def _inverse_vjp(g, out):
    return -np.matmul(np.matmul(swap(out), g), swap(out))


general(inverse, _inverse_vjp)


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


general(cofactors, _cofactors_vjp)


def matrix_of(x):
    """Numbers as matrices of one element."""
    return reshape(x, shape=(*x.shape, 1, 1))


general(det, lambda g, x: matrix_of(g) * cofactors(x))


@primitive
def slogdet(x):
    """The sign of the determinant and the logarithm of its absolute value."""
    return tuple(np.linalg.slogdet(x))


general(slogdet, lambda g1, x: matrix_of(g1) * swap(inverse(x)), results=2)


@primitive
def solve(x, y, *, vector):
    """The z with x z = y, a matrix or a vector; LinAlgError for a singular x."""
    return np.linalg.solve(x, y[..., None])[..., 0] if vector else np.linalg.solve(x, y)


def _solve_x(g, x, out, *, vector):
    h = solve(swap(x), g, vector=vector)
    if vector:
        h, out = reshape(h, shape=(*h.shape, 1)), reshape(out, shape=(*out.shape, 1))
    return -np.matmul(h, swap(out))


general(solve, _solve_x, lambda g, x, *, vector: solve(swap(x), g, vector=vector))


@primitive
def solve_triangle(x, y, *, upper, unit):
    """The matrix z with x z = y for a triangle of x (unit: with ones on its diagonal)."""
    return np.linalg.solve(_triangular(x, upper, unit), y)


def _triangular(x, upper, unit):
    x = np.triu(x) if upper else np.tril(x)
    if unit:
        i = np.arange(x.shape[-1])
        x[..., i, i] = 1
    return x


def _solve_triangle_y(g, x, *, upper, unit):
    return solve_triangle(swap(x), g, upper=not upper, unit=unit)


def _solve_triangle_x(g, x, out, *, upper, unit):
    whole = -np.matmul(_solve_triangle_y(g, x, upper=upper, unit=unit), swap(out))
    return triangle(whole, diagonal=0 if unit else 1, upper=upper)


general(solve_triangle, _solve_triangle_x, _solve_triangle_y)


# --- factorizations -------------------------------------------------------------------------------


@primitive
def cholesky(x):
    """The lower triangle L with x = L L^T; LinAlgError unless x is positive definite."""
    return np.linalg.cholesky(x)


def _cholesky_vjp(g, out):
    # I. Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10, made symmetric
    inner = triangle(np.matmul(swap(out), g), diagonal=0.5, upper=False)
    left = solve_triangle(swap(out), inner, upper=True, unit=False)
    whole = swap(solve_triangle(swap(out), swap(left), upper=True, unit=False))
    return (whole + swap(whole)) * 0.5


general(cholesky, _cholesky_vjp)


@primitive
def qr(x):
    """Q with orthonormal columns and an upper triangle R with x = Q R (the reduced form)."""
    return tuple(np.linalg.qr(x))


def _symmetric_from_lower(m):
    """The symmetric matrix with the lower triangle of `m`."""
    below = triangle(m, diagonal=0.5, upper=False)
    return below + swap(below)


def _qr_vjp(g0, g1, out0, out1):
    # S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with
    # application in optimum experimental design" (2010), section 3.3
    inner = np.matmul(out1, swap(g1)) - np.matmul(swap(g0), out0)
    right = g0 + np.matmul(out0, _symmetric_from_lower(inner))
    return swap(solve_triangle(out1, swap(right), upper=True, unit=False))


general(qr, _qr_vjp, results=2)


@primitive
def svd(x):
    """U, S and V with x = U diag(S) V (the reduced form), S descending."""
    return tuple(np.linalg.svd(x, full_matrices=False))


@primitive
def svdvals(x):
    """The singular values, descending."""
    return np.linalg.svd(x, compute_uv=False)


@primitive
def reciprocal_or_zero(x):
    """1 / x, and 0 at 0."""
    with np.errstate(all="ignore"):
        return np.where(x == 0, x.dtype.type(0), 1 / x)


elementwise(reciprocal_or_zero, lambda g, out: -g * (out * out))


def _svd_vjp(g0, g1, g2, out0, out1, out2):
    # J. Townsend, "Differentiating the singular value decomposition" (2016), equations 31-36
    u, s, v = out0, out1, swap(out2)
    gu, gv = g0, swap(g2)
    row = reshape(s, shape=(*s.shape[:-1], 1, s.shape[-1]))
    gaps = spectral_gaps(s * s)
    pu, pv = np.matmul(swap(u), gu), np.matmul(swap(v), gv)
    middle = (gaps * (pu - swap(pu))) * row + swap(swap(gaps * (pv - swap(pv))) * row)
    middle = middle + diagonal_matrix(g1)
    whole = np.matmul(np.matmul(u, middle), swap(v))
    inv = reciprocal_or_zero(row)
    if u.shape[-2] > u.shape[-1]:
        whole = whole + np.matmul((gu - np.matmul(u, pu)) * inv, swap(v))
    if v.shape[-2] > v.shape[-1]:
        whole = whole + np.matmul(u * inv, swap(gv - np.matmul(v, pv)))
    return whole


general(svd, _svd_vjp, results=3)


@primitive
def pinv(x, *, rcond, hermitian):
    """The Moore-Penrose inverse; singular values up to rcond times the largest count as 0."""
    return np.linalg.pinv(x, rcond, hermitian=hermitian)


def _pinv_vjp(g, x, out):
    # G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    # problems whose variables separate" (1973), equation 4.12, transposed
    pt = swap(out)
    gt = swap(g)
    rows = gt - np.matmul(np.matmul(x, out), gt)
    columns = gt - np.matmul(gt, np.matmul(out, x))
    result = np.matmul(rows, np.matmul(out, pt)) + np.matmul(np.matmul(pt, out), columns)
    return result - np.matmul(np.matmul(pt, g), pt)


general(pinv, _pinv_vjp)
