"""The generator's streams against PyTorch's: values and state, bit for bit."""

import math
import pickle
import random as stdlib_random
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ml_dtypes = pytest.importorskip("ml_dtypes")

from dynagrad.core.random import Generator  # noqa: E402

pytestmark = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="without AVX2, PyTorch rounds the normal and uniform streams differently",
)

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


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.__name__)
def test_each_draw(draw, seed):
    r = stdlib_random.Random(seed)
    for number in range(100):
        pair = Pair(seed + number)
        pair.ours.rand(number)
        torch.rand(number, generator=pair.theirs)
        pair.check(*draw(r, pair), (seed, number))


@pytest.mark.parity
@pytest.mark.parametrize("number", range(32))
def test_mixed_sequences_of_200_draws(number, seed):
    r = stdlib_random.Random(seed)
    pair = Pair(seed)
    for step in range(200):
        draw = r.choice(DRAWS)
        pair.check(*draw(r, pair), (seed, step, draw.__name__))


@pytest.mark.parametrize("dtype", REAL + COMPLEX, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_every_size(dtype, size):
    pair = Pair(size + 11)
    theirs = DTYPES[dtype]
    for _ in range(2):
        pair.check(
            pair.ours.randn(size, dtype),
            torch.randn(size, dtype=theirs, generator=pair.theirs),
            "randn",
        )
        pair.check(
            pair.ours.rand(size, dtype),
            torch.rand(size, dtype=theirs, generator=pair.theirs),
            "rand",
        )


def test_two_million_normals():
    for given in (-1, 2**64 - 5, 2**33 + 1, 7):
        pair = Pair(given)
        pair.check(pair.ours.randn(500_003), torch.randn(500_003, generator=pair.theirs), "randn")
        pair.check(
            pair.ours.normal(70_001, F64, 0.1, 0.3),
            tensor(70_001, F64).normal_(0.1, 0.3, generator=pair.theirs),
            "normal",
        )


def strided_layouts(dtype):
    """Arrays of one or several strides each, as NumPy arrays on fresh memory."""
    yield np.zeros((5, 7), dtype).T
    yield np.zeros((5, 7), dtype)[:, ::2]
    yield np.zeros((64,), dtype)[::3]
    yield np.zeros((4, 3, 5), dtype).transpose(2, 0, 1)
    yield np.zeros((4, 3, 5), dtype).transpose(1, 0, 2)[:, 1:3]
    yield np.zeros((2, 3, 4, 5), dtype).transpose(0, 3, 1, 2)
    yield np.zeros((1, 9), dtype).T
    yield np.zeros((6, 6), dtype)[1:, 1:]


@pytest.mark.parametrize("dtype", [F16, F32, F64, *COMPLEX], ids=str)
def test_out_is_visited_in_memory_order(dtype):
    fills = [
        (
            lambda g, a: g.uniform(out=a, low=-1, high=2),
            lambda t, g: t.uniform_(-1, 2, generator=g),
        ),
        (lambda g, a: g.normal(out=a, mean=0.3), lambda t, g: t.normal_(0.3, generator=g)),
    ]
    if dtype.kind == "f":
        fills += [
            (lambda g, a: g.random(out=a), lambda t, g: t.random_(generator=g)),
            (lambda g, a: g.bernoulli(0.3, out=a), lambda t, g: t.bernoulli_(0.3, generator=g)),
            (lambda g, a: g.exponential(out=a), lambda t, g: t.exponential_(generator=g)),
            (lambda g, a: g.log_normal(out=a), lambda t, g: t.log_normal_(generator=g)),
        ]
    for array in strided_layouts(dtype):
        for number, (fill, their_fill) in enumerate(fills):
            pair = Pair(number)
            theirs = torch.from_numpy(array).clone(memory_format=torch.preserve_format)
            theirs = theirs if theirs.stride() == torch.from_numpy(array).stride() else None
            if theirs is None:
                base = torch.zeros(array.base.shape if array.base is not None else array.shape)
                theirs = (
                    base.to(DTYPES[dtype])
                    .reshape(-1)
                    .as_strided(array.shape, [s // array.itemsize for s in array.strides])
                )
            returned = fill(pair.ours, array)
            assert returned is array
            pair.check(array, their_fill(theirs, pair.theirs), (array.shape, array.strides, number))


def test_bernoulli_of_permuted_probabilities():
    p = np.random.RandomState(0).uniform(size=(6, 9)).astype(F32).T
    pair = Pair(5)
    theirs = torch.bernoulli(torch.from_numpy(p), generator=pair.theirs)
    pair.check(pair.ours.bernoulli(p), theirs, "permuted p")
    out = np.empty((9, 6), np.int64)
    theirs = torch.empty(9, 6, dtype=torch.int64).bernoulli_(
        torch.from_numpy(p), generator=pair.theirs
    )
    pair.check(pair.ours.bernoulli(p, out=out), theirs, "layout of out")
    one = np.array(0.3)
    theirs = torch.empty(20).bernoulli_(torch.tensor(0.3).double(), generator=pair.theirs)
    pair.check(pair.ours.bernoulli(one, 20, F32), theirs, "one probability for all")


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_multinomial_of_permuted_weights(layout):
    weights = np.random.RandomState(0).uniform(size=(6, 9)).astype(F32)
    weights = weights if layout == "rows" else np.asfortranarray(weights)
    for replacement in (True, False):
        pair = Pair(5)
        theirs = torch.multinomial(torch.from_numpy(weights), 4, replacement, generator=pair.theirs)
        pair.check(pair.ours.multinomial(weights, 4, replacement), theirs, replacement)


@pytest.mark.parametrize("dtype", [F16, BF16], ids=str)
def test_multinomial_of_16_bit_weights(dtype):
    weights = np.random.RandomState(0).uniform(size=(4, 9)).astype(dtype)
    pair = Pair(5)
    for count, replacement in ((30, True), (1, False), (1, True)):
        theirs = torch.multinomial(from_numpy(weights), count, replacement, generator=pair.theirs)
        ours = pair.ours.multinomial(weights, count, replacement)
        pair.check(ours, theirs, (count, replacement))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.73])
@pytest.mark.parametrize("permuted", [False, True])
def test_dropout_mask(p, permuted):
    ones = torch.ones(30, 40).t() if permuted else torch.ones(30, 40)
    torch.manual_seed(3)
    kept = torch.nn.functional.dropout(ones, p) != 0
    mask = Generator(3).bernoulli(1 - p, out=np.empty_like(ones.numpy()))
    np.testing.assert_array_equal(mask != 0, kept.numpy())


def test_linear_and_embedding_initialisation():
    torch.manual_seed(12)
    linear, embedding = torch.nn.Linear(30, 20), torch.nn.Embedding(10, 7)
    ours = Generator(12)
    bound = math.sqrt(6 / ((1 + math.sqrt(5) ** 2) * 30))
    expected = [
        ours.uniform((20, 30), low=-bound, high=bound),
        ours.uniform((20,), low=-1 / math.sqrt(30), high=1 / math.sqrt(30)),
        ours.randn((10, 7)),
    ]
    for mine, theirs in zip(expected, (linear.weight, linear.bias, embedding.weight), strict=True):
        np.testing.assert_array_equal(mine, theirs.detach().numpy())


@pytest.mark.parametrize("drawn", [0, 1, 3, 5, 623, 624, 625, 2000])
def test_states_can_be_exchanged(drawn):
    pair = Pair(9)
    pair.ours.rand(drawn)
    torch.rand(drawn, generator=pair.theirs)
    pair.ours.randn(3)
    torch.randn(3, generator=pair.theirs)
    pair.check_state("drawn")
    ours, theirs = Generator(1), torch.Generator()
    ours.set_state(pair.theirs.get_state().numpy())
    theirs.set_state(torch.from_numpy(pair.ours.get_state()))
    assert ours.initial_seed() == theirs.initial_seed() == 9
    pair.ours, pair.theirs = ours, theirs
    pair.check_state("exchanged")
    for size in (3, 5, 700, 20):
        pair.check(ours.randn(size), torch.randn(size, generator=theirs), size)


def test_state_with_a_kept_single_precision_variate():
    state = Generator(4).get_state()
    state[5048:5053] = np.frombuffer(np.float32(1.5).tobytes() + b"\1", np.uint8)
    theirs = torch.Generator().set_state(torch.from_numpy(state))
    ours = Generator()
    ours.set_state(state)
    assert ours.get_state().tobytes() == theirs.get_state().numpy().tobytes() == state.tobytes()
    assert ours.manual_seed(4).get_state().tobytes() != state.tobytes()


@pytest.mark.parametrize(
    "given", [0, 1, -1, -(2**63), 2**63 - 1, 2**63, 2**64 - 1, 2**32, 2**32 + 7]
)
def test_seeds(given):
    pair = Pair(given)
    assert pair.ours.initial_seed() == pair.theirs.initial_seed()
    pair.check_state("seeded")
    pair.check(pair.ours.rand(3), torch.rand(3, generator=pair.theirs), given)


def test_default_seed():
    assert Generator().initial_seed() == torch.Generator().initial_seed()
    assert Generator().get_state().tobytes() == torch.Generator().get_state().numpy().tobytes()


BAD_CALLS = {
    "seed too large": (lambda g: g.manual_seed(2**64), lambda g: g.manual_seed(2**64)),
    "seed too small": (
        lambda g: g.manual_seed(-(2**63) - 1),
        lambda g: g.manual_seed(-(2**63) - 1),
    ),
    "float seed": (lambda g: g.manual_seed(1.5), lambda g: g.manual_seed(1.5)),
    "bool seed": (lambda g: g.manual_seed(True), lambda g: g.manual_seed(True)),
    "short state": (
        lambda g: g.set_state(np.zeros(3, np.uint8)),
        lambda g: g.set_state(torch.zeros(3, dtype=torch.uint8)),
    ),
    "zero state": (
        lambda g: g.set_state(np.zeros(5056, np.uint8)),
        lambda g: g.set_state(torch.zeros(5056, dtype=torch.uint8)),
    ),
    "float state": (
        lambda g: g.set_state(np.zeros(5056, F32)),
        lambda g: g.set_state(torch.zeros(5056)),
    ),
    "strided state": (
        lambda g: g.set_state(np.zeros((5056, 2), np.uint8)[:, 0]),
        lambda g: g.set_state(torch.zeros(5056, 2, dtype=torch.uint8)[:, 0]),
    ),
    "uniform order": (
        lambda g: g.uniform(3, F32, 2, 1),
        lambda g: torch.empty(3).uniform_(2, 1, generator=g),
    ),
    "uniform width": (
        lambda g: g.uniform(3, F32, -3e38, 3e38),
        lambda g: torch.empty(3).uniform_(-3e38, 3e38, generator=g),
    ),
    "uniform bound": (
        lambda g: g.uniform(3, F16, 0, 7e4),
        lambda g: torch.empty(3).half().uniform_(0, 7e4, generator=g),
    ),
    "uniform dtype": (
        lambda g: g.rand(3, np.int64),
        lambda g: torch.rand(3, dtype=torch.int64, generator=g),
    ),
    "normal std": (
        lambda g: g.normal(3, std=-1),
        lambda g: torch.empty(3).normal_(0, -1, generator=g),
    ),
    "normal dtype": (
        lambda g: g.normal(3, np.int64),
        lambda g: torch.empty(3, dtype=torch.int64).normal_(generator=g),
    ),
    "normal std array": (
        lambda g: g.normal(std=-np.ones(3)),
        lambda g: torch.normal(0.0, -torch.ones(3), generator=g),
    ),
    "normal complex std": (
        lambda g: g.normal(std=np.ones(3, "complex64")),
        lambda g: torch.normal(0.0, torch.ones(3, dtype=torch.complex64), generator=g),
    ),
    "empty range": (
        lambda g: g.randint(3, 3, 2),
        lambda g: torch.randint(3, 3, (2,), generator=g),
    ),
    "empty range of floats": (
        lambda g: g.random(2, F32, 2**24 + 1),
        lambda g: torch.empty(2).random_(2**24 + 1, None, generator=g),
    ),
    "random dtype": (
        lambda g: g.random(2, np.uint16),
        lambda g: torch.empty(2, dtype=torch.uint16).random_(generator=g),
    ),
    "random complex": (
        lambda g: g.randint(0, 5, 2, "complex64"),
        lambda g: torch.randint(0, 5, (2,), dtype=torch.complex64, generator=g),
    ),
    "full range": (
        lambda g: g.random(2, np.int32, -(2**63)),
        lambda g: torch.empty(2, dtype=torch.int32).random_(-(2**63), None, generator=g),
    ),
    "bernoulli number": (
        lambda g: g.bernoulli(1.5, 3),
        lambda g: torch.empty(3).bernoulli_(1.5, generator=g),
    ),
    "bernoulli array": (
        lambda g: g.bernoulli(np.array([0.1, 1.5])),
        lambda g: torch.bernoulli(torch.tensor([0.1, 1.5]), generator=g),
    ),
    "bernoulli nan": (
        lambda g: g.bernoulli(np.array([np.nan])),
        lambda g: torch.bernoulli(torch.tensor([float("nan")]), generator=g),
    ),
    "bernoulli integers": (
        lambda g: g.bernoulli(np.array([1])),
        lambda g: torch.bernoulli(torch.tensor([1]), generator=g),
    ),
    "bernoulli dtype": (
        lambda g: g.bernoulli(0.5, 3, np.uint32),
        lambda g: torch.empty(3, dtype=torch.uint32).bernoulli_(0.5, generator=g),
    ),
    "geometric": (
        lambda g: g.geometric(1, 3),
        lambda g: torch.empty(3).geometric_(1, generator=g),
    ),
    "geometric bool": (
        lambda g: g.geometric(0.5, 3, bool),
        lambda g: torch.empty(3, dtype=torch.bool).geometric_(0.5, generator=g),
    ),
    "exponential": (
        lambda g: g.exponential(3, lambd=0),
        lambda g: torch.empty(3).exponential_(0, generator=g),
    ),
    "exponential integers": (
        lambda g: g.exponential(3, np.int64),
        lambda g: torch.empty(3, dtype=torch.int64).exponential_(generator=g),
    ),
    "cauchy": (
        lambda g: g.cauchy(3, sigma=0),
        lambda g: torch.empty(3).cauchy_(0, 0, generator=g),
    ),
    "log_normal": (
        lambda g: g.log_normal(3, std=0),
        lambda g: torch.empty(3).log_normal_(0, 0, generator=g),
    ),
    "log_normal integers": (
        lambda g: g.log_normal(3, np.int64),
        lambda g: torch.empty(3, dtype=torch.int64).log_normal_(generator=g),
    ),
    "negative permutation": (
        lambda g: g.randperm(-1),
        lambda g: torch.randperm(-1, generator=g),
    ),
    "long permutation of halves": (
        lambda g: g.randperm(3000, F16),
        lambda g: torch.randperm(3000, dtype=torch.float16, generator=g),
    ),
    "long permutation of bytes": (
        lambda g: g.randperm(257, np.uint8),
        lambda g: torch.randperm(257, dtype=torch.uint8, generator=g),
    ),
    "permutation of bools": (
        lambda g: g.randperm(2, bool),
        lambda g: torch.randperm(2, dtype=torch.bool, generator=g),
    ),
    "poisson": (
        lambda g: g.poisson(-np.ones(1)),
        lambda g: torch.poisson(-torch.ones(1), generator=g),
    ),
    "poisson integers": (
        lambda g: g.poisson(np.array([1])),
        lambda g: torch.poisson(torch.tensor([1]), generator=g),
    ),
    **{
        f"multinomial of {weights}, {count}, {replacement}": (
            lambda g, w=weights, n=count, r=replacement: g.multinomial(np.array(w, F32), n, r),
            lambda g, w=weights, n=count, r=replacement: torch.multinomial(
                torch.tensor(w), n, r, generator=g
            ),
        )
        for weights, count, replacement in [
            ([1.0, 1.0, 1.0], 4, False),
            ([1.0, 1.0], 0, False),
            ([-1.0, 1.0], 1, False),
            ([-1.0, 1.0], 2, True),
            ([0.0, 0.0], 1, False),
            ([0.0, 0.0], 2, True),
            ([1.0, math.inf], 2, True),
            ([1.0, math.nan], 1, False),
            ([[1.0, 1.0], [0.0, 0.0]], 2, False),
            ([[[1.0]]], 1, False),
            (1.0, 1, False),
        ]
    },
    "multinomial integers": (
        lambda g: g.multinomial(np.array([1, 2]), 1),
        lambda g: torch.multinomial(torch.tensor([1, 2]), 1, generator=g),
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_input_is_refused_as_pytorch_does(name):
    ours, theirs = BAD_CALLS[name]
    with pytest.raises(Exception) as expected:  # noqa: B017, PT011
        theirs(torch.Generator())
    generator = Generator()
    before = generator.get_state()
    with pytest.raises(type(expected.value)) as given:
        ours(generator)
    wording = str(expected.value).split("\n")[0].split("  (Could this")[0]
    shared = wording.split("found")[0].split("out of bounds for")[0].split("to type")[0]
    assert str(given.value).startswith(shared)
    assert "\n" in str(given.value), "no advice"
    if not name.startswith("multinomial"):
        assert generator.get_state().tobytes() == before.tobytes()


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (np.int8, 100, 300),
        (np.uint8, -1, 3),
        (np.bool_, 0, 3),
        (np.float16, 0, 70000),
        (np.uint64, -1, 3),
    ],
)
def test_ranges_outside_the_dtype(dtype, low, high):
    with pytest.raises(RuntimeError, match="is out of bounds for"):
        tensor(3, dtype).random_(low, high)
    with pytest.raises(RuntimeError, match="is out of bounds for"):
        Generator().randint(low, high, 3, dtype)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [(F16, 0, 65504), (F16, -65504, 65504), (F16, 2049, 4099), (BF16, -300, 1000), (F32, 0, 2**26)]
    + [(F32, -(2**40) - 1, 2**40 + 1), (F64, 0, 2**60), (F32, -(2**63), 2**63 - 1)],
)
def test_floating_ranges_beyond_the_precision(dtype, low, high):
    pair = Pair(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = tensor(1000, dtype).random_(low, high, generator=pair.theirs)
    with pytest.warns(UserWarning, match="is out of bounds"):
        ours = pair.ours.randint(low, high, 1000, dtype)
    pair.check(ours, theirs, (dtype, low, high))


@pytest.mark.parametrize("dtype", ["int64", "float64", "float32", BF16], ids=str)
def test_full_range(dtype):
    dtype, pair = np.dtype(dtype), Pair(4)
    theirs = tensor(100, dtype).random_(-(2**63), None, generator=pair.theirs)
    pair.check(pair.ours.random(100, dtype, -(2**63)), theirs, dtype)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("exponential", {"lambd": math.inf}),
        ("exponential", {"lambd": 1e-39}),
        ("normal", {"std": math.inf}),
        ("normal", {"mean": math.inf}),
        ("normal", {"mean": 3e38, "std": 3e38}),
        ("normal", {"std": 0.0, "mean": 0.1}),
        ("cauchy", {"sigma": 1e38}),
        ("log_normal", {"mean": 80.0, "std": 20.0}),
        ("log_normal", {"mean": 700.0, "std": 20.0}),
        ("uniform", {"low": 1.0, "high": 1.0}),
        ("uniform", {"low": 1.0, "high": 1.0 + 2.0**-23}),
    ],
)
@pytest.mark.parametrize("dtype", [F16, F32, F64], ids=str)
def test_extreme_parameters(name, arguments, dtype):
    pair = Pair(8)
    theirs = {"lambd": "lambd", "low": "from", "high": "to"}
    given = {theirs.get(key, key): value for key, value in arguments.items()}
    for size in (5, 40):
        expected = getattr(tensor(size, dtype), name + "_")(**given, generator=pair.theirs)
        pair.check(getattr(pair.ours, name)(size, dtype, **arguments), expected, size)


def test_poisson_of_extreme_rates():
    rates = np.array([0, 1e-30, 9.999, 10, 1e6, 1e12, math.inf])
    pair = Pair(2)
    pair.check(
        pair.ours.poisson(rates),
        torch.poisson(torch.tensor(rates), generator=pair.theirs),
        "poisson",
    )


def test_a_pickled_generator_continues_with_pytorch():
    pair = Pair(31)
    pair.ours.randn(5)
    torch.randn(5, generator=pair.theirs)
    pair.ours = pickle.loads(pickle.dumps(pair.ours))
    pair.check(pair.ours.randn(7), torch.randn(7, generator=pair.theirs), "pickled")
