"""Hooks on saved values: what an operation keeps for its derivative is packed when it is recorded,
and unpacked each time it is read. Imports core and function.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from .. import errors
from ..core.hooks import Packed
from ..core.tape import AccumulateGrad, Family, Meta, Node, Output, extras, grad_mode
from ..core.tensor import Tensor, with_edge
from ..core.watch import Watcher, enter, leave, watchers
from .function import BackwardCFunction

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
            packed = tuple(
                [
                    self._packed(node, kind, index, value, inputs)
                    for (kind, index, _), value in zip(node.rule.saves, node.saved, strict=True)
                ]
            )
            if any(type(p) is Packed for v in packed for p in (v if type(v) is tuple else (v,))):
                extras(node).packed = packed
                node.saved = None

    def _packed(self, node: Node, kind: str, index: int, value: Any, inputs: tuple) -> Any:
        if kind == "out":
            return self.pack_result(value, node if node.rule.results == 1 else Output(node, index))
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
                return self.pack(given)
        t = with_edge(value, edge)
        t._v = Family()  # a copy, or a constant: no write reaches it
        return self.pack(t)

    def pack(self, t: Tensor) -> Packed:
        """Have the hook pack a tensor."""
        value = self._hooked(t)
        if value is t and t._e is not None:
            return Packed((t._a, t._e), partial(_given_back, self.unpack_hook))
        return Packed(value, self.unpack_hook)

    def _hooked(self, t: Tensor) -> Any:
        """What the hook makes of a tensor; RuntimeError if it writes into it."""
        token = grad_mode.set(False)
        count = _writes(t)
        try:
            value = self.pack_hook(t)
        finally:
            grad_mode.reset(token)
        if _writes(t) != count:
            raise RuntimeError(errors.PACK_WRITES)
        return value

    def pack_result(self, array: Any, edge: Any) -> Packed:
        """Pack a node's own result. The tensor that the hook sees leaves the graph afterwards: a
        hook that returned it, kept by the node, would close a reference cycle.
        """
        t = with_edge(array, edge if array.dtype.kind in "fcV" else None)
        value = self._hooked(t)
        t._e = None
        return Packed(value, self.unpack_hook)

    def _pack_function(self, node: Any) -> None:
        for item, t in zip(node.saved[0], node.ctx._saving, strict=True):
            if item is not None and item.packed is None:
                item.packed = (
                    self.pack(t)
                    if item.number is None
                    else self.pack_result(item.array, Output(node, item.number))
                )
                item.array = None


def _given_back(unpack: Callable[[Any], Tensor], kept: tuple) -> Tensor:
    """Unpack a tensor that its pack hook returned as it was. Only its memory and its edge are kept:
    the tensor might hold a gradient whose graph holds the node.
    """
    array, edge = kept
    leaf = edge.leaf() if type(edge) is AccumulateGrad else None
    return unpack(with_edge(array, edge) if leaf is None else leaf)


def innermost() -> saved_tensors_hooks | None:
    """The hooks that act in this thread or task, or None."""
    return next((w for w in reversed(watchers.get()) if isinstance(w, saved_tensors_hooks)), None)


def _writes(t: Tensor) -> int:
    return 0 if t._v is None else t._v.cell.count


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
