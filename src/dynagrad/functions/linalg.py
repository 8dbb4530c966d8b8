"""Linear algebra under PyTorch's names; `dynagrad.linalg` gives them at torch.linalg's path."""

import math
from typing import Any

import numpy as np

from ..core.apply import apply, legacy_name, node_class, promoted, wrap, write_out
from ..core.carriers.carrier import Carrier
from ..core.carriers.dual import DualLevel
from ..core.dtype import FLOATING, category
from ..core.overrides import overridable
from ..core.tape import Node
from ..core.tensor import Tensor, edge_of
from ..ops import linalg as ops
from ..ops import shape as shapes
from ..ops.elementwise import where
from ..ops.rule import RULES
from . import elementwise, joining, parts, shape, transcendental
from . import reduction as reductions
from .arguments import bounds, tensor
from .contraction import matmul
from .return_types import return_type

__all__ = [
    "det",
    "inverse",
    "logdet",
    "matrix_power",
]

Eigh = node_class("LinalgEighBackward0", RULES[ops.eigh])
Inv = node_class("LinalgInvExBackward0", RULES[ops.inverse])
Det = node_class("LinalgDetBackward0", RULES[ops.det])
Slogdet = node_class("LinalgSlogdetBackward0", RULES[ops.slogdet])
Solve = node_class("LinalgSolveExBackward0", RULES[ops.solve])
SolveTriangular = node_class("LinalgSolveTriangularBackward0", RULES[ops.solve_triangle])
Cholesky = node_class("LinalgCholeskyExBackward0", RULES[ops.cholesky])
Qr = node_class("LinalgQrBackward0", RULES[ops.qr])
Svd = node_class("LinalgSvdBackward0", RULES[ops.svd])
Pinv = node_class("LinalgPinvBackward0", RULES[ops.pinv])
Clone = node_class("CloneBackward0", RULES[shapes.copy])

EighResult = return_type("linalg_eigh", "eigenvalues", "eigenvectors")
SlogdetResult = return_type("linalg_slogdet", "sign", "logabsdet")
TorchSlogdetResult = return_type("slogdet", "sign", "logabsdet")
QrResult = return_type("linalg_qr", "Q", "R")
TorchQrResult = return_type("qr", "Q", "R")
SvdResult = return_type("linalg_svd", "U", "S", "Vh")
TorchSvdResult = return_type("svd", "U", "S", "V")


class LinAlgError(RuntimeError):
    """A matrix has no inverse or no factorization of the kind asked for."""


# --- checks ---------------------------------------------------------------------------------------


def matrices(name: str, x: Any, *, square: bool = False) -> Tensor:
    """`x`, which must hold floating or complex matrices."""
    x = tensor(name, x)
    a = x._a
    if a.ndim < 2:
        raise RuntimeError(
            f"{name}: The input tensor A must have at least 2 dimensions.\n"
            f"Its shape is {list(a.shape)}."
        )
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {a.shape[-2]} by "
            f"{a.shape[-1]} matrices"
        )
    if category(a.dtype) < FLOATING:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got "
            f"{legacy_name(a.dtype)}\nConvert it first, as in x.float()."
        )
    if a.dtype.itemsize == 2:
        raise RuntimeError(
            f"{name}: Low precision dtypes not supported. Got {legacy_name(a.dtype)}"
        )
    return x


def _factor(cls: type[Node], text: str, *inputs: Tensor, **kw: Any) -> Any:
    """apply, with NumPy's LinAlgError as PyTorch's."""
    try:
        return apply(cls, *inputs, **kw)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"{text}\nNumPy says: {error}.") from None


def put(name: str, out: Any, result: Any) -> Any:
    """The result, or `out` after it was written there."""
    return result if out is None else write_out(name, out, result)


# --- eigenvalues ----------------------------------------------------------------------------------


@overridable
def eigh(A, UPLO="L", *, out=None):
    """Eigenvalues (ascending) and orthonormal eigenvectors (columns) of a symmetric matrix.

    Only the lower ("L") or upper ("U") triangle is read. The gradient of the vectors is finite
    only for distinct eigenvalues, and meaningful for functions that ignore the vectors' signs.
    """
    x = matrices("linalg.eigh", A, square=True)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    text = "linalg.eigh: The algorithm failed to converge."
    values, vectors = _factor(Eigh, text, x, upper=UPLO.upper() == "U")
    if out is not None:
        pairs = zip(out, (values, vectors), strict=True)
        return EighResult(*[write_out("linalg_eigh", o, r) for o, r in pairs])
    return EighResult(values, vectors)


@overridable
def eigvalsh(A, UPLO="L", *, out=None):
    """Eigenvalues of a symmetric matrix, ascending."""
    return put("linalg_eigvalsh", out, eigh(A, UPLO).eigenvalues)


# --- inverse, determinant, equations --------------------------------------------------------------


@overridable
def inv(A, *, out=None):
    """The inverse of a square matrix; LinAlgError if it is singular."""
    x = matrices("linalg.inv", A, square=True)
    text = "linalg.inv: The inversion could not be completed because the input matrix is singular."
    return put("linalg_inv", out, _factor(Inv, text, x))


