"""Functions of complex numbers next to PyTorch's: values, first and second derivatives."""

from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")

#: a, b: 3 x 3; H: Hermitian and positive definite; n: numbers left and right of 0
CALLS = (
    """
t.linalg.cholesky(H) | t.linalg.cholesky(H, upper=True) | t.linalg.qr(a) | t.linalg.qr(a[:, :2])
t.linalg.qr(a[:2]) | t.linalg.pinv(a) | t.linalg.pinv(a[:, :2]) | t.linalg.pinv(a[:2])
t.linalg.svdvals(a) | t.linalg.svdvals(a[:2]) | t.linalg.cond(a) | t.linalg.matrix_norm(a, 2)
t.linalg.matrix_norm(a, "nuc") | t.linalg.matrix_norm(a) | t.linalg.matrix_norm(a, 1)
product(*t.linalg.svd(a)) | product(*t.linalg.svd(a[:, :2], full_matrices=False))
product(*t.linalg.svd(a[:2], full_matrices=False)) | (lambda r: product(r.U, r.S, r.V.mH))(t.svd(a))
projections(*t.linalg.eigh(H)) | t.linalg.eigvalsh(H) | t.linalg.slogdet(a) | t.logdet(a)
t.slogdet(a[None]) | t.det(a) | t.linalg.inv(a) | t.linalg.solve(a, b)
t.linalg.solve_triangular(a.tril(), b, upper=False) | t.linalg.vector_norm(a, 1)
t.linalg.vector_norm(a, 2.5, dim=0) | t.linalg.vector_norm(a, float("inf")) | t.dist(a, b, 3)
t.linalg.vector_norm(a, -float("inf"), dim=1) | t.nn.functional.normalize(a, 3.0) | t.acosh(n)
t.linalg.vector_norm(a, 0.5) | t.logaddexp(n, b) | t.logaddexp(a, n) | t.sinc(a) | t.asin(n)
t.acos(n) | t.atanh(n) | t.asinh(n) | a.prod(1) | a.cumprod(0) | t.logcumsumexp(a, 1) | a.std(1)
a.var() | t.std_mean(a, 0) | a.abs() | a.angle() | a.sgn() | t.view_as_real(a) | a.logsumexp(0)
t.matrix_power(a, -2) | t.einsum("ij,kj->ik", a, b.conj()) | a.mH @ b
""".replace("\n", " | ")
    .strip(" |")
    .split(" | ")
)


def outcome(t: Any, call: str) -> tuple[list, list, list]:
    """The results, and their first and second derivatives for random weights."""
    rng = np.random.default_rng(0)

    def leaf(*shape: int) -> Any:
        array = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        return t.tensor(array, dtype=t.complex128, requires_grad=True)

    def weights(values: list) -> list:
        parts = [rng.normal(size=tuple(v.shape)) for v in values]
        return [
            t.tensor(p * (1 + 0.5j) if v.dtype.is_complex else p, dtype=v.dtype)
            for p, v in zip(parts, values, strict=True)
        ]

    a, b, n = leaf(3, 3), leaf(3, 3), leaf(3)
    w = t.arange(1, 4, dtype=t.float64)
    names = {
        **{"t": t, "a": a, "b": b, "n": n, "H": a @ a.mH + 3 * t.eye(3, dtype=a.dtype)},
        # what does not depend on the phases of the vectors, which are arbitrary
        "product": lambda u, s, vh: [s, (u * w[: len(s)]) @ vh],
        "projections": lambda values, vectors: [values, (vectors * w) @ vectors.mH],
    }
    found = eval(call, names)
    found = [found] if isinstance(found, t.Tensor) else list(found)
    leaves = [a, b, n]
    keep = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
    first = t.autograd.grad(found, leaves, weights(found), **keep)
    live = [g for g in first if g.requires_grad]
    second = t.autograd.grad(live, leaves, weights(list(live)), **keep)
    return tuple(
        [v.detach().resolve_conj().numpy() for v in part] for part in (found, first, second)
    )


@pytest.mark.parity
@pytest.mark.parametrize("call", CALLS)
def test_as_pytorch(call: str) -> None:
    for ours, theirs in zip(outcome(dg, call), outcome(torch, call), strict=True):
        for x, y in zip(ours, theirs, strict=True):
            assert (x.dtype, x.shape) == (y.dtype, y.shape)
            np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-9 * max(1, np.abs(y).max()))
