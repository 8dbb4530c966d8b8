"""In-place operations against PyTorch: history, versions, stale values, errors."""

import math

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def leaf(torch, *values):
    """A vector that requires grad."""
    return torch.tensor(values or (1.0, 2.0, 3.0, 4.0), requires_grad=True)


def state(*tensors):
    """Values, versions and histories."""
    return [(t, t._version) for t in tensors]


@cases
def versions(torch, say):
    x = torch.ones(4)
    say(x._version)
    v, d, r = x[1:3], x.detach(), x.data
    x.add_(1)
    say(x._version, v._version, d._version, r._version)
    v.mul_(2)
    d.zero_()
    say(x._version, v._version, d._version, r._version, x)
    r.add_(5)
    say(x._version, r._version, x, v)
    x[0] = 7.0
    say(x._version, x.clone()._version, x.view(2, 2)._version, x.numpy()[0].item())
    x.requires_grad_()
    with torch.no_grad():
        x.add_(1)
    say(x._version, x.is_leaf)


@cases
def in_place_chain(torch, say):
    x = leaf(torch)
    y = x * 1
    first = y
    y.add_(1)
    y.mul_(2)
    y *= x
    say(*state(y), y is first)
    y.sum().backward()
    say(x.grad)


@cases
def leaves_are_protected(torch, say):
    x = leaf(torch)
    say.error(x.add_, 1)
    say.error(x.zero_)
    say.error(x.__setitem__, 0, 1.0)
    say.error(x[:1].add_, 1)
    say.error(x.view(2, 2)[0].zero_)
    say.error(x.expand(2, 4).add_, 1)
    say.error(x.copy_, torch.ones(4))
    say.error(x.__iadd__, 1)
    say(*state(x))
    x.data.add_(1)
    x.detach().add_(1)
    with torch.no_grad():
        x += 1
        x[0] = 9.0
    say(*state(x))


@cases
def stale_values(torch, say):
    one = torch.ones(4)

    def output(x):
        y = x.exp()
        y.add_(1)
        return y.sum()

    def input_overwritten(x):
        y = x * 1
        z = y * y
        y.add_(1)
        return z.sum()

    def constant(x):
        w = one.clone()
        z = x * w
        w.add_(1)
        return z.sum()

    def leaf_under_no_grad(x):
        z = x * x
        with torch.no_grad():
            x.add_(1)
        return z.sum()

    def by_its_base(x):
        b = x * 1
        v = b[:1]
        z = v * v
        b.add_(1)
        return z.sum()

    def by_a_view(x):
        b = x * 1
        v = b[:1]
        z = b * b
        v.add_(1)
        return z.sum()

    def by_detach(x):
        y = x.exp()
        y.detach().zero_()
        return y.sum()

    def not_by_data(x):
        y = x.exp()
        y.data.zero_()
        return y.sum()

    def seen_version(x):
        y = x * 1
        y.add_(1)
        y.add_(1)
        z = y * y
        y.add_(1)
        y.add_(1)
        return z.sum()

    def matrices(x):
        m = (x * 1).view(2, 2)
        z = m @ m
        with torch.no_grad():
            m.mul_(2)
        return z.sum()

    def in_place_output(x):
        y = (x * 1).exp_()
        z = y.sum()
        y.add_(1)
        return z

    def in_place_output_of_view(x):
        y = x * 1
        y[:2].exp_()
        y.mul_(2)
        return y.sum()

    def what_is_written_is_saved_before(x):
        y = x * 1
        w = x * 2
        y.mul_(w)
        y.add_(1)
        return y.sum()

    def operand_overwritten_later(x):
        y, w = x * 1, x * 2
        y.mul_(w)
        w.add_(1)
        return y.sum()

    def harmless(x):
        y = x * 2
        z = y + 1
        y.mul_(3)
        return (z + y).sum()

    def own_value(x):
        y = x.sigmoid()
        y.mul_(y)
        return y.sum()

    def division(x):
        w = x * 2
        z = x / w
        w.zero_()
        return z.sum()

    for f in (
        output,
        input_overwritten,
        constant,
        leaf_under_no_grad,
        by_its_base,
        by_a_view,
        by_detach,
        not_by_data,
        seen_version,
        matrices,
        in_place_output,
        in_place_output_of_view,
        what_is_written_is_saved_before,
        operand_overwritten_later,
        harmless,
        own_value,
        division,
    ):
        x = leaf(torch)
        say.error(lambda: f(x).backward())  # noqa: B023 - called at once
        say(x.grad)


