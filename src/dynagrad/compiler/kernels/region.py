"""Parts of matrices that are asked for before they are wanted. Imports blocks, ir, machine."""

from typing import NamedTuple

from .blocks import Matrix
from .ir import Code
from .machine import SIZES

__all__ = ["Region", "region"]

#: Bytes of a line of memory, and lines that are asked for together.
_LINE, _LINES = 64, 4


class Region(NamedTuple):
    """`rows` pieces of `length` elements that run along memory, a number of elements apart."""

    start: str
    rows: int
    apart: int
    length: int

    def units(self, e: Code) -> int:
        """In how many units it is asked for."""
        return self.rows * self._pieces(e)

    def ask(self, e: Code, unit: str) -> None:
        """Ask for a unit: it comes to the second cache, as the first has its work."""
        line = _LINE // SIZES[e.scalar]
        row, piece = e.divide(unit, self._pieces(e))
        at = e.at(self.start, e.add(e.mul(row, self.apart), e.mul(piece, _LINES * line)))
        for j in range(0, min(self.length, _LINES * line), line):
            e.prefetch(e.at(at, j), 2)

    def _pieces(self, e: Code) -> int:
        return -(-self.length * SIZES[e.scalar] // (_LINES * _LINE))


def region(start: str, m: Matrix, rows: int, columns: int) -> list[Region]:
    """A part of a matrix, if one of its dimensions runs along memory."""
    if m.column == 1:
        return [Region(start, rows, m.row, columns)]
    return [Region(start, columns, m.column, rows)] if m.row == 1 else []
