"""Workers: threads or processes that load batches ahead. Imports fetching and streams.

A worker takes tasks one after the other and answers each with a message. A thread costs nothing to
start and shares all memory; a process does not wait for the others' Python code. Each has a random
stream of its own, seeded as PyTorch seeds its worker processes.
"""

import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.reduction import ForkingPickler
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, NoReturn

from ...core.watch import watchers
from ...functions.generator import Generator, get_rng_state, own_stream
from .fetching import Fetcher, Source
from .streams import captured, changed, restore, seed_process

__all__ = ["Died", "Failure", "Job", "Message", "Processes", "Task", "Threads", "WorkerInfo"]

#: seconds between two looks at whether the other side is still there
INTERVAL = 1.0
#: seconds that a process has to end
PATIENCE = 2.0


@dataclass
class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, and its copy of the
    data set.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any
    worker_method: str = "thread"


_info: ContextVar[WorkerInfo | None] = ContextVar("worker_info", default=None)


def get_worker_info() -> WorkerInfo | None:
    """What the worker that asks knows of itself; None outside a DataLoader's workers."""
    return _info.get()


@dataclass(frozen=True)
class Job:
    """What all workers of a loader are told."""

    source: Source
    base_seed: int
    init: Callable[[int], Any] | None
    number: int


class Task(NamedTuple):
    """One batch to load. The first task of a pass may say where a resumed pass begins:
    (streams when it began, lists of indices to go by, streams after them).
    """

    turn: int
    batch: int
    chosen: Any
    start: Any = None


class Message(NamedTuple):
    """A worker's answer: data or a Failure; `end`: its part of the data set is read. `streams` are
    given where the task has drawn from them.
    """

    turn: int
    batch: int
    data: Any
    end: bool = False
    streams: Any = None


class Died(Exception):
    """A worker process has ended by itself."""

    def __init__(self, worker: int, pid: int | None, status: int | None, position: int):
        super().__init__(worker, pid, status, position)
        self.worker, self.pid, self.status, self.position = worker, pid, status, position


class _Text(str):
    """A text that a KeyError shows as it is."""

    __slots__ = ()
    __repr__ = str.__str__


class Failure:
    """An exception in a worker, as text: it is raised again in the thread that asks for the batch,
    with the worker's traceback in its message.
    """

    def __init__(self, error: BaseException, where: str):
        self.kind: Any = type(error)
        original = "".join(traceback.format_exception(error))
        self.text = f"Caught {self.kind.__name__} {where}.\nOriginal {original}"

    def again(self) -> NoReturn:
        """Raise the exception, or RuntimeError where its class cannot be made from a text."""
        if not issubclass(self.kind, Exception):
            raise RuntimeError(self.text)
        try:
            if getattr(self.kind, "message", None):
                error = self.kind(message=self.text)  # pyright: ignore[reportCallIssue]
            else:
                error = self.kind(_Text(self.text) if self.kind is KeyError else self.text)
        except Exception:  # a user's class may take anything
            raise RuntimeError(self.text) from None
        raise error


