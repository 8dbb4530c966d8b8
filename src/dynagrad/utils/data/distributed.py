"""The sampler of one process of several that share a data set. Imports sampler."""

import math
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from ...core.random.generator import Generator
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index, beginning at `rank`, of an order that all replicas share.

    The order is that of a stream seeded with `seed` + the epoch (`set_epoch`), or the data set's
    own with shuffle=False. So that all replicas get equally many indices, the first ones are
    repeated at the end; with drop_last, the last ones are left out. There is no process group here
    to ask, so both numbers must be given: RuntimeError otherwise, ValueError for a rank outside
    [0, num_replicas - 1].
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "Requires distributed package to be available\n"
                "Give num_replicas and rank: how many processes there are, and which this one is."
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        share = len(dataset) / num_replicas
        self.num_samples = math.floor(share) if drop_last else math.ceil(share)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        order: list[int] = list(range(len(self.dataset)))
        if self.shuffle:
            stream = Generator()
            stream.manual_seed(self.seed + self.epoch)
            order = stream.randperm(len(order)).tolist()
        shared = islice(cycle(order), self.total_size)
        return islice(shared, self.rank, None, self.num_replicas)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose another order, the same in all replicas, for the next pass."""
        self.epoch = epoch
