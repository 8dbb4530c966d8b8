"""Covariance, integrals and derivatives of samples, slices of bounded norm, hashes."""

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.complaints import legacy_name
from ..core.dtype import BOOL, COMPLEX, FLOATING, category
from ..core.overrides import overridable
from ..core.quiet import warn
from ..core.tensor import Tensor, wrap
from ..ops import statistics as ops
from .arguments import holds, many_dims, no_kernel, one_dim, tensor, whole, write_same
from .complex import complex as complex_of
from .complex import conj, imag, real
from .contraction import mm
from .elementwise import in_place, no_overload
from .extremes import amin
from .joining import cat
from .nodes import node

__all__ = [
    "corrcoef",
    "cov",
    "cumulative_trapezoid",
    "gradient",
    "hash_tensor",
    "renorm",
    "trapezoid",
    "trapz",
]

Renorm = node("RenormBackward0", ops.renorm)
XorBits = node("NotImplemented", ops.xor_bits)

# --- covariance -------------------------------------------------------------------------------


def _weights(argument: str, given: Tensor, observations: int) -> Tensor:
    w = tensor("cov", given, argument=argument)
    if w._a.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {argument} to have one or fewer dimensions but got {argument} with "
            f"{w._a.ndim} dimensions"
        )
    kind = category(w._a.dtype)
    whole = argument == "fweights"
    if (kind in (BOOL, COMPLEX) or kind == FLOATING) if whole else kind != FLOATING:
        raise RuntimeError(
            f"cov(): expected {argument} to have {'integral' if whole else 'floating point'} dtype "
            f"but got {argument} with {legacy_name(w._a.dtype)} dtype"
        )
    if w._a.size != observations:
        raise RuntimeError(
            f"cov(): expected {argument} to have the same numel as there are observations in the "
            f"input but got {w._a.size} != {observations}"
        )
    if observations and not holds((amin(w.detach()) >= 0)._a, True):
        raise RuntimeError(f"cov(): {argument} cannot be negative")
    return w


