"""Where large arrays find compiled kernels, if there are any. Imports NumPy only.

    fast = KERNELS["softmax"]       # a function, or None: then NumPy does the work

A kernel is asked for by name, where an array has at least a measured size. Who knows the kernels
lies above this layer and says so by `provide`; it is loaded when the first kernel is asked for.
Kernels compute what the NumPy code beside them does, within rounding.
"""

import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

#: derivatives of elementwise functions run a kernel on arrays from this size on
LARGE = 1 << 14
#: those along rows, on arrays of so many elements with rows of at least this length
ROWS, LONG = 1 << 14, 32

#: whether what runs now is recorded, so that it will hardly run again: kernels for one shape are
#: compiled only where NumPy takes longer than that
recorded: ContextVar[bool] = ContextVar("recorded", default=False)

_providers: list[Callable[[], Callable[[str], Callable | None]]] = []
_enabled = [os.environ.get("DYNAGRAD_EAGER_KERNELS") != "0"]
#: the names that threads ask the provider for at the moment
_asking: list[str] = []


class _Kernels(dict[str, Callable | None]):
    """What was asked for before; anything else is asked of the provider."""

    def __missing__(self, name: str) -> Callable | None:
        found = None
        if _enabled[0] and _providers:
            _asking.append(name)
            try:
                found = _providers[-1]()(name)
            finally:
                _asking.remove(name)
        self[name] = found
        return found


KERNELS = _Kernels()


def _after_fork() -> None:
    """In a child that was forked while another thread loaded kernels, the locks of the modules that
    it was importing stay locked: NumPy does the work there.
    """
    if _asking:
        _asking.clear()
        enable(False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def provide(load: Callable[[], Callable[[str], Callable | None]]) -> None:
    """Tell where kernels come from: `load()` gives a function from a name to a kernel or None."""
    _providers.append(load)


def is_enabled() -> bool:
    """Whether compiled kernels are used."""
    return _enabled[0]


def enable(enabled: bool) -> None:
    """Use compiled kernels from now on, or do not."""
    _enabled[0] = enabled
    KERNELS.clear()


def pointwise(name: str, *arrays: Any) -> Any:
    """An elementwise function of large arrays by a compiled kernel; None where there is none, or
    not for these arrays.
    """
    fast = KERNELS["pointwise"]
    return None if fast is None else fast(name, *arrays)


def derivative(name: str, g: Any, x: Any) -> Any:
    """The elementwise function of a cotangent and a value, by a compiled kernel, if both are bare
    large arrays; else None.
    """
    if type(g) is type(x) is np.ndarray and x.size >= LARGE:
        return pointwise(name, g, x)
    return None


def along_rows(name: str, g: Any, y: Any, axis: int) -> Any:
    """The function of a cotangent and a value along the last dimension, by a compiled kernel, if
    both are bare large arrays of one shape and dtype; else None.
    """
    if not type(g) is type(y) is np.ndarray or y.size < ROWS or axis != y.ndim - 1:
        return None
    if g.shape != y.shape or g.dtype != y.dtype or y.dtype.char not in "fd":
        return None
    n = y.shape[-1]
    fast = KERNELS[name] if n >= LONG and y.flags.c_contiguous else None
    if fast is None:
        return None
    return fast(np.ascontiguousarray(g).reshape(-1, n), y.reshape(-1, n)).reshape(y.shape)
