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
