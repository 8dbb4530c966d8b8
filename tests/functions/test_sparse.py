"""Sparse tensors by known values: products of either kernel, derivatives, leaks, faults."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import dynagrad as dg
from dynagrad.core.watch import PLAIN, overriding
from dynagrad.ops.sparse import products
from dynagrad.ops.sparse.patterns import Coo, Lines

EDGES = [[0, 1, 1, 0, 3], [2, 0, 2, 2, 1]]
DENSE = [[0.0, 0.0, 9.0], [4.0, 0.0, 5.0], [0.0, 0.0, 0.0], [0.0, 7.0, 0.0]]


def matrix(**options: Any) -> Any:
    return dg.sparse_coo_tensor(EDGES, [3.0, 4.0, 5.0, 6.0, 7.0], (4, 3), **options)


@pytest.fixture(params=["scipy", "groups", "histogram"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products by each of the three ways."""
    monkeypatch.setattr(products, "FEW", 1 << 30 if request.param == "histogram" else 0)
    if request.param == "scipy":
        pytest.importorskip("scipy.sparse")
    else:
        monkeypatch.setattr(products._Found, "module", None)
        monkeypatch.setattr(products._Found, "done", True)
    monkeypatch.setattr(products, "WORTH_SCIPY", 0)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("dtype", [dg.float32, dg.float64, dg.float16, dg.complex64, dg.int64])
@pytest.mark.parametrize("shape", [(30, 20), (1, 50), (40, 1), (5, 7)])
def test_products(shape: tuple, dtype: Any, rng: np.random.Generator) -> None:
    rows, columns = (rng.integers(0, n, 60) for n in shape)
    values = dg.tensor(rng.integers(-3, 4, 60)).to(dtype)
    s = dg.sparse_coo_tensor(np.stack([rows, columns]), values, shape)
    x = dg.tensor(rng.integers(-3, 4, (shape[1], 3))).to(dtype)
    wanted = s.to_dense() @ x
    for sparse in (s, s.coalesce(), s.to_sparse_csr(), s.to_sparse_csc()):
        found = sparse @ x
        assert found.dtype == dtype
        assert dg.equal(found, wanted)
        assert dg.equal(sparse @ x[:, 0], wanted[:, 0])
        assert dg.equal(x.t() @ sparse.t(), wanted.t())


@pytest.mark.usefixtures("kernel")
def test_gradients_are_those_of_the_dense_product(rng: np.random.Generator) -> None:
    values = dg.tensor(rng.standard_normal(5), requires_grad=True)
    x = dg.tensor(rng.standard_normal((3, 2)), requires_grad=True)

    def product(values: Any, x: Any) -> Any:
        return dg.sparse.mm(dg.sparse_coo_tensor(EDGES, values, (4, 3)), x)

    assert dg.autograd.gradcheck(product, (values, x))
    assert dg.autograd.gradgradcheck(product, (values, x))


@pytest.mark.parametrize(
    "f",
    [
        lambda s: dg.sparse.softmax(s, 1).to_dense(),
        lambda s: dg.sparse.log_softmax(s, 0).coalesce().values(),
        lambda s: dg.sparse.sum(s, 0).to_dense(),
        lambda s: dg.sparse.mm(s, s.t()).to_dense(),
        lambda s: dg.cat([s, s * 2]).to_dense(),
        lambda s: dg.index_select(s, 0, dg.tensor([3, 1, 1])).to_dense(),
        lambda s: s.to_sparse_csr().values() * s.t().to_sparse_csr().values(),
        lambda s: (s * s + s / 3 - dg.sin(s)).to_dense(),
        lambda s: s[1].to_dense() + s[0].to_dense(),
        lambda s: s.to_sparse_csr().t() @ dg.ones(4, 2, dtype=dg.float64),
    ],
)
def test_derivatives_by_values(f: Any, rng: np.random.Generator) -> None:
    values = dg.tensor(rng.standard_normal(5), requires_grad=True)
    assert dg.autograd.gradcheck(lambda v: f(dg.sparse_coo_tensor(EDGES, v, (4, 3))), (values,))


