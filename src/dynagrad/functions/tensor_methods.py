"""What belongs to the tensor itself: how it prints, converts to Python and NumPy, copies, pickles,
is detached and subclassed.
"""

import copy
from typing import Any

import numpy as np

from ..core.carriers.batched import Batched, BatchLevel
from ..core.carriers.carrier import Carrier, detached_array, here
from ..core.carriers.dual import Dual
from ..core.complaints import legacy_name, type_name
from ..core.dtype import BY_NAME, FLOATING, category, from_numpy_dtype, get_default_dtype
from ..core.overrides import ask_overrides, override_disabled
from ..core.quiet import warn
from ..core.storage import owner
from ..core.tape import AccumulateGrad, Family, grad_mode
from ..core.tensor import (
    Tensor,
    base_of,
    edge_of,
    family_of,
    freeze,
    new,
    note_cut,
    set_requires_grad,
    with_edge,
    wrap,
)
from ..core.views import detached
from ..core.watch import OWN, PLAIN, overriding, take_as_own, watched_call, watchers
from .printing import format_spec, format_tensor, format_wrapped, suffixes_for

__all__ = [
    "from_dlpack",
]

NUMPY_NEEDS_DETACH = (
    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.\n"
    "An array carries no history, so the gradient would be lost silently."
)

# --- printing -------------------------------------------------------------------------------------


def grad_fn_name(t: Tensor) -> str | None:
    """The name of the tensor's node as `repr` shows it."""
    try:
        node = t.grad_fn
    except RuntimeError:  # a view that must not be used any more
        return "Invalid"
    return None if node is None else type(node).__name__


def text_of(t: Tensor, prefix: str = "tensor(") -> str:
    """The tensor as PyTorch prints it, without a name in front."""
    held = t._a
    if type(held) is Batched:
        value = held.value if isinstance(held.value, Tensor) else wrap(held.value)
        depth = sum(isinstance(level, BatchLevel) for level in held.levels)
        return format_wrapped(
            "BatchedTensor", depth, text_of(value), bdim=0 if held.is_batched else None
        )
    if type(held) is Dual:
        shown = text_of(with_edge(held.primal, edge_of(t)), prefix)
        if held.tangent is None or not held.level.alive:
            return shown
        return f"{shown[:-1]}, tangent={text_of(wrap(held.tangent))})"
    suffixes = suffixes_for(
        t.dtype.name,
        get_default_dtype().name,
        t._a.shape,
        requires_grad=t.requires_grad,
        grad_fn_name=grad_fn_name(t),
    )
    return format_tensor(t._a, suffixes=suffixes, prefix=prefix)


def tensor_repr(self, *, tensor_contents=None) -> str:
    """The values, and what distinguishes the tensor: dtype, grad_fn or requires_grad."""
    kind = type(self)
    if kind not in PLAIN and overriding:
        answer = ask_overrides(tensor_repr, (self,), {})
        if answer is not NotImplemented:
            return answer
    return text_of(self, "tensor(" if kind in OWN else f"{kind.__name__}(")


tensor_repr.__name__ = "__repr__"  # what `__torch_function__` reads


def tensor_format(self, spec: str) -> str:
    """Python's formatting of the number for a 0-d tensor; other tensors take no format."""
    return format_spec(self._a, spec, self.__repr__, type_name=type(self).__name__)


# --- to Python ------------------------------------------------------------------------------------


def item(self):
    """The value of a tensor with one element as a Python number; RuntimeError for more elements."""
    if overriding and watchers.get():
        answer = watched_call(item, (self,), {})
        if answer is not NotImplemented:
            return answer
    if self._a.size != 1:
        raise RuntimeError(
            f"a Tensor with {self._a.size} elements cannot be converted to Scalar\n"
            f"The tensor has shape {list(self._a.shape)}; index one element first, reduce it "
            "(.sum(), .mean()), or use .tolist() for all of them."
        )
    value = self._a.item()
    return value if isinstance(value, int | float | complex) else float(value)


