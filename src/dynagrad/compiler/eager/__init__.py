"""Kernels for eager operations on large arrays: what ops.compiled finds where llvmlite is there.

From a measured size on, which stands where the kernels are called, random draws, softmax,
normalization, activations, products, convolutions, pooling and optimizer steps run compiled loops
in place of NumPy's. Results differ by rounding at most; random values and optimizer steps not at
all. Imports ops.compiled, native.
"""

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ...ops import compiled
from ..native.llvm import NativeError, is_available

__all__ = ["eager_kernels", "kernel"]

log = logging.getLogger(__name__)

#: the files, each loaded when one of its kernels is asked for; its KERNELS has for each name the
#: function, its family, and the kernels that it needs, of float32 where it has others too
_FILES = {
    "convolutions": "convolve convolve_back convolve_taps",
    "formulas": "update_rows",
    "pointwise": "pointwise",
    "pooling": "max_pool max_pool_back mean_pool mean_pool_back",
    "reductions": "products",
    "rows": "softmax log_softmax softmax_back log_softmax_back",
    "statistics": (
        "standardize_rows standardize_rows_back standardize_channels standardize_channels_back"
    ),
    "words": "words unit32 unit64 events normals32 normals64",
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names.split()}
_failed: set[str] = set()


def kernel(name: str) -> Callable | None:
    """The kernel of this name, compiled; None where code cannot be compiled, which is logged."""
    if name not in _FILE_OF or name in _failed or not is_available():
        return None
    file = import_module(f".{_FILE_OF[name]}", __package__)
    function, family, needed = file.KERNELS[name]
    try:
        family.load(*needed)
    except (ImportError, OSError, NativeError) as error:
        _failed.add(name)
        log.warning("eager operations stay with NumPy: the kernel %s: %s", name, error)
        return None
    return function


class eager_kernels:  # noqa: N801 - used as a function
    """Let eager operations on large arrays run compiled kernels, or not; from now on, or in a
    `with` block.

    They do where llvmlite is installed, unless DYNAGRAD_EAGER_KERNELS=0 is in the environment.
    """

    def __init__(self, enabled: bool = True) -> None:
        self._before = compiled.is_enabled()
        compiled.enable(enabled)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        compiled.enable(self._before)
