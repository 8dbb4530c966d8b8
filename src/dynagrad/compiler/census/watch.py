"""Watching one run of a step: what its frames tell, turned into guards and reasons. Imports
bytecode, calls, effects, guards, instructions, reads and starts.
"""

import dis
import functools
import os
import sysconfig
from collections.abc import Callable
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    TracebackType,
)
from typing import Any, NamedTuple

import numpy as np

from .bytecode import Stack, function_of, source_of
from .calls import Calls
from .effects import Effects
from .guards import MISSING, Reason
from .instructions import HANDLERS, QUIET
from .reads import World
from .starts import Followed, begin

__all__ = ["Store", "Watch", "is_numpy", "is_stdlib"]

_STDLIB = tuple(
    way(sysconfig.get_path(name)) + os.sep
    for name in ("stdlib", "platstdlib")
    for way in (os.path.abspath, os.path.realpath)
)
_NUMPY = os.path.dirname(np.__file__) + os.sep
#: within the framework, kernels are compiled at their first use
_LLVM = f"{os.sep}llvmlite{os.sep}"
#: reasons after which following the step tells nothing new
_ENOUGH = 20
#: exceptions that come from the machine, not from what the program read
_NOT_FROM_CODE = (MemoryError, RecursionError, OSError, KeyboardInterrupt, SystemExit, SystemError)
_GENERATORS = 0x20
_ASYNC = 0x80 | 0x100 | 0x200  # coroutine, iterable coroutine, asynchronous generator
_FUNCTION_CODE = 0x3  # optimised, new locals


class Store(NamedTuple):
    """An attribute or item of a framework object that the user's code wrote itself."""

    owner: Any
    key: Any
    file: str
    line: int


def is_stdlib(file: str) -> bool:
    """Whether a file belongs to Python's standard library."""
    if file.startswith("<frozen"):
        return True
    return file.startswith(_STDLIB) and "-packages" not in file


def is_numpy(file: str) -> bool:
    """Whether a file belongs to NumPy."""
    return file.startswith(_NUMPY)