def tolist(self):
    """The values as nested lists of Python numbers."""
    a = self._a
    return (
        a.astype(np.float32).tolist()
        if a.dtype.kind == "V" or a.dtype.name == "bfloat16"
        else a.tolist()
    )


def tensor_bool(self) -> bool:
    """The truth of a tensor with one element."""
    if isinstance(self._a, Carrier):
        return bool(self._a)
    if self._a.size > 1:
        raise RuntimeError(
            "Boolean value of Tensor with more than one value is ambiguous\n"
            f"The tensor has shape {list(self._a.shape)}; use .any() or .all(), or compare single "
            "elements."
        )
    if self._a.size == 0:
        raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
    return bool(self._a.item())


def _single(t: Tensor) -> Any:
    if t._a.size != 1:
        raise ValueError(
            "only one element tensors can be converted to Python scalars\nThe tensor has shape "
            f"{list(t._a.shape)}; index one element first, or reduce it (.sum(), .mean())."
        )
    return item(t)


def tensor_int(self) -> int:
    """The value of a tensor with one element as an int."""
    return int(_single(self))


def tensor_float(self) -> float:
    """The value of a tensor with one element as a float."""
    return float(_single(self))


def tensor_complex(self) -> complex:
    """The value of a tensor with one element as a complex number."""
    return complex(_single(self))


def tensor_index(self) -> int:
    """The value of an integer tensor with one element, for use as an index."""
    if self._a.size != 1 or category(self._a.dtype) >= FLOATING:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self._a.item())


# --- to and from NumPy ----------------------------------------------------------------------------


def numpy(self, *, force: bool = False) -> np.ndarray:
    """The values as an ndarray on the same memory; `force` detaches first. RuntimeError if the
    tensor requires grad.
    """
    if edge_of(self) is not None and not force and grad_mode.get():
        raise RuntimeError(NUMPY_NEEDS_DETACH)
    family_of(self)
    a = self._a
    if type(a) is not np.ndarray:
        a = (detached_array(a) if force else a).handed()
        if isinstance(a, Carrier):
            raise RuntimeError(
                "Cannot access data pointer of Tensor that doesn't have storage\nInside a function "
                "that vmap or jvp transforms, a tensor stands for a whole batch, or has a tangent "
                "that NumPy would lose. Use the library's functions on it, detach() a tangent, or "
                f"convert what the function returns. {here()}"
            )
    return a


def array(self, dtype=None, copy=None) -> np.ndarray:
    """NumPy's conversion protocol; shares memory unless another dtype or a copy is asked for."""
    a = numpy(self)
    if dtype is not None and a.dtype != dtype:
        if copy is False:
            raise ValueError(
                f"cannot convert {a.dtype.name} to {np.dtype(dtype).name} without a copy"
            )
        return a.astype(dtype)
    return a.copy() if copy else a


def dlpack(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    """The array-exchange protocol; the consumer shares the memory."""
    if edge_of(self) is not None:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream not in (None, -1):
        raise BufferError(f"stream must be None for a CPU tensor, got {stream}")
    family_of(self)
    if self._a.dtype == np.bool_ and max_version is None:
        return self._a.view(np.uint8).__dlpack__()
    return self._a.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)


def dlpack_device(self) -> tuple[int, int]:
    """The device of the exchanged array: the CPU."""
    return self._a.__dlpack_device__()


class _OfCapsule:
    """What stands behind a bare capsule, in the form that NumPy asks for."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def array(self) -> np.ndarray:
        """The memory, writable: NumPy protects what an old capsule shows, PyTorch does not."""
        self.kept = np.from_dlpack(self)  # pyright: ignore[reportArgumentType]
        interface = self.kept.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}
        return np.asarray(self)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of any array that speaks DLPack."""
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    if type(ext_tensor).__name__ == "PyCapsule":
        return wrap(_OfCapsule(ext_tensor).array())
    a = np.from_dlpack(ext_tensor, copy=copy)
    return wrap(a)


# --- detaching ------------------------------------------------------------------------------------


def detach(self) -> Tensor:
    """The same memory and version without history."""
    if type(self) not in PLAIN and overriding:
        answer = ask_overrides(detach, (self,), {})
        if answer is not NotImplemented:
            return answer
    return detached(self)


