"""Vector norms and distances. Imports NumPy only."""

import math

import numpy as np

from .batching import aligned, behind
from .elementwise import is_half
from .extremes import tie_share
from .layout import in_rows
from .reduction import divide_or_zero, spread, sum_over, to_real
from .rule import LEADING, elementwise, general, primitive
from .shape import cast
from .sums import FLOAT32, FLOAT64, ROW, add_over, real_dtype


@primitive
def absolute_power(x, *, exponent):
    """|x| ** exponent, but 0 where x is 0 (also for exponents <= 0)."""
    size = np.abs(x)
    power = size if exponent == 1 else np.power(size, size.dtype.type(exponent))
    return np.asarray(np.where(size == 0, size.dtype.type(0), power))


@primitive
def signed_power(x, *, exponent):
    """sign(x) |x| ** exponent, 0 where x is 0 (also for exponents <= 0); exponent 0: the sign."""
    if exponent == 0 and x.dtype.kind != "c":  # 0 for nan, as PyTorch's sgn
        if is_half(x):
            return np.subtract(x > 0, x < 0, dtype=np.int8).astype(x.dtype)
        return np.subtract(x > 0, x < 0, dtype=x.dtype)
    return np.asarray(np.sign(x) * absolute_power(x, exponent=exponent))


def _absolute_power_vjp(g, x, x_meta, *, exponent):
    if exponent == 0:
        return g * 0
    if x_meta.dtype.kind == "c":
        direction = np.conjugate(x) * absolute_power(x, exponent=exponent - 2)
        return g * (exponent * direction)
    return g * (exponent * signed_power(x, exponent=exponent - 1))


def _signed_power_vjp(g, x, *, exponent):
    if exponent == 0:
        return g * 0
    return g * (exponent * absolute_power(x, exponent=exponent - 1))


elementwise(absolute_power, _absolute_power_vjp)
elementwise(signed_power, _signed_power_vjp)


def _squares(x, axes, keepdims):
    """The sum of x * x; of a whole array by BLAS, row by row so that the error stays small."""
    if axes is not None or not x.flags.c_contiguous or x.dtype not in (FLOAT32, FLOAT64):
        return add_over(x * x, axes, keepdims)
    flat = x.reshape(-1)
    if flat.size <= ROW:
        total = flat.dot(flat)
    else:
        whole = flat.size // ROW * ROW
        rows = flat[:whole].reshape(-1, ROW)
        total = np.add.reduce(np.vecdot(rows, rows)) + flat[whole:].dot(flat[whole:])
    return total.reshape((1,) * x.ndim) if keepdims else total


@primitive
def vector_norm(x, *, p, axes, keepdims, dtype):
    """(sum |x|^p)^(1/p) over `axes`; the number of non-zeros for 0, the extreme |x| for +-inf."""
    kind = x.dtype
    if p == 2 and axes is None and dtype is None and not keepdims and x.size <= ROW:
        if (kind is FLOAT32 or kind is FLOAT64) and x.flags.c_contiguous:
            flat = x.ravel()
            return np.array(math.sqrt(flat.dot(flat)), kind)
    result_dtype = real_dtype(x.dtype if dtype is None else dtype)
    if dtype is not None:
        x = x.astype(dtype)
    if is_half(x):
        x = x.astype(np.float32)
    size = np.abs(x) if x.dtype.kind == "c" or p != 2 else x
    if p == math.inf:
        # An empty dimension has the norm 0 only where the caller allows it.
        norm = in_rows(np.maximum.reduce(size, axes, out=..., keepdims=keepdims))
    elif p == -math.inf:
        norm = in_rows(np.minimum.reduce(size, axes, out=..., keepdims=keepdims))
    elif p == 0:
        norm = add_over((size != 0).astype(size.dtype), axes, keepdims)
    elif p == 1:
        norm = add_over(size, axes, keepdims)
    elif p == 2:
        norm = np.sqrt(_squares(size, axes, keepdims))
    else:
        power = size.dtype.type
        norm = np.power(add_over(np.power(size, power(p)), axes, keepdims), power(1 / p))
    return np.asarray(norm).astype(result_dtype, copy=False)


def _norm_vjp(g, x, out, is_complex, p, axes, keepdims):
    """g times the derivative of the p-norm, with 0 as subgradient wherever there is a choice: it is
    a factor of g, which may be infinite or nan.
    """
    if p == 0:
        return None
    over = {"shape": x.shape, "axes": axes, "keepdims": keepdims}
    g_x, out_x = spread(g, **over), spread(out, **over)
    if p == 2:
        return g_x * divide_or_zero(np.conjugate(x) if is_complex else x, out_x)
    direction = _direction(x, out, is_complex, p, axes, keepdims)
    if p in (1, math.inf, -math.inf):
        return g_x * direction
    if p < 1:
        return direction * g_x * absolute_power(out_x, exponent=1 - p)
    return direction * divide_or_zero(g_x, absolute_power(out_x, exponent=p - 1))


