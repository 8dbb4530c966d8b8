"""Steps that random programs have found to go wrong: compiled, they do what they do eagerly."""

from collections.abc import Callable
from typing import Any

import pytest

import dynagrad as torch

pytest.importorskip("llvmlite")

F = torch.nn.functional


def close(ours: Any, plain: Any) -> None:
    """Equal up to rounding."""
    torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-12)


def both(make: Callable[[], Callable], *calls: tuple) -> Any:
    """Two instances of a step, one compiled, give the same at each call; the compiled one."""
    plain, ours = make(), torch.compile(make())
    for args in calls:
        close(ours(*args), plain(*args))
    return ours


def doubles(*shape: int) -> torch.Tensor:
    """Random numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64)


def test_an_element_of_a_small_value_is_read_at_an_index_that_is_data() -> None:
    weight = doubles(3, 4)
    torch.manual_seed(0)

    def make() -> Callable:
        bias = torch.nn.Parameter(doubles(4) * 0)

        def step(x: torch.Tensor, y: torch.Tensor) -> Any:
            bias.grad = None
            h = x @ weight + bias
            h = h + h.detach().sum(0) * 0.5
            loss = F.cross_entropy(h, y.argmax(1))
            loss.backward()
            return loss.detach(), bias.grad

        return step

    step = both(make, *[(doubles(5, 3), doubles(5, 4)) for _ in range(4)])
    assert step.explain().courses[0].runs


def test_an_optimizer_with_fewer_parameters_clears_fewer_gradients() -> None:
    w, b = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer = torch.optim.SGD([w, b], lr=0.1)

    @torch.compile
    def step(x: torch.Tensor) -> None:
        optimizer.zero_grad()
        ((x * w + b) ** 2).sum().backward()

    for _ in range(3):
        step(torch.ones(3))
    optimizer.param_groups[0]["lr"] = 0.3  # nobody has read it
    step(torch.ones(3))
    assert step.explain().courses[0].runs == 3
    optimizer.param_groups[0]["params"] = [w]
    step(torch.ones(3))
    assert b.grad.tolist() == [8.0] * 3 and w.grad.tolist() == [4.0] * 3


@pytest.mark.parametrize("read", [lambda o: o.state_dict()["param_groups"][0]["lr"], repr])
@pytest.mark.parametrize("steps", [False, True])
def test_options_of_an_optimizer_are_read_as_a_whole(read: Callable, steps: bool) -> None:
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([w], lr=0.1)

    @torch.compile
    def step(x: torch.Tensor) -> Any:
        optimizer.zero_grad()
        (x * w).sum().backward()
        if steps:
            optimizer.step()
        return read(optimizer)

    for rate in (0.1, 0.1, 0.1, 0.3, 0.3):
        optimizer.param_groups[0]["lr"] = rate
        assert step(torch.ones(3)) == read(optimizer)
    assert [course.runs for course in step.explain().courses] == [2, 1]


def test_a_step_that_raises_says_where() -> None:
    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] > 3:
            x = x @ torch.ones(7, 7)
        return x * 2

    for n in (5, 5, 5, 5, 2, 2):
        if n > 3:
            with pytest.raises(RuntimeError, match="shapes"):
                step(torch.ones(n, 3))
        else:
            close(step(torch.ones(n, 3)), torch.full((n, 3), 2.0))
    explanation = step.explain()
    (reason,) = explanation.reasons
    assert reason.text == "raises RuntimeError" and "torch.ones(7, 7)" in reason.quoted()
    assert explanation.courses[0].runs == 1


def test_a_list_that_was_emptied_is_read_no_more() -> None:
    factors = [0.5, 0.25]

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        for factor in factors:
            x = x * factor
        return x

    for length in (2, 2, 2, 1, 0, 0, 2):
        factors.clear()
        factors += [0.5, 0.25][:length]
        close(step(torch.ones(2)), torch.ones(2) * [1, 0.5, 0.125][length])
