"""Indices of elements as sums of loop variables: `const + sum(coefficient * variable)`.

Every value is addressed by one number, the index of an element in row-major order. Views change it:
`strided` takes such an index apart into the dimensions of a shape and adds them up again with other
strides. That stays a sum as long as dimensions do not cut a variable in two; where they do, the
variable is noted in `cuts`, so that the loop over it can be written as two. Imports nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Var:
    """A variable of 64 bits that is at least 0 and less than `size`; `text` is its name in LLVM.

    `is_loop`: whether it counts a loop, which could be cut into two. `lanes`: how many values it
    has at a time; those of a loop, of which `text` is the first, count up (`is_vector` is false),
    those of other variables are a vector. `level`: how deep in loops it is known.
    """

    __slots__ = ("is_loop", "is_vector", "lanes", "level", "number", "size", "text")
    made = 0

    def __init__(
        self,
        text: str,
        size: int,
        *,
        is_loop: bool = False,
        lanes: int = 1,
        level: int = 0,
    ) -> None:
        Var.made += 1
        self.text, self.size, self.is_loop, self.number = text, size, is_loop, Var.made
        self.lanes, self.level = lanes, level
        self.is_vector = lanes > 1 and not is_loop


class Index(NamedTuple):
    """`const + sum(coefficient * variable)`, in the order of the variables."""

    const: int
    terms: tuple[tuple[Var, int], ...] = ()

    def bounds(self) -> tuple[int, int]:
        """The least and the greatest value."""
        low = high = self.const
        for var, c in self.terms:
            if c > 0:
                high += c * (var.size - 1)
            else:
                low += c * (var.size - 1)
        return low, high

    def times(self, factor: int) -> "Index":
        """The product with a number."""
        if factor == 1:
            return self
        if factor == 0:
            return ZERO
        return Index(self.const * factor, tuple([(v, c * factor) for v, c in self.terms]))

    def plus(self, other: "Index") -> "Index":
        """The sum."""
        if not other.terms:
            return self if not other.const else Index(self.const + other.const, self.terms)
        if not self.terms:
            return other if not self.const else Index(self.const + other.const, other.terms)
        found = dict(self.terms)
        for var, c in other.terms:
            found[var] = found.get(var, 0) + c
        terms = sorted(((v, c) for v, c in found.items() if c), key=_order)
        return Index(self.const + other.const, tuple(terms))

    def shifted(self, number: int) -> "Index":
        """The sum with a number."""
        return Index(self.const + number, self.terms) if number else self

    def level(self) -> int:
        """How deep in loops it is known."""
        return max([v.level for v, _ in self.terms], default=0)

    def lanes(self) -> int:
        """How many values it has at a time."""
        return max([v.lanes for v, _ in self.terms], default=1)


def _order(term: tuple[Var, int]) -> int:
    return term[0].number


ZERO = Index(0)


def of(var: Var) -> Index:
    """The variable itself."""
    return Index(0, ((var, 1),)) if var.size > 1 else ZERO


def divide(index: Index, n: int, cuts: dict[Var, int]) -> tuple[Index, Index] | None:
    """Quotient and remainder by `n`; None if they are no sums of the variables. A loop variable
    that would have to be cut is noted in `cuts` with the size of its inner part.
    """
    if n == 1:
        return index, ZERO
    whole, rest = [], []
    for term in index.terms:
        (rest if term[1] % n else whole).append(term)
    const = index.const % n
    remainder = Index(const, tuple(rest))
    low, high = remainder.bounds()
    if low >= 0 and high < n:
        quotient = tuple([(v, c // n) for v, c in whole])
        return Index(index.const // n, quotient), remainder
    for var, c in rest:
        if var.is_loop and c > 0 and n % c == 0 and var.size > n // c and var.size % (n // c) == 0:
            cuts.setdefault(var, n // c)
    return None


def merged(shape: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """(size, stride) of dimensions, with those taken together that are one run."""
    found: list[tuple[int, int]] = []
    for n, s in zip(shape, strides, strict=True):
        if n == 1:
            continue
        if found and found[-1][1] == s * n:
            found[-1] = (found[-1][0] * n, s)
        else:
            found.append((n, s))
    return found


def row_major(shape: Sequence[int]) -> list[int]:
    """The strides of an array whose last index runs fastest."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return strides[::-1]
