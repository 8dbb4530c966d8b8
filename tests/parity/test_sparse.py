"""Sparse tensors against PyTorch: values, places, layouts, nodes, texts, gradients and errors."""

import copy
import io
import warnings
from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:Sparse", "ignore:.*torch.sparse.SparseTensor")

BOTH = (torch, dg)
CLOSE = {"rtol": 2e-6, "atol": 1e-6}


def given(t: Any) -> dict[str, Any]:
    """The tensors that the expressions below name."""
    values = t.tensor([3.0, 4.0, 5.0, 6.0], requires_grad=True)
    s = t.sparse_coo_tensor([[0, 1, 1, 0], [2, 0, 2, 2]], values, (2, 3))
    hybrid = t.sparse_coo_tensor([[0, 2, 0]], t.arange(12.0).reshape(3, 2, 2), (4, 2, 2))
    return {
        "torch": t,
        "F": t.nn.functional,
        "s": s,
        "v": values,
        "c": s.coalesce(),
        "r": t.sparse_csr_tensor([0, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0], (2, 3)),
        "k": t.sparse_csc_tensor([0, 1, 1, 3], [1, 0, 1], [1.0, 2.0, 3.0], (2, 3)),
        "h": hybrid,
        "d": t.tensor([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]], requires_grad=True),
        "w": t.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]], requires_grad=True),
        "one": t.sparse_coo_tensor([[1]], [2.0], (3,)),
        "cube": t.sparse_coo_tensor([[1, 0], [0, 1], [2, 2]], [2.0, 3.0], (2, 2, 3)),
    }


def listed(text: str) -> list[str]:
    """Expressions, divided by " | " and by line breaks."""
    return [e for line in text.strip().splitlines() for e in line.split(" | ")]


def described(x: Any, t: Any) -> Any:
    """A result as plain data; the values of tensors as arrays."""
    if isinstance(x, list | tuple):
        return [described(item, t) for item in x]
    if not isinstance(x, t.Tensor):
        return str(x)
    known = [str(x.layout), tuple(x.shape), str(x.dtype), x.requires_grad]
    known.append(type(x.grad_fn).__name__)
    if x.layout is t.strided:
        return [*known, x.detach().numpy()]
    places = {
        t.sparse_coo: lambda: [x._indices(), x.is_coalesced()],
        t.sparse_csr: lambda: [x.crow_indices(), x.col_indices()],
        t.sparse_csc: lambda: [x.ccol_indices(), x.row_indices()],
    }[x.layout]()
    values = x._values() if x.layout is t.sparse_coo else x.detach().values()
    arrays = [p.numpy().tolist() if isinstance(p, t.Tensor) else p for p in places]
    return [*known, x._nnz(), *arrays, values.numpy()]


def same(found: Any, expected: Any) -> None:
    """Equal, numbers to rounding."""
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            same(a, b)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, **CLOSE)
    else:
        assert found == expected


def result(expression: str, t: Any) -> Any:
    return eval(expression, given(t))


UNARY = (
    "abs asin atan atanh ceil deg2rad erf expm1 floor frac log1p neg rad2deg relu round sign sgn "
    "sin sinh sqrt square tan tanh trunc isnan isinf signbit positive asinh erfinv nan_to_num"
).split()

