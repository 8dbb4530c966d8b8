"""Greatest and least elements, and where they stand. Imports NumPy only."""

import numpy as np

from .batching import along_axis, merged, over_all, shaped
from .elementwise import keep
from .indexing import STARTS, gather, ungather
from .layout import in_rows
from .reduction import spread, sum_over
from .rule import LEADING, constant, general, primitive
from .shape import reshape
from .sums import kept_shape, real_dtype


@primitive
def tie_share(x, y, *, axes, keepdims, nan_ties=False, absolute=False):
    """How the derivative of an extreme `y` of x (or of |x|) is shared: evenly among those equal.

    nan_ties: nans are equal to each other; otherwise the shares of a nan are nan.
    """
    if not keepdims and y.ndim:
        y = y.reshape(kept_shape(x.shape, axes))
    ties = (np.abs(x) if absolute else x) == y
    if nan_ties:
        ties |= (x != x) & (y != y)
    share = ties / np.add.reduce(ties, axes, keepdims=True)
    return np.asarray(share.astype(real_dtype(x.dtype)))


#: the dtypes whose argmax is quicker than maximum.reduce along rows, and their sizes of arrays of
#: which that is true as a whole
_PLACED = {np.dtype(name) for name in ("float32", "float64", "int64")}
_FEW = 4096


def _in_rows(x, axis, place, least=0):
    """The extremes of the rows of a matrix and where they are, by argmax or argmin.

    These find the first nan, if there is one, as maximum and minimum do; they need half the time.
    None where they would not do.
    """
    if axis != 1 or x.ndim != 2 or not x.flags.c_contiguous or x.dtype not in _PLACED:
        return None
    if least and x.size < least:
        return None
    places = x.argmax(1) if place is _argmax else x.argmin(1)
    return x.take(places + STARTS[x.shape]), places


_argmax, _argmin = np.ndarray.argmax, np.ndarray.argmin


def _over(x, axes, keepdims, reduce, place):
    """The extremes over `axes`."""
    if axes is not None and len(axes) == 1:
        found = _in_rows(x, axes[0], place, 256)  # for fewer a reduction takes less
        if found is not None:
            return found[0].reshape(-1, 1) if keepdims else found[0]
    return in_rows(np.asarray(reduce(x, axes, None, None, keepdims)))


def _of_all(x, reduce, place):
    """The extreme of all elements."""
    if x.ndim and 0 < x.size <= _FEW and x.dtype in _PLACED:
        return np.array(x.item(place(x)), x.dtype)
    return np.asarray(reduce(x, None))


@primitive
def amax_over(x, *, axes, keepdims):
    """The greatest element over `axes`; nan if there is one."""
    return _over(x, axes, keepdims, np.maximum.reduce, _argmax)


@primitive
def amin_over(x, *, axes, keepdims):
    """The least element over `axes`; nan if there is one."""
    return _over(x, axes, keepdims, np.minimum.reduce, _argmin)


@primitive
def aminmax_over(x, *, axes, keepdims):
    """The least and the greatest element over `axes`."""
    least = in_rows(np.minimum.reduce(x, axes, out=..., keepdims=keepdims))
    return least, in_rows(np.maximum.reduce(x, axes, out=..., keepdims=keepdims))


@primitive
def maximum_of(x):
    """The greatest of all elements, whose derivative nans share too."""
    return _of_all(x, np.maximum.reduce, _argmax)


@primitive
def minimum_of(x):
    """The least of all elements, whose derivative nans share too."""
    return _of_all(x, np.minimum.reduce, _argmin)


def _amax_vjp(g, x, out, *, axes, keepdims):
    g = spread(g, shape=x.shape, axes=axes, keepdims=keepdims)
    return g * tie_share(x, out, axes=axes, keepdims=keepdims)


def _aminmax_vjp(g0, g1, x, out0, out1, *, axes, keepdims):
    least = _amax_vjp(g0, x, out0, axes=axes, keepdims=keepdims)
    return least + _amax_vjp(g1, x, out1, axes=axes, keepdims=keepdims)


