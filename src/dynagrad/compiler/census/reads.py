"""What a step has read: where objects come from, and the guards of reading them. Imports guards.

An object is one of: a scalar; the framework's (the tracer watches it); fresh, that is made by the
user's code in this step; part of the call's arguments, which are read by their path; or anything
else that stood there before, which is read by guards on the object itself.
"""

import gc
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from types import (
    BuiltinFunctionType,
    FunctionType,
    GenericAlias,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    UnionType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from .guards import MISSING, SCALARS, Guard, Reason, lookup, namespace, shown
from .purity import HOLDS, OVERLOADED, PURE

__all__ = ["World", "always", "nothing"]

#: more elements than these are not guarded one by one
MANY = 4096
_DICTS = (dict, OrderedDict, defaultdict)
_SETS = (set, frozenset)
#: what a class inherits unchanged if it behaves as the built-in container it derives from
_CONTAINER = ("__getitem__", "__iter__", "__len__", "__contains__", "__getattribute__")
#: what operators, conversions and built-in functions look for in a class
PROTOCOL = (
    *("__add__", "__radd__", "__iadd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__imul__"),
    *("__truediv__", "__rtruediv__", "__floordiv__", "__mod__", "__pow__", "__rpow__"),
    *("__matmul__", "__rmatmul__", "__neg__", "__pos__", "__abs__", "__invert__"),
    *("__and__", "__or__", "__xor__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
    *("__hash__", "__bool__", "__len__", "__iter__", "__next__", "__contains__", "__getitem__"),
    *("__setitem__", "__delitem__", "__reversed__", "__length_hint__", "__float__", "__int__"),
    *("__index__", "__round__", "__complex__", "__format__", "__str__", "__repr__", "__call__"),
    *("__enter__", "__exit__", "__missing__", "__array__", "__array_ufunc__", "keys"),
)
#: things whose identity says all about them, and which may be handed on
CODE = (
    *(FunctionType, BuiltinFunctionType, MethodType, ModuleType, type, MethodWrapperType),
    *(MethodDescriptorType, WrapperDescriptorType, np.ufunc, np.dtype, GenericAlias, UnionType),
)
C_FUNCTIONS = (
    *(BuiltinFunctionType, MethodWrapperType, MethodDescriptorType, WrapperDescriptorType),
)
_PLAIN = (slice, range, np.generic)
#: iterators that hold what they were made of, and change as they are used
ITERATORS = frozenset(
    type(iter(x))
    for x in ([], (), {}, {}.values(), {}.items(), set(), "", "é", b"", range(0), range(1 << 70))
) | {zip, map, filter, enumerate, reversed, type(reversed([])), type(reversed({}))}
ITERATORS |= {type(iter(OrderedDict())), *(x for x in HOLDS if "itertools" in x.__module__)}
_UNCHANGING = (object, int, float, str, bytes, tuple, BaseException)
_ABOUT_CLASSES = {"__module__", "__doc__", "__dict__", "__weakref__", "__firstlineno__"}
_ABOUT_CLASSES |= {"__static_attributes__", "__annotations__", "__qualname__", "__slots__"}
VIEWS = tuple(type(view) for d in ({}, OrderedDict()) for view in (d.keys(), d.values(), d.items()))


class World:
    """Where the objects of one step come from, and what was read of them."""

    def __init__(
        self,
        is_framework: Callable[[str], bool],
        is_framework_object: Callable[[Any], bool],
        is_symbolic: Callable[[Any], bool],
    ) -> None:
        self.framework_file = is_framework
        self.framework_object = is_framework_object
        self.symbolic = is_symbolic
        self.place: Callable[[], tuple[str, int]] = _nowhere
        self.guards: dict[tuple, Guard] = {}
        self.reasons: list[Reason] = []
        self.fresh: dict[int, Any] = {}
        self.arguments: dict[int, tuple[Any, list[tuple]]] = {}
        self.shared: set[int] = set()
        self.paths: list[tuple] = []
        #: the framework's objects that the user's code read or handed to the framework, in order,
        #: with what for
        self.consulted: list[tuple[Any, str]] = []
        #: whether one is noted here; None: it has no state but what the tracer sees
        self.notes: Callable[[Any], bool | None] = always
        #: why an attribute of one cannot be read by a step, "" if it can
        self.hides: Callable[[Any, str], str] = nothing
        #: the others, with what they held when first looked at
        self.holders: dict[int, tuple[Any, list[tuple[dict, dict]]]] = {}
        #: whether a read needs no guard, for the step itself has set what it reads
        self.unread: Callable[[str, tuple], bool] = _never
        self.classes: dict[type, Guard] = {}
        self._framework_types: dict[type, bool] = {}
        self._bases: dict[type, type | None] = {}
        self._python: dict[type, bool] = {}

    # -- where objects come from

    def made(self, thing: Any) -> None:
        """The step's own code made this object."""
        self.fresh[id(thing)] = thing

    def is_fresh(self, thing: Any) -> bool:
        """Whether the step's own code made this object."""
        return id(thing) in self.fresh

    def framework(self, thing: Any) -> bool:
        """Whether the tracer watches this object."""
        kind = type(thing)
        known = self._framework_types.get(kind)
        if known is None:
            known = not issubclass(kind, type) and self.framework_class(kind)
            self._framework_types[kind] = known
        if known:
            return not self.symbolic(thing)
        return bool(self.framework_object(thing))

    def consult(self, thing: Any, why: str) -> None:
        """An object of the framework is looked at, or a function that may look at it gets it."""
        if why and self.unread("attribute", (thing, why)):
            why = ""
        noted = self.notes(thing)
        if noted:
            self.consulted.append((thing, why))
        elif noted is False and id(thing) not in self.holders and not self.is_fresh(thing):
            held = contents(thing)
            if held:
                self.holders[id(thing)] = thing, held

    def consults(self, thing: Any) -> bool:
        """Whether it is an object of the framework, which is looked at then."""
        found = self.framework(thing)
        if found:
            self.consult(thing, "")
        return found

    def framework_class(self, kind: type) -> bool:
        """Whether a class is the framework's own, not one that the user derived from it."""
        name = kind.__dict__.get("__module__", "")
        if not isinstance(name, str) or name.split(".")[0] in ("numpy", "builtins"):
            return False
        return self.framework_module(name)

    def framework_module(self, name: str) -> bool:
        """Whether a module of this name is the framework's own."""
        return self.framework_file(getattr(sys.modules.get(name), "__file__", None) or "")

    def python_class(self, kind: type) -> bool:
        """Whether what a class does in operators and built-in functions is written in Python, or
        follows from a value that cannot change.
        """
        known = self._python.get(kind)
        if known is None:
            known = bool(kind.__flags__ & (1 << 9)) and not any(
                isinstance(found, WrapperDescriptorType | MethodDescriptorType)
                and found.__objclass__ not in _UNCHANGING
                for found in (lookup(kind, name) for name in PROTOCOL)
            )
            self._python[kind] = known
        return known

    def base(self, thing: Any) -> type | None:
        """Which built-in container an object behaves as, if any."""
        kind = type(thing)
        if kind in self._bases:
            return self._bases[kind]
        found: type | None = None
        for one in (list, tuple, dict, set, frozenset):
            if kind is one or (kind in _DICTS and one is dict):
                found = one
            elif issubclass(kind, one) and not self.framework_class(kind):
                if all(lookup(kind, n) is lookup(one, n) for n in _CONTAINER):
                    found = one
        self._bases[kind] = found
        return found

    def take_arguments(self, args: tuple, kwargs: dict) -> None:
        """Note every container within the arguments, by its path."""
        self.guard("call", (None,), (len(args), *kwargs), "value", "the call")
        for key, value in [*enumerate(args), *kwargs.items()]:
            self._take((key,), value, 0)

    def _take(self, path: tuple, value: Any, depth: int) -> None:
        base = self.base(value)
        if base is None or depth > 16 or self.framework(value):
            return
        self.arguments.setdefault(id(value), (value, []))[1].append(path)
        if base in _SETS or len(value) > MANY:
            return
        for key, item in value.items() if base is dict else enumerate(value):
            self._take((*path, key), item, depth + 1)

    def paths_of(self, thing: Any) -> list[tuple]:
        """Where a container stands within the arguments."""
        found = self.arguments.get(id(thing))
        return found[1] if found is not None else []

    def reached(self, value: Any) -> None:
        """This object was reached by another way than the arguments."""
        if id(value) in self.arguments:
            self.shared.add(id(value))

    # -- guards and reasons

    def guard(self, kind: str, on: tuple, expected: Any, by: str, name: str) -> None:
        """Note a read; the same read again is the same guard."""
        key = (kind, by, on[0] if kind == "argument" else id(on[0]), *map(_hashable, on[1:]))
        if key not in self.guards:
            self.guards[key] = Guard(kind, on, expected, by, name, self.place())

    def object_to(self, text: str) -> None:
        """A reason to stay eager, at the line that runs."""
        reason = Reason(text, *self.place())
        if reason not in self.reasons:
            self.reasons.append(reason)

    def value(self, kind: str, on: tuple, value: Any, name: str) -> None:
        """A guard by value for a scalar, by identity for anything else."""
        if self.unread(kind, on):
            return
        if type(value) in SCALARS:
            self.guard(kind, on, value, "value", name)
        else:
            self.reached(value)
            self.guard(kind, on, value, "identity", name)

    def argument(self, path: tuple, value: Any) -> None:
        """A read of what stands at a path into the arguments."""
        name = _path_text(path)
        self.paths.append(path)
        if type(value) in SCALARS:
            self.guard("argument", (path,), value, "value", name)
        elif self.symbolic(value):
            return  # the tracer's business
        elif id(value) in self.arguments or self.framework(value):
            self.guard("argument", (path,), type(value), "type", name)
        else:
            self.guard("argument", (path,), value, "identity", name)

    def class_names(self, cls: type, *names: str) -> None:
        """A class was asked for these attributes; one guard holds all names of a class."""
        if cls.__flags__ & (1 << 8):  # Py_TPFLAGS_IMMUTABLETYPE: nobody can change it
            return
        guard = self.classes.get(cls)
        if guard is None:
            self.guard("class", (cls,), (), "value", f"class {cls.__qualname__}")
            guard = self.classes[cls] = self.guards["class", "value", id(cls)]
            names = (*names, *self._framework_looks_for(cls))
        new = [n for n in dict.fromkeys(names) if n not in guard.on[1:]]
        if new:
            guard.on = (*guard.on, *new)
            guard.expected = (*guard.expected, *(lookup(cls, n) for n in new))

    def _framework_looks_for(self, cls: type) -> list[str]:
        """What the framework may look for in a user's class that derives from one of its own."""
        order = type.__dict__["__mro__"].__get__(cls)
        if self.framework_class(cls) or not any(map(self.framework_class, order)):
            return []
        own = [base for base in order if base is not object and not self.framework_class(base)]
        return [n for base in own for n in base.__dict__ if n not in _ABOUT_CLASSES]

    def protocol(self, thing: Any) -> None:
        """A built-in operation may look for any of its methods in the class of this object."""
        self.class_names(type(thing), *PROTOCOL)

    def type_of(self, thing: Any) -> None:
        """The class of an object was read; an object of a class written in Python may change it."""
        kind = type(thing)
        if kind.__flags__ & (1 << 9) and not self.framework(thing) and not self.is_fresh(thing):
            if id(thing) not in self.arguments:
                self.guard("object", (thing,), kind, "type", f"a {kind.__name__}")

    def item(self, owner: Any, key: Any, value: Any, name: str = "") -> None:
        """`owner[key]` was read (MISSING: it was not there)."""
        if self.is_fresh(owner):
            return
        base = self.base(owner)
        for path in self.paths_of(owner):
            if value is MISSING:
                self.guard("argument", ((*path, key),), MISSING, "identity", _path_text(path))
            else:
                self.argument(path, owner)
                self.argument((*path, key), value)
        if base is tuple:
            self.reached(value)
        if base is tuple or (id(owner) in self.arguments and id(owner) not in self.shared):
            return
        name = name or f"[{shown(key)}]"
        self.value("list" if base is list else "item", (owner, key), value, name)

    def whole(self, owner: Any, by: str, name: str) -> None:
        """A guard on a container as such: its length, its keys or its members."""
        if self.is_fresh(owner):
            return
        expected = len(owner) if by == "length" else tuple(owner)
        for path in self.paths_of(owner):
            self.paths.append(path)
            self.guard("argument", (path,), type(owner), "type", _path_text(path))
            self.guard("argument", (path,), expected, by, _path_text(path))
        if isinstance(owner, tuple | frozenset):
            return
        if id(owner) not in self.arguments or id(owner) in self.shared:
            self.guard("container", (owner,), expected, by, name)

    def length(self, owner: Any) -> str:
        """The length of a container was read, or whether it is empty."""
        self._subclass(owner)
        self.whole(owner, "length", f"a {type(owner).__name__}")
        return ""

    def everything(self, owner: Any) -> str:
        """All elements of a container were read, in order. A text says why this cannot be guarded,
        an empty one that it is.
        """
        kind, base = type(owner), self.base(owner)
        if kind in SCALARS or isinstance(owner, range) or self.framework(owner):
            return ""
        if self.is_fresh(owner) and (base is None or base not in _SETS):
            return ""
        if kind in VIEWS:
            return self.everything(_viewed(owner))
        if base is None:
            return f"goes through a {kind.__name__}"
        if len(owner) > MANY:
            return f"reads a {kind.__name__} of {len(owner)} elements"
        self._subclass(owner)
        if base in _SETS:
            if self.is_fresh(owner) and not all(type(x) in SCALARS for x in owner):
                return "depends on the order of a set"
            self.whole(owner, "members", f"a {kind.__name__}")
        elif base is dict:
            self.whole(owner, "keys", f"a {kind.__name__}")
            for key, value in dict.items(owner):
                self.item(owner, key, value)
                self._element(value)
        else:
            self.whole(owner, "length", f"a {kind.__name__}")
            for i, value in enumerate(owner):
                self.item(owner, i, value)
                self._element(value)
        return ""

    def _element(self, value: Any) -> None:
        """What is done with the elements of a container may be looked up in their classes."""
        kind = type(value)
        if kind.__flags__ & (1 << 9) and not self.framework(value):
            self.protocol(value)

    def _subclass(self, owner: Any) -> None:
        if type(owner) not in (list, tuple, dict, set, frozenset):
            self.protocol(owner)

    def deep(self, thing: Any, instances: bool = False, depth: int = 0, by: str = "") -> str:
        """Everything within a value was read, containers in containers too; a text says what cannot
        be guarded. With `instances`, objects of the user's classes are not looked into. `by`: for
        whom.
        """
        kind = type(thing)
        if kind in SCALARS:
            return ""
        if self.framework(thing):
            self.consult(thing, by)
            return ""
        if isinstance(thing, C_FUNCTIONS) or (kind is MethodType and not _in_python(thing)):
            # the framework may call it, and nothing shows what it does
            known = kind is not MethodType and any(thing in s for s in (PURE, OVERLOADED, HOLDS))
            return "" if known else "a function written in C"
        if isinstance(thing, CODE + _PLAIN):
            return ""
        if self.base(thing) is None and kind not in VIEWS:
            if isinstance(thing, np.ndarray):
                return "a NumPy array"
            if self.is_fresh(thing) or (instances and kind.__flags__ & (1 << 9)):
                return ""
            return "" if self.symbolic(thing) else f"a {kind.__name__}"
        if depth > 16:
            return "containers nested without end"
        if why := self.everything(thing):
            return f"something that {why}"
        if kind in VIEWS:
            thing = _viewed(thing)
        elements: Iterable = thing
        if self.base(thing) is dict:
            elements = (x for pair in dict.items(thing) for x in pair)
        return next(filter(None, (self.deep(x, instances, depth + 1, by) for x in elements)), "")

    def any_within(self, values: Iterable, test: Callable[[Any], bool], depth: int = 0) -> bool:
        """Whether a test holds for a value or for an element of containers within it."""
        for value in values:
            if test(value):
                return True
            base = self.base(value)
            if base is not None and depth < 8 and not self.framework(value):
                inside = dict.values(value) if base is dict else value
                if self.any_within(inside, test, depth + 1):
                    return True
        return False


def _never(kind: str, on: tuple) -> bool:
    return False


def nothing(thing: Any, name: str) -> str:
    """What hides nothing."""
    return ""


def always(thing: Any) -> bool:
    """What notes everything."""
    return True


def contents(thing: Any) -> list[tuple[dict, dict]]:
    """The dictionary of an object, and those that it holds, each with a copy."""
    own = namespace(thing)
    if not own:
        return []
    held = [own, *(value for value in own.values() if isinstance(value, dict))]
    return [(found, {k: _copied(v) for k, v in found.items()}) for found in held]


def _copied(value: Any) -> Any:
    return type(value)(map(_copied, value)) if type(value) in (list, tuple) else value


def _viewed(view: Any) -> Any:
    """The dictionary behind `d.keys()`, `d.values()` or `d.items()`."""
    return gc.get_referents(view)[0]


def _in_python(method: MethodType) -> bool:
    return isinstance(method.__func__, FunctionType)


def _nowhere() -> tuple[str, int]:
    return "", 0


def _hashable(x: Any) -> Any:
    return (type(x), x) if type(x) in SCALARS else ("object", id(x))


def _path_text(path: tuple) -> str:
    first, *rest = path
    name = f"argument {first + 1}" if isinstance(first, int) else f"argument {first}"
    return name + "".join(f"[{shown(key)}]" for key in rest)
