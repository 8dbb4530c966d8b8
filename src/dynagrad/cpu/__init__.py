"""torch.cpu: the one device, asked in the words of those that may be missing."""

from contextlib import nullcontext
from importlib import import_module
from typing import Any

__all__ = [
    "StreamContext",
    "current_device",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is a CPU: yes."""
    return True


def is_initialized() -> bool:
    """Whether the CPU is ready: yes."""
    return True


def device_count() -> int:
    """The number of CPU devices: 1."""
    return 1


def current_device() -> str:
    """The name of the device in use: "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Choose the CPU, the only one."""


def synchronize(device: Any = None) -> None:
    """Wait for all work: none is ever waiting."""


class StreamContext(nullcontext):
    """A region in which work would be queued elsewhere; on a CPU it is done at once."""


def stream(stream: Any) -> StreamContext:
    """StreamContext(stream)."""
    return StreamContext(stream)


def __getattr__(name: str) -> Any:
    if name == "amp":
        return import_module(".amp", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