def evenly(g, x, out):
    """The rule of a choice among all elements: an even share for each element equal to it."""
    g = spread(g, shape=x.shape, axes=None, keepdims=False)
    share = tie_share(x, out, axes=None, keepdims=False, nan_ties=True)
    return keep(g * share, np.not_equal(share, 0))  # 0 elsewhere, even where g is nan


def _amax_jvp(t, x, out, *, axes, keepdims):
    share = tie_share(x, out, axes=axes, keepdims=keepdims)
    return sum_over(t * share, axes=axes, keepdims=keepdims)


def _aminmax_jvp(t, x, out0, out1, *, axes, keepdims):
    return tuple([_amax_jvp(t, x, out, axes=axes, keepdims=keepdims) for out in (out0, out1)])


def evenly_jvp(t, x, out):
    """The forward mode of a choice among all elements."""
    share = tie_share(x, out, axes=None, keepdims=False, nan_ties=True)
    return sum_over(t * share, axes=None, keepdims=False)


constant(tie_share, batch=LEADING)
general(amax_over, _amax_vjp, jvp=_amax_jvp, batch=LEADING)
general(amin_over, _amax_vjp, jvp=_amax_jvp, batch=LEADING)
general(aminmax_over, _aminmax_vjp, results=2, jvp=_aminmax_jvp, batch=LEADING)
general(maximum_of, evenly, jvp=evenly_jvp, batch=over_all(amax_over))
general(minimum_of, evenly, jvp=evenly_jvp, batch=over_all(amin_over))


def picked(g0, x_meta, out1, *, axis, keepdims):
    """The rule of (values, indices) along a dimension: the cotangent goes to the chosen places."""
    if not x_meta.shape:
        return g0 * 1
    if not keepdims:
        shape = kept_shape(x_meta.shape, (axis,))
        g0, out1 = reshape(g0, shape=shape), reshape(out1, shape=shape)
    return ungather(g0, out1, axis=axis, shape=x_meta.shape)


def picked_jvp(t, x_meta, out1, *, axis, keepdims):
    """The forward mode of (values, indices) along a dimension: the tangents at the indices."""
    if not x_meta.shape:
        return t, None
    if keepdims:
        return gather(t, out1, axis=axis), None
    places = reshape(out1, shape=kept_shape(x_meta.shape, (axis,)))
    return reshape(gather(t, places, axis=axis), shape=out1.shape), None


def _along(x, axis, keepdims, reduce, place):
    """The extremes along a dimension and where each first is."""
    found = _in_rows(x, axis, place)
    if found is not None:
        return (found[0].reshape(-1, 1), found[1].reshape(-1, 1)) if keepdims else found
    if x.ndim == 0:
        return np.array(x), np.zeros((), np.int64)
    value = np.asarray(reduce(x, axis, None, None, keepdims))
    return in_rows(value), in_rows(np.asarray(place(x, axis, keepdims=keepdims)))


@primitive
def max_along(x, *, axis, keepdims):
    """The greatest elements along a dimension (nan if there is one) and where each first is."""
    return _along(x, axis, keepdims, np.maximum.reduce, _argmax)


@primitive
def min_along(x, *, axis, keepdims):
    """The least elements along a dimension (nan if there is one) and where each first is."""
    return _along(x, axis, keepdims, np.minimum.reduce, _argmin)


@primitive
def argmax(x, *, axis, keepdims):
    """The place of the first greatest element along a dimension, or in row-major order (None)."""
    return np.asarray(x.argmax(axis if x.ndim else None, keepdims=keepdims))


@primitive
def argmin(x, *, axis, keepdims):
    """The place of the first least element along a dimension, or in row-major order (None)."""
    return np.asarray(x.argmin(axis if x.ndim else None, keepdims=keepdims))


def _place_batch(fun, values, flags, kw):
    (x,), keepdims = values, kw["keepdims"]
    if kw["axis"] is not None:
        return along_axis(fun, values, flags, kw)
    kept = (x.shape[0], *((1,) * (x.ndim - 1) if keepdims else ()))
    return shaped(fun(merged(x), axis=1, keepdims=False), kept)


general(max_along, picked, results=2, jvp=picked_jvp, batch=along_axis)
general(min_along, picked, results=2, jvp=picked_jvp, batch=along_axis)
constant(argmax, batch=_place_batch)
constant(argmin, batch=_place_batch)
