"""Lowerings, run by the interpreter, against the kernels of the primitives."""

from typing import Any

import numpy as np
import pytest
import rule_cases  # noqa: F401 - registers all primitives
from lowered import WITHOUT, Given, assert_agree, calls_of, computed, lowered, strides_of
from rule_samples import key_of

from dynagrad.compiler.ir.graph import Graph, Value, live
from dynagrad.compiler.ir.interpret import CheckFailed, evaluate
from dynagrad.compiler.lowering import LOWERINGS
from dynagrad.ops import contraction, conversion, elementwise, indexing, rounding, shape
from dynagrad.ops.neural import activation, classes, embedding, pooling, recurrent
from dynagrad.ops.rule import ALIGNED, RULES
from dynagrad.ops.sorting import bincount

KINDS = ("float64", "float32", "float16", "int32", "bool")
LOWERED = [rule for rule in RULES.values() if rule.fun in LOWERINGS]
#: numbers at which functions do odd things
ODD = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 1e-310, -1e-310, 1e300, -1e300, 0.5, -3.7]
    + [89.5, -89.5, 710.0, -746.0, 1e-5, 3, 2.5, -2.5, 1e10]
)
#: primitives whose kernels are less exact than their lowerings, or add up in another order
COARSE = {"normal_cdf", "gelu", "gelu_slope"}
#: primitives whose samples are complex
OF_COMPLEX = {"imag_part", "real_part"}
#: primitives whose results are their operands' elements, one by one
POINTWISE = {"elementwise", "constant"}

each = pytest.mark.parametrize("rule", LOWERED, ids=key_of)


def test_what_has_no_lowering() -> None:
    missing = {key_of(rule) for rule in RULES.values()} - {key_of(rule) for rule in LOWERED}
    listed = [name for names in WITHOUT.values() for name in names.split()]
    assert sorted(missing - set(listed)) == [], "no lowering, and no reason in lowered.py"
    assert sorted(set(listed) - missing) == [], "these have a lowering"
    assert len(listed) == len(set(listed))


# --- every primitive ------------------------------------------------------------------------------


def both(rule: Any, given: Given) -> tuple[Any, Any]:
    """The results of lowering and kernel; None for what either refuses."""
    expected = computed(rule.fun, given.arrays, given.metadata)
    found = lowered(rule.fun, given.arrays, given.metadata) if expected is not None else None
    return (None, None) if found is None else (found, expected)


def is_elementwise(rule: Any) -> bool:
    return rule.batch is ALIGNED and rule.kind in POINTWISE


@each
def test_results_are_those_of_the_kernel(rule: Any) -> None:
    counted = 0
    calls = calls_of(rule)
    for call in calls:
        for kind in KINDS:
            found, expected = both(rule, call.drawn(np.random.default_rng(0)).of(kind))
            if found is not None:
                assert_agree(found, expected)
                counted += kind in ("float64", "float32")
    assert counted or not calls or key_of(rule) in OF_COMPLEX


@each
def test_odd_numbers(rule: Any) -> None:
    rng = np.random.default_rng(1)
    for call in calls_of(rule)[:4]:
        for kind in ("float64", "float32"):
            for some in (True, False):
                given = call.drawn(rng).of("float64").with_numbers(ODD, rng, some).of(kind)
                found, expected = both(rule, given)
                if found is None:
                    continue
                assert_agree(found, expected, coarse=key_of(rule) in COARSE)
                if rule.kind in POINTWISE:
                    for a, b in zip(found, expected, strict=True):
                        zero = (b == 0) & (b.dtype.kind == "f")
                        np.testing.assert_array_equal(np.signbit(a[zero]), np.signbit(b[zero]))


@pytest.mark.parametrize("rule", [r for r in LOWERED if is_elementwise(r)], ids=key_of)
def test_numbers_and_nothing(rule: Any) -> None:
    """Elementwise functions of arrays of one shape: of no dimension, without elements."""
    rng = np.random.default_rng(2)
    for call in calls_of(rule):
        for size in ((), (0, 3), (1,)):
            found, expected = both(rule, call.drawn(rng).of("float32").of_shape(size))
            if found is not None:
                assert_agree(found, expected)


