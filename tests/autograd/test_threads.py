"""Threads and asynchronous tasks: separate modes, graphs side by side."""

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dynagrad as dg
from dynagrad.utils.checkpoint import checkpoint, set_checkpoint_early_stop


def test_a_thread_has_its_own_mode() -> None:
    seen = []

    def work() -> None:
        seen.append(dg.is_grad_enabled())
        with dg.no_grad():
            inside.set()
            left.wait(5)
            seen.append(dg.is_grad_enabled())

    inside, left = threading.Event(), threading.Event()
    with dg.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        inside.wait(5)
    assert dg.is_grad_enabled()
    left.set()
    thread.join()
    assert seen == [True, False]


def test_tasks_have_their_own_modes() -> None:
    async def quiet(log: list) -> None:
        with dg.no_grad():
            for _ in range(3):
                log.append(dg.is_grad_enabled())
                await asyncio.sleep(0)

    async def loud(log: list) -> None:
        for _ in range(3):
            log.append(dg.is_grad_enabled())
            await asyncio.sleep(0)

    async def both() -> tuple[list, list]:
        a, b = [], []
        await asyncio.gather(quiet(a), loud(b))
        return a, b

    assert asyncio.run(both()) == ([False] * 3, [True] * 3)


def test_decorated_coroutines() -> None:
    @dg.no_grad()
    async def work() -> bool:
        await asyncio.sleep(0)
        return (dg.ones(1, requires_grad=True) * 2).requires_grad

    async def main() -> tuple[bool, bool]:
        return await work(), dg.is_grad_enabled()

    assert asyncio.run(main()) == (False, True)


def test_graphs_side_by_side() -> None:
    def work(n: int) -> list[float]:
        x = dg.full((50,), float(n), requires_grad=True)
        for _ in range(20):
            x.grad = None
            y = x
            for _ in range(5):
                y = y * x
            y.sum().backward()
        return x.grad.tolist()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(1, 9)))
    assert results == [[6.0 * n**5] * 50 for n in range(1, 9)]


def test_a_graph_made_here_may_be_differentiated_there() -> None:
    x = dg.ones(3, requires_grad=True)
    y = (x * x).sum()
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    assert x.grad.tolist() == [2.0] * 3


def test_writes_elsewhere_do_not_make_values_stale() -> None:
    stop = threading.Event()

    def writer() -> None:
        other = dg.ones(4)
        while not stop.is_set():
            other.add_(1)

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        x = dg.ones(4, requires_grad=True)
        for _ in range(200):
            (x.exp() * x).sum().backward()
    finally:
        stop.set()
        thread.join()
    assert x.grad is not None


def leaf(*values: float) -> Any:
    return dg.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def in_threads(count: int, work: Callable[[int], Any]) -> list:
    """The results of `work(number)`, begun in `count` threads at the same moment."""
    barrier = threading.Barrier(count)

    def begun(number: int) -> Any:
        barrier.wait(20)
        return work(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads change places within operations
    try:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(begun, range(count)))
    finally:
        sys.setswitchinterval(interval)


class Square(dg.autograd.Function):
    """x**2, with what it saves."""

    @staticmethod
    def forward(ctx, x):
        y = x * x
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * 2 * x + 0 * y


def with_everything(number: int) -> list[float]:
    """A graph with hooks of all kinds, a Function, a write and a checkpoint; 4 (n x)^3 n."""
    x = leaf()
    y = Square.apply(x * number)
    seen: list = []
    y.register_hook(lambda g: seen.append(g.shape))
    y.grad_fn.register_hook(lambda into, out: seen.append(len(into)))
    y.grad_fn.register_prehook(lambda out: seen.append(len(out)))
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.shape))
    z = y.clone()
    z.mul_(1)
    out = checkpoint(lambda a: a * a, z, use_reentrant=False)
    with dg.autograd.graph.saved_tensors_hooks(lambda t: (number, t), lambda kept: kept[1]):
        loss = (out * 1).sum()
    loss.backward()
    assert len(seen) == 4
    return x.grad.tolist()


def test_graphs_with_hooks_side_by_side() -> None:
    def work(number: int) -> list[list[float]]:
        return [with_everything(number + 1) for _ in range(20)]

    for number, results in enumerate(in_threads(6, work), 1):
        expected = [4.0 * number**4 * v**3 for v in (1.0, 2.0, 3.0)]
        assert results == [expected] * 20


@pytest.mark.parametrize("create", [False, True])
def test_a_shared_leaf_loses_nothing(create: bool) -> None:
    x = leaf()

    def work(number: int) -> None:
        for _ in range(50):
            (x * 2).sum().backward(create_graph=create)

    in_threads(6, work)
    assert x.grad.tolist() == [600.0] * 3


