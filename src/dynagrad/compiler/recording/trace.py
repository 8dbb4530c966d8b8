"""A step recorded while it runs: what stands in the place of arrays, and the graph that it writes.
Imports graph, number, lowering, core.

The first run is an ordinary one. Every array is computed by the same kernels as without the
compiler; a Traced beside it says which value of the graph it is. Memory is a Cell: what is written
through one tensor is seen through all others that show the same memory.

Whatever the trace cannot follow ends it (`escape`): the tensors get their arrays back and the step
goes on as any other, so that nothing is ever run twice.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ...core.carriers.carrier import Carrier, Level, is_for_tensors
from ...core.quiet import quietly
from ...core.storage import address, strides_of
from ...core.tape import caller
from ...ops.layout import in_order
from ...ops.rule import RULES
from ..ir.graph import Call, Graph, Value
from ..lowering import LOWERINGS
from ..receipt.witness import Witness
from .number import Number, frozen
from .tracing import SIZED_BY_VALUES, as_slice, leaves_of, user_place, weak_dtype, without

#: NumPy's functions that look at how an array lies in memory, not at what is in it
_METADATA = {np.shape, np.ndim, np.size, np.may_share_memory, np.shares_memory, np.result_type}
_METADATA |= {np.can_cast, np.iscomplexobj, np.isrealobj, np.broadcast_shapes, np.empty_like}
#: those that make constants of an array's shape
_METADATA |= {np.zeros_like, np.ones_like}


class _Lowest(Level):
    """The level of arrays: below all transforms, whose carriers may hold traced ones."""

    __slots__ = ()

    def constant(self, array: Any) -> Any:
        return array


LOWEST = _Lowest()
LOWEST.order = -1


class Cell:
    """Memory that the step meets: the array that shows all of it, and what it holds by now.

    `version` counts the writes; `slot` is the place of memory that was there before the step.
    """

    __slots__ = ("root", "slot", "value", "version")

    def __init__(self, root: ndarray, value: Value, slot: int | None = None) -> None:
        self.root, self.value, self.slot = root, value, slot
        self.version = 0


class Traced(Carrier):
    """An array of the running step, and its value in the graph."""

    __slots__ = ("_value", "array", "cell", "seen", "trace")

    def __init__(self, trace: "Trace", array: ndarray, cell: Cell, value: Value) -> None:
        self.trace, self.array, self.cell, self._value = trace, array, cell, value
        self.seen = cell.version
        self.shape, self.dtype = array.shape, array.dtype
        self.level, self.levels = LOWEST, ()

    @property
    def value(self) -> Value:
        """What the memory holds by now."""
        if self.seen != self.cell.version:
            self._value = self.trace.window(self.cell, self.array)
            self.seen = self.cell.version
        return self._value

    @property
    def inner(self) -> ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The array."""
        return self.array

    @property
    def primal(self) -> ndarray:
        """The array, for code that decides by values: what they are becomes a check."""
        if self.array.size <= 64:
            return self.trace.known(self)
        return self.trace.escaped(self, "values are read by an operation that decides by them")

    is_memory = True

    def handed(self) -> ndarray:
        """The array, for NumPy: what is done with it there cannot be recorded."""
        return self.trace.escaped(self, "an array is handed to NumPy")

    def detached(self) -> Any:
        """The values alone: they have no history here."""
        return self

    def _dispatch(self, fun: Callable, inputs: tuple, kw: dict) -> Any:
        if is_for_tensors(inputs):
            return NotImplemented
        if any(isinstance(x, Carrier) and type(x) is not Traced for x in inputs):
            return NotImplemented
        return self.trace.apply(fun, inputs, kw)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if out is not None and (out[0] is Ellipsis or out[0] is None):
            out = None
        if method == "__call__" and not kwargs and out is None:
            return self._dispatch(ufunc, inputs, {})
        if any(isinstance(x, Carrier) and type(x) is not Traced for x in (*inputs, *(out or ()))):
            return NotImplemented
        return self.trace.ufunc(ufunc, method, inputs, out, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        if func in RULES:
            return self._dispatch(func, args, kwargs)
        return self.trace.function(func, args, kwargs)

    def __array__(self, dtype=None, copy=None):
        array = self.trace.escaped(self, "an array is handed to NumPy")
        return np.array(array, dtype, copy=copy)

    def __setitem__(self, index: Any, value: Any) -> None:
        if index is Ellipsis:
            self.trace.write(self, value)
        elif _is_basic(index):
            self.trace.write(self[index], value)
        else:
            self.trace.assign(self, index, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.trace.escaped(self, f"ndarray.{name} is used"), name)

    def item(self, *place: Any) -> Any:
        """An element as a Python number, which the graph knows where it is a float."""
        if place or self.array.size != 1:
            return self.trace.escaped(self, "an element is read").item(*place)
        return self.trace.number(self)

    def tolist(self) -> Any:
        """The elements as Python numbers; what they are becomes a check."""
        if self.array.size > 64:
            return self.trace.escaped(self, "many elements are read").tolist()
        return self.trace.known(self).tolist()

    def all(self) -> Any:
        """Whether all elements are true; it becomes a check."""
        return bool(np.all(self.trace.decided("all", self)))

    def any(self) -> Any:
        """Whether an element is true; it becomes a check."""
        return bool(np.any(self.trace.decided("any", self)))

    def fill(self, value: Any) -> None:
        """Write one number everywhere."""
        self.trace.write(self, value)

    def ravel(self, order: str = "C") -> Any:
        """The elements in row-major order."""
        return self.reshape(-1)

    @property
    def real(self) -> Any:
        """The real part."""
        return self if self.dtype.kind != "c" else np.real(self)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """numpy.ndarray.sum."""
        return self.trace.reduced(np.add, self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """numpy.ndarray.max."""
        return self.trace.reduced(np.maximum, self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """numpy.ndarray.min."""
        return self.trace.reduced(np.minimum, self, axis, keepdims)

    def squeeze(self) -> Any:
        """Without dimensions of size 1."""
        return self.reshape(tuple(n for n in self.shape if n != 1))

    def __bool__(self) -> bool:
        if self.array.size != 1:
            return bool(self.array)
        return bool(self.trace.known(self).item())

    def __float__(self) -> float:
        return float(self.trace.known(self))

    def __int__(self) -> int:
        return int(self.trace.known(self))

    def __index__(self) -> int:
        return self.trace.known(self).__index__()

    def __complex__(self) -> complex:
        return complex(self.trace.known(self))


def _is_basic(index: Any) -> bool:
    parts = index if type(index) is tuple else (index,)
    return all(p is None or p is Ellipsis or type(p) in (int, slice) for p in parts)


class Trace:
    """The recording of one step: its graph, and the tensors that hold Traced payloads.

    `ended` is called once, with the reason, when the trace ends before the step does.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        self.graph = Graph()
        self.graph.place = user_place
        self.alive = True
        self.reason: tuple[str, Any] | None = None
        #: what the run took and gave, for `explain()`
        self.witness = Witness()
        self._ended = ended
        #: the memory that was there before, in the order in which it was met
        self.outside: list[Cell] = []
        self._arrays: dict[int, Traced] = {}
        self._kept: list[Any] = []  # keeps the identities in use

    # --- entering and leaving ---------------------------------------------------------------------

    def entered(self, array: ndarray, name: str) -> Traced:
        """Memory that was there before the step."""
        known = self._arrays.get(id(array))
        if known is not None:
            return known
        slot = self.graph.slot(array.shape, array.dtype, strides_of(array), name)
        self.witness.entered(slot, array)
        cell = Cell(array, self.graph.source(slot), slot)
        self.outside.append(cell)
        return self._remember(Traced(self, array, cell, cell.value))

    def born(self, array: ndarray) -> Traced:
        """An array that the step made without any operation on tensors: a constant."""
        known = self._arrays.get(id(array))
        if known is not None:
            return known
        value = self.graph.constant(array)
        return self._remember(Traced(self, array, Cell(array, value), value))

    def _remember(self, made: Traced) -> Traced:
        self._arrays[id(made.array)] = made
        self._kept.append(made.array)
        return made

    def made(self, array: ndarray, value: Value, sources: Any) -> Traced:
        """The result of an operation: new memory, or memory of one of the operands."""
        if array.base is not None or any(array is x.array for x in sources):
            for x in sources:
                if np.may_share_memory(array, x.array):
                    return Traced(self, array, x.cell, value)
        return Traced(self, array, Cell(array, value), value)

    def escape(self, why: str) -> None:
        """End the trace: the step goes on without it."""
        if self.alive:
            self.alive = False
            self.reason = (why, caller(2))
            self._ended()

    def escaped(self, x: Traced, why: str) -> ndarray:
        """The array of a payload, for what cannot be recorded."""
        self.escape(why)
        return x.array

    # --- operations -------------------------------------------------------------------------------

    def apply(self, fun: Callable, inputs: tuple, kw: dict) -> Any:
        """Run a primitive, and record it. The census need not see how."""
        following = sys.gettrace() if fun in RULES else None
        if following is None:
            return self._applied(fun, inputs, kw)
        sys.settrace(None)
        try:
            return self._applied(fun, inputs, kw)
        finally:
            sys.settrace(following)

    def _applied(self, fun: Callable, inputs: tuple, kw: dict) -> Any:
        arrays = [x.array if type(x) is Traced else _float(x) for x in inputs]
        result = quietly(fun, *arrays, **{k: frozen(v) for k, v in kw.items()})
        if not self.alive:
            return result
        rule = RULES.get(fun)
        if rule is not None and rule.ordered and type(result) is ndarray:
            result = in_order(result, [a for a in arrays if isinstance(a, ndarray)])
        results = result if type(result) is tuple else (result,)
        results = tuple([np.asarray(r) for r in results])
        sources = [x for x in inputs if type(x) is Traced]
        values = self._lowered(fun, inputs, arrays, kw, results)
        made = tuple([self.made(r, v, sources) for r, v in zip(results, values, strict=True)])
        return made if type(result) is tuple else made[0]

    def _lowered(
        self, fun: Callable, inputs: tuple, arrays: list, kw: dict, results: tuple
    ) -> tuple[Value, ...]:
        weak = weak_dtype(fun, arrays, results)
        values = [None if x is None else self.operand(x, weak) for x in inputs]
        lowering = LOWERINGS.get(fun)
        if lowering is not None:
            numbers = {k: v.value if type(v) is Number else v for k, v in kw.items()}
            for given in (numbers, frozen(kw)) if numbers != kw else (kw,):
                made = lowering(self.graph, *values, **given)
                if made is NotImplemented:
                    continue
                made = made if type(made) is tuple else (made,)
                if all(
                    v.shape == r.shape and v.dtype == r.dtype
                    for v, r in zip(made, results, strict=True)
                ):
                    return made
        if fun in SIZED_BY_VALUES:
            self.escape(f"the size of what {fun.__name__} gives depends on values")
        missing = [place for place, x in enumerate(inputs) if x is None]
        kernel = RULES[fun].kernel if fun in RULES else fun
        return self.called(without(kernel, missing), frozen(kw), values, results)

    def called(self, fun: Callable, kw: dict, values: list, results: tuple) -> tuple[Value, ...]:
        """A call of a function of arrays in NumPy."""
        if any(isinstance(x, Carrier) for x in leaves_of(kw)):
            self.escape(f"{getattr(fun, '__name__', fun)} has tensors in its options")
        call = Call(fun, dict(kw), tuple([(r.shape, r.dtype) for r in results]))
        return self.graph.call(call, *[v for v in values if v is not None])

    def operand(self, x: Any, weak: np.dtype | None = None) -> Value:
        """The value of an operand: a payload, an array, a number (of dtype `weak`)."""
        if type(x) is Traced:
            return x.value
        if type(x) is Number:
            return self.graph.cast(x.value, weak or np.float64)
        if isinstance(x, ndarray):
            return self.born(x).value
        return self.graph.constant(np.array(x, weak if type(x) in (int, float, bool) else None))

    def ufunc(self, ufunc: np.ufunc, method: str, inputs: tuple, out: Any, kw: dict) -> Any:
        """A ufunc with `out=` or one of its methods."""
        arrays = [x.array if type(x) is Traced else x for x in inputs]
        if method == "__call__" and out is not None and len(out) == 1 and not kw:
            made = self.apply(ufunc, inputs, {})
            target = out[0]
            if type(target) is Traced and type(made) is Traced:
                self.write(target, made)
            else:
                self.escape(f"np.{ufunc.__name__} writes into an array")
                _array(target)[...] = _array(made)
            return target
        if method == "reduce" and out is None and set(kw) <= {"axis", "keepdims"}:
            return self.reduced(ufunc, inputs[0], **kw)
        for x in (*inputs, *(out or ())):
            if type(x) is Traced:
                self.escape(f"np.{ufunc.__name__}.{method} is used")
        given = {} if out is None else {"out": tuple([_array(x) for x in out])}
        return getattr(ufunc, method)(*arrays, **given, **kw)

    def reduced(self, ufunc: np.ufunc, x: Traced, axis: Any = 0, keepdims: bool = False) -> Any:
        """`ufunc.reduce` over one axis, several or all of them."""
        array = np.asarray(ufunc.reduce(x.array, axis=axis, keepdims=keepdims))
        if not self.alive:
            return array
        op = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}.get(
            ufunc.__name__
        )
        if op is None or array.dtype != x.dtype:
            fun = ufunc.reduce
            (value,) = self.called(fun, {"axis": axis, "keepdims": keepdims}, [x.value], (array,))
        else:
            axes = range(x.ndim) if axis is None else axis if type(axis) is tuple else (axis,)
            value = self.graph.reshape(self.graph.reduce(op, x.value, axes), array.shape)
        return self.made(array, value, ())

    def function(self, fun: Callable, args: tuple, kw: dict) -> Any:
        """A function of NumPy's that is no primitive."""
        if fun is np.copyto:
            self.write(args[0], args[1])
            return None
        arrays = [_array(x) for x in args]
        options = {k: _array(v) for k, v in kw.items()}
        if fun not in _METADATA:
            self.escape(f"np.{fun.__name__} is used")
        return fun(*arrays, **options)

    # --- memory -----------------------------------------------------------------------------------

    def write(self, target: Any, source: Any) -> None:
        """Write a payload, an array or a number over all of `target`, broadcast and converted."""
        array = _array(source)
        if type(target) is not Traced:
            self.escape("a value is written into an array that is no tensor's")
            quietly(np.copyto, target, array, casting="unsafe")
            return
        if self.alive:
            value = self.operand(source, target.dtype)
        quietly(np.copyto, target.array, array, casting="unsafe")
        if not self.alive:
            return
        graph, cell = self.graph, target.cell
        value = graph.cast(value, target.dtype)
        extra = value.ndim - target.ndim
        if extra > 0:
            value = graph.reshape(value, value.shape[extra:])
        value = graph.broadcast(value, target.shape)
        window = self._geometry(cell, target.array)
        if window is None:
            cell.value = graph.reshape(value, cell.root.shape)
        else:
            whole = cell.value
            parts = as_slice(cell.root.shape, *window)
            if parts is not None:
                cell.value = graph.write_slice(whole, value, parts)
            elif _is_dense(cell.root):
                cell.value = graph.write_strided(whole, value, *window[1:])
            else:
                self.escape("memory with gaps is written through a view")
                return
        cell.version += 1
        target._value, target.seen = value, cell.version

    def assign(self, target: Traced, index: Any, source: Any) -> None:
        """`target[index] = source` for an index with arrays."""
        self.escape("elements are assigned through an index of arrays")
        where = tuple([_array(i) for i in index]) if type(index) is tuple else _array(index)
        target.array[where] = _array(source)

    def window(self, cell: Cell, array: ndarray) -> Value:
        """What an array shows of a cell's memory."""
        window = self._geometry(cell, array)
        if window is None:
            return self.graph.reshape(cell.value, array.shape)
        shape, strides, offset = window
        parts = as_slice(cell.root.shape, shape, strides, offset)
        if parts is not None:
            return self.graph.slice(cell.value, parts)
        if not _is_dense(cell.root):
            self.escape("memory with gaps is read through a view after it was written")
            return self.graph.constant(array)
        return self.graph.strided(cell.value, shape, strides, offset)

    def _geometry(self, cell: Cell, array: ndarray) -> tuple[tuple, tuple, int] | None:
        """Shape, strides and offset (in elements) of an array in a cell's memory; None where it
        shows all of it in the same order.
        """
        root = cell.root
        if array is root or (
            address(array) == address(root)
            and array.size == root.size
            and (
                (array.shape == root.shape and array.strides == root.strides)
                or (array.flags.c_contiguous and root.flags.c_contiguous)
            )
        ):
            return None
        if array.itemsize != root.itemsize or array.dtype != root.dtype:
            self.escape("memory is seen as another dtype")
        offset = (address(array) - address(root)) // array.itemsize
        return array.shape, strides_of(array), offset

    # --- values that Python sees ------------------------------------------------------------------

    def number(self, x: Traced) -> Any:
        """The only element of an array as a Python number."""
        plain = x.array.item()
        if not self.alive:
            return plain
        if type(plain) is float:
            value = self.graph.reshape(self.graph.cast(x.value, np.float64), ())
            return Number(plain, self, value)
        return self.known(x).item()

    def of_number(self, x: Number, dtype: np.dtype) -> Traced:
        """A Number as a 0-d array."""
        array = np.array(float.__float__(x)).astype(dtype)
        value = self.graph.cast(x.value, dtype)
        return Traced(self, array, Cell(array, value), value)

    def option(self, number: float, name: str) -> tuple[Number, int]:
        """A number from outside, and the slot that brings it."""
        slot = self.graph.slot((), np.float64, (), name)
        self.witness.entered(slot, number)
        return Number(float(number), self, self.graph.source(slot)), slot

    def known(self, x: Traced) -> ndarray:
        """The elements, which become a check."""
        if self.alive:
            if x.array.dtype.kind not in "fiub":
                return self.escaped(x, "values decide")
            self.expect(x.value, x.array, "values are")
        return x.array

    def decided(self, op: str, x: Traced) -> Any:
        """Whether all or any elements are true, which becomes a check."""
        outcome = getattr(np, op)(x.array)
        if self.alive:
            truth = x.value
            if truth.dtype != np.bool_:
                zero = self.graph.constant(np.zeros((), truth.dtype))
                truth = self.graph.map("ne", truth, zero)
            self.expect(self.graph.reduce(op, truth), bool(outcome), f"{op} of a tensor is")
        return outcome

    def expect(self, value: Value, outcome: Any, text: str) -> None:
        """Check that a value is again what it is now (NaN equals NaN, and -0.0 is not 0.0)."""
        graph = self.graph
        array = np.asarray(outcome, value.dtype)
        text = f"{text} {outcome}"
        if value.dtype == np.bool_ and array.ndim == 0:
            graph.check(value if outcome else graph.map("bitnot", value), text)
            return
        same = graph.map("eq", value, graph.constant(array))
        if value.dtype.kind == "f":
            if np.isnan(array).any():
                both = graph.map(
                    "bitand", graph.map("isnan", value), graph.constant(np.isnan(array))
                )
                same = graph.map("bitor", same, both)
            if (array == 0).any():
                signs = graph.constant(np.signbit(array))
                differ = graph.map("bitxor", graph.map("signbit", value), signs)
                is_zero = graph.constant(array == 0)
                wrong = graph.map("bitand", differ, is_zero)
                same = graph.map("bitand", same, graph.map("bitnot", wrong))
        graph.check(graph.reduce("all", same), text)

    def expect_that(self, value: Value, text: str) -> None:
        """Check a truth."""
        self.graph.check(value, text)

    # --- randomness -------------------------------------------------------------------------------

    def drawn(self, draw: Callable, *given: Any) -> Any:
        """`draw(*arrays)`: random values, drawn anew in each run of the step."""
        arrays = [_array(x) for x in given]
        result = draw(*arrays)
        if not self.alive:
            return result
        call = Call(draw, {}, ((result.shape, result.dtype),), True)
        self.witness.drew(call, result)
        (value,) = self.graph.call(call, *[self.operand(x) for x in given])
        return self.made(result, value, ())


def _float(x: Any) -> Any:
    return float.__float__(x) if type(x) is Number else x


def _array(x: Any) -> Any:
    if type(x) is Traced:
        return x.array
    if type(x) in (list, tuple):
        return type(x)([_array(item) for item in x])
    return _float(x)


def _is_dense(root: ndarray) -> bool:
    return root.flags.c_contiguous
