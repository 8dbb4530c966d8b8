"""torch.utils.dlpack: arrays of other libraries as tensors and back, on the same memory."""

from typing import Any

from ..core.tensor import Tensor
from ..functions.tensor_methods import dlpack, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule of the tensor's memory, for another library's from_dlpack; it serves once."""
    return dlpack(tensor)
