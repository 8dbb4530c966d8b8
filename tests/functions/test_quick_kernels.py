"""Kernels of many elements, or of few, that take another way than the formula: against the formula.

Each must agree with it at both sizes, for infinities, nan and signed zeros.
"""

import math

import numpy as np
import pytest

import dynagrad as dg
from dynagrad.nn import functional as F

DRAWS = np.random.default_rng(11)
ENDS = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-30, -1e-30, 1e30, -1e30, 3.9999, -3.9999]
SIZES = [0, 60, 20_000, 70_000]


def drawn(size: int, dtype: type = np.float32) -> np.ndarray:
    """Normal numbers with infinities, nan and zeros of both signs among them."""
    x = DRAWS.normal(0, 3, size)
    x[: len(ENDS)] = ENDS[:size]
    return x.astype(dtype)


def same(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal to the bit, but for the payloads of nan."""
    np.testing.assert_array_equal(found, expected)
    real = ~np.isnan(expected)
    assert (np.signbit(found) == np.signbit(expected))[real].all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
@pytest.mark.parametrize("size", SIZES)
def test_selection(size: int, dtype: type) -> None:
    x, y = [np.nan_to_num(drawn(size)).clip(-99, 99).astype(dtype) for _ in range(2)]
    if np.dtype(dtype).kind == "f":
        x[:5] = np.array(ENDS[:5])[: x[:5].size]
    mask = DRAWS.random(size) < 0.5
    condition = dg.from_numpy(mask)
    found = dg.where(condition, dg.from_numpy(x), dg.from_numpy(y)).numpy()
    same(found, np.where(mask, x, y))
    filled = dg.from_numpy(x).masked_fill(condition, 2.0).numpy()
    same(filled, np.where(mask, np.array(2, dtype), x))


@pytest.mark.parametrize("shape", [(300, 200), (3, 4)])
def test_selection_of_other_layouts(shape: tuple[int, int]) -> None:
    x = DRAWS.normal(size=shape).astype(np.float32)
    row, mask = x[:1], x > 0
    found = dg.where(dg.from_numpy(mask), dg.from_numpy(row), dg.from_numpy(x))
    same(found.numpy(), np.where(mask, row, x))
    turned = dg.where(dg.from_numpy(mask).t(), dg.from_numpy(x).t(), dg.from_numpy(x.T + 1))
    same(turned.numpy(), np.where(mask.T, x.T, x.T + 1))


@pytest.mark.parametrize("size", SIZES)
def test_gelu(size: int) -> None:
    x = drawn(size)
    exact = np.array([v * 0.5 * math.erfc(-v * math.sqrt(0.5)) for v in x.astype(float).tolist()])
    found = F.gelu(dg.from_numpy(x)).numpy()
    near = np.isfinite(exact)
    assert (np.abs(found[near] - exact[near]) <= 1.6e-7 * np.abs(x[near])).all()
    assert np.isnan(found[np.isnan(x)]).all()


@pytest.mark.parametrize("beta", [1.0, 2.0])
@pytest.mark.parametrize("size", SIZES)
def test_softplus(size: int, beta: float) -> None:
    x = drawn(size)
    with np.errstate(all="ignore"):
        exact = np.logaddexp(x.astype(float) * beta, 0) / beta
    found = F.softplus(dg.from_numpy(x), beta).numpy()
    np.testing.assert_allclose(found, exact, 4e-7)


@pytest.mark.parametrize("slope", [0.01, 1.0, 0.0, -0.5, 3.0])
@pytest.mark.parametrize("size", SIZES)
def test_straight_pieces(size: int, slope: float) -> None:
    x = drawn(size)
    t = dg.from_numpy(x)
    with np.errstate(all="ignore"):
        same(F.leaky_relu(t, slope).numpy(), np.where(x > 0, x, x * np.float32(slope)))
    np.testing.assert_array_equal(F.relu(t).numpy(), np.maximum(x, 0))
    np.testing.assert_array_equal(t.clamp(-1, 2).numpy(), np.minimum(np.maximum(x, -1), 2))
    np.testing.assert_array_equal(t.clamp(max=2).numpy(), np.minimum(x, 2))
    np.testing.assert_array_equal(t.clamp(2, 1).numpy(), np.where(np.isnan(x), x, 1))


@pytest.mark.parametrize("scale", [1, 200])
@pytest.mark.parametrize("shape", [(3, 5), (4, 40), (2, 3, 7), (2, 5000), (1, 1)])
def test_rows(shape: tuple[int, ...], scale: float) -> None:
    x = (DRAWS.normal(0, 1, shape) * scale).astype(np.float32)
    t, wide = dg.from_numpy(x), x.astype(float)
    e = np.exp(wide - wide.max(-1, keepdims=True))
    total = e.sum(-1, keepdims=True)
    np.testing.assert_allclose(dg.softmax(t, -1).numpy(), e / total, 1e-5, 1e-37)
    logs = wide - wide.max(-1, keepdims=True) - np.log(total)
    np.testing.assert_allclose(dg.log_softmax(t, -1).numpy(), logs, 2e-6, 2e-6)
    d = wide - wide.mean(-1, keepdims=True)
    standard = d / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(F.layer_norm(t, shape[-1:]).numpy(), standard, 1e-4, 1e-5)


def test_rows_with_infinities() -> None:
    inf, nan = math.inf, math.nan
    x = dg.tensor([[0.0, -inf, 0.0], [inf, 0.0, 0.0], [nan, 0.0, 0.0], [-inf, -inf, -inf]])
    found = dg.softmax(x, 1).tolist()
    assert found[0] == [0.5, 0.0, 0.5]
    assert all(v != v for row in (found[2], found[3]) for v in row)
    assert found[1][0] != found[1][0]


def test_short_paths_leave_unusual_calls_to_the_general_half() -> None:
    x, whole = dg.randn(2, 3), dg.ones(2, 3, dtype=dg.int64)
    with pytest.raises(RuntimeError, match="boolean tensor"):
        dg.where(x, x, x)
    with pytest.raises(TypeError):
        dg.maximum(x, 2.0)
    assert dg.maximum(x, whole).dtype == dg.float32
    assert (whole & 3).tolist() == [[1, 1, 1], [1, 1, 1]]
    out = dg.empty(2, 3)
    assert dg.clamp(x, 0.0, 1.0, out=out) is out
    x.requires_grad_()
    assert type(dg.lerp(x, x, 0.3).grad_fn).__name__ == "LerpBackward0"
    assert type(F.silu(x).grad_fn).__name__ == "SiluBackward0"


@pytest.mark.parametrize("logits", [[6.0, -6.0], [20.0, 0.0], [-50.0, -51.0], [0.5, 0.25]])
@pytest.mark.parametrize("repeats", [1, 600])
def test_confident_predictions_keep_their_digits(logits: list[float], repeats: int) -> None:
    x = np.array([logits] * repeats, np.float32)
    d = x.astype(float)
    exact = d - np.log(np.exp(d - d.max(1, keepdims=True)).sum(1, keepdims=True)) - d.max()
    found = dg.log_softmax(dg.from_numpy(x), 1).numpy()
    assert (found <= 0).all()
    np.testing.assert_allclose(found, exact, 4e-7, 6e-8)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_running_sums_before_an_infinity_are_finite(bad: float, reverse: bool) -> None:
    x = np.ones((5, 20), np.float32)
    x[2, 7] = bad
    t = dg.from_numpy(x)
    found = t.flip(1).cumsum(1).flip(1) if reverse else t.cumsum(1)
    expected = np.cumsum(x[:, ::-1], 1)[:, ::-1] if reverse else np.cumsum(x, 1)
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("columns", [32, 33, 100, 402])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_long_rows(columns: int, dtype: type) -> None:
    x = (1 + DRAWS.normal(0, 0.05, (16384 // columns, columns))).astype(dtype)
    exact = np.multiply.reduce(x.astype(float), 1)
    np.testing.assert_allclose(dg.from_numpy(x).prod(1).numpy(), exact, 1e-5)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_signs_of_zeros(zero: float) -> None:
    v = np.linspace(-1, 1, 80, dtype=np.float32)
    v[3] = zero
    t = dg.from_numpy(v)
    same(dg.outer(t, t).numpy(), np.multiply.outer(v, v))
    same((t * zero).numpy(), v * np.float32(zero))
    same(t.masked_fill(t > 0.5, zero).numpy(), np.where(v > 0.5, np.float32(zero), v))
    same(dg.clamp(-t.abs() - 1, min=zero).numpy(), np.full(80, zero, np.float32))
