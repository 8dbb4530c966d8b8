"""Eigenvalues, singular values, pseudo-inverses, least squares and the matrix exponential under
PyTorch's names.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.apply import apply, to_dtype
from ..core.complaints import legacy_name
from ..core.dtype import FLOATING, category
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from ..ops import spectral as ops
from . import shape
from .arguments import no_derivative, tensor
from .matrices import LinAlgError, is_differentiated, is_finite, matrices, put, put_all, two_dims
from .nodes import node, shown
from .return_types import return_type

Eigh = node("LinalgEighBackward0", ops.eigh)
Eig = node("LinalgEigBackward0", ops.eig)
Svd = node("LinalgSvdBackward0", ops.svd)
OnlyValues = node("OnlyValues", ops.only_values)
Pinv = node("LinalgPinvBackward0", ops.pinv)
Rank = node("Rank", ops.matrix_rank)
shown(1, Pinv)
Lstsq = node("LinalgLstsqBackward0", ops.lstsq)
MatrixExp = node("LinalgMatrixExpBackward0", ops.matrix_exp)

FLOAT32 = np.dtype(np.float32)

EighResult = return_type("linalg_eigh", "eigenvalues", "eigenvectors")
EigResult = return_type("linalg_eig", "eigenvalues", "eigenvectors")
SvdResult = return_type("linalg_svd", "U", "S", "Vh")
LstsqResult = return_type("linalg_lstsq", "solution", "residuals", "rank", "singular_values")


def _converged(name: str, call: Callable[[], Any]) -> Any:
    """The result of `call`, with NumPy's LinAlgError as PyTorch's."""
    try:
        return call()
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            f"{name}: The algorithm failed to converge because the input matrix is "
            "ill-conditioned, has too many repeated values, or contained non-finite values.\n"
            f"NumPy says: {error}. torch.isfinite(A).all() tells whether there are any."
        ) from None


# --- eigenvalues ----------------------------------------------------------------------------------


def _symmetric(A: Any, UPLO: str) -> tuple[Tensor, str]:
    x = matrices("linalg.eigh", A, square=True, kernel="linalg_eigh_cpu", integers=True)
    triangle = UPLO.upper()
    if triangle not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return x, triangle


@overridable
def eigh(A, UPLO="L", *, out=None):
    """Eigenvalues (ascending) and orthonormal eigenvectors (columns) of a symmetric matrix.

    Only the lower ("L") or upper ("U") triangle is read. The gradient of the vectors is finite
    only for distinct eigenvalues, and meaningful for functions that ignore the vectors' signs.
    """
    x, triangle = _symmetric(A, UPLO)
    results = _converged("linalg.eigh", lambda: apply(Eigh, x, upper=triangle == "U"))
    return put_all("linalg_eigh", EighResult, out, results)


@overridable
def eigvalsh(A, UPLO="L", *, out=None):
    """Eigenvalues of a symmetric matrix, ascending."""
    x, triangle = _symmetric(A, UPLO)
    if is_differentiated(x):
        result = eigh(x, UPLO).eigenvalues
    else:
        result = _converged("linalg.eigh", lambda: apply(OnlyValues, x, kind=triangle))
    return put("linalg_eigvalsh", out, result)


def _square(name: str, A: Any) -> Tensor:
    x = tensor(name, A)
    if category(x._a.dtype) < FLOATING:
        raise RuntimeError(
            f"Unknown Complex ScalarType for {legacy_name(x._a.dtype)}\nEigenvalues are complex; "
            "convert the matrix first, as in x.float()."
        )
    x = matrices(name, x, square=True, kernel="linalg_eig_out_cpu")
    if x._a.size and not is_finite(x):
        raise RuntimeError(f"torch.{name}: input tensor should not contain infs or NaNs.")
    return x


@overridable
def eig(A, *, out=None):
    """Eigenvalues and eigenvectors (columns of norm 1) of a square matrix, complex, in no order.

    The gradient of the vectors is finite only for distinct eigenvalues, and meaningful for
    functions that ignore the vectors' phases.
    """
    x = _square("linalg.eig", A)
    results = _converged("linalg.eig", lambda: apply(Eig, x))
    return put_all("linalg_eig", EigResult, out, results, exact=False)


@overridable
def eigvals(A, *, out=None):
    """Eigenvalues of a square matrix, complex, in no order."""
    x = _square("linalg.eigvals", A)
    if is_differentiated(x):
        result = _converged("linalg.eig", lambda: apply(Eig, x))[0]
    else:
        result = _converged("linalg.eigvals", lambda: apply(OnlyValues, x, kind="eig"))
    return put("linalg_eigvals", out, result, exact=False)


# --- singular values ------------------------------------------------------------------------------


def decomposed(A: Any, full: bool, driver: str | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V^H of matrices."""
    x = matrices("linalg.svd", A, kernel="linalg_svd_cpu")
    _check_driver(driver)
    full = bool(full) and x._a.shape[-1] != x._a.shape[-2]
    return _converged("linalg.svd", lambda: apply(Svd, x, full=full))


