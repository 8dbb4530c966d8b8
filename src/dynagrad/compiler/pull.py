"""Elements of values, one index at a time: a value is loaded where it lies in memory, and otherwise
computed from elements of its operands. Imports elements, emit, graph, index.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from . import elements
from .emit import Emitter, literal
from .graph import ELEMENTWISE, Value
from .index import ZERO, Index, Var, divide, merged, of, row_major


class Access(NamedTuple):
    """Where a value lies: a pointer by its name in LLVM, and strides of its dimensions in
    elements, None for row-major order without gaps.
    """

    pointer: str
    strides: tuple[int, ...] | None = None


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


class Reader:
    """Elements of values as registers of one function.

    `memory` says where a value lies, None for one that must be computed here. `contract` allows
    fused multiply-add. `cuts` collects the loops that indices would have in two.
    """

    def __init__(
        self, e: Emitter, memory: Callable[[Value], Access | None], *, contract: bool
    ) -> None:
        self.e, self.memory, self.contract = e, memory, contract
        self.cuts: dict[Var, int] = {}
        self._scopes: list[dict] = [{}]

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is computed in it is forgotten at its end: the registers of a loop's body."""
        self._scopes.append({})
        try:
            yield
        finally:
            self._scopes.pop()

    def known(self, key: object) -> str | None:
        """A register that was computed before."""
        for scope in reversed(self._scopes):
            if key in scope:
                return scope[key]
        return None

    def keep(self, key: object, name: str) -> None:
        """Remember a register in the scope at hand."""
        self._scopes[-1][key] = name

    # --- indices ----------------------------------------------------------------------------------

    def number(self, index: Index) -> str:
        """An index as a register."""
        if not index.terms:
            return str(index.const)
        found = self.known(index)
        if found is None:
            found = self._sum(index)
            self.keep(index, found)
        return found

    def _sum(self, index: Index) -> str:
        total = ""
        for var, c in index.terms:
            part = var.text if c == 1 else self.e.op("mul nsw", "i64", var.text, str(c))
            total = self.e.op("add nsw", "i64", total, part) if total else part
        if index.const:
            total = self.e.op("add nsw", "i64", total, str(index.const))
        return total

    def divided(self, index: Index, n: int) -> tuple[Index, Index]:
        """Quotient and remainder; by instructions where they are no sums."""
        found = divide(index, n, self.cuts)
        if found is not None:
            return found
        key = ("divided", index, n)
        names = self.known(key)
        if names is None:
            x = self.number(index)
            whole = self.e.op("udiv", "i64", x, str(n))
            rest = self.e.op("sub", "i64", x, self.e.op("mul", "i64", whole, str(n)))
            high = index.bounds()[1]
            names = (of(Var(whole, high // n + 1)), of(Var(rest, n)))
            self.keep(key, names)
        return names  # type: ignore[return-value]

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
        total = ZERO
        for part, (_, s) in zip(self.split(flat, [n for n, _ in together]), together, strict=True):
            if s:
                total = total.plus(part.times(s))
        return total

    # --- elements ---------------------------------------------------------------------------------

    def at(self, v: Value, flat: Index) -> str:
        """The element of a value at an index in row-major order."""
        key = (v, flat)
        found = self.known(key)
        if found is None:
            access = None if v.op == "constant" and not flat.terms else self.memory(v)
            found = self._compute(v, flat) if access is None else self.load(v, access, flat)
            self.keep(key, found)
        return found

    def place(self, v: Value, access: Access, flat: Index) -> str:
        """The address of an element."""
        if access.strides is not None:
            flat = self.strided(flat, v.shape, access.strides)
        if flat == ZERO:
            return access.pointer
        kind = elements.in_memory(v.dtype)
        at = self.number(flat)
        return self.e.let(f"getelementptr inbounds {kind}, ptr {access.pointer}, i64 {at}")

    def load(self, v: Value, access: Access, flat: Index) -> str:
        """An element from memory."""
        kind = elements.in_memory(v.dtype)
        found = self.e.let(f"load {kind}, ptr {self.place(v, access, flat)}")
        return elements.from_memory(self.e, found, v.dtype)

    def store(self, v: Value, access: Access, flat: Index, name: str) -> None:
        """Put an element into memory."""
        name = elements.to_memory(self.e, name, v.dtype)
        place = self.place(v, access, flat)
        self.e.do(f"store {elements.in_memory(v.dtype)} {name}, ptr {place}")

    def _compute(self, v: Value, flat: Index) -> str:
        if v.op in ELEMENTWISE:
            return self._element(v, [self.operand(x, v, flat) for x in v.inputs])
        return _RULES[v.op](self, v, flat)

    def operand(self, x: Value, v: Value, flat: Index) -> str:
        """The element of an operand that is broadcast to the shape of `v`."""
        if x.size == v.size:
            return self.at(x, flat)
        if x.size == 1:
            return self.at(x, ZERO)
        lead = v.ndim - x.ndim
        steps = row_major(x.shape)
        strides = [0 if n == 1 else s for n, s in zip(x.shape, steps, strict=True)]
        return self.at(x, self.strided(flat, v.shape, [0] * lead + strides))

    def _element(self, v: Value, operands: list[str]) -> str:
        if v.op == "where":
            kind = elements.register(v.dtype)
            return self.e.select(operands[0], kind, operands[1], operands[2])
        if v.op == "cast":
            return elements.cast(self.e, operands[0], v.inputs[0].dtype, v.dtype)
        return elements.apply(self.e, v.op, v.inputs[0].dtype, operands, self.contract)

    # --- indices that are data --------------------------------------------------------------------

    def within(self, index: Index, n: int) -> tuple[str, Index]:
        """Whether an index is in [0, n), empty for always, and an index that is."""
        low, high = index.bounds()
        if low >= 0 and high < n:
            return "", index
        if not index.terms or low >= n or high < 0:
            return ("true" if 0 <= index.const < n and not index.terms else "false"), ZERO
        x = self.number(index)
        inside = self.e.compare("ult", "i64", x, str(n))
        return inside, of(Var(self.e.select(inside, "i64", x, "0"), n))

    def row(self, index: Value, flat: Index, n: int) -> Index:
        """An element of an array of indices, negative ones counted from the end; never out of
        bounds, whatever it holds: a check that fails is seen only later.
        """
        x = self.at(index, flat)
        if index.dtype != np.int64:
            x = elements.cast(self.e, x, index.dtype, np.dtype(np.int64))
        negative = self.e.compare("slt", "i64", x, "0")
        x = self.e.select(negative, "i64", self.e.op("add", "i64", x, str(n)), x)
        inside = self.e.compare("ult", "i64", x, str(n))
        return of(Var(self.e.select(inside, "i64", x, "0"), n))

    def both(self, conditions: list[str]) -> str:
        """The conjunction of truth values; empty for none."""
        found = ""
        for c in conditions:
            if c:
                found = self.e.op("and", "i1", found, c) if found else c
        return found

    def chosen(self, v: Value, condition: str, x: str, y: str) -> str:
        """One of two elements of a value's dtype."""
        return self.e.select(condition, elements.register(v.dtype), x, y)


# --- operations that move elements ----------------------------------------------------------------


def _constant(r: Reader, v: Value, flat: Index) -> str:
    return elements.number(v.dtype, v.data.reshape(-1)[flat.const])


def _iota(r: Reader, v: Value, flat: Index) -> str:
    strides = [1 if a == v.attrs[0] else 0 for a in range(v.ndim)]
    index = r.strided(flat, v.shape, strides)
    return r.number(index) if index.terms else literal("i64", index.const)


def _reshape(r: Reader, v: Value, flat: Index) -> str:
    return r.at(v.inputs[0], flat)


def _view(r: Reader, v: Value, flat: Index) -> str:
    strides, offset = view_layout(v)
    return r.at(v.inputs[0], r.strided(flat, v.shape, strides).shifted(offset))


def _pad(r: Reader, v: Value, flat: Index) -> str:
    x, fill = v.inputs
    before, _ = v.attrs
    inside, total = [], ZERO
    parts = r.split(flat, v.shape)
    for part, b, n, step in zip(parts, before, x.shape, row_major(x.shape), strict=True):
        condition, index = r.within(part.shifted(-b), n)
        inside.append(condition)
        total = total.plus(index.times(step))
    condition = r.both(inside)
    found = r.at(x, total)
    return r.chosen(v, condition, found, r.at(fill, ZERO)) if condition else found


def _concatenate(r: Reader, v: Value, flat: Index) -> str:
    (axis,) = v.attrs
    after = row_major(v.shape)[axis]
    length = v.shape[axis]
    lead, middle, rest = r.split(flat, (v.size // (after * length), length, after))
    offset, found = 0, ""
    for x in v.inputs:
        n = x.shape[axis]
        _, index = r.within(middle.shifted(-offset), n)
        element = r.at(x, lead.times(n * after).plus(index.times(after)).plus(rest))
        if found:
            begun = r.e.compare("sge", "i64", r.number(middle), str(offset))
            found = r.chosen(v, begun, element, found)
        else:
            found = element
        offset += n
    return found


def _write_slice(r: Reader, v: Value, flat: Index) -> str:
    x, part = v.inputs
    inside, total = [], ZERO
    indices = r.split(flat, v.shape)
    for index, (start, count, step), by in zip(
        indices, v.attrs[0], row_major(part.shape), strict=True
    ):
        condition, place = _met(r, index, start, count, step)
        inside.append(condition)
        total = total.plus(place.times(by))
    condition = r.both(inside)
    found = r.at(part, total)
    return r.chosen(v, condition, found, r.at(x, flat)) if condition else found


def _met(r: Reader, index: Index, start: int, count: int, step: int) -> tuple[str, Index]:
    """Whether a slice has an index, empty for always, and as which of its elements."""
    rest = index.shifted(-start)
    if step < 0:
        rest, step = rest.times(-1), -step
    if step == 1 or count == 1:
        return r.within(rest, count)
    condition, rest = r.within(rest, (count - 1) * step + 1)
    place, over = r.divided(rest, step)
    if over == ZERO:
        return condition, place
    fits = r.e.compare("eq", "i64", r.number(over), "0")
    return r.both([condition, fits]), place


def _take(r: Reader, v: Value, flat: Index) -> str:
    x, index = v.inputs
    (axis,) = v.attrs
    n, after = x.shape[axis], row_major(x.shape)[axis]
    lead, middle, rest = r.split(flat, (v.size // (index.size * after), index.size, after))
    row = r.row(index, middle, n)
    return r.at(x, lead.times(n * after).plus(row.times(after)).plus(rest))


def _take_along(r: Reader, v: Value, flat: Index) -> str:
    x, index = v.inputs
    (axis,) = v.attrs
    strides = [0 if a == axis else s for a, s in enumerate(row_major(x.shape))]
    row = r.row(index, flat, x.shape[axis]).times(row_major(x.shape)[axis])
    return r.at(x, r.strided(flat, v.shape, strides).plus(row))


def _reduction(r: Reader, v: Value, flat: Index) -> str:
    """One after another, in row-major order: for few elements."""
    (x,) = v.inputs
    (axes,) = v.attrs
    kept = [a for a in range(x.ndim) if a not in axes]
    steps = row_major(x.shape)
    base = r.strided(flat, v.shape, [steps[a] for a in kept])
    found: list[str] = []
    for place in np.ndindex(*[x.shape[a] for a in axes]):
        offset = sum(i * steps[a] for i, a in zip(place, axes, strict=True))
        found.append(r.at(x, base.shifted(offset)))
    if v.op in ("argmax", "argmin"):
        return _first_best(r, v, found)
    return fold(r.e, v, found, r.contract)


#: what a reduction does with two elements
COMBINE = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}
COMBINE |= {"any": "bitor", "all": "bitand"}


def fold(e: Emitter, v: Value, found: list[str], contract: bool) -> str:
    """A reduction of registers."""
    total = found[0]
    for x in found[1:]:
        total = elements.apply(e, COMBINE[v.op], v.dtype, (total, x), contract)
    return total


def better(r: Reader, v: Value, x: str, best: str) -> str:
    """Whether an element comes before the best so far for `argmax` or `argmin`: NaN does."""
    dtype = v.inputs[0].dtype
    how = "gt" if v.op == "argmax" else "lt"
    found = elements.apply(r.e, how, dtype, (x, best), False)
    if dtype.kind != "f":
        return found
    is_nan = elements.apply(r.e, "isnan", dtype, (x,), False)
    was_number = r.e.op("xor", "i1", elements.apply(r.e, "isnan", dtype, (best,), False), "true")
    return r.e.op("or", "i1", found, r.e.op("and", "i1", is_nan, was_number))


def _first_best(r: Reader, v: Value, found: list[str]) -> str:
    kind = elements.register(v.inputs[0].dtype)
    best, at = found[0], "0"
    for i, x in enumerate(found[1:], 1):
        is_better = better(r, v, x, best)
        best = r.e.select(is_better, kind, x, best)
        at = r.e.select(is_better, "i64", str(i), at)
    return at


def _matmul(r: Reader, v: Value, flat: Index) -> str:
    """A sum of few products."""
    x, y = v.inputs
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    batch, row, column = r.split(flat, (v.size // (m * n), m, n))
    products = []
    for i in range(k):
        a = r.at(x, batch.times(m * k).plus(row.times(k)).shifted(i))
        b = r.at(y, batch.times(k * n).plus(column).shifted(i * n))
        products.append(elements.apply(r.e, "mul", v.dtype, (a, b), r.contract))
    total = products[0]
    for p in products[1:]:
        total = elements.apply(r.e, "add", v.dtype, (total, p), r.contract)
    return total


_RULES: dict[str, Callable[[Reader, Value, Index], str]] = {
    "constant": _constant,
    "iota": _iota,
    "reshape": _reshape,
    **dict.fromkeys(("transpose", "broadcast", "slice", "strided"), _view),
    "pad": _pad,
    "concatenate": _concatenate,
    "write_slice": _write_slice,
    "take": _take,
    "take_along": _take_along,
    **dict.fromkeys((*COMBINE, "argmax", "argmin"), _reduction),
    "matmul": _matmul,
}
