"""torch.compiler.loop: many calls of a step, in one native loop where that can stand for them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dynagrad as torch
from dynagrad.compiler import looping
from dynagrad.compiler.codegen import backend, repeat
from dynagrad.compiler.ir.graph import Graph

pytest.importorskip("llvmlite")

N = 300


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops are compiled at once."""
    monkeypatch.setattr(looping, "_OFTEN", 1)


def himmelblau(kind: str, dtype: Any) -> tuple[Callable[[], None], list[Any]]:
    x = torch.tensor([-4.0, 0.5], dtype=dtype, requires_grad=True)
    make = getattr(torch.optim, kind)
    optimizer = make([x], lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        value = (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2
        value.backward()
        optimizer.step()

    return step, [x, x]


def state(tensors: list[Any]) -> list[np.ndarray]:
    found = [t.detach().numpy().copy() for t in tensors]
    return found + [t.grad.numpy().copy() for t in tensors if t.grad is not None]


def loops(step: Any) -> int:
    """How many courses of a step have a loop of their own."""
    return sum(v.program._repeated[1] is not None for v in step.variants)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Adamax", "Adadelta"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loop_makes_the_steps_that_calls_make(kind: str, dtype: str) -> None:
    step, tensors = himmelblau(kind, getattr(torch, dtype))
    for _ in range(N):
        step()
    other, looped = himmelblau(kind, getattr(torch, dtype))
    compiled = torch.compile(other)
    torch.compiler.loop(compiled, N)
    assert loops(compiled) == 1
    bound = 2e-5 if dtype == "float32" else 1e-12
    for a, b in zip(state(tensors), state(looped), strict=True):
        np.testing.assert_allclose(b, a, rtol=bound, atol=bound)


def test_in_the_bitwise_mode_a_loop_has_the_bits_of_calls() -> None:
    step, tensors = himmelblau("Adam", torch.float32)
    for _ in range(N):
        step()
    other, looped = himmelblau("Adam", torch.float32)
    compiled = torch.compile(other, mode="bitwise")
    torch.compiler.loop(compiled, N)
    assert loops(compiled) == 1
    for a, b in zip(state(tensors), state(looped), strict=True):
        np.testing.assert_array_equal(b, a)


def test_a_check_that_fails_ends_the_loop_before_its_step() -> None:
    def make() -> tuple[Callable[[], None], Any, Any]:
        x, ups = torch.zeros(3), torch.zeros((), dtype=torch.int64)

        def step() -> None:
            with torch.no_grad():
                if x[0] < 37:
                    x.add_(torch.tensor([1.0, 2.0, 3.0]))
                else:
                    x.mul_(0.5)
                    ups.add_(1)

        return step, x, ups

    step, x, ups = make()
    for _ in range(N):
        step()
    other, y, times = make()
    compiled = torch.compile(other)
    torch.compiler.loop(compiled, N)
    assert loops(compiled) == len(compiled.variants) == 2
    np.testing.assert_array_equal(y.numpy(), x.numpy())
    assert times.item() == ups.item() > 1


def test_powers_beyond_the_quick_ones() -> None:
    """Of a base that is 0 or negative, and with infinite exponents."""

    for base in (0.0, -0.5, 0.9, 1e-300, float("inf"), float("nan")):

        def make(base: float) -> tuple[Callable[[], None], Any, Any]:
            b = torch.tensor(base, dtype=torch.float64)
            power, last, total = (torch.ones((), dtype=torch.float64) for _ in range(3))

            def step() -> None:
                last.copy_(b**power)
                total.add_((b + 0.25) ** (power * 0.5))
                power.mul_(8.0)

            return step, power, last, total

        one, *wanted = make(base)
        for _ in range(N):
            one()
        other, *found = make(base)
        compiled = torch.compile(other)
        torch.compiler.loop(compiled, N)
        assert loops(compiled) == 1
        for a, b in zip(wanted, found, strict=True):
            np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-14, err_msg=str(base))


def test_many_powers_share_a_vector() -> None:
    """Those that need others come later; three are a vector too."""

    def make() -> tuple[Callable[[], None], Any]:
        bases = [torch.tensor(b, dtype=torch.float64) for b in (0.9, 0.99, 1.01, 0.5)]
        count, result = torch.zeros(()), torch.zeros(4, dtype=torch.float64)

        def step() -> None:
            count.add_(1)
            n = count.double()
            powers = [b**n for b in bases[:3]]
            result.add_(torch.stack([*powers, bases[3] ** (powers[0] + n)]))

        return step, result

    step, wanted = make()
    for _ in range(N):
        step()
    other, found = make()
    compiled = torch.compile(other)
    torch.compiler.loop(compiled, N)
    text = repeat.text(compiled.variants[0].program.module)
    assert text is not None
    assert "<3 x double>" in text
    assert "@pow(" not in text
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-13)


def test_slots_have_strides_and_may_not_overlap() -> None:
    graph = Graph()
    graph.slot((3,), np.float64, (-3,))
    graph.slot((3,), np.float64, (3,))
    x, y = graph.source(0), graph.source(1)
    graph.write(0, graph.map("add", x, graph.reduce("sum", y)))
    graph.write(1, graph.map("mul", y, graph.constant(np.float64(0.9))))
    made = backend.build(graph)
    data = np.arange(24.0)
    x, y = data[8::-3], data[13:20:3]
    table = backend.addresses([x, y])
    loop = made.repeated(table)
    assert loop(table.ctypes.data, 20) == 20
    np.testing.assert_allclose(y, np.array([13.0, 16.0, 19.0]) * 0.9**20)
    np.testing.assert_allclose(x, np.array([8.0, 5.0, 2.0]) + 48 * (1 - 0.9**20) / 0.1)
    others = [i for i in range(24) if i not in (2, 5, 8, 13, 16, 19)]
    np.testing.assert_array_equal(data[others], others)
    assert made.repeated(backend.addresses([data[8::-3], data[2:9:3]])) is None


def test_integers_and_truth_values_wrap_and_flip() -> None:
    def make() -> tuple[Callable[[], None], list[Any]]:
        small = torch.tensor([100, 101], dtype=torch.int8)
        flag = torch.tensor([True, False])

        def step() -> None:
            small.add_(small)
            small.add_(3)
            flag.logical_not_()

        return step, [small, flag]

    step, wanted = make()
    for _ in range(7):
        step()
    other, found = make()
    compiled = torch.compile(other)
    torch.compiler.loop(compiled, 7)
    assert loops(compiled) == 1
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(b.numpy(), a.numpy())


def test_steps_with_arrays_have_no_loop_of_their_own() -> None:
    x = torch.ones(100)

    def step() -> None:
        x.mul_(1.01)

    compiled = torch.compile(step)
    torch.compiler.loop(compiled, N)
    assert loops(compiled) == 0
    np.testing.assert_allclose(x.numpy(), 1.01**N, rtol=1e-4)


def test_what_loop_refuses() -> None:
    with pytest.raises(TypeError, match="function of no arguments"):
        torch.compiler.loop(3, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="as an int"):
        torch.compiler.loop(lambda: None, 1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot make -1 calls"):
        torch.compiler.loop(lambda: None, -1)
