"""Which calls a step may make, and what they read. Imports attributes, guards, purity and reads.

Functions written in Python are followed as frames of their own; what is judged here is code written
in C, calls into the framework, and the making of objects. Each judgement is a sentence if the step
must stay eager; `after` says what is to be done with the result.
"""

import functools
from collections.abc import Callable, Iterable
from functools import partial
from inspect import CO_GENERATOR
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from . import attributes
from .effects import Effects
from .guards import MISSING, SCALARS, lookup
from .operands import C_CODE, Operands, name_of
from .purity import (
    APPENDS,
    BUILDS,
    HOLDS,
    IMMUTABLE,
    MUTATES,
    OVERLOADED,
    PURE,
    READS,
    REFUSED,
    TAKES_FUNCTION,
    YIELDS,
)
from .reads import World

__all__ = ["Calls"]

_NEW = {f: t for t in (object, tuple, list, dict, set, frozenset) for f in (t.__new__,)}
#: functions of the framework that follow from what is guarded, or change nothing that is seen
_SETTLED = {"is_grad_enabled", "is_inference_mode_enabled", "_assert", "synchronize", "empty_cache"}
_SETTLED |= {"cudagraph_mark_step_begin", "is_compiling", "graph_break", "current_stream"}
_TYPE_CHECKS = (isinstance, issubclass)


