"""Blocks of the program under a name of their own. Imports recorder."""

from contextlib import ContextDecorator
from typing import Any

from .recorder import active


class record_function(ContextDecorator):  # noqa: N801 - PyTorch's name
    """A block, or the calls of a decorated function, as one event of the profile; nothing where no
    profile runs. Source: torch.profiler.record_function.

    name: the event's name; args: a text that stands with it in a trace. RuntimeError for a name
    that is no string.
    """

    def __init__(self, name: str, args: str | None = None):
        self.name = name
        self.args = args
        self._running: list[Any] = []

    def __enter__(self) -> "record_function":
        if not isinstance(self.name, str):
            raise RuntimeError(
                "profiler::_record_function_enter_new() Expected a value of type 'str' for "
                f"argument 'name' but instead found type '{type(self.name).__name__}'.\n"
                "Give the block a name, as in record_function('loss')."
            )
        recorder = active()
        event = recorder and recorder.begin(self.name, "annotation", self.args)
        self._running.append((recorder, event))
        return self

    def __exit__(self, *exception: object) -> None:
        recorder, event = self._running.pop()
        if recorder is not None:
            recorder.end(event)

    def _recreate_cm(self) -> "record_function":
        return type(self)(self.name, self.args)
