"""Settings of the process: default device, number of threads, determinism."""

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..core.dtype import CPU, check_device, device
from ..core.tensor import Tensor
from .factory import always

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_tensor",
    "is_warn_always_enabled",
    "set_default_device",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]


def is_tensor(obj) -> bool:
    """Whether the object is a Tensor."""
    return isinstance(obj, Tensor)


def set_default_device(device):
    """Set the device of new tensors: the CPU, or None."""
    check_device(device)


def get_default_device() -> device:
    """The device of new tensors: the CPU."""
    return CPU


# --- threads ---------------------------------------------------------------------------------


@cache
def blas_library() -> Any:
    """The library of linear algebra that NumPy uses, already loaded; None if unknown."""
    package = os.path.dirname(np.__file__)
    for folder in (f"{package}.libs", os.path.join(package, ".dylibs")):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if "openblas" in name:
                try:
                    return ctypes.CDLL(os.path.join(folder, name))
                except OSError:
                    continue
    # A NumPy that was linked to a library of the system: a search in its own extension module goes
    # on in what that needs, except on Windows.
    core: Any = sys.modules.get("numpy._core._multiarray_umath")
    return None if core is None else ctypes.CDLL(core.__file__)


def _blas_function(name: str) -> Any:
    library = blas_library()
    for spelling in (f"scipy_openblas_{name}64_", f"openblas_{name}64_", f"openblas_{name}"):
        function = getattr(library, spelling, None)
        if function is not None:
            return function
    return None


_threads: dict[str, int] = {}


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuntimeError(f"{name} expects an int, but got {type(value).__name__}")
    if value < 1:
        raise RuntimeError(f"{name} expects a positive integer\nIt was {value}.")
    return value


def get_num_threads() -> int:
    """The number of threads of matrix products and of compiled code; all else uses one."""
    if "intra" not in _threads:
        function = _blas_function("get_num_threads")
        _threads["intra"] = int(function()) if function else (os.cpu_count() or 1)
    return _threads["intra"]


def set_num_threads(n) -> None:
    """Set the number of threads of compiled code, and of matrix products in NumPy's OpenBLAS."""
    count = _positive("set_num_threads", n)
    function = _blas_function("set_num_threads")
    if function is not None:
        function(count)
    _threads["intra"] = count
    for watcher in _watchers:
        watcher(count)


_watchers: list[Callable[[int], None]] = []


def watch_num_threads(watcher: Callable[[int], None]) -> None:
    """Call a function with the number of threads whenever that is set."""
    _watchers.append(watcher)


def get_num_interop_threads() -> int:
    """The number set by set_num_interop_threads: kept, of no effect."""
    return _threads.get("inter", 1)


def set_num_interop_threads(n) -> None:
    """Keep a number of threads for independent operations, which run one after the other here."""
    _threads["inter"] = _positive("set_num_interop_threads", n)


# --- determinism -----------------------------------------------------------------------------

_deterministic = {"on": False, "warn_only": False}


def use_deterministic_algorithms(mode, *, warn_only=False) -> None:
    """Keep the wish for reproducible results: every operation here gives them anyway."""
    _deterministic.update(on=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """Whether use_deterministic_algorithms(True) was called."""
    return _deterministic["on"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether use_deterministic_algorithms(True, warn_only=True) was called."""
    return _deterministic["on"] and _deterministic["warn_only"]


_MODES = {"default": 0, "warn": 1, "error": 2}


def set_deterministic_debug_mode(debug_mode) -> None:
    """use_deterministic_algorithms by one word or number: "default" (0), "warn" (1), "error"
    (2).
    """
    if not isinstance(debug_mode, int | str):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if debug_mode not in (*_MODES, *_MODES.values()):
        known = "`default`, `warn`, `error`," if isinstance(debug_mode, str) else "0, 1, or 2,"
        one_of = "expected one of" if isinstance(debug_mode, str) else "expected"
        raise RuntimeError(f"invalid value of debug_mode, {one_of} {known} but got {debug_mode}")
    level = _MODES[debug_mode] if isinstance(debug_mode, str) else debug_mode
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


def get_deterministic_debug_mode() -> int:
    """The setting of set_deterministic_debug_mode, as a number."""
    if not _deterministic["on"]:
        return 0
    return 1 if _deterministic["warn_only"] else 2


# --- warnings --------------------------------------------------------------------------------


def set_warn_always(b: bool, /) -> None:
    """Give warnings each time that PyTorch gives once in a process."""
    if type(b) is not bool:
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    always.update(on=b)


def is_warn_always_enabled() -> bool:
    """Whether set_warn_always(True) was called."""
    return always["on"]


# --- products --------------------------------------------------------------------------------

_precision = ["highest"]


def get_float32_matmul_precision() -> str:
    """The setting of set_float32_matmul_precision."""
    return _precision[0]


def set_float32_matmul_precision(precision) -> None:
    """Keep 'highest', 'high' or 'medium'; products of float32 are always computed in float32."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"{precision!r} is no precision of float32 products\nIt is one of 'highest', 'high' "
            "and 'medium'."
        )
    _precision[0] = precision


def set_flush_denormal(mode) -> bool:
    """Whether tiny numbers could be flushed to zero: no, NumPy keeps them."""
    return False
