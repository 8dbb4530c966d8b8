"""x[index] and x[index] = value: basic indexing gives views, index arrays and masks give copies.

Numbers, slices, None and `...` are applied first, as a view; then, on that view, index arrays and
masks. This is PyTorch's order; NumPy treats numbers among index arrays as index arrays.
"""

from collections.abc import Sequence
from operator import index as as_index
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..core.apply import apply, recording, scalar, to_dtype
from ..core.carriers.carrier import Carrier, joined
from ..core.carriers.memory import store
from ..core.complaints import legacy_name
from ..core.overrides import ask_overrides
from ..core.tensor import Tensor, edge_of, wrap
from ..core.views import check_inplace, copy_, inplace, part, write, written
from ..core.views import view as make_view
from ..core.watch import PLAIN, overriding
from ..ops import indexing as ops
from ..ops.elementwise import where
from .arguments import ARRAYS, bounds, c_type, check_expands, kept, settled
from .conversion import fill_
from .expansion import expand
from .nodes import node
from .shape import view as shape_view
from .shortcut import INT64, made, untracked

Alias = node("AliasBackward0", ops.getitem)
Select = node("SelectBackward0", ops.getitem)
Slice = node("SliceBackward0", ops.getitem)
Unsqueeze = node("UnsqueezeBackward0", ops.getitem)
Index = node("IndexBackward0", ops.index)
FillWhere = node("MaskedFillBackward1", ops.fill_where)
IndexPut = node("IndexPutBackward0", ops.put)
BOOL = np.dtype("bool")
_MASK_UNDER_VMAP = (
    "vmap: We do not support batching operators that can support dynamic shape. Attempting to "
    "batch over indexing with a boolean mask.\nUse torch.where(mask, x, other) or masked_fill, "
    "whose results keep their shape."
)


class Places(NamedTuple):
    """Index arrays in normal form: the numbers of the places in the dimensions `axes` together."""

    places: ndarray
    axes: tuple[int, ...]


# --- reading ----------------------------------------------------------------------------------


def getitem(self: Tensor, index: Any) -> Any:
    """x[index]: a view for numbers, slices, None and `...`; a copy for index arrays and masks.

    Raises IndexError for indices out of range or too many of them, ValueError for negative steps.
    """
    if overriding and type(self) not in PLAIN:
        answer = ask_overrides(getitem, (self, index), {})
        if answer is not NotImplemented:
            return answer
    if type(index) is int:
        key = (index, ...)
        try:
            return make_view(Select, self, self._a[key], {"index": key})
        except IndexError:
            raise _number_error(index, 0, self._a.shape) from None
    if index is None and type(self._a) is ndarray and self._a.flags.c_contiguous:
        a = self._a
        return make_view(Unsqueeze, self, a.reshape(1, *a.shape), {"index": (None, ...)})
    r = _taken(self, index) if type(index) in PLAIN else None  # pyright: ignore[reportArgumentType]
    if r is None:
        r = _basic(self, index)
    if r is not None:
        return r
    r, at = _parse(self, index)
    if at is None:
        return r
    return apply(Index, r, kept(at.places, *_as_tuple(index)), axes=at.axes, in_rows=False)


def _taken(self: Tensor, index: Tensor) -> Tensor | None:
    """The rows by number, or the elements by mask, of a plain tensor; None for anything else."""
    if type(self) not in PLAIN or not untracked(self) or not untracked(index):
        return None
    a, i = self._a, index._a
    if not (a.ndim and i.ndim and a.flags.c_contiguous and i.flags.c_contiguous):
        return None
    kind = i.dtype
    if kind is BOOL:
        return made(a.take(i.reshape(-1).nonzero()[0])) if i.shape == a.shape else None
    if kind is not INT64 or not i.size:
        return None
    try:
        return made(a.take(i, 0))
    except IndexError:
        return None


