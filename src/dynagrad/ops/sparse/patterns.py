"""Where the values of sparse arrays stand: index structures, made once and shared. Imports NumPy
only.

A pattern says at which places an array has values; the values are an array of their own, whose
first dimension counts the places. Patterns never change: what is derived of one (its order, its
transpose, its rows for products) is kept with it, so that an adjacency matrix is analysed once.
"""

from functools import cached_property

import numpy as np


class Pattern:
    """Base of the patterns: the shape, the count of the leading dimensions that are sparse."""

    shape: tuple[int, ...]
    sparse_dim: int
    layout: str

    @property
    def nnz(self) -> int:
        """The number of places."""
        raise NotImplementedError

    @property
    def coo(self) -> "Coo":
        """The same places in the same order, by coordinates."""
        raise NotImplementedError

    @property
    def transposed(self) -> "Pattern":
        """The places with the first two dimensions exchanged, in the same order."""
        raise NotImplementedError

    @property
    def dense_shape(self) -> tuple[int, ...]:
        """The dimensions that each place has in full."""
        return self.shape[self.sparse_dim :]

    def same_as(self, other: "Pattern") -> bool:
        """Whether both have the same places in the same order, and the same layout."""
        return self is other or (
            self.layout == other.layout
            and self.shape == other.shape
            and self.nnz == other.nnz
            and np.array_equal(self.coo.indices, other.coo.indices)
        )


class Coo(Pattern):
    """Places by coordinates: `indices` (sparse_dim, nnz). `coalesced`: each place stands once, and
    they are sorted.
    """

    layout = "sparse_coo"

    def __init__(self, indices: np.ndarray, shape: tuple[int, ...], coalesced: bool = False):
        self.indices = indices
        self.shape = shape
        self.sparse_dim = len(indices)
        self.coalesced = coalesced or indices.shape[1] < 2

    @property
    def nnz(self) -> int:
        """The number of places, those that stand twice counted twice."""
        return self.indices.shape[1]

    @property
    def coo(self) -> "Coo":
        """The pattern itself."""
        return self

    @cached_property
    def flat(self) -> np.ndarray:
        """Each place as one number, in row-major order."""
        sizes = self.shape[: self.sparse_dim]
        number = np.zeros(self.nnz, np.int64)
        for index, size in zip(self.indices, sizes, strict=True):
            number *= size
            number += index
        return number

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        _, first, inverse = np.unique(self.flat, return_index=True, return_inverse=True)
        return first, inverse.reshape(-1)

    @property
    def first(self) -> np.ndarray:
        """For each place of the coalesced pattern, which of the places here is the first to be
        it.
        """
        return self._distinct[0]

    @cached_property
    def unique(self) -> tuple["Coo", np.ndarray]:
        """The coalesced pattern, and the number of each of these places within it."""
        if self.coalesced:
            return self, np.arange(self.nnz)
        first, inverse = self._distinct
        return Coo(self.indices[:, first], self.shape, True), inverse

    def found(self, other: "Coo") -> tuple[np.ndarray, np.ndarray]:
        """For each place of `other` its number in this coalesced pattern, and whether it is there.

        Places that are absent have number 0.
        """
        number = np.searchsorted(self.flat, other.flat)
        number[number == self.nnz] = 0
        there = self.flat[number] == other.flat if self.nnz else np.zeros(other.nnz, bool)
        return np.where(there, number, 0), there

    @cached_property
    def transposed(self) -> "Coo":
        """The places with the first two dimensions exchanged, in the same order."""
        swapped = self.permuted((1, 0, *range(2, len(self.shape))))
        swapped.__dict__["transposed"] = self
        return swapped

    def permuted(self, axes: tuple[int, ...]) -> "Coo":
        """The places with the dimensions in another order, sparse ones among themselves."""
        indices = self.indices[list(axes[: self.sparse_dim])]
        return Coo(indices, tuple(self.shape[a] for a in axes))

    def repeated(self, size: int) -> "Coo":
        """The matrix with `size` blocks of this pattern on its diagonal."""
        steps = np.arange(size) * np.array(self.shape)[:, None]
        indices = (self.indices[:, None] + steps[:, :, None]).reshape(2, -1)
        shape = (size * self.shape[0], size * self.shape[1])
        return Coo(indices, shape, self.coalesced)

    @cached_property
    def lines(self) -> "Lines":
        """The rows of a matrix, for products."""
        return Lines(self.indices[0], self.indices[1], self.shape[0])


class Compressed(Pattern):
    """The places of a matrix row by row (CSR), or column by column (CSC).

    `starts` (rows + 1): where each row begins among `places`, the columns; in CSC the other way.
    """

    def __init__(self, layout: str, starts: np.ndarray, places: np.ndarray, shape: tuple[int, ...]):
        self.layout = layout
        self.starts = starts
        self.places = places
        self.shape = shape
        self.sparse_dim = 2

    @property
    def nnz(self) -> int:
        """The number of places."""
        return len(self.places)

    @cached_property
    def coo(self) -> Coo:
        """The same places in the same order, by coordinates."""
        counts = np.diff(self.starts)
        lines = np.repeat(np.arange(len(counts)), counts)
        by_rows = self.layout == "sparse_csr"
        pair = (lines, self.places) if by_rows else (self.places, lines)
        found = Coo(np.stack(pair).astype(np.int64), self.shape)
        steps = np.diff(found.flat)
        found.coalesced = by_rows and bool((steps > 0).all())
        return found

    @cached_property
    def transposed(self) -> "Compressed":
        """The transpose in the other layout, on the same indices."""
        other = "sparse_csc" if self.layout == "sparse_csr" else "sparse_csr"
        shape = (self.shape[1], self.shape[0], *self.shape[2:])
        swapped = Compressed(other, self.starts, self.places, shape)
        swapped.__dict__["transposed"] = self
        return swapped


def compressed(layout: str, pattern: Coo) -> tuple[Compressed, np.ndarray]:
    """A coalesced pattern of a matrix in a compressed layout, and the order of its places in it."""
    by_rows = layout == "sparse_csr"
    lines, places = pattern.indices if by_rows else pattern.indices[::-1]
    count = pattern.shape[0 if by_rows else 1]
    order = np.arange(pattern.nnz) if by_rows else lines.argsort(kind="stable")
    starts = np.searchsorted(lines[order], np.arange(count + 1))
    return Compressed(layout, starts, places[order], pattern.shape), order


class Lines:
    """The places of a matrix sorted by rows, and grouped by how many a row has.

    `order`: which places stand in each row, one after the other (None: as they are); `rows` and
    `columns`: theirs; `starts` (rows + 1): where each row begins.
    """

    def __init__(self, rows: np.ndarray, columns: np.ndarray, count: int):
        self.count = count
        self.order = None
        if len(rows) and (rows[1:] < rows[:-1]).any():
            self.order = rows.argsort(kind="stable")
            rows, columns = rows[self.order], columns[self.order]
        self.rows = rows
        self.columns = np.ascontiguousarray(columns)
        self.starts = np.searchsorted(rows, np.arange(count + 1))

    @cached_property
    def groups(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each number of places that a row may have: the rows, and their places (rows,
        places).
        """
        sizes = np.diff(self.starts)
        order = sizes.argsort(kind="stable")
        found = []
        bounds = np.flatnonzero(np.diff(sizes[order], prepend=-1, append=-1))
        for start, end in zip(bounds[:-1], bounds[1:], strict=True):
            size = int(sizes[order[start]])
            if size:
                rows = order[start:end]
                found.append((rows, self.starts[rows, None] + np.arange(size)))
        return found
