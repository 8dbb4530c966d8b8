"""Other dtypes, copies, overwriting; where a tensor lives; promotion of dtypes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from ..core.apply import apply
from ..core.carriers.carrier import joined
from ..core.carriers.memory import store
from ..core.complaints import broadcast_error, legacy_name
from ..core.dtype import CPU, FLOATING, category, from_numpy_dtype, promote, strided
from ..core.dtype import bfloat16 as BFLOAT16
from ..core.dtype import dtype as Dtype
from ..core.dtype import result_type as common_type
from ..core.overrides import overridable
from ..core.tape import Node
from ..core.tensor import Tensor, edge_of, wrap
from ..core.views import copy_ as write_copy
from ..core.views import part, write, written
from ..core.watch import PLAIN
from ..ops import conversion as ops
from .arguments import tensor as need_tensor
from .factory import (
    axes_of,
    check_options,
    converted,
    fitting,
    number,
    type_of,
    warn_of_lost_part,
)
from .nodes import node
from .shortcut import made, shortcut, untracked

__all__ = [
    "can_cast",
    "clone",
    "fill",
    "fill_",
    "promote_types",
    "result_type",
    "zero_",
]

Clone = node("CloneBackward0", ops.clone)
ToCopy = node("ToCopyBackward0", ops.to_copy)
Fill = node("FillBackward0", ops.discard)
FillByTensor = node("FillBackward1", ops.fill)
FillInPlace = node("FillBackward2", ops.discard)
FillInPlaceByTensor = node("FillBackward3", ops.fill)
Zero = node("ZeroBackward0", ops.discard)

# --- to other dtypes -------------------------------------------------------------------------


def _recast(x: Tensor, d: np.dtype, copy: bool, axes: tuple[int, ...] | None) -> Tensor:
    """`x` with this dtype and order of axes in memory: itself where nothing changes."""
    a = x._a
    same_layout = axes is None or a.transpose(axes).flags.c_contiguous
    if a.dtype == d and not copy and same_layout:
        return x
    warn_of_lost_part(a.dtype, d)
    if category(d) < FLOATING:
        if axes is None:
            return wrap(
                np.array(a) if a.dtype == d else converted(a.real if _drops(a, d) else a, d)
            )
        return apply(ToCopy, wrap(a), dtype=d, axes=axes)
    return apply(ToCopy, x, dtype=d, axes=axes)


def _drops(a: Any, d: np.dtype) -> bool:
    return a.dtype.kind == "c" and d.kind != "b"


@overridable
def to(self, *args, device=None, dtype=None, non_blocking=False, copy=False, memory_format=None):
    """The tensor with another dtype or memory format: to(dtype), to(device, dtype), to(other).

    The tensor itself where nothing changes, unless copy=True; otherwise a recorded copy.
    AssertionError for device 'cuda', RuntimeError for other devices than the CPU.
    """
    if args:
        first, *rest = args
        if isinstance(first, Tensor):
            dtype = first.dtype
        elif type(first) is Dtype or (isinstance(first, type) and not isinstance(first, str)):
            dtype = first
        else:
            device = first
            if rest and not isinstance(rest[0], bool):
                dtype = rest.pop(0)
        if len(rest) > 2:
            raise TypeError(
                f"to() received an invalid combination of arguments: {len(args)} without a name.\n"
                "Use to(dtype), to(device, dtype) or to(other), then non_blocking and copy."
            )
        if len(rest) == 2:
            copy = rest[1]
    check_options("to", device)
    d = type_of("to", dtype, self._a.dtype)
    return _recast(self, d, copy, axes_of(memory_format, self._a.ndim))


def _cast_to(name: str, dtype: str):
    """A method without arguments, such as `x.double()`."""

    d = np.dtype(dtype)

    is_floating = d.kind == "f"

    def short(self):
        a = self._a
        kind = a.dtype
        if not is_floating or type(self) not in PLAIN or kind is d or kind.kind != "f":
            return None
        return made(a.astype(d)) if untracked(self) and a.flags.c_contiguous else None

    def method(self, memory_format=None):
        return _recast(self, d, False, axes_of(memory_format, self._a.ndim))

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor as torch.{dtype}; itself if it is so already."
    return shortcut(short)(overridable(method))


@overridable
def bfloat16(self, memory_format=None):
    """The tensor as torch.bfloat16; itself if it is so already."""
    # its dtype is of a package that may be missing: it is asked for in the call
    return _recast(self, BFLOAT16.numpy, False, axes_of(memory_format, self._a.ndim))


@overridable
def type_as(self, other):
    """The tensor with the dtype of `other`."""
    return _recast(self, need_tensor("type_as", other, 1, "other")._a.dtype, False, None)


@overridable
def cpu(self, memory_format=None):
    """The tensor itself: it lives on the CPU."""
    return _recast(self, self._a.dtype, False, axes_of(memory_format, self._a.ndim))


def cuda(self, device=None, non_blocking=False, memory_format=None):
    """Raises AssertionError: there is no CUDA device."""
    check_options("cuda", "cuda" if device is None else device)
    return self


# --- copies ----------------------------------------------------------------------------------


def _short_clone(input):
    a = input._a
    if type(input) in PLAIN and untracked(input) and a.flags.c_contiguous:
        return made(a.copy())
    return None


@shortcut(_short_clone)
@overridable
def clone(input, *, memory_format=None):
    """A copy with its own memory, through which gradients flow."""
    need_tensor("clone", input)
    return apply(Clone, input, axes=axes_of(memory_format, input._a.ndim))


@overridable
def copy_(self, src, non_blocking=False):
    """Write the values of `src`, broadcast and converted, into this tensor."""
    if isinstance(src, Tensor):
        source = src
    elif isinstance(src, bool | int | float | complex):
        source = wrap(np.array(src))
    else:
        raise TypeError(
            f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}\n"
            "Make one first: torch.tensor(values)."
        )
    given, shape = source._a.shape, self._a.shape
    if given != shape:
        error = broadcast_error("copy_", [shape, given])
        if error is not None:
            raise error
    warn_of_lost_part(source._a.dtype, self._a.dtype)
    return write_copy(self, source)


# --- overwriting -----------------------------------------------------------------------------


def _value(name: str, x: Tensor, value: Any) -> Any:
    """The number or the tensor without dimensions to fill with."""
    if not isinstance(value, Tensor):
        return fitting(number(name, value, 1, "value"), x._a.dtype)
    if value._a.ndim:
        raise RuntimeError(
            f"{name} only supports 0-dimension value tensor but got tensor with {value._a.ndim} "
            f"dimensions.\nUse x.copy_(values) to write different values."
        )
    return value


def _overwrite(cls: type[Node], x: Tensor, kernel: Callable[[], None], name: str) -> Tensor:
    """Run a kernel that writes one number everywhere, which an expanded tensor may get too."""
    if edge_of(x) is not None:
        return write(cls, x, kernel, (x,), {}, name)
    part(x)
    kernel()
    written(x, None, False)
    return x


@overridable
def fill_(input, value):
    """Write one value, a number or a 0-d tensor, everywhere."""
    value = _value("fill_", input, value)
    a = input._a
    if not isinstance(value, Tensor):
        return _overwrite(FillInPlace, input, partial(_fill, input, value), "fill_")
    if not PLAIN:
        value = joined(value, input)
    one = converted(value._a, a.dtype)

    def kernel():
        store(input, one)

    return write(FillInPlaceByTensor, input, kernel, (input, value), {}, "fill_")


@overridable
def fill(input, value):
    """A tensor like `input` with one value everywhere."""
    need_tensor("fill", input)
    value = _value("fill", input, value)
    if isinstance(value, Tensor):
        return apply(FillByTensor, input, value)
    t = apply(Fill, input)
    _fill(t, value)
    return t


def _fill(t: Tensor, number: Any) -> None:
    if type(t._a) is ndarray:
        t._a.fill(number)
    else:
        store(t, np.array(number, t._a.dtype))


@overridable
def zero_(input):
    """Write zero everywhere."""
    return _overwrite(Zero, input, partial(_fill, input, 0), "zero_")


# --- where and how a tensor lies -------------------------------------------------------------


def get_dtype_name(self) -> str:
    """The tensor's type in the old spelling: 'torch.FloatTensor'."""
    return f"torch.{legacy_name(self._a.dtype)}Tensor"


