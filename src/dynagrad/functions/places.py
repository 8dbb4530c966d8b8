"""Places of elements: flat numbers as coordinates, places that are not zero."""

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.complaints import legacy_name
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from ..ops import places as ops
from .arguments import tensor
from .nodes import node
from .splitting import unbind

__all__ = ["argwhere", "nonzero_static", "unravel_index"]

FirstPlaces = node("NonzeroStatic", ops.first_places)
Places = node("Argwhere", ops.nonzero_places)


def _ints(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, int | list | tuple | str):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    found: list[int] = []
    for n in (shape,) if isinstance(shape, int) else shape:
        if not isinstance(n, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n)}")
        found.append(n)
    if any(n < 0 for n in found):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(found)}")
    return tuple(found)


@overridable
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, one tensor a dimension, of elements of a tensor of this shape given by their
    numbers in row-major order.
    """
    a = tensor("unravel_index", indices, argument="indices")._a
    if a.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = _ints(shape)
    if 0 in sizes and a.size:
        raise RuntimeError(f"ZeroDivisionError\nA tensor of shape {list(sizes)} has no elements.")
    steps = np.cumprod([1, *[max(n, 1) for n in sizes[:0:-1]]], dtype=np.int64)[::-1]
    bounds = np.array([max(n, 1) for n in sizes], np.int64)
    places = np.floor_divide(a[..., None], steps[: len(sizes)]) % bounds
    return unbind(wrap(places), -1)


@overridable
def argwhere(input: Tensor) -> Tensor:
    """The indices of elements that are not zero, as the rows of a matrix.

    In a batch of `vmap` the examples must have equally many.
    """
    return apply(Places, tensor("argwhere", input))


@overridable
def nonzero_static(
    input: Tensor, *, size: int, fill_value: int = -1, out: Tensor | None = None
) -> Tensor:
    """The first `size` rows of `nonzero`; rows of `fill_value` where there are fewer."""
    x = tensor("nonzero_static", input)
    if size < 0:
        raise RuntimeError(
            f"nonzero_static: 'size' must be an non-negative integer\nIt was {size}."
        )
    if out is not None and out._a.dtype != np.int64:
        raise RuntimeError(
            "nonzero_static: Expected out tensor to have scalar type Long but got scalar type"
            f"{legacy_name(out._a.dtype)}"
        )
    rows = apply(FirstPlaces, x, size=size, fill=fill_value)
    return rows if out is None else write_out("nonzero_static", out, rows)
