"""A compiled function: which course of it is taken at a call, and when it is recorded anew.
Imports conclude, census, program.
"""

import os
import threading
import time
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

from .. import func
from ..autograd.function import FunctionCtx
from ..core.pytree import flatten
from ..core.quiet import warn
from ..core.tape import LIBRARY, Node, caller
from ..core.tensor import Tensor
from ..core.watch import PLAIN
from ..errors import source_place
from ..functions import elementwise
from ..functions.generator import Generator
from ..nn.modules.module import Module
from ..optim.lr_scheduler import LRScheduler
from ..optim.optimizer import Optimizer
from .census.census import Census
from .census.guards import Reason
from .codegen import recall
from .entry.entry import Entry
from .entry.gate import gate
from .ir.graph import Graph
from .ir.interpret import CheckFailed, evaluate
from .native.foreign import call_as_base
from .receipt.explanation import Explanation
from .receipt.logs import log
from .receipt.misfit import misfit
from .recording import again
from .recording.changes import is_open, settle
from .recording.conclude import conclude
from .recording.memory import Handed
from .recording.number import Number
from .recording.session import G_SLOT, STATEFUL, Session, payload, recording, session_here
from .recording.surroundings import guards_of_surroundings
from .recording.trace import Traced
from .recording.variant import Unfit, Variant
from .recording.varying import Varying, given
from .request import Unsupported
from .shapes import Shape, Shapes, taken

#: how many ways through one function, for arguments of the same shapes, are kept before it stays
#: eager
LIMIT = 8
#: how many recordings in a row may be no use (an optimizer makes its state in the first step)
PATIENCE = 3
#: after so many calls in a row which no course fits, one in RETRY asks the courses
LUCKLESS, RETRY = 16, 64
#: native calls for which it pays to write a course's instructions anew
WORTH = 16
#: functions of tensors that take a number from the graph
NUMBERS = frozenset(
    {
        *(elementwise.mul, elementwise.add, elementwise.sub, elementwise.div),
        *(elementwise.mul_, elementwise.add_, elementwise.sub_, elementwise.div_),
        *(elementwise.mul.operator, elementwise.add.operator, elementwise.sub.operator),
        elementwise.true_divide,
    }
)
_FRAMEWORK = (Tensor, Module, Optimizer, LRScheduler, Generator, Node)
_SEEN_THROUGH = (Tensor, Generator, Node)
#: functions that take containers apart and call functions with new ones
_TRANSFORMS = os.path.dirname(func.__file__) + os.sep
#: what a step may set itself on a tensor: the recording sees it
_SEEN = {"grad", "data", "requires_grad"}


#: what compiled functions do (`set_stance`): a name of PyTorch's
STANCE = {"name": "default"}


