"""DataLoader: batches of a data set. Imports sampler, collate and passes."""

import multiprocessing
import warnings
import weakref
from collections.abc import Callable, Iterator
from multiprocessing.context import BaseContext
from typing import Any

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .passes import Batches, Pass, WorkerBatches
from .sampler import BatchSampler, RandomSampler, SequentialSampler
from .workers import get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_NO_PINNING = (
    "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory "
    "won't be used."
)
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _Endless:
    """The sampler of an iterable data set, which has no indices."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader:
    """Batches of a data set: `for batch in DataLoader(dataset, batch_size=32, shuffle=True): ...`

    As torch.utils.data.DataLoader. After the same `torch.manual_seed` the order of a shuffle is
    PyTorch's, and so are the random numbers that workers draw.

    `num_workers` threads load ahead, each with a copy of the data set's attributes, a random stream
    of its own, and what `get_worker_info` tells. They suit reading, decoding and NumPy's work,
    which other threads need not wait for. `multiprocessing_context="spawn"` (or "fork",
    "forkserver") makes them processes, for data sets that compute in Python. An exception in a
    worker is raised here, with the worker's traceback and the index of the sample; so is a
    RuntimeError when a worker process has ended, or nothing has come for `timeout` seconds.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            _check_unspecified(
                shuffle=shuffle or None, sampler=sampler, batch_sampler=batch_sampler
            )
        _check_order(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None and self._iterable:
            sampler = _Endless()
        elif sampler is None:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        #: the workers that stay between passes
        self._team: Any = None
        self._pass: weakref.ref[Pass] | None = None
        self._state: dict[str, Any] | None = None
        #: what a state told of workers between two passes, until they are started
        self._earlier_team: dict[str, Any] | None = None
        #: what len() has told of an iterable data set
        self._length_told: int | None = None
        self._complete = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_complete" in self.__dict__:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        """How worker processes are started; None: workers are threads."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None and not self.num_workers:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers "
                f"> 0), but got num_workers={self.num_workers}"
            )
        if isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            if context not in methods:
                raise ValueError(
                    "multiprocessing_context option should specify a valid start method in "
                    f"{methods!r}, but got multiprocessing_context={context!r}"
                )
            context = multiprocessing.get_context(context)
        if context is not None and not isinstance(context, BaseContext):
            raise TypeError(
                "multiprocessing_context option should be a valid context object or a string "
                f"specifying the start method, but got multiprocessing_context={context}"
            )
        self._context = context

    @property
    def _batched(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory:
            warnings.warn(_NO_PINNING, stacklevel=2)
        state, self._state = self._state, None
        begun = (WorkerBatches if self.num_workers else Batches)(self, state)
        self._pass = weakref.ref(begun)
        return begun

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        n = self._length_told = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def get_state(self) -> dict[str, Any]:
        """Where the latest pass is: a dict that `torch.save` writes, for `set_state`.

        It holds the number of batches given out so far and the random streams from which the pass
        drew its order (workers: theirs too); outside a pass, that there is none, and the streams of
        `generator` and of persistent workers. The default stream as it is now is the caller's to
        save: `torch.get_rng_state()`. RuntimeError with in_order=False, for then nothing tells
        which batches are still to come.
        """
        latest = None if self._pass is None else self._pass()
        if latest is not None and not latest.over:
            return {"num_workers": self.num_workers, "position": latest.state()}
        kept, team = self._earlier_team, self._team
        if kept is None and team is not None:
            kept = {"base_seed": team.job.base_seed, "streams": list(team.streams)}
        return {
            "num_workers": self.num_workers,
            "position": self._state,
            "team": kept,
            "generator": None if self.generator is None else self.generator.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Let the next pass begin where `get_state` was asked, at the same sample.

        The data set and the arguments of this loader must be those of the other one. Batches that
        were given out are not loaded again; an iterable data set is read past them. Random numbers
        in workers go on as they would have; for those drawn in this thread call
        `torch.set_rng_state` too, before or after. ValueError if the state is none, or is of
        another number of workers.
        """
        place = state.get("position", 0) if isinstance(state, dict) else 0
        if place is not None and not (isinstance(place, dict) and "consumed" in place):
            raise ValueError(
                f"set_state() takes what get_state() has returned, got {type(state).__name__}"
            )
        if state["num_workers"] != self.num_workers:
            raise ValueError(
                f"the state is of a DataLoader with num_workers={state['num_workers']}, this one "
                f"has {self.num_workers}: the batches would be loaded with other random numbers"
            )
        self._state = place
        if self._state is None and None not in (self.generator, state.get("generator")):
            self.generator.set_state(state["generator"])
        self._earlier_team = state.get("team") if self.persistent_workers else None

    def _end_team(self) -> None:
        team, self._team = self._team, None
        if team is not None:
            team.turn += 1  # passes that it still worked for are over
            team.stop()


def _check_unspecified(**options: Any) -> None:
    """Refuse options that choose an order, which is an iterable data set's own."""
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but "
                f"got {name}={value}"
            )


def _check_order(batch_size: Any, shuffle: Any, sampler: Any, batches: Any, drop_last: Any) -> None:
    """Refuse options that say twice what is in a batch; `batches` is the batch_sampler."""
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batches is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
            "drop_last"
        )
    if batches is None and batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def _check_workers(workers: int, timeout: float, prefetch: Any, persistent: bool) -> None:
    if workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if workers == 0 and prefetch is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 "
            "to enable multiprocessing, "
            "otherwise set prefetch_factor to None."
        )
    if prefetch is not None and prefetch < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
