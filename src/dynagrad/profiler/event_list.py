"""The events of a profile, their averages and their tables. Imports chrome, events and formats."""

from collections.abc import Iterable
from typing import Any

from .chrome import write_trace
from .events import FunctionEvent, FunctionEventAvg
from .formats import bytes_text, flops_unit, layout, share_text, shortened, time_text

#: what `export_stacks` can write
METRICS = ("self_cpu_time_total", "cpu_time_total")


class EventList(list):
    """A list of events, or of averages, that prints as PyTorch's table."""

    def __init__(
        self,
        items: Iterable[Any] = (),
        *,
        profile_memory: bool = False,
        with_flops: bool = False,
        calls: Iterable[Any] = (),
        metadata: dict[str, Any] | None = None,
        origin: int = 0,
    ):
        super().__init__(items)
        self._profile_memory = profile_memory
        self._with_flops = with_flops
        self._calls = list(calls)
        self._metadata = {} if metadata is None else metadata
        self._origin = origin

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events, each without its children's, in microseconds."""
        return sum(event.self_cpu_time_total for event in self)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as a table.

        sort_by: an attribute, largest first ("cpu_time_total", "self_cpu_time_total", "count",
        "saved_bytes", ...); None keeps the order. row_limit: rows at most, -1 for all.
        top_level_events_only: leave out what ran inside another event. time_unit: "s", "ms" or
        "us" for all times. AttributeError for a sort_by that events do not have.
        """
        if not self:
            return ""
        chosen = list(self)
        if sort_by is not None:
            chosen.sort(key=lambda event: _sort_key(event, sort_by), reverse=True)
        if top_level_events_only:
            chosen = [event for event in chosen if event.cpu_parent is None]
        chosen = chosen if row_limit < 0 else chosen[:row_limit]
        total = self.self_cpu_time_total
        columns: dict[str, list[str]] = {}
        columns["Name"] = [shortened(e.key, max_name_column_width) for e in chosen]
        columns["Self CPU %"] = [share_text(e.self_cpu_time_total, total) for e in chosen]
        columns["Self CPU"] = [time_text(e.self_cpu_time_total, time_unit) for e in chosen]
        columns["CPU total %"] = [share_text(e.cpu_time_total, total) for e in chosen]
        columns["CPU total"] = [time_text(e.cpu_time_total, time_unit) for e in chosen]
        columns["CPU time avg"] = [time_text(e.cpu_time, time_unit) for e in chosen]
        if self._profile_memory:
            columns["CPU Mem"] = [bytes_text(e.cpu_memory_usage) for e in chosen]
            columns["Self CPU Mem"] = [bytes_text(e.self_cpu_memory_usage) for e in chosen]
            columns["Saved Mem"] = [bytes_text(e.saved_bytes) for e in chosen]
        columns["# of Calls"] = [str(e.count) for e in chosen]
        if any(e.input_shapes for e in self):
            texts = [str(e.input_shapes or []) for e in chosen]
            columns["Input Shapes"] = [shortened(t, max_shapes_column_width) for t in texts]
        if any(e.stack for e in self):
            texts = [e.stack[0] if e.stack else "" for e in chosen]
            columns["Source Location"] = [_tail(t, max_src_column_width) for t in texts]
        if self._with_flops:
            unit, size = flops_unit([e.flops for e in chosen])
            columns[f"Total {unit}"] = [
                f"{e.flops / size:.3f}" if e.flops else "--" for e in chosen
            ]
        notes = ["This report only display top-level ops statistics"] * top_level_events_only
        names = list(columns)
        text = layout(
            names,
            list(zip(*columns.values(), strict=True)),
            header=header,
            notes=notes,
            left=("Source Location",),
            first=min(4 + max(len(e.key) for e in self), max_name_column_width),
        )
        return f"{text}\nSelf CPU time total: {time_text(total, time_unit)}\n"

    def key_averages(
        self,
        group_by_input_shapes: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> "EventList":
        """The averages of events of the same name, and of the same input shapes and innermost
        `group_by_stack_n` stack entries where asked for; there are no overloads to tell apart.
        """
        groups: dict[tuple, FunctionEventAvg] = {}
        for event in self:
            shapes = str(event.input_shapes) if group_by_input_shapes else ""
            stack = tuple(event.stack[:group_by_stack_n]) if group_by_stack_n > 0 else ()
            key = (event.key, shapes, stack, event.is_user_annotation)
            group = groups.get(key)
            if group is None:
                group = groups[key] = FunctionEventAvg()
            group.add(event)
        for group in groups.values():
            if not group_by_input_shapes:
                group.input_shapes = ""
            group.stack = group.stack[: max(0, group_by_stack_n)]
        return EventList(
            groups.values(), profile_memory=self._profile_memory, with_flops=self._with_flops
        )

    def total_average(self) -> FunctionEventAvg:
        """All events as one average of the key "Total"."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        total.key = "Total"
        return total

    def export_chrome_trace(self, path: str, use_python_export: bool = False) -> None:
        """Write the events as a Chrome trace (JSON) for chrome://tracing and Perfetto; gzipped if
        the path ends in `.gz`.
        """
        events = [event for event in self if isinstance(event, FunctionEvent)]
        write_trace(path, events, self._calls, self._metadata, self._origin)

    def supported_export_stacks_metrics(self) -> list[str]:
        """The metrics that `export_stacks` takes."""
        return list(METRICS)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write one line for each stack, outermost frame first, with its time in whole
        microseconds: what flame graph programs read.

        Needs `with_stack=True`. ValueError for an unknown metric.
        """
        if metric not in METRICS:
            raise ValueError(f"metric should be one of: {list(METRICS)}, but got {metric!r}")
        sums: dict[str, float] = {}
        for event in self:
            if event.stack:
                frames = ";".join(frame.replace(";", "_") for frame in reversed(event.stack))
                line = f"{frames};{event.key}".translate(_PLAIN)
                sums[line] = sums.get(line, 0) + getattr(event, metric)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line} {int(total)}\n" for line, total in sums.items() if total >= 1)


_PLAIN = str.maketrans(" \t\n", "___")


def _sort_key(event: Any, name: str) -> Any:
    try:
        return getattr(event, name)
    except AttributeError:
        raise AttributeError(
            f"{type(event).__name__!r} object has no attribute {name!r}\n"
            "sort_by names an attribute of the events, such as self_cpu_time_total, "
            "cpu_time_total, cpu_time, count, cpu_memory_usage, saved_bytes"
        ) from None


def _tail(text: str, width: int | None) -> str:
    """The end of a text, which tells a source location better than its beginning."""
    return text if width is None or len(text) <= width else f"...{text[3 - width :]}"
