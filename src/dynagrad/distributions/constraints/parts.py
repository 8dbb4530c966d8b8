"""Constraints of the parts of a tensor along one dimension."""

from collections.abc import Sequence
from typing import Any

from ...functions.joining import cat, stack
from .constraint import Constraint

__all__: list[str] = []


class _Parts(Constraint):
    """What `cat` and `stack` share: a constraint for each part along one dimension."""

    def __init__(self, cseq: Sequence[Constraint], dim: int):
        if not all(isinstance(c, Constraint) for c in cseq):
            raise AssertionError("All elements of cseq must be Constraint instances")
        self.cseq = list(cseq)
        self.dim = dim
        super().__init__()

    @property
    def is_discrete(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether any part is discrete."""
        return any(c.is_discrete for c in self.cseq)

    def _need_dimension(self, value: Any) -> None:
        if not -value.dim() <= self.dim < value.dim():
            raise AssertionError(
                f"dim {self.dim} out of range for value with {value.dim()} dimensions"
            )


class _Cat(_Parts):
    """Parts of given lengths along a dimension, each with a constraint of its own."""

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise AssertionError(
                f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})"
            )

    @property
    def event_dim(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The most dimensions that a part has."""
        return max(c.event_dim for c in self.cseq)

    def check(self, value: Any) -> Any:
        """Whether each part satisfies its constraint."""
        self._need_dimension(value)
        checks = []
        start = 0
        for constraint, length in zip(self.cseq, self.lengths, strict=True):
            checks.append(constraint.check(value.narrow(self.dim, start, length)))
            start += length
        return cat(checks, self.dim)


class _Stack(_Parts):
    """One slice for each constraint along a dimension."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0):
        super().__init__(cseq, dim)

    @property
    def event_dim(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The most dimensions that a part has, and the one of the parts where they lie in it."""
        most = max(c.event_dim for c in self.cseq)
        return most + 1 if self.dim + most < 0 else most

    def check(self, value: Any) -> Any:
        """Whether each slice satisfies its constraint."""
        self._need_dimension(value)
        slices = [value.select(self.dim, i) for i in range(value.size(self.dim))]
        return stack([c.check(v) for v, c in zip(slices, self.cseq, strict=False)], self.dim)
