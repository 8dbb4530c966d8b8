"""Covariance, integrals, derivatives of samples and histograms against exact values."""

import numpy as np
import pytest

import dynagrad as torch


def test_covariance():
    x = torch.tensor([[1.0, 2, 3], [3, 1, 2]])
    assert torch.cov(x).tolist() == [[1, -0.5], [-0.5, 1]]
    twice = torch.cov(x[:, [0, 0, 1, 2]])
    torch.testing.assert_close(torch.cov(x, fweights=torch.tensor([2, 1, 1])), twice)
    torch.testing.assert_close(torch.corrcoef(x), torch.tensor([[1, -0.5], [-0.5, 1]]))


def test_integrals():
    x = torch.tensor([0.0, 1, 3], requires_grad=True)
    y = torch.tensor([0.0, 2, 6])
    assert torch.trapezoid(y, x).item() == 9  # of 2 x from 0 to 3
    assert torch.trapezoid(y, dx=0.5).item() == 2.5
    assert torch.cumulative_trapezoid(y, x).tolist() == [1, 9]
    torch.trapezoid(y, x).backward()
    assert x.grad.tolist() == [-1, -3, 4]


def test_derivatives_of_a_parabola_are_exact():
    x = torch.tensor([0.0, 1, 3, 4], dtype=torch.float64)
    (slope,) = torch.gradient(x * x, spacing=(x,), edge_order=2)
    torch.testing.assert_close(slope, 2 * x)
    even = torch.arange(5.0)
    (slope,) = torch.gradient(even * even, edge_order=2)
    torch.testing.assert_close(slope, 2 * even)


def test_histograms():
    x = torch.tensor([0.0, 1, 1, 2, 5])
    counts, edges = torch.histogram(x, torch.tensor([0.0, 1, 2]))
    assert counts.tolist() == [1, 3]  # the last bin holds both of its edges
    counts, edges = x.histogram(2, range=(0.0, 4.0), weight=x, density=True)
    assert counts.tolist() == [0.25, 0.25]
    assert edges.tolist() == [0, 2, 4]
    points = torch.tensor([[0.0, 0], [0, 1], [1, 1]])
    assert torch.histogramdd(points, [2, 2]).hist.tolist() == [[1, 1], [0, 1]]
    with pytest.raises(RuntimeError, match="should have the same dtype"):
        torch.histogram(x, edges.double())


def test_norms_of_slices_are_bounded():
    x = torch.tensor([[3.0, 4], [0.3, 0.4]], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(x.renorm(2, 0, 1.0), x / torch.tensor([[5.0], [1.0]]))
    assert torch.autograd.gradgradcheck(lambda x: x.renorm(3, 0, 1.0), x)


def test_hashes_are_of_the_bits():
    x = torch.tensor([1.0, -2.5])
    bits = np.array([1.0, -2.5]).view(np.uint64)
    assert torch.hash_tensor(x).item() == int(bits[0] ^ bits[1])
