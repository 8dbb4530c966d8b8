"""Large random draws by compiled kernels: the same bits, and the same stream, as NumPy's."""

import pickle
import threading

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from dynagrad.compiler.eager import eager_kernels, words
from dynagrad.compiler.eager.library import Family
from dynagrad.compiler.native import llvm as native
from dynagrad.compiler.native.target import using_target
from dynagrad.core.random import Generator
from dynagrad.ops import compiled

SIZES = (16, 4096, 9984, 10000, 33333, 70001)


@pytest.fixture(params=["native", "x86-64", "x86-64-v3"])
def target(request, monkeypatch):
    """Kernels for this machine and for older ones."""
    with using_target(request.param):
        try:
            native.target()
        except ValueError as reason:
            pytest.skip(str(reason))
        monkeypatch.setattr(words, "_family", Family(words._write_made))
        yield request.param


def draws(n, dtype):
    """What a generator makes in a row, small and large, and its state."""
    g = Generator(n)
    made = [g.rand((7,), dtype), g.randn((n,), dtype), g.rand((n,), dtype), g.randn((3,), dtype)]
    made += [g.normal((n,), dtype, 0.3, 2.5), g.uniform((n,), dtype, -1.0, 2.0)]
    made += [g.bernoulli(0.3, (n,), dtype), g.bernoulli(0.3, (n,), np.bool_)]
    made += [g.randint(0, 1000, (n,)), g.bernoulli(np.full(n, 0.3, dtype))]
    return [*made, g.get_state(), g.rand((1000,), dtype)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", SIZES)
def test_kernels_make_the_same_bits(n, dtype, target):
    found = draws(n, dtype)
    with eager_kernels(False):
        expected = draws(n, dtype)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def test_large_draws_ask_for_the_kernels(monkeypatch):
    asked = []
    run = words._family.run
    monkeypatch.setattr(words._family, "run", lambda name, *a: (asked.append(name), run(name, *a)))
    draws(20000, np.float32)
    draws(20000, np.float64)
    assert set(asked) == {
        *("words", "unit32", "unit64", "normals32", "normals64"),
        *("events_float", "events_double", "events_i8"),
    }


def test_a_state_is_that_of_numpy_whatever_made_it():
    g = Generator(5)
    g.randn((20000,))
    state = g.get_state()
    following = g.randn((30000,))
    restored = Generator(1)
    restored.set_state(state)
    with eager_kernels(False):
        assert restored.randn((30000,)).tobytes() == following.tobytes()
    g.set_state(state)
    assert g.randn((30000,)).tobytes() == following.tobytes()
    g.set_state(state)
    assert pickle.loads(pickle.dumps(g)).randn((30000,)).tobytes() == following.tobytes()


def test_switching_in_the_middle_goes_on_with_the_stream():
    g, h = Generator(3), Generator(3)
    found = []
    for i in range(6):
        with eager_kernels(i % 2 == 0):
            found.append(g.rand((15000,)))
            found.append(g.rand((100,)))
    with eager_kernels(False):
        for part in found:
            assert h.rand(part.shape).tobytes() == part.tobytes()


def test_reseeding_forgets_the_kernels_state():
    g = Generator(3)
    first = g.randn((20000,))
    g.manual_seed(3)
    with eager_kernels(False):
        assert g.randn((20000,)).tobytes() == first.tobytes()


def test_normals_without_a_common_sine_and_cosine(monkeypatch):
    whole = words._functions()
    expected = Generator(4).randn((20000,), np.float64)
    monkeypatch.setattr(words, "_functions", lambda: (whole[0], 0, *whole[2:]))
    assert Generator(4).randn((20000,), np.float64).tobytes() == expected.tobytes()


def test_arrays_in_other_orders_and_narrow_dtypes():
    def filled():
        g = Generator(2)
        array = np.empty((200, 100), np.float32).T
        g.normal(out=array)
        return array.copy(), g.randn((20000,), np.float16), g.rand((20000,), np.float16)

    found = filled()
    with eager_kernels(False):
        expected = filled()
    for a, b in zip(found, expected, strict=True):
        assert a.tobytes() == b.tobytes()


def test_threads_share_a_stream():
    g = Generator(11)
    made = []
    threads = [threading.Thread(target=lambda: made.append(g.rand((19968,)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Generator(11).rand((4 * 19968,)).reshape(4, -1)
    assert sorted(part[0] for part in made) == sorted(whole[:, 0])
    assert {part.tobytes() for part in made} == {row.tobytes() for row in whole}


def test_kernels_are_found_by_name():
    with eager_kernels(True):
        assert compiled.KERNELS["words"] is words.words
    with eager_kernels(False):
        assert compiled.KERNELS["words"] is None
