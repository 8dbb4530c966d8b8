"""Reading and writing attributes: which guards make a read sound, which writes are side effects.
Imports guards and reads.

Everything is looked up without running code of the user: what runs (a property, a `__getattr__`) is
a frame of its own that is followed. Each function returns a sentence if the step must stay eager.
"""

import collections
import functools
import operator
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from .guards import MISSING, SCALARS, lookup, namespace, own_attribute
from .reads import World

__all__ = ["is_python_method", "is_there", "loads", "read", "read_loaded", "read_plainly", "write"]

#: built-in types whose attributes cannot change while an object lives
_FIXED = (
    *(int, float, complex, bool, str, bytes, type(None), tuple, range, slice, CodeType, MethodType),
    *(MethodWrapperType, MethodDescriptorType, BuiltinFunctionType, GeneratorType, np.generic),
    *(np.dtype, np.ufunc, property, staticmethod, classmethod),
)
#: built-in types whose attributes are guarded as a user's
_GUARDED = (FunctionType, functools.partial)
_C_METHODS = (
    *(MethodDescriptorType, WrapperDescriptorType, ClassMethodDescriptorType),
    *(BuiltinFunctionType, staticmethod, classmethod),
)
#: `__getattribute__` of built-in types that do no more than `object`'s
_PLAIN_LOOKUP = {
    lookup(kind, "__getattribute__")
    for kind in (
        *(object, tuple, list, dict, set, frozenset, int, float, str, bytes, BaseException),
        collections.deque,
    )
}
_TUPLE_GETTER = type(collections.namedtuple("_Pair", "x").x)  # type: ignore[attr-defined]


def read(world: World, thing: Any, name: str) -> str:
    """`thing.name` is about to be read."""
    kind = type(thing)
    if kind is super:
        return _read_super(world, thing, name)
    if isinstance(thing, ModuleType):
        return _read_module(world, thing, name)
    if isinstance(thing, type):
        return _read_class(world, thing, name)
    if world.framework(thing):
        world.class_names(kind, name, "__getattribute__")
        if not isinstance(lookup(kind, name), (FunctionType, *_C_METHODS)):
            world.consult(thing, name)
        return world.hides(thing, name)
    if world.symbolic(thing):
        return "" if name in ("real", "imag") or callable(lookup(kind, name)) else _odd(thing, name)
    getter = lookup(kind, "__getattribute__")
    if getter not in _PLAIN_LOOKUP:
        world.class_names(kind, "__getattribute__")
        if isinstance(getter, FunctionType):
            return ""
        if kind.__flags__ & (1 << 9):
            return f"reads attribute {name!r} of a {kind.__name__}, whose class looks it up in C"
    if not kind.__flags__ & (1 << 9):
        return _read_builtin(world, thing, name)
    return read_plainly(world, thing, name)


def _odd(thing: Any, name: str) -> str:
    return f"reads attribute {name!r} of a {type(thing).__name__}"


def read_plainly(world: World, thing: Any, name: str) -> str:
    """`object.__getattribute__(thing, name)`, for an object of a class written in Python."""
    kind = type(thing)
    fresh = world.is_fresh(thing)
    found = lookup(kind, name)
    world.class_names(kind, name, "__getattribute__")
    if kind.__module__ != "torch.return_types":  # a guard would keep the tensors of a result alive
        world.type_of(thing)
    if isinstance(found, property):
        in_sight = isinstance(found.fget, FunctionType | operator.itemgetter)
        return "" if in_sight else _odd(thing, name)
    if isinstance(found, _TUPLE_GETTER):
        return ""
    if isinstance(found, MemberDescriptorType):
        if not fresh:
            world.value("attribute", (thing, name), own_attribute(thing, name), _label(thing, name))
        return ""
    if isinstance(found, GetSetDescriptorType):
        return "" if name in ("__dict__", "__class__") else _odd(thing, name)
    getter = MISSING if found is MISSING else lookup(type(found), "__get__")
    if getter is not MISSING and lookup(type(found), "__set__") is not MISSING:
        return _descriptor(world, found, thing, name)
    own = namespace(thing)
    held = MISSING if own is None else own.get(name, MISSING)
    if not fresh and own is not None:
        world.value("attribute", (thing, name), held, _label(thing, name))
    if held is not MISSING:
        return ""
    if found is MISSING:
        world.class_names(kind, "__getattr__")
        return ""
    if getter is MISSING or isinstance(found, (FunctionType, *_C_METHODS)):
        world.reached(found)
        return ""
    return _descriptor(world, found, thing, name)


def _descriptor(world: World, found: Any, thing: Any, name: str) -> str:
    """A descriptor of a class written in Python runs as a frame of its own."""
    world.class_names(type(found), "__get__", "__set__")
    if isinstance(found, functools.cached_property):
        # its second read finds the value in the object: the first one is a write
        return f"fills the cached property {name!r}" if not world.is_fresh(thing) else ""
    if isinstance(lookup(type(found), "__get__"), FunctionType):
        return ""
    return _odd(thing, name)


