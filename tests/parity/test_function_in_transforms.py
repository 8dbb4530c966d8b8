"""What autograd.Function offers within transforms, against PyTorch."""

import warnings

import pytest
from scenario import Cases, differences, run
from user_functions import cube, numbers, product

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


# --- what a Function is given ---------------------------------------------------------------------


@cases
def what_vmap_is_told(torch, say):
    class Told(torch.autograd.Function):
        @staticmethod
        def forward(x, y, options, factor):
            return x * y * factor * options["k"][0]

        @staticmethod
        def setup_context(ctx, inputs, output):
            say("setup", [type(i).__name__ for i in inputs], tuple(inputs[0].shape))
            ctx.save_for_backward(inputs[0], inputs[1])

        @staticmethod
        def backward(ctx, g):
            say("backward", ctx.needs_input_grad, len(ctx.saved_tensors), tuple(g.shape))
            x, y = ctx.saved_tensors
            return g * y, g * x, None, None

        @staticmethod
        def vmap(info, in_dims, x, y, options, factor):
            say("vmap", info.batch_size, info.randomness, in_dims[1:], sorted(x.shape))
            say(type(in_dims).__name__, options["k"][0], factor)
            x, y = (
                t if d is None else t.movedim(d, 0)
                for t, d in zip((x, y), in_dims[:2], strict=True)
            )
            return x * y * factor * options["k"][0], 0

    x, y = numbers(torch, 3, 2), numbers(torch, 2)
    f = Told.apply
    options = {"k": [2.0, None]}
    say(torch.vmap(lambda x: f(x, y, options, 3))(x))
    say(torch.vmap(lambda x: f(x, y, options, 3), randomness="same")(x))
    say(torch.vmap(lambda x: f(x, y, options, 3), in_dims=1, randomness="different")(x.T))
    say(torch.vmap(lambda x, y: f(x, y, options, 3), (0, None))(x, y))
    say(torch.vmap(lambda y: f(y, y * 2, options, 3))(x))
    say(f(x, y, options, 1))


@cases
def vmap_of_several_results(torch, say):
    class Parts(torch.autograd.Function):
        @staticmethod
        def forward(x, y):
            return x * 2, y + 1, "text", None, x + y

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g, h, *rest):
            return g * 2, h

        @staticmethod
        def vmap(info, in_dims, x, y):
            x, y = x.movedim(in_dims[0], 0), y
            return (x * 2, y + 1, "text", None, (x + y).movedim(0, 1)), (0, None, None, None, 1)

    x, y = numbers(torch, 3, 2), numbers(torch, 2)

    def numbers_only(x):
        return tuple(r for r in Parts.apply(x, y) if isinstance(r, torch.Tensor))

    say(torch.vmap(numbers_only)(x), torch.vmap(numbers_only, 1)(x.T))
    say.error(torch.vmap(lambda x: Parts.apply(x, y)), x)


@cases
def results_of_a_batch(torch, say):
    def make(out_dims, results=lambda x: x * 2):
        class Twice(torch.autograd.Function):
            @staticmethod
            def forward(x):
                return results(x)

            @staticmethod
            def setup_context(ctx, inputs, output):
                pass

            @staticmethod
            def backward(ctx, *g):
                return sum(g) * 2

            @staticmethod
            def vmap(info, in_dims, x):
                return results(x), out_dims

        return Twice.apply

    x = numbers(torch, 3, 2)
    say(torch.vmap(make(0))(x), torch.vmap(make(-2))(x))
    pair = make(0, lambda x: (x * 2, x * 3))
    say(torch.vmap(pair)(x))
    say(torch.vmap(make((0, 0), lambda x: (x * 2, x * 3)))(x))
    say.error(torch.vmap(make((0,), lambda x: (x * 2, x * 3))), x)
    say.error(torch.vmap(make((0, 0, 0), lambda x: (x * 2, x * 3))), x)


@cases
def needs_of_inputs(torch, say):
    class Watch(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, y, k):
            say("forward", torch.is_grad_enabled())
            return x * y * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs[:2])
            ctx.k = inputs[2]

        @staticmethod
        def backward(ctx, g):
            say("backward", ctx.needs_input_grad)
            x, y = ctx.saved_tensors
            return g * y * ctx.k, g * x * ctx.k, None

    x, y = numbers(torch, 3), numbers(torch, 3, phase=2.0)
    say(torch.func.grad(lambda x: Watch.apply(x, y, 2).sum())(x))
    say(torch.func.grad(lambda x, y: Watch.apply(x, y, 2).sum(), (0, 1))(x, y))
    say(torch.func.grad(lambda y: Watch.apply(x, y, 2).sum())(y))
    say(torch.func.vmap(torch.func.grad(lambda y: Watch.apply(x[0], y, 2).sum()))(y))


