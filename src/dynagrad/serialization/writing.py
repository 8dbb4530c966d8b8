"""Writing objects with tensors in PyTorch's format. Imports names, archive and atomic."""

import io
import os
import pickle
import sys
from collections import OrderedDict
from typing import IO, Any

import numpy as np

from ..core.dtype import (
    Size,
    device,
    dtype,
    from_numpy_dtype,
    layout,
    sparse_coo,
    sparse_csr,
    strided,
)
from ..core.storage import address, in_order, owner, strides_of
from ..core.tensor import Tensor
from ..nn.parameter import Parameter
from .archive import write_archive
from .atomic import checked_path, replacing
from .names import BYTES, STORAGES, Name, here, public_module

__all__ = ["save"]

_TENSOR = Name("torch._utils", "_rebuild_tensor_v2")
_TENSOR_OF_DTYPE = Name("torch._utils", "_rebuild_tensor_v3")
_PARAMETER = Name("torch._utils", "_rebuild_parameter")
_PARAMETER_AND_STATE = Name("torch._utils", "_rebuild_parameter_with_state")
_SPARSE = Name("torch._utils", "_rebuild_sparse_tensor")
_LAYOUT = Name("torch.serialization", "_get_layout")
_SUBCLASS = Name("torch._tensor", "_rebuild_from_type_v2")
_KINDS = {kind.name: Name("torch", name) for name, kind in STORAGES.items()}


#: where PyTorch's users find functions
_HOMES = ("torch.nn.functional", "torch", "torch.special", "torch.linalg", "torch.fft")


def _home(function: Any, name: str, module: str) -> str:
    """The module of PyTorch's that has a function; `module` if none has."""
    for home in _HOMES:
        if getattr(sys.modules.get(here(home)), name, None) is function:
            return home
    return module


class _Memory:
    """A memory on its way into the file: kept apart from the pickle, which holds its number."""

    def __init__(self, kind: Name, number: str, elements: int) -> None:
        self.parts = ("storage", kind, number, "cpu", elements)


def _sparse_parts(t: Any) -> tuple:
    """Indices, values and shape of a sparse tensor, as PyTorch's files hold them."""
    values, size = t._values(), Size(t.shape)
    if t.layout is sparse_coo:
        return t._indices(), values, size, t.is_coalesced()
    if t.layout is sparse_csr:
        return t.crow_indices(), t.col_indices(), values, size
    return t.ccol_indices(), t.row_indices(), values, size


#: Python's own pickler, which its type stubs do not know
_Pickler: Any = pickle._Pickler  # pyright: ignore[reportAttributeAccessIssue]


class _Writer(_Pickler):
    """Pickles under PyTorch's names. Python's own pickler, for C's insists that names can be
    imported here.
    """

    dispatch = {**_Pickler.dispatch}

    def __init__(self, stream: IO[bytes], protocol: int) -> None:
        super().__init__(stream, protocol)
        self.numbers: dict[int, str] = {}
        self.memories: list[np.ndarray] = []

    def persistent_id(self, obj: Any) -> Any:
        """What stands for a memory: its storage class, number, place and size."""
        return obj.parts if isinstance(obj, _Memory) else None

    def reducer_override(self, obj: Any) -> Any:
        """Tensors in parts; everything else as pickle has it."""
        if type(obj) is layout:
            return _LAYOUT, (repr(obj),)
        if not isinstance(obj, Tensor):
            return NotImplemented
        if obj.layout is not strided:
            return _SPARSE, (obj.layout, _sparse_parts(obj))
        if type(obj) is Parameter:
            parts, own = (obj.detach(), obj.requires_grad, OrderedDict()), vars(obj)
            return (_PARAMETER_AND_STATE, (*parts, own)) if own else (_PARAMETER, parts)
        rebuild, args = self._parts(obj)
        state = getattr(obj, "__dict__", None) or None
        if type(obj) is Tensor and state is None:
            return rebuild, args
        return _SUBCLASS, (rebuild, type(obj), args, state)

    def _parts(self, t: Tensor) -> tuple[Name, tuple]:
        a = t._a
        whole = owner(a)
        memory = in_order(whole)
        if memory is None:
            memory = whole = a = np.array(a, order="C")
        number = self.numbers.get(id(whole))
        if number is None:
            number = self.numbers[id(whole)] = str(len(self.memories))
            self.memories.append(memory)
        name = from_numpy_dtype(a.dtype).name
        kind = _KINDS.get(name, BYTES)
        unit = 1 if kind is BYTES else a.itemsize
        shown = _Memory(kind, number, whole.nbytes // unit)
        offset = (address(a) - address(whole)) // a.itemsize if a.size else 0
        place = (shown, offset, tuple(a.shape), strides_of(a), t.requires_grad, OrderedDict())
        return (_TENSOR_OF_DTYPE, (*place, t.dtype)) if kind is BYTES else (_TENSOR, place)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Classes, functions and dtypes by name; what is dynagrad's as PyTorch's."""
        if isinstance(obj, Name):
            module, name = obj.module, obj.name
        elif isinstance(obj, dtype):
            module, name = "torch", obj.name
        elif obj in (Size, Tensor, device):
            module, name = "torch", obj.__name__
        else:
            module, name = public_module(obj), name or obj.__qualname__
            if module.startswith("torch.functions."):
                module = _home(obj, str(name), module)
            if module.partition(".")[0] != "torch":
                super().save_global(obj, name)
                return
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    dispatch[Name] = dispatch[dtype] = dispatch[type(lambda: 0)] = save_global


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write an object with all tensors in it to a file (a path or a binary stream), as torch.save.

    Everything that pickle takes may be in it. A path is written in a new file beside it, which then
    takes its place at once: whatever happens meanwhile (an error, a full disk, the end of the
    process), the path holds the old content or the new one, whole. The format is PyTorch's zip of a
    pickle and of the memories; the older one without a zip is not written. RuntimeError if the
    folder does not exist, OSError where the system refuses.
    """
    path = "" if hasattr(f, "write") else os.fspath(checked_path(f, "write"))
    stream = io.BytesIO()
    writer = _Writer(stream, pickle_protocol)
    writer.dump(obj)
    if hasattr(f, "write"):
        write_archive(f, "archive", stream.getvalue(), writer.memories)
        return
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    name = os.path.splitext(os.path.basename(path))[0]
    with replacing(path) as target:
        write_archive(target, name, stream.getvalue(), writer.memories)
