"""Joining, always into new memory, and grids; under PyTorch's names."""

from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import apply, promoted, recording
from ..core.complaints import type_name
from ..core.out import write_out
from ..core.overrides import overridable
from ..core.tape import Meta
from ..core.tensor import Tensor, edge_of, record, wrap
from ..core.watch import PLAIN
from ..ops import indexing
from ..ops import joining as ops
from . import shape
from .arguments import apart, one_dim, tensor
from .expansion import expand
from .factory import warn_once
from .nodes import node
from .shortcut import made, shortcut

__all__ = [
    "block_diag",
    "cartesian_prod",
    "cat",
    "column_stack",
    "combinations",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "meshgrid",
    "row_stack",
    "stack",
    "vstack",
]

Cat = node("CatBackward0", ops.cat)
Stack = node("StackBackward0", ops.stack)
BlockDiag = node("BlockDiagBackward0", ops.block_diag)
Chosen = node("MaskedSelectBackward0", indexing.index)

new = object.__new__


# --- joining ----------------------------------------------------------------------------------


def _tensors(name: str, given: Any) -> tuple[Tensor, ...]:
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(given).__name__}"
        )
    for number, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {number} in argument 0, but got {type_name(x)}"
            )
    return tuple(given)


def _same_dtype(tensors: tuple[Tensor, ...]) -> Any:
    first = tensors[0]._a.dtype
    for x in tensors:
        if x._a.dtype is not first:
            return promoted(tensors)
    return tensors


def _join(cls: type, tensors: Any, axis: int) -> Tensor:
    """`apply` for the primitives of any number of tensors, without its generality."""
    arrays = [x._a for x in tensors]
    for a in arrays:
        if type(a) is not ndarray:
            return apply(cls, *tensors, axis=axis)
    r = wrap(cls.rule.kernel(*arrays, axis=axis))
    if recording():
        edges = tuple([edge_of(x) for x in tensors])
        for edge in edges:
            if edge is not None:
                r._e = node = new(cls)
                record(node, edges, (tuple([Meta(a) for a in arrays]),), kw={"axis": axis})
                break
    return r


def _short_join(cls: Any, extra: int) -> Any:
    kernel = cls.rule.kernel

    def short(tensors, dim=0):
        kind = type(tensors)
        if (kind is not list and kind is not tuple) or type(dim) is not int:
            return None
        first = tensors[0]._a
        dtype, rank = first.dtype, first.ndim + extra
        if not -rank <= dim < rank or not first.ndim:
            return None
        arrays, is_free = [], True
        for x in tensors:
            if type(x) not in PLAIN:
                return None
            a, v = x._a, x._v
            if type(a) is not ndarray or a.dtype is not dtype or (v is not None and v.rebased):
                return None
            if a.ndim != first.ndim or not a.flags.c_contiguous:
                return None
            if x._e is not None:
                is_free = False
            arrays.append(a)
        if is_free:
            return made(kernel(*arrays, axis=dim % rank))
        return _join(cls, tensors, dim % rank)

    return short


