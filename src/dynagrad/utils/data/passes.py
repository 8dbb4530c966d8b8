"""One pass through a DataLoader, in this thread or with workers. Imports workers.

A pass can tell where it is and be begun there again: the streams as they were when it began are
restored, the indices of the batches that were given out already are drawn again and passed over.
"""

import signal
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from queue import Empty
from typing import Any

from ...core.watch import overriding, watched_call, watchers
from .fetching import Fetcher, Source
from .sampler import random_seed
from .streams import captured, restore
from .workers import INTERVAL, Died, Failure, Job, Message, Processes, Task, Threads

__all__ = ["Batches", "Pass", "WorkerBatches"]


class Pass:
    """What both kinds of passes share: how they begin, and the state they give."""

    def __init__(self, loader: Any, state: dict[str, Any] | None):
        self.loader = loader
        self.source = Source(
            loader.dataset, loader.collate_fn, loader._batched, loader.drop_last, loader._iterable
        )
        self.yielded = self.consumed = 0
        self.over = False
        generator = loader.generator
        if state is None:
            self.began = captured()
            self.began_own = None if generator is None else generator.get_state()
            self._begin(None)
            return
        self.began, self.began_own = state["began"], state["generator_began"]
        now = captured()
        try:
            restore(self.began)
            if generator is not None:
                generator.set_state(self.began_own)
            self._begin(state)
        finally:
            restore(now)
        if generator is not None:
            generator.set_state(state["generator"])
        self.yielded, self.consumed = state["yielded"], state["consumed"]

    def _begin(self, state: dict[str, Any] | None) -> None:
        raise NotImplementedError

    def _passed(self, indices: Iterator[Any], state: dict[str, Any] | None) -> list[Any]:
        """The indices of the batches that were asked for before the state was taken."""
        wanted = 0 if state is None else state["consumed"]
        passed = list(islice(indices, wanted))
        if len(passed) < wanted:
            raise ValueError(
                f"the state was taken after {wanted} batches, but the sampler gives only "
                f"{len(passed)}: the data set or the sampler is not the same"
            )
        return passed

    def state(self) -> dict[str, Any]:
        """Where this pass is, as values that torch.save writes."""
        generator = self.loader.generator
        return {
            "yielded": self.yielded,
            "consumed": self.consumed,
            "began": self.began,
            "generator_began": self.began_own,
            "generator": None if generator is None else generator.get_state(),
        }

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.loader._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")

    def _next(self) -> Any:
        """The next batch, counted."""
        data = self._following()
        self.yielded += 1
        told = self.loader._length_told
        if told is not None and self.yielded > told:
            self._warn_of_length(told)
        return data

    def _following(self) -> Any:
        raise NotImplementedError

    def _warn_of_length(self, told: int) -> None:
        text = (
            f"Length of IterableDataset {self.source.dataset} was reported to be {told}(when "
            f"accessing len(dataloader)), but {self.yielded} samples have been fetched. "
        )
        if self.loader.num_workers:
            text += (
                "Each worker reads the whole data set: let its __iter__ ask get_worker_info() "
                "which part is its own."
            )
        warnings.warn(text, stacklevel=4)


class Batches(Pass):
    """A pass in this thread."""

    def _begin(self, state: dict[str, Any] | None) -> None:
        loader = self.loader
        if loader.timeout:
            raise AssertionError(
                "_SingleProcessDataLoaderIter requires timeout == 0\nA timeout is for workers: "
                "give num_workers too, or leave timeout out."
            )
        self.indices = iter(loader._index_sampler)
        random_seed(loader.generator)  # for workers, of which there are none: part of the stream
        self.fetcher = Fetcher(self.source)
        for chosen in self._passed(self.indices, state):
            self.fetcher.skip(chosen)

    def __next__(self) -> Any:
        if overriding and watchers.get():
            answer = watched_call(Batches.__next__, (self,), {})
            if answer is not NotImplemented:
                return answer
        return self._next()

    def _following(self) -> Any:
        try:
            chosen = next(self.indices)
        except StopIteration:
            self.over = True
            raise
        self.consumed += 1
        try:
            return self.fetcher(chosen)
        except StopIteration:
            self.over = self.source.iterable
            raise


