"""The random generator on its own: golden values, state, sharing, layouts."""

import copy
import hashlib
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from dynagrad.core.random import Generator, box_muller, default_generator, memory_order

SEED = 2024  # of all golden values, which PyTorch 2.13 gave


@pytest.fixture
def generator():
    return Generator(SEED)


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


def singles(*texts: str) -> np.ndarray:
    return np.array([float.fromhex(text) for text in texts], np.float32)


# Golden values


def test_uniform_values(generator):
    expected = singles("0x1.103d1p-1", "0x1.a99bf4p-1", "0x1.f194cp-1", "0x1.e8a8p-4")
    np.testing.assert_array_equal(generator.rand(4), expected)
    doubles = Generator(SEED).rand((3,), np.float64).tolist()
    hexadecimal = ["0x1.03d1183a99bf4p-2", "0x1.8ca60bd1e8a80p-1", "0x1.5743730b2ec48p-2"]
    assert [value.hex() for value in doubles] == hexadecimal


def test_uniform_values_in_a_range(generator):
    expected = singles("0x1.5a2c28p-2", "0x1.65218cp-1", "0x1.bb7f4ep-1")
    np.testing.assert_array_equal(generator.uniform(3, low=-0.3, high=0.9), expected)


def test_few_normal_values(generator):
    expected = singles("-0x1.4b321cp-5", "0x1.b9da9ep+0", "-0x1.a0c9bp-1")
    np.testing.assert_array_equal(generator.randn(3), expected)


def test_normal_values_in_blocks(generator):
    # The last 16 of 17 values are drawn again: this shows a block, its redrawing and both halves.
    some = generator.randn(17)[[0, 7, 8, 15, 16]]
    expected = (
        "-0x1.39ea92p+0",
        "0x1.5de136p+0",
        "0x1.6d1852p-1",
        "0x1.44c7aap-1",
        "-0x1.3e08dp-4",
    )
    np.testing.assert_array_equal(some, singles(*expected))


def test_normal_values_of_other_dtypes(generator):
    some = generator.randn(20, np.float64)[[0, 8, 19]]
    expected = [-0.7040247420378066, -1.9158620045555208, 0.20810610781446798]
    np.testing.assert_allclose(some, expected, rtol=1e-15)
    halves = Generator(SEED).randn(3, np.float16).tolist()
    assert halves == [-0.040435791015625, 1.7255859375, -0.81396484375]
    expected = [
        -0.028587738052010536 + 1.2204607725143433j,
        -0.5756123065948486 + 0.9702683091163635j,
    ]
    assert Generator(SEED).randn(2, np.complex64).tolist() == expected


def test_integers(generator):
    assert generator.randint(0, 1000, 6).tolist() == [112, 50, 184, 360, 523, 780]
    wide = Generator(SEED).randint(-(2**40), 2**40, 3).tolist()
    assert wide == [-512144126470, -684021872000, -980991511004]
    assert Generator(SEED).random(3, np.int32).tolist() == [378019464, 1104465402, 855165536]
    assert Generator(SEED).random(3, np.uint8).tolist() == [136, 250, 96]


def test_events(generator):
    number = generator.bernoulli(0.4, 12).astype(int).tolist()
    assert number == [1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1]
    array = Generator(SEED).bernoulli(np.full(12, 0.4, np.float32)).astype(int).tolist()
    assert array == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0]
    assert Generator(SEED).geometric(0.3, 8).tolist() == [4, 1, 4, 1, 1, 5, 3, 3]
    rates = np.array([0, 0.5, 3, 9.9, 10, 40, 1000], np.float32)
    assert Generator(SEED).poisson(rates).tolist() == [0, 0, 4, 9, 14, 40, 989]


def test_other_continuous_values(generator):
    expected = singles("0x1.2bb02cp-3", "0x1.7d8708p-1", "0x1.a21878p-3")
    np.testing.assert_array_equal(generator.exponential(3, lambd=2.0), expected)
    expected = singles("-0x1.f425c2p-1", "0x1.2b2cap+0", "-0x1.239318p-1")
    np.testing.assert_array_equal(Generator(SEED).cauchy(3), expected)
    expected = singles("0x1.40e9e2p+1", "0x1.573026p+6", "0x1.113634p-1")
    np.testing.assert_array_equal(Generator(SEED).log_normal(3), expected)


def test_samples_of_categories(generator):
    weights = np.array([[1, 2, 3, 4], [4, 0, 0, 1]], np.float32)
    drawn = generator.multinomial(weights, 6, replacement=True).tolist()
    assert drawn == [[1, 3, 2, 3, 3, 1], [0, 0, 0, 0, 0, 0]]
    assert Generator(SEED).multinomial(weights, 2).tolist() == [[2, 0], [0, 3]]


def test_permutation(generator):
    assert generator.randperm(10).tolist() == [2, 3, 0, 8, 7, 5, 1, 9, 4, 6]


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda g: g.rand(5000), "a01c7e187483eca3"),
        (lambda g: g.randn(5003), "5bfc208abf34d1a4"),
        (lambda g: g.normal(5000, mean=0.5, std=0.02), "02e11d02d800aa1a"),
        (lambda g: g.randint(0, 99, 5000), "38534d8c30e96cfb"),
        (lambda g: g.randperm(5000), "c5b8be909e9a492c"),
    ],
)
def test_many_values(draw, expected, generator):
    assert digest(draw(generator)) == expected


