"""Convolutions of images and their gradients: one kernel for each shape. Imports kernels, library.

A kernel is compiled at the first call with its shapes, which takes some ten milliseconds where it
is not in the cache on disk: so small ones are left to NumPy, and programs whose shapes never repeat
get no more than a certain number of kernels.
"""

import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...functions.settings import get_num_threads
from ...ops.compiled import recorded
from ..kernels import conv, conv_weight
from ..kernels.ir import Plan
from ..kernels.machine import machine_for
from ..kernels.planes import Convolution
from ..native.llvm import NativeError, target
from .code import Kernel, Module
from .library import FLOATS, Family, is_plain

__all__ = ["KERNELS", "Planned"]

log = logging.getLogger(__name__)

#: about how many seconds a kernel takes to compile, and NumPy for one operation of a convolution
COMPILING, OPERATION = 0.02, 5e-11
#: kernels for different shapes in one process
MOST = 128


class Planned:
    """A generated kernel with a place for the scratch memory of each thread."""

    def __init__(self, plan: Plan, pointers: int) -> None:
        self.bytes, self.units = -(-plan.scratch_bytes // 64) * 64, plan.units

        def call(k: Kernel) -> None:
            arrays = [k.argument(i) for i in range(pointers)]
            which = k.op("udiv", "i64", "%begin", k.argument(pointers + 1, "i64"))
            scratch = k.at(k.argument(pointers), k.mul(which, self.bytes), "i8")
            given = ", ".join(f"ptr {x}" for x in (*arrays, scratch))
            k.do(f"call void @{plan.name}({given}, i64 %begin, i64 %end)")

        def write(module: Module) -> None:
            module.add(plan.ir, plan.declared)
            module.kernel("run", "float", call)

        self.family = Family(write)
        self.family.load("run")

    def run(self, *arrays: np.ndarray) -> None:
        """Run it on these arrays, in as many threads as are set."""
        threads = max(min(get_num_threads(), self.units), 1)
        chunk = max(-(-self.units // threads), 1)
        memory = np.empty(threads * self.bytes + 64, np.uint8)
        place = memory.__array_interface__["data"][0]
        self.family.run("run", self.units, chunk, *arrays, place + -place % 64, chunk)


_known: dict[Any, Planned | None] = {}


def planned(key: tuple, pointers: int, generate: Callable[[], Plan], work: float) -> Planned | None:
    """The kernel for these shapes, compiled at the first call; None where it cannot be, or that
    does not pay. `work`: about how many seconds NumPy takes.
    """
    if key not in _known:
        if len(_known) >= MOST or (recorded.get() and work < COMPILING):
            return None
        try:
            _known[key] = Planned(generate(), pointers)
        except (OSError, NativeError) as error:
            log.warning("a convolution stays with NumPy: %s", error)
            _known[key] = None
    return _known[key]


def _shape(x: tuple, w: tuple, settings: tuple, letter: str) -> Convolution:
    stride, padding, dilation, groups = settings
    n, c, *size = x
    sides = [(int(a), int(b)) for a, b in (size, w[2:], stride, padding, dilation)]
    return Convolution(FLOATS[letter], n, c, w[0], *sides, groups)  # pyright: ignore[reportCallIssue]


def _work(shape: Convolution) -> float:
    return 2 * shape.images * shape.outputs * math.prod(shape.out) * shape.depth * OPERATION


def convolve(x: Any, w: Any, bias: Any, settings: tuple, size: tuple) -> np.ndarray | None:
    """y from x and w, plus bias if there is one; None for arrays that no kernel serves.

    `settings`: stride, padding, dilation, groups.
    """
    held = (x, w) if bias is None else (x, w, bias)
    if not is_plain(*held):
        return None
    shape = _shape(x.shape, w.shape, settings, x.dtype.char)
    if shape.out != tuple(size):
        return None
    has_bias = bias is not None

    def generate() -> Plan:
        return conv.forward("kernel", shape, machine_for(target()), bias=has_bias)

    kernel = planned(("y", shape, has_bias), len(held) + 1, generate, _work(shape))
    if kernel is None:
        return None
    y = np.empty((x.shape[0], w.shape[0], *size), x.dtype)
    kernel.run(*held, y)
    return y


def convolve_back(y: Any, w: Any, settings: tuple, size: tuple) -> np.ndarray | None:
    """x from y and w; None for arrays that no kernel serves."""
    if not is_plain(y, w):
        return None
    x_shape = (y.shape[0], w.shape[1] * settings[3], *size)
    shape = _shape(x_shape, w.shape, settings, y.dtype.char)
    if shape.out != y.shape[2:]:
        return None

    def generate() -> Plan:
        return conv.grad_input("kernel", shape, machine_for(target()))

    kernel = planned(("x", shape), 3, generate, _work(shape))
    if kernel is None:
        return None
    x = np.empty(x_shape, y.dtype)
    kernel.run(y, w, x)
    return x


def convolve_taps(x: Any, y: Any, settings: tuple, size: tuple) -> np.ndarray | None:
    """w from x and y; None for arrays that no kernel serves."""
    if not is_plain(x, y):
        return None
    w_shape = (y.shape[1], x.shape[1] // settings[3], *size)
    shape = _shape(x.shape, w_shape, settings, x.dtype.char)
    if shape.out != y.shape[2:]:
        return None

    def generate() -> Plan:
        return conv_weight.grad_weight("kernel", shape, machine_for(target()))

    kernel = planned(("w", shape), 3, generate, _work(shape))
    if kernel is None:
        return None
    w = np.empty(w_shape, x.dtype)
    kernel.run(y, x, w)
    return w


class _Always:
    """Kernels that are compiled one by one."""

    def load(self, *names: str) -> None:
        """Nothing is compiled yet."""


KERNELS = {f.__name__: (f, _Always(), ()) for f in (convolve, convolve_back, convolve_taps)}
