"""The function transforms against PyTorch: each alone, in every nesting, and their wrong uses."""

import warnings

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def numbers(torch, *shape):
    """Fixed numbers of a shape, in double precision."""
    count = 1
    for n in shape:
        count *= n
    flat = torch.sin(torch.arange(count, dtype=torch.float64) * 1.7 + 0.3) * 1.5
    return flat.reshape(shape)


def scalar(torch):
    """A function of several operations, from a tensor to a number."""
    return lambda x: (torch.tanh(x) * x.sum() + torch.sin(x) ** 2).sum()


def vector(torch):
    """A function of several operations, from a tensor to one of its shape."""
    return lambda x: torch.tanh(x) * x.sum() + x**3


# --- one transform --------------------------------------------------------------------------------


@cases
def gradients(torch, say):
    x, f = numbers(torch, 3), scalar(torch)
    say(torch.func.grad(f)(x), torch.func.grad_and_value(f)(x))
    say(torch.func.grad(lambda a, b: f(a * b), argnums=1)(x, x + 1))
    say(torch.func.grad(lambda a, b: f(a * b), argnums=(0, 1))(x, x + 1))
    say(torch.func.grad(lambda a, b: f(a * b), argnums=(-1, 0))(x, x + 1))
    say(torch.func.grad(lambda d: f(d["a"] * d["b"][0]))({"a": x, "b": [x + 1]}))
    say(torch.func.grad(lambda x: (f(x), {"twice": x * 2}), has_aux=True)(x))
    say(torch.func.grad_and_value(lambda x: (f(x), (x * 2, x)), has_aux=True)(x))
    say(torch.func.grad(lambda x, *, k: f(x) * k)(x, k=3.0))
    say(torch.func.grad(lambda x: x.new_ones(()).sum())(x))
    say(x.requires_grad, x.grad)


@cases
def pulling_back(torch, say):
    x, f = numbers(torch, 2, 3), vector(torch)
    y, pull = torch.func.vjp(f, x)
    say(y, pull(x), pull(x * 2), pull(torch.ones_like(x)))
    y, pull = torch.func.vjp(lambda a, b: (a * b.sum(), {"k": [a.sum(), b]}), x, x + 1)
    say(y, pull((x, {"k": [torch.ones((), dtype=torch.float64), x]})))
    y, pull, aux = torch.func.vjp(lambda x: (f(x), x + 1), x, has_aux=True)
    say(y, pull(x), aux)
    y, pull = torch.func.vjp(lambda x: torch.ones(2), x)
    say(y, pull(torch.ones(2)))
    say(torch.vmap(torch.func.vjp(f, x)[1])(numbers(torch, 4, 2, 3)))


@cases
def pushing_forward(torch, say):
    x, f = numbers(torch, 2, 3), vector(torch)
    say(torch.func.jvp(f, (x,), (x * 2,)))
    say(torch.func.jvp(lambda a, b: (a * b, {"k": a.sum()}), (x, x + 1), (x, x * 3)))
    say(torch.func.jvp(lambda d: d["a"] * d["b"], ({"a": x, "b": x},), ({"a": x, "b": x + 1},)))
    say(torch.func.jvp(lambda x: (f(x), x + 1), (x,), (x,), has_aux=True))
    say(torch.func.jvp(lambda x: torch.ones(2), (x,), (x,)))
    say(torch.func.jvp(lambda x: (x > 0).to(x.dtype) * x, (x,), (x,)))
    y, push = torch.func.linearize(f, x)
    say(y, push(x), push(x * 2), torch.vmap(push)(numbers(torch, 4, 2, 3)))
    y, push = torch.func.linearize(lambda a, b: (a * b, [a.sum()]), x, x + 1)
    say(y, push(x, x))


