"""Blocks of matrix products: which tile of C lies in registers, what is copied into panels, and
how far sums run before they are written. Imports machine.

The scheme is Goto and van de Geijn's, "Anatomy of high-performance matrix multiplication" (2008):
a panel of B stays in the first cache, a block of A in the second.
"""

import math
from typing import NamedTuple

from .machine import SIZES, Machine

__all__ = ["Blocks", "Matrix", "Product", "blocks_for"]


#: bytes of a page
_PAGE = 4096


class Matrix(NamedTuple):
    """Where an element lies: strides in elements, of a row, of a column, and of each dimension of
    the batch (none means that all share the matrix). A stride may be 0.
    """

    row: int
    column: int
    batch: tuple[int, ...] = ()

    @property
    def transposed(self) -> "Matrix":
        """The same memory, read the other way."""
        return Matrix(self.column, self.row, self.batch)


class Product(NamedTuple):
    """C[m, n] (+)= A[m, k] B[k, n], for each index of a batch."""

    scalar: str
    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    c: Matrix
    batch: tuple[int, ...] = ()
    accumulate: bool = False


class Blocks(NamedTuple):
    """rows x vectors of `lanes` elements of C in registers; sums over `depth` at a time, for `high`
    tiles of rows one after the other; which operands are copied into panels; what a unit of a range
    is: "batch", "rows" or "columns". With `dots` vectors run along k: rows x vectors elements of C.
    """

    lanes: int
    rows: int
    vectors: int
    depth: int
    high: int
    pack_a: bool
    pack_b: bool
    axis: str
    dots: bool = False


def blocks_for(p: Product, machine: Machine) -> Blocks:
    """The blocks of a product."""
    if _as_dots(p, machine):
        return _dots(p, machine)
    lanes = min(machine.lanes(p.scalar), 1 << max(p.n - 1, 0).bit_length())
    rows, vectors = _tile(p, lanes, machine)
    size = SIZES[p.scalar]
    width = vectors * lanes
    strided = lanes > 1 and p.b.column != 1
    # Rows of B a page apart fall on the same few lines of the first cache, and of odd rows vectors
    # lie across lines.
    apart = p.b.row * size
    spread = p.m >= 32 and p.k * apart > machine.l1 and (apart >= _PAGE or apart % 64 > 0)
    step = max(p.a.row, p.a.column) * size
    far = p.n >= 8 * width and p.m * p.k * size > machine.l2 // 2
    pack_a = rows > 1 and p.n >= 4 * width and (far or step >= _PAGE) and p.k > 16
    # A panel of B may be twice the first cache, as it is read in order; rows of A share it.
    most = min(2 * machine.l1 // (size * width), machine.l1 // 4 // (size * rows))
    count = max(1, -(-p.k // max(64, most)))
    depth = -(-p.k // (8 * count)) * 8 if count > 1 else max(p.k, 1)
    tiles, panels = -(-p.m // rows), -(-p.n // width)
    high = max(1, machine.l2 // 2 // (depth * rows * size)) if pack_a else tiles
    flat = panels >= tiles or ((strided or spread) and panels > 7)
    axis = _axis(p, "columns" if flat else "rows")
    return Blocks(lanes, rows, vectors, depth, high, pack_a, strided or spread, axis)


def _axis(p: Product, within: str) -> str:
    """What a unit is: a product of the batch if there are enough, or each is small."""
    total = math.prod(p.batch)
    small = p.m * p.n * p.k < 1 << 21
    return "batch" if total > 3 or (total > 1 and small) else within


def _as_dots(p: Product, machine: Machine) -> bool:
    """Whether C is so thin that vectors had better run along k, where they can.

    Estimates of cycles: by rows, all multiplications; by dots, multiplications with more loads, and
    the sum of the lanes of each element. Either way B may have to be copied.
    """
    full = machine.lanes(p.scalar)
    if p.a.column != 1 or p.k < full or not p.m * p.n:
        return False
    turning = (1.5 if p.n < full else 0.5) * p.n * p.k
    rows = max(p.m, 2) * p.k * -(-p.n // full) + (turning if p.n > 1 and p.b.column != 1 else 0)
    dots = p.m * p.n * (1.4 * p.k / full + 8) + (turning if p.b.row != 1 else 0)
    return dots < rows


def _dots(p: Product, machine: Machine) -> Blocks:
    """rows x vectors elements whose products are summed side by side."""
    best, found = float("inf"), (1, 1)
    for columns in range(1, min(p.n, 8) + 1):
        for rows in range(1, min(p.m, 8) + 1):
            if rows * columns + columns + 2 > machine.registers:
                break
            work = max(rows * columns, 8, rows + columns) + 0.2 * (rows + columns)
            time = work * -(-p.m // rows) * -(-p.n // columns)
            time += 0.05 * ((p.m % rows > 0) + (p.n % columns > 0)) * time
            if time < best:
                best, found = time, (rows, columns)
    tiles, panels = -(-p.m // found[0]), -(-p.n // found[1])
    axis = _axis(p, "columns" if panels >= tiles else "rows")
    return Blocks(1, *found, p.k, tiles, False, p.b.row != 1, axis, True)


def _tile(p: Product, lanes: int, machine: Machine) -> tuple[int, int]:
    """Rows and vectors of the tile: the least time for the whole of C.

    In a step over k a tile takes a multiplication for each of its registers, a load for each vector
    of B and a broadcast for each row of A; and no fewer multiplications than are in flight.
    """
    spare = 2 if machine.vector == 16 and machine.registers == 16 else 1
    in_flight = 6 if machine.vector == 64 else 8
    wide = max(1, -(-p.n // lanes))
    best, found = float("inf"), (1, 1)
    for vectors in range(1, min(wide, 8 if p.m < 3 else 4) + 1):
        for rows in range(1, min(max(p.m, 1), 16) + 1):
            if rows * vectors + vectors + spare > machine.registers:
                break
            # A part of another size is one more piece of code.
            time = 4.0 * (bool(p.m % rows) + bool(wide % vectors))
            for r, many in ((rows, p.m // rows), (p.m % rows, 1)):
                for v, often in ((vectors, wide // vectors), (wide % vectors, 1)):
                    work = max(r * v, v + r / 2, in_flight) + 0.15 * (r + v) + 0.3
                    time += many * often * work if r and v else 0
            if time < best * 0.999:
                best, found = time, (rows, vectors)
    return found
