"""Derivatives of compiled backward passes: the function runs once more where it may, and where it
may not all calls refuse it alike.
"""

from collections.abc import Callable

import pytest

import dynagrad as torch
from dynagrad.compiler.compiled import Compiled

pytest.importorskip("llvmlite")

grad = torch.autograd.grad


def second(f: Callable, *inputs: torch.Tensor) -> list[list]:
    """Second derivatives: the gradient of the squared gradients' sum, by all inputs."""
    out = f(*inputs)
    out = sum(x.sum() for x in out) if isinstance(out, tuple) else out.sum()
    first = grad(out, inputs, create_graph=True)
    penalty = sum((g * g).sum() for g in first)
    return [g.tolist() for g in (*first, *grad(penalty, inputs))]


def both(f: Callable, *inputs: torch.Tensor) -> Compiled:
    """Compare a compiled function's second derivatives with the eager ones, at several calls."""
    compiled, expected = torch.compile(f), second(f, *inputs)
    for _ in range(4):
        for ours, theirs in zip(second(compiled, *inputs), expected, strict=True):
            assert torch.allclose(torch.tensor(ours), torch.tensor(theirs), rtol=1e-5)
    assert compiled.explain().courses[0].runs == 3
    return compiled


def test_arguments_and_parameters() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    x = torch.randn(4, 3, requires_grad=True)
    both(lambda x: net(x), x)
    compiled = torch.compile(net)
    found = []
    for run in (net, compiled, compiled, compiled):
        net.zero_grad()
        (g,) = grad(run(x).sum(), x, create_graph=True)
        (g.norm(2, dim=1) - 1).square().mean().backward()
        found.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    for other in found[1:]:
        assert len(other) == len(found[0])
        assert all(torch.allclose(a, b, rtol=1e-4) for a, b in zip(found[0], other, strict=True))


def test_several_results_and_a_detached_part() -> None:
    x = torch.randn(3, requires_grad=True)
    y = torch.randn(3, requires_grad=True)
    both(lambda x, y: (x.sin() * y.detach() ** 2 + y**3, (x * y).exp()), x, y)


def test_a_tensor_with_a_history_and_hooks() -> None:
    compiled = torch.compile(lambda t: t**3)
    for _ in range(3):
        seen: list[float] = []
        x = torch.tensor([2.0], requires_grad=True)
        t = x * 3
        t.register_hook(lambda g, seen=seen: seen.append(g.item()))
        x.register_hook(lambda g, seen=seen: seen.append(g.item()))
        (g,) = grad(compiled(t).sum(), x, create_graph=True)
        assert g.item() == 324 and seen == [108, 324]
        assert grad(g, x)[0].item() == 324


def test_a_hook_of_a_parameter_runs_once() -> None:
    w = torch.tensor([2.0], requires_grad=True)
    compiled = torch.compile(lambda x: x * w**3)
    w.register_hook(lambda g: g * 10)
    for _ in range(3):
        (g,) = grad(compiled(torch.ones(1)).sum(), w, create_graph=True)
        assert g.item() == 120 and grad(g, w)[0].item() == 1200


def test_what_was_written_since_is_an_error() -> None:
    w = torch.ones(2, requires_grad=True)
    compiled = torch.compile(lambda x: (x * w**2).exp())
    for _ in range(3):
        out = compiled(torch.ones(2)).sum()
        with torch.no_grad():
            w.mul_(2)
        with pytest.raises(RuntimeError, match=r"modified by an inplace|written since"):
            grad(grad(out, w, create_graph=True)[0].sum(), w)


def test_what_has_changed_since_is_an_error() -> None:
    scale = {"by": 2.0}
    x = torch.ones(2, requires_grad=True)
    compiled = torch.compile(lambda x: x**3 * scale["by"])
    for _ in range(2):
        compiled(x)
    out = compiled(x).sum()
    scale["by"] = 3.0
    with pytest.raises(RuntimeError, match="what it read has changed since"):
        grad(out, x, create_graph=True)
    assert grad(out, x)[0].tolist() == [6, 6]


@pytest.mark.parametrize("kind", ["random", "write"])
def test_effects_refuse_it_at_every_call(kind: str) -> None:
    seen, x = torch.zeros(()), torch.ones(2, requires_grad=True)

    def f(x: torch.Tensor) -> torch.Tensor:
        if kind == "random":
            return torch.nn.functional.dropout(x**3)
        seen.add_(1)
        return x**3

    compiled = torch.compile(f)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="does not currently support double backward"):
            grad(compiled(x).sum(), x, create_graph=True)
        out = compiled(x)
        assert out.grad_fn is not None and "Compiled" in out.grad_fn.name()
        out.sum().backward()
    assert len(compiled.explain().courses) == 1


def test_results_that_were_retained_can_be_asked_twice() -> None:
    x = torch.tensor([3.0], requires_grad=True)
    compiled = torch.compile(lambda x: x**4)
    for _ in range(3):
        out = compiled(x)
        assert grad(out, x, retain_graph=True)[0].item() == 108
        (g,) = grad(out, x, create_graph=True)
        assert grad(g, x)[0].item() == 108
        with pytest.raises(RuntimeError, match="second time"):
            out.backward()
            out.backward()
