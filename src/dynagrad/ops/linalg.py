"""Linear algebra on (batches of) matrices. Imports NumPy only.

Rules are written transposed without conjugation: where a text has a cotangent or a factor, they
have its conjugate; `swap` of it is then the text's adjoint, `swap(conjugated())` its transpose.
"""

import math

import numpy as np

from .batching import of_rank
from .contraction import swap
from .reduction import sum_over
from .rule import ALIGNED, constant, elementwise, general, linear, primitive
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


linear(diagonal_matrix, lambda g: diagonal_of(g), fresh=True, batch=ALIGNED)
linear(diagonal_of, lambda g: diagonal_matrix(g), fresh=True, batch=ALIGNED)


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


@primitive
def conjugated(x):
    """The conjugate of a complex array; a real one itself."""
    return np.conjugate(x) if x.dtype.kind == "c" else x


general(
    conjugated, lambda g: conjugated(g), fresh=False, jvp=lambda t: conjugated(t), batch=ALIGNED
)


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


def _gaps_jvp(t, out):
    row = reshape(t, shape=(*t.shape[:-1], 1, t.shape[-1]))
    return (reshape(t, shape=(*t.shape, 1)) - row) * (out * out)


general(spectral_gaps, _gaps_vjp, jvp=_gaps_jvp, batch=ALIGNED)


def _eigh_vjp(g0, g1, out0, out1):
    # M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
    # differentiation" (2008), section 3.1, made symmetric as the input is; where the vectors are
    # complex the left factor is conjugated, since rules are transposed.
    inner = diagonal_matrix(g0) + spectral_gaps(out0) * np.matmul(swap(out1), g1)
    whole = np.matmul(np.matmul(conjugated(out1), inner), swap(out1))
    return (whole + swap(conjugated(whole))) * 0.5


def _eigh_jvp(t, out0, out1):
    t = (t + swap(conjugated(t))) * 0.5
    inner = np.matmul(np.matmul(swap(conjugated(out1)), t), out1)
    return diagonal_of(inner), np.matmul(out1, spectral_gaps(out0) * inner)


general(eigh, _eigh_vjp, jvp=_eigh_jvp, results=2, batch=ALIGNED)


# --- inverse, determinant, equations --------------------------------------------------------------


@primitive
def inverse(x):
    """The inverse; LinAlgError for a singular matrix."""
    return np.linalg.inv(x)


def _inverse_vjp(g, out):
    return -np.matmul(np.matmul(swap(out), g), swap(out))


general(
    inverse,
    _inverse_vjp,
    jvp=lambda t, out: -np.matmul(np.matmul(out, t), out),
    batch=ALIGNED,
)


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
    return matrix_of(inner_product(t, inv)) * out - np.matmul(np.matmul(inv, swap(t)), out)


general(cofactors, _cofactors_vjp, jvp=(_cofactors_jvp,), batch=ALIGNED)


def matrix_of(x):
    """Numbers as matrices of one element."""
    return reshape(x, shape=(*x.shape, 1, 1))


def inner_product(x, y):
    """The sum of the products of corresponding elements of matrices."""
    return sum_over(x * y, axes=(x.ndim - 2, x.ndim - 1), keepdims=False)


