"""Linear algebra at torch.linalg's path."""

from .core.quiet import hush as _hush
from .functions.contraction import matmul
from .functions.linalg import (
    LinAlgError,
    cholesky,
    det,
    diagonal,
    eigh,
    eigvalsh,
    inv,
    matrix_power,
    matrix_rank,
    pinv,
    qr,
    slogdet,
    solve,
    solve_triangular,
    svd,
    svdvals,
    vecdot,
)
from .functions.matrix_norms import cond, matrix_norm, norm, vector_norm
from .functions.products import linalg_cross as cross
from .functions.products import multi_dot

_hush()

__all__ = [
    "LinAlgError",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "vecdot",
    "vector_norm",
]
