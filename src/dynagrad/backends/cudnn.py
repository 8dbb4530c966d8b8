"""torch.backends.cudnn: settings of a library of CUDA, kept for the programs that set them."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

__all__ = [
    "allow_tf32",
    "benchmark",
    "benchmark_limit",
    "conv",
    "deterministic",
    "enabled",
    "flags",
    "fp32_precision",
    "is_acceptable",
    "is_available",
    "rnn",
    "set_flags",
    "version",
]

enabled = True
benchmark = False
benchmark_limit: int | None = None
deterministic = False
allow_tf32 = True
fp32_precision = "none"
conv = SimpleNamespace(fp32_precision="tf32")
rnn = SimpleNamespace(fp32_precision="tf32")

_SETTINGS = (
    *("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32"),
    "fp32_precision",
)


def is_available() -> bool:
    """Whether cuDNN can be used: no."""
    return False


def version() -> None:
    """cuDNN's version: None."""


def is_acceptable(tensor: Any) -> bool:
    """Whether cuDNN can work on a tensor: no."""
    return False


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str = "none",
    _depthwise_kernel: str | None = None,
) -> tuple:
    """Set what is not None; returns the settings before."""
    own = globals()
    before = tuple(own[name] for name in _SETTINGS)
    given = (_enabled, _benchmark, _benchmark_limit, _deterministic, _allow_tf32, _fp32_precision)
    for name, value in zip(_SETTINGS, given, strict=True):
        if value is not None:
            own[name] = value
    return (*before, "auto")


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
    depthwise_kernel: str = "auto",
) -> Iterator[None]:
    """A region with these settings."""
    before = set_flags(
        enabled, benchmark, benchmark_limit, deterministic, allow_tf32, fp32_precision
    )
    try:
        yield
    finally:
        globals().update(zip(_SETTINGS, before, strict=False))
