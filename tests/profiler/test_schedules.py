"""Steps, schedules and what happens with finished traces."""

import json

import pytest

import dynagrad as torch
from dynagrad.core.watch import PLAIN, watchers
from dynagrad.profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

NONE, WARMUP, RECORD, SAVE = ProfilerAction


def test_cycles_of_a_schedule() -> None:
    seen = []

    def ready(prof):
        steps = [e.trace_name for e in prof.events() if e.name.startswith("ProfilerStep")]
        products = [e for e in prof.events() if e.name == "aten::mul"]
        seen.append((steps, len(products), prof.step_num))

    watched = []
    plan = schedule(wait=1, warmup=1, active=2, repeat=2)
    with profile(schedule=plan, on_trace_ready=ready) as prof:
        for _ in range(10):
            torch.ones(2) * 2
            watched.append(bool(watchers.get()))
            prof.step()
    assert seen == [
        (["ProfilerStep#2", "ProfilerStep#3"], 2, 4),
        (["ProfilerStep#6", "ProfilerStep#7"], 2, 8),
    ]
    assert watched == [False, True, True, True] * 2 + [False, False]
    assert not watchers.get()
    assert prof.events()[0].trace_name == "ProfilerStep#6"


def test_accumulated_events() -> None:
    plan = schedule(wait=0, warmup=0, active=1, repeat=3)
    with profile(schedule=plan, acc_events=True) as prof:
        for _ in range(3):
            torch.ones(2)
            prof.step()
    assert [e.trace_name for e in prof.events() if e.name.startswith("P")] == [
        f"ProfilerStep#{i}" for i in range(3)
    ]


def test_stopping_in_the_middle_saves() -> None:
    ready = []
    plan = schedule(wait=0, warmup=0, active=5)
    prof = profile(schedule=plan, on_trace_ready=ready.append)
    prof.start()
    torch.ones(1)
    prof.stop()
    assert ready == [prof]
    prof.stop()
    assert ready == [prof]
    assert [e.name for e in prof.events()] == ["ProfilerStep*", "aten::ones"]


def test_a_schedule_of_ones_own() -> None:
    with profile(schedule=lambda step: RECORD if step == 1 else NONE) as prof:
        prof.step()
        with pytest.warns(UserWarning, match="Incorrect schedule"):
            prof.step()
    with pytest.raises(AssertionError, match="Profiler must be initialized before accessing"):
        prof.events()


def test_errors() -> None:
    with pytest.raises(AssertionError, match="Invalid profiler schedule arguments. Got wait=-1"):
        schedule(wait=-1, warmup=0, active=1)
    with pytest.raises(AssertionError, match="active=0"):
        schedule(wait=0, warmup=0, active=0)
    with pytest.raises(AssertionError, match="No valid profiler activities found"):
        profile(activities=[])
    with pytest.raises(AssertionError, match="No valid profiler activities found"):
        profile(activities=["CPU"])
    with pytest.warns(UserWarning, match="CUDA is not available"):
        cuda = profile(activities=[ProfilerActivity.CUDA])
    with pytest.raises(AssertionError, match="No activities specified for the profiler"):
        cuda.start()
    with pytest.raises(AssertionError, match="Profiler must be initialized before getting key"):
        profile().key_averages()
    assert supported_activities() == {ProfilerActivity.CPU}


def test_steps_outside_of_the_run_record_nothing() -> None:
    prof = profile()
    prof.step()
    torch.ones(2).exp()
    with prof:
        torch.ones(1)
    prof.step()
    torch.ones(2).exp()
    assert PLAIN, "something is still recorded"
    assert [e.name for e in prof.events()] == ["aten::ones"]


def test_trace_handler(tmp_path) -> None:
    folder = tmp_path / "log"
    plan = schedule(wait=0, warmup=0, active=1, repeat=2)
    handler = tensorboard_trace_handler(str(folder), worker_name="me")
    with profile(schedule=plan, on_trace_ready=handler) as prof:
        for _ in range(3):
            torch.ones(1)
            prof.step()
    files = sorted(folder.iterdir())
    assert len(files) == 2
    for file in files:
        assert file.name.startswith("me.")
        assert file.name.endswith(".pt.trace.json")
        found = {e["name"] for e in json.loads(file.read_text())["traceEvents"]}
        assert "aten::ones" in found
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="Can't create directory: "):
        tensorboard_trace_handler(str(tmp_path / "file" / "log"))(prof)
