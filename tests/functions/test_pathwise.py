"""Derivatives of gamma and Dirichlet samples: known values, against quotients of differences."""

import numpy as np
import pytest

import dynagrad as torch

#: shape, sample, derivative of the sample by the shape; computed with 60 digits from the
#: incomplete gamma function
GAMMA = [
    (0.01, 5.660738147062073e-101, 1.3034792358951814e-96),
    (0.01, 3.226038665916253, 81.37946593298632),
    (0.1, 0.266154553738837, 3.7663252117377612),
    (0.5, 7.853981675097846e-09, 2.937190486203162e-07),
    (1.0, 0.6931471805599455, 0.9680448304420446),
    (1.0, 9.210340371976292, 2.896294011889523),
    (30.0, 13.74844702060151, 0.6636929154568406),
    (300.0, 322.40022284953517, 1.037013608576393),
]
#: the same for the beta distribution: its two parameters, the sample, the derivative by the first
#: over 1 - x
BETA = [
    (0.01, 0.01, 6.42811993571847e-23, 6.497715832992193e-19),
    (0.01, 3.0, 0.4472956310513695, 26.549005606407118),
    (0.5, 0.5, 0.999997532600929, 2.772584796943465),
    (3.0, 0.1, 0.27591162508784256, 0.18370166563487886),
    (3.0, 30.0, 0.3042052599822473, 0.05583669849974123),
    (1000.0, 1000.0, 0.5345129484790636, 0.0005170463444966603),
]


def doubles(values: list) -> list:
    return [torch.tensor(column, dtype=torch.float64) for column in zip(*values, strict=True)]


def test_known_derivatives_of_gamma_samples() -> None:
    a, x, expected = doubles(GAMMA)
    np.testing.assert_allclose(torch._standard_gamma_grad(a, x), expected, rtol=1e-9)
    single = torch._standard_gamma_grad(a[1:].float(), x[1:].float())
    assert single.dtype is torch.float32
    np.testing.assert_allclose(single, expected[1:], rtol=1e-5)


def test_known_derivatives_of_beta_samples() -> None:
    a, b, x, expected = doubles(BETA)
    np.testing.assert_allclose(torch._dirichlet_grad(x, a, a + b), expected, rtol=1e-9)


@pytest.mark.parametrize("shape", [0.3, 2.0, 50.0])
def test_large_samples_have_gamma_moments(shape: float) -> None:
    torch.manual_seed(1)
    x = torch._standard_gamma(torch.full((4000,), shape, dtype=torch.float64))
    assert float(x.mean()) == pytest.approx(shape, rel=0.1)
    assert float(x.var()) == pytest.approx(shape, rel=0.15)


def test_mean_of_derivatives_is_derivative_of_mean() -> None:
    torch.manual_seed(2)
    a = torch.full((4000,), 1.7, dtype=torch.float64, requires_grad=True)
    torch._standard_gamma(a).mean().backward()
    assert a.grad is not None
    assert float(a.grad.sum()) == pytest.approx(1.0, rel=0.05)


def test_dirichlet_samples_lie_on_the_simplex() -> None:
    torch.manual_seed(3)
    x = torch._sample_dirichlet(torch.tensor([[1e-3, 2.0, 0.5]] * 50, dtype=torch.float64))
    np.testing.assert_allclose(x.sum(-1), np.ones(50), rtol=1e-12)
    assert bool((x > 0).all())


@pytest.mark.parametrize("name", ["_standard_gamma", "_sample_dirichlet"])
def test_integers_are_refused(name: str) -> None:
    with pytest.raises(NotImplementedError, match="not implemented for 'Long'"):
        getattr(torch, name)(torch.ones(2).long())


def test_samples_have_no_second_derivative() -> None:
    a = torch.tensor([1.5], requires_grad=True)
    (first,) = torch.autograd.grad(torch._standard_gamma(a).sum(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="_standard_gamma_grad.* is not implemented"):
        first.sum().backward()
