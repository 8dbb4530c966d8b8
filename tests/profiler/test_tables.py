"""Tables, averages, traces and files of a profile."""

import gzip
import json

import pytest

import dynagrad as torch
from dynagrad.profiler import profile, record_function


def recorded(**options):
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    with profile(**options) as prof:
        with record_function("forward"):
            loss = net(torch.ones(2, 4)).sum()
        loss.backward()
    return prof


def test_averages() -> None:
    prof = recorded()
    averages = {a.key: a for a in prof.key_averages()}
    assert len(averages) == len(prof.key_averages())
    assert sum(a.count for a in averages.values()) == len(prof.events())
    linear = averages["aten::linear"]
    assert linear.count == 2
    assert linear.cpu_time * 2 == pytest.approx(linear.cpu_time_total)
    assert linear.cpu_time_total > averages["aten::addmm"].cpu_time_total
    total = prof.events().total_average()
    assert total.key == "Total"
    assert total.self_cpu_time_total == pytest.approx(prof.events().self_cpu_time_total)
    assert prof.key_averages().self_cpu_time_total == pytest.approx(total.self_cpu_time_total)
    assert "key=aten::linear" in repr(linear)


def test_groups() -> None:
    with profile(record_shapes=True, with_stack=True) as prof:
        for n in (2, 3, 3):
            torch.ones(n) + 1
        torch.ones(3) + 1
    by_shape = prof.key_averages(group_by_input_shape=True)
    counts = {str(a.input_shapes): a.count for a in by_shape if a.key == "aten::add"}
    assert counts == {"[[2], []]": 1, "[[3], []]": 3}
    by_stack = [a for a in prof.key_averages(group_by_stack_n=1) if a.key == "aten::add"]
    assert sorted(a.count for a in by_stack) == [1, 3]
    assert all(len(a.stack) == 1 for a in by_stack)
    assert "Input Shapes" in by_shape.table()
    assert "Source Location" in prof.key_averages(group_by_stack_n=1).table()


def test_table() -> None:
    averages = recorded(profile_memory=True, with_flops=True).key_averages()
    text = averages.table(sort_by="count", row_limit=3, header="The header")
    lines = text.splitlines()
    assert lines[1] == "The header"
    assert len([line for line in lines if "aten::" in line or "autograd::" in line]) == 3
    assert text.endswith("\n")
    assert "Self CPU time total: " in text
    for column in ("Saved Mem", "CPU Mem", "Total FLOPs", "# of Calls"):
        assert column in text
    counts = [a.count for a in averages]
    every = averages.table(sort_by="count", row_limit=-1).splitlines()
    shown = [int(line.split()[-2]) for line in every[3:-2]]
    assert shown == sorted(counts, reverse=True)
    top = averages.table(top_level_events_only=True)
    assert "This report only display top-level ops statistics" in top
    assert "ms" in averages.table(time_unit="ms")
    with pytest.raises(AttributeError, match="has no attribute 'speed'"):
        averages.table(sort_by="speed")
    with pytest.raises(ValueError, match="time_unit"):
        averages.table(time_unit="h")
    assert type(averages)().table() == ""


def test_top_level_only_keeps_what_ran_outside() -> None:
    events = recorded().events()
    text = events.table(top_level_events_only=True, row_limit=-1, max_name_column_width=80)
    shown = [line.split()[0] for line in text.splitlines() if "%" in line][1:]
    expected = [e.name for e in events if e.cpu_parent is None]
    assert "forward" in shown
    assert len(shown) == len(expected) < len(events)


def test_chrome_trace(tmp_path) -> None:
    prof = recorded(record_shapes=True, with_stack=True)
    prof.add_metadata("who", "me")
    prof.add_metadata_json("numbers", "[1, 2]")
    path = tmp_path / "trace.json"
    prof.export_chrome_trace(str(path))
    trace = json.loads(path.read_text())
    assert trace["who"] == "me"
    assert trace["numbers"] == [1, 2]
    entries = trace["traceEvents"]
    slices = {
        e["args"]["External id"]: e
        for e in entries
        if e.get("cat") != "python_function" and e["ph"] == "X"
    }
    assert len(slices) == len(prof.events())
    for entry in slices.values():
        assert entry["dur"] >= 0
        assert entry["ts"] >= 0
    starts = {e["id"]: e for e in entries if e["ph"] == "s"}
    ends = {e["id"]: e for e in entries if e["ph"] == "f"}
    assert starts.keys() == ends.keys()
    tied = [e for e in prof.events() if e.forward is not None and ":" not in e.name]
    assert len(tied) == len(starts) == 6
    for event in tied:
        start, end = starts[event.id], ends[event.id]
        forward = slices[event.forward.id]
        assert start["ts"] == forward["ts"]
        assert start["tid"] == forward["tid"]
        assert end["ts"] == slices[event.id]["ts"]
        assert end["bp"] == "e"
        assert start["ts"] <= end["ts"]
    modules = [e["name"] for e in entries if e.get("cat") == "python_function"]
    assert modules == [f"nn.Module: Sequential{place}" for place in ("", ".0", ".1", ".2")]
    zipped = tmp_path / "trace.json.gz"
    prof.export_chrome_trace(str(zipped))
    with gzip.open(zipped, "rt") as file:
        assert len(json.load(file)["traceEvents"]) == len(entries)


def test_stacks(tmp_path) -> None:
    path = tmp_path / "stacks"
    prof = recorded(with_stack=True)
    prof.export_stacks(str(path), "cpu_time_total")
    for line in path.read_text().splitlines():
        frames, _, number = line.rpartition(" ")
        assert int(number) >= 1
        assert " " not in frames
        assert frames.split(";")[-2].endswith(":_recorded")
    with pytest.raises(ValueError, match="metric should be one of"):
        prof.export_stacks(str(path), "calories")


def test_the_older_name() -> None:
    with torch.autograd.profiler.profile(record_shapes=True) as prof:
        torch.ones(2) * 2
    assert str(prof) == prof.table()
    assert "aten::mul" in str(prof)
    assert prof.self_cpu_time_total > 0
    assert prof.total_average().count == len(prof.events()) == 2
    assert [line.calls for line in prof.by_line()] == [2]
    with pytest.raises(RuntimeError, match="Profiler context manager is not reentrant"):
        with prof:
            pass
    with torch.autograd.profiler.profile(enabled=False) as prof:
        torch.ones(2)
    assert prof is None
    unfinished = torch.autograd.profiler.profile()
    assert str(unfinished) == "<unfinished profiler_util>"
    with pytest.raises(RuntimeError, match="Profiler didn't finish running"):
        unfinished.key_averages()
    assert torch.autograd.profiler.record_function is record_function


@pytest.mark.parametrize("name", ["emit_nvtx", "emit_itt"])
def test_markers_of_absent_tools(name: str) -> None:
    marker = getattr(torch.autograd.profiler, name)
    with marker(enabled=False):
        pass
    with pytest.raises(RuntimeError, match=name):
        with marker():
            pass


def test_stacks_that_were_not_kept(tmp_path) -> None:
    for kind in (torch.profiler.profile, torch.autograd.profiler.profile):
        with kind() as prof:
            torch.ones(1)
        with pytest.raises(AssertionError, match=r"export_stacks\(\) requires with_stack=True"):
            prof.export_stacks(str(tmp_path / "stacks.txt"))
