"""Hooks: what users attach to tensors, nodes and leaves, and how the engine runs them. Imports tape
and tensor.
"""

from typing import Any

import numpy as np

from .. import errors
from . import protocols  # noqa: F401 - rules and hooks call NumPy on Tensors
from .dtype import from_numpy_dtype
from .tape import Extras, Node, Output, grad_mode
from .tensor import Tensor, wrap


def seen(g: Any) -> Any:
    """A cotangent as users see it: a Tensor, conjugated if complex; None stays None."""
    if g is None:
        return None
    t = g if isinstance(g, Tensor) else wrap(g)
    return np.conjugate(t) if t._a.dtype.kind == "c" else t


def handed_out(g: Any, create: bool) -> Tensor:
    """A cotangent as users keep it: as they see it and, unless it is recorded, in new memory."""
    t = seen(g)
    return t if create else wrap(np.array(t._a))


def _taken(answer: Any, create: bool) -> Any:
    """A hook's answer as the engine carries it."""
    if answer is None:
        return None
    if answer._a.dtype.kind == "c":
        answer = np.conjugate(answer)
    return answer if create else answer._a


def _call(hook: Any, create: bool, *arguments: Any) -> Any:
    token = grad_mode.set(create)
    try:
        return hook(*arguments)
    finally:
        grad_mode.reset(token)


def run_tensor_hooks(extra: Extras, number: int, g: Any, create: bool) -> Any:
    """The cotangent after the hooks of result `number`, each of which may replace it."""
    for hook in list(extra.tensor_hooks.get(number, {}).values()):
        answer = _call(hook, create, seen(g))
        if answer is None:
            continue
        name = getattr(hook, "__name__", repr(hook))
        if not isinstance(answer, Tensor):
            raise TypeError(
                f"expected Variable, but hook returned '{type(answer).__name__}'\n"
                f"Hook '{name}' must return a Tensor or None."
            )
        if answer._a.shape != g.shape:
            raise RuntimeError(
                f"hook '{name}' has changed the size of value\n"
                f"The gradient has shape {tuple(g.shape)}, the hook returned "
                f"{tuple(answer._a.shape)}"
            )
        kinds = [v._a.dtype if isinstance(v, Tensor) else v.dtype for v in (g, answer)]
        if kinds[0] != kinds[1]:
            was, got = (errors.tensor_text(from_numpy_dtype(d).name, ())[1:-4] for d in kinds)
            raise RuntimeError(
                f"hook '{name}' has changed the type of value (was {was} got {got})\n"
                "A hook returns a gradient of the same dtype: convert it with .to(grad.dtype)."
            )
        g = _taken(answer, create)
    return g


def _replaced(answer: Any, parts: list, create: bool) -> list:
    if answer is None:
        return parts
    if isinstance(answer, Tensor):
        answer = (answer,)
    if len(answer) != len(parts):
        raise RuntimeError(
            f"hooks can't change the number of gradients: {len(parts)} were given, {len(answer)} "
            "returned"
        )
    return [_taken(a, create) for a in answer]


def before(node: Node, g: Any, create: bool) -> Any:
    """Run the hooks on the node's results and its pre-hooks, fill retained gradients; the
    cotangents to go on with.
    """
    try:
        return _before(node, g, create)
    except Exception as error:
        error.add_note(
            f"raised by a hook on the gradient of {type(node).__name__}'s result, made at "
            f"{node.place()}"
        )
        raise


def _before(node: Node, g: Any, create: bool) -> Any:
    extra = node.extra
    parts = list(g) if type(g) is list else [g]
    for number in extra.tensor_hooks:
        if parts[number] is not None:
            parts[number] = run_tensor_hooks(extra, number, parts[number], create)
    for number, owner in extra.retained.items():
        t = owner()
        if t is not None and parts[number] is not None:
            held = getattr(t, "_g", None)
            t._g = handed_out(parts[number], create) if held is None else held + seen(parts[number])
    for hook in list(extra.prehooks.values()):
        parts = _replaced(_call(hook, create, tuple([seen(p) for p in parts])), parts, create)
    return parts if type(g) is list else parts[0]


def after(node: Node, results: Any, g: Any, create: bool, retain: bool) -> Any:
    """Run the node's hooks on (gradients of its inputs, gradients of its results); free what hooks
    packed unless it is to be retained.
    """
    if not retain:
        node.extra.packed = None
    if not node.extra.posthooks:
        return results
    given = tuple([seen(p) for p in (g if type(g) is list else [g])])
    for hook in list(node.extra.posthooks.values()):
        results = _replaced(
            _call(hook, create, tuple([seen(r) for r in results]), given), list(results), create
        )
    # A hook may keep what it saw, and a leaf may keep what the engine hands on: they must not be
    # one memory.
    return results if create else [None if r is None else np.array(r) for r in results]


def before_leaf(extra: Extras, g: Any, create: bool) -> Any:
    """Run a leaf's tensor hooks and pre-hooks on its complete gradient."""
    g = run_tensor_hooks(extra, 0, g, create)
    for hook in list(extra.prehooks.values()):
        (g,) = _replaced(_call(hook, create, (seen(g),)), [g], create)
    return g


def after_leaf(extra: Extras, leaf: Tensor | None, g: Any, create: bool) -> None:
    """Run what waits for a leaf's `.grad` to be complete."""
    if leaf is not None:
        for hook in list(extra.post_accumulate.values()):
            _call(hook, create, leaf)
    for hook in list(extra.posthooks.values()):
        _call(hook, create, (), (seen(g),))


class Packed:
    """A saved value in the form that a pack hook gave it, and the hook that gives it back."""

    __slots__ = ("unpack", "value")

    def __init__(self, value: Any, unpack: Any):
        self.value = value
        self.unpack = unpack

    def tensor(self) -> Tensor:
        """The value, unpacked anew at each call."""
        t = self.unpack(self.value)
        if not isinstance(t, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(t).__name__}\nGiven was {t!r}. unpack_hook returns the tensor that "
                "pack_hook was given."
            )
        return t


def unpacked(node: Node, create: bool) -> tuple:
    """The arrays saved by a node whose `saved` is None: those that hooks have packed, or
    RuntimeError if they are freed.
    """
    packed = None if node.extra is None else node.extra.packed
    if packed is None:
        raise RuntimeError(errors.FREED.format(node=type(node).__name__, place=node.place()))
    return tuple(
        [
            tuple([_unpacked(part, create) for part in value])
            if type(value) is tuple
            else _unpacked(value, create)
            for value in packed
        ]
    )


def _unpacked(value: Any, create: bool) -> Any:
    return _call(value.tensor, create)._a if type(value) is Packed else value


def capture(node: Node, g: Any, targets: Any, captured: dict, create: bool) -> None:
    """Keep the cotangents of the targets which are results of `node`."""
    if node in targets:
        captured[node] = g
    elif type(g) is list:
        for target in targets:
            if type(target) is Output and target.node is node and g[target.number] is not None:
                captured[target] = g[target.number]
