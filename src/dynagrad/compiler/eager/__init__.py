"""Kernels for eager operations on large arrays: what ops.compiled finds where llvmlite is there.

From a measured size on, which stands where the kernels are called, random draws, softmax,
normalization, activations, products, convolutions, pooling and optimizer steps run compiled loops
in place of NumPy's. Results differ by rounding at most; random values and optimizer steps not at
all. Imports ops.compiled, native.
"""

import logging
from collections.abc import Callable
from typing import Any

from ...ops import compiled
from ..native import NativeError, is_available
from . import convolutions, formulas, pointwise, pooling, reductions, rows, statistics, words

__all__ = ["eager_kernels", "kernel"]

log = logging.getLogger(__name__)

_failed: set[str] = set()
#: for each name the function, its family, and kernels that it needs, of float32 where it has both
_FAMILIES: dict[str, tuple[Callable, Any, tuple[str, ...]]] = {
    **words.KERNELS,
    **rows.KERNELS,
    **statistics.KERNELS,
    **formulas.KERNELS,
    **pointwise.KERNELS,
    **pooling.KERNELS,
    **convolutions.KERNELS,
    **reductions.KERNELS,
}


def kernel(name: str) -> Callable | None:
    """The kernel of this name, compiled; None where code cannot be compiled, which is logged."""
    if name not in _FAMILIES or not is_available():
        return None
    function, family, needed = _FAMILIES[name]
    if name not in _failed:
        try:
            family.load(*needed)
            return function
        except (ImportError, OSError, NativeError) as error:
            _failed.add(name)
            log.warning("eager operations stay with NumPy: the kernel %s: %s", name, error)
    return None


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
