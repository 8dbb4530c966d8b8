"""What PyTorch's profiler has not: the profile by source line and by module. Imports formats, names
and events.

Each event's own time (without what ran inside it) is charged once: that of a backward event, and of
all that runs inside it, to the line and module of the forward operation; that of any other to the
line that called it. Blocks named by record_function are charged nowhere, the operations in them
are.
"""

from collections.abc import Iterable
from typing import Any

from .events import FunctionEvent
from .formats import bytes_text, layout, shortened, time_text
from .names import Line


class LineCost:
    """What a source line of the program costs.

    line (file, number), text: the line itself; calls: operations called there; forward_time,
    backward_time: microseconds in them and in their backward; saved_bytes: what they keep for
    backward, each array once and no parameters.
    """

    def __init__(self, line: Line):
        self.line = line
        self.calls = self.saved_bytes = 0
        self.forward_time = self.backward_time = 0.0

    @property
    def file(self) -> str:
        """The file's path."""
        return self.line.file

    @property
    def number(self) -> int:
        """The line's number in its file."""
        return self.line.number

    @property
    def text(self) -> str:
        """The line itself; empty where the source cannot be read."""
        return self.line.text

    @property
    def total_time(self) -> float:
        """Forward and backward together, in microseconds."""
        return self.forward_time + self.backward_time

    def __repr__(self) -> str:
        return (
            f"<LineCost {self.line}: calls={self.calls} forward={time_text(self.forward_time)} "
            f"backward={time_text(self.backward_time)} saved={bytes_text(self.saved_bytes)}>"
        )


class ModuleCost:
    """What a module costs, by its path: the class of the model, then the names of submodules.

    calls; forward_time: microseconds in its calls, with Python's own and with its submodules';
    self_forward_time: without the submodules'; backward_time: in the backward of the operations
    called in it and below; saved_bytes: what those keep for backward. "" stands for operations
    outside of all modules.
    """

    def __init__(self, path: str):
        self.path = path
        self.calls = self.saved_bytes = 0
        self.forward_time = self.self_forward_time = self.backward_time = 0.0

    @property
    def total_time(self) -> float:
        """Forward and backward together, in microseconds."""
        return self.forward_time + self.backward_time

    def __repr__(self) -> str:
        return (
            f"<ModuleCost {self.path!r}: calls={self.calls} forward={time_text(self.forward_time)} "
            f"backward={time_text(self.backward_time)} saved={bytes_text(self.saved_bytes)}>"
        )


class Report(list):
    """Costs, the greatest first; prints as a table."""

    def table(
        self, sort_by: str = "total_time", row_limit: int = 100, max_name_column_width: int = 75
    ) -> str:
        """The costs as a table; `sort_by`: an attribute of them, largest first."""
        rows = sorted(self, key=lambda cost: getattr(cost, sort_by), reverse=True)
        rows = rows if row_limit < 0 else rows[:row_limit]
        by_line = any(isinstance(cost, LineCost) for cost in rows)
        names = ["Line" if by_line else "Module", "# of Calls", "Forward", "Backward", "Saved Mem"]
        cells = [
            (
                _ending(str(cost.line) if by_line else cost.path or "(no module)"),
                str(cost.calls),
                time_text(cost.forward_time),
                time_text(cost.backward_time),
                bytes_text(cost.saved_bytes),
                *([shortened(cost.text, max_name_column_width)] if by_line else []),
            )
            for cost in rows
        ]
        names += ["Source"] if by_line else []
        return layout(names, cells, left=("Source",)) + "\n"

    def __str__(self) -> str:
        return self.table()


def _ending(text: str, width: int = 55) -> str:
    return text if len(text) <= width else f"...{text[3 - width :]}"


def by_line(events: Iterable[FunctionEvent]) -> Report:
    """The costs of all source lines."""
    costs: dict[Line, LineCost] = {}
    for event, owner in _owners(events):
        line = owner.line
        cost = costs.get(line)
        if cost is None:
            cost = costs[line] = LineCost(line)
        cost.saved_bytes += event.self_saved_bytes
        if owner.kind == "backward":
            cost.backward_time += event.self_cpu_time_total
        else:
            cost.forward_time += event.self_cpu_time_total
            parent = event.cpu_parent
            cost.calls += parent is None or parent.kind == "annotation" or parent.line != line
    return Report(sorted(costs.values(), key=lambda cost: -cost.total_time))


def by_module(events: Iterable[FunctionEvent], calls: Iterable[Any]) -> Report:
    """The costs of all modules."""
    costs: dict[str, ModuleCost] = {}

    def cost_of(path: str) -> ModuleCost:
        if path not in costs:
            costs[path] = ModuleCost(path)
        return costs[path]

    for call in calls:
        cost = cost_of(call.path)
        cost.calls += 1
        cost.self_forward_time += (call.end - call.start - call.below) / 1e3
        if not call.is_recursive:
            cost.forward_time += (call.end - call.start) / 1e3
    for event, owner in _owners(events):
        time = event.self_cpu_time_total
        path = owner.module or ""
        if not path:
            cost_of("").calls += event is owner and event.kind != "backward"
            if owner.kind != "backward":
                cost_of("").forward_time += time
                cost_of("").self_forward_time += time
        for prefix in _prefixes(path):
            cost_of(prefix).saved_bytes += event.self_saved_bytes
            if owner.kind == "backward":
                cost_of(prefix).backward_time += time
    return Report(sorted(costs.values(), key=lambda cost: -cost.total_time))


def _owners(events: Iterable[FunctionEvent]) -> Iterable[tuple[FunctionEvent, FunctionEvent]]:
    """Each event with the one whose line and module pay for it: the outermost backward event around
    it, or itself.
    """
    payers: dict[int, FunctionEvent] = {}
    for event in events:  # a parent stands before its children
        parent = event.cpu_parent
        payer = event if parent is None else payers.get(id(parent), event)
        payers[id(event)] = payer = payer if payer.kind == "backward" else event
        if event.kind != "annotation":
            yield event, payer


def _prefixes(path: str) -> list[str]:
    """`a.b.c`: `a`, `a.b` and `a.b.c`."""
    parts = path.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]
