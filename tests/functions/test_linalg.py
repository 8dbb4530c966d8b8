"""Linear algebra: values, errors and derivatives where no other library is needed to know them."""

import numpy as np
import pytest

import dynagrad as torch
from dynagrad import linalg


def leaf(array):
    return torch.tensor(array, dtype=torch.float64).requires_grad_()


def numerical(f, x, h=1e-6):
    """The derivative of a number f(x) by central differences."""
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = h
        g[i] = (f(x + d) - f(x - d)) / (2 * h)
    return g


def test_gradient_of_a_singular_determinant():
    x = leaf([[1.0, 0, 0], [0, 2, 0], [0, 0, 0]])
    linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0, 0], [0, 0, 0], [0, 0, 2]], atol=1e-14)


def test_hessian_of_the_determinant():
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    x = leaf(a)
    (g,) = torch.autograd.grad(linalg.det(x), x, create_graph=True)
    (h,) = torch.autograd.grad(g[0, 0], x)
    np.testing.assert_allclose(h.numpy(), [[0, 0], [0, 1]], atol=1e-12)
    (h,) = torch.autograd.grad(linalg_gradient(x)[0, 1], x)
    np.testing.assert_allclose(h.numpy(), [[0, 0], [-1, 0]], atol=1e-12)


def linalg_gradient(x):
    return torch.autograd.grad(linalg.det(x), x, create_graph=True)[0]


def test_second_derivative_of_eigenvectors():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((3, 3))
    a = a + a.T
    w, v = rng.standard_normal(3), rng.standard_normal((3, 3))

    def loss(t):
        values, vectors = linalg.eigh(t)
        return (values**3 * torch.tensor(w)).sum() + ((vectors**2) * torch.tensor(v)).sum()

    def gradient(array, create=False):
        x = leaf(array)
        return x, torch.autograd.grad(loss(x), x, create_graph=create)[0]

    x, g = gradient(a, create=True)
    # only symmetric changes count, since the upper triangle is not read
    for i, j in ((0, 1), (0, 0), (1, 2)):
        (h,) = torch.autograd.grad(g[i, j], x, retain_graph=True)
        d = np.zeros((3, 3))
        d[i, j] = d[j, i] = 1e-6 if i != j else 0.5e-6
        change = gradient(a + d)[1].numpy() - gradient(a - d)[1].numpy()
        np.testing.assert_allclose(h.numpy(), change / 2e-6 / (2 if i != j else 0.5), atol=2e-6)


def test_reconstruction():
    a = np.random.default_rng(1).standard_normal((4, 3))
    q, r = linalg.qr(torch.tensor(a))
    np.testing.assert_allclose((q @ r).numpy(), a, atol=1e-12)
    u, s, vh = linalg.svd(torch.tensor(a), full_matrices=False)
    np.testing.assert_allclose(((u * s) @ vh).numpy(), a, atol=1e-12)
    p = linalg.pinv(torch.tensor(a))
    np.testing.assert_allclose((p @ torch.tensor(a)).numpy(), np.eye(3), atol=1e-12)


def test_gradient_of_a_rank_deficient_pseudo_inverse():
    rng = np.random.default_rng(2)
    left, right = rng.standard_normal((4, 2)), rng.standard_normal((2, 3))

    def loss(c):
        return float((np.linalg.pinv(c @ right, rcond=1e-10) * weights).sum())

    weights = rng.standard_normal((3, 4))
    x = leaf(left)
    p = linalg.pinv(x @ torch.tensor(right), rtol=1e-10)
    (p * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), numerical(loss, left), rtol=1e-5, atol=1e-7)


def test_names_of_results():
    x = torch.eye(2)
    assert linalg.eigh(x)._fields == ("eigenvalues", "eigenvectors")
    assert linalg.qr(x)._fields == ("Q", "R")
    assert linalg.svd(x)._fields == ("U", "S", "Vh")
    assert linalg.slogdet(x)._fields == ("sign", "logabsdet")
    assert torch.svd(x)._fields == ("U", "S", "V")


def test_errors_say_what_to_do():
    with pytest.raises(linalg.LinAlgError, match="singular"):
        linalg.inv(torch.zeros(2, 2))
    with pytest.raises(linalg.LinAlgError, match="not positive-definite"):
        linalg.cholesky(-torch.eye(2))
    with pytest.raises(RuntimeError, match=r"x\.float\(\)"):
        linalg.inv(torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="mode='reduced'"):
        linalg.qr(leaf(np.ones((3, 2))), "r").R.sum().backward()
    with pytest.raises(linalg.LinAlgError, match=r"\(Batch element 1\): The diagonal element 2 is"):
        linalg.inv(torch.stack([torch.eye(2), torch.tensor([[1.0, 2.0], [2.0, 4.0]])]))


def test_out():
    x = torch.eye(2) * 2
    out = torch.empty(0)
    assert linalg.inv(x, out=out) is out
    assert out.tolist() == [[0.5, 0], [0, 0.5]]