@cases
def stale_is_found_before_anything_runs_twice(torch, say):
    x = leaf(torch)
    y = x.exp()
    z = y.sum()
    y.add_(1)
    say.error(z.backward)
    say.error(z.backward)
    say(x.grad)


@cases
def copies(torch, say):
    x, w = leaf(torch), leaf(torch)
    y = x * 2
    say(y.copy_(w) is y, *state(y))
    y.sum().backward()
    say(x.grad, w.grad)
    z = x * 2
    z[1:3].copy_(w[:1])
    say(*state(z))
    z.sum().backward()
    say(x.grad, w.grad)
    i = torch.zeros(4, dtype=torch.int64)
    i.copy_(w)
    say(*state(i))
    d = torch.zeros(4, dtype=torch.float64)
    d.copy_(w)
    say(*state(d))
    d.sum().backward()
    say(w.grad)
    say.error(d.copy_, torch.ones(3))
    say.error(d.copy_, torch.ones(2, 4))


@cases
def assigned_items(torch, say):
    x, w = leaf(torch), leaf(torch, 5.0, 6.0)
    y = x * 1
    y[0] = w[0] * 2
    y[2:] = w
    y[1] = 10.0
    say(*state(y))
    (y * y).sum().backward()
    say(x.grad, w.grad)
    z = (x * 1).view(2, 2)
    z[:, 0] = w
    z[0, 1] = z[1][1]
    say(*state(z))
    (z**2).sum().backward()
    say(x.grad, w.grad)


@cases
def assigned_by_masks_and_lists(torch, say):
    x, w = leaf(torch), leaf(torch, 5.0, 6.0)
    y = x * 1
    y[torch.tensor([0, 2])] = w
    say(*state(y))
    y[y > 3] = 0.5
    say(*state(y))
    y[[1, 3]] = torch.tensor([7.0, 8.0])
    (y * y).sum().backward()
    say(x.grad, w.grad)


@cases
def constant_written_ends_the_gradient(torch, say):
    x = leaf(torch)
    y = x * 1
    y.zero_()
    say(*state(y))
    y.sum().backward()
    say(x.grad)
    z = x * 1
    z.fill_(3.0)
    say(*state(z), z.requires_grad)
    z[:2].zero_()
    say(*state(z))
    z.sum().backward()
    say(x.grad)


@cases
def no_grad_writes_keep_history(torch, say):
    x = leaf(torch)
    y = x * 2
    with torch.no_grad():
        y.mul_(10)
        y[0] = 1.0
    say(*state(y))
    y.sum().backward()
    say(x.grad)


@cases
def detached_writes(torch, say):
    x = leaf(torch)
    y = x * 2
    d = y.detach()
    d.add_(1)
    say(*state(y, d))
    d.mul_(x)
    say(*state(y, d))
    say.error((x * 1)[:1].detach_)
    e = x * 1
    say(e.detach_() is e, *state(e))


@cases
def in_place_shapes_and_types(torch, say):
    y = torch.ones(2)
    say.error(y.add_, torch.ones(3))
    say.error(y.add_, torch.ones(3, 2))
    say.error(torch.ones(2, dtype=torch.int64).add_, 1.5)
    say.error(torch.ones(2, dtype=torch.int64).mul_, torch.ones(2))
    say.error(torch.ones(2, dtype=torch.int64).div_, 2)
    say.error(torch.ones(2, dtype=torch.bool).add_, 1)
    y.add_(torch.ones(2, dtype=torch.float64))
    say(*state(y))
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    y.mul_(x)
    say(y.detach(), y._version)
    y.sum().backward()
    say(x.grad)


@cases
def second_order_through_writes(torch, say):
    x = leaf(torch)
    y = x * 1
    y[1:3].mul_(x[1:3])
    y[0] = x[3] ** 3
    (g,) = torch.autograd.grad((y**2).sum(), x, create_graph=True)
    say(g.detach())
    say(torch.autograd.grad(g.sum(), x))


