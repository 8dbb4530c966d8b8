"""Hooks, the grad modes and autograd.Function against PyTorch."""

import warnings

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def leaf(torch, *values):
    """A vector that requires grad."""
    return torch.tensor(values or (1.0, 2.0), requires_grad=True)


# --- hooks ---------------------------------------------------------------------------------------


@cases
def order_of_tensor_hooks(torch, say):
    x = leaf(torch)
    y = x * 2
    seen = []
    for name, t in (("x", x), ("y", y), ("z", y * 1)):
        t.register_hook(lambda g, name=name: seen.append((name, 1, g)))
        t.register_hook(lambda g, name=name: seen.append((name, 2, g)))
        last = t
    last.sum().backward()
    say(seen, x.grad)


@cases
def replacing_and_removing(torch, say):
    x = leaf(torch)
    y = x * 2
    first = y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    leaf_hook = x.register_hook(lambda g: g * 100)
    (y * 1).sum().backward(retain_graph=True)
    say(x.grad)
    first.remove()
    first.remove()
    leaf_hook.remove()
    x.grad = None
    (y * 1).sum().backward()
    say(x.grad)
    with x.register_hook(lambda g: -g):
        x.sum().backward()
    x.sum().backward()
    say(x.grad)


@cases
def leaf_hooks_run_once_on_the_total(torch, say):
    x = leaf(torch)
    seen = []
    x.register_hook(lambda g: seen.append(g.clone()))
    (x * 2 + x * x).sum().backward()
    say(seen, x.grad)
    x.sum().backward()
    say(len(seen), x.grad)


@cases
def hooks_that_fail(torch, say):
    x = leaf(torch)
    say.error(torch.ones(1).register_hook, print)

    def wrong_size(g):
        return torch.ones(3)

    def wrong_type(g):
        return 1.0

    def raises(g):
        raise KeyError("own error")

    for hook in (wrong_size, wrong_type, raises):
        y = x * 2
        y.register_hook(hook)
        say.error(y.sum().backward)
    (x * 2).sum().backward()
    say(x.grad)


@cases
def a_hook_may_differentiate(torch, say):
    x, w = leaf(torch), leaf(torch)
    y = x * 2

    def hook(g):
        with torch.enable_grad():
            (w * g.detach()).sum().backward()

    y.register_hook(hook)
    y.sum().backward()
    say(x.grad, w.grad)


@cases
def grad_mode_in_hooks(torch, say):
    x = leaf(torch)
    seen = []
    y = x**2
    y.register_hook(lambda g: seen.append((torch.is_grad_enabled(), g.requires_grad)))
    y.sum().backward(retain_graph=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.autograd.grad(y.sum(), x, create_graph=True)
    say(seen, torch.is_grad_enabled())


@cases
def hooks_with_create_graph(torch, say):
    x = leaf(torch)
    y = x**2
    y.register_hook(lambda g: g * 3)
    (g,) = torch.autograd.grad((y**2).sum(), x, create_graph=True)
    say(g.detach())
    say(torch.autograd.grad(g.sum(), x))


@cases
def hooks_on_captured_gradients(torch, say):
    x = leaf(torch)
    y = x * 2
    x.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g * 7)
    say(torch.autograd.grad(y.sum(), [x], retain_graph=True))
    say(torch.autograd.grad(y.sum(), [y], retain_graph=True))
    y.sum().backward(inputs=[x])
    say(x.grad)


@cases
def retained_gradients_see_hooks(torch, say):
    x = leaf(torch)
    y = x * 2
    y.register_hook(lambda g: g * 3)
    y.retain_grad()
    y.register_hook(lambda g: g * 5)
    y.sum().backward()
    say(y.grad, x.grad)


@cases
def post_accumulate(torch, say):
    x, w = leaf(torch), leaf(torch)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.clone())))
    (x * w * x).sum().backward()
    say(seen, x.grad)
    x.register_post_accumulate_grad_hook(lambda t: setattr(t, "grad", None))
    (x * w).sum().backward()
    say(seen, x.grad)
    handle.remove()
    say.error((x * 1).register_post_accumulate_grad_hook, print)
    say.error(torch.ones(1).register_post_accumulate_grad_hook, print)
    torch.autograd.grad((x * w).sum(), x)
    say(len(seen))


@cases
def post_accumulate_runs_as_soon_as_complete(torch, say):
    x, w = leaf(torch), leaf(torch)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append("x complete"))
    w.register_post_accumulate_grad_hook(lambda t: seen.append("w complete"))
    y = x * 2
    y.register_hook(lambda g: seen.append("y"))
    z = y * w
    z.register_hook(lambda g: seen.append("z"))
    z.sum().backward()
    say(seen)


