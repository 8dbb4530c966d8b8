"""Why a recorded course does not fit a call, in words. Imports variant.

It asks what `Variant.fits` asks, in the same order, and binds nothing.
"""

from typing import Any

from numpy import ndarray

from ...core.dtype import get_default_dtype
from ...core.pytree import Spec
from ...core.tape import grad_mode
from ...core.tensor import Tensor, edge_of
from ...core.watch import PLAIN
from ..census.guards import MISSING, shown
from ..recording.memory import geometry
from ..recording.session import UNSET, payload, same
from ..recording.variant import Leaf, Variant

__all__ = ["misfit"]


def misfit(variant: Variant, leaves: list, spec: Spec, args: tuple, kwargs: dict) -> str:
    """What the first condition of `fits` that fails says; "" if none does."""
    if spec != variant.spec:
        return "the number, names or structure of the arguments differ"
    if not PLAIN:
        return "a transform or a mode that sees every operation is active"
    mode = grad_mode.get(), get_default_dtype()
    if mode != variant.mode:
        what = "gradient mode" if mode[0] != variant.mode[0] else "default dtype"
        return f"the {what} is another one"
    for number, (leaf, x) in enumerate(zip(variant.leaves, leaves, strict=True)):
        found = _of_leaf(leaf, x)
        if found:
            return f"argument {number} {found}"
    return _of_tensors(variant) or _of_options(variant) or _of_guards(variant, args, kwargs)


def _of_leaf(leaf: Leaf, x: Any) -> str:
    if leaf.kind == "same":
        return "" if x is leaf.expected else f"is another {type(x).__name__}"
    if leaf.kind == "number":
        return "" if type(x) is float else f"is a {type(x).__name__}, was a float"
    if leaf.kind == "value":
        if type(x) is type(leaf.expected) and (x is leaf.expected or x == leaf.expected):
            return ""
        return f"is {shown(x)}, was {shown(leaf.expected)}"
    if type(x) is not leaf.expected:
        return f"is a {type(x).__name__}, was a {leaf.expected.__name__}"
    if (edge_of(x) is not None) is not leaf.requires:
        return f"{'needs no' if leaf.requires else 'needs a'} gradient now"
    return _of_memory(payload(x), leaf.geometry)


def _of_memory(a: Any, expected: tuple) -> str:
    if type(a) is not ndarray:
        return "holds no plain array"
    for name, now, before in zip(("shape", "dtype", "strides"), geometry(a), expected, strict=True):
        if now != before:
            return f"has {name} {now}, was {before}"
    return ""


def _of_tensors(variant: Variant) -> str:
    arrays = variant.arrays
    for slot, t, edge in variant.pinned:
        if t._e is not edge:
            return f"{_name(t)} has another history"
        a = payload(t)
        if a is not arrays[slot]:
            found = _of_memory(a, geometry(arrays[slot]))
            if found:
                return f"{_name(t)} {found}"
    if any(edge.extra is not extra for edge, extra in getattr(variant, "extras", ())):
        return "a leaf has other hooks"
    for t in variant.no_gradient:
        if getattr(t, "_g", None) is not None:
            return f"{_name(t)} has a gradient, and had none"
    for slot, t in variant.grown:
        g = getattr(t, "_g", None)
        if g is None:
            return f"{_name(t)} has no gradient, and had one"
        if g._e is not None:
            return f"the gradient of {_name(t)} has a history"
        found = _of_memory(payload(g), geometry(arrays[slot]))
        if found:
            return f"the gradient of {_name(t)} {found}"
    return ""


def _name(t: Tensor) -> str:
    kind = type(t).__name__ if type(t) is not Tensor else "a tensor"
    return f"{kind} of shape {list(t.shape)}"


def _of_options(variant: Variant) -> str:
    for group, held in variant.groups:
        for key, expected in held.items():
            found = group.get(key, UNSET)
            if not same(found, expected):
                now = MISSING if found is UNSET else found
                return f"the optimizer's option {key!r} is {shown(now)}, was {shown(expected)}"
    for option in variant.options:
        value = option.read()
        if type(value) not in (float, int):
            return f"the optimizer's option {option.key!r} is a {type(value).__name__}"
    return ""


def _of_guards(variant: Variant, args: tuple, kwargs: dict) -> str:
    for snapshot in variant.snapshots:
        if not snapshot.holds():
            return f"a module, an optimizer or hooks changed: {_changed(snapshot)}"
    for change in variant.changes:
        if not change.fits():
            return f"{change.effect.text} is no number now, or gone"
    for guard in variant.guards:
        if not guard.holds(args, kwargs):
            now = guard.fetch(args, kwargs)
            found = f", now {shown(now)}" if guard.by in ("value", "identity") else ""
            return f"a guard does not hold: {guard.text}{found}"
    return ""


def _changed(snapshot: Any) -> str:
    for key in {**snapshot.entries, **snapshot.held}:
        if key in snapshot.free or key in snapshot.loose:
            continue
        now, before = snapshot.held.get(key, UNSET), snapshot.entries.get(key, UNSET)
        if not same(now, before):
            now, before = (MISSING if x is UNSET else x for x in (now, before))
            return f"{shown(key)} is {shown(now)}, was {shown(before)}"
    return "the order of its entries"
