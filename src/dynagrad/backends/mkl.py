"""torch.backends.mkl: Intel's MKL, which is not used."""

from typing import Any

__all__ = ["is_available", "verbose"]

VERBOSE_OFF, VERBOSE_ON = 0, 1


def is_available() -> bool:
    """Whether Intel's MKL can be used: no."""
    return False


class verbose:  # noqa: N801 - PyTorch's name
    """A region in which MKL would tell what it does."""

    def __init__(self, enable: int) -> None:
        self.enable = enable

    def __enter__(self) -> "verbose":
        return self

    def __exit__(self, *error: Any) -> bool:
        return False
