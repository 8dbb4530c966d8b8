"""Streams and events of CUDA: classes to name, which cannot be made without it."""

from typing import Any, NoReturn

__all__ = ["Event", "ExternalStream", "Stream", "StreamContext", "stream"]


def _cannot_be_made(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
    raise RuntimeError(
        f"torch.cuda.{cls.__name__} requires CUDA support\n"
        "dynagrad computes on the CPU, where an operation is done when it returns: for times use "
        "time.perf_counter(). Ask torch.cuda.is_available() first."
    )


class Stream:
    """A queue of work on a CUDA device; making one raises RuntimeError."""

    __new__ = _cannot_be_made


class ExternalStream(Stream):
    """A queue made by other code; making one raises RuntimeError."""


class Event:
    """A mark in a queue of work, for waiting and timing; making one raises RuntimeError."""

    __new__ = _cannot_be_made


class StreamContext:
    """A region whose work goes to a stream: an ordinary region, for there is none but None."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        pass


def stream(stream: Any) -> StreamContext:
    """A region whose work goes to `stream`, or nowhere else for None."""
    return StreamContext(stream)
