"""Warnings: NumPy's floating-point ones never reach the user, ours point at the user's line.
Imports tape.

NumPy reports a division by zero or an overflow through Python's `warnings`, in the name of the
module whose frame called the ufunc. A module whose global `__name__` is None has no name to warn
in, and Python drops the warning there before it looks at any filter. `hush` makes that so for the
modules that compute: nothing is paid for an operation, no filter and no error state of the user's
is touched, in any thread. (Measured against it: `np.errstate` around each operation costs 0.9 us,
its context variable alone 0.18 us; a warning filter costs nothing, but the user's
`simplefilter("always")` outranks it.)

Where the user has turned NumPy's error state to "raise", the operation is repeated under
`np.errstate(all="ignore")` (see `quietly`).
"""

import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ..ops.rule import Rule
from .tape import LIBRARY

#: what NumPy makes of its warnings where the user has told it to raise
WARNED = (FloatingPointError, RuntimeWarning)


class _Hushed(ModuleType):
    """A module that tells its name from its import record, not from its globals."""

    @property
    def __name__(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        spec = self.__spec__
        return None if spec is None else spec.name


#: the packages that compute
_COMPUTING = tuple([f"dynagrad.{part}." for part in ("ops", "core", "functions")])


def hush(*packages: str) -> None:
    """Keep the warnings of NumPy's ufuncs to themselves in all loaded modules that compute, or in
    those of some other packages.
    """
    prefixes = tuple([f"{name}." for name in packages]) or _COMPUTING
    for name, module in list(sys.modules.items()):
        if not name.startswith(prefixes) or isinstance(module, _Hushed):
            continue
        # what another thread is still executing needs its name; that thread hushes it afterwards
        if not getattr(module.__spec__, "_initializing", False):
            module.__class__ = _Hushed
            module.__dict__["__name__"] = None


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside this package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and LIBRARY[frame.f_code.co_filename]:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def compute(rule: Rule, arrays: list, kw: dict) -> Any:
    """The primitive on arrays or payloads, without NumPy's warnings."""
    try:
        return rule.fun(*arrays, **kw)
    except WARNED:
        return quietly(rule.fun, *arrays, **kw)


def quietly(fun: Callable, *arguments: Any, **keywords: Any) -> Any:
    """Call `fun` while NumPy keeps its floating-point warnings to itself."""
    with np.errstate(all="ignore"):
        return fun(*arguments, **keywords)
