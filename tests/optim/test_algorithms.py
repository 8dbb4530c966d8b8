"""The algorithms by hand-computed values, and what holds for all of them."""

import gc
import tracemalloc

import numpy as np
import pytest

import dynagrad
from dynagrad import optim
from dynagrad.optim import updates
from dynagrad.optim._muon import as_bfloat16, orthogonal
from dynagrad.optim.line_search import Point, strong_wolfe

ALL = [name for name in optim.__all__ if isinstance(getattr(optim, name), type)]
BY_GRADIENT = [n for n in ALL if n not in ("Optimizer", "LBFGS", "SparseAdam")]


def parameter(*values):
    return dynagrad.nn.Parameter(dynagrad.tensor(values))


def stepped(name, steps=1, **options):
    p = parameter(1.0, -2.0)
    optimizer = getattr(optim, name)([p], **options)
    for _ in range(steps):
        p.grad = dynagrad.tensor([0.5, -1.0])
        optimizer.step()
    return p, optimizer


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        # the first step of Adam's kin is lr in the direction of the sign
        ("Adamax", {"lr": 0.1}, [0.9, -1.9]),
        ("RAdam", {"lr": 0.1}, [1 - 0.1 * 0.5, -2 + 0.1 * 1.0]),
        ("Rprop", {"lr": 0.1}, [0.9, -1.9]),
        ("ASGD", {"lr": 0.1, "lambd": 0.0}, [0.95, -1.9]),
        # sqrt(eps) / sqrt(0.1 g g + eps) g
        ("Adadelta", {"eps": 1e-2}, [1 - 0.1 / 0.035**0.5 * 0.5, -2 + 0.1 / 0.11**0.5]),
    ],
)
def test_first_step(name, options, expected):
    p, _ = stepped(name, **options)
    np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-5)


def test_rprop_grows_and_shrinks():
    p = parameter(0.0)
    optimizer = optim.Rprop([p], lr=1.0, etas=(0.5, 1.5), step_sizes=(0.9, 2.0))
    sizes = []
    for g in (1.0, 1.0, 1.0, -1.0, -1.0, 1.0):
        p.grad = dynagrad.tensor([g])
        optimizer.step()
        sizes.append(optimizer.state[p]["step_size"].item())
    assert sizes == [1.0, 1.5, 2.0, 1.0, 1.0, pytest.approx(0.9)]
    assert p.item() == pytest.approx(-1.0 - 1.5 - 2.0 + 1.0)


def test_orthogonal():
    rng = np.random.default_rng(0)
    for shape in ((6, 4), (3, 8), (5, 5)):
        u = orthogonal(rng.standard_normal(shape), (2.0, -1.5, 0.5), 30, 1e-7)
        assert u.shape == shape
        np.testing.assert_allclose(np.linalg.svd(u)[1], 1.0, atol=0.03)


def test_rounding_to_bfloat16():
    x = np.array([1.0, 1.0039, 1.00391, -3.14159, 1e-40, np.inf, 1 + 2**-8], np.float32)
    expected = [1.0, 1.0, 1.0078125, -3.140625, x[4], np.inf, 1.0]
    np.testing.assert_allclose(as_bfloat16(x), expected, rtol=1e-7, atol=1e-41)
    assert np.isnan(as_bfloat16(np.float32(np.nan)))


@pytest.mark.parametrize("t", [1e-3, 0.3, 1.0, 20.0])
def test_strong_wolfe(t):
    def at(t):
        return Point(t, (t - 1) ** 4 - t, None, 4 * (t - 1) ** 3 - 1)

    start = at(0.0)
    found, evaluations = strong_wolfe(at, t, 1.0, start)
    assert found.loss <= start.loss + 1e-4 * found.t * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)
    assert evaluations <= 15


