"""Guards of whole classes: nothing in them is replaced, whatever asks for it. Imports guards.

CPython gives a class another version tag whenever it, or one that it derives from, is changed. It
has no name in Python: where it lies is found by trying. Without it, all entries are compared.
"""

import ctypes
from functools import cache
from typing import Any

from .guards import MISSING, Guard

__all__ = ["Methods", "half_word", "version_place"]

#: entries of the framework's classes that a recording replaces while it runs
_REPLACED = ("_a", "_g", "__setattr__")


def half_word(address: int) -> int:
    """The 32 bits at an address."""
    return ctypes.c_uint32.from_address(address).value


@cache
def version_place() -> int:
    """Where a class's version tag lies in it, 0 if that is not found: the 32 bits that change
    whenever a class does, and else never.
    """
    kind: Any = type("Sample", (), {"a": 1})
    x = kind()
    size: Any = type.__basicsize__

    def words() -> list[int]:
        return [half_word(id(kind) + k) for k in range(64, size, 4)]

    def bits() -> list[int]:
        for _ in range(3):
            x.a  # noqa: B018 - a lookup gives the class its tag
        return words()

    before, same = bits(), bits()
    kind.a = 2
    changed, after = words(), bits()
    kind.a = 3
    again = bits()
    # What counts how many tags a class has had changes too, but not before there is a new one.
    found = [
        i
        for i, (p, q, c, r, s) in enumerate(zip(before, same, changed, after, again, strict=True))
        if p == q and c != p and p and r and s and len({p, r, s}) == 3
    ]
    return 64 + 4 * found[0] if len(found) == 1 else 0


def _version(cls: type) -> int:
    getattr(cls, "__init__", None)  # a lookup gives a class that was changed a new tag
    return half_word(id(cls) + version_place()) if version_place() else 0


class Methods(Guard):
    """A class holds what it held, and derives from what it derived from."""

    __slots__ = ("version",)

    def __init__(self, cls: type) -> None:
        name = f"class {cls.__qualname__}"
        super().__init__("methods", (cls,), _entries(cls), "methods", name, ("", 0))
        self.version = 0

    def holds(self, args: tuple = (), kwargs: dict | None = None) -> bool:
        """Whether the class is as it was. Never raises."""
        (cls,) = self.on
        version = _version(cls)
        if version and version == self.version:
            return True
        now, before = _entries(cls), self.expected
        if now.keys() | set(_REPLACED) != before.keys() | set(_REPLACED) or not all(
            now.get(name, MISSING) is value or name in _REPLACED for name, value in before.items()
        ):
            return False
        self.version = version
        return True


def _entries(cls: type) -> dict[str, Any]:
    found = dict(type.__dict__["__dict__"].__get__(cls))
    for number, base in enumerate(type.__dict__["__bases__"].__get__(cls)):
        found[f"base {number}"] = base
    return found
