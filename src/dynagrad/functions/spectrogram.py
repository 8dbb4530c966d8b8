"""The Fourier transform of one stretch of a signal after another, and its inverse."""

from typing import Any

from ..core.apply import apply
from ..core.complaints import legacy_name
from ..core.dtype import FLOATING, category
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..core.views import view
from ..ops import shape
from .arguments import holds, tensor, whole
from .complex import has_complex, view_as_complex, view_as_real
from .creation import ones
from .extremes import amin
from .factory import warn_once
from .fourier import C2C, C2R, R2C, WholeR2C
from .geometry import squeeze_, transpose_
from .neural.padding import constant_pad_nd, pad
from .nodes import node
from .parts import slice_by
from .shape import squeeze, transpose, unsqueeze

__all__ = ["istft", "stft"]

Frames = node("AsStridedBackward0", shape.unfold)
Overlaps = node("UnfoldBackwardBackward0", shape.fold)
_NO_WINDOW = (
    "A window was not provided. A rectangular window will be applied,which is known to cause "
    "spectral leakage. Other windows such as torch.hann_window or torch.hamming_window are "
    "recommended to reduce spectral leakage.To suppress this warning and use a rectangular window, "
    "explicitly set `window=torch.ones(n_fft, device=<device>)`."
)


def _type(x: Tensor) -> str:
    return legacy_name(x._a.dtype)


class _Call:
    """The arguments of a call as PyTorch's messages show them."""

    def __init__(self, head: str, options: dict[str, Any]):
        self.head, self.options = head, options

    def error(self, text: str) -> RuntimeError:
        """An error that shows the call."""
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.options.items())
        return RuntimeError(f"{self.head}, {shown}) {text}")


