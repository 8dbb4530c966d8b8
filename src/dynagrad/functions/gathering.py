"""Reading and writing by index along a dimension, and by mask; under PyTorch's names."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import apply, scalar
from ..core.complaints import broadcast_error, legacy_name
from ..core.overrides import overridable
from ..core.tensor import Tensor, wrap
from ..core.views import inplace
from ..core.watch import PLAIN
from ..ops import indexing as ops
from ..ops.cumulative import cumsum
from ..ops.elementwise import where
from ..ops.shape import broadcast_to, cast
from . import shape
from .arguments import (
    bounds,
    c_name,
    c_type,
    fixed,
    kept,
    one_dim,
    out_of_nothing,
    settled,
    tensor,
    write_same,
)
from .expansion import expand
from .indexing import Places, checked_values, in_range, number_for, places_of, put_at
from .nodes import node
from .parts import slice_by
from .shortcut import made, shortcut, untracked, within

__all__ = [
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "put",
    "take",
]

IndexSelect = node("IndexSelectBackward0", ops.index)
Take = node("TakeBackward0", ops.index)
MaskedSelect = node("MaskedSelectBackward0", ops.index)
IndexAdd = node("IndexAddBackward0", ops.put)
IndexCopy = node("IndexCopyBackward0", ops.put)
IndexFill0 = node("IndexFillBackward0", ops.put)
IndexFill1 = node("IndexFillBackward1", ops.put)
IndexPut = node("IndexPutBackward0", ops.put)
Put = node("PutBackward0", ops.put)
Where = node("WhereBackward0", where)
BOOL, INT64 = np.dtype("bool"), np.dtype("int64")
MaskedScatter = node("MaskedScatterBackward0", ops.put)
MaskedFill0 = node("MaskedFillBackward0", ops.fill_where)
MaskedFill1 = node("MaskedFillBackward1", ops.fill_where)


# --- along a dimension ------------------------------------------------------------------------


def _vector_index(name: str, input: Tensor, dim: int, index: Any) -> tuple[int, ndarray]:
    """The dimension and the index, which is a vector or a number."""
    axis = one_dim(dim, tensor(name, input)._a.ndim, name)
    i = tensor(name, index, 3, "index")._a
    if i.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, got shape {list(i.shape)}")
    return axis, i if i.ndim else i.reshape(1)


def _check_range(i: ndarray, n: int, error: Callable[[int], Exception]) -> None:
    if i.size:
        low, high = bounds(i)
        if low < 0 or high >= n:
            raise error(int(low if low < 0 else high))


def _out_of_bounds(
    kind: type[Exception], d: int, n: int, prefix: str = ""
) -> Callable[[int], Exception]:
    return lambda i: kind(f"{prefix}index {i} is out of bounds for dimension {d} with size {n}")


def _short_select(input: Tensor, dim: Any, index: Tensor) -> Tensor | None:
    have, i = input._a.shape, index._a
    rank = len(have)
    if type(dim) is not int or not -rank <= dim < rank or i.ndim != 1:
        return None
    if type(input) not in PLAIN or type(index) not in PLAIN:
        return None
    dim %= rank
    if untracked(input) and untracked(index) and i.dtype is INT64:
        # an index that is too large is found by NumPy
        return made(input._a.take(i, dim)) if i.item(i.argmin()) >= 0 else None
    return apply(IndexSelect, input, index, axes=(dim,)) if within(i, have[dim]) else None


@shortcut(_short_select)
@overridable
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices number index[0], index[1], ... along a dimension; a copy. Indices are int32 or
    int64, from 0.
    """
    axis, i = _vector_index("index_select", input, dim, index)
    if i.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"index_select(): Expected dtype int32 or int64 for index, got {index.dtype!r}"
        )
    have = input._a.shape
    n = have[axis] if have else 1
    if len(have) > 1 and not input._a.size:  # no element is looked at
        _check_range(i, n, lambda k: out_of_nothing(k, n))
    _check_range(
        i,
        n,
        lambda k: IndexError(
            f"index out of range in self: index {k}, dimension {axis} of size {n}"
        ),
    )
    if not have:
        if i.size != 1:
            raise RuntimeError(
                f"index_select(): Index to scalar can have only 1 value, got {i.size} value(s)"
            )
        i = np.zeros((), np.int64)
    r = apply(IndexSelect, input, kept(i, index), axes=(axis,))
    return r if out is None else write_same("index_select", out, r, input, index)


