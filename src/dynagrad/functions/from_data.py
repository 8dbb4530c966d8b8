"""Tensors of data that exist already: tensor, as_tensor, asarray, from_numpy, frombuffer."""

from typing import Any, NoReturn

import numpy as np
from numpy import ndarray

from ..core.apply import apply
from ..core.carriers.carrier import Carrier, detached_array
from ..core.complaints import legacy_name
from ..core.dtype import category, complex_of, from_numpy_dtype, promote
from ..core.overrides import explained
from ..core.quiet import WARNED, warn
from ..core.tensor import Tensor, edge_of, new, wrap
from ..core.views import detached
from ..core.watch import overriding, watched_call, watchers
from .conversion import Clone, to
from .factory import (
    INT64,
    check_options,
    converted,
    default_float,
    made,
    need_gradients,
    type_of,
    warn_once,
)

__all__ = [
    "as_tensor",
    "asarray",
    "from_numpy",
    "frombuffer",
    "tensor",
]

BOOL = np.dtype("bool")
_NUMBERS = {float, int, bool, complex}
_SEQUENCES = {list, tuple}
_MOST_DIMENSIONS = 64

# --- nested sequences ------------------------------------------------------------------------


def _leaf_types(data: Any) -> set[type]:
    """The types of the innermost elements; a mixture of numbers and sequences counts as a type."""
    kinds = set(map(type, data))
    if kinds <= _SEQUENCES:
        kinds = set().union(*map(_leaf_types, data))
    return kinds


def _common_dtype(kinds: set[type]) -> np.dtype:
    """The dtype of Python numbers of these types."""
    if complex in kinds:
        return complex_of(default_float())
    if float in kinds or not kinds:
        return default_float()
    return INT64 if int in kinds else BOOL


def _from_numbers(data: Any, kinds: set[type], d: np.dtype) -> ndarray:
    """Python numbers, nested or not, as an array of dtype `d`; NumPy's ValueError if ragged."""
    try:
        return _numbers(data, kinds, d)
    except WARNED:
        with np.errstate(all="ignore"):
            return _numbers(data, kinds, d)


def _numbers(data: Any, kinds: set[type], d: np.dtype) -> ndarray:
    kind = d.kind
    if (kind == "f" and d.itemsize > 2 and complex not in kinds) or kind in "cb":
        return np.array(data, d)
    if complex in kinds:
        raise TypeError(f"must be real number, not complex\nThe dtype asked for is torch.{d.name}.")
    if category(d) > 1:
        return np.array(data, np.float32).astype(d)
    try:
        whole = np.array(data, np.float64 if float in kinds else d if d.itemsize == 8 else INT64)
    except OverflowError:
        if d == INT64 or d.kind == "u":
            raise ValueError(
                "Overflow when unpacking long long\nAn integer does not fit in 64 bits. Give "
                "dtype=torch.float64 if it may be rounded."
            ) from None
        raise _too_large(d) from None
    if whole.dtype == d:
        return whole
    info = np.iinfo(d)
    least = -int(info.max) if d.kind == "u" else int(info.min)
    if whole.size and not (whole.min() >= least and whole.max() < float(info.max) + 1):
        raise _too_large(d)
    return whole.astype(INT64).astype(d)


def _too_large(d: np.dtype) -> RuntimeError:
    return RuntimeError(
        f"value cannot be converted to type {d.name} without overflow\nA value lies outside the "
        f"range of torch.{d.name}. Choose a wider dtype."
    )


def _is_sequence(value: Any) -> bool:
    """Whether PyTorch descends into the value: it has a length and items, and is no mapping."""
    if isinstance(value, Tensor | dict | set | np.generic):
        return False
    return hasattr(value, "__len__") and hasattr(value, "__getitem__")


