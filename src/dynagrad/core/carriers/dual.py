"""Forward mode: dual numbers primal + tangent * eps as carriers. Imports batched,
protocols and engine.

The rule of an operation says by its kind what its tangent is: an elementwise rule is applied to the
tangent, a linear operation is called on it, a multilinear one on one tangent at a time; a general
one brings `jvp=`, or its vjp, which is linear in the cotangent, is transposed.

The tape runs above dual numbers: a node's cotangents are dual numbers too. Forward-over-reverse
reads them as values with tangents. Reverse-over-forward differentiates by what a dual number was
made of: a cotangent of (primal, tangent) travels as the dual number `of_tangent + of_primal * eps`,
marked `is_pair`: products of dual numbers are then the transposed product rule.
"""

import weakref
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
from numpy import ndarray

from ...ops import shape as shapes
from ...ops.creation import zeros
from ...ops.rule import RULES, Rule
from ..apply import recording, saved_values
from ..engine import run
from ..protocols import default_node
from ..quiet import compute
from ..tape import Meta, Node, caller, grad_mode, tick
from ..tensor import Tensor, edge_of, leaf_edge, with_edge, wrap
from .batched import Batched
from .carrier import (
    Carrier,
    Level,
    detached_array,
    inserted,
    payload,
)

new = object.__new__


class DualLevel(Level):
    """The level of one forward-mode pass. `made` are tensors of the program's that become their
    primals at its end.
    """

    __slots__ = ("made",)

    def __init__(self, size: int | None = None, randomness: str = "same"):
        super().__init__(size, randomness)
        self.made: list[weakref.ref] = []

    def written(self, t: Tensor) -> None:
        """Remember a tensor of an array into which a dual number of this level was written."""
        self.made.append(weakref.ref(t))

    def end(self) -> None:
        """Make primals of the dual numbers that these tensors still hold."""
        for reference in self.made:
            t = reference()
            if t is not None and type(t._a) is Dual and t._a.level is self:
                t._a = t._a.primal
                if t._v is not None and t._v.has_views:
                    t._v.rebased += 1
        self.made.clear()

    def lift(self, t: Tensor) -> Tensor:
        """`t` as a dual number without tangent."""
        return pack(self, t, None)

    def constant(self, array: Any) -> Any:
        """An array without tangent."""
        return Dual(self, array, None)


class FreeDualLevel(DualLevel):
    """The level of dual numbers that the program makes by hand and may keep: when it ends, they
    become their primals.
    """

    __slots__ = ()
    drops = True

    def keep(self, t: Tensor) -> None:
        """Remember a tensor that holds a dual number of this level."""
        self.made.append(weakref.ref(t))


class Dual(Carrier):
    """primal + tangent * eps on one level. A tangent of None is zero."""

    __slots__ = ("is_pair", "primal", "tangent")
    primal: Any
    tangent: Any
    is_pair: bool

    def __init__(self, level: Level, primal: Any, tangent: Any, is_pair: bool = False):
        self.level = level
        self.primal = primal
        self.tangent = tangent
        self.is_pair = is_pair
        self.shape = primal.shape
        self.dtype = primal.dtype
        held = () if type(primal) is ndarray else primal.levels
        if tangent is not None and type(tangent) is not ndarray and tangent.levels != held:
            held = tuple(sorted({*held, *tangent.levels}, key=attrgetter("order")))
        self.levels = (*held, level)

    def _run(self, fun, inputs, kw):
        level = self.level
        primals, tangents, is_pair = [], [], False
        for x in inputs:
            if type(x) is Dual and x.level is level:
                primals.append(x.primal)
                tangents.append(x.tangent)
                is_pair = is_pair or x.is_pair
            else:
                primals.append(x)
                tangents.append(None)
        rule = RULES[fun]
        result = compute(rule, primals, kw)
        if rule.kind == "constant":
            return result
        results = result if type(result) is tuple else (result,)
        results = tuple([np.asarray(r) if isinstance(r, np.generic) else r for r in results])
        parts = (None,) * len(results)
        if any(t is not None for t in tangents):
            parts = push(rule, primals, tangents, kw, results)
        duals = tuple(
            [
                Dual(level, r, t, is_pair) if r.dtype.kind in "fcV" else r
                for r, t in zip(results, parts, strict=True)
            ]
        )
        return duals if type(result) is tuple else duals[0]

    def with_level(self, level):
        """The dual number with a lower level below it, on which it is a constant."""
        tangent = None if self.tangent is None else inserted(self.tangent, level)
        return Dual(self.level, inserted(self.primal, level), tangent, self.is_pair)

    def detached(self):
        """The primal."""
        return detached_array(self.primal)

    def settled(self):
        """The primal once the level of a dual number made by hand has ended."""
        return self.primal if self.level.drops and not self.level.alive else self

    @property
    def inner(self):
        """The array below."""
        return self.primal if type(self.primal) is ndarray else self.primal.inner

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> ndarray:
        return np.asarray(self.primal, dtype)

    def __bool__(self) -> bool:
        return bool(self.primal)

    def item(self) -> Any:
        """The number in a primal of one element."""
        return self.primal.item()

    def tolist(self) -> Any:
        """The primal as nested lists."""
        return self.primal.tolist()