@cases
def node_hooks(torch, say):
    x = leaf(torch)
    y = x * 2
    z = y.exp()
    seen = []
    z.grad_fn.register_hook(lambda gi, go: seen.append(("exp", gi, go)))
    y.grad_fn.register_hook(lambda gi, go: seen.append(("mul", gi, go)))
    y.grad_fn.register_prehook(lambda go: seen.append(("before mul", go)))
    z.sum().backward(retain_graph=True)
    say(seen, x.grad)
    a = y.grad_fn.register_hook(lambda gi, go: tuple(None if g is None else g * 10 for g in gi))
    b = y.grad_fn.register_prehook(lambda go: (go[0] + 1,))
    x.grad = None
    z.sum().backward(retain_graph=True)
    say(x.grad)
    a.remove()
    b.remove()
    x.grad = None
    z.sum().backward()
    say(x.grad)


@cases
def accumulator_hooks(torch, say):
    x = leaf(torch)
    y = x * 2
    acc = y.grad_fn.next_functions[0][0]
    seen = []
    acc.register_hook(lambda gi, go: seen.append((gi, go)))
    acc.register_prehook(lambda go: (go[0] * 5,))
    y.sum().backward()
    say(seen, x.grad)


@cases
def node_metadata(torch, say):
    y = leaf(torch) * 2
    y.grad_fn.metadata["note"] = "mine"
    say(y.grad_fn.metadata, y.grad_fn is y.grad_fn)


@cases
def hooks_of_several_outputs(torch, say):
    x = leaf(torch)
    a, b = x.unbind(0)
    seen = []
    a.register_hook(lambda g: seen.append(("a", g)))
    b.register_hook(lambda g: g * 10)
    (a * 2 + b * 3).backward(retain_graph=True)
    say(seen, x.grad)
    x.grad = None
    (a * b).backward()
    say(seen, x.grad)


# --- modes ---------------------------------------------------------------------------------------


@cases
def modes(torch, say):
    x = leaf(torch)
    with torch.no_grad():
        y = x * 2
        say(y, torch.is_grad_enabled())
        with torch.enable_grad():
            say(x * 2, torch.is_grad_enabled())
        say(torch.ones(1, requires_grad=True).requires_grad)
    say(torch.is_grad_enabled(), torch.is_inference_mode_enabled())
    with torch.inference_mode():
        say(x * 2, torch.is_grad_enabled(), torch.is_inference_mode_enabled())
    with torch.set_grad_enabled(False):
        say(x * 2)
    torch.set_grad_enabled(False)
    say(x * 2)
    torch.set_grad_enabled(True)
    say(x * 2)


@cases
def modes_as_decorators(torch, say):
    x = leaf(torch)

    @torch.no_grad()
    def double(t):
        return t * 2

    @torch.no_grad
    def triple(t):
        return t * 3

    @torch.enable_grad()
    def square(t):
        return t * t

    @torch.set_grad_enabled(False)
    def quad(t):
        return t * 4

    @torch.inference_mode()
    def fivefold(t):
        return (t * 5).requires_grad

    say(double(x), triple(x), square(x), quad(x), fivefold(x), double.__name__)
    with torch.no_grad():
        say(square(x), torch.is_grad_enabled())
    say(torch.is_grad_enabled())


@cases
def modes_and_errors(torch, say):
    try:
        with torch.no_grad():
            raise KeyError("x")
    except KeyError:
        say(torch.is_grad_enabled())

    @torch.no_grad()
    def fails():
        raise ValueError("y")

    say.error(fails)
    say(torch.is_grad_enabled())


@cases
def modes_on_generators(torch, say):
    x = leaf(torch)

    @torch.no_grad()
    def numbers():
        received = yield (x * 1).requires_grad
        while received is not None:
            try:
                received = yield (x * received).requires_grad
            except KeyError:
                received = yield "caught"
        return "done"

    generator = numbers()
    say(next(generator), torch.is_grad_enabled())
    say(generator.send(2.0), torch.is_grad_enabled())
    say(generator.throw(KeyError("k")), torch.is_grad_enabled())
    try:
        generator.send(None)
    except StopIteration as stop:
        say(stop.value)
    with torch.no_grad():
        say([(x * 1).requires_grad for _ in numbers()])
    early = numbers()
    next(early)
    early.close()
    say(torch.is_grad_enabled())


@cases
def modes_nest(torch, say):
    with torch.inference_mode(False):
        say(torch.is_grad_enabled(), torch.is_inference_mode_enabled())
    with torch.no_grad(), torch.inference_mode(False):
        say(torch.is_grad_enabled())


# --- Function ------------------------------------------------------------------------------------


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