class Compiled(partial):
    """A function that runs natively where a recording of it can stand for it.

    `variants` are its recorded courses; `reasons` say, the last of them last, why a recording could
    not stand for a call. A call goes to the native gate (`entry`), which looks whether a course
    fits; what does not fit comes here. One call at a time uses the memory of a variant; calls from
    several threads wait for each other, eager ones do not.
    """

    entry: Entry | None

    def __new__(cls, function: Callable, **settings: Any) -> "Compiled":
        found = None if settings.get("reference") else gate()
        name = getattr(function, "__name__", "compiled")
        entry = None if found is None else Entry(found, name, STANCE)
        if entry is None:
            self = super().__new__(cls, lambda *args, **kwargs: self.call(*args, **kwargs))
        else:
            self = super().__new__(cls, entry.builtin)
        self.entry = entry
        return self

    def __init__(
        self,
        function: Callable,
        *,
        fullgraph: bool = False,
        bitwise: bool = False,
        limit: int = LIMIT,
        dynamic: bool | None = None,
        reference: bool = False,
    ) -> None:
        self.function = function
        self.settings = {"fullgraph": fullgraph, "bitwise": bitwise, "limit": limit}
        self.settings["dynamic"] = dynamic
        #: compute with NumPy instead of native code
        self.reference = reference
        self._lock = threading.RLock()
        self.behind = self.call
        if self.entry is not None:
            self.entry.put(self.behind)
        self.forget()
        update_wrapper(self, function)

    def __reduce__(self) -> Any:
        return partial(Compiled, **self.settings), (self.function,)

    def forget(self) -> None:
        """Start anew, without recordings."""
        if self.entry is not None:
            self.entry.clear()
        self.variants: list[Variant] = []
        self.shapes = Shapes(self.settings["dynamic"])
        self.varying = Varying()
        #: the gradients that all its courses leave
        self.handed = Handed(self._moved)
        self.reasons: list[Reason] = []
        self.futile = 0
        self.gave_up = False
        #: calls that ran eagerly, without being recorded
        self.eager = 0
        #: calls in a row that no course fitted, since it gave up, and runs of courses until then
        self.luckless, self.lucky = 0, 0

    @property
    def title(self) -> str:
        """The function's name, for people; a module's is that of its class."""
        owner = getattr(self.function, "__self__", None)
        if isinstance(owner, Module) and LIBRARY[self.function.__code__.co_filename]:
            return type(owner).__qualname__
        return getattr(self.function, "__qualname__", type(self.function).__name__)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The call, where the gate knows no course that fits."""
        if session_here.get() is not None or not PLAIN or STANCE["name"] == "force_eager":
            return self.function(*args, **kwargs)
        with self._lock:
            shape = self.shapes.of(args, kwargs)
            if shape.courses and not (self.gave_up and self._is_luckless()):
                leaves, spec = flatten((args, kwargs))
                for variant in list(shape.courses):
                    if variant.fits(leaves, spec, args, kwargs):
                        done, result = variant.run(leaves)
                        self._prepare(variant)
                        if done:
                            return result
        if self._is_recorded(shape, args, kwargs):
            return self._record(args, kwargs, shape)
        self.eager += 1
        return self.function(*args, **kwargs)

    def _is_luckless(self) -> bool:
        """Whether no course has fitted for so long that most calls need not ask them: to compute
        what a check asks may be most of a step.
        """
        runs = sum(map(taken, self.variants))
        if runs != self.lucky:
            self.lucky, self.luckless = runs, 0
        self.luckless += 1
        if self.luckless == LUCKLESS and self.entry is not None:
            for variant in self.variants:
                if variant.course is not None:
                    self.entry.refresh(variant.course, False)
        return self.luckless >= LUCKLESS and self.luckless % RETRY != 0

    def _is_recorded(self, shape: Shape, args: tuple, kwargs: dict) -> bool:
        """Whether a call that no course fits is recorded; else it is eager."""
        kept = self.gave_up or (self.variants and STANCE["name"] == "eager_on_recompile")
        fails = self.variants and STANCE["name"] == "fail_on_recompile"
        waits = not kept and not fails and self.shapes.waits(shape, args, kwargs)
        if (kept or waits) and self.eager >= LIMIT:
            return False
        near = shape.courses or self.variants[-1:]
        why = self._missed(near, args, kwargs)
        if waits:
            log.info("%s: eager until these shapes have come more often", self.title)
        if fails and not kept:
            raise RuntimeError(
                "Detected recompile when torch.compile stance is 'fail_on_recompile'.\n"
                "No recorded course fits this call:\n"
                + "\n".join(f"  course {self.variants.index(v)}: {v.why}" for v in near)
            )
        if not kept and not waits:
            text = self._too_many(shape)
            if text:
                self._give_up(Reason(f"{text}: {why}{self.varying.advice(near)}", "", 0))
        return not (kept or waits or self.gave_up)

    def _too_many(self, shape: Shape) -> str:
        """Why no more courses are recorded for these shapes, "" if they are."""
        limit = self.settings["limit"]
        if len(shape.courses) >= limit or self.shapes.futile() >= limit:
            return f"{limit} courses were recorded, and none fits this call"
        if sum(map(_never_again, self.variants)) >= PATIENCE:
            return "a number that a tensor gave is another one at each call, and decides"
        return ""

    def _missed(self, variants: list[Variant], args: tuple, kwargs: dict) -> str:
        """Note why no course fits a call; what is said of the last one."""
        leaves, spec = flatten((args, kwargs))
        for variant in variants:
            variant.missed += 1
            variant.why = misfit(variant, leaves, spec, args, kwargs) or variant.failed_check()
            self.varying.missed(variant)
            number = self.variants.index(variant)
            log.info("%s: course %d does not fit: %s", self.title, number, variant.why)
        return variants[-1].why if variants else ""

    def _prepare(self, variant: Variant) -> None:
        """Offer a variant to the gate, or offer it anew: it fits, but not as it did."""
        if self.entry is None:
            return
        if variant.course is None:
            variant.course = self.entry.add(variant, partial(self._run, variant))
        course = variant.course
        if course.runs >= variant.looked_after + WORTH:  # it was worth writing anew
            variant.misses = 0
        variant.looked_after = course.runs
        variant.misses += 1
        self.entry.refresh(variant.course, variant.misses < 8 or variant.misses % 64 == 0)
        if not variant.course.usable:
            log.debug("%s: Python asks the guards: %s", self.title, variant.course.why)

    def _run(self, variant: Variant, *args: Any) -> Any:
        """Run a variant which the gate has found to fit."""
        with self._lock:
            done, result = variant.run(list(args))
        return result if done else self.call(*args)

    def _record(self, args: tuple, kwargs: dict, shape: Shape) -> Any:
        leaves, spec = flatten((args, kwargs))
        variant = None
        place, begin = caller(2), time.perf_counter()
        numbers = self.varying.leaves(self.variants, leaves, spec)
        with recording(NUMBERS) as session:
            census = _census(session)
            session.counts, session.is_effect = census.counts, census.is_effect
            if self.settings["fullgraph"] and not numbers:
                census.halt = partial(self._halt, session)
            args, kwargs = given(session, numbers, args, kwargs, spec)
            try:
                result = census.run(self.function, args, kwargs)
            except Exception:
                settle([*census.effects, *census.refused], census.left, None, census.is_fresh)
                self._raised(census.reasons[-1])
                census.forget()
                raise
            try:
                _check_census(census, session)
                if session.deferred:
                    _check_order(census, session)
                variant = conclude(session, census, partial(_census, session), leaves, spec, result)
                self._note_higher(session, variant)
                _testify(session, variant, result)
            except Unfit as unfit:
                reason = unfit.reason
        left = [*census.effects, *census.refused]
        result = settle(left, census.left, result, census.is_fresh)
        if variant is None:
            census.forget()
            if numbers:  # it may do without them
                log.info("%s: floats that differ stay constants: %s", self.title, reason)
                self.varying.fix(spec, numbers)
            else:
                self._refused(reason)
            return result
        self.futile = 0
        variant.guards += guards_of_surroundings(session, variant, census.consulted)
        variant.build = Reference if self.reference else partial(_native, self.settings["bitwise"])
        variant.place, variant.recorded = place, time.perf_counter() - begin
        log.info("%s: recorded %d values, %d guards", self.title, *variant.counts())
        for guard in variant.guards:
            log.debug("%s: guard: %s", self.title, guard.text)
        self._compile(variant)
        with self._lock:
            variant.handed = self.handed
            for dropped in self.shapes.recorded(shape, variant, self.variants):
                self._drop(dropped)
            self.variants.append(variant)
        return result

    def _drop(self, variant: Variant) -> None:
        """Let go of a course."""
        log.info("%s: a course is dropped, it ran %d times", self.title, taken(variant))
        self.shapes.forget(variant)
        self.variants.remove(variant)
        if variant.course is not None and self.entry is not None:
            self.entry.remove(variant.course)
        self.handed.keep({g.key for one in self.variants for g in one.gradients})

    def _moved(self, key: tuple) -> None:
        """A gradient gets other memory."""
        if self.entry is not None:
            self.entry.withdraw(key)

    def _note_higher(self, session: Session, variant: Variant) -> None:
        """Let derivatives of this call's backward pass, and of later ones', be what they are."""
        if variant.derived is None:
            return
        why = again.obstacle(variant, session)
        if why:
            again.refuse(variant, why)
            variant.again = partial(again.refused, why)
        else:
            variant.again = partial(again.differentiate, self.function, self._lock, variant)

    def _compile(self, variant: Variant) -> None:
        begin = time.perf_counter()
        assert variant.build is not None
        variant.program = variant.build(variant.graph)
        variant.compiled = time.perf_counter() - begin
        cached = getattr(getattr(variant.program, "library", None), "from_cache", False)
        came = "its code was in the cache" if cached else "compiled"
        log.info("%s: %s, %.1f ms", self.title, came, variant.compiled * 1e3)

    def _raised(self, reason: Reason) -> None:
        """Note that the step itself raised: such a call is no course, and no reason to give up."""
        log.info("%s: this call is not kept: %s", self.title, reason)
        if reason not in self.reasons:
            self.reasons.append(reason)

    def _halt(self, session: Session, reasons: list[Reason]) -> Unsupported | None:
        """The error that ends a call which is to be compiled and cannot be."""
        if reasons or session.trace.reason is not None:
            return self._unsupported(reasons[0] if reasons else _why_ended(session))
        return None

    def _unsupported(self, reason: Reason) -> Unsupported:
        if reason not in self.reasons:
            self.reasons.append(reason)
        log.info("%s: this call cannot be compiled: %s", self.title, reason)
        return Unsupported(
            f"torch.compile: {self.title} cannot be compiled: {reason.quoted()}\n"
            "This is an error because of fullgraph=True; without it the call stays eager."
        )

    def _refused(self, reason: Reason) -> None:
        if self.settings["fullgraph"]:
            raise self._unsupported(reason)
        self.reasons.append(reason)
        self.futile += 1
        log.info("%s: this call stays eager: %s", self.title, reason)
        if self.futile >= PATIENCE:
            self._give_up(reason)

    def _give_up(self, reason: Reason) -> None:
        if self.settings["fullgraph"]:
            raise self._unsupported(reason)
        self.gave_up = True
        if reason not in self.reasons:
            self.reasons.append(reason)
        log.info("%s: eager from now on: %s", self.title, reason)
        text = f"torch.compile: {self.title} runs eagerly from now on: {reason.quoted()}"
        warn(f"{text}\nIts explain() says more.")

    def explain(self, *, measure: bool = False) -> Explanation:
        """What was compiled, what is guarded, and what stayed eager and why; `measure` times the
        native code, on copies of inputs.
        """
        with self._lock:
            return Explanation(self, measure=measure)


call_as_base(Compiled)


def _census(session: Session) -> Census:
    """What watches the user's code while a session records."""
    census = Census(_is_framework, _is_framework_object, _is_symbolic)
    census.notes, census.hides, census.is_later = _has_state, session.hides, session.runs_later
    census.is_open, census.is_lent, census.rebuilds = is_open, _is_lent, _rebuilds
    census.repeats = True
    return census


