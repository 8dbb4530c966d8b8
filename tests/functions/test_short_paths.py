"""The quick kernels and short paths of reductions, sorting and indexing against plain NumPy."""

from typing import Any

import numpy as np
import pytest

import dynagrad as torch

DRAWS = np.random.default_rng(5)


def drawn(*shape: int, dtype: str = "float32") -> np.ndarray:
    """Numbers with many ties, both zeros and both infinities."""
    values = DRAWS.integers(-9, 9, shape) / 4
    if np.dtype(dtype).kind != "f":
        return (values * 4).astype(dtype)
    values = values * DRAWS.choice([-1.0, 1.0], shape)
    values[DRAWS.random(shape) < 0.01] = np.inf
    values[DRAWS.random(shape) < 0.01] = -np.inf
    return values.astype(dtype)


def ordered(a: np.ndarray, descending: bool) -> np.ndarray:
    """The stable order of rows, nan greatest, by Python's own sort."""
    rows = []
    for row in a.reshape(-1, a.shape[-1]).tolist():
        keys = [(x != x, 0 if x != x else x) for x in row]
        places = sorted(range(len(row)), key=keys.__getitem__)
        if descending:  # reverse=True keeps the order of equal elements
            places = sorted(range(len(row)), key=keys.__getitem__, reverse=True)
        rows.append(places)
    return np.array(rows).reshape(a.shape)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "int8", "uint8"])
def test_sort_of_many_is_stable(dtype: str, descending: bool) -> None:
    a = drawn(3, 20, 90, dtype=dtype)
    if a.dtype.kind == "f":
        a[DRAWS.random(a.shape) < 0.02] = np.nan
        a[0, 0, :3] = -np.nan
    values, places = torch.from_numpy(a).sort(-1, descending)
    assert (places.numpy() == ordered(a, descending)).all()
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(a, places.numpy(), -1))
    again = torch.from_numpy(a).argsort(-1, descending)
    assert torch.equal(places, again)


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("special", [None, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("n", "k"), [(5, 2), (30, 3), (40, 2), (90, 8), (700, 3), (700, 60)])
def test_topk_of_rows(n: int, k: int, special: float | None, largest: bool) -> None:
    a = DRAWS.integers(-50, 50, (7, n)).astype("float32")
    if special is not None:
        a[2, 1 : n - 1] = special
    values, places = torch.from_numpy(a).topk(k, 1, largest)
    expected = np.take_along_axis(a, ordered(a, largest)[:, :k], 1)
    np.testing.assert_array_equal(values.numpy(), expected)
    np.testing.assert_array_equal(values.numpy(), np.take_along_axis(a, places.numpy(), 1))
    assert all(len(set(row)) == k for row in places.tolist())


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("keepdim", [False, True])
def test_extremes_of_rows(name: str, keepdim: bool) -> None:
    a = drawn(20, 30)
    a[3, 4] = a[3, 9] = a[7, 0] = np.nan
    reduce = np.maximum.reduce if name == "max" else np.minimum.reduce
    place = np.argmax if name == "max" else np.argmin
    x = torch.from_numpy(a)
    values, places = getattr(x, name)(1, keepdim)
    np.testing.assert_array_equal(values.numpy(), reduce(a, 1, keepdims=keepdim))
    np.testing.assert_array_equal(places.numpy(), place(a, 1, keepdims=keepdim))
    over = getattr(x, f"a{name}")(1, keepdim)
    np.testing.assert_array_equal(over.numpy(), values.numpy())
    assert np.isnan(getattr(x, name)().item())
    assert getattr(x[8:], name)().item() == reduce(a[8:], None)


@pytest.mark.parametrize("shape", [(40, 401), (37, 250), (90, 100)])
def test_products_and_running_sums_of_rows(shape: tuple[int, int]) -> None:
    a = (DRAWS.random(shape) + 0.5).astype("float32")
    wide = a.astype(float)
    x = torch.from_numpy(a)
    np.testing.assert_allclose(x.prod(1).numpy(), wide.prod(1), rtol=1e-4)
    np.testing.assert_allclose(x.cumsum(1).numpy(), wide.cumsum(1).astype("float32"), rtol=2e-7)
    x = torch.from_numpy(a).requires_grad_()
    x.cumsum(1).sum().backward()
    assert x.grad is not None
    expected = np.broadcast_to(np.arange(shape[1], 0, -1), shape)
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-6)


