"""DataLoaders with workers against PyTorch's: order, random numbers, errors, worker_info."""

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402
import dynagrad.utils.data  # noqa: E402

if not hasattr(torch.utils.data, "DataLoader"):
    import torch.utils.data

LIBRARIES = (dynagrad, torch)
# Python says since 3.12 that forking a process with threads may block; PyTorch's workers are forked
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork", "ignore:.*suggested"
)


def sets(t):
    """Data sets of both kinds, with random numbers in them."""

    class Mapped(t.utils.data.Dataset):
        def __len__(self):
            return 11

        def __getitem__(self, i):
            return t.tensor(float(i)) + t.rand(()), i

    class Streamed(t.utils.data.IterableDataset):
        def __init__(self, n):
            self.first, self.last = 0, n

        def __iter__(self):
            info = t.utils.data.get_worker_info()
            step = 1 if info is None else info.num_workers
            for i in range(self.first + (info.id if info else 0), self.last, step):
                yield t.rand(()) + i

    return Mapped, Streamed


def flat(batches):
    found = []
    for b in batches:
        parts = b if isinstance(b, list | tuple) else [b]
        found.append([p.tolist() if hasattr(p, "tolist") else p for p in parts])
    return found


OPTIONS = {
    "order": {"batch_size": 3, "num_workers": 2},
    "shuffled": {"batch_size": 2, "shuffle": True, "num_workers": 3},
    "drop": {"batch_size": 4, "shuffle": True, "drop_last": True, "num_workers": 2},
    "prefetch": {"batch_size": 2, "num_workers": 2, "prefetch_factor": 5},
    "more workers than batches": {"batch_size": 8, "num_workers": 4},
    "no batches": {"batch_size": None, "num_workers": 2},
    "persistent": {"batch_size": 3, "num_workers": 2, "persistent_workers": True, "shuffle": True},
}


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_batches_in_three_passes(name, kind):
    found = []
    for t in LIBRARIES:
        options = {k: v for k, v in OPTIONS[name].items() if kind == 0 or k != "shuffle"}
        dataset = sets(t)[kind](*([] if kind == 0 else [13]))
        t.manual_seed(7)
        loader = t.utils.data.DataLoader(dataset, **options)
        passes = [flat(loader) for _ in range(3)]
        found.append((passes, t.rand(3).tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_samplers_that_draw_at_once(workers):
    found = []
    for t in LIBRARIES:

        class Eager:
            def __init__(self, t):
                self.t = t

            def __iter__(self):
                return iter(self.t.randperm(6).tolist())

            def __len__(self):
                return 6

        t.manual_seed(1)
        loader = t.utils.data.DataLoader(range(6), sampler=Eager(t), num_workers=workers)
        found.append(([flat(loader), flat(loader)], t.rand(1).item()))
    assert found[0] == found[1]


def test_worker_init_fn_sets_the_attributes_of_each_workers_data_set():
    found = []
    for t in LIBRARIES:
        streamed = sets(t)[1](12)

        def init(number, t=t):
            info = t.utils.data.get_worker_info()
            assert (info.id, info.num_workers) == (number, 2)
            assert info.seed == info.seed // 1
            info.dataset.first, info.dataset.last = 6 * number, 6 * number + 4

        t.manual_seed(2)
        loader = t.utils.data.DataLoader(streamed, 2, num_workers=2, worker_init_fn=init)
        found.append(flat(loader))
        assert (streamed.first, streamed.last) == (0, 12)
    assert found[0] == found[1]


class Custom(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


FAILURES = {
    "value": ValueError("wrong"),
    "key": KeyError("wrong"),
    "made of two": Custom(1, 2),
    "stop": StopIteration(),
    "missing": FileNotFoundError("x.png"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_exceptions_keep_their_class_and_the_pass_goes_on(name):
    found = []
    for t in LIBRARIES:

        class Bad(t.utils.data.Dataset):
            def __len__(self):
                return 6

            def __getitem__(self, i):
                if i == 3:
                    raise FAILURES[name]
                return i

        batches = iter(t.utils.data.DataLoader(Bad(), 2, num_workers=2))
        seen = [next(batches).tolist()]
        with pytest.raises(Exception) as error:
            next(batches)
        seen.append(next(batches).tolist())
        found.append((type(error.value), str(error.value).split(" in DataLoader worker ")[0], seen))
        if t is dynagrad:
            assert "Bad" in str(error.value) or "__getitem__" in str(error.value)
            assert "at the sample with index 3" in str(error.value)
    assert found[0] == found[1]


WRONG = {
    "method": lambda d: d.DataLoader(range(3), num_workers=1, multiprocessing_context="thread"),
    "context": lambda d: d.DataLoader(range(3), num_workers=1, multiprocessing_context=3),
    "no workers": lambda d: d.DataLoader(range(3), multiprocessing_context="spawn"),
    "timeout": lambda d: list(d.DataLoader(range(3), timeout=2)),
    "pickle": lambda d: iter(d.DataLoader(range(3))).__getstate__(),
    "rank": lambda d: d.distributed.DistributedSampler(range(3), 2, 2),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    caught = []
    for t in LIBRARIES:
        with pytest.raises(Exception) as error:
            WRONG[name](t.utils.data)
        caught.append(error.value)
    assert type(caught[0]) is type(caught[1])
    if name != "pickle":
        assert str(caught[0]).startswith(str(caught[1]).split("\n")[0])


def test_an_iterable_data_set_that_is_longer_than_it_says():
    for t in LIBRARIES:

        class Longer(t.utils.data.IterableDataset):
            def __iter__(self):
                return iter(range(3))

            def __len__(self):
                return 2

        loader = t.utils.data.DataLoader(Longer(), num_workers=0)
        assert len(loader) == 2
        with pytest.warns(UserWarning, match=r"was reported to be 2 ?\(when .* but 3 samples"):
            list(loader)


def test_pinning_is_accepted_and_told_to_do_nothing():
    for t in LIBRARIES:
        loader = t.utils.data.DataLoader(range(2), pin_memory=True)
        with pytest.warns(UserWarning, match="no accelerator is found"):
            list(loader)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 7, 12])
def test_distributed_samplers(size, drop_last, shuffle):
    for rank in range(3):
        found = []
        for t in LIBRARIES:
            kind = t.utils.data.distributed.DistributedSampler
            s = kind(range(size), 3, rank, shuffle=shuffle, seed=5, drop_last=drop_last)
            s.set_epoch(2)
            found.append((list(s), len(s), s.total_size))
        assert found[0] == found[1]


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_processes_draw_from_all_streams_as_pytorchs():
    import random

    found = []
    for t in LIBRARIES:

        class Drawn(t.utils.data.Dataset):
            def __init__(self, t):
                self.t = t

            def __len__(self):
                return 6

            def __getitem__(self, i):
                return [random.random(), np.random.rand(), self.t.rand(1).item()]

        t.manual_seed(3)
        random.seed(3)
        loader = t.utils.data.DataLoader(
            Drawn(t), 2, num_workers=2, multiprocessing_context="fork", collate_fn=list
        )
        found.append([[list(s) for s in b] for b in loader])
    assert found[0] == found[1]
