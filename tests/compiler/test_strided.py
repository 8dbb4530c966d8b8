"""Elements that lie a few places apart, and pairs of them side by side."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from native_graphs import Case  # noqa: E402


@pytest.mark.parametrize("n", [4, 14, 33, 64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_repeated_in_pairs(n: int, dtype: str) -> None:
    case = Case(3)
    g = case.graph
    x = g.cast(case.given(case.floats(3, n, 1, n, 1)), dtype)
    place = g.constant(np.arange(4, dtype=dtype).reshape(1, 1, 2, 1, 2))
    whole = g.cast(case.given(case.floats(3, 2 * n, 2 * n)), dtype)
    spread = g.map("mul", x, place)
    found = g.map("add", g.reshape(spread, whole.shape), g.map("exp", whole))
    case.wanted(found)
    case.wanted(g.map("lt", found, whole))
    case.wanted(g.map("sub", whole, found))
    case.check()


@pytest.mark.parametrize("step", [2, 3, 4, 5, -2, -3, -4])
@pytest.mark.parametrize("n", [5, 8, 31, 100])
def test_every_so_many_th_element(n: int, step: int) -> None:
    case = Case(4)
    g = case.graph
    length = (n - 1) * abs(step) + 1
    x = case.given(case.floats(7, length))
    start = 0 if step > 0 else length - 1
    part = g.slice(x, [(0, 7, 1), (start, n, step)])
    case.wanted(g.map("mul", part, part))
    case.wanted(g.map("gt", part, g.constant(np.array(0.25, "float32"))))
    case.check()


@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
def test_a_vector_times_a_thin_matrix(columns: int) -> None:
    case = Case(7)
    g = case.graph
    x, y = case.given(case.floats(1, 200)), case.given(case.floats(200, columns))
    case.wanted(g.matmul(g.map("tanh", x), y))
    case.check()


def test_many_thin_products_with_a_transposed_matrix() -> None:
    case = Case(8)
    g = case.graph
    w = g.transpose(case.given(case.floats(70, 37)), (1, 0))
    h = case.given(case.floats(8, 37))
    for _ in range(6):
        h = g.map("tanh", g.slice(g.matmul(h, w), [(0, 8, 1), (0, 37, 1)]))
    case.wanted(h)
    case.check()
