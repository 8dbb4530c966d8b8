"""The generator's streams against PyTorch's: values and state, bit for bit."""

import math
import pickle
import random as stdlib_random
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from random_draws import (  # noqa: E402
    BF16,
    COMPLEX,
    DRAWS,
    DTYPES,
    F16,
    F32,
    F64,
    REAL,
    SIZES,
    Pair,
    from_numpy,
    tensor,
)

import dynagrad  # noqa: E402
from dynagrad.core.random import Generator  # noqa: E402

pytestmark = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="without AVX2, PyTorch rounds the normal and uniform streams differently",
)


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


@pytest.mark.parametrize("std_dtype", REAL, ids=str)
@pytest.mark.parametrize("mean_dtype", REAL, ids=str)
def test_normal_of_arrays_of_two_dtypes(mean_dtype, std_dtype, rng):
    mean, std = rng.normal(size=20_000).astype(mean_dtype), rng.random(20_000).astype(std_dtype)
    pair = Pair(6)
    theirs = torch.normal(from_numpy(mean), from_numpy(std), generator=pair.theirs)
    pair.check(pair.ours.normal(mean=mean, std=std), theirs, "arrays")
    one = std[:1].reshape(())
    theirs = torch.normal(from_numpy(mean), from_numpy(one), generator=pair.theirs)
    pair.check(pair.ours.normal(mean=mean, std=one), theirs, "one deviation for all")


@pytest.mark.parametrize("dtype", REAL, ids=str)
@pytest.mark.parametrize("shape", [(), (500,)])
def test_normal_with_integer_deviations(dtype, shape, rng):
    mean, std = rng.normal(size=500).astype(dtype), rng.integers(0, 300, shape)
    std = np.asarray(std)
    pair = Pair(6)
    for means in (mean, mean[:1].reshape(())):
        theirs = torch.normal(from_numpy(means), torch.from_numpy(std), generator=pair.theirs)
        pair.check(pair.ours.normal(mean=means, std=std), theirs, means.shape)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["dropout", "alpha_dropout"])
@pytest.mark.parametrize("p", [0.1, 0.3, 0.37, 0.5])
def test_dropout_of_16_bits(p, name, dtype):
    found = []
    for lib in (dynagrad, torch):
        lib.manual_seed(4)
        x = lib.ones(100, dtype=getattr(lib, dtype))
        found.append(getattr(lib.nn.functional, name)(x, p, True).tolist())
    assert found[0] == found[1]
