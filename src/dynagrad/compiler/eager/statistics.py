"""Normalization to mean 0 and variance 1 and its derivative: layer, batch, group and instance norm.
Imports library, code.

An array is seen as (a, c, b): statistics are taken for each c over all a and b. In kernels of rows
a is 1, and weight and bias have b elements; in those of channels they have c. All elements of a c
are read several times in a row, while they lie in a cache.
"""

from collections.abc import Callable

import numpy as np

from .code import Kernel, Module
from .library import FLOATS, Family, chunk_of

__all__ = ["KERNELS"]

#: rows whose parts of the cotangents of weight and bias are added up by one thread at a time
GROUP = 64


class _Shape:
    """The places of one kernel's array: `outer` and `inner` are a and b, `step` c times b."""

    def __init__(self, k: Kernel, first: int) -> None:
        self.k = k
        self.outer, self.inner, self.step = [k.argument(first + i, "i64") for i in range(3)]
        total = k.op("mul", "i64", self.outer, self.inner)
        number = k.convert("sitofp", total, "i64", k.scalar)
        self.part = k.op("fdiv", k.scalar, "1.0", number)

    def summed(self, start: str, body: Callable, sums: int) -> list[str]:
        """Sums over all elements of one c, which begin at `start`."""
        k = self.k
        zero = [(k.scalar, "0.0")] * sums

        def block(number: str, totals: list[str]) -> list[str]:
            base = k.add(start, k.mul(number, self.step))
            found = k.summed(self.inner, lambda i, m, v: body(base, i, m, v), sums)
            return [k.op("fadd", k.scalar, t, f) for t, f in zip(totals, found, strict=True)]

        return k.loop("0", self.outer, 1, block, zero)

    def each(self, start: str, body: Callable) -> None:
        """`body(base, i, mask)` for all vectors of one c."""
        k = self.k

        def block(number: str, _: list[str]) -> None:
            base = k.add(start, k.mul(number, self.step))
            k.along(self.inner, lambda i, m, _: body(base, i, m))

        k.loop("0", self.outer, 1, block)

    def statistics(self, x: str, start: str, eps: str) -> tuple[str, str]:
        """The mean of one c and one by its deviation, in all lanes."""
        k = self.k

        def add(base: str, i: str, mask: str | None, values: list[str]) -> list[str]:
            return [k.op("fadd", k.kind, values[0], k.read(k.at(x, base), i, mask))]

        (total,) = self.summed(start, add, 1)
        mean = k.splat(k.op("fmul", k.scalar, total, self.part), k.kind)

        def square(base: str, i: str, mask: str | None, values: list[str]) -> list[str]:
            d = k.op("fsub", k.kind, k.read(k.at(x, base), i, mask, mean), mean)
            return [k.multiply_add(k.kind, d, d, values[0])]

        (total,) = self.summed(start, square, 1)
        variance = k.op("fmul", k.scalar, total, self.part)
        deviation = k.call("sqrt", k.scalar, k.op("fadd", k.scalar, variance, eps))
        return mean, k.splat(k.op("fdiv", k.scalar, "1.0", deviation), k.kind)


def _number(k: Kernel, place: int) -> str:
    value = k.argument(place, "double")
    return k.convert("fptrunc", value, "double", "float") if k.scalar == "float" else value


def _write_forward(k: Kernel, by_rows: bool) -> None:
    """(x, weight, bias, out, eps, a, b, c b): weight and bias are given."""
    x, weight, bias, out = [k.argument(i) for i in range(4)]
    eps, shape = _number(k, 4), _Shape(k, 5)

    def unit(c: str, _: list[str]) -> None:
        start = k.mul(c, shape.inner)
        mean, factor = shape.statistics(x, start, eps)
        w = b = ""
        if not by_rows:
            w, b = [k.splat(k.load(k.at(p, c)), k.kind) for p in (weight, bias)]

        def element(base: str, i: str, mask: str | None) -> None:
            d = k.op("fsub", k.kind, k.read(k.at(x, base), i, mask), mean)
            d = k.op("fmul", k.kind, d, factor)
            scale, shift = (k.read(weight, i, mask), k.read(bias, i, mask)) if by_rows else (w, b)
            k.write(k.multiply_add(k.kind, d, scale, shift), k.at(out, base), i, mask)

        shape.each(start, element)

    k.loop("%begin", "%end", 1, unit)