class Calls(Operands):
    """The judgement of one call after the other."""

    def __init__(self, world: World, library: Callable[[str], bool], effects: Effects) -> None:
        super().__init__(world)
        self.library = library
        self.effects = effects
        self.making: type | None = None

    def judge(self, function: Any, args: tuple, kwargs: dict, depth: int = 0) -> str:
        """`function(*args, **kwargs)` is about to be run."""
        world = self.world
        if depth > 16:
            return f"calls {name_of(function)} through too many others"
        if isinstance(function, MethodType):
            return self.judge(function.__func__, (function.__self__, *args), kwargs, depth + 1)
        if isinstance(function, FunctionType):
            return self._python(function, args, kwargs)
        if isinstance(function, partial) and world.framework(function):
            return ""  # a compiled function: while a step is recorded, its Python code runs
        if isinstance(function, partial):
            if why := "" if world.is_fresh(function) else world.everything(function.keywords):
                return why
            everything = {**function.keywords, **kwargs}
            return self.judge(function.func, (*function.args, *args), everything, depth + 1)
        if isinstance(function, np.ufunc) or getattr(function, "__module__", "") == "numpy":
            if function not in PURE:
                return self._numpy(function, (*args, *kwargs.values()))
        if isinstance(function, type):
            return self._make(function, args, kwargs)
        if world.framework(function):
            world.class_names(type(function), "__call__")
            # a module hands its arguments on to its `forward`
            return self.framework(function, (*args, *kwargs.values()), instances=True)
        if isinstance(function, C_CODE):
            return self._c(function, args, kwargs)
        if isinstance(lookup(type(function), "__call__"), FunctionType):
            world.class_names(type(function), "__call__")
            return ""
        return f"calls {name_of(function)}, which cannot be looked into"

    def _python(self, function: Any, args: tuple, kwargs: dict) -> str:
        file = function.__code__.co_filename
        if self.world.framework_file(file):
            values = (*args, *kwargs.values())
            why = self.framework(function, values)
            if all(type(x) in SCALARS for x in values):
                self.after = partial(self._told, function, args, kwargs)
            return why
        if self.library(file):
            return self._numpy(function, (*args, *kwargs.values()))
        if function.__code__.co_flags & CO_GENERATOR:
            self.after = self.world.made
        return ""

    def _numpy(self, function: Any, values: tuple) -> str:
        """NumPy gives the framework's objects back to the framework, and is pure on scalars."""
        world = self.world
        if world.any_within(values, lambda x: isinstance(x, np.ndarray)):
            return f"calls {name_of(function)} on a NumPy array"
        if world.any_within(values, world.framework):
            return self.framework(function, values)
        if world.any_within(values, world.symbolic):
            return f"calls {name_of(function)} on a number that a tensor gave"
        if isinstance(function, np.ufunc) and all(
            type(x) in SCALARS or isinstance(x, np.generic) for x in values
        ):
            return ""
        return f"calls {name_of(function)}"

    def _told(self, function: Any, args: tuple, kwargs: dict, result: Any) -> None:
        """A function of the framework got plain values alone: a plain one that it gave may be a
        setting of the process, and where it gave nothing it may have changed one.
        """
        world = self.world
        self.from_framework(result)
        if function.__name__ in _SETTLED:
            return
        if result is None:
            world.object_to(f"calls {name_of(function)}, which may change a setting")
        elif type(result) in SCALARS:
            asked = partial(function, *args, **kwargs)
            world.guard("asked", (function, asked, *args), result, "value", name_of(function))

    # -- objects

    def _make(self, cls: type, args: tuple, kwargs: dict) -> str:
        world = self.world
        values = (*args, *kwargs.values())
        if world.framework_class(cls):
            why = self.framework(cls, values)
            self.after = partial(self._made, cls)
            return why
        if not cls.__flags__ & (1 << 9) or cls in PURE or cls in BUILDS:
            return self._make_builtin(cls, args, values)
        if lookup(cls, "__del__") is not MISSING:
            return f"makes a {cls.__name__}, whose end is an event"
        meta = type(cls)
        call = lookup(meta, "__call__")
        if call is not type.__call__:
            world.class_names(meta, "__call__")
            return "" if isinstance(call, FunctionType) else f"makes a {cls.__name__}"
        world.class_names(cls, "__new__", "__init__")
        new = lookup(cls, "__new__")
        if isinstance(new, staticmethod):
            new = new.__func__
        if isinstance(new, FunctionType):
            return ""
        base = _NEW.get(new)
        if base is None and not issubclass(cls, BaseException):
            return f"makes a {cls.__name__}, whose class is written in C"
        if base is not object and base is not None:
            if why := self.read_all(values):
                return why
        if not isinstance(lookup(cls, "__init__"), FunctionType) and (
            world.any_within(values, world.symbolic) and base is not tuple
        ):
            return f"makes a {cls.__name__} of a number that a tensor gave"
        self.making = cls
        self.after = partial(self._made, cls)
        return ""

    def _made(self, cls: type, thing: Any) -> None:
        if type(thing) is cls:
            self.world.made(thing)

    def _make_builtin(self, cls: Any, args: tuple, values: tuple) -> str:
        world = self.world
        if cls is type:
            world.type_of(args[0])
            return "" if len(args) == 1 else "defines a class"
        if cls is super:
            return ""
        if issubclass(cls, BaseException):
            self.after = world.made
            return ""
        return self._c(cls, args, {}, values)

    # -- functions in C

    def _c(self, function: Any, args: tuple, kwargs: dict, values: tuple | None = None) -> str:
        values = (*args, *kwargs.values()) if values is None else values
        owner = getattr(function, "__self__", None)
        if isinstance(function, BuiltinFunctionType | MethodWrapperType):
            if (
                owner is not None
                and not isinstance(owner, type)
                and not isinstance(owner, ModuleType)
            ):
                found = lookup(type(owner), function.__name__)
                if isinstance(found, MethodDescriptorType | WrapperDescriptorType):
                    return self._method(found, owner, args, values)
        if isinstance(function, MethodDescriptorType | WrapperDescriptorType) and args:
            return self._method(function, args[0], args[1:], values[1:])
        if function in _NEW and args:
            self.after = partial(self._made, args[0])
            return self.read_all(values[1:]) if _NEW[function] is not object else ""
        for known in (self._about_attributes, self._about_iterators):
            why = known(function, args)
            if why is not None:
                return why
        return self._listed(function, args, values)

    def _listed(self, function: Any, args: tuple, values: tuple) -> str:
        """Functions of the lists of `purity`."""
        world = self.world
        if not _known(function):
            why = REFUSED.get(function) if _hashable(function) else None
            if why:
                return why
            return f"calls {name_of(function)}, which is not known to be pure"
        if function in TAKES_FUNCTION:
            if why := self._callbacks(function, values):
                return why
        if function is len:
            return self.operand(values[0], length=True)
        if world.any_within(values, self.is_complex) and world.any_within(values, world.symbolic):
            return f"gives a number that a tensor gave, and complex ones, to {name_of(function)}"
        if function not in OVERLOADED and function not in HOLDS:
            if world.any_within(values, world.symbolic):
                return f"gives a number that a tensor gave to {name_of(function)}"
        if function is hash and not all(type(x) in SCALARS or world.framework(x) for x in args):
            return "depends on the hash of an object"
        if function in (str, repr, ascii, format) and args:
            if why := self.shown(args[0]):
                return why
        elif function is not callable and function is not partial:
            if why := self.read_all(values):
                return why
        if function in BUILDS:
            self.after = world.made
        return ""

    @staticmethod
    def is_complex(x: Any) -> bool:
        """Whether arithmetic with it, in C, reads the value of a float."""
        return isinstance(x, complex)

    def _callbacks(self, function: Any, values: Iterable) -> str:
        """Functions handed to `map`, `sorted(key=...)` and the like are called from C."""
        for value in values:
            if callable(value) and not self.world.framework(value):
                if isinstance(value, FunctionType | MethodType | partial | type(len)):
                    kept, self.after = self.after, None
                    why = self.judge(value, (), {}) if isinstance(value, type(len)) else ""
                    self.after = kept
                    if why:
                        return why
                elif isinstance(value, type) and value in (float, int, bool, abs, tuple, str):
                    continue
                elif function is not partial and isinstance(value, type):
                    return f"calls {name_of(value)} from {name_of(function)}"
        return ""

    def _about_attributes(self, function: Any, args: tuple) -> str | None:
        world = self.world
        if function in (getattr, hasattr) and len(args) > 1 and type(args[1]) is str:
            if attributes.loads(args[0], args[1]):
                self.after = partial(attributes.read_loaded, world, args[0], args[1])
            elif world.framework(args[0]):
                self.after = world.reached
            return attributes.read(world, args[0], args[1])
        if function in (setattr, delattr) and len(args) > 1 and type(args[1]) is str:
            return attributes.write(world, args[0], args[1], "sets")
        if function in _TYPE_CHECKS and len(args) == 2:
            if function is isinstance:
                world.type_of(args[0])
            return self._check_type(args[1])
        return None

    def _check_type(self, classes: Any) -> str:
        for cls in classes if isinstance(classes, tuple) else (classes,):
            if isinstance(cls, tuple):
                if why := self._check_type(cls):
                    return why
            elif isinstance(cls, type):
                meta = type(cls)
                if meta is not type:
                    self.world.class_names(meta, "__instancecheck__", "__subclasscheck__")
        return ""

    def _about_iterators(self, function: Any, args: tuple) -> str | None:
        if function is iter and len(args) == 1:
            return self.iterate(args[0])
        if function is next and args:
            return self.advance(args[0])
        if function is functools.reduce and len(args) > 1:
            if not isinstance(args[0], FunctionType) and not _known(args[0]):
                return f"calls {name_of(args[0])} from functools.reduce"
            return self.read_all(args[1:])
        return None

    def _method(self, method: Any, owner: Any, args: tuple, values: tuple) -> str:
        """A method written in C: `owner.method(*args)`."""
        world = self.world
        name = f"{type(owner).__name__}.{method.__name__}"
        if world.framework(owner) and world.base(owner) is None:
            return self.framework(method, (owner, *values))
        if method in (object.__setattr__, object.__delattr__) and args:
            kind = type(owner).__name__
            return "" if world.is_fresh(owner) else f"sets attribute {args[0]!r} of a {kind}"
        if method is object.__getattribute__ and args and type(args[0]) is str:
            return attributes.read_plainly(world, owner, args[0])
        if method is object.__init__ or method.__name__ == "__init_subclass__":
            return ""
        if isinstance(owner, BaseException) and world.is_fresh(owner):
            return ""
        if isinstance(owner, GeneratorType) and method.__name__ in ("send", "close", "__next__"):
            return self.advance(owner)
        symbolic = world.any_within(values, world.symbolic)
        if type(owner) in IMMUTABLE and not world.symbolic(owner):
            if symbolic:
                return f"gives a number that a tensor gave to {name}"
            return self._text_method(name, values)
        return self._container(method, owner, args, values, name, symbolic)

    def _text_method(self, name: str, values: tuple) -> str:
        """A method of a number or a text: pure if all it is given is."""
        if name == "str.join":
            return self.read_all(values)
        return next(filter(None, map(self.shown, values)), "")

    def _container(
        self, method: Any, owner: Any, args: tuple, values: tuple, name: str, symbolic: bool
    ) -> str:
        world = self.world
        if method in MUTATES:
            if not world.is_fresh(owner):
                why = f"changes a {type(owner).__name__}"
                if method in APPENDS and len(args) == 1:
                    why = self.effects.appends(owner, args[0], why)
                if why:
                    self.effects.left.append(owner)
                return why
            if symbolic and method.__name__ in ("remove", "add", "discard", "setdefault"):
                return f"gives a number that a tensor gave to {name}"
            if method.__name__ in ("extend", "update", "__init__") or "update" in method.__name__:
                return self.read_all(values)
            if method is list.sort:
                return self._callbacks(sorted, values)
            return "" if not args else self._key(owner, args[0])
        if method not in READS and method not in YIELDS:
            return f"calls {name}, which is not known to be pure"
        if world.base(owner) is None and not world.is_fresh(owner):
            return f"calls {name} on a {type(owner).__name__}, which reads in its own way"
        if symbolic:
            return f"gives a number that a tensor gave to {name}"
        if method in YIELDS:
            self.after = world.made
            return world.everything(owner) or self.read_all(values)
        if world.base(owner) is dict and args and method.__name__ != "__len__":
            return self.item(owner, args[0])
        if method.__name__ == "__getitem__" and args:
            return self.item(owner, args[0])
        if method.__name__ == "__iter__":
            self.after = world.made
        return world.deep(owner) and f"looks through {world.deep(owner)}"


def _hashable(thing: Any) -> bool:
    try:
        hash(thing)
    except Exception:
        return False
    return True


def _known(function: Any) -> bool:
    return _hashable(function) and (
        function in PURE or function in OVERLOADED or function in HOLDS or function in BUILDS
    )
