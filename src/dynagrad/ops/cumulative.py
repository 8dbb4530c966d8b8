"""Running sums, products and extremes along a dimension; recurrences. Imports NumPy only.

Running sums and products of float32 are kept in float64 and rounded once, as PyTorch's are.
"""

import math
from functools import lru_cache

import numpy as np

from .batching import along_axis
from .indexing import gather, ungather
from .layout import contiguous
from .rule import general, linear, primitive


def _wide(dtype):
    """The dtype in which running values are kept."""
    if dtype.kind == "c":
        return np.dtype("complex128")
    return np.dtype("float64") if dtype.kind in "fV" else dtype


def _running(ufunc, x, axis, reverse):
    """`ufunc.accumulate` along a dimension, from its end with `reverse`."""
    if x.ndim == 0:
        return np.array(x)
    dtype = x.dtype
    if ufunc is np.add and axis == x.ndim - 1 and dtype.kind == "f" and dtype.itemsize < 8:
        sums = _running_sums(x, reverse)
        return sums if sums.ndim == x.ndim else sums.reshape(x.shape)
    wide = _wide(dtype)
    if not reverse:
        return ufunc.accumulate(x, axis, dtype=wide).astype(x.dtype, "C", copy=False)
    result = ufunc.accumulate(np.flip(x, axis), axis, dtype=wide)
    return np.ascontiguousarray(np.flip(result, axis).astype(x.dtype, copy=False))


@lru_cache(64)
def _triangle(n, reverse):
    return np.tri(n) if reverse else np.tri(n).T.copy()


def _running_sums(x, reverse):
    """Running sums along the last dimension, kept in float64.

    NumPy waits for each sum before the next; complex numbers carry the sums of two rows at once.
    """
    n = x.shape[-1]
    if 64 <= x.size < 2048 and n <= 64:
        sums = x.reshape(-1, n).astype(np.float64).dot(_triangle(n, reverse))
        whole = sums[:, 0 if reverse else -1]
        if math.isfinite(whole.dot(whole)):  # else some element times 0 is nan
            return sums.astype(x.dtype)
    if reverse:
        x = np.flip(x, -1)
    rows = x.size // n if x.size >= 2048 else 1
    if rows == 1 or rows % 2:
        sums = x.astype(np.float64, "C")
        np.add.accumulate(sums, -1, None, sums)
        sums = sums.astype(x.dtype)
    else:
        half, n = rows // 2, x.shape[-1]
        x = x.reshape(rows, n)
        pairs = np.empty((half, n), np.complex128)
        pairs.real[...], pairs.imag[...] = x[:half], x[half:]
        np.add.accumulate(pairs, 1, None, pairs)
        sums = np.empty((rows, n), x.dtype)
        sums[:half], sums[half:] = pairs.real, pairs.imag
    return np.ascontiguousarray(np.flip(sums, -1)) if reverse else sums


@primitive
def cumsum(x, *, axis, reverse):
    """The sums of all elements up to each one along a dimension."""
    return _running(np.add, x, axis, reverse)


linear(
    cumsum,
    lambda g, *, axis, reverse: cumsum(g, axis=axis, reverse=not reverse),
    fresh=True,
    batch=along_axis,
)


@primitive
def shift(x, *, axis, by, fill):
    """x moved by one place (by = 1 towards the end, -1 to the start); `fill` comes in."""
    result = np.empty_like(x)
    if x.ndim == 0:
        result[...] = fill
        return result
    lead = (slice(None),) * axis
    first, rest, other = (
        (slice(0, 1), slice(1, None), slice(0, -1))
        if by == 1
        else (slice(-1, None), slice(0, -1), slice(1, None))
    )
    result[(*lead, first)] = fill
    result[(*lead, rest)] = x[(*lead, other)]
    return result


general(
    shift,
    lambda g, *, axis, by: shift(g, axis=axis, by=-by, fill=0),
    jvp=lambda t, *, axis, by: shift(t, axis=axis, by=by, fill=0),
    batch=along_axis,
)


@primitive
def recur(x, y, *, axis, step):
    """The solution of out[i] = x[i] + y[i] * out[i + step] with nothing beyond the end.

    Pairs (x, y) compose associatively, so log2(n) passes over the whole array do (Hillis and
    Steele, Data parallel algorithms, 1986) where a loop would take n.
    """
    if x.ndim == 0:
        return np.array(x)
    total, factor = np.array(np.moveaxis(x, axis, 0)), np.array(np.moveaxis(y, axis, 0))
    s, f = (total, factor) if step == 1 else (total[::-1], factor[::-1])
    reach = 1
    while reach < len(s):
        s[:-reach] = s[:-reach] + f[:-reach] * s[reach:]
        f[:-reach] = f[:-reach] * f[reach:]
        reach *= 2
    return np.ascontiguousarray(np.moveaxis(total, 0, axis))


def _recur_vjp(g, y, out, *, axis, step, needs):
    back = recur(g, shift(y, axis=axis, by=step, fill=0), axis=axis, step=-step)
    return back, back * shift(out, axis=axis, by=-step, fill=0) if needs[1] else None


general(
    recur,
    _recur_vjp,
    joint=True,
    jvp=(
        lambda t, y, *, axis, step: recur(t, y, axis=axis, step=step),
        lambda t, y, out, *, axis, step: recur(
            t * shift(out, axis=axis, by=-step, fill=0), y, axis=axis, step=step
        ),
    ),
    batch=along_axis,
)


@primitive
def cumprod(x, *, axis, reverse):
    """The products of all elements up to each one along a dimension."""
    return _running(np.multiply, x, axis, reverse)


