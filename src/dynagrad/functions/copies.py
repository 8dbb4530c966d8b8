"""Views as copies: what each view function shows, in new memory; and parts that no longer know that
they share memory.
"""

from functools import cache
from typing import Any

from numpy import ndarray

from ..core.dtype import COMPLEX, category
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tape import Meta, Node, Output, node_class
from ..core.tensor import Tensor, edge_of, record, wrap
from ..ops.shape import contiguous
from . import complex as complex_views
from . import expansion, parts, shape, splitting
from .arguments import tensor, whole, write_same
from .tensor_methods import detach

__all__ = [
    "alias_copy",
    "as_strided_copy",
    "detach_copy",
    "diagonal_copy",
    "expand_copy",
    "narrow_copy",
    "permute_copy",
    "select_copy",
    "slice_copy",
    "split_copy",
    "split_with_sizes_copy",
    "squeeze_copy",
    "t_copy",
    "transpose_copy",
    "unbind_copy",
    "unfold_copy",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unsqueeze_copy",
    "view_as_complex_copy",
    "view_as_real_copy",
    "view_copy",
]

new = object.__new__


@cache
def _class_of_copy(cls: type[Node], name: str) -> type[Node]:
    """The node of a copy: it differentiates as the view's does."""
    return node_class(name or f"{cls.torch_name}_copy", cls.rule)


def _node(made_by: Node, name: str) -> Node:
    node = new(_class_of_copy(type(made_by), name))
    record(node, made_by.edges, made_by.saved or (), kw=made_by.kw)
    return node


def _copy(name: str, viewed: Tensor, out: Tensor | None, node_name: str = "") -> Tensor:
    """The elements of a view that has just been made, in new row-major memory."""
    copied = wrap(contiguous(viewed._a))
    edge = edge_of(viewed)
    if isinstance(edge, Node):
        copied._e = _node(edge, node_name)
    return copied if out is None else write_same(name, out, copied)


def _taken_apart(viewed: tuple[Tensor, ...], arrays: list, name: str = "") -> tuple[Tensor, ...]:
    """Results of one node, with these arrays, in the place of views that have just been made."""
    made = tuple([wrap(a) for a in arrays])
    edge = edge_of(viewed[0]) if viewed else None
    if type(edge) is Output:
        node = _node(edge.node, name)
        node.results = len(made)
        node.metas = tuple([Meta(a) for a in arrays])
        for number, t in enumerate(made):
            t._e = Output(node, number)
    return made


def _copies(name: str, viewed: tuple[Tensor, ...], out: Any, write: Any = write_same) -> Any:
    """The parts in new memory; with out= they are written there and None is returned."""
    copied = _taken_apart(viewed, [contiguous(v._a) for v in viewed])
    if out is None:
        return copied
    if len(out) != len(copied):
        raise RuntimeError(
            f"{name}_out() expected an out= argument of size {len(copied)}, got size {len(out)}"
        )
    for target, part in zip(out, copied, strict=True):
        write(name, target, part)
    return None


# --- one view each ----------------------------------------------------------------------------


@overridable
def alias_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The tensor in new memory."""
    x = tensor("alias_copy", input)
    return _copy("alias_copy", shape.view_by(shape.Alias, x, shape=x._a.shape), out)


@overridable
def as_strided_copy(
    input: Tensor,
    size: Any,
    stride: Any,
    storage_offset: int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`as_strided` in new memory."""
    return _copy("as_strided_copy", parts.as_strided(input, size, stride, storage_offset), out)


@overridable
def detach_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`detach` in new memory."""
    return _copy("detach_copy", detach(tensor("detach_copy", input)), out)


@overridable
def diagonal_copy(
    input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1, *, out: Tensor | None = None
) -> Tensor:
    """`diagonal` in new memory."""
    return _copy("diagonal_copy", parts.diagonal(input, offset, dim1, dim2), out)


@overridable
def expand_copy(
    input: Tensor, size: Any, *, implicit: bool = False, out: Tensor | None = None
) -> Tensor:
    """`expand` in new memory."""
    return _copy("expand_copy", expansion.expand(tensor("expand_copy", input), size), out)


@overridable
def narrow_copy(
    input: Tensor, dim: int, start: int, length: int, *, out: Tensor | None = None
) -> Tensor:
    """`narrow` in new memory."""
    rank = tensor("narrow_copy", input)._a.ndim
    start = whole("narrow_copy", start, "start")
    if dim >= rank > 0:
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.\n"
            f"narrow_copy was given dim {dim} for a tensor of {rank} dimensions."
        )
    if length < 0 < rank:
        n = input._a.shape[dim]
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    viewed = parts.narrow(input, dim, start, length)
    return _copy("narrow_copy", viewed, out, "NarrowCopyBackward0")


@overridable
def permute_copy(input: Tensor, dims: Any, *, out: Tensor | None = None) -> Tensor:
    """`permute` in new memory."""
    return _copy("permute_copy", shape.permute(input, dims), out)


@overridable
def select_copy(input: Tensor, dim: int, index: int, *, out: Tensor | None = None) -> Tensor:
    """`select` in new memory."""
    return _copy("select_copy", parts.select(input, dim, index), out)


@overridable
def slice_copy(
    input: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The slice start:end:step along a dimension, in new memory."""
    return _copy("slice_copy", parts.sliced("slice_copy", input, dim, start, end, step), out)


