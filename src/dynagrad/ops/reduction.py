"""Reductions: sums, means, products, variances, norms and extremes. Imports NumPy only.

`axes` is a tuple of dimensions counted from the front, or None for all of them. A rule first
spreads the cotangent over its input's shape (`spread`) and then reads as ordinary calculus.
"""

import math

import numpy as np

from .batching import behind, over_all
from .cumulative import cumprod, shift
from .elementwise import is_half
from .indexing import starts
from .layout import in_rows
from .rule import ALIGNED, LEADING, constant, elementwise, general, linear, primitive
from .shape import broadcast_to, cast, reshape

# --- adding up ------------------------------------------------------------------------------------

FLOAT32, FLOAT64, BOOL = np.dtype("float32"), np.dtype("float64"), np.dtype("bool")
#: below this number of elements plain summation loses less than the last digits
FEW = 1024
#: rows up to this length are added up as a product with ones: BLAS takes half of add.reduce's time
#: on few elements and a third on many, and its partial sums are as accurate
ROW = 4096
_ROW_OF_ONES = {d: np.ones(ROW, d) for d in (FLOAT32, FLOAT64)}
_ones32: dict = {}
_ones64: dict = {}


def _ones(n, dtype):
    """The vector of n ones, n at most ROW."""
    cache = _ones32 if dtype is FLOAT32 else _ones64
    found = cache.get(n)
    if found is None:
        found = cache[n] = _ROW_OF_ONES[dtype][:n]
    return found


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
        total = np.asarray(_add_all(x))
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
        return x.dot(_ones(n, dtype))
    if n < 64:
        return _ones(n, dtype).dot(x)
    block = math.isqrt(n)
    count = n // block
    whole = count * block
    parts = np.matmul(_ones(block, dtype), x[:whole].reshape(count, block, x.shape[1]))
    total = _ones(count, dtype).dot(parts)
    if whole < n:
        total += _ones(n - whole, dtype).dot(x[whole:])
    return total


def _add_all(x):
    """The sum of many elements."""
    if not x.flags.forc:
        x = np.ascontiguousarray(x)
    if x.size < 16 * ROW or x.dtype not in _ROW_OF_ONES:
        return np.add.reduce(x, None)
    flat = x.reshape(-1, order="A")
    rows = x.size // ROW
    parts = flat[: rows * ROW].reshape(rows, ROW).dot(_ROW_OF_ONES[x.dtype])
    return np.add.reduce(parts) + np.add.reduce(flat[rows * ROW :])


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


@primitive
def spread(x, *, shape, axes, keepdims):
    """A reduction's result repeated over its input's `shape`: the transpose of sum_over.

    Few elements are written out, which is cheapest; many are a read-only view that repeats.
    """
    if not keepdims and np.ndim(x):
        x = x.reshape(kept_shape(shape, axes))
    if math.prod(shape) > 4096:
        return np.broadcast_to(x, shape)
    result = np.empty(shape, x.dtype)
    result[...] = x
    return result


@primitive
def sum_over(x, *, axes, keepdims):
    """The sum over the dimensions `axes`."""
    return add_over(x, axes, keepdims)


@primitive
def sum_as(x, *, axes, keepdims, dtype):
    """The sum over `axes` in another dtype."""
    return add_over(x.astype(dtype), axes, keepdims)


@primitive
def total(x):
    """The sum of all elements of a float32 or float64 array: sum_over without its choices."""
    n = x.size
    if n > FEW:
        return np.asarray(_add_all(x))
    dtype = x.dtype
    result = np.empty((), dtype)
    x.ravel().dot(_ones(n, dtype), result)
    return result


def expand_back(g, x_meta, axes, keepdims):
    """A reduction's cotangent broadcast to its input's shape."""
    return spread(g, shape=x_meta.shape, axes=axes, keepdims=keepdims)


def _spread_batch(fun, values, flags, kw):
    (x,) = values
    axes, shape = behind(kw["axes"], len(kw["shape"])), (x.shape[0], *kw["shape"])
    return fun(x, shape=shape, axes=axes, keepdims=kw["keepdims"])


