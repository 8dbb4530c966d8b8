"""The whole idea in seconds: run before every commit (`make tiny`)."""

import gc

import numpy as np
import pytest

import dynagrad as dg

torch = dg  # the programs below are PyTorch's


def test_first_program() -> None:
    w = torch.tensor([1.0], requires_grad=True)
    x = torch.tensor([2.0], requires_grad=True)
    a = torch.add(w, x)
    b = torch.add(w, 1)
    y = torch.mul(a, b)
    y.backward()
    assert w.grad.tolist() == [5.0]
    assert x.grad.tolist() == [2.0]
    assert repr(y) == "tensor([6.], grad_fn=<MulBackward0>)"
    assert [type(f).__name__ for f, _ in y.grad_fn.next_functions] == ["AddBackward0"] * 2


def test_orders() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    y = x**2 * torch.sin(x)
    for expected in (
        6 * np.sin(3) + 9 * np.cos(3),
        2 * np.sin(3) + 12 * np.cos(3) - 9 * np.sin(3),
        6 * np.cos(3) - 18 * np.sin(3) - 9 * np.cos(3),
    ):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected, rel=1e-5)


def test_broadcasting_and_reduction() -> None:
    a = torch.ones(3, 1, requires_grad=True)
    b = torch.arange(4.0).requires_grad_()
    ((a * b).sum(1).mean() + a.sum()).backward()
    assert a.grad.tolist() == [[3.0]] * 3
    assert b.grad.tolist() == [1.0] * 4


def test_views_writes_and_versions() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1
    v = y[1:]
    v.mul_(x[1:])
    assert (y.tolist(), y._version, v._version) == ([1.0, 4.0, 9.0], 1, 1)
    assert type(y.grad_fn).__name__ == "CopySlices"
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 4.0, 6.0]


def test_errors_say_what_to_do() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"(?s)modified by an inplace.*x\.exp\(\).*y\.add_\(1\)"):
        y.sum().backward()
    z = (x * x).sum()
    z.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        z.backward()


def test_hooks_modes_and_functions() -> None:
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x * x * g

    x = torch.tensor(2.0, requires_grad=True)
    x.register_hook(lambda g: g + 1)
    Cube.apply(x).backward()
    assert x.grad.item() == 13.0
    with torch.no_grad():
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_numpy_speaks_tensor() -> None:
    x = torch.tensor([0.5, 1.5], requires_grad=True)
    np.tanh(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 1 - np.tanh([0.5, 1.5]) ** 2, rtol=1e-6)
    assert x.detach().numpy().base is None or np.shares_memory(x.detach().numpy(), x.data.numpy())


def test_a_network_learns() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 2)
    y = (x[:, :1] * x[:, 1:] > 0).float()
    net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    loss_of = torch.nn.BCEWithLogitsLoss()
    losses = []
    for _ in range(120):
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.6
    assert losses[-1] < 0.15


def test_nothing_is_left_behind() -> None:
    gc.collect()
    gc.disable()
    try:

        def step() -> None:
            x = torch.tensor([1.0, 2.0], requires_grad=True)
            (x**3).sum().backward(create_graph=True)

        step()
        before = len(gc.get_objects())
        for _ in range(100):
            step()
        assert len(gc.get_objects()) < before + 50
    finally:
        gc.enable()


def test_a_long_chain() -> None:
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1.0