# --- pushing tangents -----------------------------------------------------------------------------


def push(rule: Rule, primals: list, tangents: list, kw: dict, results: tuple) -> tuple:
    """The tangents of the results (None: zero), from those of the inputs."""
    if rule.kind == "linear":
        parts = _listed(compute(rule, _all_tangents(rule, primals, tangents), kw))
    elif rule.kind == "multilinear":
        terms = []
        for i, t in enumerate(tangents):
            if t is not None and _differentiable(rule, i):
                terms.append(_listed(compute(rule, [*primals[:i], t, *primals[i + 1 :]], kw)))
        parts = _added(terms)
    elif rule.kind == "elementwise":
        parts = [_by_rule(rule, primals, tangents, kw, results)]
    elif rule.jvps is not None:
        parts = _added(
            [
                _listed(_pushed(p, t, rule, primals, kw, results))
                for p, t in zip(rule.jvps, tangents, strict=False)
                if p is not None and t is not None
            ]
        )
    else:
        parts = _by_transposing(rule, primals, tangents, kw, results)
    return tuple(
        [fitted(t, r) for t, r in zip(parts or (None,) * len(results), results, strict=True)]
    )


def _listed(result: Any) -> list:
    return list(result) if type(result) is tuple else [result]


def _added(terms: list) -> list:
    if not terms:
        return []
    total = terms[0]
    for term in terms[1:]:
        total = [
            b if a is None else a if b is None else a + b for a, b in zip(total, term, strict=True)
        ]
    return total


def fitted(t: Any, result: Any) -> Any:
    """A tangent in the shape and dtype of its result; complex to real takes the real part."""
    if t is None or result.dtype.kind not in "fcV":
        return None
    if isinstance(t, np.generic):
        t = np.asarray(t)
    if t.shape != result.shape:
        t = shapes.broadcast_to(t, shape=result.shape)
    return t if t.dtype == result.dtype else shapes.cast(t, dtype=result.dtype)


def _differentiable(rule: Rule, i: int) -> bool:
    return rule.joint or (i < len(rule.vjps) and rule.vjps[i] is not None)


def _all_tangents(rule: Rule, primals: list, tangents: list) -> list:
    """The inputs of a linear operation on tangents: zeros where none came, indices as they are."""
    given = []
    for i, (x, t) in enumerate(zip(primals, tangents, strict=True)):
        if x is None or x.dtype.kind not in "fcV" or not _differentiable(rule, i):
            given.append(x)
        elif t is not None:
            given.append(t)
        else:
            given.append(zeros(shape=x.shape, dtype=x.dtype, like=x))
    return given


def _value(save: Any, rule: Rule, primals: list, results: tuple) -> Any:
    if save.kind == "out":
        return results[save.index]
    if rule.variadic:
        return tuple(primals) if save.kind == "in" else tuple([Meta(x) for x in primals])
    x = primals[save.index]
    return x if save.kind == "in" or x is None else Meta(x)


def _by_rule(rule: Rule, primals: list, tangents: list, kw: dict, results: tuple) -> Any:
    """An elementwise function's derivatives, which its rule multiplies by the cotangent, times the
    tangents.
    """
    total = None
    for i, t in enumerate(tangents):
        f = rule.vjps[i] if i < len(rule.vjps) else None
        if t is None or f is None:
            continue
        saved = [_value(rule.saves[j], rule, primals, results) for j in rule.reads[i]]
        part = f(t, *saved, **{k: kw[k] for k in rule.keywords[i]})
        total = part if total is None else total + part
    return total


