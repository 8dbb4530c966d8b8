"""What a followed frame tells when it starts: the function that it runs, which of its parameters
hold the call's arguments, and what is new. Imports bytecode and guards.
"""

from collections.abc import Callable
from types import FrameType, FunctionType
from typing import Any

from .bytecode import Stack
from .guards import MISSING, function_state, lookup

__all__ = ["Followed", "begin"]


class Followed:
    """One user frame that is being followed."""

    __slots__ = ("after", "calls", "code", "dead", "grows", "parameters", "stack")

    def __init__(self, frame: FrameType) -> None:
        self.code = frame.f_code
        self.stack = Stack(frame)
        self.after: Callable[[Any], None] | None = None
        self.parameters: dict[str, tuple] = {}
        self.dead = False
        self.calls: type | None = None
        #: what is read in order to grow, by the offset at which it is stored (see `Effects`)
        self.grows: dict[int, list] = {}


def begin(
    watch: Any,
    frame: FrameType,
    record: Followed,
    function: FunctionType,
    first: bool,
    caller: Followed | None,
) -> None:
    """A function starts: its code and default arguments are read, its own `**keywords` and the
    object that it initialises are new.
    """
    world, code = watch.world, frame.f_code
    if not world.is_fresh(function):
        name = f"function {function.__qualname__}"
        world.guard("function", (function,), function_state(function), "value", name)
        for one in function.__defaults__ or ():
            world.reached(one)
    if caller is None and code.co_argcount:
        owner = _parameter(frame, record, 0)
        _looked_up(watch, function, owner)
        if watch.is_lent(owner):
            world.made(owner)
        if not first and watch.rebuilds(frame.f_back.f_code.co_filename):  # pyright: ignore
            for index in range(code.co_argcount + code.co_kwonlyargcount):
                _rebuilt(watch, _parameter(frame, record, index), function)
    if code.co_flags & 0x8:
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x4)
        world.made(_parameter(frame, record, count))
    making = None if caller is None else caller.calls
    if making is not None and code.co_argcount:
        made = _parameter(frame, record, 0)
        if type(made) is making:
            world.made(made)
            assert caller is not None
            caller.calls = None
    if first:
        _parameters(watch, record, function)


def _rebuilt(watch: Any, value: Any, function: FunctionType) -> None:
    """A function of the framework calls one of the user's with this value. A container that was
    neither an argument of the step nor read by anything up to now was built for this call.
    """
    world = watch.world
    base = world.base(value)
    if base is None or world.framework(value) or id(value) in world.arguments:
        return
    given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if any(value is x for x in given):
        return
    if base is not tuple:
        if any(guard.on[0] is value for guard in world.guards.values()):
            return
        world.made(value)
    for item in value.values() if base is dict else value:
        _rebuilt(watch, item, function)


def _looked_up(watch: Any, function: FunctionType, owner: Any) -> None:
    """The framework, or C code, called a method: it found it in the object's class."""
    name = function.__name__
    for cls in (type(owner), owner):
        if isinstance(cls, type) and lookup(cls, name) is not MISSING:
            watch.world.class_names(cls, name)


def _parameter(frame: FrameType, record: Followed, index: int) -> Any:
    name = frame.f_code.co_varnames[index]
    if name in frame.f_code.co_cellvars:
        return frame.f_locals[name]
    return record.stack.local(name)


def _parameters(watch: Any, record: Followed, function: FunctionType) -> None:
    """Which arguments of the call reach which parameters: a plain one is read when its variable
    is. Where that cannot be told, all are.
    """
    args, kwargs = watch.given
    code = record.code
    entry = getattr(watch.entry, "__func__", watch.entry)
    bound = 1 if entry is not watch.entry else 0
    positional = code.co_varnames[bound : code.co_argcount]
    last = code.co_argcount + code.co_kwonlyargcount
    named = code.co_varnames[code.co_posonlyargcount : last]
    if entry is not function:
        positional = named = ()
    for i, value in enumerate(args):
        if i < len(positional) and positional[i] not in code.co_cellvars:
            record.parameters[positional[i]] = ((i,), value)
        else:
            watch.read_argument((i,), value)
    for name, value in kwargs.items():
        if name in named and name not in code.co_cellvars:
            record.parameters[name] = ((name,), value)
        else:
            watch.read_argument((name,), value)
