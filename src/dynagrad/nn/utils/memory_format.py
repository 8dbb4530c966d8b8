"""Weights of convolutions in another order of memory. Imports modules."""

from typing import Any, TypeVar

from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module

_M = TypeVar("_M", bound=Module)


def convert_conv2d_weight_memory_format(module: _M, memory_format: Any) -> _M:
    """Bring the weights of all Conv2d and ConvTranspose2d in a module into `memory_format`."""
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: _M, memory_format: Any) -> _M:
    """Bring the weights of all Conv3d and ConvTranspose3d in a module into `memory_format`."""
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))


def _convert(module: _M, memory_format: Any, kinds: tuple[type, ...]) -> _M:
    for part in module.modules():
        if isinstance(part, kinds):
            weight: Any = part.weight  # pyright: ignore[reportAttributeAccessIssue]
            weight.data = weight.detach().clone(memory_format=memory_format)
    return module
