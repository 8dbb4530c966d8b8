"""softmax and normalization by compiled kernels next to NumPy's."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import dynagrad as dg
from dynagrad import nn
from dynagrad.compiler.eager import eager_kernels, rows, statistics
from dynagrad.compiler.eager.library import Family
from dynagrad.compiler.native import llvm as native
from dynagrad.compiler.native.target import using_target

F = nn.functional
DTYPES = {"float32": 2e-6, "float64": 4e-15}


@pytest.fixture(params=["native", "x86-64", "x86-64-v3"])
def target(request, monkeypatch):
    """Kernels for this machine and for older ones."""
    with using_target(request.param):
        try:
            native.target()
        except ValueError as reason:
            pytest.skip(str(reason))
        for module in (rows, statistics):
            monkeypatch.setattr(module, "_family", Family(module._write))
        yield request.param


@pytest.fixture
def used(monkeypatch):
    """The names of the kernels that ran."""
    names = set()
    for module in (rows, statistics):
        run = module._family.run

        def noted(name, *rest, run=run):
            names.add(name[:-2])
            return run(name, *rest)

        monkeypatch.setattr(module._family, "run", noted)
    return names


def both(work):
    """What `work` makes with kernels, and without them."""
    found = work()
    with eager_kernels(False):
        return found, work()


def near(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        a, b = a.detach().numpy(), b.detach().numpy()
        assert a.dtype == b.dtype
        assert a.strides == b.strides
        scale = np.abs(b[np.isfinite(b)]).max(initial=1)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(500, 33), (200, 100), (3, 5000), (4, 30, 200)])
def test_softmax_and_its_logarithm(shape, dtype, target):
    draw = np.random.default_rng(1)
    data, g = draw.normal(size=(2, *shape)).astype(dtype) * 5

    def work():
        made = []
        for function in (F.softmax, F.log_softmax):
            x = dg.tensor(data, requires_grad=True)
            y = function(x, -1)
            y.backward(dg.tensor(g))
            made += [y, x.grad]
        return made

    near(*both(work), DTYPES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_with_special_values(dtype):
    data = np.random.default_rng(2).normal(size=(300, 70)).astype(dtype)
    data[0, 3], data[1, 69], data[2, 5] = np.nan, np.inf, -np.inf
    data[3], data[4], data[5] = -np.inf, 1000, -1e30
    data[6, 64:] = 1e30
    for function in (F.softmax, F.log_softmax):
        found, expected = both(lambda function=function: function(dg.tensor(data), 1).numpy())
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(150, 67), (100, 128), (3, 5000), (20, 10, 100)])
def test_layer_norm(shape, dtype, target):
    draw = np.random.default_rng(3)
    data, g = draw.normal(size=(2, *shape)).astype(dtype) * 3 + 1
    w, b = draw.normal(size=(2, shape[-1])).astype(dtype)

    def work():
        made = []
        for sides in ((w, b), (w, None), (None, None)):
            held = [None if t is None else dg.tensor(t, requires_grad=True) for t in (data, *sides)]
            y = F.layer_norm(held[0], shape[-1:], *held[1:])
            y.backward(dg.tensor(g))
            made += [y, *[t.grad for t in held if t is not None]]
        return made

    near(*both(work), DTYPES[dtype] * 20)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(8, 5, 15, 17), (30, 40, 3, 3), (4, 3, 1000), (2, 3, 7, 9, 30)])
def test_batch_norm(shape, dtype, target):
    draw = np.random.default_rng(4)
    data, g = draw.normal(size=(2, *shape)).astype(dtype) * 3 + 1
    w, b = draw.normal(size=(2, shape[1])).astype(dtype)

    def work():
        made = []
        for sides in ((w, b), (None, None)):
            held = [None if t is None else dg.tensor(t, requires_grad=True) for t in (data, *sides)]
            y = F.batch_norm(held[0], None, None, *held[1:], training=True)
            y.backward(dg.tensor(g))
            made += [y, *[t.grad for t in held if t is not None]]
        return made

    near(*both(work), DTYPES[dtype] * 20)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(4, 6, 20, 21), (100, 12, 3, 5), (1, 6, 1500), (2, 6, 2, 30, 31)]
)
def test_group_norm(shape, dtype, target):
    draw = np.random.default_rng(7)
    data, g = draw.normal(size=(2, *shape)).astype(dtype) * 3 + 1
    w, b = draw.normal(size=(2, shape[1])).astype(dtype)

    def work():
        made = []
        for sides in ((w, b), (w, None), (None, None)):
            held = [None if t is None else dg.tensor(t, requires_grad=True) for t in (data, *sides)]
            y = F.group_norm(held[0], 3, *held[1:])
            y.backward(dg.tensor(g))
            made += [y, *[t.grad for t in held if t is not None]]
        return made

    near(*both(work), DTYPES[dtype] * 20)


def test_other_orders_in_memory():
    data = np.random.default_rng(5).normal(size=(4, 6, 20, 21)).astype("float32")

    def work():
        last = dg.tensor(data).to(memory_format=dg.channels_last)
        z = F.batch_norm(last, None, None, training=True)
        turned = F.softmax(dg.tensor(data.reshape(24, 420)).t(), 1)
        return [z, turned]

    near(*both(work), 3e-5)


def test_the_kernels_run_from_a_size_on(used):
    def work(n):
        x = dg.randn(n, 64, requires_grad=True)
        for y in (F.softmax(x, 1), F.log_softmax(x, 1), F.layer_norm(x, (64,))):
            y.backward(y.detach())
        z = dg.randn(n, 3, 8, 8, requires_grad=True)
        F.batch_norm(z, None, None, training=True).backward(z.detach())

    work(8)
    assert not used
    work(256)
    assert used == {
        *("softmax", "softmax_back", "log_softmax", "log_softmax_back"),
        *("forward_rows", "backward_plain", "forward_channels", "backward_channels"),
    }


def test_a_mean_far_from_zero_costs_no_digits():
    data = np.random.default_rng(6).normal(size=(128, 100)).astype("float32") + 1e4
    exact = data.astype("float64")
    exact = (exact - exact.mean(1, keepdims=True)) / np.sqrt(exact.var(1, keepdims=True) + 1e-5)
    found = F.layer_norm(dg.tensor(data), (100,)).numpy()
    np.testing.assert_allclose(found, exact, atol=2e-3)
