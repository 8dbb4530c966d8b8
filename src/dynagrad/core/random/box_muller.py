"""Normal variates from uniform ones, to the last bit of PyTorch's x86-64 build.

The Box-Muller transform: with u1 in (0, 1] and u2 in [0, 1),

    radius = sqrt(-2 log u1),   theta = 2 pi u2,   (radius cos theta, radius sin theta)

are two independent standard normal variates. PyTorch evaluates it in three ways, which differ in
their last bits:

- float32, in blocks of 16: polynomials in single precision (Cephes' logf, sinf and cosf) chained by
  fused multiply-adds;
- float64, in blocks of 16: the C library's log, sin and cos;
- in pairs, in float64: log1p for log, and u1 and u2 in each other's place.

In a block, eight values of u1 stand before eight of u2, and eight cosines before eight sines.

A fused multiply-add rounds once. For float32 it is had here in float64, where the product is exact,
and then rounded to float32. In principle two roundings may give another result than one; all 2**24
arguments that the logarithm, the sine and the cosine can get were tried, and none does.
"""

import math
from collections.abc import Callable

import numpy as np

from dynagrad.ops.compiled import KERNELS

F32 = np.dtype(np.float32)
F64 = np.dtype(np.float64)
UNIT24 = 2.0**-24
LOW24 = np.uint32(0xFFFFFF)
LOW21 = np.uint32(0x1FFFFF)

# From so many values on compiled kernels are the faster ones.
LARGE = 4096


def _single(*values: float) -> tuple[float, ...]:
    """The float32 values nearest to the given ones, as Python floats."""
    return tuple(float(np.float32(value)) for value in values)


