"""Windows for signals: those of torch.signal.windows, and the older ones at the root.

Formulas and coefficients: F. J. Harris, On the use of windows for harmonic analysis with the
discrete Fourier transform, 1978; A. Nuttall, Some windows with very good sidelobe behavior, 1981.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.complaints import legacy_name
from ..core.dtype import FLOATING, category, float32, float64, get_default_dtype, strided
from ..core.overrides import explained
from ..core.tensor import Tensor
from ..ops.bessel import i0 as bessel_i0
from .arguments import whole
from .bessel import i0
from .creation import ones
from .factory import check_options, default_float, made, number, type_of
from .from_data import tensor as tensor_of
from .ranges import arange, linspace
from .transcendental import cos, exp, sin

__all__ = [
    "bartlett_window",
    "blackman_window",
    "hamming_window",
    "hann_window",
    "kaiser_window",
]

# --- torch.signal.windows ---------------------------------------------------------------------


def _options(name: str, M: int, dtype: Any, layout: Any, device: Any, requires_grad: bool) -> dict:
    """The options of the tensors that a window is computed from; ValueError for what no window
    has.
    """
    dtype = get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (float32, float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return {"dtype": dtype, "device": device, "requires_grad": requires_grad}


def _steps(M: int, sym: bool) -> int:
    """The number of steps from the first point to the last of a symmetric window, or to the first
    one of the next period.
    """
    return M - 1 if sym or M == 1 else M


@explained
def exponential(
    M,
    *,
    center=None,
    tau=1.0,
    sym=True,
    dtype=None,
    layout=strided,
    device=None,
    requires_grad=False,
):
    """e^(-|n - center| / tau) for n from 0 to M - 1."""
    options = _options("exponential", M, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return ones((0,), **options)
    middle = _steps(M, sym) / 2.0 if center is None else center
    scale = 1 / tau
    return exp(-abs(linspace(-middle * scale, (M - 1 - middle) * scale, M, **options)))


@explained
def cosine(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """sin(pi (n + 1/2) / M) for n from 0 to M - 1."""
    options = _options("cosine", M, dtype, layout, device, requires_grad)
    if M == 0:
        return ones((0,), **options)
    step = math.pi / (_steps(M, sym) + 1)
    return sin(linspace(0.5 * step, (M - 0.5) * step, M, **options))


@explained
def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """e^(-(n / std)^2 / 2), n counted from the middle."""
    options = _options("gaussian", M, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return ones((0,), **options)
    start = -_steps(M, sym) / 2.0
    scale = 1 / (std * math.sqrt(2))
    return exp(-(linspace(start * scale, (start + M - 1) * scale, M, **options) ** 2))


@explained
def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """I0(beta sqrt(1 - (n / half)^2)) / I0(beta), n counted from the middle."""
    options = _options("kaiser", M, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return ones((M,), **options)
    b = tensor_of(beta, dtype=options["dtype"])
    exact = b._a.dtype.type(b._a)
    end = min(exact, -exact + (M - 1) * (2.0 * exact / (M if not sym else M - 1)))
    k = linspace(float(-exact), float(end), M, **options)
    return i0((b * b - k**2).sqrt()) / i0(b)


@explained
def bartlett(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """1 - |2 n / (M - 1) - 1|: a triangle."""
    options = _options("bartlett", M, dtype, layout, device, requires_grad)
    if M < 2:
        return ones((M,), **options)
    end = (M - 1) * (2 / (M if not sym else M - 1)) - 1
    return 1 - abs(linspace(-1, end, M, **options))


@explained
def general_cosine(M, *, a, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The sum over i of (-1)^i a[i] cos(2 pi i n / (M - 1))."""
    options = _options("general_cosine", M, dtype, layout, device, requires_grad)
    if M < 2:
        return ones((M,), **options)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    k = linspace(0, (M - 1) * (2 * math.pi / (M if not sym else M - 1)), M, **options)
    signed = tensor_of([(-1) ** i * w for i, w in enumerate(a)], **options)
    order = arange(signed._a.shape[0], **options)
    return (signed.unsqueeze(-1) * cos(order.unsqueeze(-1) * k)).sum(0)


@explained
def general_hamming(
    M, *, alpha=0.54, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
):
    """alpha - (1 - alpha) cos(2 pi n / (M - 1))."""
    return general_cosine(
        M,
        a=[alpha, 1.0 - alpha],
        sym=sym,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
    )