def _basic(self: Tensor, index: Any) -> Tensor | None:
    """The view for numbers, plain slices, None and one `...`; None if there is anything else."""
    alone = type(index) is not tuple
    key = (index,) if alone else index
    shape = self._a.shape
    cls, d, dots, new = Alias, 0, False, False
    for item in key:
        kind = type(item)
        if kind is int:
            cls = Select
            d += 1
        elif kind is slice:
            start, stop, step = item.start, item.stop, item.step
            if not (
                _plain(start)
                and _plain(stop)
                and (step is None or (type(step) is int and step > 0))
            ):
                return None
            if alone or start or not (step is None or step == 1):
                cls = Slice
            elif stop is not None and (dots or d >= len(shape) or stop < shape[d]):
                cls = Slice
            d += 1
        elif item is None:
            cls, new = Unsqueeze, True
        elif item is ... and not dots:
            dots = True
        else:
            return None
    if d > len(shape):
        raise _too_many(key, shape)
    if not dots:
        key = (*key, ...)
    return _viewed(self, cls, key, new)


def _plain(bound: Any) -> bool:
    return bound is None or type(bound) is int


def _viewed(self: Tensor, cls: type, key: tuple, new: bool) -> Tensor:
    a = self._a
    try:
        r = a[key] if type(a) is ndarray and not new else ops.getitem(a, index=key)
    except IndexError:
        raise _out_of_range(key, a.shape) from None
    return make_view(cls, self, r, {"index": key})


# --- errors -----------------------------------------------------------------------------------


def _number_error(number: int, d: int, shape: tuple) -> IndexError:
    if not shape:
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
            "`tensor.item<T>()` in C++ to convert a 0-dim "
            "tensor to a number"
        )
    return IndexError(f"index {number} is out of bounds for dimension {d} with size {shape[d]}")


def _too_many(key: tuple, shape: tuple) -> IndexError:
    if not shape and any(type(item) is slice for item in key):
        return IndexError("slice() cannot be applied to a 0-dim tensor.")
    if not shape:
        return _number_error(0, 0, shape)
    return IndexError(
        f"too many indices for tensor of dimension {len(shape)}: its shape is {list(shape)}"
    )


def _out_of_range(key: tuple, shape: tuple) -> IndexError:
    taken = sum(type(item) in (int, slice) for item in key)
    d = 0
    for item in key:
        if item is ...:
            d += len(shape) - taken
        elif type(item) is slice:
            d += 1
        elif type(item) is int:
            if not -shape[d] <= item < shape[d]:
                return _number_error(item, d, shape)
            d += 1
    return IndexError(f"index {key} does not fit a tensor of shape {list(shape)}")


# --- any index --------------------------------------------------------------------------------


def _as_tuple(index: Any) -> tuple:
    """A list counts as a tuple if it holds anything but numbers (PyTorch's rule, from NumPy's
    past).
    """
    if type(index) is tuple:
        return index
    if isinstance(index, list) and len(index) < 32:
        for item in index:
            if (
                item is None
                or item is ...
                or isinstance(item, slice | Tensor | ndarray | list | tuple | range)
            ):
                return tuple(index)
    return (index,)


def _normal(item: Any) -> Any:
    """One entry of an index as int, slice, None, `...`, bool (a mask without dimensions) or
    ndarray.
    """
    if item is None or item is ... or type(item) is int or isinstance(item, bool):
        return item
    if isinstance(item, slice):
        return _slice(item)
    if isinstance(item, np.bool_):
        return bool(item)
    if isinstance(item, np.integer):
        return int(item)
    if isinstance(item, Tensor):
        item = item._a if _shows_rows(item._a) else settled(item._a)
    elif type(item) is ndarray:
        item = np.array(item)  # PyTorch makes a tensor of it: later writes do not show
    elif isinstance(item, str):
        raise TypeError(
            "new(): invalid data type 'str'. Tensors are indexed by numbers, slices, None, "
            "`...` and tensors."
        )
    elif isinstance(item, Sequence):
        item = _from_sequence(item)
    if not isinstance(item, ARRAYS):
        if hasattr(item, "__index__"):
            return as_index(item)
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables "
            "are valid indices "
            f"(got {type(item).__name__})"
        )
    if type(item) is ndarray and item.ndim == 0 and item.dtype.kind in "iub":
        return bool(item) if item.dtype in (np.bool_, np.uint8) else int(item)
    if item.dtype not in (np.int64, np.int32, np.uint8, np.bool_):
        raise IndexError(
            "tensors used as indices must be long, int, byte or bool tensors, not "
            f"{item.dtype.name}"
        )
    if type(item) is not ndarray and item.dtype.itemsize == 1:
        raise RuntimeError(_MASK_UNDER_VMAP)
    return item.astype(bool) if item.dtype == np.uint8 else item