def test_lbfgs_finds_the_valley():
    x = parameter(-1.2, 1.0)
    optimizer = optim.LBFGS([x], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == pytest.approx(24.2)
    np.testing.assert_allclose(x.detach().numpy(), 1.0, atol=1e-3)
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optimizer.param_groups[0]["line_search_fn"] = "armijo"
        x.data.fill_(3.0)
        optimizer.step(closure)


class Sparse:
    """The gradient of an embedding as a COO tensor, as far as SparseAdam asks."""

    is_sparse = True

    def __init__(self, places, values):
        self.places, self.values = dynagrad.tensor([places]), dynagrad.tensor(values)

    def coalesce(self):
        return self

    def _indices(self):
        return self.places

    def _values(self):
        return self.values


def test_sparse_adam(monkeypatch):
    dense, sparse = (dynagrad.nn.Parameter(dynagrad.ones(4, 2)) for _ in range(2))
    adam, other = optim.Adam([dense], lr=0.1, eps=1e-30), optim.SparseAdam([sparse], 0.1, eps=1e-30)
    values = [[1.0, 2.0], [3.0, -4.0]]
    for _ in range(3):
        dense.grad = dynagrad.zeros(4, 2)
        dense.grad[1], dense.grad[3] = dynagrad.tensor(values[0]), dynagrad.tensor(values[1])
        adam.step()
        with monkeypatch.context() as m:
            m.setattr(dynagrad.nn.Parameter, "grad", Sparse([1, 3], values))
            other.step()
    rows = [1, 3]
    np.testing.assert_allclose(sparse.detach().numpy()[rows], dense.detach().numpy()[rows], 1e-6)
    assert (sparse.detach().numpy()[[0, 2]] == 1).all()
    assert other.state[sparse]["step"] == 3
    sparse.grad = dynagrad.ones(4, 2)
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
        other.step()


# --- what holds for all ---------------------------------------------------------------------------


def shaped(name):
    shapes = [(3, 2), (4, 4)] if name == "Muon" else [(3,), (), (5, 7), (90, 60), (2, 3, 4)]
    rng = np.random.default_rng(0)
    params = [
        dynagrad.nn.Parameter(dynagrad.from_numpy(rng.standard_normal(s).astype("float32")))
        for s in shapes
    ]
    for p in params:
        p.grad = dynagrad.from_numpy(rng.standard_normal(p.shape).astype("float32"))
    return params


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_together_or_alone(name, monkeypatch):
    """Joined, divided and whole arrays give the same numbers."""
    found = []
    for block, small in ((1 << 30, 0), (1 << 30, 1 << 30), (64, 16)):
        monkeypatch.setattr(updates, "BLOCK", block)
        monkeypatch.setattr(updates, "SMALL", small)
        params = shaped(name)
        optimizer = getattr(optim, name)(params)
        for _ in range(3):
            optimizer.step()
        found.append([p.detach().numpy() for p in params])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_nothing_is_written_where_an_update_fails(name):
    p = shaped(name)[0]
    optimizer = getattr(optim, name)([p])
    optimizer.step()
    before = p.detach().numpy().copy()
    p._g = dynagrad.ones(7, 9, 2)
    with pytest.raises((RuntimeError, TypeError), match="broadcast|operand|shape"):
        optimizer.step()
    np.testing.assert_array_equal(p.detach().numpy(), before)


@pytest.mark.parametrize("name", BY_GRADIENT)
def test_numpys_warnings_and_errors_stay_away(name):
    for state in ("warn", "raise"):
        p = dynagrad.nn.Parameter(dynagrad.tensor([[1e30, 0.0], [1.0, 1e-38]]))
        p.grad = dynagrad.tensor([[1e30, 0.0], [float("nan"), 1e-38]])
        optimizer = getattr(optim, name)([p])
        with np.errstate(all=state):
            optimizer.step()
            optimizer.step()
        assert p[1, 0].isnan() or name == "Rprop"


def test_no_memory_of_the_size_of_the_parameters():
    p = dynagrad.nn.Parameter(dynagrad.zeros(4_000_000))
    p.grad = dynagrad.ones(4_000_000)
    for name in ("SGD", "Adam", "RMSprop"):
        optimizer = getattr(optim, name)([p])
        optimizer.step()
        tracemalloc.start()
        optimizer.step()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5e6, name


def test_recorded_steps_are_freed():
    gc.collect()
    gc.disable()
    try:
        w = dynagrad.ones(3, requires_grad=True)
        for _ in range(2):
            p = w.clone()
            optimizer = optim.Adam([p], differentiable=True)
            p.grad = w * 2
            optimizer.step()
            p.sum().backward()
            del optimizer, p
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_gradient_by_the_rate():
    """One step of descent on x^2 / 2 leaves the loss (1 - lr)^2 x^2 / 2."""
    lr = dynagrad.tensor(0.25, requires_grad=True)
    x = dynagrad.tensor([3.0], requires_grad=True)
    p = x.clone()
    optimizer = optim.SGD([p], lr=lr, differentiable=True)
    q = p.clone()
    (p.grad,) = dynagrad.autograd.grad((q**2).sum() / 2, q, create_graph=True)
    optimizer.step()
    ((p**2).sum() / 2).backward()
    assert lr.grad.item() == pytest.approx(-9 * 0.75)
    assert x.grad.item() == pytest.approx(3 * 0.75**2)


@pytest.mark.parametrize("name", ["Adam", "Rprop", "ASGD"])
def test_a_leaf_cannot_be_stepped_with_a_history(name):
    p = parameter(1.0)
    p.grad = dynagrad.ones(1)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        getattr(optim, name)([p], differentiable=True).step()
