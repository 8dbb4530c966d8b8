"""Writing into the memory of arrays and carriers. Imports batched and dual.

A batch and the primal of a dual number are written in their memory. A tangent is replaced instead,
since rules let tangents share memory as they see fit. So a write may leave a tensor with another
payload; its base gets one too, and so do the base's other views when they are next used.
"""

from typing import Any

import numpy as np
from numpy import ndarray

from ...ops.batching import of_rank
from ...ops.creation import zeros
from ...ops.shape import as_strided, write_strided
from ..storage import geometry
from ..tensor import Tensor, base_of, edge_of, family_of, wrap
from .batched import Batched, in_place_error
from .carrier import Carrier, Level, payload
from .dual import Dual, fitted


def store(t: Tensor, value: Any) -> None:
    """Write an array or carrier, broadcast and converted, into `t`'s memory; nothing is counted or
    recorded.
    """
    if type(t._a) is ndarray and not isinstance(value, Carrier):
        np.copyto(t._a, value, casting="unsafe")
        return
    edge_of(t)  # a view shows what its base is by now
    base, family, before = base_of(t), family_of(t), t._a
    root = t if base is None else base
    recorded = _recorded_levels(value)
    if recorded:
        root._a = _on_tape(root._a, recorded)
        if base is not None:
            t._a = _refreshed(root._a, before)
    new = _overwritten(t._a, value)
    if new is before:
        return
    if base is not None:
        base._a = _rebased(base._a, new, geometry(before, base._a))
        base._a.level.keep(base)
    t._a = new
    new.level.keep(t)
    if isinstance(new, Dual) and type(before) is ndarray:
        new.level.written(root)  # pyright: ignore - a DualLevel
        new.level.written(t)  # pyright: ignore
    if family.has_views:
        family.rebased += 1
        if base is not None:
            t._n = family.rebased


def copied(a: Any) -> Any:
    """An array's or carrier's values in memory of their own."""
    return np.array(a) if type(a) is ndarray else a.copy()


def _overwritten(target: Any, value: Any) -> Any:
    """What `target` is after `value` was written over all of it."""
    if not isinstance(target, Carrier) or (
        target.is_memory or (isinstance(value, Carrier) and value.level.order > target.level.order)
    ):
        if isinstance(value, Dual):
            primal = _overwritten(target, value.primal)
            return _dual(value.level, primal, value.tangent, value.is_pair)
        if isinstance(value, Batched):
            if value.is_batched:
                raise in_place_error()
            return _overwritten(target, payload(value.value))
        np.copyto(target, value, casting="unsafe")  # pyright: ignore - arrays by now
        return target
    if isinstance(target, Batched):
        return _overwritten_batch(target, value)
    assert isinstance(target, Dual)
    other = value if isinstance(value, Dual) and value.level is target.level else None
    primal = _overwritten(target.primal, value if other is None else other.primal)
    if other is not None:
        return _dual(target.level, primal, other.tangent, target.is_pair or other.is_pair)
    if target.tangent is None and primal is target.primal:
        return target
    none = (
        None
        if target.tangent is None
        else zeros(shape=target.shape, dtype=target.dtype, like=primal)
    )
    return _dual(target.level, primal, none, target.is_pair)


def _dual(level: Level, primal: Any, tangent: Any, is_pair: bool) -> Any:
    if primal.dtype.kind not in "fcV":
        return primal
    return Dual(level, primal, fitted(tangent, primal), is_pair)


def _overwritten_batch(target: Batched, value: Any) -> Batched:
    held, source = target.value, value
    if isinstance(value, Batched) and value.level is target.level:
        source = value.value
        if value.is_batched:
            if not target.is_batched:
                raise in_place_error()
            source = of_rank(source, target.ndim)
    if isinstance(held, Tensor):
        held.copy_(source if isinstance(source, Tensor) else wrap(np.asarray(source)))  # pyright: ignore
        if payload(held).shape == target.shape and not isinstance(held._a, Carrier):
            return target
        return Batched(target.level, held, target.is_batched)
    new = _overwritten(held, payload(source))
    return target if new is held else Batched(target.level, new, target.is_batched)


# --- a base and its views -------------------------------------------------------------------------


def _rebased(base: Any, part: Any, window: dict) -> Any:
    """What a base is after its view with the geometry `window` became `part`."""
    if isinstance(part, Dual):
        own = isinstance(base, Dual) and base.level is part.level
        primal = _rebased(base.primal if own else base, part.primal, window)
        old = base.tangent if own else None
        tangent = None
        if old is not None or part.tangent is not None:
            old, new = [
                zeros(shape=x.shape, dtype=x.dtype, like=x) if t is None else t
                for t, x in ((old, primal), (part.tangent, part.primal))
            ]
            tangent = write_strided(old, new, **window)
        return Dual(part.level, primal, tangent, part.is_pair)
    if not isinstance(part, Batched):
        return base
    held = base.value
    if not isinstance(held, Tensor):
        held = _rebased(held, part.value, _with_batch(window, base))
        if held is base.value:
            return base
    return Batched(base.level, held, base.is_batched)


def _refreshed(base: Any, part: Any) -> Any:
    """What a view, that was `part`, is now that its base's payload is `base`."""
    return _shown(base, part, geometry(part, base))


def _shown(base: Any, part: Any, window: dict) -> Any:
    if isinstance(base, Dual):
        own = isinstance(part, Dual) and part.level is base.level
        primal = _shown(base.primal, part.primal if own else part, window)
        tangent = None if base.tangent is None else as_strided(base.tangent, **window)
        return Dual(base.level, primal, tangent, base.is_pair)
    if not isinstance(base, Batched):
        return part
    held, inside = base.value, _with_batch(window, base)
    if not isinstance(held, Tensor):
        value = _shown(held, part.value, inside)
    elif isinstance(part.value, Tensor):
        edge_of(part.value)
        value = part.value
    else:
        value = as_strided(held, **inside)
    return Batched(base.level, value, base.is_batched)


def _with_batch(window: dict, base: Batched) -> dict:
    """The geometry of a view in the memory of a batch's values."""
    if not base.is_batched:
        return window
    held = payload(base.value)
    step = held.strides[0] // held.itemsize
    return {
        "size": (held.shape[0], *window["size"]),
        "stride": (step, *window["stride"]),
        "offset": window["offset"],
        "base_stride": (step, *window["base_stride"]),
    }


# --- histories below a batch ----------------------------------------------------------------------


def _recorded_levels(value: Any) -> set[Level]:
    """The batches' levels of a value which has, below them, a history."""
    if isinstance(value, Dual):
        return _recorded_levels(value.primal) | _recorded_levels(value.tangent)
    if not isinstance(value, Batched):
        return set()
    held = value.value
    found = _recorded_levels(payload(held))
    return found | {value.level} if isinstance(held, Tensor) and edge_of(held) else found


def _on_tape(a: Any, levels: set[Level]) -> Any:
    """A payload whose batches of these levels can take a history: they hold Tensors."""
    if isinstance(a, Dual):
        tangent = None if a.tangent is None else _on_tape(a.tangent, levels)
        return Dual(a.level, _on_tape(a.primal, levels), tangent, a.is_pair)
    if not isinstance(a, Batched) or isinstance(a.value, Tensor):
        return a
    held = _on_tape(a.value, levels)
    return Batched(a.level, wrap(held) if a.level in levels else held, a.is_batched)


Carrier.refreshed = _refreshed
