"""Values of a graph with the manners of ndarrays, for lowerings written as NumPy expressions.

A Term answers the protocols of NumPy: functions, operators and primitives called with it add to
its graph. So a kernel that is a plain formula is its own lowering (`own_formula`), with the same
numbers; others are written out (`formula`). What the graph cannot say raises Unlowered.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir.graph import Graph, Value
from .parts import axes_of, indexed, moved, place_of, reduced, swapped, with_axis
from .registry import HALF, LOWERINGS, Unlowered, lowering
from .ufuncs import kind_of, mapped, operand, reduction


class _Flags:
    """A term lies in the order of rows, as far as a kernel may ask."""

    c_contiguous = forc = True


class Term:
    """A value of a graph as an array. `weak`: it stands for a Python number, whose dtype gives
    way to that of arrays.
    """

    __slots__ = ("graph", "value", "weak")
    flags = _Flags()

    def __init__(self, graph: Graph, value: Value, weak: bool = False) -> None:
        self.graph, self.value, self.weak = graph, value, weak

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dimensions."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self.value.dtype.itemsize

    def __len__(self) -> int:
        return self.value.shape[0]

    # --- NumPy's protocols ------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *xs: Any, out: Any = None, **kw: Any) -> Any:
        if method == "reduce":
            return _reduced(ufunc, *xs, out=out, **kw)
        if method != "__call__" or kw:
            raise Unlowered
        result = _times(self.graph, *xs) if ufunc is np.matmul else _mapped(ufunc, *xs)
        target = out[0] if out else None
        if target is None or target is ...:
            return result
        g = self.graph
        target.value = g.broadcast(g.cast(result.value, target.dtype), target.shape)
        return target

    def __array_function__(self, fun: Any, types: Any, args: tuple, kw: dict) -> Any:
        known = FUNCTIONS.get(fun)
        if known is not None:
            return known(self.graph, *args, **kw)
        lower = LOWERINGS.get(fun)
        if lower is None:
            raise Unlowered
        values = [None if x is None else as_value(self.graph, x) for x in args]
        kw = {name: v.value if type(v) is Term else v for name, v in kw.items()}
        result = lower(self.graph, *values, **kw)
        if result is NotImplemented:
            raise Unlowered
        return _wrapped(self.graph, result)

    def _is_asked_for_numbers(self, *arguments: Any, **keywords: Any) -> Any:
        raise Unlowered

    __array__ = __bool__ = __float__ = __int__ = __index__ = _is_asked_for_numbers
    item = __setitem__ = _is_asked_for_numbers

    # --- operators --------------------------------------------------------------------------------

    def __add__(self, other: Any) -> "Term":
        return _mapped(np.add, self, other)

    def __radd__(self, other: Any) -> "Term":
        return _mapped(np.add, other, self)

    def __sub__(self, other: Any) -> "Term":
        return _mapped(np.subtract, self, other)

    def __rsub__(self, other: Any) -> "Term":
        return _mapped(np.subtract, other, self)

    def __mul__(self, other: Any) -> "Term":
        return _mapped(np.multiply, self, other)

    def __rmul__(self, other: Any) -> "Term":
        return _mapped(np.multiply, other, self)

    def __truediv__(self, other: Any) -> "Term":
        return _mapped(np.divide, self, other)

    def __rtruediv__(self, other: Any) -> "Term":
        return _mapped(np.divide, other, self)

    def __matmul__(self, other: Any) -> "Term":
        return _times(self.graph, self, other)

    def __neg__(self) -> "Term":
        return _mapped(np.negative, self)

    def __invert__(self) -> "Term":
        return _mapped(np.invert, self)

    def __and__(self, other: Any) -> "Term":
        return _mapped(np.bitwise_and, self, other)

    def __or__(self, other: Any) -> "Term":
        return _mapped(np.bitwise_or, self, other)

    def __xor__(self, other: Any) -> "Term":
        return _mapped(np.bitwise_xor, self, other)

    def __lt__(self, other: Any) -> "Term":
        return _mapped(np.less, self, other)

    def __le__(self, other: Any) -> "Term":
        return _mapped(np.less_equal, self, other)

    def __gt__(self, other: Any) -> "Term":
        return _mapped(np.greater, self, other)

    def __ge__(self, other: Any) -> "Term":
        return _mapped(np.greater_equal, self, other)

    def __eq__(self, other: Any) -> Any:
        return _mapped(np.equal, self, other)

    def __ne__(self, other: Any) -> Any:
        return _mapped(np.not_equal, self, other)

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as an ndarray

    # --- methods of arrays ------------------------------------------------------------------------

    @property
    def T(self) -> "Term":  # noqa: N802 - NumPy's name
        """The dimensions in reverse."""
        return self.transpose(range(self.ndim)[::-1])

    @property
    def real(self) -> "Term":
        """Itself: no term is complex."""
        return self

    def conj(self) -> "Term":
        """Itself: no term is complex."""
        return self

    def astype(self, dtype: Any, order: str = "K", copy: bool = True) -> "Term":
        """The elements in another dtype."""
        if np.dtype(dtype).kind not in "biuf":
            raise Unlowered
        return Term(self.graph, self.graph.cast(self.value, dtype))

    def reshape(self, *shape: Any) -> "Term":
        """The elements in row-major order under another shape; one size may be -1."""
        sizes = list(shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
        if -1 in sizes:
            known = -int(np.prod(sizes))
            sizes[sizes.index(-1)] = self.size // known if known else 0
        return Term(self.graph, self.graph.reshape(self.value, sizes))

    def transpose(self, *axes: Any) -> "Term":
        """Permuted dimensions."""
        order = axes[0] if len(axes) == 1 else axes
        return Term(self.graph, self.graph.transpose(self.value, tuple(order)))

    def swapaxes(self, first: int, second: int) -> "Term":
        """Two dimensions exchanged."""
        return Term(self.graph, swapped(self.graph, self.value, first, second))

    def clip(self, low: Any, high: Any) -> "Term":
        """Elements limited to [low, high]; nan stays."""
        return _mapped(np.minimum, _mapped(np.maximum, self, low), high)

    def copy(self, order: str = "C") -> "Term":
        """The same elements."""
        return Term(self.graph, self.value)

    def __getitem__(self, index: Any) -> "Term":
        return Term(self.graph, indexed(self.graph, self.value, index))


def as_value(g: Graph, x: Any) -> Value:
    """A term's value, or an array's."""
    if type(x) is Term:
        return x.value
    return x if type(x) is Value else g.constant(np.asarray(x))


def _wrapped(g: Graph, result: Any) -> Any:
    if type(result) is tuple:
        return tuple([Term(g, r) for r in result])
    return Term(g, result)


def _graph_of(xs: Sequence[Any]) -> Graph:
    return next(x.graph for x in xs if type(x) is Term)


def _kind(x: Any) -> Any:
    return float if type(x) is Term and x.weak else kind_of(x)


def _mapped(ufunc: Any, *xs: Any) -> Term:
    g = _graph_of(xs)
    kinds = tuple([_kind(x) for x in xs])
    if not any(isinstance(kind, np.dtype) for kind in kinds):  # of numbers, it is one itself
        kinds = (np.dtype(np.float64),) * len(xs)
        return Term(g, mapped(g, ufunc, *[_plain(x) for x in xs], kinds=kinds), weak=True)
    return Term(g, mapped(g, ufunc, *[_plain(x) for x in xs], kinds=kinds))


def _plain(x: Any) -> Any:
    return x.value if type(x) is Term else x


def _reduced(
    ufunc: Any,
    x: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = None,
) -> Term:
    axes = axes_of(x.value, axis)
    if initial is not None and 0 in [x.shape[a] for a in axes]:
        raise Unlowered
    return Term(x.graph, reduction(x.graph, ufunc, x.value, axes, dtype, keepdims))


# --- NumPy's functions that are no ufuncs ---------------------------------------------------------


def chosen(g: Graph, condition: Any, x: Any, y: Any) -> Term:
    """np.where."""
    kinds = [_kind(v) for v in (x, y)]
    dtype = np.result_type(*[k if isinstance(k, np.dtype) else k(0) for k in kinds])
    xs = [operand(g, _plain(v), dtype) for v in (x, y)]
    return Term(g, g.where(operand(g, _plain(condition), np.dtype(bool)), *xs))


def product(g: Graph, x: Value, y: Value) -> Value:
    """np.matmul: batches broadcast, vectors are rows or columns."""
    if x.dtype != y.dtype:
        dtype = np.result_type(x.dtype, y.dtype)
        x, y = g.cast(x, dtype), g.cast(y, dtype)
    if HALF in (x.dtype, y.dtype) or x.dtype == np.bool_:
        raise Unlowered
    left, right = x.ndim == 1, y.ndim == 1
    x = g.reshape(x, (1, *x.shape)) if left else x
    y = g.reshape(y, (*y.shape, 1)) if right else y
    r = _batched_product(g, x, y)
    lead = r.shape[:-2]
    return g.reshape(r, (*lead, *r.shape[-2:-1][left:], *r.shape[-1:][right:]))


def _batched_product(g: Graph, x: Value, y: Value) -> Value:
    if x.dtype.kind != "f":
        terms = g.map("mul", with_axis(g, x, -1), with_axis(g, y, y.ndim - 2))
        return reduced(g, "sum", terms, terms.ndim - 2)
    if y.ndim == 2 and x.ndim > 2:  # the rows of all matrices together
        rows = g.reshape(x, (x.size // x.shape[-1] if x.shape[-1] else 0, x.shape[-1]))
        if x.shape[-1]:
            return g.reshape(g.matmul(rows, y), (*x.shape[:-1], y.shape[-1]))
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return g.matmul(g.broadcast(x, (*lead, *x.shape[-2:])), g.broadcast(y, (*lead, *y.shape[-2:])))


def _times(g: Graph, x: Any, y: Any) -> Term:
    return Term(g, product(g, as_value(g, x), as_value(g, y)))


def _joined(g: Graph, parts: Any, axis: int = 0) -> Term:
    values = [as_value(g, x) for x in parts]
    dtype = np.result_type(*[v.dtype for v in values])
    return Term(g, g.concatenate([g.cast(v, dtype) for v in values], axis))


def _halves(g: Graph, x: Any, count: int, axis: int = 0) -> list[Term]:
    n = x.shape[axis] // count
    lead = (slice(None),) * (axis % x.ndim)
    return [x[(*lead, slice(k * n, k * n + n))] for k in range(count)]


FUNCTIONS: dict[Callable, Callable] = {
    np.where: chosen,
    np.matmul: _times,
    np.concatenate: _joined,
    np.split: _halves,
    np.reshape: lambda g, x, shape: x.reshape(shape),
    np.transpose: lambda g, x, axes: x.transpose(axes),
    np.moveaxis: lambda g, x, source, target: Term(g, moved(g, x.value, source, target)),
    np.swapaxes: lambda g, x, first, second: x.swapaxes(first, second),
    np.broadcast_to: lambda g, x, shape: Term(g, g.broadcast(x.value, shape)),
    np.argmax: lambda g, x, axis: Term(g, place_of(g, "argmax", x.value, axis, False)),
    np.ones_like: lambda g, x: Term(g, g.full(x.shape, 1, x.dtype)),
    np.zeros_like: lambda g, x: Term(g, g.full(x.shape, 0, x.dtype)),
    np.imag: lambda g, x: Term(g, g.full(x.shape, 0, x.dtype)),
    np.max: lambda g, x, axis=None: Term(g, reduced(g, "max", x.value, axis)),
}


# --- lowerings as formulas ------------------------------------------------------------------------


def formula(
    *funs: Callable, in_single: bool = False, floats: bool = False, numbers: tuple[str, ...] = ()
) -> Callable[[Callable], Callable]:
    """Decorator: the lowering of primitives as a function of terms, which takes what their kernels
    take; `in_single`, `floats` and `numbers` as in `lowering`.
    """

    def enter(fun: Callable) -> Callable:
        def lower(g: Graph, *inputs: Any, **metadata: Any) -> Any:
            terms = [None if x is None else Term(g, x) for x in inputs]
            for name, v in metadata.items():
                if type(v) is Value:
                    metadata[name] = Term(g, v, weak=True)
            r = fun(*terms, **metadata)
            values = [as_value(g, v) for v in (r if type(r) is tuple else (r,))]
            return tuple(values) if type(r) is tuple else values[0]

        lowering(*funs, in_single=in_single, floats=floats, numbers=numbers)(lower)
        return fun

    return enter


def own_formula(*funs: Callable, **options: Any) -> None:
    """The kernels of these primitives are formulas that terms can follow; options as `formula`."""
    for fun in funs:
        formula(fun, **options)(fun.__wrapped__)  # pyright: ignore[reportFunctionMemberAccess]