def _check_driver(driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
            "cuSOLVER backend."
        )


@overridable
def svd(A, full_matrices=True, *, driver=None, out=None):
    """U, S and Vh with A = U diag(S) Vh, S descending.

    The gradient of U and Vh is finite only for distinct singular values.
    """
    results = decomposed(A, full_matrices, driver)
    return put_all("linalg_svd", SvdResult, out, results)


@overridable
def svdvals(A, *, driver=None, out=None):
    """The singular values of a matrix, descending."""
    x = matrices("linalg.svd", A, kernel="linalg_svd_cpu")
    _check_driver(driver)
    if is_differentiated(x):
        result = decomposed(x, False)[1]
    else:
        result = _converged("linalg.svd", lambda: apply(OnlyValues, x, kind="svd"))
    return put("linalg_svdvals", out, result)


# --- pseudo-inverse, rank, least squares ----------------------------------------------------------


def _bounds(x: Tensor, atol: Any, rtol: Any) -> list[Any]:
    """What singular values must exceed, absolutely and relative to the largest: numbers or tensors,
    of one for each matrix.
    """
    eps = float(np.finfo(x._a.dtype).eps) * max(x._a.shape[-2:])
    for value, name in ((atol, "atol"), (rtol, "rtol")):
        if isinstance(value, Tensor) and value._a.dtype.kind == "c":
            raise RuntimeError(
                f"torch.linalg.pinv: {name} tensor of complex type is not supported. Got "
                f"{legacy_name(value._a.dtype)}"
            )
    if rtol is None and isinstance(atol, Tensor):
        rtol = wrap((atol._a <= 0) * eps)
    elif rtol is None:
        rtol = 0.0 if atol is not None and atol > 0 else eps
    given = (0.0 if atol is None else atol, rtol)
    return [t if isinstance(t, Tensor) else np.asarray(t, np.float64) for t in given]