def _is_lent(x: Any) -> bool:
    return isinstance(x, FunctionCtx)


def _rebuilds(file: str) -> bool:
    return file.startswith(_TRANSFORMS)


def _never_again(variant: Variant) -> bool:
    """Whether a course was no use yet, because a float was not again what it was."""
    return not variant.runs and variant.why.startswith("a check fails: a number is")


def _testify(session: Session, variant: Variant, result: Any) -> None:
    """Copy what the recorded run left, so that native code can be compared with it."""
    witness = variant.witness = session.trace.witness
    leaves, variant.recorded_results = variant.recorded_results, []
    for cell in session.trace.outside:
        if cell.version and cell.slot is not None:
            witness.left(cell.slot, cell.root)
    for gradient in variant.gradients:
        witness.left(gradient.slot, payload(G_SLOT.__get__(gradient.t)).array)
    for (kind, what), x in zip(variant.results, leaves, strict=True):
        if kind == "number":
            witness.left(what, float.__float__(x))
        elif kind in ("new", "live") and type(payload(x)) is Traced:
            witness.left(what[0], payload(x).array)


def _check_census(census: Census, session: Session) -> None:
    """Raise Unfit for the first reason why a recording cannot stand for its step."""
    if session.trace.reason is not None:
        raise Unfit(_why_ended(session))
    for reason in census.reasons:
        raise Unfit(reason)
    if session.following is not None:
        raise Unfit("an optimizer's step raised an error")
    for store in census.stores:
        if not isinstance(store.owner, Tensor) or (
            isinstance(store.key, str) and store.key not in _SEEN
        ):
            text = f"the step sets {store.key!r} of a {type(store.owner).__name__}"
            raise Unfit(Reason(text, store.file, store.line))


