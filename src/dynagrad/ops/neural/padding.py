"""Padding: with a number, or with elements of the array itself.

Imports NumPy only.
"""

from typing import Any

import numpy as np

from ..elementwise import in_single, is_half
from ..layout import channels_as
from ..rule import ALIGNED, general, linear, primitive

# --- with a number --------------------------------------------------------------------------------


@primitive
def pad_constant(x, *, widths, value):
    """x surrounded by `value`: (before, after) for each dimension, negative widths crop."""
    shape = [n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)]
    into = tuple(
        slice(max(a, 0), max(a, 0) + n + min(a, 0) + min(b, 0))
        for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    source = tuple(
        slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    if x.flags.c_contiguous:
        result = np.full(shape, value, x.dtype)
    else:
        result = channels_as(np.full(shape, value, x.dtype), x)
    result[into] = x[source]
    return result


def _pad_batch(fun, values, flags, kw):
    return fun(*values, widths=((0, 0), *kw["widths"]), value=kw["value"])


general(
    pad_constant,
    lambda g, *, widths: pad_constant(g, widths=tuple((-a, -b) for a, b in widths), value=0),
    jvp=lambda t, *, widths: pad_constant(t, widths=widths, value=0),
    batch=_pad_batch,
)


# --- with the array's own elements ----------------------------------------------------------------


def edge_places(mode, n, before, after):
    """For each element of a padded dimension of size n, the element which it repeats.

    mode: "replicate" (the end), "circular" (from the other end), "reflect" (mirrored at the end).
    """
    places = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(places, 0, max(n - 1, 0))
    if mode == "circular":  # of what cropping leaves
        first = max(-before, 0)
        left = n + min(before, 0) + min(after, 0)
        return np.minimum(first + (places - first) % max(left, 1), n - 1)
    return n - 1 - np.abs(n - 1 - np.abs(places))


@primitive
def pad_edges(x, *, widths, mode):
    """x with elements of its own around: (before, after) for each of the last dimensions, negative
    widths crop; see edge_places.
    """
    first = x.ndim - len(widths)
    plans: list[Any] = [_plan(mode, n, *w) for n, w in zip(x.shape[first:], widths, strict=True)]
    if any(plan is None for plan in plans):
        return channels_as(_taken(x, widths, mode), x)
    sizes = [n + before + after for n, (before, after) in zip(x.shape[first:], widths, strict=True)]
    result = np.empty((*x.shape[:first], *sizes), x.dtype)
    result[(..., *[into for into, _, _ in plans])] = x[(..., *[source for _, source, _ in plans])]
    for axis, (_, _, sides) in enumerate(plans, first):
        lead = (slice(None),) * axis
        for side, places in sides:  # from the result, where the dimensions before have theirs
            result[(*lead, side)] = result.take(places, axis)
    return channels_as(result, x)


def _plan(mode, n, before, after):
    """Where a dimension's elements stand in the result, which they are, and for each side where its
    padding stands and what it repeats there; None if that is cropped.
    """
    start, stop = _inside(n, before, after)
    places = edge_places(mode, n, before, after) + before
    sides = []
    for side in (slice(0, start), slice(stop, len(places))):
        there = places[side]
        if there.size:
            if there.min() < start or there.max() >= stop:
                return None
            sides.append((side, there))
    return slice(start, stop), slice(start - before, stop - before), sides


def _inside(n, before, after):
    """The first and the last element, plus one, of the result that are no padding."""
    start = max(before, 0)
    return start, max(start, start + n + min(before, 0) + min(after, 0))


def _taken(x, widths, mode):
    for axis, (before, after) in enumerate(widths, x.ndim - len(widths)):
        if before or after:
            x = x.take(edge_places(mode, x.shape[axis], before, after), axis)
    return x


@primitive
def add_edges(x, *, widths, mode, sizes):
    """The padding added up where its elements come from: the transpose of pad_edges."""
    if is_half(x):
        return in_single(add_edges, x, widths=widths, mode=mode, sizes=sizes)
    r, first = x, x.ndim - len(widths)
    for axis, (before, after) in enumerate(widths, first):
        if before or after:
            r = _folded(r, axis, sizes[axis - first], before, after, mode)
    return channels_as(r, x) if r is not x else x.copy("K")


def _folded(x, axis, n, before, after, mode):
    """One dimension's padding added to the elements that it repeats."""
    result = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
    lead = (slice(None),) * axis
    start, stop = _inside(n, before, after)
    result[(*lead, slice(start - before, stop - before))] = x[(*lead, slice(start, stop))]
    places = edge_places(mode, n, before, after)
    for side in (slice(0, start), slice(stop, len(places))):
        there, part = places[side], x[(*lead, side)]
        if mode == "replicate" and there.size:
            result[(*lead, there[0])] += np.add.reduce(part, axis)
            continue
        period = max(stop - start, 1)  # no place twice within it
        for k in range(0, len(there), period):
            result[(*lead, there[k : k + period])] += part[(*lead, slice(k, k + period))]
    return result


linear(
    pad_edges,
    lambda g, x_meta, *, widths, mode: add_edges(
        g, widths=widths, mode=mode, sizes=x_meta.shape[-len(widths) :]
    ),
    fresh=True,
    batch=ALIGNED,
)
linear(
    add_edges,
    lambda g, *, widths, mode: pad_edges(g, widths=widths, mode=mode),
    fresh=True,
    batch=ALIGNED,
)
