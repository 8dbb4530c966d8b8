"""Wrong uses of autograd.Function within transforms, against PyTorch, and what only PyTorch
refuses.
"""

import warnings

import pytest
from scenario import Cases, differences, run
from user_functions import numbers

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def doubling(torch, **methods):
    """A Function that doubles, with some methods replaced or (None) left out."""

    def forward(x):
        return x * 2

    def setup_context(ctx, inputs, output):
        pass

    def backward(ctx, g):
        return g * 2

    members = {"forward": forward, "setup_context": setup_context, "backward": backward}
    members |= methods
    made = {k: staticmethod(m) if callable(m) else m for k, m in members.items() if m is not None}
    return type("Doubling", (torch.autograd.Function,), made).apply


def plainly(say):
    """Without what PyTorch adds to a Function's name within transforms."""
    say[-1] = tuple([s.replace("Generated", "") if isinstance(s, str) else s for s in say[-1]])


@cases
def wrong_backward(torch, say):
    x = numbers(torch, 3)
    for backward in (
        lambda ctx, g: (),
        lambda ctx, g: (g, g),
        lambda ctx, g: (g, None),
        lambda ctx, g: None,
        lambda ctx, g: 3.0,
        lambda ctx, g: g[:2],
        lambda ctx, g: g.reshape(3, 1),
        lambda ctx, g: g.sum(),
        lambda ctx, g: torch.stack([g, g]),
        lambda ctx, g: g.float(),
        lambda ctx, g: torch.ones(3, dtype=torch.int64),
        lambda ctx: 1,
        None,
    ):
        for generated in (False, True):
            f = doubling(torch, backward=backward, generate_vmap_rule=generated)
            say.error(torch.func.grad(lambda x, f=f: f(x).sum()), x)
            plainly(say)
        say.error(lambda f=f: torch.autograd.grad(f(x.clone().requires_grad_()).sum(), []))
        leaf = x.clone().requires_grad_()
        say.error(lambda f=f, leaf=leaf: torch.autograd.grad(f(leaf).sum(), leaf))


@cases
def wrong_jvp(torch, say):
    x = numbers(torch, 3)
    for jvp in (
        None,
        lambda ctx, t: (),
        lambda ctx, t: (t, t),
        lambda ctx, t: 3.0,
        lambda ctx, t: t[:2],
        lambda ctx, t: t.sum(),
        lambda ctx: 1,
        lambda ctx, t: (t * 2,),
    ):
        f = doubling(torch, jvp=jvp)
        say.error(torch.func.jvp, f, (x,), (x,))


@cases
def wrong_vmap(torch, say):
    x = numbers(torch, 3, 2)
    say.error(torch.vmap(doubling(torch)), x)
    say.error(torch.vmap(torch.func.grad(lambda x: doubling(torch)(x).sum())), x)
    own = {"vmap": lambda info, in_dims, x: (x * 2, in_dims[0])}
    say.error(torch.vmap(doubling(torch, generate_vmap_rule=True, **own)), x)
    for vmap in (
        lambda info, in_dims, x: x * 2,
        lambda info, in_dims, x: (x * 2, 0, 0),
        lambda info, in_dims, x: None,
        lambda info, in_dims: (1, 0),
        lambda info, in_dims, x: (x * 2, (0, 0)),
        lambda info, in_dims, x: (x * 2, 5),
        lambda info, in_dims, x: (3, 0),
        lambda info, in_dims, x: (x[:2], 0),
        lambda info, in_dims, x: (x * 2, None),
    ):
        say.error(torch.vmap(doubling(torch, vmap=vmap)), x)


@cases
def wrong_style(torch, say):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    x = numbers(torch, 3)
    f = doubling(torch, forward=forward, setup_context=None)
    say.error(torch.vmap(f), x)
    say.error(torch.vmap(lambda x: f(x).sum()), x)
    f = doubling(torch, forward=forward, setup_context=None, generate_vmap_rule=True)
    say.error(torch.vmap(f), x)
    say.error(torch.vmap(torch.func.grad(f)), x)


@cases
def keywords(torch, say):
    x = numbers(torch, 3)

    def forward(x, k=2):
        return x * k

    given = set()

    def setup_context(ctx, inputs, output):
        given.add(len(inputs))

    f = doubling(torch, forward=forward, setup_context=setup_context, generate_vmap_rule=True)
    say.error(f, x, k=3)
    say.error(torch.func.grad(lambda x: f(x, k=3).sum()), x)
    plainly(say)
    say.error(torch.vmap(lambda x: f(x, k=3)), x)
    say.error(torch.func.grad(lambda x: f(x).sum()), x)
    plainly(say)
    say.error(torch.func.grad(lambda x: f(x, 4).sum()), x)
    plainly(say)
    say(sorted(given))


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = run(f, torch)
    found = differences(run(f, dynagrad), theirs, tolerance=1e-10)
    assert not found, "\n".join(found)


# --- what PyTorch refuses -------------------------------------------------------------------------


class Old(dynagrad.autograd.Function):
    """A Function whose forward takes ctx, with derivatives that are not those of its forward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return 20 * ctx.saved_tensors[0] * g

    @staticmethod
    def jvp(ctx, t):
        return 5 * t


def test_forward_with_ctx_works_without_batches() -> None:
    x = dynagrad.tensor([1.0, 2.0])
    func = dynagrad.func
    assert func.grad(lambda x: Old.apply(x).sum())(x).tolist() == [20.0, 40.0]
    assert func.grad(func.grad(Old.apply))(x[0]).tolist() == 20.0
    assert func.jvp(Old.apply, (x,), (x,))[1].tolist() == [5.0, 10.0]
    assert dynagrad.vmap(lambda x: x * Old.apply(dynagrad.tensor(3.0)))(x).tolist() == [9.0, 18.0]
    for inner in (lambda x: func.jvp(Old.apply, (x,), (x,)), func.grad(Old.apply)):
        with pytest.raises(RuntimeError, match="must override the setup_context staticmethod"):
            dynagrad.vmap(inner)(x)
    with pytest.raises(RuntimeError, match="must override the setup_context staticmethod"):
        func.jvp(lambda x: func.jvp(Old.apply, (x,), (x,))[1], (x,), (x,))


def test_jvp_may_return_none() -> None:
    f = doubling(dynagrad, jvp=lambda ctx, t: None)
    x = dynagrad.tensor([1.0, 2.0])
    y, tangent = dynagrad.func.jvp(f, (x,), (x,))
    assert y.tolist() == [2.0, 4.0]
    assert tangent.tolist() == [0.0, 0.0]


def test_tensors_given_by_name_are_differentiated() -> None:
    class Scaled(dynagrad.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor=1.0, shift=0.0):
            ctx.save_for_backward(x, factor)
            return x * factor + shift

        @staticmethod
        def backward(ctx, g):
            x, factor = ctx.saved_tensors
            return g * factor, g * x

    x = dynagrad.tensor([1.0, 2.0])
    w = dynagrad.tensor([3.0, 4.0], requires_grad=True)
    Scaled.apply(x, factor=w).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [1.0, 2.0]
