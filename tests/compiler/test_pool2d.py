"""Pooling as native code, against the library's own in NumPy."""

import random

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from kernel_calls import SCALARS, TARGETS, available, run  # noqa: E402

import dynagrad as dg  # noqa: E402
from dynagrad.compiler.kernels import pool2d  # noqa: E402
from dynagrad.compiler.kernels.pool2d import Axis, Pooling  # noqa: E402

F = dg.nn.functional
EVERY_TARGET = pytest.mark.parametrize("target", available())


def any_pooling(chance):
    """Sizes and the arguments of pooling: kernel, stride, padding, dilation, ceil_mode."""
    while True:
        size = chance.randint(1, 20), chance.randint(1, 40)
        kernel = chance.choice([(2, 2), (2, 2), (3, 3), (1, 1), (2, 3), (5, 9), (3, 1)])
        stride = chance.choice([(2, 2), (2, 2), kernel, (1, 1), (2, 1), (3, 2)])
        dilation = chance.choice([(1, 1), (1, 1), (2, 2)])
        padding = chance.randint(0, kernel[0] // 2), chance.randint(0, kernel[1] // 2)
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        room = [n + 2 * p for n, p in zip(size, padding, strict=True)]
        if all(r <= n for r, n in zip(reach, room, strict=True)):
            return size, (kernel, stride, padding), dilation, chance.random() < 0.3


def plan_of(x, y, arguments, dilation):
    """The Pooling from x to y."""
    steps = zip(*arguments, dilation, y.shape[2:], strict=True)
    axes = [Axis(k, s, p, d, n) for k, s, p, d, n in steps]
    return Pooling(SCALARS[x.dtype.char], x.shape[0] * x.shape[1], x.shape[2:], *axes)


def integers(draw, shape, dtype, chance):
    """Numbers with many equal ones; often some infinities or nan among them."""
    x = draw.integers(-3, 4, shape).astype(dtype)
    if chance.random() < 0.5:
        x[draw.random(shape) < 0.2] = -np.inf
    if chance.random() < 0.3:
        x[draw.random(shape) < 0.1] = np.nan
    return x


@EVERY_TARGET
@pytest.mark.parametrize("case", range(10))
def test_the_largest_element_and_its_gradient(case, target):
    draw, chance = np.random.default_rng(case), random.Random(case)
    size, arguments, dilation, ceil = any_pooling(chance)
    x = integers(draw, (chance.randint(0, 3), 2, *size), chance.choice("fd"), chance)
    given = dg.tensor(x, requires_grad=True)
    y, places = F.max_pool2d(given, *arguments, dilation, ceil, return_indices=True)
    g = draw.standard_normal(y.shape).astype(x.dtype)
    y.backward(dg.tensor(g))
    p = plan_of(x, y, arguments, dilation)
    largest, alone = np.zeros(y.shape, x.dtype), np.zeros(y.shape, x.dtype)
    taps = np.zeros(y.shape, np.uint8 if pool2d.tap_type(p) == "i8" else np.int32)
    machine, cuts = TARGETS[target], (1, 3)
    run(pool2d.max_pool("pool", p, machine, taps=True), target, x, largest, taps, cuts=cuts)
    run(pool2d.max_pool("pool", p, machine), target, x, alone, cuts=cuts)
    np.testing.assert_array_equal(largest, y.detach().numpy())
    np.testing.assert_array_equal(alone, largest)
    down, right = np.divmod(taps.astype(int), p.columns.size)
    rows = np.arange(p.rows.count)[:, None] * p.rows.stride - p.rows.before
    columns = np.arange(p.columns.count) * p.columns.stride - p.columns.before
    at = (rows + down * p.rows.dilation) * size[1] + columns + right * p.columns.dilation
    np.testing.assert_array_equal(at, places.numpy())
    dx = np.full_like(x, np.nan)
    run(pool2d.max_back("pool", p, machine), target, g, taps, dx, cuts=cuts)
    np.testing.assert_allclose(dx, given.grad.numpy(), rtol=1e-5, atol=1e-6)


@EVERY_TARGET
@pytest.mark.parametrize("case", range(10))
def test_the_mean_and_its_gradient(case, target):
    draw, chance = np.random.default_rng(case), random.Random(case)
    size, arguments, _, ceil = any_pooling(chance)
    if any(n + 2 * p < k for n, p, k in zip(size, arguments[2], arguments[0], strict=True)):
        return
    x = draw.standard_normal((chance.randint(0, 3), 2, *size)).astype(chance.choice("fd"))
    divisor, padded = chance.choice([None, None, 3]), chance.random() < 0.5
    given = dg.tensor(x, requires_grad=True)
    y = F.avg_pool2d(given, *arguments, ceil, padded, divisor)
    g = draw.standard_normal(y.shape).astype(x.dtype)
    y.backward(dg.tensor(g))
    p, how = plan_of(x, y, arguments, (1, 1)), {"divisor": divisor, "padded": padded}
    mean, dx = np.zeros(y.shape, x.dtype), np.full_like(x, np.nan)
    run(pool2d.mean_pool("pool", p, TARGETS[target], **how), target, x, mean, cuts=(2,))
    run(pool2d.mean_back("pool", p, TARGETS[target], **how), target, g, dx, cuts=(2,))
    np.testing.assert_allclose(mean, y.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, given.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("width", [*range(2, 20), 31, 32, 33, 34, 35])
def test_windows_side_by_side_for_every_width(width):
    x = np.random.default_rng(width).standard_normal((1, 2, 5, width)).astype(np.float32)
    given = dg.tensor(x, requires_grad=True)
    y = F.max_pool2d(given, 2)
    y.backward(y.detach())
    p = plan_of(x, y, ((2, 2), (2, 2), (0, 0)), (1, 1))
    assert p.exact
    largest, taps, dx = np.zeros(y.shape, "f"), np.zeros(y.shape, np.uint8), np.full_like(x, 9)
    target = available()[width % len(available())]
    run(pool2d.max_pool("pool", p, TARGETS[target], taps=True), target, x, largest, taps)
    run(pool2d.max_back("pool", p, TARGETS[target]), target, largest, taps, dx)
    np.testing.assert_array_equal(largest, y.detach().numpy())
    np.testing.assert_array_equal(dx, given.grad.numpy())


def test_a_large_window_has_wide_numbers_of_taps():
    x = np.random.default_rng(1).standard_normal((1, 3, 16, 17))
    given = dg.tensor(x, requires_grad=True)
    y = F.max_pool2d(given, (16, 16), 1)
    y.sum().backward()
    p = plan_of(x, y, ((16, 16), (1, 1), (0, 0)), (1, 1))
    assert pool2d.tap_type(p) == "i32"
    largest, taps, dx = np.zeros(y.shape), np.zeros(y.shape, np.int32), np.zeros_like(x)
    run(pool2d.max_pool("pool", p, TARGETS["native"], taps=True), "native", x, largest, taps)
    run(pool2d.max_back("pool", p, TARGETS["native"]), "native", np.ones(y.shape), taps, dx)
    np.testing.assert_array_equal(largest, y.detach().numpy())
    np.testing.assert_array_equal(dx, given.grad.numpy())
