"""A module and those below it: by their names, and one after the other. Imports parameter."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ...core.tensor import Tensor
from ..parameter import Parameter

T = TypeVar("T", bound="Tree")

_MISSING = object()


class Tree:
    """The part of Module that finds and visits what belongs to it."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]

    def _get_name(self) -> str:
        return type(self).__name__

    # --- by dotted names

    def get_submodule(self, target: str) -> "Tree":
        """The submodule of a name like "net.0.linear"; AttributeError if there is none."""
        module: Tree = self
        for name in target.split(".") if target else []:
            found = getattr(module, name, _MISSING)
            if found is _MISSING:
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            if not isinstance(found, Tree):
                raise AttributeError(f"`{name}` is not an nn.Module")
            module = found
        return module

    def set_submodule(self, target: str, module: "Tree", strict: bool = False) -> None:
        """Put a module in the place of a name like "net.0.linear"; `strict`: only in the place of
        another.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Tree):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        held = getattr(parent, name, _MISSING)
        if held is _MISSING and strict:
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if held is not _MISSING and not isinstance(held, Tree):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of a name like "net.0.weight"; AttributeError if there is none."""
        module, name, found = self._find(target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of a name like "net.1.running_mean"; AttributeError if there is none."""
        module, name, found = self._find(target)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return found

    def _find(self, target: str) -> tuple["Tree", str, Any]:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = getattr(module, name, _MISSING)
        if found is _MISSING:
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        return module, name, found

    # --- traversal

    def _named_members(
        self,
        get_members_fn: Callable,
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield f"{path}.{name}" if path else name, value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once; with those of submodules if `recurse`."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(full name, parameter)."""
        yield from self._named_members(
            lambda m: m._parameters.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once; with those of submodules if `recurse`."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(full name, buffer)."""
        yield from self._named_members(
            lambda m: m._buffers.items(), prefix, recurse, remove_duplicate
        )

    def children(self) -> Iterator[Any]:
        """The direct submodules, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, "Tree"]]:
        """(name, direct submodule)."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator["Tree"]:
        """This module and all below it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: "set[Tree] | None" = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, "Tree"]]:
        """(full name, module) for this module, whose name is the prefix, and all below it."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def apply(self: T, fn: Callable[[Any], Any]) -> T:
        """Call `fn(module)` on all modules below and then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self
