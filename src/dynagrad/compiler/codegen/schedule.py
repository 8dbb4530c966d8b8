"""Which values share a loop, and which of them are stored.

Each value that is not just another index into one has a home: a group of values that are computed
together. Groups run in order. A loop group goes over the elements of one size; if it holds
reductions, over rows of `inner` elements, each in phases: a reduction over rows ends a phase, so
that its result is known in the next, while the row is still in cache. Reductions over columns, and
over everything, are complete when the group is. Values of at most `SMALL` elements live in
registers, in straight-line blocks between the other groups. Imports graph, layouts.
"""

from collections import Counter
from collections.abc import Container, Iterable
from typing import NamedTuple

from ..ir.graph import ELEMENTWISE, REDUCTIONS, Graph, Value, live
from .layouts import Layout, is_plain, layout

#: elements of a value that is kept in registers
SMALL = 16
#: values of one loop group
MOST = 48
#: arrays that one loop reads or writes at most before further values go elsewhere
STREAMS = 12
#: a value is computed again, where it is needed in several places, up to this cost; one of more
#: than so many bytes up to the other
CHEAP, COSTLY, LARGE = 4, 24, 2 << 20
#: of how many values a value is computed at most before one of them is stored
MANY = 6
#: arrays that are put together one after another; fewer are chosen from, element by element
PARTS = 3
#: a transposed factor of so many products of no more rows is turned once for all of them
OFTEN, THIN = 4, 32
#: how far back to look for a loop of the same size
NEAR = 24
#: bytes of a row, and of all rows, that a loop keeps on the stack from one phase to another
ROW_BYTES, STACK = 1 << 16, 1 << 18
#: what is no value of its own, but elements of others, is stored when it becomes this costly
HEAVY = 24

_COSTS = {
    **dict.fromkeys("div sqrt rsqrt floordiv remainder fmod".split(), 4),
    **dict.fromkeys("exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan".split(), 20),
    **dict.fromkeys("sinh cosh tanh asinh acosh atanh sigmoid erf erfc softplus".split(), 20),
    **dict.fromkeys("pow atan2 hypot".split(), 20),
}
#: operations that are computed wherever they are needed
INLINE = ELEMENTWISE | frozenset(
    "reshape transpose broadcast slice strided pad concatenate write_slice take take_along".split()
)
LEAVES = frozenset("source constant iota".split())
CONVOLUTIONS = frozenset("convolve convolve_back convolve_taps".split())
SCATTERS = frozenset("add_at add_along put_at put_along write_strided".split())
FULL, ROW, ROW_SUM, COLUMN_SUM, TOTAL = "full", "row", "row sum", "column sum", "total"

#: how a value's index follows from that of the one that uses it: the same; the row, a number of
#: elements per row; any other
SAME, OTHER = 0, -1


class Group:
    """Values that are computed together: kind is block, loop, product, turn (one matrix, brought
    into row-major order), scatter or call.
    """

    __slots__ = ("inner", "kind", "size", "streams", "values")

    def __init__(self, kind: str, size: int = 0, inner: int | None = None) -> None:
        self.kind, self.size, self.inner = kind, size, inner
        self.values: list[Value] = []
        self.streams: set[Value] = set()


class Dependency(NamedTuple):
    """A value with a home that another needs, and at which index."""

    value: Value
    relation: int


