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
