"""A graph with less in it and the same results: constants computed, views composed, identities that
are exact in floating point applied. Imports graph, identities, interpret, views.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import ELEMENTWISE, REDUCTIONS, Graph, Value, live
from .identities import IDENTITIES, number_of
from .interpret import compute
from .views import Views

#: constants of up to this number of elements are computed
SMALL = 64
#: operations whose operands may be exchanged
COMMUTATIVE = frozenset(("add", "mul", "eq", "ne", "bitand", "bitor", "bitxor"))
#: reductions to which it makes no difference how often an element is there
IDEMPOTENT = frozenset(("max", "min", "any", "all"))


def simplify(graph: Graph) -> Graph:
    """A new graph that leaves the same bits in the same slots under the same checks.

    Nothing is reassociated, and no sum is taken in another order.
    """
    made = _Simplifier(graph)
    for v in live(graph):
        made.take_over(v)
    new = made.g
    new.place = None
    for slot, v in graph.writes.items():
        new.write(slot, made.found[v])
    said = set()
    for check in graph.checks:
        value = made.found[check.value]
        if (value, check.text) not in said and not _holds(value):
            new.check(value, check.text)
        said.add((value, check.text))
    _drop_dead(new)
    return new


def _holds(value: Value) -> bool:
    return value.op == "constant" and bool(value.data)


def _drop_dead(graph: Graph) -> None:
    """Keep the values that are needed, numbered anew."""
    graph.values = live(graph)
    for number, v in enumerate(graph.values):
        v.number = number
    alive = set(graph.values)
    graph.sources = {slot: v for slot, v in graph.sources.items() if v in alive}
    graph._known = {key: v for key, v in graph._known.items() if v in alive}


class _Simplifier(Views):
    """Builds the new graph: each method makes a value that equals the operation's."""

    def __init__(self, old: Graph) -> None:
        super().__init__(Graph())
        self.g.slots = list(old.slots)
        self.g.place = self._place
        self.at: Any = None
        self.found: dict[Value, Value] = {}

    def _place(self) -> Any:
        return self.at

    def take_over(self, v: Value) -> None:
        """What becomes of a value of the old graph, its operands being known."""
        self.at = v.place
        rule = _RULES.get(v.op)
        self.found[v] = rule(self, v) if rule is not None else self.same(v, self.operands(v))

    def operands(self, v: Value) -> tuple[Value, ...]:
        """What became of a value's operands."""
        found = self.found
        return tuple([found[x] for x in v.inputs])

    def same(self, v: Value, xs: tuple[Value, ...]) -> Value:
        """The same operation of other operands; computed, if these are small constants."""
        if xs and v.op not in ("call", "item") and self._are_known(v, xs):
            return self.computed(v, xs)
        return self.g._make(v.op, xs, v.shape, v.dtype, v.attrs, v.data)

    @staticmethod
    def _are_known(v: Value, xs: tuple[Value, ...]) -> bool:
        return v.size <= SMALL and all(x.op == "constant" and x.size <= SMALL for x in xs)

    def computed(self, v: Value, xs: tuple[Value, ...]) -> Value:
        """A value of constants as a constant."""
        with np.errstate(all="ignore"):
            return self.g.constant(
                compute(v, {x: y.data for x, y in zip(v.inputs, xs, strict=True)})
            )

    # --- elements ---------------------------------------------------------------------------------

    def elementwise(self, v: Value) -> Value:
        """Operands are not repeated before the operation, but its result is."""
        xs = self.operands(v)
        if v.op == "cast":
            return self.spread(self.cast(self.base(xs[0]), v.dtype), v.shape)
        if v.op == "bitcast":
            return self.spread(self.g.bitcast(self.base(xs[0]), v.dtype), v.shape)
        return self.spread(self.map(v.op, *[self.base(x) for x in xs]), v.shape)

    def map(self, op: str, *xs: Value) -> Value:
        """An elementwise operation."""
        if op in COMMUTATIVE and (xs[0].op == "constant", xs[0].number) > (
            xs[1].op == "constant",
            xs[1].number,
        ):
            xs = (xs[1], xs[0])
        rule = IDENTITIES.get(op)
        if rule is not None:
            found = rule(self, *xs)
            if found is not None:
                return found
        for x in xs:
            if x.op != "constant":
                return self.g.map(op, *xs)
        made = self.g.map(op, *xs)
        return self.computed(made, xs) if self._are_known(made, xs) else made

    def cast(self, x: Value, dtype: np.dtype) -> Value:
        """The elements in another dtype, without a detour through one that holds them exactly."""
        while x.op == "cast" and is_exact(x.inputs[0].dtype, x.dtype):
            x = x.inputs[0]
        if x.dtype == dtype:
            return x
        made = self.g.cast(x, dtype)
        known = x.op == "constant" and x.size <= SMALL
        return self.computed(made, (x,)) if known else made

    # --- the rest ---------------------------------------------------------------------------------

    def constant(self, v: Value) -> Value:
        """Equal elements as one that is repeated."""
        flat = v.data.reshape(-1)
        if 1 < flat.size <= 4096 and flat.tobytes() == flat[:1].tobytes() * flat.size:
            return self.spread(self.g.constant(flat[0]), v.shape)
        return self.g._make(v.op, (), v.shape, v.dtype, v.attrs, v.data)

    def reduction(self, v: Value) -> Value:
        """Over dimensions of more than one element, of an array that has no others beside if all of
        them are reduced.
        """
        (x,) = self.operands(v)
        axes = v.attrs[0]
        if v.op in ("argmax", "argmin"):
            return self.same(v, (x,))
        if v.op in IDEMPOTENT and x.op == "broadcast" and x.size:
            x, axes = self._once(x, axes)
        axes = [a for a in axes if x.shape[a] != 1]
        if not axes:
            return self.reshape(x, v.shape)
        if v.op == "sum" and x.op == "where" and len(axes) == 1:
            found = self._only_term(x, axes[0])
            if found is not None:
                return self.reshape(found, v.shape)
        if x.size and len(axes) < x.ndim and x.size == _product(x.shape[a] for a in axes):
            x = self.reshape(x, [x.shape[a] for a in axes])
            axes = range(x.ndim)
        r = self.g.reduce(v.op, x, axes)
        if self._are_known(r, (x,)):
            r = self.computed(r, (x,))
        return self.reshape(r, v.shape)

    def _only_term(self, x: Value, axis: int) -> Value | None:
        """The sum along an axis of `where(index == place, a, 0)`: a, if the index is one."""
        condition, a, zero = x.inputs
        if condition.op != "eq" or number_of(zero) != 0:
            return None
        index = next((i for i in condition.inputs if self._counts(i, x, axis)), None)
        if index is None:
            return None
        place = condition.inputs[condition.inputs[0] is index]
        if any(_extent(p, x, axis) != 1 for p in (place, a)) or index.dtype != place.dtype:
            return None
        low, end = (self.g.constant(np.array(n, place.dtype)) for n in (0, x.shape[axis]))
        inside = self.map("bitand", self.map("ge", place, low), self.map("lt", place, end))
        plus = self.g.constant(np.zeros((), x.dtype))  # -0.0 + 0.0 is 0.0
        return self.spread(
            self.map("where", inside, self.map("add", a, plus), plus),
            [1 if i == axis else n for i, n in enumerate(x.shape)],
        )

    @staticmethod
    def _counts(index: Value, x: Value, axis: int) -> bool:
        """Whether a value is the index along x's axis."""
        return index.op == "iota" and index.attrs[0] + x.ndim - index.ndim == axis

    def _once(self, x: Value, axes: Any) -> tuple[Value, list[int]]:
        """An array that repeats with its reduced dimensions as they are without repetition."""
        base = x.inputs[0]
        own = (1,) * (x.ndim - base.ndim) + base.shape
        shape = [own[a] if a in axes else n for a, n in enumerate(x.shape)]
        return self.spread(self.reshape(base, own), shape), list(axes)


