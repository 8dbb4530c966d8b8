"""What batching rules share: values with a batch dimension in front, brought into one form.

A batching rule is `batch(fun, values, flags, kw)`: the call `fun(*values, **kw)` where the values
with a flag have the batch as an additional dimension 0; its results must have it too. Values may
be arrays, carriers or tensors, numbers and None: only `.shape`, `.ndim` and dispatching calls are
used on them. Imports NumPy only.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from .shape import broadcast_to, reshape, transpose


def batch_size(values: Any, flags: Any) -> int:
    """The size of the batch."""
    return next(v.shape[0] for v, flag in zip(values, flags, strict=True) if flag)


def rank(value: Any, flag: bool) -> int:
    """The number of dimensions of one example."""
    return value.ndim - flag


def leading(values: Any, flags: Any) -> list:
    """The values, all of them with the batch dimension."""
    size = batch_size(values, flags)
    return [
        v if flag or v is None else broadcast_to(v, shape=(size, *v.shape))
        for v, flag in zip(values, flags, strict=True)
    ]


def widened(v: Any, dims: int) -> Any:
    """A batch with dimensions of size 1 behind the batch's, for `dims` dimensions an example."""
    missing = dims + 1 - v.ndim
    return v if missing <= 0 else reshape(v, shape=(v.shape[0], *(1,) * missing, *v.shape[1:]))


def merged(v: Any) -> Any:
    """A batch with all dimensions of an example made one."""
    count = 1
    for n in v.shape[1:]:
        count *= n
    return reshape(v, shape=(v.shape[0], count))


def moved(v: Any, source: int, target: int) -> Any:
    """One dimension at another place."""
    axes = [axis for axis in range(v.ndim) if axis != source]
    axes.insert(target, source)
    return v if source == target else transpose(v, axes=tuple(axes))


def each_result(change: Callable, result: Any) -> Any:
    """`change` applied to every result."""
    return tuple([change(r) for r in result]) if type(result) is tuple else change(result)


def along_axis(fun: Callable, values: Any, flags: Any, kw: dict) -> Any:
    """The batching rule of a function along one dimension, `axis`: all values get the batch
    dimension. Single numbers, which count as vectors of one element, become such vectors.
    """
    values = leading(values, flags)
    kw = {**kw, "axis": kw["axis"] + 1}
    if any(v is not None and v.ndim == 1 for v in values):
        vectors = [reshape(v, shape=(*v.shape, 1)) if v.ndim == 1 else v for v in values]
        size = vectors[0].shape[0]
        return each_result(partial(reshape, shape=(size,)), fun(*vectors, **kw))
    return fun(*values, **kw)
