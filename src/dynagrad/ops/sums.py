"""How reductions add up: pairwise or by BLAS, in any direction. Arrays in, arrays out; the
primitives that use this are in reduction. Imports NumPy only.
"""

import math
from functools import lru_cache

import numpy as np

from .elementwise import is_half
from .indexing import STARTS
from .layout import in_rows

FLOAT32, FLOAT64, BOOL = np.dtype("float32"), np.dtype("float64"), np.dtype("bool")
#: below this number of elements plain summation loses less than the last digits
FEW = 1024
#: rows up to this length are added up as a product with ones: BLAS takes half of add.reduce's time
#: on few elements and a third on many, and its partial sums are as accurate
ROW = 4096
_ROW_OF_ONES = {d: np.ones(ROW, d) for d in (FLOAT32, FLOAT64)}


class _Ones(dict):
    """Vectors of ones by their length."""

    def __init__(self, dtype):
        self.row = _ROW_OF_ONES[dtype]

    def __missing__(self, n):
        found = self[n] = self.row[:n]
        return found


ONES32, ONES64 = _Ones(FLOAT32), _Ones(FLOAT64)


def ones_of(n, dtype):
    """The vector of n ones, n at most ROW."""
    return (ONES32 if dtype is FLOAT32 else ONES64)[n]


_REAL = {np.dtype("complex64"): FLOAT32, np.dtype("complex128"): FLOAT64}


def real_dtype(dtype):
    """The dtype of absolute values."""
    return _REAL.get(dtype, dtype)


def add_over(x, axes, keepdims):
    """np.add.reduce, as accurate in every direction as NumPy is along contiguous memory.

    NumPy adds pairwise along the fastest dimension only; across others the error would grow with
    the number of terms. There long dimensions are added in blocks of about the square root.
    """
    if x.ndim == 2 and axes is not None and len(axes) == 1:
        total = _add_matrix(x, axes[0])
        if total is not None:
            return total.reshape(kept_shape(x.shape, axes)) if keepdims else total
    if is_half(x):
        return np.asarray(add_over(x.astype(np.float32), axes, keepdims).astype(x.dtype))
    if x.size <= FEW or x.dtype.kind in "biu":
        return in_rows(np.add.reduce(x, axes, dtype=x.dtype, out=..., keepdims=keepdims))
    if axes is None or len(axes) == x.ndim:
        total = np.asarray(add_all(x))
        return total.reshape((1,) * x.ndim) if keepdims else total
    total = x
    for axis in sorted(axes, reverse=True):
        total = _add_along(total, axis)
    total = in_rows(total)
    if keepdims:
        return total
    kept = tuple(n for i, n in enumerate(x.shape) if i not in axes)
    return total.reshape(kept) if axes else total.copy()


def _add_matrix(x, axis):
    """The sums of a matrix's rows or columns by BLAS, None where that is not to be had."""
    n, dtype = x.shape[axis], x.dtype
    if not 0 < n <= ROW or not x.flags.c_contiguous:
        return None
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        return None
    if axis == 1:
        return x.dot(ones_of(n, dtype))
    if n < 64:
        return ones_of(n, dtype).dot(x)
    block = math.isqrt(n)
    count = n // block
    whole = count * block
    parts = np.matmul(ones_of(block, dtype), x[:whole].reshape(count, block, x.shape[1]))
    total = ones_of(count, dtype).dot(parts)
    if whole < n:
        total += ones_of(n - whole, dtype).dot(x[whole:])
    return total


def add_all(x):
    """The sum of many elements."""
    if not x.flags.forc:
        x = np.ascontiguousarray(x)
    if x.size < 16 * ROW or x.dtype not in _ROW_OF_ONES:
        return np.add.reduce(x, None)
    flat = x.reshape(-1, order="A")
    rows = x.size // ROW
    ones = _ROW_OF_ONES[x.dtype]
    parts = flat[: rows * ROW].reshape(rows, ROW).dot(ones)
    rest = flat[rows * ROW :]
    whole = parts.dot(ones[:rows]) if rows <= FEW else np.add.reduce(parts)
    return whole + rest.dot(ones[: rest.size])


