"""Random numbers: PyTorch's CPU generator, stream for stream, on NumPy arrays."""

from dynagrad.core.random.continuous import memory_order as memory_order
from dynagrad.core.random.generator import Generator as Generator
from dynagrad.core.random.generator import default_generator as default_generator

__all__ = ["Generator", "default_generator", "memory_order"]
