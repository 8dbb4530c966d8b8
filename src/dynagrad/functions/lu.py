"""LU factors under PyTorch's names."""

import math
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.complaints import legacy_name
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from ..core.views import detached
from ..ops import lu as ops
from . import shape
from .arguments import bounds, tensor
from .matrices import (
    check_equation,
    check_info,
    computed,
    matrices,
    put,
    put_all,
    same_dtype,
    two_dims,
)
from .nodes import node
from .return_types import return_type
from .unseen import alone

LuFactor = node("LinalgLuFactorExBackward0", ops.lu_factor)
Lu = node("LinalgLuBackward0", ops.lu)
LuSolve = node("LinalgLuSolveBackward0", ops.lu_solve)
LuUnpack = node("LuUnpackBackward0", ops.triangles)
Permutation = node("Permutation", ops.permutation)

LuResult = return_type("linalg_lu", "P", "L", "U")
LuFactorResult = return_type("linalg_lu_factor", "LU", "pivots")
LuFactorExResult = return_type("linalg_lu_factor_ex", "LU", "pivots", "info")
LuUnpackResult = return_type("lu_unpack", "P", "L", "U")

ZERO = (
    "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still "
    "want to perform the factorization, consider calling linalg.lu(A, pivot) or "
    "linalg.lu_factor_ex(A, pivot)"
)


def _check_rank(name: str, x: Tensor) -> None:
    if x._a.ndim < 2:
        raise RuntimeError(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(x._a.shape)} instead"
        )


def _factored(name: str, A: Any, pivot: bool, cls: Any = LuFactor) -> tuple[Tensor, ...]:
    x = tensor(name, A)
    _check_rank(name, x)
    computed(name, x, "lu_cpu", integers=True)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return apply(cls, x)


@overridable
def lu(A, *, pivot=True, out=None):
    """A permutation P, a unit lower triangle L and an upper triangle U with A = P L U."""
    p, lower, upper = _factored("linalg.lu", A, pivot, Lu)
    return put_all("linalg_lu", LuResult, out, (detached(p), lower, upper))


@overridable
def lu_factor(A, *, pivot=True, out=None):
    """L and U in one matrix, and the rows exchanged (counted from 1); an error where U has a 0."""
    factors, pivots, info = _factored("torch.lu_factor", A, pivot)
    check_info("torch.linalg.lu_factor", info, ZERO, RuntimeError)
    return put_all("linalg_lu_factor", LuFactorResult, out, (factors, pivots))


@overridable
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """As lu_factor, with the number of the first zero on U's diagonal (0: none)."""
    results = _factored("torch.lu_factor", A, pivot)
    if check_errors:
        check_info("torch.linalg.lu_factor_ex", results[2], ZERO, RuntimeError)
    return put_all("linalg_lu_factor_ex", LuFactorExResult, out, results)


@overridable
def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """The X with A X = B (left) or X A = B from the factors of A; `adjoint`: of A^H."""
    name = "linalg.lu_solve"
    x = tensor(name, LU, 1, "LU")
    order = tensor(name, pivots, 2, "pivots")
    y = tensor(name, B, 3, "B")
    if order._a.dtype != np.int32:
        raise RuntimeError(f"{name}: pivots should be a Tensor of scalar type torch.int32")
    same_dtype(name, "LU", x, "B", y)
    matrices(f"torch.{name}", x, square=True, kernel="lu_solve_cpu", integers=True)
    two_dims(name, y, "B")
    check_equation(name, x, y._a, left)
    if order._a.shape[-1:] != x._a.shape[-1:]:
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix"
        )
    if order._a.shape[:-1] != x._a.shape[:-2]:
        raise RuntimeError(
            f"{name}: Batch dimensions of LU and pivots should match: {list(x._a.shape[:-2])} and "
            f"{list(order._a.shape[:-1])}"
        )
    if left:
        result = apply(LuSolve, x, order, y, adjoint=bool(adjoint))
    else:
        # X A = B is A^H X^H = B^H
        result = apply(LuSolve, x, order, shape.adjoint(y), adjoint=not adjoint)
        result = alone(shape.adjoint(result))
    return put("linalg_lu_solve", out, result)


@overridable
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """P, L and U from what lu_factor returns; empty ones for what is not asked for."""
    x = tensor("lu_unpack", LU_data, 1, "LU_data")
    pivots = tensor("lu_unpack", LU_pivots, 2, "LU_pivots")
    _check_rank("torch.lu_unpack", x)
    p = lower = upper = wrap(np.empty(0, x._a.dtype))
    if unpack_pivots:
        if pivots._a.dtype != np.int32:
            raise RuntimeError(
                "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
                "dtype.\nNote: this function is intended to be used with the output produced by "
                f"torch.linalg.lu_factor; given is {legacy_name(pivots._a.dtype)}"
            )
        low, high = bounds(pivots._a, 1, x._a.shape[-2])
        if math.prod(pivots._a.shape) and (low < 1 or high > x._a.shape[-2]):
            raise RuntimeError(
                "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive."
                "Did you properly pass the result of lu_factor?"
            )
        p = apply(Permutation, x, pivots)
    if unpack_data:
        lower, upper = apply(LuUnpack, x, unit=1)
    return put_all("lu_unpack", LuUnpackResult, out, (p, lower, upper))
