"""A recording does not follow steps of the library's optimizers; the user's code within and around
them is seen all the same.
"""

import sys
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import dynagrad as torch
from dynagrad.compiler.recording.session import _is_closed, recording

pytest.importorskip("llvmlite")

CALLS = 5


class Told(torch.optim.SGD):
    """An optimizer with a step of its own."""

    def step(self, closure: Any = None) -> Any:
        seen.append("step")
        return super().step(closure)


class Rate(float):
    """A number that tells what is done with it."""

    def __mul__(self, other: Any) -> Any:
        seen.append("mul")
        return float(self) * other

    __rmul__ = __mul__

    def __neg__(self) -> float:
        seen.append("neg")
        return -float(self)


seen: list[str] = []


def plain(x: Any) -> Any:
    return torch.optim.Adam([x], lr=0.1)


def subclass(x: Any) -> Any:
    return Told([x], lr=0.1)


def hooked(x: Any) -> Any:
    optimizer = torch.optim.SGD([x], lr=0.1)
    optimizer.register_step_post_hook(lambda *given: seen.append("hook"))
    return optimizer


def patched(x: Any) -> Any:
    optimizer = torch.optim.SGD([x], lr=0.1)
    update = optimizer._update_group

    def told(*given: Any) -> Any:
        seen.append("update")
        return update(*given)

    optimizer._update_group = told  # pyright: ignore[reportAttributeAccessIssue]
    return optimizer


def with_rate(x: Any) -> Any:
    optimizer = torch.optim.SGD([x], lr=0.1)
    optimizer.param_groups[0]["lr"] = Rate(0.1)
    return optimizer


def run(make: Callable[[Any], Any], compiled: bool) -> tuple[list[str], list[float], list]:
    """What was seen, and where the parameter is after some calls."""
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    optimizer = make(x)
    seen.clear()

    def step() -> None:
        optimizer.zero_grad()
        (x * x).sum().backward()
        optimizer.step()
        if make is not plain:
            seen.append("after")

    f = torch.compile(step) if compiled else step
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(CALLS):
            f()
            assert sys.gettrace() is None or not compiled
    return list(seen), x.tolist(), f.explain().variants if compiled else []


@pytest.mark.parametrize("make", [subclass, hooked, patched, with_rate])
def test_code_of_the_users_is_seen(make: Callable) -> None:
    told, at, _ = run(make, True)
    expected, there, _ = run(make, False)
    assert told == expected and told.count("after") == CALLS
    assert at == pytest.approx(there, rel=1e-6)


def test_a_plain_step_is_compiled() -> None:
    _, at, variants = run(plain, True)
    assert len(variants) == 1
    assert at == pytest.approx(run(plain, False)[1], rel=1e-6)


def test_a_hook_of_all_optimizers_is_seen() -> None:
    handle = torch.optim.optimizer.register_optimizer_step_post_hook(
        lambda *given: seen.append("hook")
    )
    try:
        assert run(subclass, True)[0].count("hook") == CALLS
    finally:
        handle.remove()


def test_an_error_in_a_step_ends_the_recording() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.1, momentum=0.9)
    (x * x).sum().backward()
    optimizer.step()
    optimizer.state[x]["momentum_buffer"] = torch.zeros(3)
    caught: list[str] = []

    @torch.compile
    def step() -> None:
        optimizer.zero_grad()
        (x * x).sum().backward()
        try:
            optimizer.step()
        except RuntimeError:
            caught.append("error")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(CALLS):
            step()
            assert sys.gettrace() is None
    assert len(caught) == CALLS and not step.explain().variants


def test_which_steps_are_closed() -> None:
    def ask(optimizer: Any) -> bool:
        with recording(frozenset()):
            return _is_closed(optimizer)

    def new() -> Any:
        return torch.tensor([1.0, -2.0], requires_grad=True)

    assert ask(plain(new()))
    for make in (subclass, hooked, patched, with_rate):
        assert not ask(make(new())), make
    x = new()
    x.grad = type("Own", (torch.Tensor,), {})(torch.ones(2))
    assert not ask(plain(x))


class Target:
    factor = 3.0


@pytest.mark.parametrize("raises", [False, True])
def test_a_call_of_which_nothing_comes_keeps_nothing_alive(
    raises: bool, without_collector: None
) -> None:
    held = [Target()]
    reference = weakref.ref(held[0])

    def step(x: Any) -> Any:
        target = reference()
        y = x * (1.0 if target is None else target.factor)
        if raises and target is not None:
            raise ValueError("a bad day")
        return y

    f, x = torch.compile(step), torch.ones(1)
    if raises:
        with pytest.raises(ValueError, match="bad day"):
            f(x)
    else:
        assert f(x).item() == 3
    del held[0]
    assert reference() is None
    assert f(x).item() == 1
