"""PyTorch's old constructors: torch.Tensor(...), torch.FloatTensor(...), x.type(...).

They make a tensor of sizes, Tensor(2, 3), or of data, Tensor([1, 2]), in one dtype.
"""

from typing import Any

import numpy as np

from ..core import dtype as dtypes
from ..core.dtype import Size, from_numpy_dtype, set_default_dtype
from ..core.overrides import overridable
from ..core.tensor import Tensor, edge_of, new, wrap
from ..core.views import detached, view
from ..ops.conversion import alias
from .arguments import one_size
from .conversion import get_dtype_name, to
from .factory import check_options, default_float, need_gradients, shape_of, warn_once
from .from_data import array_of
from .nodes import node

__all__ = [
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "set_default_tensor_type",
]

Alias = node("AliasBackward0", alias)


def _constructed(args: tuple, d: np.dtype, strict: bool) -> Tensor:
    """The tensor of an old constructor's arguments; `strict`: a tensor must have dtype `d`."""
    if not args:
        return wrap(np.empty(0, d))
    first = args[0]
    if len(args) == 1 and isinstance(first, Tensor):
        if strict and first._a.dtype != d:
            raise TypeError(
                f"expected a tensor of dtype torch.{d.name} (got torch.{first._a.dtype.name})\n"
                f"Convert it: x.to(torch.{d.name})."
            )
        if edge_of(first) is None:
            return detached(first)
        return view(Alias, first, first._a[...], {})
    if len(args) == 1 and not isinstance(first, Size):
        if one_size(first) is None:
            if not isinstance(first, str | bytes) and not hasattr(first, "__len__"):
                raise TypeError(
                    f"new(): data must be a sequence (got {type(first).__name__})\nUse "
                    "torch.tensor(value) for a single number."
                )
            return wrap(array_of(first, from_numpy_dtype(d), "new"))
    return wrap(np.empty(shape_of("new", args), d))


def construct(cls, *args, device=None, **kwargs):
    """A tensor of sizes, Tensor(2, 3), or of data, Tensor([1, 2]), of default floating dtype."""
    check_options("new", device)
    if cls is Tensor and kwargs:
        raise TypeError(
            f"new() received an invalid combination of arguments: {sorted(kwargs)} are unknown.\n"
            "torch.tensor(data, dtype=..., requires_grad=...) has these arguments."
        )
    made = _constructed(args, default_float(), strict=False)
    if cls is Tensor:
        return made
    t = new(cls)
    t._a, t._e, t._v = made._a, made._e, made._v
    if made._v is not None and hasattr(made, "_b"):
        t._b = made._b
    return t


def new_of_type(self, *args, device=None):
    """A tensor of sizes or of data, in this tensor's dtype (the old form of new_empty)."""
    check_options("new", device)
    return _constructed(args, self._a.dtype, strict=True)


def make_subclass(cls, data, require_grad=False, **options):
    """An instance of a Tensor subclass on the memory of `data`, without its history."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"cls must be a type that inherits from Tensor, got {cls!r}")
    if not isinstance(data, Tensor):
        raise TypeError(
            f"_make_subclass(): argument 'data' (position 2) must be Tensor, not "
            f"{type(data).__name__}\nMake one first: torch.tensor(data)."
        )
    source = detached(data)
    t = new(cls)
    t._a, t._e, t._v = source._a, None, source._v
    return need_gradients(t) if require_grad else t


# --- one type a dtype ------------------------------------------------------------------------


class tensortype(type):  # noqa: N801 - PyTorch's name
    """The class of torch.FloatTensor and its kin: calling one makes a plain Tensor of its dtype."""

    dtype: dtypes.dtype
    is_cuda = False
    is_sparse = False

    def __new__(mcs, name: str, dtype: dtypes.dtype):
        kind = super().__new__(mcs, name, (), {"__module__": "torch"})
        kind.dtype = dtype
        return kind

    def __init__(cls, name: str, dtype: dtypes.dtype):
        cls.__doc__ = f"Tensors of {dtype}: makes them of sizes or of data, and is their type."

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        check_options("new", device)
        return _constructed(args, cls.dtype.numpy, strict=True)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


FloatTensor = tensortype("FloatTensor", dtypes.float32)
DoubleTensor = tensortype("DoubleTensor", dtypes.float64)
HalfTensor = tensortype("HalfTensor", dtypes.float16)
BFloat16Tensor = tensortype("BFloat16Tensor", dtypes.bfloat16)
LongTensor = tensortype("LongTensor", dtypes.int64)
IntTensor = tensortype("IntTensor", dtypes.int32)
ShortTensor = tensortype("ShortTensor", dtypes.int16)
CharTensor = tensortype("CharTensor", dtypes.int8)
ByteTensor = tensortype("ByteTensor", dtypes.uint8)
BoolTensor = tensortype("BoolTensor", dtypes.bool_)

_TYPES = {
    f"torch.{kind.__name__}": kind
    for kind in (
        *(FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor, LongTensor),
        *(IntTensor, ShortTensor, CharTensor, ByteTensor, BoolTensor),
    )
}


@overridable
def type_(self, dtype=None, non_blocking=False):
    """The type's old name without an argument; else the tensor in the dtype or old type named."""
    if dtype is None:
        return get_dtype_name(self)
    if dtype is Tensor or dtype == "torch.Tensor":
        return to(self, from_numpy_dtype(default_float()))
    return to(self, dtype if isinstance(dtype, dtypes.dtype) else _type_of(dtype).dtype)


def _type_of(given: Any) -> tensortype:
    if isinstance(given, tensortype):
        return given
    if isinstance(given, str) and given in _TYPES:
        return _TYPES[given]
    if isinstance(given, str) and given.startswith("torch.cuda."):
        raise RuntimeError(f"{given} lives on a CUDA device; dynagrad computes on the CPU")
    name = given.__name__ if isinstance(given, type) else given
    if not isinstance(name, str):
        raise TypeError(f"dtype must be a type, str, or dtype object, not {type(name).__name__}")
    raise ValueError(
        f"invalid type: {name!r}\nGive a dtype such as torch.float64, or one of the old names: "
        f"{', '.join(_TYPES)}."
    )


def set_default_tensor_type(t):
    """Set the default floating dtype by an old type or its name (deprecated)."""
    warn_once(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives."
    )
    set_default_dtype(t if isinstance(t, dtypes.dtype) else _type_of(t).dtype)
