"""Random graphs of a few dozen operations on small arrays."""

from collections.abc import Callable

import numpy as np

from dynagrad.compiler.ir.graph import Graph, Value

SHAPES = [(), (1,), (3,), (2, 3), (1, 3), (3, 1), (4, 1), (2, 1, 3), (0, 3), (2, 2, 3)]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.25, 3.7, np.inf, np.nan, 1e-310]
UNARY = "neg abs copy sqrt floor sign exp tanh".split()
BINARY = "add sub mul div".split()
EXTREMES = "maximum minimum fmax".split()
COMPARISONS = "lt le gt ge eq ne".split()


class Maker:
    """Builds one graph; each method adds a value made of others."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.g = Graph()
        self.arrays: list[np.ndarray] = []
        self.floats: list[Value] = []
        self.truths: list[Value] = []
        self.whole: list[Value] = []
        for shape in [(2, 3), (3,), (), (1, 3), (4, 1), (2, 2, 3)]:
            self.floats.append(self.given(self.rng.choice(NUMBERS, shape)))
        self.whole.append(self.given(self.rng.integers(-3, 3, (2, 3))))
        self.truths.append(self.given(self.rng.random((2, 3)) < 0.5))
        for number in NUMBERS[:7]:
            self.floats.append(self.g.full(self.pick(SHAPES), number, np.float64))
        for number in (0, 1, -1):
            self.whole.append(self.g.full(self.pick(SHAPES), number, np.int64))
        for truth in (False, True):
            self.truths.append(self.g.full(self.pick(SHAPES), truth, bool))

    def given(self, array: np.ndarray) -> Value:
        """An array from outside."""
        array = np.asarray(array)
        self.arrays.append(array)
        strides = [s // array.itemsize for s in array.strides]
        return self.g.source(self.g.slot(array.shape, array.dtype, strides))

    def pick(self, choices):
        """One of some things."""
        return choices[self.rng.integers(len(choices))]

    def any_value(self) -> Value:
        """A value of any dtype."""
        return self.pick(self.pick([self.floats, self.floats, self.whole, self.truths]))

    def keep(self, v: Value) -> None:
        """Let a value be used."""
        kinds = {"f": self.floats, "b": self.truths}
        if v.size <= 200:
            kinds.get(v.dtype.kind, self.whole).append(v)

    def fitting(self, xs: list[Value], like: Value) -> Value:
        """A value that broadcasts with another one."""
        return self.pick([x for x in xs if fit(x.shape, like.shape)] or [like])

    # --- operations -------------------------------------------------------------------------------

    def unary(self) -> Value:
        return self.g.map(self.pick(UNARY), self.pick(self.floats))

    def binary(self) -> Value:
        x = self.pick(self.floats)
        return self.g.map(self.pick(BINARY), x, self.fitting(self.floats, x))

    def extreme(self) -> Value:
        """Of operands without -0.0: which of two zeros NumPy takes depends on its loop."""
        x, zero = self.pick(self.floats), self.g.full((), 0.0, np.float64)
        xs = [self.g.map("add", v, zero) for v in (x, self.fitting(self.floats, x))]
        return self.g.map(self.pick(EXTREMES), *xs)

    def of_integers(self) -> Value:
        x = self.pick(self.whole)
        op = self.pick("add sub mul bitand bitor bitxor maximum".split())
        return self.g.map(op, x, self.fitting(self.whole, x))

    def of_truths(self) -> Value:
        x = self.pick(self.truths)
        op = self.pick("bitand bitor bitxor eq ne bitnot bitnot".split())
        return self.g.map(op, *[x, self.fitting(self.truths, x)][: 2 - (op == "bitnot")])

    def comparison(self) -> Value:
        xs = self.pick([self.floats, self.whole])
        x = self.pick(xs)
        return self.g.map(self.pick(COMPARISONS), x, self.fitting(xs, x))

    def where(self) -> Value:
        xs = self.pick([self.floats, self.whole, self.truths])
        x = self.pick(xs)
        y = self.fitting(xs, x)
        fitting = [c for c in self.truths if fit(c.shape, x.shape, y.shape)]
        return self.g.where(self.pick(fitting or [self.g.full((), True, bool)]), x, y)

    def cast(self) -> Value:
        x = self.pick(self.pick([self.floats, self.whole, self.truths]))
        if x.dtype.kind == "f":
            return self.g.cast(self.g.cast(x, self.pick(["f4", "f8"])), "f8")
        wide = self.g.cast(x, self.pick(["i8", "f8"]))
        return (
            self.g.cast(wide, "f8") if wide.dtype.kind == "i" and self.rng.random() < 0.5 else wide
        )

    def reshape(self) -> Value:
        x = self.any_value()
        sizes = [n for n in x.shape if n != 1]
        for _ in range(self.rng.integers(3)):
            sizes.insert(self.rng.integers(len(sizes) + 1), 1)
        return self.g.reshape(x, [x.size] if self.rng.random() < 0.3 else sizes)

    def transpose(self) -> Value:
        x = self.any_value()
        return self.g.transpose(x, [int(a) for a in self.rng.permutation(x.ndim)])

    def broadcast(self) -> Value:
        x = self.any_value()
        shape = [self.pick([1, 2]) if n == 1 else n for n in x.shape]
        return self.g.broadcast(x, [*[self.pick([1, 2])] * self.pick([0, 1]), *shape])

    def parts(self, x: Value, *, steps: bool = True):
        found = []
        for n in x.shape:
            start = int(self.rng.integers(max(n, 1)))
            step = self.pick([1, 1, 2, -1]) if steps else 1
            room = (n - 1 - start) // step if step > 0 else start
            found.append((start, int(self.rng.integers(room + 1)) + 1, step) if n else (0, 0, 1))
        return found

    def slice(self) -> Value:
        x = self.any_value()
        return self.g.slice(x, self.parts(x))

    def pad(self) -> Value:
        x = self.any_value()
        fill = self.g.constant(np.zeros((), x.dtype))
        before, after = (self.rng.integers(0, 2, x.ndim) for _ in range(2))
        return self.g.pad(x, [int(n) for n in before], [int(n) for n in after], fill)

    def concatenate(self) -> Value:
        x = self.pick([v for v in self.floats if v.ndim])
        axis = int(self.rng.integers(x.ndim))
        if self.rng.random() < 0.5:
            parts = [(0, n, 1) for n in x.shape]
            cut = int(self.rng.integers(x.shape[axis] + 1))
            sides = [(0, cut, 1), (cut if cut < x.shape[axis] else 0, x.shape[axis] - cut, 1)]
            each = [self.g.slice(x, [*parts[:axis], s, *parts[axis + 1 :]]) for s in sides]
            return self.g.concatenate(each, axis)
        return self.g.concatenate([x, x], axis)

    def write_slice(self) -> Value:
        x = self.any_value()
        parts = self.parts(x, steps=False)
        if self.rng.random() < 0.3:
            parts = [(0, n, 1) for n in x.shape]
        shape = tuple(n for _, n, _ in parts)
        part = self.g.broadcast(self.g.constant(np.ones((), x.dtype)), shape)
        return self.g.write_slice(x, part, parts)

    def strided(self) -> Value:
        x = self.any_value()
        if not x.size:
            return x
        size = (2, max(x.size // 2, 1))
        return self.g.strided(x, size, (0 if x.size < 2 else x.size // 2, 1), 0)

    def take(self) -> Value:
        x = self.pick([v for v in self.floats if v.ndim and 0 not in v.shape])
        axis = int(self.rng.integers(x.ndim))
        index = self.rng.integers(0, x.shape[axis], self.pick([(), (1,), (2,)]))
        return self.g.take(x, self.g.constant(np.asarray(index)), axis)

    def reduction(self) -> Value:
        op = self.pick("sum prod max min any all argmax".split())
        xs = {"any": self.truths, "all": self.truths, "sum": self.whole, "prod": self.whole}
        x = self.pick([v for v in xs.get(op, self.floats) if v.ndim and v.size])
        axes = [a for a in range(x.ndim) if self.rng.random() < 0.6] or [0]
        return self.g.reduce(op, x, axes[:1] if op == "argmax" else axes)


def fit(*shapes) -> bool:
    """Whether shapes broadcast."""
    try:
        np.broadcast_shapes(*shapes)
    except (ValueError, TypeError):
        return False
    return True


METHODS: list[Callable[[Maker], Value]] = [
    *[Maker.unary, Maker.binary, Maker.extreme, Maker.of_integers, Maker.of_truths],
    *[Maker.comparison, Maker.where, Maker.cast, Maker.reshape, Maker.transpose],
    *[Maker.broadcast, Maker.slice, Maker.pad, Maker.concatenate, Maker.write_slice],
    *[Maker.strided, Maker.take, Maker.reduction],
]


def random_graph(seed: int, length: int = 60) -> tuple[Graph, list[np.ndarray]]:
    """A graph and the arrays of its slots, the results' included."""
    maker = Maker(seed)
    for _ in range(length):
        maker.keep(maker.pick(METHODS)(maker))
    g = maker.g
    for v in [*maker.floats[-12:], *maker.whole[-5:], *maker.truths[-5:]]:
        out = np.zeros(v.shape, v.dtype)
        maker.arrays.append(out)
        g.write(g.slot(v.shape, v.dtype, [s // v.dtype.itemsize for s in out.strides]), v)
    for v in maker.truths[-3:]:
        if v.size:
            condition = g.reduce("any", v)
            g.check(g.map("bitor", condition, g.map("bitnot", condition)), "true or not")
    return g, maker.arrays
