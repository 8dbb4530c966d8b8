"""The functions of linear algebra that torch had before torch.linalg, where they are others."""

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.complaints import legacy_name
from ..core.dtype import FLOATING, category
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from . import elementwise, shape
from . import linalg as newer
from . import lu as factors
from .arguments import many_dims, tensor, whole
from .contraction import matmul
from .cumulative import cumprod
from .expansion import broadcast_to, expand
from .factorization import INDEFINITE, OlderCholesky, factored, householder_product, orthogonal
from .factory import warn_once
from .joining import cat
from .matrices import check_info, put, put_all
from .matrix_norms import matrix_norm
from .norms import Norm
from .random import randn
from .reduction import mean
from .reordering import flip
from .return_types import return_type
from .spectral import decomposed, pseudo_inverse

QrResult = return_type("qr", "Q", "R")
SvdResult = return_type("svd", "U", "S", "V")
SlogdetResult = return_type("slogdet", "sign", "logabsdet")
LuWithInfo = return_type("_lu_with_info", "LU", "pivots", "info")


@overridable
def slogdet(input, *, out=None):
    """The sign and the logarithm of the absolute value of the determinant."""
    return put_all("slogdet", SlogdetResult, out, tuple(newer.slogdet(input)))


@overridable
def cholesky(input, upper=False, *, out=None):
    """The lower triangle L with L L^H = input (upper: its adjoint) of definite matrices."""
    warn_once(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a "
        "future PyTorch release.\nUse torch.linalg.cholesky(A), and .mH of it for upper=True."
    )
    result, info = factored("cholesky", input, upper, cls=OlderCholesky, integers=True)
    check_info("cholesky", info, INDEFINITE)
    return put("cholesky", out, result, exact=False)


@overridable
def qr(input, some=True, *, out=None):
    """Q with orthonormal columns and an upper triangle R with input = Q R; a square Q unless
    `some`.
    """
    warn_once(
        "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future "
        "PyTorch release.\nUse torch.linalg.qr(A, 'reduced' if some else 'complete')."
    )
    return put_all("qr", QrResult, out, orthogonal(input, "reduced" if some else "complete"))


@overridable
def svd(input, some=True, compute_uv=True, *, out=None):
    """U, S and V with input = U diag(S) V^H, S descending; without `compute_uv` zeros and S."""
    x = tensor("linalg.svd", input)
    if x._a.ndim < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {x._a.ndim} dimensions "
            "instead"
        )
    u, s, vh = decomposed(x, not some)
    if compute_uv:
        return put_all("svd", SvdResult, out, (u, s, shape.adjoint(vh)))
    *batch, m, n = x._a.shape
    zeros = (wrap(np.zeros((*batch, k, k), x._a.dtype)) for k in (m, n))
    u, v = next(zeros), shape.adjoint(next(zeros))
    return put_all("svd", SvdResult, out, (u, s, v))


@overridable
def pinverse(input, rcond=1e-15):
    """The Moore-Penrose inverse, from the singular values above rcond * largest."""
    return pseudo_inverse(input, 0.0, rcond, False)


@overridable
def orgqr(input, tau, *, out=None):
    """The first columns of a product of reflections: linalg.householder_product."""
    return householder_product(input, tau, out=out)


@overridable
def lu(A, pivot=True, get_infos=False, out=None):
    """L and U in one matrix, and the rows exchanged (counted from 1); with `get_infos` the number
    of the first zero on U's diagonal too.
    """
    warn_once(
        "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and "
        "will be removed in a future PyTorch release.\n"
        "Use torch.linalg.lu_factor(A), or torch.linalg.lu_factor_ex(A) where infos are asked for."
    )
    found = factors.lu_factor_ex(A, pivot=pivot)
    results = tuple(found) if get_infos else tuple(found)[:2]
    return put_all("lu", LuWithInfo if get_infos else _pair, out, results, exact=False)


def _pair(*results: Tensor) -> tuple[Tensor, ...]:
    return results


@overridable
def lu_solve(input, LU_data, LU_pivots, *, out=None):
    """The X with A X = input from the factors of A."""
    warn_once(
        "torch.lu_solve is deprecated in favor of torch.linalg.lu_solveand will be removed in a "
        "future PyTorch release.\nUse torch.linalg.lu_solve(LU, pivots, B), with its arguments in "
        "another order."
    )
    return factors.lu_solve(LU_data, LU_pivots, input, out=out)


# --- norms ----------------------------------------------------------------------------------------


