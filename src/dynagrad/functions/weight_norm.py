"""A weight with given norms, under PyTorch's name. Imports core and norms."""

from typing import Any

from ..core.apply import apply
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import norms as ops
from .arguments import check_scalar_type, no_kernel, one_dim, tensor
from .nodes import node
from .norms import norm_except_dim

__all__ = ["_weight_norm"]

WeightNorm = node("WeightNormInterfaceBackward0", ops.weight_norm)


@overridable
def _weight_norm(v: Any, g: Any, dim: int = 0) -> Tensor:
    """g v / |v|, with a norm for each index of `dim`; one in all for -1."""
    x, lengths = tensor("_weight_norm", v, 1, "v"), tensor("_weight_norm", g, 2, "g")
    count = x._a.ndim
    kept = -1 if dim == -1 else one_dim(dim, count, "_weight_norm")
    if kept not in (0, count - 1):
        norms: Any = norm_except_dim(v, 2, dim)
        return v * (g / norms)
    if x._a.dtype.kind in "iubc":
        raise no_kernel("weight_norm_kernel", x._a.dtype)
    check_scalar_type(x._a.dtype, lengths._a.dtype, "The norms have the dtype of the weight.")
    return apply(WeightNorm, x, lengths, axes=tuple(d for d in range(count) if d != kept))
