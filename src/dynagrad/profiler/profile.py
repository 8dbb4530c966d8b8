"""`profile`: recording in steps, under a schedule. Imports results and schedules."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from ..core.quiet import warn
from .annotation import record_function
from .event_list import EventList
from .recorder import Recorder, started
from .results import UNFINISHED, Results, event_list
from .schedules import ProfilerAction, ProfilerActivity, supported_activities

_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class profile(Results):  # noqa: N801 - PyTorch's name
    """Record what the operations of this thread cost: `with profile() as prof: ...`, then
    `print(prof.key_averages().table())`, `print(prof.by_line())`.

    activities: what to look at (CPU). schedule: which steps to record, each ended by `step()`; None
    records all. on_trace_ready: called with the profile when a recording is finished.
    record_shapes: keep the inputs' shapes. profile_memory: count the bytes that operations
    allocate, and show bytes in tables. with_stack: keep the call stacks. with_flops: count
    floating-point operations. acc_events: keep the events of all cycles of a schedule, not of the
    last alone. with_modules and the remaining arguments are taken as PyTorch takes them; modules
    are always known. AssertionError for activities that are none, RuntimeError where a profile
    already runs in this thread. Source: torch.profiler.profile.
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ):
        self.activities = _checked(activities)
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_flops = with_flops
        self.with_modules = with_modules
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self._metadata: dict[str, Any] = {}
        self._recorder: Recorder | None = None
        self._step: record_function | None = None
        self._is_running = False

    def __enter__(self) -> "profile":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with step 0."""
        if ProfilerActivity.CPU not in self.activities:
            raise AssertionError(
                "No activities specified for the profiler\ndynagrad computes on the CPU: give "
                "ProfilerActivity.CPU, or leave activities out."
            )
        self._go(ProfilerAction.NONE, self.current_action)
        self._is_running = True
        self._begin_step()

    def stop(self) -> None:
        """End; what was being recorded is the result."""
        self._end_step()
        self._is_running = False
        self._go(self.current_action, None)

    def step(self) -> None:
        """End a step and begin the next; before the start and after the end it is only counted."""
        self._end_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if self._is_running:
            self._go(before, self.current_action)
            self._begin_step()

    def events(self) -> EventList:
        """All events in the order in which they began."""
        if self.function_events is None:
            raise AssertionError(
                f"Profiler must be initialized before accessing events\n{UNFINISHED}"
            )
        return self.function_events

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """Averages of events of the same name, and where asked for of the same input shapes and
        stack.
        """
        if self.function_events is None:
            raise AssertionError(
                f"Profiler must be initialized before getting key averages\n{UNFINISHED}"
            )
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n)

    def add_metadata(self, key: str, value: str) -> None:
        """Add a text to the trace."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Add a value, given as JSON, to the trace."""
        self._metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json

    # --- recording

    def _begin_step(self) -> None:
        if self.record_steps and self._recorder is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        step, self._step = self._step, None
        if step is not None:
            step.__exit__(None, None, None)

    def _go(self, before: ProfilerAction, now: ProfilerAction | None) -> None:
        """From one step's action to the next; None ends the profile."""
        if before in _RECORDING and (before is ProfilerAction.RECORD_AND_SAVE or now is None):
            if self._save() and self.on_trace_ready is not None:
                self.on_trace_ready(self)
        elif before in _RECORDING and now not in _RECORDING:
            warn("Incorrect schedule: RECORD followed by NONE or WARMUP: the recording is dropped")
            self._drop()
        elif before is ProfilerAction.WARMUP and now is not before:
            if now is ProfilerAction.NONE:
                warn("Incorrect schedule: WARMUP followed by NONE")
            self._drop()
        if now not in (None, ProfilerAction.NONE) and self._recorder is None:
            self._recorder = started(self)

    def _save(self) -> bool:
        recorder = self._drop()
        if recorder is None:
            return False
        found = event_list(recorder, self._metadata)
        if self.acc_events and self.function_events is not None:
            found[:0] = self.function_events
            found._calls[:0] = self.function_events._calls
        self.function_events = found
        return True

    def _drop(self) -> Recorder | None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop()
        return recorder


def _checked(activities: Iterable[Any] | None) -> set[ProfilerActivity]:
    if activities is None:
        return supported_activities()
    found = {a for item in activities for a in (item if isinstance(item, dict) else (item,))}
    known = {a for a in found if isinstance(a, ProfilerActivity)}
    if not known:
        raise AssertionError(
            "No valid profiler activities found\nGive members of ProfilerActivity, such as "
            f"[ProfilerActivity.CPU]; given was {sorted(map(repr, found))}."
        )
    for activity in known - supported_activities():
        warn(f"{activity.name} is not available, disabling {activity.name} profiling")
    return known
