"""The text of kernels for eager operations. Imports target, native, kernels, emit.

A kernel is `void f(ptr args, i64 begin, i64 end)`, as the pool of threads calls it: `args` points
to a table of 8 bytes an entry, pointers and numbers; the range is one of rows, vectors or blocks.
"""

from collections.abc import Callable, Collection

from ..codegen.emit import element, lanes, literal
from ..kernels.ir import Code, vector
from ..kernels.machine import SIZES, machine_for
from ..native.llvm import target
from ..native.target import has_fma

__all__ = ["SIZES", "Kernel", "Module", "vector"]

#: vectors that are summed before they are added to the sum of others
PART = 64
_PARAMETERS = ("ptr %args", "i64 %begin", "i64 %end")


class Kernel(Code):
    """The body of one kernel; `kind` is the type of its full vectors, of `width` lanes."""

    def __init__(self, scalar: str, declared: dict[str, str]) -> None:
        wanted = target()
        super().__init__(machine_for(wanted), scalar)
        self.has_fma = has_fma(wanted)
        self.declared = declared
        self.width = self.machine.vector // SIZES.get(scalar, 1)
        self.kind = vector(scalar, self.width)

    def argument(self, number: int, kind: str = "ptr") -> str:
        """An entry of the table of arguments."""
        return self.let(f"load {kind}, ptr {self.at('%args', number, 'i64')}, align 8")

    def number(self, number: int) -> str:
        """A double of the table of arguments, in all lanes of a vector of the kernel's type."""
        value = self.argument(number, "double")
        if self.scalar == "float":
            value = self.convert("fptrunc", value, "double", "float")
        return self.splat(value, self.kind)

    def constant(self, value: float) -> str:
        """A vector of the same number."""
        return literal(self.kind, value)

    def mask(self, count: str) -> str:
        """The condition that holds for the first lanes, so many as `count` says."""
        steps = ", ".join(f"i64 {i}" for i in range(self.width))
        index = f"<{self.width} x i64>"
        return self.compare("ult", index, f"<{steps}>", self.splat(count, index))

    def masked_store(self, value: str, pointer: str, mask: str) -> None:
        """Write those lanes where the mask holds."""
        n, kind = lanes(self.kind), self.kind
        name = f"@llvm.masked.store.v{n}f{8 * SIZES[element(kind)]}.p0"
        self.declared[name] = f"declare void {name}({kind}, ptr, i32, <{n} x i1>)"
        align = SIZES[self.scalar]
        self.do(f"call void {name}({kind} {value}, ptr {pointer}, i32 {align}, <{n} x i1> {mask})")

    def along(
        self,
        count: str,
        body: Callable[[str, str | None, list[str]], list[str] | None],
        carried: tuple[tuple[str, str], ...] = (),
    ) -> list[str]:
        """`body(i, mask, values)` for the vectors of a row of `count` elements: i counts elements,
        and the mask is None but for a last, incomplete vector. It returns what is carried on.
        """
        w = self.width
        whole = self.op("and", "i64", count, str(-w))
        values = self.loop("0", whole, w, lambda i, v: body(i, None, v), carried)
        rest = self.sub(count, whole)
        some = self.compare("sgt", "i64", rest, "0")
        kinds = [kind for kind, _ in carried]
        return self.when(
            some,
            lambda: body(whole, self.mask(rest), values),
            list(zip(kinds, values, strict=True)),
        )

    def summed(
        self,
        count: str,
        body: Callable[[str, str | None, list[str]], list[str]],
        sums: int = 1,
    ) -> list[str]:
        """Sums along a row: as `along`, with vectors that begin at zero and are added up. A row is
        taken in parts, whose sums are added: rounding errors grow with the parts' length and
        number, not with the row's length. The sums come back as scalars.
        """
        zero = (self.kind, "zeroinitializer")
        length = PART * self.width

        def part(start: str, totals: list[str]) -> list[str]:
            size = self.least(self.sub(count, start), length)
            found = self.along(size, lambda i, m, v: body(self.add(start, i), m, v), (zero,) * sums)
            return [self.op("fadd", self.kind, t, f) for t, f in zip(totals, found, strict=True)]

        totals = self.loop("0", count, length, part, (zero,) * sums)
        return [self.total(self.kind, t) for t in totals]

    def largest(self, value: str) -> str:
        """The largest lane of a vector without NaN."""

        def larger(kind: str, low: str, high: str) -> str:
            return self.select(self.compare("ogt", kind, low, high), kind, low, high)

        return self.folded(value, larger)

    def folded(self, value: str, combine: Callable[[str, str, str], str]) -> str:
        """All lanes of a vector by halves: `combine(kind, low, high)`; a scalar."""
        n, kind = self.width, self.kind
        while n > 1:
            n //= 2
            half = vector(self.scalar, n)
            low, high = [self._half(value, kind, i, n) for i in (0, n)]
            value, kind = combine(half, low, high), half
        return value

    def _half(self, value: str, kind: str, start: int, n: int) -> str:
        if n == 1:
            return self.let(f"extractelement {kind} {value}, i64 {start}")
        return self.shuffle(kind, value, "poison", range(start, start + n))

    def read(self, pointer: str, index: str, mask: str | None, other: str | None = None) -> str:
        """A vector of a row; `other` where the mask does not hold, zeros unless given."""
        place = self.at(pointer, index)
        if mask is None:
            return self.load(place, self.kind)
        return self.masked_load(place, mask, self.kind, other or "zeroinitializer")

    def write(self, value: str, pointer: str, index: str, mask: str | None) -> None:
        """Store a vector of a row."""
        place = self.at(pointer, index)
        if mask is None:
            self.store(value, place, self.kind)
        else:
            self.masked_store(value, place, mask)


class Module:
    """Several kernels as one text; of those that are added only the ones named are kept."""

    def __init__(self, wanted: Collection[str]) -> None:
        self.wanted = wanted
        self.declared: dict[str, str] = {}
        self.functions: list[str] = []

    def kernel(self, name: str, scalar: str, write: Callable[[Kernel], None]) -> None:
        """Add a kernel; `write` emits its body."""
        if name not in self.wanted:
            return
        k = Kernel(scalar, self.declared)
        write(k)
        self.functions.append(k.function(name, _PARAMETERS))

    def add(self, function: str, declared: dict[str, str]) -> None:
        """Add a function that was generated elsewhere, and what it needs declared."""
        self.declared |= declared
        self.functions.append(function)

    def text(self) -> str:
        """The module."""
        return "\n".join([*self.declared.values(), *self.functions, ""])