inverse = inv


@overridable
def det(A, *, out=None):
    """The determinant of a square matrix."""
    return put("linalg_det", out, apply(Det, matrices("linalg.det", A, square=True)))


def _slogdet(name: str, kind: Any, x: Any) -> Any:
    return kind(*apply(Slogdet, matrices(name, x, square=True)))


@overridable
def slogdet(A):
    """The sign and the logarithm of the absolute value of the determinant."""
    return _slogdet("linalg.slogdet", SlogdetResult, A)


@overridable
def torch_slogdet(input):
    """The sign and the logarithm of the absolute value of the determinant."""
    return _slogdet("linalg.slogdet", TorchSlogdetResult, input)


@overridable
def logdet(input):
    """The logarithm of the determinant; for real ones nan where it is negative, -inf where it is
    0.
    """
    x = matrices("linalg.slogdet", input, square=True)
    sign, logs = apply(Slogdet, x)
    if x._a.dtype.kind == "c":
        return elementwise.add(transcendental.log(sign), logs)
    if bounds(sign._a)[0] >= 0:
        return logs
    zero = np.zeros((), logs._a.dtype)
    return elementwise.add(logs, wrap(where(np.less(sign._a, 0), zero * math.nan, zero)))


@overridable
def solve(A, B, *, left=True, out=None):
    """The X with A X = B (left) or X A = B; B holds vectors or matrices."""
    x = matrices("linalg.solve", A, square=True)
    y = tensor("linalg.solve", B, 2, "B")
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type "
            f"{legacy_name(x._a.dtype)} and B of type {legacy_name(y._a.dtype)} instead"
        )
    vector = y._a.ndim == 1 or (x._a.ndim - 1 == y._a.ndim and y._a.shape == x._a.shape[:-1])
    n = x._a.shape[-1]
    rows, columns = (y._a.shape[-1], 1) if vector else y._a.shape[-2:]
    if (rows if left or vector else columns) != n:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {equation} "
            f"({n}x{n} and {rows}x{columns})"
        )
    text = "torch.linalg.solve: The solver failed because the input matrix is singular."
    if left:
        result = _factor(Solve, text, x, y, vector=vector)
    else:
        turned = _factor(Solve, text, _turned(x), y if vector else _turned(y), vector=vector)
        result = turned if vector else _turned(turned)
    return put("linalg_solve", out, result)


def _turned(x: Tensor) -> Tensor:
    return shape.transpose(x, -2, -1)


@overridable
def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """The X with A X = B (left) or X A = B, where only one triangle of A counts."""
    x = matrices("linalg.solve_triangular", A, square=True)
    y = matrices("linalg.solve_triangular", B)
    n = x._a.shape[-1]
    if y._a.shape[-2 if left else -1] != n:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {equation} "
            f"({n}x{n} and {y._a.shape[-2]}x{y._a.shape[-1]})"
        )
    x, y = promoted((x, y))
    text = "linalg.solve_triangular: the triangle has a 0 on its diagonal."
    kw = {"upper": bool(upper) if left else not upper, "unit": bool(unitriangular)}
    if left:
        return put("linalg_solve_triangular", out, _factor(SolveTriangular, text, x, y, **kw))
    result = _turned(_factor(SolveTriangular, text, _turned(x), _turned(y), **kw))
    return put("linalg_solve_triangular", out, result)


@overridable
def pinv(A, *, atol=None, rtol=None, hermitian=False, rcond=None, out=None):
    """The Moore-Penrose inverse, from the singular values above max(atol, rtol * largest)."""
    x = matrices("linalg.pinv", A)
    rtol = rcond if rtol is None else rtol
    if rtol is None:
        rtol = 0.0 if atol else max(x._a.shape[-2:]) * float(np.finfo(x._a.dtype).eps)
    if atol:
        largest = np.linalg.svd(x._a, compute_uv=False)[..., :1].max(initial=0)
        rtol = max(float(rtol), float(atol) / float(largest) if largest else 0.0)
    return put("linalg_pinv", out, apply(Pinv, x, rcond=float(rtol), hermitian=bool(hermitian)))


# --- factorizations -------------------------------------------------------------------------------


@overridable
def cholesky(A, *, upper=False, out=None):
    """The lower triangle L with A = L L^T (upper: its transpose) of a positive definite matrix."""
    x = matrices("linalg.cholesky", A, square=True)
    text = (
        "linalg.cholesky: The factorization could not be completed because the input is not "
        "positive-definite."
    )
    result = _factor(Cholesky, text, x)
    return put("linalg_cholesky", out, shape.adjoint(result) if upper else result)


def is_differentiated(x: Tensor) -> bool:
    """Whether x has a history or a tangent."""
    if edge_of(x) is not None:
        return True
    return isinstance(x._a, Carrier) and any(isinstance(n, DualLevel) for n in x._a.levels)


