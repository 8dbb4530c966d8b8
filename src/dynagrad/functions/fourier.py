"""Discrete Fourier transforms under the names of torch.fft."""

from typing import Any

import numpy as np

from ..core.apply import apply, to_dtype
from ..core.complaints import legacy_name
from ..core.dtype import COMPLEX, FLOATING, category, complex_of, number_dtype
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import fourier as ops
from ..ops.neural.padding import pad_constant
from .arguments import one_dim, one_size, tensor, whole
from .complex import conj, conj_physical, has_complex
from .nodes import node
from .parts import slice_by

__all__ = [
    "fft",
    "fft2",
    "fftn",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]

C2C = node("FftC2CBackward0", ops.c2c)
R2C = node("FftR2CBackward0", ops.r2c)
WholeR2C = node("FftR2CBackward0", ops.c2c)
C2R = node("FftC2RBackward0", ops.c2r)
Pad = node("ConstantPadNdBackward0", pad_constant)

# --- what the transforms share ----------------------------------------------------------------


def _floating(x: Tensor, to_complex: bool = False) -> Tensor:
    """The signal in a dtype that has a transform: float32, float64, or complex."""
    d = x._a.dtype
    if category(d) == COMPLEX:
        return x
    if category(d) < FLOATING:
        d = number_dtype(0.0)
    if d.itemsize == 2:
        raise RuntimeError(
            f"Unsupported dtype {legacy_name(d)}\nFourier transforms take float32, float64 and "
            "complex tensors; convert first, as in x.float()."
        )
    return to_dtype(x, complex_of(d) if to_complex else d)


def _norm(given: Any, inverse: bool = False) -> str:
    """`norm=` in the words for the forward transform, or for an inverse that it is part of."""
    norm = "backward" if given is None else given
    if norm not in ops.OPPOSITE:
        raise RuntimeError(
            f'Invalid normalization mode: "{norm}"\nThe modes are "forward", "backward" and '
            '"ortho".'
        )
    return ops.OPPOSITE[norm] if inverse else norm


def _points(name: str, n: Any, default: int) -> int:
    """The number of points given as `n=`, or the default."""
    points = default if n is None else whole(f"fft_{name}", n, "n", 2)
    _check_points([points])
    return points


def _axis(name: str, x: Tensor, dim: Any) -> int:
    if not x._a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return one_dim(dim, x._a.ndim, f"fft_{name}")


def resized(x: Tensor, axes: tuple, counts: Any) -> Tensor:
    """The signal cut, or padded with zeros at its end, to these sizes along these dimensions."""
    widths = [(0, 0)] * x._a.ndim
    for d, n in zip(axes, counts, strict=True):
        have = x._a.shape[d]
        if have < n:
            widths[d] = (0, n - have)
        elif have > n:
            x = slice_by(x, d, 0, n, 1)
    return apply(Pad, x, widths=tuple(widths), value=0) if any(b for _, b in widths) else x


def whole_numbers(name: str, argument: str, given: Any) -> tuple[int, ...]:
    """An int, or a sequence of them, as a tuple."""
    items = given if isinstance(given, list | tuple) else (given,)
    found = tuple([one_size(n) for n in items])
    if None in found:
        bad = items[found.index(None)]
        raise TypeError(
            f"fft_{name}(): argument '{argument}' must be tuple of ints, not {type(bad).__name__}"
        )
    return found  # pyright: ignore[reportReturnType]


def _extent(name: str, x: Tensor, s: Any, dim: Any) -> tuple[tuple, list[int]]:
    """The dimensions to transform and their numbers of points, from `s=` and `dim=`."""
    rank = x._a.ndim
    axes = None
    if dim is not None:
        axes = tuple([one_dim(d, rank, f"fft_{name}") for d in whole_numbers(name, "dim", dim)])
        if len(set(axes)) < len(axes):
            raise RuntimeError(f"FFT dims must be unique\ndim was {dim}.")
    if s is None:
        axes = tuple(range(rank)) if axes is None else axes
        return axes, [x._a.shape[d] for d in axes]
    counts = whole_numbers(name, "s", s)
    if axes is None:
        if len(counts) > rank:
            raise RuntimeError(
                f"Got shape with {len(counts)} values but input tensor only has {rank} dimensions."
            )
        axes = tuple(range(rank - len(counts), rank))
    elif len(axes) != len(counts):
        raise RuntimeError(
            "When given, dim and shape arguments must have the same length\nThey were "
            f"dim={list(axes)} and s={list(counts)}."
        )
    return axes, [x._a.shape[d] if n == -1 else n for d, n in zip(axes, counts, strict=True)]


def _check_points(counts: list[int]) -> None:
    for n in counts:
        if n < 1:
            raise RuntimeError(
                f"Invalid number of data points ({n}) specified\nA transform takes at least one."
            )


