"""Norms of vectors and matrices, and the condition number, at torch.linalg's path."""

import math
from typing import Any

import numpy as np

from ..core.apply import to_dtype
from ..core.dtype import numpy_dtype
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from . import comparison, elementwise, extremes, parts, shape
from . import reduction as reductions
from .arguments import bounds, many_dims, tensor
from .linalg import inv_ex
from .matrices import matrices, put, two_dims
from .norms import vector_norm as norm_over
from .selection import where
from .spectral import svdvals
from .unseen import alone


@overridable
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """(sum |x|^ord)^(1/ord); the largest or smallest |x| for inf and -inf, their number for 0."""
    result = norm_over(tensor("linalg.vector_norm", x), float(ord), dim, keepdim, dtype)
    return put("linalg_vector_norm", out, result)


def _sides(x: Tensor, dim: Any) -> tuple[int, int]:
    """The dimensions of the rows and of the columns."""
    two_dims("linalg.matrix_norm", x)
    axes = many_dims(dim, x._a.ndim, "linalg.matrix_norm")
    if len(axes) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {list(axes)}")
    return axes  # pyright: ignore[reportReturnType]


@overridable
def matrix_norm(A, ord: Any = "fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """A norm of matrices: "fro", "nuc", 2, -2 (singular values), 1, -1, inf, -inf (sums)."""
    x = tensor("linalg.matrix_norm", A)
    if dtype is not None:
        x = to_dtype(x, numpy_dtype(dtype))
    rows, columns = _sides(x, dim)
    if ord == "fro":
        return put("norm", out, norm_over(x, 2.0, (rows, columns), keepdim, None))
    if ord in ("nuc", 2, -2):
        order = [i for i in range(x._a.ndim) if i not in (rows, columns)] + [rows, columns]
        values = svdvals(shape.permute(x, order))
        if ord == "nuc":
            result = reductions.sum(values, dim=-1)
        else:
            result = shape.squeeze(_extreme(values, values._a.ndim - 1, ord > 0), -1)
        result = alone(result)
        if keepdim:
            for axis in sorted((rows, columns)):
                result = shape.unsqueeze(result, axis)
        return put("norm", out, result)
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(
            f"linalg.matrix_norm: Order {ord} not supported.\n"
            "The orders are 'fro', 'nuc', 1, -1, 2, -2, inf and -inf."
        )
    across, along = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = norm_over(x, 1.0, across, True, None)
    result = _extreme(sums, along, ord > 0)
    if not keepdim:
        for axis in sorted((rows, columns), reverse=True):
            result = shape.squeeze(result, axis)
    return put("norm", out, alone(result))


def _extreme(x: Tensor, dim: int, largest: bool) -> Tensor:
    """The largest (of no numbers: 0) or the smallest along a dimension, which stays."""
    if largest and not x._a.shape[dim]:
        return reductions.sum(x, dim=dim, keepdim=True)
    pick = extremes.amax if largest else extremes.amin
    return pick(x, dim=dim, keepdim=True)


@overridable
def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """vector_norm or matrix_norm, as `ord` and `dim` say; by default the 2-norm."""
    x = tensor("linalg.norm", A)
    axes = (dim,) if isinstance(dim, int) else dim
    if axes is not None and len(axes) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(axes)}"
        )
    if ord is None:
        return put("norm", out, norm_over(x, 2.0, dim, keepdim, dtype))
    if axes is None and x._a.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{x._a.ndim}D."
        )
    one = len(axes) == 1 if axes is not None else x._a.ndim == 1
    if one and not isinstance(ord, str):
        return put("norm", out, norm_over(x, float(ord), axes, keepdim, dtype))
    return matrix_norm(x, ord, (-2, -1) if axes is None else axes, keepdim, dtype=dtype, out=out)


@overridable
def cond(A, p=None, *, out=None):
    """The condition number: the norm of A times the norm of its inverse; inf for a singular A."""
    x = two_dims("linalg.cond", tensor("linalg.cond", A), "")
    return put("linalg_cond", out, _condition(x, p), exact=False)


def _condition(x: Tensor, p: Any) -> Tensor:
    if p in (None, 2, -2):
        x = matrices("linalg.svd", x)
        if not x._a.size:
            return wrap(np.zeros(x._a.shape[:-2], np.abs(x._a).dtype))
        values = svdvals(x)
        first, final = parts.select(values, -1, 0), parts.select(values, -1, -1)
        return elementwise.div(final, first) if p == -2 else elementwise.div(first, final)
    if p not in ("fro", "nuc", math.inf, -math.inf, 1, -1):
        raise RuntimeError(
            f"linalg.cond got an invalid norm type: {p}\n"
            "The types are 'fro', 'nuc', 1, -1, 2, -2, inf and -inf."
        )
    matrices(f"linalg.cond(ord={p})", x, square=True)
    if not x._a.size:
        return wrap(np.zeros(x._a.shape[:-2], np.abs(x._a).dtype))
    inverse, info = inv_ex(x)
    result = elementwise.mul(matrix_norm(x, p), matrix_norm(inverse, p))
    if bounds(info._a, 0, 0) == (0, 0):
        return result
    return where(comparison.ne(info, 0), math.inf, result)
