"""Cholesky, QR and LDL factors, and products of reflections, under PyTorch's names."""

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.complaints import legacy_name
from ..core.dtype import FLOATING, category
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import factorization as ops
from ..ops.triangular import column_major
from . import shape
from .arguments import tensor
from .matrices import (
    check_info,
    computed,
    is_finite,
    matrices,
    no_failures,
    put,
    put_all,
    two_dims,
)
from .nodes import node
from .return_types import return_type
from .triangular import check_pair

Cholesky = node("LinalgCholeskyExBackward0", ops.cholesky)
OlderCholesky = node("CholeskyBackward0", ops.cholesky)
CholeskyInfo = node("CholeskyInfo", ops.cholesky_info)
CholeskySolve = node("CholeskySolveBackward0", ops.cholesky_solve)
CholeskyInverse = node("CholeskyInverseBackward0", ops.cholesky_inverse)
Qr = node("LinalgQrBackward0", ops.qr)
Geqrf = node("GeqrfBackward0", ops.geqrf)
Householder = node("LinalgHouseholderProductBackward0", ops.reflect)
Ormqr = node("OrmqrBackward0", ops.reflect)
AsColumns = node("OrmqrBackward0", column_major)
LdlFactor = node("NotImplemented", ops.ldl_factor)
LdlSolve = node("NotImplemented", ops.ldl_solve)

CholeskyExResult = return_type("linalg_cholesky_ex", "L", "info")
QrResult = return_type("linalg_qr", "Q", "R")
GeqrfResult = return_type("geqrf", "a", "tau")
LdlResult = return_type("linalg_ldl_factor", "LD", "pivots")
LdlExResult = return_type("linalg_ldl_factor_ex", "LD", "pivots", "info")

ORMQR_OUT = (
    "torch.ormqr: Expected input and result to have the same dtype, but input has dtype{own} and "
    "result has dtype {out}"
)
INDEFINITE = (
    "The factorization could not be completed because the input is not positive-definite (the "
    "leading minor of order {} is not positive-definite)."
)


# --- Cholesky -------------------------------------------------------------------------------------


def factored(
    name: str, A: Any, upper: bool, *, cls: Any = Cholesky, integers: bool = False
) -> tuple[Tensor, Tensor]:
    """The Cholesky factor of A, and the order of the first minor that is not positive."""
    x = matrices(name, A, square=True, kernel="cholesky_cpu", integers=integers)
    result = apply(cls, x, upper=bool(upper))
    if is_finite(result):
        return result, no_failures(x)
    return result, apply(CholeskyInfo, x, upper=bool(upper))


@overridable
def cholesky(A, *, upper=False, out=None):
    """The lower triangle L with A = L L^H (upper: its adjoint) of a positive definite matrix."""
    result, info = factored("linalg.cholesky", A, upper)
    check_info("linalg.cholesky", info, INDEFINITE)
    return put("linalg_cholesky", out, result)


@overridable
def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """As cholesky, with the order of the first leading minor that is not positive (0: none); the
    factor of such a matrix is nan.
    """
    result, info = factored("linalg.cholesky", A, upper)
    if check_errors:
        check_info("linalg.cholesky_ex", info, INDEFINITE)
    return put_all("linalg_cholesky_ex", CholeskyExResult, out, (result, info))


@overridable
def cholesky_solve(input, L, upper=False, *, out=None):
    """The X with A X = input from the Cholesky factor L of A (upper: from its adjoint)."""
    y, x = tensor("cholesky_solve", input, 1, "B"), tensor("cholesky_solve", L, 2, "L")
    for t, argument in ((y, "b"), (x, "u")):
        if t._a.ndim < 2:
            raise RuntimeError(
                f"{argument} should have at least 2 dimensions, but has {t._a.ndim} dimensions "
                "instead"
            )
    check_pair("cholesky_solve", y, x)
    computed("cholesky_solve", x, "cholesky_solve_cpu", integers=True)
    result = apply(CholeskySolve, x, y, upper=bool(upper))
    return put("cholesky_solve", out, result, exact=False)