def test_running_sums_keep_rows_apart() -> None:
    a = np.ones((8, 512), "float32")
    a[1, 3], a[6, 5] = np.nan, np.inf
    np.testing.assert_array_equal(torch.from_numpy(a).cumsum(1).numpy(), a.cumsum(1))
    a = a.reshape(2, 4, 512)
    np.testing.assert_array_equal(torch.from_numpy(a).cumsum(-1).numpy(), a.cumsum(-1))


@pytest.mark.parametrize("shape", [(3, 7), (70, 33), (300, 40)])
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_moments_of_matrices(shape: tuple[int, int], dim: int | None) -> None:
    a = (DRAWS.random(shape) + 100).astype("float32")
    x, wide = torch.from_numpy(a), a.astype(float)
    for correction in (0, 1, 2):
        kw: dict[str, Any] = {"dim": dim, "correction": correction}
        expected = wide.var(axis=dim, ddof=correction)
        np.testing.assert_allclose(x.var(**kw).numpy(), expected, rtol=1e-4)
        np.testing.assert_allclose(x.std(**kw).numpy(), np.sqrt(expected), rtol=1e-4)
    if dim is not None:
        np.testing.assert_allclose(x.sum(dim).numpy(), wide.sum(dim), rtol=1e-6)
        np.testing.assert_allclose(x.mean(dim, True).numpy(), wide.mean(dim, keepdims=True), 1e-6)
        top = wide.max(dim)
        expected = np.log(np.exp(wide - np.expand_dims(top, dim)).sum(dim)) + top
        np.testing.assert_allclose(x.logsumexp(dim).numpy(), expected, rtol=1e-6)
    assert torch.ones(3, 7).std(1).tolist() == [0.0] * 3


def test_logsumexp_of_infinite_rows() -> None:
    inf = float("inf")
    x = torch.tensor([[-inf, -inf], [inf, 1.0], [float("nan"), 1.0], [0.0, -inf]])
    found = x.logsumexp(1).numpy()
    np.testing.assert_array_equal(found, np.array([-inf, inf, np.nan, 0.0], "float32"))


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("shape", [(3, 4), (90, 100)])
def test_one_index_for_every_element(shape: tuple[int, int], dim: int) -> None:
    a = DRAWS.random(shape).astype("float32")
    i = DRAWS.integers(0, shape[dim], (shape[0] - 1, shape[1] - 1))
    x, index = torch.from_numpy(a), torch.from_numpy(i)
    cut = a[:-1] if dim != 0 else a[:, :-1]
    np.testing.assert_array_equal(
        torch.gather(x, dim, index).numpy(), np.take_along_axis(cut, i, dim)
    )
    expected = a.copy()
    rows, columns = np.indices(i.shape)
    np.add.at(expected, (i, columns) if dim == 0 else (rows, i), np.float32(1))
    added = torch.scatter_add(x, dim, index, torch.ones(i.shape))
    np.testing.assert_allclose(added.numpy(), expected, rtol=1e-6)


def test_careless_calls_get_the_general_errors() -> None:
    x, index = torch.ones(2, 3), torch.tensor([[0, 3, 1]])
    with pytest.raises(RuntimeError, match="index 3 is out of bounds for dimension 1 with size 3"):
        torch.gather(x, 1, index)
    with pytest.raises(RuntimeError, match="index -1 is out of bounds"):
        torch.gather(x, 1, index - 1)
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        x[torch.tensor([0, 5])]
    with pytest.raises(IndexError, match="Dimension out of range"):
        x.amax(2)
    with pytest.raises(TypeError, match="must be bool"):
        x.var(1, None, 1)
    assert x[torch.tensor([-1, 0])].shape == (2, 3)


class Telling(torch.Tensor):
    """A class that tells which function it has met."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func


@pytest.mark.parametrize("name", ["amax", "argmax", "cumsum", "sort", "logsumexp"])
def test_classes_that_override_know_the_public_function(name: str) -> None:
    x = torch.ones(2, 3).as_subclass(Telling)
    assert getattr(torch, name)(x, 1) is getattr(torch, name)
    assert torch.gather(torch.ones(2, 3), 1, x) is torch.gather
    assert torch.cat([torch.ones(2), x]) is torch.cat
