"""Sums, products by elements, functions that leave zero as it is, and conversions of sparse
tensors.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.apply import apply, scalar
from ...core.dtype import FLOATING, category, number_dtype, result_type
from ...core.tape import grad_mode
from ...core.tensor import Tensor, family_of, wrap
from ...ops.rule import RULES
from ...ops.sparse.patterns import Coo
from .arrays import (
    SparseArray,
    SparseTensor,
    coalesced,
    fill,
    named,
    sparse_of,
    values_of,
)

_NUMBERS = (int, float, complex, np.number, np.bool_)

#: functions f with f(0) = 0, by PyTorch's names: they are computed of the values
ZERO_PRESERVING = (
    "abs absolute asin arcsin asinh arcsinh atan arctan atanh arctanh ceil conj_physical deg2rad "
    "erf erfinv expm1 floor frac isinf isnan isneginf isposinf log1p nan_to_num negative "
    "rad2deg relu round sgn sign signbit sin sinh sqrt square tan tanh threshold trunc fix pow"
).split()
#: those that leave the places as they are, also where some stand twice
_PLACE_BY_PLACE = ("negative",)


def unary(f: Callable, name: str) -> Callable:
    """The function of sparse tensors that computes `f` of the values; places that stand twice are
    added up first.
    """

    def of_values(input: Any, *args: Any, **kwargs: Any) -> Any:
        s = input if name in _PLACE_BY_PLACE else coalesced(input)
        values = f(values_of(s), *args, **kwargs)
        node = values.grad_fn
        return fill(values, s._a.pattern, "Fill" if node is None else type(node).__name__)

    return of_values


def neg(input: Any) -> Any:
    """The negative values."""
    return apply(named("NegBackward0", RULES[np.negative]), input)


# --- arithmetic -----------------------------------------------------------------------------------


def _operand(x: Any, like: Any) -> Any:
    """A number or a tensor of one element as what NumPy takes; other tensors as they are."""
    if isinstance(x, Tensor):
        return x
    return wrap(scalar(x, result_type((like._a, x))))


def _common(x: Any, y: Any) -> tuple[Any, Any]:
    """Two tensors in their common dtype."""
    if x._a.dtype == y._a.dtype:
        return x, y
    wanted = result_type((x._a, y._a))
    return cast(x, wanted), cast(y, wanted)


def cast(x: Any, dtype: np.dtype) -> Any:
    """x in another dtype."""
    if x._a.dtype == dtype:
        return x
    if sparse_of(x) is None:
        return x.to(wrap(np.zeros((), dtype)).dtype)
    values = values_of(x).to(wrap(np.zeros((), dtype)).dtype)
    return fill(values, x._a.pattern, "ToCopy")


def _check_same(name: str, x: Any, y: Any) -> None:
    if x._a.shape != y._a.shape:
        raise RuntimeError(
            f"{name}: expected sizes of 'self' and 'other' to match, but {list(x._a.shape)} != "
            f"{list(y._a.shape)}"
        )


def _sum(x: Any, y: Any, fun: np.ufunc, name: str) -> Any:
    first = sparse_of(x)
    if first is not None and sparse_of(y) is None:
        if first.pattern.layout == "sparse_coo" or not isinstance(y, Tensor) or not y._a.ndim:
            raise RuntimeError(
                "add(sparse, dense) is not supported. Use add(dense, sparse) instead.\n"
                "Or make the first one dense: x.to_dense()."
            )
    x, y = _common(_operand(x, y), y)
    _check_same("add", x, y)
    return apply(named(name, RULES[fun]), x, y)


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """input + alpha other: sparse if both are, dense for a dense and a sparse tensor."""
    if alpha != 1:
        other = mul(other, alpha) if isinstance(other, SparseTensor) else other * alpha
    return _sum(input, other, np.add, "AddBackward0")


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """input - alpha other."""
    if alpha != 1:
        other = mul(other, alpha) if isinstance(other, SparseTensor) else other * alpha
    return _sum(input, other, np.subtract, "SubBackward0")


def mul(input: Any, other: Any, *, out: Any = None) -> Any:
    """The product by elements, with the places of the sparse factor, or those that both have."""
    sparse, factor = (input, other) if sparse_of(input) is not None else (other, input)
    if not isinstance(factor, Tensor):
        factor = _operand(factor, sparse)
    if factor._a.ndim and factor._a.shape != sparse._a.shape:
        error = _not_broadcast(input, other)
        if error is not None:
            raise error
    sparse, factor = _common(sparse, factor)
    pair = (sparse, factor) if sparse_of(input) is not None else (factor, sparse)
    return apply(named("MulBackward0", RULES[np.multiply]), *pair)


def _not_broadcast(x: Any, y: Any) -> RuntimeError | None:
    """The error unless the dense one of two tensors broadcasts to the sparse one's shape."""
    dense, sparse = (y, x) if sparse_of(x) is not None else (x, y)
    own, wanted = dense._a.shape, sparse._a.shape
    if sparse_of(dense) is not None:
        return RuntimeError(
            f"mul: expected 'self' and 'other' to have same sizes, but {list(x._a.shape)} != "
            f"{list(y._a.shape)}"
        )
    for back in range(1, max(len(own), len(wanted)) + 1):
        n = own[-back] if back <= len(own) else 1
        m = wanted[-back] if back <= len(wanted) else 1
        if n not in (1, m):
            return RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at "
                f"non-singleton dimension {max(len(own), len(wanted)) - back}"
            )
    return None


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Any:
    """The values divided by one number."""
    given = other._a.shape if isinstance(other, Tensor) else ()
    if sparse_of(input) is None or given:
        raise RuntimeError(
            "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
            f"{list(given)} for divisor)"
        )
    if rounding_mode is not None:
        s = coalesced(input)
        values = values_of(s).div(other, rounding_mode=rounding_mode)
        return fill(values, s._a.pattern, "DivBackward1")
    if category(input._a.dtype) < FLOATING:
        input = cast(input, number_dtype(0.0))
    pair = _common(input, _operand(other, input))
    return apply(named("DivBackward0", RULES[np.divide]), *pair)


