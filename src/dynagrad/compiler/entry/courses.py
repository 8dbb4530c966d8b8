"""From a variant to the instructions of the gate: guards as comparisons of pointers, its results
and what it leaves as instructions afterwards. Imports gate, layout, snapshots.

A variant's instructions hold addresses of objects that the variant keeps alive, and are written
anew whenever the slow path has found that it fits with other objects (a new learning rate, another
array under a parameter). What has no native form makes the variant one that Python runs.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy import ndarray

from ...core import tape
from ...core.dtype import process_default
from ...core.storage import address
from ...core.tape import clock, grad_mode
from ...core.tensor import Tensor
from ...core.watch import PLAIN
from ..census.classes import half_word
from ..census.guards import MISSING, Guard, namespace
from ..ir.graph import Slot
from .gate import ARGUMENT, CODE, COURSE, HASH, NEW, OBJECT, ONE, OUTPUT, RUN, TOGETHER, TUPLE, Gate
from .layout import word

#: references to a gradient, and to its array, that only the step knows: a slot and the pair in
#: `handed`
_REFERENCES = 2
#: a dictionary's number of entries, a list's, a tuple's and a set's lie there
_LENGTH = {dict: 16, list: 16, tuple: 16, set: 24, frozenset: 24}
_SCALARS = (bool, type(None), str, bytes)
#: programs of fewer elementary operations than this run under the interpreter's lock
SHORT = 1_000_000
_SET_USED = 24
_WORD = (1 << 64) - 1


class Unsupported(Exception):
    """A guard without a native form."""


class Course:
    """The instructions of one variant, and the words that the gate reads of it."""

    def __init__(self, gate: Gate, variant: Any, run: Callable, stance: dict) -> None:
        self.gate, self.at, self.variant, self.stance = gate, gate.layout, variant, stance
        self.words = np.zeros(len(COURSE), np.int64)
        self.place: int = self.words.ctypes.data
        #: what the gate makes of the shapes of its arguments
        self.hash = 0
        self.run = run
        #: [what the counter said at the last native call, how many native calls]
        self.ticks = np.zeros(2, np.int64)
        self.settled = 0
        self.keep: list[Any] = []
        self.usable = False
        #: why not, for `explain()`
        self.why = ""
        tape.native_writers.add(self)

    @property
    def runs(self) -> int:
        """How many calls ran natively from end to end."""
        return int(self.words[COURSE.index("runs")])

    @property
    def busy(self) -> bool:
        """Whether it is at work, so that the gate leaves it alone."""
        return bool(self.words[COURSE.index("busy")])

    @busy.setter
    def busy(self, busy: bool) -> None:
        self.words[COURSE.index("busy")] = busy

    # --- writing ----------------------------------------------------------------------------------

    def write(self) -> None:
        """Write the instructions for what holds now."""
        self.code: list[tuple[int, int, int, int]] = []
        #: words that must have a value, in the order in which they are compared, and dictionaries
        #: with what is compared if they changed
        self.equal: dict[tuple[int, int], None] = {}
        self.groups: list[tuple[dict, Callable[[], None]]] = []
        self.classes: set[type] = set()
        self.kept: list[Any] = []
        try:
            self._write()
            self.hash = _hash(self.variant.leaves)
            self.usable = True
            self.why = ""
        except Unsupported as unsupported:
            self.usable = False
            self.why = str(unsupported)

    def _write(self) -> None:
        variant = self.variant
        if not all(snapshot.holds() for snapshot in variant.snapshots):
            raise Unsupported("it changes what it asks for")
        self.table = np.zeros(max(1, len(variant.graph.slots)), np.uint64)
        for slot, a in enumerate(variant.arrays):
            if a is not None:
                self.table[slot] = address(a)
        self._arguments()
        self._settings()
        self._tensors()
        self._options()
        for snapshot in variant.snapshots:
            self._snapshot(snapshot)
        for guard in variant.guards:
            self._guard(guard)
        results = self._results()
        if results["kind"] != RUN:
            self._gradients()
        self._collected()
        before = self._block()
        if results["kind"] != RUN:
            self._afterwards()
        after = self._block()
        words = dict.fromkeys(COURSE, 0) | results
        words["before"], words["n_before"] = before.ctypes.data, len(before)
        words["after"], words["n_after"] = after.ctypes.data, len(after)
        words["table"] = self.table.ctypes.data
        words["step"] = variant.program.address or 0
        words["run"] = id(self.run)
        for name in ("busy", "runs"):
            words[name] = self.words[COURSE.index(name)]
        self.kept += [before, after]
        self.keep = self.kept
        self.words[:] = [int(words[name]) for name in COURSE]

    def _block(self) -> ndarray:
        block = np.array(self.code, np.int64).reshape(-1, 4)
        self.code = []
        return block

    def _same(self, at: int, value: int) -> None:
        """The word at an address has this value."""
        self.equal[at, value] = None

    def _collected(self) -> None:
        """What is compared word by word in one loop; then the dictionaries, none of which is looked
        at as long as no version has changed. A class changes with those that it derives from.
        """
        for kind in self.classes:
            if not any(kind in other.__mro__[1:] for other in self.classes):
                at = id(kind) + self.at.class_version
                if at % 8 == 0 and word(at) == half_word(at):  # nothing but zeros beside it
                    self._same(at, half_word(at))
                else:
                    self._do("HALF", at, half_word(at))
        self._do("EQUALS", *self._pairs(list(self.equal)), 0)
        versions = [(at, word(at)) for at in (self._version(held) for held, _ in self.groups)]
        first = len(self.code)
        seen, count = self._pairs(versions)
        self._do("UNCHANGED", seen, count)
        for place, (held, compare) in enumerate(self.groups):
            its = seen + 16 * place + 8
            start = len(self.code)
            self._do("SKIP", self._version(held), its, 0)
            self._do("EQUAL", id(held) + 16, len(held))
            compare()
            self._do("COPY", self._version(held), its)
            self._reach(start)
        self._reach(first)

    def _pairs(self, pairs: list[tuple[int, int]]) -> tuple[int, int]:
        """Where pairs of an address and its value lie, and how many: as many as are compared at a
        time; the last ones are their own addresses, so that they hold.
        """
        count = -(-len(pairs) // TOGETHER) * TOGETHER
        words = np.zeros((count, 2), np.int64)
        start = words.ctypes.data
        more = [(start + 16 * i + 8, 0) for i in range(len(pairs), count)]
        words[:] = np.array([*pairs, *more], np.int64).reshape(-1, 2)
        self.kept.append(words)
        return start, count

    def _reach(self, start: int) -> None:
        """Let the instruction at `start` skip all that followed it."""
        self.code[start] = (*self.code[start][:3], len(self.code) - start - 1)

    def _version(self, held: dict) -> int:
        return id(held) + self.at.dict_version

    def _entry(self, held: dict, key: Any, value: int) -> None:
        """A dictionary has this value (an address, or 0) under a key."""
        found = entry_of(held, key) if self.at.dict_version else None
        self.kept += [held, key]
        if found is None or (value == 0) is not (found[1] is None):
            self._do("DICT", id(held), id(key), value)
            return
        keys, at, entries = found
        self._same(id(held) + 32, keys)
        if at is not None:
            self._same(at, value)
        else:
            self._same(keys + 24, entries)

    def _element(self, held: list, i: int, x: Any) -> None:
        """A list has this element at this place."""
        items = word(id(held) + 24)
        self.kept.append(held)
        self._same(id(held) + 16, len(held))
        self._same(id(held) + 24, items)
        self._same(items + 8 * i, self._held(x))

    def _do(self, name: str, a: int, b: int = 0, c: int = 0) -> None:
        self.code.append((CODE[name], a, b, c))

    def _held(self, x: Any) -> int:
        """An object's address; it is kept alive."""
        self.kept.append(x)
        return id(x)

    # --- what has to hold -------------------------------------------------------------------------

    def _arguments(self) -> None:
        variant = self.variant
        positional, keywords = variant.spec.parts
        if keywords.parts or any(part.kind is not None for part in positional.parts):
            raise Unsupported("keywords or containers as arguments")
        self._do("COUNT", len(variant.leaves))
        slots = dict(variant.arguments)
        given = set(slots.values())
        spans = self._spans(set(variant.graph.writes) - given - set(variant.outputs))
        if any(slot in variant.graph.writes for slot in given):
            if len(given) > 1:
                raise Unsupported("an argument that is written, beside others")
            spans = self._spans(set(variant.outside) - given)
        for i, leaf in enumerate(variant.leaves):
            if leaf.kind == "tensor":
                self._tensor_argument(i, leaf, slots.get(i), spans)
            elif leaf.kind == "same" or type(leaf.expected) in _SCALARS or _is_small(leaf.expected):
                self._do("SAME", i, self._held(leaf.expected))
            elif leaf.kind == "number":
                a = variant.arrays[dict(variant.numbers)[i]]
                self.kept.append(a)
                self._do("FLOAT", i, address(a))
            elif type(leaf.expected) is float:
                self._do("NUMBER", i, int(np.float64(leaf.expected).view(np.int64)))
            else:
                raise Unsupported(f"argument {i}")

    def _tensor_argument(self, i: int, leaf: Any, slot: int | None, spans: ndarray) -> None:
        shape, dtype, strides = leaf.geometry
        low = sum((n - 1) * s for n, s in zip(shape, strides, strict=True) if s < 0 and n)
        high = sum((n - 1) * s for n, s in zip(shape, strides, strict=True) if s > 0 and n)
        if slot is None:  # it is never read: its address goes where nobody looks
            slot, spans = len(self.table) - 1, spans[:0]
            if slot in dict(self.variant.arguments).values():
                raise Unsupported("an argument that is not read")
        block = [self._held(leaf.expected), int(leaf.requires), len(shape), self._held(dtype)]
        block += [slot, low, high + dtype.itemsize if 0 not in shape else 0]
        block += [spans.ctypes.data, len(spans), *shape, *strides]
        words = np.array(block, np.int64)
        self.kept += [words, spans]
        self._do("TENSOR", i, words.ctypes.data)

    def _spans(self, slots: set[int]) -> ndarray:
        """Memory from before the step that arguments must not show."""
        arrays = [self.variant.arrays[slot] for slot in sorted(slots)]
        spans = [np.lib.array_utils.byte_bounds(a) for a in arrays if a is not None and a.size]
        return np.array(spans, np.int64).reshape(-1, 2)

    def _settings(self) -> None:
        mode, default = self.variant.mode
        self._do("CONTEXT", id(grad_mode), id(mode))
        if not PLAIN:
            raise Unsupported("operations are watched")
        self._same(id(PLAIN) + _SET_USED, len(PLAIN))
        self._element(process_default, 0, default)
        self._entry(self.stance, "name", self._held(self.stance["name"]))

    def _tensors(self) -> None:
        at, variant = self.at, self.variant
        for slot, t, edge in variant.pinned:
            self._same(id(t) + at.array, self._held(variant.arrays[slot]))
            self._same(id(t) + at.edge, self._held(edge))
        for edge, extra in variant.extras:
            self._same(self._held(edge) + at.extra, self._held(extra))
        for slot, t in variant.grown:
            g = t._g
            self._same(id(t) + at.gradient, self._held(g))
            self._same(id(g) + at.array, self._held(variant.arrays[slot]))
            self._same(id(g) + at.edge, id(None))
        for t in variant.no_gradient:
            self._do("EITHER", id(t) + at.gradient, id(None), 0)
        for t, _ in variant.written:
            self._same(id(t) + at.family, self._held(t._v))

    def _options(self) -> None:
        for group, held in self.variant.groups:
            options = [o for o in self.variant.options if o.group is group]
            self._unless_unchanged(group, lambda g=group, h=held, o=options: self._group(g, h, o))
            params = group["params"]
            self._same(id(params) + 16, len(params))
            for i, p in enumerate(params):
                self._element(params, i, p)

    def _group(self, group: dict, held: dict, options: list) -> None:
        for key in held:
            self._do("DICT", id(group), self._held(key), self._held(group[key]))
        for option in options:
            value = group[option.key]
            if option.index is None and type(value) is float:
                # not what it was when the course ran: a scheduler may have changed it
                self.variant.arrays[option.slot][...] = value
                at = address(self.variant.arrays[option.slot])
                self._do("OPTION", id(group), self._held(option.key), at)
            else:
                self._do("DICT", id(group), self._held(option.key), self._held(value))
                # a scheduler may have set it since the last run read it
                self.variant.arrays[option.slot][...] = option.read()

    def _unless_unchanged(self, held: dict, compare: Callable[[], None]) -> None:
        """Comparisons that are skipped while a dictionary has not changed at all."""
        self.kept.append(held)
        if self.at.dict_version:
            self.groups.append((held, compare))
        else:
            self._same(id(held) + 16, len(held))
            compare()

    def _snapshot(self, snapshot: Any) -> None:
        held = snapshot.held

        def compare() -> None:
            for key in (*snapshot.entries, *snapshot.loose):
                self._do("DICT", id(held), self._held(key), self._held(held[key]))

        self._unless_unchanged(held, compare)
        for key in snapshot.entries:
            if type(held[key]) is list:
                self._same(id(held[key]) + 16, len(held[key]))
                for i, x in enumerate(held[key]):
                    self._element(held[key], i, x)

    def _guard(self, guard: Guard) -> None:
        kind, on, expected = guard.kind, guard.on, guard.expected
        if kind in ("call", "argument"):
            if kind == "argument" and len(on[0]) > 1:
                raise Unsupported(guard.text)
            return  # what the arguments are is compared with the leaves
        if not guard.holds():  # another thread has changed it since the course ran
            raise Unsupported(guard.text)
        known = ("container", "object", "methods")
        if guard.by not in ("identity", "value") and kind not in known:
            raise Unsupported(guard.text)
        if kind in ("global", "item", "keyword"):
            value = 0 if expected is MISSING else self._held(on[0].get(on[1]))
            self._entry(on[0], on[1], value)
        elif kind == "list" and on[1] >= 0 and on[1] < len(on[0]):
            self._same(self._held(on[0]) + 16, len(on[0]))
            self._do("LIST", id(on[0]), on[1], self._held(on[0][on[1]]))
        elif kind == "cell":
            self._same(self._held(on[0]) + self.at.cell, self._held(on[0].cell_contents))
        elif kind == "attribute":
            self._attribute(guard)
        elif kind in ("class", "methods"):
            self._class(on[0])
        elif kind == "function":
            self._function(on[0])
        elif kind in ("container", "object"):
            self._whole(guard)
        else:
            raise Unsupported(guard.text)

    def _attribute(self, guard: Guard) -> None:
        owner, name = guard.on
        if type(owner).__getattribute__ is object.__getattribute__ and not isinstance(owner, type):
            found = guard.fetch()
            if found is not MISSING:
                self._do("ATTRIBUTE", self._held(owner), self._held(name), self._held(found))
                self._class(type(owner))
                return
        own = namespace(owner)
        if own is None or not (isinstance(owner, ModuleType) or guard.expected is MISSING):
            raise Unsupported(guard.text)
        found = own.get(name, MISSING)
        value = 0 if found is MISSING else self._held(found)
        self._entry(own, name, value)

    def _class(self, kind: type) -> None:
        at = id(kind) + self.at.class_version
        getattr(kind, "__init__", None)  # a lookup gives a class that was changed a new tag
        if not self.at.class_version or not half_word(at):
            raise Unsupported(f"class {kind.__name__}")
        self.kept.append(kind)
        self.classes.add(kind)

    def _function(self, f: Any) -> None:
        at = self.at
        self._same(self._held(f) + at.code, id(f.__code__))
        self._same(id(f) + at.defaults, word(id(f) + at.defaults))
        self._same(id(f) + at.keyword_defaults, word(id(f) + at.keyword_defaults))
        self.kept += [f.__code__, f.__defaults__, f.__kwdefaults__]
        for key, value in (f.__kwdefaults__ or {}).items():
            self._do("DICT", id(f.__kwdefaults__), self._held(key), self._held(value))

    def _whole(self, guard: Guard) -> None:
        x = guard.on[0]
        if guard.by == "type":
            self._same(self._held(x) + 8, id(type(x)))
        elif guard.by == "length" and type(x) in _LENGTH:
            self._same(self._held(x) + _LENGTH[type(x)], guard.expected)
        else:
            raise Unsupported(guard.text)

    def _gradients(self) -> None:
        at, variant = self.at, self.variant
        for gradient in variant.gradients:
            held = variant.handed.pairs.get(gradient.key)
            if held is None:
                raise Unsupported("it has not run yet")
            g, a = held
            self._do("GRADIENT", id(gradient.t) + at.gradient, id(g), _REFERENCES)
            self._same(id(a), _REFERENCES)
            self._same(id(g) + at.array, id(a))
            self.table[gradient.slot] = address(a)
            self._same(id(g) + at.edge, id(None))
            self._same(id(g) + at.family, id(None))
            variant.arrays[gradient.slot] = None

    # --- what happens afterwards ------------------------------------------------------------------

    def _afterwards(self) -> None:
        at, variant = self.at, self.variant
        for gradient in variant.gradients:
            g, _ = variant.handed.pairs[gradient.key]
            self._do("SET", id(gradient.t) + at.gradient, id(g))
        for t in variant.cleared:
            self._do("SET", self._held(t) + at.gradient, id(None))
        if self.counts_writes():
            counter = id(tape.counter) + at.counter
            ticks = self.ticks.ctypes.data
            self._do("TICK", counter, ticks, ticks + 8)
            self._do("SET", id(clock) + at.last_write, id(self.gate.big))

    def _results(self) -> dict[str, int]:
        variant = self.variant
        spec, found = variant.result_spec, variant.results
        program = variant.program
        is_single = spec.kind is None
        flat = is_single or (spec.kind is tuple and all(p.kind is None for p in spec.parts))
        simple = all(kind in ("new", "value", "argument") for kind, _ in found)
        short = sum(work(v) for v in variant.graph.values) < SHORT
        if not (flat and simple and short and program.address) or variant.derived is not None:
            return {"kind": RUN}
        if (
            variant.changes
            or variant.deferred
            or variant.streams
            or variant.sets
            or variant.replaced
        ):
            return {"kind": RUN}
        if variant.written_arguments:  # they count their writes
            return {"kind": RUN}
        if len(variant.outputs) > 16:
            return {"kind": RUN}
        outputs, results = [], []
        for kind, what in found:
            if kind == "new":
                results += [NEW, len(outputs)]
                outputs.append(self._output(variant.graph.slots[what[0]], what))
            elif kind == "argument":
                results += [ARGUMENT, what]
            else:
                results += [OBJECT, self._held(what)]
        if len(outputs) != len(variant.outputs):
            return {"kind": RUN}
        table = np.array(outputs, np.int64).reshape(-1, len(OUTPUT))
        listed = np.array(results, np.int64)
        self.kept += [table, listed]
        return {
            "outputs": table.ctypes.data,
            "n_outputs": len(outputs),
            "results": listed.ctypes.data,
            "n_results": len(found),
            "kind": ONE if is_single else TUPLE,
        }

    def _output(self, slot: Slot, what: tuple) -> list[int]:
        shape = np.array(slot.shape or (1,), np.int64)
        strides = np.array(slot.strides or (1,), np.int64) * slot.dtype.itemsize
        self.kept += [shape, strides]
        n = len(slot.shape)
        places = [shape.ctypes.data, strides.ctypes.data] if n else [0, 0]
        return [what[0], n, *places, self._held(slot.dtype), self._held(what[1])]

    # --- writes that native calls made ------------------------------------------------------------

    def counts_writes(self) -> bool:
        """Whether anybody could see how often the step's tensors were written."""
        return any(t._v is not None for t, _ in self.variant.written)

    def settle(self) -> None:
        """Count the writes of the native calls so far, as if each had counted its own."""
        last, calls = self.ticks.tolist()
        new = calls - self.settled
        if not new:
            return
        self.settled = calls
        for t, times in self.variant.written:
            if t._v is not None:
                _count_late(t._v.cell, new * times, last)