@cases
def hooks_and_writes(torch, say):
    x = leaf(torch)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(("before", g)))
    y.mul_(3)
    y.register_hook(lambda g: seen.append(("after", g)))
    y.sum().backward()
    say(seen, x.grad)


@cases
def retained_and_written(torch, say):
    x = leaf(torch)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    say(y.retains_grad)
    y.sum().backward()
    say(y.grad, x.grad)


PRODUCTS = [
    ((2, 3), (4, 3, 2), "x @ y"),
    ((2, 3), (2, 4, 3, 2), "x @ y"),
    ((3,), (4, 3, 2), "x @ y"),
    ((4, 2, 3), (3,), "x @ y"),
    ((4, 2, 3), (4, 3, 2), "x @ y"),
    ((4, 2, 3), (1, 3, 2), "x @ y"),
    ((1, 2, 3), (4, 3, 2), "x @ y"),
    ((5, 4, 2, 3), (5, 4, 3, 2), "x @ y"),
    ((5, 1, 2, 3), (4, 3, 2), "x @ y"),
    ((4, 2, 3), (3, 4, 2), "torch.tensordot(x, y, 1)"),
    ((4, 2, 3), (2, 3, 2), "torch.tensordot(x, y, 2)"),
    ((4, 2, 3), (2, 4, 3), "torch.inner(x, y)"),
    ((2, 3), (2, 3), "torch.einsum('ij,ij->', x, y)"),
    ((2, 2, 3, 4), (2, 2, 4, 3), "torch.einsum('abij,abjk->abik', x, y)"),
    ((2, 3, 4), (3, 4, 2), "torch.einsum('ijk,jkl->il', x, y)"),
]


def numbered(torch, shape, dims):
    """Numbers in memory of which two dimensions are exchanged."""
    sizes = list(shape)
    if len(shape) > 1:
        sizes[dims[0]], sizes[dims[1]] = sizes[dims[1]], sizes[dims[0]]
    t = torch.arange(1.0, 1 + math.prod(shape)).reshape(sizes)
    return t.transpose(*dims) if len(shape) > 1 else t


@pytest.mark.parametrize("write", ["z.fill_(0.5)", "z.mul_(2)", "z[0] = 1.0", "z.add_(1)"])
@pytest.mark.parametrize("sizes", PRODUCTS, ids=lambda v: f"{v[2]} {v[0]} {v[1]}")
def test_what_a_product_saves_may_be_overwritten_as_in_pytorch(sizes, write) -> None:
    """Where it is a copy, the gradients are those of the values before the write."""
    *shapes, text = sizes

    def gradients(torch, dims, graded, overwritten):
        leaves = [numbered(torch, s, dims).requires_grad_(k in graded)
                  for k, s in enumerate(shapes)]  # fmt: skip
        x, y = [t * 1 for t in leaves]
        made = eval(text, {"torch": torch, "x": x, "y": y})  # noqa: S307 - our own table
        exec(write, {"z": (x, y)[overwritten]})  # noqa: S102
        try:
            found = torch.autograd.grad(made.sum(), [leaves[k] for k in graded])
        except RuntimeError as error:
            return "modified by an inplace operation" in str(error)
        return [g.tolist() for g in found]

    for dims in ((-1, -1), (-1, -2), (0, -1), (0, 1), (-3, -2)):
        if max(dims) > 0 and len(shapes[0]) < 2 or min(dims) < -min(map(len, shapes)):
            continue
        for graded in ((0,), (1,), (0, 1)):
            for which in (0, 1):
                ours, theirs = [gradients(t, dims, graded, which) for t in (dynagrad, torch)]
                assert ours == theirs, (dims, graded, which)


def test_a_copy_is_made_for_a_graph_that_lives_only() -> None:
    y = dynagrad.ones(2, 2, 3, 3).transpose(0, 1)
    x = dynagrad.ones(2, 2, 3, 3, requires_grad=True)
    for _ in range(200):
        x @ y
    assert len(y._v.cell.apart) < 40
    y.add_(1)
    assert y._v.cell.apart is None


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    found = differences(run(f, dynagrad), run(f, torch))
    assert not found, "\n".join(found)
