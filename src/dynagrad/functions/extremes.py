"""Greatest and least elements, and where they stand, under PyTorch's names."""

from collections.abc import Callable
from typing import Any

from numpy import ndarray

from ..core.apply import apply
from ..core.complaints import type_name
from ..core.dtype import BOOL, COMPLEX, category
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..core.watch import PLAIN
from ..ops import extremes as ops
from ..ops.rule import RULES
from .arguments import many_dims, no_kernel, numpy_names, one_dim, tensor, truth
from .nodes import node
from .reduction import constant_of
from .return_types import return_type
from .selection import maximum, minimum
from .shortcut import direct, made, made_pair, shortcut, untracked

__all__ = [
    "amax",
    "amin",
    "aminmax",
    "argmax",
    "argmin",
    "max",
    "min",
]

MaxAll = node("MaxBackward1", ops.maximum_of)
MinAll = node("MinBackward1", ops.minimum_of)
MaxAlong = node("MaxBackward0", ops.max_along)
MinAlong = node("MinBackward0", ops.min_along)
Amax = node("AmaxBackward0", ops.amax_over)
Amin = node("AminBackward0", ops.amin_over)
Aminmax = node("AminmaxBackward0", ops.aminmax_over)

MaxResult = return_type("max", "values", "indices")
MinResult = return_type("min", "values", "indices")
AminmaxResult = return_type("aminmax", "min", "max")


# --- checks and results that selections share -----------------------------------------------------


def check_some(name: str, x: Tensor, axis: int) -> None:
    """IndexError unless the dimension has elements."""
    if x._a.ndim and x._a.shape[axis] == 0:
        raise IndexError(
            f"{name}(): Expected reduction dim {axis} to have non-zero size.\n{name} chooses an "
            f"element, and the shape {list(x._a.shape)} has none along that dimension"
        )


def check_any(name: str, x: Tensor, error: type[Exception] = RuntimeError) -> None:
    """An error unless the tensor has elements."""
    if x._a.size == 0:
        raise error(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            f"reduction dim with the 'dim' argument.\n{name} of the shape {list(x._a.shape)} has "
            "no element to choose"
        )


def check_ordered(name: str, x: Tensor, *, refuse_bool: bool = False) -> None:
    """NotImplementedError for complex elements, which have no order, and for bools on request."""
    kind = category(x._a.dtype)
    if kind == COMPLEX or (refuse_bool and kind == BOOL):
        advice = "It needs elements with an order; convert first, as in x.abs() or x.int()"
        raise no_kernel(name, x._a.dtype, advice)


def put_pair(name: str, kind: Any, pair: tuple, out: Any) -> Any:
    """(values, indices) as a named tuple, written into the pair of tensors `out` if given."""
    if out is None:
        return kind(*pair)
    if not isinstance(out, tuple | list):
        raise TypeError(
            f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}"
        )
    if len(out) != 2:
        raise TypeError(
            f"expected tuple of 2 elements but got {len(out)}\n{name} writes values and indices: "
            "out=(values, indices)"
        )
    write_out(f"{name}.values", out[0], pair[0])
    write_out(f"{name}.indices", out[1], pair[1])
    return kind(*out)


# --- max and min ----------------------------------------------------------------------------------


def _short_extreme(all_node: Any, along_node: Any, kind: Any) -> Callable[..., Any]:
    along = along_node.rule.kernel

    def short(input, dim=None, keepdim=False):
        a = input._a
        if a.dtype.kind not in "fiu" or not a.size or type(keepdim) is not bool:
            return None
        if dim is None:
            return direct(all_node, input)
        n = a.ndim
        if type(dim) is not int or not -n <= dim < n or type(input) not in PLAIN:
            return None
        axis = dim % n
        if untracked(input):
            return made_pair(kind, along(a, axis=axis, keepdims=keepdim))
        return kind(*apply(along_node, input, axis=axis, keepdims=keepdim))

    return short


def _extreme(name: str, all_node, along_node, binary, kind, args: tuple) -> Any:
    input, dim, keepdim, out, other = args
    x = tensor(name, input)
    if isinstance(dim, Tensor):
        if keepdim is not False:
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got (Tensor, Tensor, "
                f"{type_name(keepdim)})\nOf two tensors it takes the elements of either: "
                f"torch.{name}(x, y); along a dimension it takes one tensor: torch.{name}(x, dim)."
            )
        dim, other = None, dim
    if other is not None:
        return binary(x, tensor(name, other, 2, "other"), out=out)
    if dim is None:
        check_any(name, x)
        check_ordered(f"{name}_all", x)
        result = apply(all_node, x)
        return result if out is None else write_out(name, out, result)
    axis = one_dim(dim, x._a.ndim, name)
    check_some(name, x, axis)
    if category(x._a.dtype) == COMPLEX:
        raise RuntimeError(f"{name}(): does not support complex input\nUse x.abs() or x.real")
    pair = apply(along_node, x, axis=axis, keepdims=truth(name, keepdim, "keepdim", 2))
    return put_pair(name, kind, pair, out)


