"""Matrix products as native code, against NumPy in float64."""

import random

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from kernel_calls import (  # noqa: E402
    BOTH_ENDS,
    POSIX,
    SCALARS,
    TARGETS,
    available,
    fenced,
    guarded,
    run,
)

from dynagrad.compiler.kernels.blocks import blocks_for  # noqa: E402
from dynagrad.compiler.kernels.gemm import Matrix, Product, choose, gemm  # noqa: E402
from dynagrad.compiler.kernels.machine import Machine, machine_for  # noqa: E402
from dynagrad.compiler.native.target import Target  # noqa: E402

EVERY_TARGET = pytest.mark.parametrize("target", available())


def matrix(draw, rows, columns, dtype, batch=(), transposed=False, extra=0):
    """A random matrix in memory as asked for; `extra` elements lie between its lines."""
    shape = (columns, rows) if transposed else (rows, columns)
    room = guarded(draw.standard_normal((*batch, shape[0], shape[1] + extra)).astype(dtype))
    room = room[..., : shape[1]]
    return room.swapaxes(-1, -2) if transposed else room


def place(x):
    """The layout of an array."""
    steps = [s // x.itemsize for s in x.strides]
    return Matrix(steps[-2], steps[-1], tuple(steps[:-2]))


def product(a, b, c, accumulate=False):
    """c = a @ b as a Product."""
    (m, k), n, scalar = a.shape[-2:], b.shape[-1], SCALARS[a.dtype.char]
    where = place(a), place(b), place(c)
    return Product(scalar, m, n, k, *where, c.shape[:-2], accumulate)


def close(got, a, b, start=0.0):
    """Compare with the product in float64, up to what rounding each product once would give."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    limit = (np.abs(a) @ np.abs(b) + np.abs(start)) * np.finfo(got.dtype).eps * 4 + 1e-30
    assert (np.abs(got - (a @ b + start)) <= limit).all()


@EVERY_TARGET
@pytest.mark.parametrize("size", range(1, 41))
def test_every_small_size(size, target):
    draw, chance = np.random.default_rng(size), random.Random(size)
    m, n, k = chance.sample([size, chance.randint(1, 40), chance.randint(1, 40)], 3)
    dtype = chance.choice("fd")
    a = matrix(draw, m, k, dtype, transposed=chance.random() < 0.5)
    b = matrix(draw, k, n, dtype, transposed=chance.random() < 0.5)
    c = guarded(np.full((m, n), np.nan, dtype))
    plan = gemm("product", product(a, b, c), TARGETS[target])
    run(plan, target, a, b, c)
    close(c, a, b)


@pytest.mark.parametrize("case", range(30))
def test_any_blocks_ranges_batches_and_strides(case):
    draw, chance = np.random.default_rng(case), random.Random(case)
    target = chance.choice(available())
    m, n, k = (chance.choice([1, 2, 7, 16, 33, 50]) for _ in range(3))
    batch, dtype = chance.choice([(), (3,), (2, 3)]), chance.choice("fd")
    a = matrix(draw, m, k, dtype, batch, chance.random() < 0.5, chance.choice([0, 3]))
    b = matrix(draw, k, n, dtype, batch, chance.random() < 0.5, chance.choice([0, 3]))
    c = matrix(draw, m, n, dtype, batch, extra=chance.choice([0, 5]))
    p = product(a, b, c, chance.random() < 0.4)
    blocks = blocks_for(p, TARGETS[target])
    if not blocks.dots:
        blocks = blocks._replace(
            depth=chance.choice([8, 16, 100]),
            high=chance.choice([1, 2, 100]),
            pack_a=chance.random() < 0.5,
            pack_b=blocks.pack_b or chance.random() < 0.5,
        )
    blocks = blocks._replace(axis=chance.choice(["batch", "rows", "columns"]))
    before = c.copy()
    around = c.base.copy() if c.base is not None else c
    plan = gemm("product", p, TARGETS[target], blocks=blocks)
    run(plan, target, a, b, c, cuts=(chance.randint(0, 3), chance.randint(0, 9)))
    close(c, a, b, before if p.accumulate else 0.0)
    c[...] = before
    assert np.array_equal(c.base if c.base is not None else c, around, equal_nan=True)


@EVERY_TARGET
@pytest.mark.parametrize("transposed", [False, True])
def test_products_larger_than_the_caches_ask_for_memory_ahead(transposed, target):
    draw = np.random.default_rng(7)
    machine = TARGETS[target]._replace(l1=1 << 10, l2=18 << 10)
    a = matrix(draw, 70, 259, "f", transposed=transposed)
    b = matrix(draw, 259, 70, "f", transposed=transposed)
    c = guarded(np.zeros((70, 70), np.float32))
    p = product(a, b, c)
    # The last of the sums' blocks has fewer steps than a tile has rows.
    blocks = blocks_for(p, machine)._replace(depth=128, pack_a=False, axis="columns")
    plan = gemm("product", p, machine, blocks=blocks)
    run(plan, target, a, b, c, cuts=(1,))
    close(c, a, b)
    levels = {f"i32 {near}, i32 1)" in plan.ir for near in (2, 3)}
    assert levels == {True}


@EVERY_TARGET
def test_batches_ask_for_the_next_product(target):
    draw = np.random.default_rng(8)
    machine = TARGETS[target]._replace(l1=1 << 10, l2=8 << 10)
    a = matrix(draw, 20, 16, "f", (3, 2), transposed=True)
    b = matrix(draw, 16, 8, "f", (3, 2))
    c = guarded(np.zeros((3, 2, 20, 8), np.float32))
    plan = gemm("product", product(a, b, c), machine)
    run(plan, target, a, b, c, cuts=(1, 4))
    close(c, a, b)
    assert "i32 2, i32 1)" in plan.ir


@EVERY_TARGET
@pytest.mark.parametrize(
    ("shape", "b_transposed"),
    [((1, 70, 65), True), ((70, 1, 65), True), ((64, 2, 200), False), ((3, 60, 133), True)],
)
def test_thin_products_run_along_k(shape, b_transposed, target):
    m, n, k = shape
    draw = np.random.default_rng(3)
    a = matrix(draw, m, k, "f")
    b = matrix(draw, k, n, "f", transposed=b_transposed)
    c = guarded(np.zeros((m, n), np.float32))
    p = product(a, b, c)
    assert blocks_for(p, TARGETS[target]).dots
    run(gemm("product", p, TARGETS[target]), target, a, b, c, cuts=(1, 2))
    close(c, a, b)


def test_a_column_of_results_from_a_transposed_matrix():
    draw = np.random.default_rng(4)
    a, b = matrix(draw, 83, 45, "d", transposed=True), matrix(draw, 45, 1, "d")
    c = guarded(np.zeros((83, 1)))
    run(gemm("product", product(a, b, c), TARGETS["native"]), "native", a, b, c)
    close(c, a, b)


@pytest.mark.parametrize("shape", [(0, 5, 4), (5, 0, 4), (0, 0, 0)])
def test_nothing_to_compute(shape):
    m, n, k = shape
    p = Product("float", m, n, k, Matrix(k, 1), Matrix(n, 1), Matrix(n, 1))
    plan = gemm("product", p, TARGETS["native"])
    assert plan.units == 0
    c = np.ones(3, np.float32)
    run(plan, "native", c, c, c)
    assert (c == 1).all()


@pytest.mark.parametrize("accumulate", [False, True])
def test_an_empty_sum_is_zero(accumulate):
    p = Product("double", 3, 5, 0, Matrix(0, 1), Matrix(5, 1), Matrix(5, 1), (), accumulate)
    c = np.full((3, 5), 7.0)
    run(gemm("product", p, TARGETS["native"]), "native", np.ones(1), np.ones(1), c)
    assert (c == (7.0 if accumulate else 0.0)).all()


@EVERY_TARGET
@pytest.mark.parametrize("shape", [(20, 37, 50), (5, 1, 64), (13, 70, 3)])
def test_an_epilogue_sees_each_result_once(shape, target):
    """relu(a @ b + bias[column] + residual[row, column]), also where sums go through blocks."""
    m, n, k = shape
    draw = np.random.default_rng(5)
    a, b = matrix(draw, m, k, "f", (2,)), matrix(draw, k, n, "f", (2,))
    c = guarded(np.zeros((2, m, n), np.float32))
    bias = guarded(draw.standard_normal(n).astype(np.float32))
    rest = guarded(draw.standard_normal((2, m, n)).astype(np.float32))

    def epilogue(e, value, row, column, kind):
        more = e.load(e.at("%bias", column), kind)
        value = e.op("fadd", kind, value, more)
        more = e.load(e.at("%rest", e.add(e.mul(row, n), column)), kind)
        value = e.op("fadd", kind, value, more)
        return e.call("maximum", kind, value, "zeroinitializer" if "<" in kind else "0.0")

    p = product(a, b, c)
    blocks = blocks_for(p, TARGETS[target])
    if not blocks.dots:
        blocks = blocks._replace(depth=24)
    extra = {"epilogue": epilogue, "operands": ["bias", "rest"]}
    run(gemm("product", p, TARGETS[target], blocks=blocks, **extra), target, a, b, c, bias, rest)
    wanted = np.maximum(a.astype("d") @ b + bias + rest, 0)
    np.testing.assert_allclose(c, wanted, rtol=1e-5, atol=1e-5)


def test_long_sums_are_as_exact_as_blas():
    draw = np.random.default_rng(6)
    a = np.abs(draw.standard_normal((9, 60000))).astype(np.float32)
    b = np.abs(draw.standard_normal((60000, 40))).astype(np.float32)
    c = np.zeros((9, 40), np.float32)
    run(gemm("product", product(a, b, c), TARGETS["native"]), "native", a, b, c)
    exact = a.astype("d") @ b
    error, theirs = (np.abs(x / exact - 1).max() for x in (c, a @ b))
    assert error <= 3 * theirs + 1e-6


@POSIX
@BOTH_ENDS
@EVERY_TARGET
@pytest.mark.parametrize("turned", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("shape", [(5, 19, 21), (17, 3, 37), (40, 40, 7)])
def test_nothing_outside_of_the_matrices_is_touched(shape, turned, target, end):
    (m, n, k), draw = shape, np.random.default_rng(9)
    a = fenced(draw.standard_normal((k, m) if turned[0] else (m, k)).astype("f"), end=end)
    b = fenced(draw.standard_normal((n, k) if turned[1] else (k, n)).astype("f"), end=end)
    a, b = a.T if turned[0] else a, b.T if turned[1] else b
    c = fenced(np.zeros((m, n), np.float32), end=end)
    run(gemm("product", product(a, b, c), TARGETS[target]), target, a, b, c)
    close(c, a, b)


def test_nan_and_infinity_stay_where_they_are():
    draw = np.random.default_rng(7)
    a, b = matrix(draw, 11, 21, "f"), matrix(draw, 21, 19, "f", transposed=True)
    a[3, 4], b[7, 5], a[8, 20] = np.nan, np.inf, -np.inf
    c = np.zeros((11, 19), np.float32)
    run(gemm("product", product(a, b, c), TARGETS["native"]), "native", a, b, c)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(c, a.astype("d") @ b, rtol=1e-4, atol=1e-4)


def test_columns_of_the_result_must_be_contiguous():
    p = Product("float", 3, 4, 5, Matrix(5, 1), Matrix(4, 1), Matrix(1, 3))
    with pytest.raises(ValueError, match="columns of C must be contiguous, not 3 apart"):
        gemm("product", p, TARGETS["native"])


def test_a_shared_matrix_of_a_batch():
    draw = np.random.default_rng(8)
    a, b = matrix(draw, 6, 9, "f", (4,)), matrix(draw, 9, 20, "f")
    c = np.zeros((4, 6, 20), np.float32)
    run(gemm("product", product(a, b, c), TARGETS["native"]), "native", a, b, c, cuts=(1,))
    close(c, a, b)


def test_machines_of_targets():
    assert machine_for(Target("any", "+sse2,+avx512f,+avx512vl")).lanes("float") == 16
    assert machine_for(Target("any", "+avx2,+fma")) == Machine(32, 16, True)
    assert machine_for(Target("x86-64", "")) == Machine(16, 16)
    assert machine_for(Target("x86-64-v3", "")).lanes("double") == 4
    assert machine_for(Target("generic", "+neon")).registers == 32


def test_blas_is_chosen_where_vectors_are_short_and_matrices_large():
    large = Product("float", 512, 512, 512, Matrix(512, 1), Matrix(512, 1), Matrix(512, 1))
    small = large._replace(m=8, n=8, k=8)
    assert choose(large, Machine(64, 32, True)) == "own"
    assert choose(large, Machine(16, 16)) == "blas"
    assert choose(small, Machine(16, 16)) == "own"
