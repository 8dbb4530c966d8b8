"""Samplers, data sets and the DataLoader against PyTorch's: order, batches, errors."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402
from dynagrad.functions.generator import Generator, default_generator  # noqa: E402
from dynagrad.utils import data  # noqa: E402

Pair = namedtuple("Pair", ["x", "y"])


def seed_both(seed):
    default_generator.manual_seed(seed)
    torch.manual_seed(seed)


def plain(value):
    """A batch as nested Python values with dtypes, to compare those of the two libraries."""
    if hasattr(value, "detach"):
        return str(value.dtype), tuple(value.shape), value.detach().numpy().tolist()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return (type(value).__name__, [plain(part) for part in value])
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(part) for part in value]
    return value


def tensors(library, n=37):
    make = dynagrad.from_numpy if library is data else torch.from_numpy
    x = np.arange(n * 2, dtype=np.float32).reshape(n, 2)
    return make(x), make(np.arange(n))


OPTIONS = [
    {"batch_size": 5},
    {"batch_size": 5, "shuffle": True},
    {"batch_size": 8, "shuffle": True, "drop_last": True},
    {"batch_size": None},
    {"batch_size": None, "shuffle": True},
    {"batch_size": 100},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_loader(options, seed):
    seed_both(seed)
    ours = data.DataLoader(data.TensorDataset(*tensors(data)), **options)
    theirs = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*tensors(torch.utils.data)), **options
    )
    assert len(ours) == len(theirs)
    for _ in range(3):
        assert [plain(b) for b in ours] == [plain(b) for b in theirs]
    # Both have taken as much from the random stream.
    assert default_generator._draws.rand((3,)).tolist() == torch.rand(3).tolist()


@pytest.mark.parametrize("own", [True, False])
def test_loader_with_a_generator(own, seed):
    seed_both(seed)
    first, second = Generator(), torch.Generator()
    first.manual_seed(5)
    second.manual_seed(5)
    for library, generator in ((data, first), (torch.utils.data, second)):
        dataset = library.TensorDataset(*tensors(library))
        if own:
            loader = library.DataLoader(dataset, 4, shuffle=True, generator=generator)
        else:
            sampler = library.RandomSampler(dataset, generator=generator)
            loader = library.DataLoader(dataset, 4, sampler=sampler)
        found = [plain(b) for _ in range(2) for b in loader]
        if library is data:
            expected = found
    assert found == expected


def samplers(library, generator):
    source = range(23)
    weights = [0.1, 0.9, 3.0, 0.0, 2.0]
    yield library.SequentialSampler(source)
    yield library.RandomSampler(source)
    yield library.RandomSampler(source, generator=generator)
    yield library.RandomSampler(source, replacement=True, num_samples=70)
    yield library.RandomSampler(source, num_samples=50)
    yield library.SubsetRandomSampler([3, 1, 9, 7, 5])
    yield library.WeightedRandomSampler(weights, 40)
    yield library.WeightedRandomSampler(weights, 4, replacement=False)
    yield library.BatchSampler(library.SequentialSampler(source), 5, False)
    yield library.BatchSampler(library.RandomSampler(source), 5, True)


def test_samplers(seed):
    seed_both(seed)
    generators = Generator(), torch.Generator()
    for g in generators:
        g.manual_seed(11)
    ours, theirs = samplers(data, generators[0]), samplers(torch.utils.data, generators[1])
    for a, b in zip(ours, theirs, strict=True):
        assert len(a) == len(b)
        assert [list(a), list(a)] == [list(b), list(b)], type(a).__name__


@pytest.mark.parametrize("lengths", [[20, 10, 7], [0.5, 0.3, 0.2], [0.9, 0.1]])
def test_random_split(lengths, seed):
    seed_both(seed)
    ours = data.random_split(range(37), lengths)
    theirs = torch.utils.data.random_split(range(37), lengths)
    assert [list(a) for a in ours] == [list(b) for b in theirs]
    first, second = Generator(), torch.Generator()
    first.manual_seed(3)
    second.manual_seed(3)
    ours = data.random_split(range(37), lengths, generator=first)
    theirs = torch.utils.data.random_split(range(37), lengths, generator=second)
    assert [a.indices for a in ours] == [b.indices for b in theirs]


SAMPLES = {
    "floats": lambda t: [1.0, 2.5],
    "integers": lambda t: [1, 2],
    "bools": lambda t: [True, False],
    "texts": lambda t: ["a", "b"],
    "bytes": lambda t: [b"a", b"b"],
    "arrays": lambda t: [np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)],
    "array scalars": lambda t: [np.float64(1), np.float64(2)],
    "int scalars": lambda t: [np.int32(1), np.int32(2)],
    "tensors": lambda t: [t(np.ones(3)), t(np.zeros(3))],
    "pairs": lambda t: [(t(np.ones(3)), 1), (t(np.zeros(3)), 2)],
    "lists": lambda t: [[1, 2.0], [3, 4.0]],
    "dicts": lambda t: [{"a": 1, "b": [1.0, "x"]}, {"a": 2, "b": [2.0, "y"]}],
    "ordered": lambda t: [OrderedDict(a=1, b=2.0), OrderedDict(a=3, b=4.0)],
    "named": lambda t: [Pair(1, 2.0), Pair(3, 4.0)],
    "nested": lambda t: [((1, (2.0, "a")), [b"x"]), ((3, (4.0, "b")), [b"y"])],
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_collate(name, function):
    ours = getattr(data, function)(SAMPLES[name](dynagrad.from_numpy))
    theirs = getattr(torch.utils.data, function)(SAMPLES[name](torch.from_numpy))
    assert plain(ours) == plain(theirs)


class Numbers(data.IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


class TheirNumbers(torch.utils.data.IterableDataset):
    __init__ = Numbers.__init__
    __iter__ = Numbers.__iter__
    __len__ = Numbers.__len__


@pytest.mark.parametrize(
    "options", [{"batch_size": 3}, {"batch_size": None}, {"batch_size": 3, "drop_last": True}]
)
def test_iterable_data_sets(options):
    ours = data.DataLoader(Numbers(5) + Numbers(3), **options)
    theirs = torch.utils.data.DataLoader(TheirNumbers(5) + TheirNumbers(3), **options)
    assert len(ours) == len(theirs)
    assert [plain(b) for b in ours] == [plain(b) for b in theirs]


def test_other_data_sets():
    for library in (data, torch.utils.data):
        x, y = library.TensorDataset(*tensors(library)), range(37)
        stacked = library.StackDataset(x, y)
        named = library.StackDataset(a=x, b=y)
        joined = library.ConcatDataset([x, x]) + x
        found = [
            plain(stacked[3]),
            plain(named[4]),
            plain(named.__getitems__([1, 2])),
            plain(joined[40]),
            plain(joined[-1]),
            len(joined),
            plain(library.Subset(x, [4, 5, 6])[1]),
            [plain(b) for b in library.DataLoader(stacked, 10)],
            [plain(b) for b in library.DataLoader(library.Subset(x, range(3, 30)), 10)],
        ]
        if library is data:
            ours = found
    assert ours == found


WRONG = {
    "workers": lambda m: m.DataLoader(range(3), num_workers=-1),
    "timeout": lambda m: m.DataLoader(range(3), timeout=-1),
    "prefetch": lambda m: m.DataLoader(range(3), prefetch_factor=2),
    "persistent": lambda m: m.DataLoader(range(3), persistent_workers=True),
    "context": lambda m: m.DataLoader(range(3), multiprocessing_context="fork"),
    "sampler and shuffle": lambda m: m.DataLoader(range(3), shuffle=True, sampler=[1]),
    "batch sampler": lambda m: m.DataLoader(range(3), batch_size=2, batch_sampler=[[1]]),
    "no batches": lambda m: m.DataLoader(range(3), batch_size=None, drop_last=True),
    "batch size": lambda m: m.DataLoader(range(3), batch_size=0),
    "drop_last": lambda m: m.BatchSampler([1], 2, 3),
    "empty": lambda m: m.DataLoader([], shuffle=True),
    "replacement": lambda m: m.RandomSampler([1], replacement=1),
    "count": lambda m: m.WeightedRandomSampler([1.0], 0),
    "weights": lambda m: m.WeightedRandomSampler([[1.0]], 1),
    "set": lambda m: setattr(m.DataLoader(range(3)), "batch_size", 4),
    "lengths": lambda m: m.random_split(range(3), [1, 1]),
    "fractions": lambda m: m.random_split(range(3), [1.5, -0.5]),
    "sizes": lambda m: m.default_collate([[1], [1, 2]]),
    "objects": lambda m: m.default_collate([object()]),
    "text arrays": lambda m: m.default_collate([np.array(["a"])]),
    "item": lambda m: m.Dataset()[0],
    "concat none": lambda m: m.ConcatDataset([]),
    "stack none": lambda m: m.StackDataset(),
    "stack sizes": lambda m: m.StackDataset([1], [1, 2]),
    "stack both": lambda m: m.StackDataset([1], a=[1]),
    "far": lambda m: m.ConcatDataset([[1, 2]])[-3],
}


@pytest.mark.parametrize("case", WRONG)
def test_errors(case):
    caught = []
    for library in (torch.utils.data, data):
        with pytest.raises(Exception) as error:
            WRONG[case](library)
        caught.append(error.value)
    assert isinstance(caught[1], type(caught[0]))
    assert str(caught[1]).startswith(str(caught[0]).split("\n")[0])


def test_sizes_of_tensors():
    for library in (torch.utils.data, data):
        x, _ = tensors(library)
        with pytest.raises(AssertionError, match="Size mismatch between tensors"):
            library.TensorDataset(x, x[:3])
