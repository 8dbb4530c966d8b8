"""Graphs as native code, against the interpreter."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from native_graphs import Case, RandomGraph  # noqa: E402

from dynagrad.compiler.codegen import tasks  # noqa: E402
from dynagrad.compiler.codegen.backend import build  # noqa: E402
from dynagrad.compiler.ir.graph import Call, Graph, Value  # noqa: E402
from dynagrad.compiler.native.target import using_target  # noqa: E402


def softmax(g: Graph, x: Value) -> Value:
    """Over the last dimension."""
    last = x.ndim - 1
    e = g.map("exp", g.map("sub", x, g.keep(x, g.reduce("max", x, (last,)), (last,))))
    return g.map("div", e, g.keep(e, g.reduce("sum", e, (last,)), (last,)))


def number(g: Graph, value: float, dtype: str = "float32") -> Value:
    """A constant."""
    return g.constant(np.array(value, dtype))


@pytest.mark.parametrize("shape", [(3, 4), (37, 50), (5, 7, 33), (4, 1030), (700, 6)])
def test_softmax_and_what_is_summed_over_it(shape: tuple[int, ...]) -> None:
    case = Case(1)
    g = case.graph
    x = case.given(case.floats(*shape))
    bias = case.given(case.floats(shape[-1]))
    p = softmax(g, g.map("add", x, bias))
    case.wanted(p)
    case.wanted(g.reduce("sum", g.map("mul", p, x), range(len(shape) - 1)))
    case.wanted(g.reduce("sum", g.map("mul", p, p)))
    case.wanted(g.reduce("argmax", p, (-1,)))
    case.wanted(g.reduce("max", x, (0,)), "F")
    case.check()


@pytest.mark.parametrize(
    ("shape", "repeated", "together"),
    [((24, 10), (1, 10), True), ((48, 64), (16, 64), True), ((24, 10), (4, 10), False)],
)
def test_short_rows_go_through_phases_together(
    shape: tuple[int, int], repeated: tuple[int, int], together: bool
) -> None:
    """Unless an operand is another one for each of the rows that would go together."""
    case = Case(1)
    g = case.graph
    rows, columns = shape
    x, bias = case.given(case.floats(*shape)), case.given(case.floats(*repeated))
    period = repeated[0]
    found = g.map("add", g.reshape(x, (rows // period, period, columns)), bias)
    case.wanted(softmax(g, g.reshape(found, shape)))
    case.wanted(g.reduce("sum", x, (0,)))
    text = case.check().module.text()
    assert ("alloca [8 x float]" in text) is together
    case.check(threads=2)


def layer_norm(case: Case, rows: int, columns: int) -> None:
    """Forward and backward."""
    g = case.graph
    x, dy = case.given(case.floats(rows, columns)), case.given(case.floats(rows, columns))
    gamma, beta = case.given(case.floats(columns)), case.given(case.floats(columns))
    n = number(g, columns)
    mean = g.map("div", g.keep(x, g.reduce("sum", x, (1,)), (1,)), n)
    centred = g.map("sub", x, mean)
    square = g.map("mul", centred, centred)
    variance = g.map("div", g.keep(x, g.reduce("sum", square, (1,)), (1,)), n)
    scale = g.map("rsqrt", g.map("add", variance, number(g, 1e-5)))
    hat = g.map("mul", centred, scale)
    case.wanted(g.map("add", g.map("mul", hat, gamma), beta))
    case.wanted(g.reduce("sum", g.map("mul", dy, hat), (0,)))
    case.wanted(g.reduce("sum", dy, (0,)))
    dh = g.map("mul", dy, gamma)
    mean_dh = g.map("div", g.keep(x, g.reduce("sum", dh, (1,)), (1,)), n)
    product = g.map("mul", dh, hat)
    mean_product = g.map("div", g.keep(x, g.reduce("sum", product, (1,)), (1,)), n)
    inner = g.map("sub", g.map("sub", dh, mean_dh), g.map("mul", hat, mean_product))
    case.wanted(g.map("mul", inner, scale))


@pytest.mark.parametrize(("rows", "columns"), [(2, 8), (40, 32), (600, 70), (7, 2000)])
def test_layer_norm_and_its_gradients(rows: int, columns: int) -> None:
    case = Case(2)
    layer_norm(case, rows, columns)
    case.check()


def test_reductions_over_any_dimensions() -> None:
    case = Case(3)
    g = case.graph
    for dtype in ("float32", "int32", "float16", "bool"):
        x = case.given((case.random.standard_normal((4, 5, 6, 7)) * 4).astype(dtype))
        for axes in ((0,), (1,), (2,), (3,), (0, 2), (1, 3), (0, 2, 3), (1, 2), (0, 1, 2, 3)):
            for op in ("any", "all") if dtype == "bool" else ("sum", "max", "min"):
                case.wanted(g.reduce(op, x, axes))
        if dtype != "bool":
            for axis in range(4):
                case.wanted(g.reduce("argmax", x, (axis,)))
                case.wanted(g.reduce("argmin", x, (axis,)))
    case.check()


def test_nan_wins_reductions() -> None:
    case = Case(4)
    x = case.floats(6, 40)
    x[1, 7] = x[1, 30] = x[4, 39] = np.nan
    v = case.given(x)
    for op in ("max", "min", "argmax", "argmin", "sum"):
        case.wanted(case.graph.reduce(op, v, (1,)))
        if not op.startswith("arg"):
            case.wanted(case.graph.reduce(op, v))
    case.check()


def test_long_sums_are_as_exact_as_numpys() -> None:
    case = Case(5)
    x = case.random.random((10_000_019,), np.float32)
    case.wanted(case.graph.reduce("sum", case.given(x)))
    y = case.random.random((40_000, 40), np.float32)
    case.wanted(case.graph.reduce("sum", case.given(y), (0,)))
    case.check()
    exact = np.sum(x, dtype=np.float64)
    assert abs(float(case.arrays[1]) - exact) <= 2 * abs(float(np.sum(x)) - exact) + exact * 1e-7
    columns = np.sum(y, axis=0, dtype=np.float64)
    assert np.abs(case.arrays[3] - columns).max() <= 1e-6 * columns.max()


def test_bitwise_sums_go_one_after_another() -> None:
    case = Case(21)
    g = case.graph
    x = case.floats(30, 700)
    v = case.given(x)
    for axes in ((1,), (0,), (0, 1)):
        case.wanted(g.reduce("sum", v, axes))
    program = build(g, bitwise=True)
    assert program.run(np.array([a.ctypes.data for a in case.arrays], np.uint64)) == 0
    np.testing.assert_array_equal(case.arrays[1], np.add.accumulate(x, 1)[:, -1])
    np.testing.assert_array_equal(case.arrays[2], np.add.accumulate(x, 0)[-1])
    assert case.arrays[3] == np.add.accumulate(x.ravel())[-1]


def test_nothing_summed() -> None:
    case = Case(6)
    g = case.graph
    x = case.given(np.zeros((0, 3), np.float32))
    for op in ("sum", "prod"):
        case.wanted(g.reduce(op, x, (0,)))
        case.wanted(g.reduce(op, x, (1,)))
    case.wanted(g.matmul(g.transpose(x, (1, 0)), x))
    case.wanted(g.map("exp", x))
    case.wanted(g.concatenate([x, case.given(case.floats(30, 3))], 0))
    case.check()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_products(dtype: str) -> None:
    case = Case(7)
    g = case.graph

    def given(*shape: int) -> Value:
        return case.given((case.random.standard_normal(shape) * 3).astype(dtype))

    for m, k, n in ((2, 3, 4), (9, 30, 20), (1, 50, 30), (30, 50, 1), (1, 60, 1), (40, 3, 50)):
        case.wanted(g.matmul(given(m, k), given(k, n)))
        case.wanted(g.matmul(g.transpose(given(k, m), (1, 0)), g.transpose(given(n, k), (1, 0))))
    x, y = given(2, 3, 8, 9), given(2, 9, 3, 20)
    case.wanted(g.matmul(x, g.transpose(y, (0, 2, 1, 3))))
    broadcast = g.broadcast(given(1, 8, 9), (5, 8, 9))
    case.wanted(g.matmul(broadcast, given(5, 9, 7)))
    sliced = g.slice(given(30, 40), [(29, 10, -3), (1, 12, 2)])
    case.wanted(g.matmul(sliced, g.slice(given(40, 40), [(2, 12, 1), (5, 20, 1)])))
    case.check()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [((1, 1), (1, 1), (1, 1)), ((2, 1), (0, 2), (1, 2))]
)
def test_convolutions(groups: int, stride: tuple, padding: tuple, dilation: tuple) -> None:
    case = Case(8)
    g = case.graph
    x = case.given(case.floats(3, 4, 9, 11))
    w = case.given(case.floats(6, 4 // groups, 3, 2))
    size = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip((9, 11), (3, 2), stride, padding, dilation, strict=True)
    )
    y = g.convolve(x, w, (stride, padding, dilation, groups, size))
    dy = case.given(case.floats(*y.shape))
    case.wanted(y)
    case.wanted(g.convolve_back(dy, w, (stride, padding, dilation, groups, (9, 11))))
    case.wanted(g.convolve_taps(x, dy, (stride, padding, dilation, groups, (3, 2))))
    case.check()


def attention(case: Case) -> None:
    """Heads that are split off and put together by views."""
    g = case.graph
    n, t, h, d = 2, 9, 3, 8
    x = case.given(case.floats(n, t, h * d))
    w = [case.given(case.floats(h * d, h * d)) for _ in range(4)]
    q, k, v = (
        g.transpose(
            g.reshape(g.matmul(g.reshape(x, (n * t, h * d)), m), (n, t, h, d)), (0, 2, 1, 3)
        )
        for m in w[:3]
    )
    scores = g.matmul(q, g.transpose(k, (0, 1, 3, 2)))
    rows, columns = g.iota((t, t), 0), g.iota((t, t), 1)
    hidden = number(g, -np.inf)
    p = softmax(g, g.where(g.map("ge", rows, columns), scores, hidden))
    mixed = g.transpose(g.matmul(p, v), (0, 2, 1, 3))
    case.wanted(g.matmul(g.reshape(mixed, (n * t, h * d)), w[3]))


def test_attention() -> None:
    case = Case(9)
    attention(case)
    case.check()


def test_a_parameter_is_updated_in_its_own_memory() -> None:
    case = Case(10)
    g = case.graph
    for shape in ((4,), (300, 7)):
        p, m = case.given(case.floats(*shape)), case.given(case.floats(*shape))
        gradient = g.map("mul", p, p)
        new = g.map("add", g.map("mul", m, number(g, 0.9)), gradient)
        g.write(m.attrs[0], new)
        g.write(p.attrs[0], g.map("sub", p, g.map("mul", new, number(g, 0.1))))
    case.check()


def test_slots_may_share_memory() -> None:
    case = Case(11)
    g = case.graph
    memory = case.floats(900)
    a, b = memory[:600].reshape(30, 20), memory[200:800].reshape(30, 20)
    x, y = case.given(a), case.given(b)
    g.write(x.attrs[0], g.map("add", x, y))
    g.write(y.attrs[0], g.transpose(g.reshape(g.map("mul", x, y), (20, 30)), (1, 0)))
    first, second = a + b, (a * b).reshape(20, 30).T.copy()
    program = build(g)
    assert program.run(np.array([a.ctypes.data, b.ctypes.data], np.uint64)) == 0
    expected = memory.copy()
    expected[:600] = first.ravel()
    expected[200:800] = second.ravel()
    np.testing.assert_array_equal(b, second)
    np.testing.assert_array_equal(memory[:200], expected[:200])


def test_two_slots_exchange_their_contents() -> None:
    case = Case(12)
    g = case.graph
    for shape in ((3,), (500,)):
        x, y = case.given(case.floats(*shape)), case.given(case.floats(*shape))
        g.write(x.attrs[0], y)
        g.write(y.attrs[0], x)
    case.check()


@pytest.mark.parametrize("bad", [None, 0, 1])
def test_checks_come_before_writes(bad: int | None) -> None:
    case = Case(13)
    g = case.graph
    x, index = case.given(case.floats(80, 3)), case.random.integers(0, 80, 50)
    if bad == 0:
        index[3] = 999_999_999
    i = case.given(index)
    g.check(g.reduce("all", g.map("lt", i, number(g, 80, "int64"))), "the index is within bounds")
    taken = g.take(x, i, 0)
    total = g.reduce("sum", g.map("mul", taken, taken))
    g.check(g.map("gt", total, number(g, 1e9 if bad == 1 else 0.0)), "the sum is large")
    g.write(x.attrs[0], g.add_at(x, i, taken, 0))
    if bad == 0:
        program = build(g)
        before = case.arrays[0].copy()
        assert program.run(np.array([a.ctypes.data for a in case.arrays], np.uint64)) == 1
        np.testing.assert_array_equal(case.arrays[0], before)
    else:
        case.check()


def test_python_is_called_in_between() -> None:
    case = Case(14)
    g = case.graph
    x = case.given(case.floats(40, 3))
    half = g.map("mul", x, number(g, 0.5))
    call = Call(
        lambda a, *, k: (np.sort(a, 0), a[:k] + 1j),
        {"k": 2},
        (
            ((40, 3), np.dtype(np.float32)),
            ((2, 3), np.dtype(np.complex64)),
        ),
    )
    ordered, complex_ = g.call(call, half)
    case.wanted(g.map("add", ordered, g.reduce("sum", half, (0,))))
    case.wanted(complex_)
    case.wanted(g.map("neg", complex_))
    program = case.check()
    assert program.address is None


def test_a_call_must_give_what_it_gave_before() -> None:
    case = Case(15)
    g = case.graph
    call = Call(lambda a: a[:2], {}, (((3,), np.dtype(np.float32)),))
    case.wanted(g.call(call, case.given(case.floats(20)))[0])
    program = build(g)
    with pytest.raises(RuntimeError, match=r"float32\[2\], not float32\[3\]"):
        program.run(np.array([a.ctypes.data for a in case.arrays], np.uint64))


def test_an_index_out_of_bounds_is_found() -> None:
    case = Case(16)
    g = case.graph
    x = case.given(case.floats(30))
    case.wanted(g.map("exp", g.strided(x, (20,), (2,), 0)))
    case.arrays[0] = np.resize(case.arrays[0], 100)[:30]
    program = build(g, checked=True)
    table = np.array([a.ctypes.data for a in case.arrays], np.uint64)
    code = program.run(table)
    assert code < -1
    assert program.fault(code) == "an index is out of the bounds of slot 0"


@pytest.mark.parametrize("seed", range(200, 208))
def test_checked_code_stays_within_bounds(seed: int) -> None:
    RandomGraph(seed).check(checked=True)


@pytest.mark.parametrize("n", [32, 20])
def test_parts_put_together(n: int) -> None:
    case = Case(20)
    g = case.graph
    x, y, z = (case.given(case.floats(9, 5, n)) for _ in range(3))
    joined = g.concatenate(
        [x, g.map("exp", y), g.transpose(g.transpose(z, (1, 0, 2)), (1, 0, 2))], 2
    )
    case.wanted(joined)
    case.wanted(g.reduce("sum", g.map("mul", joined, joined), (0, 1)))
    case.wanted(g.pad(x, (1, 0, n), (0, 2, 2 * n), number(g, 7)))
    case.wanted(g.write_slice(joined, z, [(0, 9, 1), (0, 5, 1), (n, n, 1)]))
    case.wanted(g.concatenate([x, y], 1))
    case.wanted(g.concatenate([x, y, z], 0))
    case.check()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is cut for threads however little it is."""
    monkeypatch.setattr(tasks, "CHUNK", 500)
    monkeypatch.setattr(tasks, "PRODUCTS", 2000)
    monkeypatch.setattr(tasks, "TOGETHER", 32)


