"""Products and solutions with batches of Cholesky factors, for the multivariate distributions."""

from typing import Any

from ..functions.contraction import matmul
from ..functions.creation import eye
from ..functions.factorization import cholesky
from ..functions.reordering import flip
from ..functions.triangular import solve_triangular

__all__ = ["batch_mahalanobis", "batch_mv", "inverse_of", "precision_to_scale_tril"]


def batch_mv(matrices: Any, vectors: Any) -> Any:
    """Matrices (..., n, m) times vectors (..., m), batches broadcast."""
    return matmul(matrices, vectors.unsqueeze(-1)).squeeze(-1)


def batch_mahalanobis(factor: Any, x: Any) -> Any:
    """x^T (L L^T)^-1 x for Cholesky factors L (..., n, n) and vectors x (..., n), batches
    broadcast. Vectors that share one factor are solved for at once.
    """
    n = x.size(-1)
    if factor.dim() == 2:
        rows = x.reshape(-1, n).mT
        solved = solve_triangular(factor, rows, upper=False)
        return solved.pow(2).sum(-2).reshape(tuple(x.shape)[:-1])
    return solve_triangular(factor, x.unsqueeze(-1), upper=False).pow(2).sum(-2).squeeze(-1)


def precision_to_scale_tril(precision: Any) -> Any:
    """The Cholesky factor of the inverse: the precision's factor from the other end, inverted."""
    flipped = cholesky(flip(precision, (-2, -1)))
    upper = flip(flipped, (-2, -1)).mT
    return solve_triangular(upper, eye(precision.shape[-1], dtype=precision.dtype), upper=False)


def inverse_of(factor: Any) -> Any:
    """(L L^T)^-1 for a lower triangular factor L."""
    identity = eye(factor.shape[-1], dtype=factor.dtype)
    inverse = solve_triangular(factor, identity, upper=False)
    return matmul(inverse.mT, inverse)
