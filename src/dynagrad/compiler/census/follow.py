"""Following the user's frames of one call, instruction by instruction. Standard library only.

Python 3.11 shows instructions through `sys.settrace`, later ones through `sys.monitoring`, beside
whatever debugger or coverage tool is at work. Frames that are not followed cost one call when they
start.
"""

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType
from typing import Any, Protocol

from .bytecode import unsupported

__all__ = ["Watcher", "follow"]


class Watcher(Protocol):
    """What is told of the frames. What `about_to_run` raises, the frame raises; the rest do not."""

    def entered(self, frame: FrameType) -> bool | None:
        """A frame starts or goes on; whether its instructions are to be shown: None means not this
        time, False that frames of this file are never followed.
        """
        ...

    def about_to_run(self, frame: FrameType) -> None:
        """A followed frame stands before an instruction."""
        ...

    def raised(self, frame: FrameType, kind: type, trace: TracebackType | None) -> None:
        """An exception passes through a frame, on its way from the end of the traceback."""
        ...

    def left(self, frame: FrameType) -> None:
        """A followed frame returns, yields or is left by an exception."""
        ...

    def elsewhere(self, frame: FrameType) -> None:
        """A frame starts in a thread that did not exist when the call began."""
        ...

    def refused(self, why: str) -> None:
        """The call cannot be followed at all."""
        ...


def follow(watcher: Watcher, call: Callable[[], Any]) -> Any:
    """The result of the call, whose frames the watcher is shown."""
    why = unsupported()
    if not why and sys.version_info >= (3, 12):
        with _uncollected():
            return _monitored(watcher, call)
    if not why and sys.gettrace() is not None:
        why = "a debugger or a coverage tool traces this thread"
    if why:
        watcher.refused(why)
        return call()
    with _uncollected():
        return _traced(watcher, call)


_lock = threading.Lock()
#: how many calls are being followed, and whether garbage is to be collected after the last
_following = [0, 0]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave garbage for later: what runs at the end of other objects (`__del__`, callbacks of weak
    references, generators that are closed) would seem to be called by the step that is followed.
    """
    with _lock:
        if not _following[0]:
            _following[1] = gc.isenabled()
            gc.disable()
        _following[0] += 1
    try:
        yield
    finally:
        with _lock:
            _following[0] -= 1
            if not _following[0] and _following[1]:
                gc.enable()


def _traced(watcher: Watcher, call: Callable[[], Any]) -> Any:
    def local(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            watcher.about_to_run(frame)
        elif event == "exception":
            watcher.raised(frame, argument[0], argument[2])
        elif event == "return":
            watcher.left(frame)
        return local

    never: set[str] = set()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file in never or event != "call":  # most frames are the framework's
            return None
        if not (wanted := watcher.entered(frame)):
            if wanted is False:
                never.add(file)
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return local

    def other(frame: FrameType, event: str, argument: Any) -> None:
        watcher.elsewhere(frame)

    before = threading.gettrace()
    if before is None:
        threading.settrace(other)
    sys.settrace(trace)
    try:
        return call()
    finally:
        # the step may have started a debugger
        if sys.gettrace() is trace:
            sys.settrace(None)
        if threading.gettrace() is other:
            threading.settrace(None)  # type: ignore[arg-type]


def _monitored(watcher: Watcher, call: Callable[[], Any]) -> Any:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    free = [n for n in (3, 4, 2, 1, 0) if monitoring.get_tool(n) is None]
    if not free:
        watcher.refused("no place is left among the tools that monitor Python")
        return call()
    tool = free[0]
    monitoring.use_tool_id(tool, "dynagrad.compile")
    try:
        return _Monitor(watcher, monitoring, tool).run(call)
    finally:
        monitoring.free_tool_id(tool)


class _Monitor:
    """The callbacks of one monitored call."""

    def __init__(self, watcher: Watcher, monitoring: Any, tool: int) -> None:
        self.watcher = watcher
        self.monitoring = monitoring
        self.tool = tool
        self.thread = threading.get_ident()
        self.threads = set(sys._current_frames())
        self.codes: dict[int, CodeType] = {}
        events = monitoring.events
        self.inside = events.INSTRUCTION | events.PY_RETURN | events.PY_YIELD
        self.callbacks = {
            events.PY_START: self.start,
            events.PY_RESUME: self.start,
            events.PY_THROW: self.thrown,
            events.INSTRUCTION: self.instruction,
            events.PY_RETURN: self.leave,
            events.PY_YIELD: self.leave,
            events.PY_UNWIND: self.leave,
            events.RAISE: self.raised,
        }

    def run(self, call: Callable[[], Any]) -> Any:
        monitoring, tool, events = self.monitoring, self.tool, self.monitoring.events
        for event, callback in self.callbacks.items():
            monitoring.register_callback(tool, event, callback)
        # what was disabled by an earlier owner of this place would stay unseen
        monitoring.restart_events()
        wanted = events.PY_START | events.PY_RESUME | events.PY_THROW
        monitoring.set_events(tool, wanted | events.PY_UNWIND | events.RAISE)
        try:
            return call()
        finally:
            monitoring.set_events(tool, 0)
            for code in self.codes.values():
                monitoring.set_local_events(tool, code, 0)
            for event in self.callbacks:
                monitoring.register_callback(tool, event, None)

    def here(self) -> bool:
        return threading.get_ident() == self.thread

    def start(self, code: CodeType, offset: int) -> Any:
        frame = sys._getframe(1)
        if not self.here():
            if threading.get_ident() not in self.threads:
                self.watcher.elsewhere(frame)
            return None
        wanted = self.watcher.entered(frame)
        if not wanted:
            return self.monitoring.DISABLE if wanted is False else None
        if id(code) not in self.codes:
            self.codes[id(code)] = code
            self.monitoring.set_local_events(self.tool, code, self.inside)
        return None

    def instruction(self, code: CodeType, offset: int) -> None:
        if self.here():
            self.watcher.about_to_run(sys._getframe(1))

    def leave(self, code: CodeType, offset: int, value: Any) -> None:
        if id(code) in self.codes and self.here():
            self.watcher.left(sys._getframe(1))

    def thrown(self, code: CodeType, offset: int, error: BaseException) -> None:
        if self.here():
            self.watcher.entered(sys._getframe(1))

    def raised(self, code: CodeType, offset: int, error: BaseException) -> None:
        if id(code) in self.codes and self.here():
            self.watcher.raised(sys._getframe(1), type(error), error.__traceback__)
