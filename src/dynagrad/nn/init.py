"""Initial values of weights: each function fills a tensor in place, not recorded, and returns it.
Imports core and functions.

After the same `torch.manual_seed` the values are PyTorch's. X. Glorot, Y. Bengio, "Understanding
the difficulty of training deep feedforward neural networks" (2010); K. He et al., "Delving Deep
into Rectifiers" (2015); A. Saxe et al., "Exact solutions to the nonlinear dynamics of learning"
(2013); J. Martens, "Deep learning via Hessian-free optimization" (2010).
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..core.overrides import explained
from ..core.quiet import warn
from ..core.tensor import Tensor, family_of
from ..functions.arguments import no_kernel
from ..functions.generator import draws

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_LINEAR = (
    *("linear", "conv1d", "conv2d", "conv3d"),
    *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"),
)


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """The factor that keeps the variance through a nonlinearity: sqrt(2) for "relu", 5/3 for
    "tanh", ...

    `param`: the negative slope of "leaky_relu", 0.01 by default.
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def _written(tensor: Tensor) -> Tensor:
    family_of(tensor).cell.bump()
    return tensor


def _set(tensor: Tensor, values: Any) -> Tensor:
    tensor._a[...] = values
    return _written(tensor)


@explained
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform values in [a, b)."""
    draws("uniform_", generator).uniform(low=a, high=b, out=tensor._a)
    return _written(tensor)


@explained
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal values of that mean and standard deviation."""
    draws("normal_", generator).normal(mean=mean, std=std, out=tensor._a)
    return _written(tensor)


@explained
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Normal values in [a, b]: those outside are refused, and others are drawn for them."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
            "values may be incorrect."
        )
    stream, values = draws("normal_", generator), tensor._a
    with np.errstate(all="ignore"):
        if _below((b - mean) / std) - _below((a - mean) / std) > 0.3:
            _draw_again_outside(stream, values, mean, std, a, b)
        else:
            _thin_out(stream, values, mean, std, a, b)
    return _written(tensor)


def _below(x: float) -> float:
    """The normal distribution function."""
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _draw_again_outside(
    stream: Any, values: Any, mean: float, std: float, a: float, b: float
) -> None:
    """Normal values; as long as some lie outside [a, b], all are drawn again and those replaced."""
    stream.normal(mean=mean, std=std, out=values)
    low, high = values.dtype.type(a), values.dtype.type(b)
    outside = (values < low) | (values > high)
    while outside.any():
        again = stream.normal(mean=mean, std=std, out=np.empty_like(values))
        values[outside] = again[outside]
        outside = (values < low) | (values > high)


def _thin_out(stream: Any, values: Any, mean: float, std: float, a: float, b: float) -> None:
    """Uniform values in [a, b), each kept with the probability density there, relative to the
    highest.
    """
    kind = values.dtype.type
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    stream.uniform(low=a, high=b, out=values)
    candidates, chances = values.copy(), np.empty_like(values)
    pending = None
    while pending is None or pending.any():
        if pending is not None:
            stream.uniform(low=a, high=b, out=candidates)
            values[pending] = candidates[pending]
        height = ((candidates - kind(mean)) / kind(std)) ** 2 * kind(-0.5) - kind(peak)
        refused = np.log(stream.uniform(out=chances)) > height
        pending = refused if pending is None else pending & refused


@explained
def constant_(tensor: Tensor, val: float) -> Tensor:
    """The same value everywhere."""
    return _set(tensor, val)


@explained
def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return _set(tensor, 1)


@explained
def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return _set(tensor, 0)


