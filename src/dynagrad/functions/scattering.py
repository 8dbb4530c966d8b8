"""Reading and writing with one index for every element (gather, scatter); under PyTorch's names."""

from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import apply
from ..core.complaints import broadcast_error, legacy_name
from ..core.overrides import overridable
from ..core.tensor import Tensor, family_of, wrap
from ..core.views import inplace
from ..ops import indexing as ops
from ..ops.shape import broadcast_to
from . import shape
from .arguments import bounds, kept, one_dim, tensor, write_same
from .expansion import expand
from .indexing import number_for
from .nodes import node
from .rounding import remainder
from .shortcut import direct_of, shortcut, within

__all__ = [
    "gather",
    "index_reduce",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "take_along_dim",
]

Gather = node("GatherBackward0", ops.gather)
Scatter0 = node("ScatterBackward0", ops.scatter)
Scatter1 = node("ScatterBackward1", ops.scatter)
ScatterAdd = node("ScatterAddBackward0", ops.scatter_add)
ScatterSum = node("ScatterReduceBackward0", ops.scatter_add)
ScatterReduce = node("ScatterReduceBackward0", ops.scatter_reduce)
IndexReduce = node("IndexReduceBackward0", ops.scatter_reduce)
ScatterMean = node("ScatterReduceBackward0", ops.scatter_mean)
IndexMean = node("IndexReduceBackward0", ops.scatter_mean)


def _index(
    name: str, input: Tensor, dim: int, index: Any, source: ndarray | None
) -> tuple[int, ndarray]:
    """The dimension and the checked index array; `source` is what a scatter writes, if it is a
    tensor.
    """
    a, i = tensor(name, input)._a, tensor(name, index, 2 if name == "gather" else 3, "index")._a
    axis = one_dim(dim, a.ndim, name)
    if i.dtype not in (np.int64, np.int32) and i.size:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {index.dtype!r}")
    if not i.size:
        return axis, i.astype(np.int64)
    which = "input" if name == "gather" else "self"
    if max(i.ndim, 1) != max(a.ndim, 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as {which} tensor: index "
            f"{list(i.shape)}, {which} "
            f"{list(a.shape)}"
        )
    if source is not None and max(i.ndim, 1) != max(source.ndim, 1):
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as src tensor: index "
            f"{list(i.shape)}, src "
            f"{list(source.shape)}"
        )
    for d, n in enumerate(i.shape):
        beyond_self = a.ndim and d != axis and n > a.shape[d]
        if beyond_self and name == "gather":
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(i.shape)} to be "
                "no larger than self "
                f"{list(a.shape)} apart from dimension {axis}"
            )
        if beyond_self or (source is not None and source.ndim and n > source.shape[d]):
            src = (
                "" if source is None else f" and to be no larger size than src {list(source.shape)}"
            )
            raise RuntimeError(
                f"Expected index {list(i.shape)} to be no larger than self {list(a.shape)} "
                f"apart from dimension {axis}{src}"
            )
    n = a.shape[axis] if a.ndim else 1
    low, high = bounds(i)
    if low < 0 or high >= n:
        raise RuntimeError(
            f"index {low if low < 0 else high} is out of bounds for dimension {axis} with size {n}"
        )
    return axis, i


def _short_index(input: Tensor, dim: Any, index: Tensor) -> int:
    """The dimension of an ordinary call, whose index fits the input; -1 for any other."""
    a, i = input._a, index._a
    rank = a.ndim
    if type(dim) is not int or not -rank <= dim < rank or i.ndim != rank:
        return -1
    dim %= rank
    have = a.shape
    if not within(i, have[dim]):
        return -1
    if i.shape != have:
        for d, n in enumerate(i.shape):
            if d != dim and n > have[d]:
                return -1
    return dim


def _short_gather(input: Tensor, dim: Any, index: Tensor) -> Tensor | None:
    axis = _short_index(input, dim, index)
    return None if axis < 0 else direct_of(Gather, (input, index), {"axis": axis})


