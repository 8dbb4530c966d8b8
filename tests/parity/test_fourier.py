"""torch.fft, stft and windows: nodes, errors and rounding which PyTorch's list does not reach."""

import numpy as np
import pytest

import dynagrad
from dynagrad.functions import factory

torch = pytest.importorskip("torch")

LIBRARIES = (dynagrad, torch)
OLD_WINDOWS = [f"{name}_window" for name in "bartlett blackman hamming hann kaiser".split()]


def history(t) -> list[str]:
    """The names of the nodes from a result back along the first inputs."""
    names, node = [], t.grad_fn
    while node is not None:
        names.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    return [name.rpartition("::")[2] for name in names]


@pytest.mark.parametrize("name", [n for n in dynagrad.fft.__all__ if "freq" not in n])
def test_nodes(name):
    mine, other = (
        history(getattr(lib.fft, name)(lib.ones(3, 4, requires_grad=True))) for lib in LIBRARIES
    )
    assert mine == other


@pytest.mark.filterwarnings("ignore:The length of signal")
def test_nodes_of_spectra():
    def nodes(lib):
        x = lib.arange(20.0, requires_grad=True)
        spectra = lib.stft(x, 8, window=lib.ones(8), return_complex=True)
        return history(lib.istft(spectra, 8, window=lib.ones(8), length=30))

    assert nodes(dynagrad) == nodes(torch)


BAD = [
    "fft.fft(x, n=0)",
    "fft.fft(x, norm='a')",
    "fft.fft(x, 2.5)",
    "fft.fft(x.half())",
    "fft.fft(x[0, 0])",
    "fft.fftn(x, dim=(0, 0))",
    "fft.fftn(x, s=(1,), dim=(0, 1))",
    "fft.fftn(x, s=(1, 2, 3))",
    "fft.rfft(x + 0j)",
    "fft.rfftn(x + 0j)",
    "fft.ihfftn(x + 0j)",
    "fft.rfftn(x, dim=())",
    "fft.irfft(x[:, :1])",
    "fft.fft(x, out=x)",
    "fft.fftfreq(2.5)",
    "fft.fftfreq(5, dtype=int)",
    "stft(x, 8, window=w)",
    "stft(x, 30, return_complex=True, center=False)",
    "stft(x, 8, 0, return_complex=True, center=False)",
    "stft(x, 8, window=w[:7], return_complex=True, center=False)",
    "stft(x, 8, win_length=9, return_complex=True, center=False)",
    "stft(x + 0j, 8, window=w, onesided=True)",
    "istft(x, 8)",
    "istft(z, 8, hop_length=9)",
    "istft(z[:3], 8, onesided=True)",
    "istft(z, 8, window=w + 0j)",
    "istft(z, 8, window=w * 0)",
    "hann_window(-1)",
    "hann_window(2.5)",
    "hann_window(3, dtype=int)",
    "signal.windows.hann(-1)",
    "signal.windows.gaussian(3, std=0)",
    "histogram(x, 0)",
    "histogram(x.long(), 3)",
    "histogram(x, 3, range=(2., 1.))",
    "histogram(x, w.double())",
    "cov(x, aweights=w)",
    "gradient(x, spacing=[2.])",
    "renorm(x, 0, 0, 1.)",
    "trapezoid(x, w)",
    "hash_tensor(x, mode=1)",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", BAD)
def test_errors(text):
    told = []
    for lib in LIBRARIES:
        x, w = lib.ones(2, 20), lib.ones(8)
        z = lib.stft(x[0], 8, window=w, return_complex=True)
        names = {name: getattr(lib, name) for name in dir(lib) if not name.startswith("_")}
        with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)) as caught:
            eval(text, {**names, "x": x, "w": w, "z": z, "int": lib.int64})
        told.append(caught.value)
    mine, other = told
    assert type(mine) is type(other)
    first = str(other).partition("\n")[0].partition("TensorOptions")[0]
    if "invalid combination" not in first:
        assert str(mine).startswith(first)


@pytest.mark.parametrize("length", [0, 1, 2, 16, 33])
@pytest.mark.parametrize("name", OLD_WINDOWS)
def test_windows(name, length):
    for periodic in (True, False):
        for dtype, bound in (("float32", 2e-6), ("float64", 3e-15), ("bfloat16", 2e-2)):
            mine, other = (
                getattr(lib, name)(length, periodic, dtype=getattr(lib, dtype)) for lib in LIBRARIES
            )
            np.testing.assert_allclose(mine.double().numpy(), other.double().numpy(), atol=bound)


def test_warnings():
    for lib in LIBRARIES:
        torch.set_warn_always(True)
        z = lib.stft(lib.ones(20), 8, window=lib.ones(8), return_complex=True)
        if lib is dynagrad:
            factory.warned.clear()
        with pytest.warns(UserWarning, match="A window was not provided"):
            lib.istft(z, 8)
        with pytest.warns(UserWarning, match="The length of signal is shorter"):
            lib.istft(z, 8, window=lib.ones(8), length=50)
    torch.set_warn_always(False)
