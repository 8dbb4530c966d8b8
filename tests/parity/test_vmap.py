"""What programs do inside transforms beyond calls: writing in place, random numbers, tensors made
after others, conversion to Python. PyTorch 2.13 is the oracle.
"""

import numpy as np
import pytest
from scenario import Cases, differences, run

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

cases = Cases()


def numbers(torch, *shape):
    """The same float64 numbers in both libraries."""
    values = np.random.default_rng(3).standard_normal(shape)
    return torch.tensor(values.tolist(), dtype=torch.float64)


def after(write, start=lambda x: x.clone()):
    """The tensor that `start` makes of x, after `write(y, x)`."""

    def f(x):
        y = start(x)
        write(y, x)
        return y

    return f


def put(*pairs):
    """A function that writes y[index] = value(x) for each pair."""

    def write(y, x):
        for index, value in pairs:
            y[index] = value(x)

    return write


def said(torch, say, f, x):
    """The values of f under every transform, of x itself and of a batch of x's rows."""
    func = torch.func
    plain = func.jvp(f, (x,), (x * 2,))
    say(*[t.detach().clone() for t in plain], func.jacrev(f)(x), func.jacfwd(f)(x))
    say(func.hessian(lambda x: (f(x) ** 3).sum())(x))


def said_of_rows(torch, say, f, x):
    """The values of f of each row under nestings of vmap."""
    func = torch.func
    total = lambda r: (f(r) ** 3).sum()  # noqa: E731
    say(func.vmap(f)(x), func.vmap(func.grad(total))(x), func.vmap(func.hessian(total))(x))
    say(func.vmap(lambda r: func.jvp(f, (r,), (r * 2,)))(x))
    say(func.jvp(lambda x: func.vmap(f)(x), (x,), (x * 2,)))
    say(func.grad(lambda x: func.vmap(total)(x).sum())(x))


@cases
def views_and_bases_with_tangents(torch, say):
    x = numbers(torch, 3, 2)

    def f(x):
        z = torch.zeros(2, 2, dtype=torch.float64)
        row, column = z[0], z[:, 0]
        row.mul_(x[0])
        row.add_(x[0])
        return column * 3, z * 1, row * 1, column * z[0, 1]

    say(torch.func.jvp(f, (x,), (x * 2,)))

    def g(x):
        y = x * 1
        part = y[1]
        y.mul_(x)
        return part, y

    say(torch.func.jvp(g, (x,), (x * 2,)))
    say(torch.func.jvp(lambda x: torch.func.vmap(g)(x), (x,), (x * 2,)))

    def shared(x):
        y = x + 1  # whose tangent is x's
        y.mul_(3)
        return x * 1, y

    say(torch.func.jvp(shared, (x,), (x * 2,)))


@cases
def writes(torch, say):
    x = numbers(torch, 3, 2)

    def chain(x):
        y = x.clone()
        y.t()[0].mul_(3)
        y.view(-1)[1:3] = x[2]
        y[0] = 5.0
        return y * 1

    def into_zeros(x):
        y = torch.zeros(3, 2, dtype=torch.float64)
        y[0] = x[1]
        y[1, 0] = x[0, 0] * 2
        part = y[2]
        part.copy_(x[0])
        part.mul_(x[1])
        return y * 1

    zeros = torch.zeros_like
    said(torch, say, chain, x)
    said(torch, say, into_zeros, x)
    said(torch, say, after(put((0, lambda x: x[1]), ((1, 0), lambda x: x[0, 0])), zeros), x)
    said(torch, say, after(lambda y, x: y.fill_(x[0, 0])), x)
    said(torch, say, after(lambda y, x: y.zero_().add_(x)), x)
    said(torch, say, after(lambda y, x: y.index_add_(0, torch.tensor([1]), x[:1])), x)


