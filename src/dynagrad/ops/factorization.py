"""Cholesky, QR and LDL factors of (batches of) matrices, and products of reflections. Imports
triangular, whose text says how rules are written; LAPACK's LDL through SciPy.
"""

import math

import numpy as np

from ..extras import optional
from .complex import conj
from .contraction import one_column, swap
from .elementwise import missing, underivable
from .joining import cat
from .reduction import sum_over
from .rule import ALIGNED, constant, general, linear, primitive
from .triangular import (
    columns,
    columns_of,
    last,
    matrix_batch,
    solve_triangle,
    triangle,
)

# --- Cholesky -------------------------------------------------------------------------------------


@primitive
def cholesky(x, *, upper):
    """The lower triangle L with x = L L^H, or its adjoint; nan where x is not positive definite."""
    try:
        return columns(np.linalg.cholesky(x, upper=upper))
    except np.linalg.LinAlgError:
        bad = cholesky_info(x, upper=upper)[..., None, None] > 0
        eye = np.eye(x.shape[-1], dtype=x.dtype)
        factor = np.linalg.cholesky(np.where(bad, eye, x), upper=upper)
        return columns(np.where(bad, np.nan, factor).astype(x.dtype))


@primitive
def cholesky_info(x, *, upper):
    """The order of the first leading minor that is not positive; 0 if there is none."""
    a = swap(x) if upper else x
    n = a.shape[-1]
    info = np.zeros(a.shape[:-2], np.int32)
    factor = np.array(np.tril(a), np.result_type(a, np.float64))
    with np.errstate(all="ignore"):
        for j in range(n):
            pivot = np.real(factor[..., j, j])
            info[(info == 0) & ~(pivot > 0)] = j + 1
            column = factor[..., j + 1 :, j] / np.sqrt(pivot)[..., None]
            factor[..., j + 1 :, j + 1 :] -= column[..., :, None] * column.conj()[..., None, :]
    return info


constant(cholesky_info, batch=ALIGNED, ordered=False)


def _cholesky_vjp(g, out, *, upper):
    # I. Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10, made Hermitian
    if upper:
        g, out = swap(conj(g)), swap(conj(out))
    inner = np.matmul(swap(out), g)
    inner = triangle(inner, diagonal=1, upper=False) + swap(
        conj(triangle(inner, diagonal=0, upper=False))
    )
    left = solve_triangle(swap(out), inner * 0.5, upper=True, unit=False)
    return swap(solve_triangle(swap(conj(out)), swap(left), upper=True, unit=False))


def _cholesky_jvp(t, out, *, upper):
    if upper:
        out = swap(conj(out))
    half = solve_triangle(out, t, upper=False, unit=False)
    inner = swap(solve_triangle(conj(out), swap(half), upper=False, unit=False))
    t = np.matmul(out, triangle(inner, diagonal=0.5, upper=False))
    return swap(conj(t)) if upper else t


general(cholesky, _cholesky_vjp, jvp=_cholesky_jvp, batch=ALIGNED)


@primitive
def cholesky_solve(x, y, *, upper):
    """The z with A z = y from the Cholesky factor x of A."""
    adjoint = conj(swap(x))
    lower, upper_one = (adjoint, x) if upper else (x, adjoint)
    w = solve_triangle(lower, y, upper=False, unit=False)
    return solve_triangle(upper_one, w, upper=True, unit=False)


def _of_factor(g, x, upper):
    """The cotangent of a Cholesky factor from that of A, as PyTorch has it: in both triangles."""
    if upper:
        return np.matmul(conj(x), g + swap(conj(g)))
    return np.matmul(g + swap(conj(g)), conj(x))


def _cholesky_solve_vjp(g, x, out, *, upper, needs):
    gy = cholesky_solve(conj(x), g, upper=upper)
    gx = None
    if needs[0]:
        gx = _of_factor(-np.matmul(gy, swap(out)), x, upper)
    return gx, gy


general(cholesky_solve, _cholesky_solve_vjp, joint=True, batch=matrix_batch(2, 2))


@primitive
def cholesky_inverse(x, *, upper):
    """The inverse of A from its Cholesky factor x."""
    return cholesky_solve(x, np.eye(x.shape[-1], dtype=x.dtype), upper=upper)


def _cholesky_inverse_vjp(g, x, out, *, upper):
    inner = np.matmul(np.matmul(swap(out), g), swap(out))
    return _of_factor(-inner, x, upper)


def _cholesky_inverse_jvp(t, x, out, *, upper):
    factor = swap(conj(x))
    moved = np.matmul(factor, t) if upper else np.matmul(t, factor)
    return -np.matmul(np.matmul(out, moved + swap(conj(moved))), out)


general(cholesky_inverse, _cholesky_inverse_vjp, jvp=_cholesky_inverse_jvp, batch=ALIGNED)


# --- QR -------------------------------------------------------------------------------------------


@primitive
def qr(x, *, mode):
    """Q with orthonormal columns and an upper triangle R with x = Q R: "reduced", "complete" (a
    square Q), or "r" (an empty Q).
    """
    if mode == "r":
        return np.zeros(0, x.dtype), columns(np.linalg.qr(x, "r"))
    q, r = np.linalg.qr(x, mode)
    return columns(q), columns(r)