def _add_along(x, axis):
    n = x.shape[axis]
    if axis == x.ndim - 1 and 0 < n <= ROW and x.flags.c_contiguous and x.dtype in _ROW_OF_ONES:
        rows = x.reshape(-1, n).dot(_ROW_OF_ONES[x.dtype][:n])
        return rows.reshape(*x.shape[:-1], 1)
    fastest = min((s for s, m in zip(x.strides, x.shape, strict=True) if m > 1), default=0)
    if n < 64 or x.strides[axis] == fastest:
        return np.add.reduce(x, axis, keepdims=True)
    block = math.isqrt(n)
    count = n // block
    lead = (slice(None),) * axis
    head = x[(*lead, slice(0, count * block))]
    head = head.reshape(*x.shape[:axis], count, block, *x.shape[axis + 1 :])
    total = np.add.reduce(np.add.reduce(head, axis + 1), axis, keepdims=True)
    if count * block < n:
        total += np.add.reduce(x[(*lead, slice(count * block, n))], axis, keepdims=True)
    return total


def count(shape, axes):
    """The number of elements that one result of a reduction is made of."""
    if axes is None:
        return math.prod(shape)
    return math.prod([shape[i] for i in axes])


def kept_shape(shape, axes):
    """A reduction's shape under keepdims=True."""
    if axes is None:
        return (1,) * len(shape)
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


#: counts as arrays of the two usual dtypes: a Python number would double the division's cost
_counts32: dict = {}
_counts64: dict = {}


def divided(total, n):
    """A sum divided by the number of its terms."""
    dtype = total.dtype
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        return np.asarray(total / n)
    cache = _counts32 if dtype is FLOAT32 else _counts64
    divisor = cache.get(n)
    if divisor is None:
        divisor = np.array(n, dtype)
        if len(cache) < FEW:
            cache[n] = divisor
    return np.divide(total, divisor, out=...)


# --- rows of matrices -----------------------------------------------------------------------------


def product_of_rows(x):
    """The products of a matrix's long rows: NumPy multiplies one element after the other along a
    row, waiting for each product, but columns at once. The rows are turned in parts of 16 bytes,
    which takes a quarter of what single elements take.
    """
    n = x.shape[1]
    each = 16 // x.itemsize
    whole = n - n % each
    columns = np.ascontiguousarray(x[:, :whole].view(np.complex128).T).view(x.dtype)
    parts = np.multiply.reduce(columns, 0).reshape(-1, each)
    result = np.multiply.reduce(np.ascontiguousarray(parts.T), 0)
    for column in range(whole, n):
        np.multiply(result, x[:, column], result)
    return result


@lru_cache(64)
def _weights(n, columns, count, dtype):
    """What makes sums of n terms means: 1 / count, as a vector or as a matrix."""
    return np.full((n, columns) if columns else n, 1 / count, dtype)


def variances_of_rows(x, axes, keepdims, correction, *, root=False):
    """The variances of a matrix's rows, or of few elements, or their roots, with products for sums;
    else None.
    """
    dtype = x.dtype
    if axes is None:
        n = x.size
    elif x.ndim == 2 and axes == (1,):
        n = x.shape[1]
    else:
        return None
    if not correction < n <= ROW or n == 0 or not x.flags.c_contiguous:
        return None
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        return None
    ones = ones_of(n, dtype)
    if axes is None:  # numbers of NumPy's cost a sixth of what arrays without dimensions do
        flat = x.ravel()
        d = np.subtract(flat, flat.dot(ones) / n)
        var = d.dot(d) / (n - correction)
        result = np.array(math.sqrt(var) if root else var, dtype)
        return result.reshape((1,) * x.ndim) if keepdims else result
    if n <= 16:  # operands of one shape take less than those that broadcast
        d = np.subtract(x, x.dot(_weights(n, n, n, dtype)))
        var = np.multiply(d, d, d).dot(_weights(n, 0, n - correction, dtype))
    else:
        d = x - divided(x.dot(ones), n).reshape(-1, 1)
        var = divided(np.multiply(d, d, d).dot(ones), n - correction)
    if root:
        np.sqrt(var, var)
    return var.reshape(-1, 1) if keepdims else var


def logsumexp_of_rows(x):
    """logsumexp of a matrix's rows where all their greatest terms are finite; else None."""
    n, dtype = x.shape[1], x.dtype
    if not 0 < n <= ROW or not x.flags.c_contiguous:
        return None
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        return None
    top = x.take(x.argmax(1) + STARTS[x.shape])
    if not math.isfinite(top.dot(top)):
        return None
    terms = x - top.reshape(-1, 1)
    result = np.exp(terms, terms).dot(ones_of(n, dtype))
    np.log(result, result)
    return np.add(result, top, result)