@overridable
def index_add(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    *,
    alpha: Any = 1,
    out: Tensor | None = None,
) -> Tensor:
    """A copy with alpha * (slice number k of source) added to slice number index[k], for all k."""
    axis, i = _vector_index("index_add", input, dim, index)
    a, b = input._a, tensor("index_add", source, 4, "source")._a
    if i.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"index_add_(): Expected dtype int32/int64 for index but got: {legacy_name(i.dtype)}"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"index_add_(): self ({legacy_name(a.dtype)}) and source "
            f"({legacy_name(b.dtype)}) must have the same scalar type"
        )
    have = b.shape[axis] if b.ndim > axis else 1
    if i.size != have:
        raise RuntimeError(
            f"index_add_(): Number of indices ({i.size}) should be equal to "
            f"source.size(dim): ({have}), for dim: {axis}"
        )
    if a.ndim and (
        b.ndim != a.ndim
        or any(n != m for d, (n, m) in enumerate(zip(a.shape, b.shape, strict=True)) if d != axis)
    ):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified "
            "dimension. Got self.shape = "
            f"{list(a.shape)} source.shape = {list(b.shape)}"
        )
    n = a.shape[axis] if a.ndim else 1
    _check_range(i, n, _out_of_bounds(RuntimeError, axis, n))
    added = source if alpha == 1 else source * alpha
    kw = {"axes": (axis,), "in_rows": True}
    r = apply(IndexAdd, input, kept(i, index), added, accumulate=True, **kw)
    return r if out is None else write_same("index_add", out, r, index, source)


@overridable
def index_copy(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """A copy with slice number k of source written to slice number index[k], for all k."""
    axis, i = _vector_index("index_copy", input, dim, index)
    a, b = input._a, tensor("index_copy", source, 4, "source")._a
    if i.dtype != np.int64:
        raise RuntimeError(
            f"index_copy_(): Expected a long tensor for index, but got {legacy_name(i.dtype)}"
        )
    if a.dtype != b.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{legacy_name(a.dtype)} and (source) {legacy_name(b.dtype)}"
        )
    if a.ndim and b.ndim and a.ndim != b.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their "
            "dimensionality must match. Source "
            f"dimensionality ({b.ndim}), destination dimensionality ({a.ndim})"
        )
    if b.ndim and i.size != b.shape[axis]:
        raise IndexError(
            f"index_copy_(): Number of indices ({i.size}) should be equal to "
            f"source.size(dim) ({b.shape[axis]})"
        )
    n = a.shape[axis] if a.ndim else 1
    _check_range(i, n, _out_of_bounds(IndexError, axis, n, "index_copy_(): "))
    kw = {"axes": (axis,), "in_rows": True}
    r = apply(IndexCopy, input, kept(i, index), source, accumulate=False, **kw)
    return r if out is None else write_same("index_copy", out, r, index, source)


@overridable
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy with a number (or a 0-d tensor) in the slices number index[0], index[1], ...;
    negative ones count from the end.
    """
    axis, i = _vector_index("index_fill", input, dim, index)
    if i.dtype != np.int64:
        raise IndexError(f"index_fill_(): Expected dtype int64 for index. Got {index.dtype!r}")
    if isinstance(value, Tensor) and value._a.ndim:
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._a.ndim} dimension(s). Its shape is {list(value._a.shape)}."
        )
    have = input._a.shape
    places = i
    if not input._a.ndim or all(have[:axis] + have[axis + 1 :]):
        places = in_range(i, have[axis] if have else 1, axis)
    else:  # nothing is written, and PyTorch looks at no index
        places = i[:0]
    cls = IndexFill0
    if isinstance(value, Tensor):
        cls = IndexFill1
        if type(places) is ndarray:  # each place has its derivative once
            places = np.unique(places)
    number = number_for(value, input._a)
    return apply(cls, input, kept(places, index), number, axes=(axis,), accumulate=False)


def _places(name: str, input: Tensor, indices: Any) -> Places:
    if not isinstance(indices, list | tuple):
        raise TypeError(
            f"{name}(): argument 'indices' (position 1) must be tuple of Tensors, not "
            f"{type(indices).__name__}"
        )
    arrays, d, have = {}, 0, input._a.shape
    for number, x in enumerate(indices):
        if not isinstance(x, Tensor):
            raise TypeError(
                f"expected Tensor as element {number} in argument 0, but got {type(x).__name__}"
            )
        a = x._a.astype(bool) if x._a.dtype == np.uint8 else x._a
        if a.dtype not in (np.int64, np.int32, np.bool_):
            raise IndexError(
                f"tensors used as indices must be long, int, byte or bool tensors, not {x.dtype!r}"
            )
        if d + (a.ndim if a.dtype == np.bool_ else 1) > len(have):
            raise IndexError(
                f"too many indices for tensor of dimension {len(have)} (got {len(indices)})"
            )
        arrays[d] = a
        d += a.ndim if a.dtype == np.bool_ else 1
    return places_of(arrays, have)


@overridable
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with `values`, broadcast, written (or added) at input[indices]."""
    at = _places("index_put", input, indices)
    values = checked_values(input, at, tensor("index_put", values, 2, "values"))
    places = kept(at.places, *indices)
    return apply(IndexPut, input, places, values, axes=at.axes, accumulate=accumulate)


