"""Elementwise functions that take NumPy several passes, and their derivatives. Imports library,
code, vmath.
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops.neural.activation import MINUS_LOGIT
from ..native.llvm import NativeError
from ..vmath.error import erf, erfc, gelu_tanh
from ..vmath.error import gelu as accurate_gelu
from ..vmath.exponential import exp, logsigmoid, sigmoid, silu
from ..vmath.exponential import softplus as smooth
from ..vmath.hyperbolic import tanh
from ..vmath.value import Value, fma, polynomial, where
from .code import Kernel, Module
from .library import FLOATS, Family

__all__ = ["KERNELS"]

log = logging.getLogger(__name__)

CHUNK = 1 << 15
SQRT_HALF = 0.7071067811865476
#: 1 / sqrt(2 pi), and the numbers of gelu's approximation by tanh
DENSITY = 0.3989422804014327
ROOT, CUBIC = 0.7978845608028654, 0.044715


def inverse_cdf(x: Value) -> Value:
    """1 / N(x) for the normal distribution function N in float32, as NumPy's kernel has it."""
    return exp(x * polynomial(x * x, [float(c) for c in MINUS_LOGIT])) + 1.0


def normal_cdf(x: Value) -> Value:
    """The normal distribution function N: half of erfc(-x / sqrt 2)."""
    if x.element == "float":
        return 1.0 / inverse_cdf(x)
    return erfc(x * -SQRT_HALF) * 0.5


def gelu(x: Value) -> Value:
    """x N(x)."""
    return x / inverse_cdf(x) if x.element == "float" else accurate_gelu(x)


def gelu_slope(x: Value) -> Value:
    """The derivative of gelu: N(x) + x N'(x)."""
    return fma(x * DENSITY, exp(x * x * -0.5), normal_cdf(x))


def gelu_tanh_back(g: Value, x: Value) -> Value:
    """g times the derivative of gelu_tanh, from s = sigmoid(2 t): s + x s (1 - s) 2 t'."""
    square = x * x
    s = sigmoid(x * fma(square, 2 * ROOT * CUBIC, x.constant(2 * ROOT)))
    slope = fma(square, 6 * ROOT * CUBIC, x.constant(2 * ROOT))
    return g * fma(x * (s * (1.0 - s)), slope, s)


def silu_back(g: Value, x: Value) -> Value:
    """g s (1 + x (1 - s)), with s = sigmoid(x)."""
    s = sigmoid(x)
    return g * (s * fma(x, 1.0 - s, 1.0))


def softplus(x: Value) -> Value:
    """log(1 + e^x), and x itself where it is above 20."""
    return where(x > 20.0, x, smooth(x))


def mish(x: Value) -> Value:
    """x tanh(softplus(x))."""
    return x * tanh(smooth(x))


_FORMULAS: dict[str, tuple[int, Callable[..., Value]]] = {
    f.__name__: (1, f)
    for f in (erf, gelu, gelu_slope, gelu_tanh, logsigmoid, mish, normal_cdf, sigmoid, silu)
}
_FORMULAS |= {"softplus": (1, softplus), "erfc": (1, erfc)}
_FORMULAS |= {f.__name__: (2, f) for f in (gelu_tanh_back, silu_back)}


def _writer(name: str) -> Callable[[Kernel], None]:
    """The kernel of a formula: (operands, out) and a range of elements."""
    count, formula = _FORMULAS[name]

    def write(k: Kernel) -> None:
        pointers = [k.at(k.argument(i), "%begin") for i in range(count + 1)]

        def some(i: str, mask: str | None, _: list[str]) -> None:
            values = [Value(k, k.kind, k.read(p, i, mask)) for p in pointers[:-1]]
            k.write(formula(*values).name, pointers[-1], i, mask)

        k.along(k.sub("%end", "%begin"), some)

    return write


#: one family for a formula and a dtype; None where it could not be compiled
_families: dict[tuple[str, str], Family | None] = {}


def _family(name: str, letter: str) -> Family | None:
    key = name, letter
    if key not in _families:
        write = _writer(name)

        def written(module: Module) -> None:
            module.kernel("pointwise", FLOATS[letter], write)

        family = Family(written)
        try:
            family.load("pointwise")
        except (OSError, NativeError) as error:
            log.warning("%s of large arrays stays with NumPy: %s", name, error)
            family = None
        _families[key] = family
    return _families[key]


def pointwise(name: str, *arrays: Any) -> np.ndarray | None:
    """The function of this name of dense arrays of float32 or float64, whose elements lie in the
    same order, as those of the result then do; None for others.
    """
    first = arrays[0]
    if type(first) is not np.ndarray or first.dtype.char not in FLOATS:
        return None
    for a in arrays[1:]:
        if type(a) is not np.ndarray or a.dtype != first.dtype or a.shape != first.shape:
            return None
    if all(a.flags.c_contiguous for a in arrays):
        out = np.empty(first.shape, first.dtype)
    elif all(a.flags.f_contiguous for a in arrays):
        out = np.empty(first.shape, first.dtype, "F")
    else:
        return None
    family = _family(name, first.dtype.char)
    if family is None:
        return None
    family.run("pointwise", first.size, CHUNK, *arrays, out)
    return out


class _Always:
    """Kernels that are compiled one by one."""

    def load(self, *names: str) -> None:
        """Nothing is compiled yet."""


KERNELS = {"pointwise": (pointwise, _Always(), ())}
