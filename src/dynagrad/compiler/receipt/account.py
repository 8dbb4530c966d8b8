"""One recorded course, for people: what was recorded, made of it, asked at each call, and how the
native code compares with the recorded run. Imports costs, measure, native, passes, report, variant,
witness.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from os.path import basename
from typing import Any

import numpy as np
from numpy import ndarray

from ...errors import source_place
from ..census.guards import Guard, shown
from ..codegen.report import Part
from ..ir.graph import Graph, Value
from ..ir.passes import simplify
from ..native.llvm import Library, NativeError, build
from .costs import cost
from .measure import Measurement, measure
from .page import Section
from .witness import Comparison, memory

#: lines of a list that are shown, of buffers, and kinds of operations
SHOWN, LARGE, FEW = 40, 8, 8
#: bytes of inputs that a measurement works on
LARGEST = 1 << 30
_PLAIN = ("source", "constant", "reshape", "transpose", "broadcast", "slice", "iota", "item")


class Account:
    """What `explain()` knows of a course: see the module's text.

    `before` is the recorded graph, `after` what was compiled; `comparison` the native code beside
    the recorded run; `runs`, `missed` and `why` say how often it ran, how often it did not fit a
    call that no other course fitted, and why not the last time.
    """

    def __init__(self, variant: Any, number: int, lock: Any) -> None:
        self.variant, self.number, self.lock = variant, number, lock
        self.before: Graph = variant.graph
        course = variant.course
        self.native_runs: int = 0 if course is None else course.runs
        self.runs: int = variant.runs + self.native_runs
        self.missed, self.why = variant.missed, variant.why
        self.comparison: Comparison | None = None
        self.measured: Measurement | None = None

    @cached_property
    def after(self) -> Graph:
        """The graph that was compiled."""
        return simplify(self.before)

    def settle(self, *, measure: bool) -> None:
        """Compare, and time, the native code."""
        with self.variant.alone():
            self.comparison = self.variant.compare()
            if measure:
                self.measured = self._measure()

    def library(self) -> Library:
        """The compiled code, with its source. NativeError where there is none."""
        program = self.variant.program
        if not hasattr(program, "library"):
            raise NativeError("this course is computed with NumPy: there is no native code")
        library: Library = program.library
        # code that came from the cache by the graph's key has no source
        return library if library.ir else build(program.module.text(), opt=1)

    # --- measuring --------------------------------------------------------------------------------

    def _measure(self) -> Measurement:
        program = self.variant.program
        if not hasattr(program, "steps"):
            return Measurement(0.0, {}, "there is no native code to measure")
        slots = program.graph.slots
        if sum(np.prod(s.shape, dtype=float) * s.dtype.itemsize for s in slots) > LARGEST:
            return Measurement(0.0, {}, f"more than {LARGEST >> 30} GiB: not measured")
        witness = self.variant.witness
        held = witness.inputs if witness is not None and witness.inputs else self._present()
        inputs = [memory(slot) for slot in slots]
        for slot, array in held.items():
            inputs[slot][...] = array
        return measure(program, inputs, {} if witness is None else witness.draws)

    def _present(self) -> dict[int, ndarray]:
        """What the slots hold now, where the recorded inputs were not kept."""
        variant = self.variant
        held = {i: a for i, a in enumerate(variant.arrays) if a is not None}
        held.update({option.slot: np.asarray(option.read()) for option in variant.options})
        return {slot: held[slot] for slot in variant.program.graph.sources if slot in held}

    # --- what is shown ----------------------------------------------------------------------------

    def sections(self) -> list[Section]:
        """Titles with lines."""
        found = [
            (f"course {self.number}, recorded at {_line(self.variant.place)}", self._head()),
            ("graph", self._graph()),
        ]
        if hasattr(self.variant.program, "report"):
            found += self._native()
        guards = _guards(self.variant.guards)
        count = len(self.variant.guards)
        own = f"{len(self.variant.snapshots)} dictionaries of modules and optimizers"
        found.append((f"guards: {count}, and {own}", [*self._entry(), *_listed(guards)]))
        if self.variant.changes:
            texts = [change.effect.text for change in self.variant.changes]
            found.append(("after the native code, in Python", _listed(texts)))
        checks = [check.text for check in self.after.checks]
        title = f"checks of values, before anything is written: {len(checks)}"
        found.append((title, _listed(checks)))
        return found

    def _head(self) -> list[str]:
        v = self.variant
        lines = [f"arguments: {', '.join(map(_leaf, v.leaves)) or 'none'}"]
        lines.append(
            f"ran {self.runs} times, {self.native_runs} of them from the gate to the result"
        )
        if self.missed:
            lines.append(f"did not fit {self.missed} calls; the last time because {self.why}")
        lines.append(f"native code beside the recorded run: {self.comparison}")
        if self.measured is not None and not self.measured.remark:
            lines.append(f"a step of native code takes {_time(self.measured.step)}")
        elif self.measured is not None:
            lines.append(f"time: {self.measured.remark}")
        times = f"recorded in {_time(v.recorded)}, compiled in {_time(v.compiled)}"
        return [*lines, times + self._times()]

    def _times(self) -> str:
        report = getattr(self.variant.program, "report", None)
        if report is None:
            return ""
        if report.from_cache:
            return " with code from the cache on disk"
        return " (" + ", ".join(f"{k} {ms:.1f} ms" for k, ms in report.times.items()) + ")"

    def _graph(self) -> list[str]:
        lines = [
            f"recorded: {_contents(self.before)}",
            f"compiled: {_contents(self.after)}",
        ]
        derived = self.variant.derived
        if derived is not None:
            when = "not compiled yet" if self.variant.backward is None else "compiled"
            lines.append(f"backward pass, {when}: {_contents(derived.graph)}")
        for scheduler, _, _ in self.variant.deferred:
            lines.append(f"after each run: {type(scheduler).__name__}.step, in Python")
        return lines

    def _entry(self) -> list[str]:
        course = self.variant.course
        if course is None:
            return ["the gate does not know it yet: no later call has fitted"]
        if course.usable:
            return ["they are compared by native code"]
        return [f"they are asked from Python: {course.why or 'the gate was of no use'}"]

    def _native(self) -> list[Section]:
        report = self.variant.program.report
        parts = [line for part in report.parts for line in self._part(part)]
        calls = [_call(v) for v in self.after.values if v.op == "call"]
        found: list[Section] = [("native code", parts)]
        if calls:
            found.append((f"calls back into NumPy: {len(calls)}", calls))
        in_slots = sum(b.slot is not None for b in report.buffers)
        title = (
            f"memory: {_bytes(report.scratch)} of scratch, {_bytes(report.without_reuse)} without"
        )
        title += f" reuse; {in_slots} values are computed where they are wanted"
        return [*found, (title, _listed(map(_buffer, _by_size(report.buffers)), LARGE))]

    def _part(self, part: Part) -> list[str]:
        head = {"block": "single numbers", "scatter": "rows put in places", "turn": "turned"}.get(
            part.kind, part.kind
        )
        if part.kind == "loop":
            rows = f" in rows of {part.row}, {part.phases} times each" if part.row else ""
            head = f"{part.function} over {part.elements}{rows}"
        elif part.kind == "product":
            x, y = (list(v.shape) for v in part.values[0].inputs)
            head = f"product of {x} and {y} by {'BLAS' if part.kernel == 'blas' else 'a kernel'}"
        elif part.kind == "call":
            head = "call into NumPy"
        operations = _operations([v.op for v in part.values if v.op not in _PLAIN])
        if part.kind == "call":
            operations = _call_name(part.values[0])
        return [
            f"{head}: {operations or 'copies'}{self._effort(part)}",
            *(f"  {line}" for line in lines_of(part.values)),
        ]

    def _effort(self, part: Part) -> str:
        found = cost(self.variant.program, part)
        text = f"; {_amount(found.operations)}operations, {_bytes(found.bytes)}"
        if part.kind in ("block", "call"):
            text = ""
        if self.measured is None or part.number not in self.measured.groups:
            return text
        if part.kind == "call" and part.values[0].data.effects:
            return f"{text}; not timed: it draws random numbers"
        seconds = self.measured.groups[part.number]
        text += f"; {_time(seconds)}"
        if seconds < 1e-7 or part.kind in ("block", "call"):
            return text
        rate, stream = found.operations / seconds / 1e9, found.bytes / seconds / 1e9
        unit = "GFLOP/s" if part.kind == "product" else "Gop/s"
        return f"{text}, {rate:.1f} {unit}, {stream:.1f} GB/s"


# --- words ----------------------------------------------------------------------------------------


def lines_of(values: Iterable[Value]) -> list[str]:
    """The user's lines that values come from, each once."""
    return list(dict.fromkeys(_line(v.place) for v in values if v.place and v.place[0] is not None))


