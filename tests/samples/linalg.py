"""Sample calls of the primitives of linear algebra."""

import numpy as np
from rule_calls import Draw, call, definite, given, lower, real, regular

PIVOTS = given(np.array([3, 2, 3], np.int32))
NONE, TINY = given(np.array(0.0)), given(np.array(1e-7))


def spread(*shape: int) -> Draw:
    """Matrices with eigenvalues, and singular values, that are real and far apart."""

    def draw(rng):
        n = shape[-1]
        return rng.uniform(-0.2, 0.2, shape) + np.diag(np.arange(1, n + 1) * 1.5)

    return draw


REDUCED = {"mode": "reduced"}

SAMPLES = {
    "column_major": [call(real(2, 3))],
    "exchange": [call(real(3, 2), PIVOTS, back=back) for back in (False, True)],
    "triangles": [call(real(*s), unit=1) for s in ((3, 3), (2, 4), (4, 2))],
    "packed": [call(real(3, 3), real(3, 3)), call(real(4, 2), real(2, 2))],
    "lu_factor": [call(regular(*s)) for s in ((3, 3), (2, 3, 4), (4, 3))],
    "lu": [call(regular(*s)) for s in ((3, 3), (3, 4), (2, 4, 3))],
    "lu_solve": [call(regular(3, 3), PIVOTS, real(3, 2), adjoint=a) for a in (False, True)],
    "cholesky": [call(definite(3), upper=upper) for upper in (False, True)],
    "cholesky_solve": [call(lower(3), real(3, 2), upper=False)],
    "cholesky_inverse": [call(lower(3), upper=upper) for upper in (False, True)],
    "qr": [call(regular(*s), **REDUCED) for s in ((3, 3), (4, 3), (3, 4))]
    + [call(regular(3, 4), mode="complete")],
    "reflectors": [call(real(4, 3), count=2, unit=1)],
    "unreflectors": [call(real(4, 2), shape=(4, 3))],
    "reflect": [
        call(real(4, 3), real(2), real(4, 2), adjoint=False),
        call(real(4, 3), real(3), real(4, 2), adjoint=True),
    ],
    "over_gaps": [call(real(3, 3), given([1.0, 2.5, 4.0]))],
    "eig": [call(spread(3, 3))],
    "svd": [call(regular(*s), full=False) for s in ((3, 3), (4, 3), (3, 4))],
    "pinv": [call(regular(*s), NONE, TINY, hermitian=False) for s in ((4, 3), (3, 4))],
    "geqrf": [call(real(4, 3))],
    "ldl_factor": [call(definite(3), hermitian=False)],
    "ldl_solve": [call(definite(3), given(np.array([1, 2, 3])), real(3, 2), hermitian=False)],
    "lstsq": [call(regular(4, 3), real(4, 2), rcond=1e-15, residuals=r) for r in (False, True)],
    "beside": [call(real(2, 2), real(2, 2))],
    "corner": [call(real(4, 4))],
    "matrix_exp": [call(real(3, 3))],
}

CONSTANTS = {
    "zero_pivot": [call(real(2, 3, 3))],
    "permutation": [call(real(3, 2), PIVOTS)],
    "cholesky_info": [call(definite(3), upper=False)],
    "only_values": [call(spread(3, 3), kind=kind) for kind in ("svd", "L")],
    "matrix_rank": [call(real(3, 4), NONE, TINY, hermitian=False)],
}

REFUSING = {"geqrf", "ldl_factor", "ldl_solve"}

BY_DEFINITION = {
    "cholesky_solve": "the gradient is that of A = L L^H, in both triangles of L, as PyTorch's",
    "cholesky_inverse": "the gradient is that of A = L L^H, in both triangles of L, as PyTorch's",
}
