"""Powers of single numbers, as optimizers take of their decay rates: x^t, where x is the same in
every step. Those that do not need each other share a vector, and the logarithm of x is computed
again only when x has changed: see power.usual. Imports elements, emit, graph, index, pull,
schedule, vmath.
"""

from ..ir.graph import Value
from ..vmath import power
from . import elements
from .emit import Emitter, element, lanes, like
from .index import ZERO
from .pull import Reader
from .schedule import Schedule


def fixed(schedule: Schedule) -> set[Value]:
    """The values that no slot written changes."""
    found: set[Value] = set()
    for v in schedule.order:
        if v.op == "source":
            is_fixed = v.attrs[0] not in schedule.graph.writes
        else:
            is_fixed = v.op not in ("call", "item") and all(x in found for x in v.inputs)
        if is_fixed:
            found.add(v)
    return found


def grouped(schedule: Schedule, unchanging: set[Value]) -> list[list[Value]]:
    """Powers of numbers that do not change, in groups: each needs none but of groups before it."""
    depth: dict[Value, int] = {}
    groups: dict[tuple[int, str], list[Value]] = {}
    for v in schedule.order:
        depth[v] = max([depth[x] for x in v.inputs], default=0)
        quick = v.op == "pow" and v.size == 1 and v.dtype.char in "fd" and v not in unchanging
        if quick and v.inputs[0] in unchanging and v in schedule.home:
            groups.setdefault((depth[v], v.dtype.char), []).append(v)
            depth[v] += 1
    return [groups[key] for key in sorted(groups)]


class Powers:
    """One group under construction: `kind` is the type of all of them."""

    def __init__(self, reader: Reader, group: list[Value]) -> None:
        self.reader, self.e, self.group = reader, reader.e, group
        self.dtype = group[0].dtype
        self.kind = elements.wide(elements.register(self.dtype), len(group))

    def operands(self, which: int) -> list[str]:
        """The bases (0) or the exponents (1)."""
        return [self.reader.at(v.inputs[which], ZERO) for v in self.group]

    def keep(self, found: str) -> None:
        """A vector has the powers."""
        for v, name in zip(self.group, apart(self.e, found, self.kind), strict=True):
            self.reader.keep((v, ZERO), name)

    def logarithms(self) -> tuple[tuple[str, str], str]:
        """Those of the bases, and whether all bases will do."""
        bases = together(self.e, self.operands(0), self.kind)
        head, tail, usual = power.usual_base(self.e, bases, self.kind)
        return (head, tail), all_of(self.e, usual, self.kind)

    def raised(self, logarithms: tuple[str, str]) -> tuple[str, str]:
        """The powers as a vector, and whether all exponents will do."""
        exponents = together(self.e, self.operands(1), self.kind)
        found, usual = power.usual(self.e, *logarithms, exponents, self.kind)
        return found, all_of(self.e, usual, self.kind)

    def remembered(self) -> None:
        """The powers, with logarithms from the call before if the bases are those of then."""
        e, kind = self.e, self.kind
        whole = like(kind, "i64" if element(kind) == "double" else "i32")
        bases = self.operands(0)
        memo = f"@powers{sum(name.startswith('@powers') for name in e.declared)}"
        record = f"{{ {whole}, {kind}, {kind}, i1 }}"
        e.declared[memo] = f"{memo} = internal global {record} zeroinitializer"
        places = [
            e.let(f"getelementptr {record}, ptr {memo}, i32 0, i32 {part}") for part in range(4)
        ]
        bits = e.convert("bitcast", together(e, bases, kind), kind, whole)
        seen = e.let(f"load {whole}, ptr {places[0]}")
        learn, known, slow, done = (e.label(name) for name in ("learn", "known", "slow", "done"))
        same = all_of(e, e.compare("eq", whole, bits, seen), kind)
        e.do(f"br i1 {same}, label %{known}, label %{learn}")
        e.begin(learn)
        logarithms, usual = self.logarithms()
        types = (whole, kind, kind, "i1")
        for name, where, its in zip((bits, *logarithms, usual), places, types, strict=True):
            e.do(f"store {its} {name}, ptr {where}")
        e.do(f"br label %{known}")
        e.begin(known)
        head, tail = (e.let(f"load {kind}, ptr {where}") for where in places[1:3])
        quick, usual = self.raised((head, tail))
        usual = e.op("and", "i1", usual, e.let(f"load i1, ptr {places[3]}"))
        e.do(f"br i1 {usual}, label %{done}, label %{slow}")
        e.begin(slow)
        pairs = zip(bases, self.operands(1), strict=True)
        single = [elements.library(e, "pow", self.dtype, pair) for pair in pairs]
        slowly = together(e, single, kind)
        e.do(f"br label %{done}")
        e.begin(done)
        self.keep(e.let(f"phi {kind} [ {quick}, %{known} ], [ {slowly}, %{slow} ]"))


def together(e: Emitter, names: list[str], kind: str) -> str:
    """Numbers as a vector."""
    if len(names) == 1:
        return names[0]
    found = "poison"
    for i, name in enumerate(names):
        found = e.let(f"insertelement {kind} {found}, {element(kind)} {name}, i64 {i}")
    return found


def apart(e: Emitter, name: str, kind: str) -> list[str]:
    """The numbers of a vector."""
    count = lanes(kind)
    if count == 1:
        return [name]
    return [e.let(f"extractelement {kind} {name}, i64 {i}") for i in range(count)]


def all_of(e: Emitter, truths: str, kind: str) -> str:
    """Whether all lanes of something like `kind` hold."""
    count = lanes(kind)
    if count == 1:
        return truths
    bits = e.let(f"bitcast <{count} x i1> {truths} to i{count}")
    return e.compare("eq", f"i{count}", bits, "-1")