def _line(place: Any) -> str:
    if not place or place[0] is None:
        return "an unknown place"
    file, line, text = source_place(*place)
    return f"{basename(file)}:{line}" + (f": {text}" if text else "")


def _leaf(leaf: Any) -> str:
    if leaf.kind == "tensor":
        shape, dtype, _ = leaf.geometry
        return f"{dtype.name}{list(shape)}" + (" with gradient" if leaf.requires else "")
    if leaf.kind == "number":
        return "any float"
    if leaf.kind == "same":
        return f"this {type(leaf.expected).__name__}"
    return shown(leaf.expected)


def _contents(graph: Graph) -> str:
    counts = Counter(v.op for v in graph.values if v.op not in _PLAIN)
    most = ", ".join(f"{n} {op}" for op, n in counts.most_common(FEW))
    rest = f" and {len(counts) - FEW} other kinds" if len(counts) > FEW else ""
    return f"{len(graph.values)} values" + (f": {most}{rest}" if most else "")


def _operations(names: list[str]) -> str:
    if len(names) <= FEW:
        return " ".join(names)
    counts = Counter(names)
    most = ", ".join(f"{n} {name}" for name, n in counts.most_common(FEW))
    return most + (f" and {len(counts) - FEW} other kinds" if len(counts) > FEW else "")