def _cumprod_vjp(g, x, out, *, axis, reverse):
    if x.ndim == 0:
        return g * 1
    # The product of all before x[i], times sum over j >= i of g[j] x[i+1] ... x[j]: no division.
    step = -1 if reverse else 1
    before = shift(out, axis=axis, by=step, fill=1)
    return before * recur(g, shift(x, axis=axis, by=-step, fill=0), axis=axis, step=step)


def _cumprod_jvp(t, x, out, *, axis, reverse):
    if x.ndim == 0:
        return t
    # out[i] = x[i] out[i-1], so dout[i] = out[i-1] dx[i] + x[i] dout[i-1]
    step = -1 if reverse else 1
    before = shift(out, axis=axis, by=step, fill=1)
    return recur(before * t, x, axis=axis, step=-step)


general(cumprod, _cumprod_vjp, jvp=_cumprod_jvp, batch=along_axis)


def _log_add(x, y):
    """log(exp(x) + exp(y)) of complex numbers, and the angle that is added to the larger's."""
    is_less = x.real < y.real
    low, high = np.where(is_less, x, y), np.where(is_less, y, x)
    with np.errstate(all="ignore"):
        added = np.log1p(np.where(low.real == -np.inf, 0, np.exp(low - high)))
    both_infinite = np.isinf(low.real) & (low.real == high.real)
    infinite = np.where(low.real < 0, low, np.log(np.exp(low) + np.exp(high)))
    return np.where(both_infinite, infinite, added + high), np.where(
        both_infinite, 0, np.imag(added)
    )


def _complex_running(x):
    """Running log-sum-exps of the rows of `x`: log2(n) passes (see recur).

    The angle of a logarithm is known up to a turn. PyTorch adds element after element to the
    larger of the two; the turns are those which that order gives.
    """
    result = x.copy()
    reach = 1
    while reach < len(x):
        result[reach:] = _log_add(result[reach:], result[:-reach])[0]
        reach *= 2
    if len(x) < 2:
        return result
    starts, angles = np.zeros(x.shape, np.int64), np.zeros(x.shape)
    angles[1:] = _log_add(x[1:], result[:-1])[1]
    places = np.arange(1, len(x)).reshape(-1, *(1,) * (x.ndim - 1))
    starts[1:] = np.where(x[1:].real < result[:-1].real, 0, places)
    starts = np.maximum.accumulate(starts, 0)
    total = np.add.accumulate(angles, 0)
    first = np.take_along_axis(x.imag - total + angles, starts, 0)
    turns = np.round((first + total - result.imag) / (2 * np.pi))
    result.imag += np.where(np.isfinite(turns), turns, 0) * (2 * np.pi)
    return result


@primitive
def logcumsumexp(x, *, axis):
    """log of the running sums of exp(x), without overflow."""
    if x.ndim == 0:
        return np.array(x)
    if x.dtype.kind == "c":
        result = _complex_running(np.moveaxis(x, axis, 0).astype(np.complex128))
        return np.ascontiguousarray(np.moveaxis(result, 0, axis).astype(x.dtype))
    result = np.logaddexp.accumulate(x, axis, dtype=_wide(x.dtype))
    return result.astype(x.dtype, "C", copy=False)


def _logcumsumexp_vjp(g, x, out, *, axis):
    if x.ndim == 0:
        return g * 1
    # sum over j >= i of g[j] exp(x[i] - out[j]); out grows, so every exponent here is <= 0.
    fading = np.exp(out - shift(out, axis=axis, by=-1, fill=float("inf")))
    return np.exp(x - out) * recur(g, fading, axis=axis, step=1)


def _logcumsumexp_jvp(t, x, out, *, axis):
    if x.ndim == 0:
        return t
    fading = np.exp(shift(out, axis=axis, by=1, fill=-float("inf")) - out)
    return recur(np.exp(x - out) * t, fading, axis=axis, step=-1)


general(logcumsumexp, _logcumsumexp_vjp, jvp=_logcumsumexp_jvp, batch=along_axis)


def _record(values, x, axis):
    """Where each running extreme was last met (at a nan, from then on at nans)."""
    if x.ndim == 0:
        return np.zeros((), np.int64)
    shape = [1] * x.ndim
    shape[axis] = -1
    places = np.arange(x.shape[axis]).reshape(shape)
    return np.maximum.accumulate(np.where((x == values) | (x != x), places, 0), axis)


@primitive
def cummax(x, *, axis):
    """The greatest element so far along a dimension, and the last place where it stands."""
    x = contiguous(x)
    values = np.array(x) if x.ndim == 0 else np.maximum.accumulate(x, axis)
    return values, _record(values, x, axis)


@primitive
def cummin(x, *, axis):
    """The least element so far along a dimension, and the last place where it stands."""
    x = contiguous(x)
    values = np.array(x) if x.ndim == 0 else np.minimum.accumulate(x, axis)
    return values, _record(values, x, axis)


def placed(g0, x_meta, out1, *, axis):
    """The rule of (values, indices) of equal shape: each cotangent goes where its value was."""
    if not x_meta.shape:
        return g0 * 1
    return ungather(g0, out1, axis=axis, shape=x_meta.shape)


def taken(t, out1, *, axis):
    """The forward mode of (values, indices) of equal shape: the tangents at the indices."""
    return gather(t, out1, axis=axis), None


general(cummax, placed, results=2, jvp=taken, batch=along_axis)
general(cummin, placed, results=2, jvp=taken, batch=along_axis)
