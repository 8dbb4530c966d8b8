"""torch.accelerator: the device beside the CPU that computes, of which there is none here.

Questions are answered; what needs the device is refused as PyTorch refuses it without one. Imports
nothing.
"""

from typing import Any, NoReturn

__all__ = [
    "AcceleratorError",
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "empty_host_cache",
    "get_device_capability",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


class AcceleratorError(RuntimeError):
    """An error of an accelerator: never raised."""


def is_available() -> bool:
    """Whether there is an accelerator: no."""
    return False


def device_count() -> int:
    """The number of accelerators: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """The accelerator's device: None."""


def synchronize(device: Any = None, /) -> NoReturn:
    """Refused: RuntimeError, for there is no accelerator."""
    raise RuntimeError(
        "Cannot access accelerator device when none is available.\n"
        "dynagrad computes on the CPU: ask torch.accelerator.is_available() first."
    )


current_device_idx = current_device_index = current_stream = empty_cache = synchronize
empty_host_cache = get_device_capability = get_memory_info = memory_stats = synchronize
memory_allocated = memory_reserved = max_memory_allocated = max_memory_reserved = synchronize
reset_accumulated_memory_stats = reset_peak_memory_stats = synchronize
set_device_idx = set_device_index = set_stream = synchronize


class device_index:  # noqa: N801 - PyTorch's name
    """A region on the accelerator of that number; for None, an ordinary one."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            synchronize()

    def __exit__(self, *error: Any) -> None:
        pass