@overridable
def frobenius_norm(input, dim, keepdim=False, *, out=None):
    """The 2-norm over one or two dimensions; none: over all of them."""
    warn_once(
        "at::frobenius_norm is deprecated and it is just left for JIT compatibility. It will be "
        "removed in a future PyTorch release. Please use `linalg.vector_norm(A, 2., dim, keepdim)` "
        "instead"
    )
    x = tensor("frobenius_norm", input)
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) > 2:
        raise RuntimeError(
            f"Expected at most 2 dimensions, but got {len(dims)} dimensions instead."
        )
    axes = many_dims(dims, x._a.ndim, "frobenius_norm")
    if category(x._a.dtype) < FLOATING:
        raise RuntimeError(
            "norm(): input dtype should be either floating point or complex. Got "
            f"{legacy_name(x._a.dtype)} instead.\nConvert it first, as in x.float()."
        )
    return put("norm", out, apply(Norm, x, p=2.0, axes=axes, keepdims=keepdim, dtype=None))


@overridable
def nuclear_norm(input, dim=(-2, -1), keepdim=False, *, out=None):
    """The sum of the singular values of matrices; also nuclear_norm(input, keepdim)."""
    warn_once(
        "at::nuclear_norm is deprecated and it is just left for JIT compatibility. It will be "
        "removed in a future PyTorch release. Please use `linalg.matrix_norm(A, 'nuc', dim, "
        "keepdim)` instead"
    )
    if isinstance(dim, bool):
        dim, keepdim = (-2, -1), dim
    return matrix_norm(input, "nuc", tuple(dim), keepdim, out=out)


# --- approximate decompositions -------------------------------------------------------------------


def _range(A: Tensor, q: int, rounds: int, M: Tensor | None) -> Tensor:
    """Orthonormal columns which nearly span the greatest q directions of A - M.

    N. Halko, P. Martinsson and J. Tropp, "Finding structure with randomness" (2011), algorithm 4.4.
    """

    def times(x: Tensor, y: Tensor | None, z: Tensor) -> Tensor:
        product = matmul(x, z)
        return product if y is None else elementwise.sub(product, matmul(y, z))

    turned = shape.adjoint(A)
    turned_m = None if M is None else shape.adjoint(M)
    start = randn(A._a.shape[-1], q, dtype=A.dtype)
    basis = orthogonal(times(A, M, start), "reduced")[0]
    for _ in range(rounds):
        basis = orthogonal(times(turned, turned_m, basis), "reduced")[0]
        basis = orthogonal(times(A, M, basis), "reduced")[0]
    return basis


@overridable
def svd_lowrank(A, q=6, niter=2, M=None):
    """Nearly the q greatest singular values and vectors of A - M, by a random projection."""
    x = tensor("svd_lowrank", A)
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    m, n = x._a.shape[-2:]
    if M is not None:
        M = broadcast_to(tensor("svd_lowrank", M, 4, "M"), x._a.shape)
    wide = m < n
    if wide:
        x, M = shape.adjoint(x), None if M is None else shape.adjoint(M)
    basis = _range(x, q, niter, M)
    turned = shape.adjoint(basis)
    small = matmul(turned, x)
    if M is not None:
        small = elementwise.sub(small, matmul(turned, M))
    u, s, vh = decomposed(small, False)
    u, v = matmul(basis, u), shape.adjoint(vh)
    return (v, s, u) if wide else (u, s, v)


@overridable
def pca_lowrank(A, q=None, center=True, niter=2):
    """Nearly the q greatest principal components of the rows of A (centred, unless told
    otherwise): svd_lowrank of A minus the mean row.
    """
    x = tensor("pca_lowrank", A)
    m, n = x._a.shape[-2:]
    q = _count(q, m, n)
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if not center:
        return svd_lowrank(x, q, niter=niter)
    return svd_lowrank(elementwise.sub(x, mean(x, dim=-2, keepdim=True)), q, niter=niter)


def _count(q: Any, m: int, n: int) -> int:
    if q is None:
        return min(6, m, n)
    if not 0 <= q <= min(m, n):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}"
        )
    return q


@overridable
def vander(x, N=None, increasing=False):
    """The powers N - 1 to 0 of a vector's numbers, a row each (N: as many as numbers); the powers 0
    to N - 1 if `increasing`.
    """
    v = tensor("vander", x, 1, "x")
    if v._a.ndim != 1:
        raise RuntimeError(
            f"x must be a one-dimensional tensor.\nIts shape is {list(v._a.shape)}: linalg.vander "
            "takes batches."
        )
    size = v._a.shape[0]
    count = size if N is None else whole("vander", N, "N", 2)
    if count < 0:
        raise RuntimeError(f"N must be non-negative.\nIt is {count}, the number of columns.")
    column = shape.unsqueeze(v, -1)
    powers = cumprod(expand(column, size, max(count - 1, 0)), -1)
    ones = wrap(np.ones((size, min(count, 1)), powers._a.dtype))
    result = cat((ones, powers), dim=1)
    return result if increasing else flip(result, [1])
