"""One run of a step under the eyes of a trace, and what it did to the world. Imports trace.

While it records, the two slots of Tensor through which all memory and all gradients are reached
(`_a`, `_g`) are properties, so that no tensor can take part unseen: one that was there before
enters the trace when it is first touched. Other threads see their arrays as ever.
"""

import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ...autograd.differentiate import RemovableHandle
from ...core.carriers.carrier import Carrier
from ...core.dtype import get_default_dtype
from ...core.pytree import flatten
from ...core.tape import grad_mode, inference, settle_writes, tick
from ...core.tensor import Tensor
from ...core.watch import Watcher, enter, everywhere, leave
from ...functions.generator import own_stream
from ...nn.modules.hooks import _global_forward_pre_hooks
from ...nn.modules.module import Module
from ...nn.parameter import Parameter
from ...ops.compiled import recorded
from ...optim.lr_scheduler import LRScheduler
from ...optim.optimizer import (
    Optimizer,
    _global_post_hooks,
    _global_pre_hooks,
)
from ..census.guards import same_value
from .attributes import watch_attributes
from .number import Number, frozen
from .trace import Trace, Traced

A_SLOT: Any = Tensor.__dict__["_a"]
G_SLOT: Any = Tensor.__dict__["_g"]
UNSET: Any = object()
#: framework classes whose instances keep state in attributes
STATEFUL = (Module, Optimizer, LRScheduler)
#: what is compared by value
SCALARS = (int, float, bool, str, bytes, complex)
#: attributes of tensors that follow neither from geometry nor from elements
_UNGUARDED = {"is_leaf", "grad_fn", "_version", "retains_grad", "_base", "output_nr", "_cdata"}
_UNGUARDED |= {
    "_is_view",
    "_backward_hooks",
    "_post_accumulate_grad_hooks",
    "__dict__",
    "is_shared",
}
_OWN = __name__.partition(".")[0]
_TENSORS = (Tensor, Parameter)
#: what runs no code of the user's when an optimizer works with it
_CLOSED = frozenset((*SCALARS, *_TENSORS, Number, type(None)))
#: what drops gradients, whether there are any or not
_CLEARING = (Optimizer.zero_grad, Module.zero_grad)
#: how many interrupts in a row the end of a recording withstands
ATTEMPTS = 8
#: one recording at a time: the slots belong to all threads
_lock = threading.RLock()
#: the session that records in this thread or task
session_here: ContextVar["Session | None"] = ContextVar("recording", default=None)


class Entered(NamedTuple):
    """A tensor from before the step: array, payload, edge and count of writes at first sight."""

    tensor: Tensor
    array: ndarray
    traced: Traced
    edge: Any
    writes: int


class Draws(Watcher):
    """What sees the random numbers that a session's step draws, also within functions."""

    def __init__(self, session: "Session") -> None:
        self.session = session
        #: the streams that the step used, with where they must be
        self.streams: dict[int, tuple[Any, Any]] = {}

    def stream(self, stream: Any) -> None:
        """Note where a stream is."""
        if self.session.is_here():
            self.streams.setdefault(id(stream), (stream, stream.position()))

    def drawn(self, draw: Callable, given: tuple) -> Any:
        """Have a draw recorded."""
        if not self.session.is_here():
            return NotImplemented
        self.check()
        result = self.session.trace.drawn(draw, *given)
        for key, (stream, _) in self.streams.items():
            self.streams[key] = stream, stream.position()
        return result

    def propagated(self, compute: Callable[[], Any], node: Any, g: Any, create: bool) -> Any:
        """Refuse operations from before the step."""
        if self.session.is_here() and node.seq < self.session.began:
            self.session.trace.escape("backward runs through operations from before the step")
        return compute()

    def check(self) -> None:
        """End the trace if numbers were drawn that it did not see."""
        if any(stream.position() != at for stream, at in self.streams.values()):
            self.session.trace.escape("random numbers are drawn in a way that is not recorded")