general(
    det,
    lambda g, x: matrix_of(g) * cofactors(x),
    jvp=lambda t, x: inner_product(t, cofactors(x)),
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
    return matrix_of(g1) * swap(inverse(x))


def _slogdet_jvp(t, x, x_meta, out0):
    t = inner_product(t, swap(inverse(x)))
    of_sign = out0 * (t - np.conjugate(t)) * 0.5 if x_meta.dtype.kind == "c" else None
    return of_sign, t


general(slogdet, _slogdet_vjp, jvp=_slogdet_jvp, results=2, batch=ALIGNED)


@primitive
def solve(x, y, *, vector):
    """The z with x z = y, a matrix or a vector; LinAlgError for a singular x."""
    return np.linalg.solve(x, y[..., None])[..., 0] if vector else np.linalg.solve(x, y)


def _solve_x(g, x, out, *, vector):
    h = solve(swap(x), g, vector=vector)
    if vector:
        h, out = reshape(h, shape=(*h.shape, 1)), reshape(out, shape=(*out.shape, 1))
    return -np.matmul(h, swap(out))


def times(x, y, vector):
    """x @ y for matrices x, and matrices or vectors y."""
    if not vector:
        return np.matmul(x, y)
    r = np.matmul(x, reshape(y, shape=(*y.shape, 1)))
    return reshape(r, shape=r.shape[:-1])


def _solve_batch(fun, values, flags, kw):
    x, y = values
    vector = kw.get("vector", False)
    if not flags[0] and x.ndim == 2:
        return _solve_columns(fun, x, y, vector, kw)
    rank = max(x.ndim - flags[0], y.ndim - flags[1] + vector)
    x = of_rank(x, rank) if flags[0] else x
    return fun(x, of_rank(y, rank - vector) if flags[1] else y, **kw)


def _solve_columns(fun, x, y, vector, kw):
    """One factorization of x for all right sides y, which stand in columns beside each other."""
    y = y if vector else swap(y)
    columns = swap(reshape(y, shape=(math.prod(y.shape[:-1]), y.shape[-1])))
    z = reshape(swap(fun(x, columns, **kw | {"vector": False} if vector else kw)), shape=y.shape)
    return z if vector else swap(z)


general(
    solve,
    _solve_x,
    lambda g, x, *, vector: solve(swap(x), g, vector=vector),
    jvp=(
        lambda t, x, out, *, vector: -solve(x, times(t, out, vector), vector=vector),
        lambda t, x, *, vector: solve(x, t, vector=vector),
    ),
    batch=_solve_batch,
)


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


def _solve_triangle_jvp(t, x, out, *, upper, unit):
    t = triangle(t, diagonal=0 if unit else 1, upper=upper)
    return -solve_triangle(x, np.matmul(t, out), upper=upper, unit=unit)


general(
    solve_triangle,
    _solve_triangle_x,
    _solve_triangle_y,
    jvp=(
        _solve_triangle_jvp,
        lambda t, x, *, upper, unit: solve_triangle(x, t, upper=upper, unit=unit),
    ),
    batch=_solve_batch,
)


# --- factorizations -------------------------------------------------------------------------------


@primitive
def cholesky(x):
    """The lower triangle L with x = L L^H; LinAlgError unless x is positive definite."""
    return np.linalg.cholesky(x)


def _cholesky_vjp(g, out):
    # I. Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10, made Hermitian
    inner = triangle(np.matmul(swap(out), g), diagonal=0.5, upper=False)
    left = solve_triangle(swap(out), inner, upper=True, unit=False)
    factor = swap(conjugated(out))
    whole = swap(solve_triangle(factor, swap(left), upper=True, unit=False))
    return (whole + swap(conjugated(whole))) * 0.5


def _cholesky_jvp(t, out):
    half = solve_triangle(out, (t + swap(conjugated(t))) * 0.5, upper=False, unit=False)
    inner = solve_triangle(out, swap(conjugated(half)), upper=False, unit=False)
    return np.matmul(out, triangle(inner, diagonal=0.5, upper=False))


general(cholesky, _cholesky_vjp, jvp=_cholesky_jvp, batch=ALIGNED)


@primitive
def qr(x):
    """Q with orthonormal columns and an upper triangle R with x = Q R (the reduced form)."""
    return tuple(np.linalg.qr(x))


def _hermitian_from_lower(m):
    """The Hermitian matrix whose upper triangle is the transposed lower triangle of `m`."""
    below = triangle(m, diagonal=0.5, upper=False)
    return swap(below) + conjugated(below)


def _qr_vjp(g0, g1, out0, out1):
    # S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with
    # application in optimum experimental design" (2010), section 3.3; the diagonal of R is real,
    # also for complex matrices
    inner = np.matmul(out1, swap(g1)) - np.matmul(swap(g0), out0)
    right = g0 + np.matmul(conjugated(out0), _hermitian_from_lower(inner))
    return swap(solve_triangle(out1, swap(right), upper=True, unit=False))


general(qr, _qr_vjp, results=2, batch=ALIGNED)


@primitive
def svd(x):
    """U, S and V with x = U diag(S) V (the reduced form), S descending."""
    return tuple(np.linalg.svd(x, full_matrices=False))


@primitive
def svd_full(x):
    """U, S and V with square U and V."""
    return tuple(np.linalg.svd(x))


@primitive
def qr_complete(x):
    """Q and R with a square Q."""
    return tuple(np.linalg.qr(x, "complete"))


@primitive
def matrix_rank(x, *, atol, rtol):
    """The number of singular values above max(atol, rtol * largest)."""
    values = np.linalg.svd(x, compute_uv=False)
    bound = np.maximum(values.max(-1, initial=0) * rtol, atol)
    return np.asarray((values > bound[..., None]).sum(-1), np.int64)


constant(svd_full, batch=ALIGNED)
constant(qr_complete, batch=ALIGNED)
constant(matrix_rank, batch=ALIGNED)


@primitive
def reciprocal_or_zero(x):
    """1 / x, and 0 at 0."""
    with np.errstate(all="ignore"):
        return np.where(x == 0, x.dtype.type(0), 1 / x)


elementwise(reciprocal_or_zero, lambda g, out: -g * (out * out))


def _svd_vjp(g0, g1, g2, x_meta, out0, out1, out2):
    # J. Townsend, "Differentiating the singular value decomposition" (2016), equations 31-36, with
    # adjoints for transposes. The vectors of a complex matrix are determined up to a common phase
    # of u and v; what depends on it would count as a change of u.
    u, s, v = out0, out1, conjugated(swap(out2))
    gu, gv = g0, conjugated(swap(g2))
    row = reshape(s, shape=(*s.shape[:-1], 1, s.shape[-1]))
    inv = reciprocal_or_zero(row)
    gaps = spectral_gaps(s * s)
    pu, pv = np.matmul(swap(u), gu), np.matmul(swap(v), gv)
    skew_u, skew_v = pu - swap(conjugated(pu)), pv - swap(conjugated(pv))
    middle = (gaps * skew_u) * row + swap(swap(gaps * skew_v) * row) + diagonal_matrix(g1)
    if x_meta.dtype.kind == "c":
        middle = middle + diagonal_matrix(diagonal_of(skew_u) * reciprocal_or_zero(s) * 0.5)
    u_bar = conjugated(u)
    whole = np.matmul(np.matmul(u_bar, middle), swap(v))
    if u.shape[-2] > u.shape[-1]:
        whole = whole + np.matmul((gu - np.matmul(u_bar, pu)) * inv, swap(v))
    if v.shape[-2] > v.shape[-1]:
        rest = gv - np.matmul(conjugated(v), pv)
        whole = whole + np.matmul(u_bar * inv, swap(conjugated(rest)))
    return whole


general(svd, _svd_vjp, results=3, batch=ALIGNED)


@primitive
def pinv(x, *, rcond, hermitian):
    """The Moore-Penrose inverse; singular values up to rcond times the largest count as 0."""
    return np.linalg.pinv(x, rcond, hermitian=hermitian)


def _pinv_vjp(g, x, out):
    # G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
    # problems whose variables separate" (1973), equation 4.12, transposed
    pt, bar = swap(out), conjugated(out)
    gt = swap(conjugated(g))
    rows = gt - np.matmul(conjugated(np.matmul(x, out)), gt)
    columns = gt - np.matmul(gt, conjugated(np.matmul(out, x)))
    result = np.matmul(rows, np.matmul(bar, pt)) + np.matmul(np.matmul(pt, bar), columns)
    return result - np.matmul(np.matmul(pt, g), pt)


general(pinv, _pinv_vjp, batch=ALIGNED)
