"""A graph in fewer kinds of operations: what the native back end writes code for.

The new graph has the slots, writes and checks of the old one, and the same meaning. In it no empty
value is computed but a call's result, reductions are over leading or trailing dimensions (`argmax`
and `argmin` over the last), and convolutions are products of matrices with windows. Imports graph,
convolutions, elements, interpret, products, transposes.
"""

from collections.abc import Callable

import numpy as np

from ..ir.graph import ELEMENTWISE, REDUCTIONS, Call, Graph, Value, live
from ..ir.interpret import compute
from ..ir.transposes import Upright
from .convolutions import CONVOLUTIONS
from .elements import DTYPES
from .products import convolution_of

Rule = Callable[[Graph, Value, list[Value]], Value]


def normalise(graph: Graph) -> tuple[Graph, dict[Value, Value]]:
    """The new graph, and what became of the values of the old one that are needed."""
    first: dict[Value, Value] = {v: v for v in graph.values}
    if any(v.op in CONVOLUTIONS for v in graph.values):
        graph, first = _rebuilt(graph, _without_convolutions)
    upright = Upright(graph)
    if upright.applies:
        graph, second = _rebuilt(graph, upright.move)
        first = {v: second[x] for v, x in first.items() if x in second}
    graph, last = _rebuilt(graph, _moved)
    return graph, {v: last[x] for v, x in first.items() if x in last}


def _rebuilt(
    graph: Graph, move: Callable[[Graph, Value, list[Value]], Value]
) -> tuple[Graph, dict[Value, Value]]:
    new = Graph()
    new.slots = list(graph.slots)
    found: dict[Value, Value] = {}
    for v in live(graph):
        found[v] = move(new, v, [found[x] for x in v.inputs])
    for c in graph.checks:
        new.check(found[c.value], c.text)
    for slot, v in graph.writes.items():
        new.write(slot, found[v])
    return new, found


def _without_convolutions(new: Graph, v: Value, inputs: list[Value]) -> Value:
    if v.op in CONVOLUTIONS and v.size and v.dtype.char in DTYPES and all(x.size for x in inputs):
        if len(v.shape) == 3:
            return _in_two_dimensions(new, v, inputs)
        if has_kernel(v):
            return _same(new, v, inputs)
        return CONVOLUTIONS[v.op](new, v, *inputs)
    return new.source(v.attrs[0]) if v.op == "source" else _same(new, v, inputs)


def _moved(new: Graph, v: Value, inputs: list[Value]) -> Value:
    if v.op == "call":
        return new._make("call", tuple(inputs), (), v.dtype, (id(v.data),), v.data)
    if v.op == "item":
        return new._make("item", tuple(inputs), v.shape, v.dtype, v.attrs)
    if v.size == 0:
        return new.constant(np.empty(v.shape, v.dtype))
    if v.op == "constant":
        return _constant(new, v.data)
    if v.op == "source":
        return new.source(v.attrs[0])
    if v.dtype.char not in DTYPES or any(x.dtype.char not in DTYPES for x in inputs):
        return interpreted(new, v, inputs)
    rule = _RULES.get(v.op)
    if rule is not None:
        return rule(new, v, inputs)
    return _same(new, v, inputs)


def _in_two_dimensions(new: Graph, v: Value, inputs: list[Value]) -> Value:
    """A convolution of rows, as one of images of one row."""

    def image(shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:2], 1, shape[2])

    stride, padding, dilation, groups, size = v.attrs
    settings = ((1, *stride), (0, *padding), (1, *dilation), groups, (1, *size))
    moved = tuple(new.reshape(x, image(x.shape)) for x in inputs)
    wide = new._make(v.op, moved, image(v.shape), v.dtype, settings)
    if not has_kernel(wide):
        wide = CONVOLUTIONS[v.op](new, wide, *moved)
    return new.reshape(wide, v.shape)


def has_kernel(v: Value) -> bool:
    """Whether a kernel does a convolution: else it is a product of matrices."""
    return v.dtype.char in "fd" and convolution_of(v) is not None