@cases
def jacobians(torch, say):
    x, f = numbers(torch, 2, 2), vector(torch)
    for jac in (torch.func.jacrev, torch.func.jacfwd):
        say(jac(f)(x), jac(lambda x: x.sum())(x))
        say(jac(lambda a, b: a * b.sum(), argnums=(0, 1))(x, x + 1))
        say(jac(lambda a, b: a * b.sum(), argnums=1)(x, x + 1))
        say(jac(lambda d: {"p": d["a"] * 2, "q": (d["a"] * d["b"]).sum()})({"a": x, "b": x[0]}))
        say(jac(lambda x: (f(x), x.sum()), has_aux=True)(x))
        say(jac(lambda x: (x, torch.ones(2, dtype=torch.float64)))(x))
    jac = torch.func.jacrev
    say(jac(f, chunk_size=3)(x), jac(f, chunk_size=1)(x), jac(f, chunk_size=100)(x))
    say(torch.func.hessian(scalar(torch))(x))
    say(torch.func.hessian(lambda a, b: (a * b).sum() ** 2, argnums=(0, 1))(x, x + 1))


@cases
def batches(torch, say):
    x, f = numbers(torch, 3, 4), scalar(torch)
    vmap = torch.vmap
    say(vmap(f)(x), vmap(f, 1)(x), vmap(vector(torch), 0, 1)(x), vmap(vector(torch), -1, -1)(x))
    say(vmap(lambda a, b: a * b, (0, None))(x, x[0]), vmap(lambda a, b: a * b, (0, 1))(x, x.T))
    say(vmap(lambda a, b: a + b["k"][0], (0, {"k": [None]}))(x, {"k": [x[0]]}))
    say(vmap(lambda a, b: a + b["k"][0], (0, None))(x, {"k": [x[0]]}))
    say(vmap(lambda a: (a, {"sum": a.sum()}))(x), vmap(lambda a: (a, a.sum()), 0, (1, 0))(x))
    say(vmap(lambda a: (a, x[0]), out_dims=(0, None))(x), vmap(lambda a: x[0])(x))
    say(vmap(lambda a: torch.ones(2))(x), vmap(lambda a, k: a * k, (0, None))(x, 3))
    say(vmap(f, chunk_size=2)(x), vmap(lambda a: (a, a.sum()), chunk_size=1, out_dims=(1, 0))(x))
    say(vmap(vmap(f))(numbers(torch, 2, 3, 4)), vmap(vmap(f, 1), 1)(numbers(torch, 2, 3, 4)))
    say(vmap(lambda a, b: vmap(lambda c: (a * c).sum())(b), (0, None))(x, x + 1))
    say(vmap(lambda a, b: torch.dot(a, b))(x, x + 1), vmap(torch.mv, (None, 0))(x, x))
    say(vmap(lambda a, k: a * k)(x, torch.arange(3)), vmap(lambda a: a.shape[0] * a.ndim * a)(x))


@cases
def batches_of_none(torch, say):
    x = numbers(torch, 0, 4)
    say(torch.vmap(lambda a: a.sum())(x), torch.vmap(lambda a: (a @ a, a * 2))(x))
    say(torch.vmap(torch.func.grad(lambda a: (a**2).sum()))(x))


# --- nesting --------------------------------------------------------------------------------------


@cases
def twice(torch, say):
    x, f, g = numbers(torch, 3), scalar(torch), vector(torch)
    grad, jvp, vmap = torch.func.grad, torch.func.jvp, torch.vmap
    say(grad(lambda x: grad(f)(x).sum())(x), grad(lambda x: (grad(f)(x) * x).sum())(x))
    say(grad(grad(grad(torch.sin)))(x[0]), jvp(grad(f), (x,), (x * 2,)))
    say(grad(lambda x: (jvp(g, (x,), (x,))[1] * x).sum())(x))
    say(grad(lambda x: (jvp(g, (x,), (x,))[0] * x).sum())(x))
    say(jvp(lambda x: jvp(g, (x,), (x * 3,))[1], (x,), (x + 1,)))
    say(jvp(lambda x: x * jvp(lambda y: x + y, (x,), (x,))[1], (x,), (x,)))
    say(vmap(grad(f))(numbers(torch, 4, 3)), grad(lambda x: vmap(f)(x).sum())(numbers(torch, 4, 3)))
    say(vmap(lambda v: jvp(g, (x,), (v,))[1])(torch.eye(3, dtype=torch.float64)))
    say(jvp(vmap(f), (numbers(torch, 4, 3),), (numbers(torch, 4, 3) ** 2,)))


