"""Bad input to the generator is refused as PyTorch refuses it."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dynagrad.core.random import Generator  # noqa: E402

F16, F32 = np.float16, np.float32

# What is wrong, our call and PyTorch's with it
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
        torch.empty(3, dtype=getattr(torch, np.dtype(dtype).name)).random_(low, high)
    with pytest.raises(RuntimeError, match="is out of bounds for"):
        Generator().randint(low, high, 3, dtype)