def _pushed(p: Any, t: Any, rule: Rule, primals: list, kw: dict, results: tuple) -> Any:
    saved = [_value(save, rule, primals, results) for save in p.saves]
    return p.fun(t, *saved, **{k: kw[k] for k in p.keywords})


def _by_transposing(rule: Rule, primals: list, tangents: list, kw: dict, results: tuple) -> list:
    """The transpose of a vjp, a linear function of the cotangent, by reverse mode through it."""
    held = [x for x in (*primals, *results) if isinstance(x, Carrier)]
    present = {level for x in held for level in x.levels}
    leaves = []
    for r in results:
        u = None
        if r.dtype.kind in "fcV":
            u = wrap(_on_levels(zeros(shape=r.shape, dtype=r.dtype, like=r), present))
            u._e = leaf_edge(u)
        leaves.append(u)
    node = new(default_node(rule.fun))
    wanted = [t is not None for t in tangents]
    node.edges = tuple([True if w else None for w in wanted])
    node.kw, node.extra, node.fix, node.seq = kw, None, None, 0
    node.metas = tuple([Meta(r) for r in results])
    if rule.results != len(results):
        node.results = len(results)
    saved = tuple(
        [
            tuple([_constant(part) for part in v]) if type(v) is tuple else _constant(v)
            for v in saved_values(rule, node.edges, primals, results)
        ]
    )
    g = leaves[0] if rule.results == 1 else leaves
    token = grad_mode.set(True)
    try:
        cotangents = node.vjp(g, saved, node.edges)
    finally:
        grad_mode.reset(token)
    roots, weights = [], []
    for c, t, x in zip(cotangents, tangents, primals, strict=False):
        if t is None or c is None or edge_of(c) is None:
            continue
        if c._a.shape != x.shape:
            c = shapes.sum_to(c, shape=x.shape)
        roots.append(edge_of(c))
        weights.append(t)
    targets = {u._e: False for u in leaves if u is not None}
    found = run(roots, weights, retain=False, create=False, targets=targets)
    return [None if u is None else found.get(u._e) for u in leaves]


def _on_levels(array: Any, present: set[Level]) -> Any:
    """An array as a constant of all these levels. A leaf must have those of the saved values: it
    would be lifted to a batch's level when it meets them, and its history would stay below.
    """
    own = array.levels if isinstance(array, Carrier) else ()
    for level in sorted(present.difference(own), key=attrgetter("order")):
        array = inserted(array, level)
    return array


def _constant(value: Any) -> Any:
    """A saved value as a Tensor without history."""
    return value if value is None or type(value) is Meta else with_edge(payload(value), None)


# --- packing and unpacking, on the tape -----------------------------------------------------------


class _Part(Node):
    """A node of this file: `level` is that of the dual numbers that it makes or takes apart."""

    __slots__ = ("level",)
    rule = RULES[shapes.copy]  # which saves nothing

    def _cotangents(self, g: Any) -> tuple:
        raise NotImplementedError

    def vjp(self, g, saved, edges):
        """The inputs' cotangents, each a function of `g` on the tape itself."""
        return self._cotangents(g)


class MakeDual(_Part):
    """primal + tangent * eps: a pair's parts go to the two inputs; any other cotangent is the
    primal's.
    """

    __slots__ = ()

    def _cotangents(self, g):
        if _is_pair(payload(g), self.level):
            return tangent_part(g, self.level), primal_part(g, self.level)
        return g, None


class UnpackPrimal(_Part):
    """The primal of a dual number."""

    __slots__ = ()

    def _cotangents(self, g):
        return (pack(self.level, None, g, True),)


class UnpackTangent(_Part):
    """The tangent of a dual number."""

    __slots__ = ()

    def _cotangents(self, g):
        return (pack(self.level, g, None, True),)


# What `grad_fn` shows, as PyTorch names it.
MakeDual.__name__, UnpackPrimal.__name__ = "ViewBackward0", "Identity"


def pack(level: Level, primal: Any, tangent: Any, is_pair: bool = False) -> Any:
    """primal + tangent * eps (None: zero) of Tensors, recorded, or of arrays and carriers."""
    given = primal if primal is not None else tangent
    dual = _made(level, payload(primal), payload(tangent), is_pair)
    if not isinstance(given, Tensor):
        return dual
    edges = tuple([None if x is None else edge_of(x) for x in (primal, tangent)])
    return _recorded(MakeDual, dual, edges, level)


