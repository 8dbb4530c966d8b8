"""What the names in a pickle stand for here: PyTorch's module paths, dynagrad's objects, and which
of them a file of weights may use.
"""

import contextlib
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any

from ..core.dtype import BY_NAME, Size, device
from ..core.tensor import Tensor
from ..errors import LEGACY_NAMES
from ..nn.parameter import Parameter
from .parts import REBUILDERS, layout_of

__all__ = [
    "BYTES",
    "ROOT",
    "STORAGES",
    "Name",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "here",
    "public_module",
    "safe_globals",
    "weights",
]

ROOT = __name__.partition(".")[0]

#: dtypes that have a storage class by name, such as torch.FloatStorage
STORAGES = {
    f"{LEGACY_NAMES[name]}Storage": kind
    for name, kind in BY_NAME.items()
    if name not in ("uint16", "uint32", "uint64")
}


class Name:
    """A name that the file holds: written as it stands, whatever it is called here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any) -> Any:
        """Pickle writes calls of what can be called only; this one is made by the reader."""
        raise TypeError(f"{self.module}.{self.name} is a name in a file")


BYTES = Name("torch.storage", "UntypedStorage")


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """How pickles of the second protocol hold bytes; other codecs may unpack to any size."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise TypeError(f"_codecs.encode of {type(text).__name__} to {encoding!r}")
    return text.encode("latin1")


def _array_of_bytes(content: Any = b"", encoding: Any = "latin1") -> bytearray:
    return bytearray(content if isinstance(content, bytes) else _encoded(content, encoding))


_BUILTINS = {
    **{kind.__name__: kind for kind in (set, frozenset, complex, int, float, bool, slice)},
    "bytearray": _array_of_bytes,
}
#: what a file of weights may name; none of these does more than hold what it is given
_HARMLESS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "Counter"): Counter,
    ("collections", "defaultdict"): defaultdict,
    ("_codecs", "encode"): _encoded,
    ("torch", "Size"): Size,
    ("torch", "Tensor"): Tensor,
    ("torch", "device"): device,
    ("torch.nn.parameter", "Parameter"): Parameter,
    **{(m, name): kind for m in ("builtins", "__builtin__") for name, kind in _BUILTINS.items()},
    **{("torch._utils", name): rebuild for name, rebuild in REBUILDERS.items()},
    ("torch._tensor", "_rebuild_from_type_v2"): REBUILDERS["_rebuild_from_type_v2"],
    ("torch.serialization", "_get_layout"): layout_of,
    **{("torch", name): kind for name, kind in BY_NAME.items()},
    **{("torch", name): kind for name, kind in STORAGES.items()},
    **{("torch.storage", name): kind for name, kind in STORAGES.items()},
    ("torch.storage", "UntypedStorage"): BY_NAME["uint8"],
}
_trusted: dict[tuple[str, str], Any] = {}


def weights(module: str, name: str) -> Any:
    """What a file of weights may mean by a name; None: it may not use it."""
    return _trusted.get((module, name), _HARMLESS.get((module, name)))


def here(module: str) -> str:
    """Where a module of PyTorch's is found here."""
    return ROOT + module[len("torch") :] if module.partition(".")[0] == "torch" else module


def public_module(thing: Any) -> str:
    """The module path under which PyTorch's users know a class or function."""
    module = getattr(thing, "__module__", None) or ""
    return "torch" + module[len(ROOT) :] if module.partition(".")[0] == ROOT else module


def _named(allowed: Any) -> tuple[tuple[str, str], Any]:
    thing, name = allowed if isinstance(allowed, tuple) else (allowed, None)
    if name is None:
        return (public_module(thing), thing.__qualname__), thing
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
