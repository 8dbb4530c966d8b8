"""Graphs for the tests of the native back end: by operation, and at random."""

import numpy as np

from dynagrad.compiler.codegen.backend import build
from dynagrad.compiler.ir.graph import BINARY, COMPARISONS, FLOAT_UNARY, TESTS, Graph, Value
from dynagrad.compiler.ir.interpret import CheckFailed, evaluate

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
#: how far results of each dtype may differ, relative to the largest number
TOLERANCES = {"float16": 4e-3, "float32": 2e-5, "float64": 1e-11}


class Case:
    """A graph with arrays for its slots."""

    def __init__(self, seed: int = 0) -> None:
        self.graph = Graph()
        self.arrays: list[np.ndarray] = []
        self.random = np.random.default_rng(seed)

    def given(self, array: np.ndarray) -> Value:
        """A value that the graph reads."""
        strides = [s // array.itemsize for s in array.strides]
        self.arrays.append(array)
        return self.graph.source(self.graph.slot(array.shape, array.dtype, strides))

    def wanted(self, v: Value, order: str = "C") -> None:
        """A value that the graph writes."""
        array = np.zeros(v.shape, v.dtype, order)  # type: ignore[call-overload]
        self.arrays.append(array)
        strides = [s // array.itemsize for s in array.strides]
        self.graph.write(self.graph.slot(array.shape, array.dtype, strides), v)

    def floats(self, *shape: int, dtype: str = "float32") -> np.ndarray:
        """Random numbers."""
        return self.random.standard_normal(shape).astype(dtype)

    def check(self, *, exact: bool = False, **kw: object) -> object:
        """Compare native code with the interpreter; the program."""
        expected = [a.copy("K") for a in self.arrays]
        try:
            evaluate(self.graph, expected)
            code = 0
        except CheckFailed as failed:
            code = 1 + failed.args[0]
        program = build(self.graph, **kw)  # type: ignore[arg-type]
        table = np.array([a.ctypes.data for a in self.arrays], np.uint64)
        for _ in range(2 if self.graph.writes and code == 0 and not self._is_stateful() else 1):
            assert program.run(table) == code
            for slot, (found, wanted) in enumerate(zip(self.arrays, expected, strict=True)):
                same(found, wanted, f"slot {slot}\n{self.graph}", exact=exact)
        return program

    def _is_stateful(self) -> bool:
        return bool(set(self.graph.writes) & set(self.graph.sources))


def same(found: np.ndarray, wanted: np.ndarray, text: str, *, exact: bool = False) -> None:
    """Fail where two arrays differ by more than rounding."""
    if found.dtype.kind not in "fc" or exact:
        np.testing.assert_array_equal(found, wanted, text)
        return
    finite = np.abs(wanted[np.isfinite(wanted)])
    bound = TOLERANCES.get(found.dtype.name, 1e-6) * max(float(finite.max(initial=0.0)), 1e-30)
    np.testing.assert_allclose(
        found.astype(np.float64) if found.dtype.kind == "f" else found,
        wanted.astype(np.float64) if found.dtype.kind == "f" else wanted,
        rtol=TOLERANCES.get(found.dtype.name, 1e-6),
        atol=bound,
        err_msg=text,
    )


class RandomGraph(Case):
    """A random graph of operations on small and middle-sized arrays."""

    def __init__(self, seed: int, *, exact: bool = False) -> None:
        super().__init__(seed)
        self.exact = exact
        self.pool: list[Value] = []
        self.rows, self.columns = int(self.random.integers(1, 40)), int(self.random.integers(1, 70))
        for shape in ((self.rows, self.columns), (self.columns,), (self.rows, 1), (), (3, 2)):
            array = self.floats(*shape)
            if self.random.random() < 0.3 and array.ndim == 2:
                array = np.asfortranarray(array)
            self.pool.append(self.given(array))
        for _ in range(int(self.random.integers(4, 30))):
            self.step()
        for i in self.random.permutation(len(self.pool))[:4]:
            self.wanted(self.pool[i], "F" if self.random.random() < 0.2 else "C")
        self.wanted(self.pool[-1])

    def any(self) -> Value:
        """A value, rather a late one."""
        n = len(self.pool)
        return self.pool[n - 1 - min(int(self.random.exponential(4)), n - 1)]

    def step(self) -> None:
        """One more value."""
        kinds = [self._binary, self._binary, self._unary, self._view, self._choice, self._taken]
        kinds += [self._moved] if self.exact else [self._moved, self._reduced, self._reduced]
        kinds += [] if self.exact else [self._product, self._scattered]
        v = kinds[int(self.random.integers(len(kinds)))]()
        if v is not None and v.size <= 20000 and v.dtype == np.float32:
            self.pool.append(v)

    def _pick(self, names: str) -> str:
        return str(self.random.choice(names.split()))

    def _unary(self) -> Value:
        plain = "neg abs sqrt copy"
        op = self._pick(
            f"{plain} floor round sign" if self.exact else f"{plain} exp tanh sigmoid sin"
        )
        x = self.any()
        if op in ("exp", "sqrt", "log1p"):
            x = self.graph.map("abs" if op != "exp" else "tanh" if not self.exact else "neg", x)
        return self.graph.map(op, x)

    def _binary(self) -> Value | None:
        op = self._pick("add sub mul div maximum minimum fmax fmin copysign")
        x, y = self.any(), self.any()
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            return None
        if op == "div":
            y = self.graph.map("add", self.graph.map("abs", y), self.graph.full((), 1, np.float32))
        return self.graph.map(op, x, y)

    def _choice(self) -> Value | None:
        x, y = self.any(), self.any()
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            return None
        condition = self.graph.map(self._pick("lt le gt ge eq ne" if self.exact else "lt ge"), x, y)
        return self.graph.where(condition, x, y)

    def _view(self) -> Value | None:
        x, g = self.any(), self.graph
        kind = self._pick("transpose reshape flat slice broadcast strided split")
        if kind == "transpose":
            return g.transpose(x, self.random.permutation(x.ndim))
        if kind == "reshape":
            return g.reshape(x, (*x.shape[:1], 1, *x.shape[1:]))
        if kind == "flat":
            return g.reshape(x, (x.size,))
        if kind == "split" and x.ndim and x.shape[-1] % 2 == 0:
            return g.reshape(x, (*x.shape[:-1], x.shape[-1] // 2, 2))
        if kind == "broadcast":
            return g.broadcast(x, (2, *x.shape))
        if kind == "strided" and x.size > 6:
            return g.strided(x, (2, 3, x.size // 3), (1, 2, 1), 0) if x.size > 20 else None
        return g.slice(x, [self._part(n) for n in x.shape]) if x.ndim else None

    def _part(self, n: int) -> tuple[int, int, int]:
        step = int(self.random.choice([1, 1, 2, -1]))
        count = int(self.random.integers(1, n // abs(step) + 1)) if n >= abs(step) else 1
        if step < 0:
            return n - 1, min(count, n), step
        return (n - 1 - (count - 1) * step if self.random.random() < 0.5 else 0), count, step

    def _moved(self) -> Value | None:
        x, g = self.any(), self.graph
        if not x.ndim:
            return None
        kind = self._pick("pad concatenate write_slice write_strided")
        if kind == "pad":
            before, after = self.random.integers(0, 3, (2, x.ndim)).tolist()
            return g.pad(x, before, after, self.pool[3])
        if kind == "concatenate":
            parts = [x, x, g.map("neg", x), g.map("abs", x)]
            parts = parts[: int(self.random.integers(2, 5))]
            return g.concatenate(parts, int(self.random.integers(x.ndim)))
        parts = [self._part(n) for n in x.shape]
        part = g.map("neg", g.slice(x, parts))
        if kind == "write_slice":
            return g.write_slice(x, part, parts)
        flat = g.slice(g.reshape(x, (x.size,)), [(0, x.size // 2, 1)])
        return g.write_strided(x, flat, (1,), x.size - x.size // 2) if x.size > 1 else None

    def _reduced(self) -> Value | None:
        x, g = self.any(), self.graph
        if not x.ndim or not x.size:
            return None
        op = self._pick("sum sum sum max min prod argmax")
        axes = [a for a in range(x.ndim) if self.random.random() < 0.6] or [x.ndim - 1]
        if op == "argmax":
            # Of what is given: computed values may be equal but for rounding.
            x = self.pool[int(self.random.integers(2))]
            axes = [int(self.random.integers(x.ndim))]
            found = g.cast(g.reduce(op, x, axes[:1]), np.float32)
            axes = axes[:1]
        elif op == "prod":
            found = g.reduce(op, g.map("tanh", x), axes)
        else:
            found = g.reduce(op, x, axes)
            if op == "sum":
                found = g.map("div", found, g.full((), x.size, np.float32))
        return g.keep(x, found, axes) if self.random.random() < 0.6 else found

    def _index(self, n: int, *shape: int) -> Value:
        return self.given(self.random.integers(-n, n, shape))

    def _taken(self) -> Value | None:
        x = self.any()
        if not x.ndim or not x.size:
            return None
        axis = int(self.random.integers(x.ndim))
        if self.random.random() < 0.5:
            return self.graph.take(x, self._index(x.shape[axis], 3, 2), axis)
        return self.graph.take_along(x, self._index(x.shape[axis], *x.shape), axis)

    def _scattered(self) -> Value | None:
        x, g = self.any(), self.graph
        if not x.ndim or not x.size:
            return None
        axis = int(self.random.integers(x.ndim))
        if self.random.random() < 0.5:
            index = self._index(x.shape[axis], 5)
            return g.add_at(x, index, g.take(x, index, axis), axis)
        index = self._index(x.shape[axis], *x.shape)
        return g.add_along(x, index, g.map("abs", x), axis)

    def _product(self) -> Value | None:
        x, g = self.any(), self.graph
        if x.ndim < 2 or not x.size:
            return None
        turned = g.transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))
        found = g.matmul(x, turned) if self.random.random() < 0.5 else g.matmul(turned, x)
        return g.map("tanh", found)


__all__ = ["BINARY", "COMPARISONS", "FLOAT_UNARY", "TESTS", "Case", "RandomGraph", "same"]
