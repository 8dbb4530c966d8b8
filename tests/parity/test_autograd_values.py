"""Gradients' values and types against PyTorch: complex numbers, promotion, broadcasting."""

import copy

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def leaf(torch, *values, dtype=None):
    """A vector that requires grad."""
    return torch.tensor(values or (1.0, 2.0), dtype=dtype, requires_grad=True)


@cases
def copies_of_non_leaves(torch, say):
    x = leaf(torch)
    say(copy.deepcopy(x), copy.deepcopy(x) is x, copy.deepcopy(x.detach()))
    say.error(copy.deepcopy, x * 2)
    (x * x).sum().backward()
    say(copy.deepcopy(x).grad)
    y = x.detach()
    pair = copy.deepcopy([y, y])
    say(pair[0] is pair[1])


@cases
def numpy_needs_detach(torch, say):
    x = leaf(torch)
    say.error(x.numpy)
    say.error((x * 2).numpy)
    say((x * 2).sum().item(), (x * 2)[0].item())
    with torch.no_grad():
        say(x.numpy().tolist())
    say.error(x.item)


@cases
def complex_gradients(torch, say):
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    w = torch.tensor([2 - 1j, 1j], requires_grad=True)
    (z * w).backward(torch.tensor([1 + 1j, 2j]))
    say(z.grad, w.grad)
    say(torch.autograd.grad((z * z).exp(), z, torch.ones(2, dtype=torch.complex64)))
    say.error((z * w).sum().backward)
    r = leaf(torch)
    (r * z).backward(torch.tensor([1j, 1 + 0j]))
    say(r.grad, z.grad)
    seen = []
    y = z * 2
    y.register_hook(lambda g: seen.append(g))
    y.backward(torch.tensor([1j, 1 + 1j]))
    say(seen, z.grad)


@cases
def complex_to_real(torch, say):
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (z.real * z.imag).sum().backward()
    say(z.grad)
    z.grad = None
    z.abs().sum().backward()
    say(z.grad)
    z.grad = None
    (z * z.conj()).real.sum().backward()
    say(z.grad)


@cases
def complex_second_order(torch, say):
    z = torch.tensor([0.5 + 1j], requires_grad=True)
    (g,) = torch.autograd.grad(z**3, z, torch.tensor([1 + 2j]), create_graph=True)
    say(g.detach())
    say(torch.autograd.grad(g, z, torch.tensor([1 - 1j])))


@cases
def dtypes_of_gradients(torch, say):
    x = leaf(torch, dtype=torch.float64)
    h = leaf(torch, dtype=torch.float16)
    f = leaf(torch)
    (x * f).sum().backward()
    (h * f).sum().backward()
    (h * 2.5).sum().backward()
    (f * torch.tensor([1, 2])).sum().backward()
    say(x.grad, h.grad, f.grad)


@cases
def broadcast_gradients(torch, say):
    a = torch.ones(3, 1, requires_grad=True)
    b = torch.ones(1, 4, requires_grad=True)
    c = torch.tensor(2.0, requires_grad=True)
    (a * b + c).sum().backward()
    say(a.grad, b.grad, c.grad)
    e = torch.ones(0, 3, requires_grad=True)
    (e * b[:, :3]).sum().backward()
    say(e.grad, b.grad)


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    found = differences(run(f, dynagrad), run(f, torch))
    assert not found, "\n".join(found)
