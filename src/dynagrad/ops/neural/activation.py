"""Activation functions, elementwise but for glu. Imports NumPy only."""

import math

import numpy as np

from ..compiled import LARGE, derivative, pointwise
from ..elementwise import FLOAT32, clip, drop, in_single, is_half, keep, number_of, select, where
from ..joining import cat
from ..layout import contiguous
from ..rule import LEADING, elementwise, general, primitive
from ..shape import narrow
from ..special import erf
from ..transcendental import BLOCK, ONES, in_blocks, sigmoid

# --- relu and other straight pieces ---------------------------------------------------------------

_ZERO = {np.dtype(d): np.zeros((), d) for d in ("f2", "f4", "f8")}
_ZERO32 = _ZERO[FLOAT32]
_INF = {np.dtype(d): np.full((), np.inf, d) for d in ("f2", "f4", "f8")}
_BITS = {np.dtype(f): np.dtype(i) for f, i in (("f2", "i2"), ("f4", "i4"), ("f8", "i8"))}


@primitive
def relu(x):
    """max(x, 0); nan stays."""
    dtype = x.dtype
    zero = _ZERO32 if dtype is FLOAT32 else _ZERO.get(dtype, 0)
    if x.size < 2048 or dtype.kind != "f":
        return np.maximum(x, zero)
    return clip(x, zero, _INF[dtype])


@primitive
def gate(x, y):
    """x where y is not 0, else 0.

    The bits of x times 0 or 1: as quick as a product, ten times quicker than a selection, and right
    for infinite x.
    """
    bits = _BITS.get(x.dtype)
    mask = np.not_equal(y, _ZERO.get(y.dtype, 0))
    if bits is None:
        return np.where(mask, x, x.dtype.type(0))
    return np.multiply(x.view(bits), mask).view(x.dtype)


elementwise(gate, lambda g, y: gate(g, y), None)
elementwise(relu, lambda g, out: gate(g, out))


@primitive
def leaky_relu(x, *, slope):
    """x where x > 0, else slope * x."""
    if is_half(x):
        return in_single(leaky_relu, x, slope=slope)
    below = np.multiply(x, number_of(slope, x.dtype), out=...)
    if 0 < slope <= 1:
        return np.maximum(x, below, out=below)
    return select(x > 0, x, below)


@primitive
def hardtanh(x, *, low, high):
    """x limited to [low, high]; nan stays."""
    if is_half(x):
        return in_single(hardtanh, x, low=low, high=high)
    return np.minimum(np.maximum(x, low), high)


@primitive
def threshold(x, *, threshold, value):
    """x where x > threshold, else value; nan stays."""
    return np.where(x <= threshold, np.array(value).astype(x.dtype), x)


@primitive
def hardsigmoid(x):
    """max(0, min(1, (x + 3) / 6))."""
    return np.minimum(np.maximum(x + 3, 0), 6) / 6


@primitive
def hardswish(x):
    """x * hardsigmoid(x)."""
    return x * np.minimum(np.maximum(x + 3, 0), 6) / 6


@primitive
def hardshrink(x, *, lambd):
    """x where |x| > lambd, else 0; nan stays."""
    return np.where((x >= -lambd) & (x <= lambd), x.dtype.type(0), x)


@primitive
def softshrink(x, *, lambd):
    """x moved towards 0 by lambd, at most to 0; nan stays."""
    if is_half(x):
        return in_single(softshrink, x, lambd=lambd)
    return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, x * 0))


def _inside(x, low, high):
    return np.greater(x, low) & np.less(x, high)


def _hardswish_vjp(g, x):
    slope = where(np.less(x, 3), x / 3 + 0.5, x * 0 + 1)
    return drop(g * slope, np.less_equal(x, -3))


def _outside(x, lambd):
    return np.less(x, -lambd) | np.greater(x, lambd)


elementwise(leaky_relu, lambda g, x, *, slope: where(np.greater(x, 0), g, g * slope))
elementwise(hardtanh, lambda g, x, *, low, high: keep(g, _inside(x, low, high)))
elementwise(threshold, lambda g, x, *, threshold: drop(g, np.less_equal(x, threshold)))
elementwise(hardsigmoid, lambda g, x: keep(g * (1 / 6), _inside(x, -3, 3)))
elementwise(hardswish, _hardswish_vjp)
elementwise(hardshrink, lambda g, x, *, lambd: keep(g, _outside(x, lambd)))
elementwise(softshrink, lambda g, x, *, lambd: keep(g, _outside(x, lambd)))


@primitive
def prelu(x, y):
    """x where x > 0, else y * x, with a learned slope y that broadcasts."""
    return np.where(x > 0, x, y * x)


elementwise(
    prelu,
    lambda g, x, y: where(np.greater(x, 0), g, g * y),
    lambda g, x: drop(g * x, np.greater(x, 0)),
)