def _hermitian_from_lower(m):
    """The Hermitian matrix whose upper triangle is the transposed lower triangle of `m`."""
    below = triangle(m, diagonal=0.5, upper=False)
    return swap(below) + conj(below)


def _check_mode(mode, shape):
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please "
            "use linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
        )
    if mode == "complete" and shape[-2] > shape[-1]:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.\n"
            "The further columns of Q are any that complete a basis; use mode='reduced'."
        )


def _qr_vjp(g0, g1, x_meta, out0, out1, *, mode):
    # S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with
    # application in optimum experimental design" (2010), section 3.3; the diagonal of R is real,
    # also for complex matrices.
    _check_mode(mode, x_meta.shape)
    m, n = x_meta.shape[-2:]
    q, r = out0, out1
    if n > m:
        return _wide_qr_vjp(g0, g1, q, r)
    inner = np.matmul(r, swap(g1)) - np.matmul(swap(g0), q)
    right = g0 + np.matmul(conj(q), _hermitian_from_lower(inner))
    return swap(solve_triangle(r, swap(right), upper=True, unit=False))


def _wide_qr_vjp(g0, g1, q, r):
    # The first columns alone turn Q, by Q dQ = (the skew part of Q^H dA R^-1); all of R is Q^H A:
    # D. Roberts and L. Roberts, "QR and LQ decomposition matrix backpropagation algorithms for
    # square, wide, and deep matrices" (2020), section 3. With the turn apart, nothing that cancels
    # is divided by R, whose first columns may be near singular.
    m, n = r.shape[-2:]
    g1 = triangle(g1, diagonal=1, upper=True)
    inner = np.matmul(swap(q), g0) - np.matmul(g1, swap(r))
    turn = triangle(inner - swap(conj(inner)), diagonal=0.5, upper=False)
    square = columns_of(r, 0, m)
    turned = swap(solve_triangle(square, swap(turn), upper=True, unit=False))
    first = np.matmul(conj(q), columns_of(g1, 0, m) + turned)
    return cat(first, np.matmul(conj(q), columns_of(g1, m, n)), axis=last(first))


def _qr_jvp(t, x_meta, out0, out1, *, mode):
    _check_mode(mode, x_meta.shape)
    m, n = x_meta.shape[-2:]
    q, square = out0, columns_of(out1, 0, min(m, n))
    first = solve_triangle(swap(square), swap(columns_of(t, 0, min(m, n))), upper=False, unit=False)
    first = swap(first)
    inner = np.matmul(swap(conj(q)), first)
    below = triangle(inner, diagonal=0.5, upper=False)
    turn = below - swap(conj(below))
    rest = first - np.matmul(q, inner)
    return (
        np.matmul(q, turn) + rest,
        np.matmul(swap(conj(q)), t) - np.matmul(turn, out1),
    )


general(qr, _qr_vjp, jvp=_qr_jvp, results=2, batch=ALIGNED)


@primitive
def geqrf(x):
    """LAPACK's form of the QR factors: R, below it the reflections' vectors; and their scales."""
    a, tau = np.linalg.qr(x, "raw")
    return np.swapaxes(np.ascontiguousarray(a), -1, -2), np.ascontiguousarray(tau)


general(geqrf, lambda g0: underivable("geqrf"), results=2, batch=ALIGNED, ordered=False)


# --- products of reflections ----------------------------------------------------------------------


@primitive
def reflectors(x, *, count, unit):
    """The vectors of `count` reflections: the first columns below the diagonal, `unit` on it."""
    v = np.tril(x[..., :count], -1)
    i = np.arange(min(count, x.shape[-2]))
    v[..., i, i] = unit
    return v


@primitive
def unreflectors(x, *, shape):
    """The strictly lower triangle of x in the first columns of a wider zero matrix."""
    result = np.zeros((*x.shape[:-2], *shape), x.dtype)
    result[..., : x.shape[-1]] = np.tril(x, -1)
    return result


general(
    reflectors,
    lambda g, x_meta: unreflectors(g, shape=x_meta.shape[-2:]),
    jvp=lambda t, *, count: reflectors(t, count=count, unit=0),
    batch=ALIGNED,
)
linear(
    unreflectors,
    lambda g, x_meta: reflectors(g, count=x_meta.shape[-1], unit=0),
    fresh=True,
    batch=ALIGNED,
)


@primitive
def reflect(x, tau, y, *, adjoint):
    """Q y, or Q^H y, for the product Q of the reflections 1 - tau v v^H whose vectors are the
    columns below x's diagonal.

    Q = 1 - V (1 + D S)^-1 D V^H with D = diag(tau) and S the part of V^H V above its diagonal:
    T. Joffrain, T. Low, E. Quintana-Orti, R. van de Geijn and F. Van Zee, "Accumulating Householder
    transformations, revisited" (2006), theorem 2, here for any tau.
    """
    v = reflectors(x, count=tau.shape[-1], unit=1)
    bar = conj(v)
    scale = tau[..., None]
    weights = np.triu(np.matmul(swap(bar), v), 1) * scale
    inner = np.matmul(swap(bar), y)
    if adjoint:
        inner = solve_triangle(conj(swap(weights)), inner, upper=False, unit=True)
        inner = inner * conj(scale)
    else:
        inner = solve_triangle(weights, scale * inner, upper=True, unit=True)
    return columns(y - np.matmul(v, inner))


