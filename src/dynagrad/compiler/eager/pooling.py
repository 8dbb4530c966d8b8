"""Pooling of images and its gradients: one kernel for each shape. Imports kernels, convolutions."""

import math
from typing import Any

import numpy as np

from ..kernels import pool2d
from ..kernels.ir import Plan
from ..kernels.machine import machine_for
from ..native.llvm import target
from .convolutions import Planned, planned
from .library import FLOATS, is_plain

__all__ = ["KERNELS"]

#: about how many seconds NumPy takes for one element of one window
TAP = 2e-9


def _pooling(x: tuple, windows: Any, letter: str) -> pool2d.Pooling:
    planes, sizes = math.prod(x[:-2]), (int(x[-2]), int(x[-1]))
    rows, columns = [pool2d.Axis(*[int(v) for v in w]) for w in windows]
    return pool2d.Pooling(FLOATS[letter], planes, sizes, rows, columns)


def _kernel(what: str, p: pool2d.Pooling, pointers: int, **how: Any) -> Planned | None:
    def generate() -> Plan:
        return getattr(pool2d, what)("kernel", p, machine_for(target()), **how)

    taps = p.planes * p.positions * p.rows.size * p.columns.size
    return planned((what, p, *how.values()), pointers, generate, taps * TAP)


def _out(x: np.ndarray, windows: Any) -> tuple:
    return (*x.shape[:-2], *[w.count for w in windows])


def max_pool(x: Any, windows: Any, taps: bool) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The largest element of each window of the last two dimensions, and the number of its tap if
    wanted; None for arrays that no kernel serves.
    """
    if not is_plain(x):
        return None
    p = _pooling(x.shape, windows, x.dtype.char)
    kernel = _kernel("max_pool", p, 3 if taps else 2, taps=taps)
    if kernel is None:
        return None
    shape = _out(x, windows)
    y = np.empty(shape, x.dtype)
    if not taps:
        kernel.run(x, y)
        return y, None
    numbers = np.empty(shape, np.uint8 if pool2d.tap_type(p) == "i8" else np.int32)
    kernel.run(x, y, numbers)
    return y, numbers


def max_pool_back(g: Any, taps: Any, windows: Any, sizes: tuple) -> np.ndarray | None:
    """The gradient of `max_pool`'s x from that of its result and the taps."""
    if not is_plain(g) or not taps.flags.c_contiguous or taps.shape != g.shape:
        return None
    shape = (*g.shape[:-2], *sizes)
    p = _pooling(shape, windows, g.dtype.char)
    if taps.itemsize != (1 if pool2d.tap_type(p) == "i8" else 4):
        return None
    kernel = _kernel("max_back", p, 3)
    if kernel is None:
        return None
    x = np.empty(shape, g.dtype)
    kernel.run(g, taps, x)
    return x


def mean_pool(x: Any, windows: Any, padded: bool, divisor: int | None) -> np.ndarray | None:
    """The mean of each window of the last two dimensions, or its sum over `divisor`; `padded`:
    elements of the padding count.
    """
    if not is_plain(x):
        return None
    p = _pooling(x.shape, windows, x.dtype.char)
    kernel = _kernel("mean_pool", p, 2, divisor=divisor, padded=padded)
    if kernel is None:
        return None
    y = np.empty(_out(x, windows), x.dtype)
    kernel.run(x, y)
    return y


def mean_pool_back(
    g: Any, windows: Any, padded: bool, divisor: int | None, sizes: tuple
) -> np.ndarray | None:
    """The gradient of `mean_pool`'s x from that of its result."""
    if not is_plain(g):
        return None
    shape = (*g.shape[:-2], *sizes)
    p = _pooling(shape, windows, g.dtype.char)
    kernel = _kernel("mean_back", p, 2, divisor=divisor, padded=padded)
    if kernel is None:
        return None
    x = np.empty(shape, g.dtype)
    kernel.run(g, x)
    return x


class _Always:
    """Kernels that are compiled one by one."""

    def load(self, *names: str) -> None:
        """Nothing is compiled yet."""


KERNELS = {
    f.__name__: (f, _Always(), ()) for f in (max_pool, max_pool_back, mean_pool, mean_pool_back)
}