@overridable
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of variables (rows) over observations (columns).

    sum of w (x - mean) (x - mean)^H over (sum of w) - correction, the weights w being the product
    of fweights (how often an observation counts) and aweights (how much).
    """
    x = tensor("cov", input)
    if x._a.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{x._a.ndim} dimensions"
        )
    if category(x._a.dtype) == BOOL:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    correction = whole("cov", correction, "correction")
    x = x.view(1, -1) if x._a.ndim < 2 else x
    observations = x._a.shape[1]
    w: Any = None if fweights is None else _weights("fweights", fweights, observations)
    if aweights is not None:
        aw = _weights("aweights", aweights, observations)
        w = aw if w is None else w * aw
    total = observations if w is None else w.sum()
    if w is not None and not holds((total != 0)._a, True):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    centered = x - ((x if w is None else x * w).sum(1) / total).unsqueeze(1)
    freedom = total - correction
    if aweights is not None and correction:
        freedom = total - correction * (w * aweights).sum() / total
    if holds(np.asarray(freedom <= 0) if w is None else (freedom <= 0)._a, True):
        warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number "
            "of observations."
        )
        freedom = 0
    products = mm(centered, conj((centered if w is None else centered * w).t()))
    return (products / freedom).squeeze()


@overridable
def corrcoef(input):
    """The correlation matrix of variables (rows) over observations (columns): covariances over the
    standard deviations.
    """
    x = tensor("corrcoef", input)
    if x._a.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{x._a.ndim} dimensions"
        )
    c = cov(x)
    if not c._a.ndim:
        return c / c
    spread = real(c.diag()).sqrt()
    c = c / spread.view(-1, 1) / spread.view(1, -1)
    if category(c._a.dtype) == COMPLEX:
        return complex_of(real(c).clip(-1, 1), imag(c).clip(-1, 1))
    return c.clip(-1, 1)


# --- integrals --------------------------------------------------------------------------------

_ABSENT: Any = object()


def _slice(x: Tensor, dim: int, start: int | None, stop: int | None = None) -> Tensor:
    return x[(slice(None),) * dim + (slice(start, stop),)]


def _samples(name: str, y: Any, x: Any, dx: Any, dim: Any) -> tuple[Tensor, int]:
    """The samples and the dimension along which they lie."""
    samples = tensor(name, y, argument="y")
    if x is not _ABSENT and (dx is not _ABSENT or not isinstance(x, Tensor)):
        raise no_overload(name, (y, x))
    if not samples._a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return samples, one_dim(dim, samples._a.ndim, name)


def _step(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> Any:
    """The distances of neighbouring samples: a number, or a tensor."""
    if x is _ABSENT:
        if category(y._a.dtype) == BOOL:
            raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
        if dx is _ABSENT:
            return 1.0
        number = dx._a.item() if isinstance(dx, Tensor) else dx
        if isinstance(number, bool | complex):
            raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")
        return float(number)
    if BOOL in (category(y._a.dtype), category(x._a.dtype)):
        raise RuntimeError(
            f"{name}: received a bool input for `x` or `y`, but bool is not supported"
        )
    rank = y._a.ndim
    if x._a.ndim == 1:
        if x._a.shape[0] != y._a.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = x.view([-1 if d == dim else 1 for d in range(rank)])
    elif x._a.ndim < rank:
        x = x.view((1,) * (rank - x._a.ndim) + tuple(x._a.shape))
    return _slice(x, dim, 1) - _slice(x, dim, 0, -1)


@overridable
def trapezoid(y, x=_ABSENT, *, dx=_ABSENT, dim=-1):
    """The integral of samples y along a dimension by the trapezoidal rule: at places x, or at
    distance dx.
    """
    samples, axis = _samples("trapezoid", y, x, dx, dim)
    if not samples._a.shape[axis]:
        return samples.detach().sum(axis, dtype=samples.dtype)
    step = _step("trapezoid", samples, x, dx, axis)
    if isinstance(step, Tensor):
        return ((_slice(samples, axis, 0, -1) + _slice(samples, axis, 1)) * step).sum(axis) / 2.0
    ends = samples.select(axis, 0) + samples.select(axis, -1)
    return (samples.sum(axis) - ends * 0.5) * step


@overridable
def trapz(y, x=_ABSENT, *, dx=_ABSENT, dim=-1):
    """trapezoid under its older name."""
    if x is not _ABSENT and not isinstance(x, Tensor):
        raise no_overload("trapz", (y, x))
    if isinstance(dx, bool):
        dx = float(dx)
    return trapezoid(y, dx=dx, dim=dim) if x is _ABSENT else trapezoid(y, x, dx=dx, dim=dim)


@overridable
def cumulative_trapezoid(y, x=_ABSENT, *, dx=_ABSENT, dim=-1):
    """The integrals from the first sample to each of the others, by the trapezoidal rule."""
    samples, axis = _samples("cumulative_trapezoid", y, x, dx, dim)
    step = _step("cumulative_trapezoid", samples, x, dx, axis)
    pairs = _slice(samples, axis, 0, -1) + _slice(samples, axis, 1)
    if isinstance(step, Tensor):
        return (pairs * step).cumsum(axis) / 2.0
    return (step / 2.0 * pairs).cumsum(axis)


# --- derivatives of samples -------------------------------------------------------------------


def _spacings(x: Tensor, spacing: Any, dim: Any) -> tuple[tuple, tuple]:
    """The dimensions, and for each the distance of the samples or their places."""
    rank = x._a.ndim
    if isinstance(spacing, Tensor) and not spacing._a.ndim:
        spacing = spacing._a.item()
    if spacing is None or isinstance(spacing, int | float | complex):
        count = rank if dim is None else len(dim) if isinstance(dim, list | tuple) else 1
        spacing = (1 if spacing is None else spacing,) * count
    elif not isinstance(spacing, list | tuple):
        raise no_overload("gradient", (x, spacing))
    elif any(isinstance(s, Tensor) for s in spacing):
        for place, s in enumerate(spacing):
            if not isinstance(s, Tensor):
                raise TypeError(
                    f"expected Tensor as element {place} in argument 1, but got {type(s).__name__}"
                )
    given = dim if dim is None or isinstance(dim, list | tuple) else (dim,)
    if given is None and len(spacing) != rank:
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
            f"equal to 'self.dim() = {rank}', since dim argument was not given, but got a list of "
            f"length {len(spacing)}"
        )
    if given is not None and len(spacing) != len(given):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim "
            "arguments to have the same length, but got a spacing argument of length "
            f"{len(spacing)} and a dim argument of length {len(given)}."
        )
    return tuple(range(rank)) if given is None else tuple(given), tuple(spacing)


@overridable
def gradient(input, *, spacing: Any = 1, dim: Any = None, edge_order=1):
    """The derivatives of samples along each of the dimensions, to second order inside (Fornberg,
    Generation of finite difference formulas on arbitrarily spaced grids, 1988), to `edge_order` at
    the ends.

    spacing: the distance of the samples, one for each dimension, or their places in each.
    """
    x = tensor("gradient", input)
    dims, spacings = _spacings(x, spacing, dim)
    if x._a.dtype == np.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    axes = many_dims(list(dims), x._a.ndim, "gradient") if dims else ()
    if any(x._a.shape[d] < edge_order + 1 for d in axes):
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1\nThe shape "
            f"is {list(x._a.shape)}, edge_order {edge_order}."
        )
    return tuple(
        [
            _uneven(x, s, d, edge_order) if isinstance(s, Tensor) else _even(x, s, d, edge_order)
            for d, s in zip(axes, spacings, strict=True)
        ]
    )


def _even(x: Tensor, h: Any, dim: int, edge_order: int) -> Tensor:
    """The derivative along a dimension of samples at distance h."""
    center = (_slice(x, dim, 2) - _slice(x, dim, 0, -2)) / h
    if edge_order == 1:
        first = (_slice(x, dim, 1, 2) - _slice(x, dim, 0, 1)) / h
        last = (_slice(x, dim, -1) - _slice(x, dim, -2, -1)) / h
    else:
        first = -1.5 * _slice(x, dim, 0, 1) + 2 * _slice(x, dim, 1, 2) - 0.5 * _slice(x, dim, 2, 3)
        last = 0.5 * _slice(x, dim, -3, -2) - 2 * _slice(x, dim, -2, -1) + 1.5 * _slice(x, dim, -1)
        first, last = first / h, last / h
    return cat((first, center / 2, last), dim)


def _uneven(x: Tensor, places: Tensor, dim: int, edge_order: int) -> Tensor:
    """The derivative along a dimension of samples at these places."""
    if places._a.ndim != 1:
        raise RuntimeError(
            "torch.gradient expected each element of spacing to have one dimension, but got an "
            f"element with {places._a.ndim} dimensions!"
        )
    shape = [-1 if d == dim else 1 for d in range(x._a.ndim)]
    h = places[1:] - places[:-1]
    left, right = h[:-1], h[1:]
    a = (-right / (left * (left + right))).reshape(shape)
    b = ((right - left) / (left * right)).reshape(shape)
    c = (left / (right * (left + right))).reshape(shape)
    center = a * _slice(x, dim, 0, -2) + b * _slice(x, dim, 1, -1) + c * _slice(x, dim, 2)
    if edge_order == 1:
        first = (_slice(x, dim, 1, 2) - _slice(x, dim, 0, 1)) / h[0]
        last = (_slice(x, dim, -1) - _slice(x, dim, -2, -1)) / h[-1]
    else:
        first = _edge(x, dim, h[0], h[1], (0, 1, 2))
        last = -_edge(x, dim, h[-1], h[-2], (-1, -2, -3))
    return cat((first, center, last), dim)


def _edge(x: Tensor, dim: int, near: Tensor, far: Tensor, at: tuple) -> Tensor:
    """The derivative at the first of three samples, `near` and then `far` apart, by the parabola
    through them.
    """
    one, two, three = [x.narrow(dim, i % x._a.shape[dim], 1) for i in at]
    a = -(2.0 * near + far) / (near * (near + far))
    b = (near + far) / (near * far)
    c = -near / (far * (near + far))
    return a * one + b * two + c * three


# --- norms and hashes -------------------------------------------------------------------------


@overridable
def renorm(input, p, dim, maxnorm, *, out=None):
    """The tensor with each slice along `dim` whose p-norm exceeds maxnorm scaled down to it."""
    x = tensor("renorm", input)
    for argument, value in (("p", p), ("maxnorm", maxnorm)):
        if isinstance(value, complex):
            raise RuntimeError(f"renorm: {argument} must be real-valued")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if x._a.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {x._a.ndim} dimensions")
    axis = one_dim(dim, x._a.ndim, "renorm")
    if category(x._a.dtype) < FLOATING:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{legacy_name(x._a.dtype)}"
        )
    axes = tuple([d for d in range(x._a.ndim) if d != axis])
    result = apply(Renorm, x, p=float(p), axes=axes, maxnorm=float(maxnorm))
    return result if out is None else write_same("renorm", out, result)


renorm_ = in_place(renorm)


@overridable
def hash_tensor(input, dim=(), *, keepdim=False, mode=0, out=None):
    """The exclusive or of the elements' bits, as float64 or int64, over dimensions: uint64."""
    x = tensor("hash_tensor", input)
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    whole = dim is None or (isinstance(dim, list | tuple) and not dim)
    axes = many_dims(dim, x._a.ndim, "hash_tensor")
    if not x._a.size:
        if whole:
            raise RuntimeError(
                "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        for d in axes:
            if not x._a.shape[d]:
                raise IndexError(f"hash_tensor: Expected reduction dim {d} to have non-zero size.")
    if category(x._a.dtype) == COMPLEX:
        raise no_kernel("xor_sum_cpu", x._a.dtype, "Hash x.real and x.imag.")
    result = apply(XorBits, wrap(x._a), axes=axes, keepdims=bool(keepdim))
    return result if out is None else write_same("hash_tensor", out, result)