def _why_ended(session: Session) -> Reason:
    """Why the trace of a step ended before the step."""
    assert session.trace.reason is not None
    text, (code, lasti) = session.trace.reason
    return Reason(text, *(("", 0) if code is None else source_place(code, lasti)[:2]))


def _check_order(census: Census, session: Session) -> None:
    """Raise Unfit where something was read after a scheduler's step that may be its work: a native
    run takes that step at its end.
    """
    consulted, guards = session.counted
    taken = [scheduler for scheduler, _, _ in session.deferred]
    for x, by in census.consulted[consulted:]:
        is_step = by.endswith(".step") and any(x is scheduler for scheduler in taken)
        if not (is_step or by.endswith("Optimizer.zero_grad")):
            raise Unfit(f"a {type(x).__name__} is looked at after a scheduler's step")
    for guard in census.guards[guards:]:
        if guard.kind in ("item", "list", "container"):
            text = f"{guard.name} is read after a scheduler's step"
            raise Unfit(Reason(text, guard.file, guard.line))


def _is_framework(file: str) -> bool:
    return LIBRARY[file]


def _is_framework_object(x: Any) -> bool:
    return isinstance(x, _FRAMEWORK)


def _has_state(x: Any) -> bool | None:
    """Whether the recording sees what an object does to itself; None: it has no state besides."""
    return True if isinstance(x, STATEFUL) else None if isinstance(x, _SEEN_THROUGH) else False


def _is_symbolic(x: Any) -> bool:
    return type(x) is Number


def _native(bitwise: bool, graph: Graph) -> Any:
    return recall.program(graph, bitwise=bitwise)


class Reference:
    """A graph computed with NumPy, in the place of a native program."""

    address = None

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run_arrays(self, arrays: list) -> int:
        """One step: 0, or another number where a check failed."""
        try:
            evaluate(self.graph, arrays)
        except CheckFailed as failed:
            return 1 + failed.args[0] if failed.args[0] >= 0 else -1
        return 0
