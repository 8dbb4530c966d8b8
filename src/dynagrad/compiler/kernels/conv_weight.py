"""Gradients of a convolution's weights and bias. Imports conv, correlate, pack, planes.

With many input channels their values at one position form a vector, for which images are turned
round in scratch memory; tiles of gradients are summed over positions. With few channels vectors run
along positions, and their lanes are added at the end. Sums go through a few hundred positions at a
time, and are then added to the rest.
"""

from collections.abc import Callable

from ..codegen.emit import literal
from .blocks import Matrix
from .conv import is_direct
from .correlate import Correlation, crossing, lanes_for, load_window, row_mask, slack
from .ir import Code, Plan, Room, vector
from .machine import Machine
from .pack import pack_columns
from .planes import Convolution, Window, columns, pad, zero

__all__ = ["grad_weight"]

#: Positions that sums run through before they are added to the rest.
_LONG = 512


def grad_weight(name: str, conv: Convolution, machine: Machine, *, bias: bool = False) -> Plan:
    """`void @name(ptr %g, ptr %x, ptr %dw, [ptr %db], ptr %scratch, i64 %begin, i64 %end)`: the
    gradients of conv2d's weights and bias from that of its result. A unit is some of the output
    channels.
    """
    inputs = conv.inputs // conv.groups
    width = _channel_lanes(inputs, machine.lanes(conv.scalar))
    kind = _Channels if width else _Positions
    work = kind(conv, machine, width)
    return work.plan(name, bias)


