"""Slices of bounded norm, hashes. Imports NumPy only."""

import numpy as np

from .elementwise import is_half, where, widened
from .norms import vector_norm, vector_norm_vjp
from .reduction import sum_over, to_real
from .rule import LEADING, constant, general, primitive

#: what PyTorch adds to a norm before it divides by it
TINY = 1e-7


@primitive
def renorm(x, *, p, axes, maxnorm):
    """x, but where the p-norm over `axes` exceeds maxnorm, scaled down to it."""
    wide = widened(x)
    norm = vector_norm(wide, p=p, axes=axes, keepdims=True, dtype=None)
    factor = np.where(norm > maxnorm, maxnorm / (norm + TINY), 1)
    if is_half(x):
        factor = factor.astype(x.dtype).astype(np.float32)
        return (wide * factor).astype(x.dtype)
    return x * factor.astype(norm.dtype)


def _renorm_vjp(g, x, x_meta, *, p, axes, maxnorm):
    """The derivative of maxnorm x / (norm + TINY); where nothing is scaled, g."""
    norm = vector_norm(x, p=p, axes=axes, keepdims=True, dtype=None)
    inverse = 1.0 / (norm + TINY)
    along = to_real(sum_over(g * x, axes=axes, keepdims=True), x_meta.dtype)
    slope = vector_norm_vjp(along, x, x_meta, norm, p=p, axes=axes, keepdims=True, dtype=None)
    return where(np.greater(norm, maxnorm), maxnorm * inverse * (g - slope * inverse), g)


general(renorm, _renorm_vjp, fresh=False, batch=LEADING)


@primitive
def xor_bits(x, *, axes, keepdims):
    """The exclusive or of the elements' bits as 64-bit numbers (float64, or int64) over `axes`."""
    wide = x.astype(np.int64 if x.dtype.kind in "iub" else np.float64)
    return np.bitwise_xor.reduce(wide.view(np.uint64), axis=axes, keepdims=keepdims)


constant(xor_bits, batch=LEADING)
