"""The emitter with loops, addresses and parts of vectors, as kernels need them. Imports emit."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..codegen.emit import Emitter, element, lanes, literal
from .machine import SIZES, Machine

__all__ = ["Code", "Plan", "Room", "vector"]

#: The value of an index is a name, or the digits of a constant.
Index = str | int
Body = Callable[[str, list[str]], Sequence[str] | None]


class Plan(NamedTuple):
    """A generated kernel.

    ir: the text of the function, `define void @name(...)`. declared: the declarations it needs, of
    which a module has each once. The last arguments of every kernel are `ptr %scratch` (of
    scratch_bytes, aligned to 64, one for each thread that runs it; any pointer when 0 bytes) and
    `i64 %begin, i64 %end`: the range of units to compute, of `units` in all. Disjoint ranges write
    disjoint parts of the result.
    """

    name: str
    ir: str
    declared: dict[str, str]
    scratch_bytes: int
    units: int

    def module(self) -> str:
        """The text of a module with this function alone."""
        return "\n".join([*self.declared.values(), self.ir, ""])


def vector(scalar: str, n: int) -> str:
    """The type of a vector; of a scalar for one lane."""
    return scalar if n == 1 else f"<{n} x {scalar}>"


class Code(Emitter):
    """The body of one kernel.

    Indices are i64; operations on constants are done here, so that generated text is short and
    LLVM's cleaning passes find nothing to do.
    """

    def __init__(self, machine: Machine, scalar: str) -> None:
        super().__init__()
        self.machine = machine
        self.scalar = scalar

    def function(self, name: str, parameters: Sequence[str]) -> str:
        """The text of the function whose body this is."""
        head = f"define void @{name}({', '.join(parameters)}) nounwind {{\nentry:"
        return "\n".join([head, *self.lines, "  ret void", "}"])

    # --- Indices ---------------------------------------------------------------------------------

    def add(self, x: Index, y: Index) -> str:
        """x + y"""
        x, y = str(x), str(y)
        if _constant(x) and _constant(y):
            return str(int(x) + int(y))
        if x == "0":
            return y
        return x if y == "0" else self.op("add nsw", "i64", x, y)

    def sub(self, x: Index, y: Index) -> str:
        """x - y"""
        x, y = str(x), str(y)
        if _constant(x) and _constant(y):
            return str(int(x) - int(y))
        return x if y == "0" else self.op("sub nsw", "i64", x, y)

    def mul(self, x: Index, y: Index) -> str:
        """x * y"""
        x, y = str(x), str(y)
        if _constant(x) and _constant(y):
            return str(int(x) * int(y))
        if "0" in (x, y):
            return "0"
        if x == "1":
            return y
        return x if y == "1" else self.op("mul nsw", "i64", x, y)

    def divide(self, x: Index, n: int) -> tuple[str, str]:
        """Quotient and remainder of an index that is not negative by a constant."""
        if _constant(str(x)):
            return str(int(x) // n), str(int(x) % n)
        if n == 1:
            return str(x), "0"
        quotient = self.op("udiv", "i64", str(x), str(n))
        return quotient, self.sub(x, self.mul(quotient, n))

    def least(self, x: Index, y: Index) -> str:
        """The smaller one."""
        x, y = str(x), str(y)
        if _constant(x) and _constant(y):
            return str(min(int(x), int(y)))
        return self.call("smin", "i64", x, y)

    def most(self, x: Index, y: Index) -> str:
        """The larger one."""
        x, y = str(x), str(y)
        if _constant(x) and _constant(y):
            return str(max(int(x), int(y)))
        return self.call("smax", "i64", x, y)

    # --- Memory ----------------------------------------------------------------------------------

    def at(self, pointer: str, index: Index, scalar: str | None = None) -> str:
        """The address of an element."""
        if str(index) == "0":
            return pointer
        return self.let(f"getelementptr {scalar or self.scalar}, ptr {pointer}, i64 {index}")

    def opaque(self, pointer: str) -> str:
        """The same address, as one that LLVM does not take apart: it weighs ways to compute
        addresses in loops for a time that grows with the number of their terms.
        """
        return self.let(f"freeze ptr {pointer}")

    def load(self, pointer: str, kind: str | None = None) -> str:
        """A scalar, or a vector that is aligned as its elements are."""
        kind = kind or self.scalar
        return self.let(f"load {kind}, ptr {pointer}, align {self._align(kind)}")

    def store(self, value: str, pointer: str, kind: str | None = None) -> None:
        """Store a scalar, or a vector that is aligned as its elements are."""
        kind = kind or self.scalar
        self.do(f"store {kind} {value}, ptr {pointer}, align {self._align(kind)}")

    def prefetch(self, pointer: str, near: int = 3) -> None:
        """Ask for the line of memory, which need not exist; `near` 3 is the first cache, 2 the
        second.
        """
        self.declared["@llvm.prefetch.p0"] = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
        self.do(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 {near}, i32 1)")

    def _align(self, kind: str) -> int:
        one = element(kind)
        return SIZES.get(one) or int(one[1:]) // 8

    def load_first(self, pointer: str, count: int, n: int) -> str:
        """A vector of n lanes whose first `count` come from memory; the others are zero, and
        nothing beyond is read.
        """
        kind = vector(self.scalar, n)
        if count == n:
            return self.load(pointer, kind)
        if self.machine.masks and n * SIZES[self.scalar] > 16:
            mask = ", ".join(f"i1 {'true' if i < count else 'false'}" for i in range(n))
            return self.masked_load(pointer, f"<{mask}>", kind, "zeroinitializer")
        part = vector(self.scalar, count)
        value = self.load(pointer, part)
        if count == 1:
            return self.let(f"insertelement {kind} zeroinitializer, {part} {value}, i64 0")
        chosen = [i if i < count else count for i in range(n)]
        return self.shuffle(part, value, "zeroinitializer", chosen)

    def masked_load(self, pointer: str, mask: str, kind: str, other: str) -> str:
        """The lanes of memory where the mask holds, elsewhere those of `other`."""
        n = lanes(kind)
        name = f"@llvm.masked.load.v{n}f{8 * SIZES[element(kind)]}.p0"
        types = f"ptr, i32, <{n} x i1>, {kind}"
        self.declared[name] = f"declare {kind} {name}({types})"
        align = self._align(kind)
        operands = f"ptr {pointer}, i32 {align}, <{n} x i1> {mask}, {kind} {other}"
        return self.let(f"call {kind} {name}({operands})")

    # --- Vectors ---------------------------------------------------------------------------------

    def splat(self, value: str, kind: str) -> str:
        """The same scalar in all lanes."""
        n = lanes(kind)
        if n == 1:
            return value
        one = self.let(f"insertelement {kind} poison, {element(kind)} {value}, i64 0")
        return self.shuffle(kind, one, "poison", [0] * n)

    def shuffle(self, kind: str, x: str, y: str, chosen: Sequence[int]) -> str:
        """Lanes of x and, counted on, of y; -1 for any."""
        if set(chosen) == {0}:
            mask = "zeroinitializer"
        else:
            mask = f"<{', '.join('i32 poison' if i < 0 else f'i32 {i}' for i in chosen)}>"
        return self.let(f"shufflevector {kind} {x}, {kind} {y}, <{len(chosen)} x i32> {mask}")

    def first(self, value: str, kind: str, count: int) -> tuple[str, str]:
        """The first lanes of a vector, and their type: a scalar for one."""
        if count == lanes(kind):
            return value, kind
        part = vector(element(kind), count)
        if count == 1:
            return self.let(f"extractelement {kind} {value}, i64 0"), part
        return self.shuffle(kind, value, "poison", range(count)), part

    def multiply_add(self, kind: str, x: str, y: str, z: str) -> str:
        """x * y + z, rounded once where the CPU does so by itself, else twice."""
        return self.call("fmuladd", kind, x, y, z)

    def total(self, kind: str, value: str) -> str:
        """The sum of all lanes, by halves."""
        n = lanes(kind)
        if n == 1:
            return value
        one = element(kind)
        name = f"@llvm.vector.reduce.fadd.v{n}f{8 * SIZES[one]}"
        self.declared[name] = f"declare {one} {name}({one}, {kind})"
        zero = literal(one, -0.0)
        return self.let(f"call reassoc {one} {name}({one} {zero}, {kind} {value})")

    def transpose(self, rows: Sequence[str], kind: str) -> list[str]:
        """The columns of a square of vectors, as vectors; their number is a power of two."""
        n = len(rows)
        found, half = list(rows), n // 2
        while half:
            # Rows i and i + half exchange the quarters that lie off the diagonal.
            after = list(found)
            for i in range(n):
                if i & half:
                    continue
                x, y = found[i], found[i + half]
                low = [j if not j & half else n + j - half for j in range(n)]
                high = [j + half if not j & half else n + j for j in range(n)]
                after[i] = self.shuffle(kind, x, y, low)
                after[i + half] = self.shuffle(kind, x, y, high)
            found, half = after, half // 2
        return found

    # --- Control ---------------------------------------------------------------------------------

    def loop(
        self,
        start: Index,
        stop: Index,
        step: int,
        body: Body,
        carried: Sequence[tuple[str, str]] = (),
    ) -> list[str]:
        """`for i in range(start, stop, step)`: `body(i, values)` emits one round and returns the
        next values of what is carried, given as (type, first value). The last values come back.
        """
        start, stop = str(start), str(stop)
        values = [value for _, value in carried]
        fixed = _constant(start) and _constant(stop)
        if fixed and int(start) + step >= int(stop):
            return list(body(start, values) or ()) if int(start) < int(stop) else values
        head, after, before = self.label("loop"), self.label("after"), self.block
        if fixed:
            self.do(f"br label %{head}")
        else:
            some = self.compare("slt", "i64", start, stop)
            self.do(f"br i1 {some}, label %{head}, label %{after}")
        self.begin(head)
        index, *current = [self.name() for _ in range(len(values) + 1)]
        place = len(self.lines)
        following = list(body(index, current) or ())
        up = self.op("add nsw", "i64", index, str(step))
        more, tail = self.compare("slt", "i64", up, stop), self.block
        self.do(f"br i1 {more}, label %{head}, label %{after}")
        kinds = ["i64", *(kind for kind, _ in carried)]
        turns = zip(kinds, [index, *current], [start, *values], [up, *following], strict=True)
        self.lines[place:place] = [
            f"  {name} = phi {kind} [{old}, %{before}], [{new}, %{tail}]"
            for kind, name, old, new in turns
        ]
        self.begin(after)
        if fixed:
            return following
        return [
            self.let(f"phi {kind} [{old}, %{before}], [{new}, %{tail}]")
            for (kind, old), new in zip(carried, following, strict=True)
        ]

    def parts(
        self, start: str, stop: str, total: int, step: int, body: Callable[[str, int], None]
    ) -> None:
        """`body(i, size)` for units start to stop of those of `step` that `total` has: only
        the last may be smaller, and has code of its own.
        """
        whole, rest = total // step, total % step
        if whole:
            until = self.least(stop, whole) if rest else stop
            self.loop(start, until, 1, lambda i, _: body(i, step))
        if rest:
            within = self.test("sgt", stop, whole)
            if start not in ("0", str(whole)):
                some = self.test("slt", start, whole + 1)
                within = self.op("and", "i1", within, some)
            self.when(within, lambda: body(str(whole), rest))

    def when(
        self,
        condition: str,
        body: Callable[[], Sequence[str] | None],
        otherwise: Sequence[tuple[str, str]] = (),
    ) -> list[str]:
        """Run `body` if the condition holds; its values then, else those of `otherwise`, given as
        (type, value). A condition "true" or "false" is decided here.
        """
        if condition in ("true", "false"):
            return list(body() or ()) if condition == "true" else [v for _, v in otherwise]
        then, after, before = self.label("then"), self.label("end"), self.block
        self.do(f"br i1 {condition}, label %{then}, label %{after}")
        self.begin(then)
        values, tail = list(body() or ()), self.block
        self.do(f"br label %{after}")
        self.begin(after)
        return [
            self.let(f"phi {kind} [{new}, %{tail}], [{old}, %{before}]")
            for (kind, old), new in zip(otherwise, values, strict=True)
        ]

    def test(self, how: str, x: Index, y: Index) -> str:
        """A comparison of indices, `slt`, `eq`, ...; "true" or "false" between constants."""
        x, y = str(x), str(y)
        if _constant(x) and _constant(y):
            found = {"slt": int(x) < int(y), "eq": int(x) == int(y), "sgt": int(x) > int(y)}
            return "true" if found[how] else "false"
        return self.compare(how, "i64", x, y)


class Room:
    """Scratch memory, handed out in pieces aligned to 64 bytes."""

    def __init__(self, e: Code) -> None:
        self.e, self.bytes = e, 0

    def take(self, count: int) -> str:
        """Room for so many elements."""
        size = SIZES[self.e.scalar]
        place = self.e.at("%scratch", self.bytes // size)
        self.bytes += -(-count * size // 64) * 64
        return place

    def plan(self, name: str, pointers: Sequence[str], units: int) -> Plan:
        """The kernel with these arguments."""
        e = self.e
        head = [f"ptr noalias {x}" for x in (*pointers, "%scratch")]
        ir = e.function(name, [*head, "i64 %begin", "i64 %end"])
        return Plan(name, ir, e.declared, self.bytes, units)


def _constant(index: str) -> bool:
    return index[0] != "%"
