"""Transforms within compiled steps: gradients of examples, Hessians, with parameters in
dictionaries, which the transforms build anew for the function that they differentiate.
"""

from collections.abc import Callable
from typing import Any

import pytest

import dynagrad as torch
from dynagrad.func import functional_call, grad, hessian, jacrev, jvp, vmap

pytest.importorskip("llvmlite")

net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def loss(params: dict, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    out = functional_call(net, params, (x[None],))
    return torch.nn.functional.mse_loss(out, y[None])


def agree(f: Callable, *calls: tuple) -> Any:
    """Compare a compiled function with itself, eagerly, at each call."""
    compiled = torch.compile(f)
    for args in calls:
        ours, theirs = compiled(*args), f(*args)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    return compiled


def data(k: int) -> tuple:
    torch.manual_seed(k)
    return torch.randn(5, 3), torch.randn(5, 1)


def test_gradients_of_each_example() -> None:
    params = {name: p.detach() for name, p in net.named_parameters()}
    each = vmap(grad(loss), in_dims=(None, 0, 0))
    compiled = agree(lambda x, y: each(params, x, y), *map(data, range(4)))
    assert [c.runs for c in compiled.explain().courses] == [3]
    params["0.bias"] = params["0.bias"] + 1  # the step reads another tensor from now on
    x, y = data(9)
    torch.testing.assert_close(compiled(x, y), each(params, x, y), rtol=1e-4, atol=1e-5)


def test_second_derivatives_by_parameters() -> None:
    params = {name: p.detach() for name, p in net.named_parameters()}
    by_bias = {"2.bias": params.pop("2.bias")}

    def f(x: torch.Tensor, y: torch.Tensor) -> Any:
        return hessian(lambda own: loss({**params, **own}, x[0], y[0]))(by_bias)

    compiled = agree(f, *map(data, range(3)))
    assert [c.runs for c in compiled.explain().courses] == [2]


def test_jacobians_and_directions() -> None:
    def f(x: torch.Tensor, y: torch.Tensor) -> Any:
        tangent = jvp(lambda v: net(v).sin(), (x,), (torch.ones_like(x),))[1]
        return tangent, jacrev(lambda pair: pair["a"] * pair["b"].sum())({"a": y, "b": x})

    compiled = agree(f, *map(data, range(3)))
    assert [c.runs for c in compiled.explain().courses] == [2]


def test_what_a_transform_hands_on_is_the_programs() -> None:
    config = {"scale": 2.0, "inner": {"shift": 1.0}}

    def of(x: torch.Tensor, config: dict, also: dict) -> torch.Tensor:
        return (x**2).sum() * config["scale"] + (x * also["inner"]["shift"]).sum()

    compiled = torch.compile(lambda x: grad(of)(x, config, also=config))
    x = torch.ones(2)
    assert [compiled(x).tolist() for _ in range(3)] == [[5, 5]] * 3
    config["scale"] = 3.0
    assert compiled(x).tolist() == [7, 7]
    config["inner"]["shift"] = 0.0
    assert compiled(x).tolist() == [6, 6]
    config["inner"] = {"shift": -1.0}
    assert compiled(x).tolist() == [5, 5]


def test_defaults_of_a_differentiated_function_are_guarded() -> None:
    table = {"k": 2.0}

    def of(x: torch.Tensor, table: dict = table) -> torch.Tensor:
        return (x * table["k"]).sum()

    compiled = torch.compile(lambda x: grad(of)(x))
    assert [compiled(torch.ones(1)).item() for _ in range(3)] == [2, 2, 2]
    table["k"] = 5.0
    assert compiled(torch.ones(1)).item() == 5