def _half(name: str, x: Tensor, s: Any, dim: Any) -> tuple[tuple, list[int], int]:
    """The dimensions, the sizes of the half spectrum, and the number of points that it is of."""
    axes, counts = _extent(name, x, s, dim)
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")
    last = 2 * (x._a.shape[axes[-1]] - 1)
    if s is not None and whole_numbers(name, "s", s)[-1] != -1:
        last = counts[-1]
    _check_points([last])
    counts[-1] = last // 2 + 1
    _check_points(counts)
    return axes, counts, last


def _result(name: str, result: Tensor, out: Any, is_complex: bool = True) -> Tensor:
    if out is None:
        return result
    array = result._a
    want = category(array.dtype)
    if want != category(tensor(f"fft_{name}", out, argument="out")._a.dtype):
        kind = "complex" if want == COMPLEX else "floating point"
        raise RuntimeError(
            f"{name} expects a {kind} output tensor, but got {legacy_name(out._a.dtype)}"
        )
    conjugated = name == "ihfft" or (name == "ifft" and not is_complex)
    if out._a.shape != array.shape and type(array) is np.ndarray and not conjugated:
        result._a = np.asarray(array, order="C")  # as PyTorch lays a resized one out
    return write_out(f"fft_{name}", out, result)


# --- one dimension ----------------------------------------------------------------------------


def _spectrum(name: str, input: Any, n: Any, dim: Any, norm: Any, inverse: bool) -> Tensor:
    x = _floating(tensor(f"fft_{name}", input))
    axis = _axis(name, x, dim)
    points = _points(name, n, x._a.shape[axis])
    x = resized(x, (axis,), (points,))
    mode = _norm(norm)
    if has_complex(x):
        return apply(C2C, x, axes=(axis,), inverse=inverse, norm=mode)
    mode = _norm(norm, inverse)
    whole = apply(WholeR2C, x, axes=(axis,), inverse=False, norm=mode)
    return conj(whole) if inverse else whole


@overridable
def fft(input, n=None, dim=-1, norm=None, *, out=None):
    """The spectrum X[k] = sum over j of x[j] e^(-2 pi i j k / n) along a dimension."""
    return _result("fft", _spectrum("fft", input, n, dim, norm, False), out)


@overridable
def ifft(input, n=None, dim=-1, norm=None, *, out=None):
    """The signal of a spectrum along a dimension: the inverse of fft."""
    result = _spectrum("ifft", input, n, dim, norm, True)
    return _result("ifft", result, out, has_complex(input))


def _half_spectrum(name: str, input: Any, n: Any, dim: Any, norm: Any, inverse: bool) -> Tensor:
    x = tensor(f"fft_{name}", input)
    if has_complex(x):
        raise RuntimeError(
            f"{name} expects a real input tensor, but got {legacy_name(x._a.dtype)}\n"
            f"Use fft.{'ifft' if inverse else 'fft'} for complex signals."
        )
    x = _floating(x)
    axis = _axis(name, x, dim)
    points = _points(name, n, x._a.shape[axis])
    x = resized(x, (axis,), (points,))
    half = apply(R2C, x, axes=(axis,), norm=_norm(norm, inverse))
    return conj(half) if inverse else half


@overridable
def rfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The first half, n // 2 + 1 coefficients, of a real signal's spectrum along a dimension."""
    return _result("rfft", _half_spectrum("rfft", input, n, dim, norm, False), out)


@overridable
def ihfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The first half of ifft of a real signal, along a dimension: the inverse of hfft."""
    return _result("ihfft", _half_spectrum("ihfft", input, n, dim, norm, True), out)


def _real_signal(name: str, input: Any, n: Any, dim: Any, norm: Any, forward: bool) -> Tensor:
    x = _floating(tensor(f"fft_{name}", input), to_complex=True)
    axis = _axis(name, x, dim)
    points = _points(name, n, 2 * (x._a.shape[axis] - 1))
    if n is not None:
        x = resized(x, (axis,), (points // 2 + 1,))
    mode = _norm(norm, forward)
    return apply(C2R, conj(x) if forward else x, axes=(axis,), length=points, norm=mode)


@overridable
def irfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The real signal of n points, by default 2 (size - 1), of half a spectrum: the inverse of
    rfft.
    """
    return _result("irfft", _real_signal("irfft", input, n, dim, norm, False), out)


