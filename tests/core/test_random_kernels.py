"""What the random draws are made of: shuffles without a loop, and arithmetic rounded once."""

import math

import numpy as np
import pytest

from dynagrad.core.random import Generator, box_muller, shuffle

# Shuffles


def swap_loop(words, n):
    order = list(range(n))
    for i in range(n - 1):
        j = i + int(words[i]) % (n - i)
        order[i], order[j] = order[j], order[i]
    return order


def inside_out_loop(target):
    order = [0] * len(target)
    for i, place in enumerate(target):
        order[i] = order[place]
        order[place] = i
    return order


@pytest.mark.parametrize(
    "n", [0, 1, 2, 3, 4, 5, 17, 100, 399, 400, 5000, 65535, 65536, 65537, 90000]
)
def test_shuffles_equal_their_loops(n, rng, monkeypatch):
    words = rng.integers(0, 1 << 32, max(n - 1, 0), dtype=np.uint32)
    expected = swap_loop(words, n)
    assert shuffle.swap_shuffle(words, n).tolist() == expected
    if n > 1:
        monkeypatch.setattr(shuffle, "_LOOP_BELOW", 0)
        assert shuffle.swap_shuffle(words, n).tolist() == expected
        target = rng.integers(0, np.arange(1, n + 1))
        assert shuffle.inside_out_shuffle(target).tolist() == inside_out_loop(target.tolist())


@pytest.mark.parametrize(
    "target", [[0] * 9, list(range(9)), [0, 0, 1, 2, 3, 4, 5], [0, 1, 0, 1, 0]]
)
def test_inside_out_shuffle_of_special_targets(target):
    order = shuffle.inside_out_shuffle(np.array(target))
    assert order.tolist() == inside_out_loop(target)


def test_a_large_permutation_takes_64_bits_an_element(monkeypatch):
    monkeypatch.setattr("dynagrad.core.random.generator._LARGE_PERMUTATION", 1000)
    words = np.random.RandomState(7).randint(0, 1 << 32, size=2000, dtype=np.uint64)
    target = ((words[0::2] << np.uint64(32)) | words[1::2]) % np.arange(1, 1001, dtype=np.uint64)
    assert Generator(7).randperm(1000).tolist() == inside_out_loop(target.tolist())


# Rounding


def once_rounded_fma(a, b, c, out):
    """a * b + c rounded to float32 once: the float64 sum is first rounded to odd."""
    product, c = np.multiply(a, b, dtype=np.float64), np.asarray(c, np.float64)
    total = product + c
    back = total - product
    error = (product - (total - back)) + (c - back)
    bits = total.view(np.int64)
    away = np.where((error > 0) == (total > 0), 1, -1)
    bits += np.where((error != 0) & (bits & 1 == 0), away, 0)
    out[...] = total.astype(np.float32)


@pytest.mark.parametrize(
    "part", [pytest.param(p, marks=pytest.mark.long) for p in range(16)] + [None]
)
def test_two_roundings_are_as_good_as_one(part, monkeypatch):
    """All arguments that the float32 logarithm, sine and cosine can get; else one in 257."""
    if part is None:
        k = np.arange(0, 1 << 24, 257, dtype=np.int32)
    else:
        k = np.arange(part << 20, (part + 1) << 20, dtype=np.int32)
    given = [box_muller.log32(k + 1), *box_muller.sincos32(k)]
    monkeypatch.setattr(box_muller, "_fma", once_rounded_fma)
    expected = [box_muller.log32(k + 1), *box_muller.sincos32(k)]
    for ours, exact in zip(given, expected, strict=True):
        np.testing.assert_array_equal(ours.view(np.int32), exact.view(np.int32))
    turn = 2 * np.pi * k.astype(np.float64) / 2**24
    for ours, true in zip(
        given, (np.log((k + 1) / 2**24), np.sin(turn), np.cos(turn)), strict=True
    ):
        np.testing.assert_allclose(ours, true, rtol=3e-7, atol=6e-7)


def test_logarithms_near_the_middle_of_two_singles(rng, monkeypatch):
    """A log1p that errs in the last bit, as some of NumPy's do, must not show in float32."""
    x = -rng.random(2000)
    middles = np.float64(np.float32(rng.random(200))) + 2.0**-26
    x[:200] = np.expm1(-middles)
    expected = -box_muller.libm(math.log1p, x)
    low = expected[:200].view(np.int64) & 0x1FFFFFFF
    assert (np.abs(low - 0x10000000) <= 2).sum() > 20, "no doubtful values"
    for direction in (-9.0, 9.0):
        wrong = np.nextafter(-expected, direction)
        monkeypatch.setattr(np, "log1p", lambda _, wrong=wrong: wrong)
        single = box_muller.scaled_log1p(x, -1.0, np.dtype("float32")).astype(np.float32)
        np.testing.assert_array_equal(single, expected.astype(np.float32))
    assert (np.nextafter(expected, 9).astype(np.float32) != expected.astype(np.float32)).any()


def test_fused_multiply_add_in_float64(rng):
    exact = np.longdouble  # 64 bits of precision on x86-64 say more than float64's 53
    if np.finfo(exact).nmant < 63:
        pytest.skip("needs a wider float")
    x = rng.normal(size=2000)
    for scale, shift in ((0.3, 0.7), (1.7, -1e-3), (1e3, 1e-8), (0.1, 0.1)):
        ours = box_muller.fma64(x, scale, shift)
        error = np.abs((exact(x) * exact(scale) + exact(shift) - ours).astype(np.float64))
        assert (error <= np.spacing(np.abs(ours)) * 0.5002).all()
    assert box_muller.fma64(np.array([1e300, 2.0]), 1e10, 1.0).tolist() == [np.inf, 2e10 + 1]