@pytest.mark.parametrize("rule", [r for r in LOWERED if is_elementwise(r)], ids=key_of)
def test_large_arrays_are_lowered_as_small_ones(rule: Any) -> None:
    """A kernel that is its own lowering may have another way for many elements."""
    for call in calls_of(rule):
        given = call.drawn(np.random.default_rng(4)).of("float32")
        kinds = []
        if given.metadata.keys() & {"windows", "sizes"}:
            continue  # which fit the shapes of the sample
        for size in ((2, 3), (2048, 1024)):
            g = Graph()
            xs = [
                None if a is None else g.source(g.slot(size, a.dtype, (size[1], 1), str(i)))
                for i, a in enumerate(given.arrays)
            ]
            made = LOWERINGS[rule.fun](g, *xs, **given.metadata)
            kinds.append(made is NotImplemented or [v.op for v in g.values])
        assert kinds[0] == kinds[1]


@each
def test_complex_numbers_are_left_to_the_kernel(rule: Any) -> None:
    g = Graph()
    x = g.source(g.slot((2, 2), np.complex64, (2, 1)))
    call = next(iter(calls_of(rule)), None)
    if call is not None:
        assert LOWERINGS[rule.fun](g, *[x] * len(call.arrays), **call.metadata) is NotImplemented


# --- numbers that are known when the step runs ----------------------------------------------------

X, Y, Z = (np.linspace(a, a + 1, 4, dtype=np.float32) for a in (-0.4, 0.3, 1.2))
NUMBERS = [
    (elementwise.add_scaled, (X, Y), {"alpha": 0.3}),
    (elementwise.minus_scaled, (X, Y), {"alpha": 0.3}),
    (elementwise.addcmul, (X, Y, Z), {"value": 0.3}),
    (elementwise.addcdiv, (X, Y, Z), {"value": 0.3}),
    (elementwise.lerp_number, (X, Y), {"weight": 0.3}),
    (elementwise.lerp_number, (X, Y), {"weight": 0.9}),
    (elementwise.power_scalar, (Y,), {"exponent": 2.3}),
    (elementwise.power_of, (X,), {"base": 1.7}),
    (elementwise.number_minus, (X,), {"number": 0.3}),
    (elementwise.clamp_number, (X,), {"low": -0.1, "high": 0.2}),
    (elementwise.clamp_number, (X,), {"low": None, "high": 0.2}),
    (activation.leaky_relu, (X,), {"slope": 0.1}),
    (activation.hardtanh, (X,), {"low": -0.1, "high": 0.2}),
    (rounding.remainder_number, (X,), {"number": 0.3}),
    (contraction.addmm, (X, Y[:, None] * X, Y[:, None] * Z), {"beta": 0.3, "alpha": 0.7}),
]


@pytest.mark.parametrize("call", NUMBERS, ids=lambda call: call[0].__name__)
def test_numbers_as_values(call: Any) -> None:
    fun, arrays, numbers = call
    more = {"flip": (False, False)} if fun is contraction.addmm else {}
    expected = computed(fun, list(arrays), {**numbers, **more})
    found = lowered(fun, list(arrays), more, numbers)
    assert expected is not None and found is not None
    assert_agree(found, expected)


def test_other_numbers_as_values_are_not_covered() -> None:
    g = Graph()
    x = g.source(g.slot((3,), np.float64, (1,)))
    n = g.source(g.slot((), np.float64, ()))
    assert LOWERINGS[shape.narrow](g, x, axis=0, start=n, length=1) is NotImplemented
    assert LOWERINGS[rounding.round_decimals](g, x, decimals=n) is NotImplemented


# --- checks ---------------------------------------------------------------------------------------


def at(*numbers: Any) -> np.ndarray:
    return np.array(numbers)


TABLE = np.arange(12.0).reshape(4, 3)
OUTSIDE = [
    (indexing.index, (TABLE, at(0, 4)), {"axes": (0,)}),
    (indexing.index, (TABLE, at(0, -1)), {"axes": (0,)}),
    (indexing.unindex, (TABLE[:2], at(0, 4)), {"axes": (0,), "shape": (4, 3)}),
    (indexing.put, (TABLE, at(0, 12), at(1.0)), {"axes": (0, 1), "accumulate": False}),
    (indexing.gather, (TABLE, at([0, 3, 1])), {"axis": 1}),
    (indexing.scatter_add, (TABLE, at([0, -1, 1]), TABLE[:1]), {"axis": 1}),
    (embedding.take_rows, (TABLE, at(5)), {"padding": None}),
    (classes.nll, (TABLE, at(0, 1, 3, 1), None), {"reduction": "mean", "ignore": -100}),
    (bincount, (at(0, 5),), {"length": 5}),
    (rounding.divide_rounding, (at(3, 4), at(2, 0)), {"mode": "trunc"}),
    (rounding.remainder, (at(3, 4), at(2, 0)), {}),
    (rounding.fmod, (at(3, 4), at(2, 0)), {}),
]


