"""save and load: objects with tensors in a file, in PyTorch's own format.

That is a zip file of a pickle and of the memories that its tensors show.

Files go both ways between the two libraries. Tensors that share memory share it again when loaded.
The pickle names things by PyTorch's module paths; loading finds them in dynagrad.
"""

import contextlib
import importlib
import io
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np

from .core.dtype import BY_NAME, Size, device, dtype, from_numpy_dtype
from .core.storage import address, owner, strides_of
from .core.tensor import Tensor, wrap
from .errors import LEGACY_NAMES
from .functions.tensor_methods import as_subclass
from .nn.parameter import Parameter

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

ROOT = __name__.partition(".")[0]

#: dtypes that have a storage class by name, such as torch.FloatStorage
_STORAGES = {
    f"{LEGACY_NAMES[name]}Storage": kind
    for name, kind in BY_NAME.items()
    if name not in ("uint16", "uint32", "uint64")
}
_STORAGE_OF = {kind.name: name for name, kind in _STORAGES.items()}


class _Global:
    """A name that the file holds: written as it stands, whatever it is called here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any) -> Any:
        return _READERS[self.module, self.name](*args)


# --- the parts of a tensor, as the pickle holds them -----------------------------------------


def _rebuild_tensor(
    memory: np.ndarray,
    offset: int,
    size: tuple,
    stride: tuple,
    requires_grad: bool = False,
    hooks: Any = None,
    *more: Any,
) -> Tensor:
    kind = next((m for m in more if isinstance(m, dtype)), None)
    item = memory.dtype if kind is None else kind.numpy
    t = wrap(
        np.ndarray(
            tuple(size),
            item,
            memory.view(np.uint8),
            offset * item.itemsize,
            tuple(s * item.itemsize for s in stride),
        )
    )
    if requires_grad:
        t.requires_grad = True
    return t


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: Any, state: Any = None) -> Any:
    made = Parameter(data, requires_grad)
    if state:
        vars(made).update(state)
    return made


def _rebuild_subclass(rebuild: Callable, kind: type, args: tuple, state: Any) -> Any:
    made = rebuild(*args)
    if type(made) is not kind:
        made = as_subclass(made, kind)
    if state:
        vars(made).update(state)
    return made


_READERS: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _rebuild_subclass,
}
_TENSOR = _Global("torch._utils", "_rebuild_tensor_v2")
_TENSOR_OF_DTYPE = _Global("torch._utils", "_rebuild_tensor_v3")
_PARAMETER = _Global("torch._utils", "_rebuild_parameter")
_SUBCLASS = _Global("torch._tensor", "_rebuild_from_type_v2")
_KINDS = {name: _Global("torch", name) for name in _STORAGES}
_BYTES = _Global("torch.storage", "UntypedStorage")


# --- writing ---------------------------------------------------------------------------------


class _Memory:
    """A memory on its way into the file: kept apart from the pickle, which holds its number."""

    def __init__(self, kind: _Global, number: str, elements: int) -> None:
        self.parts = ("storage", kind, number, "cpu", elements)


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
        if not isinstance(obj, Tensor):
            return NotImplemented
        if type(obj) is Parameter:
            return _PARAMETER, (obj.detach(), obj.requires_grad, OrderedDict())
        rebuild, args = self._parts(obj)
        state = getattr(obj, "__dict__", None) or None
        if type(obj) is Tensor and state is None:
            return rebuild, args
        return _SUBCLASS, (rebuild, type(obj), args, state)

    def _parts(self, t: Tensor) -> tuple[_Global, tuple]:
        a = t._a
        whole = owner(a)
        if not (whole.flags.c_contiguous or whole.flags.f_contiguous):
            whole = a = np.array(a)
        number = self.numbers.get(id(whole))
        if number is None:
            number = self.numbers[id(whole)] = str(len(self.memories))
            self.memories.append(whole)
        name = from_numpy_dtype(a.dtype).name
        kind = _KINDS.get(_STORAGE_OF.get(name, ""), _BYTES)
        unit = 1 if kind is _BYTES else a.itemsize
        memory = _Memory(kind, number, whole.nbytes // unit)
        offset = (address(a) - address(whole)) // a.itemsize if a.size else 0
        place = (memory, offset, tuple(a.shape), strides_of(a), t.requires_grad, OrderedDict())
        return (_TENSOR_OF_DTYPE, (*place, t.dtype)) if kind is _BYTES else (_TENSOR, place)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Classes, functions and dtypes by name; what is dynagrad's as PyTorch's."""
        if isinstance(obj, _Global):
            module, name = obj.module, obj.name
        elif isinstance(obj, dtype):
            module, name = "torch", obj.name
        elif obj in (Size, Tensor, device):
            module, name = "torch", obj.__name__
        elif getattr(obj, "__module__", "").partition(".")[0] == ROOT:
            module, name = "torch" + obj.__module__[len(ROOT) :], name or obj.__qualname__
        elif getattr(obj, "__module__", "").partition(".")[0] == "torch":
            module, name = obj.__module__, name or obj.__qualname__
        else:
            super().save_global(obj, name)
            return
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    dispatch[_Global] = dispatch[dtype] = dispatch[type(lambda: 0)] = save_global


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write an object with all tensors in it to a file (a path or a binary stream), as torch.save.

    Everything that pickle takes may be in it. The old format without a zip is not written.
    """
    stream = io.BytesIO()
    writer = _Writer(stream, pickle_protocol)
    writer.dump(obj)
    if hasattr(f, "write"):
        _write_archive(f, "archive", stream.getvalue(), writer.memories)
        return
    path = os.fspath(f)
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    name = os.path.splitext(os.path.basename(path))[0]
    _write_archive(path, name, stream.getvalue(), writer.memories)


def _write_archive(target: Any, name: str, text: bytes, memories: list[np.ndarray]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{name}/data.pkl", text)
        archive.writestr(f"{name}/byteorder", "little")
        for number, memory in enumerate(memories):
            little = memory.astype(memory.dtype.newbyteorder("<"), copy=False)
            archive.writestr(f"{name}/data/{number}", little.tobytes(order="A"))
        archive.writestr(f"{name}/version", "3\n")


# --- reading ---------------------------------------------------------------------------------

_SAFE_BUILTINS = {"set", "frozenset", "complex", "bytearray", "int", "float", "bool", "slice"}
_SAFE = {
    ("collections", "OrderedDict"),
    ("collections", "Counter"),
    ("collections", "defaultdict"),
    ("_codecs", "encode"),
    ("torch", "Size"),
    ("torch", "Tensor"),
    ("torch", "device"),
    ("torch.nn.parameter", "Parameter"),
    *((module, name) for module in ("builtins", "__builtin__") for name in _SAFE_BUILTINS),
}
_trusted: dict[tuple[str, str], Any] = {}

_NOT_A_WEIGHT = """\
Weights only load failed. Unsupported global: GLOBAL {name} was not an allowed global by default.
The file holds more than tensors and plain containers, and unpickling it can run any code. If you \
trust its source, load it with torch.load(..., weights_only=False), or allow this name alone with \
torch.serialization.add_safe_globals([{last}])."""


class _Reader(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, folder: str, map_location: Any, strict: bool):
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self.archive, self.folder, self.strict = archive, folder, strict
        self.map_location = map_location
        self.memories: dict[str, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle stands for here; names beyond weights only if that is asked."""
        known = _READERS.get((module, name))
        if known is not None:
            return known
        if module in ("torch", "torch.storage") and (name in _STORAGES or name == "UntypedStorage"):
            return _STORAGES.get(name, BY_NAME["uint8"])
        if module == "torch" and name in BY_NAME:
            return BY_NAME[name]
        if (module, name) in _trusted:
            return _trusted[module, name]
        if self.strict and (module, name) not in _SAFE:
            raise pickle.UnpicklingError(
                _NOT_A_WEIGHT.format(name=f"{module}.{name}", last=name.split(".")[0])
            )
        if module.partition(".")[0] == "torch":
            module = ROOT + module[len("torch") :]
            importlib.import_module(module)
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The memory of a number, read once; views into it share it."""
        _, kind, number, location, _ = pid
        if str(location).startswith("cuda") and self.map_location is None:
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() "
                "is False. If you are running on a CPU-only machine, please use torch.load with "
                "map_location=torch.device('cpu') to map your storages to the CPU."
            )
        if number not in self.memories:
            content = self.archive.read(f"{self.folder}data/{number}")
            self.memories[number] = np.frombuffer(bytearray(content), np.uint8)
        return self.memories[number].view(kind.numpy)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `save` wrote, here or in PyTorch, as torch.load: all tensors are on the CPU.

    Unless `weights_only` is False, only tensors and plain containers are read, and anything else
    raises pickle.UnpicklingError, because unpickling can run any code.
    """
    if not hasattr(f, "read"):
        with open(f, "rb") as stream:
            return load(stream, map_location, weights_only=weights_only)
    try:
        archive = zipfile.ZipFile(f)
    except zipfile.BadZipFile:
        raise pickle.UnpicklingError(
            "Invalid magic number; corrupt file?\nThe file is no zip, so it was not written by "
            "torch.save since release 1.6. Load an older file with PyTorch and save it anew."
        ) from None
    with archive:
        entry = next((n for n in archive.namelist() if n.rpartition("/")[2] == "data.pkl"), None)
        if entry is None:
            raise RuntimeError(
                "PytorchStreamReader failed locating file data.pkl: file not found\n"
                "The zip was not written by torch.save, or not completely."
            )
        return _Reader(
            archive, entry[: -len("data.pkl")], map_location, weights_only is not False
        ).load()


# --- names that loading weights may use ------------------------------------------------------


def _named(allowed: Any) -> tuple[tuple[str, str], Any]:
    thing, name = allowed if isinstance(allowed, tuple) else (allowed, None)
    if name is None:
        module = thing.__module__
        if module.partition(".")[0] == ROOT:
            module = "torch" + module[len(ROOT) :]
        return (module, thing.__qualname__), thing
    module, _, last = name.rpartition(".")
    return (module, last), thing


def add_safe_globals(safe_globals: list) -> None:
    """Let weights_only loads use these classes and functions, or (object, "module.name") pairs."""
    _trusted.update(map(_named, safe_globals))


def get_safe_globals() -> list:
    """What add_safe_globals allowed."""
    return list(_trusted.values())


def clear_safe_globals() -> None:
    """Forget what add_safe_globals allowed."""
    _trusted.clear()


@contextlib.contextmanager
def safe_globals(allowed: list) -> Iterator[None]:
    """add_safe_globals for one block."""
    before = dict(_trusted)
    add_safe_globals(allowed)
    try:
        yield
    finally:
        _trusted.clear()
        _trusted.update(before)
