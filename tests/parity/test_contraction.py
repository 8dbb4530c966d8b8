"""Matrix products, einsum and their relatives against PyTorch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from graph_calls import check, check_error  # noqa: E402


def arrays(shapes, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(shape).astype(dtype)
        for name, shape in zip("xyz", shapes, strict=False)
    }


#: call, shapes of x, y, z, and how much of the graph's names must agree
CALLS = [
    ("x @ y", [(3,), (3,)], "all"),
    ("x @ y", [(2, 3), (3,)], "all"),
    ("x @ y", [(3,), (3, 2)], "top"),
    ("x @ y", [(2, 3), (3, 4)], "all"),
    ("x @ y", [(4, 2, 3), (3, 2)], "all"),
    ("x @ y", [(4, 2, 3), (3,)], "top"),
    ("x @ y", [(3,), (4, 3, 2)], "top"),
    ("x @ y", [(2, 3), (4, 3, 2)], "top"),
    ("x @ y", [(4, 2, 3), (4, 3, 2)], "top"),
    ("x @ y", [(1, 2, 3), (4, 3, 2)], "none"),
    ("x @ y", [(5, 1, 2, 3), (4, 3, 2)], "top"),
    ("x @ y", [(5, 4, 2, 3), (3, 2)], "all"),
    ("x @ y.t()", [(2, 3), (4, 3)], "all"),
    ("x.t() @ y", [(3, 2), (3, 4)], "all"),
    ("x.t() @ y.t()", [(3, 2), (4, 3)], "all"),
    ("x @ y", [(0, 3), (3, 2)], "all"),
    ("x @ y", [(2, 0), (0, 3)], "all"),
    ("T.mm(x, y)", [(2, 3), (3, 4)], "all"),
    ("T.mv(x, y)", [(2, 3), (3,)], "all"),
    ("T.bmm(x, y)", [(4, 2, 3), (4, 3, 2)], "all"),
    ("T.dot(x, y)", [(3,), (3,)], "all"),
    ("T.vdot(x, y)", [(3,), (3,)], "all"),
    ("T.inner(x, y)", [(3,), (3,)], "top"),
    ("T.inner(x, y)", [(2, 3), (4, 3)], "top"),
    ("T.inner(x, y)", [(), (4, 3)], "all"),
    ("T.outer(x, y)", [(3,), (2,)], "all"),
    ("T.addmm(x, y, z)", [(4,), (2, 3), (3, 4)], "all"),
    ("T.addmm(x, y, z, beta=0.5, alpha=2)", [(2, 4), (2, 3), (3, 4)], "all"),
    ("T.addmm(x, y, z, beta=0)", [(1, 4), (2, 3), (3, 4)], "none"),
    ("T.addmv(x, y, z, beta=2, alpha=-1)", [(2,), (2, 3), (3,)], "all"),
    ("T.addbmm(x, y, z, beta=2, alpha=3)", [(2, 4), (5, 2, 3), (5, 3, 4)], "all"),
    ("T.baddbmm(x, y, z, beta=2, alpha=3)", [(5, 2, 4), (5, 2, 3), (5, 3, 4)], "all"),
    ("T.baddbmm(x, y, z)", [(2, 4), (5, 2, 3), (5, 3, 4)], "all"),
    ("T.addr(x, y, z, beta=2, alpha=3)", [(2, 3), (2,), (3,)], "all"),
    ("T.tensordot(x, y, 2)", [(2, 3, 4), (3, 4, 5)], "top"),
    ("T.tensordot(x, y, ([1, 0], [0, 2]))", [(2, 3, 4), (3, 5, 2)], "top"),
    ("T.tensordot(x, y, 0)", [(2,), (3,)], "none"),
    ("T.kron(x, y)", [(2, 3), (3, 2)], "all"),
    ("T.kron(x, y)", [(2,), (3, 2)], "all"),
    ("T.cross(x, y, dim=1)", [(2, 3), (2, 3)], "all"),
    ("L.cross(x, y)", [(2, 3), (1, 3)], "top"),
    ("T.trace(x)", [(3, 3)], "all"),
    ("T.trace(x)", [(2, 4)], "all"),
    ("L.multi_dot([x, y, z])", [(2, 3), (3, 4), (4, 2)], "all"),
    ("L.multi_dot([x, y, z])", [(3,), (3, 4), (4,)], "top"),
]


@pytest.mark.parametrize(("call", "shapes", "nodes"), CALLS)
def test_products(call, shapes, nodes):
    check(call, nodes=nodes, **arrays(shapes))


@pytest.mark.parametrize("call", ["x @ y", "T.bmm(x[None], y[None])", "T.addmm(x, x, y)"])
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_dtypes_of_products(call, dtype):
    a = arrays([(3, 3), (3, 3)])
    if dtype == "complex128":
        a = {name: value + 1j * value[::-1] for name, value in a.items()}
    check(call, nodes="none", **{name: v.astype(dtype) for name, v in a.items()})


def test_complex_vdot():
    a = arrays([(4,), (4,)])
    check("T.vdot(x, y)", x=a["x"] + 1j * a["y"], y=a["y"] - 2j * a["x"])


def test_integers():
    x, y = np.arange(6).reshape(2, 3), np.arange(12).reshape(3, 4)
    for call in ("x @ y", "T.einsum('ij,jk->ki', x, y)", "T.trace(x)", "T.kron(x, y)"):
        check(call, x=x, y=y)


EINSUM = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("kj,ji", [(2, 3), (3, 4)]),
    ("ii->", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iij->ji", [(3, 3, 2)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->i", [(2, 3)]),
    ("bij,bjk->bik", [(4, 2, 3), (4, 3, 2)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,i->", [(3,), (3,)]),
    ("i,i->i", [(3,), (3,)]),
    ("ij,j->i", [(2, 3), (3,)]),
    ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("ij,ij->ij", [(2, 1), (2, 3)]),
    ("ij,ij->", [(1, 3), (2, 3)]),
    ("ij,kl->il", [(2, 3), (4, 5)]),
    ("ij,kl->", [(2, 3), (4, 5)]),
    ("ii,ij->j", [(3, 3), (3, 2)]),
    ("bn,anm,bm->ba", [(2, 3), (4, 3, 5), (2, 5)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
    ("...ij,...jk->...ik", [(4, 2, 3), (4, 3, 2)]),
    ("...ij,jk->...ik", [(5, 4, 2, 3), (3, 2)]),
    ("...i,...i", [(2, 3), (3,)]),
    ("i...->...", [(2, 3)]),
    ("...->...", [(2, 3)]),
    ("a...b, b ... -> a...", [(2, 4, 3), (3, 4)]),
    ("bA,aB->Ab", [(2, 3), (3, 2)]),
    (",i->i", [(), (3,)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EINSUM)
def test_einsum(equation, shapes):
    names = ", ".join("xyz"[: len(shapes)])
    check(f"T.einsum({equation!r}, {names})", nodes="none", **arrays(shapes))


@pytest.mark.parametrize(
    "equation", ["ij,jk->ik", "ij->ji", "ij->i", "ij,ij->ij", "i,j->ij", "ij,jk"]
)
def test_names_of_einsum(equation):
    count = equation.split("->")[0].count(",") + 1
    shapes = [(3, 3)[: len(g)] for g in equation.split("->")[0].split(",")]
    names = ", ".join("xyz"[:count])
    check(f"T.einsum({equation!r}, {names})", nodes="top", order=0, **arrays(shapes))


def test_einsum_with_lists():
    a = arrays([(2, 3), (3, 4)])
    check("T.einsum(x, [0, 1], y, [1, 2], [2, 0])", nodes="none", **a)
    check("T.einsum(x, [0, 1], y, [1, 51])", nodes="none", **a)
    check("T.einsum(x, [..., 1], y, [1, 2], [2, ...])", nodes="none", **a)
    check("T.einsum('ij,jk->ik', [x, y])", nodes="none", **a)


ERRORS = [
    ("x @ y", [(2, 3), (4, 5)]),
    ("x @ y", [(3,), (4,)]),
    ("x @ y", [(2, 3), (4,)]),
    ("x @ y", [(3,), (4, 2)]),
    ("x @ y", [(), (2,)]),
    ("x @ y", [(2, 2, 3), (2, 4, 5)]),
    ("x @ y", [(2, 2, 3), (3, 3, 5)]),
    ("x @ y", [(2, 2, 3), (4, 5)]),
    ("x @ y.float()", [(2, 3), (3, 2)]),
    ("x @ y.float()", [(3,), (3,)]),
    ("x @ y.float()", [(2, 3), (3,)]),
    ("x @ y.float()", [(2, 2, 3), (2, 3, 5)]),
    ("T.mm(x, y)", [(3,), (3, 2)]),
    ("T.bmm(x, y)", [(2, 3), (4, 5)]),
    ("T.bmm(x, y)", [(2, 2, 3), (3, 3, 5)]),
    ("T.mv(x, y)", [(2, 3, 4), (4,)]),
    ("T.dot(x, y)", [(2, 3), (3,)]),
    ("T.vdot(x, y)", [(3,), (4,)]),
    ("T.inner(x, y)", [(2, 3), (2, 4)]),
    ("T.outer(x, y)", [(2, 3), (4,)]),
    ("T.addmm(x, x, y)", [(2, 3), (4, 2)]),
    ("T.addmm(x, y, z)", [(3,), (2, 3), (3, 2)]),
    ("T.addmm(x.float(), y, z)", [(2,), (2, 3), (3, 2)]),
    ("T.addmm(x, y, z)", [(2,), (3,), (3, 2)]),
    ("T.addbmm(x, y, z)", [(2,), (2, 2, 3), (2, 4, 2)]),
    ("T.addr(x, y, z)", [(2, 3), (2,), (4,)]),
    ("T.einsum('ij,jk->ik', x, y)", [(2, 3), (4, 5)]),
    ("T.einsum('ij,jk->il', x, y)", [(2, 3), (3, 5)]),
    ("T.einsum('ij->ijj', x)", [(2, 3)]),
    ("T.einsum('ijk', x)", [(2, 3)]),
    ("T.einsum('ij,jk', x)", [(2, 3)]),
    ("T.einsum('i1', x)", [(2, 3)]),
    ("T.einsum('i,i', x, y.float())", [(3,), (3,)]),
    ("T.tensordot(x, y, 1)", [(2, 3), (4, 5)]),
    ("T.tensordot(x, y, ([0], [1]))", [(2, 3), (4, 5)]),
    ("L.cross(x, y)", [(2, 4), (2, 4)]),
    ("T.trace(x)", [(2, 3, 3)]),
    ("L.multi_dot([x])", [(2, 3)]),
    ("L.multi_dot([x, y])", [(2, 3), (4, 3)]),
    ("x.bool() @ x.bool()", [(2, 2)]),
    ("x @ [1.0]", [(2, 2)]),
]


@pytest.mark.parametrize(("call", "shapes"), ERRORS)
def test_errors(call, shapes):
    ours, theirs = check_error(call, **arrays(shapes))
    if "[1.0]" not in call:
        assert ours.startswith(theirs.split("\n")[0][:60])


def test_in_place():
    a = arrays([(2, 4), (2, 3), (3, 4)])
    check("(x * 1).addmm_(y, z, beta=2)", **a)
    check("(x * 1).addr_(y[:, 0], z[0])", nodes="top", **a)