class Session(Watcher):
    """The state of one recording."""

    def __init__(self, numbers: frozenset[Callable]) -> None:
        self.trace = Trace(self.stop)
        self.thread = threading.get_ident()
        self.on = False
        #: functions that know what to do with a Number
        self.numbers = numbers
        self.entered: dict[int, Entered] = {}
        #: tensors whose gradient was touched, with what it was before
        self.gradients: dict[int, tuple[Tensor, Any]] = {}
        #: those of them that had none, where the step depends on it
        self.asked: set[int] = set()
        #: those whose gradient was dropped or set whether there was one or not, and whether that is
        #: being done now
        self.dropped: set[int] = set()
        self.clears = False
        #: the numbers in optimizers' groups: (group, key, place in a tuple or None, slot)
        self.options: list[tuple[dict, str, int | None, int]] = []
        #: the numbers among the arguments: leaf and slot
        self.arguments: dict[int, int] = {}
        #: groups with what they held when a step of theirs ran
        self.groups: dict[int, tuple[dict, dict]] = {}
        self._holders: dict[int, weakref.ref] = {}
        #: modules that were called, optimizers that took a step
        self.modules: dict[int, Module] = {}
        self.optimizers: dict[int, Optimizer] = {}
        #: attributes of modules that the framework set, as `training`: (module, the value before)
        self.sets: dict[tuple[int, str], tuple[Module, Any]] = {}
        #: steps of schedulers, which come after the native code: (scheduler, args, kwargs)
        self.deferred: list[tuple[Any, tuple, dict]] = []
        #: what the census had counted before the first of them
        self.counts: Callable[[], tuple[int, int]] = _nothing
        self.counted = (0, 0)
        #: whether an attribute is set that a run will set again
        self.is_effect: Callable[[Any, str], bool] = _no_effect
        #: hooks of all modules and optimizers that are the recording's own
        self.own_hooks: set[int] = set()
        #: what follows the user's code, while an optimizer takes a step that runs none of it
        self.following: Any = None
        self._objects: dict[int, weakref.ref] = {}
        #: what gives back what `start` takes; each can be done again, and before there is anything
        #: to give back
        self._undo: list[Callable[[], Any]] = []
        self._stopped = False
        self.draws = Draws(self)
        self.writes_unseen = False
        #: settings of the process, as the step found them
        self.settings = _settings()
        self.began = tick()

    def is_here(self) -> bool:
        """Whether it records, and this is its thread."""
        return self.on and threading.get_ident() == self.thread

    # --- the slots --------------------------------------------------------------------------------

    def start(self) -> None:
        """Take over the slots. What undoes a thing is noted before it is done, so that `finish`
        ends also what an interrupt has cut short.
        """
        settle_writes()  # those of native code from before are not the step's
        self.on = True
        enter(self)
        self._undo.append(self._draw_unseen)
        everywhere.append(self.draws)
        Tensor._a = property(self._get_array, self._set_array)
        Tensor._g = property(self._get_gradient, self._set_gradient)  # pyright: ignore
        for hooks, hook in (
            (_global_pre_hooks, self._before_step),
            (_global_post_hooks, self._after_step),
            (_global_forward_pre_hooks, self._module_called),
        ):
            handle = RemovableHandle(hooks)
            self.own_hooks.add(handle.id)
            self._undo.append(handle.remove)
            hooks[handle.id] = hook
        for kind in STATEFUL:
            noting, undo = watch_attributes(kind, self._attribute_set)
            self._undo.append(undo)
            kind.__setattr__ = noting

    def stop(self) -> None:
        """End the trace and give the tensors their arrays. What is running may still hold Traced
        payloads: until `finish`, the slots turn them into arrays.
        """
        if self._stopped:
            return
        self.on = self.trace.alive = False
        for undo in reversed(self._undo):
            undo()
        self._after_step(None, (), {})
        for reference in self._holders.values():
            t = reference()
            if t is not None:
                a = A_SLOT.__get__(t)
                if type(a) is Traced:
                    A_SLOT.__set__(t, a.array)
        self._stopped = True

    def finish(self) -> None:
        """End the recording: the slots are slots again. It can be done again where an interrupt
        cut it short.
        """
        self.following = None
        self.stop()
        Tensor._a, Tensor._g = A_SLOT, G_SLOT
        leave(self)

    def _draw_unseen(self) -> None:
        while self.draws in everywhere:
            everywhere.remove(self.draws)

    def _get_array(self, t: Tensor) -> Any:
        a = A_SLOT.__get__(t)
        if not self.is_here():
            return a.array if type(a) is Traced else a
        if type(a) is not ndarray:
            if not isinstance(a, Carrier):
                self.trace.escape("a tensor holds something else than an array")
            elif type(a) is not Traced and not self._is_held(t):
                self.trace.escape("a tensor from inside of a transform, or a sparse one, is used")
            return A_SLOT.__get__(t)
        traced = self.trace.entered(a, _name(t))
        family = t._v
        writes = 0 if family is None else family.cell.count
        self.entered[id(t)] = Entered(t, a, traced, t._e, writes)
        self._hold(t, traced)
        return traced

    def _set_array(self, t: Tensor, a: Any) -> None:
        if self.is_here():
            if type(a) is ndarray:
                a = self.trace.born(a)
            self._hold(t, a)
        else:
            A_SLOT.__set__(t, a.array if type(a) is Traced else a)

    def _hold(self, t: Tensor, a: Any) -> None:
        known = self._holders.get(id(t))
        if known is None or known() is not t:  # an identity is used again after a tensor's death
            self._holders[id(t)] = weakref.ref(t)
        A_SLOT.__set__(t, a)

    def _is_held(self, t: Tensor) -> bool:
        known = self._holders.get(id(t))
        return known is not None and known() is t

    def _get_gradient(self, t: Tensor) -> Any:
        if not self.is_here() or id(t) in self.gradients or self._is_made(t):
            return G_SLOT.__get__(t)
        try:
            g = G_SLOT.__get__(t)
        except AttributeError:
            g = UNSET
        self.gradients[id(t)] = t, g
        if self.clears:
            self.dropped.add(id(t))
        elif g is None or g is UNSET:
            self.asked.add(id(t))
        else:
            self._get_array(g)  # that there is one, of this shape, is asked at each call
        return G_SLOT.__get__(t)

    def _set_gradient(self, t: Tensor, g: Any) -> None:
        if self.is_here() and id(t) not in self.gradients and not self._is_made(t):
            try:
                before = G_SLOT.__get__(t)
            except AttributeError:
                before = UNSET
            self.gradients[id(t)] = (t, before)
            self.dropped.add(id(t))
        G_SLOT.__set__(t, g)

    def _is_made(self, t: Tensor) -> bool:
        """Whether the step made a tensor."""
        return id(t) not in self.entered and self._is_held(t)

    # --- framework objects ------------------------------------------------------------------------

    def _before_step(self, optimizer: Any, args: tuple, kwargs: dict) -> None:
        """Let the options of an optimizer be Numbers while it takes a step."""
        if not self.is_here():
            return
        if self.deferred:
            self.trace.escape("an optimizer takes a step after a scheduler did")
            return
        self.optimizers[id(optimizer)] = optimizer
        if hasattr(optimizer, "_start"):
            optimizer.__dict__["_start"] = partial(self._unseen, optimizer._start)
        for group in optimizer.param_groups:
            if id(group) in self.groups:
                self.trace.escape("an optimizer takes several steps")
                return
            self.groups[id(group)] = group, dict(group)
        for group in optimizer.param_groups:
            for key, value in group.items():
                if type(value) in (float, int):
                    group[key] = self._option(group, key, None, value)
                elif type(value) is tuple and value and all(type(v) is float for v in value):
                    group[key] = tuple(
                        [self._option(group, key, i, v) for i, v in enumerate(value)]
                    )
        if len(args) == 1 and not kwargs and _is_closed(optimizer):
            self.following = sys.gettrace()
            sys.settrace(None)

    def _module_called(self, module: Module, args: tuple) -> None:
        if self.is_here() and not self._made_object(module):
            self.modules[id(module)] = module

    def _option(self, group: dict, key: str, index: int | None, value: float) -> Number:
        number, slot = self.trace.option(value, key if index is None else f"{key}[{index}]")
        self.options.append((group, key, index, slot))
        return number

    def argument(self, leaf: int, value: float, name: str) -> Number:
        """A number that is given anew at each call."""
        number, self.arguments[leaf] = self.trace.option(value, name)
        number.origin = value
        return number

    def _unseen(self, make: Callable, *args: Any) -> None:
        """Let an optimizer make the state that a parameter has from its first step on: later steps
        find it, so that it counts as there before.
        """
        kept, self.on = self.on, False
        try:
            make(*args)
        finally:
            self.on = kept and self.trace.alive

    def _after_step(self, optimizer: Any, args: tuple, kwargs: dict) -> None:
        if self.following is not None:
            sys.settrace(self.following)
            self.following = None
        for stepped in self.optimizers.values():
            stepped.__dict__.pop("_start", None)
        for group, held in self.groups.values():
            for key, value in group.items():
                if type(value) is Number or (
                    type(value) is tuple and value and type(value[0]) is Number
                ):
                    group[key] = held[key]

    def _step_later(self, step: Callable, scheduler: Any, *args: Any, **kwargs: Any) -> Any:
        """Let a scheduler take a step, unrecorded: it follows each run of the native code."""
        if not self.deferred:
            self.counted = self.counts()
        leaves, _ = flatten((args, kwargs))
        if not all(type(x) is Number or type(x) in SCALARS or x is None for x in leaves):
            self.trace.escape("a scheduler is given something else than numbers")
        if any(isinstance(group["lr"], Tensor) for group in scheduler.optimizer.param_groups):
            self.trace.escape("a scheduler sets a learning rate that is a tensor")
        self.deferred.append((scheduler, args, kwargs))
        plain = _plain_numbers((args, kwargs))
        self.on, self.writes_unseen = False, True
        try:
            return step(scheduler, *plain[0], **plain[1])
        finally:
            self.on, self.writes_unseen = self.trace.alive, False

    def writing(self, t: Tensor) -> None:
        """Refuse writes that a scheduler makes."""
        if self.writes_unseen and threading.get_ident() == self.thread:
            self.trace.escape("a scheduler writes into a tensor")

    def runs_later(self) -> bool:
        """Whether what runs now will run itself after the native code."""
        return self.writes_unseen

    def check_settings(self) -> None:
        """End the trace if the step has changed settings that outlive it."""
        if any(x is not y for x, y in zip(_settings(), self.settings, strict=True)):
            self.trace.escape("the step leaves another gradient mode or default dtype")

    def hides(self, x: Any, name: str) -> str:
        """Why the step cannot read an attribute of a tensor: no guard says that it is the same
        again.
        """
        if not isinstance(x, Tensor) or self._is_made(x):
            return ""
        if name in _UNGUARDED or (name in x.__dict__ or not hasattr(type(x), name)):
            return f"reads attribute {name!r} of a {type(x).__name__}"
        return ""

    def created(self, x: Any) -> None:
        """Note a module that the step makes: what it holds is the step's own."""
        if self.is_here():
            self._objects[id(x)] = weakref.ref(x)

    def _made_object(self, x: Any) -> bool:
        known = self._objects.get(id(x))
        return known is not None and known() is x

    def secret(self, what: str) -> None:
        """End the trace: see `core.watch.Watcher`."""
        if self.is_here():
            self.trace.escape(what)

    def _attribute_set(self, x: Any, name: str, value: Any) -> None:
        if name == "_opt_called" and value is True:  # from the first step on it is what it is
            return
        if self.is_here() and not self.is_effect(x, name):
            if not x.__dict__:
                self.created(x)
            if self._made_object(x):
                return
            before = _held(x, name)
            if isinstance(x, Module) and type(value) in SCALARS and type(before) in SCALARS:
                self.modules[id(x)] = x
                self.sets.setdefault((id(x), name), (x, before))
            elif not same(before, value):
                self.trace.escape(f"{type(x).__name__}.{name} is set")

    # --- what public functions are given ----------------------------------------------------------

    def called(self, f: Callable, args: tuple, kwargs: dict) -> Any:
        """Run a public function; an error that only the trace can have ends the trace."""
        if not self.is_here():
            return NotImplemented
        if hasattr(f, "takes_step"):
            return self._step_later(f, *args, **kwargs)
        if any(type(x) is Number for x in flatten((args, kwargs))[0]):
            if f not in self.numbers or kwargs or not all(map(_keeps_numbers, args)):
                args, kwargs = frozen(args), frozen(kwargs)
        try:
            self.clears = f in _CLEARING and (*args, *kwargs.values())[1:] in ((), (True,))
            return f(*args, **kwargs)
        except Exception as error:
            if not self.on:
                raise
            text = str(error).partition("\n")[0]
            self.trace.escape(f"{getattr(f, '__name__', f)} raised an error: {text}")
        finally:
            self.clears = False
        return f(*args, **kwargs)  # the error is the program's if it comes again

    # --- afterwards -------------------------------------------------------------------------------

    def survivors(self) -> Iterator[Tensor]:
        """The tensors that the step made and that are still there."""
        for key, reference in self._holders.items():
            t = reference()
            if t is not None and key not in self.entered:
                yield t


