"""Running sums, products and extremes along a dimension under PyTorch's names; differences."""

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.dtype import FLOATING, category, numpy_dtype
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from ..core.views import inplace
from ..ops import cumulative as ops
from ..ops.shape import copy
from .arguments import no_kernel, numpy_names, one_dim, tensor
from .elementwise import sub
from .extremes import check_ordered, put_pair
from .joining import cat
from .nodes import node
from .parts import narrow
from .reduction import converted, of_dtype
from .return_types import return_type
from .shortcut import direct, shortcut

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "diff",
    "logcumsumexp",
]

Cumsum = node("CumsumBackward0", ops.cumsum)
Cumprod = node("CumprodBackward0", ops.cumprod)
Logcumsumexp = node("LogcumsumexpBackward0", ops.logcumsumexp)
Cummax = node("CummaxBackward0", ops.cummax)
Cummin = node("CumminBackward0", ops.cummin)
Copies = node("CopyBackwards", copy)

CummaxResult = return_type("cummax", "values", "indices")
CumminResult = return_type("cummin", "values", "indices")


def _running(name: str, cls: Any, input: Any, dim: Any, dtype: Any, out: Any) -> Tensor:
    """A running sum or product, computed in `dtype`, in out's, or integers in int64."""
    x = converted(name, tensor(name, input), dtype, out)
    if x._a.dtype.kind == "b" and x._a.ndim and x._a.size:
        raise no_kernel(f"{name}_out_cpu", x._a.dtype, "Compute in another dtype, as int64")
    result = apply(cls, x, axis=one_dim(dim, x._a.ndim, name), reverse=False)
    return result if out is None else write_out(name + of_dtype(dtype), out, result, (input,))


def _short_running(cls: Any) -> Any:
    def short(input, dim):
        a = input._a
        if a.dtype.kind != "f" or type(dim) is not int or not -a.ndim <= dim < a.ndim:
            return None
        return direct(cls, input, {"axis": dim % a.ndim, "reverse": False})

    return short


@shortcut(_short_running(Cumsum))
@overridable
@numpy_names
def cumsum(input, dim, *, dtype=None, out=None):
    """The sums of the elements up to each one along `dim`; integers and bools give int64."""
    return _running("cumsum", Cumsum, input, dim, dtype, out)


@shortcut(_short_running(Cumprod))
@overridable
@numpy_names
def cumprod(input, dim, *, dtype=None, out=None):
    """The products of the elements up to each one along `dim`; its derivative is right at zeros."""
    return _running("cumprod", Cumprod, input, dim, dtype, out)


def _own_dtype(name: str, input: Tensor, dtype: Any) -> Any:
    """The dtype of an in-place running sum, which must be the tensor's own."""
    own = tensor(name, input)._a.dtype
    if dtype is not None and numpy_dtype(dtype) != own:
        raise RuntimeError(
            f"Bad in-place call: input tensor dtype {own.name} and output tensor dtype "
            f"{numpy_dtype(dtype).name} should match"
        )
    return input.dtype


@numpy_names
def cumsum_(input, dim, *, dtype=None):
    """cumsum, in place."""
    return inplace(cumsum, input, dim, dtype=_own_dtype("cumsum_", input, dtype), name="cumsum_")


@numpy_names
def cumprod_(input, dim, *, dtype=None):
    """cumprod, in place."""
    return inplace(cumprod, input, dim, dtype=_own_dtype("cumprod_", input, dtype), name="cumprod_")


@overridable
@numpy_names
def logcumsumexp(input, dim, *, out=None):
    """log of the running sums of exp(x) along `dim`, without overflow."""
    x = tensor("logcumsumexp", input)
    if category(x._a.dtype) < FLOATING:
        raise no_kernel("logcumsumexp_out_cpu", x._a.dtype)
    result = apply(Logcumsumexp, x, axis=one_dim(dim, x._a.ndim, "logcumsumexp"))
    return result if out is None else write_out("logcumsumexp", out, result)


def _extreme(name: str, cls: Any, kind: Any, input: Any, dim: Any, out: Any) -> Any:
    x = tensor(name, input)
    if x._a.ndim and x._a.size:
        check_ordered(f"{name}_cpu", x)
    return put_pair(name, kind, apply(cls, x, axis=one_dim(dim, x._a.ndim, name)), out)


@overridable
@numpy_names
def cummax(input, dim, *, out=None):
    """The greatest element so far along `dim` and its last place, as (values, indices)."""
    return _extreme("cummax", Cummax, CummaxResult, input, dim, out)


@overridable
@numpy_names
def cummin(input, dim, *, out=None):
    """The least element so far along `dim` and its last place, as (values, indices)."""
    return _extreme("cummin", Cummin, CumminResult, input, dim, out)


# --- differences ----------------------------------------------------------------------------------


@overridable
@numpy_names
def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The n-th differences x[i + 1] - x[i] along `dim`, of x with what is put before and behind."""
    x = tensor("diff", input)
    if x._a.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional, but got a scalar")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = one_dim(dim, x._a.ndim, "diff")
    parts = [part for part in (prepend, x, append) if part is not None]
    if n == 0:
        x = apply(Copies, x)
        return x if out is None else write_out("diff.copy", out, x)
    if len(parts) > 1:
        x = cat(parts, axis)
    for _ in range(n if n < x._a.shape[axis] else x._a.shape[axis]):
        length = x._a.shape[axis] - 1
        later, earlier = narrow(x, axis, 1, length), narrow(x, axis, 0, length)
        if x._a.dtype.kind == "b":
            x = wrap(np.logical_xor(later._a, earlier._a))
        else:
            x = sub(later, earlier)
    return x if out is None else write_out("diff", out, x)
