"""Indexing, sorting, joining and shapes inside of vmap, and of vmap over grad, against PyTorch."""

import warnings

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def numbers(torch, *shape):
    """Fixed different numbers of a shape."""
    count = 1
    for n in shape:
        count *= n
    order = torch.arange(count, dtype=torch.float64) * 29 % 61
    return (order / 30 - 1).reshape(shape)


def batch(torch):
    """Matrices, vectors and indices, three of each."""
    return {
        "x": numbers(torch, 3, 4, 5),
        "v": numbers(torch, 3, 2, 5) + 0.01,
        "rows": torch.tensor([[0, 3, 3, 1], [2, 0, 1, 1], [3, 2, 0, 0]]),
        "two": torch.tensor([[3, 1], [0, 2], [1, 0]]),
        "columns": torch.tensor([[4, 0, 1, 1], [2, 3, 3, 0], [1, 4, 0, 2]]),
        "table": torch.tensor([[[0, 3, 1, 2, 2], [1, 0, 0, 3, 1]]] * 2 + [[[3, 2, 1, 0, 0]] * 2]),
        "mask": numbers(torch, 3, 4, 5) > 0,
    }


def check(torch, say, *functions, gradient=True):
    """Report each function of a batch's values under vmap, and its gradient for x by examples."""
    given = batch(torch)
    names = list(given)
    for f in functions:

        def single(*values, f=f):
            return f(**dict(zip(names, values, strict=True)))

        def size(*values, single=single):
            return (single(*values) ** 2).sum()

        say(torch.vmap(single)(*given.values()))
        if gradient:
            say(torch.vmap(torch.func.grad(size))(*given.values()))


def refused(torch, say, *functions):
    """Report what each function raises under vmap."""
    given = batch(torch)
    names = list(given)
    for f in functions:
        say.error(
            torch.vmap(lambda *values, f=f: f(**dict(zip(names, values, strict=True)))),
            *given.values(),
        )


@cases
def index_arrays(torch, say):
    check(
        torch,
        say,
        lambda x, rows, **_: x[rows],
        lambda x, rows, columns, **_: x[rows, columns],
        lambda x, columns, **_: x[:, columns],
        lambda x, rows, **_: x[rows - 4],
        lambda x, rows, **_: x[None, rows[:2], :, None],
        lambda x, two, **_: x[..., two],
        lambda x, **_: x[torch.tensor([0, 2])],
        lambda x, rows, **_: torch.index_select(x, 0, rows),
        lambda x, rows, **_: torch.take(x, rows),
    )
    check(torch, say, lambda x, rows, **_: x[rows[0]], gradient=False)


@cases
def basic_indices(torch, say):
    check(
        torch,
        say,
        lambda x, **_: x[1],
        lambda x, **_: x[None, :, None, ::2],
        lambda x, **_: x[..., -1],
        lambda x, **_: sum(row.sum() * n for n, row in enumerate(x)),
        lambda x, **_: torch.narrow(x, 1, 1, 2),
        lambda x, **_: x.unfold(1, 2, 2),
        lambda x, **_: torch.select_scatter(x, x[1], 0, 0),
    )


@cases
def writes_by_index(torch, say):
    check(
        torch,
        say,
        lambda x, v, two, **_: torch.index_put(x, (two,), v),
        lambda x, v, two, **_: torch.index_copy(x, 0, two, v),
        lambda x, rows, **_: torch.index_add(x, 0, rows, x),
        lambda x, rows, **_: torch.index_fill(x, 0, rows, 3.0),
    )


@cases
def one_index_for_each_element(torch, say):
    check(
        torch,
        say,
        lambda x, table, **_: torch.gather(x, 0, table),
        lambda x, table, **_: torch.take_along_dim(x, table, 0),
        lambda x, v, **_: torch.scatter(x, 0, torch.argsort(x, 0)[:2], v),
        lambda x, table, **_: torch.scatter(x, 0, table, 2.0),
        lambda x, v, table, **_: torch.scatter_add(x, 0, table, v),
        lambda x, v, table, **_: torch.scatter_reduce(x, 0, table, v, "amax"),
        lambda x, v, table, **_: torch.scatter_reduce(x, 0, table, v, "mean"),
    )


@cases
def masks(torch, say):
    check(
        torch,
        say,
        lambda x, mask, **_: torch.masked_fill(x, mask, 1.0),
        lambda x, mask, **_: torch.where(mask, x, 0.0),
        lambda x, mask, **_: torch.masked_scatter(x, mask, x * 2),
    )
    refused(
        torch,
        say,
        lambda x, mask, **_: x[mask],
        lambda x, mask, **_: torch.masked_select(x, mask),
        lambda mask, **_: torch.nonzero(mask),
        lambda rows, **_: torch.unique(rows),
        lambda rows, **_: torch.unique_consecutive(rows),
    )


@cases
def writes_in_place(torch, say):
    def written(key, value):
        def f(x, **others):
            y = x.clone()
            y[key(others)] = value(x, others)
            return y

        return f

    check(
        torch,
        say,
        written(lambda o: 0, lambda x, o: 1.0),
        written(lambda o: slice(1, 3), lambda x, o: o["v"]),
        written(lambda o: (slice(None), 0), lambda x, o: x[:, 1]),
        written(lambda o: o["two"], lambda x, o: o["v"]),
        lambda x, **_: x.clone().fill_(2.0),
        lambda x, **_: x.clone().mul_(x),
        gradient=False,
    )