def _shown(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"torch.{_type(value)}Tensor{{{list(value._a.shape)}}}"
    return str(int(value)) if isinstance(value, bool | int) else str(value)


def _lengths(name: str, n_fft: Any, hop_length: Any, win_length: Any) -> tuple[int, int, int]:
    points = whole(name, n_fft, "n_fft", 2)
    hop = points >> 2 if hop_length is None else whole(name, hop_length, "hop_length", 3)
    width = points if win_length is None else whole(name, win_length, "win_length", 4)
    return points, hop, width


def _refuse_half() -> RuntimeError:
    return RuntimeError("Cannot have onesided output if window or input is complex")


def _transformable(x: Tensor) -> Tensor:
    if x._a.dtype.itemsize == 2:
        raise RuntimeError(
            f"MKL FFT doesn't support tensors of type: {_type(x)}\nFourier transforms take "
            "float32, float64 and complex tensors; convert first, as in x.float()."
        )
    return x


# --- forward ----------------------------------------------------------------------------------


@overridable
def stft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=None,
    return_complex=None,
    align_to_window=None,
):
    """The spectra of stretches of n_fft values, hop_length apart, each times `window`.

    X[k, t] = sum over j of window[j] x[t hop_length + j] e^(-2 pi i j k / n_fft), for signals of
    shape (length) or (batch, length). center: stretch t is centred at t hop_length, and the signal
    padded by half a stretch at both ends. win_length: the length of the window, which is padded
    with zeros to n_fft. normalized: divided by the root of n_fft. onesided: the first
    n_fft // 2 + 1 frequencies only, by default for real signals. return_complex: complex values, or
    pairs along a last dimension.
    """
    x = tensor("stft", input)
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    points, hop, width = _lengths("stft", n_fft, hop_length, win_length)
    if center:
        extended = x.view((1,) * (3 - x._a.ndim) + tuple(x._a.shape))
        padded = pad(extended, [points // 2, points // 2], pad_mode)
        x = padded.view(padded._a.shape[padded._a.ndim - x._a.ndim :])
    if window is None:
        warn_once(_NO_WINDOW)
    call = _Call(
        f"stft(torch.{_type(x)}Tensor{list(x._a.shape)}",
        {
            "n_fft": points,
            "hop_length": hop,
            "win_length": width,
            "window": window,
            "normalized": bool(normalized),
            "onesided": onesided,
            "return_complex": return_complex,
            "align_to_window": align_to_window,
        },
    )
    as_complex = _wants_complex(x, window, return_complex)
    _check_signal(call, x, points, hop, width, window)
    out = _spectra(x, points, hop, width, window, normalized, onesided, align_to_window)
    return out if as_complex else view_as_real(out)


def _wants_complex(x: Tensor, window: Any, return_complex: Any) -> bool:
    if return_complex is None:
        if not (has_complex(x) or has_complex(window)):
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that return_complex=True in a future PyTorch release.\n"
                "Give return_complex=True."
            )
        return True
    if not return_complex:
        warn_once(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will "
            "return complex tensors for all inputs, and return_complex=False will raise an error.\n"
            "Note: you can still call torch.view_as_real on the complex output to recover the old "
            "return format."
        )
    return bool(return_complex)


def _check_signal(call: _Call, x: Tensor, points: int, hop: int, width: int, window: Any) -> None:
    if category(x._a.dtype) < FLOATING:
        raise call.error(": expected a tensor of floating point or complex values")
    if not 1 <= x._a.ndim <= 2:
        raise call.error(": expected a 1D or 2D tensor")
    length = x._a.shape[-1]
    if not 0 < points <= length:
        raise call.error(f": expected 0 < n_fft < {length}, but got n_fft={width}")
    if hop <= 0:
        raise call.error(f": expected hop_length > 0, but got hop_length={hop}")
    if not 0 < width <= points:
        raise call.error(f": expected 0 < win_length <= n_fft, but got win_length={width}")
    if window is not None and window._a.shape != (width,):
        raise call.error(
            f": expected a 1D window tensor of size equal to win_length={width}, but got window "
            f"with size {list(window._a.shape)}"
        )


def _spectra(
    x: Tensor,
    points: int,
    hop: int,
    width: int,
    window: Any,
    normalized: Any,
    onesided: Any,
    align_to_window: Any,
) -> Tensor:
    single = x._a.ndim == 1
    signal = unsqueeze(x, 0) if single else x
    if align_to_window:
        side = (points - width) // 2
        signal = constant_pad_nd(signal, [side, side])
    if width < points:
        window = ones((width,), dtype=x.dtype) if window is None else window
        window = _centered(window, points)
    kw = {"axis": 1, "size": points, "step": hop}
    frames = view(Frames, signal, shape.unfold(signal._a, **kw), kw)
    if window is not None:
        frames = frames * window
    norm = "ortho" if normalized else "backward"
    _transformable(frames)
    if has_complex(frames):
        if onesided:
            raise _refuse_half()
        out = apply(C2C, frames, axes=(2,), inverse=False, norm=norm)
    elif onesided is None or onesided:
        out = apply(R2C, frames, axes=(2,), norm=norm)
    else:
        out = apply(WholeR2C, frames, axes=(2,), inverse=False, norm=norm)
    transpose_(out, 1, 2)
    return squeeze_(out, 0) if single else out


# --- inverse ----------------------------------------------------------------------------------


@overridable
def istft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=None,
    length=None,
    return_complex=False,
):
    """The signal whose stft is nearest to the spectra (frequencies, frames) or (batch, frequencies,
    frames): the windowed stretches' sum over the sum of the squared windows (Griffin and Lim,
    Signal estimation from modified short-time Fourier transform, 1984).
    """
    x = tensor("istft", input)
    if window is None:
        warn_once(_NO_WINDOW)
    points, hop, width = _lengths("istft", n_fft, hop_length, win_length)
    _check_rank(x)
    call = _Call(
        f"istft(CPU{_type(x)}Type{list(x._a.shape)}",
        {
            "n_fft": points,
            "hop_length": hop,
            "win_length": width,
            "window": window,
            "center": bool(center),
            "normalized": bool(normalized),
            "onesided": onesided,
            "length": length,
            "return_complex": bool(return_complex),
        },
    )
    half = _check_spectra(call, x, points, hop, width, window, onesided)
    spectra = view_as_real(x)
    if window is None:
        window = ones((width,), dtype=spectra.dtype)
    spectra = spectra if x._a.ndim > 2 else unsqueeze(spectra, 0)
    window = _centered(window, points)
    spectra = view_as_complex(transpose(spectra, 1, 2))
    stretches = _stretches(spectra, points, window, normalized, half, return_complex)
    signal, missing = _overlapped(call, stretches, window, points, hop, center, length)
    signal = signal if x._a.ndim > 2 else squeeze(signal, 0)
    if missing <= 0:
        return signal
    warn_once(
        "The length of signal is shorter than the length parameter. Result is being padded with "
        "zeros in the tail. Please check your center and hop_length settings."
    )
    return constant_pad_nd(signal, [0, missing])


