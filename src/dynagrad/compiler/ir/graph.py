"""The graph of one step: values, and what becomes of them. Imports NumPy only.

A Value is a mathematical array: shape, dtype and the operation that makes it; it has no memory and
no strides. Values are made by `Graph`'s builders only, which check operands, infer shapes and
return an equal value where there is one already. `interpret.py` says what each operation means by
computing it with NumPy; the native back end computes the same.

Memory outside the graph is reached through slots: a table of addresses that each call brings. A
slot may be read (the value `source`), written at the end, or both (a parameter). All checks are
evaluated before anything outside is written; if one is false, nothing is.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

#: elementwise operations of one operand of any float dtype, with a result of the same dtype
FLOAT_UNARY = frozenset(
    "sqrt rsqrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh "
    "asinh acosh atanh sigmoid erf erfc softplus floor ceil trunc round".split()
)
#: of one operand of any numeric dtype
UNARY = FLOAT_UNARY | frozenset("neg abs sign bitnot copy".split())
#: of a float operand, with a boolean result
TESTS = frozenset("isnan isinf isfinite signbit".split())
#: of two operands of one dtype. `maximum` and `minimum` hand on NaN, `fmax` and `fmin` prefer
#: numbers; `fmod` has the sign of the dividend, `remainder` and `floordiv` are Python's; `div` is
#: for floats; integers wrap
BINARY = frozenset(
    "add sub mul div pow atan2 hypot copysign fmod remainder floordiv maximum minimum fmax fmin "
    "bitand bitor bitxor shl shr".split()
)
#: of two operands of one dtype, with a boolean result
COMPARISONS = frozenset("lt le gt ge eq ne".split())
ELEMENTWISE = UNARY | TESTS | BINARY | COMPARISONS | {"where", "cast", "bitcast"}
#: the same elements under other indices
VIEWS = frozenset("reshape transpose broadcast slice strided".split())
REDUCTIONS = frozenset("sum prod max min any all argmax argmin".split())


class Value:
    """An array in the graph. `attrs` are the operation's constants (hashable, in fixed order);
    `data` the array of a constant, the function of a call; `place` the user's (code, instruction).
    """

    __slots__ = (
        "__weakref__",
        "attrs",
        "data",
        "dtype",
        "inputs",
        "number",
        "op",
        "place",
        "shape",
    )

    def __init__(
        self,
        op: str,
        inputs: tuple["Value", ...],
        shape: tuple[int, ...],
        dtype: np.dtype,
        attrs: tuple,
        data: Any = None,
    ) -> None:
        self.op, self.inputs, self.shape, self.dtype = op, inputs, shape, dtype
        self.attrs, self.data = attrs, data
        self.number = 0
        self.place: Any = None

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def __repr__(self) -> str:
        operands = ", ".join(f"%{v.number}" for v in self.inputs)
        attrs = "".join(f" {a}" for a in self.attrs)
        return f"%{self.number} = {self.op}({operands}){attrs}: {self.dtype.name}{list(self.shape)}"


class Slot(NamedTuple):
    """Memory outside the graph: shape, dtype, and strides in elements. `name` is for people."""

    shape: tuple[int, ...]
    dtype: np.dtype
    strides: tuple[int, ...]
    name: str = ""


class Call(NamedTuple):
    """A function of arrays that has no lowering: `fun(*arrays, **kw)` in NumPy.

    `results` are shapes and dtypes; a call with `effects` (it draws from a generator) keeps its
    place among the others that have them, and is never merged or dropped.
    """

    fun: Callable
    kw: dict[str, Any]
    results: tuple[tuple[tuple[int, ...], np.dtype], ...]
    effects: bool = False


class Check(NamedTuple):
    """A boolean 0-d value that must be true; `text` says what it means, for people."""

    value: Value
    text: str


def normal_axes(axes: Iterable[int], ndim: int) -> tuple[int, ...]:
    """Axes as sorted, non-negative numbers."""
    return tuple(sorted({a % ndim for a in axes})) if ndim else ()


class Graph:
    """A step: its values in an order in which operands come first, its slots, writes and checks."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.slots: list[Slot] = []
        #: slot -> the value that it holds before the step, made at first use
        self.sources: dict[int, Value] = {}
        #: what the step leaves in each slot: written after all reads and checks
        self.writes: dict[int, Value] = {}
        self.checks: list[Check] = []
        #: where the user's program is, asked for each new value
        self.place: Callable[[], Any] | None = None
        self._known: dict[tuple, Value] = {}

    # --- memory -----------------------------------------------------------------------------------

    def slot(self, shape: Sequence[int], dtype: Any, strides: Sequence[int], name: str = "") -> int:
        """New memory outside; `strides` in elements."""
        self.slots.append(Slot(tuple(shape), np.dtype(dtype), tuple(strides), name))
        return len(self.slots) - 1

    def source(self, slot: int) -> Value:
        """What a slot holds before the step."""
        if slot not in self.sources:
            at = self.slots[slot]
            self.sources[slot] = self._make("source", (), at.shape, at.dtype, (slot,))
        return self.sources[slot]

    def constant(self, array: Any) -> Value:
        """An array that is always the same; it is copied."""
        array = np.array(array, order="C")
        key = array.tobytes() if array.nbytes <= 64 else id(array)
        return self._make("constant", (), array.shape, array.dtype, (key,), array)

    def full(self, shape: Sequence[int], number: Any, dtype: Any) -> Value:
        """A constant of equal elements."""
        return self.broadcast(self.constant(np.array(number, dtype)), shape)

    # --- elements ---------------------------------------------------------------------------------

    def map(self, op: str, *operands: Value) -> Value:
        """An elementwise operation; operands are broadcast as in NumPy. TypeError for dtypes that
        differ or that the operation does not take.
        """
        if op == "where":
            condition, *others = operands
            if condition.dtype != np.bool_:
                raise TypeError("where: the condition must be bool")
        else:
            others = list(operands)
        dtype = others[0].dtype
        if op not in ELEMENTWISE or any(x.dtype != dtype for x in others):
            raise TypeError(f"{op} of {[x.dtype.name for x in operands]}")
        if dtype.kind != "f" and (op in FLOAT_UNARY or op in TESTS or op == "div"):
            raise TypeError(f"{op} of {dtype.name}")
        result = np.dtype(np.bool_) if op in TESTS or op in COMPARISONS else dtype
        shape = _broadcast([x.shape for x in operands])
        return self._make(op, operands, shape, result, ())

    def cast(self, x: Value, dtype: Any) -> Value:
        """The elements in another dtype, as `ndarray.astype`."""
        dtype = np.dtype(dtype)
        return x if x.dtype == dtype else self._make("cast", (x,), x.shape, dtype, ())

    def bitcast(self, x: Value, dtype: Any) -> Value:
        """The elements' bits as another dtype of the same size, as `ndarray.view`."""
        dtype = np.dtype(dtype)
        if dtype.itemsize != x.dtype.itemsize:
            raise TypeError(f"bitcast of {x.dtype.name} to {dtype.name}")
        return x if x.dtype == dtype else self._make("bitcast", (x,), x.shape, dtype, ())

    def where(self, condition: Value, x: Value, y: Value) -> Value:
        """`x` where the condition holds, else `y`."""
        return self.map("where", condition, x, y)

    def iota(self, shape: Sequence[int], axis: int) -> Value:
        """The index along one axis, int64."""
        return self._make("iota", (), tuple(shape), np.dtype(np.int64), (axis % len(shape),))

    # --- views ------------------------------------------------------------------------------------

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """The elements in row-major order under another shape (no -1)."""
        shape = tuple(int(n) for n in shape)
        if math.prod(shape) != x.size:
            raise ValueError(f"reshape of {x.shape} to {shape}")
        while x.op == "reshape":
            x = x.inputs[0]
        return x if x.shape == shape else self._make("reshape", (x,), shape, x.dtype, ())

    def transpose(self, x: Value, axes: Sequence[int]) -> Value:
        """Dimension i of the result is dimension axes[i] of `x`."""
        axes = tuple(int(a) % x.ndim for a in axes)
        if sorted(axes) != list(range(x.ndim)):
            raise ValueError(f"transpose of {x.shape} by {axes}")
        if axes == tuple(range(x.ndim)):
            return x
        return self._make("transpose", (x,), tuple(x.shape[a] for a in axes), x.dtype, (axes,))

    def broadcast(self, x: Value, shape: Sequence[int]) -> Value:
        """`x` repeated along new leading dimensions and dimensions of size 1."""
        shape = tuple(int(n) for n in shape)
        if _broadcast((x.shape, shape)) != shape:
            raise ValueError(f"broadcast of {x.shape} to {shape}")
        return x if x.shape == shape else self._make("broadcast", (x,), shape, x.dtype, ())

    def slice(self, x: Value, parts: Sequence[tuple[int, int, int]]) -> Value:
        """For each dimension (start, count, step): the elements start + i * step, i < count; the
        step may be negative or 0.
        """
        parts = tuple((int(a), int(n), int(s)) for a, n, s in parts)
        for (start, count, step), size in zip(parts, x.shape, strict=True):
            last = start + (count - 1) * step
            if count and not (0 <= start < size and 0 <= last < size):
                raise ValueError(f"slice of {x.shape} by {parts}")
        if all(p == (0, n, 1) for p, n in zip(parts, x.shape, strict=True)):
            return x
        return self._make("slice", (x,), tuple(n for _, n, _ in parts), x.dtype, (parts,))

    def strided(self, x: Value, shape: Sequence[int], strides: Sequence[int], offset: int) -> Value:
        """Element i of the result is element offset + sum(i * strides) of `x` in row-major order;
        the general case that the other views leave over.
        """
        attrs = (tuple(strides), int(offset))
        return self._make("strided", (x,), tuple(shape), x.dtype, attrs)

    # --- moving elements --------------------------------------------------------------------------

    def pad(self, x: Value, before: Sequence[int], after: Sequence[int], fill: Value) -> Value:
        """`x` amid copies of the 0-d value `fill`."""
        before, after = tuple(before), tuple(after)
        shape = tuple(b + n + a for b, n, a in zip(before, x.shape, after, strict=True))
        return self._make("pad", (x, fill), shape, x.dtype, (before, after))

    def concatenate(self, parts: Sequence[Value], axis: int) -> Value:
        """Values one after another along an axis."""
        first = parts[0]
        axis %= first.ndim
        length = sum(x.shape[axis] for x in parts)
        shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
        if any(x.dtype != first.dtype for x in parts):
            raise TypeError("concatenate of different dtypes")
        return self._make("concatenate", tuple(parts), shape, first.dtype, (axis,))

    def write_slice(self, x: Value, part: Value, parts: Sequence[tuple[int, int, int]]) -> Value:
        """`x` with `part` in the place of `slice(x, parts)` (steps not 0)."""
        parts = tuple(parts)
        if part.shape != tuple(n for _, n, _ in parts) or part.dtype != x.dtype:
            raise ValueError(f"write_slice of {part.shape} by {parts}")
        return self._make("write_slice", (x, part), x.shape, x.dtype, (parts,))

    def write_strided(self, x: Value, part: Value, strides: Sequence[int], offset: int) -> Value:
        """`x` with `part` in the place of `strided(x, part.shape, strides, offset)`."""
        attrs = (tuple(strides), int(offset))
        return self._make("write_strided", (x, part), x.shape, x.dtype, attrs)

    def take(self, x: Value, index: Value, axis: int) -> Value:
        """Rows of `x` along an axis by a int64 array of any shape; every index is within bounds:
        whoever builds this adds the check.
        """
        axis %= x.ndim
        shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
        return self._make("take", (x, index), shape, x.dtype, (axis,))

    def take_along(self, x: Value, index: Value, axis: int) -> Value:
        """numpy.take_along_axis: one element per element of `index`, which has the shape of `x`
        but along the axis.
        """
        return self._make("take_along", (x, index), index.shape, x.dtype, (axis % x.ndim,))

    def add_at(self, x: Value, index: Value, part: Value, axis: int) -> Value:
        """`x` with `part`'s rows added at the rows `index` of an axis, in order: what undoes
        `take` in a backward pass; `part` has the shape of `take(x, index, axis)`.
        """
        return self._make("add_at", (x, index, part), x.shape, x.dtype, (axis % x.ndim,))

    def add_along(self, x: Value, index: Value, part: Value, axis: int) -> Value:
        """The same for `take_along`."""
        return self._make("add_along", (x, index, part), x.shape, x.dtype, (axis % x.ndim,))

    def put_at(self, x: Value, index: Value, part: Value, axis: int) -> Value:
        """`x` with `part`'s rows written at the rows `index` of an axis, in order: of equal indices
        the last one counts. Shapes and bounds are those of `add_at`.
        """
        return self._make("put_at", (x, index, part), x.shape, x.dtype, (axis % x.ndim,))

    def put_along(self, x: Value, index: Value, part: Value, axis: int) -> Value:
        """The same for `take_along`."""
        return self._make("put_along", (x, index, part), x.shape, x.dtype, (axis % x.ndim,))

    # --- reductions and products ------------------------------------------------------------------

    def reduce(self, op: str, x: Value, axes: Iterable[int] | None = None) -> Value:
        """A reduction over axes (all of them for None), which are left out of the result. `argmax`
        and `argmin` take one axis and give int64, the first of equals and of NaNs.
        """
        axes = tuple(range(x.ndim)) if axes is None else normal_axes(axes, x.ndim)
        shape = tuple(n for a, n in enumerate(x.shape) if a not in axes)
        if op not in REDUCTIONS:
            raise TypeError(f"no reduction {op}")
        if op in ("any", "all") and x.dtype != np.bool_:
            raise TypeError(f"{op} of {x.dtype.name}")
        dtype = np.dtype(np.int64) if op in ("argmax", "argmin") else x.dtype
        if not axes:
            return x
        return self._make(op, (x,), shape, dtype, (axes,))

    def keep(self, x: Value, reduced: Value, axes: Iterable[int]) -> Value:
        """A reduction of `x` over axes with these as dimensions of size 1."""
        axes = normal_axes(axes, x.ndim)
        return self.reshape(reduced, [1 if a in axes else n for a, n in enumerate(x.shape)])

    def matmul(self, x: Value, y: Value) -> Value:
        """(..., M, K) times (..., K, N) with equal leading dimensions."""
        if x.shape[:-2] != y.shape[:-2] or x.shape[-1] != y.shape[-2] or x.dtype != y.dtype:
            raise ValueError(f"matmul of {x.shape} and {y.shape}")
        return self._make("matmul", (x, y), (*x.shape[:-1], y.shape[-1]), x.dtype, ())

    def convolve(self, x: Value, w: Value, settings: tuple) -> Value:
        """y (N, O, *size): cross-correlation of x (N, C, *space) with w (O, C / groups, *kernel);
        `settings` are (stride, padding, dilation, groups, size), as ops.neural.convolution has
        them for this and the next two.
        """
        shape = (x.shape[0], w.shape[0], *settings[-1])
        return self._make("convolve", (x, w), shape, x.dtype, settings)

    def convolve_back(self, y: Value, w: Value, settings: tuple) -> Value:
        """x (N, C, *size): the cotangent of a convolution's input."""
        shape = (y.shape[0], w.shape[1] * settings[3], *settings[-1])
        return self._make("convolve_back", (y, w), shape, y.dtype, settings)

    def convolve_taps(self, x: Value, y: Value, settings: tuple) -> Value:
        """w (O, C / groups, *size): the cotangent of a convolution's weight."""
        shape = (y.shape[1], x.shape[1] // settings[3], *settings[-1])
        return self._make("convolve_taps", (x, y), shape, x.dtype, settings)

    # --- the rest ---------------------------------------------------------------------------------

    def call(self, call: Call, *inputs: Value) -> tuple[Value, ...]:
        """A function without a lowering; its results."""
        whole = self._make("call", inputs, (), np.dtype(np.bool_), (id(call),), call)
        return tuple(
            [
                self._make("item", (whole,), tuple(shape), np.dtype(dtype), (i,))
                for i, (shape, dtype) in enumerate(call.results)
            ]
        )

    def check(self, value: Value, text: str) -> None:
        """Demand that a boolean 0-d value is true before anything outside is written."""
        if value.shape != () or value.dtype != np.bool_:
            raise TypeError(f"a check of {value}")
        self.checks.append(Check(value, text))

    def write(self, slot: int, value: Value) -> None:
        """Leave a value, of the slot's shape and dtype, in a slot at the end."""
        at = self.slots[slot]
        if value.shape != at.shape or value.dtype != at.dtype:
            raise ValueError(f"{value} into {at}")
        self.writes[slot] = value

    def _make(
        self,
        op: str,
        inputs: tuple[Value, ...],
        shape: tuple[int, ...],
        dtype: np.dtype,
        attrs: tuple,
        data: Any = None,
    ) -> Value:
        key = (op, inputs, shape, dtype, attrs)
        found = self._known.get(key)
        if found is not None:
            return found
        value = Value(op, inputs, shape, dtype, attrs, data)
        value.number = len(self.values)
        if self.place is not None:
            value.place = self.place()
        self.values.append(value)
        self._known[key] = value
        return value

    def __str__(self) -> str:
        lines = [repr(v) for v in self.values]
        lines += [f"check %{c.value.number}: {c.text}" for c in self.checks]
        lines += [f"slot {k} ({self.slots[k].name}) <- %{v.number}" for k, v in self.writes.items()]
        return "\n".join(lines)


def _broadcast(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """numpy.broadcast_shapes, quicker for shapes that are mostly equal, or of numbers."""
    others = {shape for shape in shapes if shape}
    return np.broadcast_shapes(*others) if len(others) > 1 else others.pop() if others else ()


def live(graph: Graph) -> list[Value]:
    """The values that writes, checks and effects need, operands first."""
    wanted = [*graph.writes.values(), *[c.value for c in graph.checks]]
    wanted += [v for v in graph.values if v.op == "call" and v.data.effects]
    reached: set[Value] = set()
    while wanted:
        v = wanted.pop()
        if v not in reached:
            reached.add(v)
            wanted.extend(v.inputs)
    return [v for v in graph.values if v in reached]
