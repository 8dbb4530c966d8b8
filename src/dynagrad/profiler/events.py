"""Events: one call of one operation each, and averages of those that belong together. Imports
names and formats.

PyTorch's attributes under PyTorch's names, in microseconds; events know more: the source line, the
module, the bytes kept for the backward pass, the forward event of a backward one.
"""

from typing import Any

from .formats import time_text
from .names import Line, line_of

#: what most events have of shapes and stacks: one list for all of them, which nobody writes
_NOTHING: list = []


class Interval:
    """A stretch of time, in microseconds since the profile began."""

    __slots__ = ("end", "start")

    def __init__(self, start: float, end: float):
        self.start = start
        self.end = end

    def elapsed_us(self) -> float:
        """Its length."""
        return self.end - self.start

    def __repr__(self) -> str:
        return f"Interval(start={self.start:.3f}, end={self.end:.3f})"


class Times:
    """What an event and an average of events have in common."""

    __slots__ = ()
    count: int
    cpu_time_total: Any
    self_cpu_time_total: Any
    #: what PyTorch has for other devices
    device_time = device_time_total = self_device_time_total = 0
    cuda_time = cuda_time_total = self_cuda_time_total = 0
    device_memory_usage = self_device_memory_usage = self_cuda_memory_usage = 0
    node_id = -1
    overload_name = ""
    is_async = is_remote = is_legacy = False
    use_device = None

    @property
    def cpu_time(self) -> float:
        """The mean time of a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def cpu_time_str(self) -> str:
        """`cpu_time` with its unit."""
        return time_text(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        """`cpu_time_total` with its unit."""
        return time_text(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        """`self_cpu_time_total` with its unit."""
        return time_text(self.self_cpu_time_total)


class FunctionEvent(Times):
    """One call: of an operation, of a node's backward, of a block named by record_function.

    name and trace_name (only there have steps their number); id; thread (1, 2, ...: each thread's
    events are its own); time_range; cpu_children and cpu_parent; cpu_time_total and
    self_cpu_time_total (without the children's), in microseconds; input_shapes, stack and flops
    where they were asked for; sequence_nr: the number of the graph node that was recorded or ran,
    -1 without one. Ours: kind ("operation", "backward", "optimizer", "data" or "annotation"); line:
    the user's source line, for a backward event that of the forward operation; module: the path of
    the nn.Module that called it; forward: the event that recorded the node; kept_bytes: what the
    node keeps for backward; self_saved_bytes and saved_bytes: the part of it that no earlier node
    keeps and that is no parameter, without and with the children's.
    """

    __slots__ = (
        "__weakref__",
        "_forward",
        "_origin",
        "_parent",
        "args",
        "code",
        "cpu_children",
        "cpu_memory_usage",
        "end",
        "flops",
        "fwd_thread",
        "id",
        "input_shapes",
        "kept_bytes",
        "kind",
        "last_tick",
        "lasti",
        "module",
        "name",
        "self_saved_bytes",
        "sequence_nr",
        "stack",
        "start",
        "thread",
        "tick",
        "trace_name",
    )
    count = 1
    scope = 0

    def __init__(self, name: str, kind: str, number: int, thread: int, origin: int):
        self.trace_name = name
        self.name = "ProfilerStep*" if name.startswith("ProfilerStep#") else name
        self.kind = kind
        self.id = number
        self.thread = thread
        self.start = self.end = self.tick = self.last_tick = 0
        self._origin = origin
        self._parent: Any = None
        self._forward: Any = None
        self.cpu_children: list[FunctionEvent] = []
        self.code: Any = None
        self.lasti = 0
        self.module: str | None = None
        self.input_shapes = self.stack = _NOTHING
        self.args: str | None = None
        self.flops = 0
        self.cpu_memory_usage = 0
        self.kept_bytes = self.self_saved_bytes = 0
        self.sequence_nr = -1
        self.fwd_thread = 0

    @property
    def key(self) -> str:
        """The name by which events are grouped."""
        return self.name

    @property
    def is_user_annotation(self) -> bool:
        """Whether it is a block named by record_function."""
        return self.kind in ("annotation", "optimizer")

    @property
    def cpu_parent(self) -> "FunctionEvent | None":
        """The event inside which this one ran."""
        return None if self._parent is None else self._parent()

    @property
    def forward(self) -> "FunctionEvent | None":
        """For a backward event: the event that recorded its node, if this profile saw it."""
        return None if self._forward is None else self._forward()

    @property
    def line(self) -> Line:
        """The user's source line."""
        return line_of(self.code, self.lasti)

    @property
    def time_range(self) -> Interval:
        """When it ran, in microseconds since the profile began."""
        return Interval((self.start - self._origin) / 1e3, (self.end - self._origin) / 1e3)

    @property
    def cpu_time_total(self) -> float:
        """Its time with that of all it called, in microseconds."""
        return (self.end - self.start) / 1e3

    @property
    def self_cpu_time_total(self) -> float:
        """Its time without that of the events below it, in microseconds."""
        below = sum(
            max(0, min(e.end, self.end) - max(e.start, self.start)) for e in self.cpu_children
        )
        return max(0, self.end - self.start - below) / 1e3

    @property
    def self_cpu_memory_usage(self) -> int:
        """`cpu_memory_usage` without that of the events below it; negative where what they
        allocated was freed.
        """
        return self.cpu_memory_usage - sum(e.cpu_memory_usage for e in self.cpu_children)

    @property
    def saved_bytes(self) -> int:
        """The bytes kept for backward from here on, with those of the events below it."""
        total = 0
        waiting: list[FunctionEvent] = [self]
        while waiting:
            event = waiting.pop()
            total += event.self_saved_bytes
            waiting.extend(event.cpu_children)
        return total

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} thread={self.thread} "
            f"cpu_time={self.cpu_time_str} self_cpu_time={self.self_cpu_time_total_str} "
            f"input_shapes={self.input_shapes} seq_nr={self.sequence_nr} line={self.line}>"
        )


class FunctionEventAvg(Times):
    """Sums over events of one key; `cpu_time` is the mean."""

    def __init__(self, key: str | None = None):
        self.key = key
        self.count = 0
        self.cpu_time_total: float = 0
        self.self_cpu_time_total: float = 0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.saved_bytes = self.self_saved_bytes = 0
        self.flops = 0
        self.input_shapes: Any = None
        self.stack: list[str] = []
        self.scope = 0
        self.is_user_annotation = False
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: Any = None

    def add(self, other: Any) -> "FunctionEventAvg":
        """Add an event, or another average."""
        if not self.count:
            self.key = self.key or other.key
            self.input_shapes, self.stack = other.input_shapes, other.stack
            self.is_user_annotation = other.is_user_annotation
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.saved_bytes += other.saved_bytes
        self.self_saved_bytes += other.self_saved_bytes
        self.flops += other.flops
        self.count += other.count
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes} count={self.count} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )
