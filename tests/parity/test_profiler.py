"""The profiler against PyTorch's: names and arguments, events of the same program, tables."""

import inspect
import re
import warnings

import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

LIBRARIES = [torch, dynagrad]


def training(lib):
    lib.manual_seed(0)
    net = lib.nn.Sequential(lib.nn.Linear(4, 3), lib.nn.Tanh(), lib.nn.Linear(3, 1))
    optimizer = lib.optim.SGD(net.parameters(), lr=0.1)
    data = lib.utils.data.TensorDataset(lib.ones(4, 4))
    with lib.profiler.profile(
        activities=[lib.profiler.ProfilerActivity.CPU], record_shapes=True, with_flops=True
    ) as prof:
        for (x,) in lib.utils.data.DataLoader(data, batch_size=2):
            optimizer.zero_grad()
            with lib.profiler.record_function("loss"):
                loss = (net(x) * 2 - 1).pow(2).sum()
            loss.backward()
            optimizer.step()
    return prof


@pytest.fixture(scope="module")
def both():
    return training(torch), training(dynagrad)


#: operations of which PyTorch runs no others in this program
SAME = re.compile(
    r"aten::(linear|addmm|tanh|mul|sub|rsub|pow|sum)$|.*Backward0$|.*AccumulateGrad$|loss$|"
    r"Optimizer\.|enumerate"
)


def counted(prof, *, outside: bool) -> dict[str, int]:
    """How often each name occurs, of operations only what is called outside of backward."""
    counts: dict[str, int] = {}
    for event in prof.events():
        parent = event.cpu_parent
        while parent is not None and not parent.name.endswith("Backward0"):
            parent = parent.cpu_parent
        is_inside = parent is not None and event.name.startswith("aten::")
        if SAME.match(event.name) and not (outside and is_inside):
            counts[event.name] = counts.get(event.name, 0) + 1
    return counts


def test_the_same_events(both) -> None:
    theirs, ours = (counted(prof, outside=True) for prof in both)
    optimizer = [name for name in theirs if name.startswith("Optimizer.")]
    assert sorted(optimizer) == sorted(n for n in ours if n.startswith("Optimizer."))
    # PyTorch's optimizer is made of operations, ours works on arrays.
    for name in ("aten::mul", "aten::sub"):
        theirs.pop(name, None), ours.pop(name, None)
    assert ours == theirs


def test_the_same_shapes_and_flops(both) -> None:
    theirs, ours = (
        {(e.name, str([s for s in e.input_shapes if s])) for e in prof.events() if e.name in names}
        for prof, names in ((prof, ("aten::linear", "aten::addmm", "aten::tanh")) for prof in both)
    )
    assert ours == theirs
    theirs, ours = ([e.flops for e in p.events() if e.name == "aten::addmm"] for p in both)
    assert ours == theirs


def test_forward_and_backward_are_tied_alike(both) -> None:
    for prof in both:
        numbers = {e.sequence_nr: e.name for e in prof.events() if e.name == "aten::tanh"}
        backward = [e for e in prof.events() if e.name == "TanhBackward0"]
        assert [numbers[e.sequence_nr] for e in backward] == ["aten::tanh"] * 2
        assert all(e.fwd_thread == 1 for e in backward)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sort_by": "count", "row_limit": 3},
        {"sort_by": "cpu_time_total", "header": "HEADER"},
        {"sort_by": "self_cpu_time_total", "top_level_events_only": True},
    ],
)
def test_tables_have_the_same_layout(both, options) -> None:
    theirs, ours = (
        [
            line
            for line in prof.key_averages().table(**options).splitlines()
            if not line.strip("= ") or "  " in line
        ]
        for prof in both
    )
    (head,) = [line for line in theirs if " Name" in line]
    (own,) = [line for line in ours if " Name" in line]
    assert own.split() == head.split()
    assert {len(line) for line in ours if set(line) == {"-", " "}} == {len(own)}
    for text in (both[0].key_averages().table(**options), both[1].key_averages().table(**options)):
        assert text.splitlines()[-1].startswith("Self CPU time total: ")
        assert ("HEADER" in text) == ("header" in options)
        assert ("top-level ops" in text) == ("top_level_events_only" in options)


