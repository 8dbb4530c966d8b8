"""Inverses, equations, determinants and products under PyTorch's names; `dynagrad.linalg` gives
them, with those of its neighbours, at torch.linalg's path.
"""

import math
from typing import Any

import numpy as np

from ..core.apply import apply, promoted
from ..core.complaints import legacy_name
from ..core.dtype import FLOATING, category
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from ..core.views import copy_
from ..ops import linalg as ops
from ..ops import shape as shapes
from ..ops.elementwise import where
from . import elementwise, joining, parts, shape, transcendental
from . import reduction as reductions
from .arguments import bounds, many_dims, tensor, whole
from .contraction import matmul, vdot
from .cumulative import cumprod
from .expansion import expand
from .matrices import (
    check_equation,
    check_info,
    matrices,
    pivots_of,
    put,
    put_all,
    same_dtype,
    two_dims,
)
from .nodes import node
from .return_types import return_type

Inv = node("LinalgInvExBackward0", ops.inverse)
Det = node("LinalgDetBackward0", ops.det)
Slogdet = node("LinalgSlogdetBackward0", ops.slogdet)
Solve = node("LinalgSolveExBackward0", ops.solve)
Clone = node("CloneBackward0", shapes.copy)

InvExResult = return_type("linalg_inv_ex", "inverse", "info")
SlogdetResult = return_type("linalg_slogdet", "sign", "logabsdet")
SolveExResult = return_type("linalg_solve_ex", "result", "info")

SINGULAR = (
    "The diagonal element {} is zero, the inversion could not be completed because the input "
    "matrix is singular."
)
UNSOLVED = "The solver failed because the input matrix is singular."


# --- inverse --------------------------------------------------------------------------------------


def inverted(name: str, A: Any) -> Tensor:
    """The inverse; LinAlgError if it is singular."""
    x = matrices(name, A, square=True)
    result = apply(Inv, x)
    check_info(name, pivots_of(x, result), SINGULAR)
    return result


@overridable
def inv(A, *, out=None):
    """The inverse of a square matrix; LinAlgError if it is singular."""
    return put("linalg_inv", out, inverted("linalg.inv", A))


@overridable
def inverse(input, *, out=None):
    """The inverse of a square matrix; LinAlgError if it is singular."""
    return put("linalg_inv", out, inverted("linalg.inv", input))


@overridable
def inv_ex(A, *, check_errors=False, out=None):
    """The inverse of a square matrix, and for each the number of the first zero pivot (0: none)."""
    x = matrices("linalg.inv", A, square=True)
    result = apply(Inv, x)
    info = pivots_of(x, result)
    if check_errors:
        check_info("linalg.inv_ex", info, SINGULAR)
    return put_all("linalg_inv_ex", InvExResult, out, (result, info))


