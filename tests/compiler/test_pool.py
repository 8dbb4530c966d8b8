"""Parallel loops of native code: every chunk once, no lost wake-up, forks, exits."""

import ctypes
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import dynagrad  # noqa: E402
from dynagrad.compiler.native import llvm as native  # noqa: E402
from dynagrad.compiler.native import pool

posix = pytest.mark.skipif(sys.platform == "win32", reason="there the caller does all work")

#: mark: adds the length of its chunk to the element where the chunk begins.
#: meet: waits in each chunk until `[args]` chunks are in work at once, so many as [args + 8] says;
#: or gives up after a long time, and notes that in [args + 16]. At [args + 24]: sched_yield.
#: nest: runs `mark` on a row of 10 elements, as a region within the region.
KERNELS = """\
define void @mark(ptr %args, i64 %begin, i64 %end) nounwind {
  %place = getelementptr i64, ptr %args, i64 %begin
  %size = sub i64 %end, %begin
  %1 = atomicrmw add ptr %place, i64 %size monotonic
  ret void
}

define void @meet(ptr %args, i64 %begin, i64 %end) nounwind {
entry:
  %number.place = getelementptr i64, ptr %args, i64 1
  %number = load i64, ptr %number.place
  %yield.place = getelementptr i64, ptr %args, i64 3
  %yield = load ptr, ptr %yield.place
  %1 = atomicrmw add ptr %args, i64 1 seq_cst
  br label %wait
wait:
  %turn = phi i64 [ 0, %entry ], [ %next, %again ]
  %here = load atomic i64, ptr %args seq_cst, align 8
  %all = icmp sge i64 %here, %number
  br i1 %all, label %end.of.it, label %more
more:
  %next = add i64 %turn, 1
  %late = icmp ugt i64 %next, 3000000
  br i1 %late, label %give.up, label %again
again:
  %2 = call i32 %yield()
  br label %wait
give.up:
  %failures = getelementptr i64, ptr %args, i64 2
  %3 = atomicrmw add ptr %failures, i64 1 seq_cst
  br label %end.of.it
end.of.it:
  ret void
}

define void @nest(ptr %args, i64 %begin, i64 %end) nounwind {
  %run.place = getelementptr i64, ptr %args, i64 100
  %run = load ptr, ptr %run.place
  %row = mul i64 %begin, 10
  %place = getelementptr i64, ptr %args, i64 %row
  call void %run(ptr @mark, ptr %place, i64 10, i64 3)
  ret void
}
"""


@pytest.fixture(scope="module")
def kernels():
    """The kernels above, by name."""
    library = native.build(KERNELS)
    yield {name: library.address(name) for name in library.names}


@pytest.fixture(params=[1, 2, 4])
def threads(request):
    """Some number of threads, whatever the machine has."""
    before = dynagrad.get_num_threads()
    dynagrad.set_num_threads(request.param)
    yield request.param
    dynagrad.set_num_threads(before)


@pytest.fixture
def two():
    before = dynagrad.get_num_threads()
    dynagrad.set_num_threads(2)
    yield
    dynagrad.set_num_threads(before)


def chunks(n: int, chunk: int) -> np.ndarray:
    """What `mark` leaves behind."""
    out = np.zeros(max(n, 1) + 1, "i8")
    for begin in range(0, n, chunk):
        out[begin] = min(chunk, n - begin)
    return out


@pytest.mark.parametrize(
    ("n", "chunk"), [(0, 1), (-5, 1), (1, 1), (2, 1), (7, 3), (1000, 1), (1000, 7), (5, 9)]
)
def test_every_chunk_once(kernels, threads, n, chunk):
    for _ in range(20):
        found = np.zeros(max(n, 1) + 1, "i8")
        pool.parallel_for(kernels["mark"], found.ctypes.data, n, chunk)
        np.testing.assert_array_equal(found, chunks(n, chunk))
    assert pool.started() <= threads - 1


@pytest.mark.parametrize("chunk", [0, -3])
def test_a_chunk_has_an_element_at_least(kernels, threads, chunk):
    found = np.zeros(11, "i8")
    pool.parallel_for(kernels["mark"], found.ctypes.data, 10, chunk)
    np.testing.assert_array_equal(found, chunks(10, 1))


@posix
def test_workers_come_and_go_with_the_number_of_threads(kernels):
    before = dynagrad.get_num_threads()
    found = np.zeros(100, "i8")
    try:
        for number in (3, 5, 2, 1, 4):
            dynagrad.set_num_threads(number)
            assert pool.started() == 0
            pool.parallel_for(kernels["mark"], found.ctypes.data, 100, 1)
            assert pool.started() == number - 1
    finally:
        dynagrad.set_num_threads(before)
    assert found.sum() == 500


