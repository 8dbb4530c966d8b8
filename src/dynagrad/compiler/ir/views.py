"""Views of views, and of what is padded, joined or written, as fewer operations. Imports graph and
lowering.
"""

import math
from collections.abc import Sequence
from typing import Any

from ..lowering.shape import window
from .graph import Graph, Value

Part = tuple[int, int, int]


class Views:
    """The methods of a builder that make views and move elements in a graph `g`."""

    def __init__(self, g: Graph) -> None:
        self.g = g

    def same(self, v: Value, xs: tuple[Value, ...]) -> Value:
        """The same operation of other operands."""
        raise NotImplementedError

    # --- repeated elements ------------------------------------------------------------------------

    @staticmethod
    def base(x: Value) -> Value:
        """What a value repeats."""
        return x.inputs[0] if x.op == "broadcast" else x

    def spread(self, x: Value, shape: Sequence[int]) -> Value:
        """A value repeated along new leading dimensions and dimensions of size 1."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        x = self.base(x)
        if x.size == 1 and x.ndim:
            x = self.reshape(x, ())
        if x.size == math.prod(shape):
            return self.reshape(x, shape)
        return self.g.broadcast(x, shape)

    # --- other shapes -----------------------------------------------------------------------------

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """The elements in row-major order under another shape."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        if x.op == "reshape":
            return self.reshape(x.inputs[0], shape)
        if x.op == "constant" and x.size <= 64:
            return self.g.constant(x.data.reshape(shape))
        if x.op == "broadcast":
            found = self._reshaped_repetition(x, shape)
            if found is not None:
                return found
        return self.g.reshape(x, shape)

    def _reshaped_repetition(self, x: Value, shape: tuple[int, ...]) -> Value | None:
        """A reshape before the repetition, where it only adds and drops dimensions of size 1."""
        base = x.inputs[0]
        if base.size == 1:
            return self.g.broadcast(self.reshape(base, ()), shape)
        if _without_ones(x.shape) != _without_ones(shape):
            return None
        own = (1,) * (x.ndim - base.ndim) + base.shape
        kept = iter([n for n, m in zip(own, x.shape, strict=True) if m != 1])
        inner = [next(kept) if m != 1 else 1 for m in shape]
        return self.g.broadcast(self.reshape(base, inner), shape)

    def transpose(self, x: Value, axes: Sequence[int]) -> Value:
        """Permuted dimensions; a reshape if only those of size 1 change places."""
        axes = tuple(axes)
        shape = tuple([x.shape[a] for a in axes])
        if axes == tuple(range(x.ndim)):
            return x
        long = [a for a in axes if x.shape[a] != 1]
        if long == sorted(long):
            return self.reshape(x, shape)
        if x.op == "transpose":
            return self.transpose(x.inputs[0], [x.attrs[0][a] for a in axes])
        if x.op == "broadcast":
            base = x.inputs[0]
            own = (1,) * (x.ndim - base.ndim) + base.shape
            return self.spread(self.transpose(self.reshape(base, own), axes), shape)
        if x.op == "constant" and x.size <= 64:
            return self.g.constant(x.data.transpose(axes))
        return self.g.transpose(x, axes)

    # --- slices -----------------------------------------------------------------------------------

    def slice(self, x: Value, parts: Sequence[Part]) -> Value:
        """A slice, taken as early as can be."""
        parts = tuple([_plain(p) for p in parts])
        shape = tuple([n for _, n, _ in parts])
        if all(p == (0, n, 1) for p, n in zip(parts, x.shape, strict=True)):
            return x
        found = None
        if 0 not in shape:
            rule = _SLICES.get(x.op)
            found = rule(self, x, parts, shape) if rule is not None else None
        return self.g.slice(x, parts) if found is None else found

    def _of_slice(self, x: Value, parts: tuple, shape: tuple) -> Value:
        pairs = zip(x.attrs[0], parts, strict=True)
        return self.slice(x.inputs[0], [(a + s * b, n, s * t) for (a, _, s), (b, n, t) in pairs])

    def _of_broadcast(self, x: Value, parts: tuple, shape: tuple) -> Value:
        base = x.inputs[0]
        if not base.ndim:
            return self.spread(base, shape)
        own = zip(base.shape, parts[x.ndim - base.ndim :], strict=True)
        return self.spread(self.slice(base, [(0, 1, 1) if n == 1 else p for n, p in own]), shape)

    def _of_pad(self, x: Value, parts: tuple, shape: tuple) -> Value | None:
        """Of the elements inside, or of those around them."""
        inner, fill = x.inputs
        moved, inside = [], True
        for (start, n, step), before, size in zip(parts, x.attrs[0], inner.shape, strict=True):
            low, high = sorted((start - before, start - before + (n - 1) * step))
            if high < 0 or low >= size:
                return self.spread(fill, shape)
            inside = inside and low >= 0 and high < size
            moved.append((start - before, n, step))
        return self.slice(inner, moved) if inside else None

    def _of_concatenate(self, x: Value, parts: tuple, shape: tuple) -> Value | None:
        axis = x.attrs[0]
        start, n, step = parts[axis]
        low, high = sorted((start, start + (n - 1) * step))
        for part in x.inputs:
            if low < part.shape[axis]:
                if high >= part.shape[axis]:
                    return None
                return self.slice(part, [*parts[:axis], (start, n, step), *parts[axis + 1 :]])
            low, high, start = (i - part.shape[axis] for i in (low, high, start))
        return None

    def _of_write(self, x: Value, parts: tuple, shape: tuple) -> Value | None:
        whole, part = x.inputs
        if parts == x.attrs[0]:
            return part
        pairs = list(zip(parts, x.attrs[0], strict=True))
        if any(_are_apart(a, b) for a, b in pairs):
            return self.slice(whole, parts)
        return None

    # --- memory by strides ------------------------------------------------------------------------

    def strided(self, v: Value, x: Value) -> Value:
        """A window, as a slice where it is one."""
        while x.op == "reshape":
            x = x.inputs[0]
        base = self.base(x)
        if base.size == 1:
            return self.spread(base, v.shape)
        return window(self.g, x, v.shape, *v.attrs)

    def write_strided(self, v: Value, x: Value, part: Value) -> Value:
        """What is written into a window."""
        return self.same(v, (x, part))

    # --- elements moved ---------------------------------------------------------------------------

    def pad(self, v: Value, x: Value, fill: Value) -> Value:
        """One padding instead of two of the same number."""
        before, after = v.attrs
        if x.shape == v.shape:
            return x
        if not x.size or self.base(x) is fill:
            return self.spread(fill, v.shape)
        if x.op == "pad" and x.inputs[1] is fill:
            inner = x.attrs
            before = tuple([a + b for a, b in zip(before, inner[0], strict=True)])
            after = tuple([a + b for a, b in zip(after, inner[1], strict=True)])
            x = x.inputs[0]
        return self.g.pad(x, before, after, fill)

    def concatenate(self, v: Value, *parts: Value) -> Value:
        """Parts that have elements; what was cut and is joined again is whole."""
        axis = v.attrs[0]
        each: list[Value] = []
        for x in parts:
            each += x.inputs if x.op == "concatenate" and x.attrs[0] == axis else [x]
        each = [x for x in each if x.shape[axis]] or each[:1]
        if len(each) == 1:
            return each[0]
        if all(x is each[0] for x in each) and each[0].shape[axis] == 1:
            return self.spread(each[0], v.shape)
        return self._rejoined(each, axis) or self.g.concatenate(each, axis)

    def _rejoined(self, parts: list[Value], axis: int) -> Value | None:
        """One slice, if the parts are slices of one value, each beginning where the last ends."""
        first = parts[0]
        if first.op != "slice":
            return None
        end, step = first.attrs[0][axis][0], first.attrs[0][axis][2]
        for x in parts:
            if x.op != "slice" or x.inputs != first.inputs:
                return None
            start, n, by = x.attrs[0][axis]
            rest = (*x.attrs[0][:axis], *x.attrs[0][axis + 1 :])
            if start != end or by != step or not step:
                return None
            if rest != (*first.attrs[0][:axis], *first.attrs[0][axis + 1 :]):
                return None
            end = start + n * step
        whole = list(first.attrs[0])
        whole[axis] = (whole[axis][0], sum(x.shape[axis] for x in parts), step)
        return self.slice(first.inputs[0], whole)

    def write_slice(self, v: Value, x: Value, part: Value) -> Value:
        """What is written over is not kept; into equal numbers, it is padded."""
        (parts,) = v.attrs
        if not part.size:
            return x
        if all(p == (0, n, 1) for p, n in zip(parts, x.shape, strict=True)):
            return part
        while x.op == "write_slice" and x.attrs[0] == parts:
            x = x.inputs[0]
        if part.op == "slice" and part.inputs[0] is x and part.attrs[0] == parts:
            return x
        base = self.base(x)
        if base.size == 1 and all(step == 1 or n == 1 for _, n, step in parts):
            fill = self.reshape(base, ())
            before = [start for start, _, _ in parts]
            after = [n - s - m for n, (s, m, _) in zip(x.shape, parts, strict=True)]
            if self.base(part) is fill:
                return self.spread(fill, v.shape)
            return self.g.pad(part, before, after, fill)
        return self.g.write_slice(x, part, parts)

    def take(self, v: Value, x: Value, index: Value) -> Value:
        """One row as a slice."""
        axis = v.attrs[0]
        base = self.base(index)
        row = base.data.item() if base.op == "constant" and base.size == 1 else None
        if row is None or not 0 <= row < x.shape[axis]:
            return self.same(v, (x, index))
        parts: list[Part] = [(0, n, 1) for n in x.shape]
        parts[axis] = (row, 1, 1)
        ones = (*x.shape[:axis], *(1,) * index.ndim, *x.shape[axis + 1 :])
        return self.spread(self.reshape(self.slice(x, parts), ones), v.shape)


_SLICES: dict[str, Any] = {
    "slice": Views._of_slice,
    "broadcast": Views._of_broadcast,
    "pad": Views._of_pad,
    "concatenate": Views._of_concatenate,
    "write_slice": Views._of_write,
}


def _plain(part: Part) -> Part:
    """A part of one element has the step 1."""
    return (part[0], part[1], 1) if part[1] == 1 else part


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [n for n in shape if n != 1]


def _are_apart(a: Part, b: Part) -> bool:
    """Whether two parts of a dimension have no element in common (sufficient)."""
    ends = [sorted((start, start + (n - 1) * step)) for start, n, step in (a, b)]
    return ends[0][1] < ends[1][0] or ends[1][1] < ends[0][0]
