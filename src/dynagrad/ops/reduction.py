"""Reductions: sums, means, products, variances, norms and extremes. Imports NumPy only.

`axes` is a tuple of dimensions counted from the front, or None for all of them. A rule first
spreads the cotangent over its input's shape (`spread`) and then reads as ordinary calculus.
"""

import math

import numpy as np

from .batching import behind, over_all
from .compiled import KERNELS
from .cumulative import cumprod, shift
from .elementwise import count_true, is_half
from .layout import in_rows
from .rule import ALIGNED, LEADING, constant, elementwise, general, linear, primitive
from .shape import broadcast_to, cast, reshape
from .sums import (
    BOOL,
    FEW,
    FLOAT32,
    ONES32,
    ONES64,
    add_all,
    add_over,
    count,
    divided,
    kept_shape,
    logsumexp_of_rows,
    ones_of,
    product_of_rows,
    real_dtype,
    variances_of_rows,
)

# --- adding up ------------------------------------------------------------------------------------


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
        return np.asarray(add_all(x))
    dtype = x.dtype
    result = np.empty((), dtype)
    x.ravel().dot((ONES32 if dtype is FLOAT32 else ONES64)[n], result)  # ones_of, without its call
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


@primitive
def mean_over(x, *, axes, keepdims):
    """The sum over `axes` divided by the number of terms."""
    n = count(x.shape, axes)
    if is_half(x):
        return np.asarray((add_over(x.astype(np.float32), axes, keepdims) / n).astype(x.dtype))
    return divided(add_over(x, axes, keepdims), n)


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
        result = np.asarray(add_all(x))
    else:
        result = np.empty((), dtype)
        x.ravel().dot(ones_of(n, dtype), result)
    return divided(result, n)


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


#: arrays from this size on, with rows of at least so many elements, go to a compiled kernel
LARGE, LONG = 1 << 14, 32


def _products(x, axis, keepdims):
    """The products of the rows of a large array, or of all its elements, by a compiled kernel; None
    for other arrays.
    """
    if x.dtype.char not in "fd" or x.shape[-1] < LONG or not x.flags.c_contiguous:
        return None
    fast = KERNELS["products"]
    if fast is None:
        return None
    found = fast(x.reshape(-1, x.shape[-1]))
    if axis is None:
        shape = (1,) * x.ndim if keepdims else ()
        return np.multiply.reduce(found, out=...).reshape(shape)
    return found.reshape(*x.shape[:-1], 1) if keepdims else found.reshape(x.shape[:-1])


@primitive
def product(x, *, axis, keepdims):
    """The product along a dimension, or of all elements (axis None)."""
    if x.ndim == 0:
        axis = None
    if is_half(x):
        wide = np.multiply.reduce(x.astype(np.float32), axis, out=..., keepdims=keepdims)
        return in_rows(np.asarray(wide.astype(x.dtype)))
    if x.size >= LARGE and (axis is None or axis == x.ndim - 1):
        found = _products(x, axis, keepdims)
        if found is not None:
            return found
    are_long = x.ndim == 2 and axis == 1 and x.size >= 8 * FEW and x.shape[1] >= 32
    if are_long and x.strides[1] == x.itemsize:
        whole = product_of_rows(x)
        return whole.reshape(-1, 1) if keepdims else whole
    return in_rows(np.asarray(np.multiply.reduce(x, axis, x.dtype, None, keepdims)))  # pyright: ignore[reportCallIssue]


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


@primitive
def var_over(x, *, axes, keepdims, correction):
    """The variance over `axes`: sum(|x - mean|^2) / max(0, n - correction)."""
    var = variances_of_rows(x, axes, keepdims, correction)
    if var is not None:
        return var
    return _moments(x, axes, keepdims, correction)[0].astype(real_dtype(x.dtype), copy=False)


@primitive
def std_over(x, *, axes, keepdims, correction):
    """The standard deviation over `axes`: the variance's root."""
    std = variances_of_rows(x, axes, keepdims, correction, root=True)
    if std is not None:
        return std
    var = _moments(x, axes, keepdims, correction)[0]
    return np.asarray(np.sqrt(var).astype(real_dtype(x.dtype), copy=False))


def _known(x, mean, axes):
    """nan for an infinite mean, which PyTorch's recurrence (Welford's) leaves behind unless it ends
    there: with the last element, all others being finite.
    """
    if not np.isinf(mean).any():
        return mean
    over = range(x.ndim) if axes is None else axes
    last = x[tuple([slice(-1, None) if i in over else slice(None) for i in range(x.ndim)])]
    is_last = np.isinf(last).reshape(mean.shape)
    is_last &= np.add.reduce(~np.isfinite(x), axes, dtype=np.int64).reshape(mean.shape) == 1
    return np.where(np.isinf(mean) & ~is_last, mean.dtype.type(np.nan), mean)


@primitive
def var_mean_over(x, *, axes, keepdims, correction):
    """Variance and mean over `axes`."""
    var, mean = _moments(x, axes, keepdims, correction)
    return var.astype(real_dtype(x.dtype), copy=False), _known(x, mean, axes).astype(
        x.dtype, copy=False
    )


@primitive
def std_mean_over(x, *, axes, keepdims, correction):
    """Standard deviation and mean over `axes`."""
    var, mean = _moments(x, axes, keepdims, correction)
    std = np.asarray(np.sqrt(var))
    return std.astype(real_dtype(x.dtype), copy=False), _known(x, mean, axes).astype(
        x.dtype, copy=False
    )


def _var_vjp(g, x, x_meta, *, axes, keepdims, correction):
    n = count(x.shape, axes)
    mean = mean_over(x, axes=axes, keepdims=True)
    d = x - broadcast_to(mean, shape=x.shape)
    if x_meta.dtype.kind == "c":
        d = np.conjugate(d)
    g = spread(g, shape=x.shape, axes=axes, keepdims=keepdims)
    if n > correction:
        return g * (d * (2.0 / (n - correction)))
    if axes:
        return g * (d * (2.0 / (n - correction) if n < correction else math.inf))
    # Of too few elements in all, as PyTorch: nan where one is the mean, else infinite, also of nan.
    if x_meta.dtype.kind == "c":
        return g * (d * d * math.inf)
    return g * math.inf * np.not_equal(x, mean)


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


@primitive
def logsumexp_over(x, *, axes, keepdims):
    """log(sum(exp(x))) over `axes`, with the greatest term taken out before exp."""
    if x.ndim == 2 and axes == (1,):
        found = logsumexp_of_rows(x)
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


TRUE, FALSE = np.array(True), np.array(False)


@primitive
def any_over(x, *, axes, keepdims):
    """Whether an element over `axes` is not zero."""
    if axes is None and x.dtype is BOOL and x.size:
        is_some = count_true(x) if x.size < LARGE else x.item(x.argmax())
        found = (TRUE if is_some else FALSE).copy()
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
