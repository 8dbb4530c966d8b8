"""Seeing attributes of a class's instances being set. Imports nothing."""

from collections.abc import Callable
from typing import Any

__all__ = ["watch_attributes"]


def watch_attributes(kind: Any, told: Callable) -> tuple[Callable, Callable[[], None]]:
    """A `__setattr__` for a class that calls `told(x, name, value)` before an attribute of an
    instance is set; what takes it off.
    """
    own = kind.__dict__.get("__setattr__")
    plain = kind.__setattr__

    def noting(self: Any, name: str, value: Any) -> None:
        told(self, name, value)
        plain(self, name, value)

    def undo() -> None:
        if kind.__dict__.get("__setattr__") is not noting:
            return
        if own is None:
            del kind.__setattr__
        else:
            kind.__setattr__ = own

    return noting, undo