def _is_closed(optimizer: Any) -> bool:
    """Whether a step of an optimizer runs no code of the user's: no hooks, no methods, tensors and
    numbers of his own. The recording's hook is the last of all.
    """
    kind = type(optimizer)
    if kind.__module__.partition(".")[0] != _OWN or len(_global_post_hooks) != 1:
        return False
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        return False
    if any(name != "_start" and callable(getattr(kind, name, None)) for name in vars(optimizer)):
        return False
    groups, state = optimizer.param_groups, optimizer.state
    if type(state) not in (dict, defaultdict) or any(type(group) is not dict for group in groups):
        return False
    held = flatten([groups, list(state.values())])[0]
    return all(
        type(x) in _CLOSED and (type(x) not in _TENSORS or type(gradient_of(x)) in _CLOSED)
        for x in held
    )


def _keeps_numbers(x: Any) -> bool:
    """Whether arithmetic with a Number and this operand needs no more than the Number's value in
    the graph.
    """
    if isinstance(x, Tensor):
        return payload(x).dtype in (np.float32, np.float64)
    return type(x) in (Number, float, int)


def gradient_of(t: Any) -> Any:
    """The gradient that a tensor's slot holds, None where there is none."""
    try:
        return G_SLOT.__get__(t)
    except AttributeError:
        return None


