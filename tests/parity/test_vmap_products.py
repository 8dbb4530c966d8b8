"""vmap over products, reductions, linear algebra and the functions of neural networks agrees with
PyTorch: values, gradients of each example, and gradients through the batch.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dynagrad as dg
import dynagrad.func

torch = pytest.importorskip("torch")

rng = np.random.default_rng(0)
B = 3


def real(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return rng.uniform(0.1, 0.9, shape)


def whole(below: int, *shape: int) -> np.ndarray:
    return rng.integers(0, below, shape)


def linear(L, x, w, b):
    return L.nn.functional.linear(x, w, b)


def affine_layer_norm(L, x, w, b):
    return L.nn.functional.layer_norm(x, (4,), w, b)


def class_loss(L, x, t):
    return L.nn.functional.cross_entropy(x, t)


CASES: dict[str, tuple[Callable, list[np.ndarray], tuple]] = {
    "linear, shared weight": (linear, [real(B, 5), real(4, 5), real(4)], (0, None, None)),
    "linear, an ensemble": (linear, [real(B, 2, 5), real(B, 4, 5), real(B, 4)], (0, 0, 0)),
    "linear, weights only": (linear, [real(2, 5), real(B, 4, 5), real(4)], (None, 0, None)),
    "matmul": (lambda L, x, y: x @ y, [real(B, 2, 5), real(B, 5, 4)], (0, 0)),
    "matmul, stacks": (lambda L, x, y: x @ y, [real(B, 4), real(2, 4, 5)], (0, None)),
    "matmul, columns": (lambda L, x, y: x @ y, [real(2, 4, 5), real(B, 5)], (None, 0)),
    "matmul, last dimension": (lambda L, x, y: x @ y, [real(2, 5, B), real(5, 4)], (2, None)),
    "outer": (lambda L, x, y: L.outer(x, y), [real(B, 4), real(B, 5)], (0, 0)),
    "dot": (lambda L, x, y: L.dot(x, y), [real(B, 4), real(4)], (0, None)),
    "addmm": (
        lambda L, b, x, y: L.addmm(b, x, y, beta=2.0, alpha=0.5),
        [real(B, 4), real(2, 3), real(3, 4)],
        (0, None, None),
    ),
    "baddbmm": (
        lambda L, b, x, y: L.baddbmm(b, x, y),
        [real(B, 2, 2, 4), real(2, 2, 3), real(B, 2, 3, 4)],
        (0, None, 0),
    ),
    "addr": (
        lambda L, b, x, y: L.addr(b, x, y),
        [real(2, 4), real(B, 2), real(4)],
        (None, 0, None),
    ),
    "einsum": (
        lambda L, x, y: L.einsum("ij,jk->ki", x, y),
        [real(B, 2, 3), real(3, 4)],
        (0, None),
    ),
    "einsum, diagonal": (lambda L, x: L.einsum("iij->j", x), [real(B, 3, 3, 2)], (0,)),
    "trace": (lambda L, x: L.trace(x), [real(B, 3, 4)], (0,)),
    "var": (lambda L, x: L.var(x, dim=1), [real(B, 3, 4)], (2,)),
    "norm": (lambda L, x: L.linalg.vector_norm(x, ord=3, dim=0), [real(B, 3, 4)], (0,)),
    "dist": (lambda L, x, y: L.dist(x, y, 2), [real(B, 4), real(3, 4)], (0, None)),
    "prod": (lambda L, x: L.prod(x), [real(B, 3, 4)], (0,)),
    "prod of a number": (lambda L, x: L.prod(x, 0), [real(B)], (0,)),
    "logsumexp": (lambda L, x: L.logsumexp(x, (0, 1)), [real(B, 3, 4)], (0,)),
    "softmax of a number": (lambda L, x: L.softmax(x, 0), [real(B)], (0,)),
    "log_softmax": (lambda L, x: L.log_softmax(x, -1), [real(B, 3, 4)], (1,)),
    "det": (lambda L, x: L.linalg.det(x), [real(B, 3, 3)], (0,)),
    "logdet": (lambda L, x: L.logdet(x @ x.mT), [real(B, 3, 3)], (0,)),
    "solve": (lambda L, x, y: L.linalg.solve(x, y), [real(3, 3), real(B, 3, 2)], (None, 0)),
    "solve, a vector": (lambda L, x, y: L.linalg.solve(x, y), [real(B, 3, 3), real(3)], (0, None)),
    "eigenvalues": (lambda L, x: L.linalg.eigvalsh(x @ x.mT), [real(B, 3, 3)], (0,)),
    "pinv": (lambda L, x: L.linalg.pinv(x), [real(B, 4, 3)], (0,)),
    "mse": (
        lambda L, x, y: L.nn.functional.mse_loss(x, y),
        [real(B, 2, 4), real(2, 4)],
        (0, None),
    ),
    "binary cross entropy": (
        lambda L, x, y: L.nn.functional.binary_cross_entropy(x, y),
        [positive(B, 4), positive(B, 4)],
        (0, 0),
    ),
    "cross entropy of one row": (class_loss, [real(B, 5), whole(5, B)], (0, 0)),
    "cross entropy of images": (class_loss, [real(B, 2, 5, 3), whole(5, B, 2, 3)], (0, 0)),
    "cross entropy, shared targets": (class_loss, [real(B, 6, 5), whole(5, 6)], (0, None)),
    "cross entropy, smoothed": (
        lambda L, x, t: L.nn.functional.cross_entropy(x, t, label_smoothing=0.1, ignore_index=2),
        [real(B, 6, 5), whole(5, B, 6)],
        (0, 0),
    ),
    "layer norm": (affine_layer_norm, [real(B, 3, 4), real(4), real(4)], (0, None, None)),
    "layer norm, an ensemble": (
        affine_layer_norm,
        [real(B, 3, 4), real(B, 4), real(B, 4)],
        (0, 0, 0),
    ),
    "group norm": (
        lambda L, x, w: L.nn.functional.group_norm(x, 2, w),
        [real(B, 2, 4, 3), real(4)],
        (0, None),
    ),
    "batch norm in training": (
        lambda L, x, w, b: L.nn.functional.batch_norm(x, None, None, w, b, training=True),
        [real(B, 2, 4, 3), real(4), real(B, 4)],
        (0, None, 0),
    ),
    "embedding": (
        lambda L, i, w: L.nn.functional.embedding(i, w),
        [whole(4, B, 5), real(4, 3)],
        (0, None),
    ),
    "embedding, an ensemble": (
        lambda L, i, w: L.nn.functional.embedding(i, w, padding_idx=1),
        [whole(4, 5), real(B, 4, 3)],
        (None, 0),
    ),
    "embedding, other tables and indices": (
        lambda L, i, w: L.nn.functional.embedding(i, w),
        [whole(4, B, 2, 5), real(B, 4, 3)],
        (0, 0),
    ),
    "glu": (lambda L, x: L.nn.functional.glu(x, 0), [real(B, 4, 3)], (0,)),
    "pad": (lambda L, x: L.nn.functional.pad(x, (1, 2), value=2.0), [real(B, 4)], (0,)),
}


def results(L: Any, f: Callable, arrays: list[np.ndarray], dims: tuple) -> list[np.ndarray]:
    """What vmap gives, each example's gradients, and the gradients through the batch."""
    given = [L.tensor(a) for a in arrays]
    floating = tuple(i for i, a in enumerate(arrays) if a.dtype.kind == "f")
    mapped = L.func.vmap(lambda *xs: f(L, *xs), in_dims=dims)
    of_each = L.func.grad(lambda *xs: (f(L, *xs) ** 2).sum(), argnums=floating)
    found = [mapped(*given), *L.func.vmap(of_each, in_dims=dims)(*given)]
    leaves = [x.clone().requires_grad_() if i in floating else x for i, x in enumerate(given)]
    whole_loss = (mapped(*leaves) ** 3).sum()
    found += L.autograd.grad(whole_loss, [leaves[i] for i in floating])
    return [np.asarray(x.detach().numpy()) for x in found]


@pytest.mark.parametrize("name", CASES)
def test_vmap(name: str) -> None:
    f, arrays, dims = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none of them runs in a loop
        found = results(dg, f, arrays, dims)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = results(torch, f, arrays, dims)
    for a, e in zip(found, expected, strict=True):
        assert a.shape == e.shape
        np.testing.assert_allclose(a, e, rtol=1e-7, atol=1e-9)


def test_a_padding_row_of_each_table_gets_no_gradient() -> None:
    indices, tables = dg.tensor([[1, 2], [0, 1]]), dg.ones(2, 4, 3).requires_grad_()
    embed = dg.func.vmap(lambda i, w: dg.nn.functional.embedding(i, w, padding_idx=1))
    embed(indices, tables).sum().backward()
    assert tables.grad is not None
    assert tables.grad.sum(-1).tolist() == [[0.0, 0.0, 3.0, 0.0], [3.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize("L", [dg, torch], ids=["dynagrad", "torch"])
def test_values_are_checked_in_all_examples(L: Any) -> None:
    table, indices = L.zeros(4, 3), L.tensor([[0, 1], [2, 4]])
    with pytest.raises(IndexError, match="index out of range in self"):
        L.func.vmap(lambda i: L.nn.functional.embedding(i, table))(indices)