class Meeting:
    """The arguments of `meet`."""

    def __init__(self, number: int) -> None:
        give_way = ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value
        self.args = np.array([0, number, 0, give_way], "i8")
        self.number = number

    def hold(self, kernels) -> None:
        self.args[0] = 0
        pool.parallel_for(kernels["meet"], self.args.ctypes.data, self.number, 1)
        assert list(self.args[[0, 2]]) == [self.number, 0]


@posix
@pytest.mark.parametrize("pause", ["none", "awake", "asleep", "either"])
def test_no_wake_up_is_lost(kernels, two, pause):
    """Each region ends only if the worker takes part in it."""
    meeting = Meeting(2)
    rng = np.random.default_rng(0)
    longest = {"none": 0.0, "awake": 10e-6, "asleep": 400e-6, "either": 120e-6}[pause]
    begin = time.monotonic()
    for _ in range(5000):
        meeting.hold(kernels)
        until = time.perf_counter() + longest * (1 if pause == "asleep" else rng.random())
        while longest and time.perf_counter() < until:
            time.sleep(0)
        if time.monotonic() - begin > 1.5:  # a busy machine
            break


@posix
def test_all_threads_take_part():
    before = dynagrad.get_num_threads()
    try:
        dynagrad.set_num_threads(4)
        library = native.build(KERNELS)
        meeting = Meeting(4)
        for _ in range(50):
            meeting.hold({"meet": library.address("meet")})
    finally:
        dynagrad.set_num_threads(before)


def test_many_tiny_regions(kernels, threads):
    found = np.zeros(8, "i8")
    for _ in range(20000):
        pool.parallel_for(kernels["mark"], found.ctypes.data, 8, 3)
    np.testing.assert_array_equal(found, [60000, 0, 0, 60000, 0, 0, 40000, 0])


def test_a_region_within_a_region(kernels, threads):
    found = np.zeros(101, "i8")
    found[100] = pool.address()
    for _ in range(200):
        pool.parallel_for(kernels["nest"], found.ctypes.data, 10, 1)
    np.testing.assert_array_equal(found[:100].reshape(10, 10), [[600, 0, 0] * 3 + [200]] * 10)


def test_several_threads_of_python(kernels, threads):
    faults = []

    def work():
        for _ in range(1500):
            found = np.zeros(51, "i8")
            pool.parallel_for(kernels["mark"], found.ctypes.data, 50, 4)
            if (found != chunks(50, 4)).any():
                faults.append(found)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for _ in range(5):
        dynagrad.set_num_threads(threads)
    for worker in workers:
        worker.join()
    assert not faults


@posix
@pytest.mark.filterwarnings("error")
def test_forks(kernels, two):
    """The workers end before a fork, so Python does not warn of threads; the child has its own."""
    meeting = Meeting(2)
    meeting.hold(kernels)
    for _ in range(5):
        child = os.fork()
        if not child:
            meeting.hold(kernels)
            grandchild = os.fork()
            if not grandchild:
                meeting.hold(kernels)
                os._exit(7)
            status = os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1])
            meeting.hold(kernels)
            os._exit(5 if status == 7 else 1)
        meeting.hold(kernels)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5


@posix
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forks_while_another_thread_runs_regions(kernels, two):
    ends = threading.Event()

    def work():
        found = np.zeros(50, "i8")
        while not ends.is_set():
            pool.parallel_for(kernels["mark"], found.ctypes.data, 50, 1)

    busy = threading.Thread(target=work)
    busy.start()
    meeting = Meeting(2)
    try:
        for _ in range(10):
            child = os.fork()
            if not child:
                meeting.hold(kernels)
                os._exit(5)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    finally:
        ends.set()
        busy.join()


ENDINGS = {
    "plain": "run()",
    "asleep": "run(); time.sleep(0.01)",
    "exit": "run(); sys.exit(0)",
    "at exit": "import atexit; atexit.register(run); run()",
    "a thread at work": "threading.Thread(target=lambda: [run() for _ in iter(int, 1)],"
    " daemon=True).start(); time.sleep(0.01)",
    "a thread that goes on": "threading.Thread(target=lambda: (time.sleep(0.05), run())).start()",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_processes_end(ending):
    code = (
        "import sys, threading, time\nimport dynagrad\n"
        "from dynagrad.compiler.native import llvm as native\n"
        "from dynagrad.compiler.native import pool\n"
        f"library = native.build('''{KERNELS}''')\ndynagrad.set_num_threads(4)\n"
        "place = (dynagrad.zeros(100, dtype=dynagrad.int64)).data_ptr()\n"
        "def run(): pool.parallel_for(library.address('mark'), place, 100, 1)\n"
    )
    run = [sys.executable, "-X", "dev", "-c", code + ENDINGS[ending]]
    result = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