class _Worker:
    """The loop of one worker, the same in a thread and in a process."""

    def __init__(self, job: Job, number: int, method: str, progress: Any):
        self.job = job
        self.number = number
        self.method = method
        self.progress = progress
        self.turn = -1
        self.fetcher: Fetcher | None = None
        self.streams: Any = None
        self.unusable: Failure | None = None
        self._introduce()

    def _introduce(self) -> None:
        job = self.job
        seed = job.base_seed + self.number
        _info.set(WorkerInfo(self.number, job.number, seed, job.source.dataset, self.method))
        try:
            if job.init is not None:
                job.init(self.number)
        except BaseException as error:
            self.unusable = Failure(error, f"{self} in worker_init_fn")
        self.streams = self._captured()

    def __str__(self) -> str:
        return f"in DataLoader worker {self.method} {self.number}"

    def _captured(self) -> dict[str, Any]:
        # Python's and NumPy's streams belong to the process: not to a thread
        return captured() if self.method == "process" else {"default": get_rng_state()}

    def answer(self, task: Task) -> Message:
        """Load one batch."""
        turn, batch, chosen, _ = task
        if self.unusable is not None:
            return Message(turn, batch, self.unusable)
        self.progress[2 * self.number : 2 * self.number + 2] = [batch, -1]
        data, end = None, False
        try:
            if turn != self.turn:
                self._begin(task)
            if self.fetcher is not None:
                data = self.fetcher(chosen)
            end = self.fetcher is None
        except BaseException as error:
            end = self.job.source.iterable and isinstance(error, StopIteration)
            data = None if end else Failure(error, self._where(chosen))
        if end:
            self.fetcher = None  # a data set that has ended is not asked again in this pass
        before, self.streams = self.streams, self._captured()
        drawn = changed(before, self.streams)
        return Message(turn, batch, data, end, self.streams if drawn else None)

    def _begin(self, task: Task) -> None:
        self.turn, self.fetcher = task.turn, None
        began, passed, after = task.start or (None, (), None)
        if began is not None:
            restore(began)
        self.fetcher = Fetcher(self.job.source, self.progress, 2 * self.number + 1)
        for chosen in passed:
            self.fetcher.skip(chosen)
        if after is not None:
            restore(after)

    def _where(self, chosen: Any) -> str:
        source = self.job.source
        if source.iterable:
            return str(self)
        if not source.batched:
            return f"{self}, at the sample with index {chosen!r}"
        position = self.progress[2 * self.number + 1]
        if position < 0:
            return f"{self}, at the samples with indices {chosen!r}"
        return f"{self}, at the sample with index {chosen[position]!r}"


def _serve(worker: _Worker, receive: Callable[[], Task | None], send: Callable) -> None:
    while (task := receive()) is not None:
        send(worker.answer(task))


class Team:
    """All workers of a loader, and what is known of them."""

    def __init__(self, job: Job):
        self.job = job
        #: the number of the pass they work for
        self.turn = -1
        #: their streams after the batches that were given out, as far as they drew from them
        self.streams: list[Any] = [None] * job.number
        #: where each begins with its next task, if not where it is; see Task
        self.starts: list[Any] = [None] * job.number
        #: those that have ended by themselves
        self.dead: dict[int, Died] = {}


class Threads(Team):
    """A team of threads."""

    def __init__(self, job: Job):
        super().__init__(job)
        self.results: SimpleQueue[Message] = SimpleQueue()
        self.tasks: list[SimpleQueue[Task | None]] = [SimpleQueue() for _ in range(job.number)]
        self.progress = [0, -1] * job.number
        for number, tasks in enumerate(self.tasks):
            # as a forked process would have it: this thread's modes, and nobody who watches it
            begin = copy_context().run
            Thread(
                target=begin,
                args=(_thread, job, number, self.progress, tasks.get, self.results.put),
                name=f"DataLoader worker {number}",
                daemon=True,
            ).start()

    def send(self, worker: int, task: Task) -> None:
        """Give a worker a task."""
        self.tasks[worker].put(task)

    def receive(self, timeout: float) -> Message:
        """The next answer of any worker; queue.Empty after `timeout` seconds without one."""
        return self.results.get(timeout=timeout)

    def stop(self) -> None:
        """Let all threads end after the sample they are at."""
        for tasks in self.tasks:
            with suppress(Empty):
                while True:
                    tasks.get_nowait()
            tasks.put(None)


def _thread(job: Job, number: int, progress: Any, receive: Callable, send: Callable) -> None:
    watchers.set(())
    stream = Generator()
    stream.manual_seed(job.base_seed + number)
    own_stream.set(stream)
    job = Job(job.source.of_worker(), job.base_seed, job.init, job.number)
    _serve(_Worker(job, number, "thread", progress), receive, send)


