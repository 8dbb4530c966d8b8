"""Transposed factors and products of matrices."""

import pytest

pytest.importorskip("llvmlite")

from native_graphs import Case  # noqa: E402

from dynagrad.compiler.codegen.normalise import normalise  # noqa: E402
from dynagrad.compiler.ir.graph import Value, live  # noqa: E402


def attention(case: Case, scale: str) -> Value:
    """Scores of scaled queries and keys, and the keys' cotangent for a cotangent of scores."""
    g = case.graph
    q, k = (case.given(case.floats(3, 20, 2, 16)) for _ in range(2))
    factor = case.given(case.floats())
    turned = g.transpose(k, (0, 2, 3, 1))
    keys = g.map(scale, turned, factor)
    queries = g.transpose(q, (0, 2, 1, 3))
    scores = g.matmul(queries, keys)
    case.wanted(g.matmul(scores, g.transpose(keys, (0, 1, 3, 2))))
    down = g.map(scale, g.matmul(g.transpose(queries, (0, 1, 3, 2)), scores), factor)
    return g.transpose(down, (0, 3, 1, 2))


@pytest.mark.parametrize("scale", ["mul", "div"])
def test_scaled_and_transposed_factors_and_products(scale: str) -> None:
    case = Case(5)
    case.wanted(attention(case, scale))
    case.check()


def test_they_are_computed_as_they_lie() -> None:
    case = Case(5)
    case.wanted(attention(case, "mul"))
    graph, _ = normalise(case.graph)
    scaled = [v for v in live(graph) if v.op == "mul"]
    # Each row of what is scaled is one in memory: nothing of it is read across rows.
    assert [v.shape[-1] for v in scaled] == [16, 16]


def test_a_product_that_is_also_read_as_it_is_stays() -> None:
    case = Case(6)
    g = case.graph
    x, y = case.given(case.floats(2, 9, 17)), case.given(case.floats(2, 17, 30))
    product = g.matmul(x, y)
    case.wanted(g.transpose(product, (0, 2, 1)))
    case.wanted(g.map("exp", product))
    graph, _ = normalise(g)
    assert [v.shape for v in graph.values if v.op == "matmul"] == [(2, 9, 30)]
    case.check()
