"""Two generators in step, ours and PyTorch's, and one random draw of every kind from both."""

import random as stdlib_random

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ml_dtypes = pytest.importorskip("ml_dtypes")

from dynagrad.core.random import Generator  # noqa: E402

DTYPES = {
    np.dtype(name): getattr(torch, name)
    for name in (
        *("float16", "float32", "float64", "complex64", "complex128", "bool"),
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    )
}
BF16 = np.dtype(ml_dtypes.bfloat16)
DTYPES[BF16] = torch.bfloat16
F16, F32, F64 = (np.dtype(f"float{bits}") for bits in (16, 32, 64))
REAL = [F16, BF16, F32, F64]
COMPLEX = [np.dtype("complex64"), np.dtype("complex128")]
INTEGERS = [np.dtype(name) for name in ("int8", "int16", "int32", "int64", "uint8")]
UNSIGNED = [np.dtype(name) for name in ("uint16", "uint32", "uint64")]
BOOL = np.dtype("bool")
SIZES = [0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 100, 623, 624, 625, 1300, 40000]


class Pair:
    """A generator of each library, from the same seed."""

    def __init__(self, seed: int):
        self.ours = Generator().manual_seed(seed)
        self.theirs = torch.Generator().manual_seed(seed)

    def check(self, ours: np.ndarray, theirs, what: object) -> None:
        assert DTYPES[ours.dtype] is theirs.dtype, what
        assert ours.shape == tuple(theirs.shape), what
        same = ours.tobytes() == to_bytes(theirs)
        assert same, f"{what}: {first_difference(ours, theirs)}"
        self.check_state(what)

    def check_state(self, what: object) -> None:
        assert self.ours.get_state().tobytes() == self.theirs.get_state().numpy().tobytes(), what


