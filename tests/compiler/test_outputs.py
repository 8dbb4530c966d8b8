"""Memory of large results: that of a result which is gone serves the next one, and no other."""

import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dynagrad as torch

pytest.importorskip("llvmlite")

#: so large that Python runs the code, and gives it memory
SIDE = 1100


@pytest.fixture
def double() -> Callable[[Any], Any]:
    """A compiled function that has run some times."""

    @torch.compile
    def double(x: Any) -> Any:
        return x * 2

    for _ in range(4):
        double(torch.ones(SIDE, SIDE))
    return double


def test_the_memory_of_a_result_that_is_gone_serves_again(double: Callable[[Any], Any]) -> None:
    x = torch.ones(SIDE, SIDE)
    (variant,) = double.variants  # type: ignore[attr-defined]
    (slot,) = variant.outputs
    double(x)
    before = variant.arrays[slot]
    kept = id(before)
    del before
    for _ in range(3):
        held = double(x)
        assert id(held._a) == id(variant.arrays[slot]) == kept
        del held
    held = double(x)
    other = double(x)
    assert id(other._a) == id(variant.arrays[slot]) != id(held._a)


KEEP: dict[str, Callable[[Any], Any]] = {
    "tensor": lambda t: t,
    "view": lambda t: t[3:5, ::2],
    "view of a view": lambda t: t.T[1:][:, 2],
    "detached": lambda t: t.detach(),
    "array": lambda t: t.numpy(),
    "part of an array": lambda t: t.numpy()[1],
    "memoryview": lambda t: memoryview(t.numpy()),
    "dlpack": lambda t: np.from_dlpack(t),
    "storage": lambda t: t.untyped_storage(),
}


@pytest.mark.parametrize("kept", KEEP)
def test_memory_that_somebody_has_is_left_alone(double: Callable[[Any], Any], kept: str) -> None:
    def content(held: Any) -> np.ndarray:
        if kept == "storage":
            return np.array(held.tolist())
        return np.array(held.detach() if isinstance(held, torch.Tensor) else held)

    held = KEEP[kept](double(torch.full((SIDE, SIDE), 3.0)))
    before = content(held).copy()
    assert np.any(before)
    for k in range(3):
        double(torch.full((SIDE, SIDE), float(k)))
    np.testing.assert_array_equal(content(held), before)


def test_what_a_backward_pass_needs_is_left_alone(double: Callable[[Any], Any]) -> None:
    w = torch.ones((), requires_grad=True)
    product = double(torch.full((SIDE, SIDE), 3.0)) * w
    for k in range(3):
        double(torch.full((SIDE, SIDE), float(k)))
    product.sum().backward()
    assert w.grad.item() == 6 * SIDE * SIDE


def test_an_array_whose_form_was_changed_does_not_serve_again(
    double: Callable[[Any], Any],
) -> None:
    x = torch.ones(SIDE, SIDE)
    for change in ("shape", "writeable", "weak"):
        t = double(x)
        a = t._a
        if change == "shape":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2.5 regrets it
                a.shape = (SIDE * SIDE,)
        elif change == "writeable":
            a.flags.writeable = False
        seen = weakref.ref(a) if change == "weak" else None
        del t, a
        found = double(x * 5)
        np.testing.assert_array_equal(found.numpy(), np.full((SIDE, SIDE), 10, np.float32))
        assert found._a.flags.writeable
        if seen is not None and seen() is not None:
            assert seen() is not found._a
