"""Modules run on several devices: here there is one, the CPU. Imports modules."""

from .data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "data_parallel"]
