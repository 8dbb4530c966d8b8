"""The graph's semantics against PyTorch: leaves, accumulation, freeing, orders, arguments."""

import warnings

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def leaf(torch, *values, dtype=None):
    """A vector that requires grad."""
    return torch.tensor(values or (1.0, 2.0), dtype=dtype, requires_grad=True)


@cases
def leaves(torch, say):
    x = leaf(torch)
    y = x * 2
    say(x, y, x.is_leaf, y.is_leaf, x.grad_fn, y.requires_grad, torch.ones(2).is_leaf)
    say(torch.ones(2).requires_grad, (torch.ones(2) * 2).is_leaf, (torch.ones(2) + x).is_leaf)
    say(x.detach(), x.data, y.detach(), x.clone(), x.detach().requires_grad_())
    say(y.grad_fn.next_functions[0][0].variable is x)
    say(x.grad, x.retains_grad, y.retains_grad, x.output_nr, y.output_nr)


@cases
def names_of_nodes(torch, say):
    x = leaf(torch)
    y = x.exp()
    say(y.grad_fn.name(), y.grad_fn.next_functions[0][0].name(), type(y.grad_fn).__name__)
    z = x * 1
    z[0] = 3.0
    say(z.grad_fn.name(), z[:1].grad_fn.name())


@cases
def accumulation(torch, say):
    x = leaf(torch)
    (x * 2).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    say(x.grad, x.grad is first, first)
    x.grad = None
    (x * 3).sum().backward()
    say(x.grad, first, x.grad.requires_grad)
    x.grad.zero_()
    (x + x + x).sum().backward()
    say(x.grad)


@cases
def gradients_do_not_alias(torch, say):
    a, b = leaf(torch), leaf(torch)
    (a + b).sum().backward()
    a.grad.add_(1)
    say(a.grad, b.grad)
    g = torch.ones(2)
    (a * 1).backward(g)
    b.backward(g)
    b.grad.mul_(5)
    say(g, a.grad, b.grad)
    a.grad = None
    a.backward(g)
    a.grad.mul_(5)
    say(g, a.grad)


@cases
def leaf_as_root(torch, say):
    x = torch.tensor(3.0, requires_grad=True)
    x.backward()
    x.backward(torch.tensor(4.0))
    say(x.grad)
    say(torch.autograd.grad(x, x), torch.autograd.grad([x, x * x], [x]))


@cases
def freed_graphs(torch, say):
    for make in (
        lambda x: x + 1,
        lambda x: x - x,
        lambda x: -x,
        lambda x: x.view(1, 2),
        lambda x: x.expand(3, 2),
        lambda x: x[0:1],
        lambda x: x * 2,
        lambda x: x * x,
        lambda x: x.exp(),
        lambda x: x.sum(),
        lambda x: x / 2,
        lambda x: x**2,
        lambda x: x.tanh(),
        lambda x: x.clone(),
        lambda x: torch.cat([x, x]),
        lambda x: x.mean(),
        lambda x: x.abs(),
        lambda x: x @ x,
    ):
        x = leaf(torch)
        y = make(x)
        y.backward(torch.ones_like(y))
        say.error(y.backward, torch.ones_like(y))
        say(x.grad)


@cases
def retain_graph(torch, say):
    x = leaf(torch)
    y = (x * x).exp().sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    say(x.grad)
    say.error(y.backward)
    say.error(torch.autograd.grad, y, x)


@cases
def shared_part_freed_by_the_first(torch, say):
    x = leaf(torch)
    shared = x * x
    a, b = shared.sum(), shared.exp().sum()
    a.backward()
    say.error(b.backward)
    say(x.grad)


@cases
def partial_grad_keeps_the_rest(torch, say):
    x, y = leaf(torch), leaf(torch, 3.0, 4.0)
    z = x * x
    out = (z * y).sum()
    say(torch.autograd.grad(out, y, retain_graph=False))
    say.error(torch.autograd.grad, out, x)
    say(torch.autograd.grad(z.sum(), x))


@cases
def orders(torch, say):
    x = leaf(torch, 0.5, 1.5)
    y = (x**4).sum()
    for order in range(1, 5):
        (g,) = torch.autograd.grad(y, x, create_graph=True)
        say(g.detach(), g.requires_grad or order == 4)
        y = g.sum()


@cases
def orders_by_backward(torch, say):
    x = torch.tensor(2.0, requires_grad=True)
    y = x**3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y.backward(create_graph=True)
    first = x.grad
    say(first.requires_grad, first.detach(), first.is_leaf)
    x.grad = None
    first.backward()
    say(x.grad)


