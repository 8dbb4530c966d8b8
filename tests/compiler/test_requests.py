"""What is asked of `compile`, and what it refuses: backends, modes, options, `fullgraph`."""

import random
import warnings
from typing import Any

import pytest

import dynagrad as torch
from dynagrad._dynamo import exc, list_backends
from dynagrad.compiler import surface
from dynagrad.compiler.census import bytecode
from dynagrad.compiler.compiled import Compiled
from dynagrad.compiler.optimized import OptimizedModule

pytest.importorskip("llvmlite")


def double(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@pytest.mark.parametrize(
    ("asked", "error", "text"),
    [
        ({"backend": "foo"}, exc.InvalidBackend, "Invalid backend: 'foo', see"),
        ({"backend": lambda graph, inputs: graph}, exc.InvalidBackend, "an FX graph"),
        ({"mode": "bogus"}, RuntimeError, "Unrecognized mode=bogus, should be one of: default"),
        ({"mode": 5}, RuntimeError, "Unrecognized mode=5"),
        ({"options": {"a": 1}}, RuntimeError, "Unexpected optimization option a, known options"),
        ({"options": {"max_autotune": "x"}}, RuntimeError, "got str should be bool"),
        ({"mode": "default", "options": {}}, RuntimeError, "both can't be specified"),
    ],
)
def test_what_there_is_not_is_an_error(asked: dict, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        torch.compile(double, **asked)


@pytest.mark.parametrize(
    "asked", [{"mode": ""}, {"options": {"epilogue-fusion": True}}, {"backend": "cudagraphs"}]
)
def test_what_means_native_code(asked: dict) -> None:
    assert isinstance(torch.compile(double, **asked), Compiled)


def test_backends_that_only_run() -> None:
    assert torch.compile(double, backend="eager", mode="whatever") is double
    net = torch.nn.Linear(2, 2)
    made = torch.compile(net, backend="aot_eager")
    assert isinstance(made, OptimizedModule) and "_orig_mod.weight" in made.state_dict()
    assert torch.equal(made(torch.ones(1, 2)), net(torch.ones(1, 2)))
    with pytest.raises(RuntimeError, match="nothing is compiled"):
        made.explain()
    assert list_backends() == ["cudagraphs", "inductor"] and "eager" in list_backends(())


def test_reset_forgets_modules_too() -> None:
    net = torch.compile(torch.nn.Linear(2, 2))
    net(torch.ones(1, 2))
    assert len(net.explain().courses) == 1
    torch.compiler.reset()
    assert not net.explain().courses


def test_a_python_that_is_not_known_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytecode, "_LAYOUT", None)
    monkeypatch.setattr(surface, "_said", set())
    with pytest.warns(UserWarning, match=r"frames of Python 3\.\d+ are not known, so everything"):
        assert torch.compile(double) is double
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.compile(double) is double


# --- fullgraph ------------------------------------------------------------------------------------


def test_fullgraph_stops_before_what_cannot_be_compiled(capsys: pytest.CaptureFixture) -> None:
    seen = torch.zeros(2)

    @torch.compile(fullgraph=True)
    def f(x: torch.Tensor) -> torch.Tensor:
        seen.add_(1)
        print("not reached")
        return x * 2

    for _ in range(2):  # the first call is no other than the next
        with pytest.raises(exc.Unsupported, match=r"f cannot be compiled: test_requests\.py:\d+: "):
            f(torch.ones(2))
    assert seen.tolist() == [2, 2] and capsys.readouterr().out == ""
    assert "prints" in f.explain().reasons[0].text and not f.explain().gave_up


def test_fullgraph_is_not_silenced_by_the_program() -> None:
    @torch.compile(fullgraph=True)
    def f(x: torch.Tensor) -> torch.Tensor:
        try:
            return x * random.random()
        except RuntimeError:
            return x

    with pytest.raises(exc.Unsupported, match="not known to be pure"):
        f(torch.ones(2))


def test_fullgraph_and_arrays_that_leave() -> None:
    @torch.compile(fullgraph=True)
    def f(x: torch.Tensor) -> torch.Tensor:
        return x + float((x * 2).numpy().sum())

    with pytest.raises(exc.Unsupported, match="NumPy"):
        f(torch.ones(2))


def test_fullgraph_and_too_many_courses() -> None:
    f = torch.compile(lambda x, way: x + len(way), recompile_limit=1, fullgraph=True)
    f(torch.ones(1), "a")
    for way in "bc":
        with pytest.raises(exc.Unsupported, match=rf"argument 1 is '{way}', was 'a'"):
            f(torch.ones(1), way)
    assert f(torch.ones(1), "a").tolist() == [2]


def test_fullgraph_takes_a_whole_first_step() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout())
    optimizer = torch.optim.Adam(net.parameters())

    @torch.compile(fullgraph=True)
    def step(x: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(torch.randn(4, 3))
    assert [course.runs for course in step.explain().courses] == [2]


# --- names ----------------------------------------------------------------------------------------


class Noisy(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * random.random()


def test_a_warning_names_the_module() -> None:
    net = torch.compile(Noisy())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(4):
            net(torch.ones(2))
    assert str(caught[0].message).startswith("torch.compile: Noisy runs eagerly from now on: test_")
    assert str(net.explain()).startswith("Noisy: ")


@pytest.mark.parametrize("dynamic", [3, "yes", 1])
@pytest.mark.parametrize("backend", [None, "eager"])
def test_dynamic_is_a_bool(dynamic: Any, backend: str | None) -> None:
    with pytest.raises(AssertionError, match="Expected enable to be a bool, got <class"):
        torch.compile(lambda x: x, dynamic=dynamic, backend=backend)


@pytest.mark.parametrize("name", ["mark_dynamic", "maybe_mark_dynamic", "mark_static"])
def test_marks_name_sizes_of_a_tensor(name: str) -> None:
    mark = getattr(torch._dynamo, name)
    with pytest.raises(TypeError, match=f"{name} expects a tensor but received <class 'int'>"):
        mark(3, 0)
    for index in ("a", [0, "a"], 0.5):
        with pytest.raises(AssertionError, match="Expected index to be int, list, or tuple"):
            mark(torch.ones(2), index)
    mark(torch.ones(2, 2), (0, -1))


def test_a_course_that_there_is_not() -> None:
    f = torch.compile(lambda x: x * 2)
    for part in ("graph", "ir", "assembly"):
        with pytest.raises(IndexError, match="has no compiled course, so none by the number 0"):
            getattr(f.explain(), part)(0)
    f(torch.ones(2))
    with pytest.raises(IndexError, match="has 1 course, so none by the number 4"):
        f.explain().graph(4)