@cases
def sorting(torch, say):
    check(
        torch,
        say,
        lambda x, **_: torch.sort(x, 1)[0],
        lambda x, **_: torch.topk(x, 2, 1)[0],
        lambda x, **_: torch.kthvalue(x, 2, 1)[0],
        lambda x, **_: torch.median(x),
        lambda x, **_: torch.median(x, 0)[0],
        lambda x, **_: torch.quantile(x, 0.3),
        lambda x, **_: torch.quantile(x, torch.tensor([0.3, 0.6], dtype=x.dtype), dim=0),
    )
    check(
        torch,
        say,
        lambda x, **_: torch.argsort(x, 1),
        lambda x, **_: torch.searchsorted(torch.sort(x[0])[0], x[1]),
        lambda x, **_: torch.bucketize(x, torch.tensor([-0.5, 0.0, 0.5], dtype=x.dtype)),
        lambda rows, **_: torch.bincount(rows, minlength=5),
        lambda rows, columns, **_: torch.isin(rows, columns),
        lambda rows, **_: torch.nn.functional.one_hot(rows, 5),
        lambda x, **_: torch.histc(x, 4, -1, 1),
        lambda x, **_: torch.histc(x, 4),
        gradient=False,
    )


@cases
def extremes_and_running_results(torch, say):
    check(
        torch,
        say,
        lambda x, **_: torch.max(x),
        lambda x, **_: torch.max(x, 0)[0],
        lambda x, **_: torch.amax(x, (0, 1)),
        lambda x, **_: torch.aminmax(x)[1],
        lambda x, **_: torch.cumsum(x, 0),
        lambda x, **_: torch.cumprod(x, 1),
        lambda x, **_: torch.cummax(x, 1)[0],
        lambda x, **_: torch.logcumsumexp(x, 1),
    )
    check(
        torch,
        say,
        lambda x, **_: torch.argmax(x),
        lambda x, **_: torch.argmax(x, 1, True),
        gradient=False,
    )


@cases
def joining_and_order(torch, say):
    check(
        torch,
        say,
        lambda x, v, **_: torch.cat([x, v]),
        lambda x, **_: torch.stack([x, x * 2], 1),
        lambda x, **_: torch.split(x, 3, 1)[1],
        lambda x, **_: torch.unbind(x)[1],
        lambda x, **_: x.repeat(2, 1, 3),
        lambda x, **_: torch.flip(x, (0,)),
        lambda x, **_: torch.roll(x, 2),
        lambda x, **_: torch.roll(x, (1,), (1,)),
        lambda x, **_: torch.rot90(x),
        lambda x, **_: torch.tril(x),
        lambda x, **_: torch.diag_embed(x),
        lambda x, v, **_: torch.block_diag(x, v, x[0]),
        lambda x, **_: x.permute(1, 0).contiguous(),
        lambda x, **_: x.t().reshape(-1),
        lambda x, **_: x[0].expand(3, 5),
    )


@cases
def places(torch, say):
    x = torch.tensor([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [0.0, 4.0]]])
    say(torch.vmap(torch.argwhere)(x), torch.vmap(torch.vmap(torch.argwhere))(x))
    say(torch.vmap(torch.argwhere, in_dims=2, out_dims=1)(x))
    say(torch.vmap(torch.argwhere)(torch.ones(2)), torch.vmap(torch.argwhere)(torch.zeros(3, 0)))
    say.error(torch.vmap(torch.argwhere), x[0].tril() + x[0, :1])
    say.error(torch.vmap(torch.argwhere), torch.zeros(0, 3))
    say.error(torch.vmap(torch.nonzero), x)


# --- gradients in batches through recorded writes -------------------------------------------------


def batched_gradients(torch, say, *functions):
    """Report the gradients for five cotangents at once."""
    for f in functions:
        x = numbers(torch, 4, 3).requires_grad_()
        y = f(x)
        weights = numbers(torch, 5, *y.shape)
        say(torch.autograd.grad(y, x, weights, is_grads_batched=True)[0])


def with_write(write, start=lambda x: x * 1):
    """A function that changes a copy of its input in place."""

    def f(x):
        y = start(x)
        write(y, x)
        return y * 2

    return f


@cases
def recorded_writes(torch, say):
    def assign(key, value):
        return with_write(lambda y, x: y.__setitem__(key, value(x)))

    batched_gradients(
        torch,
        say,
        with_write(lambda y, x: y[0].mul_(x[1])),
        with_write(lambda y, x: y[:, 1].mul_(x[:, 0]), lambda x: x.t().clone().t()),
        with_write(lambda y, x: y.diagonal().add_(x[0])),
        with_write(lambda y, x: y.view(2, 2, 3)[1][0].mul_(3.0)),
        with_write(lambda y, x: torch.as_strided(y, (2, 2), (3, 1), 4).mul_(2.0)),
        with_write(lambda y, x: y[:, 0].fill_(x[0, 0])),
        with_write(lambda y, x: y[:, 0].fill_(2.0)),
        with_write(lambda y, x: y[1:3].copy_(x[:2]), lambda x: torch.zeros(4, 3, dtype=x.dtype)),
        assign(1, lambda x: x[2]),
        assign(1, lambda x: 3.0),
        assign(torch.tensor([0, 2]), lambda x: x[1]),
        with_write(lambda y, x: y.__setitem__(x > 0, 0.0)),
        with_write(lambda y, x: y.scatter_(0, torch.tensor([[0, 1, 2]]), x[3:])),
        with_write(lambda y, x: y.index_add_(0, torch.tensor([0, 0, 1]), x[1:])),
        lambda x: torch.as_strided(x * 1, (3, 2), (1, 1), 2) * 3,
        lambda x: torch.stack(torch.unbind(x * 2)[::-1], 1),
    )


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = run(f, torch)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "There is a performance drop")
        ours = run(f, dynagrad)
    found = differences(ours, theirs, tolerance=1e-10)
    assert not found, "\n".join(found)