@cases
def accumulates_out_of_place_with_create_graph(torch, say):
    x = torch.tensor(2.0, requires_grad=True)
    (x * 3).backward()
    first = x.grad
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x**2).backward(create_graph=True)
    say(x.grad is first, first, x.grad.detach(), x.grad.requires_grad)
    (x * 2).backward()
    say(x.grad.detach(), x.grad.requires_grad)


@cases
def mixed_second_order(torch, say):
    x, y = leaf(torch, 0.5, 1.0), leaf(torch, 2.0, 3.0)
    z = (x * x * y + (x * y).tanh()).sum()
    gx, gy = torch.autograd.grad(z, [x, y], create_graph=True)
    say(gx.detach(), gy.detach())
    say(torch.autograd.grad((gx * gx).sum() + gy.sum(), [x, y]))


@cases
def grad_outputs(torch, say):
    x = leaf(torch)
    y = x * x
    say(torch.autograd.grad(y, x, torch.tensor([1.0, 10.0]), retain_graph=True))
    say(torch.autograd.grad([y, y.sum()], [x], [torch.ones(2), None], retain_graph=True))
    say(torch.autograd.grad((y, y), x, (torch.ones(2), torch.ones(2)), retain_graph=True))
    w = torch.ones(2, requires_grad=True)
    (g,) = torch.autograd.grad(y, x, w, create_graph=True)
    say(torch.autograd.grad(g.sum(), [w, x]))
    say.error(torch.autograd.grad, y, x)
    say.error(torch.autograd.grad, y, x, torch.ones(3))
    say.error(torch.autograd.grad, y, x, torch.ones(1, 2))
    say.error(torch.autograd.grad, y, x, [torch.ones(2), torch.ones(2)], retain_graph=True)
    say.error(torch.autograd.grad, y, x, 2.0)
    say.error(torch.autograd.grad, y, x, [2.0])
    say.error(torch.autograd.grad, y, x, torch.ones(2, dtype=torch.complex64))
    say(torch.autograd.grad(y, x, torch.ones(2, dtype=torch.float64), retain_graph=True))
    say(torch.autograd.grad(y, x, torch.ones(2, dtype=torch.int64), retain_graph=True))


@cases
def unused_inputs(torch, say):
    x, w = leaf(torch), leaf(torch)
    y = (x * x).sum()
    say.error(torch.autograd.grad, y, w, retain_graph=True)
    say.error(torch.autograd.grad, y, [x, w], retain_graph=True)
    say.error(torch.autograd.grad, y, x[:1], retain_graph=True)
    say.error(torch.autograd.grad, y, x.detach(), retain_graph=True)
    say(torch.autograd.grad(y, [x, w], allow_unused=True, retain_graph=True))
    say(torch.autograd.grad(y, [w, x], materialize_grads=True, retain_graph=True))
    say.error(
        torch.autograd.grad, y, [w], allow_unused=False, materialize_grads=True, retain_graph=True
    )
    (g,) = torch.autograd.grad(y, w, materialize_grads=True, create_graph=True)
    say(g)


@cases
def gradient_with_respect_to_the_middle(torch, say):
    x = leaf(torch)
    y = x.exp()
    z = (y * y).sum()
    say(torch.autograd.grad(z, [y, x], retain_graph=True), torch.autograd.grad(z, z))
    say(torch.autograd.grad(z, [y], retain_graph=True), torch.autograd.grad(z, [x, x]))
    a, b = x.clone().unbind(0)
    say(torch.autograd.grad(a * b, [b, a]))
    m = x.clone().unbind(0)
    say(torch.autograd.grad(m[0] * 3, [m[1]], allow_unused=True))


@cases
def backward_to_inputs(torch, say):
    x, w = leaf(torch), leaf(torch)
    y = x * x
    z = (y * w).sum()
    z.backward(inputs=[x], retain_graph=True)
    say(x.grad, w.grad)
    z.backward(inputs=w, retain_graph=True)
    say(x.grad, w.grad)
    y.retain_grad()
    z.backward(inputs=[y, x], retain_graph=True)
    say(y.grad, x.grad)
    say.error(z.backward, inputs=[])
    say.error(z.backward, inputs=[torch.ones(2)])
    say.error(z.backward, inputs=[leaf(torch)])
    torch.autograd.backward([z, y.sum()], inputs=(x, w))
    say(x.grad, w.grad)