def cells(lib) -> list[str]:
    with lib.autograd.profiler.profile() as prof:
        lib.zeros(2) + lib.zeros(2)
    lines = prof.key_averages().table(max_name_column_width=8).splitlines()
    return [re.sub(r"[\d.]+(us|ms|%)", r"1\1", line) for line in lines if "aten" in line][:1]


def test_rows_look_alike() -> None:
    theirs, ours = (re.split(r"\s+", cells(lib)[0].strip())[:6] for lib in LIBRARIES)
    assert [re.sub("us|ms", "t", c) for c in ours] == [re.sub("us|ms", "t", c) for c in theirs]


@pytest.mark.parametrize(
    "path",
    [
        "profiler.profile",
        "profiler.schedule",
        "profiler.tensorboard_trace_handler",
        "profiler.record_function",
        "autograd.profiler.profile",
        "autograd.profiler.record_function",
        "autograd.profiler.emit_nvtx",
        "autograd.profiler.emit_itt",
        "autograd.profiler.EventList.table",
        "autograd.profiler.EventList.key_averages",
        "profiler.profile.key_averages",
        "profiler.profile.export_chrome_trace",
        "profiler.profile.export_stacks",
        "autograd.profiler.profile.key_averages",
    ],
)
def test_signatures(path: str) -> None:
    signatures = []
    for lib in LIBRARIES:
        found = lib
        for name in path.split("."):
            found = getattr(found, name)
        parameters = inspect.signature(found).parameters.values()
        signatures.append([(p.name, p.kind, p.default) for p in parameters])
    assert signatures[1] == signatures[0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"wait": 1, "warmup": 1, "active": 2},
        {"wait": 1, "warmup": 1, "active": 2, "repeat": 2, "skip_first": 1},
        {"wait": 0, "warmup": 0, "active": 1, "repeat": 1},
        {"wait": 2, "warmup": 1, "active": 1, "repeat": 2, "skip_first": 3, "skip_first_wait": 1},
    ],
)
def test_schedules(arguments) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of schedules without warm-up
        theirs, ours = (
            [lib.profiler.schedule(**arguments)(step).name for step in range(20)]
            for lib in LIBRARIES
        )
    assert ours == theirs


def steps(lib, plan) -> list:
    seen = []

    def ready(prof):
        seen.append([e.trace_name for e in prof.events() if e.name.startswith("ProfilerStep")])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        activities = [lib.profiler.ProfilerActivity.CPU]
        with lib.profiler.profile(
            activities=activities, schedule=plan(lib), on_trace_ready=ready
        ) as prof:
            for _ in range(7):
                lib.ones(1)
                prof.step()
    return [*seen, prof.step_num]


@pytest.mark.parametrize(
    "plan",
    [
        lambda lib: lib.profiler.schedule(wait=1, warmup=1, active=2),
        lambda lib: lib.profiler.schedule(wait=0, warmup=0, active=1),
        lambda lib: lib.profiler.schedule(wait=0, warmup=1, active=3, repeat=1),
        lambda lib: None,
    ],
)
def test_steps(plan) -> None:
    theirs, ours = (steps(lib, plan) for lib in LIBRARIES)
    assert ours == theirs


def raised(call) -> tuple[type, str]:
    with pytest.raises(Exception) as error:  # noqa: PT011 - the type is compared
        call()
    return type(error.value), str(error.value).splitlines()[0]


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.profiler.schedule(wait=-1, warmup=0, active=1),
        lambda lib: lib.profiler.schedule(wait=0, warmup=0, active=0),
        lambda lib: lib.profiler.profile(activities=[]),
        lambda lib: lib.profiler.profile(activities=["x"]),
        lambda lib: lib.profiler.profile().events(),
        lambda lib: lib.profiler.profile().key_averages(),
        lambda lib: lib.autograd.profiler.record_function(3).__enter__(),
        lambda lib: entered_twice(lib),
        lambda lib: finished(lib).table(sort_by="bad"),
    ],
)
def test_errors(call) -> None:
    theirs, ours = (raised(lambda lib=lib: call(lib)) for lib in LIBRARIES)
    assert ours == theirs


def finished(lib):
    with lib.autograd.profiler.profile() as prof:
        lib.ones(1)
    return prof


def entered_twice(lib) -> None:
    with finished(lib):
        pass
