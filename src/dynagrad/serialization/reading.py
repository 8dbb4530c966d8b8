"""Reading what torch.save has written. Imports names, machine and archive."""

import io
import os
import pickle
from typing import Any

import numpy as np

from ..core.dtype import check_device, device, dtype
from .archive import Archive
from .atomic import checked_path
from .machine import Machine
from .names import get_safe_globals, here, weights

__all__ = ["get_unsafe_globals_in_checkpoint", "load"]

_NOT_WEIGHTS = """\
Weights only load failed. Unsupported global: GLOBAL {first} was not an allowed global by default.
The file holds more than tensors and plain containers{others}. Nothing of it was run; unpickling \
it would run{calls}
If you trust its source, load it with torch.load(..., weights_only=False), or allow the names \
alone with torch.serialization.add_safe_globals([{last}])."""


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

    Unless `weights_only` is False, only tensors and plain containers are read, nothing in the file
    is run, and pickle.UnpicklingError tells what it would have run. `mmap=True` reads the memories
    of a file given by its path when they are looked at. RuntimeError for a file that is damaged.
    """
    if weights_only and pickle_module is not None:
        raise RuntimeError(
            "Can not safely load weights when explicit pickle_module is specified\n"
            "With weights_only=True no pickle module is used: leave pickle_module out."
        )
    if not hasattr(f, "read"):
        with open(checked_path(f, "read"), "rb") as stream:
            return _load(stream, os.fspath(f) if mmap else None, map_location, weights_only)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    return _load(f, None, map_location, weights_only)


def _load(stream: Any, mapped: str | None, map_location: Any, weights_only: bool | None) -> Any:
    archive = Archive(stream, mapped)
    memories = _Memories(archive, map_location)
    if weights_only is False:
        return _Unpickler(archive.text(), memories).load()
    machine = Machine(archive.text(), weights, memories, _trusted_class)
    try:
        result = machine.run()
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(f"Weights only load failed. {error}") from error
    if machine.names:
        raise pickle.UnpicklingError(_refusal(machine))
    return result


def _trusted_class(kind: type) -> bool:
    return any(kind is trusted for trusted in get_safe_globals())


def _refusal(machine: Machine) -> str:
    first, *others = machine.names
    calls = [f"\n    {call}" for call in machine.calls[:20]]
    if len(machine.calls) > 20:
        calls.append(f"\n    and {len(machine.calls) - 20} more")
    return _NOT_WEIGHTS.format(
        first=first,
        others=f" (also {', '.join(others)})" if others else "",
        calls=":" + "".join(calls) if calls else " code of these names.",
        last=", ".join(name.rpartition(".")[2] for name in machine.names),
    )


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file that weights_only=True would not allow, as "module.name"."""
    if not hasattr(f, "read"):
        with open(f, "rb") as stream:
            return get_unsafe_globals_in_checkpoint(stream)
    archive = Archive(f)
    machine = Machine(archive.text(), weights, _Memories(archive, "cpu"), _trusted_class)
    machine.run()
    return machine.names


class _Memories:
    """The memories of an archive, each read once: views into it share it."""

    def __init__(self, archive: Archive, map_location: Any):
        self.archive = archive
        self.map_location = map_location
        self.read: dict[tuple[str, dtype], np.ndarray] = {}
        self.bytes: dict[str, np.ndarray] = {}

    def __call__(self, pid: Any) -> np.ndarray:
        storage, kind, number, location, elements = pid
        if storage != "storage" or not isinstance(kind, dtype) or not isinstance(number, str):
            raise pickle.UnpicklingError(f"the file's pickle is damaged: storage {pid!r}")
        self._check_location(str(location))
        if number not in self.bytes:
            memory = self.archive.memory(number, kind.numpy, elements)
            self.bytes[number] = memory.view(np.uint8)
        return self.bytes[number].view(kind.numpy)

    def _check_location(self, location: str) -> None:
        """RuntimeError where a memory belongs to a device that is not here."""
        wanted = self.map_location
        if isinstance(wanted, dict):
            location = str(wanted.get(location, location))
        elif wanted is not None and not callable(wanted):
            location = str(wanted)
        elif callable(wanted):
            return
        if location.startswith("cuda"):
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() "
                "is False. If you are running on a CPU-only machine, please use torch.load with "
                "map_location=torch.device('cpu') to map your storages to the CPU."
            )
        check_device(device(location))


class _Unpickler(pickle.Unpickler):
    """Python's own machine, under PyTorch's names: it calls whatever the file names."""

    def __init__(self, text: bytes, memories: _Memories):
        super().__init__(io.BytesIO(text))
        self.memories = memories

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle stands for here."""
        known = weights(module, name)
        return super().find_class(here(module), name) if known is None else known

    def persistent_load(self, pid: Any) -> np.ndarray:
        """The memory of a number."""
        return self.memories(pid)
