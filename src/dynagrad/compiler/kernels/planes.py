"""Images in scratch memory: padded copies, patches as columns and back. Imports ir."""

from collections.abc import Callable
from typing import NamedTuple

from ..codegen.emit import literal
from .ir import Code, vector

__all__ = [
    "Convolution",
    "Window",
    "columns",
    "copy",
    "fill",
    "from_columns",
    "pad",
    "unpad",
    "zero",
]


class Convolution(NamedTuple):
    """y[n, o] = sum over the group's inputs i of x[n, i] correlated with w[o, i]; all contiguous:
    x (images, inputs, *size), w (outputs, inputs / groups, *kernel), y (images, outputs, *out).
    """

    scalar: str
    images: int
    inputs: int
    outputs: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width with the padding."""
        return self.size[0] + 2 * self.padding[0], self.size[1] + 2 * self.padding[1]

    @property
    def reach(self) -> tuple[int, int]:
        """How far the last tap of a window lies from its first."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1), dw * (kw - 1)

    @property
    def out(self) -> tuple[int, int]:
        """Height and width of the result."""
        (h, w), (rh, rw), (sh, sw) = self.padded, self.reach, self.stride
        return max(0, (h - rh - 1) // sh + 1), max(0, (w - rw - 1) // sw + 1)

    @property
    def depth(self) -> int:
        """Products that one element of the result sums: inputs of a group x taps."""
        return self.inputs // self.groups * self.kernel[0] * self.kernel[1]


class Window(NamedTuple):
    """Where planes of `size` lie in larger ones of size `inside`: at (top, left), which may be
    negative; what falls outside is left out.
    """

    channels: int
    size: tuple[int, int]
    inside: tuple[int, int]
    top: int
    left: int

    @property
    def seen(self) -> tuple[int, int, int, int]:
        """First row and column of `size` that lie inside, and how many do."""
        (h, w), (high, wide) = self.size, self.inside
        y, x = max(0, -self.top), max(0, -self.left)
        return y, x, min(h, high - self.top) - y, min(w, wide - self.left) - x


def zero(e: Code, to: str, count: int) -> None:
    """Set elements to zero."""
    fill(e, to, count, 0.0)


def fill(e: Code, to: str, count: int, value: float) -> None:
    """Set elements to a constant."""

    def put(i: str, n: int) -> None:
        kind = vector(e.scalar, n)
        e.store(literal(kind, value), e.at(to, i), kind)

    _pieces(e, count, put)


def copy(e: Code, source: str, to: str, count: int) -> None:
    """Copy elements."""

    def move(i: str, n: int) -> None:
        kind = vector(e.scalar, n)
        e.store(e.load(e.at(source, i), kind), e.at(to, i), kind)

    _pieces(e, count, move)


def _pieces(e: Code, count: int, body: Callable[[str, int], None]) -> None:
    """`body(place, lanes)` for vectors, and then parts of them, that cover `count` elements."""
    lanes = e.machine.lanes(e.scalar)
    whole = count // lanes * lanes
    if whole <= 4 * lanes:
        for i in range(0, whole, lanes):
            body(str(i), lanes)
    else:
        e.loop(0, whole, lanes, lambda i, _: body(i, lanes))
    while whole < count:
        part = 1 << ((count - whole).bit_length() - 1)
        body(str(whole), part)
        whole += part


def pad(e: Code, source: str, to: str, w: Window) -> None:
    """Copy planes into the larger ones, whose border keeps what it has."""
    _across(e, to, source, w, inward=True)


def unpad(e: Code, source: str, to: str, w: Window) -> None:
    """Copy from the larger planes what lies in the window; the window must lie inside."""
    _across(e, source, to, w, inward=False)


def _across(e: Code, large: str, small: str, w: Window, *, inward: bool) -> None:
    y, x, rows, wide = w.seen
    (h, width), (high, pitch) = w.size, w.inside
    if rows <= 0 or wide <= 0:
        return

    def plane(c: str, _: list[str]) -> None:
        inner = e.at(small, e.add(e.mul(c, h * width), y * width + x))
        outer = e.at(large, e.add(e.mul(c, high * pitch), (w.top + y) * pitch + w.left + x))

        def row(i: str, _: list[str]) -> None:
            ends = [e.at(inner, e.mul(i, width)), e.at(outer, e.mul(i, pitch))]
            source, to = ends if inward else ends[::-1]
            copy(e, source, to, wide)

        if wide == width == pitch:
            copy(e, *((inner, outer) if inward else (outer, inner)), rows * wide)
        else:
            e.loop(0, rows, 1, row)

    e.loop(0, w.channels, 1, plane)


def columns(e: Code, planes: str, to: str, conv: Convolution, pitch: int) -> None:
    """The patches of padded planes as a matrix (depth, positions of the result), in rows of length
    `pitch`. One element after the planes may be read.
    """
    high, wide = conv.out
    width, (sh, sw) = conv.padded[1], conv.stride
    # With stride 2 every other lane of vectors of twice the length.
    most = min(e.machine.lanes(e.scalar), 1 << (max(wide, 1).bit_length() - 1))
    lanes = most if sw == 2 else 1

    def tap(line: str, planes_at: str) -> None:
        def row(y: str, _: list[str]) -> None:
            source = e.at(planes_at, e.mul(y, sh * width))
            target = e.at(line, e.mul(y, wide))
            if sw == 1:
                copy(e, source, target, wide)
                return

            def some(q: str, _: list[str]) -> None:
                x = e.least(q, wide - lanes)
                value = e.load(
                    e.at(source, e.mul(x, sw)), vector(e.scalar, 2 * lanes - (lanes == 1))
                )
                if lanes > 1:
                    order = range(0, 2 * lanes, 2)
                    value = e.shuffle(vector(e.scalar, 2 * lanes), value, "poison", order)
                e.store(value, e.at(target, x), vector(e.scalar, lanes))

            e.loop(0, wide, lanes, some)

        e.loop(0, high, 1, row)

    _taps(e, planes, to, conv, pitch, tap)


def from_columns(e: Code, source: str, planes: str, conv: Convolution, pitch: int) -> None:
    """Add the rows of a matrix (depth, positions) to the patches of padded planes."""
    high, wide = conv.out
    width, (sh, sw) = conv.padded[1], conv.stride
    lanes = e.machine.lanes(e.scalar)

    def tap(line: str, planes_at: str) -> None:
        def row(y: str, _: list[str]) -> None:
            target = e.at(planes_at, e.mul(y, sh * width))
            values = e.at(line, e.mul(y, wide))

            def some(x: str, n: int) -> None:
                kind, to = vector(e.scalar, n), e.at(target, e.mul(x, sw))
                value = e.load(e.at(values, x), kind)
                e.store(e.op("fadd", kind, e.load(to, kind), value), to, kind)

            whole = wide // lanes * lanes if sw == 1 else 0
            e.loop(0, whole, lanes, lambda x, _: some(x, lanes))
            e.loop(whole, wide, 1, lambda x, _: some(x, 1))

        e.loop(0, high, 1, row)

    _taps(e, planes, source, conv, pitch, tap)


def _taps(
    e: Code,
    planes: str,
    matrix: str,
    conv: Convolution,
    pitch: int,
    body: Callable[[str, str], None],
) -> None:
    """`body(row of the matrix, first element of the plane that it meets)` for each of them."""
    (kh, kw), (dh, dw), (high, wide) = conv.kernel, conv.dilation, conv.padded

    def channel(c: str, _: list[str]) -> None:
        def down(y: str, _: list[str]) -> None:
            def across(x: str, _: list[str]) -> None:
                k = e.add(e.mul(e.add(e.mul(c, kh), y), kw), x)
                place = e.add(e.mul(y, dh * wide), e.mul(x, dw))
                corner = e.at(planes, e.add(e.mul(c, high * wide), place))
                body(e.at(matrix, e.mul(k, pitch)), corner)

            e.loop(0, kw, 1, across)

        e.loop(0, kh, 1, down)

    e.loop(0, conv.inputs // conv.groups, 1, channel)
