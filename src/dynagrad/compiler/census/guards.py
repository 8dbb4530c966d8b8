"""Guards: what a step read besides tensors, each as one check that can be repeated. Standard
library only.

A guard names the object that was asked (a namespace, a cell, a list, a class), what was asked of it
and the answer. All guards are flat: each asks its own object, which another guard has pinned by
identity, so they may be checked in any order. Checking never runs code of the user.
"""

import linecache
import os
from collections.abc import Iterable
from functools import partial
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, NamedTuple

__all__ = ["MISSING", "SCALARS", "Guard", "Reason", "lookup", "own_attribute", "same_value"]


class _Missing:
    """The answer where there is nothing to read."""

    def __repr__(self) -> str:
        return "missing"


MISSING = _Missing()

#: types whose values are compared, not their identity
SCALARS = frozenset({int, float, complex, bool, str, bytes, type(None), type(...)})


class Reason(NamedTuple):
    """Why a step stays eager: a sentence, and the user's line that it is about."""

    text: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}: {self.text}" if self.file else self.text

    def quoted(self) -> str:
        """The same, with the text of the line where it can be read."""
        source = linecache.getline(self.file, self.line).strip()
        return f"{self}\n    {source}" if source else str(self)


def same_value(x: Any, y: Any) -> bool:
    """Whether two values are the same to a program: the same object, or equal scalars of one type
    (NaN equals NaN, -0.0 differs from 0.0).
    """
    if x is y:
        return True
    kind = type(x)
    if kind is not type(y):
        return False
    if kind is float or kind is complex:
        return repr(x) == repr(y)
    if kind is tuple:
        return len(x) == len(y) and all(map(same_value, x, y))
    return kind in SCALARS and x == y


def lookup(cls: type, name: str) -> Any:
    """The attribute of a class as its instances find it: raw, from the first class that has it."""
    for base in type.__dict__["__mro__"].__get__(cls):
        found = type.__dict__["__dict__"].__get__(base).get(name, MISSING)
        if found is not MISSING:
            return found
    return MISSING


def namespace(thing: Any) -> dict | None:
    """The dictionary of an object's own attributes, without running code of its class."""
    if isinstance(lookup(type(thing), "__dict__"), GetSetDescriptorType):
        try:
            found = object.__getattribute__(thing, "__dict__")
        except AttributeError:
            return None
        return found if isinstance(found, dict) else None
    return thing.__dict__ if type(thing) is ModuleType else None


def own_attribute(thing: Any, name: str) -> Any:
    """An attribute that the object itself holds, in its dictionary or in a slot; else MISSING."""
    found = lookup(type(thing), name)
    if isinstance(found, MemberDescriptorType | GetSetDescriptorType):
        try:
            return found.__get__(thing, type(thing))
        except AttributeError:
            return MISSING
    own = namespace(thing)
    return MISSING if own is None else own.get(name, MISSING)


def function_state(function: Any) -> tuple:
    """What decides a function's behaviour besides what it reads: code and default arguments."""
    named = function.__kwdefaults__
    pairs = () if named is None else (*named, *named.values())
    return (function.__code__, function.__defaults__, named, *pairs)


def at_path(path: tuple, args: tuple, kwargs: dict) -> Any:
    """What stands at a path into the arguments of a call: (0, "lr", 2) is `args[0]["lr"][2]`,
    ("x",) is `kwargs["x"]`.
    """
    here: Any = args if isinstance(path[0], int) else kwargs
    for key in path:
        try:
            here = here[key]
        except (LookupError, TypeError):
            return MISSING
    return here


def _read(kind: str, on: tuple, args: tuple, kwargs: dict) -> Any:
    """The raw answer to what a guard asks."""
    owner, *more = on
    key: Any = more[0] if more else None
    if kind in ("global", "item", "keyword"):
        return owner.get(key, MISSING)
    if kind == "list":
        return owner[key] if key < len(owner) else MISSING
    if kind == "cell":
        return owner.cell_contents
    if kind == "attribute":
        return own_attribute(owner, key)
    if kind == "class":
        return tuple(lookup(owner, name) for name in more)
    if kind == "function":
        return function_state(owner)
    if kind == "asked":
        return key()
    if kind == "argument":
        return at_path(owner, args, kwargs)
    if kind == "call":
        return (len(args), *kwargs)
    return owner  # "container", "object": what is compared is its length, its keys or its type


