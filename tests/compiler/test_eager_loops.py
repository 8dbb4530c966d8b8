"""Activations, products and optimizer steps by compiled kernels next to NumPy's."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import dynagrad as dg
from dynagrad import nn
from dynagrad.compiler.eager import eager_kernels, formulas, pointwise, reductions
from dynagrad.compiler.eager.library import Family
from dynagrad.compiler.native import llvm as native
from dynagrad.compiler.native.target import using_target

F = nn.functional
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
FUNCTIONS = {
    "sigmoid": dg.sigmoid,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "erf": dg.erf,
    "erfc": dg.erfc,
    "softplus": F.softplus,
    "logsigmoid": F.logsigmoid,
    "mish": F.mish,
}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, 100, -100, 1e30, -1e30, 7, -7, 20.5, -20.5]


@pytest.fixture(params=["native", "x86-64", "x86-64-v3"])
def target(request, monkeypatch):
    """Kernels for this machine and for older ones."""
    monkeypatch.setattr(pointwise, "_families", {})
    monkeypatch.setattr(formulas, "_known", {})
    with using_target(request.param):
        try:
            native.target()
        except ValueError as reason:
            pytest.skip(str(reason))
        monkeypatch.setattr(reductions, "_family", Family(reductions._write))
        yield request.param


def both(work):
    """What `work` makes with kernels, and without them."""
    found = work()
    with eager_kernels(False):
        return found, work()


# --- Elementwise functions -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_and_their_derivatives(name, dtype, target):
    draw = np.random.default_rng(1)
    data = draw.normal(size=(173, 199)).astype(dtype) * 3
    g = draw.normal(size=data.shape).astype(dtype)

    def work():
        x = dg.tensor(data, requires_grad=True)
        y = FUNCTIONS[name](x)
        y.backward(dg.tensor(g))
        return y.detach().numpy(), x.grad.numpy()

    for a, b in zip(*both(work), strict=True):
        assert a.dtype == b.dtype
        # NumPy's formulas lose digits where they subtract; the kernels do not
        np.testing.assert_allclose(a, b, rtol=TOLERANCE[dtype], atol=5 * TOLERANCE[dtype])
    assert pointwise._families


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(name, dtype):
    data = np.tile(np.array(SPECIAL, dtype), 3000)
    a, b = both(lambda: FUNCTIONS[name](dg.tensor(data)).numpy())
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9)
    numbers = ~np.isnan(a)
    assert (np.signbit(a) == np.signbit(b))[numbers].all()


def test_orders_in_memory_stay():
    data = np.random.default_rng(2).normal(size=(200, 300)).astype("float32")
    for x in (dg.tensor(data).t(), dg.tensor(data)[:, ::2], dg.tensor(data)[::2]):
        found, expected = both(lambda x=x: F.gelu(x))
        assert found.stride() == expected.stride()
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_other_thresholds_of_softplus():
    x = dg.randn(40000) * 20
    for beta, threshold in ((2, 20), (1, 3)):
        a, b = both(lambda b=beta, t=threshold: F.softplus(x, b, t).numpy())
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(100, 211), (1, 20011), (3, 50, 200)])
def test_products(shape, dtype, target):
    data = np.random.default_rng(3).uniform(0.9, 1.1, shape).astype(dtype)
    data[0, 3] = -1
    for axis, keepdim in ((-1, False), (-1, True), (0, False)):
        a, b = both(lambda a=axis, k=keepdim: dg.tensor(data).prod(a, keepdim=k).numpy())
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=TOLERANCE[dtype] * 50)
    a, b = both(lambda: dg.tensor(data).prod().numpy())
    np.testing.assert_allclose(a, b, rtol=TOLERANCE[dtype] * 500)
    data[0, 5], data[-1, 7] = 0, np.nan
    a, b = both(lambda: dg.tensor(data).prod(-1).numpy())
    np.testing.assert_allclose(a, b, rtol=TOLERANCE[dtype] * 50)


# --- Optimizers ----------------------------------------------------------------------------------

OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"betas": (0.3, 0.9)}),
    ("AdamW", {}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("ASGD", {}),
    ("Rprop", {}),
]


def stepped(name, options, data, g):
    """A parameter and its state after steps of an optimizer."""
    p = dg.tensor(data, requires_grad=True)
    optimizer = getattr(dg.optim, name)([p], lr=0.01, **options)
    for i in range(5):
        p.grad = dg.tensor(g * (i - 1.5))
        optimizer.step()
    state = optimizer.state_dict()["state"].get(0, {})
    return [p.detach().numpy(), *[t.numpy() for t in state.values() if t is not None]]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_steps_have_the_same_bits(name, options, dtype, target):
    draw = np.random.default_rng(4)
    data, g = draw.normal(size=(2, 301, 257)).astype(dtype)
    found, expected = both(lambda: stepped(name, options, data, g))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert bool(formulas._known) == (name != "Rprop")


def test_parameters_that_no_kernel_takes_stay_with_numpy():
    draw = np.random.default_rng(5)
    data = draw.normal(size=(300, 400)).astype("float32")

    def work():
        parameters = [dg.tensor(data.copy()).t().requires_grad_(), dg.tensor(data).half()]
        parameters += [dg.tensor(data, requires_grad=True), dg.tensor(data[0])]
        parameters += [dg.tensor(data + 1j * data)]
        for p in parameters:
            p.requires_grad_()
            p.grad = (p * 0.5).detach()
        dg.optim.Adam(parameters, lr=0.01).step()
        return [p.detach().numpy() for p in parameters]

    for a, b in zip(*both(work), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_gradient_of_another_order_in_memory():
    data = np.random.default_rng(6).normal(size=(300, 400)).astype("float32")

    def work():
        p = dg.tensor(data, requires_grad=True)
        p.grad = dg.tensor(np.asfortranarray(data[::-1]))
        dg.optim.SGD([p], lr=0.1, momentum=0.9).step()
        return p.detach().numpy()

    np.testing.assert_array_equal(*both(work))


def test_a_changing_rate_needs_no_new_kernel(monkeypatch):
    monkeypatch.setattr(formulas, "_known", {})
    p = dg.ones(300, 300, requires_grad=True)
    p.grad = dg.ones(300, 300)
    optimizer = dg.optim.Adam([p], lr=0.1)
    for i in range(4):
        optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        optimizer.step()
    assert len(formulas._known) == 1


def test_formulas_that_decide_about_arrays_are_refused():
    def update(p, g, state, *, lr):
        return (p - lr * g if g > 0 else p,)

    rows = [(np.ones(100000), np.ones(100000))]
    assert formulas.update_rows(update, rows, {"lr": 0.1}) is rows
    assert update in formulas._refused