@shortcut(_short_extreme(MaxAll, MaxAlong, MaxResult))
@overridable
@numpy_names
def max(input, dim=None, keepdim=False, *, out=None, other=None):
    """The greatest element; max(x, dim): (values, indices) along it; max(x, y): elementwise.

    nan counts as greatest. The derivative of equal elements is shared evenly, or with `dim` goes
    to the first.
    """
    nodes = (MaxAll, MaxAlong, maximum)
    return _extreme("max", *nodes, MaxResult, (input, dim, keepdim, out, other))


@shortcut(_short_extreme(MinAll, MinAlong, MinResult))
@overridable
@numpy_names
def min(input, dim=None, keepdim=False, *, out=None, other=None):
    """The least element; min(x, dim): (values, indices) along it; min(x, y): elementwise.

    nan counts as least. The derivative of equal elements is shared evenly, or with `dim` goes to
    the first.
    """
    nodes = (MinAll, MinAlong, minimum)
    return _extreme("min", *nodes, MinResult, (input, dim, keepdim, out, other))


def _axes(name: str, x: Tensor, dim: Any) -> tuple[int, ...]:
    """The dimensions of amax and amin, none of them empty."""
    axes = many_dims(dim, x._a.ndim, name)
    if dim is None or dim == ():
        check_any(name, x)
    for axis in axes:
        check_some(name, x, axis)
    return axes


def _short_amost(cls: Any) -> Callable[..., Any]:
    def short(input, dim=(), keepdim=False):
        a = input._a
        n = a.ndim
        if type(dim) is not int or not -n <= dim < n or not a.size or type(keepdim) is not bool:
            return None
        if a.dtype.kind not in "fiu":
            return None
        return direct(cls, input, {"axes": (dim % n,), "keepdims": keepdim})

    return short


def _amost(name: str, cls: Any, input, dim, keepdim, out) -> Tensor:
    x = tensor(name, input)
    axes = _axes(name, x, dim)
    check_ordered({"amax": "max_values_cpu", "amin": "min_values_cpu"}[name], x)
    result = apply(cls, x, axes=axes, keepdims=truth(name, keepdim, "keepdim", 3))
    return result if out is None else write_out(name, out, result)


@shortcut(_short_amost(Amax))
@overridable
@numpy_names
def amax(input, dim=(), keepdim=False, *, out=None):
    """The greatest elements over `dim`; the derivative of equal ones is shared evenly."""
    return _amost("amax", Amax, input, dim, keepdim, out)


@shortcut(_short_amost(Amin))
@overridable
@numpy_names
def amin(input, dim=(), keepdim=False, *, out=None):
    """The least elements over `dim`; the derivative of equal ones is shared evenly."""
    return _amost("amin", Amin, input, dim, keepdim, out)


@overridable
@numpy_names
def aminmax(input, *, dim=None, keepdim=False, out=None):
    """The least and the greatest elements along `dim`, as (min, max)."""
    x = tensor("aminmax", input)
    check_ordered("aminmax_cpu", x)
    if dim is None:
        if x._a.size == 0:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
                f"identity: the shape is {list(x._a.shape)}"
            )
        axes = None
    else:
        axes = (one_dim(dim, x._a.ndim, "aminmax"),)
        check_some("aminmax", x, axes[0])
        axes = axes if x._a.ndim else None
    pair = apply(Aminmax, x, axes=axes, keepdims=truth("aminmax", keepdim, "keepdim", 2))
    if out is None:
        return AminmaxResult(*pair)
    return AminmaxResult(*(write_out("aminmax", o, r) for o, r in zip(out, pair, strict=True)))


def _short_place(fun: Callable) -> Callable[..., Any]:
    kernel = RULES[fun].kernel

    def short(input, dim=None, keepdim=False):
        a = input._a
        if type(input) not in PLAIN or type(a) is not ndarray or a.dtype.kind not in "fiu":
            return None
        if dim is not None:
            if type(dim) is not int or not -a.ndim <= dim < a.ndim:
                return None
            dim %= a.ndim
        if not a.size or type(keepdim) is not bool:
            return None
        return made(kernel(a, axis=dim, keepdims=keepdim))

    return short


def _place(name: str, fun: Callable, input, dim, keepdim, out) -> Tensor:
    x = tensor(name, input)
    kind = category(x._a.dtype)
    if kind in (BOOL, COMPLEX):
        raise RuntimeError(
            f"{name}(): does not support {'bool' if kind == BOOL else 'complex'} input\n"
            "Convert it first, as in x.int() or x.abs()"
        )
    if dim is None:
        check_any(name, x, IndexError)
        axis = None
    else:
        axis = one_dim(dim, x._a.ndim, name)
        check_some(name, x, axis)
    result = constant_of(fun, x._a, axis=axis, keepdims=truth(name, keepdim, "keepdim", 3))
    return result if out is None else write_out(name, out, result)


@shortcut(_short_place(ops.argmax))
@overridable
@numpy_names
def argmax(input, dim=None, keepdim=False, *, out=None):
    """The place of the first greatest element along `dim`, or in row-major order."""
    return _place("argmax", ops.argmax, input, dim, keepdim, out)


@shortcut(_short_place(ops.argmin))
@overridable
@numpy_names
def argmin(input, dim=None, keepdim=False, *, out=None):
    """The place of the first least element along `dim`, or in row-major order."""
    return _place("argmin", ops.argmin, input, dim, keepdim, out)
