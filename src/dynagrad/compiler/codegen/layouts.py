"""Where the elements of a view lie in the memory of what it views. Imports graph, index, pull."""

from collections.abc import Container
from typing import NamedTuple

from ..ir.graph import Slot, Value
from .index import merged, row_major
from .pull import view_layout

#: operations that only say where elements lie
AFFINE = frozenset("reshape transpose broadcast slice strided".split())


class Layout(NamedTuple):
    """Element i lies at `offset + sum(i * strides)` elements from the start of `base`."""

    base: Value
    offset: int
    strides: tuple[int, ...]


def base_strides(v: Value, slots: list[Slot]) -> tuple[int, ...]:
    """The strides of a value that is no view, where it lies."""
    return slots[v.attrs[0]].strides if v.op == "source" else tuple(row_major(v.shape))


def is_plain(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether elements lie in row-major order without gaps."""
    together = merged(shape, strides)
    return not together or (len(together) == 1 and together[0][1] == 1)


def layout(x: Value, slots: list[Slot], held: Container[Value]) -> Layout | None:
    """Where a chain of views finds its elements; None if there are no such strides. Values in
    `held` lie in memory of their own, in row-major order.
    """
    if x in held or x.op not in AFFINE:
        return Layout(x, 0, base_strides(x, slots))
    inner = layout(x.inputs[0], slots, held)
    if inner is None:
        return None
    shape = x.inputs[0].shape
    if x.op == "reshape":
        strides = _reshaped(shape, inner.strides, x.shape)
        return None if strides is None else inner._replace(strides=strides)
    if x.op == "transpose":
        return inner._replace(strides=tuple(inner.strides[a] for a in x.attrs[0]))
    if x.op == "broadcast":
        own = [0 if n == 1 else s for n, s in zip(shape, inner.strides, strict=True)]
        return inner._replace(strides=(0,) * (x.ndim - len(shape)) + tuple(own))
    if x.op == "slice":
        parts = x.attrs[0]
        moved = sum(p[0] * s for p, s in zip(parts, inner.strides, strict=True))
        strides = tuple(p[2] * s for p, s in zip(parts, inner.strides, strict=True))
        return Layout(inner.base, inner.offset + moved, strides)
    if not is_plain(shape, inner.strides):
        return None
    strides, offset = view_layout(x)
    return Layout(inner.base, inner.offset + offset, tuple(strides))


def _reshaped(
    shape: tuple[int, ...], strides: tuple[int, ...], to: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The strides of the same elements under another shape; None if there are none."""
    runs = merged(shape, strides)
    found: list[int] = []
    left, step = (1, 1) if not runs else runs.pop()
    for n in reversed(to):
        if n == 1:
            found.append(0)
            continue
        if left == 1 and runs:
            left, step = runs.pop()
        if left % n:
            return None
        found.append(step)
        left //= n
        step *= n
    return tuple(reversed(found))
