"""Comparisons by themselves: results, fallbacks of the operators, errors."""

import numpy as np
import pytest

import dynagrad as dg
from dynagrad.core.tensor import wrap


def test_results_are_bool_tensors_without_history():
    x = wrap(np.array([1.0, 2.0]))
    x.requires_grad = True
    for result in (x > 1, x == 2, x.ne(1), dg.le(x, x), 1 < x, dg.isnan(x)):
        assert result._a.dtype == bool
        assert not result.requires_grad


def test_operators_leave_what_they_do_not_know_to_python():
    x = wrap(np.ones(2))
    assert (x == "a") is False
    assert (x != None) is True  # noqa: E711
    with pytest.raises(TypeError, match="not supported between"):
        x < "a"  # noqa: B015
    with pytest.raises(TypeError, match="argument 'other'"):
        x.eq("a")


def test_tensors_stay_hashable():
    x = wrap(np.ones(2))
    assert {x: 1}[x] == 1


def test_equal_and_close():
    x = wrap(np.array([1.0, np.nan]))
    assert not dg.equal(x, x)
    assert not dg.allclose(x, x)
    assert dg.allclose(x, x, equal_nan=True)
    assert not dg.equal(x, wrap(np.ones(3)))
    with pytest.raises(RuntimeError, match="Float did not match Double"):
        dg.allclose(wrap(np.ones(2, np.float32)), x)


def test_where_gives_indices():
    rows, columns = dg.where(wrap(np.array([[0, 1], [1, 0]])))
    assert rows._a.tolist() == [0, 1]
    assert columns._a.tolist() == [1, 0]
    assert rows._a.dtype == np.int64