def _direction(x, out, is_complex, p, axes, keepdims):
    """The derivative of the p-norm, for finite p times its value to the power p - 1."""
    is_extreme = p in (math.inf, -math.inf)
    slope = 0 if is_extreme else p - 1
    if is_complex:
        direction = np.conjugate(x) * absolute_power(x, exponent=slope - 1)
    else:
        direction = signed_power(x, exponent=slope)
    if is_extreme:
        over = {"axes": axes, "keepdims": keepdims, "nan_ties": True, "absolute": True}
        return direction * tie_share(x, out, **over)
    return direction


def _norm_jvp(t, x, out, dtype, p, axes, keepdims):
    """The tangent of the p-norm, with the choices of `_norm_vjp`."""
    if p == 0:
        return None
    is_complex = dtype.kind == "c"
    if p == 2:
        slope = np.conjugate(x) if is_complex else x
    else:
        slope = _direction(x, out, is_complex, p, axes, keepdims)
    t = to_real(sum_over(t * slope, axes=axes, keepdims=keepdims), dtype)
    if p in (1, math.inf, -math.inf):
        return t
    return divide_or_zero(t, out if p == 2 else absolute_power(out, exponent=p - 1))


def vector_norm_vjp(g, x, x_meta, out, *, p, axes, keepdims, dtype):
    """The rule of vector_norm."""
    is_complex = x_meta.dtype.kind == "c"
    if dtype is None or p == 0:
        return _norm_vjp(g, x, out, is_complex, p, axes, keepdims)
    r = _norm_vjp(g, cast(x, dtype=dtype), out, is_complex, p, axes, keepdims)
    return cast(r, dtype=x_meta.dtype)


def _vector_norm_jvp(t, x, x_meta, out, *, p, axes, keepdims, dtype):
    if dtype is None:
        return _norm_jvp(t, x, out, x_meta.dtype, p, axes, keepdims)
    t, x = cast(t, dtype=dtype), cast(x, dtype=dtype)
    return _norm_jvp(t, x, out, np.dtype(dtype), p, axes, keepdims)


general(vector_norm, vector_norm_vjp, jvp=_vector_norm_jvp, batch=LEADING)


@primitive
def dist(x, y, *, p):
    """The p-norm of x - y over all elements."""
    return vector_norm(x - y, p=p, axes=None, keepdims=False, dtype=None)


def _dist_vjp(g, x, x_meta, y, out, *, p):
    r = _norm_vjp(g, x - y, out, x_meta.dtype.kind == "c", p, None, False)
    return (None, None) if r is None else (r, -r)


def _dist_x(t, x, x_meta, y, out, *, p):
    return _norm_jvp(t, x - y, out, x_meta.dtype, p, None, False)


def _dist_y(t, x, x_meta, y, out, *, p):
    return _norm_jvp(-t, x - y, out, x_meta.dtype, p, None, False)


def _dist_batch(fun, values, flags, kw):
    x, y = aligned(values, flags)
    d = x - y
    axes = behind(None, d.ndim - 1)
    return vector_norm(d, p=kw["p"], axes=axes, keepdims=False, dtype=None)


general(dist, _dist_vjp, joint=True, jvp=(_dist_x, _dist_y), batch=_dist_batch)


@primitive
def weight_norm(v, lengths, *, axes):
    """v with the 2-norms `lengths` over `axes`, which have size 1 there."""
    w = v.astype(np.float32) if is_half(v) else v
    scale = lengths / np.sqrt(add_over(w * w, axes, True))
    return (w * scale).astype(v.dtype, copy=False)


def _norms(v, axes):
    return vector_norm(v, p=2.0, axes=axes, keepdims=True, dtype=None)


def _across(t, v, lengths, axes):
    """The derivative by v, which is symmetric: the part of t across v, times lengths / |v|."""
    n = _norms(v, axes)
    along = sum_over(t * v, axes=axes, keepdims=True)
    return (t - v * (along / (n * n))) * (lengths / n)


def _weight_norm_vjp(g, v, lengths, *, axes):
    by_lengths = sum_over(g * v, axes=axes, keepdims=True) / _norms(v, axes)
    return _across(g, v, lengths, axes), by_lengths


general(
    weight_norm,
    _weight_norm_vjp,
    joint=True,
    jvp=(
        lambda t, v, lengths, *, axes: _across(t, v, lengths, axes),
        lambda t, v, *, axes: v * (t / _norms(v, axes)),
    ),
    batch=LEADING,
)
