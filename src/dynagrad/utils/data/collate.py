"""Joining samples to a batch. Imports core and functions."""

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...core.dtype import from_numpy_dtype, number_dtype
from ...core.tensor import Tensor, wrap
from ...functions.joining import stack

__all__ = ["collate", "default_collate", "default_convert"]

_WRONG = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _of_tensors(batch: Any, **_: Any) -> Tensor:
    return stack(batch, 0)


def _of_arrays(batch: Any, **_: Any) -> Tensor:
    if batch[0].dtype.kind in "SUO":
        raise TypeError(_WRONG.format(batch[0].dtype))
    return _tensor(np.stack(batch, 0))


def _of_array_scalars(batch: Any, **_: Any) -> Tensor:
    return _tensor(np.array(batch))


def _of_floats(batch: Any, **_: Any) -> Tensor:
    return wrap(np.array(batch, np.float64))


def _of_integers(batch: Any, **_: Any) -> Tensor:
    kinds = {number_dtype(value).kind for value in batch}
    return wrap(
        np.array(
            batch, number_dtype(0.0) if "f" in kinds else np.bool_ if kinds == {"b"} else np.int64
        )
    )


def _of_texts(batch: Any, **_: Any) -> Any:
    return batch


def _tensor(array: np.ndarray) -> Tensor:
    from_numpy_dtype(array.dtype)  # TypeError for what tensors cannot hold
    return wrap(array)


default_collate_fn_map: dict[Any, Callable] = {
    Tensor: _of_tensors,
    np.ndarray: _of_arrays,
    (np.bool_, np.number, np.object_): _of_array_scalars,
    float: _of_floats,
    int: _of_integers,
    str: _of_texts,
    bytes: _of_texts,
}


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable] | None = None) -> Any:
    """Join samples by the function that the map gives for their type; dicts and sequences are
    joined part by part.
    """
    first = batch[0]
    kind = type(first)
    for key, join in (collate_fn_map or {}).items():
        if kind is key or isinstance(first, key):
            return join(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        found = {
            key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in first
        }
        return _like_mapping(first, found)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(
            *(collate(part, collate_fn_map=collate_fn_map) for part in zip(*batch, strict=False))
        )
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError(
                "each element in list of batch should be of equal size\n"
                f"Their lengths are {sorted({len(sample) for sample in batch})}; give a collate_fn "
                "that pads them."
            )
        parts = [collate(part, collate_fn_map=collate_fn_map) for part in zip(*batch, strict=True)]
        return parts if isinstance(first, tuple) else _like_sequence(first, parts)
    raise TypeError(_WRONG.format(kind))


def default_collate(batch: Any) -> Any:
    """Join samples to a batch: tensors and arrays are stacked, numbers become tensors, texts a
    list.

    Dicts and sequences of these are joined part by part.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data: Any) -> Any:
    """NumPy's arrays and numbers, also in dicts and sequences, as tensors on the same memory."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray):
        return data if data.dtype.kind in "SUO" else _tensor(data)
    if isinstance(data, np.generic) and not isinstance(data, np.character):
        return _tensor(np.asarray(data))
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(part) for part in data))
    if isinstance(data, tuple):
        return [default_convert(part) for part in data]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _like_sequence(data, [default_convert(part) for part in data])
    return data


def _like_mapping(model: Mapping, found: dict) -> Any:
    """A mapping of the model's class with the given items; a dict where that cannot be made."""
    try:
        if isinstance(model, MutableMapping):
            clone = copy.copy(model)
            clone.update(found)
            return clone
        return type(model)(found)  # pyright: ignore[reportCallIssue]
    except TypeError:
        return found


def _like_sequence(model: Sequence, found: list) -> Any:
    """A sequence of the model's class with the given items; a list where that cannot be made."""
    try:
        if isinstance(model, MutableSequence):
            clone = copy.copy(model)
            for i, part in enumerate(found):
                clone[i] = part
            return clone
        return type(model)(found)  # pyright: ignore[reportCallIssue]
    except TypeError:
        return found