def _same(new: Graph, v: Value, inputs: list[Value]) -> Value:
    return new._make(v.op, tuple(inputs), v.shape, v.dtype, v.attrs, v.data)


def interpreted(new: Graph, v: Value, inputs: list[Value]) -> Value:
    """A value that NumPy computes: of a dtype that generated code does not know."""

    def run(*arrays: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return compute(v, dict(zip(v.inputs, arrays, strict=True)))

    return new.call(Call(run, {}, ((v.shape, v.dtype),)), *inputs)[0]


def _constant(new: Graph, array: np.ndarray) -> Value:
    """Equal elements as one element that is broadcast."""
    flat = array.reshape(-1)
    if flat.size > 1 and array.dtype.char in DTYPES and (flat == flat[0]).all():
        return new.broadcast(new.constant(flat[0]), array.shape)
    return new.constant(array)


# --- reductions -----------------------------------------------------------------------------------

_EMPTY = {"sum": 0, "prod": 1, "any": 0, "all": 1}
_OF_BOOLS = {"sum": "any", "prod": "all", "max": "any", "min": "all"}


def _reduction(new: Graph, v: Value, inputs: list[Value]) -> Value:
    (x,) = inputs
    (axes,) = v.attrs
    op = _OF_BOOLS.get(v.op, v.op) if x.dtype.char == "?" else v.op
    if x.size == 0:
        return new.full(v.shape, _EMPTY[op], v.dtype)
    if op in ("argmax", "argmin"):
        return _arg(new, op, x, axes[0])
    if all(x.shape[a] == 1 for a in axes):
        return new.reshape(x, v.shape)
    sizes = [(n, a in axes) for a, n in enumerate(x.shape) if n > 1]
    x = new.reshape(x, [n for n, _ in sizes])
    gone = [i for i, (_, is_reduced) in enumerate(sizes) if is_reduced]
    kept = [i for i, (_, is_reduced) in enumerate(sizes) if not is_reduced]
    # Leading or trailing dimensions are reduced where they lie; others are brought to the end.
    if kept and max(gone) > min(kept):
        x = new.transpose(x, [*kept, *gone])
        gone = list(range(len(kept), x.ndim))
    shape = tuple(n for i, n in enumerate(x.shape) if i not in gone)
    return new.reshape(new._make(op, (x,), shape, v.dtype, (tuple(gone),)), v.shape)


def _arg(new: Graph, op: str, x: Value, axis: int) -> Value:
    if x.dtype.char == "?":
        x = new.cast(x, np.uint8)
    shape = tuple(n for a, n in enumerate(x.shape) if a != axis)
    if x.shape[axis] == 1:
        return new.full(shape, 0, np.int64)
    moved = new.transpose(x, [*[a for a in range(x.ndim) if a != axis], axis])
    return new._make(op, (moved,), shape, np.dtype(np.int64), ((x.ndim - 1,),))


# --- products -------------------------------------------------------------------------------------


def _matmul(new: Graph, v: Value, inputs: list[Value]) -> Value:
    x, y = inputs
    k, n = y.shape[-2:]
    if k == 0:
        return new.full(v.shape, 0, v.dtype)
    if v.dtype.char == "?":
        product = _matmul(new, v, [new.cast(x, np.uint8), new.cast(y, np.uint8)])
        return new.cast(new.map("ne", product, new.full((), 0, np.uint8)), np.bool_)
    if v.dtype.char == "e":
        wide = [new.cast(x, np.float32), new.cast(y, np.float32)]
        product = new._make("matmul", tuple(wide), v.shape, np.dtype(np.float32), ())
        return new.cast(_matmul(new, product, wide), np.float16)
    if k <= 4:
        return _unrolled(new, x, y)
    m = x.shape[-2]
    if v.dtype.char in "fd" and min(m, n) > 1:
        return _same(new, v, inputs)
    return _by_sums(new, v, x, y)


def _unrolled(new: Graph, x: Value, y: Value) -> Value:
    total = None
    for i in range(y.shape[-2]):
        column = _column(new, x, x.ndim - 1, i)
        row = _column(new, y, y.ndim - 2, i)
        product = new.map("mul", column, row)
        total = product if total is None else new.map("add", total, product)
    assert total is not None
    return total


def _column(new: Graph, x: Value, axis: int, i: int) -> Value:
    return new.slice(x, [(i, 1, 1) if a == axis else (0, n, 1) for a, n in enumerate(x.shape)])


def _by_sums(new: Graph, v: Value, x: Value, y: Value) -> Value:
    """A product with a vector, or of integers: sums of products."""
    *batch, m, k = x.shape
    n = y.shape[-1]
    if m == 1 and not batch:
        if n <= 4:
            # Sums of their own go with whatever computes the vector.
            row = new.reshape(x, (k,))
            parts = [
                new.map("mul", row, new.reshape(_column(new, y, 1, j), (k,))) for j in range(n)
            ]
            sums = [new.reshape(new.reduce("sum", part, (0,)), (1, 1)) for part in parts]
            return sums[0] if n == 1 else new.concatenate(sums, 1)
        # A vector times a matrix: sums down its columns.
        product = new.map("mul", new.reshape(x, (k, 1)), y)
        return new.reshape(new.reduce("sum", product, (0,)), v.shape)
    turned = new.transpose(y, [*range(len(batch)), len(batch) + 1, len(batch)])
    left = new.reshape(x, (*batch, m, 1, k))
    product = new.map("mul", left, new.reshape(turned, (*batch, 1, n, k)))
    return new.reduce("sum", product, (len(batch) + 2,))


# --- others ---------------------------------------------------------------------------------------


def _map(new: Graph, v: Value, inputs: list[Value]) -> Value:
    if v.op == "copy":
        return new.broadcast(inputs[0], v.shape)
    if v.op == "cast" and inputs[0].dtype == v.dtype:
        return inputs[0]
    # Operands that are repeated are so by a view, so that only it knows about repetition.
    return _same(new, v, inputs)


def _concatenate(new: Graph, v: Value, inputs: list[Value]) -> Value:
    parts = [x for x in inputs if x.size]
    return parts[0] if len(parts) == 1 else new.concatenate(parts, v.attrs[0])


def _pad(new: Graph, v: Value, inputs: list[Value]) -> Value:
    x, fill = inputs
    if x.size == 0:
        return new.broadcast(fill, v.shape)
    return x if x.shape == v.shape else _same(new, v, inputs)


def _write(new: Graph, v: Value, inputs: list[Value]) -> Value:
    """`x` where the part, the last operand, is empty."""
    return _same(new, v, inputs) if inputs[-1].size else inputs[0]


def _along(new: Graph, v: Value, inputs: list[Value]) -> Value:
    """Of one element in each row, it is a choice between two values for each element."""
    x, index, part = inputs
    (axis,) = v.attrs
    row = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
    if part.shape != row:
        return _write(new, v, inputs)
    n = new.full((), x.shape[axis], np.int64)
    negative = new.map("lt", index, new.full((), 0, np.int64))
    index = new.where(negative, new.map("add", index, n), index)
    here = new.map("eq", new.iota(x.shape, axis), index)
    there = new.map("add", x, part) if v.op == "add_along" else new.broadcast(part, x.shape)
    return new.where(here, there, x)


def _convolution(new: Graph, v: Value, inputs: list[Value]) -> Value:
    if all(x.size for x in inputs):
        return _same(new, v, inputs)
    return new.full(v.shape, 0, v.dtype)


def _view(new: Graph, v: Value, inputs: list[Value]) -> Value:
    (x,) = inputs
    if v.op == "reshape":
        return new.reshape(x, v.shape)
    return x if v.shape == x.shape and v.op == "broadcast" else _same(new, v, inputs)


_RULES: dict[str, Rule] = {
    **dict.fromkeys(REDUCTIONS, _reduction),
    **dict.fromkeys(ELEMENTWISE, _map),
    **dict.fromkeys(("write_slice", "write_strided"), _write),
    **dict.fromkeys(("add_at", "put_at"), _write),
    **dict.fromkeys(("add_along", "put_along"), _along),
    **dict.fromkeys(("reshape", "broadcast"), _view),
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    "matmul": _matmul,
    "concatenate": _concatenate,
    "pad": _pad,
}
