"""Values of PyTorch as values of this library, and the comparison of what both return."""

import functools
import types
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import torch

import dynagrad

from .entries import counterpart, rebound

Bounds = Callable[[torch.dtype], dict[str, float]]
_BITS = {torch.bfloat16: (torch.int16, np.dtype(ml_dtypes.bfloat16))}


class Untranslatable(Exception):
    """A value of a kind that lies outside of the library: another device or layout."""


def _array(t: torch.Tensor) -> np.ndarray:
    """The elements of a tensor, with its strides, in memory of their own."""
    if t.layout != torch.strided or t.device.type != "cpu" or t.is_quantized:
        raise Untranslatable(f"{t.layout} on {t.device}")
    if t.ndim > 64:
        raise Untranslatable("NumPy's arrays have 64 dimensions at most")
    t = t.detach().resolve_conj().resolve_neg()
    t = t.clone() if t._is_zerotensor() else t
    bits, dtype = _BITS.get(t.dtype, (t.dtype, None))
    t = t.view(bits) if dtype is not None else t
    if not t.numel():
        array = t.numpy().copy()
        strides = tuple(s * array.itemsize for s in t.stride())
        array = np.ndarray(array.shape, array.dtype, np.zeros(1, array.dtype), 0, strides)
    else:
        last = sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))
        flat = t.as_strided((last + 1,), (1,)).numpy().copy()
        strides = tuple(s * flat.itemsize for s in t.stride())
        array = np.ndarray(tuple(t.shape), flat.dtype, flat, 0, strides)
    return array.view(dtype) if dtype is not None else array


def _plain(value: Any, known: dict[int, Any]) -> Any:
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
        return getattr(dynagrad, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        if value.type != "cpu":
            raise Untranslatable(str(value))
        return dynagrad.device("cpu")
    if isinstance(value, torch.Size):
        return dynagrad.Size(value)
    if isinstance(value, torch.nn.Module):
        twin = getattr(dynagrad.nn, type(value).__name__)()
        settings = {k: v for k, v in vars(value).items() if isinstance(v, bool | int | float)}
        twin.__dict__.update(settings)
        return twin
    if isinstance(value, torch.Generator):
        return dynagrad.Generator().manual_seed(value.initial_seed())
    if isinstance(value, types.FunctionType):
        return rebound(value)
    if isinstance(value, types.BuiltinFunctionType | functools.partial) and not isinstance(
        value, type
    ):
        try:
            return counterpart(value)
        except AttributeError:
            return value
    return value


def ours(value: Any, known: dict[int, Any] | None = None) -> Any:
    """The same value for this library; tensors get memory of their own, one tensor for each."""
    known = {} if known is None else known
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            if type(value) not in (torch.Tensor, torch.nn.Parameter):
                raise Untranslatable(type(value).__name__)
            t = dynagrad.from_numpy(_array(value))
            known[id(value)] = t.requires_grad_() if value.requires_grad else t
        return known[id(value)]
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(ours(v, known) for v in value)
    if isinstance(value, dict):
        return {k: ours(v, known) for k, v in value.items()}
    return _plain(value, known)


def theirs(value: Any, known: dict[int, Any] | None = None) -> Any:
    """A copy of the same value for PyTorch, with strides kept, in memory of its own."""
    known = {} if known is None else known
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            t = value.detach()
            if t.layout != torch.strided:
                raise Untranslatable(str(t.layout))
            if t.numel() and not (t.is_conj() or t.is_neg()):
                last = sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))
                flat = t.as_strided((last + 1,), (1,)).clone()
                t = flat.as_strided(t.shape, t.stride())
            else:
                t = t.clone()
            known[id(value)] = t.requires_grad_(value.requires_grad)
        return known[id(value)]
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(theirs(v, known) for v in value)
    if isinstance(value, dict):
        return {k: theirs(v, known) for k, v in value.items()}
    if isinstance(value, torch.Generator):
        return torch.Generator().manual_seed(value.initial_seed())
    return value


