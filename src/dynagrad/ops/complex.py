"""Complex numbers: their parts, their angle, and arrays of pairs. Imports NumPy only.

A complex cotangent p of z stands for the real differential Re(p dz); each rule below follows from
that.
"""

import numpy as np

from .elementwise import drop, nothing
from .layout import in_order
from .rule import ALIGNED, LEADING, elementwise, general, primitive
from .shape import cast


@primitive
def real_part(x):
    """Re(x) in new memory."""
    return np.array(x.real)


@primitive
def imag_part(x):
    """Im(x) in new memory."""
    return np.array(x.imag)


elementwise(real_part, lambda g, x_meta: cast(g, dtype=x_meta.dtype))
elementwise(imag_part, lambda g, x_meta: cast(g, dtype=x_meta.dtype) * -1j)


@primitive
def conj(x):
    """The complex conjugate; a real array itself."""
    return np.conjugate(x) if x.dtype.kind == "c" else x


elementwise(conj, lambda g: np.conjugate(g))


@primitive
def complex_of_parts(x, y):
    """x + i y."""
    result = np.empty(np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, np.complex64))
    result.real, result.imag = x, y
    return result if y.flags.c_contiguous else in_order(result, (x, y))


@primitive
def polar(x, y):
    """x e^(i y)."""
    return complex_of_parts(x * np.cos(y), x * np.sin(y))


general(
    complex_of_parts,
    lambda g: real_part(g),
    lambda g: -imag_part(g),
    jvp=(lambda t: t, lambda t: t * 1j),
    batch=ALIGNED,
    ordered=True,
)
general(
    polar,
    lambda g, y: real_part(g) * np.cos(y) - imag_part(g) * np.sin(y),
    lambda g, out: -imag_part(g * out),
    jvp=(lambda t, y: polar(t, y), lambda t, x, y: polar(t * x, y) * 1j),
    batch=ALIGNED,
    ordered=True,
)


@primitive
def angle(x):
    """The angle of x in the plane: atan2(Im x, Re x); nan for a real nan.

    That of complex numbers lies in rows, as PyTorch's.
    """
    if x.dtype.kind == "c":
        return np.arctan2(x.imag, x.real, order="C")
    half_turn = np.where(x < 0, x.dtype.type(np.pi), x.dtype.type(0))
    return in_order(np.where(np.isnan(x), x, half_turn), (x,))


def _angle_vjp(g, x, x_meta):
    if x_meta.dtype.kind != "c":
        return nothing(g)
    return drop(g * -1j / x, np.equal(x, 0))


elementwise(angle, _angle_vjp, ordered=False)


@primitive
def pairs(x):
    """The complex array as a real one with a last dimension of 2, a view."""
    part = x.real.dtype
    if x.ndim == 0:
        return x.reshape(1).view(part)
    if x.strides[-1] == x.itemsize:
        return x.view(part).reshape(*x.shape, 2)
    return np.lib.stride_tricks.as_strided(x.real, (*x.shape, 2), (*x.strides, part.itemsize))


@primitive
def unpaired(x):
    """The complex array whose parts lie along the last dimension of x, a view where these are
    neighbours."""
    kind = np.result_type(x.dtype, np.complex64)
    if x.strides[-1] != x.itemsize:
        x = np.array(x, order="C")
    return np.asarray(x.view(kind)[..., 0])


general(pairs, lambda g: np.conjugate(unpaired(g)), jvp=lambda t: pairs(t), batch=LEADING)
general(unpaired, lambda g: pairs(np.conjugate(g)), jvp=lambda t: unpaired(t), batch=LEADING)
