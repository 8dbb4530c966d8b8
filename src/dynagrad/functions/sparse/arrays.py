"""Sparse arrays in a Tensor's array slot: values, and the pattern of their places.

A sparse array belongs to no transform; it is a carrier so that gradients which are sparse pass
through the engine as others do. Its Tensor is a SparseTensor, a class that functions ask (see
`core.overrides`), so that operations on dense tensors need not look out for it. Three nodes lead
from tensors of values to sparse tensors and back; all else is computed with the values.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.apply import apply
from ...core.carriers.carrier import Carrier, Level, is_for_tensors
from ...core.tape import Node, node_class
from ...core.tensor import Tensor, wrap
from ...core.watch import overriding
from ...ops import shape as shapes
from ...ops.contraction import swap
from ...ops.neural.embedding import add_rows, take_rows
from ...ops.rule import Rule, rule_of
from ...ops.sparse.patterns import Coo, Pattern, compressed
from ...ops.sparse.products import combine_rows, put_values, values_at


class SparseTensor(Tensor):
    """A tensor whose numbers are zero but at the places of its pattern."""

    __slots__ = ()
    _a: "SparseArray"


# Asked as the first argument, or where a function does not know what to do with it: dense tensors
# pay nothing where sparse ones are about.
overriding.discard(SparseTensor)


class _NoLevel(Level):
    """The level of what belongs to no transform, below all others."""

    __slots__ = ()

    def constant(self, array: Any) -> Any:
        return array

    def keep(self, t: Tensor) -> None:
        t.__class__ = SparseTensor


NO_LEVEL = _NoLevel()


def unsupported(name: str, backend: str = "SparseCPU") -> NotImplementedError:
    """The error for a function that a layout does not have."""
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the '{backend}' backend. Sparse tensors "
        "have few operations: convert the tensor first, x.to_dense(), or compute with "
        "x.coalesce().values()."
    )


class SparseNotImplementedError(NotImplementedError, TypeError):
    """Raised in the middle of a function for dense arrays: then the sparse tensor is asked."""


class SparseArray(Carrier):
    """Values (places, *dense dimensions) at the places of a pattern."""

    __slots__ = ("pattern", "values")
    pattern: Pattern
    values: np.ndarray

    def __init__(self, pattern: Pattern, values: np.ndarray):
        self.pattern = pattern
        self.values = values
        self.shape = pattern.shape
        self.dtype = values.dtype
        self.level = NO_LEVEL
        self.levels = ()

    @property
    def flags(self) -> Any:
        """How the values lie in memory."""
        return self.values.flags

    @property
    def strides(self) -> tuple[int, ...]:
        """There are none."""
        raise SparseNotImplementedError(*self.unsupported("as_strided").args)

    def unsupported(self, name: str) -> NotImplementedError:
        """The error for an operation that this layout does not have."""
        coo = self.pattern.layout == "sparse_coo"
        return unsupported(name, "SparseCPU" if coo else "SparseCsrCPU")

    def _dispatch(self, fun: Callable, inputs: tuple, kw: dict) -> Any:
        if is_for_tensors(inputs):
            return NotImplemented
        answer = ANSWERS.get(fun)
        if answer is None:
            raise SparseNotImplementedError(
                *self.unsupported(getattr(fun, "__name__", "operation")).args
            )
        return answer(*inputs, **kw)

    def detached(self) -> Any:
        """The values alone: the array itself."""
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        """Zeros everywhere, which takes all places away; nothing else can be written."""
        if index is not Ellipsis or np.ndim(value) or value:
            raise SparseNotImplementedError(*self.unsupported("fill_").args)
        dims = self.pattern.sparse_dim
        self.pattern = Coo(np.zeros((dims, 0), np.int64), self.shape)
        self.values = np.zeros((0, *self.shape[dims:]), self.dtype)

    def with_values(self, values: Any) -> "SparseArray":
        """Other values at the same places."""
        return SparseArray(self.pattern, values)


# --- values and places ----------------------------------------------------------------------------


def named(name: str, rule: Rule) -> type[Node]:
    """The node class of a rule under a name of PyTorch's, made once."""
    cls = _NAMED.get((name, id(rule)))
    if cls is None:
        cls = _NAMED[name, id(rule)] = node_class(name, rule)
    return cls


