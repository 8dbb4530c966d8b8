"""Linear algebra. Imports NumPy only."""

import numpy as np

from .contraction import matmul, swap
from .rule import general, primitive


@primitive
def eigh(x):
    """Eigenvalues (ascending) and eigenvectors (columns) of symmetric or Hermitian matrices."""
    values, vectors = np.linalg.eigh(x)
    return values, vectors


@primitive
def spectral_gaps(w):
    """1 / (w_j - w_i) off the diagonal, 0 on it."""
    d = w[..., None, :] - w[..., :, None]
    i = np.arange(w.shape[-1])
    d[..., i, i] = np.inf
    return 1 / d


@primitive
def diag_embed(x):
    """Square matrices with the last dimension of `x` on their diagonals."""
    n = x.shape[-1]
    result = np.zeros((*x.shape, n), x.dtype)
    i = np.arange(n)
    result[..., i, i] = x
    return result


@primitive
def diagonal(x):
    """The diagonals of square matrices."""
    i = np.arange(x.shape[-1])
    return x[..., i, i]


from .rule import linear

linear(diag_embed, lambda g: diagonal(g))
linear(diagonal, lambda g: diag_embed(g))
general(spectral_gaps, lambda g, out: _gaps_vjp(g, out))


def _gaps_vjp(g, out):
    t = -g * out * out
    return np.sum(t, axis=-2) - np.sum(t, axis=-1)


# M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008)
general(
    eigh,
    lambda g0, g1, out0, out1: matmul(
        matmul(out1, diag_embed(g0) + spectral_gaps(out0) * matmul(swap(out1), g1)), swap(out1)
    ),
    results=2,
)
