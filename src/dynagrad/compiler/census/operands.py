"""What operators, iteration, subscripts and the framework read of the values they are given.
Imports guards, purity and reads.

Each judgement is a sentence if the step must stay eager; `after` says what is to be done with the
result of the instruction.
"""

from collections.abc import Callable, Iterable
from inspect import CO_GENERATOR
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from .guards import MISSING, SCALARS, lookup
from .purity import IMMUTABLE
from .reads import ITERATORS, VIEWS, World

__all__ = ["C_CODE", "Operands", "name_of"]

C_CODE = (BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType, MethodWrapperType)


def name_of(function: Any) -> str:
    """A function's name as a program writes it."""
    if isinstance(function, MethodType):
        function = function.__func__
    name = getattr(function, "__qualname__", None) or type(function).__name__
    module = getattr(function, "__module__", None)
    return name if module in (None, "builtins", "__main__") else f"{module}.{name}"


class Operands:
    """The judgement of one operation after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.after: Callable[[Any], None] | None = None

    def framework(self, function: Any, values: Iterable, instances: bool = False) -> str:
        """A call into the framework, which may read all that it is given."""
        for value in values:
            if why := self.world.deep(value, instances, by=name_of(function)):
                return f"gives {why} to {name_of(function)}, whose contents cannot be guarded"
        self.after = self.from_framework
        return ""

    def from_framework(self, result: Any) -> None:
        """A result of the framework: its iterators are new, other containers are not trusted."""
        world = self.world
        world.reached(result)
        if type(result) in ITERATORS or (
            isinstance(result, GeneratorType)
            and world.framework_file(result.gi_code.co_filename)
            and result.gi_frame is not None
        ):
            world.made(result)

    def read_all(self, values: Iterable) -> str:
        """All of these values are worked on."""
        return next(filter(None, map(self.operand, values)), "")

    def operand(self, value: Any, length: bool = False) -> str:
        """A value is worked on by an operator or by a function written in C."""
        world = self.world
        kind = type(value)
        if kind in SCALARS or world.consults(value) or world.symbolic(value):
            return ""
        if world.base(value) is not None:
            return world.length(value) if length else world.everything(value)
        if kind in VIEWS or kind in ITERATORS or isinstance(value, GeneratorType):
            if kind in VIEWS:
                return world.everything(value)
            return "" if length else self.advance(value)
        if isinstance(value, np.ndarray):
            return "works on a NumPy array"
        if isinstance(value, (np.generic, np.dtype, slice, range, type, *C_CODE)):
            return ""
        if isinstance(value, FunctionType | MethodType | BaseException):
            return ""
        if world.python_class(kind):
            world.protocol(value)
            return ""
        if kind is object:
            return ""
        return f"works on a {kind.__name__}"

    def shown(self, value: Any) -> str:
        """A value becomes text."""
        world = self.world
        if type(value) in SCALARS or world.consults(value) or world.symbolic(value):
            return ""
        if isinstance(value, np.generic | np.dtype | type | range | slice):
            return ""
        if type(value) in (list, tuple, dict):
            if why := world.everything(value):
                return why
            elements = value if type(value) is not dict else (*value, *value.values())
            return next(filter(None, map(self.shown, elements)), "")
        if type(value).__flags__ & (1 << 9):
            texts = ("__str__", "__repr__", "__format__")
            world.class_names(type(value), *texts)
            if any(isinstance(lookup(type(value), n), FunctionType) for n in texts):
                return ""
        return f"makes a text of a {type(value).__name__}"

    def iterate(self, value: Any) -> str:
        """`iter(value)` is about to be called."""
        world = self.world
        kind = type(value)
        if kind in ITERATORS or isinstance(value, GeneratorType):
            return self.advance(value)
        if world.consults(value):
            self.after = self.from_framework
            return ""
        if world.base(value) is not None or kind in VIEWS or kind in (str, bytes, range):
            self.after = world.made
            return world.everything(value)
        found = lookup(kind, "__iter__")
        if world.python_class(kind):
            world.protocol(value)
            if isinstance(found, FunctionType):
                if found.__code__.co_flags & CO_GENERATOR:
                    self.after = world.made
                return ""
            if found is MISSING and isinstance(lookup(kind, "__getitem__"), FunctionType):
                self.after = world.made
                return ""
        return f"goes through a {kind.__name__}"

    def iterated(self, value: Any) -> str:
        """All elements of a value are taken at once."""
        kept, self.after = self.after, None
        why = self.iterate(value)
        self.after = kept
        return why

    def advance(self, iterator: Any) -> str:
        """The next element of an iterator is asked for."""
        world = self.world
        if world.is_fresh(iterator) or world.framework(iterator):
            return ""
        kind = type(iterator)
        if kind.__flags__ & (1 << 9) and isinstance(lookup(kind, "__next__"), FunctionType):
            world.class_names(kind, "__next__")
            return ""
        return f"takes from a {kind.__name__} that was there before the step"

    def _key(self, owner: Any, key: Any) -> str:
        """The first argument of a method that changes a container."""
        return "" if self.world.base(owner) in (list, None) else self.key(key)

    def key(self, key: Any) -> str:
        """A key of a dictionary is hashed and compared."""
        world = self.world
        if world.any_within((key,), world.symbolic):
            return "looks up a number that a tensor gave"
        kind = type(key)
        if kind in SCALARS or world.framework(key):
            return ""
        if kind is tuple:
            return next(filter(None, map(self.key, key)), "")
        if isinstance(key, (FunctionType, *C_CODE, np.generic, np.dtype)):
            return ""
        if lookup(kind, "__hash__") in (object.__hash__, type.__hash__):
            world.class_names(kind, "__hash__", "__eq__")
            return ""
        return f"uses a {kind.__name__} as a key"

    def item(self, owner: Any, key: Any) -> str:
        """`owner[key]` is about to be read."""
        world = self.world
        base, kind = world.base(owner), type(owner)
        if base is None and (world.consults(owner) or world.symbolic(owner)):
            return self.framework(type(owner), (key,))
        if world.any_within((key,), world.symbolic):
            return "looks up a number that a tensor gave"
        if base is dict:
            if why := self.key(key):
                return why
            if kind is not dict:
                world.protocol(owner)
            value = dict.get(owner, key, MISSING)
            if value is MISSING and lookup(kind, "__missing__") is not MISSING:
                if not world.is_fresh(owner):
                    return f"asks a {kind.__name__} for a key that it lacks"
            world.item(owner, key, value)
            return ""
        if base in (list, tuple):
            return self._index(owner, key)
        if kind in IMMUTABLE:
            return ""
        if isinstance(lookup(kind, "__getitem__"), FunctionType):
            world.class_names(kind, "__getitem__")
            return ""
        return f"subscripts a {kind.__name__}"

    def _index(self, owner: Any, key: Any) -> str:
        world = self.world
        if isinstance(key, slice):
            self.after = world.made if world.base(owner) is list else None
            return world.everything(owner)
        if type(key) not in (int, bool) and not isinstance(key, np.integer):
            return "" if world.is_fresh(owner) else f"indexes with a {type(key).__name__}"
        at = int(key)
        if at < 0 or at >= len(owner):
            world.length(owner)
            at += len(owner)
        if 0 <= at < len(owner):
            world.item(owner, at, owner[at])
        return ""