@overridable
def cholesky_inverse(L, upper=False, *, out=None):
    """The inverse of A from its Cholesky factor L (upper: from its adjoint)."""
    kernel = "cholesky_inverse_out_cpu"
    x = matrices("cholesky_inverse", L, square=True, kernel=kernel, integers=True)
    result = apply(CholeskyInverse, x, upper=bool(upper))
    return put("cholesky_inverse", out, result, exact=False)


# --- QR and reflections ---------------------------------------------------------------------------


def orthogonal(A: Any, mode: str) -> tuple[Tensor, Tensor]:
    """The QR factors in one of the three modes."""
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    return apply(Qr, matrices("linalg.qr", A, kernel="geqrf_cpu"), mode=mode)


@overridable
def qr(A, mode="reduced", *, out=None):
    """Q with orthonormal columns and an upper triangle R with A = Q R.

    mode: "reduced"; "complete" for a square Q; "r" for R alone. Differentiable where Q is what the
    matrix determines.
    """
    return put_all("linalg_qr", QrResult, out, orthogonal(A, mode))


@overridable
def geqrf(input, *, out=None):
    """R with the reflections' vectors below its diagonal, and their scales: LAPACK's QR factors."""
    x = tensor("geqrf", input)
    if x._a.ndim < 2:
        raise RuntimeError(
            f"torch.geqrf: input must have at least 2 dimensions.\nIts shape is {list(x._a.shape)}."
        )
    computed("torch.geqrf", x, "geqrf_cpu", integers=True)
    return put_all("geqrf", GeqrfResult, out, apply(Geqrf, x), exact=False)


@overridable
def householder_product(input, tau, *, out=None):
    """The first columns of the product of the reflections 1 - tau v v^H whose vectors are the
    columns of `input` below its diagonal.
    """
    name = "torch.linalg.householder_product"
    x, scales = tensor(name, input), tensor(name, tau, 2, "tau")
    a, b = x._a, scales._a
    if a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if a.shape[-2] < a.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if b.ndim == 0:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    if a.shape[-1] < b.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    _check_scales(name, x, scales)
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{name}: tau dtype {legacy_name(b.dtype)} does not match input dtype "
            f"{legacy_name(a.dtype)}"
        )
    computed(name, x, "orgqr_cpu", integers=True)
    result = apply(Householder, x, scales, np.eye(*a.shape[-2:], dtype=a.dtype), adjoint=False)
    return put("linalg_householder_product", out, result, exact=False)


def _check_scales(name: str, x: Tensor, scales: Tensor) -> None:
    a, b = x._a, scales._a
    if a.ndim - b.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal "
            f"to {b.ndim} and input.ndim is equal to {a.ndim}"
        )
    if a.shape[:-2] != b.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(b.shape[:-1])}"
        )


@overridable
def ormqr(input, tau, other, left=True, transpose=False, *, out=None):
    """Q other (left) or other Q, with the product Q of the reflections that `input` and `tau` hold;
    `transpose`: with Q^H.
    """
    x, scales = tensor("ormqr", input), tensor("ormqr", tau, 2, "tau")
    y = tensor("ormqr", other, 3, "other")
    _check_product(x, scales, y, left)
    computed("torch.ormqr", x, "ormqr_cpu", integers=True)
    if left:
        result = apply(Ormqr, x, scales, y, adjoint=bool(transpose))
    else:
        turned = apply(Ormqr, x, scales, shape.adjoint(y), adjoint=not transpose)
        result = apply(AsColumns, shape.adjoint(turned))
    return put("ormqr", out, result, exact=ORMQR_OUT)


