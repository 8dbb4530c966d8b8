"""Copies of matrices into panels, in the order in which products read them. Imports ir."""

from .blocks import Matrix
from .ir import Code, vector
from .machine import SIZES

__all__ = ["pack_columns", "pack_rows"]

#: Bytes of a panel that are written by rows of squares before the next ones.
_AT_A_TIME = 16 << 10
#: Rows, or columns that are turned, that are asked for ahead; bytes of a line of memory.
_AHEAD, _LINE = 16, 64


def pack_rows(e: Code, source: str, m: Matrix, panel: str, rows: int, depth: str) -> None:
    """`rows` rows from `source` on, interleaved: element (i, k) goes to panel[k * rows + i]."""
    if m.row == 1 and rows > 1:

        def whole(k: str, _: list[str]) -> None:
            kind = vector(e.scalar, rows)
            e.store(
                e.load(e.at(source, e.mul(k, m.column)), kind), e.at(panel, e.mul(k, rows)), kind
            )

        e.loop(0, depth, 1, whole)
        return
    _squares(e, source, m.transposed, panel, rows, rows, depth)


def pack_columns(
    e: Code,
    source: str,
    m: Matrix,
    panel: str,
    columns: int,
    width: int,
    depth: str,
    *,
    is_far: bool = False,
) -> None:
    """`columns` columns from `source` on: element (k, j) goes to panel[k * width + j]; the rest of
    the width is zero. What is far, and not in the second cache, is asked for some rows ahead.
    """
    if m.column == 1:
        lanes = min(width, e.machine.lanes(e.scalar))
        kind = vector(e.scalar, lanes)

        def whole(k: str, _: list[str]) -> None:
            line, to = e.at(source, e.mul(k, m.row)), e.at(panel, e.mul(k, width))
            if is_far:
                for j in range(0, columns, _LINE // SIZES[e.scalar]):
                    e.prefetch(e.at(line, _AHEAD * m.row + j))
            for j in range(0, width, lanes):
                count = min(lanes, columns - j)
                value = e.load_first(e.at(line, j), count, lanes) if count > 0 else ""
                e.store(value or "zeroinitializer", e.at(to, j), kind)

        e.loop(0, depth, 1, whole)
        return
    _squares(e, source, m, panel, columns, width, depth, is_far=is_far)


def _squares(
    e: Code,
    source: str,
    m: Matrix,
    panel: str,
    columns: int,
    width: int,
    depth: str,
    *,
    is_far: bool = False,
) -> None:
    """Element (k, j) goes to panel[k * width + j], by squares that are turned in registers where k
    runs along memory, one by one elsewhere.
    """
    side = min(8, e.machine.lanes(e.scalar)) if m.row == 1 else 1
    turned = columns // side * side if side > 1 else 0
    kind = vector(e.scalar, side)
    even = "0"
    if turned:
        constant = depth[0] != "%"
        even = str(int(depth) // side * side) if constant else e.op("and", "i64", depth, str(-side))
        # As many steps at a time as the first cache holds of the panel.
        some = max(1, _AT_A_TIME // (width * SIZES[e.scalar] * side)) * side

        def block(k: str, _: list[str]) -> None:
            stop = e.least(e.add(k, some), even)

            def square(j: str, _: list[str]) -> None:
                line, to = e.at(source, e.mul(j, m.column)), e.at(panel, j)

                def along(k: str, _: list[str]) -> None:
                    corner, onto = e.opaque(e.at(line, k)), e.opaque(e.at(to, e.mul(k, width)))
                    for i in range(_AHEAD, _AHEAD + side) if is_far else ():
                        e.prefetch(e.at(corner, i * m.column))
                    lines = [e.load(e.at(corner, i * m.column), kind) for i in range(side)]
                    for i, value in enumerate(e.transpose(lines, kind)):
                        e.store(value, e.at(onto, i * width), kind)

                e.loop(k, stop, side, along)

            e.loop(0, turned, side, square)

        e.loop(0, even, some, block)

    def single(k: str, first: int) -> None:
        line, to = e.at(source, e.mul(k, m.row)), e.at(panel, e.mul(k, width))

        def one(j: str, _: list[str]) -> None:
            e.store(e.load(e.at(line, e.mul(j, m.column))), e.at(to, j))

        e.loop(first, columns, 1, one)

        def zero(j: str, _: list[str]) -> None:
            e.store("0.0", e.at(to, j))

        e.loop(columns, width, 1, zero)

    # What squares leave: the last columns over the whole depth, the last steps over all columns.
    if turned < width:
        e.loop(0, depth if not turned else even, 1, lambda k, _: single(k, turned))
    if turned:
        e.loop(even, depth, 1, lambda k, _: single(k, 0))
