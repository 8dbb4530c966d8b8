"""Tensors in the safetensors format, as the module safetensors.torch: no pickle, nothing to run.

Needs the package safetensors (`pip install 'dynagrad[safetensors]'`), which reads and writes the
format; here tensors become its bytes and come back.
"""

import os
from typing import Any

import numpy as np

from ..core.dtype import BY_NAME
from ..core.storage import owner
from ..core.tensor import Tensor, wrap
from ..extras import optional
from .atomic import replacing

__all__ = ["load", "load_file", "load_model", "save", "save_file", "save_model"]

#: the format's short names, which reading gives
_DTYPES = {
    **{"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool"},
    **{f"I{n}": f"int{n}" for n in (8, 16, 32, 64)},
    **{f"U{n}": f"uint{n}" for n in (8, 16, 32, 64)},
    "C64": "complex64",
}


def _library(name: str) -> Any:
    return optional(name, "safetensors", "dynagrad.serialization.safetensors")


def _arrays(tensors: Any) -> dict[str, np.ndarray]:
    """The tensors' arrays, which share no memory and lie in rows."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, t in tensors.items():
        if not isinstance(t, Tensor):
            raise ValueError(
                f"Key `{name}` is invalid, expected torch.Tensor but received {type(t)}"
            )
    shared = [names for names in _sharing(tensors) if len(names) > 1]
    if shared:
        raise RuntimeError(
            "Some tensors share memory, this will lead to duplicate memory on disk and potential "
            f"differences when loading them again: {shared}.\nA potential way to correctly save "
            "your model is to use `save_model`, or clone() all but one of them."
        )
    for name, t in tensors.items():
        if not t._a.flags.c_contiguous:
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. "
                "It either means you are trying to save tensors which are reference of each other "
                "in which case it's recommended to save only the full tensors, and reslice at load "
                "time, or simply call `.contiguous()` on your tensor to pack it before saving."
            )
    return {name: t._a for name, t in tensors.items()}


def _sharing(tensors: dict[str, Tensor]) -> list[list[str]]:
    """Names in groups, by the memory that their tensors show."""
    groups: dict[int, list[str]] = {}
    for name, t in tensors.items():
        if t._a.size:
            groups.setdefault(id(owner(t._a)), []).append(name)
    return [sorted(names) for names in groups.values()]


def _unpacked(content: list[tuple[str, dict[str, Any]]]) -> dict[str, Tensor]:
    tensors = {}
    for name, part in content:
        kind = BY_NAME[_DTYPES[part["dtype"]]].numpy
        data = np.frombuffer(bytearray(part["data"]), kind.newbyteorder("<"))
        tensors[name] = wrap(data.astype(kind, copy=False).reshape(part["shape"]))
    return tensors


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """The tensors in the format, as bytes. RuntimeError if some share memory, ValueError for what
    is no tensor or not contiguous.
    """
    arrays = _arrays(tensors)
    return _library("safetensors.numpy").save(arrays, metadata)


def save_file(
    tensors: dict[str, Tensor], filename: Any, metadata: dict[str, str] | None = None
) -> None:
    """Write the tensors to a file, whole or not at all, as torch.save does; errors as `save`."""
    content = save(tensors, metadata)
    with replacing(os.fspath(filename)) as target:
        target.write(content)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in what `save` has returned. SafetensorError if it is damaged."""
    return _unpacked(_library("safetensors").deserialize(data))


def load_file(filename: Any, device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors of a file. SafetensorError if it is damaged."""
    with open(filename, "rb") as file:
        return load(file.read())


def save_model(
    model: Any, filename: str, metadata: dict[str, str] | None = None, force_contiguous: bool = True
) -> None:
    """Write a module's state; of parameters that share memory the first in the alphabet is kept."""
    state = model.state_dict()
    dropped = {name: names[0] for names in _sharing(state) for name in names[1:]}
    kept = {name: t for name, t in state.items() if name not in dropped}
    if force_contiguous:
        kept = {name: t.contiguous() for name, t in kept.items()}
    save_file(kept, filename, {**(metadata or {}), **dropped} or None)


def load_model(
    model: Any, filename: Any, strict: bool = True, device: Any = "cpu"
) -> tuple[set[str], list[str]]:
    """Load a module's state from what `save_model` wrote; returns (missing, unexpected) names.
    With `strict`, RuntimeError if there are any.
    """
    state = load_file(filename, device)
    missing, unexpected = model.load_state_dict(state, strict=False)
    lacking = set(missing)
    for names in _sharing(model.state_dict()):
        if any(name in state for name in names):
            lacking.difference_update(names)
    if strict and (lacking or unexpected):
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(model).__name__}: "
            f"missing {sorted(lacking)}, unexpected {list(unexpected)}"
        )
    return lacking, list(unexpected)
