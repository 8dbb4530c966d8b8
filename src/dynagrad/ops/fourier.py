"""Discrete Fourier transforms of complex and of real arrays. Imports NumPy only.

`norm` has NumPy's meaning: "backward" divides the inverse transform by the number of points,
"forward" the forward one, "ortho" both by its root.

A transform is linear and its matrix is symmetric, so that it is its own transpose. Of a real
signal's spectrum only the half is kept, and each coefficient of it, but for the ends, stands for a
conjugate pair (Sorensen et al., Real-valued fast Fourier transform algorithms, 1987): the
transposes of `r2c` and `c2r` hold the factors 1/2 and 2 for these.
"""

import numpy as np

from .rule import LEADING, general, linear, primitive
from .shape import cast

#: the norm with which the opposite transform has the same factor
OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _transformed(x, axes, transform):
    """`transform(array, axes)` computed on memory in which the transformed axes lie last and the
    others before them in their order in x, where the result is left: PyTorch's layout.
    """
    others = sorted([d for d in range(x.ndim) if d not in axes], key=lambda d: -x.strides[d])
    order = (*others, *axes)
    moved = np.ascontiguousarray(x.transpose(order))
    with np.errstate(all="ignore"):
        result = transform(moved, tuple(range(len(others), x.ndim)))
    result = np.ascontiguousarray(result)
    return result.transpose([order.index(d) for d in range(x.ndim)])


def _by_stride(x, axes):
    return tuple(sorted(axes, key=lambda d: -x.strides[d]))


@primitive
def c2c(x, *, axes, inverse, norm):
    """The complex transform along some axes, of a complex or real array."""
    if not axes:
        return np.array(x, np.result_type(x.dtype, np.complex64), order="C")
    fun = np.fft.ifftn if inverse else np.fft.fftn
    return _transformed(x, _by_stride(x, axes), lambda a, last: fun(a, axes=last, norm=norm))


@primitive
def r2c(x, *, axes, norm):
    """The transform of a real array: the half of the spectrum along the last of the axes."""
    ordered = (*_by_stride(x, axes[:-1]), axes[-1])
    return _transformed(x, ordered, lambda a, last: np.fft.rfftn(a, axes=last, norm=norm))


@primitive
def c2r(x, *, axes, length, norm):
    """The inverse transform to a real array of a spectrum whose half is given along the last of the
    axes, which gets `length` points.
    """
    if len(axes) > 1:
        x = _c2c(x, axes=axes[:-1], inverse=True, norm=norm)
    return _transformed(
        x, axes[-1:], lambda a, last: np.fft.irfft(a, n=length, axis=last[0], norm=norm)
    )


@primitive
def weigh_pairs(x, *, axis, length, factor):
    """The half spectrum of `length` points, along an axis, with `factor` on all coefficients which
    stand for a pair: not on that of frequency 0, nor on the middle one of an even number.
    """
    result = np.array(x, order="C")
    result[(slice(None),) * axis + (slice(1, (length + 1) // 2),)] *= factor
    return result


_c2c = c2c.__wrapped__


def _c2c_vjp(g, x_meta, *, axes, inverse, norm):
    back = c2c(g, axes=axes, inverse=inverse, norm=norm)
    return back if x_meta.dtype.kind == "c" else cast(back, dtype=x_meta.dtype)


linear(
    c2c,
    _c2c_vjp,
    fresh=True,
    batch=LEADING,
)
general(
    r2c,
    lambda g, x_meta, *, axes, norm: c2r(
        np.conjugate(
            weigh_pairs(g, axis=axes[-1], length=x_meta.shape[axes[-1]], factor=0.5),
        ),
        axes=axes,
        length=x_meta.shape[axes[-1]],
        norm=OPPOSITE[norm],
    ),
    jvp=lambda t, *, axes, norm: r2c(t, axes=axes, norm=norm),
    batch=LEADING,
)
general(
    c2r,
    lambda g, *, axes, length, norm: weigh_pairs(
        np.conjugate(r2c(g, axes=axes, norm=OPPOSITE[norm])),
        axis=axes[-1],
        length=length,
        factor=2.0,
    ),
    jvp=lambda t, *, axes, length, norm: c2r(t, axes=axes, length=length, norm=norm),
    batch=LEADING,
)
linear(
    weigh_pairs,
    lambda g, *, axis, length, factor: weigh_pairs(g, axis=axis, length=length, factor=factor),
    fresh=True,
    batch=LEADING,
)
