"""Constraints: the sets that parameters and samples belong to, as torch.distributions.constraints.

`constraint.check(value)` gives a boolean tensor of the batch shape; `event_dim` says how many
dimensions on the right make one value.
"""

from typing import Any

from .constraint import Constraint as Constraint
from .constraint import MixtureSameFamilyConstraint as MixtureSameFamilyConstraint
from .constraint import _Dependent as _Dependent
from .constraint import _DependentProperty as _DependentProperty
from .constraint import _IndependentConstraint as _IndependentConstraint
from .constraint import is_dependent as is_dependent
from .matrices import _CorrCholesky as _CorrCholesky
from .matrices import _LowerCholesky as _LowerCholesky
from .matrices import _LowerTriangular as _LowerTriangular
from .matrices import _PositiveDefinite as _PositiveDefinite
from .matrices import _PositiveSemidefinite as _PositiveSemidefinite
from .matrices import _Square as _Square
from .matrices import _Symmetric as _Symmetric
from .parts import _Cat as _Cat
from .parts import _Stack as _Stack
from .values import _Boolean as _Boolean
from .values import _GreaterThan as _GreaterThan
from .values import _GreaterThanEq as _GreaterThanEq
from .values import _HalfOpenInterval as _HalfOpenInterval
from .values import _IntegerGreaterThan as _IntegerGreaterThan
from .values import _IntegerInterval as _IntegerInterval
from .values import _IntegerLessThan as _IntegerLessThan
from .values import _Interval as _Interval
from .values import _LessThan as _LessThan
from .values import _Multinomial as _Multinomial
from .values import _OneHot as _OneHot
from .values import _Real as _Real
from .values import _Simplex as _Simplex

__all__ = [
    "Constraint",
    "MixtureSameFamilyConstraint",
    "boolean",
    "cat",
    "corr_cholesky",
    "dependent",
    "dependent_property",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "is_dependent",
    "less_than",
    "lower_cholesky",
    "lower_triangular",
    "multinomial",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "positive_integer",
    "positive_semidefinite",
    "real",
    "real_vector",
    "simplex",
    "square",
    "stack",
    "symmetric",
    "unit_interval",
]

dependent = _Dependent()
#: for type checkers anything: subclasses of distributions put constants in its place
dependent_property: Any = _DependentProperty
independent = _IndependentConstraint
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _Real()
real_vector = independent(real, 1)
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
corr_cholesky = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
cat = _Cat
stack = _Stack
