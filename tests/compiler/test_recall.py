"""Programs that come from the cache on disk, without a look at the graph."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dynagrad.compiler.codegen import backend, recall
from dynagrad.compiler.codegen.recall import Recalled, program
from dynagrad.compiler.ir.graph import Call, Graph
from dynagrad.compiler.ir.interpret import evaluate
from dynagrad.compiler.native import cache
from dynagrad.compiler.native import llvm as native
from dynagrad.compiler.recording.memory import run_on

pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of its own."""
    monkeypatch.setenv("DYNAGRAD_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("DYNAGRAD_CACHE", raising=False)
    yield tmp_path


def step(
    *,
    size: int = 40,
    dtype: Any = np.float32,
    number: float = 2.0,
    text: str = "large",
    fun: Callable = np.sort,
    slot: int = 1,
    op: str = "exp",
) -> Graph:
    """A loop, a product, a call into Python, constants of all sizes, a check."""
    g = Graph()
    for _ in range(3):
        g.slot((size, size), dtype, (size, 1))
    x = g.source(0)
    y = g.map(op, g.map("mul", x, g.constant(np.array(number, dtype))))
    ramp = g.constant(np.arange(size * size, dtype=dtype).reshape(size, size) / size**2)
    product = g.matmul(g.map("add", y, ramp), g.transpose(x, (1, 0)))
    call = Call(fun, {"axis": 0}, (((size, size), np.dtype(dtype)),))
    (called,) = g.call(call, product)
    g.write(slot, g.map("sub", called, y))
    g.write(3 - slot, product)
    g.check(g.reduce("all", g.map("lt", x, g.constant(np.array(9, dtype)))), text)
    return g


def plain() -> Graph:
    """A step without calls, so that it has an address."""
    g = Graph()
    g.slot((100,), np.float64, (1,))
    g.slot((100,), np.float64, (1,))
    g.write(1, g.map("tanh", g.map("add", g.source(0), g.constant(np.arange(100.0)))))
    return g


def arrays_for(graph: Graph) -> list[np.ndarray]:
    r = np.random.default_rng(0)
    return [r.standard_normal(slot.shape).astype(slot.dtype) for slot in graph.slots]


def same(graph: Graph, made: backend.Program, tolerance: float = 2e-5) -> None:
    ours, expected = arrays_for(graph), arrays_for(graph)
    evaluate(graph, expected)
    assert run_on(made, ours) == 0
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("make", [step, plain])
@pytest.mark.parametrize("bitwise", [False, True])
def test_the_second_time_nothing_is_built(
    make: Callable[[], Graph], bitwise: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = program(make(), bitwise=bitwise)
    assert not isinstance(first, Recalled)
    monkeypatch.setattr(backend, "build", None)
    graph = make()
    second = program(graph, bitwise=bitwise)
    assert isinstance(second, Recalled) and second.library.from_cache
    assert (second.address is None) is (first.address is None)
    same(graph, second)
    ours, theirs = arrays_for(graph), arrays_for(graph)
    run_on(first, ours)
    run_on(second, theirs)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True))


def negated(x: np.ndarray, axis: int) -> np.ndarray:
    return np.sort(-x, axis)


def test_calls_are_those_of_the_new_graph() -> None:
    program(step())
    graph = step(fun=negated)
    made = program(graph)
    assert isinstance(made, Recalled)
    same(graph, made)


def test_a_call_that_gives_something_else_is_an_error() -> None:
    def wide(x: np.ndarray, axis: int) -> np.ndarray:
        return np.sort(x, axis).astype(np.float64)

    program(step())
    made = program(step(fun=wide))
    with pytest.raises(RuntimeError, match="gave float64"):
        run_on(made, arrays_for(made.graph))


@pytest.mark.parametrize(
    "change",
    [
        {"size": 41},
        {"dtype": np.float64},
        {"number": 2.5},
        {"number": -2.0},
        {"text": "small"},
        {"slot": 2},
        {"op": "tanh"},
    ],
)
def test_what_differs_is_built(change: dict) -> None:
    program(step())
    graph = step(**change)
    made = program(graph)
    assert not isinstance(made, Recalled)
    same(graph, made, 1e-4)
    assert not isinstance(program(step(), bitwise=True), Recalled)


def test_large_constants_count_bit_by_bit() -> None:
    def of(last: float) -> Graph:
        g = Graph()
        g.slot((5000,), np.float64, (1,))
        numbers = np.arange(5000.0)
        numbers[-1] = last
        g.write(0, g.map("add", g.source(0), g.constant(numbers)))
        return g

    program(of(0.0))
    assert isinstance(program(of(0.0)), Recalled)
    made = program(of(-0.0))
    assert not isinstance(made, Recalled)
    same(of(-0.0), made)


def test_other_sources_or_another_target_build_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    program(plain())
    assert isinstance(program(plain()), Recalled)
    monkeypatch.setattr(native, "fingerprint", lambda: "another")
    assert not isinstance(program(plain()), Recalled)


def test_without_its_object_code_an_entry_is_no_use(folder: Path) -> None:
    key = program(plain()).library.key
    (folder / f"{key}.entry").unlink()
    made = program(plain())
    assert not isinstance(made, Recalled)
    same(plain(), made)
    assert isinstance(program(plain()), Recalled)


def test_without_a_cache_all_is_built(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("DYNAGRAD_CACHE", "0")
    for _ in range(2):
        made = program(plain())
        assert not isinstance(made, Recalled)
        same(plain(), made)
    assert not list(folder.iterdir())


def test_calls_of_the_back_end_are_not_kept() -> None:
    def of_complex() -> Graph:
        g = Graph()
        g.slot((30,), np.complex128, (1,))
        g.slot((30,), np.complex128, (1,))
        g.write(1, g.map("mul", g.source(0), g.source(0)))
        return g

    for _ in range(2):
        graph = of_complex()
        made = program(graph)
        assert not isinstance(made, Recalled)
        same(graph, made)


def test_what_has_no_plain_form_has_no_key() -> None:
    g = plain()
    assert recall._key(g, False) == recall._key(plain(), False)
    g.writes[1].attrs = (object(),)
    assert recall._key(g, False) is None


def test_a_failing_check_and_overlaps() -> None:
    program(step())
    graph = step()
    made = program(graph)
    assert isinstance(made, Recalled)
    arrays = arrays_for(graph)
    arrays[0][3, 3] = 10
    before = [a.copy() for a in arrays]
    assert run_on(made, arrays) == 1
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))
    expected, room = arrays_for(plain()), np.empty(150)
    program(plain())
    room[:100] = expected[0]
    evaluate(plain(), expected)
    assert run_on(program(plain()), [room[:100], room[50:]]) == 0
    np.testing.assert_allclose(room[50:], expected[1], rtol=1e-12)


def test_people_are_told_the_same() -> None:
    first, second = program(step()), program(step())
    assert isinstance(second, Recalled)
    assert [p.kind for p in second.report.parts] == [p.kind for p in first.report.parts]
    assert second.plan.size == first.plan.size
    assert len(second.schedule.groups) == len(first.schedule.groups)
    assert second.module.text() == first.module.text()
    assert [c.text for c in second.graph.checks] == ["large"]
    assert cache.info().entries >= 2
