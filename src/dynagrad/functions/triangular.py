"""Triangular equations under PyTorch's names."""

from ..core.apply import apply, promoted
from ..core.complaints import legacy_name
from ..core.overrides import overridable
from ..ops import triangular as ops
from .arguments import tensor
from .factory import warn_once
from .linalg import turned
from .matrices import check_equation, computed, matrices, put, put_all
from .nodes import node
from .return_types import return_type

SolveTriangular = node("LinalgSolveTriangularBackward0", ops.solve_triangle)
TriangularSolve = node("TriangularSolveBackward0", ops.solve_triangle)
Columns = node("TriangularSolveBackward0", ops.column_major)

TriangularResult = return_type("triangular_solve", "solution", "cloned_coefficient")


@overridable
def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """The X with A X = B (left) or X A = B, where only one triangle of A counts."""
    name = "linalg.solve_triangular"
    x = matrices(name, A, square=True)
    y = matrices(name, B, argument="B")
    check_equation(name, x, y._a, left)
    x, y = promoted((x, y))
    kw = {"upper": bool(upper) if left else not upper, "unit": bool(unitriangular)}
    if left:
        return put("linalg_solve_triangular", out, apply(SolveTriangular, x, y, **kw))
    result = turned(apply(SolveTriangular, turned(x), turned(y), **kw))
    return put("linalg_solve_triangular", out, apply(Columns, result))


@overridable
def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """The X with A X = input (transpose: A^T X = input) for a triangle of A, and a copy of A."""
    name = "torch.triangular_solve"
    warn_once(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangularand will be "
        "removed in a future PyTorch release.\nUse torch.linalg.solve_triangular(A, B, upper=True)."
    )
    y, x = tensor(name, input, 1, "b"), tensor(name, A, 2, "A")
    for t, argument in ((y, "b"), (x, "A")):
        if t._a.ndim < 2:
            raise RuntimeError(
                f"{name}: Expected {argument} to have at least 2 dimensions, but it has "
                f"{t._a.ndim} dimensions instead"
            )
    check_pair("triangular_solve", y, x)
    computed(name, x, "triangular_solve_out_cpu", integers=True)
    kw = {"upper": bool(upper) != bool(transpose), "unit": bool(unitriangular)}
    solution = apply(TriangularSolve, turned(x) if transpose else x, y, **kw)
    return put_all("triangular_solve", TriangularResult, out, (solution, apply(Columns, x)))


def check_pair(name: str, y, x) -> None:
    """Raise unless the right side y and the square matrix x, of the older functions, fit."""
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(
            "Expected b and A to have the same dtype, but found b of type "
            f"{legacy_name(y._a.dtype)} and A of type {legacy_name(x._a.dtype)} instead."
        )
    rows, columns = x._a.shape[-2:]
    if rows != columns:
        raise RuntimeError(
            f"A must be batches of square matrices, but they are {rows} by {columns} matrices"
        )
    if y._a.shape[-2] != rows:
        p, q = y._a.shape[-2:]
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {rows} by {rows} but each b "
            f"matrix is {p} by {q}"
        )