@explained
def hamming(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """0.54 - 0.46 cos(2 pi n / (M - 1))."""
    options = {"sym": sym, "dtype": dtype, "layout": layout, "device": device}
    return general_hamming(M, requires_grad=requires_grad, **options)


@explained
def hann(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """(1 - cos(2 pi n / (M - 1))) / 2."""
    options = {"sym": sym, "dtype": dtype, "layout": layout, "device": device}
    return general_hamming(M, alpha=0.5, requires_grad=requires_grad, **options)


@explained
def blackman(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """0.42 - 0.5 cos(z) + 0.08 cos(2 z) with z = 2 pi n / (M - 1)."""
    _options("blackman", M, dtype, layout, device, requires_grad)
    options = {"sym": sym, "dtype": dtype, "layout": layout, "device": device}
    return general_cosine(M, a=[0.42, 0.5, 0.08], requires_grad=requires_grad, **options)


@explained
def nuttall(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Four cosine terms with the lowest sidelobes, after Nuttall (1981)."""
    options = {"sym": sym, "dtype": dtype, "layout": layout, "device": device}
    coefficients = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return general_cosine(M, a=coefficients, requires_grad=requires_grad, **options)


# --- the older functions at the root ----------------------------------------------------------


def _window(name: str, window_length: Any, periodic: Any, formula: Any, options: dict) -> Tensor:
    """`formula(n, last, d)` for the whole numbers n up to `last`; the last value falls away if the
    window is periodic.
    """
    check_options(name, options["device"], options["layout"], options["pin_memory"])
    length = whole(name, window_length, "window_length", 1)
    d = type_of(name, options["dtype"], default_float())
    if category(d) < FLOATING:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {legacy_name(d)}")
    if length < 0:
        raise RuntimeError(
            f"{name} requires non-negative window_length, got window_length={length}"
        )
    arange(0, dtype=options["dtype"])  # refuses complex dtypes
    if length < 2:
        return made(np.ones(length, d), options["requires_grad"])
    last = length if periodic else length - 1
    with np.errstate(all="ignore"):
        array = formula(np.arange(last + 1).astype(d), last)
    return made(array[:length], options["requires_grad"])


def _rounded(fun: Any, a: Any, *numbers: Any) -> Any:
    """`fun` in at least single precision, rounded to the dtype of `a` as PyTorch's steps are (which
    also round a number that they add).
    """
    if a.dtype.itemsize > 2:
        return fun(a, *numbers)
    if fun is np.add:
        numbers = tuple([np.asarray(n, a.dtype).astype(np.float32) for n in numbers])
    return fun(a.astype(np.float32), *numbers).astype(a.dtype)


def _triangle(n, last):
    rising = _rounded(np.multiply, n, 2.0 / last)
    falling = _rounded(np.add, -rising, 2.0)
    return np.where(np.arange(last + 1) <= last >> 1, rising, falling)


def _cosine_of(n, factor):
    return _rounded(np.cos, _rounded(np.multiply, n, factor))


def _blackman(n, last):
    angle = _rounded(np.multiply, n, math.pi / last)
    second = _rounded(np.multiply, _cosine_of(angle, 4.0), 0.08)
    first = _rounded(np.multiply, _cosine_of(angle, 2.0), 0.5)
    return _rounded(np.add, _rounded(np.subtract, second, first), 0.42)


@explained
def bartlett_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """1 - |2 n / N - 1|, where N is the period."""
    options = {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory}
    options["requires_grad"] = requires_grad
    return _window("bartlett_window", window_length, periodic, _triangle, options)


@explained
def blackman_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N), where N is the period."""
    options = {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory}
    options["requires_grad"] = requires_grad
    return _window("blackman_window", window_length, periodic, _blackman, options)


def _raised_cosine(name, window_length, periodic, alpha, beta, options):
    def formula(n, last):
        cosine = _cosine_of(n, math.pi * 2.0 / last)
        return _rounded(np.add, _rounded(np.multiply, cosine, -float(beta)), float(alpha))

    return _window(name, window_length, periodic, formula, options)


@explained
def hamming_window(
    window_length,
    periodic=True,
    alpha=0.54,
    beta=0.46,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """alpha - beta cos(2 pi n / N), where N is the period."""
    options = {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory}
    options["requires_grad"] = requires_grad
    return _raised_cosine("hamming_window", window_length, periodic, alpha, beta, options)


@explained
def hann_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """(1 - cos(2 pi n / N)) / 2, where N is the period."""
    options = {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory}
    options["requires_grad"] = requires_grad
    return _raised_cosine("hann_window", window_length, periodic, 0.5, 0.5, options)


@explained
def kaiser_window(
    window_length,
    periodic=True,
    beta=12.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta), where N is the period."""
    options = {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory}
    options["requires_grad"] = requires_grad
    shape = float(number("kaiser_window", beta, 3, "beta"))

    def formula(n, last):
        wide = n.astype(np.float32) if n.dtype.itemsize == 2 else n
        along = wide * (2.0 / last) - 1
        height = bessel_i0(shape * np.sqrt(np.maximum(0, 1 - along * along)))
        return (height / bessel_i0(wide.dtype.type(shape))).astype(n.dtype)

    return _window("kaiser_window", window_length, periodic, formula, options)