def _check_product(x: Tensor, scales: Tensor, y: Tensor, left: bool) -> None:
    name = "torch.ormqr"
    a, b, c = x._a, scales._a, y._a
    for array, argument in ((a, "input"), (c, "other")):
        if array.ndim < 2:
            raise RuntimeError(f"{name}: {argument} must have at least 2 dimensions.")
    side = -2 if left else -1
    if b.shape[-1] > a.shape[-1]:
        raise RuntimeError(
            f"{name}: tau.shape[-1] must be less than or equal to input.shape[-1]"
            if c.shape[side] == a.shape[-2] and b.shape[-1] <= c.shape[side]
            else f"{name}: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"
        )
    if c.shape[side] < b.shape[-1]:
        raise RuntimeError(
            f"{name}: other.shape[{side}] must be greater than or equal to tau.shape[-1]"
        )
    if c.shape[side] != a.shape[-2]:
        raise RuntimeError(f"{name}: other.shape[{side}] must be equal to input.shape[-2]")
    _check_scales(name, x, scales)
    if a.ndim != c.ndim:
        raise RuntimeError(
            f"{name}: Expected other to have the same number of dimensions as input, but got "
            f"other.ndim equal to {c.ndim} and input.ndim is equal to {a.ndim}"
        )
    if a.shape[:-2] != c.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of other to be equal to input.shape[:-2], but got "
            f"{list(c.shape[:-2])}"
        )
    for array, argument in ((b, "tau"), (c, "other")):
        if array.dtype != a.dtype:
            raise RuntimeError(
                f"{name}: Expected input and {argument} to have the same dtype, but input has dtype"
                f"{legacy_name(a.dtype)} and {argument} has dtype {legacy_name(array.dtype)}"
            )


# --- LDL ------------------------------------------------------------------------------------------


def _symmetric(A: Any, hermitian: bool) -> tuple[Tensor, ...]:
    x = matrices("torch.linalg.ldl_factor_ex", A, square=True, kernel="ldl_factor_kernel_cpu")
    return apply(LdlFactor, x, hermitian=bool(hermitian))


@overridable
def ldl_factor(A, *, hermitian=False, out=None):
    """The factors A = L D L^T (hermitian: L^H) of symmetric matrices in LAPACK's form, D with
    blocks of 1 and 2; needs SciPy.
    """
    factors, pivots, info = _symmetric(A, hermitian)
    check_info("torch.linalg.ldl_factor", info, "D[{0},{0}] is zero.", RuntimeError)
    return put_all("linalg_ldl_factor", LdlResult, out, (factors, pivots))


@overridable
def ldl_factor_ex(A, *, hermitian=False, check_errors=False, out=None):
    """As ldl_factor, with the number of the first zero block of D (0: none); needs SciPy."""
    results = _symmetric(A, hermitian)
    if check_errors:
        check_info("torch.linalg.ldl_factor_ex", results[2], "D[{0},{0}] is zero.", RuntimeError)
    return put_all("linalg_ldl_factor_ex", LdlExResult, out, results)


@overridable
def ldl_solve(LD, pivots, B, *, hermitian=False, out=None):
    """The X with A X = B from what ldl_factor returns; needs SciPy."""
    name = "torch.linalg.ldl_solve"
    x = matrices(name, LD, square=True)
    order = tensor(name, pivots, 2, "pivots")
    y = two_dims(name, tensor(name, B, 3, "B"), "B")
    n = x._a.shape[-1]
    if y._a.shape[-2] != n:
        p, q = y._a.shape[-2:]
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {n} by {n} but each b matrix "
            f"is {p} by {q}"
        )
    if category(order._a.dtype) >= FLOATING or order._a.dtype.kind == "b":
        raise RuntimeError(
            f"{name}: Expected pivots to be integers. Got {legacy_name(order._a.dtype)}"
        )
    if order._a.shape != x._a.shape[:-1]:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with "
            f"shape {list(order._a.shape)} instead"
        )
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(
            f"{name}: LD dtype {legacy_name(x._a.dtype)} does not match b dtype "
            f"{legacy_name(y._a.dtype)}"
        )
    return put("linalg_ldl_solve", out, apply(LdlSolve, x, order, y, hermitian=bool(hermitian)))
