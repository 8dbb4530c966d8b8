"""The random streams that a pass through a data set draws from, as plain values that can be saved:
this library's, Python's and NumPy's. Imports functions only.
"""

import random
import sys
from typing import Any

import numpy as np

from ...core.tensor import Tensor, wrap
from ...functions.generator import get_rng_state, manual_seed, set_rng_state

__all__ = ["captured", "changed", "restore", "seed_process"]


def captured() -> dict[str, Any]:
    """The state of the default streams. NumPy's is left out while nobody can have used it."""
    version, words, gauss = random.getstate()
    state: dict[str, Any] = {
        "default": get_rng_state(),
        "python": [version, wrap(np.array(words, np.int64)), gauss],
    }
    if "numpy.random" in sys.modules:
        legacy = np.random.get_state()
        if isinstance(legacy, tuple):
            name, key, *rest = legacy
            state["numpy"] = [name, wrap(key.astype(np.int64)), *rest]  # pyright: ignore
    return state


def restore(state: dict[str, Any]) -> None:
    """Let the default streams continue from what `captured` returned."""
    set_rng_state(state["default"])
    if "python" in state:
        version, words, gauss = state["python"]
        random.setstate((version, tuple(words.tolist()), gauss))
    if "numpy" in state:
        name, key, *rest = state["numpy"]
        np.random.set_state((name, key._a.astype(np.uint32), *rest))


def changed(before: dict[str, Any] | None, now: dict[str, Any]) -> bool:
    """Whether anything was drawn between two states."""
    return (
        before is None
        or list(before) != list(now)
        or not all(map(_same, before.values(), now.values()))
    )


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return np.array_equal(a._a, b._a)
    if isinstance(a, list):
        return all(map(_same, a, b))
    return a == b


def seed_process(base: int, worker: int) -> None:
    """Seed all streams of a worker process as PyTorch does."""
    random.seed(base + worker)
    manual_seed(base + worker)
    words = np.random.SeedSequence([worker, base & 0xFFFFFFFF, base >> 32, 0])
    np.random.seed(words.generate_state(4))