EXPRESSIONS = listed(
    """
s | s.detach() | c | c.values() | c.indices() | s._values() | s._indices() | s.to_dense()
F.relu(s) | torch.relu(r) | -r | torch.sin(r) | s.relu() | s.sqrt() | s ** 2 | torch.pow(c, 3)
s @ d | torch.mm(s, d) | torch.matmul(s, d) | torch.spmm(s, d) | torch.dsmm(s, d) | s.mm(d)
s.matmul(d) | torch.sparse.mm(s, d) | torch.sparse.mm(r, d) | r @ d | r.mm(d)
torch.smm(s.detach(), d.detach()) | torch.hspmm(s.detach(), d.detach()) | torch.mv(s, w[0])
s @ w[0] | r @ w[0] | w @ s.t() | torch.mm(w.t(), s) | d @ s | d @ r
torch.sspaddmm(torch.eye(2).to_sparse(), s.detach(), torch.ones(3, 2), beta=2, alpha=3)
s.detach().smm(d.detach()) | torch.addmm(torch.ones(2, 2), s, d, beta=2, alpha=3)
torch.addmm(torch.ones(2, 2), r, d) | torch.addmv(torch.ones(2), r, w[0])
torch.sparse.addmm(torch.ones(2, 2), s, d, beta=2, alpha=3) | s.detach() @ s.detach().t()
torch.sparse.mm(s, s.t()) | r @ w.detach().t().to_sparse_csr()
torch.bmm(cube, torch.ones(2, 3, 2)) | F.linear(torch.ones(2, 3), s)
F.linear(torch.ones(2, 3), r)
torch.sparse.sampled_addmm(r, torch.ones(2, 5), torch.ones(5, 3), beta=2, alpha=0.5) | s * 2
2 * s | s / 2 | s * s | s * w | w * s | s + s | s - s | w + s | w - s | s * torch.tensor(2.0)
r * 2 | r + r | r * r | r * w | r + w | w + r | torch.add(s, s, alpha=3)
torch.add(w, s, alpha=3) | c + c | c - c * 2 | c * c | h + h | h * 2
c + torch.sparse_coo_tensor([[0, 1], [0, 2]], [1.0, 2.0], (2, 3)).coalesce()
c * torch.sparse_coo_tensor([[0, 1], [0, 2]], [1.0, 2.0], (2, 3)).coalesce()
torch.sparse_coo_tensor([[0, 1]], [1, 2], (3,)) * 2
torch.sparse_coo_tensor([[0, 1]], [1, 2], (3,)) / 2
torch.sparse_coo_tensor([[0, 1]], [1, 2], (3,)) * 2.5
torch.sparse_coo_tensor([[0, 1]], [1, 2], (3,)).coalesce() + one | c.double() + c
s.detach().clone().mul_(2) | s.detach().clone().zero_() | s.detach().clone().add_(s.detach())
w.detach().clone().add_(s.detach(), alpha=2) | s.sum() | s.sum(0) | s.sum(1) | r.sum()
torch.sparse.sum(s) | torch.sparse.sum(s, 0) | torch.sparse.sum(s, dim=1)
torch.sparse.sum(s, -1, dtype=torch.float64) | torch.sparse.sum(h, 0) | torch.sparse.sum(h, 1)
torch.sparse.sum(h, [1, 2]) | torch.sparse.sum(h, [0, 2]) | torch.sparse.sum(cube, [0, 2])
s.any() | r.sum(1, keepdim=True) | r.sum(0, keepdim=True) | torch.sparse.softmax(s, 1)
torch.sparse.softmax(s, dim=0) | torch.sparse.log_softmax(s, dim=1) | torch.sparse.softmax(h, 0)
torch.sparse.softmax(h, 1) | torch.sparse.log_softmax(h, 2) | torch.sparse.softmax(cube, 1)
torch.sparse.softmax(c, -1, dtype=torch.float64) | s.t() | s.T | s.mT | s.transpose(0, 1)
s.permute(1, 0) | r.t() | r.transpose(0, 1) | k.t() | cube.transpose(0, 2) | cube.permute(2, 0, 1)
s.unsqueeze(0) | s[0] | h.unsqueeze(2) | s[1] | h[0] | cube[1] | cube[1][0] | cube[0, 1]
cube.select(2, 2) | r.select(0, 1) | torch.index_select(s, 0, torch.tensor([1, 0, 1]))
torch.index_select(c, 1, torch.tensor([2, 2])) | torch.index_select(h, 1, torch.tensor([1]))
torch.cat([s, s]) | torch.cat([s, c], 1) | torch.stack([s, s]) | torch.stack([s, s], 2)
torch.narrow_copy(s, 0, 0, 1)
torch.sparse.spdiags(torch.arange(9.0).reshape(3, 3), torch.tensor([0, -1, 2]), (3, 3))
torch.sparse.spdiags(torch.arange(3.0), torch.tensor([1]), (2, 4)) | s.clone() | s.double()
s.long() | s.to(torch.float64) | s.float() is s | r.double() | s.half() | torch.eye(3).to_sparse()
w.to_sparse() | w.to_sparse(1) | w.to_sparse_csr() | w.to_sparse_csc() | s.to_sparse_csr()
s.to_sparse_csc() | r.to_sparse() | k.to_sparse() | k.to_sparse_coo() | r.to_sparse_csc()
k.to_sparse_csr() | r.to_dense() | k.to_dense() | r.to_sparse_csr() is r
w.to_sparse(layout=torch.sparse_csr) | s.to_sparse() is s | c.coalesce() is c | h.to_dense()
w.sparse_mask(c.detach()) | w.sparse_mask(s.detach()) | torch.zeros_like(s) | torch.empty_like(s)
s.detach().clone().sparse_resize_((4, 4), 2, 0)
s.detach().clone().sparse_resize_and_clear_((4, 4), 1, 1)
(s.is_sparse, s.is_sparse_csr, r.is_sparse, r.is_sparse_csr, w.is_sparse, s.layout, r.layout)
(s.sparse_dim(), s.dense_dim(), h.sparse_dim(), h.dense_dim(), r.sparse_dim(), w.dense_dim())
(s.shape, s.size(0), s.ndim, s.dim(), s.numel(), len(s), s._nnz(), s.device, s.stride())
(s.is_leaf, s.requires_grad, s.detach().is_leaf, s.element_size(), s.type())
(isinstance(s, torch.Tensor), torch.is_tensor(s), torch.is_floating_point(s), s.is_complex())
(r.crow_indices(), r.col_indices(), k.ccol_indices(), k.row_indices(), r.values())
(s.is_coalesced(), c.is_coalesced(), one.is_coalesced(), s.is_contiguous())
torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0])
torch.sparse_coo_tensor([[0, 1], [1, 0]], [1, 2]) | torch.sparse_coo_tensor((2, 3))
torch.sparse_coo_tensor(size=(2, 3), dtype=torch.float64)
torch.sparse_coo_tensor(torch.empty(2, 0), torch.empty(0), (2, 3))
torch.sparse_coo_tensor(torch.empty(2, 0), torch.empty(0, 3), (2, 3, 3))
torch.sparse_coo_tensor([[0, 1]], torch.ones(2, 3), (4, 3))
torch.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (3,), is_coalesced=True)
torch.sparse_coo_tensor([[0]], [1.0], (2,), requires_grad=True)
torch.sparse_coo_tensor(c.indices(), c.values().detach(), dtype=torch.float64)
torch.sparse_csr_tensor([0, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0])
torch.sparse_csr_tensor([0, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0], (2, 4), requires_grad=True)
torch.sparse_compressed_tensor([0, 1], [1], [1.0], layout=torch.sparse_csr)
r + w.detach().to_sparse_csr() | r * torch.eye(2, 3).to_sparse_csr()
torch.eye(2).to_sparse().to(torch.complex64) * 2j | (c * 1j).to_dense()
(s.bfloat16() @ d.bfloat16()).float()
torch.sparse.FloatTensor(c.indices(), c.values().detach(), torch.Size([2, 3]))
"""
) + [f"torch.{name}(s)" for name in UNARY]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_results(expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = (described(result(expression, t), t) for t in BOTH)
    same(found, expected)


TEXTS = listed(
    """
s | s.detach() | c | r | k | h | one | cube | s.double() | s.long() | torch.zeros_like(s)
r.to(torch.float64) | s.detach().requires_grad_() | r.detach().requires_grad_()
torch.sparse_coo_tensor(torch.arange(2000).reshape(1, -1), torch.ones(2000), (5000,))
torch.sparse_csr_tensor(torch.arange(2001), torch.arange(2000), torch.ones(2000))
torch.sparse_coo_tensor(torch.empty(2, 0), torch.empty(0, 3), (2, 3, 3))
torch.nn.Parameter(c.detach())
torch.sparse_csr_tensor(torch.tensor([0, 1]).int(), torch.tensor([0]).int(), [1.5])
"""
)


@pytest.mark.parametrize("expression", TEXTS)
def test_texts(expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = (repr(result(expression, t)) for t in BOTH)
    assert found == expected


#: losses of a sparse leaf `s`, a dense leaf `d` or `w`, and the values `v` of a sparse tensor `c`
LOSSES = listed(
    """
torch.sparse.mm(s, d).pow(2) | (s @ d).pow(2) | torch.mm(s, d).pow(2)
torch.sparse.addmm(torch.ones(2, 2), s, d, beta=2, alpha=3).pow(2) | (s @ w[0]).pow(2)
(d @ s).pow(2) | s.to_dense().pow(2) | s.coalesce().values().pow(2)
(s * 2 + s).to_dense().pow(2) | (s * w).to_dense().pow(2) | (w + s).pow(2) | (w - s * 3).pow(2)
torch.relu(s).to_dense().pow(2) | torch.neg(s).to_dense().pow(2) | (s / 2).to_dense().pow(2)
(-s).to_dense().pow(2) | s.sum() | torch.sparse.sum(s) | torch.sparse.sum(s, 0).to_dense().pow(2)
torch.sparse.sum(s, 1).to_dense().pow(2) | torch.sparse.softmax(s, 1).to_dense().pow(2)
torch.sparse.log_softmax(s, 0).to_dense().pow(2) | torch.sparse.mm(s.t(), torch.ones(2, 2)).pow(2)
s.transpose(0, 1).to_dense().pow(2) | s.to_sparse_csr().to_dense().pow(2)
s.clone().double().to_dense().pow(2) | w.sparse_mask(s.detach()).to_dense().pow(2)
(w.to_sparse() * 2).to_dense().pow(2) | w.to_sparse_csr().to_dense().pow(2)
(torch.sparse.mm(s, d) + s @ d.detach()).pow(2)
"""
)
CSR_LOSSES = listed(
    """
torch.sparse.mm(s, d).pow(2) | (s @ d).pow(2) | s.to_dense().pow(2)
torch.relu(s * 2).to_dense().pow(2) | s.sum() | (s + s).to_dense().pow(2) | s.values().pow(2)
"""
)


def coalesced(g: Any, t: Any) -> Any:
    """A gradient as plain data: without the order and the count of equal places."""
    if g is None or g.layout is not t.sparse_coo:
        return described(g, t)
    return described(g.coalesce(), t)


def gradients(loss: str, t: Any, leaf: str, times: int) -> list:
    names = given(t)
    names["s"] = eval(leaf, names).detach().clone().requires_grad_()
    for _ in range(times):
        eval(loss, names).sum().backward()
    return [coalesced(names[name].grad, t) for name in ("s", "d", "w")]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("leaf", ["s", "c"])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients(loss: str, leaf: str, times: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = (gradients(loss, t, leaf, times) for t in BOTH)
    same(found, expected)


@pytest.mark.parametrize("loss", CSR_LOSSES)
def test_gradients_of_rows(loss: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = (gradients(loss, t, "r", 1) for t in BOTH)
    same(found, expected)


@pytest.mark.parametrize("loss", [x for x in LOSSES if "w." not in x])
def test_gradients_of_values(loss: str) -> None:
    reports = []
    for t in BOTH:
        names = given(t)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            eval(loss, names).sum().backward()
        reports.append([described(names[n].grad, t) if names[n].grad is not None else None
                        for n in ("v", "d")])  # fmt: skip
    same(reports[1], reports[0])


def test_second_derivatives() -> None:
    reports = []
    for t in BOTH:
        names = given(t)
        s, d = names["c"].detach().requires_grad_(), names["d"]
        y = t.sparse.mm(s, d).pow(3).sum()
        first = t.autograd.grad(y, [s, d], create_graph=True)
        (second,) = t.autograd.grad(first[1].sin().sum(), [d], retain_graph=True)
        tensors = [first[0].detach().coalesce(), first[1], second]
        reports.append([described(x.detach(), t) for x in tensors])
    same(reports[1], reports[0])


def test_backward_from_a_sparse_tensor_and_hooks() -> None:
    reports = []
    for t in BOTH:
        s = given(t)["c"].detach().requires_grad_()
        seen: list = []
        s.register_hook(seen.append)
        y = s * 2
        y.retain_grad()
        y.backward(y.detach())
        reports.append([described(x, t) for x in (s.grad, y.grad, *seen)])
    same(reports[1], reports[0])


ERRORS = listed(
    """
torch.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (2, 3))
torch.sparse_coo_tensor([[0, 1]], [1.0, 2.0, 3.0], (3,))
torch.sparse_coo_tensor([0, 1], [1.0, 2.0])
torch.sparse_coo_tensor([[0, 1]], torch.ones(2, 3), (3, 4))
torch.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (3,), check_invariants=True)
torch.sparse_coo_tensor([[0, -1]], [1.0, 2.0], (3,), check_invariants=True)
torch.sparse_coo_tensor([[0, -1]], [1.0, 2.0])
torch.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (3,), is_coalesced=True, check_invariants=True)
torch.sparse_csr_tensor([0, 2, 4], [0, 2, 1], [1.0, 2.0, 3.0], (2, 3), check_invariants=True)
torch.sparse_csr_tensor([0, 2, 3], [0, 5, 1], [1.0, 2.0, 3.0], (2, 3), check_invariants=True)
torch.sparse_csr_tensor([0, 2, 3], [0, 2, 1], [1.0, 2.0], (2, 3), check_invariants=True)
torch.sparse_csr_tensor([0, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0], (3, 3), check_invariants=True)
torch.sparse_csr_tensor([1, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0], (2, 3), check_invariants=True)
torch.sparse_csr_tensor([0, 2, 3], [2, 0, 1], [1.0, 2.0, 3.0], (2, 3), check_invariants=True)
torch.sparse_csr_tensor([0, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0], (2,), check_invariants=True)
s.values() | s.indices() | s.crow_indices() | r.indices() | r.is_coalesced() | r.coalesce()
w.values() | w.indices() | w.coalesce() | w.is_coalesced() | w.crow_indices() | k.crow_indices()
s @ torch.ones(2, 2) | torch.sparse.mm(s, torch.ones(2, 2)) | s @ torch.ones(2)
torch.sparse.mm(s, d.double()) | s @ d.double() | torch.sparse.mm(3, d) | s + w | s + 1 | s / w
s + one | s * torch.ones(3, 3) | s[5] | h.t() | torch.sparse.sum(w) | torch.sparse.sum(s, 5)
torch.sparse.softmax(s, 5) | w.to_sparse(3) | s.to_sparse(1) | torch.cat([s, w]) | torch.smm(w, d)
torch.index_select(s, 0, torch.tensor([7])) | s.item() | s.tolist() | bool(s) | s.detach().numpy()
s.data_ptr() | s.reshape(-1) | s.contiguous() | s.__setitem__((0, 0), 1) | s.add_(1)
torch.bmm(cube, cube) | s.untyped_storage() | torch.exp(s) | torch.cos(s) | torch.sigmoid(s)
torch.max(s) | torch.cumsum(s, 0) | torch.nonzero(s) | torch.mean(s) | s > 0 | s == s | s.view(-1)
s[0:1] | torch.equal(s, s) | torch.dot(s, s) | torch.where(s, s, s)
torch.einsum('ij,jk->ik', s, d) | F.dropout(s, 0.5) | w._nnz() | w._values()
torch.sparse.spdiags(torch.ones(2, 3), torch.tensor([0]), (3, 3)) | w.sparse_mask(w)
torch.sparse.sampled_addmm(s, d, d)
"""
)


def failure(expression: str, t: Any) -> tuple[str, str]:
    try:
        result(expression, t)
    except Exception as error:
        kind = next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
        return kind, str(error)
    return "none", ""


@pytest.mark.parametrize("expression", ERRORS)
def test_errors(expression: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = (failure(expression, t) for t in BOTH)
    assert expected[0] != "none"
    assert found[0] == expected[0], (found, expected)
    start = 21 if "Could not run" in expected[1] else 60
    assert found[1].split("\n")[0][:start] == expected[1].split("\n")[0][:start]


# --- embeddings and optimizers --------------------------------------------------------------------


def embedded(t: Any, kind: str, **options: Any) -> list:
    t.manual_seed(0)
    module = getattr(t.nn, kind)(6, 3, sparse=True, **options)
    index = t.tensor([[1, 2, 1], [4, 0, 2]])
    found: list = []
    for _ in range(2):
        y = module(index)
        y.pow(2).sum().backward()
        found += [described(y.detach(), t), described(module.weight.grad, t)]
    return [*found, type(y.grad_fn).__name__]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Embedding", {}),
        ("Embedding", {"padding_idx": 2}),
        ("Embedding", {"max_norm": 1.0}),
        ("EmbeddingBag", {"mode": "sum"}),
        ("EmbeddingBag", {"mode": "mean"}),
        ("EmbeddingBag", {"mode": "sum", "padding_idx": 1}),
    ],
)
def test_sparse_gradients_of_tables(kind: str, options: dict) -> None:
    expected, found = (embedded(t, kind, **options) for t in BOTH)
    same(found, expected)


def test_sparse_and_dense_gradients_of_one_table_add_up() -> None:
    reports = []
    for t in BOTH:
        t.manual_seed(0)
        weight = t.randn(4, 2, requires_grad=True)
        index = t.tensor([1, 1])
        rows = t.nn.functional.embedding
        (rows(index, weight, sparse=True).sum() + (weight * 2).sum()).backward()
        both = weight.grad.clone()
        rows(index, weight, sparse=True).sum().backward()
        then = weight.grad.clone()
        weight.grad = None
        rows(index, weight, sparse=True).sum().backward()
        weight.sum().backward()
        scaled = t.randn(4, 2, requires_grad=True)
        rows(index, scaled * 3, sparse=True).sum().backward()
        grads = (both, then, weight.grad)
        reports.append([described(g, t) for g in grads] + [coalesced(scaled.grad, t)])
    same(reports[1], reports[0])


OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
    ("SparseAdam", {"lr": 0.1}),
    ("SparseAdam", {"lr": 0.1, "maximize": True}),
]


def optimised(t: Any, name: str, options: dict) -> list:
    t.manual_seed(0)
    table, bags = t.nn.Embedding(6, 3, sparse=True), t.nn.EmbeddingBag(6, 3, sparse=True)
    optimizer = getattr(t.optim, name)([*table.parameters(), *bags.parameters()], **options)
    for step in range(5):
        optimizer.zero_grad(set_to_none=step % 2 == 0)
        index = t.tensor([[1, 2, 1], [step, 5, 0]])
        (table(index).sin().sum() + bags(index).sin().sum()).backward()
        optimizer.step()
    keys = [sorted(state) for state in optimizer.state_dict()["state"].values()]
    return [described(table.weight.detach(), t), described(bags.weight.detach(), t), str(keys)]


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_optimizers(name: str, options: dict) -> None:
    expected, found = (optimised(t, name, options) for t in BOTH)
    same(found, expected)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adam", {}),
        ("RMSprop", {}),
        ("SGD", {"weight_decay": 0.1}),
        ("Adagrad", {"weight_decay": 1}),
    ],
)
def test_optimizers_refuse(name: str, options: dict) -> None:
    errors = []
    for t in BOTH:
        with pytest.raises(RuntimeError) as caught:
            optimised(t, name, options)
        errors.append(str(caught.value).split("\n")[0][:40])
    assert errors[1] == errors[0]