@cases
def without_materializing(torch, say):
    class Pair(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, y):
            return x * 2, y * 3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.set_materialize_grads(False)

        @staticmethod
        def backward(ctx, g, h):
            say("backward", g is None, h is None)
            return None if g is None else g * 2, None if h is None else h * 3

        @staticmethod
        def jvp(ctx, s, t):
            say("jvp", s is None, t is None)
            return None if s is None else s * 2, None if t is None else t * 3

    x, y = numbers(torch, 3), numbers(torch, 3, phase=2.0)
    grad, jvp = torch.func.grad, torch.func.jvp
    say(grad(lambda x: Pair.apply(x, y)[0].sum())(x))
    say(grad(lambda x: Pair.apply(x, x)[1].sum())(x))
    say(torch.vmap(grad(lambda x: Pair.apply(x, y[0])[0].sum()))(x))
    say(jvp(lambda x: Pair.apply(x, x), (x,), (y,)))
    say(jvp(torch.vmap(lambda x: Pair.apply(x, x)[0]), (x,), (y,)))


@cases
def materialized(torch, say):
    class Pair(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, y, n):
            return x * 2, y * 3, n + 1

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.mark_non_differentiable(output[2])

        @staticmethod
        def backward(ctx, g, h, k):
            say("backward", g, h, k is None)
            return g * 2, h * 3, None

        @staticmethod
        def jvp(ctx, s, t, n):
            say("jvp", s is None, t is None, n is None)
            return s * 2, t * 3, None

    x, y, n = numbers(torch, 3), numbers(torch, 3, phase=2.0), torch.arange(3)
    grad, jvp = torch.func.grad, torch.func.jvp
    say(grad(lambda x: Pair.apply(x, y, n)[0].sum())(x))
    say(torch.func.vjp(lambda x: Pair.apply(x, x, n)[:2], x)[1]((x, y)))
    say(jvp(lambda x: Pair.apply(x, y, n)[:2], (x,), (y,)))


@cases
def generated_vmap_shares(torch, say):
    """What all examples share has one gradient: the sum."""

    class Affine(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, w, b):
            return w @ x + b

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, w, _ = inputs
            ctx.save_for_backward(x, w)
            ctx.save_for_forward(x, w)

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            return w.T @ g, torch.outer(g, x), g

        @staticmethod
        def jvp(ctx, x_t, w_t, b_t):
            x, w = ctx.saved_tensors
            return w_t @ x + w @ x_t + b_t

    x, w, b = numbers(torch, 5, 3), numbers(torch, 2, 3), numbers(torch, 2)
    vmap, grad, jvp = torch.vmap, torch.func.grad, torch.func.jvp

    def batch(x, w, b):
        return vmap(Affine.apply, (0, None, None))(x, w, b)

    def loss(x, w, b):
        return (batch(x, w, b) ** 2).sum()

    say(batch(x, w, b), grad(loss, (0, 1, 2))(x, w, b))
    say(jvp(batch, (x, w, b), (x * 2, w**2, b + 1)))
    say(vmap(grad(lambda w, x, b: Affine.apply(x, w, b).pow(2).sum()), (None, 0, None))(w, x, b))
    leaves = [t.clone().requires_grad_() for t in (x, w, b)]
    loss(*leaves).backward()
    say([t.grad for t in leaves])
    say(torch.func.hessian(loss, 1)(x, w, b))
    say(vmap(lambda w: loss(x, w, b))(torch.stack([w, w * 2])))
    say(
        vmap(vmap(Affine.apply, (0, None, None)), (None, 0, 0))(
            x, torch.stack([w, w + 1]), w[:, :2]
        )
    )


@cases
def written_arguments(torch, say):
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x.mul_(2)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.mark_dirty(inputs[0])

        @staticmethod
        def backward(ctx, g):
            return g * 2

        @staticmethod
        def jvp(ctx, t):
            return t.mul_(2)

        @staticmethod
        def vmap(info, in_dims, x):
            return Double.apply(x), in_dims[0]

    x, v = numbers(torch, 3), numbers(torch, 3, phase=2.0)

    def f(x):
        y = x * x
        z = Double.apply(y)
        say(z is y)
        return (y * x).sum()

    say(torch.func.grad(f)(x))
    say(torch.func.jvp(f, (x,), (v.clone(),)))
    say(torch.func.grad(lambda x: torch.func.grad(f)(x).sum())(x))
    rows = numbers(torch, 2, 3, phase=3.0)
    say(torch.vmap(f)(rows), torch.vmap(torch.func.grad(f))(rows))


@cases
def once(torch, say):
    from_module = torch.autograd.function.once_differentiable

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        @from_module
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = numbers(torch, 3)
    f = lambda x: Square.apply(x).sum()  # noqa: E731
    say(torch.func.grad(f)(x))
    say.error(torch.func.grad(lambda x: torch.func.grad(f)(x).sum()), x)