@shortcut(_short_gather)
@overridable
def gather(
    input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None
) -> Tensor:
    """out[i][j][k] = input[index[i][j][k]][j][k] for dim 0, and likewise along other
    dimensions; a copy.
    """
    axis, i = _index("gather", input, dim, index, None)
    r = apply(Gather, input, kept(i, index), axis=axis)
    return r if out is None else write_same("gather", out, r, input, index)


@overridable
def take_along_dim(
    input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """gather with input and indices broadcast in the other dimensions; without dim, in the flat
    order.
    """
    a, i = tensor("take_along_dim", input)._a, tensor("take_along_dim", indices, 2, "indices")._a
    if dim is None:
        r = gather(shape.view(shape.contiguous(input), -1), 0, shape.reshape(indices, (-1,)))
        return r if out is None else write_same("take_along_dim", out, r, input, indices)
    if a.ndim != i.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of "
            "dimensions, but got "
            f"{a.ndim} dimensions for input, and {i.ndim} dimensions for indices"
        )
    if i.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{legacy_name(i.dtype)}"
        )
    axis = one_dim(dim, a.ndim, "take_along_dim")
    others = [tuple([1 if d == axis else n for d, n in enumerate(s)]) for s in (a.shape, i.shape)]
    error = broadcast_error("take_along_dim", others)
    if error is not None:
        raise error
    full = np.broadcast_shapes(*others)
    input = expand(input, (*full[:axis], a.shape[axis], *full[axis + 1 :]))
    indices = expand(indices, (*full[:axis], i.shape[axis], *full[axis + 1 :]))
    if i.size and a.size:  # as PyTorch has it, also for numbers beyond the end
        indices = remainder(indices, a.shape[axis] if a.ndim else 1)
    r = gather(input, axis, indices)
    return r if out is None else write_same("take_along_dim", out, r, input, indices)


# --- scatter ----------------------------------------------------------------------------------


def _source(name: str, input: Tensor, source: Tensor, i: ndarray) -> Tensor:
    """The source, checked: of the input's dtype, with as many dimensions as the index."""
    if source._a.dtype != input._a.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype!r} "
            f"and {source.dtype!r}"
        )
    return source if source._a.ndim == i.ndim else shape.reshape(source, i.shape)


@overridable
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """A copy with self[index[i][j][k]][j][k] = src[i][j][k] for dim 0, and likewise along other
    dimensions.

    src: a tensor, or a number for all places. reduce: "add" or "multiply" instead of writing.
    """
    given = value if src is None else src
    whole = isinstance(given, Tensor) and (src is not None or given._a.ndim > 0)
    axis, i = _index("scatter", input, dim, index, given._a if whole else None)
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError(f"reduce argument must be either add or multiply. Got {reduce!r}")
    if not i.size:
        r = apply(shape.Clone, input)
        return r if out is None else write_same("scatter", out, r)
    source = _source("scatter", input, given, i) if whole else number_for(given, input._a)
    if reduce == "add":
        r = apply(ScatterAdd, input, kept(i, index), source, axis=axis)
    elif reduce == "multiply":
        source = source if whole else wrap(broadcast_to(source._a, shape=i.shape))
        r = apply(
            ScatterReduce,
            input,
            kept(i, index),
            source,
            axis=axis,
            reduce="prod",
            include_self=True,
        )
    else:
        r = apply(Scatter0 if whole else Scatter1, input, kept(i, index), source, axis=axis)
    return r if out is None else write_same("scatter", out, r, index, src)


def _short_scatter_add(input: Tensor, dim: Any, index: Tensor, src: Tensor) -> Tensor | None:
    if src._a.shape != index._a.shape or src._a.dtype is not input._a.dtype:
        return None
    axis = _short_index(input, dim, index)
    return None if axis < 0 else direct_of(ScatterAdd, (input, index, src), {"axis": axis})


