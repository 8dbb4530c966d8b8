"""Products that sum over dimensions. Imports NumPy only."""

import numpy as np

from .rule import multilinear, primitive
from .shape import transpose


def swap(x):
    """The last two dimensions exchanged."""
    axes = tuple(range(len(x.shape)))
    return transpose(x, axes=(*axes[:-2], axes[-1], axes[-2]))


@primitive
def matmul(x, y):
    """Matrix products of the last two dimensions, broadcast over the others; both have at least two."""
    return np.matmul(x, y)


multilinear(matmul, lambda g, y: matmul(g, swap(y)), lambda g, x: matmul(swap(x), g))