@explained
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix."""
    if tensor._a.ndim != 2:
        raise ValueError(
            f"Only tensors with 2 dimensions are supported\nThis one has {tensor._a.ndim}."
        )
    return _set(tensor, np.eye(*tensor._a.shape))


@explained
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight that keeps its input: 1 in the middle of the kernel of as many
    channels as there are.
    """
    shape = tensor._a.shape
    if len(shape) not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    channels = shape[0] // groups
    middle = tuple(n // 2 for n in shape[2:])
    tensor._a[...] = 0
    for group in range(groups):
        for d in range(min(channels, shape[1])):
            tensor._a[(group * channels + d, d, *middle)] = 1
    return _written(tensor)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs feed one output, and how many outputs one input, of a weight (out, in,
    *kernel).
    """
    shape = tensor._a.shape
    if len(shape) < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions\n"
            f"This one has shape {list(shape)}; a weight has shape (out, in, *kernel)."
        )
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


@explained
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform values in [-a, a), a = gain sqrt(6 / (fan_in + fan_out))."""
    a = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -a, a, generator)


@explained
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal values of standard deviation gain sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


@explained
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Uniform values in [-b, b), b = gain sqrt(3 / fan); `a` is the slope of the leaky_relu that
    follows.
    """
    if _is_empty(tensor):
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    bound = math.sqrt(3.0) * (calculate_gain(nonlinearity, a) / math.sqrt(fan))
    return uniform_(tensor, -bound, bound, generator)


@explained
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Normal values of standard deviation gain / sqrt(fan); `a` is the slope of the leaky_relu that
    follows.
    """
    if _is_empty(tensor):
        return tensor
    fan = _calculate_correct_fan(tensor, mode)
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


def _is_empty(tensor: Tensor) -> bool:
    if tensor._a.size == 0:
        warn("Initializing zero-element tensors is a no-op")
    return tensor._a.size == 0


@explained
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """A (semi-)orthogonal matrix, times gain; dimensions after the first are taken together."""
    a = tensor._a
    if a.ndim < 2:
        raise ValueError(
            f"Only tensors with 2 or more dimensions are supported\nThis one has {a.ndim}."
        )
    if a.size == 0:
        return tensor
    if a.dtype.kind == "c":
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use "
            "torch.sgn instead.\nFill the real and the imaginary part apart."
        )
    if a.dtype.name not in ("float32", "float64"):
        raise no_kernel("geqrf_cpu", a.dtype, "Fill a float32 tensor and convert it.")
    rows = a.shape[0]
    flat = np.empty((rows, a.size // rows), a.dtype)
    draws("normal_", generator).normal(out=flat)
    wide = flat.shape[0] < flat.shape[1]
    q, r = np.linalg.qr(flat.T if wide else flat)
    q = q * np.sign(np.diagonal(r))  # which makes the distribution uniform (F. Mezzadri, 2007)
    return _set(tensor, (q.T if wide else q).reshape(a.shape) * a.dtype.type(gain))


@explained
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal values, of which in each column the part `sparsity` is 0."""
    if tensor._a.ndim != 2:
        raise ValueError(
            f"Only tensors with 2 dimensions are supported\nThis one has {tensor._a.ndim}."
        )
    rows, columns = tensor._a.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0, std, generator)
    for column in range(columns):
        tensor._a[draws("randperm", None).randperm(rows)[:zeros], column] = 0
    return tensor


def _without_underscore(fill: Callable) -> Callable:
    """The older name of a function, which warns."""
    new = fill.__name__

    @wraps(fill)
    def older(*args: Any, **kwargs: Any) -> Tensor:
        warn(f"`nn.init.{new[:-1]}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning)
        return fill(*args, **kwargs)

    older.__name__ = new[:-1]
    return older


uniform = _without_underscore(uniform_)
normal = _without_underscore(normal_)
constant = _without_underscore(constant_)
eye = _without_underscore(eye_)
dirac = _without_underscore(dirac_)
xavier_uniform = _without_underscore(xavier_uniform_)
xavier_normal = _without_underscore(xavier_normal_)
kaiming_uniform = _without_underscore(kaiming_uniform_)
kaiming_normal = _without_underscore(kaiming_normal_)
orthogonal = _without_underscore(orthogonal_)
sparse = _without_underscore(sparse_)