def primal_part(x: Any, level: Level) -> Any:
    """The primal of x on this level; x itself where it has no part in the level."""
    d: Any = payload(x)
    if not isinstance(d, Carrier) or level not in d.levels:
        return x
    part = d.primal if type(d) is Dual and d.level is level else _inner(d, level, primal_part)
    if not isinstance(x, Tensor):
        return part
    return _recorded(UnpackPrimal, part, (edge_of(x),), level)


def tangent_part(x: Any, level: Level) -> Any:
    """The tangent of x on this level; None where it is zero."""
    d: Any = payload(x)
    if not isinstance(d, Carrier) or level not in d.levels:
        return None
    part = d.tangent if type(d) is Dual and d.level is level else _inner(d, level, tangent_part)
    if part is None or not isinstance(x, Tensor):
        return part
    return _recorded(UnpackTangent, part, (edge_of(x),), level)


# A recorded graph may be pulled back under transforms that are younger than its dual numbers: then
# these are inside of the younger carriers, as lower levels always are.


def _made(level: Level, a: Any, b: Any, is_pair: bool) -> Any:
    """a + b * eps (None: zero) of arrays or carriers, inside of carriers of higher levels."""
    a, b = [np.asarray(x) if isinstance(x, np.generic) else x for x in (a, b)]
    given = [x for x in (a, b) if isinstance(x, Carrier) and x.level.order > level.order]
    if not given:
        return Dual(level, _zeros_like(b) if a is None else a, b, is_pair)
    outer = max(given, key=lambda x: x.level.order)
    top = outer.level
    if type(outer) is Dual:
        (a, ta), (b, tb) = [
            (x.primal, x.tangent) if isinstance(x, Dual) and x.level is top else (x, None)
            for x in (a, b)
        ]
        tangent = None if ta is None and tb is None else _made(level, ta, tb, is_pair)
        return Dual(top, _made(level, a, b, is_pair), tangent, outer.is_pair)
    values, flags = [], []
    for x in (a, b):
        is_own = type(x) is Batched and x.level is top
        values.append(x.value if is_own else x)
        flags.append(is_own and x.is_batched)
    values = [
        shapes.broadcast_to(v, shape=(top.size, *payload(v).shape)) if any(flags) and not f else v
        for v, f in zip(values, flags, strict=True)
        if v is not None
    ]
    if any(isinstance(v, Tensor) for v in values):
        values = [v if isinstance(v, Tensor) else wrap(v) for v in values]
    first, second = values if len(values) > 1 else (None, *values) if a is None else (*values, None)
    return Batched(top, pack(level, first, second, is_pair), any(flags))


def _inner(d: Any, level: Level, part: Callable) -> Any:
    """A part of the dual numbers of a lower level that a carrier holds; None where it is zero."""
    if type(d) is Batched:
        found = part(d.value, level)
        return None if found is None else Batched(d.level, found, d.is_batched)
    primal = part(d.primal, level)
    tangent = None if d.tangent is None else part(d.tangent, level)
    if primal is None and tangent is None:
        return None
    return Dual(d.level, _zeros_like(tangent) if primal is None else primal, tangent, d.is_pair)


def _is_pair(d: Any, level: Level) -> bool:
    if not isinstance(d, Carrier) or level not in d.levels:
        return False
    if type(d) is Batched:
        return _is_pair(payload(d.value), level)
    assert isinstance(d, Dual)
    if d.level is level:
        return d.is_pair
    return _is_pair(d.primal, level) or _is_pair(d.tangent, level)


def _zeros_like(a: Any) -> Any:
    return zeros(shape=a.shape, dtype=a.dtype, like=a)


def _recorded(cls: type, array: Any, edges: tuple, level: Level) -> Tensor:
    t = wrap(array)
    if isinstance(array, Carrier):
        array.level.keep(t)
    if any(e is not None for e in edges) and recording():
        node = new(cls)
        node.edges, node.saved, node.level = edges, (), level
        node.fix = node.extra = node.cells = node.kw = None
        node.code, node.lasti = caller(3)
        node.seq = tick()
        t._e = node
    return t