def same(value: Any, expected: Any) -> bool:
    """Identity, of the items of lists and tuples too, or equality of numbers and texts."""
    if type(value) is not type(expected):
        return False
    if type(value) in (list, tuple):
        return len(value) == len(expected) and all(map(same, value, expected))
    return same_value(value, expected)


def _settings() -> tuple:
    return grad_mode.get(), get_default_dtype(), inference.get(), own_stream.get()


def _held(x: Any, name: str) -> Any:
    """What an object holds under a name, a module also as a parameter, a buffer or a part."""
    own = x.__dict__
    for kind in ("_parameters", "_buffers", "_modules") if isinstance(x, Module) else ():
        if name in own.get(kind, ()):
            return own[kind][name]
    return own.get(name, UNSET)


def _no_effect(x: Any, name: str) -> bool:
    return False


def _nothing() -> tuple[int, int]:
    return 0, 0


def _plain_numbers(x: Any) -> Any:
    """An ordinary number instead of a Number, inside of containers too; it becomes no check."""
    if type(x) is Number:
        return float.__float__(x)
    if type(x) in (list, tuple):
        return type(x)([_plain_numbers(item) for item in x])
    return {k: _plain_numbers(v) for k, v in x.items()} if type(x) is dict else x


class recording:  # noqa: N801 - a block's word
    """Record what runs in the block. Whatever ends it leaves nothing behind, also an interrupt
    while it begins or ends.
    """

    def __init__(self, numbers: frozenset[Callable]) -> None:
        self._course = _recording(numbers)

    def __enter__(self) -> Session:
        try:
            return next(self._course)
        except BaseException:
            self._course.close()
            raise

    def __exit__(self, *error: Any) -> None:
        self._course.close()


def _recording(numbers: frozenset[Callable]) -> Generator[Session, None, None]:
    with _lock:
        session, here, other = Session(numbers), session_here.get(), recorded.get()
        try:
            session_here.set(session)
            recorded.set(True)
            session.start()
            yield session
        finally:
            # where a call begins or ends, an interrupt may come: there is none outside of this try
            left, interrupt = ATTEMPTS, None
            while left:
                try:
                    session.finish()
                    session_here.set(here)
                    recorded.set(other)
                    left = 0
                except BaseException as error:  # noqa: BLE001 - is raised below
                    left, interrupt = left - 1, error
            if interrupt is not None:
                raise interrupt


def payload(t: Tensor) -> Any:
    """What a tensor's slot holds, without entering it."""
    return A_SLOT.__get__(t)


def _name(t: Tensor) -> str:
    kind = "parameter" if type(t).__name__ == "Parameter" else "tensor"
    return f"{kind} {'x'.join(map(str, A_SLOT.__get__(t).shape)) or 'scalar'}"
