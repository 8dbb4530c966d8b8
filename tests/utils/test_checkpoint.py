"""Checkpoints: what is kept, what errors say, what PyTorch leaves silent."""

import gc
import re
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dynagrad as dg
from dynagrad.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
    set_checkpoint_debug_enabled,
    set_device_states,
)

ROWS, WIDTH, DEPTH = 256, 128, 32
ARRAY = ROWS * WIDTH * 4


def layers(depth: int = DEPTH) -> list[Callable]:
    """Functions that save two arrays each, without parameters of their own."""
    return [lambda x: (x * 0.5).sin().tanh()] * depth


def held(forward: Callable[[], Any]) -> int:
    """The bytes that a forward pass keeps for its backward pass."""
    forward()
    gc.collect()
    tracemalloc.start()
    try:
        kept = forward()
        size = tracemalloc.get_traced_memory()[0]
        del kept
    finally:
        tracemalloc.stop()
    return size


def plain(x: Any, fs: list) -> Any:
    for f in fs:
        x = f(x)
    return x


def test_the_graph_keeps_little() -> None:
    x = dg.randn(ROWS, WIDTH, requires_grad=True)
    fs = layers()
    whole = held(lambda: plain(x, fs))
    assert whole > 2 * DEPTH * ARRAY
    for form in (True, False):
        parts = held(lambda form=form: checkpoint_sequential(fs, 8, x, use_reentrant=form))
        # the inputs of seven parts, and the last part as a whole
        assert parts < (8 + 2 * DEPTH / 8 + 3) * ARRAY
        one = held(lambda form=form: checkpoint(plain, x, fs, use_reentrant=form))
        assert one < 3 * ARRAY
        assert whole > 20 * one


def test_values_go_while_the_pass_goes_on() -> None:
    x = dg.randn(ROWS, WIDTH, requires_grad=True)
    fs = layers()

    def peak(forward: Callable) -> int:
        tracemalloc.start()
        try:
            forward().sum().backward()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(lambda: plain(x, fs))
    whole = peak(lambda: plain(x, fs))
    for form in (True, False):
        parts = peak(lambda form=form: checkpoint_sequential(fs, 8, x, use_reentrant=form))
        assert parts < 0.5 * whole


def test_nothing_stays_recomputed() -> None:
    x = dg.randn(ROWS, WIDTH, requires_grad=True)
    y = checkpoint(plain, x, layers(), use_reentrant=False)
    loss = y.sum()
    del y
    loss.backward(retain_graph=True)
    gc.collect()
    tracemalloc.start()
    loss.backward(retain_graph=True)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 2 * ARRAY


def leaf() -> Any:
    return dg.tensor([1.0, 2.0, 3.0], requires_grad=True)


class Changing:
    """A function that does another thing when it runs again."""

    def __init__(self, first: Callable, then: Callable):
        self.todo = [first, then]

    def __call__(self, x: Any) -> Any:
        return self.todo.pop(0)(x)


def failure(first: Callable, then: Callable, **options: Any) -> str:
    y = checkpoint(Changing(first, then), leaf(), use_reentrant=False, **options)
    with pytest.raises(CheckpointError) as caught:
        y.sum().backward()
    return str(caught.value)


def first_run(x: Any) -> Any:
    y = x.sin()
    return y.exp()


def shorter(x: Any) -> Any:
    y = x[:2].sin()
    return y.exp()


def test_what_differs_is_shown_with_both_lines() -> None:
    text = failure(first_run, shorter)
    assert text.startswith("torch.utils.checkpoint: Recomputed values for the following tensors")
    assert "saved metadata: {'shape': [3], 'dtype': torch.float32" in text
    assert "recomputed metadata: {'shape': [2], 'dtype': torch.float32" in text
    assert re.search(r"saved at .*test_checkpoint.py:\d+: y = x.sin\(\)", text)
    assert re.search(r"recomputed at .*test_checkpoint.py:\d+: y = x\[:2\].sin\(\)", text)
    assert "debug=True" in text


def test_what_is_missing_or_too_much_is_shown() -> None:
    text = failure(first_run, lambda x: x.sin())
    assert "Number of tensors saved during forward: 2" in text
    assert "Number of tensors saved during recomputation: 1" in text
    assert re.search(r"position 1, was saved at .*: return y.exp\(\)", text)
    text = failure(lambda x: x.sin(), first_run, early_stop=False)
    assert "trying to save more tensors during recomputation" in text
    assert "return y.exp()" in text


