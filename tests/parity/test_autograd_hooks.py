"""Hooks and the grad modes against PyTorch."""

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


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    found = differences(run(f, dynagrad), run(f, torch))
    assert not found, "\n".join(found)