def test_forward_mode_and_vmap_of_the_dense_factor(rng: np.random.Generator) -> None:
    s, x = matrix().double(), dg.tensor(rng.standard_normal((3, 2)))
    wanted = s.to_dense()
    _, tangent = dg.func.jvp(lambda x: dg.sparse.mm(s, x), (x,), (x * 2,))
    np.testing.assert_allclose(tangent.numpy(), (wanted @ x * 2).numpy())
    batch = dg.tensor(rng.standard_normal((5, 3, 2)))
    found = dg.vmap(lambda x: dg.sparse.mm(s, x))(batch)
    np.testing.assert_allclose(found.numpy(), (wanted @ batch).numpy())


def test_a_leaf_accumulates_in_its_own_gradient() -> None:
    s = matrix().coalesce().requires_grad_()
    x = dg.ones(3, 2)
    dg.sparse.mm(s, x).sum().backward()
    held = s.grad
    assert held is not None
    dg.sparse.mm(s, x).sum().backward()
    assert s.grad is held
    assert held.values().tolist() == [4.0] * 4
    assert isinstance(held, dg.Tensor)
    assert held.layout is dg.sparse_coo


def test_no_number_of_an_absent_place_gets_a_gradient() -> None:
    s = matrix().coalesce().requires_grad_()
    dg.sparse.mm(s, dg.ones(3, 2)).sum().backward()
    assert s.grad is not None
    assert s.grad._nnz() == 4
    assert s.grad.to_dense().tolist() == [[0, 0, 2], [2, 0, 2], [0, 0, 0], [0, 2, 0]]


def test_patterns_are_analysed_once() -> None:
    s = matrix().coalesce()
    first = (s @ dg.ones(3, 2), s._a.pattern.lines)
    assert (s * 2)._a.pattern is s._a.pattern
    assert s._a.pattern.lines is first[1]
    assert s.t().t()._a.pattern is s._a.pattern


def test_rows_are_grouped_by_their_counts() -> None:
    lines = Lines(np.array([3, 0, 3, 1, 3]), np.array([0, 1, 2, 3, 4]), 5)
    counts = {places.shape[1]: rows.tolist() for rows, places in lines.groups}
    assert counts == {1: [0, 1], 3: [3]}
    assert lines.columns.tolist() == [1, 3, 0, 2, 4]
    assert lines.starts.tolist() == [0, 1, 2, 2, 5, 5]


def test_places_of_one_pattern_in_another() -> None:
    pattern = Coo(np.array([[0, 1, 2]]), (4,), True)
    number, there = pattern.found(Coo(np.array([[2, 3, 0, 2]]), (4,)))
    assert number.tolist() == [2, 0, 0, 2]
    assert there.tolist() == [True, False, True, True]


def test_dense_tensors_go_their_quick_ways_beside_sparse_ones() -> None:
    before = set(overriding)
    s = matrix()
    assert (s @ dg.ones(3, 1)).tolist() == [[9.0], [9.0], [0.0], [7.0]]
    assert set(overriding) == before
    assert dg.Tensor in PLAIN
    assert type(s) not in PLAIN


@pytest.mark.parametrize(
    ("f", "dims"),
    [
        (lambda d, s: d @ s, (2, 4)),
        (lambda d, s: dg.mm(d, s), (2, 4)),
        (lambda d, s: d + s, (4, 3)),
        (lambda d, s: d * s, (4, 3)),
        (lambda d, s: dg.nn.functional.linear(d, s), (2, 3)),
    ],
)
def test_a_sparse_tensor_behind_a_dense_one_is_found(f: Any, dims: tuple) -> None:
    d = dg.arange(float(np.prod(dims))).reshape(dims)
    wanted = f(d, dg.tensor(DENSE))
    found = f(d, matrix())
    assert dg.equal(found.to_dense(), wanted)


def test_nothing_is_left_behind() -> None:
    gc.collect()
    gc.disable()
    try:
        s = matrix().coalesce().requires_grad_()
        y = dg.sparse.mm(s * 2, dg.ones(3, 2)).pow(2).sum()
        (g,) = dg.autograd.grad(y, [s], create_graph=True)
        seen = [weakref.ref(x) for x in (s, y, g, s._a)]
        del s, y, g
        assert [ref() for ref in seen] == [None] * 4
    finally:
        gc.enable()


