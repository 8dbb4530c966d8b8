"""What the native back end made of a graph: for people, and for `explain`. Imports graph,
segments.
"""

from typing import NamedTuple

from ..ir.graph import Value
from .segments import Module


class Part(NamedTuple):
    """One group of values that are computed together.

    `kind` is loop, block (straight-line code), product, scatter or call; `function` the name of its
    function, which equal loops share. `elements` is how many a loop goes over, `row` how many of
    them are a row, 0 without rows, `phases` how often it goes over a row. `kernel` says what does
    a product: "own" or "blas". `values` are those of the graph that was given, in order; `stored`
    says what became of each: "register", "stack", "scratch" or "slot". `number` is the group's.
    """

    kind: str
    function: str
    elements: int
    row: int
    phases: int
    kernel: str
    values: tuple[Value, ...]
    stored: tuple[str, ...]
    number: int


class Buffer(NamedTuple):
    """Memory of a value: bytes, offset in the scratch memory, or the slot that it lies in (offset
    -1); `takes_over` for the memory of a value that is read for the last time there.
    """

    value: Value
    bytes: int
    offset: int
    slot: int | None
    takes_over: Value | None


class Report(NamedTuple):
    """What was made of a graph.

    `scratch` are the bytes of scratch memory, `without_reuse` what it would be if every value had
    its own; `times` milliseconds: `text`, and those of native.Library; `from_cache` whether the
    machine code was on disk.
    """

    parts: list[Part]
    buffers: list[Buffer]
    scratch: int
    without_reuse: int
    times: dict[str, float]
    from_cache: bool

    def __str__(self) -> str:
        lines = [str_of(part) for part in self.parts]
        lines.append(f"scratch memory: {self.scratch} bytes ({self.without_reuse} without reuse)")
        times = ", ".join(f"{name} {ms:.1f}" for name, ms in self.times.items())
        lines.append(f"milliseconds: {times}{' (from the cache)' if self.from_cache else ''}")
        return "\n".join(lines)


def str_of(part: Part) -> str:
    """A part in one line."""
    head = part.kind
    if part.kind == "loop":
        rows = f" in rows of {part.row}, {part.phases} phases" if part.row else ""
        head = f"{part.function} over {part.elements}{rows}"
    elif part.kernel:
        head = f"{part.kind} by {part.kernel}"
    marks = {"register": "", "stack": " (row)", "scratch": " (stored)", "slot": " (slot)"}
    names = [
        f"%{v.number} {v.op}{marks[where]}"
        for v, where in zip(part.values, part.stored, strict=True)
    ]
    return f"{head}: {', '.join(names)}"


def report(
    module: Module, found: dict[Value, Value], times: dict[str, float], *, from_cache: bool
) -> Report:
    """The report on a program; `found` leads from the values of the graph that was given to those
    that were compiled.
    """
    given: dict[Value, Value] = {}
    for old, new in found.items():
        given.setdefault(new, old)
    s, plan = module.schedule, module.plan
    parts = []
    for number, group in enumerate(s.groups):
        values = [v for v in group.values if any(g == number for g, _ in s.places.get(v, ()))]
        if values:
            parts.append(_part(module, number, values, given))
    buffers = [
        Buffer(
            given.get(v, v),
            v.size * v.dtype.itemsize,
            plan.offsets.get(v, -1),
            plan.slots.get(v),
            plan.shared.get(v),
        )
        for v in s.order
        if v in plan.offsets or v in plan.slots
    ]
    return Report(parts, buffers, plan.size, plan.demand, times, from_cache)


def _part(module: Module, number: int, values: list[Value], given: dict[Value, Value]) -> Part:
    s, group = module.schedule, module.schedule.groups[number]
    written = module.written.get(number)
    name = kernel = ""
    if number in module.kernels:
        name, kernel = module.functions.get(module.kernels[number].ir, ""), "own"
    elif group.kind == "product":
        kernel = "blas"
    elif written is not None:
        merged = written.merged(module.plan.same_memory(number))
        name = module.functions.get(merged.text, "")
    phases = 1 + max(s.phase[v] for v in values) if group.kind == "loop" else 0
    elements = group.size if group.kind == "loop" else sum(v.size for v in values)
    shown = tuple(given.get(v, v) for v in values)
    where = tuple(_where(module, v) for v in values)
    return Part(group.kind, name, elements, group.inner or 0, phases, kernel, shown, where, number)


def _where(module: Module, v: Value) -> str:
    if v in module.plan.slots:
        return "slot"
    if v in module.schedule.stored:
        return "scratch"
    return "stack" if v in module.schedule.local else "register"