def _sizes_of(data: Any) -> list[int]:
    """The sizes, read along the first elements."""
    sizes: list[int] = []
    while _is_sequence(data):
        if isinstance(data, ndarray) and not data.ndim:
            raise TypeError("len() of unsized object\nAn array without dimensions is no sequence.")
        sizes.append(len(data))
        if len(sizes) > _MOST_DIMENSIONS:
            raise ValueError(
                f"too many dimensions '{type(data).__name__}'\nTensors hold numbers; the innermost "
                f"elements are of type {type(data).__name__}."
            )
        if not len(data):
            break
        data = data[0]
    return sizes


def _infer(data: Any) -> np.dtype:
    """The dtype that holds all elements of any nested data."""
    if isinstance(data, Tensor):
        return data._a.dtype
    if isinstance(data, ndarray | np.generic):
        from_numpy_dtype(data.dtype)
        return data.dtype
    if isinstance(data, bool | int | float | complex):
        kind = next(k for k in (bool, int, float, complex) if isinstance(data, k))
        return _common_dtype({kind})
    if isinstance(data, str | bytes):
        raise TypeError(
            f"new(): invalid data type '{type(data).__name__}'\nTensors hold numbers; convert the "
            "text first, for example with float(text)."
        )
    if not _is_sequence(data):
        raise RuntimeError(
            f"Could not infer dtype of {type(data).__name__}\nTensors hold bool, int, float and "
            "complex numbers."
        )
    found = None
    for item in data:
        d = _infer(item)
        found = d if found is None else promote(found, d)
    return default_float() if found is None else found


def _flatten(data: Any, sizes: list[int], dim: int, d: np.dtype, found: list) -> None:
    """Append the elements of nested data, checked against the sizes, to `found`."""
    if dim == len(sizes):
        found.append(_leaf(data, d))
        return
    if not _is_sequence(data):
        raise TypeError(
            f"not a sequence\nThe data have {len(sizes)} dimensions, but at dim {dim} stands "
            f"{data!r} instead of a sequence of length {sizes[dim]}."
        )
    if len(data) != sizes[dim]:
        raise ValueError(
            f"expected sequence of length {sizes[dim]} at dim {dim} (got {len(data)})\nAll rows of "
            "a tensor have the same length; pad the shorter ones."
        )
    for item in data:
        _flatten(item, sizes, dim + 1, d, found)


def _leaf(value: Any, d: np.dtype) -> Any:
    """An innermost element as a Python number."""
    if isinstance(value, Tensor):
        if value._a.size != 1:
            if category(d) < 2:
                raise TypeError(
                    "only integer tensors of a single element can be converted to an index"
                )
            raise ValueError("only one element tensors can be converted to Python scalars")
        if edge_of(value) is not None:
            warn(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
                "behavior.\nConsider using tensor.detach() first; torch.stack keeps the history."
            )
        return value._a.item()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bool | int | float | complex):
        return value
    kind = type(value).__name__
    if category(d) < 2:
        raise TypeError(
            f"'{kind}' object cannot be interpreted as an integer\nA number is expected there."
        )
    raise TypeError(f"must be real number, not {kind}\nIt stands where a number is expected.")


def _from_any_sequence(data: Any, given: Any, name: str) -> ndarray:
    """Nested data that are not simply lists of Python numbers, or that are ragged."""
    if isinstance(data, str | bytes):
        _infer(data)
    sizes = _sizes_of(data)
    d = _infer(data) if given is None else type_of(name, given, INT64)
    if 0 in sizes:
        return np.empty(sizes, d)
    if isinstance(data, list | tuple) and type(data[0]) is ndarray:
        warn_once(
            "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
            "converting the list to a single numpy.ndarray with numpy.array() before converting to "
            "a tensor.",
        )
    found: list = []
    _flatten(data, sizes, 0, d, found)
    return _from_numbers(found, set(map(type, found)), d).reshape(sizes)