def test_sparse_parameters() -> None:
    reports = []
    for t in BOTH:
        module = t.nn.Module()
        module.weight = t.nn.Parameter(given(t)["c"].detach())
        module.register_buffer("adjacency", given(t)["r"])
        optimizer = t.optim.SGD(module.parameters(), lr=0.1)
        t.sparse.mm(module.weight, t.ones(3, 2)).pow(2).sum().backward()
        optimizer.step()
        state = module.state_dict()
        reports.append([str(list(state)), described(module.weight.detach().coalesce(), t)])
        reports[-1].append(described(state["adjacency"], t))
        reports[-1].append(described(module.double().adjacency, t))
    same(reports[1], reports[0])


# --- files and copies -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["s", "c", "r", "k", "h", "one"])
def test_files_go_both_ways(name: str) -> None:
    for writer, reader in ((torch, dg), (dg, torch), (dg, dg)):
        stream = io.BytesIO()
        writer.save({"x": given(writer)[name].detach()}, stream)
        stream.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = reader.load(stream)["x"]
            expected = given(reader)[name].detach()
        same(described(found, reader), described(expected, reader))


def test_deep_copies() -> None:
    for t in BOTH:
        x = given(t)["c"].detach().requires_grad_()
        same(described(copy.deepcopy(x), t), described(x, t))


def test_invariants_are_checked_on_request() -> None:
    for t in BOTH:
        check = t.sparse.check_sparse_tensor_invariants
        before = check.is_enabled()
        unsorted = ([0, 2], [1, 0], [1.0, 2.0], (1, 2))
        with check(), pytest.raises(RuntimeError, match="sorted and distinct"):
            t.sparse_csr_tensor(*unsorted)
        assert check.is_enabled() == before
        with check(False):
            t.sparse_csr_tensor(*unsorted)

            @check()
            def inside(t=t):
                return t.sparse.check_sparse_tensor_invariants.is_enabled()

            assert inside()
