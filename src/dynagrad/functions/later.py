"""Methods of Tensor whose modules are loaded at their first use, which keeps the import quick."""

from importlib import import_module
from typing import Any

from ..core.quiet import hush
from ..core.tensor import Tensor


def loaded(module: str, name: str) -> Any:
    """The function `name` of `functions.<module>`, which is loaded for it."""
    function = getattr(import_module(f".{module}", __package__), name)
    hush()
    return function


class Later:
    """Stands for `functions.<module>.<name>` in the class Tensor until somebody asks for it.

    Then the function takes its place, so that a later call costs what any method costs.
    """

    __slots__ = ("attribute", "module", "name")

    def __init__(self, module: str, name: str, attribute: str):
        self.module = module
        self.name = name
        self.attribute = attribute

    def load(self) -> Any:
        """The function itself, which is put into the class."""
        function = loaded(self.module, self.name)
        setattr(Tensor, self.attribute, function)
        return function

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        function = self.load()
        return function if instance is None else function.__get__(instance, owner)


def later(module: str, name: str, attribute: str = "") -> Any:
    """The function `name` of `functions.<module>` as a method; `attribute`: under another name."""
    return Later(module, name, attribute or name)