def _centered(window: Tensor, points: int) -> Tensor:
    """The window with zeros around, as long as a stretch."""
    width = window._a.shape[0]
    left = (points - width) // 2
    return constant_pad_nd(window, [left, points - width - left]) if width < points else window


def _check_rank(x: Tensor) -> None:
    if not has_complex(x):
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    if x._a.ndim < 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-{x._a.ndim + 1}, {x._a.ndim}], "
            "but got -3)\nSpectra have the shape (frequencies, frames)."
        )


def _check_spectra(
    call: _Call, x: Tensor, points: int, hop: int, width: int, window: Any, onesided: Any
) -> bool:
    """Whether the spectra are the halves of those of real signals."""
    if not x._a.size:
        raise call.error(": input tensor cannot be empty.")
    if x._a.ndim > 3:
        raise call.error(f": expected a tensor with 3 or 4 dimensions, but got {x._a.ndim + 1}")
    count = x._a.shape[-2]
    half = count != points if onesided is None else bool(onesided)
    if count != (points // 2 + 1 if half else points):
        raise call.error(
            ": expected the frequency dimension (3rd to the last) of the input tensor to match "
            f"n_fft{' / 2 + 1' if half else ''} when onesided={half}, but got {count}"
        )
    if not 0 < hop <= width:
        raise call.error(": expected 0 < hop_length <= win_length")
    if not 0 < width <= points:
        raise call.error(": expected 0 < win_length <= n_fft")
    if window is not None and window._a.shape != (width,):
        raise call.error(": Invalid window shape. window has to be 1D and length of `win_length`")
    return half


def _stretches(
    spectra: Tensor, points: int, window: Tensor, normalized: Any, half: bool, as_complex: Any
) -> Tensor:
    """The windowed stretches of the signal, (batch, frames, n_fft)."""
    norm = "ortho" if normalized else "backward"
    if as_complex:
        if half:
            raise _refuse_half()
        whole = apply(C2C, spectra, axes=(2,), inverse=True, norm=norm)
    else:
        if has_complex(window):
            raise RuntimeError("Complex windows are incompatible with return_complex=False")
        if not half:
            spectra = slice_by(spectra, 2, 0, points // 2 + 1, 1)
        whole = apply(C2R, spectra, axes=(2,), length=points, norm=norm)
    return whole * window.view(1, 1, points)


def _overlapped(
    call: _Call, y: Tensor, window: Tensor, points: int, hop: int, center: Any, length: Any
) -> tuple[Tensor, int]:
    """The signal, and how many values are missing at its end."""
    frames = y._a.shape[1]
    total = points + hop * (frames - 1)
    kw = {"axis": 1, "size": points, "step": hop, "total": total}
    squares = (window**2).expand((1, frames, points))
    start = points // 2 if center else 0
    end = total - start
    if length is not None:
        end = start + whole("istft", length, "length", 9)
    stop = max(min(end, total), start)
    signal = slice_by(apply(Overlaps, y, **kw), 1, start, stop, 1)
    envelope = slice_by(apply(Overlaps, squares, **kw), 1, start, stop, 1)
    if holds((amin(abs(envelope.detach())) < 1e-11)._a, False):
        raise call.error(
            "window overlap add min: 1\nSome values of the signal are under no window; use a "
            "smaller hop_length, a window without zeros, or center=True."
        )
    return signal / envelope, end - total
