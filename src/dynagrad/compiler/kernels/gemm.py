"""Matrix products: C = A B for matrices of known sizes and strides, one or a batch of them, with
what follows done as results leave registers. Imports blocks, ir, pack.

A tile of C is summed in registers: a step over k loads a few vectors of a row of B and multiplies
them by as many elements of a column of A, each broadcast. Operands that do not lie well for that
are copied into panels in scratch memory. Sums over k are cut into blocks that are added in C.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

from ..codegen.emit import literal
from .blocks import Blocks, Matrix, Product, blocks_for
from .ir import Code, Plan, vector
from .machine import SIZES, Machine
from .pack import pack_columns, pack_rows
from .region import Region, region

__all__ = ["Epilogue", "Matrix", "Product", "choose", "gemm"]

#: Vectors that are added one after the other, before their sum is added to the rest.
_LONG = 512

#: Multiplications of a product that is large.
_LARGE = 1 << 17

#: (emitter, value, row, column, type) -> value: what becomes of elements (row, column ...) of C.
#: The type is a vector of any number of lanes, or a scalar; rows count on through the batch.
#: It is applied once to each element, when its sum is complete.
Epilogue = Callable[[Code, str, str, str, str], str]


def gemm(
    name: str,
    product: Product,
    machine: Machine,
    *,
    epilogue: Epilogue | None = None,
    operands: Sequence[str] = (),
    blocks: Blocks | None = None,
) -> Plan:
    """`void @name(ptr %a, ptr %b, ptr %c, ptr operands..., ptr %scratch, i64 %begin, i64 %end)`.

    C's columns must be contiguous (stride 1, or n <= 1), and C overlaps nothing else. `epilogue` is
    emitted once for each vector of a tile; it may read `operands`, further pointers by name.
    """
    if product.m and product.n > 1 and product.c.column != 1:
        raise ValueError(f"gemm: columns of C must be contiguous, not {product.c.column} apart")
    turned = epilogue is None and product.n == 1 and _turned(product)
    if turned:
        product = turned
    blocks = blocks or blocks_for(product, machine)
    kind = _Dots if blocks.dots else _Nest
    work = kind(Code(machine, product.scalar), product, blocks, epilogue)
    return work.plan(name, operands, "bac" if turned else "abc")


def _turned(p: Product) -> Product | None:
    """A column of results as a row of them, where that lets vectors run along it."""
    if p.a.row != 1 or p.a.column == 1 or p.c.row != 1:
        return None
    a, b, c = p.b.transposed, p.a.transposed, p.c.transposed
    return p._replace(m=p.n, n=p.m, a=a, b=b, c=c)


def choose(p: Product, machine: Machine) -> str:
    """ "own" where this kernel is expected to be as fast as BLAS, else "blas".

    With vectors of 32 bytes and more it was, for sizes from 1 to 4096, within the spread of
    measurements or ahead. With shorter ones it is for small products, where a call of BLAS costs
    more than it gains: BLAS looks for the CPU's instructions when it runs, this kernel was told
    that there are none.
    """
    return "blas" if machine.vector < 32 and p.m * p.n * p.k > _LARGE else "own"


class _Nest:
    """The loops of one product."""

    def __init__(self, e: Code, p: Product, blocks: Blocks, epilogue: Epilogue | None) -> None:
        self.e, self.p, self.blocks, self.epilogue = e, p, blocks, epilogue
        self.a_scratch = self.b_scratch = ""
        self.count = math.prod(p.batch)
        #: what to ask for meanwhile, and the number of the tile among those of its panel
        self.regions: list[Region] = []
        self.tile = "0"
        #: elements that are likely to be in the second cache
        self.near = e.machine.l2 // 4 // SIZES[p.scalar]

    def plan(self, name: str, operands: Sequence[str], order: str) -> Plan:
        """The whole function."""
        e, p, cut = self.e, self.p, self.blocks
        width = cut.vectors * cut.lanes
        self.tiles, self.panels = -(-p.m // cut.rows), -(-p.n // width)
        size, bytes_ = SIZES[p.scalar], 0
        if cut.pack_a:
            self.a_scratch = "%scratch"
            bytes_ = -(-min(cut.high, self.tiles) * cut.rows * cut.depth * size // 64) * 64
        if cut.pack_b:
            self.b_scratch = e.at("%scratch", bytes_ // size) if bytes_ else "%scratch"
            bytes_ += (p.n if cut.dots else width) * cut.depth * size
        self.is_one_panel = self.panels == 1 and cut.depth >= p.k and cut.high >= self.tiles
        units = {"batch": self.count, "rows": self.tiles, "columns": self.panels}[cut.axis]
        if min(p.m, p.n, self.count) == 0:
            units = 0
        else:
            first, last = ("%begin", "%end") if cut.axis == "batch" else (0, self.count)
            e.loop(first, last, 1, self._matrix)
        pointers = [f"ptr noalias %{x}" for x in order] + [f"ptr %{x}" for x in operands]
        tail = ["ptr noalias %scratch", "i64 %begin", "i64 %end"]
        return Plan(name, e.function(name, [*pointers, *tail]), e.declared, bytes_, units)

    def _matrix(self, u: str, _: list[str]) -> None:
        """One product of the batch."""
        e, p = self.e, self.p
        if self.is_one_panel and self.count * (p.m + p.n) * p.k > self.near:
            a, b, _c = self._places(e.add(u, 1))
            self.regions = region(a, p.a, p.m, p.k) + region(b, p.b, p.k, p.n)
        self._product(self._places(u), e.mul(u, p.m))

    def _places(self, u: str) -> tuple[str, str, str]:
        """Where the matrices of a product of the batch begin."""
        e, p = self.e, self.p
        places, index = {x: "0" for x in "abc"}, u
        for d in reversed(range(len(p.batch))):
            index, i = e.divide(index, p.batch[d]) if d else ("0", index)
            for x, m in zip("abc", (p.a, p.b, p.c), strict=True):
                if m.batch:
                    places[x] = e.add(places[x], e.mul(i, m.batch[d]))
        a, b, c = (e.at(f"%{x}", places[x]) for x in "abc")
        return a, b, c

    def _product(self, abc: tuple[str, str, str], top: str) -> None:
        """One product, whose first row is number `top` of all."""
        e, p, cut = self.e, self.p, self.blocks
        start, stop = ("%begin", "%end") if cut.axis == "rows" else ("0", str(self.tiles))

        def high(t: str, _: list[str]) -> None:
            until = e.least(e.add(t, cut.high), stop) if cut.high < self.tiles else stop
            e.loop(0, max(p.k, 1), cut.depth, lambda k, _: self._depth(k, t, until, abc, top))

        e.loop(start, stop, max(1, min(cut.high, self.tiles)), high)

    def _depth(self, k: str, t: str, until: str, abc: tuple[str, str, str], top: str) -> None:
        """A block of the sums, for the tiles of rows from t on."""
        e, p, cut = self.e, self.p, self.blocks
        depth = e.least(e.sub(p.k, k), cut.depth)
        a, b = e.at(abc[0], e.mul(k, p.a.column)), e.at(abc[1], e.mul(k, p.b.row))
        if cut.pack_a:
            first = t

            def pack(i: str, rows: int) -> None:
                to = e.at(self.a_scratch, e.mul(e.sub(i, first), cut.rows * cut.depth))
                source = e.at(a, e.mul(i, cut.rows * p.a.row))
                pack_rows(e, source, p.a, to, rows, depth)

            e.parts(t, until, p.m, cut.rows, pack)
        start, stop = ("%begin", "%end") if cut.axis == "columns" else ("0", str(self.panels))
        width = cut.vectors * cut.lanes

        def panel(j: str, columns: int) -> None:
            column = e.mul(j, width)
            source = e.at(b, e.mul(column, p.b.column))
            if cut.pack_b:
                wide = -(-columns // cut.lanes) * cut.lanes
                is_far = p.k * p.n > self.near // 4
                to = self.b_scratch
                pack_columns(e, source, p.b, to, columns, wide, depth, is_far=is_far)

            if not self.is_one_panel and self.near // 4 < p.k * p.n < 16 * self.near:
                last = e.test("eq", e.add(j, 1), stop)
                onward = e.select(last, "i64", e.mul(start, width), e.add(column, width))
                below = e.select(last, "i64", e.add(k, cut.depth), k)
                at = e.add(e.mul(below, p.b.row), e.mul(onward, p.b.column))
                self.regions = region(e.at(abc[1], at), p.b, cut.depth, width)

            def tile(i: str, rows: int) -> None:
                row = e.mul(i, cut.rows)
                self.tile = e.sub(i, t)
                if cut.pack_a:
                    left = e.at(self.a_scratch, e.mul(e.sub(i, t), cut.rows * cut.depth))
                else:
                    left = e.at(a, e.mul(row, p.a.row))
                shape = rows, columns
                self._tile(shape, left, source, abc[2], (k, depth), (row, column, top))

            e.parts(t, until, p.m, cut.rows, tile)

        e.parts(start, stop, p.n, width, panel)

    def _tile(
        self,
        shape: tuple[int, int],
        a: str,
        b: str,
        c: str,
        ks: tuple[str, str],
        place: tuple[str, str, str],
    ) -> None:
        """A tile of C: its sums over a block, added or stored."""
        e, p, cut = self.e, self.p, self.blocks
        (rows, columns), (k, depth), (row, column, top) = shape, ks, place
        counts = [min(cut.lanes, columns - j) for j in range(0, columns, cut.lanes)]
        corner = e.opaque(e.at(c, e.add(e.mul(row, p.c.row), column)))

        sums = self._sums(rows, counts, a, b, depth, self._errand(corner, rows, columns))
        parts: list[tuple[str, str, str, str, str]] = []
        for i in range(rows):
            for j, count in enumerate(counts):
                value, kind = e.first(sums[i * len(counts) + j], vector(p.scalar, cut.lanes), count)
                to = e.at(corner, i * p.c.row + j * cut.lanes)
                parts.append((value, kind, to, e.add(row, i), e.add(column, j * cut.lanes)))
        kinds = [part[1] for part in parts]

        def added() -> list[str]:
            return [e.op("fadd", kind, e.load(to, kind), v) for v, kind, to, *_ in parts]

        def finished() -> list[str]:
            assert self.epilogue is not None
            ends = zip(values, parts, strict=True)
            return [
                self.epilogue(e, value, e.add(top, i), j, kind)
                for value, (_, kind, _, i, j) in ends
            ]

        again = "true" if p.accumulate else e.test("sgt", k, 0)
        values = e.when(again, added, list(zip(kinds, (x[0] for x in parts), strict=True)))
        if self.epilogue:
            last = e.test("eq", e.add(k, depth), p.k)
            values = e.when(last, finished, list(zip(kinds, values, strict=True)))
        for value, (_, kind, to, *_) in zip(values, parts, strict=True):
            e.store(value, to, kind)

    def _errand(self, corner: str, rows: int, columns: int) -> Callable[[str, int], None] | None:
        """What asks for memory with the first steps of a tile's sums, of which there are as many as
        rows: those of C, and a share of what is wanted after its panel.
        """
        e, p, cut = self.e, self.p, self.blocks
        far = cut.depth >= 64 and p.m * p.n > self.near // 4
        is_whole = rows == cut.rows and columns == cut.vectors * cut.lanes
        if not is_whole or not (far or self.regions):
            return None
        tiles = max(1, min(cut.high, self.tiles))

        def errand(step: str, count: int) -> None:
            for i in [e.add(step, x) for x in range(count)]:
                line = e.at(corner, e.mul(i, p.c.row))
                for j in range(0, columns if far else 0, cut.lanes):
                    e.prefetch(e.at(line, j))
                for part in self.regions:
                    share = -(-part.units(e) // tiles)
                    each = -(-share // rows)
                    first = e.add(e.mul(self.tile, share), e.mul(i, each))
                    for x in range(each):
                        part.ask(e, e.add(first, x))

        return errand

    def _sums(
        self,
        rows: int,
        counts: Sequence[int],
        a: str,
        b: str,
        depth: str,
        errand: Callable[[str, int], None] | None,
    ) -> list[str]:
        """The sums over a block, in registers. The errand is run with each of the first `rows`
        steps, or some of them at a time: asking for much memory at once would hold up the loads of
        the sums.
        """
        e, p, cut = self.e, self.p, self.blocks
        lanes, n = cut.lanes, len(counts)
        kind = vector(p.scalar, lanes)
        a_row, a_step = (1, rows) if cut.pack_a else (p.a.row, p.a.column)
        b_step = n * lanes if cut.pack_b else p.b.row
        a, source = e.opaque(a), e.opaque(self.b_scratch if cut.pack_b else b)
        line = 64 // SIZES[p.scalar]
        # Where columns of A run along memory, the tiles to come want the next line of each.
        sideways = not cut.pack_a and p.a.row == 1 and p.m * p.k > e.machine.l1 // SIZES[p.scalar]

        def step(k: str, sums: list[str]) -> list[str]:
            left, top = e.at(a, e.mul(k, a_step)), e.at(source, e.mul(k, b_step))
            filled = [lanes if cut.pack_b else count for count in counts]
            right = [e.load_first(e.at(top, j * lanes), x, lanes) for j, x in enumerate(filled)]
            if sideways:
                e.prefetch(e.at(left, line))
            found = []
            for i in range(rows):
                x = e.splat(e.load(e.at(left, i * a_row)), kind)
                for j in range(n):
                    found.append(e.multiply_add(kind, x, right[j], sums[i * n + j]))
            return found

        unroll = 1 if rows * n >= 12 else 4 if rows * n < 6 else 2

        def several(k: str, sums: list[str]) -> list[str]:
            if errand:
                # A branch, not a loop of its own: LLVM's time grows with the number of these loops.
                e.when(e.test("slt", k, rows), partial(errand, k, unroll))
            for i in range(unroll):
                sums = step(e.add(k, i), sums)
            return sums

        zero = literal(kind, 0.0)
        sums = [zero] * (rows * n)
        if depth[0] == "%":
            even = e.op("and", "i64", depth, str(-unroll))
        else:
            even = str(int(depth) // unroll * unroll)
        sums = e.loop(0, even, unroll, several, [(kind, x) for x in sums])
        if unroll > 1:
            sums = e.loop(even, depth, 1, step, [(kind, x) for x in sums])
        return sums


class _Dots(_Nest):
    """A thin C: each element is the sum of a vector's lanes."""

    def _product(self, abc: tuple[str, str, str], top: str) -> None:
        e, p, cut = self.e, self.p, self.blocks
        ranges = {"rows": ("0", str(self.tiles)), "columns": ("0", str(self.panels))}
        ranges |= {cut.axis: ("%begin", "%end")} if cut.axis in ranges else {}
        source, apart = abc[1], p.b.column
        if cut.pack_b:
            source, apart = self.b_scratch, p.k
            pack_columns(e, abc[1], p.b.transposed, source, p.k, p.k, str(p.n))

        def panel(j: str, columns: int) -> None:
            column = e.mul(j, cut.vectors)
            right = e.at(source, e.mul(column, apart))

            def tile(i: str, rows: int) -> None:
                row = e.mul(i, cut.rows)
                left = e.at(abc[0], e.mul(row, p.a.row))
                sums = self._lanes(rows, columns, left, (right, apart))
                corner = e.at(abc[2], e.add(e.mul(row, p.c.row), column))
                for n, value in enumerate(sums):
                    x, y = divmod(n, columns)
                    to = e.at(corner, x * p.c.row + y)
                    if p.accumulate:
                        value = e.op("fadd", p.scalar, e.load(to), value)
                    if self.epilogue:
                        at = e.add(top, e.add(row, x)), e.add(column, y)
                        value = self.epilogue(e, value, *at, p.scalar)
                    e.store(value, to)

            e.parts(*ranges["rows"], p.m, cut.rows, tile)

        e.parts(*ranges["columns"], p.n, cut.vectors, panel)

    def _lanes(self, rows: int, columns: int, left: str, right: tuple[str, int]) -> list[str]:
        """The elements of a tile."""
        e, p = self.e, self.p
        lanes = e.machine.lanes(p.scalar)
        kind, whole = vector(p.scalar, lanes), p.k // lanes * lanes

        def step(k: str, count: int, sums: list[str]) -> list[str]:
            a, b = e.at(left, k), e.at(right[0], k)
            ys = [e.load_first(e.at(b, j * right[1]), count, lanes) for j in range(columns)]
            after = []
            for i in range(rows):
                x = e.load_first(e.at(a, i * p.a.row), count, lanes)
                for j, y in enumerate(ys):
                    after.append(e.multiply_add(kind, x, y, sums[i * columns + j]))
            return after

        zeros = [(kind, literal(kind, 0.0))] * (rows * columns)

        def block(k: str, sums: list[str]) -> list[str]:
            stop = e.least(e.add(k, _LONG * lanes), whole)
            more = e.loop(k, stop, lanes, lambda k, sums: step(k, lanes, sums), zeros)
            return [e.op("fadd", kind, x, y) for x, y in zip(sums, more, strict=True)]

        if whole <= 2 * _LONG * lanes:
            sums = e.loop(0, whole, lanes, lambda k, sums: step(k, lanes, sums), zeros)
        else:
            sums = e.loop(0, whole, _LONG * lanes, block, zeros)
        if whole < p.k:
            sums = step(str(whole), p.k - whole, sums)
        return [e.total(kind, value) for value in sums]
