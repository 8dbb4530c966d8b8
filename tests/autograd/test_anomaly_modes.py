"""Anomaly mode is on where it was turned on: blocks, plain calls, threads, tasks, after errors; and
costs nothing elsewhere.
"""

import asyncio
import gc
import threading
import warnings
import weakref

import pytest

import dynagrad as torch
from dynagrad.autograd import anomaly_mode
from dynagrad.core import watch

set_detect_anomaly = torch.autograd.set_detect_anomaly


@pytest.fixture(autouse=True)
def _off():
    yield
    torch.set_anomaly_enabled(False)
    assert not watch.everywhere and watch.PLAIN


def state():
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def raises_on_nan() -> bool:
    x = torch.zeros(1, requires_grad=True)
    try:
        (x.sqrt() * 0).sum().backward()
    except RuntimeError as error:
        assert "returned nan values" in str(error)
        return True
    return False


def in_thread(f):
    """What f returns in a new thread."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(f()))
    thread.start()
    thread.join()
    return answers[0]


def test_blocks_nest_and_end():
    assert state() == (False, True) and not raises_on_nan()
    with set_detect_anomaly(True):
        assert state() == (True, True) and raises_on_nan()
        with set_detect_anomaly(False):
            assert state() == (False, True) and not raises_on_nan()
        with set_detect_anomaly(True, check_nan=False):
            assert state() == (True, False) and not raises_on_nan()
        assert state() == (True, True) and raises_on_nan()
    assert state() == (False, True) and not raises_on_nan()
    assert watch.PLAIN and not watch.everywhere


def test_block_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError), set_detect_anomaly(True):
        assert raises_on_nan()
        raise ZeroDivisionError
    assert state() == (False, True) and watch.PLAIN


def test_one_object_can_be_entered_again():
    with pytest.warns(UserWarning, match="^Anomaly Detection has been enabled"):
        block = torch.autograd.detect_anomaly()
    assert not torch.is_anomaly_enabled()
    with block as entered:
        assert entered is None
        with block:
            assert torch.is_anomaly_enabled()
        assert torch.is_anomaly_enabled()
    assert not torch.is_anomaly_enabled()
    with block:
        assert raises_on_nan()
    assert not torch.is_anomaly_enabled()


def test_plain_call_holds_for_the_process():
    set_detect_anomaly(True)
    assert raises_on_nan() and in_thread(raises_on_nan)
    with set_detect_anomaly(False):
        assert not raises_on_nan() and in_thread(raises_on_nan)
    assert raises_on_nan()
    set_detect_anomaly(False)
    assert not raises_on_nan() and not in_thread(raises_on_nan)


def test_plain_call_in_a_thread_holds_for_the_process():
    in_thread(lambda: set_detect_anomaly(True, check_nan=False) and None)
    assert state() == (True, False)


def test_plain_call_in_a_block_ends_with_it():
    with set_detect_anomaly(True):
        set_detect_anomaly(False)
        assert not torch.is_anomaly_enabled() and not watch.everywhere
        with set_detect_anomaly(True):
            assert torch.is_anomaly_enabled()
        assert not torch.is_anomaly_enabled()
        torch.set_anomaly_enabled(True, False)
        assert state() == (True, False)
    assert state() == (False, True)


def test_many_plain_calls_leave_no_trail():
    kept = [set_detect_anomaly(i % 2 == 0) for i in range(50)]
    assert len(anomaly_mode._said) <= 51
    del kept
    for i in range(50):
        set_detect_anomaly(i % 2 == 0)
    assert len(anomaly_mode._said) <= 2


def test_block_is_for_its_thread():
    inside, checked = threading.Event(), threading.Event()

    def other():
        with set_detect_anomaly(True):
            inside.set()
            checked.wait(10)
            return raises_on_nan()

    answers = []
    thread = threading.Thread(target=lambda: answers.append(other()))
    thread.start()
    inside.wait(10)
    assert not torch.is_anomaly_enabled() and not raises_on_nan()
    checked.set()
    thread.join()
    assert answers == [True] and not torch.is_anomaly_enabled()


def test_threads_that_leave_in_the_order_of_entering():
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()
    answers = []

    def first():
        with set_detect_anomaly(True):
            first_in.set()
            second_in.wait(10)
        answers.append(("first", torch.is_anomaly_enabled()))
        first_out.set()

    def second():
        first_in.wait(10)
        with set_detect_anomaly(True):
            second_in.set()
            first_out.wait(10)
            answers.append(("second", torch.is_anomaly_enabled()))
        answers.append(("second", torch.is_anomaly_enabled()))

    threads = [threading.Thread(target=f) for f in (first, second)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [("first", False), ("second", True), ("second", False)]
    assert not torch.is_anomaly_enabled()


def test_tasks():
    async def quiet(turn):
        await turn.wait()
        return torch.is_anomaly_enabled()

    async def both():
        turn = asyncio.Event()
        before = asyncio.create_task(quiet(turn))
        await asyncio.sleep(0)
        with set_detect_anomaly(True):
            inner = asyncio.create_task(quiet(asyncio.Event()))
            at_once = asyncio.create_task(quiet(turn))
            await asyncio.sleep(0)
            turn.set()
            seen = await before, await at_once
        inner.cancel()
        return seen

    assert asyncio.run(both()) == (False, True)


def test_task_that_outlives_its_block():
    async def late(turn):
        await turn.wait()
        return torch.is_anomaly_enabled()

    async def both():
        turn = asyncio.Event()
        with set_detect_anomaly(True):
            task = asyncio.create_task(late(turn))
            await asyncio.sleep(0)
        turn.set()
        return await task

    assert asyncio.run(both()) is False


def test_threads_at_work_do_not_disturb_each_other():
    faults = []

    def work(watched):
        for _ in range(30):
            with set_detect_anomaly(watched):
                if raises_on_nan() is not watched:
                    faults.append(watched)

    threads = [threading.Thread(target=work, args=(i % 2 == 0,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert faults == []


def test_warnings():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with set_detect_anomaly(True):
            pass
        assert caught == []
        with torch.autograd.detect_anomaly():
            pass
    assert [(w.category, w.filename) for w in caught] == [(UserWarning, __file__)]


def notes():
    watch = anomaly_mode._WATCH
    return [len(kept) for kept in (watch.stacks, watch.origins.nodes, watch.origins.memory)]


def test_nothing_is_kept_alive():
    gc.collect()
    before = notes()
    gc.disable()
    try:
        with set_detect_anomaly(True):
            x = torch.tensor([-1.0, 1.0], requires_grad=True)
            y = x.sqrt()
            node, array = weakref.ref(y.grad_fn), weakref.ref(y._a)
            try:
                (y * 1).exp().sum().backward()
                pytest.fail("no error")
            except RuntimeError as error:
                assert "returned nan values" in str(error)
            del x, y
            assert node() is None and array() is None
        assert notes() == before
    finally:
        gc.enable()


def test_bad_arguments():
    for wrong in (1, "a", None):
        with pytest.raises(TypeError, match=r"argument 'enabled' \(position 1\) must be bool"):
            set_detect_anomaly(wrong)
    with pytest.raises(TypeError, match=r"argument 'check_nan' \(position 2\) must be bool"):
        torch.set_anomaly_enabled(True, 3)
    assert state() == (False, True)