# --- comparison -----------------------------------------------------------------------------------


def numbers(value: Any) -> np.ndarray:
    """The elements of a tensor of either library."""
    if isinstance(value, torch.Tensor):
        return _array(value)
    return value.detach().numpy() if value.dtype != dynagrad.bfloat16 else value.detach()._a


def is_tensor(value: Any) -> bool:
    """Whether this is a tensor of one of the libraries."""
    return isinstance(value, torch.Tensor | dynagrad.Tensor)


def flat(value: Any) -> list[Any]:
    """The leaves of a result: tensors and other values."""
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size | dynagrad.Size):
        return [leaf for v in value for leaf in flat(v)]
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in flat(v)]
    return [value]


def shape_of(value: Any) -> str:
    """Dtype and shape of a tensor, the type of anything else."""
    if is_tensor(value):
        return f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}"
    return type(value).__name__


def differs(mine: Any, other: Any, bounds: Bounds, *, values: bool = True) -> str:
    """How a result differs from PyTorch's, in a few words; empty if it does not."""
    a, b = flat(mine), flat(other)
    if len(a) != len(b):
        return f"{len(a)} results instead of {len(b)}"
    for x, y in zip(a, b, strict=True):
        text = _leaf_differs(x, y, bounds, values)
        if text:
            return text
    return ""


def _leaf_differs(x: Any, y: Any, bounds: Bounds, values: bool) -> str:
    if shape_of(x) != shape_of(y):
        return f"{shape_of(x)} instead of {shape_of(y)}"
    if not is_tensor(x):
        if isinstance(x, float | complex) and isinstance(y, float | complex):
            close = np.allclose(x, y, **bounds(torch.float64), equal_nan=True)
            return "" if close else f"{x} instead of {y}"
        same = str(x) == str(y) if type(x) is not type(y) else x == y
        return "" if not values or same else f"{x!r} instead of {y!r}"
    if not values:
        return ""
    m, n = numbers(x), numbers(y)
    if m.dtype.kind not in "fcV":
        return "" if np.array_equal(m, n) else f"other values: {_first(m, n, m != n)}"
    wide = np.complex128 if m.dtype.kind == "c" else np.float64
    m, n = m.astype(wide), n.astype(wide)
    with np.errstate(all="ignore"):
        close = np.isclose(m, n, **bounds(y.dtype), equal_nan=True)
    return "" if close.all() else f"other values: {_first(m, n, ~close)}"


def _first(m: np.ndarray, n: np.ndarray, where: np.ndarray) -> str:
    place = tuple(int(i) for i in np.argwhere(where)[0])
    share = f"{int(where.sum())} of {where.size}"
    return f"{m[place]!r} instead of {n[place]!r} at {place} ({share})"


def strides_differ(mine: Any, other: Any) -> str:
    """Whether the strides differ where they can be noticed."""
    for x, y in zip(flat(mine), flat(other), strict=True):
        if is_tensor(x) and is_tensor(y) and y.numel() and y.layout == torch.strided:
            sizes = zip(y.shape, x.stride(), y.stride(), strict=True)
            if any(n > 1 and s != t for n, s, t in sizes):
                return f"strides {tuple(x.stride())} instead of {tuple(y.stride())}"
    return ""


def _memory(t: Any) -> int:
    if isinstance(t, torch.Tensor):
        return t.untyped_storage().data_ptr() if t.layout == torch.strided else 0
    a = t.detach()._a
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a.__array_interface__["data"][0]


def sharing(result: Any, inputs: Any) -> list[tuple[bool, ...]]:
    """For each tensor of a result, with which tensors of the arguments it shares its memory, and
    which of them it is.
    """
    tensors = [t for t in flat(inputs) if is_tensor(t) and t.numel()]
    places = [_memory(t) for t in tensors]
    return [
        (*(_memory(r) == place for place in places), *(r is t for t in tensors))
        for r in flat(result)
        if is_tensor(r) and r.numel()
    ]