def _shows_rows(array: Any) -> bool:
    """Whether this is an index array of a step that is being recorded: one that decides by its
    dtype and shape alone what the result's shape is.
    """
    return _is_recorded(array) and array.ndim > 0 and array.dtype in (np.int64, np.int32)


def _is_recorded(array: Any) -> bool:
    return isinstance(array, Carrier) and array.is_memory


def _from_sequence(item: Sequence) -> ndarray:
    plain = [int(x._a) if isinstance(x, Tensor) else x for x in item]
    try:
        array = np.array(plain)
    except ValueError:
        raise ValueError(f"expected sequences of equal length as an index, got {item!r}") from None
    if array.dtype.kind not in "iubf":
        raise TypeError(f"a sequence of numbers was expected as an index, got {item!r}")
    return array if array.dtype == np.bool_ else array.astype(np.int64)


def _slice(item: slice) -> slice:
    try:
        bounds = [None if b is None else as_index(b) for b in (item.start, item.stop, item.step)]
    except TypeError:
        raise TypeError(
            f"slice indices must be integers or None or have an __index__ method, got {item!r}"
        ) from None
    if bounds[2] == 0:
        raise ValueError("slice step cannot be zero")
    if bounds[2] is not None and bounds[2] < 0:
        raise ValueError("step must be greater than zero: use flip() for a reversed copy")
    return slice(*bounds)


def _parse(self: Tensor, index: Any) -> tuple[Tensor, Places | None]:
    """The view that the basic entries give, and the places that the others mean in it (None:
    none).
    """
    items = [_normal(item) for item in _as_tuple(index)]
    shape = self._a.shape
    taken = sum(_dimensions(item) for item in items)
    if taken > len(shape):
        raise _too_many(tuple(items), shape)
    key: list[Any] = []
    arrays: dict[int, Any] = {}
    d = new = 0
    dots = False
    for item in items:
        if item is ...:
            if not dots:
                skipped = len(shape) - taken
                key += [slice(None)] * skipped
                d, new, dots = d + skipped, new + skipped, True
        elif isinstance(item, bool):
            arrays[new] = np.array([item])
            key.append(None)
            new += 1
        elif isinstance(item, ARRAYS):
            _check_mask(item, d, shape)
            arrays[new] = item
            n = _dimensions(item)
            key += [slice(None)] * n
            d, new = d + n, new + n
        else:
            key.append(item)
            d += item is not None
            new += type(item) is not int
    whole = all(type(item) is slice and item == slice(None) for item in key)
    if not arrays:
        return _basic(self, tuple(key)), None  # pyright: ignore[reportReturnType]
    base: Any = self if whole else _basic(self, tuple(key))
    return base, places_of(arrays, base._a.shape)


def _dimensions(item: Any) -> int:
    """How many dimensions an entry takes."""
    if isinstance(item, ARRAYS) and item.dtype == np.bool_:
        return item.ndim
    return int(item is not None and item is not ... and not isinstance(item, bool))


def _check_mask(item: Any, d: int, shape: tuple) -> None:
    if item.dtype == np.bool_:
        for k, n in enumerate(item.shape):
            if n != shape[d + k]:
                raise IndexError(
                    f"The shape of the mask {list(item.shape)} at index {k} does not match "
                    "the shape of the indexed tensor "
                    f"{list(shape)} at index {d + k}"
                )