class Schedule:
    """The groups of a graph.

    `home` is the group of a value, `role` its part in a loop and `phase` when; `stored` are those
    that get memory, `local` those of which a loop keeps a row, `places` the (group, phase) pairs in
    which a value is computed, `last` the last group that reads a value from memory, `checked` the
    last that checks need.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.has_calls = any(v.op == "call" for v in graph.values)
        self.order = live(graph)
        self.groups: list[Group] = [Group("block")]
        self.home: dict[Value, int] = {}
        self.role: dict[Value, str] = {}
        self.phase: dict[Value, int] = {}
        self.stored: set[Value] = set()
        self.local: set[Value] = set()
        self._stack: dict[int, int] = {}
        self.places: dict[Value, set[tuple[int, int]]] = {}
        self.last: dict[Value, int] = {}
        #: matrices that are turned, and where their elements lie before
        self.turned: dict[Value, Layout] = {}
        self._thin = Counter(
            v.inputs[1] for v in self.order if v.op == "matmul" and v.shape[-2] <= THIN
        )
        self._readers: dict[Value, set[int]] = {}
        self._cost: dict[Value, int] = {}
        self._leaves: dict[Value, frozenset[Value]] = {}
        self._work: dict[Value, int] = {}
        written = {base_of(v) for v in graph.writes.values()}
        for v in self.order:
            self._visit(v)
            if v in written and v.op not in LEAVES:
                self._output(v)
        for v in graph.writes.values():
            self._output(v)
        for c in graph.checks:
            self._block_home(c.value)
        #: the number of the last group: checks and writes
        self.end = len(self.groups)
        #: the number of the last group that checks need: what follows may write slots
        self.checked = max([self.home[c.value] for c in graph.checks], default=-1)
        for v in self.order:
            if v.op == "call" and v.data.effects and graph.checks:
                self.checked = max(self.checked, self.home[v])
        self.groups.append(Group("block"))
        self._find_places()

    # --- homes ------------------------------------------------------------------------------------

    def _visit(self, v: Value) -> None:
        self._weigh(v)
        if v.op in LEAVES:
            return
        if v.op == "item":
            self._settle(v, self.home[v.inputs[0]], FULL)
            self.stored.add(v)
        elif v.op in REDUCTIONS:
            self._reduction(v)
        elif v.op in ELEMENTWISE:
            self._elementwise(v)
        elif v.op == "matmul":
            self._product(v)
        elif v.op in CONVOLUTIONS:
            for x in v.inputs:
                self.plain(x)
            self._settle(v, self._append("product"), FULL)
            self.stored.add(v)
        elif v.op == "concatenate" and len(v.inputs) >= PARTS and v.size > SMALL:
            self._leaf(v)
            self._settle(v, self._append("scatter"), FULL)
            self.stored.add(v)
        elif v.op in SCATTERS or v.op == "call":
            if v.op == "call":
                for x in v.inputs:
                    self.array(x)
            self._settle(v, self._append("call" if v.op == "call" else "scatter"), FULL)
            if v.op != "call":
                self.stored.add(v)
        elif self._cost[v] > HEAVY and v.op != "reshape":
            self.memory(v)
            self._leaf(v)

    def _weigh(self, v: Value) -> None:
        """Instructions to compute an element from values that are in memory anyway, and these
        values; of operands that are repeated only the value counts: it is loaded once for many.
        """
        if v.op in LEAVES or v.op not in INLINE:
            self._leaf(v)
            return
        if v.op == "reshape":
            own = 0
        elif v.op in ELEMENTWISE:
            own = _COSTS.get(v.op, 1)
        else:
            own = 1 if len(v.inputs) == 1 else 2 * len(v.inputs)
        leaves: frozenset[Value] = frozenset()
        for x in v.inputs:
            if x.size >= v.size or v.op not in ELEMENTWISE:
                own += self._cost[x]
                leaves |= self._leaves[x]
        self._cost[v], self._leaves[v] = own, leaves if len(leaves) <= MANY else frozenset([v])
        self._work[v] = own

    def _leaf(self, v: Value) -> None:
        """The value will be in memory, or in a register, wherever it is needed."""
        self._cost[v] = 0
        self._work.setdefault(v, 1)
        self._leaves[v] = frozenset() if v.op in ("constant", "iota") else frozenset([v])

    def _is_cheap(self, v: Value) -> bool:
        """Whether to compute a value wherever it is needed: storing and loading one that is larger
        than the caches takes as long as many instructions.
        """
        limit = COSTLY if v.size * v.dtype.itemsize > LARGE else CHEAP
        return v.size > SMALL and self._cost[v] <= limit and len(self._leaves[v]) <= 2

    def own_cost(self, v: Value) -> int:
        """About how many instructions an element takes."""
        return self._work[v]

    def _append(self, kind: str, size: int = 0, inner: int | None = None) -> int:
        """A new group at the end, with a block after it; its number."""
        self.groups += [Group(kind, size, inner), Group("block")]
        return len(self.groups) - 2

    def _settle(self, v: Value, number: int, role: str) -> None:
        self.home[v], self.role[v] = number, role
        self.groups[number].values.append(v)
        self.phase[v] = 0
        group = self.groups[number]
        for d in self.dependencies(v):
            if self.home.get(d.value) == number and d.value is not v:
                step = 1 if self.role[d.value] == ROW_SUM else 0
                self.phase[v] = max(self.phase[v], self.phase[d.value] + step)
            elif group.kind == "loop":
                self._readers.setdefault(d.value, set()).add(number)
                group.streams.add(d.value)

    def _block_home(self, v: Value) -> None:
        """A home in the first block in which everything that a small value needs is known."""
        if v in self.home:
            return
        if v.op in LEAVES:
            number = 0
        else:
            number = self._first_block(v)
        self._settle(v, number, FULL)

    def _first_block(self, v: Value) -> int:
        first = 0
        for d in self.dependencies(v):
            if d.value in self.home:
                h = self.home[d.value]
                first = max(first, h if self.groups[h].kind == "block" else h + 1)
        return first

    def dependencies(self, v: Value) -> list[Dependency]:
        """The values with a home, and the sources, that a value needs."""
        found: list[Dependency] = []
        if v.op in ELEMENTWISE or v.op in REDUCTIONS:
            for x in v.inputs:
                size = x.size if v.op in REDUCTIONS else v.size
                shape = x.shape if v.op in REDUCTIONS else v.shape
                relation = SAME if x.size == size else row_length(x.shape, shape)
                self._walk(x, relation, found)
        elif v.op in ("reshape", "broadcast") and v not in self.home:
            self._walk(v, SAME, found)
        else:
            for x in v.inputs:
                self._walk(x, OTHER, found)
        return found

    def _walk(self, x: Value, relation: int, found: list[Dependency]) -> None:
        if x in self.home or x.op == "source":
            found.append(Dependency(x, relation))
        elif x.op == "reshape":
            self._walk(x.inputs[0], relation, found)
        elif x.op == "broadcast":
            y = x.inputs[0]
            if y.size != x.size:
                relation = row_length(y.shape, x.shape) if relation == SAME else OTHER
            self._walk(y, relation, found)
        elif x.op in ELEMENTWISE and relation != OTHER:
            for y in x.inputs:
                if y.size == x.size:
                    self._walk(y, relation, found)
                else:
                    row = row_length(y.shape, x.shape) if relation == SAME else OTHER
                    self._walk(y, row, found)
        else:
            for y in x.inputs:
                self._walk(y, OTHER, found)

    def _elementwise(self, v: Value) -> None:
        if self._is_cheap(v):
            return
        self._leaf(v)
        needs = self.dependencies(v)
        row = self._row_group(v, needs)
        if row is not None:
            self._settle(v, row, ROW)
        elif v.size <= SMALL:
            self._block_home(v)
        else:
            self._settle(v, self._loop(v.size, None, needs), FULL)

    def _row_group(self, v: Value, needs: list[Dependency]) -> int | None:
        """The loop whose rows a value has one element for."""
        found = None
        for d in needs:
            h = self.home.get(d.value)
            if h is not None and self.role[d.value] in (ROW, ROW_SUM) and d.relation == SAME:
                found = h if found is None else max(found, h)
        if found is None:
            return None
        for d in needs:
            h = self.home.get(d.value, -1)
            fits = self.role.get(d.value) in (ROW, ROW_SUM) and d.relation == SAME
            if h > found or (h == found and not fits):
                return None
        return found

    def _loop(self, size: int, inner: int | None, needs: list[Dependency]) -> int:
        """A loop group that can take a value: one that computes or reads what it needs, else a new
        one.
        """
        first = 0
        candidates: set[int] = set()
        for d in needs:
            h = self.home.get(d.value)
            if d.relation == SAME:
                candidates |= self._readers.get(d.value, set())
            if h is None:
                continue
            group = self.groups[h]
            fits = group.kind == "loop" and group.size == size
            if d.relation == SAME:
                fits = fits and self.role[d.value] == FULL
            else:
                fits = fits and d.relation == group.inner
                fits = fits and self.role[d.value] in (ROW, ROW_SUM)
            if fits:
                candidates.add(h)
                first = max(first, h)
            else:
                first = max(first, h + 1)
        if not any(d.relation == SAME for d in needs):
            # It reads nothing of this size: any loop over as much can do it on the side.
            candidates |= set(range(max(first, len(self.groups) - NEAR), len(self.groups)))
        for h in sorted(candidates, reverse=True):
            if h >= first and self._takes(self.groups[h], size, inner, needs):
                group = self.groups[h]
                group.inner = group.inner or inner
                return h
        return self._append("loop", size, inner)

    def _takes(self, group: Group, size: int, inner: int | None, needs: list[Dependency]) -> bool:
        if group.kind != "loop" or group.size != size or len(group.values) >= MOST:
            return False
        if inner is not None and group.inner not in (None, inner):
            return False
        new = {d.value for d in needs if d.value not in group.values} - group.streams
        return not new or len(group.streams) + len(new) <= STREAMS

    def _reduction(self, v: Value) -> None:
        (x,) = v.inputs
        (axes,) = v.attrs
        if x.size <= SMALL:
            self._block_home(v)
            return
        needs = self.dependencies(v)
        if v.size == 1 and v.op not in ("argmax", "argmin"):
            self._settle(v, self._loop(x.size, None, needs), TOTAL)
        elif max(axes) == x.ndim - 1:
            self._settle(v, self._loop(x.size, x.size // v.size, needs), ROW_SUM)
        else:
            self._settle(v, self._loop(x.size, v.size, needs), COLUMN_SUM)

    def _product(self, v: Value) -> None:
        x, y = v.inputs
        if v.size <= SMALL and v.size * x.shape[-1] <= SMALL * SMALL:
            self._block_home(v)
            return
        for x in v.inputs:
            self.matrix(x)
        if self._thin[y] >= OFTEN:
            self._turn(y)
        self._settle(v, self._append("product"), FULL)
        self.stored.add(v)

    def _turn(self, x: Value) -> None:
        """Bring a transposed matrix into row-major order, rather than parts of it anew for each
        product.
        """
        found = self.matrix_layout(x)
        if x.op != "transpose" or x.ndim != 2 or x in self.home or found is None:
            return
        if found.strides[0] == 1 and x.dtype.char in "fd":
            self.turned[x] = found
            self._settle(x, self._append("turn"), FULL)
            self._leaf(x)
            self.stored.add(x)

    # --- memory -----------------------------------------------------------------------------------

    def memory(self, x: Value) -> Value:
        """Have a value in memory, in row-major order; what lies there."""
        x = base_of(x, self.home)
        if x not in self.home:
            if x.size <= SMALL and x.dtype.kind != "c":
                self._block_home(x)
            else:
                needs = self.dependencies(x)
                self._settle(x, self._loop(x.size, None, needs), FULL)
        if x.op != "call":
            self.stored.add(x)
        return x

    def _output(self, v: Value) -> None:
        v = base_of(v, self.home)
        if v.size > SMALL or v.dtype.kind == "c":
            self.memory(v)
        else:
            self._block_home(v)

    def array(self, x: Value) -> Value:
        """Have a value in memory as it lies there, or in row-major order."""
        x = base_of(x, self.home)
        return x if x.op in ("source", "constant") else self.memory(x)

    def plain(self, x: Value) -> Value:
        """Have a value in memory in row-major order, wherever that is."""
        x = base_of(x, self.home)
        if x.op == "source":
            strides = self.graph.slots[x.attrs[0]].strides
            return x if is_plain(x.shape, strides) else self.memory(x)
        return x if x.op == "constant" and x.size > 1 else self.memory(x)

    def matrix(self, x: Value) -> None:
        """Have a factor of a matrix product in memory, where BLAS can read it."""
        found = self.matrix_layout(x)
        if found is None:
            self.memory(x)
        elif found.base.op not in ("source", "constant"):
            self.memory(found.base)

    def matrix_layout(self, x: Value) -> Layout | None:
        """Where a factor lies once its base is in memory, if it need not be copied for BLAS."""
        found = layout(x, self.graph.slots, self.home)
        if found is None:
            return None
        *_, rows, columns = found.strides
        m, n = x.shape[-2:]
        if columns == 1 and rows >= n:
            return found
        if rows == 1 and columns >= m:
            return found
        return None

    # --- what is computed where -------------------------------------------------------------------

    def _find_places(self) -> None:
        used: dict[Value, set[tuple[int, int]]] = {}
        for c in self.graph.checks:
            used.setdefault(c.value, set()).add((self.end, 0))
        for v in self.graph.writes.values():
            used.setdefault(v, set()).add((self.end, 0))
        for v in reversed(self.order):
            places = self._places_of(v, used.get(v, set()))
            self.places[v] = places
            if v.op in ("take", "take_along"):
                if any(self.groups[g].kind == "block" for g, _ in places):
                    self._lay_down(v.inputs[0])
            for x in v.inputs:
                used.setdefault(x, set()).update(places)
            if (
                self.has_calls
                and v in self.home
                and v.op != "call"
                and self.groups[self.home[v]].kind == "block"
            ):
                # Registers do not outlive a call into Python.
                self.stored.add(v)
            for g, _ in used.get(v, ()):
                self.last[v] = max(self.last.get(v, -1), g)

    def _lay_down(self, x: Value) -> None:
        """Have in memory what is in registers and is read at an index that is data: computed again,
        it would be from values that may be gone.
        """
        if x in self.home:
            if self.groups[self.home[x]].kind == "block":
                self.stored.add(x)
            return
        for y in x.inputs:
            self._lay_down(y)

    def _places_of(self, v: Value, used: set[tuple[int, int]]) -> set[tuple[int, int]]:
        number = self.home.get(v)
        if number is None:
            return used
        own = (number, self.phase[v])
        # A view may have been given memory after its first use, which computes its elements.
        early = {(g, p) for g, p in used if g < number}
        used = used - early
        return early | self._homely_places(v, number, own, used)

    def _homely_places(
        self, v: Value, number: int, own: tuple[int, int], used: set[tuple[int, int]]
    ) -> set[tuple[int, int]]:
        kind = self.groups[number].kind
        if kind == "block":
            if any(self.groups[g].kind != "block" for g, _ in used):
                self.stored.add(v)
        elif kind == "loop":
            elsewhere = used - {own}
            role = self.role[v]
            if role in (ROW, ROW_SUM):
                elsewhere = {(g, p) for g, p in used if g != number}
            if role in (COLUMN_SUM, TOTAL):
                self.stored.add(v)
            elif elsewhere and v not in self.stored:
                if role != FULL or any(g != number for g, _ in elsewhere) or not self._on_stack(v):
                    self.stored.add(v)
        return {own}

    def _on_stack(self, v: Value) -> bool:
        """Keep a value of a row on the stack, if it fits there."""
        number = self.home[v]
        size = (self.groups[number].inner or v.size) * v.dtype.itemsize
        used = self._stack.get(number, 0)
        if size > ROW_BYTES or used + size > STACK:
            return False
        self._stack[number] = used + size
        self.local.add(v)
        return True


def base_of(v: Value, home: Container[Value] = ()) -> Value:
    """What a value has its elements from, in the same order; a value with a home is its own."""
    while v.op == "reshape" and v not in home:
        v = v.inputs[0]
    return v


def row_length(shape: Iterable[int], whole: tuple[int, ...]) -> int:
    """How many elements in a row each element of a shape is repeated for, when broadcast to
    `whole`; OTHER if it is repeated otherwise.
    """
    shape = tuple(shape)
    shape = (1,) * (len(whole) - len(shape)) + shape
    length, at = 1, len(whole)
    while at and shape[at - 1] == 1:
        at -= 1
        length *= whole[at]
    return length if at and shape[:at] == whole[:at] else OTHER
