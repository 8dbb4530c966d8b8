"""Hooks: what users attach to tensors, nodes and leaves, and how the engine runs them. Imports
carrier, tensor and watch.
"""

import os
from threading import RLock
from typing import Any

import numpy as np

from .. import errors
from ..ops.shape import copy
from . import protocols  # noqa: F401 - rules and hooks call NumPy on Tensors
from .carriers.carrier import Carrier, is_memory
from .dtype import from_numpy_dtype
from .quiet import quietly
from .tape import Extras, Node, Output, grad_mode
from .tensor import Tensor, wrap
from .watch import PLAIN, Watcher, notify

#: held while the gradient of a tensor grows: backward passes in several threads may meet in it
one_at_a_time = RLock()
if hasattr(os, "register_at_fork"):  # a child must not wait for a thread that it does not have
    os.register_at_fork(after_in_child=one_at_a_time._at_fork_reinit)  # pyright: ignore


def wrapped(a: Any) -> Tensor:
    """An array or carrier as a Tensor that outlives the pass."""
    t = wrap(a)
    if isinstance(a, Carrier):
        a.level.keep(t)
    return t


def seen(g: Any) -> Any:
    """A cotangent as users see it: a Tensor, conjugated if complex; None stays None."""
    if g is None:
        return None
    t = g if isinstance(g, Tensor) else wrapped(g)
    if type(t._a) is not np.ndarray and not t._a.levels:  # sparse: of a class of its own
        t._a.level.keep(t)
    return np.conjugate(t) if t._a.dtype.kind == "c" else t


def handed_out(g: Any, create: bool) -> Tensor:
    """A cotangent as users keep it: as they see it and, unless it is recorded, in new memory."""
    return seen(g) if create else seen(kept(g))


def kept(g: Any, fresh: bool = False) -> Any:
    """A cotangent, array or carrier, as it may be kept: in new memory, which it is if `fresh`."""
    if isinstance(g, Carrier):
        g = g.settled()
        return g if fresh else copy(g)
    return g if fresh and type(g) is np.ndarray else np.array(g)


def is_carried(held: Any, rare: Any) -> bool:
    """Whether a carrier is not to be added in the memory of the gradient that is there."""
    return isinstance(rare, Carrier) and not (
        held is not None and rare.is_memory and is_memory(held._a)
    )


def carried_sum(held: Tensor | None, g: Any) -> Tensor:
    """The gradient of a leaf after a new part of it, where one of them is no array."""
    g = g.settled() if isinstance(g, Carrier) else g
    made = copy(g) if held is None else np.add(held._a, g)
    if held is None or (isinstance(made, Carrier) and made.levels):
        return wrapped(made)
    if type(held._a) is not type(made):  # a dense gradient after a sparse one
        return wrapped(made)
    held._a = made
    return held


def _taken(answer: Any, create: bool) -> Any:
    """A hook's answer as the engine carries it."""
    if answer is None:
        return None
    if answer._a.dtype.kind == "c":
        answer = np.conjugate(answer)
    return answer if create else answer._a


def call_hook(hook: Any, create: bool, *arguments: Any, node: Node | None = None) -> Any:
    """Call a user's hook, recording what it does if the pass is recorded."""
    token = grad_mode.set(create)
    try:
        answer = hook(*arguments)
    finally:
        grad_mode.reset(token)
    if not PLAIN:
        notify(Watcher.hooked, hook, node, arguments, answer)
    return answer


def run_tensor_hooks(extra: Extras, number: int, g: Any, create: bool) -> Any:
    """The cotangent after the hooks of result `number`, each of which may replace it."""
    for hook in list(extra.tensor_hooks.get(number, {}).values()):
        answer = call_hook(hook, create, seen(g))
        if answer is not None:
            g = _taken(_fitting(answer, g, hook), create)
    return g