linear(
    spread,
    lambda g, *, axes, keepdims: sum_over(g, axes=axes, keepdims=keepdims),
    batch=_spread_batch,
)
linear(
    sum_over,
    lambda g, x_meta, *, axes, keepdims: expand_back(g, x_meta, axes, keepdims),
    batch=LEADING,
)
linear(
    sum_as,
    lambda g, x_meta, *, axes, keepdims: expand_back(
        cast(g, dtype=x_meta.dtype), x_meta, axes, keepdims
    ),
    batch=LEADING,
)
linear(
    total,
    lambda g, x_meta: spread(g, shape=x_meta.shape, axes=None, keepdims=False),
    batch=over_all(sum_over),
)


#: counts as arrays of the two usual dtypes: a Python number would double the division's cost
_counts32: dict = {}
_counts64: dict = {}


def _divided(total, n):
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


@primitive
def mean_over(x, *, axes, keepdims):
    """The sum over `axes` divided by the number of terms."""
    n = count(x.shape, axes)
    if is_half(x):
        return np.asarray((add_over(x.astype(np.float32), axes, keepdims) / n).astype(x.dtype))
    return _divided(add_over(x, axes, keepdims), n)


@primitive
def mean_as(x, *, axes, keepdims, dtype):
    """The mean over `axes` in another dtype."""
    return mean_over(x.astype(dtype), axes=axes, keepdims=keepdims)


@primitive
def average(x):
    """The mean of all elements of a float32 or float64 array: mean_over without its choices."""
    n = x.size
    dtype = x.dtype
    if n > FEW:
        result = np.asarray(_add_all(x))
    else:
        result = np.empty((), dtype)
        x.ravel().dot(_ones(n, dtype), result)
    return _divided(result, n)


def _mean_vjp(g, x_meta, *, axes, keepdims):
    return expand_back(g / count(x_meta.shape, axes), x_meta, axes, keepdims)


def _average_vjp(g, x_meta):
    g = g / math.prod(x_meta.shape)
    return spread(g, shape=x_meta.shape, axes=None, keepdims=False)


def _mean_as_vjp(g, x_meta, *, axes, keepdims):
    g = cast(g / count(x_meta.shape, axes), dtype=x_meta.dtype)
    return expand_back(g, x_meta, axes, keepdims)


linear(mean_over, _mean_vjp, batch=LEADING)
linear(mean_as, _mean_as_vjp, batch=LEADING)
linear(average, _average_vjp, batch=over_all(mean_over))


@primitive
def is_number(x):
    """1 where x is a number, 0 where it is nan, in x's dtype."""
    return np.asarray((x == x).astype(x.dtype))


@primitive
def nansum_over(x, *, axes, keepdims):
    """The sum over `axes` of what is not nan."""
    return add_over(np.where(np.isnan(x), x.dtype.type(0), x), axes, keepdims)


def _nansum_vjp(g, x, *, axes, keepdims):
    return spread(g, shape=x.shape, axes=axes, keepdims=keepdims) * is_number(x)


def _nansum_jvp(t, x, *, axes, keepdims):
    return sum_over(t * is_number(x), axes=axes, keepdims=keepdims)


constant(is_number, batch=ALIGNED)
general(nansum_over, _nansum_vjp, jvp=_nansum_jvp, batch=LEADING)


# --- products -------------------------------------------------------------------------------------


@primitive
def product(x, *, axis, keepdims):
    """The product along a dimension, or of all elements (axis None)."""
    if x.ndim == 0:
        axis = None
    if is_half(x):
        wide = np.multiply.reduce(x.astype(np.float32), axis, out=..., keepdims=keepdims)
        return in_rows(np.asarray(wide.astype(x.dtype)))
    if x.ndim == 2 and axis == 1 and x.size >= 8 * FEW and x.shape[1] >= 32:
        x = _halved(x)
    return in_rows(np.asarray(np.multiply.reduce(x, axis, x.dtype, None, keepdims)))