def array_of(data: Any, given: Any, name: str) -> ndarray:
    """Numbers, nested sequences, arrays or objects with `__array__`, copied into a new array.

    `given` is the argument dtype= (None: infer it).
    """
    kind = type(data)
    if kind in _NUMBERS:
        d = _common_dtype({kind}) if given is None else type_of(name, given, INT64)
        return _from_numbers(data, {kind}, d)
    if kind in _SEQUENCES:
        kinds = _leaf_types(data)
        if kinds <= _NUMBERS:
            d = _common_dtype(kinds) if given is None else type_of(name, given, INT64)
            try:
                return _from_numbers(data, kinds, d)
            except ValueError as error:
                if "inhomogeneous" not in str(error) and "sequence" not in str(error):
                    raise
        return _from_any_sequence(data, given, name)
    if isinstance(data, Tensor):
        data = data._a
        if isinstance(data, Carrier):
            array = converted(detached_array(data), type_of(name, given, data.dtype))
            return array.copy()
    elif isinstance(data, np.generic) or (hasattr(data, "__array__") and not _is_sequence(data)):
        data = np.asarray(data)
    if isinstance(data, ndarray):
        check_array(data)
        d = type_of(name, given, data.dtype)
        array = converted(data, d)
        return np.array(array) if array is data else array
    return _from_any_sequence(data, given, name)


# --- copies ----------------------------------------------------------------------------------

COPY_CONSTRUCT = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor)."
)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False, names=None):
    """A leaf with a copy of the data: a number, nested sequences, an ndarray, another tensor.

    Without dtype=: bool, int64, the default floating dtype or its complex one, whichever holds all
    the numbers; arrays and tensors keep their own. Raises ValueError for rows of unequal length,
    TypeError for text, RuntimeError for numbers that do not fit and for integers that shall
    require grad.
    """
    if overriding and watchers.get():
        given = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
        given |= {"pin_memory": pin_memory, "names": names}
        answer = watched_call(tensor, (data,), given)
        if answer is not NotImplemented:
            return answer
    if device is not None or pin_memory:
        check_options("tensor", device, None, pin_memory)
    if isinstance(data, Tensor):
        warn(COPY_CONSTRUCT.format("torch.tensor"))
    t = new(Tensor)
    t._a = array_of(data, dtype, "tensor")
    t._e = None
    t._v = None
    return need_gradients(t) if requires_grad else t


def new_tensor(
    self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False
):
    """A leaf with a copy of the data, in this tensor's dtype unless another is given."""
    check_options("new_tensor", device, layout, pin_memory)
    if isinstance(data, Tensor):
        warn(COPY_CONSTRUCT.format("tensor.new_tensor"))
    return made(array_of(data, self.dtype if dtype is None else dtype, "new_tensor"), requires_grad)


# --- shared memory ---------------------------------------------------------------------------


def check_array(array: ndarray) -> None:
    """Raise for an array that no tensor can show: dtype, byte order, strides."""
    from_numpy_dtype(array.dtype)
    if array.size and min(array.strides, default=0) < 0:
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            f"copy of your array  with array.copy().) \nIts strides are {array.strides}."
        )
    if any(s % array.itemsize for s in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy "
            f"array to reallocate the memory.\nIts strides are {array.strides} bytes, its elements "
            f"have {array.itemsize}."
        )


def _warn_read_only(array: ndarray) -> None:
    if not array.flags.writeable:
        warn_once(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. Writing to this tensor will raise an error. You may want to copy the array "
            "before converting it to a tensor.",
        )


def from_numpy(ndarray):
    """A tensor on the memory of a NumPy array: a write to either is seen in both.

    TypeError for dtypes that tensors lack, ValueError for negative strides and foreign byte order;
    a read-only array is taken with a warning, and writes to the tensor fail.
    """
    if overriding and watchers.get():
        answer = watched_call(from_numpy, (ndarray,), {})
        if answer is not NotImplemented:
            return answer
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        raise TypeError(
            f"expected np.ndarray (got {prefix}{kind.__name__})\nfrom_numpy shares an array's "
            "memory; torch.tensor copies other data."
        )
    check_array(ndarray)
    _warn_read_only(ndarray)
    return wrap(np.asarray(ndarray))