@primitive
def rrelu(x, y):
    """x where x > 0, else x * y, with drawn slopes y."""
    return np.where(x > 0, x, y * x)


elementwise(rrelu, lambda g, x, y: where(np.greater(x, 0), g, g * y), None)


# --- exponential pieces ---------------------------------------------------------------------------


@primitive
def elu(x, *, alpha, scale, input_scale):
    """scale * x where x > 0, else scale * alpha * (exp(input_scale * x) - 1)."""
    if is_half(x):
        return in_single(elu, x, alpha=alpha, scale=scale, input_scale=input_scale)
    below = np.expm1(np.minimum(x, 0) * input_scale) * (alpha * scale)
    return np.where(x > 0, x * scale, below)


def _elu_vjp(g, x, *, alpha, scale, input_scale):
    below = g * (np.exp(drop(x, np.greater(x, 0)) * input_scale) * (alpha * scale * input_scale))
    return where(np.greater(x, 0), g * scale, below)


elementwise(elu, _elu_vjp)


@primitive
def softplus(x, *, beta, threshold):
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold."""
    if is_half(x):
        return in_single(softplus, x, beta=beta, threshold=threshold)
    if x.size >= LARGE and beta == 1 and threshold == 20:
        found = pointwise("softplus", x)
        if found is not None:
            return found
    if beta == 1 and threshold >= 17 and x.dtype == np.float32:
        # above 17 the sum is x in float32
        if x.size < 64:
            return np.logaddexp(x, _ZERO[x.dtype])
        r = np.exp(x, out=...)
        flat = np.log1p(r, r).reshape(-1)
        if math.isfinite(flat.dot(flat)):  # no exponential was too large
            return r
        return _smooth(x)
    t = x * beta
    return np.where(t > threshold, x, _smooth(t) / beta)


def _smooth(t):
    """max(t, 0) + log1p(exp(-|t|)) neither overflows nor loses the small values far below 0."""
    r = np.abs(t, out=...)
    np.exp(np.negative(r, r), r)
    np.log1p(r, r)
    r += np.maximum(t, _ZERO.get(t.dtype, 0))
    return r


def _softplus_vjp(g, x, *, beta, threshold):
    t = x * beta
    return where(np.greater(t, threshold), g, g * sigmoid(t))


elementwise(softplus, _softplus_vjp)


@primitive
def log_sigmoid(x):
    """log(1 / (1 + exp(-x))) = min(x, 0) - log1p(exp(-|x|))."""
    x = contiguous(x)
    if x.size >= LARGE:
        found = pointwise("logsigmoid", x)
        if found is not None:
            return found
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


elementwise(log_sigmoid, lambda g, x: g * sigmoid(-x), ordered=False)


@primitive
def silu(x):
    """x * sigmoid(x)."""
    one = ONES.get(x.dtype)
    if one is None:
        return x / (1 + np.exp(-x))
    if x.size >= 2 * LARGE:
        found = pointwise("silu", x)
        if found is not None:
            return found
    if x.size > BLOCK:
        return in_blocks(_silu_into, x)
    r = np.negative(x, out=...)
    np.add(np.exp(r, r), one, r)
    return np.divide(x, r, r)


def _silu_into(x, out):
    np.exp(np.negative(x, out), out)
    np.add(out, ONES[out.dtype], out)
    np.divide(x, out, out)


def _silu_vjp(g, x):
    found = derivative("silu_back", g, x)
    if found is not None:
        return found
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


elementwise(silu, _silu_vjp)


@primitive
def mish(x):
    """x * tanh(softplus(x)) (D. Misra, "Mish", arXiv:1908.08681)."""
    if x.size >= LARGE:
        found = pointwise("mish", x)
        if found is not None:
            return found
    return x * np.tanh(np.logaddexp(x, x.dtype.type(0)))


def _mish_vjp(g, x):
    t = np.tanh(softplus(x, beta=1, threshold=20))
    return g * (t + x * sigmoid(x) * (1 - t * t))


elementwise(mish, _mish_vjp)


# --- gelu -----------------------------------------------------------------------------------------

_SQRT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)
_ROOT, _CUBIC = math.sqrt(2 / math.pi), 0.044715


@primitive
def normal_cdf(x):
    """The normal distribution function, (1 + erf(x / sqrt 2)) / 2."""
    if x.size >= LARGE:
        found = pointwise("normal_cdf", x)
        if found is not None:
            return found
    if x.dtype == np.float32:
        return _times_cdf32(x, ONES[x.dtype])
    return 0.5 * (1 + erf(x * _SQRT_HALF))


# log(1 / N(x) - 1) / x for the normal distribution function N as a polynomial in x^2, highest power
# first: fitted for |x| < 6 (least squares with Lawson's weights) so that N has an error of 5e-8
# times N(-x). A table takes a third longer.
_MINUS_LOGIT = (-3.403954771582784e-09, 2.6049948339780925e-07, -7.876484854074869e-06) + (
    0.00011030576877319342,
    6.59746806836421e-05,
    -0.07266694863412165,
    -1.5957696818525788,
)
MINUS_LOGIT = tuple([np.array(c, np.float32) for c in _MINUS_LOGIT])
_MINUS_HALF, _DENSITY32 = np.array(-0.5, np.float32), np.array(_DENSITY, np.float32)


def _inverse_cdf32_into(x, out, held):
    """1 / N(x); `held` is memory for as many numbers, or None."""
    square = np.multiply(x, x, held)
    np.multiply(square, MINUS_LOGIT[0], out)
    for c in MINUS_LOGIT[1:-1]:
        np.add(out, c, out)
        np.multiply(out, square, out)
    np.add(out, MINUS_LOGIT[-1], out)
    np.exp(np.multiply(out, x, out), out)
    np.add(out, ONES[out.dtype], out)


def _times_cdf32(x, numerator):
    """N(x) times the numerator, x itself where that is None."""
    held = np.empty(BLOCK, x.dtype) if x.size > BLOCK else None

    def into(x, out):
        _inverse_cdf32_into(x, out, None if held is None else held[: x.size])
        np.divide(x if numerator is None else numerator, out, out)

    return in_blocks(into, x)


@primitive
def gelu(x):
    """x times the normal distribution function of x (Hendrycks and Gimpel, arXiv:1606.08415)."""
    if is_half(x):
        return in_single(gelu, x)
    if x.size >= LARGE:
        found = pointwise("gelu", x)
        if found is not None:
            return found
    return _times_cdf32(x, None) if x.dtype == np.float32 else x * normal_cdf(x)


def _normal_density(x):
    return np.exp(x * x * -0.5) * _DENSITY


@primitive
def gelu_slope(x):
    """The derivative of gelu: N(x) + x N'(x)."""
    if x.size >= LARGE:
        found = pointwise("gelu_slope", x)
        if found is not None:
            return found
    if x.dtype != np.float32:
        return normal_cdf(x) + x * _normal_density(x)
    held = [np.empty(min(x.size, BLOCK), x.dtype) for _ in range(2)]

    def into(x, out):
        density, square = (a[: x.size].reshape(x.shape) for a in held)
        np.multiply(np.multiply(x, x, density), _MINUS_HALF, density)
        np.exp(density, density)
        np.multiply(np.multiply(density, x, density), _DENSITY32, density)
        _inverse_cdf32_into(x, out, square)
        np.divide(ONES[out.dtype], out, out)
        np.add(out, density, out)

    return in_blocks(into, x)


