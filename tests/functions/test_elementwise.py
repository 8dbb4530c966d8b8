"""Elementwise operations by themselves: known values, errors, views, in-place writes, out=."""

import math

import numpy as np
import pytest

import dynagrad as dg
from dynagrad.autograd.differentiate import grad
from dynagrad.core.tensor import wrap


def leaf(*values, dtype=np.float64):
    t = wrap(np.array(values, dtype))
    t.requires_grad = True
    return t


def values(t):
    return t._a.tolist()


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("erf", 0.5, math.erf(0.5)),
        ("erf", -2.5, math.erf(-2.5)),
        ("erfc", 6.0, math.erfc(6.0)),
        ("erfc", 1.0, math.erfc(1.0)),
        ("erfinv", math.erf(0.7), 0.7),
        ("erfinv", 0.0, 0.0),
        ("lgamma", -1.5, math.lgamma(-1.5)),
        ("digamma", 1.0, -0.5772156649015329),
        ("digamma", -0.5, 0.03648997397857652),
        ("sigmoid", -800.0, 0.0),
        ("sigmoid", 800.0, 1.0),
        ("sinc", 0.5, 2 / math.pi),
        ("logit", 0.75, math.log(3)),
        ("expm1", 1e-20, 1e-20),
        ("log1p", 1e-20, 1e-20),
    ],
)
def test_known_values(name, x, expected):
    result = getattr(dg, name)(wrap(np.array([x])))
    assert values(result)[0] == pytest.approx(expected, rel=1e-14, abs=0)


def test_error_function_in_single_precision():
    x = np.linspace(-5, 5, 20001, dtype=np.float32)
    exact = np.array([math.erf(v) for v in x.tolist()])
    error = np.abs(dg.erf(wrap(x))._a - exact)
    assert np.max(error / np.spacing(np.abs(exact.astype(np.float32)))) <= 2


def test_sigmoid_of_large_arrays_equals_that_of_small_ones():
    x = np.random.default_rng(0).normal(0, 9, (300, 200)).astype(np.float32)
    for given in (x, x.T, x[::2, ::3]):
        whole = dg.sigmoid(wrap(given))._a
        assert whole.shape == given.shape
        np.testing.assert_allclose(whole, 1 / (1 + np.exp(-given.astype(np.float64))), 1e-6)


def test_third_derivative_of_a_power():
    x = leaf(2.0)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = grad([y.sum() if y._a.ndim else y], [x], create_graph=True)
        assert values(y) == [expected]


@pytest.mark.parametrize("size", [3, 5000])
def test_in_place_without_history_writes_the_memory(size):
    memory = np.ones(size, np.float32)
    t = wrap(memory)
    before = t._version
    assert t.add_(2).mul_(t).sub_(1, alpha=4).div_(wrap(np.float32(5.0))) is t
    assert np.all(memory == 1)
    assert t._version == before + 4


def test_in_place_write_of_a_saved_value_is_found():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    with dg.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        grad([z], [x], grad_outputs=[wrap(np.ones(2))])


def test_in_place_on_a_leaf_is_refused():
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        leaf(1.0).mul_(2)


def test_floating_point_warnings_stay_inside(recwarn):
    zero = wrap(np.zeros(2, np.float32))
    with np.errstate(all="raise"):
        assert np.isinf((1 / zero)._a).all()
        assert np.isnan((zero / zero)._a).all()
        assert values(dg.log(zero)) == [-math.inf] * 2
        assert values(zero.div_(0) * 0)[0] != 0
    assert not recwarn.list


def test_out():
    x, out = wrap(np.array([1.0, 4.0])), wrap(np.empty(0))
    assert dg.sqrt(x, out=out) is out
    assert values(out) == [1, 2]
    assert values(dg.add(x, x, alpha=2, out=out)) == [3, 12]
    with pytest.raises(RuntimeError, match="can't be cast"):
        dg.sqrt(x, out=wrap(np.zeros(2, np.int64)))


def test_foreign_operands():
    class Other:
        def __radd__(self, left):
            return "asked"

        def __eq__(self, left):
            return "asked"

        __hash__ = None

    x = wrap(np.ones(2))
    assert x + Other() == "asked"
    assert (x == Other()) == "asked"
    assert type(np.ones(2) * x) is type(x * np.ones(2)) is type(x)
    with pytest.raises(TypeError, match="unsupported operand"):
        x + "a"


def test_integer_division_by_zero():
    x = wrap(np.array([1, 2]))
    for text in ("x // 0", "x % 0", "2 // (x - 1)"):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            eval(text, {"x": x})


def test_integers_wrap_and_powers_of_integers():
    assert values(wrap(np.array([1], np.uint8)) + 300) == [45]
    assert values(wrap(np.array([2, -1, 1, 3])) ** wrap(np.array([-1, -3, -9, 2]))) == [0, -1, 1, 9]
    with pytest.raises(RuntimeError, match="negative integer powers"):
        wrap(np.array([2])) ** -1


def test_parts_of_complex_numbers_are_views():
    z = wrap(np.array([1 + 2j, 3 + 4j]))
    assert dg.view_as_real(z)._base is z
    z.imag.mul_(10)
    assert values(z) == [1 + 20j, 3 + 40j]
    assert z.conj() is not z
    assert dg.conj(x := wrap(np.ones(2))) is x
    back = dg.view_as_complex(dg.view_as_real(z))
    assert np.shares_memory(back._a, z._a)


def test_signature_shows_pytorchs_parameters():
    assert dg.tanh.__name__ == "tanh"
    assert "alpha" in str(__import__("inspect").signature(dg.add))
    assert "alpha" not in str(__import__("inspect").signature(dg.mul))
    with pytest.raises(TypeError, match="alpha"):
        dg.mul(leaf(1.0), 2, alpha=3)


def test_polygamma_takes_its_order_first_or_as_a_method() -> None:
    x = leaf(1.0, 2.5)
    expected = values(dg.polygamma(1, x))
    assert expected[0] == pytest.approx(math.pi**2 / 6)
    assert values(x.polygamma(1)) == values(x.polygamma(n=1)) == expected
    y = x.detach().clone()
    assert y.polygamma_(n=1) is y
    assert values(y) == expected
    with pytest.raises(TypeError, match="must be Tensor"):
        dg.polygamma(x, 1)
