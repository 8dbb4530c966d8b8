"""Reductions: values, shapes, in-place and out= forms, memory, errors."""

import gc
import pickle
import weakref

import numpy as np
import pytest

import dynagrad
from dynagrad.autograd.differentiate import backward, grad
from dynagrad.core.tensor import Tensor, wrap


def make(values, dtype=np.float32, requires_grad=True):
    x = wrap(np.array(values, dtype))
    if requires_grad:
        x.requires_grad = True
    return x


def test_sum_and_mean_backward():
    x = make([[1, 2], [3, 4]])
    y = x.sum()
    assert type(y.grad_fn).__name__ == "SumBackward0"
    assert y._a.shape == () and type(y._a) is np.ndarray
    backward(y)
    np.testing.assert_array_equal(x.grad._a, np.ones((2, 2)))
    backward(x.mean(0).sum())
    np.testing.assert_array_equal(x.grad._a, np.full((2, 2), 1.5))


def test_gradients_of_leaves_are_their_own_memory():
    for shape in ((3,), (100, 100)):
        x = make(np.ones(shape))
        backward(x.sum())
        assert x.grad._a.flags.writeable and x.grad._a.flags.c_contiguous
        backward(x.sum(0).sum())
        np.testing.assert_array_equal(x.grad._a, np.full(shape, 2))


def test_the_users_line_is_remembered():
    x = make([1.0, 2.0])
    for y in (x.sum(), x.mean(0), x.sum(dim=(0,)), x.norm()):
        assert "test_reduction.py" in y.grad_fn.place()


def test_views_of_a_rewritten_base_are_seen():
    base = make([1.0, 2.0, 3.0]) * 1
    part = base[1:]
    base.mul_(2)
    assert part.sum()._a == 10
    (g,) = grad(part.sum(), base)
    np.testing.assert_array_equal(g._a, [0, 1, 1])


def test_out():
    x = make([[1, 2], [3, 4]], requires_grad=False)
    out = make(np.zeros(2), requires_grad=False)
    assert dynagrad.sum(x, 0, out=out) is out
    np.testing.assert_array_equal(out._a, [4, 6])
    values, indices = make([0.0, 0], requires_grad=False), make([0, 0], np.int64, False)
    dynagrad.max(x, 1, out=(values, indices))
    np.testing.assert_array_equal(values._a, [2, 4])
    np.testing.assert_array_equal(indices._a, [1, 1])
    wrong = make([0.0, 0], requires_grad=False)
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype long int"):
        dynagrad.max(x, 1, out=(values, wrong))
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        dynagrad.cumsum(make([1.0]), 0, out=out)
    counts = make([0, 0], np.int64, False)
    np.testing.assert_array_equal(dynagrad.sum(x, 0, out=counts)._a, [4, 6])


def test_running_sums_in_place():
    x = make([1.0, 2.0, 3.0], requires_grad=False)
    assert x.cumsum_(0) is x
    np.testing.assert_array_equal(x._a, [1, 3, 6])
    x.cumprod_(axis=0)
    np.testing.assert_array_equal(x._a, [1, 3, 18])
    y = make([1.0, 2.0, 3.0])
    z = y * 1
    z.cumsum_(0)
    (g,) = grad(z.sum(), y)
    np.testing.assert_array_equal(g._a, [3, 2, 1])
    integers = make([1, 2], np.int32, False)
    np.testing.assert_array_equal(integers.cumsum_(0)._a, [1, 3])
    assert integers._a.dtype == np.int32
    with pytest.raises(RuntimeError, match="Bad in-place call"):
        integers.cumsum_(0, dtype=dynagrad.core.dtype.float32)


def test_results_share_no_memory():
    x = make(5.0, requires_grad=False)
    for y in (x.sum(0), x.max(0)[0], x.cumsum(0), x.sort()[0], x.prod(0), x.amax(0), x.mean(0)):
        assert not np.shares_memory(x._a, y._a)
    z = make(np.ones((3, 1)), requires_grad=False)
    for y in (z.sum(1), z.cumsum(1), z.diff(0), z.amax(1), z.cummax(0)[0], z.quantile(0.5, 1)):
        assert not np.shares_memory(z._a, y._a)


def test_shares_of_equal_elements():
    x = make([1.0, 3.0, 3.0])
    (even,) = grad(x.max(), x)
    (first,) = grad(x.max(0).values, x)
    np.testing.assert_array_equal(even._a, [0, 0.5, 0.5])
    np.testing.assert_array_equal(first._a, [0, 1, 0])


