"""Memory of CUDA devices, of which there is none. Imports nothing."""

from collections import OrderedDict
from typing import Any

__all__ = [
    "OutOfMemoryError",
    "empty_cache",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_memory_stats",
]


class OutOfMemoryError(RuntimeError):
    """A CUDA device has no more memory: never raised. Where the CPU's is full, NumPy raises
    MemoryError.
    """


def memory_allocated(device: Any = None) -> int:
    """The bytes in use on a CUDA device: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated
memory_cached = max_memory_cached = memory_allocated


def empty_cache() -> None:
    """Free the cached memory of CUDA devices, of which there is none."""


def memory_stats(device: Any = None) -> dict[str, Any]:
    """Statistics of a CUDA device's memory: none."""
    return OrderedDict()


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """The statistics as a table: a line that says that there are none."""
    return "no CUDA device, no CUDA memory"


def reset_peak_memory_stats(device: Any = None) -> None:
    """Begin anew with the largest numbers, of which there are none."""


reset_accumulated_memory_stats = reset_peak_memory_stats
reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats
