"""Expansion: dimensions repeated without copying; under PyTorch's names."""

from typing import Any

import numpy as np

from ..core.complaints import broadcast_error, legacy_name
from ..core.dtype import Size
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..ops import shape as ops
from .arguments import check_expands, sizes, tensor
from .nodes import node
from .reduction import sum as total
from .shape import plain_sizes, view, view_by

__all__ = [
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
]

Expand = node("ExpandBackward0", ops.broadcast_to)


@overridable
def expand(input: Tensor, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """Dimensions of size 1, and new leading ones, repeated without copying; -1 keeps a size.

    A view.
    """
    return _expand(input, plain_sizes(sizes if size is None else (size,), "expand"))


def _expand(input: Tensor, size: tuple[int, ...]) -> Tensor:
    have = input._a.shape
    lead = len(size) - len(have)
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.{legacy_name(input._a.dtype)}Tensor{{{list(have)}}}, "
            f"size={list(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the "
            f"tensor ({len(have)})"
        )
    if -1 in size:
        if -1 in size[:lead]:
            raise RuntimeError(
                "The expanded size of the tensor (-1) isn't allowed in a leading, "
                f"non-existing dimension {size.index(-1)}"
            )
        size = size[:lead] + tuple(
            [m if n == -1 else n for n, m in zip(size[lead:], have, strict=True)]
        )
    check_expands(have, size)
    return view_by(Expand, input, shape=size)


@overridable
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.expand(other.size())`."""
    return _expand(input, tensor("expand_as", other, 1, "other")._a.shape)


@overridable
def broadcast_to(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """`input.expand(size)`: a view."""
    given = plain_sizes(sizes if size is None else (size,), "broadcast_to")
    return _expand(tensor("broadcast_to", input), given)


def fitted(name: str, t: Tensor, shape: tuple[int, ...], hint: str) -> Tensor:
    """t expanded to the shape of what it is written into; RuntimeError, as copy_ has it, where that
    is not what both broadcast to.
    """
    if t._a.shape == shape:
        return t
    error = broadcast_error(name, [shape, t._a.shape])
    if error is not None:
        raise error
    both = np.broadcast_shapes(shape, t._a.shape)
    if both != shape:
        raise RuntimeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape {list(both)}\n"
            f"{hint}"
        )
    return _expand(t, shape)


@overridable
def sum_to_size(self: Tensor, *shape: Any, size: Any = None) -> Tensor:
    """The sum down to a shape that could be expanded to the tensor's; itself if it has it."""
    target = sizes(shape if size is None else (size,), "sum_to_size")
    have = self._a.shape
    lead = len(have) - len(target)
    fitting = zip(have[max(lead, 0) :], target, strict=False)
    if lead < 0 or any(n not in (1, m) for m, n in fitting):
        raise RuntimeError(f"size {{{list(target)}}} is not expandable to size {{{list(have)}}}.")
    if not target:
        return total(self)
    summed = [*range(lead), *(d + lead for d, n in enumerate(target) if n != have[d + lead])]
    result = total(self, summed, keepdim=True) if summed else self
    return view(result, target) if lead else result


@overridable
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to their common shape: views, but for those that have it already."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    shapes = [
        tensor("broadcast_tensors", x, i + 1, "tensors")._a.shape for i, x in enumerate(tensors)
    ]
    error = broadcast_error("broadcast_tensors", shapes) if shapes else None
    if error is not None:
        raise error
    shape = np.broadcast_shapes(*shapes)
    return tuple([x if x._a.shape == shape else _expand(x, shape) for x in tensors])


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape to which tensors of these shapes broadcast; RuntimeError if they do not."""
    result: list[int] = []
    for number, shape in enumerate(shapes):
        given = (shape,) if isinstance(shape, int) else tuple(shape)
        result = [1] * (len(given) - len(result)) + result
        for k in range(1, len(given) + 1):
            if given[-k] < 0:
                raise RuntimeError(
                    f"Trying to create tensor with negative dimension ({given[-k]}): ({given[-k]})"
                )
            if given[-k] != 1 and result[-k] not in (1, given[-k]):
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {given[-k]} at {-k}! "
                    "Mismatching argument at index "
                    f"{number} had {given}; but expected shape should be broadcastable to {result}"
                )
            if given[-k] != 1:
                result[-k] = given[-k]
    return Size(result)
