"""Marks for NVIDIA's profiler, which is not here: a region is an ordinary one, a mark is refused.

Imports nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]


def range_push(msg: str) -> NoReturn:
    """Refused: RuntimeError, as PyTorch built without CUDA."""
    raise RuntimeError(
        "NVTX functions not installed. Are you sure you have a CUDA build?\n"
        "dynagrad's own profiler is torch.profiler."
    )


def range_pop() -> NoReturn:
    """Refused: RuntimeError, as PyTorch built without CUDA."""
    range_push("")


def mark(msg: str) -> NoReturn:
    """Refused: RuntimeError, as PyTorch built without CUDA."""
    range_push(msg)


def range_start(msg: str) -> NoReturn:
    """Refused: RuntimeError, as PyTorch built without CUDA."""
    range_push(msg)


def range_end(range_id: Any) -> NoReturn:
    """Refused: RuntimeError, as PyTorch built without CUDA."""
    range_push("")


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:  # noqa: A001 - PyTorch's name
    """A region with a name: refused when it is entered."""
    range_push(msg)
    yield
