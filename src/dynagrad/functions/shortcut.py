"""Short paths before general functions, for the calls that programs make most: plain tensors,
ordinary numbers and dimensions, no out=.

`shortcut(short)` stands above a general function: `short` serves the ordinary call and returns None
for any other. The general function checks everything, promotes, and gives PyTorch's errors. `short`
may be careless with bad arguments: whatever it raises, the general function is asked as well, and
tells the error. What needs a node, a view's news or another order in memory is left to `apply`.

What a short path returns is mostly one of these:

- `direct(cls, x, kw)`: the primitive of one tensor;
- `alike(cls, x, y, kw)`: of two tensors of one shape and one dtype (`pairwise` makes such a path),
  `three_alike` of three;
- `direct_of(cls, inputs, kw)`: of any number of tensors, about which the path has asked already;
- `made(kernel(a, ...))`, `made_pair(kind, kernel(a, ...))`: results of a kernel called with
  keywords, about whose tensors the path has asked by `untracked`: a third of a microsecond less
  than `**kw` takes.
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
#: the metadata of primitives without any
NONE: dict[str, Any] = {}
BOOL, INT64, UINT64 = np.dtype("bool"), np.dtype("int64"), np.dtype("uint64")


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


def pairwise(cls: type[Node], kinds: str) -> Callable[[F], F]:
    """A short path before the general function of two operands below: what `shortcut` and `alike`
    would do, without their calls, which are a third of the whole.
    """
    kernel = cls.rule.kernel
    usual = np.dtype("float32" if "f" in kinds else "bool")

    def decorate(general: F) -> F:
        @wraps(general)
        def public(input, other, *, out=None):
            if out is not None or type(input) not in PLAIN or type(other) not in PLAIN:
                return general(input, other) if out is None else general(input, other, out=out)
            try:
                a, b = input._a, other._a
                dtype = a.dtype
                if (
                    dtype is b.dtype
                    and (dtype is usual or dtype.kind in kinds)
                    and type(a) is type(b) is ndarray
                ):
                    if input._e is not None or other._e is not None:
                        return apply(cls, input, other)
                    if input._v is None is other._v and a.flags.c_contiguous:
                        r = kernel(a, b)
                        if type(r) is not ndarray:
                            r = np.asarray(r)
                        if r.ndim < 3 or r.shape == a.shape:  # else it may need another order
                            t = new(Tensor)
                            t._a = r
                            t._e = None
                            t._v = None
                            return t
            except UNUSUAL:
                pass
            return general(input, other)

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


def direct(
    cls: type[Node], x: Any, kw: dict[str, Any] = NONE, kinds: str = "fiubcV"
) -> Tensor | None:
    """The primitive of a tensor of these kinds of dtypes, by its kernel alone where nothing is to
    be recorded; None for any other.
    """
    if type(x) not in PLAIN:
        return None
    a = x._a
    if type(a) is not ndarray or a.dtype.kind not in kinds:
        return None
    rule, v = cls.rule, x._v
    if x._e is None and (v is None or not v.rebased) and (not rule.ordered or a.flags.c_contiguous):
        r = rule.kernel(a, **kw) if kw else rule.kernel(a)
        t = new(Tensor)
        t._a = r if type(r) is ndarray else np.asarray(r)
        t._e = None
        t._v = None
        return t
    return apply(cls, x, **kw)


def alike(
    cls: type[Node], x: Any, y: Any, kw: dict[str, Any] = NONE, kinds: str = "f"
) -> Tensor | None:
    """The elementwise primitive of two tensors of one shape and one dtype of these kinds; None for
    any others.
    """
    if type(x) not in PLAIN or type(y) not in PLAIN:
        return None
    a, b = x._a, y._a
    dtype = a.dtype
    if dtype is not b.dtype or dtype.kind not in kinds or a.shape != b.shape:
        return None
    if type(a) is not ndarray or type(b) is not ndarray:
        return None
    if x._e is None is y._e and x._v is None is y._v and a.flags.c_contiguous:
        r = cls.rule.kernel(a, b, **kw)
        t = new(Tensor)
        t._a = r if type(r) is ndarray else np.asarray(r)
        t._e = None
        t._v = None
        return t
    return apply(cls, x, y, **kw)


def three_alike(
    cls: type[Node],
    x: Any,
    y: Any,
    z: Any,
    kw: dict[str, Any] = NONE,
    masked: Callable[..., Any] | None = None,
) -> Tensor | None:
    """The same of three tensors of one shape and one floating dtype; for the kernel `masked` the
    first is a mask.
    """
    if type(x) not in PLAIN or type(y) not in PLAIN or type(z) not in PLAIN:
        return None
    a, b, c = x._a, y._a, z._a
    dtype = b.dtype
    if dtype is not c.dtype or dtype.kind != "f" or a.dtype is not (BOOL if masked else dtype):
        return None
    if not a.shape == b.shape == c.shape or not type(a) is type(b) is type(c) is ndarray:
        return None
    free = x._e is None is y._e and z._e is None is z._v and x._v is None is y._v
    if free and a.flags.c_contiguous:
        r = masked(a, b, c) if masked else cls.rule.kernel(a, b, c, **kw)
        t = new(Tensor)
        t._a = r if type(r) is ndarray else np.asarray(r)
        t._e = None
        t._v = None
        return t
    return apply(cls, x, y, z, **kw)


def direct_of(cls: type[Node], inputs: tuple, kw: dict[str, Any] = NONE) -> Tensor | None:
    """The primitive of several tensors, by its kernel alone where nothing is to be recorded; None
    where one is not plain.
    """
    arrays, is_free = [], True
    for x in inputs:
        if type(x) not in PLAIN:
            return None
        a, v = x._a, x._v
        if x._e is not None or (v is not None and v.rebased) or type(a) is not ndarray:
            is_free = False
            break
        arrays.append(a)
    rule = cls.rule
    if is_free and (not rule.ordered or arrays[0].flags.c_contiguous):
        r = rule.kernel(*arrays, **kw)
        t = new(Tensor)
        t._a = r if type(r) is ndarray else np.asarray(r)
        t._e = None
        t._v = None
        return t
    return apply(cls, *inputs, **kw)


def made_pair(kind: Any, pair: tuple) -> Any:
    """The two arrays that a kernel returns as tensors without history, in a named tuple."""
    t, u = new(Tensor), new(Tensor)
    t._a, u._a = pair
    t._e = t._v = u._e = u._v = None
    return tuple.__new__(kind, (t, u))


def within(i: Any, n: int) -> bool:
    """Whether a plain array holds int64 numbers from 0 to n - 1: read as unsigned, negative ones
    are too large. Raises ValueError where there is none.
    """
    if type(i) is not ndarray or i.dtype is not INT64:
        return False
    u = i.view(UINT64)
    return u.item(u.argmax()) < n