def yes(self) -> bool:
    """True: tensors live on the CPU."""
    return True


def no(self) -> bool:
    """False: tensors are dense, strided, on the CPU."""
    return False


def get_device_of(self):
    """The device: the CPU."""
    return CPU


def get_layout(self):
    """The layout: torch.strided."""
    return strided


def get_device(self) -> int:
    """The number of the tensor's accelerator: -1 for the CPU."""
    return -1


def is_pinned(self, device=None) -> bool:
    """Whether the memory is pinned for copies to a GPU: never."""
    return False


def pin_memory(self, device=None) -> Any:
    """Raises RuntimeError: pinned memory serves copies to a GPU, and there is none."""
    check_options("pin_memory", None, None, True)


# --- promotion -------------------------------------------------------------------------------


def _need_dtype(name: str, position: int, argument: str, value: Any) -> Dtype:
    if type(value) is Dtype:
        return value
    try:
        return from_numpy_dtype(type_of(name, value, np.dtype("float32")))
    except TypeError:
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be torch.dtype, not "
            f"{type(value).__name__}\nThe dtypes are torch.float32, torch.int64, ..."
        ) from None


def promote_types(type1, type2):
    """The smallest dtype to which both dtypes convert."""
    first = _need_dtype("promote_types", 1, "type1", type1)
    second = _need_dtype("promote_types", 2, "type2", type2)
    return from_numpy_dtype(promote(first.numpy, second.numpy))


def result_type(tensor1, tensor2):
    """The dtype of an operation on two tensors or numbers."""
    for value in (tensor1, tensor2):
        if not isinstance(value, Tensor | bool | int | float | complex | np.number | np.bool_):
            raise TypeError(
                "result_type() received an invalid combination of arguments: one is a "
                f"{type(value).__name__}.\nGive tensors or Python numbers."
            )
    return from_numpy_dtype(
        common_type([x._a if isinstance(x, Tensor) else x for x in (tensor1, tensor2)])
    )


def can_cast(from_, to):
    """Whether an in-place operation may convert `from_` to `to`: never to a lower category."""
    given = _need_dtype("can_cast", 1, "from_", from_)
    wanted = _need_dtype("can_cast", 2, "to", to)
    return given.category <= wanted.category


# --- one method a dtype ----------------------------------------------------------------------

half = _cast_to("half", "float16")
float_ = _cast_to("float", "float32")
double = _cast_to("double", "float64")
char = _cast_to("char", "int8")
short = _cast_to("short", "int16")
int_ = _cast_to("int", "int32")
long = _cast_to("long", "int64")
byte = _cast_to("byte", "uint8")
bool_ = _cast_to("bool", "bool")
cfloat = _cast_to("cfloat", "complex64")
cdouble = _cast_to("cdouble", "complex128")