def pseudo_inverse(A: Any, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    """The Moore-Penrose inverse."""
    x = tensor("linalg.pinv", A)
    dtype, sizes = x._a.dtype, x._a.shape
    if len(sizes) < 2 or category(dtype) < FLOATING or dtype.itemsize == 2:
        raise RuntimeError(
            f"linalg.pinv({legacy_name(dtype)}{{{list(sizes)}}}): expected a tensor with 2 or more "
            "dimensions of float, double, cfloat or cdouble types"
        )
    if hermitian:
        matrices("linalg.eigh", x, square=True)
    given = {"atol": atol, "rtol": rtol}
    no_derivative("linalg_pinv", **{k: t for k, t in given.items() if isinstance(t, Tensor)})
    limits = _bounds(x, atol, rtol)
    return _converged("linalg.pinv", lambda: apply(Pinv, x, *limits, hermitian=bool(hermitian)))


@overridable
def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The Moore-Penrose inverse, from the singular values above max(atol, rtol * largest)."""
    result = pseudo_inverse(A, atol, rcond if rtol is None else rtol, hermitian)
    return put("linalg_pinv", out, result, exact=False)


@overridable
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The number of singular values above max(atol, rtol * largest); `tol`: above tol."""
    name = "torch.linalg.matrix_rank"
    x = two_dims(name, tensor(name, A), "input")
    if category(x._a.dtype) < FLOATING or x._a.dtype.itemsize == 2:
        raise RuntimeError(
            "This function doesn't handle types other than float and double\n"
            f"The matrix has {legacy_name(x._a.dtype)} elements."
        )
    if hermitian:
        matrices("linalg.eigh", x, square=True)
    limits = _bounds(x, atol, rtol) if tol is None else _bounds(x, tol, 0.0)
    result = _converged(
        "linalg.matrix_rank", lambda: apply(Rank, x, *limits, hermitian=bool(hermitian))
    )
    return put("linalg_matrix_rank", out, result, exact=False)


@overridable
def lstsq(A, B, rcond=None, *, driver=None, out=None):
    """The least X with least |A X - B|, squared residuals (of more equations than unknowns and full
    rank, except by "gelsy"), ranks (except by "gels"), singular values ("gelsd", "gelss").

    All drivers find X from the singular values, of which those up to rcond * largest count as 0.
    """
    name = "torch.linalg.lstsq"
    x, y = tensor(name, A), tensor(name, B, 2, "B")
    driver = _checked_driver(driver)
    vector = _check_equations(x, y)
    m, n = x._a.shape[-2:]
    if vector:
        y = shape.unsqueeze(y, -1)
    try:
        np.broadcast_shapes(x._a.shape[:-2], y._a.shape[:-2])
    except ValueError:
        raise RuntimeError(
            f"The size of tensor a ({x._a.shape[-3]}) must match the size of tensor b "
            f"({y._a.shape[-3] if y._a.ndim > 2 else 1}) at non-singleton dimension 0\n{name}: the "
            f"batches of A and B have shapes {list(x._a.shape[:-2])} and {list(y._a.shape[:-2])}"
        ) from None
    if rcond is None:
        rcond = float(np.finfo(x._a.dtype).eps) * max(m, n)
    bound = rcond._a if isinstance(rcond, Tensor) else rcond
    residuals = m > n and driver != "gelsy"
    solution, rest, rank = _converged(
        "torch.linalg.lstsq", lambda: apply(Lstsq, x, y, rcond=bound, residuals=residuals)
    )
    if vector:
        solution = shape.squeeze(solution, -1)
        rest = shape.squeeze(rest, -1) if rest._a.ndim == x._a.ndim - 1 else rest
    rank = wrap(np.zeros(0, np.int64)) if driver == "gels" else rank
    if driver in ("gelsd", "gelss"):
        values = apply(OnlyValues, x, kind="svd")
    else:
        values = wrap(np.zeros(0, rest._a.dtype))
    results = (solution, rest, rank, values)
    return put_all("linalg_lstsq", LstsqResult, out, results, exact=False)


def _checked_driver(driver: str | None) -> str:
    if driver is None:
        return "gelsy"
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    return driver


def _check_equations(x: Tensor, y: Tensor) -> bool:
    """Raise unless the matrices x and the right sides y fit; whether those are vectors."""
    name = "torch.linalg.lstsq"
    if x._a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if y._a.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype "
            f"{legacy_name(x._a.dtype)} and other's dtype {legacy_name(y._a.dtype)}"
        )
    less = x._a.ndim - y._a.ndim
    if not 0 <= less <= 1:
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - "
            "other.dim()) <= 1"
        )
    side = "size(-1)" if less else "size(-2)"
    if x._a.shape[-2] != y._a.shape[-1 if less else -2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.{side}")
    if category(x._a.dtype) < FLOATING or x._a.dtype.itemsize == 2:
        raise RuntimeError("This function doesn't handle types other than float and double")
    return bool(less)


# --- the exponential ------------------------------------------------------------------------------


@overridable
def matrix_exp(A):
    """The exponential of a square matrix: the sum of A^k / k!."""
    x = tensor("linalg.matrix_exp", A)
    if x._a.dtype.itemsize == 2 and category(x._a.dtype) == FLOATING:
        single = apply(MatrixExp, matrices("linalg.matrix_exp", to_dtype(x, FLOAT32), square=True))
        return to_dtype(single, x._a.dtype)
    return apply(MatrixExp, matrices("linalg.matrix_exp", x, square=True))
