"""Modules whose initial values do not matter. Imports functions and modules."""

import inspect
from typing import Any

from ...functions.generator import default_generator
from ..modules.module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module whose values the program sets at once: the random stream is left where it was.

    The class must take `device`, as PyTorch's do. What the values are is not said: here, those of
    any module that is made.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    state = default_generator.get_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        default_generator.set_state(state)