def _fitting(answer: Any, g: Any, hook: Any) -> Tensor:
    """A hook's answer, checked: a Tensor of the gradient's shape and dtype."""
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(answer, Tensor):
        raise TypeError(
            f"expected Variable, but hook returned '{type(answer).__name__}'\n"
            f"Hook '{name}' must return a Tensor or None."
        )
    if g is None:
        raise RuntimeError(
            "can't replace a None gradient with a non-None value\n"
            f"Hook '{name}' was given None: no gradient arrives there."
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
    return answer


def _replaced(answer: Any, parts: list, hook: Any, create: bool) -> list:
    """The cotangents after a node's hook, which may return a tuple in their place."""
    if answer is None:
        return parts
    if not isinstance(answer, tuple):
        raise TypeError(
            f"expected tuple, but hook returned '{type(answer).__name__}'\n"
            f"A node's hook returns None or a tuple of {len(parts)} gradients."
        )
    if len(answer) != len(parts):
        name = getattr(hook, "__name__", repr(hook))
        raise RuntimeError(
            f"hook '{name}' has returned an incorrect number of values (got {len(answer)}, but "
            f"expected {len(parts)})"
        )
    return [
        None if a is None else _taken(_fitting(a, g, hook), create)
        for a, g in zip(answer, parts, strict=True)
    ]


def before(node: Node, g: Any, create: bool) -> Any:
    """Run the hooks on the node's results and its pre-hooks, fill retained gradients; the
    cotangents to go on with, None if the hooks left none.
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
            with one_at_a_time:
                held, part = getattr(t, "_g", None), parts[number]
                t._g = handed_out(part, create) if held is None else held + seen(part)
    for hook in list(extra.prehooks.values()):
        answer = call_hook(hook, create, tuple([seen(p) for p in parts]))
        parts = _replaced(answer, parts, hook, create)
    if type(g) is not list:
        return parts[0]
    return parts if any(p is not None for p in parts) else None


def after(node: Node, results: Any, g: Any, create: bool, retain: bool) -> Any:
    """Run the node's hooks on (gradients of its inputs, gradients of its results); free what hooks
    packed unless it is to be retained.
    """
    if not retain:
        node.extra.packed = None
    if not node.extra.posthooks:
        return results
    given = tuple([seen(p) for p in (g if type(g) is list else [g])])
    shown = node.inputs_shown()
    results = list(results) + [None] * (len(node.edges) - len(results))
    for hook in list(node.extra.posthooks.values()):
        parts = [results[i] for i in shown]
        answer = call_hook(hook, create, tuple([seen(p) for p in parts]), given, node=node)
        for i, part in zip(shown, _replaced(answer, parts, hook, create), strict=True):
            results[i] = part
    # A hook may keep what it saw, and a leaf may keep what the engine hands on: they must not be
    # one memory.
    return results if create else [None if r is None else np.array(r) for r in results]


def added(node: Node, number: int, held: Any, g: Any) -> Any:
    """A cotangent added to the others of its input; RuntimeError where that was given another shape
    in place, under no_grad.
    """
    try:
        return quietly(np.add, held, g)
    except ValueError:
        raise RuntimeError(
            f"Function {node.name()} returned an invalid gradient at index {number} - got "
            f"{list(g.shape)} but expected shape compatible with {list(held.shape)}"
        ) from None


def raised_in(node: Node) -> str:
    """A note for what a node's rules raise."""
    return f"raised in the backward pass of {type(node).__name__}, made at {node.place()}"


def once_more(error: Exception, node: Node, g: Any, saved: Any, edges: tuple) -> Any:
    """A node's rules again, without the NumPy warning that `error` was made of; a backward of the
    user's runs once.
    """
    if hasattr(node, "function"):
        error.add_note(raised_in(node))
        raise error
    return quietly(node.vjp, g, saved, edges)


def before_leaf(extra: Extras, g: Any, create: bool) -> Any:
    """The complete gradient of a leaf after its tensor hooks and pre-hooks; None if they left
    none.
    """
    g = run_tensor_hooks(extra, 0, g, create)
    for hook in list(extra.prehooks.values()):
        (g,) = _replaced(call_hook(hook, create, (seen(g),)), [g], hook, create)
    return g


def after_leaf(extra: Extras, leaf: Tensor | None, g: Any, create: bool) -> None:
    """Run what waits for a leaf's `.grad` to be complete."""
    if leaf is not None:
        for hook in list(extra.post_accumulate.values()):
            answer = call_hook(hook, create, leaf)
            if answer is None or answer is leaf:
                continue
            if isinstance(answer, Tensor):
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")
            raise TypeError(
                f"expected Variable, but hook returned '{type(answer).__name__}'\n"
                "Post accumulate grad hooks return None."
            )
    for hook in list(extra.posthooks.values()):
        _replaced(call_hook(hook, create, (), (seen(g),)), [], hook, create)


def capture(node: Node, g: Any, targets: Any, captured: dict, create: bool) -> None:
    """Keep the cotangents of the targets which are results of `node`."""
    if node in targets:
        captured[node] = g if create else kept(g)
    elif type(g) is list:
        for target in targets:
            if type(target) is Output and target.node is node and g[target.number] is not None:
                part = g[target.number]
                captured[target] = part if create else kept(part)