_NAMED: dict[tuple[str, int], type[Node]] = {}


def sparse_of(x: Any) -> SparseArray | None:
    """The sparse array of a Tensor or of itself; None of anything dense."""
    held = x._a if isinstance(x, Tensor) else x
    return held if type(held) is SparseArray else None


def kept(t: Tensor) -> Any:
    """A Tensor, as a SparseTensor if what it holds is sparse; `apply` sees to its results."""
    if type(t._a) is SparseArray:
        t.__class__ = SparseTensor
    return t


def fill(values: Any, pattern: Pattern, name: str = "SparseCooTensor") -> Any:
    """The sparse Tensor (or array) with these values; `name`: of its node."""
    if not isinstance(values, Tensor):
        return SparseArray(pattern, values)
    if not name[:-1].endswith("Backward"):
        name += "Backward0"
    return apply(named(name, FILL), values, pattern=pattern)


def values_of(s: Any) -> Any:
    """The values of a sparse Tensor (or array), as a dense one."""
    if not isinstance(s, Tensor):
        return s.values
    if s._e is None:
        return wrap(s._a.values)
    return apply(Values, s, pattern=s._a.pattern)


def coalesced(s: Any) -> Any:
    """The same numbers with each place once, sorted; values of one place added up."""
    held = s._a if isinstance(s, Tensor) else s
    pattern = held.pattern
    if pattern.coo.coalesced or pattern.layout != "sparse_coo":
        return s
    return apply(Coalesce, s) if isinstance(s, Tensor) else _coalesced(s)


def values_in(x: Any, pattern: Pattern) -> Any:
    """The values of x, sparse or dense, at the places of a pattern; zeros where x has none."""
    held = sparse_of(x)
    if held is None:
        return values_at(x, pattern=pattern.coo)
    if held.pattern.same_as(pattern):
        return values_of(x)
    if held.pattern.sparse_dim != pattern.sparse_dim:
        return values_at(put_values(values_of(x), pattern=held.pattern.coo), pattern=pattern.coo)
    x = coalesced(x)
    own: Coo = x._a.pattern.coo if isinstance(x, Tensor) else x.pattern.coo
    if not own.coalesced or not own.nnz:
        return values_at(put_values(values_of(x), pattern=own), pattern=pattern.coo)
    number, there = own.found(pattern.coo)
    taken = take_rows(values_of(x), number, padding=None)
    if there.all():
        return taken
    mask = there.reshape(-1, *(1,) * (taken.ndim - 1)).astype(held.dtype)
    return taken * mask


def _fill(values, *, pattern):
    if type(values) is not np.ndarray:
        raise NotImplementedError(
            "the values of a sparse tensor cannot come from inside vmap, jvp or forward-mode AD\n"
            "Make the sparse tensor outside, or compute with to_dense()."
        )
    return SparseArray(pattern, values)


def _values(s, *, pattern):
    return s.values


def _coalesced(s):
    pattern, values = s.pattern.coo, s.values
    unique, inverse = pattern.unique
    if pattern.nnz > 2 * unique.nnz or pattern.coalesced:
        return SparseArray(unique, add_rows(values, inverse, rows=unique.nnz, padding=None))
    again = np.ones(pattern.nnz, bool)
    again[pattern.first] = False
    sums = values[pattern.first]
    np.add.at(sums, inverse[again], values[again])
    return SparseArray(unique, sums)


def _filled_once(g: Any, pattern: Pattern) -> Any:
    """The cotangent of a sparse array with these cotangents of its values.

    Places that stand twice have it twice: functions of the number that they stand for give each of
    them the same.
    """
    if pattern.layout != "sparse_coo" or pattern.coo.coalesced:
        return fill(g, pattern)
    unique, _ = pattern.coo.unique
    return fill(take_rows(g, pattern.coo.first, padding=None), unique)


FILL = rule_of(_fill, "linear", (lambda g, *, pattern: values_in(g, pattern),))
VALUES = rule_of(_values, "linear", (lambda g, *, pattern: _filled_once(g, pattern),))
COALESCE = rule_of(_coalesced, "linear", (lambda g: g,))
Values = node_class("ValuesBackward0", VALUES)
Coalesce = node_class("CoalesceBackward0", COALESCE)


