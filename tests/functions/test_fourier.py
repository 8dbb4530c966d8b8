"""Fourier transforms, windows and spectra of stretches against their definitions."""

import math

import numpy as np
import pytest

import dynagrad as torch

N = 7


def matrix(n: int) -> torch.Tensor:
    """The discrete Fourier transform as a matrix: e^(-2 pi i j k / n)."""
    k = np.arange(n)
    return torch.from_numpy(np.exp(-2j * np.pi * np.outer(k, k) / n))


def signal(*shape: int, complex: bool = False) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(shape, dtype=torch.complex128 if complex else torch.float64)


@pytest.mark.parametrize("norm", ["backward", "forward", "ortho"])
def test_fft_is_the_product_with_its_matrix(norm):
    x = signal(N, complex=True)
    factor = {"backward": 1, "forward": 1 / N, "ortho": N**-0.5}[norm]
    torch.testing.assert_close(torch.fft.fft(x, norm=norm), matrix(N) @ x * factor)
    torch.testing.assert_close(torch.fft.ifft(torch.fft.fft(x, norm=norm), norm=norm), x)


@pytest.mark.parametrize("n", [6, 7])
def test_halves_of_spectra(n):
    x = signal(3, n)
    whole = torch.fft.fft(x)
    half = torch.fft.rfft(x)
    torch.testing.assert_close(half, whole[:, : n // 2 + 1])
    torch.testing.assert_close(torch.fft.irfft(half, n), x)
    torch.testing.assert_close(torch.fft.hfft(torch.fft.ihfft(x), n), x)
    torch.testing.assert_close(torch.fft.irfftn(torch.fft.rfftn(x), x.shape), x)
    torch.testing.assert_close(torch.fft.hfftn(torch.fft.ihfftn(x), x.shape), x)


@pytest.mark.parametrize("n", [6, 7])
def test_gradients_of_halves(n):
    x = signal(n).requires_grad_()
    assert torch.autograd.gradcheck(torch.fft.rfft, x)
    assert torch.autograd.gradgradcheck(lambda x: torch.fft.rfft(x).abs(), x)
    z = signal(n // 2 + 1, complex=True).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: torch.fft.irfft(z, n), z)


def test_energy_is_kept():
    # Parseval's theorem, and its derivative: of the spectrum's energy by the signal is 2 n x.
    x = signal(N).requires_grad_()
    energy = torch.fft.fft(x).abs().square().sum()
    torch.testing.assert_close(energy, N * x.square().sum())
    energy.backward()
    torch.testing.assert_close(x.grad, 2 * N * x.detach())


def test_precision_is_kept():
    assert torch.fft.fft(torch.ones(4)).dtype == torch.complex64
    assert torch.fft.rfft(torch.ones(4, dtype=torch.float64)).dtype == torch.complex128
    assert torch.fft.irfft(torch.ones(4, dtype=torch.complex64)).dtype == torch.float32
    assert torch.fft.fft(torch.arange(4)).dtype == torch.complex64
    with pytest.raises(RuntimeError, match="Unsupported dtype Half"):
        torch.fft.fft(torch.ones(4).half())


def test_frequencies():
    assert torch.fft.fftfreq(5, 0.2).tolist() == [0, 1, 2, -2, -1]
    assert torch.fft.rfftfreq(4, 0.25).tolist() == [0, 1, 2]
    assert torch.fft.fftshift(torch.arange(5)).tolist() == [3, 4, 0, 1, 2]
    assert torch.fft.ifftshift(torch.fft.fftshift(torch.arange(5))).tolist() == [0, 1, 2, 3, 4]


def test_windows():
    windows = torch.signal.windows
    assert windows.bartlett(5).tolist() == [0, 0.5, 1, 0.5, 0]
    torch.testing.assert_close(windows.hann(5), torch.tensor([0, 0.5, 1, 0.5, 0]))
    torch.testing.assert_close(windows.hann(5, sym=False), torch.hann_window(5))
    torch.testing.assert_close(windows.gaussian(3), torch.tensor([-0.5, 0, -0.5]).exp())
    # Blackman's coefficients: 0.42 - 0.5 + 0.08 at the ends, 0.42 + 0.5 + 0.08 in the middle
    torch.testing.assert_close(torch.blackman_window(3, False), torch.tensor([0.0, 1, 0]))
    # 1 / I0(12): Abramowitz and Stegun, table 9.8
    ends = torch.kaiser_window(3, False, dtype=torch.float64)
    assert math.isclose(ends[0].item(), 1 / 18948.925349296308, rel_tol=1e-12)


@pytest.mark.parametrize(("center", "hop"), [(True, 4), (False, 2)])
def test_spectra_of_stretches_and_back(center, hop):
    x = signal(2, 32)
    window = torch.hamming_window(8, dtype=torch.float64)
    spectra = torch.stft(x, 8, hop, window=window, center=center, return_complex=True)
    if not center:
        torch.testing.assert_close(spectra[:, :, 1], torch.fft.rfft(x[:, hop : hop + 8] * window))
    back = torch.istft(spectra, 8, hop, window=window, center=center)
    torch.testing.assert_close(back, x)


def test_uncovered_values_are_refused():
    window = torch.hann_window(8)
    spectra = torch.stft(torch.ones(32), 8, window=window, return_complex=True)
    with pytest.raises(RuntimeError, match="window overlap add min: 1"):
        torch.istft(spectra, 8, window=window, center=False)
