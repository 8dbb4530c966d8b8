"""Convolution and pooling of large images by compiled kernels next to NumPy's."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import dynagrad as dg
from dynagrad import nn
from dynagrad.compiler.eager import convolutions, eager_kernels

F = nn.functional


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """The kernels that a test compiles."""
    found = {}
    monkeypatch.setattr(convolutions, "_known", found)
    return found


def both(work):
    """What `work` makes with kernels, and without them."""
    found = work()
    with eager_kernels(False):
        expected = work()
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert a.stride() == b.stride()
        scale = float(b.abs().max())
        np.testing.assert_allclose(
            a.detach().numpy(), b.detach().numpy(), rtol=0, atol=1e-5 * scale
        )


@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((8, 3, 32, 32), (16, 3, 3, 3), {"padding": 1}),
        ((3, 8, 33, 31), (24, 8, 3, 5), {"padding": (1, 2), "stride": 2}),
        ((8, 32, 28, 28), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
        ((4, 8, 40, 40), (16, 8, 3, 3), {"dilation": 2}),
        ((4, 32, 28, 28), (32, 32, 1, 1), {}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_convolutions(x, w, options, dtype, known):
    draw = np.random.default_rng(1)
    arrays = [draw.normal(size=shape).astype(dtype) for shape in (x, w, w[:1])]

    def work():
        held = [dg.tensor(a, requires_grad=True) for a in arrays]
        y = F.conv2d(*held, **options)
        y.backward(y.detach())
        return [y, *[t.grad for t in held]]

    both(work)
    assert {key[0] for key in known} == {"y", "x", "w"}


def test_transposed_and_other_forms():
    draw = np.random.default_rng(2)
    x = draw.normal(size=(4, 16, 20, 20)).astype("float32")
    w = draw.normal(size=(16, 24, 3, 3)).astype("float32")

    def work():
        held = [dg.tensor(a, requires_grad=True) for a in (x, w)]
        y = F.conv_transpose2d(*held, stride=2, padding=1, output_padding=1)
        y.backward(y.detach())
        last = dg.tensor(x).to(memory_format=dg.channels_last)
        z = F.conv2d(last, dg.tensor(w.transpose(1, 0, 2, 3)))
        return [y, *[t.grad for t in held], z]

    both(work)


@pytest.mark.parametrize("sizes", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (5, 2, 2), (7, 7, 0)])
@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
def test_pooling(pool, sizes):
    data = np.random.default_rng(3).normal(size=(4, 24, 30, 29)).astype("float32").round(1)

    def work():
        x = dg.tensor(data, requires_grad=True)
        y = pool(x, *sizes)
        y.backward(y.detach())
        return [y, x.grad]

    both(work)


def test_places_of_the_largest_elements():
    data = np.random.default_rng(4).integers(-3, 4, (4, 24, 30, 29)).astype("float32")
    data[0, 0, 3, 4], data[1, 1] = np.nan, -np.inf
    x = dg.tensor(data)
    found = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    with eager_kernels(False):
        expected = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_results_do_not_depend_on_threads():
    x, w = dg.randn(6, 16, 30, 30), dg.randn(32, 16, 3, 3)
    before = dg.get_num_threads()
    made = []
    try:
        for threads in (1, 3):
            dg.set_num_threads(threads)
            made.append(F.conv2d(x, w, padding=1).numpy())
    finally:
        dg.set_num_threads(before)
    np.testing.assert_array_equal(*made)


def test_the_number_of_kernels_is_bounded(monkeypatch, known):
    monkeypatch.setattr(convolutions, "MOST", 2)
    w = dg.randn(32, 16, 3, 3)
    for size in range(30, 35):
        F.conv2d(dg.randn(4, 16, size, size), w)
    assert len(known) == 2


def test_recorded_calls_compile_no_kernel_that_would_run_once(known, monkeypatch):
    """The step's own code follows; where NumPy takes longer than that, a kernel is compiled."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
    x = dg.randn(16, 3, 32, 32, requires_grad=True)

    def step():
        net.zero_grad()
        net(x).sum().backward()

    compiled = dg.compile(step)
    compiled()
    assert not known
    step()
    eager = {what for what, *_ in known}
    assert len(eager) > 2
    found = {k: p.grad.numpy().copy() for k, p in net.named_parameters()}
    compiled()
    for k, p in net.named_parameters():
        np.testing.assert_allclose(p.grad.numpy(), found[k], rtol=1e-4, atol=1e-3)
    known.clear()
    monkeypatch.setattr(convolutions, "COMPILING", 0.0)
    dg.compile(step)()
    assert {what for what, *_ in known} == eager