@cases
def writes_in_batches(torch, say):
    x = numbers(torch, 3, 2)
    zeros = torch.zeros_like

    def parts(y, x):
        y[0] = x[1]
        y[1] = x[0] * 2
        y[1:].mul_(x[1])

    def operators(y, x):
        y += x
        y[0] += x[1]
        y /= 2
        y **= 2

    said_of_rows(torch, say, after(parts, zeros), x)
    said_of_rows(torch, say, after(operators), x)
    said_of_rows(torch, say, after(lambda y, x: y.masked_fill_(x > 0, 2.0)), x)
    said_of_rows(torch, say, after(lambda y, x: y.fill_(x[0])), x)
    said_of_rows(torch, say, after(lambda y, x: y.unsqueeze(0)[0].sin_()), x)
    say(torch.vmap(lambda r: torch.vmap(lambda s: zeros(s).add_(s).mul_(2))(r.clone().mul_(3)))(x))
    say(
        torch.vmap(lambda r: torch.vmap(after(put((0, lambda s: s)), lambda s: zeros(r * s)))(r))(x)
    )


@cases
def captured_values_are_written(torch, say):
    x = numbers(torch, 3, 2)

    def f(w):
        def of_row(r):
            y = torch.zeros_like(r)
            before = y[0:1]
            y[0] = w[1]
            y[1] = r[0] * w[0]
            y[1:].mul_(r[1] * w[1])
            return (y**3).sum() + before.sum()

        return torch.vmap(of_row)(x).sum()

    w = x[0].clone().requires_grad_()
    f(w).backward()
    say(w.grad)
    say(torch.func.grad(f)(x[0]), torch.func.hessian(f)(x[0]))


@cases
def the_callers_memory(torch, say):
    x = numbers(torch, 3, 2)
    for dim in (0, 1):
        y = x.clone()
        torch.vmap(lambda r: r.add_(1).mul_(r), in_dims=dim)(y)
        say(y)
    w = x.clone().requires_grad_()
    y = w * 2
    torch.vmap(lambda r: r.mul_(r.sum()))(y)
    y.sum().backward()
    say(y.detach(), w.grad)


@cases
def dual_numbers_by_hand(torch, say):
    x = numbers(torch, 3, 2)
    ad = torch.autograd.forward_ad
    with ad.dual_level():
        y = torch.zeros(2, 2, dtype=torch.float64)
        row = y[0]
        d = ad.make_dual(x[0], x[1])
        y[0] = d
        row.mul_(d)
        for t in (y, row):
            parts = ad.unpack_dual(t)
            say(parts.primal.clone(), parts.tangent.clone())


@cases
def unbatched_memory(torch, say):
    x = numbers(torch, 3, 2)

    def zeros(r):
        return torch.zeros(2, dtype=torch.float64)

    for write in (
        put((0, lambda r: r[0])),
        put((slice(None), lambda r: r)),
        lambda y, r: y.copy_(r),
        lambda y, r: y.mul_(r),
        lambda y, r: y.masked_fill_(r > 0, 1.0),
    ):
        say.error(torch.vmap(after(write, zeros)), x)
    inner = after(put((0, lambda s: s)), lambda s: torch.zeros(2, dtype=torch.float64))
    say.error(torch.vmap(torch.vmap(inner)), x)
    say.error(torch.vmap(lambda r: torch.func.jvp(inner, (r[0],), (r[0],))), x)


@cases
def values_for_python(torch, say):
    x = numbers(torch, 3, 2)
    for f in (
        lambda r: r if r[0] > 0 else -r,
        lambda r: r * r[0].item(),
        lambda r: r * float(r[0]),
        lambda r: r * int(r[0]),
        lambda r: torch.tensor([r[0], r[1]]),
        lambda r: torch.arange(5)[r[0].long() :],
        lambda r: r.numpy(),
        lambda r: r.data_ptr(),
        lambda r: [s for s in r if s > 0],
        lambda r: r if r[0] else r,
        lambda r: r if r.isnan().any() else r,
        lambda r: r.nonzero(),
        lambda r: r[r > 0],
    ):
        say.error(torch.vmap(f), x)


@cases
def forward_mode_and_python(torch, say):
    x = numbers(torch, 3, 2)
    jvp = torch.func.jvp
    say(jvp(lambda x: x * x[0, 1].item() if x[0, 0] < 99 else x, (x,), (x,)))
    say.error(lambda: jvp(lambda x: torch.from_numpy(x.numpy()) * x, (x,), (x,)))
    say(jvp(lambda x: x.detach() * x, (x,), (x,)), jvp(lambda x: x.data * x, (x,), (x,)))


