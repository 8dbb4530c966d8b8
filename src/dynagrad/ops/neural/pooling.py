"""Pooling over regular windows: the largest element of each, or their mean.

All dimensions before the pooled ones, the last, are treated alike. Work is done in loops over the
taps of a window, vectorised over everything else. Imports NumPy only.
"""

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from ..compiled import KERNELS
from ..elementwise import in_single, is_half, widened
from ..layout import channels_as
from ..rule import ALIGNED, LEADING, constant, general, linear, primitive
from ..shape import restrided
from .planes import into_planes, pick_planes

#: more taps than this are spread by index: one pass, instead of one a tap
FEW = 9
#: windows with more taps than this are looked through by argmax if they overlap little
MANY = 16
#: images of so many elements go to compiled kernels
LARGE = 16384
#: floating numbers of these widths, as integers of the same width
_BITS = {4: np.int32, 8: np.int64}


class Window(NamedTuple):
    """How one dimension is pooled: the number of taps, the distance of windows, the padding in
    front, the distance of taps, the number of windows.
    """

    size: int
    stride: int
    before: int
    dilation: int
    count: int

    @property
    def starts(self):
        """Where windows start, negative in the padding."""
        return np.arange(self.count) * self.stride - self.before

    @property
    def reach(self):
        """The elements from the first window's start to the last one's end."""
        return (self.count - 1) * self.stride + (self.size - 1) * self.dilation + 1

    def at(self, tap):
        """The elements that this tap has in all windows, the padding counted."""
        start = tap * self.dilation
        return slice(start, start + (self.count - 1) * self.stride + 1, self.stride)


def _padded(x, windows, value):
    """`x` with `value` around, as far as windows reach."""
    rank = len(windows)
    sizes = x.shape[-rank:]
    ends = [max(w.before + n, w.reach) for w, n in zip(windows, sizes, strict=True)]
    if ends == list(sizes):
        return x
    result = np.full((*x.shape[:-rank], *ends), value, x.dtype)
    inside = [slice(w.before, w.before + n) for w, n in zip(windows, sizes, strict=True)]
    result[(..., *inside)] = x
    return result


def _along(axis, where, rank):
    """The index that takes `where` of one of the last `rank` dimensions."""
    return (..., where, *(slice(None),) * (rank - axis - 1))


def _taps(windows):
    """The taps of a window, each one number a dimension, in row-major order."""
    return list(product(*[range(w.size) for w in windows]))


# --- the largest element --------------------------------------------------------------------------


def _lowest(dtype):
    return -math.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _largest(x, windows):
    """The largest element of each window of a padded array, nan if there is one."""
    rank = len(windows)
    for axis, w in enumerate(windows):  # the last one last: strided reading is slow
        first = x[_along(axis, w.at(0), rank)]
        if w.size == 1:
            x = first
            continue
        result = np.maximum(first, x[_along(axis, w.at(1), rank)])
        for tap in range(2, w.size):
            np.maximum(result, x[_along(axis, w.at(tap), rank)], out=result)
        x = result
    return x


def _first_taps(x, out, windows):
    """The number of the first tap that holds the window's largest element."""
    taps = _taps(windows)
    total = len(taps)
    spread = out.size * total
    if MANY < total and spread <= 2 * x.size:
        steps = x.strides[-len(windows) :]
        shape = (*out.shape, *[w.size for w in windows])
        strides = (
            *x.strides[: -len(windows)],
            *[w.stride * step for w, step in zip(windows, steps, strict=True)],
            *[w.dilation * step for w, step in zip(windows, steps, strict=True)],
        )
        parts = restrided(x, shape, strides).reshape(*out.shape, total)
        return parts.argmax(-1).astype(np.uint8 if total < 255 else np.int32)
    # with u_k = 1 where tap k is smaller: u_0 (1 + u_1 (1 + ...)) counts the taps before the first
    dtype = np.uint8 if total < 255 else np.int32
    one = dtype(1)
    number = None
    for tap in reversed(taps):
        smaller = x[_all_at(windows, tap)] != out
        smaller = smaller.view(np.uint8) if total < 255 else smaller.astype(dtype)
        if number is None:
            number = smaller
        else:
            number += one
            number *= smaller
    return number


def _all_at(windows, tap):
    return (..., *[w.at(t) for w, t in zip(windows, tap, strict=True)])


