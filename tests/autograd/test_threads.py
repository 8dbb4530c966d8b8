"""Threads and asynchronous tasks: separate modes, graphs side by side."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import dynagrad as dg


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
