"""What every profile offers once it has recorded. Imports event_list, recorder and reports."""

from typing import Any

from .event_list import EventList
from .events import FunctionEventAvg
from .recorder import Recorder
from .reports import Report, by_line, by_module

UNFINISHED = (
    "Ask for results after its `with` block, or stop(); with a schedule, after a step that it "
    "records."
)


class Results:
    """The results of a profile: events, averages, tables, traces."""

    function_events: EventList | None = None
    with_stack = False

    def _finished(self) -> EventList:
        if self.function_events is None:
            raise RuntimeError(f"Profiler didn't finish running\n{UNFINISHED}")
        return self.function_events

    def events(self) -> EventList:
        """All events in the order in which they began."""
        return self._finished()

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """Averages of events of the same name; see `EventList.key_averages`."""
        return self._finished().key_averages(group_by_input_shape, group_by_stack_n)

    def by_line(self) -> Report:
        """The costs of the program's source lines: calls, time forward, time backward of what was
        recorded there, bytes kept for backward.
        """
        return by_line(self._finished())

    def by_module(self) -> Report:
        """The costs of the modules, by path."""
        return by_module(self._finished(), self._finished()._calls)

    def total_average(self) -> FunctionEventAvg:
        """All events as one average."""
        return self._finished().total_average()

    def export_chrome_trace(self, path: str, use_python_export: bool = False) -> None:
        """Write the profile as a Chrome trace; see `EventList.export_chrome_trace`."""
        self._finished().export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write stacks with their times; see `EventList.export_stacks`. AssertionError for a
        profile without stacks.
        """
        if not self.with_stack:
            raise AssertionError(
                "export_stacks() requires with_stack=True\nA profile keeps the call stacks only "
                "if it is made so: profile(with_stack=True)."
            )
        self._finished().export_stacks(path, metric)


def event_list(recorder: Recorder, metadata: dict[str, Any] | None = None) -> EventList:
    """The events of a recorder that has stopped."""
    return EventList(
        recorder.events,
        profile_memory=recorder.memory,
        with_flops=recorder.flops,
        calls=recorder.modules.calls,
        metadata=metadata,
        origin=recorder.origin,
    )
