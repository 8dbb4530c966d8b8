"""A profile as a Chrome trace: JSON that chrome://tracing and Perfetto show. Imports events."""

import gzip
import json
import os
from collections.abc import Iterable
from typing import Any

from .events import FunctionEvent

_CATEGORIES = {"annotation": "user_annotation", "optimizer": "user_annotation"}


def write_trace(
    path: str,
    events: list[FunctionEvent],
    calls: Iterable[Any],
    metadata: dict[str, Any],
    origin: int,
) -> None:
    """Write a trace; gzipped if the path ends in `.gz`."""
    trace = {
        "schemaVersion": 1,
        "displayTimeUnit": "ms",
        "baseTimeNanoseconds": origin,
        **metadata,
        "traceEvents": trace_events(events, calls, origin),
    }
    text = json.dumps(trace)
    if os.fspath(path).endswith(".gz"):
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.write(text)
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def trace_events(
    events: list[FunctionEvent], calls: Iterable[Any], origin: int
) -> list[dict[str, Any]]:
    """The entries of a trace: a slice for each event and each module call, and an arrow from each
    forward operation to the backward of its node.
    """
    pid = os.getpid()
    entries: list[dict[str, Any]] = [_name(pid, 0, "process_name", "dynagrad")]
    threads = {e.thread for e in events} | {c.thread for c in calls}
    entries += [_name(pid, n, "thread_name", f"thread {n}") for n in sorted(threads)]
    known = {id(event) for event in events}
    for event in events:
        span = event.time_range
        entries.append(
            {
                "ph": "X",
                "cat": _CATEGORIES.get(event.kind, "cpu_op"),
                "name": event.trace_name,
                "pid": pid,
                "tid": event.thread,
                "ts": span.start,
                "dur": span.elapsed_us(),
                "args": _details(event),
            }
        )
        forward = event.forward
        if forward is not None and not event.name.startswith("autograd::") and id(forward) in known:
            entries += _arrow(pid, forward, event)
    for call in calls:
        entries.append(
            {
                "ph": "X",
                "cat": "python_function",
                "name": f"nn.Module: {call.path}",
                "pid": pid,
                "tid": call.thread,
                "ts": (call.start - origin) / 1e3,
                "dur": (call.end - call.start) / 1e3,
                "args": {"Module": call.path, "Class": call.kind},
            }
        )
    return entries


def _name(pid: int, tid: int, kind: str, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "ts": 0, "args": {"name": name}}


def _details(event: FunctionEvent) -> dict[str, Any]:
    details: dict[str, Any] = {"External id": event.id, "Line": str(event.line)}
    if event.sequence_nr >= 0:
        details["Sequence number"] = event.sequence_nr
    if event.kind == "backward":
        details["Fwd thread id"] = event.fwd_thread
    if event.kept_bytes:
        details["Bytes kept for backward"] = event.kept_bytes
    for name, value in (
        ("Module", event.module),
        ("Input Dims", event.input_shapes),
        ("Call stack", ";".join(event.stack)),
        ("Args", event.args),
    ):
        if value:
            details[name] = value
    return details


def _arrow(pid: int, start: FunctionEvent, end: FunctionEvent) -> list[dict[str, Any]]:
    common = {"id": end.id, "cat": "fwdbwd", "name": "fwdbwd", "pid": pid}
    return [
        {"ph": "s", **common, "tid": start.thread, "ts": start.time_range.start},
        {"ph": "f", "bp": "e", **common, "tid": end.thread, "ts": end.time_range.start},
    ]