def detach_(self) -> Tensor:
    """Drop the tensor's history in place; RuntimeError for views, whose base would keep it."""
    if overriding and watchers.get():
        answer = watched_call(detach_, (self,), {})
        if answer is not NotImplemented:
            return answer
    if base_of(self) is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using "
            "DistributedDataParallel, set gradient_as_bucket_view=False."
        )
    if self._e is not None:
        note_cut(family_of(self), self._e, "detach_")
    freeze(self)
    if not PLAIN:
        self._a = detached_array(self._a)
    return self


def requires_grad_(self, requires_grad: bool = True) -> Tensor:
    """Set `requires_grad` in place and return the tensor."""
    set_requires_grad(self, requires_grad, "floating point")
    return self


def get_data(self) -> Tensor:
    """The same memory without history and with a version of its own: writes to it are invisible to
    autograd.
    """
    t = wrap(self._a if PLAIN else detached_array(self._a))
    edge = self._e
    if edge is not None and type(edge) is not AccumulateGrad:  # a leaf's is told by its memory
        t._v = family = Family()
        note_cut(family, edge, ".data")
    return t


def set_data(self, value: Tensor) -> None:
    """Give the tensor other memory (also of another shape or dtype); its identity, history and
    version stay.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type_name(value)}")
    if edge_of(self) is not None and category(value._a.dtype) < FLOATING:
        raise RuntimeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype"
        )
    self._a = value._a


def get_grad(self) -> Tensor | None:
    """The accumulated gradient, or None; a warning for tensors whose gradient is not kept."""
    edge = self._e
    g = getattr(self, "_g", None)
    if (
        g is None
        and edge is not None
        and type(edge) is not AccumulateGrad
        and not self.retains_grad
    ):
        warn(
            "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
            ".grad attribute won't be populated during autograd.backward(). If you indeed want "
            "the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
            "non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access "
            "the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more "
            "informations."
        )
    return g


def set_grad(self, value: Tensor | None) -> None:
    """Replace the gradient by a tensor of the same shape and dtype, or by None."""
    if value is None:
        self._g = None
        return
    if not isinstance(value, Tensor):
        raise TypeError(
            f"assigned grad expected to be a Tensor or None but got grad of type {type_name(value)}"
        )
    if value is self:
        raise RuntimeError("can't assign Variable as its own grad")
    if value._a.dtype != self._a.dtype:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{legacy_name(value._a.dtype).lower()}' "
            f"to a tensor with grad_dtype '{legacy_name(self._a.dtype)}'. The gradient must have "
            "the tensor's dtype: convert it with .to(tensor.dtype)."
        )
    if value._a.shape != self._a.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(value._a.shape)}' to a tensor of "
            f"size '{list(self._a.shape)}'. Please ensure that the gradient and the tensor are "
            "the same size"
        )
    self._g = value


def del_grad(self) -> None:
    """Forget the gradient."""
    self._g = None


def get_grad_dtype(self: Tensor) -> Any:
    """The dtype of a leaf's gradient, which is its own."""
    if not self.is_leaf:
        raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
    return self.dtype


def set_grad_dtype(self: Tensor, value: Any) -> None:
    """Gradients have the dtype of their tensor: only that one is taken."""
    if not self.is_leaf:
        raise RuntimeError("grad_dtype can only be set on leaf tensors.")
    if value is not self.dtype:
        raise RuntimeError(
            f"grad_dtype {value} of a tensor of {self.dtype}: gradients have the dtype of their "
            "tensor here\nConvert the gradient where it is read, as in x.grad.float()."
        )


def get_name(self: Tensor) -> Any:
    """None, unless the tensor was given a name."""
    return self.__dict__.get("name")


def set_name(self: Tensor, value: Any) -> None:
    """Name the tensor, as subclasses do."""
    self.__dict__["name"] = value


def get_volatile(self: Tensor) -> bool:
    """False: the flag was removed."""
    warn("volatile was removed (Variable.volatile is always False)")
    return False