def _call_name(v: Value) -> str:
    fun = getattr(v.data.fun, "kernel", v.data.fun)
    name = getattr(fun, "__qualname__", None) or type(fun).__name__
    return name.partition(".<locals>")[0]


def _call(v: Value) -> str:
    return f"{_call_name(v)} at {_line(v.place)}"


def _buffer(buffer: Any) -> str:
    v = buffer.value
    where = f"at {buffer.offset}"
    if buffer.slot is not None:
        where = f"in slot {buffer.slot}"
    elif buffer.takes_over is not None:
        where += f", the memory of %{buffer.takes_over.number}"
    return f"%{v.number} {v.op} {v.dtype.name}{list(v.shape)}: {_bytes(buffer.bytes)} {where}"


def _by_size(buffers: Iterable[Any]) -> list[Any]:
    return sorted(buffers, key=_size, reverse=True)


def _size(buffer: Any) -> int:
    return buffer.bytes


def _guards(guards: list[Guard]) -> list[str]:
    """Guards in words, those of what the framework itself looks up together."""
    own = [guard.text for guard in guards if guard.file or guard.kind not in ("methods", "object")]
    classes = sorted({guard.on[0].__name__ for guard in guards if guard.kind == "methods"})
    things = sum(guard.kind == "object" and not guard.file for guard in guards)
    if classes:
        own.append(f"the methods of classes are what they were: {', '.join(classes)}")
    if things:
        own.append(f"modules, optimizers and tensors have the classes that they had: {things}")
    return own


def _listed(lines: Iterable[str], most: int = SHOWN) -> list[str]:
    """Lines with how often each is there; what is left out is counted."""
    counts = Counter(lines)
    found = [text + (f" ({n} times)" if n > 1 else "") for text, n in counts.items()]
    rest = len(found) - most
    return found if rest <= 0 else [*found[:most], f"... and {rest} more"]


def _amount(n: float) -> str:
    for unit in ("", "thousand ", "million "):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} billion "


def _bytes(n: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.4g} {unit}"
        n /= 1024
    return f"{n:.4g} GiB"


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} us"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