def _extent(v: Value, x: Value, axis: int) -> int:
    """The size that v has along x's axis, from which it is repeated."""
    axis -= x.ndim - v.ndim
    return v.shape[axis] if axis >= 0 else 1


def _product(sizes: Any) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total


def is_exact(source: np.dtype, target: np.dtype) -> bool:
    """Whether a dtype holds all numbers of another one."""
    if source.kind in "iu" and source.itemsize == 8 and target.kind == "f":
        return False
    return np.can_cast(source, target)


def _view(name: str) -> Callable:
    return lambda s, v: getattr(s, name)(v, *s.operands(v))


_RULES: dict[str, Callable] = {
    **dict.fromkeys(ELEMENTWISE, _Simplifier.elementwise),
    **dict.fromkeys(REDUCTIONS, _Simplifier.reduction),
    "constant": _Simplifier.constant,
    "source": lambda s, v: s.g.source(v.attrs[0]),
    "reshape": lambda s, v: s.reshape(s.found[v.inputs[0]], v.shape),
    "transpose": lambda s, v: s.transpose(s.found[v.inputs[0]], v.attrs[0]),
    "broadcast": lambda s, v: s.spread(s.found[v.inputs[0]], v.shape),
    "slice": lambda s, v: s.slice(s.found[v.inputs[0]], v.attrs[0]),
    "strided": _view("strided"),
    "pad": _view("pad"),
    "concatenate": _view("concatenate"),
    "write_slice": _view("write_slice"),
    "write_strided": _view("write_strided"),
    "take": _view("take"),
}
