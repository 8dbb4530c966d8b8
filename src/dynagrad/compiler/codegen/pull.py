"""Elements of values, one index at a time: a value is loaded where it lies in memory, and otherwise
computed from elements of its operands. Imports elements, emit, graph, index.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..ir.graph import ELEMENTWISE, Value
from . import elements
from .emit import Emitter, literal, suffix
from .index import ZERO, Index, Var, divide, merged, of, row_major


class Access(NamedTuple):
    """Where a value lies: a pointer by its name in LLVM, and strides of its dimensions in
    elements, None for row-major order without gaps. `base` is the index of the first element that
    lies there.
    """

    pointer: str
    strides: tuple[int, ...] | None = None
    base: Index = ZERO


#: elements that are at most so far apart are loaded with those between them
APART = 4

#: how elements of a view follow from those of its operand: strides by dimension, and an offset
Layout = tuple[Sequence[int], int]


def view_layout(v: Value) -> Layout:
    """Strides and offset of a view in its operand's row-major order."""
    x = v.inputs[0]
    steps = row_major(x.shape)
    if v.op == "transpose":
        return [steps[a] for a in v.attrs[0]], 0
    if v.op == "broadcast":
        lead = v.ndim - x.ndim
        return [0] * lead + [0 if n == 1 else s for n, s in zip(x.shape, steps, strict=True)], 0
    if v.op == "slice":
        parts = v.attrs[0]
        offset = sum(p[0] * s for p, s in zip(parts, steps, strict=True))
        return [p[2] * s for p, s in zip(parts, steps, strict=True)], offset
    strides, offset = v.attrs
    return strides, offset


#: (reader, value, index) -> the elements of a value
Rule = Callable[["Reader", Value, Index], str]


