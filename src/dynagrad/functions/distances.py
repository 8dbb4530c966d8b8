"""Distances between all pairs of points under PyTorch's names."""

import math
from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.complaints import broadcast_error, legacy_name, type_name
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import distances as ops
from . import shape
from .arguments import check_scalar_type, no_kernel, tensor
from .nodes import node

__all__ = ["cdist", "pdist"]

Cdist = node("CdistBackward0", ops.cdist)
EuclideanDist = node("EuclideanDistBackward0", ops.euclidean_dist)
Pdist = node("PdistBackward0", ops.pdist)

IF_NECESSARY = "use_mm_for_euclid_dist_if_necessary"
MODES = (IF_NECESSARY, "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
#: for more points than this a matrix product is quicker, if less exact
FEW = 25


@overridable
def cdist(x1, x2, p=2.0, compute_mode=IF_NECESSARY):
    """The p-norms of the differences of each row of x1 (..., P, M) and each of x2 (..., R, M).

    compute_mode says whether Euclidean distances may be computed by a matrix product, which loses
    digits of small ones: by default where one of the lists has more than 25 points.
    """
    x, y = tensor("cdist", x1, 1, "x1"), tensor("cdist", x2, 2, "x2")
    if compute_mode not in MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    p = _norm_number("cdist", p, 3)
    a, b = x._a, y._a
    for name, c in (("X1", a), ("X2", b)):
        if c.dtype.kind not in "fV":
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {legacy_name(c.dtype)}"
            )
    for name, c in (("X1", a), ("X2", b)):
        if c.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {c.ndim}D")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}"
        )
    if not p >= 0:
        raise RuntimeError(f"cdist only supports non-negative p values\nGiven was {p}.")
    _whole_precision("cdist", a.dtype)
    check_scalar_type(a.dtype, b.dtype, "Convert one of them, as in x2.to(x1.dtype).")
    error = broadcast_error("cdist", [a.shape[:-2], b.shape[:-2]])
    if error is not None:
        raise error
    return _cdist(x, y, p, compute_mode)


def _cdist(x: Tensor, y: Tensor, p: float, mode: str) -> Tensor:
    a, b = x._a, y._a
    wanted = mode == MODES[1] or (mode == MODES[0] and max(a.shape[-2], b.shape[-2]) > FEW)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    sizes = (*lead, a.shape[-2], b.shape[-2])
    if p == 2 and wanted and a.shape[-1] and math.prod(sizes):
        return shape.view(apply(EuclideanDist, x, y), sizes)
    return apply(Cdist, x, y, p=p)


def _norm_number(name: str, p: Any, position: int) -> float:
    if isinstance(p, bool) or not isinstance(p, int | float | np.number):
        raise TypeError(
            f"{name}(): argument 'p' (position {position}) must be float, not {type_name(p)}"
        )
    return float(p)


def _whole_precision(name: str, dtype: np.dtype) -> None:
    if dtype not in (np.float32, np.float64):
        raise no_kernel(name, dtype)


@overridable
def pdist(input, p=2):
    """The p-norms of the differences of each two rows of input (P, M), (P (P - 1) / 2,)."""
    x = tensor("pdist", input)
    p = _norm_number("pdist", p, 2)
    a = x._a
    if a.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {a.ndim}D")
    if a.dtype.kind not in "fV":
        raise RuntimeError(
            f"pdist only supports floating-point dtypes\nConvert first, as in x.float(): given was "
            f"{x.dtype}."
        )
    if not p >= 0:
        raise RuntimeError(f"pdist only supports non-negative p values\nGiven was {p}.")
    _whole_precision("pdist", a.dtype)
    return apply(Pdist, x, p=p)
