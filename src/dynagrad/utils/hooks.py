"""The handles that registering a hook returns, at PyTorch's path."""

from ..autograd.differentiate import RemovableHandle

__all__ = ["RemovableHandle"]