def _qr(name: str, x: Any, mode: str) -> tuple[Tensor, Tensor]:
    x = matrices(name, x)
    m, n = x._a.shape[-2:]
    recorded = is_differentiated(x)
    if mode == "r" or (mode == "complete" and m > n):
        if recorded:
            raise RuntimeError(
                f"{name}: the derivative of mode '{mode}' is not implemented\nUse mode='reduced', "
                "or compute under torch.no_grad()."
            )
        if mode == "r":
            return wrap(np.empty(0, x._a.dtype)), wrap(ops.qr(x._a)[1])
        return tuple(wrap(a) for a in ops.qr_complete(x._a))  # pyright: ignore
    if m >= n or not recorded:
        return apply(Qr, x)
    # a wide matrix: the first columns give Q, which gives the other columns of R
    q, r = apply(Qr, parts.narrow(x, -1, 0, m))
    rest = matmul(shape.adjoint(q), parts.narrow(x, -1, m, n - m))
    return q, joining.cat((r, rest), dim=-1)


@overridable
def qr(A, mode="reduced", *, out=None):
    """Q with orthonormal columns and an upper triangle R with A = Q R."""
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    return QrResult(*_qr("linalg.qr", A, mode))


@overridable
def torch_qr(input, some=True):
    """Q with orthonormal columns and an upper triangle R with input = Q R."""
    return TorchQrResult(*_qr("qr", input, "reduced" if some else "complete"))


def _svd(name: str, x: Any, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    x = matrices(name, x)
    m, n = x._a.shape[-2:]
    if full and m != n:
        if is_differentiated(x):
            raise RuntimeError(
                f"{name}: the derivative of the full matrices is not implemented\nUse "
                "full_matrices=False, or compute under torch.no_grad()."
            )
        return tuple(wrap(a) for a in ops.svd_full(x._a))  # pyright: ignore
    text = f"{name}: The algorithm failed to converge."
    return _factor(Svd, text, x)


@overridable
def svd(A, full_matrices=True, *, driver=None, out=None):
    """U, S and Vh with A = U diag(S) Vh, S descending.

    The gradient of U and Vh is finite only for distinct singular values.
    """
    return SvdResult(*_svd("linalg.svd", A, full_matrices))


@overridable
def torch_svd(input, some=True, compute_uv=True):
    """U, S and V with input = U diag(S) V^H, S descending."""
    u, s, vh = _svd("linalg.svd", input, not some)
    if not compute_uv:
        u, vh = (wrap(np.zeros(a._a.shape, a._a.dtype)) for a in (u, vh))
    return TorchSvdResult(u, s, shape.adjoint(vh))


@overridable
def svdvals(A, *, driver=None, out=None):
    """The singular values of a matrix, descending."""
    return put("linalg_svdvals", out, _svd("linalg.svd", A, False)[1])


@overridable
def matrix_rank(A, *, atol=None, rtol=None, hermitian=False, tol=None, out=None):
    """The number of singular values above max(atol, rtol * largest)."""
    x = matrices("linalg.matrix_rank", A)
    if rtol is None:
        eps = float(np.finfo(x._a.dtype).eps)
        rtol = 0.0 if atol or tol is not None else max(x._a.shape[-2:]) * eps
    ranks = ops.matrix_rank(x._a, atol=atol or 0.0 if tol is None else tol, rtol=rtol)
    return put("linalg_matrix_rank", out, wrap(ranks))


@overridable
def matrix_power(A, n, *, out=None):
    """The product of n copies of a square matrix; of its inverse for negative n."""
    x = tensor("linalg.matrix_power", A)
    x = matrices("linalg.matrix_power", A, square=True) if n < 0 or x._a.dtype.kind == "f" else x
    if x._a.ndim < 2 or x._a.shape[-1] != x._a.shape[-2]:
        x = matrices("linalg.matrix_power", A, square=True)
    if n == 0:
        one = np.broadcast_to(np.eye(x._a.shape[-1], dtype=x._a.dtype), x._a.shape)
        return put("linalg_matrix_power", out, wrap(np.array(one)))
    if n < 0:
        x, n = inv(x), -n
    elif n == 1:
        return put("linalg_matrix_power", out, apply(Clone, x))
    if n == 3:
        return put("linalg_matrix_power", out, matmul(matmul(x, x), x))
    result, square = None, x
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else matmul(result, square)
        if not n:
            return put("linalg_matrix_power", out, result)
        square = matmul(square, square)


# --- products and parts ---------------------------------------------------------------------------


@overridable
def vecdot(x, y, *, dim=-1, out=None):
    """The sum of conj(x) * y along `dim`."""
    if x._a.dtype.kind == "c":
        x = _conjugate(x)
    return put("linalg_vecdot", out, reductions.sum(elementwise.mul(x, y), dim=dim))


def _conjugate(x: Tensor) -> Tensor:
    return np.conjugate(x)  # pyright: ignore[reportReturnType]


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, as a view."""
    return parts.diagonal(A, offset, dim1, dim2)
