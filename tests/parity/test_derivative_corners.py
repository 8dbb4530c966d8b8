"""Derivatives of functions in the surroundings of transforms; arguments that have none."""

import numpy as np
import pytest

import dynagrad

torch = pytest.importorskip("torch")

MATRIX = [[1.0, 2.0, 0.3], [0.4, -1.0, 0.2], [0.7, 0.1, 2.0]]
FUNCTIONS = {
    "svdvals": lambda lib, a: lib.linalg.svdvals(a).pow(3).sum(),
    "lu": lambda lib, a: lib.linalg.lu_factor(a)[0].sin().sum(),
    "nuclear norm": lambda lib, a: lib.linalg.matrix_norm(a, "nuc"),
    "quantile": lambda lib, a: lib.quantile(a * a, 0.3),
    "conversion": lambda lib, a: lib.vmap(
        lambda x: x.double(memory_format=lib.contiguous_format) ** 3
    )(a.flatten()).sum(),
}
ORDERS = ["jacfwd jacfwd", "jacrev jacfwd", "jacfwd jacrev", "jacrev jacrev"]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", ORDERS)
def test_second_derivatives_by_all_orders_of_modes(name: str, order: str) -> None:
    found = []
    for lib, modes in ((dynagrad, order), (torch, "jacrev jacrev")):
        outer, inner = (getattr(lib.func, mode) for mode in modes.split())
        a = lib.tensor(MATRIX, dtype=lib.float64)
        value = outer(inner(lambda x, lib=lib: FUNCTIONS[name](lib, x)))(a)
        found.append(torch.tensor(value.tolist(), dtype=torch.float64))
    assert torch.allclose(*found, rtol=1e-9, atol=1e-9)
    assert found[1].abs().sum() > 1e-3


def _loss(name: str, argument: str):
    def run(lib):
        x = lib.tensor([[0.1, 0.2], [0.3, 0.4]])
        w = lib.tensor([1.0, 2.0], requires_grad=True)
        loss = getattr(lib.nn.functional, name)
        if argument == "target":
            return loss(x, w.expand(2, 2))
        target = x if name.startswith("binary") else lib.tensor([0, 1])
        return loss(x, target, **{argument: w})

    return run


def _normalized(lib):
    mean = lib.zeros(2, requires_grad=True)
    return lib.nn.functional.batch_norm(lib.ones(3, 2), mean, lib.ones(2))


WITHOUT_DERIVATIVE = {
    "bce": _loss("binary_cross_entropy", "weight"),
    "nll": _loss("nll_loss", "weight"),
    "cross entropy": _loss("cross_entropy", "weight"),
    "multi margin": _loss("multi_margin_loss", "weight"),
    "soft margin": _loss("soft_margin_loss", "target"),
    "batch norm": _normalized,
}


@pytest.mark.parametrize("name", WITHOUT_DERIVATIVE)
def test_arguments_without_derivative_may_not_require_grad(name: str) -> None:
    texts = []
    for lib in (dynagrad, torch):
        with pytest.raises(RuntimeError, match="is not differentiable") as caught:
            WITHOUT_DERIVATIVE[name](lib)
        texts.append(str(caught.value).partition("\n")[0])
        with lib.no_grad():
            WITHOUT_DERIVATIVE[name](lib)
    assert texts[0] == texts[1]


#: functions with a derivative of 0 by choice or by definition, and where
CORNERS = {
    "norm": (lambda lib, x: x.norm(), [0.0, 0.0]),
    "norm of rows": (lambda lib, x: lib.linalg.vector_norm(x, 2, 0, True), [0.0, -0.0]),
    "norm of order 1/2": (lambda lib, x: lib.linalg.vector_norm(x, 0.5), [0.0, 0.0]),
    "norm of order -1": (lambda lib, x: lib.linalg.vector_norm(x, -1), [0.0, 2.0]),
    "dist": (lambda lib, x: lib.dist(x, lib.ones_like(x)), [1.0, 1.0]),
    "normalize": (lambda lib, x: lib.nn.functional.normalize(x, dim=0, eps=0.0), [0.0, 0.0]),
    "sinc": (lambda lib, x: lib.sinc(x), [0.0, 1e-200, -0.0, 0.5]),
    "xlogy": (lambda lib, x: lib.xlogy(x[:2], x[2:]), [1e-200, 0.0, 1e200, 2.0]),
    "std_mean": (lambda lib, x: lib.std_mean(x)[0], [2.0, 2.0]),
}


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("cotangent", [np.inf, -np.inf, np.nan, 1.0])
def test_cotangents_that_are_not_finite_at_corners(name: str, cotangent: float) -> None:
    function, values = CORNERS[name]
    found = []
    for lib in (dynagrad, torch):
        x = lib.tensor(values, dtype=lib.float64, requires_grad=True)
        result = function(lib, x)
        result.backward(lib.full_like(result, cotangent).detach())
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["std_mean", "var_mean"])
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("dim", [None, 0, (), (0, 1)])
def test_means_of_all_elements_with_an_infinite_one(name: str, place: int, dim: object) -> None:
    found = []
    for lib in (dynagrad, torch):
        x = lib.ones(3, 1, dtype=lib.float64)
        x[place] = np.inf
        found.append([t.numpy() for t in getattr(lib, name)(x, dim=dim)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.parametrize("dim", [None, 0])
@pytest.mark.parametrize("values", [[1.0], [np.nan], [np.inf], [1.0, 3.0], [2.0, np.nan]])
@pytest.mark.parametrize("is_row", [False, True])
def test_variances_of_too_few_elements(
    name: str, dim: object, values: list[float], is_row: bool
) -> None:
    found = []
    for lib in (dynagrad, torch):
        x = lib.tensor(values, dtype=lib.float64).reshape((-1, 1) if is_row else (-1,))
        x.requires_grad_()
        with pytest.warns(UserWarning, match="degrees of freedom"):
            result = getattr(lib, name)(x, dim=dim, correction=len(values))
        result = result[0] if isinstance(result, tuple) else result
        result.backward(lib.full_like(result, -2.0).detach())
        found.append(x.grad.numpy())
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_the_sign_of_nan_in_a_norm(dtype: str) -> None:
    found = []
    for lib in (dynagrad, torch):
        x = lib.tensor([np.nan, -2.0, 0.0, 3.0], dtype=getattr(lib, dtype), requires_grad=True)
        x.norm(1).backward(lib.ones((), dtype=getattr(lib, dtype)))
        found.append(x.grad.tolist())
    assert found[0] == found[1] == [0.0, -1.0, 0.0, 1.0]
