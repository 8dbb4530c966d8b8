"""What a program replaces in the framework after a recording: methods of classes, functions of
modules. Compiled steps do what they do eagerly.
"""

from collections.abc import Callable
from typing import Any

import pytest

import dynagrad as torch

pytest.importorskip("llvmlite")

from dynagrad.compiler.census import classes  # noqa: E402

nn, F = torch.nn, torch.nn.functional


class Doubling(nn.Linear):
    """A layer of the user's."""

    factor = 2.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * self.factor


def make() -> tuple[Callable, Any]:
    """A training step, and its parameters."""
    torch.manual_seed(0)
    net = nn.Sequential(Doubling(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.0)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = (net(x) + 1.0).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step, list(net.parameters())


def nothing(*args: Any, **kwargs: Any) -> None:
    """What replaces what is not to be done."""


REPLACED = {
    "forward of a layer": (nn.Linear, "forward", lambda self, x: x @ self.weight.t()),
    "forward of a layer of the user's": (Doubling, "forward", lambda self, x: x @ self.weight.t()),
    "a class attribute of the user's": (Doubling, "factor", 3.0),
    "forward of a layer within": (nn.Dropout, "forward", lambda self, x: x * 0.5),
    "the call of all modules": (nn.Module, "__call__", lambda self, x: self.forward(x) * 0.5),
    "an operator": (torch.Tensor, "__add__", lambda self, y: self.sub(y)),
    "a method of tensors": (torch.Tensor, "square", lambda self: self * 3),
    "a step": (torch.optim.SGD, "step", nothing),
    "clearing": (torch.optim.Optimizer, "zero_grad", nothing),
    "a function": (F, "relu", lambda x, inplace=False: x.abs()),
    "a function of another layer": (F, "linear", lambda x, w, b=None: x @ w.t()),
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_is_replaced_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, attribute, value = REPLACED[name]
    (plain, expected), (ours, found) = make(), make()
    ours = torch.compile(ours)
    x = torch.randn(5, 3)

    def agree() -> torch.Tensor:
        result = ours(x)
        torch.testing.assert_close(result, plain(x))
        torch.testing.assert_close(found, expected)
        return result

    for _ in range(3):
        agree()
    with monkeypatch.context() as patch:
        patch.setattr(owner, attribute, value)
        for _ in range(3):
            agree()
    for _ in range(3):
        agree()
    courses = ours.explain().courses
    assert courses[0].runs >= 2 and courses[0].why


def test_the_class_of_a_module_may_be_replaced() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Sequential(Doubling(4, 4)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    class Halving(Doubling):
        factor = 0.5

    class Standing(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            raise RuntimeError("stands")

    x = torch.randn(5, 3)
    first = [step(x) for _ in range(3)][-1]
    net[1][0].__class__ = Halving
    torch.testing.assert_close(step(x), first / 16)
    net[1][0].__class__ = Doubling
    torch.testing.assert_close(step(x), first)
    optimizer.__class__ = Standing
    with pytest.raises(RuntimeError, match="stands"):
        step(x)


class Tripling(torch.Tensor):
    """A tensor of the user's."""

    def __add__(self, other: Any) -> torch.Tensor:
        return torch.Tensor.__mul__(self, 3)


def test_the_class_of_a_tensor_may_be_replaced() -> None:
    held = torch.ones(3)

    @torch.compile
    def step(x: torch.Tensor) -> torch.Tensor:
        return held + x

    for _ in range(3):
        assert step(torch.ones(3)).tolist() == [2, 2, 2]
    held.__class__ = Tripling
    assert step(torch.ones(3)).tolist() == [3, 3, 3]


def test_what_the_step_does_not_use_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    step = torch.compile(make()[0])
    x = torch.randn(5, 3)
    step(x)
    monkeypatch.setattr(nn.Conv2d, "forward", nothing)
    monkeypatch.setattr(F, "gelu", nothing)
    monkeypatch.setattr(Doubling, "note", "seen", raising=False)
    for _ in range(3):
        step(x)
    (course,) = step.explain().courses
    assert course.runs == 3 and not course.why


@pytest.mark.parametrize("has_versions", [True, False])
def test_a_class_is_as_it_was(has_versions: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Base:
        a = 1

    class Derived(Base):
        b = 2

    if not has_versions:
        monkeypatch.setattr(classes, "version_place", lambda: 0)
    guards = [classes.Methods(Base), classes.Methods(Derived)]

    def hold() -> list[bool]:
        return [guard.holds() for guard in guards]

    assert hold() == hold() == [True, True]
    Derived.b = 3
    assert hold() == [True, False]
    Derived.b = 2
    assert hold() == [True, True]
    Base.c = 4
    assert hold() == [False, True]
    del Base.c
    Derived.__bases__ = (type("Other", (), {}),)
    assert hold() == [True, False]