@pytest.mark.usefixtures("small_chunks")
def test_threads() -> None:
    case = Case(19)
    g = case.graph
    layer_norm(case, 300, 33)
    attention(case)
    x = case.given(case.floats(1000))
    for op in ("sum", "max", "prod"):
        case.wanted(g.reduce(op, g.map("tanh", x)))
    program = case.check(threads=2)
    assert program.library.ir.count("(ptr %args, i64 %begin, i64 %end)") > 3


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("seed", range(400, 408))
def test_random_graphs_in_threads(seed: int) -> None:
    RandomGraph(seed).check(threads=2)


def test_the_report() -> None:
    case = Case(17)
    layer_norm(case, 40, 32)
    report = build(case.graph).report
    (loop,) = [part for part in report.parts if part.kind == "loop"]
    assert (loop.elements, loop.row, loop.phases) == (1280, 32, 4)
    assert "column" not in str(report) and "loop0 over 1280 in rows of 32, 4 phases" in str(report)
    assert report.scratch <= report.without_reuse
    assert {"text", "parse", "generate", "load", "total"} <= set(report.times)


@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3"])
def test_older_processors(target: str) -> None:
    with using_target(target):
        case = Case(18)
        layer_norm(case, 40, 37)
        attention(case)
        case.check()
        for seed in range(300, 306):
            RandomGraph(seed).check()


@pytest.mark.parametrize("seed", range(24))
def test_random_graphs(seed: int) -> None:
    RandomGraph(seed).check()


@pytest.mark.parametrize("seed", range(100, 112))
def test_random_graphs_bit_for_bit(seed: int) -> None:
    RandomGraph(seed, exact=True).check(exact=True, bitwise=True)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_many_random_graphs(seed: int) -> None:
    RandomGraph(seed, exact=seed % 3 == 0).check(exact=seed % 3 == 0, bitwise=seed % 3 == 0)