elementwise(normal_cdf, lambda g, x: g * _normal_density(x))
elementwise(gelu_slope, lambda g, x: g * ((2 - x * x) * _normal_density(x)))
elementwise(gelu, lambda g, x: g * gelu_slope(x))


@primitive
def gelu_tanh(x):
    """x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 (same paper, section 2)."""
    if is_half(x):
        return in_single(gelu_tanh, x)
    if x.size >= LARGE:
        found = pointwise("gelu_tanh", x)
        if found is not None:
            return found
    return 0.5 * x * (1 + np.tanh(_ROOT * (x + _CUBIC * (x * x * x))))


def _gelu_tanh_vjp(g, x):
    found = derivative("gelu_tanh_back", g, x)
    if found is not None:
        return found
    square = x * x
    t = np.tanh(_ROOT * (x + _CUBIC * (square * x)))
    inner = _ROOT * (1 + 3 * _CUBIC * square)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)


elementwise(gelu_tanh, _gelu_tanh_vjp)


# --- glu ------------------------------------------------------------------------------------------


@primitive
def glu(x, *, axis):
    """a * sigmoid(b) for the halves a, b of x along a dimension (arXiv:1612.08083)."""
    a, b = np.split(x, 2, axis)
    return a / (1 + np.exp(-b))


def _halves(x, axis):
    n = x.shape[axis] // 2
    return narrow(x, axis=axis, start=0, length=n), narrow(x, axis=axis, start=n, length=n)


def _glu_vjp(g, x, *, axis):
    a, b = _halves(x, axis)
    s = sigmoid(b)
    return cat(g * s, g * a * (s * (1 - s)), axis=axis)


def _glu_jvp(t, x, *, axis):
    a, b = _halves(x, axis)
    of_a, of_b = _halves(t, axis)
    s = sigmoid(b)
    return of_a * s + a * (s * (1 - s)) * of_b


general(glu, _glu_vjp, jvp=_glu_jvp, batch=LEADING)
