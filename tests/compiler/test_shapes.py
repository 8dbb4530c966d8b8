"""Arguments of many shapes: what is recorded when, what is kept, and what that costs."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("llvmlite")

import dynagrad as torch  # noqa: E402
from dynagrad.compiler import shapes  # noqa: E402


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a further shape has to come, here."""
    monkeypatch.setattr(shapes, "CALLS", 4)
    return 4


def training_step(width: int = 5) -> tuple[Any, Callable[[Any, Any], Any]]:
    """A layer, and a step that trains it."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(width, 3)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(layer(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return layer, step


def test_writes_of_native_code_are_not_those_of_a_later_recording() -> None:
    layer, step = training_step()
    compiled = torch.compile(step)
    before = layer.weight._version
    for rows in (4, 4, 4, 4, 4, 6, 6, 6):
        compiled(torch.randn(rows, 5), torch.randn(rows, 3))
    assert layer.weight._version == before + 8


def test_versions_outlive_what_counts_them() -> None:
    layer, step = training_step()
    compiled = torch.compile(step)
    before = layer.weight._version
    for _ in range(5):
        compiled(torch.ones(4, 5), torch.ones(4, 3))
    compiled.forget()
    assert layer.weight._version == before + 5


def test_a_further_shape_is_recorded_when_it_has_come_often_enough(patience: int) -> None:
    f = torch.compile(lambda x: (x * 2).sum())
    f(torch.ones(3))
    counts = []
    for _ in range(patience + 1):
        assert f(torch.ones(5)).item() == 10
        counts.append(len(f.variants))
    assert counts == [1] * (patience - 1) + [2, 2]
    assert [v.runs for v in f.variants] == [0, 1] and f.eager == patience - 1


def test_recordings_are_bounded_by_calls(patience: int) -> None:
    f = torch.compile(lambda x: x + 1)
    for n in (*range(1, 60), *range(1, 60, 2)):
        assert f(torch.ones(n)).tolist() == [2] * n
    assert len(f.variants) == 1
    assert not f.gave_up


def test_much_work_is_recorded_sooner() -> None:
    small, large = (torch.compile(lambda x: (x @ x).exp()) for _ in range(2))
    small(torch.zeros(2, 2))
    large(torch.zeros(300, 300))
    assert large.shapes.patience < small.shapes.patience <= shapes.CALLS


@pytest.mark.parametrize(("dynamic", "counts"), [(None, [1, 1]), (True, [0, 1]), (False, [1, 2])])
def test_dynamic(dynamic: bool | None, counts: list[int]) -> None:
    f = torch.compile(lambda x: x * 3, dynamic=dynamic)
    f(torch.ones(2))
    assert len(f.variants) == counts[0]
    f(torch.ones(2 if dynamic else 4))
    assert len(f.variants) == counts[1]


def test_marks() -> None:
    f = torch.compile(lambda x: x * 3)
    varies, stays = torch.ones(2), torch.ones(3)
    torch._dynamo.mark_dynamic(varies, 0)
    torch._dynamo.mark_static(stays)
    counts = []
    for x in (varies, varies, stays, torch.ones(4)):
        f(x)
        counts.append(len(f.variants))
    assert counts == [0, 1, 2, 2]


def test_many_shapes_are_taken_by_the_gate() -> None:
    sizes = [*range(1, 13)] * 3
    data = {n: (torch.randn(n, 5), torch.randn(n, 3)) for n in sizes}
    layer, step = training_step()
    compiled = torch.compile(step, dynamic=False)
    for n in sizes:
        compiled(*data[n])
    other, plain = training_step()
    for n in sizes:
        plain(*data[n])
    torch.testing.assert_close(layer.weight, other.weight)
    torch.testing.assert_close(layer.weight.grad, other.weight.grad)
    assert len(compiled.variants) == 12
    # the second call of each shape tells the gate, the third one is its own
    assert [(v.runs, v.course.runs) for v in compiled.variants] == [(1, 1)] * 12


def test_a_gradient_that_somebody_holds_is_not_written() -> None:
    layer, step = training_step()
    compiled = torch.compile(step, dynamic=False)
    held = []
    for n in (2, 3, 4, 5, 6, 7) * 4:
        compiled(torch.randn(n, 5), torch.randn(n, 3))
        if n in (3, 6):
            held.append((layer.weight.grad, layer.weight.grad.clone()))
    assert all(torch.equal(g, before) for g, before in held)
    assert len({g.data_ptr() for g, _ in held}) == len(held)


def test_eager_calls_in_between() -> None:
    layer, step = training_step()
    other, plain = training_step()
    compiled = torch.compile(step)
    for n in (2, 2, 2, 3, 2, 2, 4, 2, 3, 2):
        x, y = torch.randn(n, 5), torch.randn(n, 3)
        compiled(x, y)
        plain(x, y)
        torch.testing.assert_close(layer.weight.grad, other.weight.grad)
    (variant,) = compiled.variants
    assert variant.runs == 1 and variant.course.runs == 5  # eager gradients are no obstacle


def test_the_least_recent_course_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "COURSES", 3)
    layer, step = training_step()
    compiled = torch.compile(step, dynamic=False)
    before = layer.weight._version
    gone = None
    for number, n in enumerate((1, 2, 3, 1, 2, 3, 1, 3, 1, 4, 4, 4, 1, 3)):
        compiled(torch.randn(n, 5), torch.randn(n, 3))
        if number == 1:
            gone = weakref.ref(compiled.variants[1].program)
    gc.collect()
    rows = [leaf.geometry[0][0] for v in compiled.variants for leaf in v.leaves[:1]]
    assert rows == [1, 3, 4]
    assert gone is not None and gone() is None
    assert layer.weight._version == before + 14
    text = str(compiled.explain())
    assert "[2, 5], [2, 3]: dropped as the least recent, ran 1 time" in text


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    f = torch.compile(lambda x: (x.exp() @ x).sum(), dynamic=False)
    monkeypatch.setattr(shapes, "MEMORY", 1)
    for n in (2, 3, 4):
        for _ in range(2):
            assert f(torch.zeros(n, n)).item() == 0
    assert len(f.variants) == 1


def test_explain_lists_shapes() -> None:
    f = torch.compile(lambda x, y: x + y)
    for n in (3, 3, 3, 5, 5, 7):
        f(torch.ones(n), torch.ones(n))
    text = str(f.explain())
    for line in (
        "shapes of arguments: 3",
        "[3], [3]: course 0, ran 2 times",
        f"[5], [5]: eager, came 2 times of {f.shapes.patience}",
        f"[7], [7]: eager, came 1 time of {f.shapes.patience}",
    ):
        assert line in text, text


def test_too_many_ways_that_are_never_taken() -> None:
    f = torch.compile(lambda x, way: x + len(way), dynamic=False, recompile_limit=4)
    with pytest.warns(UserWarning, match="4 courses were recorded, and none fits this call"):
        for number in range(20):
            f(torch.ones(1 + number % 3), str(number))
    assert f.gave_up and len(f.variants) < 10
