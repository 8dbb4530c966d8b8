"""What the masked operations share: masks of the input's shape, and what stands for an element that
a mask leaves out.
"""

import math
from typing import Any

import numpy as np

from ..core.apply import to_dtype
from ..core.dtype import COMPLEX, FLOATING, category, numpy_dtype
from ..core.tensor import Tensor, wrap
from ..functions.arguments import tensor
from ..functions.expansion import broadcast_to
from ..functions.selection import where

BOOL = np.dtype(bool)
DEFAULT = np.dtype("float32")

#: what a number of elements is at its start, where it does not depend on the dtype
STARTS = {"sum": 0, "cumsum": 0, "prod": 1, "cumprod": 1, "norm": 0, "least_norm": math.inf}


def full_mask(input: Tensor, mask: Any) -> Tensor:
    """The mask as booleans in the input's shape; IndexError for one of more dimensions."""
    given = tensor("mask", mask, argument="mask")
    if given._a.shape != input._a.shape:
        if given._a.ndim > input._a.ndim:
            raise IndexError(
                "_input_mask expected broadcastable mask (got mask dimensionality higher than of "
                f"the input)\nThe mask has shape {list(given._a.shape)}, the input "
                f"{list(input._a.shape)}."
            )
        given = broadcast_to(given, input._a.shape)
    return to_dtype(given, BOOL)


def identity(name: str, dtype: np.dtype) -> Any:
    """The value that changes nothing in the operation `name`; NotImplementedError where the dtype
    has none.
    """
    if name in STARTS:
        return STARTS[name]
    kind = category(dtype)
    least = name in ("amax", "argmax", "logaddexp", "logsumexp")
    if kind == FLOATING or (kind == COMPLEX and name == "logsumexp"):
        return -math.inf if least else math.inf
    if dtype.kind in "iu" and (dtype.kind == "i" or dtype.itemsize == 1):
        limits = np.iinfo(dtype)
        return int(limits.min if least else limits.max)
    raise NotImplementedError(f"identity of {name} on torch.{dtype.name} input")


def masked_input(name: str, input: Any, mask: Any) -> Tensor:
    """The input with the identity of the operation `name` where the mask does not hold."""
    x = tensor(name, input)
    if mask is None:
        return x
    return filled(x, mask, identity(name, x._a.dtype))


def filled(x: Tensor, mask: Any, value: Any) -> Tensor:
    """The input with `value` where the mask does not hold."""
    return where(full_mask(x, mask), x, wrap(np.array(value, x._a.dtype)))


def dims_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """The dimensions meant by an int, several, or None and () for all, in order."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    rank = max(ndim, 1)
    found: list[int] = []
    for d in (dim,) if isinstance(dim, int) else dim:
        if d in found:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        if not -rank <= d < rank:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but "
                f"got {d})"
            )
        found.append(d % rank)
    return tuple(sorted(found))


def result_dtype(dtype: Any, x: Tensor) -> np.dtype:
    """NumPy's dtype for `dtype=`; the input's where nothing is given."""
    return x._a.dtype if dtype is None else numpy_dtype(dtype)


def summed_dtype(dtype: Any, x: Tensor) -> np.dtype:
    """As `result_dtype`; int64 for sums and products of smaller integers."""
    if dtype is None and x._a.dtype.kind in "biu" and x._a.dtype.itemsize < 8:
        return np.dtype("int64")
    return result_dtype(dtype, x)