@overridable
def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """index_put in place: `input[indices] = values`."""
    at = _places("index_put_", input, indices)
    return put_at(
        input, at, tensor("index_put_", values, 2, "values"), accumulate, "index_put_", indices
    )


# --- in the flat order ------------------------------------------------------------------------


def _flat_places(name: str, input: Tensor, index: Any) -> tuple[ndarray, tuple[int, ...]]:
    i = tensor(name.rstrip("_"), index, 2, "index")._a
    if i.dtype != np.int64:
        raise RuntimeError(
            f"{name}(): Expected a long tensor for index, but got {legacy_name(i.dtype)}"
        )
    n = input._a.size
    low, high = bounds(i)
    if low < -n or high >= n:
        wrong = high if high >= n else low
        raise IndexError(
            f"out of range: tried to access index {wrong} on a tensor of {n} elements."
        )
    return where(i < 0, i + n, i), tuple(range(max(input._a.ndim, 1)))


@overridable
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements with these numbers in row-major order, in the shape of `index`; a copy."""
    places, axes = _flat_places("take", tensor("take", input), index)
    r = apply(Take, input, places, axes=axes)
    return r if out is None else write_same("take", out, r, input, index)


@overridable
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with source's elements written (or added) at these numbers in row-major order."""
    places, axes = _flat_places("put_", tensor("put", input), index)
    a, b = input._a, tensor("put", source, 3, "source")._a
    if a.dtype != b.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{legacy_name(a.dtype)} and "
            f"source.dtype = {legacy_name(b.dtype)}"
        )
    if b.size != places.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            "source.numel() = "
            f"{b.size}, index.numel() = {places.size}"
        )
    if b.shape != places.shape:
        places = places.reshape(b.shape)
    return apply(Put, input, places, source, axes=axes, accumulate=accumulate)


# --- masks ------------------------------------------------------------------------------------


@overridable
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where the mask holds, as a vector; input and mask broadcast. A copy."""
    a, m = tensor("masked_select", input)._a, tensor("masked_select", mask, 2, "mask")._a
    if m.dtype != np.bool_:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype!r}")
    m = fixed(
        m,
        "Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support this "
        "because for each batch this would return a differently shaped Tensor.",
    )
    if a.shape != m.shape:
        error = broadcast_error("masked_select", [m.shape, a.shape])
        if error is not None:
            raise error
        full = np.broadcast_shapes(a.shape, m.shape)
        m = np.broadcast_to(m, full)
        input = input if a.shape == full else expand(input, full)
    axes = tuple(range(max(input._a.ndim, 1)))
    r = apply(MaskedSelect, input, np.flatnonzero(m), axes=axes)
    return r if out is None else write_same("masked_select", out, r, input, mask)


def _mask(name: str, input: Tensor, mask: Any, *, kind: Callable[[np.dtype], str]) -> ndarray:
    m = tensor(name, mask, 2, "mask")._a
    if m.dtype != np.bool_:
        raise RuntimeError(
            f"{name}_ only supports boolean masks, but got mask with dtype {kind(m.dtype)}"
        )
    error = broadcast_error(name, [m.shape, tensor(name, input)._a.shape])
    if error is not None:
        raise error
    return m


def _short_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor | None:
    a, m = input._a, mask._a
    if type(value) is not float or a.dtype.kind != "f" or m.dtype is not BOOL or a.shape != m.shape:
        return None
    if type(input) not in PLAIN or type(mask) not in PLAIN:
        return None
    if untracked(input) and untracked(mask):
        return made(ops.filled(a, m, value))
    return apply(MaskedFill0, input, mask, wrap(scalar(value, a.dtype)))


@shortcut(_short_fill)
@overridable
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy with a number (or a 0-d tensor) where the mask holds; input and mask broadcast."""
    m = _mask("masked_fill", input, mask, kind=c_name)
    if isinstance(value, Tensor) and value._a.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._a.ndim} dimension(s). Its shape is {list(value._a.shape)}; use "
            "where() for such values."
        )
    cls = MaskedFill1 if isinstance(value, Tensor) else MaskedFill0
    if cls is MaskedFill1 and value._a.dtype.kind == "c" and input._a.dtype.kind not in "cb":
        raise RuntimeError(
            f"value cannot be converted to type {c_type(input._a.dtype)} without overflow\n"
            f"A complex number was given for a tensor of dtype {input.dtype!r}."
        )
    return apply(cls, input, kept(m, mask), number_for(value, input._a))


