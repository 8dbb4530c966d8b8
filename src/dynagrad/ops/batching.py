"""Where the batch dimension goes in calls on batches: what functions given as `batch=` share.
Imports shape.

Each takes `values`, and `flags` that tell which of them have the batch as first dimension.
"""

import math
from typing import Any

from .shape import broadcast_to, of_rank, reshape, transpose


def batch_size(values, flags):
    """The number of examples, from the values that have the batch."""
    return next(v.shape[0] for v, flag in zip(values, flags, strict=True) if flag)


def aligned(values, flags, own=None):
    """The values with dimensions of size 1 behind the batch's, so that all have the same rank, not
    counting the last dimensions of their `own` (numbers, one a value).
    """
    given = list(zip(values, flags, own or (0,) * len(values), strict=True))
    rank = max([getattr(v, "ndim", 0) - flag - n for v, flag, n in given])
    return [of_rank(v, rank + n) if flag else v for v, flag, n in given]


def with_batch(v, flag, size) -> Any:
    """A value repeated along the batch, if it has none; None stays."""
    return v if flag or v is None else broadcast_to(v, shape=(size, *v.shape))


def leading(values, flags, size=None) -> list[Any]:
    """The values, all of them with the batch dimension."""
    if size is None:
        size = batch_size(values, flags)
    return [with_batch(v, flag, size) for v, flag in zip(values, flags, strict=True)]


#: keywords that name a dimension, counted from the front
_AXIS = ("axis", "axis1", "axis2")


def behind(axes, rank):
    """Dimensions of an example (None: all `rank` of them) as dimensions of the batch."""
    return tuple(range(1, rank + 1)) if axes is None else tuple([a + 1 for a in axes])


def shifted(kw, values, flags, size):
    """A call's keywords with the batch as dimension 0: dimensions one further, shapes with the
    batch's size in front; `axes=None`, all dimensions, without the batch's.
    """
    moved = dict(kw)
    for name in _AXIS:
        if name in kw:
            moved[name] = kw[name] + 1
    if "axes" in kw:
        rank = next(v.ndim - flag for v, flag in zip(values, flags, strict=True) if v is not None)
        moved["axes"] = behind(kw["axes"], rank)
    if "shape" in kw:
        moved["shape"] = (size, *kw["shape"])
    return moved


def as_rows(v):
    """The batch and the first dimension of each example as one dimension."""
    return reshape(v, shape=(v.shape[0] * v.shape[1], *v.shape[2:]))


def rowwise(fun, values, flags, kw):
    """`batch=` of functions that treat each element of their inputs' first dimension by itself."""
    size = batch_size(values, flags)
    rows = leading(values, flags, size)
    result = fun(*[None if v is None else as_rows(v) for v in rows], **kw)
    return reshape(result, shape=(size, rows[0].shape[1], *result.shape[1:]))


def merged(v):
    """A batch with all dimensions of an example made one."""
    return reshape(v, shape=(v.shape[0], math.prod(v.shape[1:])))


def moved(v, source, target):
    """One dimension at another place."""
    axes = [axis for axis in range(v.ndim) if axis != source]
    axes.insert(target, source)
    return v if source == target else transpose(v, axes=tuple(axes))


def shaped(result, shape):
    """Every result under this shape."""
    if type(result) is tuple:
        return tuple([reshape(r, shape=shape) for r in result])
    return reshape(result, shape=shape)


def over_all(reduce):
    """`batch=` of functions of all elements: of each example by `reduce`, over dimensions."""
    return lambda fun, values, flags, kw: reduce(merged(values[0]), axes=(1,), keepdims=False)


def along_axis(fun, values, flags, kw):
    """`batch=` of functions along `axis` that take a number for a vector of one element."""
    values = leading(values, flags)
    if values[0].ndim > 1:
        return fun(*values, **{**kw, "axis": kw["axis"] + 1})
    return shaped(fun(*map(merged, values), **{**kw, "axis": 1}), values[0].shape)
