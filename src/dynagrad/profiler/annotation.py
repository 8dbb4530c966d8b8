"""Blocks of the program under a name of their own. Imports recorder."""

from contextlib import ContextDecorator
from typing import Any

from .recorder import active

_WRONG = (
    "profiler::_record_function_enter_new() Expected a value of type '{}' for argument '{}' but "
    "instead found type '{}'.\nBoth are texts, as in record_function('loss', 'step 3')."
)


class record_function(ContextDecorator):  # noqa: N801 - PyTorch's name
    """A block, or the calls of a decorated function, as one event of the profile; nothing where no
    profile runs. Source: torch.profiler.record_function.

    name: the event's name; args: a text that stands with it in a trace. RuntimeError for a name
    or args that are no string.
    """

    def __init__(self, name: str, args: str | None = None):
        self.name = name
        self.args = args
        self._running: list[Any] = []

    def __enter__(self) -> "record_function":
        if not isinstance(self.name, str):
            raise RuntimeError(_WRONG.format("str", "name", type(self.name).__name__))
        if not isinstance(self.args, str | None):
            raise RuntimeError(_WRONG.format("Optional[str]", "args", type(self.args).__name__))
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