@overridable
def squeeze_copy(input: Tensor, dim: Any = None, *, out: Tensor | None = None) -> Tensor:
    """`squeeze` in new memory."""
    return _copy("squeeze_copy", shape.squeeze(input, dim), out)


@overridable
def t_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`t` in new memory."""
    return _copy("t_copy", shape.t(input), out)


@overridable
def transpose_copy(input: Tensor, dim0: int, dim1: int, *, out: Tensor | None = None) -> Tensor:
    """`transpose` in new memory."""
    return _copy("transpose_copy", shape.transpose(input, dim0, dim1), out)


@overridable
def unfold_copy(
    input: Tensor, dimension: int, size: int, step: int, *, out: Tensor | None = None
) -> Tensor:
    """`unfold` in new memory."""
    return _copy("unfold_copy", parts.unfold(input, dimension, size, step), out)


@overridable
def unsqueeze_copy(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """`unsqueeze` in new memory."""
    return _copy("unsqueeze_copy", shape.unsqueeze(input, dim), out)


@overridable
def view_as_complex_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`view_as_complex` in new memory; without derivative, as in PyTorch."""
    viewed = complex_views.view_as_complex(input)
    if edge_of(viewed) is not None and category(viewed._a.dtype) == COMPLEX:
        raise RuntimeError(
            "view_as_complex_copy does not support automatic differentiation for outputs with "
            "complex dtype.\nUse view_as_complex(x).clone()."
        )
    return _copy("view_as_complex_copy", viewed, out)


@overridable
def view_as_real_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`view_as_real` in new memory."""
    return _copy("view_as_real_copy", complex_views.view_as_real(input), out)


@overridable
def view_copy(
    input: Tensor, size: Any = None, *, dtype: Any = None, out: Tensor | None = None
) -> Tensor:
    """`view` in new memory: under another shape, or its bytes as another type."""
    x = tensor("view_copy", input)
    viewed = shape.view(x, size) if dtype is None else shape.view(x, dtype=dtype)
    return _copy("view_copy", viewed, out)


# --- several ----------------------------------------------------------------------------------


@overridable
def split_copy(input: Tensor, split_size: int, dim: int = 0, *, out: Any = None) -> Any:
    """`split` in new memory; with out= a list of as many tensors."""
    return _copies("split_copy", splitting.split(input, split_size, dim), out, write_out)


@overridable
def split_with_sizes_copy(input: Tensor, split_sizes: Any, dim: int = 0, *, out: Any = None) -> Any:
    """`split_with_sizes` in new memory; with out= a list of as many tensors."""
    viewed = splitting.split_with_sizes(input, split_sizes, dim)
    return _copies("split_with_sizes_copy", viewed, out)


@overridable
def unbind_copy(input: Tensor, dim: int = 0, *, out: Any = None) -> Any:
    """`unbind` in new memory; with out= a list of as many tensors."""
    return _copies("unbind_copy", splitting.unbind(input, dim), out)


# --- parts that may be written in place -------------------------------------------------------


def _unsafe(viewed: tuple[Tensor, ...], name: str) -> tuple[Tensor, ...]:
    """The parts on the same memory, each with a version of its own: autograd takes them for
    results, not for views.
    """
    arrays = [v._a if type(v._a) is ndarray else contiguous(v._a) for v in viewed]
    return _taken_apart(viewed, arrays, name)


@overridable
def unsafe_split(tensor: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` into parts that autograd takes for separate tensors: only one of a part and the
    tensor may be written in place.
    """
    return _unsafe(splitting.split(tensor, split_size, dim), "UnsafeSplitBackward0")


@overridable
def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split_with_sizes` into parts that autograd takes for separate tensors."""
    viewed = splitting.split_with_sizes(input, split_sizes, dim)
    return _unsafe(viewed, "UnsafeSplitWithSizesBackward0")


@overridable
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk` into parts that autograd takes for separate tensors."""
    return _unsafe(splitting.chunk(input, chunks, dim), "UnsafeSplitBackward0")