@cases
def thrice(torch, say):
    x, f = numbers(torch, 2, 3), scalar(torch)
    grad, jvp, vmap = torch.func.grad, torch.func.jvp, torch.vmap
    jacrev, jacfwd = torch.func.jacrev, torch.func.jacfwd
    for outer in (jacrev, jacfwd):
        for inner in (jacrev, jacfwd):
            say(outer(inner(f))(x[0]), outer(inner(vector(torch)))(x[0]))
            say(vmap(outer(inner(f)))(x))
    say(
        grad(lambda x: vmap(grad(lambda r: vmap(lambda s: (s * r).sum() ** 2)(x).sum()))(x).sum())(
            x
        )
    )
    say(vmap(vmap(grad(lambda v: torch.sin(v) * v)))(x))
    say(grad(lambda x: (jvp(grad(f), (x,), (x * x,))[1] ** 2).sum())(x))
    say(vmap(lambda x: grad(lambda x: (jvp(grad(f), (x,), (x * x,))[1] ** 2).sum())(x))(x))
    say(jacfwd(lambda x: vmap(torch.func.hessian(f))(x).sum(0))(x))


@cases
def what_is_captured(torch, say):
    w = numbers(torch, 3, 2).requires_grad_()
    x = numbers(torch, 4, 3)
    grad, jvp, vmap = torch.func.grad, torch.func.jvp, torch.vmap

    def f(x):
        return torch.tanh(x @ w).sum()

    for y in (
        vmap(f)(x).pow(2).sum(),
        grad(f)(x).pow(2).sum(),
        vmap(grad(f))(x).pow(2).sum(),
        jvp(f, (x,), (x * 2,))[1],
        sum(jvp(f, (x,), (x * 2,))),
        vmap(lambda x: grad(lambda x: jvp(f, (x,), (x * x,))[1] ** 2)(x))(x).sum(),
        torch.func.hessian(f)(x[0]).pow(2).sum(),
        torch.func.grad_and_value(f)(x)[1],
    ):
        say(y.detach(), y.requires_grad)
        y.backward()
        say(w.grad)
    say(torch.func.grad(lambda x: (x**2).sum())(x).requires_grad)
    with torch.no_grad():
        say(grad(f)(x), grad(lambda x: grad(f)(x).sum())(x), vmap(f)(x), jvp(f, (x,), (x,)))


@cases
def grad_mode_inside(torch, say):
    x = numbers(torch, 3)

    def f(x):
        with torch.no_grad():
            c = x**2
        return (x**3 - c).sum()

    say(torch.func.grad(f)(x), torch.func.grad(lambda x: torch.func.grad(f)(x).sum())(x))
    say(torch.func.grad(lambda x: (x.detach() * x).sum())(x))
    say(torch.func.jvp(lambda x: x.detach() * x, (x,), (x,)))


@cases
def complex_numbers(torch, say):
    z = torch.complex(numbers(torch, 3), numbers(torch, 3) ** 2)

    def f(z):
        return torch.tanh(z) * z.sum() * torch.conj(z)

    say(torch.func.vjp(f, z)[1](z * 2j), torch.func.jvp(f, (z,), (z * 2j,)))
    say(torch.func.grad(lambda z: (f(z).abs() ** 2).sum())(z))
    say(torch.func.jvp(lambda z: abs(z) + z.real - z.imag, (z,), (z * 2j,)))
    say(torch.func.linearize(f, z)[1](z * 2j), torch.vmap(f)(z.reshape(3, 1)))


