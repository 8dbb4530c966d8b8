"""Batching rules of indexing.

Where the index is the same all over the batch, the batch is one more dimension that the operation
leaves alone. Where each example has its own index, the batch becomes one of the dimensions that
the index replaces: example b's place i is place b * n + i. Imports NumPy only.
"""

import math
from typing import Any

import numpy as np

from .batching import batch_size, leading, merged, moved, of_rank
from .shape import broadcast_to, reshape, transpose


def basic_batch(fun: Any, values: Any, flags: Any, kw: dict) -> Any:
    """getitem and its transpose: the batch is taken whole."""
    changed = {**kw, "index": (slice(None), *kw["index"])}
    if "shape" in kw:
        changed["shape"] = (values[0].shape[0], *kw["shape"])
    return fun(*values, **changed)


# --- index arrays: index, unindex, clear, put -----------------------------------------------------


def are_neighbours(axes: tuple) -> bool:
    """Whether no dimension lies between these."""
    return axes[-1] - axes[0] == len(axes) - 1


def _own_places(i: Any, flag: bool, axes: tuple, shape: tuple, size: int) -> tuple[Any, tuple]:
    """The index with the batch among the dimensions that it replaces, and these dimensions."""
    count = math.prod([shape[a] for a in axes])
    own = i if flag else reshape(i, shape=(1, *i.shape))
    offsets = np.arange(size).reshape((size,) + (1,) * (own.ndim - 1)) * count
    return own + offsets, (0, *[a + 1 for a in axes])


class _Layout:
    """Where an index puts the dimensions of its result: of one example (`wanted`) and of the call
    on the batch.
    """

    def __init__(self, shape: tuple, places: tuple, axes: tuple):
        self.lead = axes[0] if are_neighbours(axes) else 0
        rest = [n for d, n in enumerate(shape) if d not in axes]
        self.shape = (*rest[: self.lead], *places, *rest[self.lead :])
        self.count = len(places)

    def out(self, result: Any) -> Any:
        """From (batch, places, other dimensions) to the order of single results."""
        return _exchanged(result, self.count, self.lead)

    def into(self, v: Any) -> Any:
        """The inverse of `out`."""
        return _exchanged(v, self.lead, self.count)


def _exchanged(v: Any, first: int, second: int) -> Any:
    """The `first` dimensions behind the batch's and the `second` next ones change places."""
    if not first or not second:
        return v
    cut, end = 1 + first, 1 + first + second
    return transpose(v, axes=(0, *range(cut, end), *range(1, cut), *range(end, v.ndim)))


def _of_numbers(batch: Any, *, drop: bool = True) -> Any:
    """Let a batching rule take numbers for vectors of one element, as the primitives do; `drop`:
    its results are numbers again.
    """

    def batched(fun: Any, values: Any, flags: Any, kw: dict) -> Any:
        x, *rest = values
        if kw.get("shape", x.shape[int(flags[0]) :]):
            return batch(fun, values, flags, kw)
        if "shape" in kw:
            kw = {**kw, "shape": (1,)}
        else:
            values = [reshape(x, shape=(*x.shape, 1)), *rest]
        result = batch(fun, values, flags, kw)
        return reshape(result, shape=result.shape[:1]) if drop else result

    return batched


def _index_batch(fun: Any, values: Any, flags: Any, kw: dict) -> Any:
    """Batching of index."""
    axes = kw["axes"]
    (x, i), size = values, batch_size(values, flags)
    if flags[0] and not flags[1] and are_neighbours(axes):
        return fun(x, i, axes=tuple([a + 1 for a in axes]))
    places = i.shape[1:] if flags[1] else i.shape
    if not flags[0]:
        layout = _Layout(x.shape, places, axes)
        return moved(fun(x, i, axes=axes), layout.lead, 0)
    layout = _Layout(x.shape[1:], places, axes)
    own, joint = _own_places(i, flags[1], axes, x.shape[1:], size)
    return layout.out(fun(x, own, axes=joint))


