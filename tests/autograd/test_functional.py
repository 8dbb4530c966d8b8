"""autograd.functional: the same derivatives by rows, batches and columns; what the caller must not
notice of them.
"""

import gc

import numpy as np
import pytest

import dynagrad as dg
from dynagrad.autograd import Function, functional, rows
from dynagrad.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def mixed(x, y):
    return (x[:, None] * y).sin(), (x * x).sum() * y


POINT = np.linspace(0.3, 1.2, 5)


def point() -> dg.Tensor:
    return dg.tensor(POINT)


def test_the_hessian_is_the_known_one() -> None:
    found = hessian(rosenbrock, point()).numpy()
    x = POINT
    expected = np.zeros((5, 5))
    for i in range(4):
        expected[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        expected[i + 1, i + 1] += 200
        expected[i, i + 1] = expected[i + 1, i] = -400 * x[i]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("limit", [1, 12, 40, 1 << 20])
def test_rows_batches_and_columns_agree(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BATCH_ELEMENTS", limit)
    args = (point(), dg.tensor(POINT[:3]))
    found = jacobian(mixed, args)
    assert [[tuple(m.shape) for m in row] for row in found] == [
        [(5, 3, 5), (5, 3, 3)],
        [(3, 5), (3, 3)],
    ]
    for other in (
        jacobian(mixed, args, strict=True),
        jacobian(mixed, args, create_graph=True),
        jacobian(mixed, args, vectorize=True),
        jacobian(mixed, args, vectorize=True, strategy="forward-mode"),
    ):
        for row, other_row in zip(found, other, strict=True):
            for a, b in zip(row, other_row, strict=True):
                np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-13)


def test_writes_in_place_are_differentiated_in_batches() -> None:
    def f(x):
        y = x.clone()
        y[1:].mul_(x[:-1])
        y[0] = x[2] ** 2
        return y.view(5, 1) * x

    found, expected = jacobian(f, point()), jacobian(f, point(), strict=True)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)


def test_products_are_products_with_the_matrices() -> None:
    x, v = point(), dg.tensor(POINT[::-1].copy())
    h = hessian(rosenbrock, x)
    for product in (hvp, vhp):
        value, found = product(rosenbrock, x, v)
        assert value.item() == pytest.approx(rosenbrock(x).item())
        np.testing.assert_allclose(found.numpy(), (h @ v).numpy(), rtol=1e-12)
    j = jacobian(dg.sin, x)
    np.testing.assert_allclose(jvp(dg.sin, x, v)[1].numpy(), (j @ v).numpy(), rtol=1e-12)
    np.testing.assert_allclose(vjp(dg.sin, x, v)[1].numpy(), (v @ j).numpy(), rtol=1e-12)


def test_results_can_be_differentiated_further() -> None:
    x = dg.tensor(POINT, requires_grad=True)
    h = hessian(lambda x: (x**4).sum(), x, create_graph=True)
    h.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 24 * POINT, rtol=1e-12)
    x.grad = None
    hvp(lambda x: (x**4).sum(), x, dg.ones(5, dtype=dg.float64), create_graph=True)[
        1
    ].sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 24 * POINT, rtol=1e-12)


@pytest.mark.parametrize("name", functional.__all__)
def test_the_arguments_stay_as_they_are(name: str) -> None:
    x = dg.tensor([0.5], dtype=dg.float64)
    y = dg.tensor([0.5], dtype=dg.float64, requires_grad=True)
    for t in (x, y):
        getattr(functional, name)(lambda a: (a**3).sum() * y.sum(), t)
        assert t.tolist() == [0.5] and t.grad is None and t.is_leaf and t._version == 0
    assert not x.requires_grad and y.requires_grad


def test_hooks_and_functions_see_single_rows() -> None:
    seen = []

    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            seen.append(("Function", tuple(g.shape), g.sum().item()))
            return 2 * g * ctx.saved_tensors[0]

    def hooked(x):
        y = x * 2
        y.register_hook(lambda g: seen.append(("hook", tuple(g.shape), g.sum().item())))
        return y.sin()

    jacobian(Square.apply, point())
    assert seen == [("Function", (5,), 1.0)] * 5
    seen.clear()
    jacobian(hooked, point())
    assert [s[:2] for s in seen] == [("hook", (5,))] * 5


def test_they_can_be_transformed() -> None:
    batch = dg.tensor(np.stack([POINT, POINT * 2]))
    both = dg.func.vmap(lambda x: hessian(rosenbrock, x))(batch)
    for found, x in zip(both, batch, strict=True):
        np.testing.assert_allclose(found.numpy(), hessian(rosenbrock, x).numpy(), rtol=1e-12)
    v = dg.ones(5, dtype=dg.float64)
    _, pushed = dg.func.jvp(lambda x: jacobian(lambda x: x**3, x).sum(), (point(),), (v,))
    assert pushed.item() == pytest.approx(float((6 * POINT).sum()))


def test_batched_gradients_are_those_of_each_row() -> None:
    x = dg.tensor(POINT, requires_grad=True)
    y = x.sin() * x.sum()
    weights = dg.tensor(np.random.default_rng(0).normal(size=(3, 5)))
    (found,) = dg.autograd.grad(y, x, weights, is_grads_batched=True, retain_graph=True)
    for row, w in zip(found, weights, strict=True):
        (expected,) = dg.autograd.grad(y, x, w, retain_graph=True)
        np.testing.assert_allclose(row.numpy(), expected.numpy(), rtol=1e-12)
    unused = dg.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="differentiated Tensor at index 1"):
        dg.autograd.grad(y, (x, unused), weights, is_grads_batched=True, retain_graph=True)
    with pytest.raises(RuntimeError, match="we interpret the first dimension"):
        dg.autograd.grad(y, x, weights[0], is_grads_batched=True, retain_graph=True)
    with pytest.raises(ValueError, match=r"got sizes \[3, 2\]"):
        dg.autograd.grad((y, y.sum()), x, (weights, dg.ones(2)), is_grads_batched=True)


def test_nothing_stays_alive() -> None:
    def once() -> None:
        jacobian(mixed, (point(), point()[:3]), vectorize=True)
        hessian(rosenbrock, point(), create_graph=True)
        jvp(dg.sin, point(), point())
        jacobian(dg.sin, point(), vectorize=True, strategy="forward-mode")

    once()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(5):
            once()
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()