def set_volatile(self: Tensor, value: Any) -> None:
    """Without effect: the flag was removed."""
    warn("volatile was removed and now has no effect. Use `with torch.no_grad():` instead.")


def is_inference(self) -> bool:
    """Whether the tensor was made under inference_mode and may not be recorded: never here (see the
    README).
    """
    return False


# --- copies and pickles ---------------------------------------------------------------------------


def deepcopy(self, memo):
    """A copy with its own memory; only for leaves."""
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    found = memo.get(id(self))
    if found is not None:
        return found
    t = new(type(self))
    memo[id(self)] = t
    t._a = _copied_memory(self._a, memo)
    t._e = t._v = None
    t.requires_grad = self.requires_grad
    g = getattr(self, "_g", None)
    if g is not None:
        t._g = copy.deepcopy(g, memo)
    if self.__dict__:
        t.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return t


def _copied_memory(a: np.ndarray, memo: dict) -> np.ndarray:
    """A copy of an array whose owner is copied once, so that tensors which shared memory share
    their copies' too.
    """
    if isinstance(a, Carrier):
        a = a.handed()
    whole = owner(a)
    if whole is a or not whole.flags.c_contiguous:
        return np.array(a, order="K")
    key = ("memory", id(whole))
    if key not in memo:
        memo[key] = np.array(whole)
        memo[key, "alive"] = whole
    offset = a.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return np.ndarray(a.shape, a.dtype, memo[key], offset, a.strides)


def reduce_ex(self, protocol):
    """Pickling: values, requires_grad and attributes. What comes back is a leaf: history is not
    kept, as in PyTorch.
    """
    state = self.__dict__ or None
    a = self._a.handed() if isinstance(self._a, Carrier) else self._a
    name = from_numpy_dtype(a.dtype).name
    plain = a.view(np.uint16) if name == "bfloat16" else a
    return rebuild_tensor, (type(self), np.array(plain), name, self.requires_grad, state)


def rebuild_tensor(
    kind: type, a: np.ndarray, name: str, requires_grad: bool, state: dict | None
) -> Tensor:
    """A tensor from its pickled parts."""
    t = new(kind)
    t._a = a.view(BY_NAME[name].numpy) if name == "bfloat16" else a
    t._e = t._v = None
    t.requires_grad = requires_grad
    if state:
        t.__dict__.update(state)
    return t


# --- subclasses -----------------------------------------------------------------------------------


def init_subclass(cls, **kwargs: Any) -> None:
    """Every subclass takes part in `__torch_function__`; the hot paths ask only while such a class
    exists.
    """
    super(Tensor, cls).__init_subclass__(**kwargs)
    if cls.__torch_function__ is not disabled_torch_function:
        overriding.add(cls)
    else:
        take_as_own(cls)


def torch_function(cls, func, types, args=(), kwargs=None):
    """The default: compute as for Tensors, and give Tensor results the class of the caller."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    token = override_disabled.set(True)
    try:
        result = func(*args, **(kwargs or {}))
    finally:
        override_disabled.reset(token)
    return result if func in KEEP_CLASS else _as_class(result, cls)


def disabled_torch_function(func, types, args=(), kwargs=None):
    """For classes that are computed with as plain Tensors: `__torch_function__ =
    torch._C._disabled_torch_function_impl`.
    """
    return NotImplemented


#: functions whose result is not converted to the subclass
KEEP_CLASS: set[Any] = {tensor_repr}


def _as_class(result: Any, cls: type) -> Any:
    if type(result) is tuple or type(result) is list:
        return type(result)(_as_class(r, cls) for r in result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return type(result)(*(_as_class(r, cls) for r in result))
    return as_subclass(result, cls) if type(result) is Tensor and cls is not Tensor else result


def as_subclass(self, cls: type) -> Any:
    """The same tensor (memory, history) as an instance of `cls`."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"cls must be a type that inherits from Tensor, got {cls!r}")
    t = new(cls)
    t._a = self._a
    t._e = edge_of(self)
    t._v = self._v
    base = base_of(self)
    if base is not None:
        t._b = base
    return t
