"""Hooks on saved values: what an operation keeps for its derivative is packed when it is recorded,
and unpacked each time it is read. Imports core and function.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..core.saved import has_packed, pack, pack_result
from ..core.tape import Family, Meta, Node, Output, extras
from ..core.tensor import Tensor, with_edge
from ..core.watch import Watcher, enter, leave, watchers
from .function import BackwardCFunction
from .saved_values import saving_order

#: why hooks must not be set; None: they may be
_disabled: ContextVar[str | None] = ContextVar("saved_tensors_hooks_disabled", default=None)


class saved_tensors_hooks(Watcher):  # noqa: N801 - PyTorch's name
    """Within this context, keep `pack_hook(t)` in place of each tensor `t` that operations save;
    backward, and who else reads a saved value, gets `unpack_hook(packed)`.

    pack_hook: Tensor -> anything, called once for each saved tensor, without recording.
    unpack_hook: what pack_hook returned -> a Tensor of the same values. Of nested contexts only the
    innermost acts. Saved values that are no tensors (shapes, Python numbers) are not packed, and
    packed values are not checked for later in-place writes. Source:
    torch.autograd.graph.saved_tensors_hooks.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> Any:
        message = _disabled.get()
        if message is not None:
            raise RuntimeError(message)
        for name in ("pack_hook", "unpack_hook"):
            hook = getattr(self, name)
            if not callable(hook):
                raise TypeError(
                    f"saved_tensors_hooks(): {name} must be callable, not {type(hook).__name__}"
                )
        enter(self)

    def __exit__(self, *exception: object) -> None:
        leave(self)

    def noted(self, node: Node, inputs: tuple) -> None:
        """Pack what the node saved."""
        if innermost() is not self:
            return
        if isinstance(node, BackwardCFunction):
            self._pack_function(node)
        elif type(node).holds and node.saved is not None:
            packed = {place: self._packed(node, place, inputs) for place in saving_order(node)}
            if any(map(has_packed, packed.values())):
                extras(node).packed = packed
                node.saved = None

    def _packed(self, node: Any, place: int, inputs: tuple) -> Any:
        kind, index, _ = node.rule.saves[place]
        value = node.saved[place]
        if kind == "out":
            edge = node if node.rule.results == 1 else Output(node, index)
            return pack_result(value, edge, self.pack_hook, self.unpack_hook)
        if type(value) is tuple:  # a variadic primitive's inputs, or the arrays of an index
            given = inputs if node.rule.variadic else (None,) * len(value)
            edges = node.edges if node.rule.variadic else given
            return tuple(
                [self._input(v, x, e) for v, x, e in zip(value, given, edges, strict=True)]
            )
        edge = node.edges[index] if index < len(node.edges) else None
        return self._input(value, inputs[index], edge)

    def _input(self, value: Any, given: Any, edge: Any) -> Any:
        if type(value) is Meta or not hasattr(value, "dtype"):
            return value
        if isinstance(given, Tensor):
            if getattr(given, "_is_number", False):
                return value
            if given._a is value:
                return pack(given, self.pack_hook, self.unpack_hook)
        t = with_edge(value, edge)
        t._v = Family()  # a copy, or a constant: no write reaches it
        return pack(t, self.pack_hook, self.unpack_hook)

    def _pack_function(self, node: Any) -> None:
        hooks = self.pack_hook, self.unpack_hook
        for item, t in zip(node.saved[0], node.ctx._saving, strict=True):
            if item is not None and item.packed is None:
                item.packed = (
                    pack(t, *hooks)
                    if item.number is None
                    else pack_result(item.array, Output(node, item.number), *hooks)
                )
                item.array = None


def innermost() -> saved_tensors_hooks | None:
    """The hooks that act in this thread or task, or None."""
    return next((w for w in reversed(watchers.get()) if isinstance(w, saved_tensors_hooks)), None)


class save_on_cpu(saved_tensors_hooks):  # noqa: N801 - PyTorch's name
    """Keep saved tensors in the main memory. All tensors are there: nothing is copied.

    pin_memory and device_type are taken for programs that also run elsewhere. Source:
    torch.autograd.graph.save_on_cpu.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(Tensor.detach, _itself)


def _itself(t: Tensor) -> Tensor:
    return t


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within this context, setting hooks on saved tensors raises RuntimeError(error_message); so
    does entering it while hooks are set.

    Source: torch.autograd.graph.disable_saved_tensors_hooks.
    """
    if not isinstance(error_message, str):
        raise TypeError(
            "disable_saved_tensors_hooks(): error_message must be a string, not "
            f"{type(error_message).__name__}"
        )
    if innermost() is not None:
        raise RuntimeError(error_message)
    held = _disabled.get()
    _disabled.set(error_message)
    try:
        yield
    finally:
        _disabled.set(held)