def _first_inside(windows):
    """For each window the number of its first tap that is not padding."""
    number = np.zeros((), np.int64)
    for w in windows:
        first = np.maximum(-(w.starts // w.dilation), 0)
        number = number[..., None] * w.size + first
    return number


def _has_nan(values):
    """Whether there is a nan among them: squares cannot cancel."""
    flat = values.reshape(-1, order="A")
    return values.dtype.kind == "f" and bool(np.isnan(flat.dot(flat)))


def _compiled(name, x, windows, *rest):
    """The result of a compiled kernel for large images, or None: of large or distant windows NumPy
    handles whole planes at once.
    """
    if len(windows) != 2 or x.size < LARGE or any(w.stride > 2 or w.size > 8 for w in windows):
        return None
    fast = KERNELS[name]
    return None if fast is None else fast(x, *rest)


def _max_and_taps(x, windows, wants_taps):
    found = _compiled("max_pool", x, windows, windows, wants_taps)
    if found is not None:
        return found
    wide = widened(x)
    lowest = _lowest(wide.dtype)
    given = _padded(wide, windows, lowest)
    out = _largest(given, windows)
    result = np.array(channels_as(out, x), copy=out.base is not None or None)
    result = result.astype(x.dtype, copy=False)
    if not wants_taps:
        return result, None
    taps = np.asarray(_first_taps(given, out, windows))
    if given is not x and any(w.before for w in windows):
        nothing = out == lowest
        if nothing.any():  # equal to the padding
            np.copyto(taps, _first_inside(windows).astype(taps.dtype), where=nothing)
    if _has_nan(out):  # the last one is the largest
        for number, tap in enumerate(_taps(windows)):
            np.copyto(taps, taps.dtype.type(number), where=np.isnan(given[_all_at(windows, tap)]))
    return result, channels_as(taps, x)


@primitive
def max_windows(x, *, windows):
    """The largest element of each window; nan if there is one."""
    return _max_and_taps(x, windows, False)[0]


@primitive
def max_and_taps(x, *, windows):
    """The largest element of each window, and its number in the window: the first of equal ones,
    the last nan.
    """
    return _max_and_taps(x, windows, True)


@primitive
def places_of_taps(taps, *, windows, sizes):
    """Where taps lie: row-major numbers in the pooled dimensions, which have these sizes."""
    places = np.zeros((), np.int64)
    numbers = np.zeros((), np.int64)
    for w, n in zip(windows, sizes, strict=True):
        places = places[..., None] * n + w.starts
        numbers = numbers[..., None] * n + np.arange(w.size) * w.dilation
    return channels_as(np.add(numbers.reshape(-1).take(taps), places), taps)


@primitive
def from_taps(x, taps, *, windows, sizes):
    """Zeros with the elements of x added where their windows' taps lie."""
    found = _compiled("max_pool_back", x, windows, taps, windows, sizes)
    if found is not None:
        return found
    kernel = [w.size for w in windows]
    apart = all(
        w.stride >= w.size and w.dilation == 1 and w.before == 0 and w.reach <= n
        for w, n in zip(windows, sizes, strict=True)
    )
    if not apart or math.prod(kernel) > FEW or x.dtype.itemsize not in _BITS:
        places = places_of_taps.__wrapped__(taps, windows=windows, sizes=sizes)
        return channels_as(into_planes(x, places, sizes, add=True), x)
    exact = all(w.stride == w.size and w.reach == n for w, n in zip(windows, sizes, strict=True))
    shape = (*x.shape[: -len(sizes)], *sizes)
    result = channels_as(np.empty(shape, x.dtype) if exact else np.zeros(shape, x.dtype), x)
    # as integers: 0 times inf is 0
    bits = result.view(_BITS[x.dtype.itemsize])
    given = x.view(bits.dtype)
    for number, tap in enumerate(_taps(windows)):
        np.multiply(given, taps == number, out=bits[_all_at(windows, tap)])
    return result


def _at_taps(t, taps, windows):
    sizes = t.shape[-len(windows) :]
    return pick_planes(t, places_of_taps(taps, windows=windows, sizes=sizes), rank=len(windows))


def _max_gradient(g, x, taps, windows):
    return from_taps(g, taps, windows=windows, sizes=x.shape[-len(windows) :])


general(
    max_and_taps,
    # x is read for its shape alone, but kept as PyTorch does: a later write to it is an error
    lambda g0, x, out1, *, windows: _max_gradient(g0, x, out1, windows),
    results=2,
    jvp=lambda t, out1, *, windows: (_at_taps(t, out1, windows), None),
    batch=ALIGNED,
)
general(
    max_windows,
    lambda g, x, *, windows: _max_gradient(g, x, max_and_taps(x, windows=windows)[1], windows),
    jvp=lambda t, x, *, windows: _at_taps(t, max_and_taps(x, windows=windows)[1], windows),
    batch=ALIGNED,
)
constant(places_of_taps, batch=ALIGNED, ordered=False)
linear(
    from_taps,
    lambda g, taps, *, windows: _at_taps(g, taps, windows),
    None,
    fresh=True,
    batch=LEADING,
)


# --- means ----------------------------------------------------------------------------------------


def divisor_of(windows, sizes, include, divisor):
    """What each window's sum is divided by: `divisor` if given, else its number of elements, those
    of the padding counted if `include`.
    """
    if divisor is not None:
        return divisor
    total = np.ones((), np.int64)
    for w, n in zip(windows, sizes, strict=True):
        start = w.starts
        end = np.minimum(start + w.size, n + w.before)
        if not include:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        total = total[..., None] * (end - start)
    first = total.flat[0] if total.size else 1
    return int(first) if (total == first).all() else total


def _divided(x, divisor):
    """x / divisor in x's dtype; integers are cut towards 0."""
    if x.dtype.kind in "iu":
        return np.sign(x) * (np.abs(x) // np.abs(divisor)) * np.sign(divisor)
    if isinstance(divisor, int | float):
        return x / x.dtype.type(divisor)
    return x / divisor.astype(x.dtype)


@primitive
def avg_windows(x, *, windows, include, divisor):
    """The mean of each window (see divisor_of); windows may reach over the padding's end."""
    if is_half(x):
        return in_single(avg_windows, x, windows=windows, include=include, divisor=divisor)
    found = _compiled("mean_pool", x, windows, windows, include, divisor)
    if found is not None:
        return found
    rank = len(windows)
    r = _padded(x, windows, 0)
    for axis, w in enumerate(windows):
        result = r[_along(axis, w.at(0), rank)]
        for tap in range(1, w.size):
            part = r[_along(axis, w.at(tap), rank)]
            result = result + part if tap == 1 else np.add(result, part, out=result)
        r = result
    return channels_as(_divided(r, divisor_of(windows, x.shape[-rank:], include, divisor)), x)


@primitive
def spread_avg(x, *, windows, include, divisor, sizes):
    """Each element added, divided, to all places of its window: the transpose of avg_windows."""
    if is_half(x):
        kw = {"windows": windows, "include": include, "divisor": divisor, "sizes": sizes}
        return in_single(spread_avg, x, **kw)
    if all(2 * w.stride > w.size for w in windows):
        found = _compiled("mean_pool_back", x, windows, windows, include, divisor, sizes)
        if found is not None:
            return found
    rank = len(windows)
    r = _divided(x, divisor_of(windows, sizes, include, divisor))
    for axis in reversed(range(rank)):
        w, n = windows[axis], sizes[axis]
        length = max(w.before + n, w.reach)
        lead = r.shape[: r.ndim - rank + axis]
        trail = r.shape[r.ndim - rank + axis + 1 :]
        covered = w.stride == w.size and w.reach == length
        make = np.empty if covered else np.zeros
        result = make((*lead, length, *trail), r.dtype)
        for tap in range(w.size):
            part = result[_along(axis, w.at(tap), rank)]
            if w.stride >= w.size:
                part[...] = r
            else:
                part += r
        r = result[_along(axis, slice(w.before, w.before + n), rank)]
    return channels_as(r, x)


linear(
    avg_windows,
    lambda g, x_meta, *, windows, include, divisor: spread_avg(
        g,
        windows=windows,
        include=include,
        divisor=divisor,
        sizes=x_meta.shape[-len(windows) :],
    ),
    fresh=True,
    batch=ALIGNED,
)
linear(
    spread_avg,
    lambda g, *, windows, include, divisor: avg_windows(
        g, windows=windows, include=include, divisor=divisor
    ),
    fresh=True,
    batch=ALIGNED,
)