@cases
def with_captured_tensors(torch, say):
    Product, Cube = product(torch), cube(torch)
    w = numbers(torch, 3).requires_grad_()
    x = numbers(torch, 4, 3, phase=1.0)

    def f(x):
        return (Product.apply(x, w, 2.0) * Cube.apply(w)[0]).sum()

    vmap, grad, jvp = torch.vmap, torch.func.grad, torch.func.jvp
    for y in (
        f(x[0]),
        vmap(f)(x).pow(2).sum(),
        grad(f)(x[0]).pow(2).sum(),
        vmap(grad(f))(x).pow(2).sum(),
        jvp(f, (x[0],), (x[1],))[1],
        vmap(lambda x: jvp(f, (x,), (x * 2,))[1])(x).sum(),
        vmap(grad(lambda x: jvp(f, (x,), (x * 2,))[1] ** 2))(x).sum(),
    ):
        say(y.detach(), y.requires_grad)
        (g,) = torch.autograd.grad(y, w, create_graph=True)
        say(g.detach(), torch.autograd.grad(g.sum(), w, allow_unused=True))


@cases
def saved_for_forward_alone(torch, say):
    class Sine(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return torch.sin(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_forward(inputs[0], output)

        @staticmethod
        def jvp(ctx, t):
            x, y = ctx.saved_tensors
            return t * torch.cos(x) + 0 * y

    x, v = numbers(torch, 3), numbers(torch, 3, phase=2.0)
    say(torch.func.jvp(Sine.apply, (x,), (v,)), torch.func.jacfwd(Sine.apply)(x[0]))
    say.error(torch.func.grad(lambda x: Sine.apply(x).sum()), x)


@cases
def views_and_inputs_as_results(torch, say):
    def make(results):
        class Through(torch.autograd.Function):
            generate_vmap_rule = True

            @staticmethod
            def forward(x):
                return results(x)

            @staticmethod
            def setup_context(ctx, inputs, output):
                pass

            @staticmethod
            def backward(ctx, g):
                return 10 * results(g)

            @staticmethod
            def jvp(ctx, t):
                return results(t).clone()

        return Through.apply

    x, v = numbers(torch, 3), numbers(torch, 3, phase=2.0)
    for results in (lambda x: x, lambda x: x.view_as(x), lambda x: x.clone()):
        f = make(results)
        say(torch.func.grad(lambda x, f=f: (f(x) * x).sum())(x))
        say(torch.func.grad(torch.func.grad(lambda x, f=f: f(x) * x * x))(x[0]))
        say(torch.func.jvp(lambda x, f=f: f(x) * x, (x,), (v,)) if results(x) is not x else 0)
        say(torch.vmap(torch.func.grad(lambda x, f=f: f(x) * x))(x))


@cases
def complex_derivatives(torch, say):
    class Square(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(z):
            return z * z

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (z,) = ctx.saved_tensors
            return g * 2 * z.conj()

        @staticmethod
        def jvp(ctx, t):
            (z,) = ctx.saved_tensors
            return t * 2 * z

    z = torch.complex(numbers(torch, 3), numbers(torch, 3, phase=2.0))
    say(torch.func.vjp(Square.apply, z)[1](z * 1j), torch.func.jvp(Square.apply, (z,), (z * 1j,)))
    f = lambda z: Square.apply(z).abs().sum()  # noqa: E731
    say(torch.func.grad(f)(z), torch.vmap(torch.func.grad(f))(z))
    say(torch.func.grad(lambda z: torch.func.grad(f)(z).abs().sum())(z))
    say(torch.func.jvp(torch.func.grad(f), (z,), (z * 1j,)))


@cases
def other_dtypes(torch, say):
    Cube = cube(torch)
    x = numbers(torch, 3).float()
    say(torch.func.grad(lambda x: Cube.apply(x)[0].sum())(x))
    say(torch.func.jvp(lambda x: Cube.apply(x)[0], (x,), (x,)))
    say(torch.func.grad(lambda x: Cube.apply(x.double())[0].sum())(x))
    say(torch.vmap(lambda x: Cube.apply(x)[1])(torch.arange(3)))


@cases
def dual_tensors(torch, say):
    Cube, Product = cube(torch), product(torch)
    fw = torch.autograd.forward_ad
    x, v = numbers(torch, 3), numbers(torch, 3, phase=2.0)
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        say(fw.unpack_dual(Cube.apply(dual)[0]), fw.unpack_dual(Product.apply(dual, x, 3)))
        say(fw.unpack_dual(Product.apply(x, x, 3)).tangent is None)
        leaf = x.clone().requires_grad_()
        y = Product.apply(Cube.apply(fw.make_dual(leaf, v))[0], leaf, 2.0)
        (g,) = torch.autograd.grad(y.sum(), leaf, create_graph=True)
        say(fw.unpack_dual(g).tangent.detach())
        tangent = fw.unpack_dual(y).tangent
        say(torch.autograd.grad(tangent.sum(), leaf))


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = run(f, torch)
    found = differences(run(f, dynagrad), theirs, tolerance=1e-10)
    assert not found, "\n".join(found)
