"""softmax, log_softmax and their derivatives on the rows of matrices. Imports library, code, vmath.

A row is read two or three times, while it lies in the first caches: where NumPy needs one pass over
the whole matrix for each step of the formula.
"""

import numpy as np

from ..vmath import FUNCTIONS
from .code import Kernel, Module
from .library import FLOATS, Family, chunk_of

__all__ = ["KERNELS"]

INFINITY = float("inf")
exp, log = FUNCTIONS["exp"], FUNCTIONS["log"]


def _each_row(k: Kernel, count: str, pointers: list[str], body) -> None:
    """`body(row, ...)` with the addresses of each row of matrices."""

    def row(number: str, _: list[str]) -> None:
        start = k.mul(number, count)
        body(*[k.at(p, start) for p in pointers])

    k.loop("%begin", "%end", 1, row)


def _largest(k: Kernel, row: str, count: str) -> str:
    """The largest element of a row in all lanes; NaN do not count."""
    low = k.constant(-INFINITY)

    def some(i: str, mask: str | None, values: list[str]) -> list[str]:
        x = k.read(row, i, mask, low)
        is_larger = k.compare("ogt", k.kind, x, values[0])
        return [k.select(is_larger, k.kind, x, values[0])]

    (found,) = k.along(count, some, ((k.kind, low),))
    return k.splat(k.largest(found), k.kind)


def _write_softmax(k: Kernel) -> None:
    """(x, out, count): e^(x - max) divided by the row's sum."""
    x, out, count = k.argument(0), k.argument(1), k.argument(2, "i64")
    low = k.constant(-INFINITY)

    def row(x: str, out: str) -> None:
        most = _largest(k, x, count)

        def power(i: str, mask: str | None, values: list[str]) -> list[str]:
            difference = k.op("fsub", k.kind, k.read(x, i, mask, low), most)
            e = exp(k, difference, k.kind)
            k.write(e, out, i, mask)
            return [k.op("fadd", k.kind, values[0], e)]

        (total,) = k.summed(count, power)
        factor = k.splat(k.op("fdiv", k.scalar, "1.0", total), k.kind)

        def divide(i: str, mask: str | None, _: list[str]) -> None:
            k.write(k.op("fmul", k.kind, k.read(out, i, mask), factor), out, i, mask)

        k.along(count, divide)

    _each_row(k, count, [x, out], row)


def _write_log_softmax(k: Kernel) -> None:
    """(x, out, count): (x - max) - log of the sum of e^(x - max)."""
    x, out, count = k.argument(0), k.argument(1), k.argument(2, "i64")
    low = k.constant(-INFINITY)

    def row(x: str, out: str) -> None:
        most = _largest(k, x, count)

        def power(i: str, mask: str | None, values: list[str]) -> list[str]:
            difference = k.op("fsub", k.kind, k.read(x, i, mask, low), most)
            return [k.op("fadd", k.kind, values[0], exp(k, difference, k.kind))]

        (total,) = k.summed(count, power)
        shift = k.splat(log(k, total, k.scalar), k.kind)

        def subtract(i: str, mask: str | None, _: list[str]) -> None:
            difference = k.op("fsub", k.kind, k.read(x, i, mask), most)
            k.write(k.op("fsub", k.kind, difference, shift), out, i, mask)

        k.along(count, subtract)

    _each_row(k, count, [x, out], row)


def _write_softmax_back(k: Kernel) -> None:
    """(g, y, out, count): y (g - sum(g y))."""
    pointers, count = [k.argument(i) for i in range(3)], k.argument(3, "i64")

    def row(g: str, y: str, out: str) -> None:
        def product(i: str, mask: str | None, values: list[str]) -> list[str]:
            return [k.multiply_add(k.kind, k.read(g, i, mask), k.read(y, i, mask), values[0])]

        (total,) = k.summed(count, product)
        shift = k.splat(total, k.kind)

        def combine(i: str, mask: str | None, _: list[str]) -> None:
            rest = k.op("fsub", k.kind, k.read(g, i, mask), shift)
            k.write(k.op("fmul", k.kind, rest, k.read(y, i, mask)), out, i, mask)

        k.along(count, combine)

    _each_row(k, count, pointers, row)


def _write_log_softmax_back(k: Kernel) -> None:
    """(g, y, out, count): g - e^y sum(g)."""
    pointers, count = [k.argument(i) for i in range(3)], k.argument(3, "i64")

    def row(g: str, y: str, out: str) -> None:
        def add(i: str, mask: str | None, values: list[str]) -> list[str]:
            return [k.op("fadd", k.kind, k.read(g, i, mask), values[0])]

        (total,) = k.summed(count, add)
        factor = k.splat(total, k.kind)

        def combine(i: str, mask: str | None, _: list[str]) -> None:
            share = k.op("fmul", k.kind, exp(k, k.read(y, i, mask), k.kind), factor)
            k.write(k.op("fsub", k.kind, k.read(g, i, mask), share), out, i, mask)

        k.along(count, combine)

    _each_row(k, count, pointers, row)


def _write(module: Module) -> None:
    for letter, scalar in FLOATS.items():
        module.kernel(f"softmax_{letter}", scalar, _write_softmax)
        module.kernel(f"log_softmax_{letter}", scalar, _write_log_softmax)
        module.kernel(f"softmax_back_{letter}", scalar, _write_softmax_back)
        module.kernel(f"log_softmax_back_{letter}", scalar, _write_log_softmax_back)


_family = Family(_write)


def _run(name: str, arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    rows, count = arrays[0].shape
    out = np.empty((rows, count), arrays[0].dtype)
    name = f"{name}_{out.dtype.char}"
    _family.run(name, rows, chunk_of(count), *arrays, out, count)
    return out


def softmax(x: np.ndarray) -> np.ndarray:
    """The softmax of the rows of a contiguous matrix of float32 or float64."""
    return _run("softmax", (x,))


def log_softmax(x: np.ndarray) -> np.ndarray:
    """The logarithm of the softmax of the rows of a contiguous matrix."""
    return _run("log_softmax", (x,))


def softmax_back(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What softmax, whose result is y, makes of a cotangent; contiguous matrices of one dtype."""
    return _run("softmax_back", (g, y))


def log_softmax_back(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What log_softmax, whose result is y, makes of a cotangent."""
    return _run("log_softmax_back", (g, y))


KERNELS = {
    f.__name__: (f, _family, (f"{f.__name__}_f",))
    for f in (softmax, log_softmax, softmax_back, log_softmax_back)
}
