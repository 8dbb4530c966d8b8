"""Powers of single numbers in steps: the logarithm of a base is kept while the base is the same."""

from typing import Any

import numpy as np
import pytest

from dynagrad.compiler.codegen import backend
from dynagrad.compiler.ir.graph import Graph
from dynagrad.compiler.native.target import using_target

pytest.importorskip("llvmlite")

BASES = (0.9, 0.999, 0.0, -0.5, 2.0, np.inf, np.nan, 1e-310, 1.0)


def step(dtype: Any, count: int) -> Graph:
    """`count` powers with one exponent, which goes on by 1."""
    g = Graph()
    for _ in range(2 * count + 1):
        g.slot((), dtype, ())
    t = g.source(0)
    for i in range(count):
        g.write(1 + count + i, g.map("pow", g.source(1 + i), t))
    g.write(0, g.map("add", t, g.constant(np.array(1, dtype))))
    return g


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_bases_may_change_from_step_to_step(dtype: Any, count: int) -> None:
    made = backend.build(step(dtype, count))
    assert len(made.module.powers) == 1
    slots = [np.zeros((), dtype) for _ in range(2 * count + 1)]
    table = backend.addresses(slots)
    slots[0][...] = 3
    rng = np.random.default_rng(0)
    for k in range(60):
        if k % 3 == 0:
            for base in slots[1 : 1 + count]:
                base[...] = rng.choice(BASES)
        if k == 50:
            slots[0][...] = 2.0**60
        with np.errstate(all="ignore"):
            wanted = [np.power(base, slots[0]) for base in slots[1 : 1 + count]]
        assert made.run(table) == 0
        for found, value in zip(slots[1 + count :], wanted, strict=True):
            np.testing.assert_allclose(found, value, rtol=np.finfo(dtype).eps)


def test_powers_of_powers_and_of_what_changes() -> None:
    """A power with another as its exponent comes later; one whose base is written is the C
    library's.
    """
    g = Graph()
    for _ in range(4):
        g.slot((), np.float64, ())
    x, t = g.source(0), g.source(1)
    first = g.map("pow", x, t)
    g.write(1, g.map("add", first, g.map("pow", t, x)))
    g.write(2, g.map("pow", x, first))
    made = backend.build(g)
    assert [len(group) for group in made.module.powers] == [1, 1]
    slots = [np.array(v) for v in (0.75, 1.5, 0.0, 0.0)]
    table = backend.addresses(slots)
    for _ in range(20):
        x, t = float(slots[0]), float(slots[1])
        made.run(table)
        np.testing.assert_allclose(slots[1], x**t + t**x, rtol=1e-15)
        np.testing.assert_allclose(slots[2], x ** (x**t), rtol=1e-15)


def test_bitwise_steps_and_steps_with_arrays_leave_powers_to_the_library() -> None:
    assert not backend.build(step(np.float64, 2), bitwise=True).module.powers
    g = step(np.float64, 2)
    g.slot((100,), np.float64, (1,))
    g.write(5, g.map("exp", g.source(5)))
    assert not backend.build(g).module.powers


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3"])
def test_older_processors(name: str) -> None:
    """Without a fused multiply-add the library is quicker."""
    try:
        with using_target(name):
            made = backend.build(step(np.float64, 2))
    except ValueError as missing:
        pytest.skip(str(missing))
    assert bool(made.module.powers) == (name != "x86-64")
    slots = [np.array(v) for v in (7.0, 0.9, 0.999, 0.0, 0.0)]
    assert made.run(backend.addresses(slots)) == 0
    np.testing.assert_allclose(slots, [8.0, 0.9, 0.999, 0.9**7, 0.999**7], rtol=1e-15)


def test_whole_powers_are_exact() -> None:
    made = backend.build(step(np.float64, 1))
    slots = [np.zeros(()) for _ in range(3)]
    table = backend.addresses(slots)
    for base in range(1, 60):
        slots[1][...] = base
        for exponent in range(8):
            slots[0][...] = exponent
            made.run(table)
            assert slots[2] == base**exponent