def places_of(arrays: dict[int, Any], shape: tuple) -> Places:
    """Index arrays and masks, by the dimension where they start, as one array of places."""
    if len(arrays) == 1:
        ((d, array),) = arrays.items()
        if array.dtype == np.bool_:
            return Places(np.flatnonzero(array), tuple(range(d, d + array.ndim)))
        return Places(in_range(array, shape[d], d), (d,))
    axes: list[int] = []
    numbers: list[Any] = []
    for d, array in arrays.items():
        if array.dtype == np.bool_:
            axes += range(d, d + array.ndim)
            numbers += np.nonzero(array)
        else:
            axes.append(d)
            numbers.append(in_range(array, shape[d], d))
    try:
        np.broadcast_shapes(*[n.shape for n in numbers])
    except ValueError:
        shapes = ", ".join(str(list(n.shape)) for n in numbers)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    places: Any = 0
    for n, axis in zip(numbers, axes, strict=True):
        places = places * shape[axis] + n
    return Places(places, tuple(axes))


def in_range(array: Any, n: int, d: int) -> Any:
    """Indices counted from the front, as int64; IndexError if one is out of range."""
    if array.size:
        low, high = bounds(array)
        if low < -n or high >= n:
            raise IndexError(
                f"index {high if high >= n else low} is out of bounds for dimension {d} "
                f"with size {n}"
            )
        if low < 0:
            array = where(array < 0, array + n, array)
    return array if array.dtype == np.int64 else array.astype(np.int64)


# --- writing ----------------------------------------------------------------------------------


def delitem(input, index):
    """del x[index], which no tensor supports."""
    raise TypeError(
        "Tensor does not support deleting items\nA tensor keeps its size; index what is to stay, "
        "as in x[mask] or torch.cat((x[:2], x[3:]))."
    )


getitem.__name__ = "__getitem__"  # what `__torch_function__` reads


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """x[index] = value: written into the memory that the index shows; the value is broadcast
    and converted.
    """
    if overriding and (type(self) not in PLAIN or type(value) not in PLAIN):
        answer = ask_overrides(setitem, (self, index, value), {})
        if answer is not NotImplemented:
            return
    source = value if isinstance(value, Tensor) else wrap(_number(value, self._a))
    if (
        PLAIN
        and type(index) is int
        and not (recording() and self.requires_grad)
        and source._a.ndim == 0
    ):
        if edge_of(source) is None and 0 not in self._a.strides:
            part(self)
            try:
                self._a[index, ...] = source._a
            except IndexError:
                raise _number_error(index, 0, self._a.shape) from None
            written(self, None, False)
            return
    if (
        index is ...
        or (type(index) is slice and index == slice(None) and self._a.ndim)
        or (type(index) is tuple and not index)
    ):
        target, at = self, None
    else:
        target, at = _basic(self, index), None
        if target is None and not PLAIN and _differing_mask(index) and not source._a.ndim:
            _fill_where(self, index, source)
            return
        if target is None:
            try:
                target, at = _parse(self, index)
            except IndexError:
                _complain_of_others(self, index, source)
                raise
        if at is None and target._a.shape == self._a.shape:
            target = self  # all of it: PyTorch writes the tensor itself then, not a view of it
    if at is None:
        have, shape = source._a.shape, target._a.shape
        if have == shape:
            copy_(target, source)
        elif not have:
            fill_(target, source)
        else:
            source = fitting(source, shape)
            copy_(target, source if source._a.shape == shape else expand(source, shape))
    else:
        put_at(target, at, source, False, "index_put_", _as_tuple(index))


setitem.__name__ = "__setitem__"


def _complain_of_others(t: Tensor, index: Any, source: Tensor) -> None:
    """Raise what PyTorch, which looks last whether indices are in range, finds before."""
    items = [
        wrap(np.zeros(i._a.shape, np.int64))
        if isinstance(i, Tensor) and i._a.dtype.kind in "iu"
        else i
        for i in (index if type(index) is tuple else (index,))
    ]
    try:
        target, at = _parse(t, tuple(items))
    except IndexError:
        if 0 in t._a.shape:  # no index is in range
            check_inplace(t, "index_put_", (source,))
        return
    if at is not None:
        check_inplace(target, "index_put_", (source,))
        checked_values(target, at, source)