def to_bytes(tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def first_difference(ours: np.ndarray, theirs) -> str:
    width = ours.itemsize
    pairs = zip(ours.tobytes(), to_bytes(theirs), strict=True)
    index = next(i for i, (a, b) in enumerate(pairs) if a != b) // width
    mine, other = ours.reshape(-1)[index], theirs.reshape(-1)[index].item()
    return f"element {index} of {ours.size} is {mine!r}, PyTorch's is {other!r}"


def tensor(shape, dtype):
    return torch.empty(shape, dtype=DTYPES[np.dtype(dtype)])


def from_numpy(array: np.ndarray):
    """A PyTorch tensor with the array's values and strides."""
    if array.dtype == BF16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


# One draw of every kind, with random arguments: (name, ours, PyTorch's)


def draw_rand(r, pair):
    shape, dtype = random_shape(r), r.choice(REAL + COMPLEX)
    return (
        pair.ours.rand(shape, dtype),
        torch.rand(shape, dtype=DTYPES[dtype], generator=pair.theirs),
    )


def draw_uniform(r, pair):
    shape, dtype = random_shape(r), r.choice(REAL)
    low, high = sorted((r.uniform(-3, 3), r.uniform(-3, 3)))
    return (
        pair.ours.uniform(shape, dtype, low, high),
        tensor(shape, dtype).uniform_(low, high, generator=pair.theirs),
    )


def draw_randn(r, pair):
    shape, dtype = random_shape(r), r.choice(REAL + COMPLEX)
    return (
        pair.ours.randn(shape, dtype),
        torch.randn(shape, dtype=DTYPES[dtype], generator=pair.theirs),
    )


def draw_normal(r, pair):
    shape, dtype = random_shape(r), r.choice(REAL + COMPLEX)
    mean, std = r.choice([0.0, r.uniform(-2, 2)]), r.choice([1.0, r.uniform(0, 3)])
    return (
        pair.ours.normal(shape, dtype, mean, std),
        tensor(shape, dtype).normal_(mean, std, generator=pair.theirs),
    )


def draw_randint(r, pair):
    shape, dtype = random_shape(r), r.choice([*INTEGERS, *UNSIGNED, *REAL, BOOL])
    low, high = random_range(r, dtype)
    return (
        pair.ours.randint(low, high, shape, dtype),
        tensor(shape, dtype).random_(low, high, generator=pair.theirs),
    )


def draw_random(r, pair):
    shape, dtype = random_shape(r), r.choice([*INTEGERS, *REAL, BOOL])
    return pair.ours.random(shape, dtype), tensor(shape, dtype).random_(generator=pair.theirs)


def draw_random_from(r, pair):
    shape, dtype = random_shape(r), r.choice([*INTEGERS, *REAL, BOOL])
    low = r.choice([0, 1]) if dtype in (BOOL, np.dtype("uint8")) else r.randint(-100, 100)
    return (
        pair.ours.random(shape, dtype, low),
        tensor(shape, dtype).random_(low, None, generator=pair.theirs),
    )


def draw_randperm(r, pair):
    dtype = r.choice([*INTEGERS, *REAL])
    n = r.choice([0, 1, 2, 17, 100, 128])
    if dtype.itemsize > 2:
        n = r.choice([n, 399, 400, 1000, 70000])
    return (
        pair.ours.randperm(n, dtype),
        torch.randperm(n, dtype=DTYPES[dtype], generator=pair.theirs),
    )


def draw_bernoulli(r, pair):
    shape, dtype = random_shape(r), r.choice([*INTEGERS, *REAL, BOOL])
    p = r.choice([0.0, 1.0, 0.5, r.random()])
    return (
        pair.ours.bernoulli(p, shape, dtype),
        tensor(shape, dtype).bernoulli_(p, generator=pair.theirs),
    )


def draw_events(r, pair):
    shape, dtype = random_shape(r), r.choice(REAL)
    p = np.random.RandomState(r.randrange(99)).uniform(size=shape).astype(dtype)
    p = np.asarray(p, dtype)
    return pair.ours.bernoulli(p), torch.bernoulli(from_numpy(p), generator=pair.theirs)


def draw_exponential(r, pair):
    shape, dtype, rate = random_shape(r), r.choice(REAL), r.choice([1.0, r.uniform(0.01, 9)])
    return (
        pair.ours.exponential(shape, dtype, rate),
        tensor(shape, dtype).exponential_(rate, generator=pair.theirs),
    )


def draw_cauchy(r, pair):
    shape, dtype = random_shape(r), r.choice(REAL)
    median, sigma = r.choice([0.0, r.uniform(-2, 2)]), r.choice([1.0, r.uniform(0.1, 3)])
    return (
        pair.ours.cauchy(shape, dtype, median, sigma),
        tensor(shape, dtype).cauchy_(median, sigma, generator=pair.theirs),
    )


def draw_log_normal(r, pair):
    shape, dtype = random_shape(r), r.choice(REAL)
    mean, std = r.choice([0.0, r.uniform(-2, 2)]), r.choice([1.0, r.uniform(0.1, 3)])
    return (
        pair.ours.log_normal(shape, dtype, mean, std),
        tensor(shape, dtype).log_normal_(mean, std, generator=pair.theirs),
    )


def draw_geometric(r, pair):
    shape, dtype, p = random_shape(r), r.choice(INTEGERS + REAL), r.uniform(0.3, 0.9)
    return (
        pair.ours.geometric(p, shape, dtype),
        tensor(shape, dtype).geometric_(p, generator=pair.theirs),
    )


def draw_poisson(r, pair):
    rates = np.random.RandomState(r.randrange(99)).gamma(1, r.choice([1, 20, 300]), r.randrange(60))
    rates = rates.astype(r.choice(REAL))
    if rates.size:
        rates[0] = 0
    return pair.ours.poisson(rates), torch.poisson(from_numpy(rates), generator=pair.theirs)


def draw_binomial(r, pair):
    rng = np.random.RandomState(r.randrange(99))
    n, dtype = r.randrange(60), r.choice([F32, F64])
    trials = np.floor(rng.gamma(1, r.choice([3, 40, 300]), n)).astype(dtype)
    chances = rng.uniform(-0.1, 1.1, r.choice([n, 1])).astype(dtype)
    return pair.ours.binomial(trials, chances), torch.binomial(
        from_numpy(trials), from_numpy(chances), generator=pair.theirs
    )


def draw_multinomial(r, pair):
    shape = (r.randrange(1, 40),) if r.random() < 0.5 else (r.randrange(1, 5), r.randrange(1, 40))
    weights = np.random.RandomState(r.randrange(99)).uniform(0.01, 3, size=shape)
    weights = weights.astype(r.choice([F32, F64]))
    replacement = r.random() < 0.5
    count = r.randrange(1, 90 if replacement else shape[-1] + 1)
    return (
        pair.ours.multinomial(weights, count, replacement),
        torch.multinomial(from_numpy(weights), count, replacement, generator=pair.theirs),
    )


def draw_normal_of_arrays(r, pair):
    rng = np.random.RandomState(r.randrange(99))
    n = r.choice([1, 3, 15, 16, 40])
    mean = rng.normal(size=r.choice([(n,), (n, 1), (1,)])).astype(r.choice(REAL))
    std = rng.uniform(size=(n,)).astype(r.choice(REAL))
    given = r.randrange(3)
    if given == 0:
        number = r.random()
        return (
            pair.ours.normal(mean=mean, std=number),
            torch.normal(from_numpy(mean), number, generator=pair.theirs),
        )
    if given == 1:
        number = r.uniform(-1, 1)
        return (
            pair.ours.normal(mean=number, std=std),
            torch.normal(number, from_numpy(std), generator=pair.theirs),
        )
    return (
        pair.ours.normal(mean=mean, std=std),
        torch.normal(from_numpy(mean), from_numpy(std), generator=pair.theirs),
    )


DRAWS = [
    *(draw_rand, draw_uniform, draw_randn, draw_normal, draw_randint, draw_random),
    *(draw_random_from, draw_randperm, draw_bernoulli, draw_events, draw_exponential),
    *(draw_cauchy, draw_log_normal, draw_geometric, draw_poisson, draw_multinomial),
    draw_binomial,
    draw_normal_of_arrays,
]


def random_shape(r: stdlib_random.Random) -> tuple[int, ...]:
    size = r.choice([*SIZES[:-1], r.randrange(2000)])
    return r.choice([(size,), (r.randrange(6), r.randrange(6)), (), (size // 7, 7)])


def random_range(r: stdlib_random.Random, dtype: np.dtype) -> tuple[int, int]:
    if dtype.kind == "b":
        return r.choice([(0, 1), (0, 2), (1, 2)])
    if dtype.kind in "fV":
        last = {F16: 2**11, BF16: 2**8, F32: 2**24, F64: 2**53}[dtype]
        low = r.choice([0, -last, r.randint(-last, last - 1)])
        return low, r.choice([last, r.randint(low + 1, last)])
    info = np.iinfo(dtype)
    last = min(int(info.max), 2**63 - 1)
    low = r.choice([0, int(info.min), r.randint(int(info.min), last - 1)])
    width = min(last - low, r.choice([1, 2, 10, 2**28 - 1, 2**28, 2**32 + 5, 2**63]))
    return low, low + max(width, 1)
