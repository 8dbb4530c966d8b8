"""What the two forms of normalized weights share. Imports functions and modules."""

from typing import Any

from ...functions.norms import norm_except_dim
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module


def normed_weight(v: Any, g: Any, dim: int) -> Any:
    """g v / |v|, with a norm for each index of `dim`; one in all for -1."""
    return v * (g / norm_except_dim(v, 2, dim))


def as_matrix(weight: Any, dim: int) -> Any:
    """A weight as a matrix with one row for each index of `dim`."""
    if dim != 0:
        weight = weight.permute(dim, *(d for d in range(weight.ndim) if d != dim))
    return weight.flatten(1)


def default_dim(module: Module) -> int:
    """The dimension of a weight that counts the outputs."""
    transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)
    return 1 if transposed else 0
