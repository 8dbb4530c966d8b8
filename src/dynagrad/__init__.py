"""Automatic differentiation over a dynamic graph, in pure Python on NumPy, with PyTorch's API.

Importing this package loads NumPy and the tensor machinery; everything else is loaded when it is
first used (`_SUBMODULES`, `_LAZY` below), so that the import stays about as quick as NumPy's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# --- The main surface: what `import dynagrad` loads, one block a module, lowest layer first. ---

# dtypes, sizes, devices, grad modes
from .autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

# elementwise and comparison

# reduction and sorting

# shape and indexing

# contraction, linalg, neural

# creation, conversion and random

# the tensor itself
from .core.printing import set_printoptions
from .core.tensor import Tensor
from .functions import methods as _methods  # gives Tensor its methods
from .functions.tensor_methods import from_dlpack


# --- Loaded on first use (PEP 562). Each name stands here twice: for readers' tools, and to run.

if TYPE_CHECKING:
    from . import autograd, nn, optim, utils
    from .alias import alias_torch

_SUBMODULES = frozenset({"autograd", "nn", "optim", "utils"})
"""Modules below this one that `dynagrad.name` loads."""

_LAZY = {"alias_torch": "alias"}
"""Names of the surface, each with the module that `dynagrad.name` loads it from."""

__version__ = "0.1.0"

__all__ = [
    "alias_torch",
    "autograd",
    "nn",
    "optim",
    "utils",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)  # which also sets the attribute
    if name in _LAZY:
        value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
        globals()[name] = value
        return value
    raise import_module(".alias", __name__).missing_attribute(__name__, name, __dir__())


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
