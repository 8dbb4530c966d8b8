"""Sorting, ranks, quantiles, distinct values: values, ties, derivatives, errors."""

import numpy as np
import pytest

import dynagrad
from dynagrad.autograd.differentiate import grad
from dynagrad.core.tensor import wrap


def make(values, dtype=np.float64, requires_grad=True):
    x = wrap(np.array(values, dtype))
    if requires_grad:
        x.requires_grad = True
    return x


def test_sorting_is_stable_both_ways():
    x = make([2, 1, 2, 1], np.int64, False)
    assert x.sort().indices._a.tolist() == [1, 3, 0, 2]
    assert x.sort(descending=True).indices._a.tolist() == [0, 2, 1, 3]


def test_derivatives_go_where_the_values_were():
    x = make([3.0, 1.0, 2.0])
    weight = wrap(np.array([10.0, 20.0, 30.0]))
    (g,) = grad(x.sort().values, x, weight)
    np.testing.assert_array_equal(g._a, [30, 10, 20])
    (g,) = grad(x.topk(2).values, x, wrap(np.array([1.0, 2.0])))
    np.testing.assert_array_equal(g._a, [1, 0, 2])
    (g,) = grad(x.cummax(0).values, x, weight)
    np.testing.assert_array_equal(g._a, [60, 0, 0])


def test_second_derivatives_through_a_choice():
    x = make([3.0, 1.0, 2.0])
    (g,) = grad((x * x * x).sort().values[1], x, create_graph=True)
    (h,) = grad(g.sum(), x)
    np.testing.assert_array_equal(h._a, [0, 0, 12])


def test_median_is_the_lower_one():
    x = make([4.0, 1.0, 3.0, 2.0])
    assert x.median()._a == 2
    assert x.median(0).indices._a == 3


def test_mode_is_the_least_of_the_most_frequent():
    result = make([3, 1, 3, 3, 1, 1], np.int64, False).mode()
    assert result.values._a == 1 and result.indices._a == 5


def test_quantiles_interpolate():
    x = make([0.0, 10.0, 20.0])
    assert x.quantile(0.25)._a == 5
    (g,) = grad(x.quantile(0.25), x)
    np.testing.assert_array_equal(g._a, [0.5, 0.5, 0])
    names = ("lower", "higher", "nearest", "midpoint")
    found = [float(x.quantile(0.3, interpolation=name)._a) for name in names]
    assert found == [0, 10, 10, 5]


def test_topk_of_many_keeps_the_first_of_equal_elements_first():
    x = make(np.tile(np.arange(1000.0), 2), requires_grad=False)
    result = x.topk(4)
    assert result.values._a.tolist() == [999, 999, 998, 998]
    assert result.indices._a.tolist() == [999, 1999, 998, 1998]


def test_unique_counts():
    values, inverse, counts = make([3, 1, 3], np.int64, False).unique(
        return_inverse=True, return_counts=True
    )
    assert values._a.tolist() == [1, 3]
    assert inverse._a.tolist() == [1, 0, 1]
    assert counts._a.tolist() == [1, 2]


def test_searching_batches():
    rows = make([[1, 3], [2, 4]], np.int64, False)
    values = make([[3], [3]], np.int64, False)
    assert dynagrad.searchsorted(rows, values, right=True)._a.tolist() == [[2], [1]]


def test_out():
    x = make([2.0, 1.0], requires_grad=False)
    out = (make([0.0, 0], requires_grad=False), make([0, 0], np.int64, False))
    assert dynagrad.sort(x, out=out).values is out[0]
    assert out[1]._a.tolist() == [1, 0]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: x.topk(4), RuntimeError, "selected index k out of range"),
        (lambda x: x.kthvalue(0), RuntimeError, "selected number k out of range"),
        (lambda x: x.quantile(1.5), RuntimeError, r"must be in the range \[0, 1\] but got 1.5"),
        (lambda x: x.sort(1), IndexError, "Dimension out of range"),
        (lambda x: x.bincount(), NotImplementedError, "convert first, as in x.long"),
        (lambda x: x.sort(0, 1), TypeError, "'descending'"),
        (lambda x: x.topk("2"), TypeError, "'k'"),
        (lambda x: x.sort(out=3), TypeError, "must be tuple of Tensors"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(make([1.0, 2.0, 3.0]))
