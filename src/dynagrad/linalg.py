"""Linear algebra at torch.linalg's path."""

from .core.quiet import hush as _hush
from .functions.contraction import matmul
from .functions.factorization import (
    cholesky,
    cholesky_ex,
    householder_product,
    ldl_factor,
    ldl_factor_ex,
    ldl_solve,
    qr,
)
from .functions.linalg import (
    det,
    diagonal,
    inv,
    inv_ex,
    matrix_power,
    slogdet,
    solve,
    solve_ex,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
)
from .functions.lu import lu, lu_factor, lu_factor_ex, lu_solve
from .functions.matrices import LinAlgError
from .functions.matrix_norms import cond, matrix_norm, norm, vector_norm
from .functions.products import linalg_cross as cross
from .functions.products import multi_dot
from .functions.spectral import (
    eig,
    eigh,
    eigvals,
    eigvalsh,
    lstsq,
    matrix_exp,
    matrix_rank,
    pinv,
    svd,
    svdvals,
)
from .functions.triangular import solve_triangular

_hush()

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