@cases
def backward_of_several(torch, say):
    x = leaf(torch)
    torch.autograd.backward([x.sum(), (x * x).sum(), x * 3], [None, None, torch.ones(2)])
    say(x.grad)
    torch.autograd.backward((x.sum(), x.sum()), (torch.tensor(2.0), None))
    say(x.grad)
    torch.autograd.backward(x.sum(), torch.tensor(2.0))
    say(x.grad)


@cases
def bad_backward(torch, say):
    x = leaf(torch)
    say.error(x.backward)
    say.error((x * 2).backward)
    say.error(torch.ones(1).backward)
    say.error(torch.ones(2).sum().backward)
    say.error(x.detach().sum().backward)
    say.error(x.sum().backward, torch.ones(2))
    say.error(x.sum().backward, torch.ones(1))
    say.error((x * 1).backward, torch.ones(2, dtype=torch.complex64))
    say.error(torch.autograd.backward, [x.sum()], [None, None])
    say.error(torch.autograd.backward, [x.sum(), x.sum()], [None])
    say.error(torch.autograd.backward, [x * 1], [2.0])
    say.error((torch.ones(2, 2).sum(0) > 0).backward)
    say.error(torch.autograd.backward, [torch.ones(1)])
    with torch.no_grad():
        y = x.sum()
    say.error(y.backward)
    say.error(torch.autograd.grad, torch.ones(1), x)
    say(x.grad)


@cases
def one_element_is_enough(torch, say):
    x = torch.ones(1, 1, requires_grad=True)
    (x * 2).backward()
    say(x.grad)


@cases
def requires_grad_flags(torch, say):
    x = leaf(torch)
    y = x * 1
    say.error(y.requires_grad_, False)
    say.error(setattr, y, "requires_grad", False)
    y.requires_grad_(True)
    x.requires_grad_(False)
    say(x.requires_grad, y.requires_grad, x.is_leaf)
    x.requires_grad = True
    for dtype in (torch.int64, torch.int32, torch.uint8, torch.bool):
        t = torch.ones(2, dtype=dtype)
        say.error(t.requires_grad_)
        say.error(setattr, t, "requires_grad", True)
        t.requires_grad_(False)
    say.error(torch.tensor, [1, 2], requires_grad=True)
    say.error(torch.ones, 2, dtype=torch.int64, requires_grad=True)
    say.error(torch.zeros, 2, dtype=torch.bool, requires_grad=True)
    say(torch.zeros(2, dtype=torch.complex64, requires_grad=True).requires_grad)
    say(torch.zeros(2, dtype=torch.float16, requires_grad=True).requires_grad)


@cases
def grad_setter(torch, say):
    x = leaf(torch)
    g = torch.ones(2)
    x.grad = g
    say(x.grad is g)
    x.sum().backward()
    say(x.grad is g, g)
    say.error(setattr, x, "grad", torch.ones(3))
    say.error(setattr, x, "grad", torch.ones(2, dtype=torch.float64))
    say.error(setattr, x, "grad", x)
    say.error(setattr, x, "grad", 1)
    say.error(setattr, x, "grad", [1.0, 1.0])
    say(x.grad)
    del x.grad
    say(x.grad)
    plain = torch.zeros(2)
    plain.grad = g
    say(plain.grad is g, plain.requires_grad)
    y = x * 1
    y.grad = g
    say(y.grad is g)


@cases
def grad_of_a_non_leaf_warns(torch, say):
    x = leaf(torch)
    y = x * 1
    say.warning(lambda: y.grad)
    say.warning(lambda: x.grad)
    y.retain_grad()
    say.warning(lambda: y.grad)
    say.warning(lambda: torch.ones(1).grad)


@cases
def create_graph_warns_of_the_cycle(torch, say):
    x = leaf(torch)
    say(x.grad)
    (x * x).sum().backward(retain_graph=True)
    say(x.grad)


@cases
def retained(torch, say):
    x = leaf(torch)
    y = x * 3
    say(y.retains_grad)
    y.retain_grad()
    y.retain_grad()
    z = y * y
    z.sum().backward(retain_graph=True)
    say(y.grad, y.retains_grad, x.grad)
    kept = y.grad
    z.sum().backward()
    say(y.grad, kept is y.grad, x.grad)
    x.retain_grad()
    say(x.retains_grad)
    say.error(torch.ones(1).retain_grad)
    w = (x * 2).retain_grad()
    say(w)


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    found = differences(run(f, dynagrad), run(f, torch))
    assert not found, "\n".join(found)