def _reflect_vjp(g, x, x_meta, tau, y, *, adjoint, needs):
    # the steps of the kernel, backwards
    if not math.prod(x_meta.shape) * math.prod(tau.shape):
        return None, None, g * 1.0
    v = reflectors(x, count=tau.shape[-1], unit=1)
    bar = conj(v)
    scale = one_column(tau)
    above = triangle(np.matmul(swap(bar), v), diagonal=0, upper=True)
    weights = above * scale
    inner = np.matmul(swap(bar), y)
    pulled = -np.matmul(swap(v), g)
    if adjoint:
        factor = conj(weights)
        solved = solve_triangle(swap(factor), inner, upper=False, unit=True)
        out = solved * conj(scale)
        g_inner = solve_triangle(factor, pulled * conj(scale), upper=True, unit=True)
        g_weights = -np.matmul(conj(solved), swap(conj(g_inner)))
        g_scale = conj(_row_sums(pulled * solved))
    else:
        out = solve_triangle(weights, scale * inner, upper=True, unit=True)
        solved = solve_triangle(swap(weights), pulled, upper=False, unit=True)
        g_inner = solved * scale
        g_weights = -np.matmul(solved, swap(out))
        g_scale = _row_sums(solved * inner)
    gy = g + np.matmul(bar, g_inner)
    if not (needs[0] or needs[1]):
        return None, None, gy
    g_weights = triangle(g_weights, diagonal=0, upper=True)
    g_above = g_weights * scale
    g_adjoint = np.matmul(g_inner, swap(y)) + np.matmul(g_above, swap(v))
    gv = np.matmul(bar, g_above) + swap(conj(g_adjoint)) - np.matmul(g, swap(out))
    gx = unreflectors(gv, shape=x_meta.shape[-2:])
    return gx, g_scale + _row_sums(g_weights * above), gy


def _row_sums(x):
    return sum_over(x, axes=(last(x),), keepdims=False)


general(reflect, _reflect_vjp, joint=True, batch=matrix_batch(2, 1, 2))


# --- LDL ------------------------------------------------------------------------------------------


def _lapack(name, *arrays):
    """LAPACK's routines `name` for symmetric and for Hermitian matrices, in the arrays' dtype."""
    module = optional("scipy.linalg.lapack", "scipy", "torch.linalg.ldl_factor")
    letter = {"f": "s", "d": "d", "F": "c", "D": "z"}[np.result_type(*arrays).char]
    return getattr(module, f"{letter}{name}")


@primitive
def ldl_factor(x, *, hermitian):
    """LAPACK's form of the Bunch-Kaufman factors of symmetric matrices, the exchanges, and info."""
    name = "hetrf" if hermitian and x.dtype.kind == "c" else "sytrf"
    routine = _lapack(name, x)
    flat = x.reshape(-1, *x.shape[-2:]) if x.size else x.reshape(0, *x.shape[-2:])
    found = [routine(a, lower=1) for a in flat]
    factors = np.array([np.tril(ldu) for ldu, _, _ in found], x.dtype).reshape(x.shape)
    pivots = [exchanged for _, exchanged, _ in found]
    info = np.array([code for _, _, code in found], np.int32)
    batch = x.shape[:-2]
    return (
        columns(factors),
        np.array(pivots, np.int32).reshape(x.shape[:-1]),
        info.reshape(batch) if x.size else np.zeros(batch, np.int32),
    )


@primitive
def ldl_solve(x, pivots, y, *, hermitian):
    """The z with A z = y from the LDL factors x of A."""
    name = "hetrs" if hermitian and x.dtype.kind == "c" else "sytrs"
    routine = _lapack(name, x, y)
    batch = np.broadcast_shapes(x.shape[:-2], pivots.shape[:-1], y.shape[:-2])
    result = np.zeros((*batch, *y.shape[-2:]), y.dtype)
    if result.size:
        x, y = (np.broadcast_to(a, (*batch, *a.shape[-2:])) for a in (x, y))
        pivots = np.broadcast_to(pivots, (*batch, pivots.shape[-1]))
        for place in np.ndindex(*batch):
            result[place] = routine(x[place], pivots[place], y[place], lower=1)[0]
    return columns(result)


general(
    ldl_factor,
    lambda g0: missing("linalg_ldl_factor_ex"),
    results=3,
    batch=ALIGNED,
    ordered=False,
)
general(
    ldl_solve,
    lambda g: missing("linalg_ldl_solve"),
    None,
    lambda g: missing("linalg_ldl_solve"),
    batch=matrix_batch(2, 1, 2),
)