def _halved(x):
    """Fewer columns with the same products of rows: NumPy multiplies one element after the other
    along a row, waiting for each product, but the halves of all rows at once.
    """
    half = x.shape[1] // 2
    y = np.multiply(x[:, :half], x[:, half : 2 * half])
    if x.shape[1] % 2:
        y[:, 0] *= x[:, -1]
    while half > 16:
        n, half = half, half // 2
        if n % 2:
            y[:, 0] *= y[:, n - 1]
        np.multiply(y[:, :half], y[:, half : 2 * half], y[:, :half])
    return y[:, :half]


def _others(x, axis):
    """For each element the product of all others: what is before it times what is after it.

    Without division it is right where elements are zero, and so are its derivatives.
    """
    before = shift(cumprod(x, axis=axis, reverse=False), axis=axis, by=1, fill=1)
    after = shift(cumprod(x, axis=axis, reverse=True), axis=axis, by=-1, fill=1)
    return before * after


def _all_others(x, axis):
    """The same for the product along `axis`, or of all elements (None)."""
    if axis is None:
        return reshape(_others(reshape(x, shape=(math.prod(x.shape),)), 0), shape=x.shape)
    return _others(x, axis)


def _product_vjp(g, x, *, axis, keepdims):
    if x.ndim == 0:
        return g * 1
    axes = None if axis is None else (axis,)
    return spread(g, shape=x.shape, axes=axes, keepdims=keepdims) * _all_others(x, axis)


def _product_jvp(t, x, *, axis, keepdims):
    if x.ndim == 0:
        return t * 1
    axes = None if axis is None else (axis,)
    return sum_over(t * _all_others(x, axis), axes=axes, keepdims=keepdims)


def _product_batch(fun, values, flags, kw):
    (x,) = values
    axis, keepdims = kw["axis"], kw["keepdims"]
    if x.ndim > 1 and axis is not None:
        return fun(x, axis=axis + 1, keepdims=keepdims)
    size = x.shape[0]
    of_all = fun(reshape(x, shape=(size, math.prod(x.shape[1:]))), axis=1, keepdims=False)
    return reshape(of_all, shape=(size, *(1,) * (x.ndim - 1))) if keepdims else of_all


general(product, _product_vjp, jvp=_product_jvp, batch=_product_batch)


# --- variances ------------------------------------------------------------------------------------


@primitive
def divide_or_zero(x, y):
    """x / y, but 0 where y is 0: the choice of a subgradient at a norm's or deviation's corner."""
    zero = y == 0
    return np.asarray(np.where(zero, x.dtype.type(0), x / np.where(zero, y.dtype.type(1), y)))


elementwise(
    divide_or_zero,
    lambda g, y: divide_or_zero(g, y),
    lambda g, y, out: -divide_or_zero(g * out, y),
)


def _moments(x, axes, keepdims, correction):
    """Variance and mean by two passes, halves in float32 (and still so in the result)."""
    if is_half(x):
        x = x.astype(np.float32)
    n = count(x.shape, axes)
    mean = np.asarray(add_over(x, axes, True) / n)
    d = x - mean
    squares = (d * d.conj()).real if d.dtype.kind == "c" else d * d
    total = add_over(squares, axes, keepdims)
    with np.errstate(all="ignore"):  # too few terms: 0 / 0, of which the caller has warned
        var = np.asarray(total / squares.dtype.type(max(0, n - correction)))
    return var, mean.reshape(var.shape)


def _variances(x, axes, keepdims, correction):
    """The variances of a matrix's rows, or of few elements, with products for sums; else None."""
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
    ones = _ones(n, dtype)
    rows = x.reshape(-1, n)
    d = rows - _divided(rows.dot(ones), n).reshape(-1, 1)
    var = _divided(np.multiply(d, d, d).dot(ones), n - correction)
    if keepdims:
        return var.reshape(kept_shape(x.shape, axes))
    return var if axes is not None else var.reshape(())