@pytest.mark.parametrize("by_context", [False, True])
def test_debug_shows_both_runs(by_context: bool) -> None:
    if by_context:
        with set_checkpoint_debug_enabled(True):
            text = failure(first_run, shorter)
    else:
        text = failure(first_run, shorter, debug=True)
    assert "An error happened while unpacking tensors" in text
    lines = [line for line in text.splitlines() if " | " in line]
    assert re.search(r"original forward +\| recomputation", lines[0])
    assert re.match(r">   0 SinBackward0\(\[3\]\) +\| SinBackward0\(\[2\]\)", lines[1])
    assert re.match(r">   1 ExpBackward0\(\[3\]\) +\| ExpBackward0\(\[2\]\)", lines[2])
    assert text.count("recomputation: ") == text.count("forward: ") == 2


def test_a_repeating_function_needs_no_log() -> None:
    x = leaf()
    checkpoint(first_run, x, use_reentrant=False, debug=True).sum().backward()
    assert dg.allclose(x.grad, x.sin().exp() * x.cos())


def test_the_check_may_be_left_out() -> None:
    y = checkpoint(
        Changing(lambda x: x.sin(), lambda x: (x + 0).double().sin()),
        leaf(),
        use_reentrant=False,
        determinism_check="none",
    )
    y.sum().backward()


def test_a_value_overwritten_when_run_again_is_an_error() -> None:
    def f(x: Any) -> Any:
        y = x.exp()
        y.mul_(2)
        return y

    x = leaf()
    checkpoint(f, x, use_reentrant=False).sum().backward()  # stops before the write
    assert dg.allclose(x.grad, x.exp() * 2)
    y = checkpoint(f, x, use_reentrant=False, early_stop=False).sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as caught:
        y.backward()
    assert "y = x.exp()" in str(caught.value)
    assert "y.mul_(2)" in str(caught.value)


def test_a_parameter_written_before_the_second_run_is_an_error() -> None:
    w, x = leaf(), leaf()
    y = checkpoint(lambda a: a * w, x, use_reentrant=False).sum()
    with dg.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_reentry_says_that_it_gives_first_derivatives_only() -> None:
    x = leaf()
    y = checkpoint(dg.exp, x, use_reentrant=True).sum()
    with pytest.warns(UserWarning, match="first derivatives only"):
        y.backward(create_graph=True)
    assert x.grad is not None


def test_parts_of_a_pass_share_the_recomputation() -> None:
    runs: list = []

    def f(x: Any) -> Any:
        runs.append(1)
        return x.exp(), x.sin()

    x = leaf()
    a, b = checkpoint(f, x, use_reentrant=False)
    a.sum().backward()
    b.sum().backward()
    assert len(runs) == 2
    assert dg.allclose(x.grad, x.exp() + x.cos())


def test_an_exception_handler_in_the_function_does_not_see_the_stop() -> None:
    caught: list = []

    def f(x: Any) -> Any:
        try:
            return x.exp()
        except Exception as error:
            caught.append(error)
            raise

    x = leaf()
    checkpoint(f, x, use_reentrant=False).sum().backward()
    assert caught == []


@pytest.mark.parametrize("form", [True, False])
def test_dropout_masks_are_the_same(form: bool) -> None:
    def f(x: Any) -> Any:
        y = dg.nn.functional.dropout(x.exp(), 0.5)
        seen.append((y != 0).tolist())
        return y * y

    seen: list = []
    x = dg.ones(50, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=form)
    dg.rand(7)
    y.sum().backward()
    assert seen[0] == seen[1]
    assert (x.grad != 0).tolist() == seen[0]


def test_threads_of_their_own() -> None:
    def work(n: int) -> list[float]:
        x = dg.full((3,), float(n), requires_grad=True)
        for _ in range(10):
            x.grad = None
            y = checkpoint_sequential(layers(6), 3, x, use_reentrant=False)
            y.sum().backward()
        return x.grad.tolist()

    def alone(n: int) -> list[float]:
        x = dg.full((3,), float(n), requires_grad=True)
        plain(x, layers(6)).sum().backward()
        return x.grad.tolist()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [alone(n) for n in range(6)]


def test_devices_are_refused() -> None:
    with pytest.raises(RuntimeError, match="computes on the CPU"):
        set_device_states([0], [None])


def test_selective_checkpoints_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="Checkpoint smaller parts"):
        create_selective_checkpoint_contexts([dg.matmul])