def test_indices_carry_no_gradient():
    x = make([[1.0, 3.0], [4.0, 2.0]])
    result = x.max(1)
    assert not result.indices.requires_grad
    (g,) = grad(result.values.sum(), x, create_graph=True)
    assert not g.requires_grad


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_products_with_zeros_have_all_derivatives(order):
    """The mixed derivative of x0 x1 x2 x3 by the first `order` of them is the others' product."""
    for values in ([0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 3.0, 5.0], [0.0, 0.0, 7.0, 5.0]):
        for product in (lambda x: x.prod(), lambda x: x.cumprod(0)[3]):
            x = make(values, np.float64)
            y = product(x)
            for i in range(order):
                (g,) = grad(y, x, create_graph=True)
                y = g[i]
            assert y._a == np.prod(values[order:])


def test_third_derivative_of_a_norm():
    x = make([3.0, 4.0], np.float64)
    (g,) = grad(x.norm(), x, create_graph=True)
    (h,) = grad(g[0], x, create_graph=True)
    (k,) = grad(h[0], x)
    # d/dx, d/dy of y^2 / r^3
    np.testing.assert_allclose(k._a, [-3 * 16 * 3 / 5**5, (2 * 4 * 25 - 3 * 64) / 5**5])


def test_norm_and_deviation_have_derivative_zero_at_zero():
    x = make([0.0, 0.0])
    for y in (x.norm(), x.norm(3), x.norm(1), x.norm(0.5), x.std(), x.norm(float("inf"))):
        (g,) = grad(y, x, retain_graph=True)
        np.testing.assert_array_equal(g._a, [0, 0])


def test_half_sums_are_kept_in_float32():
    x = make(np.full(5000, 1.0), np.float16, False)
    assert x.sum()._a == 5000 and x.sum()._a.dtype == np.float16
    assert x.mean()._a == 1
    assert make(np.full((4000, 2), 1), np.float16, False).sum(0)._a.tolist() == [4000, 4000]


def test_bfloat16_sums():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = wrap(np.ones((1000, 3)).astype(ml_dtypes.bfloat16))
    np.testing.assert_array_equal(x.sum(0)._a.astype(float), [1000] * 3)
    assert x.mean()._a.astype(float) == 1 and x._a.dtype == x.mean()._a.dtype
    assert x.std()._a.astype(float) == 0 and x.std()._a.dtype == x._a.dtype


def test_float_errors_and_warnings_of_numpy_stay_inside():
    x = make([1e38, 3e38, np.inf, -np.inf])
    with np.errstate(all="raise"):
        assert np.isnan(x.sum()._a) and np.isnan(x.mean()._a) and np.isnan(x.logsumexp(0)._a) == 0
        backward(x.sum() * 0 + x.norm() * 0)
        assert np.isnan(make([], requires_grad=False).mean()._a)


def test_few_degrees_of_freedom_warn_at_the_users_line():
    with pytest.warns(UserWarning, match=r"std\(\): degrees of freedom is <= 0") as caught:
        assert np.isnan(make([1.0]).std()._a)
    assert caught[0].filename == __file__


def test_named_results_pickle():
    result = make([[1.0, 3.0]], requires_grad=False).aminmax()
    rebuild, parts = result.__reduce__()
    rebuilt = pickle.loads(pickle.dumps(rebuild))(*parts)
    assert type(rebuilt) is type(result) and rebuilt.max._a == 3


def test_subclasses_are_asked():
    class Mine(Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, kwargs

    x = object.__new__(Mine)
    x._a, x._e, x._v = np.ones(2), None, None
    assert dynagrad.sum(x) == ("sum", {})
    assert dynagrad.mean(x, 0, keepdim=True) == ("mean", {"dim": 0, "keepdim": True})
    assert dynagrad.max(x, 0)[0] == "max"
    assert dynagrad.sort(x)[0] == "sort"


def test_graphs_die_by_reference_counting():
    x = make([1.0, 2.0, 0.5], np.float64)
    gc.disable()
    try:
        for f in (Tensor.sum, Tensor.prod, Tensor.norm, Tensor.max, Tensor.var, Tensor.median):
            y = f(x)
            node = weakref.ref(y.grad_fn)
            backward(y, create_graph=True)
            x.grad = None
            del y
            assert node() is None
    finally:
        gc.enable()


def test_written_inputs_are_noticed():
    x = make([1.0, 2.0]) * 1
    y = x.prod()
    x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        backward(y)
    z = make([1.0, 2.0]) * 1
    y = z.sum()
    z.mul_(2)
    backward(y)  # a sum keeps nothing but the shape
