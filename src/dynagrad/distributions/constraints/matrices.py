"""Constraints of square matrices."""

from typing import Any

from ...core.dtype import bool_, finfo
from ...functions.factorization import cholesky_ex
from ...functions.spectral import eigvalsh
from .constraint import Constraint

__all__: list[str] = []


def _all_of(matrices: Any) -> Any:
    """Whether all elements of each matrix are true."""
    return matrices.reshape((*tuple(matrices.shape)[:-2], -1)).min(-1)[0]


class _LowerTriangular(Constraint):
    """Square matrices with zeros above the diagonal."""

    event_dim = 2

    def check(self, value: Any) -> Any:
        return _all_of(value.tril() == value)


class _LowerCholesky(Constraint):
    """Lower triangular matrices with a positive diagonal."""

    event_dim = 2

    def check(self, value: Any) -> Any:
        positive_diagonal = (value.diagonal(dim1=-2, dim2=-1) > 0).min(-1)[0]
        return _all_of(value.tril() == value) & positive_diagonal


class _CorrCholesky(Constraint):
    """Lower triangular matrices with a positive diagonal and rows of norm 1: Cholesky factors of
    correlation matrices.
    """

    event_dim = 2

    def check(self, value: Any) -> Any:
        # ten roundings for each element of a row, as PyTorch allows
        tolerance = finfo(value.dtype).eps * value.size(-1) * 10
        row_norm = value.detach().norm(dim=-1)
        unit_rows = (row_norm - 1.0).abs().le(tolerance).all(dim=-1)
        return _LowerCholesky().check(value) & unit_rows


class _Square(Constraint):
    """Matrices with as many rows as columns."""

    event_dim = 2

    def check(self, value: Any) -> Any:
        shape = tuple(value.shape)
        return value.new_full(shape[:-2], shape[-2] == shape[-1], dtype=bool_)


class _Symmetric(_Square):
    """Matrices that equal their transpose, to 1e-6."""

    def check(self, value: Any) -> Any:
        square = super().check(value)
        if not square.all():
            return square
        return value.isclose(value.mT, atol=1e-6).all(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices without negative eigenvalue."""

    def check(self, value: Any) -> Any:
        symmetric = super().check(value)
        if not symmetric.all():
            return symmetric
        return eigvalsh(value).ge(0).all(-1)


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices whose eigenvalues are positive."""

    def check(self, value: Any) -> Any:
        symmetric = super().check(value)
        if not symmetric.all():
            return symmetric
        return cholesky_ex(value).info.eq(0)
