"""What the functions of linear algebra share: checks of matrices, errors of factorizations, and
`out=`.
"""

from typing import Any

import numpy as np

from .. import errors
from ..core.apply import apply
from ..core.carriers.batched import Batched
from ..core.carriers.carrier import Carrier
from ..core.complaints import legacy_name, refuse_out
from ..core.dtype import FLOATING, category
from ..core.out import resize_out, write_out
from ..core.tensor import Tensor, edge_of, wrap
from ..ops import lu as ops
from ..ops.triangular import columns, lies_by_columns
from .arguments import bounds, innermost, no_kernel, tensor
from .nodes import node

ZeroPivot = node("ZeroPivot", ops.zero_pivot)


class LinAlgError(RuntimeError):
    """A matrix has no inverse or no factorization of the kind asked for."""


def matrices(
    name: str,
    x: Any,
    *,
    square: bool = False,
    kernel: str = "",
    integers: bool = False,
    argument: str = "A",
) -> Tensor:
    """`x`, which must hold floating or complex matrices of at least single precision.

    `kernel`: what PyTorch's NotImplementedError calls the routine that lacks a dtype; `integers`:
    it lacks integers too (otherwise they are refused as such).
    """
    x = two_dims(name, tensor(name, x, argument=argument), argument)
    a = x._a
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {a.shape[-2]} by "
            f"{a.shape[-1]} matrices"
        )
    return computed(name, x, kernel, integers)


def two_dims(name: str, x: Tensor, argument: str = "A") -> Tensor:
    """`x`, which must have two dimensions or more."""
    if x._a.ndim < 2:
        shown = f" {argument}" if argument else ""
        raise RuntimeError(
            f"{name}: The input tensor{shown} must have at least 2 dimensions.\n"
            f"Its shape is {list(x._a.shape)}."
        )
    return x


def computed(name: str, x: Tensor, kernel: str = "", integers: bool = False) -> Tensor:
    """`x`, which must have a dtype that LAPACK computes in."""
    dtype = x._a.dtype
    number = category(dtype) >= FLOATING
    if not number and not integers:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got "
            f"{legacy_name(dtype)}\nConvert it first, as in x.float()."
        )
    if not number or dtype.itemsize == 2:
        if kernel:
            raise no_kernel(kernel, dtype)
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {legacy_name(dtype)}")
    return x


def same_dtype(name: str, first: str, x: Tensor, second: str, y: Tensor) -> None:
    """Raise unless two operands, which PyTorch calls `first` and `second`, have the same dtype."""
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(
            f"{name}: Expected {first} and {second} to have the same dtype, but found {first} of "
            f"type {legacy_name(x._a.dtype)} and {second} of type {legacy_name(y._a.dtype)} instead"
        )


def check_equation(name: str, x: Tensor, y: Any, left: bool, vector: bool = False) -> None:
    """Raise unless the square matrices x and the right sides y (an array) fit each other."""
    n = x._a.shape[-1]
    rows, columns = (y.shape[-1], 1) if vector else y.shape[-2:]
    if (rows if left else columns) != n:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({n}x{n} and {rows}x{columns})"
        )


# --- failures -------------------------------------------------------------------------------------


def is_finite(x: Tensor) -> bool:
    """Whether all elements are finite numbers (and there is one)."""
    return bool(bounds(np.isfinite(x._a), True)[0])


def no_failures(x: Tensor) -> Tensor:
    """A zero for each matrix: LAPACK's word for success."""
    return wrap(np.zeros(x._a.shape[:-2], np.int32))


def pivots_of(x: Tensor, result: Tensor) -> Tensor:
    """For each matrix the number of its first zero pivot, which leaves its mark in `result`; 0 if
    there is none.
    """
    return no_failures(x) if is_finite(result) else apply(ZeroPivot, x)


def check_info(name: str, info: Tensor, reason: str, error: type = LinAlgError) -> None:
    """Raise `reason`, in which {} is LAPACK's word, for the first matrix that failed."""
    low, high = bounds(info._a, 0, 0)
    if not low and high <= 0:
        return
    held = innermost(info._a)
    found = np.flatnonzero(held)
    if not len(found):
        return
    place = f"(Batch element {found[0]}): " if held.ndim else ""
    raise error(f"{name}: {place}{reason.format(int(held.ravel()[found[0]]))}")


def is_differentiated(x: Tensor) -> bool:
    """Whether x has a history or a tangent, at any level of the transforms it is inside of."""
    held: Any = x
    while True:
        if isinstance(held, Tensor):
            if edge_of(held) is not None:
                return True
            held = held._a
        if isinstance(held, Batched):
            held = held.value
        else:
            return isinstance(held, Carrier)  # a dual number


# --- out= -----------------------------------------------------------------------------------------


def put(name: str, out: Any, result: Tensor, *, exact: bool | str = True) -> Tensor:
    """The result, or `out` after it was written there; `exact`: which must have its dtype (or
    this is said), and lies in memory as the result does where its size is mended.
    """
    if out is None:
        return result
    if isinstance(out, Tensor):
        a = result._a
        if exact:
            refuse_out(name, a.dtype, out._a.dtype, errors.OUT_EXACT if exact is True else exact)
        if out._a.shape != a.shape:
            resize_out(out, a)
            by_columns = exact is True and a.ndim > 1 and lies_by_columns(a)
            out._a = np.empty(a.shape, out._a.dtype)
            out._a = columns(out._a) if by_columns else out._a
    return write_out(name, out, result)


def put_all(name: str, kind: Any, out: Any, results: tuple, *, exact: bool = True) -> Any:
    """The results as a structure `kind`, or the tensors of `out` after they were written there."""
    if out is None:
        return kind(*results)
    if not isinstance(out, tuple | list):
        raise TypeError(
            f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}"
        )
    if len(out) != len(results):
        raise TypeError(f"expected tuple of {len(results)} elements but got {len(out)}")
    pairs = zip(out, results, strict=True)
    return kind(*[put(name, o, r, exact=exact) for o, r in pairs])
