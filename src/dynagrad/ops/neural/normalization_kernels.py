"""The derivative of layer normalization on bare arrays. Imports NumPy only."""

import math

import numpy as np

from ..elementwise import number_of
from ..layout import contiguous
from ..reduction import sum_over
from .softmax import row_means


def gradients_of_rows(g, x, weight, axes, eps, affine, parameter, needs):
    """The cotangents of x, weight and bias where bare arrays were standardized over their last
    dimensions, those of the parameters; None for anything else.
    """
    if not (axes and _are_rows(g, x, weight, axes, affine, parameter)):
        return None
    n = math.prod(parameter)
    g, rows = (contiguous(t).reshape(-1, n) for t in (g, x))
    flat = None if weight is None else weight.reshape(n)
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