class Watch:
    """One run: what the frames tell, turned into guards and reasons."""

    def __init__(
        self,
        follows: Callable[[str], bool],
        world: World,
        fn: Callable,
        args: tuple,
        kwargs: dict,
    ) -> None:
        self.follows = follows
        self.world = world
        self.effects = Effects(world)
        #: see `Census`
        self.is_lent: Callable[[Any], bool] = _no
        self.rebuilds: Callable[[str], bool] = _no
        self.calls = Calls(world, is_numpy, self.effects)
        self.entry = fn
        self.given = (args, kwargs)
        self.stores: list[Store] = []
        self.frames: dict[FrameType, Followed] = {}
        # kept whole, so that no other generator's frame takes the place of one that is gone
        self.suspended: dict[int, FrameType] = {}
        self.told: set[tuple[FrameType, int]] = set()
        self.lost = ""
        #: see `Census`
        self.halt: Callable[[list[Reason]], BaseException | None] | None = None
        self.begun = False
        self.frame: Any = None
        self.fallback = self._fallback(fn)
        world.place = self.place
        world.take_arguments(args, kwargs)
        if isinstance(fn, functools.partial):
            world.value("attribute", (fn, "args"), fn.args, "partial.args")
            if why := self.calls.judge(fn, args, kwargs):
                self.say(why, None)

    def _fallback(self, fn: Any) -> tuple[str, int]:
        code = getattr(getattr(fn, "__func__", fn), "__code__", None)
        if code is not None and self.world.framework_file(code.co_filename):
            # a module's call: its forward is the user's
            forward = getattr(type(getattr(fn, "__self__", None)), "forward", None)
            code = getattr(forward, "__code__", code)
        return ("", 0) if code is None else (code.co_filename, code.co_firstlineno)

    # -- places and reasons

    def user_frame(self, frame: FrameType | None) -> FrameType | None:
        """The innermost frame of the user's own files; code made from a text has no lines."""
        made = None
        while frame is not None:
            file = frame.f_code.co_filename
            if self.follows(file) and not is_stdlib(file):
                if file != "<string>":
                    return frame
                made = made or frame
            frame = frame.f_back
        return made

    def place(self) -> tuple[str, int]:
        """The file and line of the user's that runs now."""
        frame = self.user_frame(self.frame) if self.begun else None
        return self.fallback if frame is None else (frame.f_code.co_filename, frame.f_lineno or 0)

    def say(self, text: str, frame: FrameType | None) -> None:
        """A reason to stay eager, at the user's line."""
        if frame is None or not self.begun:
            reason = Reason(text, *self.fallback)
        else:
            user = self.user_frame(frame)
            if user is None:
                reason = Reason(text, *self.fallback)
            else:
                line, source = source_of(user.f_code, user.f_lasti)
                where = f" (in {os.path.basename(frame.f_code.co_filename)})"
                text = text + (where if user is not frame else "")
                text = f"`{source}` {text}" if source else text
                reason = Reason(text, user.f_code.co_filename, line)
        if reason not in self.world.reasons:
            self.world.reasons.append(reason)

    def object_to(self, frame: FrameType, text: str) -> None:
        """A reason; library code that gave one has no more to tell."""
        user = self.user_frame(frame)
        if user is not frame and user is not None:
            if (user, user.f_lasti) in self.told:
                return
            self.told.add((user, user.f_lasti))
        self.say(text, frame)
        record = self.frames.get(frame)
        if record is not None and (
            is_stdlib(frame.f_code.co_filename) or len(self.world.reasons) >= _ENOUGH
        ):
            record.dead = True

    # -- what the follower tells

    def entered(self, frame: FrameType) -> bool | None:
        """Whether to follow a frame: the user's, and what these call in libraries; what the
        framework calls in the standard library and in LLVM is its own business.
        """
        file = frame.f_code.co_filename
        if not self.follows(file):
            return False
        if file == "<string>" and self._is_made_by_framework(frame):
            return None
        if self.begun and frame.f_back not in self.frames:
            is_function = frame.f_code.co_flags & _FUNCTION_CODE == _FUNCTION_CODE
            if is_stdlib(file) or _LLVM in file or (file == "<string>" and not is_function):
                return None
        try:
            self.frame = frame
            self._enter(frame)
        except Exception as error:
            self.lose(frame, error)
        return True

    def _is_made_by_framework(self, frame: FrameType) -> bool:
        """Whether code made from a text belongs to one of the framework's classes: `__new__` of a
        named tuple, `__init__` of a dataclass. The user's own text (`python -c`, `exec`) may take
        objects of such classes too, but its globals are others.
        """
        code = frame.f_code
        module = frame.f_globals.get("__name__")
        if not isinstance(module, str) or not (
            module.startswith("namedtuple_") or self.world.framework_module(module)
        ):
            return False
        if not code.co_argcount or code.co_varnames[0] in code.co_cellvars:
            return False
        owner = Stack(frame).local(code.co_varnames[0])
        return self.world.framework_class(owner if isinstance(owner, type) else type(owner))

    def _enter(self, frame: FrameType) -> None:
        code = frame.f_code
        caller = self.frames.get(frame.f_back) if frame.f_back is not None else None
        record = self.frames[frame] = Followed(frame)
        first, self.begun = not self.begun, True
        if caller is not None and caller.dead and is_stdlib(code.co_filename):
            record.dead = True
            return
        if code.co_flags & _ASYNC:
            self.object_to(frame, "runs asynchronous code")
        if id(frame) in self.suspended:
            return
        if code.co_flags & _GENERATORS and _has_run(frame):
            self.object_to(frame, "goes on with a generator that was there before the step")
        if code.co_flags & _FUNCTION_CODE != _FUNCTION_CODE:
            self.object_to(frame, "runs code that is no function's")
            record.dead = True
            return
        function = function_of(frame)
        if not isinstance(function, FunctionType):
            raise TypeError("a frame without a function")
        begin(self, frame, record, function, first, caller)

    def read_argument(self, path: tuple, value: Any) -> None:
        """An argument was read, or may have been."""
        if not self.world.framework(value):
            self.world.argument(path, value)

    def about_to_run(self, frame: FrameType) -> None:
        """Judge the instruction that a frame stands before. Raises where the step is to end."""
        self._judge(frame)
        if self.halt is not None:
            error = self.halt(self.world.reasons)
            if error is not None:
                self.halt = None
                raise error

    def _judge(self, frame: FrameType) -> None:
        record = self.frames.get(frame)
        if record is None or record.dead:
            return
        record.calls = None
        try:
            one = record.stack.plan.steps[frame.f_lasti]
            after = record.after
            if after is not None:
                record.after = None
                self.frame = frame
                after(record.stack.top(one))
            name = one.name
            if name in QUIET:
                return
            self.frame = frame
            handler = HANDLERS.get(name)
            if handler is None:
                self.object_to(frame, f"runs the unknown instruction {name}")
                record.dead = True
                return
            self.calls.after = self.calls.making = None
            why = handler(self, record, one)
            record.after = self.calls.after
            record.calls = self.calls.making
            if why:
                self.object_to(frame, why)
        except Exception as error:
            record.dead = True
            self.lose(frame, error)

    def lose(self, frame: FrameType, error: Exception) -> None:
        """A frame cannot be followed: no error of the census may reach the step, not even where the
        recursion limit leaves no room to say so.
        """
        self.lost = type(error).__name__
        try:
            self.say(f"cannot be followed ({type(error).__name__}: {error})", frame)
        except Exception:
            return

    def raised(self, frame: FrameType, kind: type, trace: TracebackType | None) -> None:
        """What the user's code raises and catches follows from what it read; what the framework
        raises may follow from a tensor's values.
        """
        record = self.frames.get(frame)
        if record is None:
            return
        record.after = None
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        ours = trace is None or self.follows(trace.tb_frame.f_code.co_filename)
        if not ours or issubclass(kind, _NOT_FROM_CODE):
            try:
                self.object_to(frame, f"raises {kind.__name__}")
            except Exception as failure:
                self.lose(frame, failure)

    def failed(self, error: BaseException) -> None:
        """The step itself raised: the last of the reasons says where."""
        place, trace = self.fallback, error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if self.follows(file) and not is_stdlib(file):
                place = file, trace.tb_lineno
            trace = trace.tb_next
        self.world.reasons.append(Reason(f"raises {type(error).__name__}", *place))

    def left(self, frame: FrameType) -> None:
        """A frame is over, or a generator's rests."""
        record = self.frames.pop(frame, None)
        if record is None or not record.code.co_flags & _GENERATORS:
            return
        one = record.stack.plan.steps.get(frame.f_lasti)
        if one is not None and one.name in ("YIELD_VALUE", "SEND", "RESUME"):
            self.suspended[id(frame)] = frame

    def elsewhere(self, frame: FrameType) -> None:
        """User code runs in a thread that the step started."""
        file = frame.f_code.co_filename
        if self.follows(file) and not is_stdlib(file):
            reason = Reason("runs in another thread", file, frame.f_lineno or 0)
            if reason not in self.world.reasons:
                self.world.reasons.append(reason)

    def refused(self, why: str) -> None:
        """Nothing can be followed."""
        self.say(why, None)

    def store(self, owner: Any, key: Any) -> None:
        """The user's code writes to a framework object."""
        self.stores.append(Store(owner, key, *self.place()))

    def forget(self) -> None:
        """Let go of all that was read: what refers to itself here would keep it alive for long."""
        world = self.world
        for held in (world.guards, world.classes, world.fresh, world.arguments, world.holders):
            held.clear()
        self.given = ((), {})

    def finish(self, result: Any) -> None:
        """Check the result and the guards: what no longer holds was changed by the step."""
        self.frames.clear()
        self.suspended.clear()
        self.told.clear()
        if not self.begun and not self.world.reasons:
            args, kwargs = self.given
            for key, value in [*enumerate(args), *kwargs.items()]:
                self.read_argument((key,), value)
        world = self.world
        self.frame = None
        if any(map(_is_half_used, list(world.fresh.values()))):
            world.reasons.append(Reason("leaves a generator within a try or with", *self.fallback))
        if result is not MISSING and world.any_within((result,), self._lives_on):
            world.reasons.append(
                Reason("returns a function or an iterator that the step made", *self.fallback)
            )
        if not world.reasons and (why := self.effects.conflict()):
            world.reasons.append(Reason(why, *self.effects.made[0].place))
        if self.lost and not world.reasons:
            world.reasons.append(Reason(f"cannot be followed ({self.lost})", *self.fallback))
        for guard in () if world.reasons else world.guards.values():
            if not guard.holds(*self.given):
                place = (guard.file, guard.line)
                world.reasons.append(Reason(f"changes what it read: {guard.text}", *place))
        world.fresh.clear()
        world.arguments.clear()

    def _lives_on(self, thing: Any) -> bool:
        """A result that will run code of the step when it is used."""
        if isinstance(thing, GeneratorType | CoroutineType | AsyncGeneratorType):
            return True
        return self.world.is_fresh(thing) and (callable(thing) or hasattr(type(thing), "__next__"))


def _no(x: Any) -> bool:
    return False


def _is_half_used(x: Any) -> bool:
    """Whether a generator waits within a `try` or `with`, whose end comes later."""
    if not isinstance(x, GeneratorType) or x.gi_frame is None or not _has_run(x.gi_frame):
        return False
    place, steps = x.gi_frame.f_lasti, Stack(x.gi_frame).plan.steps
    entries = dis.Bytecode(x.gi_code).exception_entries  # type: ignore[attr-defined]
    return any(  # newer Pythons put all of a generator under a handler of their own
        entry.start <= place <= entry.end and steps[entry.target].name != "CALL_INTRINSIC_1"
        for entry in entries
    )


def _has_run(frame: FrameType) -> bool:
    """Whether a generator's frame has come further than its first instruction."""
    from_start = [one for one in Stack(frame).plan.steps.values() if one.name == "RESUME"]
    return bool(from_start) and frame.f_lasti > from_start[0].offset