def as_tensor(data, dtype=None, device=None):
    """The data as a tensor, without a copy where possible: tensors themselves, arrays' memory."""
    check_options("as_tensor", device)
    if isinstance(data, Tensor):
        return data if dtype is None else to(data, dtype)
    if isinstance(data, ndarray):
        check_array(data)
        d = type_of("as_tensor", dtype, data.dtype)
        if d == data.dtype:
            _warn_read_only(data)
        return wrap(np.asarray(converted(data, d)))
    return wrap(array_of(data, dtype, "as_tensor"))


@explained
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """The object as a tensor that shares its memory where possible.

    copy=True always copies, copy=False raises ValueError where a copy were needed. A tensor keeps
    its history unless `requires_grad` is False; if it is not given, a warning says so.
    """
    check_options("asarray", device)
    if isinstance(obj, Tensor):
        if requires_grad is None:
            requires_grad = _inherited(obj)
        d = type_of("asarray", dtype, obj._a.dtype)
        _may_alias(copy, obj._a.dtype, d)
        result = obj if requires_grad or edge_of(obj) is None else detached(obj)
        if d != result._a.dtype:
            result = to(result, from_numpy_dtype(d))
        elif copy:
            result = apply(Clone, result, axes=None)
        return need_gradients(result) if requires_grad and edge_of(result) is None else result
    array = _exposed(obj, dtype)
    if array is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.\nDrop copy=False.")
        return made(array_of(obj, dtype, "asarray"), requires_grad)
    d = type_of("asarray", dtype, array.dtype)
    _may_alias(copy, array.dtype, d)
    if copy or d != array.dtype:
        fresh = converted(array, d)
        return made(np.array(fresh) if fresh is array else fresh, requires_grad)
    _warn_read_only(array)
    return made(array, requires_grad)


def _inherited(obj: Tensor) -> bool:
    """Whether the tensor requires grad, with a warning that its history is kept."""
    if edge_of(obj) is None:
        return False
    warn_once(
        "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of "
        "False. Pass requires_grad=False explicitly to get the old behavior and silence this "
        "warning.",
    )
    return True


def _exposed(obj: Any, dtype: Any) -> ndarray | None:
    """The memory that an object offers: an array, DLPack, a buffer; None if it offers none."""
    if isinstance(obj, np.generic):
        return np.array(obj)
    if isinstance(obj, ndarray):
        check_array(obj)
        return np.asarray(obj)
    if hasattr(obj, "__dlpack__"):
        return np.from_dlpack(obj)
    if isinstance(obj, bytes | bytearray | memoryview):
        return np.frombuffer(obj, type_of("asarray", dtype, default_float()))
    return None


def _may_alias(copy: Any, given: np.dtype, wanted: np.dtype) -> None:
    if copy is False and given != wanted:
        raise ValueError(
            f"can't alias tensor with dtype '{legacy_name(given)}' into dtype "
            f"'{legacy_name(wanted)}'.\nDrop copy=False, or dtype=."
        )


@explained
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A 1-d tensor on the memory of a bytes-like object, from byte `offset` on, of `count` values.

    ValueError if there is no such part of the buffer, or it holds no whole number of values.
    """
    try:
        memory = memoryview(buffer).cast("B")
    except TypeError:
        raise ValueError(
            "object does not implement Python buffer protocol.\nGive bytes, a bytearray, a "
            f"memoryview or an array.array, not {type(buffer).__name__}."
        ) from None
    d = type_of("frombuffer", dtype, default_float())
    length, step = len(memory), d.itemsize
    if length == 0 or count == 0:
        _refuse(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        _refuse(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1"
        )
    if count < 0 and (length - offset) % step:
        _refuse(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({step})"
        )
    if count > 0 and offset + count * step > length:
        _refuse(
            f"requested buffer length ({count} * {step} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({length} bytes)"
        )
    array = np.frombuffer(memory, d, count, offset)
    _warn_read_only(array)
    return made(array, requires_grad)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text}\nChoose another dtype, count or offset.")