class _Batch:
    """A batch that a worker was asked for; `answer` when it is there."""

    __slots__ = ("answer", "chosen", "worker")

    def __init__(self, worker: int, chosen: Any):
        self.worker = worker
        self.chosen = chosen
        self.answer: Message | None = None


class WorkerBatches(Pass):
    """A pass whose batches workers load ahead, each in its turn."""

    def _begin(self, state: dict[str, Any] | None) -> None:
        loader = self.loader
        if not loader.prefetch_factor:
            raise AssertionError(
                "prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter"
            )
        number = loader.num_workers
        self.broken: str | None = None
        earlier, loader._earlier_team = loader._earlier_team, None
        kept = loader._team if state is None and earlier is None else loader._end_team()
        self.fresh = state["fresh"] if state else kept is None and earlier is None
        if self.fresh:
            iter(loader._index_sampler)  # PyTorch makes two, which shows where that draws numbers
            seed = random_seed(loader.generator)
        else:
            seed = kept.job.base_seed if kept else (state or earlier or {})["base_seed"]
        self.team = kept or self._team_of(Job(self.source, seed, loader.worker_init_fn, number))
        if earlier is not None:
            self.team.streams = list(earlier["streams"])
            self.team.starts = [s and (None, (), s) for s in earlier["streams"]]
        self.indices = iter(loader._index_sampler)
        passed = self._passed(self.indices, state)
        told = state["workers"] if state else None
        #: the workers' streams when the pass began, and after the batch that was given out last
        self.streams_began = [w["began"] for w in told] if told else list(self.team.streams)
        self.streams = [w["streams"] for w in told] if told else list(self.team.streams)
        self.counts = [w["yielded"] for w in told] if told else [0] * number
        #: the worker whose turn it is, to be asked and after what was given out last
        self.pointer = self.pointer_after = state["next_worker"] if state else 0
        if told:
            self.team.starts = [
                (w["began"], passed[: w["yielded"]] if loader._iterable else (), w["streams"])
                for w in told
            ]
        else:  # a worker without a task in the pass before has its streams still to take over
            self.team.starts = [s and (None, (), s[2]) for s in self.team.starts]
        self.team.turn += 1
        self.turn = self.team.turn
        self.active = [True] * number
        self.batches: dict[int, _Batch] = {}
        self.sent = self.next = 0
        for _ in range(loader.prefetch_factor * number):
            self._send()

    def _team_of(self, job: Job) -> Any:
        loader = self.loader
        context = loader.multiprocessing_context
        team = Threads(job) if context is None else Processes(job, context)
        weakref.finalize(loader if loader.persistent_workers else self, team.stop)
        if loader.persistent_workers:
            loader._team = team
        return team

    def _send(self) -> None:
        """Ask a worker for the next batch, if there is one."""
        if not any(self.active):
            return
        try:
            chosen = next(self.indices)
        except StopIteration:
            return
        worker = self._next_worker()
        self.batches[self.sent] = _Batch(worker, chosen)
        starts = self.team.starts
        start, starts[worker] = starts[worker], None
        self.team.send(worker, Task(self.turn, self.sent, chosen, start))
        self.sent += 1

    def _next_worker(self) -> int:
        number = len(self.active)
        if not self.loader.in_order:
            load = [0] * number
            for batch in self.batches.values():
                load[batch.worker] += 1
            return min((w for w in range(number) if self.active[w]), key=load.__getitem__)
        while not self.active[self.pointer]:
            self.pointer = (self.pointer + 1) % number
        worker, self.pointer = self.pointer, (self.pointer + 1) % number
        return worker

    def __next__(self) -> Any:
        if overriding and watchers.get():
            answer = watched_call(WorkerBatches.__next__, (self,), {})
            if answer is not NotImplemented:
                return answer
        return self._next()

    def _following(self) -> Any:
        if self.broken is not None:
            raise RuntimeError(self.broken)
        if self.over or self.turn != self.team.turn:
            raise StopIteration
        while (number := self._ready()) is None:
            message = self._receive()
            batch = self.batches[message.batch]
            batch.answer = message
            if message.end:
                self.active[batch.worker] = False
                self._send()
        return self._given_out(self.batches.pop(number))

    def _given_out(self, batch: _Batch) -> Any:
        message, worker = batch.answer, batch.worker
        assert message is not None
        self.consumed += 1
        self.counts[worker] += 1
        if message.streams is not None:
            self.streams[worker] = self.team.streams[worker] = message.streams
        self.pointer_after = (worker + 1) % len(self.counts)
        self._send()
        if isinstance(message.data, Failure):
            message.data.again()
        return message.data

    def _ready(self) -> int | None:
        """The number of the batch to give out now; None: wait. StopIteration when all are out."""
        if not self.loader.in_order:
            for number in [n for n, b in self.batches.items() if b.answer and b.answer.end]:
                del self.batches[number]
            if not self.batches:
                self._finish()
            return next((n for n, b in self.batches.items() if b.answer), None)
        while self.next < self.sent:
            batch = self.batches.get(self.next)
            if batch is not None:
                if batch.answer is None:
                    return None
                if not batch.answer.end:
                    return self.next
                del self.batches[self.next]
            self.next += 1
        return self._finish()

    def _finish(self) -> None:
        self.over = True
        if not self.loader.persistent_workers:
            self.team.stop()
        raise StopIteration

    def _receive(self) -> Message:
        timeout = self.loader.timeout
        deadline = time.monotonic() + timeout if timeout else float("inf")
        while True:
            if self.team.dead:
                self._mourn()
            try:
                left = deadline - time.monotonic()
                message = self.team.receive(max(0.0, min(INTERVAL, left)))
                if message.turn == self.turn:
                    return message
            except Empty:
                if time.monotonic() >= deadline:
                    raise RuntimeError(self._too_late(timeout)) from None
            except Died:
                pass  # an error when its batch is due: the others' may come before that

    def _mourn(self) -> None:
        """RuntimeError if a worker has ended from which the next batch is to come."""
        dead = self.team.dead
        awaited = self.batches[self.next].worker if self.loader.in_order else next(iter(dead))
        if awaited in dead:
            self.broken = self._obituary(dead[awaited])
            self.loader._end_team()
            self.team.stop()
            raise RuntimeError(self.broken)

    def _too_late(self, timeout: float) -> str:
        lines = [f"DataLoader timed out after {timeout} seconds"]
        for worker in sorted({b.worker for b in self.batches.values() if b.answer is None}):
            lines.append(f"Worker {worker} {self._occupation(worker)}.")
        return "\n".join([*lines, "Give a longer timeout, or more workers, or find what blocks."])

    def _occupation(self, worker: int) -> str:
        """What a worker is doing, as far as its notes tell."""
        number, position = self.team.progress[2 * worker : 2 * worker + 2]
        batch = self.batches.get(number)
        if batch is None or batch.worker != worker or batch.answer is not None:
            return "has begun no batch"
        if self.source.iterable:
            return f"is at batch {number}"
        if not self.source.batched:
            return f"is at the sample with index {batch.chosen!r}"
        if position < 0:
            return f"is at batch {number}, whose indices are {batch.chosen!r}"
        return f"is at the sample with index {batch.chosen[position]!r}, in batch {number}"

    def _obituary(self, death: Died) -> str:
        status = death.status
        if status is not None and status < 0:
            with suppress(ValueError):
                status = signal.Signals(-status).name
        return (
            f"DataLoader worker (pid(s) {death.pid}) exited unexpectedly\nWorker {death.worker} "
            f"ended with {status}; it {self._occupation(death.worker).replace('is at', 'was at')}."
        )

    def state(self) -> dict[str, Any]:
        """Where this pass is; the workers' streams are those after what was given out."""
        if not self.loader.in_order:
            raise RuntimeError(
                "get_state() cannot tell where a pass is whose batches come in the order of their "
                "arrival: make the DataLoader with in_order=True"
            )
        workers = zip(self.counts, self.streams_began, self.streams, strict=True)
        return {
            **super().state(),
            "fresh": self.fresh,
            "base_seed": self.team.job.base_seed,
            "next_worker": self.pointer_after,
            "workers": [{"yielded": n, "began": a, "streams": b} for n, a, b in workers],
        }