def _label(thing: Any, name: str) -> str:
    return f"{type(thing).__name__}.{name}"


def _read_builtin(world: World, thing: Any, name: str) -> str:
    kind = type(thing)
    found = lookup(kind, name)
    if isinstance(found, _C_METHODS):
        return ""
    if kind in SCALARS or isinstance(thing, _FIXED):
        return ""
    if isinstance(thing, _GUARDED):
        if not world.is_fresh(thing):
            world.value("attribute", (thing, name), own_attribute(thing, name), _label(thing, name))
        return ""
    return _odd(thing, name)


def _read_module(world: World, module: Any, name: str) -> str:
    own = object.__getattribute__(module, "__dict__")
    if type(module) is not ModuleType:
        world.class_names(type(module), name, "__getattribute__", "__getattr__")
    if name in own or "__getattr__" not in own:
        read_loaded(world, module, name)
    else:
        label = f"{own.get('__name__')}.__getattr__"
        world.value("item", (own, "__getattr__"), own["__getattr__"], label)
    return ""


def loads(thing: Any, name: str) -> bool:
    """Whether `thing.name` is an attribute of a module that `__getattr__` has yet to provide. It
    may put the attribute into the module: what is to be guarded is there afterwards.
    """
    if not isinstance(thing, ModuleType):
        return False
    own = object.__getattribute__(thing, "__dict__")
    return name not in own and "__getattr__" in own


def read_loaded(world: World, module: Any, name: str, result: Any = None) -> None:
    """An attribute of a module was read, after its `__getattr__` if there is one."""
    own = object.__getattribute__(module, "__dict__")
    label = f"{own.get('__name__')}.{name}"
    world.value("item", (own, name), own.get(name, MISSING), label)


def _read_class(world: World, cls: type, name: str) -> str:
    meta = type(cls)
    if meta is not type:
        world.class_names(meta, name, "__getattribute__", "__getattr__")
        getter = lookup(meta, "__getattribute__")
        if getter is not type.__getattribute__:
            return "" if isinstance(getter, FunctionType) else _odd(cls, name)
    found = lookup(meta, name)
    if isinstance(found, GetSetDescriptorType | MemberDescriptorType) and name not in cls.__dict__:
        return "" if name in ("__dict__", "__mro__", "__base__") else _type_fact(cls, name)
    world.class_names(cls, name)
    value = lookup(cls, name)
    world.reached(value)
    if value is MISSING or isinstance(value, (FunctionType, property, *_C_METHODS)):
        return ""
    getter = lookup(type(value), "__get__")
    if getter is MISSING or isinstance(value, GetSetDescriptorType | MemberDescriptorType):
        return ""
    return _descriptor(world, value, cls, name)


def _type_fact(cls: type, name: str) -> str:
    if name in ("__name__", "__qualname__", "__module__", "__doc__"):
        return ""
    return _odd(cls, name)


def _read_super(world: World, thing: Any, name: str) -> str:
    """`super().name`: the classes after the given one, in the order of the object's class."""
    start, cls = thing.__thisclass__, thing.__self_class__
    order = type.__dict__["__mro__"].__get__(cls)
    world.class_names(cls, name)
    for base in order[order.index(start) + 1 :]:
        world.class_names(base, name)
        found = base.__dict__.get(name, MISSING)
        if found is MISSING:
            continue
        if isinstance(found, (FunctionType, property, *_C_METHODS)):
            return ""
        return "" if lookup(type(found), "__get__") is MISSING else _odd(thing, name)
    return ""


def is_python_method(kind: type, name: str) -> bool:
    """Whether a method of a class is written in Python, so that its frame is followed."""
    return isinstance(lookup(kind, name), FunctionType)


def is_there(thing: Any, name: str, value: Any) -> bool:
    """Whether a module holds this very value already, as a parameter, a buffer or a part."""
    own = namespace(thing) or {}
    held = (own.get(kind) for kind in ("_parameters", "_buffers", "_modules"))
    return any(isinstance(x, dict) and x.get(name, MISSING) is value for x in held)


def write(world: World, thing: Any, name: str, how: str) -> str:
    """`thing.name = value` or `del thing.name` is about to be run."""
    kind = type(thing)
    if world.framework(thing):
        return ""
    setter = lookup(kind, "__setattr__" if how != "deletes" else "__delattr__")
    if kind.__flags__ & (1 << 9) and not isinstance(thing, type):
        world.class_names(kind, name, "__setattr__", "__delattr__")
        if isinstance(setter, FunctionType):
            return ""
        found = lookup(kind, name)
        if isinstance(found, property) and isinstance(found.fset or found.fdel, FunctionType):
            return ""
        if found is not MISSING and isinstance(lookup(type(found), "__set__"), FunctionType):
            world.class_names(type(found), "__set__", "__delete__")
            return ""
    if world.is_fresh(thing):
        return ""
    if isinstance(thing, ModuleType):
        return f"{how} {name!r} of module {thing.__name__}"
    owner = f"class {thing.__name__}" if isinstance(thing, type) else f"a {kind.__name__}"
    return f"{how} attribute {name!r} of {owner}"
