"""Loading the samples that indices name, and joining them. Imports dataset and collate."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

from ...core.tensor import edge_of, wrap
from .collate import default_collate
from .dataset import ChainDataset, ConcatDataset, StackDataset, Subset, TensorDataset

__all__ = ["Fetcher", "Source"]


@dataclass(frozen=True)
class Source:
    """What is loaded from, and how samples become a batch."""

    dataset: Any
    collate: Callable[[Any], Any]
    batched: bool
    drop_last: bool
    iterable: bool

    def of_worker(self) -> "Source":
        """The same for one thread of several: the data set's attributes are its own, as they are
        in a process; what they refer to is shared.
        """
        return Source(_own(self.dataset), self.collate, self.batched, self.drop_last, self.iterable)


class Fetcher:
    """One pass over a source: `fetcher(chosen)` is the next batch, or the next sample without
    automatic batching. StopIteration at the end of an iterable data set.

    `progress[place]` is kept at the position in the batch of the sample that is being loaded.
    """

    def __init__(self, source: Source, progress: Any = None, place: int = 0):
        self.source = source
        self.samples: Iterator[Any] | None = iter(source.dataset) if source.iterable else None
        self.progress = progress
        self.place = place

    def __call__(self, chosen: Any) -> Any:
        source = self.source
        if self.samples is not None:
            return source.collate(self._following(chosen))
        if not source.batched:
            return source.collate(source.dataset[chosen])
        if source.collate is default_collate:
            rows = _rows(source.dataset, chosen)
            if rows is not None:
                return rows
        many = getattr(source.dataset, "__getitems__", None)
        if callable(many):
            return source.collate(many(chosen))
        return source.collate(self._one_by_one(chosen))

    def skip(self, chosen: Any) -> None:
        """Go on by a batch without joining it; a data set with indices is not even read."""
        if self.samples is not None:
            self._following(chosen)

    def _one_by_one(self, chosen: Any) -> list[Any]:
        dataset, progress = self.source.dataset, self.progress
        if progress is None:
            return [dataset[i] for i in chosen]
        samples = []
        for position, i in enumerate(chosen):
            progress[self.place] = position
            samples.append(dataset[i])
        return samples

    def _following(self, chosen: Any) -> Any:
        """The next sample of an iterable data set, or the next batch of them."""
        assert self.samples is not None
        if not self.source.batched:
            return next(self.samples)
        batch = [sample for _, sample in zip(chosen, self.samples, strict=False)]
        if not batch or (self.source.drop_last and len(batch) < len(chosen)):
            raise StopIteration
        return batch


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


def _own(dataset: Any) -> Any:
    """A shallow copy of a data set, and of the data sets that it is made of; the data set itself
    where it cannot be copied.
    """
    try:
        found = copy(dataset)
    except Exception:  # whatever a user's __copy__ or __reduce__ raises: sharing is always possible
        return dataset
    if type(found) is Subset:
        found.dataset = _own(found.dataset)
    elif type(found) is StackDataset and isinstance(found.datasets, dict):
        found.datasets = {name: _own(part) for name, part in found.datasets.items()}
    elif type(found) in (ConcatDataset, StackDataset, ChainDataset):
        found.datasets = [_own(part) for part in found.datasets]
    return found
