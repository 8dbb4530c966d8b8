"""Guards of what the framework itself looks up while a step runs, and a program may replace:
methods of its classes, and the functions of its public modules that its own modules call by name.
Imports census, session, variant.
"""

from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType

from ...core.tape import LIBRARY
from ...core.tensor import Tensor
from ...nn.modules.module import Module
from ..census.classes import Methods
from ..census.guards import Guard, lookup
from .session import Session
from .variant import Variant

__all__ = ["guards_of_surroundings"]

#: the framework's package, and the part of it whose functions call others by name
_OWN = __name__.partition(".")[0]
_NAMING = f"{_OWN}.nn."


def guards_of_surroundings(session: Session, variant: Variant, consulted: list) -> list[Guard]:
    """Guards for the classes of the tensors, modules, optimizers and schedulers of a recording
    that is over, and for which object has which class: while it runs, some of their methods are its
    own.
    """
    modules = [*session.modules.values(), *(x for x, _ in consulted if isinstance(x, Module))]
    inner = {id(m): m for module in modules for m in module.modules()}
    things = [*inner.values(), *session.optimizers.values(), *(x for x, _ in consulted)]
    things += [scheduler for scheduler, _, _ in session.deferred]
    things += [entered.tensor for entered in session.entered.values()]
    classes = {_framework_class(type(x)) for x in things} | {Tensor}
    found: dict[tuple, Guard] = {}
    for base in {base for cls in classes for base in cls.__mro__[:-1]}:
        found[id(base), ""] = Methods(base)
    pinned = [t for _, t, _ in variant.pinned]
    for x in (*inner.values(), *session.optimizers.values(), *pinned):
        kind = type(x)
        name = f"a {kind.__name__}"
        found[id(x), "class"] = Guard("object", (x,), kind, "type", name, ("", 0))
    for cls in classes:
        for module, name in _names_called(cls) if issubclass(cls, Module) else ():
            held = vars(module)
            label = f"{module.__name__}.{name}"
            guard = Guard("item", (held, name), held[name], "identity", label, ("", 0))
            found[id(held), name] = guard
    return list(found.values())


def _framework_class(kind: type) -> type:
    """The first of a class and its bases that is the framework's."""
    for base in type.__dict__["__mro__"].__get__(kind)[:-1]:
        if base.__module__.partition(".")[0] == _OWN:
            return base
    return Tensor


def _names_called(cls: type) -> Iterator[tuple[ModuleType, str]]:
    """The functions of other modules that a class's `forward` may call by name."""
    todo, seen = [lookup(cls, "forward")], set()
    while todo:
        function = todo.pop()
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.add(function)
        if not LIBRARY[function.__code__.co_filename]:
            continue
        names, scope = _names(function.__code__), function.__globals__
        for name in names:
            value = scope.get(name)
            if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == _OWN:
                yield from ((value, n) for n in names if n in vars(value))
            elif isinstance(value, FunctionType) and value.__module__.startswith(_NAMING):
                todo.append(value)
            method = lookup(cls, name)
            if method is not lookup(Module, name):
                todo.append(method)


@lru_cache(4096)
def _names(code: CodeType) -> frozenset[str]:
    """What code, and functions within it, refer to by name."""
    inner = [_names(x) for x in code.co_consts if isinstance(x, CodeType)]
    return frozenset(code.co_names).union(*inner)