@shortcut(_short_join(Cat, 0))
@overridable
def cat(tensors: Any, dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along an existing dimension; dtypes promote.

    Shapes agree in all other dimensions; a vector of size 0 fits anywhere. Source: torch.cat.
    """
    tensors = _tensors("cat", tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    shapes = [x._a.shape for x in tensors]
    rank = 0
    for number, s in enumerate(shapes):
        if not s:
            raise RuntimeError(
                f"zero-dimensional tensor (at position {number}) cannot be concatenated. "
                "Use stack, or x[None]."
            )
        if rank == 0 or (rank == 1 and len(s) > 1 and shapes[number - 1] == (0,)):
            rank = len(s)
    axis = one_dim(dim, rank, "cat")
    try:
        r = _join(Cat, _same_dtype(tensors), axis)
    except ValueError:
        raise _cat_error(shapes, axis) from None
    if rank in CHANNELS and not tensors[0]._a.flags.c_contiguous:
        _keep_channels_last(r, tensors, CHANNELS[rank])
    return r if out is None else _write_joined("cat", out, r, tensors)


#: The order in memory, for the number of dimensions, in which the channels stand last.
CHANNELS = {4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}


def _keep_channels_last(r: Tensor, tensors: Any, order: tuple[int, ...]) -> None:
    """Lay the result out as the tensors lie in memory, if all have their channels last."""
    if type(r._a) is ndarray and all(x._a.transpose(order).flags.c_contiguous for x in tensors):
        laid = np.array(r._a.transpose(order), order="C")
        r._a = laid.transpose(tuple([order.index(d) for d in range(len(order))]))


def _write_joined(name: str, out: Tensor, r: Tensor, tensors: tuple[Tensor, ...]) -> Tensor:
    apart(tensor(name, out, 3, "out"), *tensors)
    return write_out(name, out, r)


def _cat_error(shapes: list[tuple], axis: int) -> RuntimeError:
    fitting = [(number, s) for number, s in enumerate(shapes) if s != (0,)]
    first = fitting[0][1]
    for number, s in fitting:
        if len(s) != len(first):
            return RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(s)}\n"
                f"tensors[{number}] has shape {list(s)}, the first one {list(first)}."
            )
        for d, (n, m) in enumerate(zip(first, s, strict=True)):
            if d != axis and n != m:
                return RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size "
                    f"{n} but got size {m} for tensor "
                    f"number {number} in the list.\nIts shape is {list(s)}, the first one's "
                    f"{list(first)}."
                )
    return RuntimeError(f"cat cannot join tensors of the shapes {[list(s) for s in shapes]}")


@overridable
def concat(tensors: Any, dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along a dimension: as cat."""
    return cat(tensors, dim, out=out)


@overridable
def concatenate(
    tensors: Any, axis: int = 0, *, dim: int | None = None, out: Tensor | None = None
) -> Tensor:
    """The tensors one after the other along a dimension: as cat."""
    return cat(tensors, axis if dim is None else dim, out=out)


@shortcut(_short_join(Stack, 1))
@overridable
def stack(tensors: Any, dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Tensors of one shape side by side along a new dimension; dtypes promote."""
    tensors = _tensors("stack", tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tensors[0]._a.shape
    for number, x in enumerate(tensors):
        if x._a.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at "
                f"entry 0 and {list(x._a.shape)} at "
                f"entry {number}"
            )
    r = _join(Stack, _same_dtype(tensors), one_dim(dim, len(first), "stack", extra=1))
    return r if out is None else _write_joined("stack", out, r, tensors)


def _joined(name: str, tensors: Any, rank: int, axis: int, out: Tensor | None) -> Tensor:
    tensors = _tensors(name, tensors)
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    raised = (shape.atleast_1d, shape.atleast_2d, shape.atleast_3d)[rank - 1](tensors)
    if name == "hstack" and raised[0]._a.ndim == 1:
        axis = 0
    return cat(raised, axis, out=out)


@overridable
def hstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors joined along dimension 1 (0 for vectors)."""
    return _joined("hstack", tensors, 1, 1, out)


@overridable
def vstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors, vectors as rows, joined along dimension 0."""
    return _joined("vstack", tensors, 2, 0, out)


@overridable
def row_stack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors, vectors as rows, joined along dimension 0: as vstack."""
    return _joined("vstack", tensors, 2, 0, out)


@overridable
def dstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors, made three-dimensional, joined along dimension 2."""
    return _joined("dstack", tensors, 3, 2, out)


@overridable
def column_stack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors, vectors as columns, joined along dimension 1."""
    tensors = _tensors("column_stack", tensors)
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    columns = [shape.reshape(x, (x._a.size, 1)) if x._a.ndim < 2 else x for x in tensors]
    return cat(columns, 1, out=out)


@overridable
def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal of a matrix of zeros; vectors are rows, numbers 1 x 1."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    for number, x in enumerate(_tensors("block_diag", tensors)):
        if x._a.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {number} has {x._a.ndim} dimensions"
            )
    if not tensors:
        return wrap(np.zeros((1, 0), np.float32))
    return apply(BlockDiag, *_same_dtype(tensors))


@overridable
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors expanded to the grid of their products; views.

    indexing "xy" exchanges the first two dimensions.
    """
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    tensors = _tensors("meshgrid", tensors)
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for x in tensors:
        if x._a.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                f"shape {list(x._a.shape)}"
            )
        if x._a.dtype != tensors[0]._a.dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if indexing is None:
        warn_once(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            'argument. It is "ij" now: say so, as in torch.meshgrid(x, y, indexing="ij").'
        )
    places = list(range(len(tensors)))
    if indexing == "xy" and len(tensors) > 1:
        places[:2] = 1, 0
    full = tuple([tensors[place]._a.size for place in places])
    grids = []
    for place, x in zip(places, tensors, strict=True):
        line = shape.view(x, (1,) * place + (x._a.size,) + (1,) * (len(full) - place - 1))
        grids.append(expand(line, full))
    return tuple(grids)


def _vectors(name: str, tensors: Any) -> tuple[Tensor, ...]:
    for x in _tensors(name, tensors):
        if x._a.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x._a.shape)}")
    return tuple(tensors)


@overridable
def cartesian_prod(*tensors: Any) -> Tensor:
    """All tuples with one element of each vector, as the rows of a matrix."""
    tensors = _vectors("cartesian_prod", tensors)
    if len(tensors) == 1:
        return tensors[0]
    return stack([shape.flatten(g) for g in meshgrid(*tensors, indexing="ij")], 1)


@overridable
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All subsets of `r` elements of a vector, in order, as rows; with_replacement: elements
    may repeat.
    """
    (input,) = _vectors("combinations", (tensor("combinations", input),))
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    n = input._a.size
    if r == 0:
        return wrap(np.empty((0,), input._a.dtype))
    numbers = np.indices((n,) * r).reshape(r, -1)
    steps = numbers[1:] - numbers[:-1]
    chosen = numbers[:, np.all(steps >= (0 if with_replacement else 1), axis=0)]
    return stack([apply(Chosen, input, i, axes=(0,)) for i in chosen], 1)
