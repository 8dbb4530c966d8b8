"""Linear algebra against PyTorch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from graph_calls import check, check_error  # noqa: E402

RNG = np.random.default_rng(5)


def square(*batch, n=3):
    """Well-conditioned matrices."""
    return RNG.standard_normal((*batch, n, n)) + 2 * np.eye(n)


def positive(*batch, n=3):
    x = square(*batch, n=n)
    return x @ np.swapaxes(x, -1, -2)


S = "(x + x.mT)"
#: call (x is recorded through a symmetric form where it must be), tensors, graph
CALLS = [
    ("L.inv(x)", {"x": square()}, "all"),
    ("L.inv(x)", {"x": square(2)}, "all"),
    ("T.inverse(x)", {"x": square()}, "all"),
    ("L.det(x)", {"x": square()}, "all"),
    ("L.det(x)", {"x": square(2, 2)}, "all"),
    ("T.det(x)", {"x": square(n=1)}, "all"),
    ("L.slogdet(x)[1]", {"x": square()}, "all"),
    ("T.slogdet(x)[1]", {"x": square(2)}, "all"),
    ("T.logdet(x)", {"x": positive()}, "none"),
    ("L.solve(x, y)", {"x": square(), "y": RNG.standard_normal((3, 2))}, "all"),
    ("L.solve(x, y)", {"x": square(), "y": RNG.standard_normal(3)}, "all"),
    ("L.solve(x, y)", {"x": square(2), "y": RNG.standard_normal((2, 3))}, "all"),
    ("L.solve(x, y)", {"x": square(2), "y": RNG.standard_normal((1, 3, 2))}, "top"),
    ("L.solve(x, y, left=False)", {"x": square(), "y": RNG.standard_normal((2, 3))}, "none"),
    (
        "L.solve_triangular(x, y, upper=True)",
        {"x": square(), "y": RNG.standard_normal((3, 2))},
        "all",
    ),
    (
        "L.solve_triangular(x, y, upper=False, unitriangular=True)",
        {"x": square(), "y": RNG.standard_normal((3, 2))},
        "all",
    ),
    (
        "L.solve_triangular(x, y, upper=False, left=False)",
        {"x": square(), "y": RNG.standard_normal((2, 3))},
        "none",
    ),
    ("L.cholesky(x)", {"x": positive()}, "all"),
    ("L.cholesky(x)", {"x": positive(2)}, "all"),
    ("L.cholesky(x, upper=True)", {"x": positive()}, "none"),
    ("L.eigvalsh(x)", {"x": positive()}, "all"),
    ("L.eigvalsh(x, UPLO='U')", {"x": positive(2)}, "all"),
    ("L.eigh(x)[1].abs()", {"x": positive()}, "none"),
    ("L.eigh(x)[1] ** 2", {"x": positive(2)}, "none"),
    ("(lambda e: (e[1] * e[0].exp()) @ e[1].mT)(L.eigh(x))", {"x": positive()}, "none"),
    ("L.qr(x)", {"x": RNG.standard_normal((4, 3))}, "all"),
    ("L.qr(x)", {"x": RNG.standard_normal((2, 3, 3))}, "all"),
    ("L.qr(x)", {"x": RNG.standard_normal((2, 4))}, "none"),
    ("T.qr(x)[1]", {"x": RNG.standard_normal((3, 3))}, "none"),
    ("L.svdvals(x)", {"x": RNG.standard_normal((4, 3))}, "all"),
    ("L.svdvals(x)", {"x": RNG.standard_normal((2, 3, 4))}, "all"),
    ("L.svd(x, full_matrices=False)[0].abs()", {"x": RNG.standard_normal((4, 3))}, "none"),
    ("L.svd(x, full_matrices=False)[2].abs()", {"x": RNG.standard_normal((3, 4))}, "none"),
    ("L.svd(x)[0].abs()", {"x": RNG.standard_normal((3, 3))}, "none"),
    ("T.svd(x)[2].abs()", {"x": RNG.standard_normal((4, 3))}, "none"),
    ("(lambda u, s, v: (u * s.exp()) @ v)(*L.svd(x, False))", {"x": square()}, "none"),
    ("L.pinv(x)", {"x": RNG.standard_normal((4, 3))}, "all"),
    ("L.pinv(x)", {"x": RNG.standard_normal((2, 3, 4))}, "all"),
    ("L.pinv(x)", {"x": square()}, "all"),
    ("L.matrix_power(x, 0)", {"x": square()}, "skip"),
    ("L.matrix_power(x, 1)", {"x": square()}, "all"),
    ("L.matrix_power(x, 2)", {"x": square()}, "all"),
    ("L.matrix_power(x, 3)", {"x": square()}, "all"),
    ("L.matrix_power(x, 5)", {"x": square()}, "all"),
    ("L.matrix_power(x, -1)", {"x": square()}, "all"),
    ("T.matrix_power(x, -2)", {"x": square(2)}, "none"),
    ("L.norm(x)", {"x": square()}, "all"),
    ("L.norm(x, 2)", {"x": square()}, "none"),
    ("L.norm(x, 'nuc')", {"x": square()}, "none"),
    ("L.norm(x, 'fro')", {"x": square()}, "all"),
    ("L.norm(x, 1)", {"x": square()}, "none"),
    ("L.norm(x, -1)", {"x": square()}, "none"),
    ("L.norm(x, inf)", {"x": square()}, "none"),
    ("L.norm(x, 3, dim=1)", {"x": square()}, "all"),
    ("L.norm(x, inf)", {"x": RNG.standard_normal(4)}, "all"),
    ("L.norm(x, 0)", {"x": RNG.standard_normal(4)}, "none"),
    ("L.vector_norm(x)", {"x": square()}, "all"),
    ("L.vector_norm(x, 1, dim=0, keepdim=True)", {"x": square()}, "all"),
    ("L.vector_norm(x, 0.5)", {"x": square()}, "all"),
    ("L.matrix_norm(x, -2, keepdim=True)", {"x": square(2)}, "none"),
    ("L.matrix_norm(x, 2, dim=(0, 2))", {"x": RNG.standard_normal((3, 2, 4))}, "none"),
    ("L.matrix_norm(x, 1, dim=(0, 2))", {"x": RNG.standard_normal((3, 2, 4))}, "none"),
    ("L.matrix_norm(x)", {"x": square(2)}, "all"),
    ("L.matrix_rank(x)", {"x": positive(2)}, "none"),
    ("L.cond(x)", {"x": square()}, "none"),
    ("L.vecdot(x, y)", {"x": square(), "y": square()}, "all"),
    ("L.diagonal(x)", {"x": square()}, "all"),
]


@pytest.mark.parametrize(("call", "tensors", "nodes"), CALLS)
def test_linear_algebra(call, tensors, nodes):
    if nodes == "skip":
        tensors = {name: value.astype(np.float32) for name, value in tensors.items()}
        check(call, fixed="x", **tensors)
        return
    check(call, nodes=nodes, loose=100, **tensors)


@pytest.mark.parametrize(
    "call",
    ["L.inv(x)", "L.det(x)", "L.solve(x, x)", "L.eigvalsh(x)", "L.vector_norm(x)", "x.norm()"],
)
def test_float32(call):
    check(call, x=positive().astype(np.float32) / 4, loose=100)


def test_complex():
    x = square() + 0.3j * RNG.standard_normal((3, 3))
    for call in ("L.inv(x)", "L.det(x)", "L.solve(x, x)", "L.vector_norm(x)"):
        check(call, x=x, loose=100)
    check("L.eigvalsh(x)", x=x @ x.conj().T, loose=100)


def test_singular_determinants():
    for x in (np.diag([1.0, 0, 0]), np.zeros((2, 2)), np.ones((3, 3))):
        check("L.det(x)", x=x, order=1)


def test_singular_matrices():
    ours, theirs = check_error("L.inv(x)", x=np.zeros((3, 3)))
    for text in (ours, theirs):
        assert "inversion could not be completed because the input matrix is singular" in text


ERRORS = [
    ("L.inv(x)", np.zeros((2, 3))),
    ("L.inv(x)", np.zeros(3)),
    ("L.inv(x)", np.zeros((3, 3), np.int64)),
    ("L.solve(x, y)", np.zeros((3, 3)), np.zeros(3)),
    ("L.solve(x, y)", np.zeros((3, 3)), np.zeros(2)),
    ("L.cholesky(x)", -np.eye(3)),
    ("L.eigh(x)", np.zeros((2, 3))),
    ("L.qr(x, 'x')", np.eye(2)),
    ("L.norm(x, 'fro')", np.zeros((2, 2, 2))),
    ("L.norm(x, 'fro')", np.zeros(2)),
    ("L.matrix_norm(x)", np.zeros(3)),
    ("L.matrix_norm(x, 'x')", np.zeros((3, 3))),
    ("L.matrix_power(x, 2)", np.zeros((2, 3))),
    ("L.vector_norm(x)", np.zeros(3, np.int64)),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case[0])
def test_errors(case):
    ours, theirs = check_error(case[0], **dict(zip("xyz", case[1:], strict=False)))
    assert ours.startswith(theirs.split("\n")[0][:36]), theirs
