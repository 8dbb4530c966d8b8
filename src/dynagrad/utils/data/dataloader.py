"""DataLoader: batches of a data set. Imports dataset, sampler and collate."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ...core.tensor import edge_of, wrap
from ...core.watch import overriding, watched_call, watchers
from .collate import default_collate, default_convert
from .dataset import IterableDataset, Subset, TensorDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, random_seed

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


def get_worker_info() -> None:
    """What a worker process knows of itself: None, for there are no worker processes."""


class _Endless:
    """The sampler of an iterable data set, which has no indices."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader:
    """Batches of a data set: `for batch in DataLoader(dataset, batch_size=32, shuffle=True): ...`

    As torch.utils.data.DataLoader, except that samples are always loaded in this process:
    `num_workers` above 0 warns and changes nothing else. After the same `torch.manual_seed` the
    order of a shuffle is PyTorch's.
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
        _check_workers(
            num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
        )
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
            given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
            for name, value in given.items():
                if value is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but "
                        f"got {name}={value}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                    "and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
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
        self._complete = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_complete" in self.__dict__:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        return _Batches(self)

    def __len__(self) -> int:
        if not self._iterable:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        n = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


class _Batches:
    """One pass through a DataLoader."""

    def __init__(self, loader: DataLoader):
        self.loader = loader
        indices = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
        self.indices = iter(indices)
        self._base_seed = random_seed(
            loader.generator
        )  # PyTorch's, for its workers: part of the stream
        self.samples = iter(loader.dataset) if loader._iterable else None
        self._index_sampler = indices

    def __iter__(self) -> "_Batches":
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __next__(self) -> Any:
        if overriding and watchers.get():
            answer = watched_call(_Batches.__next__, (self,), {})
            if answer is not NotImplemented:
                return answer
        loader = self.loader
        chosen = next(self.indices)
        if self.samples is not None:
            return loader.collate_fn(self._following(chosen))
        if loader.batch_sampler is None:
            return loader.collate_fn(loader.dataset[chosen])
        if loader.collate_fn is default_collate:
            rows = _rows(loader.dataset, chosen)
            if rows is not None:
                return rows
        many = getattr(loader.dataset, "__getitems__", None)
        if callable(many):
            return loader.collate_fn(many(chosen))
        return loader.collate_fn([loader.dataset[i] for i in chosen])

    def _following(self, chosen: Any) -> Any:
        """The next sample of an iterable data set, or the next batch of them."""
        assert self.samples is not None
        if chosen is None:
            return next(self.samples)
        batch = [sample for _, sample in zip(chosen, self.samples, strict=False)]
        if not batch or (self.loader.drop_last and len(batch) < len(chosen)):
            raise StopIteration
        return batch

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


def _rows(dataset: Any, chosen: Any) -> list[Any] | None:
    """A batch of a TensorDataset by one indexing a tensor: the same values as stacking its rows,
    without the rows.
    """
    while type(dataset) is Subset:
        dataset, chosen = dataset.dataset, [dataset.indices[i] for i in chosen]
    if type(dataset) is not TensorDataset or type(chosen) is not list:
        return None
    if any(edge_of(t) is not None for t in dataset.tensors):
        return None
    return [wrap(t._a[chosen]) for t in dataset.tensors]


def _check_workers(
    workers: int, timeout: float, prefetch: Any, persistent: bool, context: Any
) -> None:
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
    if context is not None and workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > "
            "0), but got num_workers=0"
        )
    if workers:
        warnings.warn(
            f"num_workers={workers}: dynagrad's DataLoader loads data in this process; the batches "
            "are the same. Leave "
            "num_workers out, or set it to 0.",
            stacklevel=3,
        )