class Guard:
    """One read to verify.

    kind and `on`, its operands, say what is read:

    | kind        | on                       | current value                                    |
    |-------------|--------------------------|--------------------------------------------------|
    | "global"    | (dict, name)             | dict[name]                                       |
    | "item"      | (dict, key)              | dict[key]                                        |
    | "list"      | (list, index)            | list[index]                                      |
    | "cell"      | (cell,)                  | cell.cell_contents                               |
    | "attribute" | (object, name)           | what the object's own dictionary or slot holds   |
    | "class"     | (class, *names)          | for each name what instances find in the classes |
    | "methods"   | (class,)                 | all that the class itself holds (see `classes`)  |
    | "function"  | (function,)              | code, defaults, keyword defaults and their items |
    | "container" | (list, dict or set,)     | the container                                    |
    | "object"    | (object,)                | the object                                       |
    | "argument"  | (path,)                  | what stands at a path into the call's arguments  |
    | "asked"     | (function, call, ...)    | what a function of the framework answers         |
    | "call"      | (None,)                  | number of positional arguments, keyword names    |

    `by` says how the current value is compared with `expected`: "identity"; "value" (type and
    equality, see `same_value`; tuples by their elements); "length"; "type"; "keys" (a dict's keys
    in order) or "members" (a set's elements in the order in which it gives them). `expected` is
    MISSING where nothing was found, and something found later breaks the guard. For native code: a
    guard by identity or by value holds if the pointer is the same, and a guard of a class holds
    while the class has the version tag that it had.
    """

    __slots__ = ("by", "expected", "file", "kind", "line", "name", "on")

    def __init__(
        self, kind: str, on: tuple, expected: Any, by: str, name: str, place: tuple[str, int]
    ) -> None:
        self.kind = kind
        self.on = on
        self.expected = expected
        self.by = by
        self.name = name
        self.file, self.line = place

    def fetch(self, args: tuple = (), kwargs: dict | None = None) -> Any:
        """The current value; MISSING if there is none. Arguments matter to the kinds "argument"
        and "call" alone.
        """
        try:
            return _read(self.kind, self.on, args, kwargs or {})
        except Exception:  # a cell without content, a key that cannot be hashed, a class torn down
            return MISSING

    def holds(self, args: tuple = (), kwargs: dict | None = None) -> bool:
        """Whether the answer is still what it was. Never raises."""
        found = self.fetch(args, kwargs)
        expected, by = self.expected, self.by
        if by == "identity" or expected is MISSING:
            return found is expected
        try:
            if by == "value":
                return same_value(found, expected)
            if by == "type":
                return type(found) is expected
            if by == "length":
                return len(found) == expected
            now = tuple(found)
        except Exception:
            return False
        return len(now) == len(expected) and all(map(same_value, now, expected))

    @property
    def text(self) -> str:
        """The guard in words: "global scale in train.py:7 is 3.0"."""
        place = f" in {os.path.basename(self.file)}:{self.line}" if self.file else ""
        return f"{self.name}{place} {self._answer()}"

    def _answer(self) -> str:
        if self.kind == "methods":
            return "has its methods"
        if self.kind == "class":
            return "as found: " + ", ".join(self.on[1:])
        if self.kind == "function":
            return "has its code and its default arguments"
        if self.by == "length":
            return f"has length {self.expected}"
        if self.by == "type":
            return f"is a {self.expected.__name__}"
        if self.by in ("keys", "members"):
            return f"has {self.by} {shown(self.expected)}"
        return f"is {shown(self.expected)}"

    def __repr__(self) -> str:
        return f"<guard: {self.text}>"


def shown(value: Any) -> str:
    """A value in few words, without running code of its class."""
    if value is MISSING:
        return "missing"
    if type(value) in SCALARS:
        text = repr(value)
        return text if len(text) <= 40 else text[:37] + "..."
    if type(value) is tuple:
        return f"({_listed(value)})" if len(value) <= 8 else f"a tuple of {len(value)}"
    if isinstance(value, FunctionType | type):
        return value.__qualname__
    if isinstance(value, MethodType):
        return f"method {shown(value.__func__)}"
    if isinstance(value, ModuleType):
        return f"module {object.__getattribute__(value, '__dict__').get('__name__')}"
    if isinstance(value, partial):
        return f"partial of {shown(value.func)}"
    return f"this {type(value).__name__}"


def _listed(values: Iterable) -> str:
    return ", ".join(map(shown, values))
