"""What the two forms of normalized weights share. Imports modules."""

from typing import Any

from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module


def as_matrix(weight: Any, dim: int) -> Any:
    """A weight as a matrix with one row for each index of `dim`."""
    if dim != 0:
        weight = weight.permute(dim, *(d for d in range(weight.ndim) if d != dim))
    return weight.flatten(1)


def default_dim(module: Module) -> int:
    """The dimension of a weight that counts the outputs."""
    transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)
    return 1 if transposed else 0
