"""Normalization to mean 0 and variance 1 and its derivative: layer, batch, group and instance norm.
Imports library, code.

An array is seen as (a, c, b): statistics are taken for each c over all a and b. In kernels of rows
a is 1, and weight and bias have b elements, or for groups of channels several rows of b, which take
turns; in kernels of channels they have c. All elements of a c are read several times in a row,
while they lie in a cache.
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
    """(x, weight, bias, out, eps, a, b, c b, turns): weight and bias are given."""
    x, weight, bias, out = [k.argument(i) for i in range(4)]
    eps, shape, turns = _number(k, 4), _Shape(k, 5), k.argument(8, "i64")

    def unit(c: str, _: list[str]) -> None:
        start = k.mul(c, shape.inner)
        mean, factor = shape.statistics(x, start, eps)
        w = b = ""
        if by_rows:
            turn = k.mul(k.op("urem", "i64", c, turns), shape.inner)
            rows = [k.at(p, turn) for p in (weight, bias)]
        else:
            rows = []
            w, b = [k.splat(k.load(k.at(p, c)), k.kind) for p in (weight, bias)]

        def element(base: str, i: str, mask: str | None) -> None:
            d = k.op("fsub", k.kind, k.read(k.at(x, base), i, mask), mean)
            d = k.op("fmul", k.kind, d, factor)
            scale, shift = [k.read(p, i, mask) for p in rows] or (w, b)
            k.write(k.multiply_add(k.kind, d, scale, shift), k.at(out, base), i, mask)

        shape.each(start, element)

    k.loop("%begin", "%end", 1, unit)


def _write_backward(k: Kernel, by_rows: bool, with_sums: bool = True) -> None:
    """(g, x, weight, gx, gw, gb, eps, a, b, c b, turns, c / turns, group): with d the normalized x,
    r one by the deviation and h = g weight: gx = r (h - mean(h) - d mean(h d)), gw the sum of g d,
    gb that of g. In kernels of rows, those of one turn come after each other, and gw and gb have a
    row for each `group` of them, to which is added; without sums they are not computed.
    """
    g, x, weights, gx, gw, gb = [k.argument(i) for i in range(6)]
    eps, shape = _number(k, 6), _Shape(k, 7)
    turns, each, group = [k.argument(10 + i, "i64") for i in range(3)]

    def unit(u: str, _: list[str]) -> None:
        c, weight, place = u, weights, u
        if by_rows:
            turn = k.op("udiv", "i64", u, each)
            c = k.add(k.mul(k.op("urem", "i64", u, each), turns), turn)
            weight = k.at(weights, k.mul(turn, shape.inner))
            place = k.mul(k.op("udiv", "i64", u, group), shape.inner)
        start = k.mul(c, shape.inner)
        mean, factor = shape.statistics(x, start, eps)
        sums = [k.at(p, place) for p in (gw, gb)]
        fixed = "" if by_rows else k.splat(k.load(k.at(weight, c)), k.kind)

        def parts(base: str, i: str, mask: str | None) -> tuple[str, str, str]:
            d = k.op("fsub", k.kind, k.read(k.at(x, base), i, mask, mean), mean)
            d, found = k.op("fmul", k.kind, d, factor), k.read(k.at(g, base), i, mask)
            return d, found, k.read(weight, i, mask) if by_rows else fixed

        def add(base: str, i: str, mask: str | None, values: list[str]) -> list[str]:
            d, found, w = parts(base, i, mask)
            h = found
            if by_rows and with_sums:
                product = k.multiply_add(k.kind, found, d, k.read(sums[0], i, mask))
                k.write(product, sums[0], i, mask)
                total = k.op("fadd", k.kind, found, k.read(sums[1], i, mask))
                k.write(total, sums[1], i, mask)
            if by_rows:
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
        module.kernel(f"backward_plain_{letter}", scalar, lambda k: _write_backward(k, True, False))
        for form, by_rows in (("rows", True), ("channels", False)):
            module.kernel(
                f"forward_{form}_{letter}", scalar, lambda k, r=by_rows: _write_forward(k, r)
            )
            module.kernel(
                f"backward_{form}_{letter}", scalar, lambda k, r=by_rows: _write_backward(k, r)
            )


_family = Family(_write)
Sides = np.ndarray | None


def standardize_rows(
    x: np.ndarray, weight: Sides, bias: Sides, eps: float, turns: int = 1, spread: int = 1
) -> np.ndarray:
    """The rows of a contiguous matrix, normalized; weight and bias have the length of so many rows
    as `turns` says, which take turns, over `spread`: each element is for so many neighbours.
    """
    rows, count = x.shape
    if weight is None and bias is None:
        turns = spread = 1
    sides = _sides(weight, bias, count * turns, x.dtype, spread)
    return _forward("rows", x, sides, eps, (1, rows, count), turns)


def standardize_channels(x: np.ndarray, weight: Sides, bias: Sides, eps: float) -> np.ndarray:
    """A contiguous array (a, c, b), normalized for each c; weight and bias have c elements."""
    sides = _sides(weight, bias, x.shape[1], x.dtype)
    return _forward("channels", x, sides, eps, x.shape, 1)


def _sides(weight: Sides, bias: Sides, count: int, dtype: np.dtype, spread: int = 1) -> list:
    defaults = zip((weight, bias), (np.ones, np.zeros), strict=True)
    found = [make(count, dtype) if t is None else t for t, make in defaults]
    if spread > 1:
        found = [np.repeat(t, spread) if t.size < count else t for t in found]
    return [np.ascontiguousarray(t) for t in found]


def _forward(
    form: str, x: np.ndarray, sides: list, eps: float, shape: tuple, turns: int
) -> np.ndarray:
    a, c, b = shape
    out = np.empty(x.shape, x.dtype)
    name = f"forward_{form}_{x.dtype.char}"
    _family.run(name, c, chunk_of(a * b), x, *sides, out, float(eps), a, b, c * b, turns)
    return out


def standardize_rows_back(
    g: np.ndarray,
    x: np.ndarray,
    weight: Sides,
    eps: float,
    turns: int = 1,
    spread: int = 1,
    *,
    sides: bool,
) -> tuple:
    """The cotangents of x, weight and bias of `standardize_rows`, from that of its result; the last
    two if `sides` are wanted.
    """
    rows, count = x.shape
    if weight is None and not sides:
        turns = spread = 1
    each = rows // turns
    group = GROUP if turns == 1 else each
    w, _ = _sides(weight, None, count * turns, x.dtype, spread)
    if not sides:
        places = (1, rows, count), (turns, each, group), chunk_of(count)
        return _backward("plain", g, x, w, (x, x), eps, *places), None, None
    gw, gb = sums = np.zeros((2, -(-rows // group), count), x.dtype)
    chunk = -(-chunk_of(count) // group) * group
    places = (1, rows, count), (turns, each, group)
    gx = _backward("rows", g, x, w, tuple(sums), eps, *places, chunk)
    if turns == 1:
        gw, gb = np.add.reduce(gw, 0), np.add.reduce(gb, 0)
    gw, gb = [t.reshape(-1) for t in (gw, gb)]
    if spread > 1:
        gw, gb = [np.add.reduce(t.reshape(-1, spread), 1) for t in (gw, gb)]
    return gx, gw, gb


def standardize_channels_back(g: np.ndarray, x: np.ndarray, weight: Sides, eps: float) -> tuple:
    """The cotangents of x, weight and bias of `standardize_channels`."""
    a, c, b = x.shape
    w, _ = _sides(weight, None, c, x.dtype)
    gw, gb = sums = np.empty((2, c), x.dtype)
    chunk = chunk_of(a * b)
    return _backward("channels", g, x, w, tuple(sums), eps, x.shape, (1, c, c), chunk), gw, gb


def _backward(
    form: str,
    g: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    sums: tuple[np.ndarray, ...],
    eps: float,
    shape: tuple,
    turns: tuple,
    chunk: int,
) -> np.ndarray:
    a, c, b = shape
    gx = np.empty(x.shape, x.dtype)
    name = f"backward_{form}_{x.dtype.char}"
    _family.run(name, c, chunk, g, x, weight, gx, *sums, float(eps), a, b, c * b, *turns)
    return gx


KERNELS = {
    "standardize_rows": (standardize_rows, _family, ("forward_rows_f",)),
    "standardize_rows_back": (standardize_rows_back, _family, ("backward_rows_f",)),
    "standardize_channels": (standardize_channels, _family, ("forward_channels_f",)),
    "standardize_channels_back": (standardize_channels_back, _family, ("backward_channels_f",)),
}
