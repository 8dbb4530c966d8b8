"""Pooling of planes, largest element or mean, and the gradients. Imports planes.

Vectors run along rows of the result. With stride 2 they come from loads of twice the length, whose
even or odd lanes are taken; the last vector of a row is moved back until it is whole. Other strides
go element by element.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from ..codegen.emit import literal
from .ir import Code, Plan, Room, vector
from .machine import Machine
from .planes import Window, fill, pad, unpad, zero

__all__ = ["Axis", "Pooling", "max_back", "max_pool", "mean_back", "mean_pool", "tap_type"]


class Axis(NamedTuple):
    """How a dimension is pooled: taps of a window, distance of windows, padding in front, distance
    of taps, number of windows.
    """

    size: int
    stride: int
    before: int
    dilation: int
    count: int

    @property
    def reach(self) -> int:
        """Elements from the first window's start to the last one's end."""
        return (self.count - 1) * self.stride + (self.size - 1) * self.dilation + 1


class Pooling(NamedTuple):
    """Windows over planes of `size`; x (planes, *size), y (planes, rows.count, columns.count)."""

    scalar: str
    planes: int
    size: tuple[int, int]
    rows: Axis
    columns: Axis

    @property
    def positions(self) -> int:
        """Elements of a plane of the result."""
        return self.rows.count * self.columns.count

    @property
    def inside(self) -> tuple[int, int]:
        """Height and width with all that windows reach."""
        axes = zip((self.rows, self.columns), self.size, strict=True)
        high, wide = (max(a.before + n, a.reach) for a, n in axes)
        return high, wide

    @property
    def exact(self) -> bool:
        """Whether windows of 2 x 2 lie side by side, without padding."""
        return all(
            (a.size, a.stride, a.before, a.dilation) == (2, 2, 0, 1) and a.reach <= n
            for a, n in zip((self.rows, self.columns), self.size, strict=True)
        )


def tap_type(p: Pooling) -> str:
    """The type of the number of a tap in its window: one byte for fewer than 255 taps."""
    return "i8" if p.rows.size * p.columns.size < 255 else "i32"


def max_pool(name: str, p: Pooling, machine: Machine, *, taps: bool = False) -> Plan:
    """`void @name(ptr %x, ptr %y, [ptr %taps], ptr %scratch, i64 %begin, i64 %end)`: the largest
    element of each window, nan if there is one; and its number in the window, the first of equal
    ones, the last nan. Padding never counts. A unit is a plane.
    """
    e = Code(machine, p.scalar)
    number = tap_type(p)

    def finish(sums: list[str], y: str, x: str, n: int, at: str) -> None:
        kind = vector(p.scalar, n)
        e.store(sums[0], e.at("%y", at), kind)
        if taps:
            kinds = vector(number, n)
            found = sums[1]
            if p.rows.before or p.columns.before:
                lowest = e.compare("oeq", kind, sums[0], literal(kind, -math.inf))
                found = e.select(lowest, kinds, _first_inside(e, p, y, x, n), found)
            e.store(found, e.at("%taps", at, number), kinds)

    def step(value: str, tap: str, n: int, sums: list[str]) -> list[str]:
        kind, kinds = vector(p.scalar, n), vector(number, n)
        larger = e.compare("ogt", kind, value, sums[0])
        nan = e.compare("uno", kind, value, value)
        better = e.op("or", vector("i1", n), larger, nan)
        result = [e.select(better, kind, value, sums[0])]
        if taps:
            if tap[0] == "%":
                tap = e.convert("trunc", tap, "i64", number)
                tap = e.splat(tap, kinds)
            else:
                tap = literal(kinds, _signed(int(tap), number))
            result.append(e.select(better, kinds, tap, sums[1]))
        return result

    def start(n: int) -> list[tuple[str, str]]:
        kinds = vector(number, n)
        first = (vector(p.scalar, n), literal(vector(p.scalar, n), -math.inf))
        return [first, *[(kinds, literal(kinds, 0))] * taps]

    pointers = ["%x", "%y", *["%taps"] * taps]
    return _windows(e, name, p, pointers, -math.inf, (start, step, finish))


def mean_pool(
    name: str, p: Pooling, machine: Machine, *, divisor: int | None = None, padded: bool = True
) -> Plan:
    """`void @name(ptr %x, ptr %y, ptr %scratch, i64 %begin, i64 %end)`: the sum of each window
    over `divisor`, or over the number of its elements: with those in the padding if `padded`. A
    unit is a plane.
    """
    e = Code(machine, p.scalar)

    def step(value: str, tap: str, n: int, sums: list[str]) -> list[str]:
        return [e.op("fadd", vector(p.scalar, n), sums[0], value)]

    def finish(sums: list[str], y: str, x: str, n: int, at: str) -> None:
        kind = vector(p.scalar, n)
        many = _divisor(e, p, y, x, n, divisor, padded)
        e.store(e.op("fdiv", kind, sums[0], many), e.at("%y", at), kind)

    def start(n: int) -> list[tuple[str, str]]:
        return [(vector(p.scalar, n), literal(vector(p.scalar, n), 0.0))]

    return _windows(e, name, p, ["%x", "%y"], 0.0, (start, step, finish))


def max_back(name: str, p: Pooling, machine: Machine) -> Plan:
    """`void @name(ptr %g, ptr %taps, ptr %dx, ptr %scratch, i64 %begin, i64 %end)`: the gradient
    of `max_pool`'s x from that of y. A unit is a plane.
    """
    e = Code(machine, p.scalar)
    number = tap_type(p)

    def values(at: str, n: int) -> list[str]:
        kind, kinds = vector(p.scalar, n), vector(number, n)
        g, tap = e.load(e.at("%g", at), kind), e.load(e.at("%taps", at, number), kinds)
        here = [e.compare("eq", kinds, tap, literal(kinds, i)) for i in range(4)]
        return [e.select(one, kind, g, literal(kind, 0.0)) for one in here]

    def scatter(plane: str, at: str, y: str, x: str) -> None:
        tap = e.convert("zext", e.load(e.at("%taps", at, number), number), number, "i64")
        down, right = e.divide(tap, p.columns.size)
        i = e.add(e.mul(y, p.rows.stride), e.mul(down, p.rows.dilation))
        j = e.add(e.mul(x, p.columns.stride), e.mul(right, p.columns.dilation))
        to = e.at(plane, e.add(e.mul(i, p.inside[1]), j))
        e.store(e.op("fadd", p.scalar, e.load(to), e.load(e.at("%g", at))), to)

    return _back(e, name, p, ["%g", "%taps", "%dx"], values, scatter)


def mean_back(
    name: str, p: Pooling, machine: Machine, *, divisor: int | None = None, padded: bool = True
) -> Plan:
    """`void @name(ptr %g, ptr %dx, ptr %scratch, i64 %begin, i64 %end)`: the gradient of
    `mean_pool`'s x from that of y. A unit is a plane.
    """
    e = Code(machine, p.scalar)

    def values(at: str, n: int) -> list[str]:
        kind = vector(p.scalar, n)
        part = e.op("fdiv", kind, e.load(e.at("%g", at), kind), literal(kind, divisor or 4))
        return [part] * 4

    def scatter(plane: str, at: str, y: str, x: str) -> None:
        many = _divisor(e, p, y, x, 1, divisor, padded)
        value = e.op("fdiv", p.scalar, e.load(e.at("%g", at)), many)
        corner = e.add(e.mul(e.mul(y, p.rows.stride), p.inside[1]), e.mul(x, p.columns.stride))

        def down(i: str, _: list[str]) -> None:
            line = e.at(plane, e.add(corner, e.mul(i, p.rows.dilation * p.inside[1])))

            def right(j: str, _: list[str]) -> None:
                to = e.at(line, e.mul(j, p.columns.dilation))
                e.store(e.op("fadd", p.scalar, e.load(to), value), to)

            e.loop(0, p.columns.size, 1, right)

        e.loop(0, p.rows.size, 1, down)

    return _back(e, name, p, ["%g", "%dx"], values, scatter)


# --- Loops over windows --------------------------------------------------------------------------


def _windows(
    e: Code, name: str, p: Pooling, pointers: list[str], border: float, hooks: tuple
) -> Plan:
    """Each window: `start(lanes)`, `step(value, tap, lanes, sums)` for its taps, `finish`."""
    room, (high, wide) = Room(e), p.inside
    copied = (high, wide) != p.size or p.rows.before + p.columns.before > 0
    source = room.take(high * wide) if copied else ""
    window = Window(1, p.size, p.inside, p.rows.before, p.columns.before)
    lanes = _lanes(p, e.machine)
    if copied:
        fill(e, source, high * wide, border)

    def plane(i: str, _: list[str]) -> None:
        given = e.at("%x", e.mul(i, p.size[0] * p.size[1]))
        if copied:
            pad(e, given, source, window)
        top = e.mul(i, p.positions)

        def row(y: str, _: list[str]) -> None:
            line = e.at(source or given, e.mul(y, p.rows.stride * wide))

            def some(q: str, _: list[str]) -> None:
                x = e.least(q, p.columns.count - lanes)
                corner = e.at(line, e.mul(x, p.columns.stride))
                sums = _one(e, p, corner, lanes, hooks)
                at = e.add(top, e.add(e.mul(y, p.columns.count), x))
                hooks[2](sums, y, x, lanes, at)

            e.loop(0, p.columns.count, lanes, some)

        e.loop(0, p.rows.count, 1, row)

    if p.positions:
        e.loop("%begin", "%end", 1, plane)
    return room.plan(name, pointers, p.planes if p.positions else 0)


def _lanes(p: Pooling, machine: Machine) -> int:
    c = p.columns
    if c.stride > 2 or c.size > 8 or (c.stride == 2 and (c.size == 1 or c.dilation > 1)):
        return 1
    return min(machine.lanes(p.scalar), 1 << (max(1, c.count).bit_length() - 1))


def _one(e: Code, p: Pooling, corner: str, lanes: int, hooks: tuple) -> list[str]:
    """What becomes of one vector of windows."""
    kind, columns = vector(p.scalar, lanes), p.columns
    double = vector(p.scalar, 2 * lanes)
    start, step, _ = hooks

    def down(i: str, sums: list[str]) -> list[str]:
        line = e.at(corner, e.mul(i, p.rows.dilation * p.inside[1]))
        number = e.mul(i, columns.size)
        if lanes == 1:

            def across(j: str, sums: list[str]) -> list[str]:
                value = e.load(e.at(line, e.mul(j, columns.dilation)))
                return step(value, e.add(number, j), 1, sums)

            return e.loop(0, columns.size, 1, across, _again(start(1), sums))
        pair = ""
        for j in range(columns.size):
            if columns.stride == 1:
                value = e.load(e.at(line, j * columns.dilation), kind)
            else:
                # Even lanes of one load, odd ones of it for the next tap; the last tap of an odd
                # number loads from one before, so that nothing beyond the window is read.
                if j % 2 == 0:
                    even = j + 1 < columns.size
                    pair = e.load(e.at(line, j if even else j - 1), double)
                odd = j % 2 or j + 1 == columns.size
                order = range(1 if odd else 0, 2 * lanes, 2)
                value = e.shuffle(double, pair, "poison", order)
            sums = step(value, e.add(number, j), lanes, sums)
        return sums

    if p.rows.size * columns.size > 16:
        return e.loop(0, p.rows.size, 1, down, start(lanes))
    sums = [value for _, value in start(lanes)]
    for i in range(p.rows.size):
        sums = down(str(i), sums)
    return sums


def _again(start: list[tuple[str, str]], values: list[str]) -> list[tuple[str, str]]:
    return [(kind, value) for (kind, _), value in zip(start, values, strict=True)]


def _back(
    e: Code,
    name: str,
    p: Pooling,
    pointers: list[str],
    values: Callable[[str, int], list[str]],
    scatter: Callable[[str, str, str, str], None],
) -> Plan:
    """Gradients of planes: written by pairs where windows of 2 x 2 tile them, else added one by one
    to zeros.
    """
    room, (high, wide) = Room(e), p.inside
    size = p.size[0] * p.size[1]
    copied = not p.exact and ((high, wide) != p.size or p.rows.before + p.columns.before > 0)
    scratch = room.take(high * wide) if copied else ""
    window = Window(1, p.size, p.inside, p.rows.before, p.columns.before)

    def plane(i: str, _: list[str]) -> None:
        to, top = e.at("%dx", e.mul(i, size)), e.mul(i, p.positions)
        if p.exact:
            _pairs(e, p, to, top, values)
            return
        zero(e, scratch or to, high * wide if copied else size)

        def row(y: str, _: list[str]) -> None:
            def one(x: str, _: list[str]) -> None:
                at = e.add(top, e.add(e.mul(y, p.columns.count), x))
                scatter(scratch or to, at, y, x)

            e.loop(0, p.columns.count, 1, one)

        e.loop(0, p.rows.count, 1, row)
        if copied:
            unpad(e, scratch, to, window)

    if size:
        e.loop("%begin", "%end", 1, plane)
    return room.plan(name, pointers, p.planes if size else 0)


def _pairs(e: Code, p: Pooling, to: str, top: str, values: Callable[[str, int], list[str]]) -> None:
    """A plane whose windows of 2 x 2 lie side by side; what they do not cover is zero."""
    (h, w), (rows, columns) = p.size, (p.rows.count, p.columns.count)
    lanes = min(e.machine.lanes(p.scalar), 1 << (max(1, columns).bit_length() - 1))
    double = vector(p.scalar, 2 * lanes)
    order = [i for pair in zip(range(lanes), range(lanes, 2 * lanes), strict=True) for i in pair]

    def row(y: str, _: list[str]) -> None:
        line = e.at(to, e.mul(y, 2 * w))

        def some(q: str, _: list[str]) -> None:
            x = e.least(q, columns - lanes)
            four = values(e.add(top, e.add(e.mul(y, columns), x)), lanes)
            for i in range(2):
                target = e.at(e.at(line, i * w), e.mul(x, 2))
                if lanes == 1:
                    e.store(four[2 * i], target)
                    e.store(four[2 * i + 1], e.at(target, 1))
                else:
                    kind = vector(p.scalar, lanes)
                    e.store(e.shuffle(kind, four[2 * i], four[2 * i + 1], order), target, double)

        e.loop(0, columns, lanes, some)
        for i in range(2):
            zero(e, e.at(line, i * w + 2 * columns), w - 2 * columns)

    e.loop(0, rows, 1, row)
    rest = e.at(to, 2 * rows * w)
    zero(e, rest, (h - 2 * rows) * w)


# --- Numbers of windows --------------------------------------------------------------------------


def _signed(value: int, kind: str) -> int:
    return value - 256 if kind == "i8" and value > 127 else value


def _numbers(e: Code, x: str, n: int) -> str:
    """x, x + 1, ... as n lanes of i32."""
    kind = vector("i32", n)
    first = e.convert("trunc", x, "i64", "i32") if x[0] == "%" else x
    if n == 1:
        return first
    if x[0] != "%":
        return f"<{', '.join(f'i32 {int(x) + i}' for i in range(n))}>"
    steps = f"<{', '.join(f'i32 {i}' for i in range(n))}>"
    return e.op("add", kind, e.splat(first, kind), steps)


def _first_inside(e: Code, p: Pooling, y: str, x: str, n: int) -> str:
    """The number of the first tap of each window that is not padding."""
    firsts = []
    for axis, at, lanes in ((p.rows, y, 1), (p.columns, x, n)):
        kind = vector("i32", lanes)
        stride = literal(kind, axis.stride)
        start = e.op("mul", kind, _numbers(e, at, lanes), stride)
        missing = e.op("sub", kind, literal(kind, axis.before + axis.dilation - 1), start)
        missing = e.call("smax", kind, missing, literal(kind, 0))
        firsts.append(e.op("udiv", kind, missing, literal(kind, axis.dilation)))
    kind, number = vector("i32", n), vector(tap_type(p), n)
    line = e.splat(e.op("mul", "i32", firsts[0], str(p.columns.size)), kind)
    found = e.op("add", kind, line, firsts[1])
    return found if number == kind else e.convert("trunc", found, kind, number)


def _divisor(e: Code, p: Pooling, y: str, x: str, n: int, divisor: int | None, padded: bool) -> str:
    """How many elements windows have, as floats."""
    kind = vector(p.scalar, n)
    if divisor is not None:
        return literal(kind, divisor)
    sizes = []
    for axis, total, at, lanes in ((p.rows, p.size[0], y, 1), (p.columns, p.size[1], x, n)):
        whole = vector("i32", lanes)
        start = e.op("mul", whole, _numbers(e, at, lanes), literal(whole, axis.stride))
        start = e.op("sub", whole, start, literal(whole, axis.before))
        last = total + (axis.before if padded else 0)
        stop = e.op("add", whole, start, literal(whole, axis.size))
        stop = e.call("smin", whole, stop, literal(whole, last))
        if not padded:
            start = e.call("smax", whole, start, literal(whole, 0))
        sizes.append(e.op("sub", whole, stop, start))
    wide = vector("i32", n)
    many = e.op("mul", wide, e.splat(sizes[0], wide), sizes[1])
    return e.convert("sitofp", many, wide, kind)