def masked_fill_(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """masked_fill in place; the mask broadcasts to the tensor."""
    return inplace(masked_fill, input, mask, value)


@overridable
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy with source's elements, in order, where the mask holds; input and mask broadcast."""
    m = _mask("masked_scatter", input, mask, kind=legacy_name)
    a, b = input._a, tensor("masked_scatter", source, 3, "source")._a
    if a.dtype != b.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{legacy_name(a.dtype)} and {legacy_name(b.dtype)}"
        )
    full = np.broadcast_shapes(a.shape, m.shape)
    if a.shape != full:
        input = expand(input, full)
    m = settled(m)
    if type(m) is not ndarray:  # which elements are taken differs from one example to the next
        mask = wrap(broadcast_to(m, shape=full))
        number = np.add(cumsum(cast(mask._a, dtype=INT64).reshape(-1), axis=0, reverse=False), -1)
        taken = take(source, wrap(np.maximum(number, 0)))
        return apply(Where, mask, shape.reshape(taken, full), input)
    places = np.flatnonzero(np.broadcast_to(m, full))
    if places.size > b.size:
        raise RuntimeError(
            f"Number of elements of source < number of ones in mask: {b.size} elements for "
            f"{places.size} places"
        )
    source = slice_by(shape.reshape(source, (-1,)), 0, 0, places.size, 1)
    if not full:
        return shape.reshape(
            apply(
                MaskedScatter,
                shape.reshape(input, (1,)),
                places,
                source,
                axes=(0,),
                accumulate=False,
            ),
            (),
        )
    return apply(
        MaskedScatter,
        input,
        places,
        source,
        axes=tuple(range(len(full))),
        accumulate=False,
        in_rows=True,
    )


@overridable
def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of elements that are not zero: a matrix with a row for each, or a tuple of
    vectors.
    """
    a = fixed(
        tensor("nonzero", input)._a,
        "We do not support batching operators that can output dynamic shape. Attempted to vmap "
        "over aten::nonzero.",
    )
    if as_tuple:
        if out is not None:
            raise TypeError(
                "nonzero(): argument 'out' must be Tensor, not tuple\n"
                "Leave as_tuple=True away where out= is given."
            )
        found = np.nonzero(a if a.ndim else a.reshape(1))
        return tuple([wrap(np.ascontiguousarray(i)) for i in found])
    r = wrap(np.argwhere(a) if a.ndim else np.empty((int(bool(a)), 0), np.int64))
    return r if out is None else write_same("nonzero", out, r, input)


@overridable
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """A new last dimension with 1 at each index and 0 elsewhere; -1: as many classes as the
    largest index needs.
    """
    i = tensor("one_hot", input)._a
    if i.dtype != np.int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type LongTensor. Got {input.dtype!r}"
        )
    if not i.size and num_classes < 1:
        raise RuntimeError(
            "Can not infer total number of classes from empty tensor. Give num_classes."
        )
    low, high = bounds(i, 0, None if num_classes == -1 else num_classes - 1)
    if low < 0:
        raise RuntimeError(f"Class values must be non-negative. Got {low}")
    if num_classes == -1:
        known = fixed(i, "one_hot cannot infer the number of classes; pass num_classes.")
        num_classes = int(known.max()) + 1
    if high >= num_classes:
        raise RuntimeError(
            f"Class values must be smaller than num_classes. Got {high} for {num_classes} classes"
        )
    return wrap((i[..., None] == np.arange(num_classes)).astype(np.int64))


# --- in place ---------------------------------------------------------------------------------


def index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """index_add in place."""
    return inplace(index_add, input, dim, index, source, alpha=alpha)


def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """index_copy in place."""
    return inplace(index_copy, input, dim, index, source)


def index_fill_(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """index_fill in place."""
    return inplace(index_fill, input, dim, index, value)


def put_(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """put in place."""
    return inplace(put, input, index, source, accumulate)


def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """masked_scatter in place."""
    return inplace(masked_scatter, input, mask, source)