def entry_of(held: dict, key: Any) -> tuple[int, int | None, int] | None:
    """Where CPython keeps the keys of a dictionary, its value under a key (None: there is none),
    and how many entries the keys had; None for dictionaries that share their keys with others.

    The keys are memory of their own: replaced when they grow, and an entry of theirs is never used
    for another key.
    """
    keys = word(id(held) + 32)
    if type(held) is not dict or word(id(held) + 40) or not keys:
        return None
    entries = word(keys + 24)
    if key not in held:
        return keys, None, entries
    size = sys.getsizeof(held) - dict.__basicsize__
    words = np.ctypeslib.as_array((ctypes.c_int64 * (size // 8 - 4)).from_address(keys + 32))
    found = [
        i for i in np.flatnonzero(words[:-1] == id(key)).tolist() if words[i + 1] == id(held[key])
    ]
    return (keys, keys + 32 + 8 * (found[0] + 1), entries) if len(found) == 1 else None


def _count_late(cell: Any, times: int, last: int) -> None:
    """Count writes that happened unseen in a version cell, the last of them at a tick."""
    cell.count += times
    cell.last = max(cell.last, last)
    if clock.last_write >= tape.NEVER or clock.last_write < last:
        clock.last_write = last
    if cell.ticks is None:
        cell.ticks = deque(maxlen=16)
    cell.ticks.extend([last] * min(times, 16))


def work(v: Any) -> int:
    """About how many elements a value costs."""
    if v.op == "matmul":
        return v.size * v.inputs[0].shape[-1] // 8
    return v.size * 100 if v.op.startswith("convolve") else v.size


def _hash(leaves: list) -> int:
    """What @hash in gate.ll makes of arguments that fit these leaves."""
    h = len(leaves)
    for leaf in leaves:
        for n in _shape(leaf):
            h = (h ^ n) * HASH & _WORD
            h ^= h >> 29
    return h


def _shape(leaf: Any) -> tuple[int, ...]:
    """The shape that the gate finds at a leaf, () where it does not look."""
    if leaf.kind == "tensor":
        return leaf.geometry[0] if leaf.expected is Tensor else ()
    return leaf.expected.shape if type(leaf.expected) is Tensor else ()


def _is_small(x: Any) -> bool:
    """Whether there is one object for a number."""
    return type(x) is int and -5 <= x <= 256
