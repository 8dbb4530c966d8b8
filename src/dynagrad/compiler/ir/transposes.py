"""Transpositions of factors and products of matrices, moved to where they cost nothing: a product
reads its factors in either order, and (A B)^T is B^T A^T. Imports graph.
"""

from .graph import Graph, Value

__all__ = ["Upright"]

#: of a matrix and a number
_SCALINGS = frozenset("mul div".split())


class Upright:
    """Rules for values of one graph; `rule` is None where one does not apply.

    A scaled transpose that only products and transposes read becomes the transpose of a scaled
    matrix, which is computed in the order in which the matrix lies. A product that is read
    transposed only, scaled or not, so that its columns become rows, is computed transposed.
    """

    def __init__(self, graph: Graph) -> None:
        self.readers: dict[Value, list[str]] = {}
        for v in graph.values:
            for x in v.inputs:
                self.readers.setdefault(x, []).append(v.op)
        self.held = set(graph.writes.values())

    @property
    def applies(self) -> bool:
        """Whether the graph has anything that a rule may be for."""
        return any(self._turns(v) or self._scales(v) for v in self.readers)

    def move(self, new: Graph, v: Value, inputs: list[Value]) -> Value:
        """The value in a new graph, of new operands."""
        if self._scales(v):
            x, factor = inputs
            if x.op == "transpose":
                return _swapped(new, new.map(v.op, _swapped(new, x), factor))
        if self._turns(v):
            return self._turned(new, v, inputs[0])
        if v.op == "source":
            return new.source(v.attrs[0])
        return new._make(v.op, tuple(inputs), v.shape, v.dtype, v.attrs, v.data)

    def _scales(self, v: Value) -> bool:
        if v.op not in _SCALINGS or v in self.held:
            return False
        x, factor = v.inputs
        if x.op != "transpose" or factor.size != 1 or x.shape != v.shape:
            return False
        columns_are_rows = x.ndim > 1 and x.attrs[0][-2] == x.ndim - 1
        return columns_are_rows and set(self.readers.get(v, ())) <= {"matmul", "transpose"}

    def _turns(self, v: Value) -> bool:
        """Whether a value is a product, scaled or not, whose columns become rows."""
        if v.op != "transpose" or v.ndim < 3 or v.attrs[0][-1] != v.ndim - 2:
            return False
        x = v.inputs[0]
        while len(self.readers[x]) == 1 and x not in self.held:
            if x.op == "matmul":
                return True
            if x.op not in _SCALINGS or x.inputs[1].size != 1 or x.inputs[0].shape != x.shape:
                return False
            x = x.inputs[0]
        return False

    def _turned(self, new: Graph, v: Value, x: Value) -> Value:
        found = self._product(new, x)
        swapped = _swap(v.ndim)
        return new.transpose(found, [swapped[a] for a in v.attrs[0]])

    def _product(self, new: Graph, x: Value) -> Value:
        if x.op in _SCALINGS:
            return new.map(x.op, self._product(new, x.inputs[0]), x.inputs[1])
        a, b = (_swapped(new, factor) for factor in x.inputs)
        return new.matmul(b, a)


def _swapped(new: Graph, x: Value) -> Value:
    """A matrix transposed; one that was is as it had been."""
    axes = _swap(x.ndim)
    if x.op == "transpose":
        inner, before = x.inputs[0], x.attrs[0]
        return new.transpose(inner, [before[a] for a in axes])
    return new.transpose(x, axes)


def _swap(n: int) -> list[int]:
    """The axes of n dimensions, with the last two the other way round."""
    return [*range(n - 2), n - 1, n - 2]
