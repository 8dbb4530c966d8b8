"""The base of all constraints; those that depend on other values, that hold for whole events, that
mixtures have.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["Constraint", "MixtureSameFamilyConstraint", "is_dependent"]


class Constraint:
    """A set of values. `is_discrete`: it has a countable number of elements; `event_dim`: the
    dimensions of one element.
    """

    is_discrete: Any = False
    event_dim: Any = 0
    #: the attributes that a printed constraint shows
    _shown: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        """Whether each element of the batch in `value` satisfies the constraint."""
        raise NotImplementedError

    def __repr__(self) -> str:
        name = type(self).__name__.removeprefix("_")
        return f"{name}({', '.join(f'{key}={getattr(self, key)}' for key in self._shown)})"


def _known(value: Any, name: str) -> Any:
    if value is NotImplemented:
        raise NotImplementedError(f".{name} cannot be determined statically")
    return value


class _Dependent(Constraint):
    """Stands for a set that depends on other values, so that it cannot be checked."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented):
        self._is_discrete = is_discrete
        self._event_dim = event_dim
        super().__init__()

    @property
    def is_discrete(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the set is discrete; NotImplementedError where only an instance knows."""
        return _known(self._is_discrete, "is_discrete")

    @property
    def event_dim(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The dimensions of one value; NotImplementedError where only an instance knows."""
        return _known(self._event_dim, "event_dim")

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented):
        """The same, with what is known of it now."""
        if is_discrete is NotImplemented:
            is_discrete = self._is_discrete
        if event_dim is NotImplemented:
            event_dim = self._event_dim
        return _Dependent(is_discrete=is_discrete, event_dim=event_dim)

    def check(self, x: Any) -> Any:
        """ValueError: there is nothing to check against."""
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether the constraint depends on other values."""
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property of a distribution that is a constraint: on the class it stands for itself."""

    def __init__(
        self,
        fn: Callable[..., Any] | None = None,
        *,
        is_discrete: Any = NotImplemented,
        event_dim: Any = NotImplemented,
    ):
        super().__init__(fn)
        self._is_discrete = is_discrete
        self._event_dim = event_dim

    def __call__(self, fn: Callable[..., Any]) -> "_DependentProperty":  # pyright: ignore[reportIncompatibleMethodOverride]
        """The decorator itself, where it was given what is known beforehand."""
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class _IndependentConstraint(Constraint):
    """A constraint whose rightmost batch dimensions belong to the event."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int):
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(
                f"base_constraint must be a Constraint, got {type(base_constraint).__name__}"
            )
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise AssertionError(
                f"reinterpreted_batch_ndims must be >= 0, got {reinterpreted_batch_ndims!r}"
            )
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__()

    @property
    def is_discrete(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the base constraint."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """That of the base constraint and the dimensions added."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Any) -> Any:
        """Whether all elements of each event satisfy the base constraint."""
        result = self.base_constraint.check(value)
        count = self.reinterpreted_batch_ndims
        if result.dim() < count:
            need = self.base_constraint.event_dim + count
            raise ValueError(f"Expected value.dim() >= {need} but got {value.dim()}")
        return result.reshape(tuple(result.shape)[: result.dim() - count] + (-1,)).all(-1)

    def __repr__(self) -> str:
        name = type(self).__name__.removeprefix("_")
        return f"{name}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """The support of a mixture: of each of its components, which lie along the dimension that is
    the last of the components' batch.
    """

    def __init__(self, base_constraint: Constraint):
        if not isinstance(base_constraint, Constraint):
            raise AssertionError(
                f"base_constraint must be a Constraint, got {type(base_constraint).__name__}"
            )
        self.base_constraint = base_constraint
        super().__init__()

    @property
    def is_discrete(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the components' constraint."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the components' constraint."""
        return self.base_constraint.event_dim

    def check(self, value: Any) -> Any:
        """Whether each value lies in the support of all components."""
        unsqueezed = value.unsqueeze(-1 - self.event_dim)
        result = self.base_constraint.check(unsqueezed)
        if value.dim() < self.event_dim:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        count = value.dim() - self.event_dim
        return result.reshape((*tuple(result.shape)[:count], -1)).all(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_constraint!r})"