# The stream does not depend on how much of it is asked for at a time


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_pieces_make_the_whole(dtype, generator, rng):
    whole = generator.rand(100_000, dtype)
    again, pieces = Generator(SEED), []
    while sum(piece.size for piece in pieces) < whole.size:
        rest = whole.size - sum(piece.size for piece in pieces)
        pieces.append(again.rand(min(rest, int(rng.choice([0, 1, 7, 623, 624, 625, 5000]))), dtype))
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert digest(again.get_state()) == digest(generator.get_state())


def test_blocks_from_kept_words_equal_fresh_ones(generator):
    words = np.random.RandomState(SEED).randint(0, 1 << 32, size=624, dtype=np.uint32)
    for a, b in ((0, 16), (16, 64), (64, 624)):
        fresh = np.empty(b - a, np.float32)
        box_muller.blocks32(words[a:b], 0.0, 1.0, fresh)
        np.testing.assert_array_equal(generator.randn(b - a), fresh)


def test_second_normal_value_is_kept_for_the_next_call():
    two = Generator(SEED).randn(2)
    one_by_one = Generator(SEED)
    first = one_by_one.randn(())
    one_by_one.rand(100)
    one_by_one.randn(16)
    second = one_by_one.normal((), mean=10.0, std=2.0)
    assert first == two[0]
    assert second == pytest.approx(10 + 2 * two[1], rel=1e-6)
    kept = Generator(SEED)
    kept.randn(1)
    assert kept.manual_seed(SEED).randn(1) == two[0], "seeding forgets it"


# State


def test_state_bytes(generator):
    state = generator.get_state()
    assert state.dtype == np.uint8
    assert state.shape == (5056,)
    assert digest(state) == "88dc2922f3b13c33"
    generator.randn(3)
    generator.rand(700)
    assert digest(generator.get_state()) == "b28776aa64b00788"


@pytest.mark.parametrize("drawn", [0, 1, 3, 623, 624, 1000])
def test_state_restores_the_stream(drawn, generator):
    generator.rand(drawn)
    generator.randn(3)
    state = generator.get_state()
    expected = [generator.randn(3), generator.rand(2000), generator.randn(40)]
    other = Generator(1)
    other.rand(5)
    for restored in (generator, other):
        restored.set_state(state)
        assert restored.initial_seed() == SEED
        assert digest(restored.get_state()) == digest(state)
        for values in expected:
            np.testing.assert_array_equal(
                restored.randn(values.size) if values.size < 99 else restored.rand(2000), values
            )


def test_state_is_a_copy(generator):
    state = generator.get_state()
    before = state.copy()
    generator.rand(700)
    np.testing.assert_array_equal(state, before)
    generator.set_state(state)
    state[:] = 0
    np.testing.assert_array_equal(generator.rand(4), Generator(SEED).rand(4))


class Special(Generator):
    """A subclass, as a layer above makes one."""


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g)), Generator.clone_state],
)
@pytest.mark.parametrize("kind", [Generator, Special])
def test_copies_continue_alone(duplicate, kind):
    original = kind(SEED)
    original.randn(5)
    twin = duplicate(original)
    assert type(twin) is kind
    assert twin.initial_seed() == SEED
    expected = twin.rand(1000)
    twin.rand(10)
    np.testing.assert_array_equal(original.rand(1000), expected)


def test_seed_is_unpredictable_and_reported(generator):
    assert generator.seed() == generator.initial_seed() != Generator(SEED).seed()
    again = Generator(generator.initial_seed())
    np.testing.assert_array_equal(again.rand(3), generator.rand(3))


def test_seeds_of_the_same_low_bits_give_the_same_stream():
    assert Generator(-1).initial_seed() == 2**64 - 1
    np.testing.assert_array_equal(Generator(5).rand(9), Generator(5 + 2**32).rand(9))
    np.testing.assert_array_equal(Generator(5).rand(9), Generator(np.int64(5)).rand(9))


def test_default_generator_is_seeded_anew_in_every_process():
    program = "from dynagrad.core.random import default_generator as g; print(g.initial_seed())"
    seeds = {subprocess.check_output([sys.executable, "-c", program], text=True) for _ in range(2)}
    assert len(seeds) == 2
    assert isinstance(default_generator, Generator)


