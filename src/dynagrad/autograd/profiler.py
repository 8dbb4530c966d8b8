"""The profiler under its older name: `autograd.profiler.profile`. Imports the package profiler."""

from typing import Any

from ..profiler.annotation import record_function
from ..profiler.event_list import EventList
from ..profiler.events import FunctionEvent, FunctionEventAvg
from ..profiler.recorder import Recorder, started
from ..profiler.results import Results, event_list

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "emit_itt",
    "emit_nvtx",
    "profile",
    "record_function",
]


class profile(Results):  # noqa: N801 - PyTorch's name
    """Record what the operations of this thread cost, from entering the `with` block to leaving it;
    prints as the table of its events.

    enabled: False makes it do nothing. record_shapes, with_flops, profile_memory, with_stack: as
    for `profiler.profile`; the other arguments are taken as PyTorch takes them. RuntimeError where
    it is entered twice, or where another profile runs in this thread. Source:
    torch.autograd.profiler.profile.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
        activity_filters: Any = None,
    ):
        self.enabled = enabled
        self.entered = False
        self.record_shapes = record_shapes
        self.with_flops = with_flops
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_modules = with_modules
        self._recorder: Recorder | None = None

    def __enter__(self) -> "profile | None":
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError(
                "Profiler context manager is not reentrant\nMake a new profile for each block."
            )
        self.entered = True
        self._recorder = started(self)
        return self

    def __exit__(self, *exception: object) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop()
            self.function_events = event_list(recorder)

    def __str__(self) -> str:
        return "<unfinished profiler_util>" if self.function_events is None else self.table()

    def __repr__(self) -> str:
        return "<unfinished profiler_util>" if self.function_events is None else repr(self.events())

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
    ) -> str:
        """The events as a table; see `EventList.table`."""
        return self.events().table(
            sort_by=sort_by,
            row_limit=row_limit,
            max_src_column_width=max_src_column_width,
            max_name_column_width=max_name_column_width,
            max_shapes_column_width=max_shapes_column_width,
            header=header,
            top_level_events_only=top_level_events_only,
        )

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events, each without its children's, in microseconds."""
        return self.events().self_cpu_time_total


class _Absent:
    """A range marker of a vendor's tool: usable only if it is not enabled."""

    tool = ""

    def __init__(self, enabled: bool = True, record_shapes: bool = False):
        self.enabled = enabled
        self.record_shapes = record_shapes

    def __enter__(self) -> "_Absent":
        if self.enabled:
            raise RuntimeError(
                f"{type(self).__name__} needs {self.tool}, which dynagrad, computing on the CPU "
                "in Python, does not have. Use profiler.profile and export_chrome_trace."
            )
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class emit_nvtx(_Absent):  # noqa: N801 - PyTorch's name
    """Marks operations for NVIDIA's tools in PyTorch; raises RuntimeError when entered, NVTX being
    absent.
    """

    tool = "NVTX (NVIDIA's CUDA tools)"


class emit_itt(_Absent):  # noqa: N801 - PyTorch's name
    """Marks operations for Intel's VTune in PyTorch; raises RuntimeError when entered, ITT being
    absent.
    """

    tool = "ITT (Intel's VTune)"