def _unindex_batch(fun: Any, values: Any, flags: Any, kw: dict) -> Any:
    """Batching of the transpose of index."""
    axes, shape = kw["axes"], kw["shape"]
    (x, i), size = values, batch_size(values, flags)
    (x,) = leading([x, i], flags)[:1]
    if not flags[1] and are_neighbours(axes):
        return fun(x, i, axes=tuple([a + 1 for a in axes]), shape=(size, *shape))
    layout = _Layout(shape, i.shape[1:] if flags[1] else i.shape, axes)
    own, joint = _own_places(i, flags[1], axes, shape, size)
    return fun(layout.into(x), own, axes=joint, shape=(size, *shape))


def _clear_batch(fun: Any, values: Any, flags: Any, kw: dict) -> Any:
    """Batching of clear."""
    axes = kw["axes"]
    (x, i), size = values, batch_size(values, flags)
    (x,) = leading([x, i], flags)[:1]
    if not flags[1]:
        return fun(x, i, axes=tuple([a + 1 for a in axes]))
    own, joint = _own_places(i, True, axes, x.shape[1:], size)
    return fun(x, own, axes=joint)


def _put_batch(fun: Any, values: Any, flags: Any, kw: dict) -> Any:
    """Batching of put."""
    axes, (x, i, v), size = kw["axes"], values, batch_size(values, flags)
    x, _, v = leading(values, flags)
    layout = _Layout(x.shape[1:], i.shape[1:] if flags[1] else i.shape, axes)
    v = broadcast_to(of_rank(v, len(layout.shape)), shape=(size, *layout.shape))
    if not flags[1] and are_neighbours(axes):
        return fun(x, i, v, **{**kw, "axes": tuple([a + 1 for a in axes])})
    own, joint = _own_places(i, flags[1], axes, x.shape[1:], size)
    return fun(x, own, layout.into(v), **{**kw, "axes": joint})


index_batch = _of_numbers(_index_batch, drop=False)
unindex_batch = _of_numbers(_unindex_batch)
clear_batch = _of_numbers(_clear_batch)
put_batch = _of_numbers(_put_batch)


# --- one index for every element ------------------------------------------------------------------


def gather_batch(fun: Any, values: Any, flags: Any, kw: dict) -> Any:
    """Batching of gather: one array is read by all examples' indices at once."""
    (x, i), axis = values, kw["axis"]
    if flags[0] or i.ndim == 1 or not x.ndim:
        return _by_elements(fun, leading(values, flags), kw, i.shape[1:] if flags[1] else i.shape)
    size, *shape = i.shape
    lead, n, trail = shape[:axis], shape[axis], shape[axis + 1 :]
    together = reshape(moved(i, 0, axis), shape=(*lead, size * n, *trail))
    result = reshape(fun(x, together, axis=axis), shape=(*lead, size, n, *trail))
    return moved(result, axis, 0)


def scatter_batch(fun: Any, values: Any, flags: Any, kw: dict) -> Any:
    """Batching of scatter and its kind, of (x, i) or (x, i, v), and of gather's transpose."""
    values = leading(values, flags)
    shape = kw.get("shape", values[0].shape[1:])
    if "shape" in kw:
        kw = {**kw, "shape": (values[0].shape[0], *(shape or (1,)))}
    return _by_elements(fun, values, kw, shape)


def _by_elements(fun: Any, values: list, kw: dict, shape: tuple) -> Any:
    """The call on batches, single numbers being vectors; `shape` is that of one result."""
    x, i, *rest = [merged(v) if v.ndim == 1 and n < 2 else v for n, v in enumerate(values)]
    rest = [broadcast_to(of_rank(v, i.ndim - 1), shape=i.shape) if v.ndim == 1 else v for v in rest]
    result = fun(x, i, *rest, **{**kw, "axis": kw["axis"] + 1})
    return result if shape else reshape(result, shape=(result.shape[0],))
