"""Workers by themselves: faults, endings, and passes that go on where another one was."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import dynagrad
from dynagrad.utils import data

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
METHODS = [None, pytest.param("fork", marks=POSIX)]


class Noisy(data.Dataset):
    """Numbers with noise from the worker's stream."""

    def __len__(self):
        return 23

    def __getitem__(self, i):
        return dynagrad.rand(()) + i


class Parts(data.IterableDataset):
    """Each worker reads its part, in random order; the parts are not equally long."""

    def __iter__(self):
        info = data.get_worker_info()
        number, of = (0, 1) if info is None else (info.id, info.num_workers)
        mine = [i for i in range(20) if i % of == number][: 20 - 5 * number]
        for k in dynagrad.randperm(len(mine)).tolist():
            yield mine[k] + dynagrad.rand(())


class Killed(data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


class Slow(data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        if i == 3:
            time.sleep(0.6)
        return i


def workers():
    """The threads and processes of all loaders."""
    found = [*threading.enumerate(), *multiprocessing.active_children()]
    return {w for w in found if w.name.startswith("DataLoader worker")}


@pytest.fixture
def before():
    """The workers of loaders that other tests have left, in a traceback for example."""
    return workers()


def wait_for(condition):
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.02)
    return False


@POSIX
def test_a_killed_worker_is_an_error_that_names_worker_and_sample(before):
    loader = data.DataLoader(Killed(), 2, num_workers=2, multiprocessing_context="fork")
    batches = iter(loader)
    seen = [next(batches).tolist(), next(batches).tolist()]
    assert seen == [[0, 1], [2, 3]]
    text = (
        r"worker \(pid\(s\) \d+\) exited unexpectedly\nWorker 0 ended with SIGKILL; it was at the "
    )
    with pytest.raises(RuntimeError, match=text + "sample with index 5, in batch 2"):
        next(batches)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(batches)
    assert workers() <= before


@pytest.mark.parametrize("method", METHODS)
def test_a_timeout_names_what_is_waited_for(method):
    loader = data.DataLoader(Slow(), 2, num_workers=2, timeout=0.2, multiprocessing_context=method)
    batches = iter(loader)
    if method is None:
        assert next(batches).tolist() == [0, 1]
        with pytest.raises(RuntimeError, match=r"timed out after 0.2 seconds\nWorker 1 is at .* 3"):
            next(batches)
    else:  # how long a process takes to start is not known
        with pytest.raises(RuntimeError, match="timed out after 0.2 seconds"):
            for _ in range(2):
                next(batches)


@pytest.mark.parametrize("method", METHODS)
def test_a_pass_that_is_left_ends_its_workers(method, before):
    loader = data.DataLoader(Noisy(), 1, num_workers=2, multiprocessing_context=method)
    for _ in loader:
        break
    assert wait_for(lambda: workers() <= before)


def test_threads_end_with_the_pass_and_persistent_ones_with_the_loader(before):
    loader = data.DataLoader(range(8), 2, num_workers=3, persistent_workers=True)
    gc.disable()
    try:
        first = [b.tolist() for b in loader]
        team = workers() - before
        assert len(team) == 3
        assert [b.tolist() for b in loader] == first
        assert workers() - before == team
        next(iter(loader))
        assert [b.tolist() for b in loader] == first
        del loader
        assert wait_for(lambda: workers() <= before)
    finally:
        gc.enable()


@POSIX
@pytest.mark.parametrize("method", ["None", "'fork'"])
def test_ctrl_c_ends_a_program_that_waits_for_a_worker(method):
    program = f"""
import time
from dynagrad.utils import data
class Stuck(data.Dataset):
    def __len__(self): return 4
    def __getitem__(self, i):
        if i == 1: time.sleep(60)
        return i
print("ready", flush=True)
list(data.DataLoader(Stuck(), num_workers=2, multiprocessing_context={method}))
"""
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.5)
    os.killpg(child.pid, signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert child.returncode != 0


class Unsendable(data.Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        return lambda: i


@POSIX
def test_workers_of_a_fork_server():
    loader = data.DataLoader(range(5), 2, num_workers=2, multiprocessing_context="forkserver")
    assert [b.tolist() for b in loader] == [[0, 1], [2, 3], [4]]


@POSIX
def test_workers_of_a_fork_server_end_with_the_program():
    program = """
import dynagrad, os, signal
from dynagrad.utils import data
loader = data.DataLoader(range(9), num_workers=2, multiprocessing_context="forkserver")
batches = iter(loader)
next(batches)
print(*[worker.pid for worker in batches.team.workers], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=60)
    for pid in map(int, run.stdout.split()):
        assert wait_for(lambda pid=pid: not _exists(pid))


def _exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@POSIX
def test_what_cannot_be_pickled_is_an_error_in_the_process_that_asks():
    loader = data.DataLoader(
        Unsendable(), num_workers=1, multiprocessing_context="fork", collate_fn=list
    )
    with pytest.raises(Exception, match="when it sent its batch") as error:
        list(loader)
    assert "Unsendable.__getitem__.<locals>.<lambda>" in str(error.value)


def _refuse(error):
    raise error("no such file")


class Unreadable:
    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        return _refuse, (self.error,)


@POSIX
@pytest.mark.parametrize("error", [OSError, EOFError, ZeroDivisionError])
def test_what_cannot_be_read_is_the_error_of_its_batch_alone(error):
    samples = [0, 1, Unreadable(error), 3, 4, 5]
    batches = iter(
        data.DataLoader(
            samples, 2, num_workers=2, multiprocessing_context="fork", collate_fn=list, timeout=20
        )
    )
    assert next(batches) == [0, 1]
    with pytest.raises(error, match="when the batch of DataLoader worker process 1 was read"):
        next(batches)
    assert list(batches) == [[4, 5]]


def test_an_error_of_worker_init_fn():
    def init(number):
        raise LookupError("no disk")

    loader = data.DataLoader(range(4), num_workers=2, worker_init_fn=init)
    with pytest.raises(LookupError, match="worker thread 0 in worker_init_fn"):
        list(loader)


def test_nothing_to_prefetch():
    with pytest.raises(AssertionError, match="prefetch_factor must be greater than 0"):
        iter(data.DataLoader(range(3), num_workers=1, prefetch_factor=0))


def test_sys_exit_in_a_thread_is_an_error():
    loader = data.DataLoader(range(2), num_workers=1, collate_fn=lambda b: sys.exit(3))
    with pytest.raises(RuntimeError, match="Caught SystemExit in DataLoader worker thread 0"):
        list(loader)


def test_batches_in_the_order_of_arrival():
    loader = data.DataLoader(Slow(), 1, num_workers=4, in_order=False)
    assert [b.item() for b in loader][-1] == 3
    assert sorted(b.item() for b in loader) == [0, 1, 2, 3]
    with pytest.raises(RuntimeError, match="in_order=True"):
        pass_ = iter(loader)
        next(pass_)
        loader.get_state()


def test_modes_of_the_asking_thread_hold_in_its_workers():
    class Asks(data.Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, i):
            return dynagrad.is_grad_enabled(), dynagrad.ones(1).dtype is dynagrad.float64

    loader = data.DataLoader(Asks(), batch_size=None, num_workers=1)
    dynagrad.set_default_dtype(dynagrad.float64)
    try:
        with dynagrad.no_grad():
            assert [list(x) for x in loader] == [[False, True]]
    finally:
        dynagrad.set_default_dtype(dynagrad.float32)


def test_seeding_in_a_worker_leaves_this_threads_stream_alone():
    class Seeds(data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            dynagrad.manual_seed(0)
            return dynagrad.rand(1)

    dynagrad.manual_seed(5)
    loader = data.DataLoader(Seeds(), num_workers=2)
    a, b = list(loader)
    after = dynagrad.rand(1)
    dynagrad.manual_seed(5)
    dynagrad.empty((), dtype=dynagrad.int64).random_()
    assert dynagrad.equal(a, b)
    assert dynagrad.equal(after, dynagrad.rand(1))


RESUMED = {
    "none": {"num_workers": 0},
    "threads": {"num_workers": 3},
    "processes": {"num_workers": 2, "multiprocessing_context": "fork"},
    "persistent": {"num_workers": 2, "persistent_workers": True},
}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("kind", [Noisy, Parts])
@pytest.mark.parametrize("name", RESUMED)
def test_a_pass_goes_on_at_the_same_sample_with_the_same_numbers(name, kind, own, tmp_path):
    if name == "processes" and sys.platform == "win32":
        pytest.skip("no fork")

    def loader(seed):
        generator = dynagrad.Generator().manual_seed(seed) if own else None
        shuffle = {} if kind is Parts else {"shuffle": True}
        return data.DataLoader(kind(), 2, generator=generator, **shuffle, **RESUMED[name])

    dynagrad.manual_seed(8)
    first = loader(1)
    if name == "persistent":
        list(first)
    for stop in (0, 1, 4):
        batches = iter(first)
        for _ in range(stop):
            next(batches)
        state = {"loader": first.get_state(), "stream": dynagrad.get_rng_state()}
        dynagrad.save(state, tmp_path / "state.pt")
        expected = [b.tolist() for b in batches] + [dynagrad.rand(1).item()]
        following = [b.tolist() for b in first] if own or name != "persistent" else None

        dynagrad.manual_seed(1234)
        second = loader(77)
        loaded = dynagrad.load(tmp_path / "state.pt")
        dynagrad.set_rng_state(loaded["stream"])
        second.set_state(loaded["loader"])
        assert [b.tolist() for b in second] + [dynagrad.rand(1).item()] == expected
        if following is not None and name != "persistent":
            assert [b.tolist() for b in second] == following


@pytest.mark.parametrize("stop", [9, 11, 12])
@pytest.mark.parametrize("kind", [Noisy, Parts])
def test_persistent_workers_go_on_in_the_passes_that_follow(kind, stop):
    def loader(seed):
        generator = dynagrad.Generator().manual_seed(seed)
        shuffle = {} if kind is Parts else {"shuffle": True}
        return data.DataLoader(kind(), 2, generator=generator, **shuffle, **RESUMED["persistent"])

    first = loader(1)
    list(first)
    batches = iter(first)
    for _ in zip(range(stop), batches, strict=False):
        pass
    state = first.get_state()
    expected = [[b.tolist() for b in batches], *([b.tolist() for b in first] for _ in range(2))]
    second = loader(77)
    second.set_state(state)
    found = [[b.tolist() for b in second] for _ in range(3 if state["position"] else 2)]
    assert found == (expected if state["position"] else expected[1:])


def test_a_pass_ends_when_its_persistent_workers_go_on_elsewhere():
    loader = data.DataLoader(range(40), 2, num_workers=2, persistent_workers=True, timeout=20)
    left = iter(loader)
    next(left)
    loader.set_state(loader.get_state())
    following = iter(loader)
    assert next(following).tolist() == [2, 3]
    assert list(left) == []
    assert len(list(following)) == 18


def test_states_that_do_not_fit():
    loader = data.DataLoader(range(10), 2)
    batches = iter(loader)
    for _ in range(4):
        next(batches)
    state = loader.get_state()
    with pytest.raises(ValueError, match="num_workers=0"):
        data.DataLoader(range(10), 2, num_workers=1).set_state(state)
    for wrong in ([1], {}, {"num_workers": 0, "position": {}}):
        with pytest.raises(ValueError, match="takes what get_state"):
            loader.set_state(wrong)
    short = data.DataLoader(range(3), 2)
    short.set_state(state)
    with pytest.raises(ValueError, match="after 4 batches, but the sampler gives only 2"):
        iter(short)
    assert [b.tolist() for b in short] == [[0, 1], [2]]
    assert loader.get_state() is not None


def test_a_state_between_passes_says_so_and_begins_a_new_one():
    loader = data.DataLoader(range(3), 2)
    list(loader)
    state = loader.get_state()
    assert state["position"] is None
    loader.set_state(state)
    assert [b.tolist() for b in loader] == [[0, 1], [2]]