def _channel_lanes(inputs: int, lanes: int) -> int:
    """Lanes of vectors of channels; 0 where too many would be empty."""
    for n in (lanes, lanes // 2):
        if n >= 2 and 10 * inputs >= 7 * n * -(-inputs // n):
            return n
    return 0


class _Gradient:
    """What both schemes share: groups, blocks of images, units of output channels."""

    rows: int
    chunk: int

    def __init__(self, conv: Convolution, machine: Machine) -> None:
        self.conv, self.e = conv, Code(machine, conv.scalar)
        self.room = Room(self.e)
        self.inputs, self.outputs = conv.inputs // conv.groups, conv.outputs // conv.groups
        self.positions = conv.out[0] * conv.out[1]
        self.taps = conv.kernel[0] * conv.kernel[1]

    def plan(self, name: str, bias: bool) -> Plan:
        """The whole kernel."""
        e, conv = self.e, self.conv
        tiles = -(-self.outputs // self.rows)

        def group(g: str, _: list[str]) -> None:
            first = e.mul(g, tiles)
            low = e.most(e.sub("%begin", first), 0)
            high = e.least(e.sub("%end", first), tiles)
            e.when(e.test("slt", low, high), lambda: self.group(g, low, high, bias))

        if tiles:
            e.loop(0, conv.groups, 1, group)
        pointers = ["%g", "%x", "%dw", *["%db"] * bias]
        return self.room.plan(name, pointers, conv.groups * tiles)

    def group(self, g: str, low: str, high: str, bias: bool) -> None:
        """The tiles low to high of a group."""
        e, conv = self.e, self.conv
        self.start(g, low, high)
        if self.positions and self.inputs:

            def some(n: str, _: list[str]) -> None:
                stop = e.least(e.add(n, self.chunk), conv.images)
                self.images(g, low, high, n, stop)

            e.loop(0, conv.images, self.chunk, some)
        self.end(g, low, high)
        if bias:

            def tile(u: str, rows: int) -> None:
                self.bias(g, e.mul(u, self.rows), rows)

            e.parts(low, high, self.outputs, self.rows, tile)

    def start(self, g: str, low: str, high: str) -> None:
        """Before the first image."""

    def end(self, g: str, low: str, high: str) -> None:
        """After the last image."""

    def images(self, g: str, low: str, high: str, n: str, stop: str) -> None:
        """Add what the images n to stop contribute."""
        raise NotImplementedError

    def channels(self, low: str, high: str, body: Callable[[str], None]) -> None:
        """`body(channel of the group)` for the channels of these tiles."""
        e = self.e
        stop = e.least(e.mul(high, self.rows), self.outputs)
        e.loop(e.mul(low, self.rows), stop, 1, lambda o, _: body(o))

    def result(self, g: str, o: str) -> str:
        """Where the gradients of the weights of a channel of a group begin."""
        e = self.e
        return e.at("%dw", e.mul(e.add(e.mul(g, self.outputs), o), self.conv.depth))

    def gradient(self, n: str, g: str, o: str) -> str:
        """Where the result's gradient begins for a channel of an image."""
        e, conv = self.e, self.conv
        channel = e.add(e.add(e.mul(n, conv.outputs), e.mul(g, self.outputs)), o)
        return e.at("%g", e.mul(channel, self.positions))

    def bias(self, g: str, o: str, rows: int) -> None:
        """The sums of the result's gradient."""
        e, conv, positions = self.e, self.conv, self.positions
        lanes = e.machine.lanes(conv.scalar)
        kind, whole = vector(conv.scalar, lanes), positions // lanes * lanes
        zeros = [(kind, literal(kind, 0.0))] * rows

        def image(n: str, sums: list[str]) -> list[str]:
            source = self.gradient(n, g, o)

            def add(p: str, count: int, sums: list[str]) -> list[str]:
                lines = [e.at(e.at(source, r * positions), p) for r in range(rows)]
                values = [e.load_first(x, count, lanes) for x in lines]
                return [e.op("fadd", kind, x, y) for x, y in zip(sums, values, strict=True)]

            found = e.loop(0, whole, lanes, lambda p, sums: add(p, lanes, sums), zeros)
            if whole < positions:
                found = add(str(whole), positions - whole, found)
            return [e.op("fadd", kind, x, y) for x, y in zip(sums, found, strict=True)]

        sums = e.loop(0, conv.images, 1, image, zeros)
        to = e.at("%db", e.add(e.mul(g, self.outputs), o))
        for r, value in enumerate(sums):
            e.store(e.total(kind, value), e.at(to, r))


class _Channels(_Gradient):
    """Vectors of input channels."""

    def __init__(self, conv: Convolution, machine: Machine, lanes: int) -> None:
        super().__init__(conv, machine)
        self.lanes = lanes
        self.count = -(-self.inputs // lanes)
        self.width = self.count * lanes
        self.rows, self.vectors = self._tile(machine)
        high, wide = conv.padded
        self.plane = high * wide * self.width
        self.chunk = max(1, min(conv.images, _LONG // max(1, self.positions)))
        self.turned = self.room.take(self.chunk * self.plane)
        self.sums = self.room.take(self.outputs * self.taps * self.width)

    def _tile(self, machine: Machine) -> tuple[int, int]:
        """Output channels and vectors of input channels in registers."""
        best, found = float("inf"), (1, 1)
        for vectors in range(1, min(self.count, 4) + 1):
            for rows in range(1, min(self.outputs, 16) + 1):
                if rows * vectors + vectors + 2 > machine.registers:
                    break
                work = max(rows * vectors, 8) + 0.15 * (rows + vectors)
                time = work * -(-self.outputs // rows) * -(-self.count // vectors)
                if time < best * 0.999:
                    best, found = time, (rows, vectors)
        return found

    def start(self, g: str, low: str, high: str) -> None:
        e = self.e
        if any(self.conv.padding):
            zero(e, self.turned, self.chunk * self.plane)
        line = self.taps * self.width
        self.channels(low, high, lambda o: zero(e, e.at(self.sums, e.mul(o, line)), line))

    def images(self, g: str, low: str, high: str, n: str, stop: str) -> None:
        e, conv = self.e, self.conv
        e.loop(n, stop, 1, lambda i, _: self._turn(g, i, e.sub(i, n)))
        block = max(1, _LONG // conv.out[1])

        def down(y: str, _: list[str]) -> None:
            until = e.least(e.add(y, block), conv.out[0])

            def tile(u: str, rows: int) -> None:
                def tap(k: str, _: list[str]) -> None:
                    def part(v: str, vectors: int) -> None:
                        shape = rows, vectors
                        places = e.mul(u, self.rows), k, e.mul(v, self.vectors * self.lanes)
                        self._sum(shape, places, (n, stop), (y, until), g)

                    e.parts(
                        "0", str(-(-self.count // self.vectors)), self.count, self.vectors, part
                    )

                e.loop(0, self.taps, 1, tap)

            e.parts(low, high, self.outputs, self.rows, tile)

        e.loop(0, conv.out[0], block, down)

    def _turn(self, g: str, n: str, i: str) -> None:
        """Copy an image with the channels of a position side by side."""
        e, conv = self.e, self.conv
        (h, w), (top, left), wide = conv.size, conv.padding, conv.padded[1]
        image = e.add(e.mul(n, conv.inputs), e.mul(g, self.inputs))
        source = e.at("%x", e.mul(image, h * w))
        corner = e.at(self.turned, e.add(e.mul(i, self.plane), (top * wide + left) * self.width))

        def row(y: str, _: list[str]) -> None:
            line, to = e.at(source, e.mul(y, w)), e.at(corner, e.mul(y, wide * self.width))
            pack_columns(e, line, Matrix(1, h * w), to, self.inputs, self.width, str(w))

        e.loop(0, h, 1, row)

    def _sum(
        self,
        shape: tuple[int, int],
        places: tuple[str, str, str],
        images: tuple[str, str],
        ys: tuple[str, str],
        g: str,
    ) -> None:
        """Add the products over some images and rows to a tile of sums."""
        e, conv = self.e, self.conv
        (rows, vectors), (o, k, column) = shape, places
        kind, wide = vector(conv.scalar, self.lanes), conv.padded[1]
        (sh, sw), (dh, dw) = conv.stride, conv.dilation
        ky, kx = e.divide(k, conv.kernel[1])
        tap = e.add(e.mul(ky, dh * wide), e.mul(kx, dw))
        shift = e.add(e.mul(tap, self.width), column)

        def image(n: str, sums: list[str]) -> list[str]:
            source = self.gradient(n, g, o)
            plane = e.at(self.turned, e.add(e.mul(e.sub(n, images[0]), self.plane), shift))

            def line(y: str, sums: list[str]) -> list[str]:
                lefts = e.opaque(e.at(source, e.mul(y, conv.out[1])))
                rights = e.opaque(e.at(plane, e.mul(y, sh * wide * self.width)))

                def step(x: str, sums: list[str]) -> list[str]:
                    left, right = e.at(lefts, x), e.at(rights, e.mul(x, sw * self.width))
                    xs = [e.load(e.at(right, v * self.lanes), kind) for v in range(vectors)]
                    after = []
                    for r in range(rows):
                        value = e.splat(e.load(e.at(left, r * self.positions)), kind)
                        for v, one in enumerate(xs):
                            after.append(e.multiply_add(kind, value, one, sums[r * vectors + v]))
                    return after

                return e.loop(0, conv.out[1], 1, step, [(kind, x) for x in sums])

            return e.loop(*ys, 1, line, [(kind, x) for x in sums])

        zeros = [(kind, literal(kind, 0.0))] * (rows * vectors)
        sums = e.loop(*images, 1, image, zeros)
        at_o = e.add(e.mul(e.add(e.mul(o, self.taps), k), self.width), column)
        for i, value in enumerate(sums):
            r, v = divmod(i, vectors)
            to = e.at(self.sums, e.add(at_o, r * self.taps * self.width + v * self.lanes))
            e.store(e.op("fadd", kind, e.load(to, kind), value), to, kind)

    def end(self, g: str, low: str, high: str) -> None:
        e, line, layout = self.e, self.taps * self.width, Matrix(1, self.width)

        def one(o: str) -> None:
            source = e.at(self.sums, e.mul(o, line))
            to = self.result(g, o)
            pack_columns(e, source, layout, to, self.taps, self.taps, str(self.inputs))

        self.channels(low, high, one)


class _Positions(_Gradient):
    """Vectors of positions."""

    def __init__(self, conv: Convolution, machine: Machine, _: int) -> None:
        super().__init__(conv, machine)
        high, wide = conv.padded
        self.direct = is_direct(conv, machine) and self.positions > 0
        positions = max(1, self.positions)
        self.pitch = wide if self.direct else positions
        self.out = conv.out if self.direct else (1, positions)
        c = Correlation(
            *(conv.scalar, self.inputs, self.outputs, high * wide, self.pitch, self.out),
            *(conv.kernel, conv.dilation, (0, 0, 0, 0), positions),
        )
        self.lanes = lanes_for(c, machine) if self.direct else machine.lanes(conv.scalar)
        self.crosses = self.direct and crossing(c, self.lanes)
        self.across = conv.kernel[1] if self.direct else min(conv.depth, 4)
        self.rows = self._tile(machine)
        self.image = self.inputs * high * wide
        most = max(1, machine.l2 // 2 // (4 * max(1, self.image if self.direct else conv.depth)))
        self.chunk = max(1, min(conv.images, -(-4 * _LONG // positions), most))
        room = slack(c, machine)
        self.planes = self.room.take((self.chunk if self.direct else 1) * self.image + room)
        self.matrix = self.planes
        if not self.direct:
            self.image = conv.depth * positions
            self.matrix = self.room.take(self.chunk * self.image + room)

    def _tile(self, machine: Machine) -> int:
        """Output channels in registers, each for all taps of a row."""
        best, found = float("inf"), 1
        for rows in range(1, min(self.outputs, 16) + 1):
            if rows * self.across + rows + 2 > machine.registers:
                break
            whole, rest = divmod(self.outputs, rows)
            time = 0.2 * bool(rest)
            for r, many in ((rows, whole), (rest, bool(rest))):
                loads = r + self.across * (1 + self.crosses)
                time += many * (max(r * self.across, loads, 8) + 0.1 * loads + 1)
            if time < best * 0.999:
                best, found = time, rows
        return found

    def start(self, g: str, low: str, high: str) -> None:
        e, depth = self.e, self.conv.depth
        self.channels(low, high, lambda o: zero(e, self.result(g, o), depth))
        if any(self.conv.padding):
            zero(self.e, self.planes, (self.chunk if self.direct else 1) * self._padded())

    def _padded(self) -> int:
        high, wide = self.conv.padded
        return self.inputs * high * wide

    def images(self, g: str, low: str, high: str, n: str, stop: str) -> None:
        e, conv = self.e, self.conv
        window = Window(self.inputs, conv.size, conv.padded, *conv.padding)
        size = conv.size[0] * conv.size[1]

        def prepare(i: str, _: list[str]) -> None:
            image = e.add(e.mul(i, conv.inputs), e.mul(g, self.inputs))
            source, place = e.at("%x", e.mul(image, size)), e.mul(e.sub(i, n), self.image)
            pad(e, source, e.at(self.planes, place) if self.direct else self.planes, window)
            if not self.direct:
                columns(e, self.planes, e.at(self.matrix, place), conv, self.positions)

        e.loop(n, stop, 1, prepare)
        (kh, kw), (dh, dw), (tall, wide) = conv.kernel, conv.dilation, conv.padded

        def tile(u: str, rows: int) -> None:
            o = e.mul(u, self.rows)

            def channel(c: str, _: list[str]) -> None:
                def line(y: str, _: list[str]) -> None:
                    place = e.add(e.mul(c, tall * wide), e.mul(y, dh * wide))
                    k = e.mul(e.add(e.mul(c, kh), y), kw)
                    self._sum((rows, kw), (o, place, k), dw, (n, stop), g)

                e.loop(0, kh, 1, line)

            def some(t: str, across: int) -> None:
                k = e.mul(t, self.across)
                place = o, e.mul(k, self.positions), k
                self._sum((rows, across), place, self.positions, (n, stop), g)

            if self.direct:
                e.loop(0, self.inputs, 1, channel)
            else:
                e.parts("0", str(-(-conv.depth // self.across)), conv.depth, self.across, some)

        e.parts(low, high, self.outputs, self.rows, tile)

    def _sum(
        self,
        shape: tuple[int, int],
        places: tuple[str, str, str],
        gap: int,
        images: tuple[str, str],
        g: str,
    ) -> None:
        """Add the products of a tile of channels and taps, `gap` elements apart, over images."""
        e, conv, lanes, positions = self.e, self.conv, self.lanes, self.positions
        (rows, across), (o, place, k) = shape, places
        kind, whole = vector(conv.scalar, lanes), positions // lanes * lanes
        depth = conv.depth

        def image(n: str, sums: list[str]) -> list[str]:
            source = e.opaque(self.gradient(n, g, o))
            place_in = e.add(e.mul(e.sub(n, images[0]), self.image), place)
            plane = e.opaque(e.at(self.matrix, place_in))

            def step(p: str, count: int, sums: list[str]) -> list[str]:
                y, x = e.divide(p, self.out[1])
                mask = row_mask(e, e.sub(self.out[1], x), lanes) if self.crosses else ""
                corner = e.opaque(e.at(plane, e.add(e.mul(y, self.pitch), x)))
                lines = [e.at(e.at(source, r * positions), p) for r in range(rows)]
                lefts = [e.load_first(line, count, lanes) for line in lines]
                after = list(sums)
                for j in range(across):
                    at_tap, jump = e.at(corner, j * gap), self.pitch - self.out[1]
                    value = load_window(e, at_tap, kind, mask, jump) if lanes > 1 else ""
                    value = value or e.load(at_tap, kind)
                    if count < lanes:
                        # What lies beyond the last position may be no number.
                        order = [i if i < count else lanes for i in range(lanes)]
                        value = e.shuffle(kind, value, "zeroinitializer", order)
                    for r, left in enumerate(lefts):
                        i = r * across + j
                        after[i] = e.multiply_add(kind, left, value, sums[i])
                return after

            loop = [(kind, x) for x in sums]
            sums = e.loop(0, whole, lanes, lambda p, now: step(p, lanes, now), loop)
            if whole < positions:
                sums = step(str(whole), positions - whole, sums)
            return sums

        zeros = [(kind, literal(kind, 0.0))] * (rows * across)
        sums = e.loop(*images, 1, image, zeros)
        to = e.at(self.result(g, o), k)
        for i, value in enumerate(sums):
            r, j = divmod(i, across)
            end = e.at(to, r * depth + j)
            e.store(e.op("fadd", conv.scalar, e.load(end), e.total(kind, value)), end)