class Processes(Team):
    """A team of processes. Each answers through a pipe of its own: one that is killed while it
    writes stops nobody else.
    """

    def __init__(self, job: Job, context: Any):
        super().__init__(job)
        self.progress = context.RawArray("q", [0, -1] * job.number)
        self.tasks: list[Any] = []
        self.readers: list[Any] = []
        self.workers: list[Any] = []
        try:
            for number in range(job.number):
                self._start(job, number, context)
        except BaseException:
            self.stop()
            raise

    def _start(self, job: Job, number: int, context: Any) -> None:
        tasks = context.Queue()
        tasks.cancel_join_thread()
        reader, writer = context.Pipe(duplex=False)
        worker = context.Process(
            target=_process,
            args=(job, number, self.progress, tasks, writer, os.getpid()),
            name=f"DataLoader worker {number}",
            daemon=True,
        )
        worker.start()
        writer.close()
        self.tasks.append(tasks)
        self.readers.append(reader)
        self.workers.append(worker)

    def send(self, worker: int, task: Task) -> None:
        """Give a worker a task."""
        self.tasks[worker].put(task)

    def receive(self, timeout: float) -> Message:
        """The next answer of any worker; queue.Empty after `timeout` seconds without one. Died, and
        noted in `dead`, if a process has ended.
        """
        alive = [n for n in range(len(self.workers)) if n not in self.dead]
        sentinels = [self.workers[n].sentinel for n in alive]
        ready = wait([*(self.readers[n] for n in alive), *sentinels], timeout)
        if not ready:
            raise Empty
        for number in alive:
            reader = self.readers[number]
            if reader in ready:
                try:
                    head, data = reader.recv_bytes(), reader.recv_bytes()
                except (EOFError, OSError):
                    raise self._died(number) from None
                return _unpacked(head, data, number)
        raise self._died(next(n for n, s in zip(alive, sentinels, strict=True) if s in ready))

    def _died(self, number: int) -> Died:
        worker = self.workers[number]
        worker.join(INTERVAL)
        death = Died(number, worker.pid, worker.exitcode, self.progress[2 * number + 1])
        self.dead[number] = death
        return death

    def stop(self) -> None:
        """End all processes: kindly, and after two seconds by force."""
        for tasks in self.tasks:
            with suppress(Exception):  # the queue of a worker that was killed may be broken
                tasks.put(None)
        for reader in self.readers:
            reader.close()  # a worker that is writing an answer ends by that
        for end in (None, "terminate", "kill"):
            deadline = time.monotonic() + PATIENCE
            for worker in self.workers:
                if end is not None and worker.is_alive():
                    getattr(worker, end)()
            for worker in self.workers:
                worker.join(max(0.0, deadline - time.monotonic()))
        for tasks in self.tasks:
            tasks.close()
        self.tasks, self.readers, self.workers = [], [], []


def _process(job: Job, number: int, progress: Any, tasks: Any, writer: Any, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    watchers.set(())
    seed_process(job.base_seed, number)

    # a fork server's process is not the asker's child; forked ones hold each other's sentinels open
    child = os.getppid() == parent

    def receive() -> Task | None:
        asking: Any = parent_process()
        while os.getppid() == parent if child else asking.is_alive():
            with suppress(Empty):
                return tasks.get(timeout=INTERVAL)
        return None

    def send(message: Message) -> None:
        for part in _packed(message, f"{worker}, when it sent its batch"):
            writer.send_bytes(part)

    worker = _Worker(job, number, "process", progress)
    with suppress(BrokenPipeError):  # the parent has no use for the answer any more
        _serve(worker, receive, send)
    sys.stdout.flush()


def _packed(message: Message, where: str) -> tuple[Any, Any]:
    """A message in pickled form, its data apart: what cannot be read there still has its number.
    What cannot be pickled becomes a Failure that says so.
    """
    head = ForkingPickler.dumps(message._replace(data=None))
    try:
        return head, ForkingPickler.dumps(message.data)
    except Exception as error:  # whatever a user's class raises when it is pickled
        failure = message.data if isinstance(message.data, Failure) else Failure(error, where)
    try:
        return head, ForkingPickler.dumps(failure)
    except Exception:  # an exception of a class that was made inside a function, for example
        failure.kind = RuntimeError
        return head, ForkingPickler.dumps(failure)


def _unpacked(head: bytes, data: bytes, worker: int) -> Message:
    message = pickle.loads(head)
    try:
        return message._replace(data=pickle.loads(data))
    except Exception as error:  # whatever a user's class raises when it is made again
        where = f"when the batch of DataLoader worker process {worker} was read"
        return message._replace(data=Failure(error, where))
