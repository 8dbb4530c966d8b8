"""Normalization and its derivative on bare arrays, by compiled kernels where arrays are large.
Imports NumPy only.
"""

import math

import numpy as np

from ..compiled import KERNELS
from ..elementwise import number_of
from ..layout import contiguous
from ..reduction import sum_over
from .softmax import row_means

#: arrays from this size on go to compiled kernels, if each mean is one of at least so many numbers
LARGE, LONG = 1 << 13, 64


def _is_large(x, n):
    return x.size >= LARGE and n >= LONG and x.dtype.char in "fd"


def _is_one_kind(x, *others):
    return all(t is None or (type(t) is np.ndarray and t.dtype == x.dtype) for t in others)


def _of_channels(x, axes, affine, parameter):
    """Whether statistics are those of the channels, dimension 1, and parameters too."""
    channels = (1, x.shape[1], *[1] * (x.ndim - 2)) if x.ndim > 2 else None
    return (
        channels == tuple(affine)
        and channels is not None
        and tuple(parameter) == channels[1:2]
        and tuple(axes) == (0, *range(2, x.ndim))
    )


def _of_groups(x, axes, affine, parameter):
    """Whether x (N, groups, channels of a group, *S) has statistics for each example and group, and
    parameters for each channel.
    """
    return (
        x.ndim > 3
        and tuple(axes) == tuple(range(2, x.ndim))
        and tuple(affine) == (1, *x.shape[1:3], *[1] * (x.ndim - 3))
        and tuple(parameter) == (x.shape[1] * x.shape[2],)
    )


def standardized(x, weight, bias, axes, n, eps, affine, parameter):
    """The normalized array and whether weight and bias are in it, by a compiled kernel for a large
    C-contiguous x; None for others.
    """
    if not _is_large(x, n) or not _is_one_kind(x, weight, bias):
        return None
    if axes[0] == x.ndim - len(axes):
        fast = KERNELS["standardize_rows"]
        if fast is None:
            return None
        if _of_groups(x, axes, affine, parameter):
            if x.size < 2 * LARGE:
                return None
            turns = x.shape[1], x.size // max(math.prod(x.shape[:3]), 1)
            return fast(x.reshape(-1, n), weight, bias, eps, *turns).reshape(x.shape), True
        last = slice(axes[0], None)
        whole = x.shape[last] == tuple(parameter) == tuple(affine[last])
        weight, bias = [None if t is None or not whole else t.reshape(n) for t in (weight, bias)]
        return fast(x.reshape(-1, n), weight, bias, eps).reshape(x.shape), whole
    if _of_channels(x, axes, affine, parameter):
        fast = KERNELS["standardize_channels"]
        if fast is not None:
            planes = x.reshape(*x.shape[:2], -1)
            return fast(planes, weight, bias, eps).reshape(x.shape), True
    return None


def gradients_of_channels(g, x, weight, axes, eps, affine, parameter, needs):
    """The cotangents of x, weight and bias where large bare arrays were standardized channel by
    channel, or in groups of channels, by a compiled kernel; None for anything else.
    """
    if type(x) is not np.ndarray or not _is_one_kind(x, g, weight) or x.ndim < 3 or not x.size:
        return None
    if _of_groups(x, axes, affine, parameter):
        return _gradients_of_groups(g, x, weight, eps, needs)
    if not _is_large(x, x.size // x.shape[1]) or not _of_channels(x, axes, affine, parameter):
        return None
    fast = KERNELS["standardize_channels_back"]
    if fast is None:
        return None
    planes = (*x.shape[:2], -1)
    gx, gw, gb = fast(contiguous(g).reshape(planes), contiguous(x).reshape(planes), weight, eps)
    return gx.reshape(x.shape), gw, gb


def _gradients_of_groups(g, x, weight, eps, needs):
    n = math.prod(x.shape[2:])
    fast = KERNELS["standardize_rows_back"] if _is_large(x, n) else None
    if fast is None:
        return None
    g, rows = (contiguous(t).reshape(-1, n) for t in (g, x))
    turns, spread = x.shape[1], math.prod(x.shape[3:])
    sides = needs[1] or needs[2]
    gx, gw, gb = fast(g, rows, weight, eps, turns, spread, sides=sides)
    return gx.reshape(x.shape), gw, gb


def gradients_of_rows(g, x, weight, axes, eps, affine, parameter, needs):
    """The cotangents of x, weight and bias where bare arrays were standardized over their last
    dimensions, those of the parameters; None for anything else.
    """
    if not (axes and _are_rows(g, x, weight, axes, affine, parameter)):
        return None
    n = math.prod(parameter)
    g, rows = (contiguous(t).reshape(-1, n) for t in (g, x))
    flat = None if weight is None else weight.reshape(n)
    fast = KERNELS["standardize_rows_back"] if _is_large(x, n) else None
    if fast is not None and _is_one_kind(x, weight):
        gx, gw, gb = fast(g, rows, flat, eps, sides=needs[1] or needs[2])
    else:
        gx, gw, gb = _rows_vjp(g, rows, flat, eps, needs)
    found = ((gx, x.shape), (gw, parameter), (gb, parameter))
    return tuple([None if t is None else t.reshape(shape) for t, shape in found])


def _are_rows(g, x, weight, axes, affine, parameter):
    if not (
        type(x) is type(g) is np.ndarray and type(weight) in (np.ndarray, type(None)) and x.size
    ):
        return False
    if x.dtype != g.dtype or x.itemsize < 4:
        return False
    last = slice(axes[0], None)  # parameters of channels may have the size of a row by chance
    return x.shape[last] == tuple(parameter) == tuple(affine[last])


def _rows_vjp(g, x, weight, eps, needs):
    """The cotangents of a matrix standardized by rows and of its weight and bias, in the memory of
    three matrices.
    """
    d = np.subtract(x, row_means(x))
    t = np.multiply(d, d)
    r = row_means(t)
    r += number_of(eps, x.dtype)
    np.divide(1, np.sqrt(r, r), r)
    d *= r
    gw = sum_over(np.multiply(g, d, t), axes=(0,), keepdims=False) if needs[1] else None
    gb = sum_over(g, axes=(0,), keepdims=False) if needs[2] else None
    if not needs[0]:
        return None, gw, gb
    h = np.array(g) if weight is None else g * weight
    shares = row_means(np.multiply(h, d, t))
    h -= row_means(h)
    d *= shares
    h -= d
    h *= r
    return h, gw, gb
