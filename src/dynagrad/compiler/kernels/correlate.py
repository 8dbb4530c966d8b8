"""Sums of products over windows of planes, with all taps at fixed distances: the inner loops of
convolutions. Imports ir.

A tile is a few channels of the result times a few vectors of positions, counted through the rows of
the result without a gap. A vector that runs over the end of a row is put together from two loads,
as the planes are wider than the result; so no lane is wasted, and stores are whole.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..codegen.emit import literal
from .ir import Code, vector
from .machine import Machine

__all__ = ["Correlation", "Tile", "correlate", "load_window", "slack", "tile_for"]


First = Callable[[str], str]
Finish = Callable[[str, str, str, str], str]
#: Products that are summed one after the other.
_LONG = 512


class Correlation(NamedTuple):
    """result[o, y, x] = first[o] + sum over c, i, j of
    weights[o * w_out + c * w_in + i * w_row + j * w_column]
    * planes[c, y + i * row_step, x + j * column_step].

    planes: channels x (pitch x rows), `plane` elements apart; result: outputs x (high, wide), rows
    of `result_plane` elements.
    """

    scalar: str
    channels: int
    outputs: int
    plane: int
    pitch: int
    out: tuple[int, int]
    kernel: tuple[int, int]
    steps: tuple[int, int]
    weights: tuple[int, int, int, int]
    result_plane: int

    @property
    def positions(self) -> int:
        """Elements of a plane of the result."""
        return self.out[0] * self.out[1]


class Tile(NamedTuple):
    """rows x vectors of `lanes` in registers; whether vectors may run over the end of a row."""

    lanes: int
    rows: int
    vectors: int
    crosses: bool


def slack(c: Correlation, machine: Machine) -> int:
    """Elements after the planes that may be read, though they do not count."""
    return machine.lanes(c.scalar) + c.pitch - c.out[1]


def lanes_for(c: Correlation, machine: Machine) -> int:
    """The most lanes so that a vector of positions meets two rows at most; half as many, where that
    costs nothing else, if less is then computed twice or put together.
    """
    lanes = min(machine.lanes(c.scalar), 1 << (c.positions.bit_length() - 1))
    while lanes > c.out[1] + 1 and c.pitch != c.out[1]:
        lanes //= 2
    choices = (
        (lanes, lanes // 2) if machine.halves and lanes == machine.lanes(c.scalar) else (lanes,)
    )

    def work(n: int) -> float:
        return n * -(-c.positions // n) * (1.12 if crossing(c, n) else 1.0)

    return min(choices, key=work)


def crossing(c: Correlation, lanes: int) -> bool:
    """Whether vectors run over the ends of rows, where planes do not go on as the result does."""
    return lanes > 1 and c.pitch != c.out[1] and (c.out[1] % lanes != 0)


def tile_for(c: Correlation, machine: Machine) -> Tile:
    """The tile that takes least time for all channels and positions."""
    lanes = lanes_for(c, machine)
    crosses = crossing(c, lanes)
    wide = -(-c.positions // lanes)
    spare = 2 if machine.vector < 64 else 1
    best, found = float("inf"), (1, 1)
    # Where a vector takes two loads, the second one of a tap is the first one of another, and LLVM
    # keeps it: with many vectors registers run out.
    for vectors in range(1, min(wide, 4 if crosses else 8) + 1):
        for rows in range(1, min(c.outputs, 16) + 1):
            held = vectors * (2 if crosses and not machine.masks else 1)
            if rows * vectors + held + spare > machine.registers:
                break
            work = max(rows * vectors, vectors * (1.5 + crosses) + rows / 2, 8)
            work += 0.1 * (rows + vectors * (1 + 2 * crosses))
            time = work * -(-c.outputs // rows) * -(-wide // vectors)
            if time < best * 0.999:
                best, found = time, (rows, vectors)
    return Tile(lanes, *found, crosses)


def load_window(e: Code, corner: str, kind: str, mask: str, gap: int) -> str:
    """A vector of positions: lanes of a second load, `gap` elements on, follow the end of a row.

    mask: which lanes come first, as integers below zero; empty if all do.
    """
    value = e.load(corner, kind)
    if not mask:
        return value
    lanes = kind[1:].split()[0]
    wide = f"<{lanes} x i32>"
    here = mask if e.machine.masks and e.machine.vector == 64 else ""
    here = here or e.compare("slt", wide, mask, "zeroinitializer")
    return e.select(here, kind, value, e.load(e.at(corner, gap), kind))


def row_mask(e: Code, left: str, lanes: int) -> str:
    """Lanes below `left`, as `load_window` wants them."""
    wide = f"<{lanes} x i32>"
    numbers = f"<{', '.join(f'i32 {i}' for i in range(lanes))}>"
    count = e.splat(e.convert("trunc", left, "i64", "i32"), wide)
    mask = e.compare("slt", wide, numbers, count)
    if e.machine.masks and e.machine.vector == 64:
        return mask
    return e.convert("sext", mask, f"<{lanes} x i1>", wide)


def correlate(
    e: Code,
    c: Correlation,
    planes: str,
    weights: str,
    result: str,
    first: First | None = None,
    finish: Finish | None = None,
) -> None:
    """All channels and positions. `first(o)` is the scalar that sums of channel o begin with;
    `finish(value, o, position, type)` what becomes of them.
    """
    tile = tile_for(c, e.machine)
    count = -(-c.positions // tile.lanes)

    def across(t: str, _: list[str]) -> None:
        # The last tile is moved back until it is whole: what it shares with the one before is
        # computed twice.
        q = e.least(e.mul(t, tile.vectors), count - tile.vectors)
        places = []
        for v in range(tile.vectors):
            p = e.least(e.mul(e.add(q, v), tile.lanes), c.positions - tile.lanes)
            y, x = e.divide(p, c.out[1])
            mask = row_mask(e, e.sub(c.out[1], x), tile.lanes) if tile.crosses else ""
            corner = e.at(planes, e.add(e.mul(y, c.pitch), x))
            places.append((p, e.opaque(corner), mask))

        def down(u: str, _: list[str]) -> None:
            o = e.least(e.mul(u, tile.rows), c.outputs - tile.rows)
            _one_tile(e, c, tile, (weights, result), places, o, (first, finish))

        e.loop(0, -(-c.outputs // tile.rows), 1, down)

    e.loop(0, -(-count // tile.vectors), 1, across)


def _one_tile(
    e: Code,
    c: Correlation,
    tile: Tile,
    ends: tuple[str, str],
    places: list[tuple[str, str, str]],
    o: str,
    hooks: tuple[First | None, Finish | None],
) -> None:
    """Channels of the result from o on, at places: (position, window, lanes that come first)."""
    kind = vector(c.scalar, tile.lanes)
    w_out, w_in, w_row, w_column = c.weights
    first, finish = hooks
    at_o = e.opaque(e.at(ends[0], e.mul(o, w_out)))
    sums: list[str] = []
    for r in range(tile.rows):
        start = e.splat(first(e.add(o, r)), kind) if first else literal(kind, 0.0)
        sums += [start] * tile.vectors
    gap = c.pitch - c.out[1]

    def channel(i: str, sums: list[str]) -> list[str]:
        w, shift = e.opaque(e.at(at_o, e.mul(i, w_in))), e.mul(i, c.plane)
        here = [e.opaque(e.at(place, shift)) for _, place, _ in places]

        def line(k: str, sums: list[str]) -> list[str]:
            w_line, on = e.at(w, e.mul(k, w_row)), e.mul(k, c.steps[0] * c.pitch)
            corners = [e.at(place, on) for place in here]

            def tap(j: str, sums: list[str]) -> list[str]:
                w_tap, shift = e.at(w_line, e.mul(j, w_column)), e.mul(j, c.steps[1])
                values = [
                    load_window(e, e.at(x, shift), kind, mask, gap)
                    for x, (_, _, mask) in zip(corners, places, strict=True)
                ]
                after = []
                for r in range(tile.rows):
                    left = e.splat(e.load(e.at(w_tap, r * w_out)), kind)
                    for v, value in enumerate(values):
                        after.append(e.multiply_add(kind, left, value, sums[r * tile.vectors + v]))
                return after

            for j in range(c.kernel[1]):
                sums = tap(str(j), sums)
            return sums

        return e.loop(0, c.kernel[0], 1, line, [(kind, x) for x in sums])

    sums = _blocked(e, c, kind, channel, sums)
    to = e.at(ends[1], e.mul(o, c.result_plane))
    for r in range(tile.rows):
        for v, (p, _, _) in enumerate(places):
            value = sums[r * tile.vectors + v]
            if finish:
                value = finish(value, e.add(o, r), p, kind)
            e.store(value, e.at(e.at(to, r * c.result_plane), p), kind)


def _blocked(
    e: Code,
    c: Correlation,
    kind: str,
    channel: Callable[[str, list[str]], list[str]],
    sums: list[str],
) -> list[str]:
    """The sums over channels; long ones by blocks, so that rounding errors do not add up."""
    taps = c.kernel[0] * c.kernel[1]
    if c.channels * taps <= 2 * _LONG:
        return e.loop(0, c.channels, 1, channel, [(kind, x) for x in sums])
    block = max(1, _LONG // taps)
    zeros = [(kind, literal(kind, 0.0))] * len(sums)

    def some(i: str, sums: list[str]) -> list[str]:
        stop = e.least(e.add(i, block), c.channels)
        more = e.loop(i, stop, 1, channel, zeros)
        return [e.op("fadd", kind, x, y) for x, y in zip(sums, more, strict=True)]

    return e.loop(0, c.channels, block, some, [(kind, x) for x in sums])