@cases
def sequences(torch, say):
    x = numbers(torch, 3, 2)
    say(torch.vmap(lambda r: sum(a for a in r) + len(r))(x))

    def unpacked(r):
        a, b = r
        return a * b, torch.stack([b, a]), torch.stack(r.unbind()) + r.shape[0] + r.ndim

    say(torch.vmap(unpacked)(x), torch.vmap(lambda r: torch.stack([*reversed(r)]))(x))
    say(torch.vmap(lambda r: r.to(torch.float32).double() + r.clone() + r.detach().contiguous())(x))
    say(torch.vmap(lambda r: r.resize_(1) if False else r.view(2, 1).expand(2, 3).reshape(-1))(x))
    say.error(torch.vmap(lambda r: r.view(-1)), torch.ones(1, 2).expand(3, 2, 2).transpose(1, 2))


@cases
def made_after_others(torch, say):
    x = numbers(torch, 3, 2)
    say(torch.func.jvp(lambda x: x.clone().detach_() * x, (x,), (x,)))

    def f(r):
        parts = [torch.zeros_like(r), torch.ones_like(r), torch.full_like(r, 3), r.new_zeros(2)]
        parts += [r.new_ones(2), r.new_full((2,), 5), torch.empty_like(r).fill_(1), r.new_empty(2)]
        parts += [torch.zeros_like(r, dtype=torch.float32).double(), r.new_tensor([1, 2])]
        parts[7] = parts[7].zero_()
        for i, part in enumerate(parts[:-1]):
            part += r * i
        return torch.stack(parts)

    say(torch.vmap(f)(x), torch.func.jvp(f, (x[0],), (x[1],)))


DRAWS = [
    lambda torch, r: torch.rand(2),
    lambda torch, r: torch.randn(2, 2),
    lambda torch, r: torch.randint(5, (3,)),
    lambda torch, r: torch.randperm(4),
    lambda torch, r: torch.normal(0.0, 2.0, (2,)),
    lambda torch, r: torch.rand_like(r),
    lambda torch, r: torch.randn_like(r),
    lambda torch, r: torch.randint_like(r, 9),
    lambda torch, r: torch.zeros_like(r).normal_(),
    lambda torch, r: torch.zeros_like(r).uniform_(1, 2),
    lambda torch, r: torch.zeros_like(r).exponential_(),
    lambda torch, r: torch.zeros_like(r).random_(7),
    lambda torch, r: torch.zeros_like(r).bernoulli_(0.3),
    lambda torch, r: torch.bernoulli(torch.full((5,), 0.4)),
    lambda torch, r: torch.bernoulli(torch.full((5,), 0.4, dtype=torch.float64)),
]


@cases
def draws(torch, say):
    x = numbers(torch, 3, 2)
    for draw in DRAWS:
        say.error(torch.vmap(lambda r, draw=draw: draw(torch, r)), x)
        for randomness in ("same", "different"):
            torch.manual_seed(5)
            say(torch.vmap(lambda r, draw=draw: draw(torch, r), randomness=randomness)(x))


@cases
def draws_that_depend_on_the_batch(torch, say):
    x = numbers(torch, 3, 4).sigmoid()
    for draw in (
        torch.bernoulli,
        lambda r: torch.normal(r, 1.0),
        lambda r: torch.normal(r, r),
        lambda r: torch.normal(2.0, r),
        torch.poisson,
        lambda r: torch.multinomial(r, 2),
    ):
        torch.manual_seed(5)
        say.error(torch.vmap(draw), x)
        say.error(torch.vmap(draw, randomness="same"), x)
        found = torch.vmap(draw, randomness="different")(x)
        say(found.shape, found.dtype)
    say.error(torch.vmap(lambda r: torch.zeros(2).normal_(), randomness="different"), x)
    torch.manual_seed(5)
    say(torch.vmap(lambda r: torch.zeros(2).normal_() + r.sum(), randomness="same")(x))


