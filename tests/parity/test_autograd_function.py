"""autograd.Function against PyTorch."""

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def leaf(torch, *values):
    """A vector that requires grad."""
    return torch.tensor(values or (1.0, 2.0), requires_grad=True)


# --- hooks ---------------------------------------------------------------------------------------


def functions(torch):
    """The Functions of the scenarios."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(x, factor, other=None):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None, None

    class Both(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x + y, x * y

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            return g + h * y, g + h * x

    return Square, Exp, Scaled, Both


@cases
def function_basics(torch, say):
    Square, Exp, Scaled, Both = functions(torch)
    x, w = leaf(torch), leaf(torch)
    y = Square.apply(x)
    say(y, type(y.grad_fn).__name__, y.grad_fn.name(), Square.apply(x.detach()))
    y.sum().backward()
    say(x.grad)
    say.error(y.sum().backward)
    say(torch.autograd.grad(Exp.apply(x).sum(), x))
    say(torch.autograd.grad(Scaled.apply(x, 3.0).sum(), x))
    a, b = Both.apply(x, w)
    say(a, b, a.grad_fn is b.grad_fn, a.output_nr, b.output_nr)
    say(torch.autograd.grad((a * b).sum(), [x, w]))
    a, b = Both.apply(x, w)
    say(torch.autograd.grad(b.sum(), [x, w]))
    with torch.no_grad():
        say(Square.apply(x))


@cases
def function_of_higher_order(torch, say):
    Square, Exp, Scaled, Both = functions(torch)
    x = leaf(torch)
    for f in (
        Square.apply,
        Exp.apply,
        lambda x: Scaled.apply(x * x, 2.0),
        lambda x: Both.apply(x, x)[1],
    ):
        y = f(x).sum()
        for _ in range(2):
            (g,) = torch.autograd.grad(y, x, create_graph=True)
            say(g.detach(), g.requires_grad)
            y = (g * x).sum()


@cases
def function_context(torch, say):
    seen = []

    class Watch(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, n, y):
            seen.append((ctx.needs_input_grad, x.requires_grad, torch.is_grad_enabled()))
            ctx.n = n
            return x * n + y

        @staticmethod
        def backward(ctx, g):
            seen.append((ctx.needs_input_grad, ctx.n, torch.is_grad_enabled(), g))
            return g * ctx.n, None, None

    x = leaf(torch)
    y = Watch.apply(x, 3, torch.ones(2))
    say(y.grad_fn.n, seen)
    y.sum().backward()
    say(seen, x.grad)


@cases
def function_extras(torch, say):
    class Parts(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            index = torch.tensor([1, 0])
            fixed = x * 2
            ctx.mark_non_differentiable(index, fixed)
            ctx.set_materialize_grads(False)
            return x * 1, fixed, index, "text", x * 3

        @staticmethod
        def backward(ctx, *grads):
            say([g is None for g in grads])
            return sum(g for g in grads if g is not None)

    x = leaf(torch)
    a, fixed, index, text, b = Parts.apply(x)
    say(a, fixed, index, text, b)
    a.sum().backward()
    say(x.grad)


@cases
def function_in_place(torch, say):
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(torch)
    y = x * 1
    z = Double.apply(y)
    say(z is y, y, y._version)
    z.sum().backward()
    say(x.grad)
    base = leaf(torch) * 1
    Double.apply(base[:1])
    say(base)
    say.error(Double.apply, x)


@cases
def function_returning_its_input(torch, say):
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 7

    x = leaf(torch)
    y = Same.apply(x)
    say(y is x, y, x.is_leaf)
    y.sum().backward()
    say(x.grad)


@cases
def function_errors(torch, say):
    def made(forward, backward):
        members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
        return type("Bad", (torch.autograd.Function,), members)

    x = leaf(torch)
    plain = lambda ctx, x: x * 1  # noqa: E731
    for backward in (
        lambda ctx, g: (g, g),
        lambda ctx, g: (g, None),
        lambda ctx, g: (),
        lambda ctx, g: torch.ones(3),
        lambda ctx, g: 1.0,
        lambda ctx, g: None,
        lambda ctx, g: torch.ones(2, dtype=torch.float64),
        lambda ctx, g: torch.ones(4, 2),
        lambda ctx, g: g[0],
    ):
        x.grad = None
        y = made(plain, backward).apply(x)
        say.error(y.sum().backward)
        say(x.grad)
    two = lambda ctx, x, n: x * n  # noqa: E731
    say.error(made(two, lambda ctx, g: (g, g)).apply(x, 2.0).sum().backward)
    say.error(made(two, lambda ctx, g: g).apply(x, 2.0).sum().backward)
    say.error(made(lambda ctx, x: 5, plain).apply, x)
    say.error(made(lambda ctx, x: ctx.save_for_backward(1), plain).apply, x)
    say.error(torch.autograd.Function.apply, x)

    class NoBackward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    say.error(NoBackward.apply(x).sum().backward)
    say.error(lambda: NoBackward()(x))


@cases
def function_stale_values(torch, say):
    Square, Exp, _, _ = functions(torch)
    x = leaf(torch)
    y = x * 1
    z = Square.apply(y)
    y.add_(1)
    say.error(z.sum().backward)
    e = Exp.apply(x)
    e.add_(1)
    say.error(e.sum().backward)
    with torch.no_grad():
        z = Square.apply(x.detach().requires_grad_())
    w = leaf(torch)
    z = Square.apply(w)
    with torch.no_grad():
        w.add_(1)
    say.error(z.sum().backward)


@cases
def once_differentiable(torch, say):
    from_module = torch.autograd.function.once_differentiable

    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        @from_module
        def backward(ctx, g):
            say(torch.is_grad_enabled())
            return 2 * g * ctx.saved_tensors[0]

    x = leaf(torch)
    Once.apply(x).sum().backward()
    say(x.grad)
    (g,) = torch.autograd.grad((Once.apply(x) ** 2).sum(), x, create_graph=True)
    say(g.detach(), g.requires_grad)
    say.error(g.sum().backward)


@cases
def function_saved_tensors_freed(torch, say):
    Square = functions(torch)[0]
    x = leaf(torch)
    y = Square.apply(x)
    say(y.grad_fn.saved_tensors)
    y.sum().backward()
    say.error(lambda: y.grad_fn.saved_tensors)


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    found = differences(run(f, dynagrad), run(f, torch))
    assert not found, "\n".join(found)