def _write_backward(k: Kernel, by_rows: bool) -> None:
    """(g, x, weight, gx, gw, gb, eps, a, b, c b): with d the normalized x, r one by the deviation
    and h = g weight: gx = r (h - mean(h) - d mean(h d)), gw the sum of g d, gb that of g. In
    kernels of rows gw and gb have a row for each GROUP of rows, to which is added.
    """
    g, x, weight, gx, gw, gb = [k.argument(i) for i in range(6)]
    eps, shape = _number(k, 6), _Shape(k, 7)

    def unit(c: str, _: list[str]) -> None:
        start = k.mul(c, shape.inner)
        mean, factor = shape.statistics(x, start, eps)
        group = k.mul(k.divide(c, GROUP)[0], shape.inner)
        sums = [k.at(p, group if by_rows else c) for p in (gw, gb)]
        fixed = "" if by_rows else k.splat(k.load(k.at(weight, c)), k.kind)

        def parts(base: str, i: str, mask: str | None) -> tuple[str, str, str]:
            d = k.op("fsub", k.kind, k.read(k.at(x, base), i, mask, mean), mean)
            d, found = k.op("fmul", k.kind, d, factor), k.read(k.at(g, base), i, mask)
            return d, found, k.read(weight, i, mask) if by_rows else fixed

        def add(base: str, i: str, mask: str | None, values: list[str]) -> list[str]:
            d, found, w = parts(base, i, mask)
            h = found
            if by_rows:
                product = k.multiply_add(k.kind, found, d, k.read(sums[0], i, mask))
                k.write(product, sums[0], i, mask)
                total = k.op("fadd", k.kind, found, k.read(sums[1], i, mask))
                k.write(total, sums[1], i, mask)
                h = k.op("fmul", k.kind, found, w)
            return [k.op("fadd", k.kind, values[0], h), k.multiply_add(k.kind, h, d, values[1])]

        totals = shape.summed(start, add, 2)
        if not by_rows:
            k.store(totals[1], sums[0])
            k.store(totals[0], sums[1])
        level, slope = [k.splat(k.op("fmul", k.scalar, t, shape.part), k.kind) for t in totals]

        def element(base: str, i: str, mask: str | None) -> None:
            d, found, w = parts(base, i, mask)
            h = k.op("fmul", k.kind, found, w) if by_rows else found
            rest = k.op("fsub", k.kind, k.op("fsub", k.kind, h, level), _product(k, d, slope))
            value = k.op("fmul", k.kind, rest, factor)
            if not by_rows:
                value = k.op("fmul", k.kind, value, w)
            k.write(value, k.at(gx, base), i, mask)

        shape.each(start, element)

    k.loop("%begin", "%end", 1, unit)


def _product(k: Kernel, x: str, y: str) -> str:
    return k.op("fmul", k.kind, x, y)


def _write(module: Module) -> None:
    for letter, scalar in FLOATS.items():
        for form, by_rows in (("rows", True), ("channels", False)):
            module.kernel(
                f"forward_{form}_{letter}", scalar, lambda k, r=by_rows: _write_forward(k, r)
            )
            module.kernel(
                f"backward_{form}_{letter}", scalar, lambda k, r=by_rows: _write_backward(k, r)
            )


_family = Family(_write)
Sides = np.ndarray | None


def standardize_rows(x: np.ndarray, weight: Sides, bias: Sides, eps: float) -> np.ndarray:
    """The rows of a contiguous matrix, normalized; weight and bias have a row's length."""
    count = x.shape[1]
    sides = _sides(weight, bias, count, x.dtype)
    return _forward("rows", x, sides, eps, (1, x.shape[0], count))


def standardize_channels(x: np.ndarray, weight: Sides, bias: Sides, eps: float) -> np.ndarray:
    """A contiguous array (a, c, b), normalized for each c; weight and bias have c elements."""
    sides = _sides(weight, bias, x.shape[1], x.dtype)
    return _forward("channels", x, sides, eps, x.shape)


def _sides(weight: Sides, bias: Sides, count: int, dtype: np.dtype) -> tuple:
    w = np.ones(count, dtype) if weight is None else np.ascontiguousarray(weight)
    b = np.zeros(count, dtype) if bias is None else np.ascontiguousarray(bias)
    return w, b


def _forward(form: str, x: np.ndarray, sides: tuple, eps: float, shape: tuple) -> np.ndarray:
    a, c, b = shape
    out = np.empty(x.shape, x.dtype)
    name = f"forward_{form}_{x.dtype.char}"
    _family.run(name, c, chunk_of(a * b), x, *sides, out, float(eps), a, b, c * b)
    return out


def standardize_rows_back(g: np.ndarray, x: np.ndarray, weight: Sides, eps: float) -> tuple:
    """The cotangents of x, weight and bias of `standardize_rows`, from that of its result."""
    rows, count = x.shape
    groups = -(-rows // GROUP)
    gw, gb = np.zeros((2, groups, count), x.dtype)
    gx = _backward("rows", g, x, weight, (gw, gb), eps, (1, rows, count))
    return gx, np.add.reduce(gw, 0), np.add.reduce(gb, 0)


def standardize_channels_back(g: np.ndarray, x: np.ndarray, weight: Sides, eps: float) -> tuple:
    """The cotangents of x, weight and bias of `standardize_channels`."""
    gw, gb = np.empty((2, x.shape[1]), x.dtype)
    return _backward("channels", g, x, weight, (gw, gb), eps, x.shape), gw, gb


def _backward(
    form: str,
    g: np.ndarray,
    x: np.ndarray,
    weight: Sides,
    sums: tuple[np.ndarray, np.ndarray],
    eps: float,
    shape: tuple,
) -> np.ndarray:
    a, c, b = shape
    w, _ = _sides(weight, None, b if form == "rows" else c, x.dtype)
    gx = np.empty(x.shape, x.dtype)
    name, chunk = f"backward_{form}_{x.dtype.char}", chunk_of(a * b)
    if form == "rows":
        chunk = -(-chunk // GROUP) * GROUP
    _family.run(name, c, chunk, g, x, w, gx, *sums, float(eps), a, b, c * b)
    return gx


KERNELS = {
    f.__name__: (f, _family)
    for f in (
        standardize_rows,
        standardize_channels,
        standardize_rows_back,
        standardize_channels_back,
    )
}
