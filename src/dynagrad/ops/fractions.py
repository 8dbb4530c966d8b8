"""Floating numbers taken apart into fraction and exponent. Imports NumPy only."""

import numpy as np

from .elementwise import widened
from .rule import ALIGNED, general, primitive
from .shape import cast


@primitive
def frexp(x):
    """f and the whole e with x = f 2^e, 1/2 <= |f| < 1; f is x and e 0 where x is 0 or not
    finite."""
    fraction, exponent = np.frexp(widened(x))
    exponent = np.where(np.isfinite(x), exponent, 0)
    return np.asarray(fraction, x.dtype), np.asarray(exponent, np.int32)


def _frexp_vjp(g0, out1, x_meta):
    return g0 / np.exp2(cast(out1, dtype=x_meta.dtype))


general(
    frexp,
    _frexp_vjp,
    results=2,
    jvp=lambda t, out1, x_meta: (_frexp_vjp(t, out1, x_meta), None),
    batch=ALIGNED,
    ordered=True,
)
