"""What PyTorch had once: names that tell what took their place."""

from typing import Any, NoReturn

from ..core.tensor import Tensor

__all__ = ["eig", "lstsq", "matrix_rank", "solve", "symeig"]


def _gone(version: str, advice: str) -> RuntimeError:
    return RuntimeError(
        f"This function was deprecated since version {version} and is now removed. {advice}"
    )


def eig(self: Tensor, eigenvectors: bool = False) -> NoReturn:
    """Removed: linalg.eig and linalg.eigvals, which are complex, took its place."""
    raise _gone(
        "1.9",
        "`torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than "
        "real tensors mimicking complex tensors.\n"
        "Use L, V = torch.linalg.eig(A), or L = torch.linalg.eigvals(A).",
    )


def symeig(self: Tensor, eigenvectors: bool = False, upper: bool = True) -> NoReturn:
    """Removed: linalg.eigh and linalg.eigvalsh, which read the lower triangle, took its place."""
    raise _gone(
        "1.9",
        "The default behavior has changed from using the upper triangular portion of the matrix "
        "by default to using the lower triangular portion.\n"
        "Use L, V = torch.linalg.eigh(A, UPLO='U' if upper else 'L'), or eigvalsh for L alone.",
    )


def solve(self: Tensor, other: Tensor) -> NoReturn:
    """Removed: linalg.solve, with its arguments the other way round, took its place."""
    raise _gone(
        "1.9",
        "`torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has "
        "its arguments reversed and does not return the LU factorization.\n"
        "Use X = torch.linalg.solve(A, B), and torch.linalg.lu_factor(A) for the factors.",
    )


def lstsq(self: Tensor, other: Tensor) -> NoReturn:
    """Removed: linalg.lstsq, with its arguments the other way round, took its place."""
    raise _gone(
        "1.9",
        "`torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`.\n"
        "Use X = torch.linalg.lstsq(A, B).solution; the residuals are in a field of their own.",
    )


def matrix_rank(input: Tensor, tol: Any = None, symmetric: bool = False, *, out: Any = None):
    """Removed: linalg.matrix_rank took its place."""
    raise _gone(
        "1.9",
        "\nPlease use the `torch.linalg.matrix_rank` function instead. The parameter 'symmetric' "
        "was renamed in `torch.linalg.matrix_rank()` to 'hermitian'.",
    )


def reinforce(self: Tensor, reward: Any) -> NoReturn:
    """Removed: the log-probability of what was drawn, times the reward, took its place."""
    raise RuntimeError(
        "reinforce() was removed.\nBuild the loss from log-probabilities: "
        "-(log_prob(action) * reward), where torch.distributions gives log_prob."
    )
