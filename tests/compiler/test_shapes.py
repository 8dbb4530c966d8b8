"""Arguments of many shapes: what is recorded when, what is kept, and what that costs."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("llvmlite")

import dynagrad as torch  # noqa: E402


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