def _differing_mask(index: Any) -> bool:
    """Whether an index is a mask that differs from one example of a batch to the next, or from one
    run of a recorded step to the next.
    """
    if not isinstance(index, Tensor) or index._a.dtype != np.bool_:
        return False
    return _is_recorded(index._a) or type(settled(index._a)) is not ndarray


def _fill_where(t: Tensor, mask: Any, source: Tensor) -> None:
    """One value where the mask holds, which needs no places."""
    _check_mask(mask._a, 0, t._a.shape)
    where_ = shape_view(mask, (*mask._a.shape, *(1,) * (t._a.ndim - mask._a.ndim)))
    number = to_dtype(source, t._a.dtype)
    inplace(lambda x: apply(FillWhere, x, where_, number), t, name="index_put_")


def _number(value: Any, a: Any) -> ndarray:
    """A number as an array of the tensor's dtype."""
    if not isinstance(value, bool | int | float | complex | np.number | np.bool_):
        raise TypeError(
            f"can't assign a {_kind(value)} to a torch.{legacy_name(a.dtype)}Tensor\n"
            "Make a tensor of it first: torch.tensor(value)."
        )
    if isinstance(value, complex | np.complexfloating) and a.dtype.kind != "c":
        raise RuntimeError(
            f"value cannot be converted to type {c_type(a.dtype)} without overflow: {value}"
        )
    if isinstance(value, np.generic):
        value = value.item()
    return scalar(value, a.dtype)


def number_for(value: Any, a: Any) -> Tensor:
    """A number or a 0-d tensor as a tensor of an array's dtype."""
    return to_dtype(value, a.dtype) if isinstance(value, Tensor) else wrap(_number(value, a))


def _kind(value: Any) -> str:
    return "numpy.ndarray" if isinstance(value, ndarray) else type(value).__name__


def fitting(source: Tensor, shape: tuple) -> Tensor:
    """`source` without superfluous leading dimensions of size 1; RuntimeError if it does not
    broadcast to `shape`.
    """
    have = source._a.shape
    if have == shape or not have:
        return source
    extra = max(len(have) - len(shape), 0)
    if extra and all(n == 1 for n in have[:extra]):
        source = shape_view(source, have[extra:])
        have = have[extra:]
    elif extra:
        raise RuntimeError(
            f"expand(torch.{legacy_name(source._a.dtype)}Tensor{{{list(have)}}}, "
            f"size={list(shape)}): the number of sizes "
            f"provided ({len(shape)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(have)})"
        )
    check_expands(have, shape)
    return source


def indexed_shape(shape: tuple, at: Places) -> tuple:
    """The shape of what an index shows."""
    first, last = at.axes[0], at.axes[-1]
    if last - first == len(at.axes) - 1:
        return (*shape[:first], *at.places.shape, *shape[last + 1 :])
    return (*at.places.shape, *[n for d, n in enumerate(shape) if d not in at.axes])


def checked_values(t: Tensor, at: Places, values: Tensor) -> Tensor:
    """The values to be put at places, of the tensor's dtype and of a shape that broadcasts
    there.
    """
    if values._a.dtype != t._a.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{legacy_name(t._a.dtype)} for the destination and "
            f"{legacy_name(values._a.dtype)} for the source."
        )
    shape = indexed_shape(t._a.shape, at)
    try:
        return fitting(values, shape)
    except RuntimeError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values._a.shape)} cannot be "
            "broadcast to indexing result of shape "
            f"{list(shape)}"
        ) from None


def put_at(
    t: Tensor, at: Places, values: Tensor, accumulate: bool, name: str, indices: Any = ()
) -> Tensor:
    """Write or add values at places of `t`'s memory, recorded; `indices` is what they came from."""
    values = checked_values(t, at, values)
    if not PLAIN:
        values = joined(values, t)
    a, b = t._a, values._a
    kw = {"axes": at.axes, "accumulate": accumulate}

    def kernel():
        if type(a) is type(b) is type(at.places) is ndarray:
            ops.put_into(a, at.places, b, axes=at.axes, accumulate=accumulate)
        else:
            store(t, ops.put(a, at.places, b, **kw))

    return write(IndexPut, t, kernel, (t, kept(at.places, *indices), values), kw, name)
