"""Carriers: what may stand in a Tensor's array slot in the place of an array. Imports watch.

Each transform (a vmap, a forward-mode pass) opens a level, and its carriers know their level. An
operation on carriers runs on the highest level among its operands; carriers of lower levels are
constants to it. What a carrier holds is an array, a carrier of a lower level or, for a batch, a
Tensor with a history of its own: below a batch runs another tape.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from operator import attrgetter
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.mixins import NDArrayOperatorsMixin

from ...errors import source_line
from ...ops import shape as shapes
from ...ops.indexing import getitem
from ...ops.rule import RULES
from ..tape import caller, tick
from ..tensor import Tensor, edge_of, sync, with_edge
from ..watch import general_paths


class Level:
    """One transform at work. Later ones are higher, also than those that have ended: a recorded
    graph may outlive its levels.
    """

    __slots__ = ("__weakref__", "alive", "order", "randomness", "size")
    #: values of this level lose what it gave them when it ends
    drops = False
    #: its carriers hold tensors with a history of their own
    has_tape_below = False

    def __init__(self, size: int | None = None, randomness: str = "same"):
        self.order = tick()
        self.alive = True
        self.size = size
        self.randomness = randomness

    def lift(self, t: Tensor) -> Tensor:
        """`t`, which has a history, as a constant of this level."""
        raise NotImplementedError

    def constant(self, array: Any) -> Any:
        """An array or carrier of lower levels as a constant of this level."""
        raise NotImplementedError

    def keep(self, t: Tensor) -> None:
        """Told of every tensor that an operation made on this level."""


#: the levels of this thread or task, the outermost first
levels: ContextVar[tuple[Level, ...]] = ContextVar("levels", default=())


def open_level(kind: type[Level], size: int | None = None, randomness: str = "same") -> Level:
    """Open a level above all others; `size` is that of a batch."""
    opened = levels.get()
    level = kind(size, randomness)
    general_paths(level, True)
    levels.set((*opened, level))
    return level


def close_level(level: Level) -> None:
    """Close a level; what still carries it is dead."""
    level.alive = False
    levels.set(tuple([other for other in levels.get() if other is not level]))
    general_paths(level, False)


@contextmanager
def new_level(
    kind: type[Level], size: int | None = None, randomness: str = "same"
) -> Iterator[Level]:
    """A level for the length of a with block."""
    level = open_level(kind, size, randomness)
    try:
        yield level
    finally:
        close_level(level)


def lift(inputs: tuple, arrays: list, edges: list) -> None:
    """Bring the operands that have a history to the levels of all operands together.

    A tape belongs to the batches below it: what was recorded outside of a vmap is, inside, a
    constant with a history of its own.
    """
    present: set[Level] = set()
    for a in arrays:
        if isinstance(a, Carrier):
            present.update(a.levels)
    if not present:
        return
    for i, edge in enumerate(edges):
        held = arrays[i].levels if isinstance(arrays[i], Carrier) else ()
        if edge is not None and present.difference(held):
            t = lifted(inputs[i], present)
            arrays[i], edges[i] = t._a, t._e


@contextmanager
def under(level: Level) -> Iterator[None]:
    """The open levels without this one and those above, for what runs on values taken out of it."""
    token = levels.set(tuple([other for other in levels.get() if other.order < level.order]))
    try:
        yield
    finally:
        levels.reset(token)


def below(level: Level) -> set[Level]:
    """The open levels under one."""
    return {other for other in levels.get() if other.order < level.order}


def lifted(t: Tensor, present: set[Level] | None = None) -> Tensor:
    """`t` as a constant of all open levels, up to the highest of `present`, which it does not
    know.
    """
    wanted = set(levels.get())
    if present is not None:
        if not present:  # an array of a recorded step, which is at no level
            return t
        top = max(level.order for level in present)
        wanted = {level for level in wanted if level.order <= top} | present
    return to_levels(t, wanted)


def to_levels(t: Tensor, wanted: set[Level]) -> Tensor:
    """`t` as a constant of those of these levels which it does not know."""
    held = t._a.levels if isinstance(t._a, Carrier) else ()
    for level in sorted(wanted.difference(held), key=attrgetter("order")):
        edge = edge_of(t)
        if edge is None or (isinstance(t._a, Carrier) and t._a.level.order > level.order):
            t = with_edge(inserted(t._a, level), edge)  # recorded above this level
        else:
            t = level.lift(t)
    return t


def joined(source: Tensor, t: Tensor) -> Tensor:
    """`source` as it can be written into `t`: what has a history joins the levels of `t`."""
    if isinstance(t._a, Carrier) and edge_of(source) is not None:
        return lifted(source, set(t._a.levels))
    return source


def inserted(array: Any, level: Level) -> Any:
    """An array or carrier as a constant of a level too, in its place among the levels it has."""
    if isinstance(array, Carrier) and array.level.order > level.order:
        return array.with_level(level)
    return level.constant(array)


def detached_array(array: Any) -> Any:
    """An array, or a carrier without tangents and without histories below a batch."""
    return array.detached() if isinstance(array, Carrier) else array


def is_memory(array: Any) -> bool:
    """Whether it is an array, or a carrier that is one in all but name."""
    return array.is_memory if isinstance(array, Carrier) else True


def in_memory(array: Any) -> Any:
    """The array of a carrier that is one in all but name; else the carrier or array itself."""
    return array.inner if isinstance(array, Carrier) and array.is_memory else array


class Carrier(NDArrayOperatorsMixin):
    """Base of the carriers: logical shape and dtype, NumPy's protocols, and the array methods that
    operations use on arrays.
    """

    __slots__ = ("__weakref__", "dtype", "level", "levels", "shape")
    __array_priority__ = 2000
    dtype: np.dtype
    level: Level
    #: the levels of the carrier and of all that it holds, the outermost first
    levels: tuple[Level, ...]
    shape: tuple[int, ...]
    #: the array below the levels, with the memory and the layout of one example
    inner: ndarray
    #: it is an array in all but name: it belongs to no transform, and its memory can be written
    is_memory = False
    #: what a view is now that its base is this carrier (core.carriers.memory)
    refreshed: Callable[[Any, Any], Any]

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """The strides of an example in memory, in bytes."""
        return self.inner.strides

    @property
    def flags(self) -> Any:
        """How an example lies in memory."""
        return self.inner.flags

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if method != "__call__" or kwargs or (out is not None and out != (Ellipsis,)):
            raise NotImplementedError(
                f"np.{ufunc.__name__}.{method} with {sorted(kwargs)} and out={out} cannot take a "
                "transformed value; use the public function, such as np.sum for np.add.reduce"
            )
        return self._dispatch(ufunc, inputs, {})

    def __array_function__(self, func, types, args, kwargs):
        return self._dispatch(func, args, kwargs)

    def _dispatch(self, fun: Callable, inputs: tuple, kw: dict) -> Any:
        if fun not in RULES:
            raise NotImplementedError(
                f"{getattr(fun, '__name__', fun)} cannot take a value inside a function that is "
                "transformed by vmap, jvp or forward-mode AD: it has no rule in the registry"
            )
        if is_for_tensors(inputs):
            return NotImplemented
        highest = self  # NumPy asks only one object of a class
        for x in inputs:
            if isinstance(x, Carrier) and x.level.order > highest.level.order:
                highest = x
        return highest._run(fun, inputs, kw)

    def _run(self, fun: Callable, inputs: tuple, kw: dict) -> Any:
        raise NotImplementedError

    def with_level(self, level: Level) -> Any:
        """This carrier with a lower level below it, on which it is a constant."""
        raise NotImplementedError

    def detached(self) -> Any:
        """The values alone."""
        raise NotImplementedError

    def handed(self) -> Any:
        """What leaves the library's hands: an array, if that is possible."""
        return self

    def settled(self) -> Any:
        """What is left to keep as a gradient, of values that end with their level."""
        return self

    def __getitem__(self, index: Any) -> Any:
        if type(index) is not tuple:
            index = (...,) if index is Ellipsis else (index, ...)
        return getitem(self, index=index)

    def __len__(self) -> int:
        return self.shape[0]

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """The same elements under another shape."""
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        sizes = tuple(int(n) for n in sizes)
        if -1 in sizes:
            known = -int(np.prod(sizes))
            sizes = tuple(self.size // known if n == -1 else n for n in sizes)
        return shapes.reshape(self, shape=sizes)

    def transpose(self, *axes: Any) -> Any:
        """Permuted dimensions; all of them reversed without axes."""
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        order = tuple(reversed(range(self.ndim))) if not order else tuple(order)
        return shapes.transpose(self, axes=tuple(a % self.ndim for a in order))

    def swapaxes(self, first: int, second: int) -> Any:
        """Two dimensions exchanged."""
        axes = list(range(self.ndim))
        axes[first], axes[second] = axes[second], axes[first]
        return shapes.transpose(self, axes=tuple(axes))

    @property
    def T(self) -> Any:
        """The dimensions in reverse order."""
        return self.transpose()

    def astype(self, dtype: Any, order: str = "K", **_: Any) -> Any:
        """The values in another dtype."""
        return shapes.cast(self, dtype=np.dtype(dtype))

    def conj(self) -> Any:
        """The complex conjugate."""
        return np.conjugate(self)

    def copy(self, order: str = "C") -> Any:
        """The values in new memory."""
        return shapes.copy(self)


def is_for_tensors(operands: Any) -> bool:
    """Whether a call on Tensors and carriers belongs to the Tensors: unless all of them are
    constants to a batch among the carriers.
    """
    for t in operands:
        if isinstance(t, Tensor):
            own = t._a.levels if isinstance(t._a, Carrier) else ()
            if not any(
                level.has_tape_below and level not in own
                for x in operands
                if isinstance(x, Carrier)
                for level in x.levels
            ):
                return True
    return False


def dead_error(kind: str) -> RuntimeError:
    """The error for a value that outlived the transform which made it."""
    return RuntimeError(
        f"a value of a {kind} that has ended is used: it escaped through a side effect (a global, "
        "an attribute, a list). Return it from the transformed function instead."
    )


def here() -> str:
    """The user's line, as the end of an error text."""
    return f"At {source_line(*caller(2))}"


def payload(x: Any) -> Any:
    """The array or carrier of a Tensor; anything else itself."""
    if not isinstance(x, Tensor):
        return x
    family = x._v
    if family is not None and family.rebased:
        sync(x)
    return x._a