def test_named_inputs_and_retained_gradients_lose_nothing() -> None:
    x = leaf()
    y = x * 1
    y.retain_grad()
    out = (y * 2).sum()

    def work(number: int) -> None:
        for _ in range(50):
            out.backward(inputs=[x, y], retain_graph=True)

    in_threads(4, work)
    assert x.grad.tolist() == y.grad.tolist() == [400.0] * 3


@pytest.mark.parametrize("form", [None, False, True])
def test_one_graph_in_several_threads(form: bool | None) -> None:
    x, w = leaf(), leaf(2.0, 2.0, 2.0)
    hooked: list = []

    def f(a: Any, b: Any) -> Any:
        return (a * b).exp() * a

    y = f(x, w) if form is None else checkpoint(f, x, w, use_reentrant=form)
    y.register_hook(lambda g: hooked.append(1))
    out = y.sum()
    out.backward(retain_graph=True)
    once = (x.grad.clone(), w.grad.clone())
    x.grad = w.grad = None

    def work(number: int) -> None:
        for _ in range(10):
            out.backward(retain_graph=True)

    in_threads(4, work)
    assert len(hooked) == 41
    assert dg.allclose(x.grad, 40 * once[0], rtol=1e-5)
    assert dg.allclose(w.grad, 40 * once[1], rtol=1e-5)


def test_one_graph_and_gradients_of_several_orders_in_several_threads() -> None:
    x = leaf()
    y = (x**3).sum()

    def work(number: int) -> list[float]:
        (g,) = dg.autograd.grad(y, x, create_graph=True)
        (h,) = dg.autograd.grad(g.sum(), x, retain_graph=True)
        return h.tolist()

    assert in_threads(6, work) == [[6.0, 12.0, 18.0]] * 6
    assert x.grad is None


def test_handles_are_told_apart() -> None:
    x = leaf()
    called: list = []

    def work(number: int) -> None:
        for i in range(100):
            handle = x.register_hook(lambda g, i=i: called.append((number, i)))
            if i % 2:
                handle.remove()

    in_threads(4, work)
    x.sum().backward()
    assert sorted(called) == [(n, i) for n in range(4) for i in range(0, 100, 2)]


def test_a_pass_within_a_hook() -> None:
    x, w = leaf(), leaf()

    def hook(g: Any) -> Any:
        with dg.enable_grad():
            inner = (w * w).sum()
        inner.backward()
        return g * w.grad

    y = x * 3
    y.register_hook(hook)
    y.sum().backward()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]
    assert x.grad.tolist() == [6.0, 12.0, 18.0]


def test_a_hook_may_wait_for_another_thread() -> None:
    x, w = leaf(), leaf()

    def elsewhere() -> None:
        (x * w).sum().backward()

    begun: list = []

    def hook(t: Any) -> None:
        if not begun:
            thread = threading.Thread(target=elsewhere)
            begun.append(thread)
            thread.start()
            thread.join(20)
            assert not thread.is_alive()

    x.register_post_accumulate_grad_hook(hook)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0, 5.0]
    assert w.grad.tolist() == [1.0, 2.0, 3.0]


def test_saved_tensor_hooks_belong_to_their_thread() -> None:
    packed: list = []

    def elsewhere() -> None:
        x = leaf()
        x.exp().sum().backward()

    with dg.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t) or t, lambda t: t):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert packed == []
        leaf().exp()
    assert len(packed) == 1


def test_tasks_have_their_own_hooks_and_settings() -> None:
    async def work(number: int) -> tuple[set, int]:
        packed: set = set()
        runs: list = []

        def f(a: Any) -> Any:
            b = a.exp()
            runs.append(number)
            return b + 1

        hooks = dg.autograd.graph.saved_tensors_hooks(
            lambda t: packed.add(t.shape[0]) or t, lambda t: t
        )
        with set_checkpoint_early_stop(bool(number % 2)):
            await asyncio.sleep(0)
            x = dg.ones(number + 1, requires_grad=True)
            y = checkpoint(f, x, use_reentrant=False)
            with hooks:
                await asyncio.sleep(0)
                z = y.exp()
                await asyncio.sleep(0)
            z.sum().backward()
        return packed, len(runs)

    async def all_of_them() -> list:
        return await asyncio.gather(*(work(n) for n in range(6)))

    assert asyncio.run(all_of_them()) == [({n + 1}, 1 if n % 2 else 2) for n in range(6)]


def test_another_thread_of_a_task_has_its_mode() -> None:
    async def main() -> tuple[bool, bool]:
        with dg.no_grad():
            return await asyncio.to_thread(dg.is_grad_enabled), dg.is_grad_enabled()

    assert asyncio.run(main()) == (False, False)
    assert dg.is_grad_enabled()
