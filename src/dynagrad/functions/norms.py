"""Vector norms and distances under PyTorch's names."""

import math
from typing import Any

from ..core.apply import apply, promoted
from ..core.complaints import legacy_name
from ..core.dtype import FLOATING, category, numpy_dtype
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..core.watch import PLAIN
from ..ops import norms as ops
from .arguments import many_dims, numpy_names, one_dim, tensor, truth
from .later import loaded
from .nodes import node
from .shortcut import made, shortcut, untracked

__all__ = [
    "dist",
    "norm",
    "norm_except_dim",
]

VectorNorm = node("LinalgVectorNormBackward0", ops.vector_norm)
NORM = VectorNorm.rule.kernel
Norm = node("NormBackward1", ops.vector_norm)
NormOfAll = node("NormBackward0", ops.vector_norm)
Dist = node("DistBackward0", ops.dist)


def vector_norm(x: Tensor, p: float, dim: Any, keepdim: bool, dtype: Any) -> Tensor:
    """(sum |x|^p)^(1/p) over `dim` with linalg.vector_norm's checks."""
    kind = x._a.dtype
    if category(kind) < FLOATING:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{legacy_name(kind)}\nConvert it first, as in x.float()"
        )
    wanted = None if dtype is None else numpy_dtype(dtype)
    if wanted is not None:
        if category(wanted) != category(kind):
            which = "real" if category(kind) == FLOATING else "complex"
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be {which} for {legacy_name(kind)} inputs, but "
                f"got {legacy_name(wanted)}"
            )
        if wanted.itemsize < kind.itemsize:
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({legacy_name(kind)}) should be "
                f"convertible without narrowing to the specified dtype ({legacy_name(wanted)})"
            )
        wanted = None if wanted == kind else wanted
    axes = None if dim is None else many_dims(dim, x._a.ndim, "linalg_vector_norm")
    if p < 0 or p == math.inf:
        _check_some(x, p, axes)
    return apply(VectorNorm, x, p=p, axes=axes, keepdims=keepdim, dtype=wanted)


def _check_some(x: Tensor, p: float, axes: tuple[int, ...] | None) -> None:
    shape = x._a.shape
    if axes is None and x._a.size == 0:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p:g} norm on an empty tensor because the "
            f"operation does not have an identity (its shape is {list(shape)})"
        )
    for axis in axes or ():
        if shape[axis] == 0:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {p:g} norm on the dimension {axis} because "
                "this dimension is empty and the operation does not have an identity"
            )


def _short_norm(input, p="fro", dim=None):
    a = input._a
    if type(input) not in PLAIN or a.dtype.kind != "f" or dim is not None:
        return None
    if p != "fro" and p != 2:
        return None
    if untracked(input):
        return made(NORM(a, p=2.0, axes=None, keepdims=False, dtype=None))
    return apply(VectorNorm, input, p=2.0, axes=None, keepdims=False, dtype=None)


@shortcut(_short_norm)
@overridable
@numpy_names
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm over `dim`, or of all elements: (sum |x|^p)^(1/p).

    p: a number, 'fro' or None for 2, +-inf for the greatest or least |x|, 0 for the number of
    non-zeros, 'nuc' for the sum of a matrix's singular values. Where the norm has a corner its
    derivative is 0, or shared evenly (+-inf).
    """
    x = tensor("norm", input)
    if p == "nuc" or (p == "fro" and isinstance(dim, tuple | list) and len(dim) > 2):
        axes = (dim,) if isinstance(dim, int) else range(x._a.ndim) if dim is None else dim
        of_matrices = loaded("matrix_norms", "matrix_norm")
        return of_matrices(x, p, tuple(axes), keepdim, dtype=dtype, out=out)
    if p is None or p == "fro":
        p = 2
    if isinstance(p, Tensor):
        p = float(p._a)
    if isinstance(p, str):
        raise RuntimeError(
            f"linalg.matrix_norm: Order {p} not supported. torch.norm takes a number, 'fro' or "
            "'nuc'"
        )
    result = vector_norm(x, p, dim, truth("norm", keepdim, "keepdim", 4), dtype)
    return result if out is None else write_out("norm", out, result)


@overridable
def dist(input, other, p=2):
    """The p-norm of input - other over all elements, a scalar."""
    x, y = promoted((tensor("dist", input), tensor("dist", other, 2, "other")))
    if category(x._a.dtype) < FLOATING:
        raise RuntimeError(
            "norm(): input dtype should be either floating point or complex. Got "
            f"{legacy_name(x._a.dtype)} instead.\nConvert it first, as in x.float()"
        )
    return apply(Dist, x, y, p=float(p))


@overridable
def norm_except_dim(v, pow=2, dim=0):
    """The p-norm (p = pow) over all dimensions but one, which stay with size 1; dim -1: over all,
    as one number.
    """
    x = tensor("norm_except_dim", v, 1, "v")
    if dim == -1:
        return apply(NormOfAll, x, p=float(pow), axes=None, keepdims=False, dtype=None)
    kept = one_dim(dim, x._a.ndim, "norm_except_dim")
    axes = tuple(i for i in range(x._a.ndim) if i != kept)
    return apply(Norm, x, p=float(pow), axes=axes, keepdims=True, dtype=None)