# S. L. Moshier, Cephes mathematical library, single/logf.c, sinf.c: minimax polynomials on
# [sqrt(1/2), sqrt(2)) - 1 and [-pi/4, pi/4]; log 2 and pi/4 split in parts with few bits.
LOG = _single(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
LOG2_LOW, LOG2_HIGH = _single(-2.12194440e-4, 0.693359375)
SIN = _single(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS = _single(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
QUARTER_PI = _single(0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)
TWO_PI_24, FOUR_OVER_PI = _single(float(np.float32(2 * math.pi)) * UNIT24, 1.27323954473516)
SQRT_HALF_BITS = np.int32(0x3F3504F3)


def _fma(a: np.ndarray, b: np.ndarray | float, c: np.ndarray | float, out: np.ndarray) -> None:
    """out = a * b + c with one rounding to float32; a or b is float64, all hold float32 values."""
    np.add(np.multiply(a, b, dtype=F64), c, out=out, casting="same_kind")


def _horner(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    """The polynomial with these coefficients, highest power first, at a float64 x; float32."""
    y = np.empty(x.shape, F32)
    _fma(x, coefficients[0], coefficients[1], y)
    for coefficient in coefficients[2:]:
        _fma(y, x, coefficient, y)
    return y


def log32(j: np.ndarray) -> np.ndarray:
    """log(j / 2**24) in float32 for int32 values j of 1 to 2**24."""
    bits = j.astype(F32).view(np.int32)
    e = (bits - SQRT_HALF_BITS) >> 23
    m = (bits - (e << 23)).view(F32)
    m -= 1
    e -= 24
    m64, e32 = m.astype(F64), e.astype(F32)
    z = m * m
    y = _horner(m64, LOG)
    y *= m
    _fma(y.astype(F64), z, e32 * LOG2_LOW, y)
    y -= z * 0.5
    y += m
    _fma(e32.astype(F64), LOG2_HIGH, y, y)
    return y


def sincos32(k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of 2 pi k / 2**24 in float32 for int32 values k of 0 to 2**24 - 1."""
    x = k.astype(F32)
    x *= TWO_PI_24
    octant = (x * FOUR_OVER_PI).astype(np.int32)
    octant += 1
    octant &= -2
    turns = octant.astype(F64)
    for part in QUARTER_PI:
        _fma(turns, -part, x, x)
    z, x64 = x * x, x.astype(F64)
    z64 = z.astype(F64)
    cosine = _horner(z64, COS)
    cosine *= z
    _fma(cosine, z64, z * -0.5, cosine)
    cosine += 1
    sine = _horner(z64, SIN)
    sine *= z
    _fma(sine, x64, x, sine)
    swap = (octant & 2) != 0
    sine, cosine = np.where(swap, cosine, sine), np.where(swap, sine, cosine)
    # Bit 2 of the octant is the sine's sign; the cosine's is that of the octant two further on.
    sine.view(np.int32)[...] ^= (octant & 4) << 29
    octant += 2
    cosine.view(np.int32)[...] ^= (octant & 4) << 29
    return sine, cosine


def radius32(words: np.ndarray) -> np.ndarray:
    """sqrt(-2 log u1) in float32, u1 = 1 - the uniform value of each word."""
    radius = log32(0x1000000 - _low24(words))
    radius *= -2
    return np.sqrt(radius, out=radius)


def polar32(words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radius, sine and cosine of every word, for it may stand in either half of a block."""
    return radius32(words), *sincos32(_low24(words))


def blocks32(words: np.ndarray, mean: float, std: float, out: np.ndarray) -> None:
    """Fill float32 `out` with normal variates, one from each word, in blocks of 16."""
    if out.size >= LARGE:
        fast = KERNELS["normals32"]
        if fast is not None:
            return fast(words, mean, std, out)
    halves = words.reshape(-1, 2, 8)
    sine, cosine = sincos32(_low24(halves[:, 1]))
    combine32(radius32(halves[:, 0]), sine, cosine, mean, std, out)


def combine32(
    radius: np.ndarray,
    sine: np.ndarray,
    cosine: np.ndarray,
    mean: float,
    std: float,
    out: np.ndarray,
) -> None:
    """out = mean + std * radius * (cosine, sine) in float32, in blocks of 16."""
    blocks = out.reshape(-1, 2, 8)
    if mean == 0 and std == 1:
        # The sum turns -0 into +0, as a multiply-add with a zero mean does.
        np.add(radius * cosine, 0.0, out=blocks[:, 0])
        np.add(radius * sine, 0.0, out=blocks[:, 1])
    else:
        mean, std = _single(mean, std)
        _fma(radius * cosine, std, mean, blocks[:, 0])
        _fma(radius * sine, std, mean, blocks[:, 1])


def blocks64(words: np.ndarray, mean: float, std: float, out: np.ndarray) -> None:
    """Fill float64 `out` with normal variates, one from two words, in blocks of 16."""
    if out.size >= LARGE:
        fast = KERNELS["normals64"]
        if fast is not None:
            return fast(words, mean, std, out)
    units = unit64(words).reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * libm(math.log, 1.0 - units[:, 0]))
    theta = (2 * math.pi) * units[:, 1]
    blocks = out.reshape(-1, 2, 8)
    blocks[:, 0] = fma64(radius * np.cos(theta), std, mean)
    blocks[:, 1] = fma64(radius * np.sin(theta), std, mean)


def pairs64(uniforms: np.ndarray) -> np.ndarray:
    """Standard normal variates from as many float64 uniforms, two and two neighbours."""
    units = uniforms.reshape(-1, 2)
    theta = (2 * math.pi) * units[:, 0]
    radius = np.sqrt(-2.0 * libm(math.log1p, -units[:, 1]))
    pairs = np.empty_like(units)
    np.multiply(radius, np.cos(theta), out=pairs[:, 0])
    np.multiply(radius, np.sin(theta), out=pairs[:, 1])
    return pairs.reshape(-1)


def libm(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """The C library's function of each element, in float64.

    NumPy has its own log, log1p, exp and tan for many processors, which differ in the last bit. Its
    float64 sin and cos are the C library's and may be called directly.
    """
    return np.fromiter(map(function, x.reshape(-1).tolist()), F64, x.size).reshape(x.shape)


def scaled_log1p(x: np.ndarray, scale: float, dtype: np.dtype) -> np.ndarray:
    """scale * log1p(x) in float64, to be rounded to this dtype, as the C library has it."""
    if dtype == F64:
        return scale * libm(math.log1p, x)
    values = scale * np.log1p(x)
    # NumPy's last bits show where they decide between two float32 numbers: near the middle.
    doubtful = np.flatnonzero(np.abs((values.view(np.int64) & 0x1FFFFFFF) - 0x10000000) <= 8)
    values[doubtful] = scale * libm(math.log1p, x[doubtful])
    return values


def fma64(x: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """x * scale + shift with one rounding, in float64.

    T. J. Dekker, "A floating-point technique for extending the available precision" (1971): the
    rounding errors of the product and of the sum are floating-point numbers, and are added last.
    """
    if shift == 0 or scale == 1:
        return x * scale + shift
    with np.errstate(all="ignore"):  # splitting huge numbers overflows, to no harm
        return _fma64(x, scale, shift)


def _fma64(x: np.ndarray, scale: float, shift: float) -> np.ndarray:
    product = x * scale
    total = product + shift
    high, low = _split(x)
    scale_high, scale_low = _split(np.asarray(scale, F64))
    error = ((high * scale_high - product) + high * scale_low + low * scale_high) + low * scale_low
    back = total - product
    error += (product - (total - back)) + (shift - back)
    exact = total + error
    return np.where(np.isfinite(exact), exact, total)


def _split(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of at most 26 bits each whose sum is x."""
    shifted = x * 134217729.0
    high = shifted - (shifted - x)
    return high, x - high


def _low24(words: np.ndarray) -> np.ndarray:
    return (words & LOW24).view(np.int32)


def unit32(words: np.ndarray) -> np.ndarray:
    """Uniform float32 values in [0, 1): the low 24 bits of each word."""
    if words.size >= LARGE:
        units = np.empty(words.size, F32)
        fill32(words, units)
        return units
    units = _low24(words).astype(F32)
    units *= UNIT24
    return units


def fill32(words: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` with uniform float32 values; as unit32."""
    if out.size >= LARGE:
        fast = KERNELS["unit32"]
        if fast is not None:
            whole = out.size & -16
            fast(words[:whole], out[:whole])
            words, out = words[whole:], out[whole:]
    np.multiply(_low24(words), UNIT24, out=out, dtype=F32)


def unit64(words: np.ndarray) -> np.ndarray:
    """Uniform float64 values in [0, 1): the low 53 bits of each pair of words, high word first."""
    units = np.empty(words.size // 2)
    fill64(words, units)
    return units


def fill64(words: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` with uniform float64 values; as unit64."""
    if out.size >= LARGE:
        fast = KERNELS["unit64"]
        if fast is not None:
            whole = out.size & -8
            fast(words[: 2 * whole], out[:whole])
            words, out = words[2 * whole :], out[whole:]
    out[...] = words[0::2] & LOW21
    out *= 4294967296.0
    out += words[1::2]
    out *= 2.0**-53


def events64(words: np.ndarray, p: float, out: np.ndarray) -> None:
    """Fill `out` with 1 where the uniform float64 value of two words is below p, else 0."""
    if out.size >= LARGE and out.dtype.char in "fd?":
        fast = KERNELS["events"]
        if fast is not None:
            whole = out.size & -8
            fast(words[: 2 * whole], p, out[:whole])
            words, out = words[2 * whole :], out[whole:]
    events = unit64(words) < p
    out[...] = events.astype(F32) if out.itemsize == 2 else events