@shortcut(_short_scatter_add)
@overridable
def scatter_add(
    input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """A copy with self[index[i][j][k]][j][k] += src[i][j][k] for dim 0, and likewise along
    other dimensions.
    """
    axis, i = _index("scatter_add", input, dim, index, tensor("scatter_add", src, 4, "src")._a)
    if not i.size:
        r = apply(shape.Clone, input)
        return r if out is None else write_same("scatter_add", out, r)
    r = apply(ScatterAdd, input, kept(i, index), _source("scatter", input, src, i), axis=axis)
    return r if out is None else write_same("scatter_add", out, r, index, src)


_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@overridable
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """A copy in which each place holds the sum, prod, mean, amax or amin of all src elements that
    index sends there.

    include_self: the input's own element takes part. Places that receive nothing keep theirs.
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    axis, i = _index(
        "scatter_reduce", input, dim, index, tensor("scatter_reduce", src, 4, "src")._a
    )
    if not i.size:
        r = apply(shape.Clone, input)
        return r if out is None else write_same("scatter_reduce", out, r)
    source = _source("scatter", input, src, i)
    r = _reduced(
        input,
        axis,
        kept(i, index),
        source,
        reduce,
        include_self,
        (ScatterSum, ScatterMean, ScatterReduce),
    )
    return r if out is None else write_same("scatter_reduce", out, r, index, src)


def _reduced(
    input: Tensor,
    axis: int,
    i: Any,
    source: Tensor,
    reduce: str,
    include_self: bool,
    classes: tuple,
) -> Tensor:
    total, mean, other = classes
    if reduce == "sum" and include_self:
        return apply(total, input, i, source, axis=axis)
    if reduce in ("sum", "mean"):
        return apply(
            mean, input, i, source, axis=axis, mean=reduce == "mean", include_self=include_self
        )
    return apply(other, input, i, source, axis=axis, reduce=reduce, include_self=include_self)


@overridable
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """scatter_reduce of whole slices: slice number k of source goes to slice number index[k].

    reduce: prod, mean, amax or amin.
    """
    if reduce not in _REDUCTIONS[1:]:
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    a, b = tensor("index_reduce", input)._a, tensor("index_reduce", source, 4, "source")._a
    axis = one_dim(dim, a.ndim, "index_reduce")
    vector = tensor("index_reduce", index, 3, "index")._a.reshape(-1)
    if b.ndim != a.ndim or vector.size != (b.shape[axis] if b.ndim else 1):
        raise RuntimeError(
            f"index_reduce(): Number of indices ({vector.size}) should be equal to "
            "source.size(dim), source has shape "
            f"{list(b.shape)}, self {list(a.shape)}"
        )
    wide = vector.reshape((-1,) + (1,) * (a.ndim - axis - 1)) if a.ndim else vector.reshape(())
    wide = broadcast_to(wide, shape=b.shape)
    expanded = wrap(wide)
    expanded._v = family_of(index)  # of the same memory
    _, i = _index("index_reduce", input, axis, expanded, b)
    if not i.size:
        r = apply(shape.Clone, input)
    else:
        kinds = (IndexMean, IndexMean, IndexReduce)
        r = _reduced(input, axis, kept(i, expanded), source, reduce, include_self, kinds)
    return r if out is None else write_same("index_reduce", out, r, index, source)


# --- in place ---------------------------------------------------------------------------------


def scatter_(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """scatter in place."""
    return inplace(scatter, input, dim, index, src, value=value, reduce=reduce)


def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """scatter_add in place."""
    return inplace(scatter_add, input, dim, index, src)


def scatter_reduce_(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """scatter_reduce in place."""
    return inplace(scatter_reduce, input, dim, index, src, reduce, include_self=include_self)


def index_reduce_(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """index_reduce in place."""
    return inplace(index_reduce, input, dim, index, source, reduce, include_self=include_self)