# --- modules --------------------------------------------------------------------------------------


def network(torch):
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    net = net.to(torch.float64)
    for i, p in enumerate(net.parameters()):
        p.data = numbers(torch, *p.shape) / (i + 2)
    return net


@cases
def modules_as_functions(torch, say):
    net, x = network(torch), numbers(torch, 5, 3)
    call = torch.func.functional_call
    parameters = {k: v.detach() for k, v in net.named_parameters()}
    doubled = {k: v * 2 for k, v in parameters.items()}
    say(call(net, doubled, (x,)).detach(), call(net, doubled, x).detach(), net(x).detach())
    say(call(net, {"0.weight": doubled["0.weight"]}, (x,)).detach())
    say(call(net, ({"0.bias": doubled["0.bias"]}, {"2.bias": doubled["2.bias"]}), (x,)).detach())
    say(call(net, doubled, kwargs={"input": x}).detach())
    labels = torch.tensor([0, 1, 1, 0, 1])

    def loss(parameters, x, label):
        output = call(net, parameters, (x.unsqueeze(0),))
        return torch.nn.functional.cross_entropy(output, label.unsqueeze(0))

    per_sample = torch.vmap(torch.func.grad(loss), (None, 0, 0))(parameters, x, labels)
    say(per_sample, [p.grad for p in net.parameters()])
    say(torch.func.hessian(lambda p: loss(p, x[0], labels[0]))(parameters)["2.bias"]["0.bias"])
    say(torch.func.jvp(lambda p: call(net, p, (x,)), (parameters,), (doubled,))[1])
    say(torch.func.jacrev(lambda x: call(net, parameters, (x,)))(x[0]))


@cases
def ensembles(torch, say):
    models = [network(torch) for _ in range(3)]
    for i, model in enumerate(models):
        for p in model.parameters():
            p.data = p.data * (i + 1)
    parameters, buffers = torch.func.stack_module_state(models)
    say({k: v.shape for k, v in parameters.items()} == {}, buffers, len(parameters))
    say(all(p.requires_grad and p.is_leaf for p in parameters.values()))
    x = numbers(torch, 5, 3)

    def one(parameters, buffers, x):
        return torch.func.functional_call(models[0], (parameters, buffers), (x,))

    y = torch.vmap(one, in_dims=(0, 0, None))(parameters, buffers, x)
    say(y.detach())
    y.pow(2).sum().backward()
    say([p.grad for p in parameters.values()])


@cases
def tied_weights(torch, say):
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(2, 2)
            self.second = torch.nn.Linear(2, 2)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.second(self.first(x))

    net, x = Tied(), torch.ones(1, 2)
    for p in net.parameters():
        p.data = torch.ones_like(p)
    new = {"first.weight": torch.full((2, 2), 2.0)}
    call = torch.func.functional_call
    say(call(net, new, (x,)).detach(), call(net, new, (x,), tie_weights=False).detach())
    say.error(call, net, new | {"second.weight": torch.ones(2, 2)}, (x,))
    say(net(x).detach(), net.second.weight is net.first.weight)


# --- wrong uses -----------------------------------------------------------------------------------