@overridable
def hfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The real spectrum of n points of a Hermitian signal whose first half is given."""
    return _result("hfft", _real_signal("hfft", input, n, dim, norm, True), out)


# --- several dimensions -----------------------------------------------------------------------


def _spectrum_n(name: str, input: Any, s: Any, dim: Any, norm: Any, inverse: bool) -> Tensor:
    x = tensor(f"fft_{name}", input)
    axes, counts = _extent(name, x, s, dim)
    _check_points(counts)
    x = resized(_floating(x, to_complex=True), axes, counts)
    return apply(C2C, x, axes=axes, inverse=inverse, norm=_norm(norm))


@overridable
def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """The spectrum along several dimensions, by default all."""
    return _result("fftn", _spectrum_n("fftn", input, s, dim, norm, False), out)


@overridable
def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The signal of a spectrum along several dimensions, by default all: the inverse of fftn."""
    return _result("ifftn", _spectrum_n("ifftn", input, s, dim, norm, True), out)


@overridable
def fft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The spectrum along two dimensions, by default the last."""
    return _result("fft2", _spectrum_n("fft2", input, s, dim, norm, False), out)


@overridable
def ifft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The signal of a spectrum along two dimensions, by default the last: the inverse of fft2."""
    return _result("ifft2", _spectrum_n("ifft2", input, s, dim, norm, True), out)


def _half_spectrum_n(name: str, input: Any, s: Any, dim: Any, norm: Any) -> Tensor:
    x = tensor(f"fft_{name}", input)
    if has_complex(x):
        raise RuntimeError(
            f"rfftn expects a real-valued input tensor, but got {legacy_name(x._a.dtype)}"
        )
    axes, counts = _extent(name, x, s, dim)
    _check_points(counts)
    if not axes:
        raise RuntimeError("rfftn must transform at least one axis")
    return apply(R2C, resized(_floating(x), axes, counts), axes=axes, norm=_norm(norm))


@overridable
def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The spectrum of a real signal along several dimensions, the first half of the last one."""
    return _result("rfftn", _half_spectrum_n("rfftn", input, s, dim, norm), out)


@overridable
def rfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The spectrum of a real signal along two dimensions, the first half of the last one."""
    return _result("rfft2", _half_spectrum_n("rfft2", input, s, dim, norm), out)


def _real_signal_n(name: str, input: Any, s: Any, dim: Any, norm: Any) -> Tensor:
    x = tensor(f"fft_{name}", input)
    axes, counts, length = _half("irfftn", x, s, dim)
    x = resized(_floating(x, to_complex=True), axes, counts)
    return apply(C2R, x, axes=axes, length=length, norm=_norm(norm))


@overridable
def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The real signal of half a spectrum along several dimensions: the inverse of rfftn."""
    return _result("irfftn", _real_signal_n("irfftn", input, s, dim, norm), out)


@overridable
def irfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The real signal of half a spectrum along two dimensions: the inverse of rfft2."""
    return _result("irfft2", _real_signal_n("irfft2", input, s, dim, norm), out)


def _hermitian_n(name: str, input: Any, s: Any, dim: Any, norm: Any) -> Tensor:
    x = tensor(f"fft_{name}", input)
    axes, counts, length = _half("hfftn", x, s, dim)
    x = resized(_floating(x, to_complex=True), axes, counts)
    if len(axes) > 1:
        x = apply(C2C, x, axes=axes[:-1], inverse=False, norm=_norm(norm))
    return apply(C2R, conj(x), axes=axes[-1:], length=length, norm=_norm(norm, True))


@overridable
def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The real spectrum of a Hermitian signal, half of which is given, along several dimensions."""
    return _result("hfftn", _hermitian_n("hfftn", input, s, dim, norm), out)


@overridable
def hfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The real spectrum of a Hermitian signal, half of which is given, along two dimensions."""
    return _result("hfft2", _hermitian_n("hfft2", input, s, dim, norm), out)


def _inverse_hermitian_n(name: str, input: Any, s: Any, dim: Any, norm: Any) -> Tensor:
    x = tensor(f"fft_{name}", input)
    axes, counts = _extent(name, x, s, dim)
    _check_points(counts)
    if not axes:
        raise RuntimeError("ihfftn must transform at least one axis")
    if has_complex(x):
        raise RuntimeError(
            f"Only supports floating-point dtypes, but found: {legacy_name(x._a.dtype)}"
        )
    x = resized(_floating(x), axes, counts)
    half = apply(R2C, x, axes=axes[-1:], norm=_norm(norm, True))
    if len(axes) == 1:
        return conj(half)
    return apply(C2C, conj_physical(half), axes=axes[:-1], inverse=True, norm=_norm(norm))


@overridable
def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The first half of ifftn of a real signal, along several dimensions: the inverse of hfftn."""
    return _result("ihfftn", _inverse_hermitian_n("ihfftn", input, s, dim, norm), out)


@overridable
def ihfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """The first half of ifft2 of a real signal: the inverse of hfft2."""
    return _result("ihfft2", _inverse_hermitian_n("ihfft2", input, s, dim, norm), out)
