"""The doors of the graph against PyTorch: hooks on saved values."""

import warnings

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def leaf(torch, *values):
    """A vector that requires grad."""
    return torch.tensor(values or (1.0, 2.0), requires_grad=True)


def logging_hooks(torch, log):
    """Hooks that write down what they see and keep a copy."""

    def pack(t):
        place = type(t.grad_fn).__name__, t.requires_grad
        log.append(("pack", *place, t.detach().clone(), torch.is_grad_enabled()))
        return t.detach().clone()

    def unpack(t):
        log.append(("unpack", tuple(t.shape), torch.is_grad_enabled()))
        return t

    return torch.autograd.graph.saved_tensors_hooks(pack, unpack)


#: operations on two vectors (x, y) whose saved values are PyTorch's, in PyTorch's order
OPERATIONS = {
    "mul": lambda torch, x, y: x * y,
    "by_a_number": lambda torch, x, y: x * 2.0 + 1 - y / 3,
    "div": lambda torch, x, y: x / y,
    "exp": lambda torch, x, y: x.exp(),
    "sin_tanh": lambda torch, x, y: x.sin().tanh(),
    "square": lambda torch, x, y: x**2,
    "outer_product": lambda torch, x, y: x.reshape(2, 1) @ y.reshape(1, 2),
    "written": lambda torch, x, y: x.sin().mul_(3),
    "result_written": lambda torch, x, y: x.sin().tanh_(),
    "index": lambda torch, x, y: x[torch.tensor([0, 0])] * 2,
    "log_softmax": lambda torch, x, y: x.log_softmax(0),
    "maximum_of_rows": lambda torch, x, y: x.reshape(1, 2).max(1)[0],
    "std": lambda torch, x, y: x.std(),
    "norm": lambda torch, x, y: (x * 1).norm(),
    "joined": lambda torch, x, y: torch.cat([x, y]) * 3,
    "where": lambda torch, x, y: torch.where(x > 1, x, y),
    "relu": lambda torch, x, y: x.relu(),
    "logsumexp": lambda torch, x, y: x.logsumexp(0),
    "sum_and_views": lambda torch, x, y: x[1:].reshape(1, 1).expand(3, 1).sum(0).mean(),
    "broadcast": lambda torch, x, y: x.reshape(2, 1) * y,
    "half_constant": lambda torch, x, y: x * y.detach(),
    "sqrt": lambda torch, x, y: x.sqrt() * y.sigmoid(),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("create_graph", [False, True])
def test_packs_what_torch_packs(name: str, create_graph: bool) -> None:
    def scenario(torch, say):
        x, y = leaf(torch), leaf(torch, 3.0, 4.0)
        log: list = []
        with logging_hooks(torch, log):
            z = OPERATIONS[name](torch, x, y)
        say(len(log))
        grads = torch.autograd.grad(z.sum(), [x, y], create_graph=create_graph, allow_unused=True)
        say(log, [None if g is None else g.detach() for g in grads])
        if create_graph and grads[0] is not None and grads[0].requires_grad:
            more = torch.autograd.grad(grads[0].sum(), [x, y], materialize_grads=True)
            say(more)

    assert not differences(run(scenario, dynagrad), run(scenario, torch))


@cases
def innermost_hooks_win(torch, say):
    log = []
    x = leaf(torch)
    hooks = torch.autograd.graph.saved_tensors_hooks

    def named(name):
        return hooks(lambda t: log.append(f"pack {name}") or t, lambda t: log.append(name) or t)

    with named("outer"):
        y = x.exp()
        with named("inner"):
            z = y.sin()
        w = z.cos()
    v = w.exp()
    v.sum().backward()
    say(log, x.grad)


@cases
def the_same_hooks_twice(torch, say):
    log = []
    x = leaf(torch)
    hooks = logging_hooks(torch, log)
    with hooks:
        with hooks:
            y = x.exp()
        z = y.sin()
    z.sum().backward()
    say(log, x.grad)


@cases
def backward_within_the_context(torch, say):
    log = []
    x = leaf(torch)
    with logging_hooks(torch, log):
        y = x.exp()
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        say(log)
        (h,) = torch.autograd.grad(g.sum(), x)
    say(log, h)


@cases
def packed_by_a_function(torch, say):
    log = []

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            r = a * b
            ctx.save_for_backward(a, None, r, b)
            return r

        @staticmethod
        def backward(ctx, g):
            a, none, r, b = ctx.saved_tensors
            say(none, a, r, b)
            ctx.saved_tensors  # noqa: B018 - each read unpacks
            return g * b, g * a

    a, b = leaf(torch), leaf(torch, 3.0, 4.0)
    with logging_hooks(torch, log):
        y = Product.apply(a, b)
    say(log)
    (g,) = torch.autograd.grad(y.sum(), a, create_graph=True)
    say(log)
    say(g, torch.autograd.grad(g.sum(), b))


@cases
def wrong_hooks(torch, say):
    x = leaf(torch)
    hooks = torch.autograd.graph.saved_tensors_hooks

    def tried(pack, unpack):
        with hooks(pack, unpack):
            y = (x * x).sum()
        y.backward()

    def failing(t):
        raise ValueError("no")

    say.error(tried, lambda t: t, lambda: 1)
    say.error(tried, lambda t: t, lambda t: 1)
    say.error(tried, lambda t: t, lambda t: None)
    say.error(tried, lambda t: t.mul_(2), lambda t: t)
    say.error(tried, failing, lambda t: t)
    say.error(tried, lambda t: t, failing)
    say(x.grad)
    say((x * x).sum())


@cases
def a_failing_unpack_leaves_the_graph(torch, say):
    x = leaf(torch)
    fail = [True]

    def unpack(t):
        if fail[0]:
            raise ValueError("not yet")
        return t

    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), unpack):
        y = x.exp().sum()
    say.error(y.backward)
    fail[0] = False
    y.backward(retain_graph=True)
    y.backward()
    say(x.grad)
    say.error(y.backward)


@cases
def disabled(torch, say):
    graph = torch.autograd.graph
    x = leaf(torch)

    def entered():
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            return x * x

    def disabled_within():
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            with graph.disable_saved_tensors_hooks("not here"):
                pass

    with graph.disable_saved_tensors_hooks("outer"):
        say.error(entered)
        with graph.disable_saved_tensors_hooks("inner"):
            say.error(entered)
        say.error(entered)
        say(x * x)
    say(entered())
    say.error(disabled_within)
    say(entered())


@cases
def on_cpu(torch, say):
    x = leaf(torch)
    with torch.autograd.graph.save_on_cpu(pin_memory=False):
        y = (x.exp() * x).tanh()
    y.sum().backward()
    say(x.grad)


@cases
def writes_after_packing_are_not_noticed(torch, say):
    x = leaf(torch)
    h = x * 1
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = h.exp() * h
    h.mul_(0)
    y.sum().backward()
    say(x.grad)


@pytest.mark.parametrize("scenario", cases, ids=lambda f: f.__name__)
def test_agrees(scenario) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not differences(run(scenario, dynagrad), run(scenario, torch))
