"""vmap's carrier: a value with a batch dimension in front that the program does not see. Imports
carrier, quiet and tensor.

An operation on batches runs once on their values. What its rule says by `batch=` places the batch
dimension; without it the operation runs in a loop over the batch, with a warning.
"""

from typing import Any

import numpy as np
from numpy import ndarray

from ...ops.batching import aligned, leading, shifted
from ...ops.joining import stack
from ...ops.rule import ALIGNED, LEADING, RULES, Rule
from ...ops.shape import broadcast_to, select
from ..quiet import compute, warn
from ..tensor import Tensor, edge_of, wrap
from .carrier import (
    Carrier,
    Level,
    below,
    dead_error,
    detached_array,
    here,
    inserted,
    payload,
    to_levels,
)


class BatchLevel(Level):
    """The level of one vmap."""

    __slots__ = ()
    has_tape_below = True

    def lift(self, t: Tensor) -> Tensor:
        """`t` as the same value in every place of the batch; its history stays below."""
        return wrap(Batched(self, t, False))

    def constant(self, array: Any) -> Any:
        """The same array in every place of the batch."""
        return Batched(self, array, False)


class Batched(Carrier):
    """A value, array, carrier or Tensor, whose first dimension is the batch; without `is_batched`
    it is the same all over the batch.
    """

    __slots__ = ("is_batched", "value")
    value: Any
    is_batched: bool

    def __init__(self, level: Level, value: Any, is_batched: bool = True):
        held = payload(value)
        self.level = level
        self.value = value
        self.is_batched = is_batched
        self.shape = held.shape[1:] if is_batched else held.shape
        self.dtype = held.dtype
        self.levels = (level,) if type(held) is ndarray else (*held.levels, level)

    def _run(self, fun, inputs, kw):
        level = self.level
        if not level.alive:
            raise dead_error("vmap")
        values, flags = [], []
        for x in inputs:
            if type(x) is Batched and x.level is level:
                values.append(x.value)
                flags.append(x.is_batched)
            else:
                values.append(x)
                flags.append(False)
        rule = RULES[fun]
        batched = any(flags)
        if not batched:
            result = compute(rule, values, kw)
            if rule.kind == "constant":  # numbers for control flow, and what may be written later
                if type(result) is tuple:
                    return tuple([_same_for_all(level, r) for r in result])
                return _same_for_all(level, result)
        elif rule.batch is ALIGNED:
            result = compute(rule, aligned(values, flags), kw)
        elif rule.batch is LEADING:
            size = level.size
            result = compute(rule, leading(values, flags, size), shifted(kw, values, flags, size))
        elif rule.batch is not None:
            result = rule.batch(fun, values, flags, kw)
        else:
            result = _one_by_one(rule, values, flags, kw, level.size)
        if type(result) is tuple or type(result) is list:
            return tuple([Batched(level, _array(r), batched) for r in result])
        return Batched(level, _array(result), batched)

    def with_level(self, level):
        """The batch with a lower level below it, on which it is a constant."""
        value = self.value
        if isinstance(value, Tensor):
            return Batched(self.level, to_levels(value, {level}), self.is_batched)
        return Batched(self.level, inserted(value, level), self.is_batched)

    def detached(self):
        """The batch without the history of its values."""
        return Batched(self.level, detached_array(payload(self.value)), self.is_batched)

    @property
    def inner(self):
        """The first example's array."""
        held = payload(self.value)
        array = held if type(held) is ndarray else held.inner
        if not self.is_batched:
            return array
        return array[0, ...] if len(array) else np.empty(self.shape, self.dtype)

    def _refused(self, what: str) -> RuntimeError:
        return RuntimeError(
            f"vmap: {what}\nThe value differs from one element of the batch to the next, so that a "
            f"single Python value cannot stand for it. {here()}"
        )

    def __bool__(self):
        raise self._refused(
            "It looks like you're attempting to use a Tensor in some data-dependent control flow. "
            "Write it without branches, as in torch.where(condition, a, b)."
        )

    def item(self):
        """Refused: there is one number for each element of the batch."""
        raise self._refused(
            "It looks like you're calling .item() on a Tensor. We don't support vmap over calling "
            ".item() on a Tensor, please try to rewrite what you're doing with other operations."
        )

    def __array__(self, dtype=None, copy=None):
        raise self._refused(
            "It looks like you're converting a Tensor to a NumPy array (.numpy(), .tolist(), an "
            "operation that reads its values). Return it from the function and convert the result."
        )

    tolist = __float__ = __int__ = __index__ = item


def in_place_error() -> RuntimeError:
    """Why a batch cannot be written into memory that is the same for all of it."""
    return RuntimeError(
        "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor "
        "`other` in extra_args that has more elements than `self`. This happened due to `other` "
        "being vmapped over but `self` not being vmapped over in a vmap. Please try to use "
        "out-of-place operators instead of inplace arithmetic; or make `self` from a vmapped "
        f"tensor, as in torch.zeros_like(x). {here()}"
    )


def enter(x: Tensor, level: Level) -> Tensor:
    """A tensor inside a vmap: its first dimension is the batch."""
    if edge_of(x) is None:
        return wrap(Batched(level, x._a))
    return wrap(Batched(level, to_levels(x, below(level))))


def leave(x: Tensor, level: Level) -> Tensor:
    """A result outside of the vmap: its batch dimension first."""
    held = payload(x)
    if type(held) is Batched and held.level is level:
        x = held.value if isinstance(held.value, Tensor) else wrap(held.value)
        if held.is_batched:
            return x
    value = x._a if edge_of(x) is None else x
    found = broadcast_to(value, shape=(level.size, *x._a.shape))
    return found if isinstance(found, Tensor) else wrap(found)


def _same_for_all(level: Level, value: Any) -> Any:
    """What a constant operation gave for values without batch, without a history."""
    held = payload(value)
    is_float = getattr(held, "dtype", None) is not None and held.dtype.kind in "fcV"
    return Batched(level, _array(held), False) if is_float else held


def _array(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, np.generic) else value


_WARNED: set[Any] = set()


def _one_by_one(rule: Rule, values: list, flags: list, kw: dict, size: Any) -> Any:
    if rule.fun not in _WARNED:
        _WARNED.add(rule.fun)
        warn(
            f"There is a performance drop because we have not yet implemented the batching rule "
            f"for {rule.fun.__name__}: it runs once for each element of the batch.",
            UserWarning,
        )
    if not size:
        raise RuntimeError(
            f"vmap: {rule.fun.__name__} runs in a loop over the batch, which has size 0 here, so "
            "that the result's shape is not known"
        )
    results = []
    for i in range(size):
        part = [
            select(v, axis=0, index=i) if flag else v for v, flag in zip(values, flags, strict=True)
        ]
        results.append(compute(rule, part, kw))
    if type(results[0]) is tuple or type(results[0]) is list:
        return tuple([stack(*parts, axis=0) for parts in zip(*results, strict=True)])
    return stack(*results, axis=0)