@overridable
def tensorinv(A, ind=2, *, out=None):
    """The inverse of A as a linear map from its dimensions behind `ind` to those before."""
    x = tensor("linalg.tensorinv", A)
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    sizes = x._a.shape
    if ind > len(sizes):
        raise RuntimeError(
            f"linalg.tensorinv: A has {len(sizes)} dimensions, which cannot be parted at ind={ind}"
        )
    rows, columns = math.prod(sizes[:ind]), math.prod(sizes[ind:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    result = inverted("inv", shape.reshape(x, columns, columns))
    return put(
        "linalg_tensorinv", out, shape.reshape(result, *sizes[ind:], *sizes[:ind]), exact=False
    )


# --- determinants ---------------------------------------------------------------------------------


@overridable
def det(A, *, out=None):
    """The determinant of a square matrix."""
    x = matrices("linalg.det", A, square=True, kernel="lu_cpu")
    return put("linalg_det", out, apply(Det, x))


@overridable
def slogdet(A, *, out=None):
    """The sign and the logarithm of the absolute value of the determinant."""
    result = tuple(apply(Slogdet, matrices("linalg.slogdet", A, square=True)))
    return put_all("linalg_slogdet", SlogdetResult, out, result)


@overridable
def logdet(input):
    """The logarithm of the determinant; for real ones nan where it is negative, -inf where it is
    0.
    """
    x = matrices("logdet", input, square=True)
    sign, logs = apply(Slogdet, x)
    if x._a.dtype.kind == "c":
        return elementwise.add(transcendental.log(sign), logs)
    if bounds(sign._a, 0)[0] >= 0:
        return logs
    zero = np.zeros((), logs._a.dtype)
    return elementwise.add(logs, wrap(where(np.less(sign._a, 0), zero * math.nan, zero)))


# --- equations ------------------------------------------------------------------------------------


def turned(x: Tensor) -> Tensor:
    """The transposed matrices."""
    return shape.transpose(x, -2, -1)


def _solved(A: Any, B: Any, left: bool) -> tuple[Tensor, Tensor]:
    """The solution, and for each matrix the number of its first zero pivot."""
    name = "linalg.solve"
    x = tensor(name, A)
    y = tensor(name, B, 2, "B")
    same_dtype(name, "A", x, "B", y)
    x = matrices(name, x, square=True)
    vector = y._a.ndim == 1 or (x._a.ndim - 1 == y._a.ndim and y._a.shape == x._a.shape[:-1])
    if not vector:
        two_dims(name, y, "B")
    check_equation(name, x, y._a, left, vector)
    if left:
        result = apply(Solve, x, y, vector=vector)
    else:
        result = turned(apply(Solve, turned(x), turned(y), vector=False))
    return result, pivots_of(x, result)


@overridable
def solve(A, B, *, left=True, out=None):
    """The X with A X = B (left) or X A = B; B holds vectors or matrices."""
    result, info = _solved(A, B, left)
    check_info("torch.linalg.solve", info, UNSOLVED)
    return put("linalg_solve", out, result)


@overridable
def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """The X with A X = B (left) or X A = B, and the number of the first zero pivot (0: none)."""
    result, info = _solved(A, B, left)
    if check_errors:
        check_info("torch.linalg.solve_ex", info, UNSOLVED)
    return put_all("linalg_solve_ex", SolveExResult, out, (result, info))


@overridable
def tensorsolve(A, B, dims=None, *, out=None):
    """The X with tensordot(A, X, X.ndim) = B; `dims` of A are moved to its end first."""
    x, y = tensor("linalg.tensorsolve", A), tensor("linalg.tensorsolve", B, 2, "B")
    if dims is not None:
        moved = many_dims(dims, x._a.ndim, "linalg.tensorsolve")
        x = shape.movedim(x, moved, tuple(range(x._a.ndim - len(moved), x._a.ndim)))
    n = y._a.ndim
    rows, columns = math.prod(x._a.shape[:n]), math.prod(x._a.shape[n:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {columns} != {rows}"
        )
    result = solve(shape.reshape(x, columns, columns), shape.reshape(y, -1))
    return put("linalg_tensorsolve", out, shape.reshape(result, *x._a.shape[n:]), exact=False)


# --- powers, products and parts -------------------------------------------------------------------


@overridable
def matrix_power(A, n, *, out=None):
    """The product of n copies of a square matrix; of its inverse for negative n."""
    n = whole("linalg_matrix_power", n, "n", 2)
    # Repeated squares are copied into `out=`, which converts; a product is computed in it.
    is_copied = n in (0, 1) or (abs(n) > 2 and abs(n) & (abs(n) - 1) == 0)
    name = "linalg_matrix_power" if is_copied else "linalg_matrix_power.product"
    return put(name, out, _power(A, n), exact=False)


def _power(A: Any, n: int) -> Tensor:
    x = tensor("linalg.matrix_power", A)
    if x._a.ndim < 2 or x._a.shape[-1] != x._a.shape[-2]:
        matrices("linalg.matrix_power", x, square=True)
    if n == 0:
        one = np.broadcast_to(np.eye(x._a.shape[-1], dtype=x._a.dtype), x._a.shape)
        return copy_(apply(Clone, x), wrap(np.array(one)))
    if n < 0:
        x, n = inv(x), -n
    elif n == 1:
        return apply(Clone, x)
    if n == 3:
        return matmul(matmul(x, x), x)
    result, square = None, x
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else matmul(result, square)
        if not n:
            return result  # pyright: ignore[reportReturnType] - a power above 0 has a first factor
        square = matmul(square, square)


@overridable
def vecdot(x, y, *, dim=-1, out=None):
    """The sum of conj(x) * y along `dim`."""
    a, b = tensor("linalg.vecdot", x, 1, "x"), tensor("linalg.vecdot", y, 2, "y")
    if category(a._a.dtype) < FLOATING:
        raise RuntimeError(
            "linalg.vecdot: Expected a floating point or complex tensor as input. Got "
            f"{legacy_name(a._a.dtype)}"
        )
    same_dtype("linalg.vecdot", "x", a, "y", b)
    if a._a.ndim == b._a.ndim == 1 and dim in (0, -1):
        return put("linalg_vecdot", out, vdot(a, b), exact=False)
    if a._a.dtype.kind == "c":
        a = np.conjugate(a)  # pyright: ignore[reportAssignmentType] - of a Tensor
    result = reductions.sum(elementwise.mul(a, b), dim=dim)
    return put("linalg_vecdot", out, result, exact=False)


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, as a view."""
    return parts.diagonal(A, offset, dim1, dim2)


@overridable
def vander(x, N=None):
    """The powers 0 to N - 1 of numbers, along a new last dimension (N: as many as numbers)."""
    a = tensor("linalg.vander", x, 1, "x")
    if a._a.dtype.kind == "b" or (a._a.dtype.itemsize == 2 and a._a.dtype.kind in "fV"):
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got "
            f"{legacy_name(a._a.dtype)}"
        )
    if a._a.ndim == 0:
        a = shape.unsqueeze(a, 0)
    count = a._a.shape[-1] if N is None else N
    if count <= 1:
        raise RuntimeError(
            f"N must be greater than 1.\nIt is {count}: a matrix of powers has the columns 1 and x "
            "at least."
        )
    powers = cumprod(expand(shape.unsqueeze(a, -1), *a._a.shape, count - 1), -1)
    ones = wrap(np.ones((*a._a.shape, 1), powers._a.dtype))
    return joining.cat((ones, promoted((powers,))[0]), dim=-1)
