"""torch.backends.mkldnn: oneDNN, which is not used; its settings are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "allow_tf32",
    "deterministic",
    "enabled",
    "flags",
    "is_available",
    "set_flags",
    "verbose",
]

enabled = True
deterministic = False
allow_tf32: bool | None = None

VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2


def is_available() -> bool:
    """Whether oneDNN can be used: no."""
    return False


def set_flags(
    _enabled: bool | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str = "none",
) -> tuple:
    """Set what is not None; returns the settings before."""
    own = globals()
    names = ("enabled", "deterministic", "allow_tf32")
    before = tuple(own[name] for name in names)
    for name, value in zip(names, (_enabled, _deterministic, _allow_tf32), strict=True):
        if value is not None:
            own[name] = value
    return before


@contextmanager
def flags(
    enabled: bool = False,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> Iterator[None]:
    """A region with these settings."""
    names = ("enabled", "deterministic", "allow_tf32")
    before = set_flags(enabled, deterministic, allow_tf32)
    try:
        yield
    finally:
        globals().update(zip(names, before, strict=True))


class verbose:  # noqa: N801 - PyTorch's name
    """A region in which oneDNN would tell what it does."""

    def __init__(self, level: int) -> None:
        self.level = level

    def __enter__(self) -> "verbose":
        return self

    def __exit__(self, *error: Any) -> bool:
        return False