@cases
def dropped(torch, say):
    x, drop = torch.ones(3, 8, dtype=torch.float64), torch.nn.functional.dropout
    say.error(torch.vmap(drop), x)
    say(torch.vmap(lambda r: drop(r, training=False))(x), torch.vmap(lambda r: drop(r, 0.0))(x))
    torch.manual_seed(1)
    say(torch.vmap(drop, randomness="same")(x))
    torch.manual_seed(1)
    say(torch.vmap(torch.nn.Dropout(0.3), randomness="different")(x).gt(1).shape)
    for randomness in ("same", "different"):
        torch.manual_seed(2)
        found = torch.vmap(torch.func.grad(lambda r: (drop(r) * r).sum()), randomness=randomness)(x)
        say(bool((found[0] == found[1]).all()), sorted(set(found.flatten().tolist())))


@cases
def running_statistics(torch, say):
    x, norm = numbers(torch, 2, 4, 3), torch.nn.functional.batch_norm

    def statistics(*shape):
        return torch.zeros(*shape, dtype=torch.float64), torch.ones(*shape, dtype=torch.float64)

    say.error(torch.vmap(lambda r: norm(r, *statistics(3), training=True)), x)
    say(torch.vmap(lambda r: norm(r, *statistics(3)))(x))
    mean, var = statistics(2, 3)
    say(torch.vmap(lambda r, m, v: norm(r, m, v, training=True))(x, mean, var), mean, var)
    mean, var = statistics(3)
    say(torch.func.jvp(lambda r: norm(r, mean, var, training=True), (x[0],), (x[1],)), mean, var)


@cases
def nested_draws(torch, say):
    x = numbers(torch, 3, 2)
    for outer in ("same", "different"):
        for inner in ("same", "different"):
            torch.manual_seed(7)
            rows = torch.vmap(lambda r: torch.rand(4) + 0 * r.sum(), randomness=inner)
            found = torch.vmap(lambda r, rows=rows: rows(r), randomness=outer)(x)
            distinct = [len({tuple(v) for v in found[:, j].tolist()}) for j in range(2)]
            across = [len({tuple(v) for v in found[i].tolist()}) for i in range(3)]
            say(found.shape, distinct, across)
    say.error(torch.vmap(torch.vmap(lambda r: torch.rand(1), randomness="same")), x)


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_agrees(f) -> None:
    found = differences(run(f, dynagrad), run(f, torch), tolerance=1e-10)
    assert not found, "\n".join(found)


def test_different_draws_are_one_draw_with_the_batch_in_front():
    x = dynagrad.ones(3, 2)
    dynagrad.manual_seed(0)
    found = dynagrad.vmap(lambda r: dynagrad.rand(4) + 0 * r[0], randomness="different")(x)
    dynagrad.manual_seed(0)
    assert found.tolist() == dynagrad.rand(3, 4).tolist()


def test_errors_name_the_line_of_the_program():
    def f(r):
        if r[0] > 0:  # here
            return r
        return -r

    line = f.__code__.co_firstlineno + 1
    with pytest.raises(RuntimeError, match=rf"test_vmap\.py:{line}|test_vmap\.py.*line {line}"):
        dynagrad.vmap(f)(dynagrad.ones(3, 2))


def test_masks_that_differ_within_the_batch_are_written():
    x = dynagrad.tensor([[1.0, -2.0, 3.0], [-1.0, 5.0, -6.0]])

    def f(r):
        y = r.clone()
        y[r > 0] = 0.0
        y[y < -1.5] = r[0]
        table = r.view(3, 1) * r
        table[r > 2] = 7
        return y, table

    found = dynagrad.vmap(f)(x)
    for i in range(2):
        for batch, alone in zip(found, f(x[i]), strict=True):
            assert batch[i].tolist() == alone.tolist()


def test_out_is_refused():
    with pytest.raises(RuntimeError, match="Batching rule not implemented for aten::sin.out"):
        dynagrad.vmap(lambda r: dynagrad.sin(r, out=dynagrad.zeros(2)))(dynagrad.ones(3, 2))


def test_tensors_of_the_caller_keep_no_tangent():
    y = dynagrad.zeros(2)
    row = y[:1]
    dynagrad.func.jvp(lambda x: y.copy_(x) * row, (dynagrad.ones(2),), (dynagrad.ones(2) * 3,))
    assert (y + 1).tolist() == [2.0, 2.0]
    assert y.numpy().tolist() == [1.0, 1.0]
    assert row.numpy().tolist() == [1.0]