@primitive
def var_over(x, *, axes, keepdims, correction):
    """The variance over `axes`: sum(|x - mean|^2) / max(0, n - correction)."""
    var = _variances(x, axes, keepdims, correction)
    if var is not None:
        return var
    return _moments(x, axes, keepdims, correction)[0].astype(real_dtype(x.dtype), copy=False)


@primitive
def std_over(x, *, axes, keepdims, correction):
    """The standard deviation over `axes`: the variance's root."""
    var = _variances(x, axes, keepdims, correction)
    if var is not None:
        return np.sqrt(var, var)
    var = _moments(x, axes, keepdims, correction)[0]
    return np.asarray(np.sqrt(var).astype(real_dtype(x.dtype), copy=False))


@primitive
def var_mean_over(x, *, axes, keepdims, correction):
    """Variance and mean over `axes`."""
    var, mean = _moments(x, axes, keepdims, correction)
    mean = np.where(np.isinf(mean), mean.dtype.type(np.nan), mean)  # as in std_mean_over
    return var.astype(real_dtype(x.dtype), copy=False), mean.astype(x.dtype, copy=False)


@primitive
def std_mean_over(x, *, axes, keepdims, correction):
    """Standard deviation and mean over `axes`."""
    var, mean = _moments(x, axes, keepdims, correction)
    std = np.asarray(np.sqrt(var))
    # PyTorch's recurrence (Welford's) knows no infinite mean
    mean = np.where(np.isinf(mean), mean.dtype.type(np.nan), mean)
    return std.astype(real_dtype(x.dtype), copy=False), mean.astype(x.dtype, copy=False)


def _var_vjp(g, x, x_meta, *, axes, keepdims, correction):
    n = count(x.shape, axes)
    mean = mean_over(x, axes=axes, keepdims=True)
    d = x - broadcast_to(mean, shape=x.shape)
    if x_meta.dtype.kind == "c":
        d = np.conjugate(d)
    g = spread(g, shape=x.shape, axes=axes, keepdims=keepdims)
    if n <= correction:
        return g * (d * d * math.inf)  # as PyTorch: inf where the variance is, nan where it is nan
    return g * (d * (2.0 / (n - correction)))


def _std_vjp(g, x, x_meta, out, *, axes, keepdims, correction):
    g = divide_or_zero(g, out * 2)
    return _var_vjp(g, x, x_meta, axes=axes, keepdims=keepdims, correction=correction)


def _with_mean(g, g_mean, x, x_meta, axes, keepdims, correction):
    of_mean = spread(g_mean / count(x.shape, axes), shape=x.shape, axes=axes, keepdims=keepdims)
    return of_mean + _var_vjp(g, x, x_meta, axes=axes, keepdims=keepdims, correction=correction)


def _var_mean_vjp(g0, g1, x, x_meta, *, axes, keepdims, correction):
    return _with_mean(g0, g1, x, x_meta, axes, keepdims, correction)


def _std_mean_vjp(g0, g1, x, x_meta, out0, *, axes, keepdims, correction):
    return _with_mean(divide_or_zero(g0, out0 * 2), g1, x, x_meta, axes, keepdims, correction)


def _var_jvp(t, x, x_meta, *, axes, keepdims, correction):
    n = count(x.shape, axes)
    d = x - broadcast_to(mean_over(x, axes=axes, keepdims=True), shape=x.shape)
    if x_meta.dtype.kind == "c":
        d = np.conjugate(d)
    d = d * d * math.inf if n <= correction else d * (2.0 / (n - correction))
    return sum_over(t * d, axes=axes, keepdims=keepdims)


def _std_jvp(t, x, x_meta, out, *, axes, keepdims, correction):
    t = _var_jvp(t, x, x_meta, axes=axes, keepdims=keepdims, correction=correction)
    return divide_or_zero(to_real(t, x_meta.dtype), out * 2)


def to_real(t, dtype):
    """The tangent of a real result of inputs of this dtype, from one that is as complex as they."""
    return cast(t, dtype=real_dtype(dtype)) if dtype.kind == "c" else t