# --- what NumPy's functions do --------------------------------------------------------------------


def dense(x: Any) -> Any:
    """The dense array of a sparse one."""
    return put_values(x.values, pattern=x.pattern.coo) if type(x) is SparseArray else x


def _joined(x: SparseArray, y: SparseArray) -> SparseArray:
    """The values of both, one after the other; added up where both are coalesced."""
    if x.pattern.same_as(y.pattern):
        return SparseArray(x.pattern, x.values + y.values)
    first, second = x.pattern.coo, y.pattern.coo
    if first.sparse_dim != second.sparse_dim:
        raise RuntimeError(
            "add: expected 'self' and 'other' to have same number of sparse dimensions, but 'self' "
            f"has {first.sparse_dim} sparse dimensions while 'other' has {second.sparse_dim}"
        )
    indices = np.concatenate([first.indices, second.indices], 1)
    values = np.concatenate([x.values, y.values])
    made = SparseArray(Coo(indices, x.shape), values)
    layout = x.pattern.layout
    if layout != "sparse_coo":
        return _by_lines(_coalesced(made), layout)
    return _coalesced(made) if first.coalesced and second.coalesced else made


def _by_lines(s: SparseArray, layout: str) -> SparseArray:
    """A coalesced matrix in a compressed layout."""
    pattern, order = compressed(layout, s.pattern.coo)
    return SparseArray(pattern, s.values[order])


def _add(x: Any, y: Any) -> Any:
    if type(x) is type(y) is SparseArray:
        return _joined(x, y)
    return dense(x) + dense(y)


def _subtract(x: Any, y: Any) -> Any:
    if type(x) is type(y) is SparseArray:
        return _joined(x, y.with_values(-y.values))
    return dense(x) - dense(y)


def _multiply(x: Any, y: Any) -> Any:
    if type(x) is not SparseArray:
        x, y = y, x
    if type(y) is SparseArray:
        y = _coalesced(y) if not y.pattern.coo.coalesced else y
        if x.pattern.coo.coalesced and not x.pattern.same_as(y.pattern):
            _, there = y.pattern.coo.found(x.pattern.coo)
            if not there.all():  # the places of both alone
                indices = x.pattern.coo.indices[:, there]
                layout = x.pattern.layout
                x = SparseArray(Coo(indices, x.shape, True), x.values[there])
                x = x if layout == "sparse_coo" else _by_lines(x, layout)
        return x.with_values(x.values * values_in(y, x.pattern))
    if np.ndim(y):
        y = values_in(np.broadcast_to(y, x.shape), x.pattern)
    return x.with_values(x.values * y)


def _divide(x: Any, y: Any) -> Any:
    if np.ndim(y) or type(y) is SparseArray:
        return _multiply(x, 1 / dense(y))
    return x.with_values(x.values / y)


def _matmul(x: Any, y: Any) -> Any:
    if type(x) is SparseArray and type(y) is SparseArray:
        return dense(x) @ dense(y)
    if type(x) is not SparseArray:
        return swap(_matmul(swap(y), swap(x)))
    column = y.ndim == 1
    made = combine_rows(x.values, y[:, None] if column else y, pattern=x.pattern.coo)
    return made[:, 0] if column else made


def _sum_to(x: SparseArray, *, shape: tuple[int, ...]) -> Any:
    return shapes.sum_to(dense(x) if shape else x.values, shape=shape)


def _by_values(fun: Callable) -> Callable:
    """A function of each value, which leaves zeros as they are."""
    return lambda x, **kw: x.with_values(fun(x.values, **kw))


ANSWERS: dict[Callable, Callable] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.matmul: _matmul,
    shapes.sum_to: _sum_to,
    shapes.copy: _by_values(shapes.copy),
    shapes.cast: _by_values(shapes.cast),
    np.conjugate: _by_values(np.conjugate),
    np.negative: _by_values(np.negative),
    swap: lambda x: SparseArray(x.pattern.transposed, x.values),
}
