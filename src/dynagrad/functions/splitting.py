"""Splitting and iteration: several views of one tensor; under PyTorch's names."""

from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import apply
from ..core.complaints import broadcast_error
from ..core.overrides import overridable
from ..core.tensor import Tensor
from ..core.views import views
from ..ops import joining
from .arguments import holds, one_dim, sizes, tensor, whole
from .nodes import node
from .parts import slice_by

__all__ = [
    "chunk",
    "dsplit",
    "hsplit",
    "split",
    "split_with_sizes",
    "tensor_split",
    "unbind",
    "vsplit",
]

Flip = node("FlipBackward0", joining.flip)
Split = node("SplitBackward0", joining.split)
SplitWithSizes = node("SplitWithSizesBackward0", joining.split)
Unbind = node("UnbindBackward0", joining.unbind)


def _parts(cls: type, x: Tensor, **kw: Any) -> tuple[Tensor, ...]:
    rule = cls.rule
    arrays = (rule.kernel if type(x._a) is ndarray else rule.fun)(x._a, **kw)
    return views(cls, x, list(arrays), kw)


def _splittable(name: str, input: Any, dim: int) -> int:
    rank = tensor(name, input)._a.ndim
    if not rank:
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")
    return one_dim(dim, rank, name)


def _even_sizes(n: int, size: int) -> tuple[int, ...]:
    if not n:
        return (0,)
    return tuple([min(size, n - start) for start in range(0, n, size)])


@overridable
def split(
    tensor: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None
) -> tuple[Tensor, ...]:
    """Parts of one size along a dimension (the last may be smaller), or of the sizes listed:
    views.
    """
    if split_size is not None:
        split_size_or_sections = split_size
    if isinstance(split_size_or_sections, list | tuple):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    axis = _splittable("split", tensor, dim)
    size, n = whole("split", split_size_or_sections, "split_size"), tensor._a.shape[axis]
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if not size and n:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
        )
    return _parts(Split, tensor, axis=axis, sizes=_even_sizes(n, size))


@overridable
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of the sizes listed along a dimension: views. The sizes add up to the dimension's."""
    axis = _splittable("split", input, dim)
    parts, n = sizes((split_sizes,), "split_with_sizes", "split_sizes"), input._a.shape[axis]
    if any(size < 0 for size in parts):
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={list(parts)}"
        )
    total = 0
    for size in parts:
        total += size
    if total != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's "
            f"size at dimension {axis}), but got "
            f"split_sizes={list(parts)}"
        )
    return _parts(SplitWithSizes, input, axis=axis, sizes=parts)


@overridable
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` parts of equal size along a dimension, the last perhaps smaller: views."""
    axis = _splittable("chunk", input, dim)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input._a.shape[axis]
    if not n:
        return _parts(SplitWithSizes, input, axis=axis, sizes=(0,) * chunks)
    return _parts(Split, input, axis=axis, sizes=_even_sizes(n, -(-n // chunks)))


@overridable
def tensor_split(
    input: Tensor,
    indices_or_sections: Any = None,
    dim: int = 0,
    *,
    sections: Any = None,
    indices: Any = None,
) -> tuple[Tensor, ...]:
    """Parts along a dimension: a number of nearly equal ones, or those between the indices
    listed. Views.
    """
    rank = tensor("tensor_split", input)._a.ndim
    if indices_or_sections is None:
        indices_or_sections = indices if sections is None else sections
    if not rank:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    axis = one_dim(dim, rank, "tensor_split")
    if isinstance(indices_or_sections, Tensor):
        if indices_or_sections._a.dtype != np.int64 or indices_or_sections._a.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional "
                "or one-dimensional tensor of "
                f"int64, got shape {list(indices_or_sections._a.shape)} and "
                f"{indices_or_sections.dtype!r}"
            )
        indices_or_sections = indices_or_sections._a.tolist()
    n = input._a.shape[axis]
    if isinstance(indices_or_sections, list | tuple):
        ends = [
            min(max(i + n, 0) if i < 0 else i, n)
            for i in sizes((indices_or_sections,), "tensor_split", "indices")
        ]
        starts, stops = [0, *ends], [*ends, n]
    else:
        count = whole("tensor_split", indices_or_sections, "sections")
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        small, more = divmod(n, count)
        stops = [(k + 1) * small + min(k + 1, more) for k in range(count)]
        starts = [0, *stops[:-1]]
    return tuple(
        [slice_by(input, axis, a, max(a, b), 1) for a, b in zip(starts, stops, strict=True)]
    )


def _split_at(
    name: str, least: int, input: Any, indices_or_sections: Any, axis: int
) -> tuple[Tensor, ...]:
    have = tensor(name, input)._a.shape
    if len(have) < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a "
            f"tensor with {len(have)} dimensions!"
        )
    if isinstance(indices_or_sections, int) and (
        indices_or_sections < 1 or have[axis] % indices_or_sections
    ):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {axis}, but the size of the "
            f"dimension {have[axis]} is not "
            f"divisible by the split_size {indices_or_sections}!"
        )
    return tensor_split(input, indices_or_sections, axis)


def hsplit(
    input: Tensor, *indices_or_sections: Any, sections: Any = None, indices: Any = None
) -> tuple[Tensor, ...]:
    """tensor_split along dimension 1 (0 for a vector); a number of parts must divide the size."""
    axis = 0 if isinstance(input, Tensor) and input._a.ndim == 1 else 1
    return _split_at("hsplit", 1, input, _one_or_all(indices_or_sections, sections, indices), axis)


def vsplit(
    input: Tensor, *indices_or_sections: Any, sections: Any = None, indices: Any = None
) -> tuple[Tensor, ...]:
    """tensor_split along dimension 0; a number of parts must divide the size."""
    return _split_at("vsplit", 2, input, _one_or_all(indices_or_sections, sections, indices), 0)


@overridable
def dsplit(
    input: Tensor, *indices_or_sections: Any, sections: Any = None, indices: Any = None
) -> tuple[Tensor, ...]:
    """tensor_split along dimension 2; a number of parts must divide the size."""
    return _split_at("dsplit", 3, input, _one_or_all(indices_or_sections, sections, indices), 2)


def _one_or_all(given: tuple, sections: Any, indices: Any) -> Any:
    if not given:
        return indices if sections is None else sections
    return given[0] if len(given) == 1 else given


@overridable
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All slices along a dimension, without it: views."""
    rank = tensor("unbind", input)._a.ndim
    if not rank:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return _parts(Unbind, input, axis=one_dim(dim, rank, "unbind"))


def iterate(self: Tensor):
    """`for row in tensor`: the slices along dimension 0."""
    if not self._a.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(unbind(self, 0))


def length(self: Tensor) -> int:
    """`len(tensor)`: the size of dimension 0."""
    if not self._a.ndim:
        raise TypeError("len() of a 0-d tensor")
    return self._a.shape[0]


def contains(self: Tensor, element: Any) -> bool:
    """`element in tensor`: whether some element equals it (after broadcasting)."""
    if not isinstance(element, Tensor | bool | int | float | complex):
        raise RuntimeError(
            "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(element)}."
        )
    other: Any = element._a if isinstance(element, Tensor) else element
    if isinstance(element, Tensor):
        error = broadcast_error("__contains__", [self._a.shape, other.shape])
        if error is not None:
            raise error
    return holds(np.equal(self._a, other), False)


def backwards(self: Tensor) -> Tensor:
    """`reversed(tensor)`: all dimensions in reverse order; a copy."""
    return apply(Flip, self, axes=tuple(range(self._a.ndim))) if self._a.ndim else self
