"""torch.multiprocessing: processes that do their work, raise, or are killed."""

import os
import signal
import sys

import pytest

import dynagrad
import dynagrad.multiprocessing as mp

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")


def put(index, queue, value):
    queue.put((index, (value * index).tolist()))


def fail(index):
    if index == 1:
        raise ValueError("no such file")


def leave(index):
    os._exit(5)


def die(index):
    os.kill(os.getpid(), signal.SIGKILL)


def test_spawn_calls_a_function_in_each_process():
    queue = mp.get_context("spawn").SimpleQueue()
    mp.spawn(put, args=(queue, dynagrad.ones(2)), nprocs=2)
    assert sorted(queue.get() for _ in range(2)) == [(0, [0, 0]), (1, [1, 1])]


def test_a_process_that_raises_is_told_with_its_traceback():
    with pytest.raises(mp.ProcessRaisedException, match="ValueError: no such file") as error:
        mp.spawn(fail, nprocs=2)
    assert error.value.error_index == 1
    assert "-- Process 1 terminated with the following error" in str(error.value)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_process_that_ends_by_itself():
    with pytest.raises(mp.ProcessExitedException, match="terminated with exit code 5"):
        mp.start_processes(leave, start_method="fork")
    with pytest.raises(mp.ProcessExitedException, match="terminated with signal SIGKILL") as error:
        mp.start_processes(die, start_method="fork")
    assert error.value.signal_name == "SIGKILL"


def test_names_of_python_and_strategies():
    assert mp.cpu_count() == os.cpu_count()
    assert mp.Queue is not None and mp.Process is not None
    before = mp.get_sharing_strategy()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy(before)
    with pytest.raises(AssertionError):
        mp.set_sharing_strategy("pigeons")


def write(index, model, ready, queue):
    with dynagrad.no_grad():
        model.weight[index] = index + 1.0
        for p in model.parameters():
            p.grad = dynagrad.ones_like(p)
    dynagrad.optim.SGD([model.bias], lr=1.0).step()
    ready.put(index)
    given = queue.get()  # sent while the parent, which has the memory, lives on
    given[:, 2] = 9


@pytest.mark.skipif(sys.platform == "win32", reason="memory is shared on POSIX")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_shared_memory_is_written_by_all(method):
    model = dynagrad.nn.Linear(3, 2).share_memory()
    assert model.weight.is_shared() and model.weight[0].is_shared()
    assert isinstance(model.weight, dynagrad.nn.Parameter) and model.weight.requires_grad
    bias = model.bias.tolist()
    ready = mp.get_context(method).SimpleQueue()
    queue = mp.get_context(method).SimpleQueue()
    arguments = (model, ready, queue)
    context = mp.start_processes(write, args=arguments, nprocs=2, join=False, start_method=method)
    assert sorted([ready.get(), ready.get()]) == [0, 1]
    assert model.weight.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert model.bias.tolist() == pytest.approx([b - 2 for b in bias])
    queue.put(model.weight.detach())
    queue.put(model.weight.detach())
    while not context.join():
        pass
    assert model.weight.tolist() == [[1, 1, 9], [2, 2, 9]]


@pytest.mark.skipif(sys.platform == "win32", reason="memory is shared on POSIX")
def test_what_is_shared():
    x = dynagrad.arange(6, dtype=dynagrad.bfloat16).reshape(2, 3).t().clone()
    assert not x.is_shared()
    strides = x.stride()
    assert x.share_memory_() is x and x.share_memory_().is_shared()
    assert x.stride() == strides
    assert x.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert not x.clone().is_shared()
    with pytest.raises(RuntimeError, match="on a view"):
        dynagrad.ones(3)[1:].share_memory_()
    assert dynagrad.ones(0).share_memory_().is_shared()
    held = dynagrad.ones(2).share_memory_()
    view = held[1:]
    del held
    view.add_(1)
    assert view.tolist() == [2]
