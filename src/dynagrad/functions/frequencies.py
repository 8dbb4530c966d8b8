"""The order of a spectrum's coefficients and their frequencies, under the names of torch.fft."""

from typing import Any

import numpy as np

from ..core.dtype import FLOATING, category
from ..core.overrides import explained, overridable
from ..core.tensor import Tensor
from .arguments import one_dim, tensor, whole
from .factory import check_options, default_float, into, made, type_of
from .fourier import whole_numbers
from .ranges import arange
from .reordering import roll

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]


def _shifted(name: str, input: Any, dim: Any, extra: int) -> Tensor:
    x = tensor(f"fft_{name}", input)
    axes = tuple(range(x._a.ndim)) if dim is None else whole_numbers(name, "dim", dim)
    axes = tuple([one_dim(d, x._a.ndim, f"fft_{name}") for d in axes])
    return roll(x, tuple([(x._a.shape[d] + extra) // 2 for d in axes]), axes)


@overridable
def fftshift(input, dim=None):
    """A spectrum with frequency 0 in the middle of the dimensions, by default all."""
    return _shifted("fftshift", input, dim, 0)


@overridable
def ifftshift(input, dim=None):
    """A spectrum with frequency 0 first again: the inverse of fftshift."""
    return _shifted("ifftshift", input, dim, 1)


def _frequencies(name: str, n: Any, d: Any, count: Any, out: Any, options: dict) -> Tensor:
    given, requires_grad = options.pop("dtype"), options.pop("requires_grad")
    check_options(f"fft_{name}", options["device"], options["layout"], options["pin_memory"])
    points = whole(f"fft_{name}", n, "n", 1)
    dtype = type_of(f"fft_{name}", given, default_float() if out is None else out._a.dtype)
    if category(dtype) < FLOATING:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if points < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {points}: [{points}]\n"
            "The number of points is 0 or more."
        )
    arange(0, dtype=given)  # refuses complex dtypes
    numbers = np.arange(count(points))
    if name == "fftfreq":
        numbers = np.where(numbers < (points + 1) // 2, numbers, numbers - points)
    span = points * float(d)
    with np.errstate(all="ignore"):
        wide = np.dtype("float32") if dtype.itemsize == 2 else dtype
        step = np.divide(1.0, span).astype(wide)
        array = (numbers.astype(wide) * step).astype(dtype)
    if out is not None:
        return into(f"fft_{name}", out, array, given, requires_grad)
    return made(array, requires_grad)


@explained
def fftfreq(
    n,
    d=1.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """The frequencies of fft's coefficients for n samples at distance d: 0, 1, ..., -2, -1 over
    n d.
    """
    options = {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory}
    options["requires_grad"] = requires_grad
    return _frequencies("fftfreq", n, d, lambda n: n, out, options)


@explained
def rfftfreq(
    n,
    d=1.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """The frequencies of rfft's coefficients for n samples at distance d: 0, 1, ... over n d."""
    options = {"dtype": dtype, "layout": layout, "device": device, "pin_memory": pin_memory}
    options["requires_grad"] = requires_grad
    return _frequencies("rfftfreq", n, d, lambda n: n // 2 + 1, out, options)