def test_gradients_of_tables_hold_no_more_than_the_rows_used() -> None:
    table = dg.nn.Embedding(1000, 4, sparse=True)
    table(dg.tensor([7, 7, 999])).sum().backward()
    g = table.weight.grad
    assert g is not None
    assert (g._nnz(), tuple(g._values().shape)) == (3, (3, 4))
    assert g.coalesce().indices().tolist() == [[7, 999]]
    assert g.coalesce().values()[0].tolist() == [2.0] * 4


@pytest.mark.parametrize(
    ("f", "kind", "text"),
    [
        (lambda: dg.exp(matrix()), NotImplementedError, "aten::exp.*SparseCPU.*to_dense"),
        (lambda: matrix().to_sparse_csr().exp(), NotImplementedError, "SparseCsrCPU"),
        (lambda: dg.cat([dg.ones(1, 3), matrix()]), RuntimeError, "a dense tensor was found"),
        (lambda: dg.sparse_bsr_tensor([0], [0], [0.0]), NotImplementedError, "sparse_csr_tensor"),
        (lambda: matrix().to_sparse_bsr((2, 2)), NotImplementedError, "to_sparse_csr"),
        (lambda: dg.sparse_coo_tensor([[4]], [1.0], (4,)), RuntimeError, "size is 4 but found"),
        (lambda: dg.sparse_coo_tensor([[-1]], [1.0], (4,)), RuntimeError, "negative index -1"),
        (
            lambda: dg.sparse_csr_tensor([0, 2], [0, 3], [1.0, 2.0], (1, 3)),
            RuntimeError,
            "col_indices < ncols",
        ),
        (
            lambda: dg.vmap(lambda v: dg.sparse_coo_tensor([[0]], v, (2,)).to_dense())(
                dg.ones(3, 1)
            ),
            NotImplementedError,
            "inside vmap",
        ),
    ],
)
def test_faults(f: Any, kind: type, text: str) -> None:
    with pytest.raises(kind, match=text):
        f()


def test_assert_close_compares_sparse_tensors() -> None:
    dg.testing.assert_close(matrix(), matrix().coalesce())
    dg.testing.assert_close(matrix(), dg.tensor(DENSE), check_layout=False)
    with pytest.raises(AssertionError, match="'layout' do not match"):
        dg.testing.assert_close(matrix(), matrix().to_sparse_csr())
    with pytest.raises(AssertionError, match="Mismatched elements: 4 / 12"):
        dg.testing.assert_close(matrix(), matrix() * 2)
    with pytest.raises(AssertionError, match="'shape' do not match"):
        dg.testing.assert_close(matrix(), matrix().t())


def test_watchers_see_sparse_operations() -> None:
    s = matrix().coalesce().requires_grad_()
    packed: list[str] = []

    def pack(t: Any) -> Any:
        packed.append(str(t.layout))
        return t

    with (
        dg.autograd.set_detect_anomaly(True),
        dg.autograd.graph.saved_tensors_hooks(pack, lambda t: t),
    ):
        dg.sparse.mm(s * 2, dg.ones(3, 2)).sum().backward()
    assert s.grad is not None
    assert s.grad.values().tolist() == [4.0] * 4
    assert packed


def test_a_nan_in_a_sparse_gradient_is_found() -> None:
    s = dg.sparse_coo_tensor([[0, 1], [0, 1]], [1.0, 0.0], (2, 2)).coalesce().requires_grad_()
    with (
        pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan"),
        dg.autograd.set_detect_anomaly(True),
    ):
        dg.sparse.mm(dg.sqrt(s), dg.zeros(2, 1)).sum().backward()


def test_why_speaks_of_sparse_gradients() -> None:
    s = matrix().coalesce().requires_grad_()
    y = dg.sparse.mm(s, dg.ones(3, 1)).sum()
    y.backward(retain_graph=True)
    assert "ordinary: the largest of 4 elements" in str(dg.why(s, y))
