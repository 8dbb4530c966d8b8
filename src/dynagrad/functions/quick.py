"""Quick paths before general functions, for the calls that programs make most: plain tensors of one
dtype and one shape.

A public function asks `of_one`, `of_two` or `of_three` first. Where they answer None, its general
half, made by `behind`, checks everything, promotes, and gives PyTorch's errors. What needs a node,
a view's news or another order in memory is left to `apply`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from numpy import ndarray

from ..core.apply import apply
from ..core.overrides import overridable
from ..core.quiet import WARNED, compute
from ..core.tape import Node
from ..core.tensor import Tensor
from ..core.watch import PLAIN
from .shortcut import made

F = TypeVar("F", bound=Callable[..., Any])
#: the metadata of primitives without any
NONE: dict[str, Any] = {}


def behind(public: Callable) -> Callable[[F], F]:
    """Make the function below the general half of `public`, under whose name classes with
    `__torch_function__`, watchers and error texts know it.
    """

    def decorate(general: F) -> F:
        general.__name__ = public.__name__
        half = overridable(general)
        half.stands_for = public  # pyright: ignore[reportFunctionMemberAccess]
        return half

    return decorate


def of_one(cls: type[Node], x: Any, kw: dict[str, Any] = NONE, kinds: str = "f") -> Tensor | None:
    """The primitive of a plain tensor of these kinds of dtypes; None: ask the general half."""
    if type(x) not in PLAIN:
        return None
    a = x._a
    if type(a) is not ndarray or a.dtype.kind not in kinds:
        return None
    if x._e is None and x._v is None and a.flags.c_contiguous:
        rule = cls.rule
        try:
            r = rule.kernel(a, **kw)
        except WARNED:
            r = compute(rule, [a], kw)
        return made(r)
    return apply(cls, x, **kw)


def of_two(
    cls: type[Node], x: Any, y: Any, kw: dict[str, Any] = NONE, kinds: str = "f"
) -> Tensor | None:
    """The primitive of two plain tensors of one shape and one dtype of these kinds, or None."""
    if type(x) not in PLAIN or type(y) not in PLAIN:
        return None
    a, b = x._a, y._a
    dtype = a.dtype
    if dtype is not b.dtype or dtype.kind not in kinds or a.shape != b.shape:
        return None
    if type(a) is not ndarray or type(b) is not ndarray:
        return None
    if x._e is None is y._e and x._v is None is y._v and a.flags.c_contiguous:
        rule = cls.rule
        try:
            r = rule.kernel(a, b, **kw)
        except WARNED:
            r = compute(rule, [a, b], kw)
        return made(r)
    return apply(cls, x, y, **kw)


def pairwise(cls: type[Node], kinds: str) -> Callable[[F], F]:
    """Ask `of_two` before the general function of two operands below."""

    def decorate(general: F) -> F:
        @wraps(general)
        def public(input, other, *, out=None):
            if out is None:
                result = of_two(cls, input, other, kinds=kinds)
                if result is not None:
                    return result
            return half(input, other, out=out)

        half = behind(public)(general)
        return public  # pyright: ignore[reportReturnType]

    return decorate


def of_three(
    cls: type[Node], x: Any, y: Any, z: Any, kw: dict[str, Any] = NONE, first: str = "f"
) -> Tensor | None:
    """The primitive of three plain tensors of one shape, the latter two of one floating dtype, the
    first of a kind in `first`, and of the same dtype if that is "f"; or None.
    """
    if type(x) not in PLAIN or type(y) not in PLAIN or type(z) not in PLAIN:
        return None
    a, b, c = x._a, y._a, z._a
    dtype, shape = b.dtype, b.shape
    if dtype is not c.dtype or dtype.kind != "f" or c.shape != shape or a.shape != shape:
        return None
    if a.dtype is not dtype if first == "f" else a.dtype.kind != first:
        return None
    if type(a) is not ndarray or type(b) is not ndarray or type(c) is not ndarray:
        return None
    untracked = x._e is None is y._e and z._e is None is z._v and x._v is None is y._v
    if untracked and a.flags.c_contiguous:
        rule = cls.rule
        try:
            r = rule.kernel(a, b, c, **kw)
        except WARNED:
            r = compute(rule, [a, b, c], kw)
        return made(r)
    return apply(cls, x, y, z, **kw)
