"""torch._inductor for programs that set PyTorch's code generator: what they set changes nothing."""

from . import config

__all__ = ["config"]