def test_import_does_not_load_numpy_random():
    program = (
        "import sys, numpy; before = 'numpy.random' in sys.modules\n"
        "import dynagrad.core.random; print(before == ('numpy.random' in sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "True\n"


# Sharing


def test_threads_share_one_stream(generator):
    drawn = []

    def draw():
        for _ in range(50):
            drawn.append(generator.rand(997).tobytes())

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = Generator(SEED)
    assert sorted(drawn) == sorted(alone.rand(997).tobytes() for _ in range(200))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_fork_while_another_thread_draws(generator):
    stop = threading.Event()
    busy = Generator(1)

    def draw():
        while not stop.is_set():
            busy.randn(20_000)

    thread = threading.Thread(target=draw)
    thread.start()
    expected = Generator(SEED).rand(700)
    try:
        for _ in range(20):
            read, write = os.pipe()
            with warnings.catch_warnings():
                # Python 3.12 warns of every fork beside threads; this one is made safe.
                warnings.simplefilter("ignore", DeprecationWarning)
                child = os.fork()
            if child == 0:
                busy.randn(3)
                os.write(write, generator.clone_state().rand(700).tobytes())
                os._exit(0)
            os.close(write)
            ready, _, _ = select.select([read], [], [], 20)
            if not ready:
                os.kill(child, signal.SIGKILL)
                pytest.fail("the child waits for a lock")
            with os.fdopen(read, "rb") as pipe:
                assert pipe.read() == expected.tobytes()
            os.waitpid(child, 0)
    finally:
        stop.set()
        thread.join()


# Layouts


@pytest.mark.parametrize(
    ("array", "axes"),
    [
        (np.zeros((2, 3, 4)), [0, 1, 2]),
        (np.zeros((2, 3, 4)).T, [2, 1, 0]),
        (np.zeros((2, 3, 4)).transpose(1, 2, 0), [2, 0, 1]),
        (np.zeros((8, 6))[::2, ::3].T, [1, 0]),
        (np.zeros(()), []),
    ],
)
def test_memory_order(array, axes):
    assert memory_order(array) == axes


def test_out_is_filled_in_memory_order(generator):
    base = np.full((4, 6), 7.0, np.float32)
    view = base.T[::2]
    assert generator.uniform(out=view) is view
    expected = Generator(SEED).rand((4, 3))
    np.testing.assert_array_equal(base[:, ::2], expected)
    assert (base[:, 1::2] == 7).all()


def test_a_strided_array_gets_normal_values_in_pairs(generator):
    strided = generator.normal(out=np.empty((40,), np.float64)[::2])
    pairs = Generator(SEED)
    expected = np.concatenate([pairs.randn(10, np.float64), pairs.randn(10, np.float64)])
    np.testing.assert_allclose(strided, expected, rtol=1e-14)
    assert not np.allclose(strided, Generator(SEED).randn(20, np.float64))


def test_complex_parts_are_two_real_values(generator):
    parts = Generator(SEED).rand((3, 2))
    np.testing.assert_array_equal(generator.rand(3, np.complex64), parts[:, 0] + 1j * parts[:, 1])
    out = np.empty((3, 2), np.complex128).T
    filled = Generator(SEED).uniform(out=out)
    parts = Generator(SEED).rand((3, 2, 2), np.float64)
    np.testing.assert_array_equal(filled.T, parts[..., 0] + 1j * parts[..., 1])


def test_shapes(generator):
    assert generator.rand(()).shape == ()
    assert generator.randn((2, 0, 3)).shape == (2, 0, 3)
    assert generator.randint(0, 3, (2, 2), np.int8).dtype == np.int8
    assert generator.bernoulli(np.array(0.5), (3, 2)).shape == (3, 2)
    assert generator.normal(mean=np.zeros((3, 1)), std=np.ones(4)).shape == (3, 4)
    assert generator.multinomial(np.ones((0, 3)), 2).shape == (0, 2)
    before = generator.get_state()
    generator.randn(0)
    generator.randperm(1)
    assert digest(generator.get_state()) == digest(before), "nothing drawn"


def test_narrow_floats_never_reach_the_upper_bound(generator):
    assert generator.rand(100_000, np.float16).max() < 1
    assert (generator.uniform(10_000, np.float16, 1.0, 1.002) == 1.0).any()
    assert generator.uniform(10_000, np.float16, 1.0, 1.002).max() < np.float16(1.002)


# Errors that have no counterpart in PyTorch, or another form


def test_errors_say_what_was_given_and_what_to_do(generator):
    with pytest.raises(RuntimeError, match=r"(?s)expected a long, but got str.*'a'.*int\(value\)"):
        generator.manual_seed("a")
    with pytest.raises(ValueError, match=r"(?s)Overflow.*36893488147419103232.*from -2\*\*63"):
        generator.manual_seed(2**65)
    with pytest.raises(TypeError, match=r"(?s)must be a torch.ByteTensor.*list.*get_state\(\)"):
        generator.set_state([1, 2])
    state = generator.get_state()
    state[8:12] = np.frombuffer(np.int32(5).tobytes(), np.uint8)
    with pytest.raises(RuntimeError, match=r"(?s)Invalid mt19937 state.*left 5, next 0"):
        generator.set_state(state)
    np.testing.assert_array_equal(generator.rand(4), Generator(SEED).rand(4))
    with pytest.raises(NotImplementedError, match="(?s)not implemented for 'Long'.*float32"):
        generator.randn(3, np.int64)
    with pytest.raises(NotImplementedError, match="not implemented for 'Bool'"):
        generator.randperm(3, bool)
    with pytest.raises(RuntimeError, match=r"(?s)out of bounds for int8.*300.*-128 to 127"):
        generator.randint(0, 301, 2, np.int8)
