"""Products: values, views and errors without another library."""

import numpy as np
import pytest

import dynagrad as torch


def tensor(*shape, grad=False):
    t = torch.tensor(np.arange(float(np.prod(shape))).reshape(shape))
    return t.requires_grad_() if grad else t


@pytest.mark.parametrize(
    ("x", "y"),
    [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
     ((5, 1, 2, 3), (4, 3, 2)), ((3,), (4, 3, 2)), ((4, 2, 3), (3,))],
)  # fmt: skip
def test_matmul_is_numpys(x, y):
    a, b = tensor(*x), tensor(*y)
    expected = np.matmul(a.numpy(), b.numpy())
    np.testing.assert_array_equal((a @ b).numpy(), expected)
    np.testing.assert_array_equal(torch.matmul(a, b).numpy(), expected)


def test_gradient_layout_follows_the_transposition():
    x, w = tensor(5, 3), tensor(4, 3, grad=True)
    (x @ w.t()).sum().backward()
    assert w.grad.numpy().flags.c_contiguous
    np.testing.assert_array_equal(w.grad.numpy(), np.ones((5, 4)).T @ x.numpy())


def test_einsum_gives_views_where_nothing_is_summed():
    x = tensor(3, 3)
    d = torch.einsum("ii->i", x)
    t = torch.einsum("ij->ji", x)
    x[1, 1] = 100.0
    assert d[1].item() == 100
    assert t._base is x
    total = torch.einsum("ij->i", x)
    x.zero_()
    assert total.tolist() != [0, 0, 0]


def test_einsum_is_numpys():
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(s) for s in ((2, 3, 4), (4, 3), (2, 5)))
    for equation in ("abc,cb,ad->d", "abc,cb,ad->bd", "abc,cb,ad->"):
        found = torch.einsum(equation, torch.tensor(a), torch.tensor(b), torch.tensor(c))
        np.testing.assert_allclose(found.numpy(), np.einsum(equation, a, b, c), rtol=1e-12)


def test_third_derivative_of_a_quadratic_form():
    a = tensor(2, 2, grad=True)
    x = tensor(2, grad=True)
    y = torch.einsum("i,ij,j->", x, a, x)
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g[0], x, create_graph=True)
    np.testing.assert_array_equal(h.detach().numpy(), (a + a.t())[0].detach().numpy())
    (k,) = torch.autograd.grad(h[1], a)
    assert k.tolist() == [[0, 1], [1, 0]]


def test_out():
    x = tensor(2, 2)
    out = torch.empty(0, dtype=torch.float64)
    assert torch.matmul(x, x, out=out) is out
    assert out.tolist() == [[2, 3], [6, 11]]


def test_errors_say_what_was_given():
    with pytest.raises(RuntimeError, match=r"cannot be multiplied \(2x3 and 4x5\)\n.*3.*4"):
        tensor(2, 3) @ tensor(4, 5)
    with pytest.raises(RuntimeError, match="have the same dtype, but got: double != float"):
        tensor(2, 2) @ tensor(2, 2).float()
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        tensor(2, 2) @ [1.0]
    with pytest.raises(RuntimeError, match="does not broadcast with previously seen size 3"):
        torch.einsum("ij,jk->ik", tensor(2, 3), tensor(4, 5))
    with pytest.raises(RuntimeError, match="vec"):
        torch.mv(tensor(2, 3), tensor(4))


def test_a_changed_operand_is_noticed():
    x, w = tensor(2, 2), tensor(2, 2, grad=True)
    y = x @ w
    x.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