# --- copies ---------------------------------------------------------------------------------------


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """The values in new memory."""
    return fill(values_of(input).clone(), input._a.pattern, "Clone")


def converted(input: Any, name: str, args: tuple, kwargs: dict) -> Any:
    """`to`, `double()` and their kin."""
    values = values_of(input)
    made = getattr(values, name)(*args, **kwargs)
    return input if made is values else fill(made, input._a.pattern, "ToCopy")


def empty_like(input: Any, *, dtype: Any = None, **options: Any) -> Any:
    """A sparse tensor of this shape without places."""
    held = input._a
    places = np.zeros((held.pattern.sparse_dim, 0), np.int64)
    kind = held.dtype if dtype is None else dtype.numpy
    values = wrap(np.zeros((0, *held.pattern.dense_shape), kind))
    made = fill(values, Coo(places, held.shape))
    if options.get("requires_grad"):
        made.requires_grad = True
    layout = held.pattern.layout
    return made if layout == "sparse_coo" else getattr(made, f"to_{layout}")()


# --- in place -------------------------------------------------------------------------------------


def _write(s: Any, made: SparseArray, name: str, made_edge: Any = None) -> Any:
    if grad_mode.get() and (s.requires_grad or made_edge):
        raise NotImplementedError(
            f"{name}() of a sparse tensor that requires grad is not supported\nUse the function "
            f"that returns a new tensor, {name[:-1]}()."
        )
    s._a = made
    family_of(s).cell.bump()
    return s


def in_place(f: Callable, name: str) -> Callable:
    """`name_`: what `f` gives, put into the sparse tensor, which gets its places too."""

    def write(input: Any, *args: Any, **kwargs: Any) -> Any:
        if sparse_of(input) is None:  # a dense tensor takes values from a sparse one
            made = f(input.detach(), *args, **kwargs)
            return input.copy_(made)
        made = f(input, *args, **kwargs)
        if made._a.dtype != input._a.dtype:
            made = cast(made, input._a.dtype)
        return _write(input, made._a, name, made._e)

    return write


def zero_(input: Any) -> Any:
    """Take all places away."""
    return _write(input, empty_like(input)._a, "zero_")


def copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
    """Take the places and values of another sparse tensor."""
    if sparse_of(src) is None or sparse_of(self) is None:
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{self.type()} and src type = {src.type()}"
        )
    made = cast(src, self._a.dtype)._a
    return _write(self, made.with_values(made.values.copy()), "copy_")


def resize(self: Any, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """sparse_resize_: another shape, in which all places must be."""
    shape, pattern = tuple(int(n) for n in size), self._a.pattern.coo
    same = (sparse_dim, len(shape)) == (pattern.sparse_dim, sparse_dim + dense_dim)
    inside = (pattern.indices < np.array(shape[:sparse_dim])[:, None]).all() if same else True
    if pattern.nnz and not (same and inside and shape[sparse_dim:] == pattern.dense_shape):
        raise RuntimeError(
            "sparse_resize_: a tensor with values keeps its numbers of sparse and dense "
            f"dimensions, and all its places must be in the new shape {list(shape)}"
        )
    if not pattern.nnz:
        return resize_and_clear(self, size, sparse_dim, dense_dim)
    made = SparseArray(Coo(pattern.indices, shape, pattern.coalesced), self._a.values)
    return _write(self, made, "sparse_resize_")


def resize_and_clear(self: Any, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """sparse_resize_and_clear_: another shape, without places."""
    shape = tuple(int(n) for n in size)
    values = np.zeros((0, *shape[sparse_dim:]), self._a.dtype)
    made = SparseArray(Coo(np.zeros((sparse_dim, 0), np.int64), shape), values)
    return _write(self, made, "sparse_resize_and_clear_")