@pytest.mark.parametrize("call", OUTSIDE, ids=lambda call: call[0].__name__)
def test_what_raises_fails_a_check(call: Any) -> None:
    fun, arrays, metadata = call
    with pytest.raises(CheckFailed):
        lowered(fun, list(arrays), metadata)


def test_ignored_targets_pass_the_check() -> None:
    given = [TABLE, at(0, -100, 2, 1), None], {"reduction": "mean", "ignore": -100}
    assert_agree(lowered(classes.nll, *given), computed(classes.nll, *given))


# --- some calls that no sample has ----------------------------------------------------------------

A, B = np.arange(24.0).reshape(4, 6), np.arange(100.0, 160.0).reshape(5, 12)
ROWS = (6, 1)
MORE = [
    (shape.as_strided, (A,), dict(size=(2, 3), stride=(12, 2), offset=1, base_stride=ROWS)),
    (shape.as_strided, (A,), dict(size=(3, 4), stride=(1, 6), offset=2, base_stride=ROWS)),
    (shape.as_strided, (A,), dict(size=(2, 3), stride=(-6, -1), offset=17, base_stride=ROWS)),
    (shape.as_strided, (A,), dict(size=(2, 4), stride=(0, 6), offset=3, base_stride=ROWS)),
    (shape.as_strided, (A,), dict(size=(8, 3), stride=(3, 1), offset=0, base_stride=ROWS)),
    (shape.as_strided, (A,), dict(size=(3, 5), stride=(7, 1), offset=0, base_stride=ROWS)),
    (shape.as_strided, (A.T.copy(),), dict(size=(4,), stride=(7,), offset=0, base_stride=(1, 6))),
    *[
        (shape.write_strided, (A, -np.ones(kw["size"])), dict(kw, base_stride=ROWS))
        for kw in (
            dict(size=(2, 3), stride=(12, 2), offset=1),
            dict(size=(3, 4), stride=(1, 6), offset=2),
            dict(size=(2, 3), stride=(-6, -1), offset=17),
            dict(size=(24,), stride=(1,), offset=0),
            dict(size=(4,), stride=(7,), offset=0),
        )
    ],
    (shape.write_strided, (A, np.arange(12.0).reshape(3, 4)))
    + (dict(size=(3, 4), stride=(1, 6), offset=2, base_stride=ROWS),),
    (indexing.getitem, (A,), {"index": (..., None, slice(None, None, -2), 3)[::2]}),
    (indexing.ungetitem, (np.ones((4, 3)),), {"index": (..., slice(5, None, -2)), "shape": (4, 6)}),
    (indexing.index, (B.reshape(5, 3, 4), at(7, 0, 7)), {"axes": (0, 2)}),
    (indexing.put, (B.reshape(5, 3, 4), at(7, 0, 7), np.ones((3, 3))))
    + ({"axes": (0, 2), "accumulate": False},),
    (indexing.scatter, (A, np.array([[1, 1, 0]]), np.array([[1.0, 2, 3, 4]])), {"axis": 1}),
    (indexing.scatter, (A, np.array([[1, 1]]), np.array(9.0)), {"axis": 0}),
    (contraction.einsum, (np.ones((2, 3)), np.ones((4, 5)), np.ones((3, 4)), np.ones((5, 6))))
    + ({"inputs": ((0, 1), (2, 3), (1, 2), (3, 4)), "output": (4, 0)},),
    (conversion.fill, (A, np.array(3)), {}),
    (np.power, (at(2, 3), at(5, 2)), {}),
    (np.add, (np.array([True, False]), np.array([True, True])), {}),
    (np.multiply, (A.astype(np.float32), np.array(2)), {}),
    (elementwise.power_scalar, (at(2, -3, 0),), {"exponent": 5}),
    (elementwise.left_shift, (at(1, 1, 1, -5), at(3, -1, 64, 2)), {}),
    (elementwise.right_shift, (at(99, 99, 99, -5), at(3, -1, 64, 2)), {}),
]


#: stride, padding and sizes of pooled images
POOLED = [
    *[(2, 0, (4, 6)), (2, 0, (5, 7)), (2, 1, (3, 5)), (2, 1, (4, 6)), (3, 0, (5, 8))],
    *[(1, 0, (3, 4)), (1, 1, (2, 3))],
]


@pytest.mark.parametrize("call", MORE, ids=lambda call: call[0].__name__)
def test_more_calls(call: Any) -> None:
    fun, arrays, metadata = call
    found = lowered(fun, list(arrays), metadata)
    assert found is not None
    expected = fun(*[a.copy() for a in arrays], **metadata)
    assert_agree(found, [np.asarray(expected)])