def _var_mean_jvp(t, x, x_meta, *, axes, keepdims, correction):
    of_var = _var_jvp(t, x, x_meta, axes=axes, keepdims=keepdims, correction=correction)
    return of_var, mean_over(t, axes=axes, keepdims=keepdims)


def _std_mean_jvp(t, x, x_meta, out0, *, axes, keepdims, correction):
    of_std = _std_jvp(t, x, x_meta, out0, axes=axes, keepdims=keepdims, correction=correction)
    return of_std, mean_over(t, axes=axes, keepdims=keepdims)


general(var_over, _var_vjp, jvp=_var_jvp, batch=LEADING)
general(std_over, _std_vjp, jvp=_std_jvp, batch=LEADING)
general(var_mean_over, _var_mean_vjp, jvp=_var_mean_jvp, results=2, batch=LEADING)
general(std_mean_over, _std_mean_vjp, jvp=_std_mean_jvp, results=2, batch=LEADING)


# --- log-sum-exp ----------------------------------------------------------------------------------


def _logsumexp_of_rows(x):
    """logsumexp of a matrix's rows where all their greatest terms are finite; else None."""
    n, dtype = x.shape[1], x.dtype
    if not 0 < n <= ROW or not x.flags.c_contiguous:
        return None
    if dtype is not FLOAT32 and dtype is not FLOAT64:
        return None
    top = x.take(x.argmax(1) + starts(*x.shape))
    if not math.isfinite(top.dot(top)):
        return None
    terms = x - top.reshape(-1, 1)
    result = np.exp(terms, terms).dot(_ones(n, dtype))
    np.log(result, result)
    return np.add(result, top, result)


@primitive
def logsumexp_over(x, *, axes, keepdims):
    """log(sum(exp(x))) over `axes`, with the greatest term taken out before exp."""
    if x.ndim == 2 and axes == (1,):
        found = _logsumexp_of_rows(x)
        if found is not None:
            return found.reshape(-1, 1) if keepdims else found
    if is_half(x):
        wide = logsumexp_over(x.astype(np.float32), axes=axes, keepdims=keepdims)
        return np.asarray(wide.astype(x.dtype))
    top = np.maximum.reduce(x.real, axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, top.dtype.type(0))
    terms = add_over(np.exp(x - top), axes, keepdims)
    return in_rows(np.asarray(np.log(terms) + top.reshape(terms.shape)))


def _logsumexp_vjp(g, x, out, *, axes, keepdims):
    out = spread(out, shape=x.shape, axes=axes, keepdims=keepdims)
    return spread(g, shape=x.shape, axes=axes, keepdims=keepdims) * np.exp(x - out)


def _logsumexp_jvp(t, x, out, *, axes, keepdims):
    out = spread(out, shape=x.shape, axes=axes, keepdims=keepdims)
    return sum_over(t * np.exp(x - out), axes=axes, keepdims=keepdims)


general(logsumexp_over, _logsumexp_vjp, jvp=_logsumexp_jvp, batch=LEADING)


# --- truth ----------------------------------------------------------------------------------------


@primitive
def any_over(x, *, axes, keepdims):
    """Whether an element over `axes` is not zero."""
    if axes is None and x.dtype is BOOL and x.size:
        found = np.array(x.item(x.argmax()))
        return found.reshape((1,) * x.ndim) if keepdims else found
    return in_rows(np.logical_or.reduce(x, axes, out=..., keepdims=keepdims))


@primitive
def all_over(x, *, axes, keepdims):
    """Whether every element over `axes` is not zero."""
    return in_rows(np.logical_and.reduce(x, axes, out=..., keepdims=keepdims))


@primitive
def count_nonzero(x, *, axes):
    """The number of elements over `axes` that are not zero."""
    return in_rows(np.add.reduce(x != 0, axes, dtype=np.int64, out=...))


constant(any_over, batch=LEADING)
constant(all_over, batch=LEADING)
constant(count_nonzero, batch=LEADING)
