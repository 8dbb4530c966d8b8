"""Classes with `__torch_function__`: they answer for the functions that meet them. Imports
complaints and watch.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

from .complaints import UNCHECKED, in_own_names, told
from .tensor import Tensor
from .watch import OWN, PLAIN, overriding, watched_call, watchers

F = TypeVar("F", bound=Callable[..., Any])

override_disabled: ContextVar[bool] = ContextVar("torch_function_disabled", default=False)


def overridable(f: F) -> F:
    """Let classes with `__torch_function__` among the arguments answer instead of `f`, also inside
    lists and tuples.

    What Python or NumPy raise inside for arguments that nobody has checked is told in terms of the
    call.
    """

    @wraps(f)
    def public(*args, **kwargs):
        if overriding or (args and type(args[0]) not in PLAIN):
            answer = ask_overrides(public, args, kwargs)
            if answer is not NotImplemented:
                return answer
        better = None
        try:
            result = f(*args, **kwargs)
            if result is not NotImplemented:
                return result
        except UNCHECKED as error:
            own = in_own_names(f, kwargs) if kwargs else None
            if own is not None:
                return public(*args, **own)
            better = told(f, args, kwargs, error)
            if better is None and not is_news(args, kwargs):
                raise
        if is_news(args, kwargs):
            return ask_overrides(public, args, kwargs)
        if better is not None:
            raise better
        return NotImplemented

    return public  # pyright: ignore[reportReturnType]


def overrides(kind: type) -> bool:
    """Whether a class answers for functions: it has `__torch_function__` and is not one of OWN."""
    return kind not in OWN and getattr(kind, "__torch_function__", None) is not None


def is_news(args: tuple, kwargs: dict) -> bool:
    """Whether a class that overrides, without being a Tensor's, is met for the first time.

    A subclass of Tensor is known when it is defined; others are only noticed where they do not fit.
    """
    if override_disabled.get():
        return False
    for x in (*args, *kwargs.values()):
        for item in x if type(x) in (list, tuple) else (x,):
            if overrides(type(item)) and type(item) not in overriding:
                return True
    return False


def explained(f: F) -> F:
    """`f`, whose callers get PyTorch's errors for arguments that nobody has checked (as
    `overridable` gives them) and whose calls watchers see.
    """

    @wraps(f)
    def public(*args, **kwargs):
        if overriding and watchers.get():
            answer = watched_call(public, args, kwargs)
            if answer is not NotImplemented:
                return answer
        try:
            return f(*args, **kwargs)
        except UNCHECKED as error:
            better = told(f, args, kwargs, error)
            if better is None:
                raise
        raise better

    return public  # pyright: ignore[reportReturnType]


def ask_overrides(f: Callable, args: tuple, kwargs: dict) -> Any:
    """What the arguments' `__torch_function__` answer: subclasses first, then left to right;
    NotImplemented if none do.
    """
    f = getattr(f, "stands_for", f)  # the general half of a public function names the whole
    if watchers.get():
        answer = watched_call(f, args, kwargs)
        if answer is not NotImplemented:
            return answer
    if override_disabled.get():
        return NotImplemented
    found: list[Any] = []
    for x in (*args, *kwargs.values()):
        for item in x if type(x) in (list, tuple) else (x,):
            kind = type(item)
            if not overrides(kind) or isinstance(item, type):
                continue
            if not issubclass(kind, Tensor):  # Tensor's are known since they were defined
                overriding.add(kind)
            if all(type(other) is not kind for other in found):
                place = next(
                    (i for i, o in enumerate(found) if issubclass(kind, type(o))), len(found)
                )
                found.insert(place, item)
    if not found:
        return NotImplemented
    kinds = tuple(type(item) for item in found)
    for item in found:
        answer = type(item).__torch_function__(f, kinds, args, kwargs)
        if answer is not NotImplemented:
            return answer
    names = ", ".join(kind.__name__ for kind in kinds)
    raise TypeError(
        f"Multiple dispatch failed for 'torch.{f.__name__}'; all __torch_function__ handlers "
        f"returned NotImplemented ({names})"
    )