@pytest.mark.parametrize("stride, before, sizes", POOLED, ids=str)
def test_taps_of_windows(stride: int, before: int, sizes: tuple[int, int]) -> None:
    """Windows side by side, apart, and one over the other."""
    x = np.random.default_rng(3).random((2, *sizes))
    windows = tuple([pooling.Window(2, stride, before, 1, count) for count in (2, 3)])
    out, taps = (np.asarray(r) for r in pooling.max_and_taps(x, windows=windows))
    kw = {"windows": windows, "sizes": sizes}
    found = lowered(pooling.from_taps, [out, taps], kw)
    assert_agree(found, computed(pooling.from_taps, [out, taps], kw))


def test_memory_beyond_an_array_is_left_to_the_kernel() -> None:
    beyond = {"size": (4,), "stride": (1,), "offset": 22, "base_stride": ROWS}
    assert lowered(shape.as_strided, [A], beyond) is None
    gaps = {"size": (4,), "stride": (1,), "offset": 0, "base_stride": (12, 2)}
    assert lowered(shape.as_strided, [A], gaps) is None


def test_windows_of_memory_are_slices_where_they_can_be() -> None:
    g = Graph()
    x = g.source(g.slot((4, 6), np.float32, ROWS))
    lower = LOWERINGS[shape.as_strided]
    lower(g, x, size=(2, 3), stride=(12, 2), offset=1, base_stride=ROWS)
    lower(g, x, size=(6, 4), stride=(1, 6), offset=0, base_stride=ROWS)
    assert {v.op for v in g.values} == {"source", "slice", "transpose"}


def test_a_layer_and_its_formula_are_the_same_values() -> None:
    """So that the formula of the backward pass finds what the forward pass has computed."""
    g = Graph()

    def given(*sizes: int) -> Value:
        array = np.zeros(sizes, np.float32)
        return g.source(g.slot(sizes, array.dtype, strides_of(array), f"{sizes}"))

    x, h, c = given(3, 2, 4), given(2, 5), given(2, 5)
    w, u, b = given(20, 4), given(20, 5), given(20)
    lower = LOWERINGS[recurrent.lstm_layer]
    y, *_ = lower(g, x, w, u, b, b, h, c, None, sizes=None, reverse=False)
    products = sum(v.op == "matmul" for v in g.values)
    rows = g.reshape(x, (6, 4))
    again = g.matmul(rows, g.transpose(w, (1, 0)))
    assert products == 4 and again.number < y.number
    g.write(g.slot(y.shape, y.dtype, (10, 5, 1)), y)
    assert all(v.op not in ("bitcast", "call") for v in live(g))


def test_a_chain_of_products_is_not_multiplied_out() -> None:
    """The first two operands have no label in common."""
    g = Graph()
    xs = [g.source(g.slot((9, 9), np.float32, (9, 1), name)) for name in "abcd"]
    kw = {"inputs": ((0, 1), (2, 3), (1, 2), (3, 4)), "output": (0, 4)}
    LOWERINGS[contraction.einsum](g, *xs, **kw)
    assert max(v.size for v in g.values) == 81


def test_a_refusal_leaves_no_check() -> None:
    """A call that is left to the kernel in the middle of its lowering asks for nothing."""
    g = Graph()
    x = g.source(g.slot((4, 3), np.bool_, (3, 1)))
    i = g.source(g.slot((2,), np.int64, (1,)))
    v = g.source(g.slot((2, 3), np.bool_, (3, 1)))
    assert LOWERINGS[indexing.unindex](g, v, i, axes=(0,), shape=(4, 3)) is NotImplemented
    assert LOWERINGS[indexing.put](g, x, i, v, axes=(0,), accumulate=True) is NotImplemented
    assert g.checks == []


def test_rows_are_written_in_order() -> None:
    """Of equal indices the last one counts, along any axis."""
    g = Graph()
    x = g.source(g.slot((2, 3), np.float64, (3, 1)))
    i, v = g.constant(at(1, 1)), g.constant(np.array([[1.0, 2.0], [3.0, 4.0]]))
    g.write(0, g.put_at(x, i, v, 1))
    g.write(g.slot((2, 3), np.float64, (3, 1)), g.put_along(x, g.constant([[0, 0]]), v_row(g), 1))
    arrays = [np.zeros((2, 3)), np.zeros((2, 3))]
    evaluate(g, arrays)
    assert arrays[0].tolist() == [[0, 2, 0], [0, 4, 0]]
    assert arrays[1].tolist() == [[8, 0, 0], [0, 0, 0]]


def v_row(g: Graph) -> Value:
    return g.constant(np.array([[7.0, 8.0]]))