@cases
def wrong_dimensions(torch, say):
    x, vmap = numbers(torch, 3, 4), torch.vmap
    say.error(vmap(torch.sum, 2), x)
    say.error(vmap(torch.sum, -3), x)
    say.error(vmap(torch.mul, (0, 0)), x, x.T)
    say.error(vmap(torch.mul, (0,)), x, x)
    say.error(vmap(torch.mul, (0, 0, 0)), x, x)
    say.error(vmap(torch.mul, None), x, x)
    say.error(vmap(torch.mul, (None, None)), x, x)
    say.error(vmap(torch.mul, "0"), x, x)
    say.error(vmap(torch.mul, (0, "0")), x, x)
    say.error(vmap(torch.mul, (0, 1.0)), x, x)
    say.error(vmap(torch.mul), x, 2)
    say.error(vmap(torch.mul, (0, {"a": 0})), x, x)
    say.error(vmap(torch.sum))
    say.error(vmap(torch.sum), torch.tensor(1.0))
    say.error(vmap(torch.sum, 0, 1), x)
    say.error(vmap(torch.sum, 0, -2), x)
    say.error(vmap(torch.sum, 0, "0"), x)
    say.error(vmap(torch.sum, 0, (0, 0)), x)
    say.error(vmap(torch.sum, 0, None), x)
    say.error(vmap(lambda x: (x, x), 0, (0, 0, 0)), x)
    say.error(vmap(lambda x: 1), x)
    say.error(vmap(lambda x: (x, "a")), x)
    say.error(lambda: vmap(torch.sum, randomness="sometimes")(x))
    say.error(lambda: vmap(torch.sum, chunk_size=0)(x))


@cases
def what_a_batch_cannot(torch, say):
    x, vmap = numbers(torch, 3, 4), torch.vmap
    say.error(vmap(lambda x: x if x.sum() > 0 else -x), x)
    say.error(vmap(lambda x: x.sum().item()), x)
    say.error(vmap(lambda x: x.add_(1) and x), x)


@cases
def wrong_functions(torch, say):
    x = numbers(torch, 3)
    grad, vjp, jvp, f = torch.func.grad, torch.func.vjp, torch.func.jvp, scalar(torch)
    say.error(grad(lambda x: x), x)
    say.error(grad(lambda x: (f(x), x)), x)
    say.error(grad(lambda x: 1.0), x)
    say.error(grad(f, has_aux=True), x)
    say.error(grad(f, argnums=1), x)
    say.error(grad(f, argnums=()), x)
    say.error(grad(f, argnums=(0, 0)), x)
    say.error(grad(f, argnums=[0]), x)
    say.error(grad(f), 3.0)
    say.error(grad(f), torch.arange(3))
    say.error(vjp, lambda x: 1, x)
    say.error(vjp, lambda x: (), x)
    say.error(vjp, lambda x: x > 0, x)
    say.error(vjp(f, x)[1], (x, x))
    say.error(vjp(f, x)[1], x)
    say.error(jvp, f, x, x)
    say.error(jvp, f, (x,), (x, x))
    say.error(jvp, f, (x,), x)
    say.error(jvp, f, (x,), (x[0],))
    say.error(jvp, f, (1.0,), (x,))
    say.error(jvp, f, (), ())
    say.error(jvp, lambda x: 1, (x,), (x,))
    say.error(lambda: jvp(lambda x: torch.ones(2), (x,), (x,), strict=True))
    say.error(lambda: jvp(f, (x,), (x,), has_aux=True))
    say.error(lambda: torch.func.jacrev(f, chunk_size=0)(x))
    say.error(torch.func.jacrev(lambda x: 1), x)
    say.error(torch.func.jacfwd(f), torch.complex(x, x))
    say.error(torch.func.jacrev(f), torch.complex(x, x))


@cases
def wrong_modules(torch, say):
    net, x, call = network(torch), numbers(torch, 5, 3), torch.func.functional_call
    say.error(call, net, {"3.weight": x}, (x,))
    say.error(call, net, [{"0.bias": x}, {"0.bias": x}], (x,))
    say.error(call, net, 3, (x,))
    say.error(call, net, [3], (x,))
    say.error(lambda: call(net, {"0.bias": x[0]}, (x,), strict=True))
    say.error(torch.func.stack_module_state, [])
    say.error(torch.func.stack_module_state, [net, torch.nn.Linear(2, 2)])
    say.error(torch.func.stack_module_state, [net, network(torch).eval()])
    say([type(p).__name__ for p in net.parameters()])


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = run(f, torch)
    found = differences(run(f, dynagrad), theirs, tolerance=1e-10)
    assert not found, "\n".join(found)
