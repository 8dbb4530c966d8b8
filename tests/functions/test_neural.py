"""Activations, losses and layers: what needs no other library to be known."""

import math
import warnings

import numpy as np
import pytest

import dynagrad as torch
import dynagrad.nn.functional as F


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype).requires_grad_()


def test_linear_is_what_pytorch_records():
    x, w, b = torch.ones(2, 3), torch.ones(4, 3).requires_grad_(), torch.zeros(4).requires_grad_()
    y = F.linear(x, w, b)
    assert y.tolist() == [[3.0] * 4] * 2
    assert type(y.grad_fn).__name__ == "AddmmBackward0"
    names = [type(n).__name__ for n, _ in y.grad_fn.next_functions]
    assert names == ["AccumulateGrad", "NoneType", "TBackward0"]
    assert y.grad_fn.next_functions[2][0].next_functions[0][0].variable is w
    y.sum().backward()
    assert w.grad.tolist() == [[2.0] * 3] * 4
    assert b.grad.tolist() == [2.0] * 4


def test_linear_notices_a_weight_that_was_changed():
    x, w, b = leaf([1.0, 2.0]), leaf([1.0, 2.0]), leaf(1.0)
    y = F.linear(x, w, b)
    with torch.no_grad():
        w.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_linear_notices_an_input_that_was_changed():
    x, w, b = torch.ones(1, 2), torch.ones(1, 2).requires_grad_(), torch.ones(1).requires_grad_()
    y = F.linear(x, w, b)
    x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_cross_entropy_notices_a_target_that_was_changed():
    x, t = leaf([1.0, 2.0]), torch.tensor([1])
    loss = F.cross_entropy(x, t)
    t.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_no_history_under_no_grad():
    w, b = torch.ones(4, 3).requires_grad_(), torch.zeros(4).requires_grad_()
    with torch.no_grad():
        assert F.linear(torch.ones(2, 3), w, b).grad_fn is None
        assert F.cross_entropy(w, torch.zeros(4, dtype=torch.int64)).grad_fn is None
        assert (w @ w.t()).grad_fn is None


def test_gradients_through_a_reused_weight():
    w = leaf([2.0, 1.0], [0.0, 3.0])
    x = leaf([1.0, -1.0])
    y = F.linear(F.linear(x, w, torch.zeros(2, dtype=torch.float64)), w)
    y.sum().backward()
    a, v = w.detach().numpy(), x.detach().numpy()
    h = v @ a.T
    ones = np.ones((1, 2))
    np.testing.assert_allclose(w.grad.numpy(), ones.T @ h + (ones @ a).T @ v)


def test_softmax_and_its_logarithm():
    x = torch.tensor([[0.0, math.log(3.0)]], dtype=torch.float64)
    np.testing.assert_allclose(F.softmax(x, 1).numpy(), [[0.25, 0.75]])
    np.testing.assert_allclose(F.log_softmax(x, 1).exp().numpy(), [[0.25, 0.75]])
    far = torch.tensor([[1e5, 0.0, -1e5]])
    assert F.softmax(far, 1).tolist() == [[1.0, 0.0, 0.0]]
    assert F.log_softmax(far, 1).tolist() == [[0.0, -1e5, -2e5]]


def test_cross_entropy_by_hand():
    x = leaf([0.0, math.log(3.0)], [math.log(4.0), 0.0])
    loss = F.cross_entropy(x, torch.tensor([1, 1]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(5)) / 2)
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.125, -0.125], [0.4, -0.4]])


def test_third_derivatives():
    x = leaf(0.3)
    for f, third in (
        (lambda t: F.softplus(t).sum(), lambda s: s * (1 - s) * (1 - 2 * s)),
        (lambda t: -F.logsigmoid(t).sum(), lambda s: s * (1 - s) * (1 - 2 * s)),
    ):
        (g,) = torch.autograd.grad(f(x), x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
        (k,) = torch.autograd.grad(h.sum(), x)
        assert k.item() == pytest.approx(third(1 / (1 + math.exp(-0.3))), rel=1e-9)


def test_losses_stay_finite_far_out():
    x = leaf(-1e4, 1e4)
    for y in ((0.0, 1.0), (1.0, 0.0)):
        x.grad = None
        loss = F.binary_cross_entropy_with_logits(x, torch.tensor(y, dtype=torch.float64))
        loss.backward()
        assert math.isfinite(loss.item())
        assert torch.isfinite(x.grad).all()
    assert F.soft_margin_loss(x, -torch.sign(x.detach())).item() == 1e4
    assert F.binary_cross_entropy(leaf(0.0), torch.ones(1, dtype=torch.float64)).item() == 100


def test_errors_of_losses():
    x = torch.zeros(2, 3)
    with pytest.raises(IndexError, match=r"Target 5 is out of bounds.\n.*\[0, 2\]"):
        F.cross_entropy(x, torch.tensor([0, 5]))
    with pytest.raises(IndexError, match="Target -1 is out of bounds"):
        F.cross_entropy(x, torch.tensor([0, -1]))
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(torch.tensor([1.5]), torch.ones(1))
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(torch.tensor([-0.5]), torch.zeros(1))
    with pytest.raises(RuntimeError, match="Found dtype Long but expected Float"):
        F.binary_cross_entropy(torch.zeros(1), torch.zeros(1, dtype=torch.int64))
    assert math.isnan(F.binary_cross_entropy(torch.tensor([math.nan]), torch.ones(1)).item())
    # a target that is ignored may lie anywhere
    assert F.cross_entropy(x, torch.tensor([0, -100])).item() == pytest.approx(math.log(3))


def test_nothing_is_printed_about_floating_point():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.binary_cross_entropy(
            leaf(0.0, 1.0), torch.tensor([0.0, 1.0], dtype=torch.float64)
        ).backward()
        F.log_softmax(torch.tensor([[-math.inf, -math.inf]]), 1)
        F.softmax(torch.tensor([[math.inf, 0.0]]), 1)
        F.nll_loss(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
        F.elu(torch.tensor([1e5, -1e5]))
        F.silu(torch.tensor([-1e5]))
        F.mse_loss(torch.zeros(0), torch.zeros(0))


def test_relu_in_place():
    x = leaf(-1.0, 2.0)
    y = x * 1
    assert F.relu(y, inplace=True) is y
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        F.relu(x, inplace=True)


def test_embedding_adds_up_repeated_rows():
    w = torch.zeros(4, 2, dtype=torch.float64).requires_grad_()
    F.embedding(torch.tensor([[1, 1], [3, 1]]), w).sum().backward()
    assert w.grad.tolist() == [[0, 0], [3, 3], [0, 0], [1, 1]]
    w = torch.tensor([[3.0, 4.0], [0.3, 0.4]])
    F.embedding(torch.tensor([0]), w, max_norm=1.0)
    np.testing.assert_allclose(w.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


def test_dropout_keeps_the_mean():
    torch.manual_seed(0)
    x = torch.ones(10_000)
    y = F.dropout(x, 0.25)
    assert set(np.unique(y.numpy())) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.mean().item() - 1) < 0.03
    assert F.dropout(x, 0.25, training=False) is x


def test_gradient_of_dropout_and_norms():
    torch.manual_seed(0)
    x = torch.ones(5).requires_grad_()
    y = F.dropout(x, 0.5)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()
    x = leaf([1.0, 2.0, 4.0])
    F.layer_norm(x, (3,)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 0, atol=1e-12)
