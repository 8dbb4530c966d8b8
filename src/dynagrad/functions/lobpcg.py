"""A few extreme eigenpairs of symmetric matrices."""

from ..core.complaints import legacy_name
from ..core.overrides import overridable
from ..core.tensor import Tensor
from . import parts, reordering, shape
from .arguments import tensor
from .factorization import cholesky
from .spectral import eigh
from .triangular import solve_triangular

__all__ = ["lobpcg"]


@overridable
def lobpcg(
    A,
    k=None,
    B=None,
    X=None,
    n=None,
    iK=None,
    niter=None,
    tol=None,
    largest=None,
    method=None,
    tracker=None,
    ortho_iparams=None,
    ortho_fparams=None,
    ortho_bparams=None,
):
    """The k largest (or smallest) eigenvalues E of A X = B X diag(E), and the vectors X.

    A is symmetric, B positive definite (None: the identity), and X^T B X = I. Matrices are dense,
    so the pairs come from a full decomposition, of B^(-1/2) A B^(-T/2) in Cholesky's form, exact to
    rounding: the start X only says how many are meant, and niter, tol, iK, the method, tracker and
    ortho parameters steer nothing.
    """
    a = tensor("lobpcg", A, 1, "A")
    size = _square(a)
    count = n if n is not None else k if k is not None else 1 if X is None else X._a.shape[-1]
    if size < 3 * count:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={size}) is smaller "
            f"than 3 x the number of requested eigenpairs (={count})\n"
            "torch.linalg.eigh gives all of them."
        )
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"unknown method {method!r}\nThe methods are 'basic' and 'ortho'.")
    if B is None:
        values, vectors = eigh(a)
    else:
        factor = cholesky(tensor("lobpcg", B, 3, "B"))
        left = solve_triangular(factor, a, upper=False)
        inner = solve_triangular(shape.adjoint(factor), left, upper=True, left=False)
        values, vectors = eigh(inner)
        vectors = solve_triangular(shape.adjoint(factor), vectors, upper=True)
    if largest is None or largest:
        values = reordering.flip(values, [-1])
        vectors = reordering.flip(vectors, [-1])
    return parts.narrow(values, -1, 0, count), parts.narrow(vectors, -1, 0, count)


def _square(a: Tensor) -> int:
    if a._a.ndim < 2 or a._a.shape[-1] != a._a.shape[-2]:
        raise ValueError(f"A must be square matrices\nIts shape is {list(a._a.shape)}.")
    if a._a.dtype.kind != "f" or a._a.dtype.itemsize < 4:
        raise ValueError(
            f"A must be of float32 or float64\nIt is of {legacy_name(a._a.dtype)}; convert it, as "
            "in A.double()."
        )
    return a._a.shape[-1]