class Reader:
    """Elements of values as registers of one function: one element, or as many as an index has
    lanes.

    `memory` says where a value lies, None for one that must be computed here; `rules` how, for what
    is not elementwise. `contract` allows
    fused multiply-add. `cuts` collects the loops that indices would have in two. What does not
    depend on a loop is computed before it: loops keep a place for that in the text.
    """

    def __init__(
        self,
        e: Emitter,
        memory: Callable[[Value], Access | None],
        rules: dict[str, "Rule"],
        *,
        contract: bool,
    ) -> None:
        self.e, self.memory, self.contract = e, memory, contract
        self.rules = rules
        #: (pointer, number) -> a pointer that lies so many elements further, empty for none
        self.moved: Callable[[str, int], str] | None = None
        #: whether elements are so few that functions of the C library serve best
        self.by_library = False
        #: (pointer, index) -> an index that is within bounds, where these are looked after
        self.guard: Callable[[str, str], str] | None = None
        self.cuts: dict[Var, int] = {}
        #: which elements were read and written, by pointer
        self.loads: dict[str, set[Index]] = {}
        self.stores: dict[str, set[Index]] = {}
        self._scopes: list[dict] = [{}]
        #: what stands before each loop that is open
        self._before: list[list[str]] = []

    # --- loops ------------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """How many loops are open."""
        return len(self._before)

    def enter(self) -> None:
        """Before a loop: keep a place for what does not depend on it."""
        self._before.append([])
        self.e.lines.append(self._before[-1])  # type: ignore[arg-type]
        self._scopes.append({})

    def leave(self) -> None:
        """After a loop: what was computed in it is forgotten."""
        self._before.pop()
        self._scopes.pop()

    @contextmanager
    def level(self, depth: int) -> Iterator[None]:
        """Instructions that depend on no more than the outermost `depth` loops."""
        if depth >= self.depth:
            yield
            return
        lines, self.e.lines = self.e.lines, self._before[depth]
        try:
            yield
        finally:
            self.e.lines = lines

    def known(self, key: object) -> Any:
        """What was computed before under a key."""
        for scope in reversed(self._scopes):
            if key in scope:
                return scope[key]
        return None

    def keep(self, key: object, name: Any, depth: int | None = None) -> None:
        """Remember what was computed for as long as `depth` loops are open."""
        self._scopes[self.depth if depth is None else min(depth, self.depth)][key] = name

    # --- indices ----------------------------------------------------------------------------------

    def number(self, index: Index) -> str:
        """An index as a register: a vector if it has lanes."""
        if not index.terms:
            return str(index.const)
        found = self.known(index)
        if found is None:
            level = index.level()
            with self.level(level):
                found = self._numbers(index) if index.lanes() > 1 else self._sum(index)
            self.keep(index, found, level)
        return found

    def _sum(self, index: Index) -> str:
        total = ""
        for var, c in index.terms:
            part = var.text if c == 1 else self.e.op("mul nsw", "i64", var.text, str(c))
            total = self.e.op("add nsw", "i64", total, part) if total else part
        if index.const:
            total = self.e.op("add nsw", "i64", total, str(index.const))
        return total

    def _numbers(self, index: Index) -> str:
        """An index with lanes: the first of each loop's lanes, and what is added to it."""
        count = index.lanes()
        kind = elements.wide("i64", count)
        first = Index(index.const, tuple([t for t in index.terms if not t[0].is_vector]))
        total = self.splat(self._sum(first) if first.terms else str(first.const), "i64", count)
        for var, c in index.terms:
            if var.is_vector:
                part = var.text
                if c != 1:
                    part = self.e.op("mul", kind, part, literal(kind, c))
                total = self.e.op("add", kind, total, part)
            elif var.lanes > 1:
                steps = ", ".join(f"i64 {i * c}" for i in range(count))
                total = self.e.op("add", kind, total, f"<{steps}>")
        return total

    def splat(self, name: str, kind: str, count: int) -> str:
        """One element in all lanes."""
        if name[0] != "%":
            return f"splat ({kind} {name})"
        wide = elements.wide(kind, count)
        one = self.e.let(f"insertelement {wide} poison, {kind} {name}, i64 0")
        zeros = f"<{count} x i32> zeroinitializer"
        return self.e.let(f"shufflevector {wide} {one}, {wide} poison, {zeros}")

    def variable(self, name: str, size: int, like: Index) -> Index:
        """A new variable that is known where an index is."""
        return of(Var(name, size, lanes=like.lanes(), level=like.level()))

    def divided(self, index: Index, n: int) -> tuple[Index, Index]:
        """Quotient and remainder; by instructions where they are no sums."""
        found = divide(index, n, self.cuts)
        if found is not None:
            return found
        key = ("divided", index, n)
        found = self.known(key)
        if found is None:
            kind = elements.wide("i64", index.lanes())
            x = self.number(index)
            with self.level(index.level()):
                whole = self.e.op("udiv", kind, x, literal(kind, n))
                product = self.e.op("mul", kind, whole, literal(kind, n))
                rest = self.e.op("sub", kind, x, product)
            most = index.bounds()[1] // n + 1
            found = (self.variable(whole, most, index), self.variable(rest, n, index))
            self.keep(key, found, index.level())
        return found

    def split(self, flat: Index, sizes: Sequence[int]) -> list[Index]:
        """The indices of an element in each of some dimensions."""
        found = []
        for n in reversed(sizes[1:]):
            flat, rest = self.divided(flat, n)
            found.append(rest)
        return [flat, *reversed(found)] if sizes else []

    def strided(self, flat: Index, shape: Sequence[int], strides: Sequence[int]) -> Index:
        """The element that index `flat` of a shape has under other strides."""
        together = merged(shape, strides)
        parts = self.split(flat, [n for n, _ in together])
        total = ZERO
        for part, (_, s) in zip(parts, together, strict=True):
            if s:
                total = total.plus(part.times(s))
        return total

    # --- elements ---------------------------------------------------------------------------------

    def at(self, v: Value, flat: Index) -> str:
        """The elements of a value at an index in row-major order."""
        key = (v, flat)
        found = self.known(key)
        if found is None:
            level = flat.level()
            with self.level(level):
                access = None if v.op == "constant" and not flat.terms else self.memory(v)
                found = self._compute(v, flat) if access is None else self.load(v, access, flat)
            self.keep(key, found, level)
        return found

    def pointer(self, v: Value, access: Access, flat: Index) -> str:
        """The address of an element, the first of its lanes."""
        if flat == ZERO:
            return access.pointer
        kind = elements.in_memory(v.dtype)
        if flat.const and self.moved is not None:
            name = self.moved(access.pointer, flat.const)
            if name:
                return self.pointer(v, Access(name), flat.shifted(-flat.const))
        at = self.number(flat)
        if self.guard is not None:
            at = self.guard(access.pointer, at)
        lanes = elements.wide("i64", flat.lanes())
        return self.e.let(f"getelementptr inbounds {kind}, ptr {access.pointer}, {lanes} {at}")

    def place(self, v: Value, access: Access, flat: Index) -> tuple[str, int, int]:
        """(address, lanes, step): where elements lie, the address that of the first in memory, and
        `step` apart, backwards if it is below zero; 0 for anywhere, when the address is a vector.
        """
        if access.strides is not None:
            flat = self.strided(flat, v.shape, access.strides)
        if access.base != ZERO:
            flat = flat.plus(access.base.times(-1))
        count = flat.lanes()
        if count == 1:
            return self.pointer(v, access, flat), 1, 1
        wide = [(var, c) for var, c in flat.terms if var.lanes > 1]
        if len(wide) == 1 and abs(wide[0][1]) <= APART and not wide[0][0].is_vector:
            step = wide[0][1]
            scalar = self._first(flat, wide[0][0])
            return self.pointer(v, access, scalar), count, step
        return self.pointer(v, access, flat), count, 0

    def _first(self, flat: Index, var: Var) -> Index:
        """The index of the least address among lanes that lie side by side."""
        key = ("first", var)
        one = self.known(key)
        if one is None:
            one = Var(var.text, var.size, level=var.level)
            self.keep(key, one, var.level)
        total = Index(flat.const, tuple([t for t in flat.terms if t[0] is not var]))
        c = dict(flat.terms)[var]
        total = total.plus(Index(0, ((one, c),)))
        return total if c > 0 else total.shifted(c * (var.lanes - 1))

    def load(self, v: Value, access: Access, flat: Index) -> str:
        """Elements from memory."""
        self.loads.setdefault(access.pointer, set()).add(flat)
        address, count, step = self.place(v, access, flat)
        one = elements.in_memory(v.dtype)
        kind = elements.wide(one, count)
        if step:
            found = self._spread(v, address, count, abs(step))
            if step < 0:
                found = self._reversed(found, kind, count)
        else:
            found = self._gathered(v, address, one, count)
        found = elements.from_memory(self.e, found, v.dtype, count)
        # Lanes that all read the same element of a repeated dimension.
        lanes = flat.lanes()
        if lanes > count:
            found = self.splat(found, elements.register(v.dtype), lanes)
        return found

    def _spread(self, v: Value, address: str, count: int, step: int) -> str:
        """Elements that lie `step` apart: all from the first to the last are loaded, as many at a
        time as are wanted, and of each part those that are taken over.
        """
        one, align = elements.in_memory(v.dtype), v.dtype.itemsize
        kind = elements.wide(one, count)
        found = self.e.let(f"load {kind}, ptr {address}, align {align}")
        for part in range(1, step):
            # The last part ends with the last element: nothing behind it is touched.
            begin = count * part if part < step - 1 else (count - 1) * step + 1 - count
            at = self.e.let(f"getelementptr inbounds {one}, ptr {address}, i64 {begin}")
            more = self.e.let(f"load {kind}, ptr {at}, align {align}")
            lanes = []
            for i in range(count):
                place = i * step
                kept = place if part == 1 and place < count else i
                lanes.append(count + place - begin if begin <= place < begin + count else kept)
            order = ", ".join(f"i32 {i}" for i in lanes)
            found = self.e.let(
                f"shufflevector {kind} {found}, {kind} {more}, <{count} x i32> <{order}>"
            )
        return found

    def _reversed(self, name: str, kind: str, count: int) -> str:
        order = ", ".join(f"i32 {i}" for i in reversed(range(count)))
        return self.e.let(f"shufflevector {kind} {name}, {kind} poison, <{count} x i32> <{order}>")

    def _gathered(self, v: Value, address: str, one: str, count: int) -> str:
        kind, pointers = elements.wide(one, count), f"<{count} x ptr>"
        flags = f"<{count} x i1>"
        name = f"@llvm.masked.gather.{suffix(kind)}.v{count}p0"
        self.e.declared.setdefault(name, f"declare {kind} {name}({pointers}, i32, {flags}, {kind})")
        return self.e.let(
            f"call {kind} {name}({pointers} {address}, i32 {v.dtype.itemsize}, "
            f"{flags} splat (i1 true), {kind} poison)"
        )

    def store(self, v: Value, access: Access, flat: Index, name: str) -> None:
        """Put elements into memory."""
        self.stores.setdefault(access.pointer, set()).add(flat)
        address, count, step = self.place(v, access, flat)
        one = elements.in_memory(v.dtype)
        kind = elements.wide(one, count)
        name = elements.to_memory(self.e, name, v.dtype, count)
        if step < 0:
            name = self._reversed(name, kind, count)
        if abs(step) > 1:
            for i in range(count):
                part = self.e.let(f"extractelement {kind} {name}, i64 {i}")
                where = self.e.let(
                    f"getelementptr inbounds {one}, ptr {address}, i64 {i * abs(step)}"
                )
                self.e.do(f"store {one} {part}, ptr {where}, align {v.dtype.itemsize}")
            return
        if step:
            self.e.do(f"store {kind} {name}, ptr {address}, align {v.dtype.itemsize}")
            return
        for i in range(count):
            part = self.e.let(f"extractelement {kind} {name}, i64 {i}")
            where = self.e.let(f"extractelement <{count} x ptr> {address}, i64 {i}")
            self.e.do(f"store {one} {part}, ptr {where}, align {v.dtype.itemsize}")

    def store_pairs(self, v: Value, access: Access, flat: Index, names: Sequence[str]) -> None:
        """Put elements into memory, and others into the places behind theirs."""
        address, count, step = self.place(v, access, flat)
        if step != 2:
            for i, name in enumerate(names):
                self.store(v, access, flat.shifted(i), name)
            return
        self.stores.setdefault(access.pointer, set()).update((flat, flat.shifted(1)))
        one = elements.in_memory(v.dtype)
        kind, both = elements.wide(one, count), elements.wide(one, 2 * count)
        x, y = (elements.to_memory(self.e, name, v.dtype, count) for name in names)
        order = ", ".join(f"i32 {i // 2 + i % 2 * count}" for i in range(2 * count))
        found = self.e.let(f"shufflevector {kind} {x}, {kind} {y}, <{2 * count} x i32> <{order}>")
        self.e.do(f"store {both} {found}, ptr {address}, align {v.dtype.itemsize}")

    def _compute(self, v: Value, flat: Index) -> str:
        if v.op in ELEMENTWISE:
            count = flat.lanes()
            return self._element(v, [self.operand(x, v, flat, count) for x in v.inputs], count)
        return self.rules[v.op](self, v, flat)

    def operand(self, x: Value, v: Value, flat: Index, count: int) -> str:
        """The elements of an operand that is broadcast to the shape of `v`."""
        index = flat
        if x.size == 1:
            index = ZERO
        elif x.size != v.size:
            lead = v.ndim - x.ndim
            steps = row_major(x.shape)
            strides = [0 if n == 1 else s for n, s in zip(x.shape, steps, strict=True)]
            index = self.strided(flat, v.shape, [0] * lead + strides)
        return self.repeated(x, index, count)

    def repeated(self, x: Value, index: Index, count: int) -> str:
        """The elements of a value at an index, as many as there are lanes elsewhere."""
        if index.lanes() == count:
            return self.at(x, index)
        key = (x, index, count)
        found = self.known(key)
        if found is None:
            one = self.at(x, index)
            level = index.level()
            with self.level(level):
                found = self.splat(one, elements.register(x.dtype), count)
            self.keep(key, found, level)
        return found

    def _element(self, v: Value, operands: list[str], count: int) -> str:
        if v.op == "where":
            kind = elements.wide(elements.register(v.dtype), count)
            return self.e.select(operands[0], kind, operands[1], operands[2])
        if v.op == "cast":
            return elements.cast(self.e, operands[0], v.inputs[0].dtype, v.dtype, count)
        if self.by_library and v.op in elements.LIBRARY and v.dtype.char in "fd":
            return elements.library(self.e, v.op, v.dtype, operands)
        if v.op == "bitcast":
            return elements.bitcast(self.e, operands[0], v.inputs[0].dtype, v.dtype, count)
        return elements.apply(self.e, v.op, v.inputs[0].dtype, operands, self.contract, count)

    # --- indices that are data --------------------------------------------------------------------

    def within(self, index: Index, n: int) -> tuple["Condition", Index]:
        """Whether an index is in [0, n), and an index that is."""
        low, high = index.bounds()
        if low >= 0 and high < n:
            return ALWAYS, index
        if not index.terms:
            return Condition("false", 1), ZERO
        key = ("within", index, n)
        found = self.known(key)
        if found is not None:
            return found
        first = self._aligned(index, n)
        if first is not None:
            # The lanes are all within or all outside.
            x = self.number(first)
            with self.level(index.level()):
                inside = self.e.compare("ult", "i64", x, str(n))
                safe = self.e.select(inside, "i64", x, "0")
            lanes = Var(safe, n, is_loop=True, lanes=index.lanes(), level=index.level())
            found = Condition(inside), of(lanes)
            self.keep(key, found, index.level())
            return found
        count = index.lanes()
        kind = elements.wide("i64", count)
        x = self.number(index)
        with self.level(index.level()):
            inside = self.e.compare("ult", kind, x, literal(kind, n))
            safe = self.e.select(inside, kind, x, literal(kind, 0))
        found = Condition(inside, count), self.variable(safe, n, index)
        self.keep(key, found, index.level())
        return found

    def _aligned(self, index: Index, n: int) -> Index | None:
        """The first of an index's lanes, if `n` is never between them: loops begin at multiples of
        their lanes.
        """
        count = index.lanes()
        wide = [(v, c) for v, c in index.terms if v.lanes > 1]
        if count == 1 or len(wide) != 1 or wide[0][1] != 1 or wide[0][0].is_vector:
            return None
        rest = [index.const, n, *[c for v, c in index.terms if v.lanes == 1]]
        return None if any(x % count for x in rest) else self._first(index, wide[0][0])

    def at_least(self, index: Index, n: int) -> "Condition":
        """Whether an index is not less than a number."""
        first = self._aligned(index, n)
        index = index if first is None else first
        kind = elements.wide("i64", index.lanes())
        x = self.number(index)
        return Condition(self.e.compare("sge", kind, x, literal(kind, n)), index.lanes())

    def row(self, index: Value, flat: Index, n: int) -> Index:
        """An element of an array of indices, negative ones counted from the end; never out of
        bounds, whatever it holds: a check that fails is seen only later.
        """
        key = ("row", index, flat, n)
        found = self.known(key)
        if found is None:
            x = self.at(index, flat)
            count = flat.lanes()
            kind = elements.wide("i64", count)
            zero, size = literal(kind, 0), literal(kind, n)
            with self.level(flat.level()):
                x = elements.cast(self.e, x, index.dtype, np.dtype(np.int64), count)
                negative = self.e.compare("slt", kind, x, zero)
                x = self.e.select(negative, kind, self.e.op("add", kind, x, size), x)
                inside = self.e.compare("ult", kind, x, size)
                x = self.e.select(inside, kind, x, zero)
            found = self.variable(x, n, flat)
            self.keep(key, found, flat.level())
        return found

    def both(self, conditions: Sequence["Condition"]) -> "Condition":
        """The conjunction of truth values."""
        held = [c for c in conditions if c.name]
        if not held:
            return ALWAYS
        count = max(c.lanes for c in held)
        kind = elements.wide("i1", count)
        found = ""
        for c in held:
            name = c.name if c.lanes == count else self.splat(c.name, "i1", count)
            found = self.e.op("and", kind, found, name) if found else name
        return Condition(found, count)

    def chosen(self, v: Value, condition: "Condition", x: str, y: str, count: int) -> str:
        """Elements of one of two values of a dtype."""
        kind = elements.wide(elements.register(v.dtype), count)
        flag = elements.wide("i1", condition.lanes)
        return self.e.let(f"select {flag} {condition.name}, {kind} {x}, {kind} {y}")


class Condition(NamedTuple):
    """A truth value in a register, of some lanes; without a name it always holds."""

    name: str
    lanes: int = 1


ALWAYS = Condition("")
