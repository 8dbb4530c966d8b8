"""Lowered calls as native code, against the kernels of the primitives."""

from typing import Any

import numpy as np
import pytest
import rule_cases  # noqa: F401 - registers all primitives
from lowered import Given, assert_agree, calls_of, computed, lowered
from rule_samples import key_of

pytest.importorskip("llvmlite")

from dynagrad.compiler.codegen import backend  # noqa: E402
from dynagrad.compiler.ir.graph import Graph  # noqa: E402
from dynagrad.compiler.ir.interpret import evaluate  # noqa: E402
from dynagrad.compiler.ir.passes import simplify  # noqa: E402
from dynagrad.compiler.lowering import LOWERINGS  # noqa: E402
from dynagrad.ops.rule import RULES  # noqa: E402

RULED = [rule for rule in RULES.values() if rule.fun in LOWERINGS and calls_of(rule)]


def run_natively(graph: Graph, arrays: list[np.ndarray]) -> None:
    """One step of a graph, simplified and compiled."""
    assert backend.build(simplify(graph)).run(backend.addresses(arrays)) == 0


def agrees(rule: Any, given: Given) -> None:
    """A call's native results are the kernel's."""
    expected = computed(rule.fun, given.arrays, given.metadata)
    if expected is not None:
        found = lowered(rule.fun, given.arrays, given.metadata, run=run_natively)
        if found is not None:
            assert_agree(found, expected)


@pytest.mark.parametrize("rule", RULED, ids=key_of)
def test_a_call(rule: Any) -> None:
    call = calls_of(rule)[-1]
    agrees(rule, call.drawn(np.random.default_rng(5)).of("float32"))


@pytest.mark.long
@pytest.mark.parametrize("rule", RULED, ids=key_of)
def test_calls(rule: Any) -> None:
    for call in calls_of(rule):
        for kind in ("float64", "float16", "int32"):
            agrees(rule, call.drawn(np.random.default_rng(6)).of(kind))


def test_rows_written_and_bits() -> None:
    rng = np.random.default_rng(7)
    x, v = rng.random((5, 4)), rng.random((5, 3))
    i, j = np.array([2, 0, 2]), rng.integers(0, 4, (5, 3))
    g = Graph()
    arrays = [x, v, i, j]
    a, b, rows, each = (g.source(slot_like(g, t)) for t in arrays)
    results = [g.put_at(a, rows, b, 1), g.put_along(a, each, b, 1), g.bitcast(a, np.int64)]
    results += [g.bitcast(g.map("lt", a, b_of(g, a)), np.int8), g.bitcast(rows, np.float64)]
    for r in results:
        g.write(slot_like(g, r), r)
    native, plain = ([*arrays, *[np.zeros(r.shape, r.dtype) for r in results]] for _ in range(2))
    run_natively(g, native)
    evaluate(g, plain)
    for found, expected in zip(native, plain, strict=True):
        np.testing.assert_array_equal(found, expected)


def slot_like(g: Graph, x: Any) -> int:
    """Memory for a vector or a matrix."""
    return g.slot(x.shape, x.dtype, (x.shape[-1], 1)[-x.ndim :])


def b_of(g: Graph, like: Any) -> Any:
    """One half, for every element."""
    return g.full(like.shape, 0.5, like.dtype)
