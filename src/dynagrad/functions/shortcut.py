"""Short paths for functions that take dimensions, indices or lists besides their tensor.

`shortcut(short)` stands above a general function: `short` serves the ordinary call (plain tensors,
ints for dimensions, no out=) and returns None for any other. It may be careless with bad arguments:
whatever it raises, the general function is asked as well, and tells the error.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from numpy import ndarray

from ..core.apply import apply, new
from ..core.complaints import UNCHECKED
from ..core.quiet import WARNED
from ..core.tape import Node
from ..core.tensor import Tensor
from ..core.watch import PLAIN

F = TypeVar("F", bound=Callable[..., Any])
#: what may come out of a short path that should not have been taken
UNUSUAL = (*UNCHECKED, *WARNED)
INT64, UINT64 = np.dtype("int64"), np.dtype("uint64")


def shortcut(short: Callable[..., Any]) -> Callable[[F], F]:
    """Ask `short` before the general function below."""

    def decorate(general: F) -> F:
        @wraps(general)
        def public(*args, **kwargs):
            try:
                result = short(*args, **kwargs) if kwargs else short(*args)
                if result is not None:
                    return result
            except UNUSUAL:
                pass
            return general(*args, **kwargs)

        general.stands_for = public  # pyright: ignore[reportFunctionMemberAccess]
        return public  # pyright: ignore[reportReturnType]

    return decorate


def made(r: Any) -> Tensor:
    """A Tensor without history of a kernel's result."""
    t = new(Tensor)
    t._a = r if type(r) is ndarray else np.asarray(r)
    t._e = None
    t._v = None
    return t


def untracked(x: Any) -> bool:
    """Whether a plain tensor has no history, nor news from a write to what it is a view of."""
    v = x._v
    return x._e is None and (v is None or not v.rebased) and type(x._a) is ndarray


def direct(cls: type[Node], x: Tensor, kw: dict[str, Any]) -> Tensor | None:
    """The primitive of a tensor, by its kernel alone where nothing is to be recorded; None for a
    tensor that is not plain.
    """
    if type(x) not in PLAIN:
        return None
    v = x._v
    if x._e is None and (v is None or not v.rebased) and type(x._a) is ndarray:
        return made(cls.rule.kernel(x._a, **kw))
    return apply(cls, x, **kw)


def direct_of(cls: type[Node], inputs: tuple, kw: dict[str, Any]) -> Tensor | None:
    """The same of several tensors."""
    arrays = []
    for x in inputs:
        if type(x) not in PLAIN:
            return None
        a, v = x._a, x._v
        if x._e is None and (v is None or not v.rebased) and type(a) is ndarray:
            arrays.append(a)
    if len(arrays) == len(inputs):
        return made(cls.rule.kernel(*arrays, **kw))
    return apply(cls, *inputs, **kw)


def direct_pair(cls: type[Node], kind: Any, x: Tensor, kw: dict[str, Any]) -> Any:
    """The two results of a primitive of a tensor, as a named tuple."""
    if type(x) not in PLAIN:
        return None
    if untracked(x):
        first, second = cls.rule.kernel(x._a, **kw)
        return kind(made(first), made(second))
    return kind(*apply(cls, x, **kw))


def within(i: Any, n: int) -> bool:
    """Whether a plain array holds int64 numbers from 0 to n - 1: read as unsigned, negative ones
    are too large. Raises ValueError where there is none.
    """
    if type(i) is not ndarray or i.dtype is not INT64:
        return False
    u = i.view(UINT64)
    return u.item(u.argmax()) < n
