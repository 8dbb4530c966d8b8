"""Views of what is written in place against PyTorch: shared history, forbidden views."""

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
def bases(torch, say):
    x = leaf(torch)
    y = x * 1
    v = y[1:]
    say(v._base is y, v[1:]._base is y, y._base is None, v._is_view(), y._is_view())
    say(x[1:]._base is x, x.detach()._is_view(), x.clone()._base is None)


@cases
def expanded_tensors(torch, say):
    y = torch.ones(4)
    say.error(y.expand(2, 4).add_, 1)
    say.error(torch.ones(1).expand(3).__setitem__, 0, 1.0)
    say.error((leaf(torch) * 1).expand(2, 4).mul_, 2)
    torch.ones(1, 4).expand(1, 4).add_(1)
    say(y)


@cases
def views_made_without_grad(torch, say):
    y = leaf(torch) * 1
    with torch.no_grad():
        v = y[:2]
        a, b = y.split(2)
    say(v.requires_grad, v.is_leaf)
    say.error(v.add_, 1)
    say.error(a.add_, 1)
    with torch.no_grad():
        v.add_(1)
    say(*state(y), v.detach(), v._version)
    say.error(lambda: v * 2)


@cases
def views_of_leaves_made_without_grad(torch, say):
    x = leaf(torch)
    with torch.no_grad():
        v = x[:2]
    say(v.requires_grad)
    say.error(v.add_, 1)
    with torch.no_grad():
        v.add_(1)
    say(*state(x), v.detach())


@cases
def views_made_before_a_recorded_write(torch, say):
    x = leaf(torch)
    plain = torch.ones(4)
    a, b = plain.split(2)
    with torch.no_grad():
        v = plain[:2]
    plain.add_(1)
    say(a.requires_grad, v.requires_grad, a, v)
    plain.mul_(x)
    say(plain)
    say.error(lambda: v + 1)
    say.error(lambda: a + 1)


@cases
def several_views(torch, say):
    x = leaf(torch)
    for f in (
        lambda y: y.unbind(0),
        lambda y: y.split(2),
        lambda y: y.chunk(2),
        lambda y: list(y),
    ):
        y = x.clone()
        parts = f(y)
        say(*parts)
        say.error(parts[0].add_, 1)
        say.error(parts[1].view(-1)[0].mul_, 2)
        y.mul_(2)
        say.error(lambda: parts[1].sum())  # noqa: B023 - called at once
        say(*state(y))
    plain = torch.ones(4)
    a, b = plain.split(2)
    a.add_(1)
    say(*state(plain, a, b))
    say.error(a.add_, leaf(torch)[:2])
    say(*state(plain, a, b))


@cases
def base_after_view(torch, say):
    x = leaf(torch)
    y = x * 1
    v = y[:2]
    say(*state(y, v))
    y.mul_(2)
    say(*state(y, v))
    (v * x[:2]).sum().backward()
    say(x.grad)


@cases
def view_after_base(torch, say):
    x = leaf(torch)
    y = x * 1
    v = y[:2]
    v.mul_(3)
    say(*state(y, v))
    (y * y).sum().backward()
    say(x.grad)


@cases
def sibling_views(torch, say):
    x = leaf(torch)
    y = x * 1
    a, b, c = y[:2], y[1:3], y.view(2, 2)
    a.mul_(2)
    say(*state(y, a, b, c))
    b.add_(x[:2])
    say(*state(y, a, b, c))
    c[1].mul_(x[2:])
    say(*state(y, a, b, c))
    (a.sum() + (b * b).sum() + c.exp().sum() + y.sum()).backward()
    say(x.grad)


@cases
def views_of_views(torch, say):
    x = leaf(torch, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    y = x * 1
    m = y.view(2, 3)
    t = m.t()
    row = t[1]
    row.mul_(x[:2])
    say(*state(y, m, t, row))
    t[0:2][0].add_(1)
    say(*state(y, m, t, row))
    (m * m).sum().backward()
    say(x.grad)


@cases
def whole_base_through_a_view(torch, say):
    x = leaf(torch)
    y = x * 1
    v = y.view(2, 2)
    v.tanh_()
    say(*state(y, v))
    v.add_(2)
    y.add_(v.view(4))
    say(*state(y, v))
    say.error(y.sum().backward)
    y = x * 1
    y.view(2, 2).add_(x.view(2, 2))
    y.sum().backward()
    say(x.grad)


@cases
def view_of_a_constant_gets_history(torch, say):
    x = leaf(torch)
    buffer = torch.zeros(2, 4)
    row = buffer[0]
    row.copy_(x)
    say(*state(buffer, row))
    buffer[1] = x * x
    say(*state(buffer, row), buffer[1])
    buffer.sum().backward()
    say(x.grad)


@cases
def constant_becomes_recorded(torch, say):
    x = leaf(torch)
    y = torch.ones(4)
    v = y[:2]
    y.mul_(x)
    say(*state(y, v))
    (v * v).sum().backward()
    say(x.grad)


@cases
def gradient_of_a_rebased_view(torch, say):
    x = leaf(torch)
    y = x * 1
    v = y[:2]
    v.mul_(2)
    out = (y * y).sum()
    say(torch.autograd.grad(out, [y], retain_graph=True))
    say.error(torch.autograd.grad, out, v, retain_graph=True)
    say(torch.autograd.grad(out, x))


@cases
def results_that_show_a_product_nobody_sees(torch, say):
    x, w = torch.arange(6.0).reshape(2, 3), leaf(torch)[:2].sum()
    for f in (
        lambda: torch.tensordot(x, x.t(), 1),
        lambda: torch.inner(x, x),
        lambda: torch.einsum("ij,kj->ik", x, x),
        lambda: torch.einsum("ij,ij->ij", x, x),
        lambda: torch.linalg.multi_dot([x, x.t(), x]),
    ):
        with torch.no_grad():
            hidden = f()
        say(hidden._is_view(), hidden.requires_grad)
        say.error(hidden.mul_, w)
        say(f().mul_(w).requires_grad)
        hidden.mul_(2)
        say(hidden)


@cases
def results_that_are_no_views(torch, say):
    x, w = torch.arange(24.0).reshape(2, 3, 4), leaf(torch)[:2].sum()
    factors = torch.linalg.lu_factor(torch.eye(3) * 2)
    for f in (
        lambda: torch.nn.functional.max_pool1d(x, 2),
        lambda: torch.native_group_norm(x, None, None, 2, 3, 4, 3, 1e-5)[0],
        lambda: torch.linalg.matrix_norm(x, 1),
        lambda: torch.linalg.matrix_norm(x, 1, keepdim=True),
        lambda: torch.linalg.matrix_norm(x, 2),
        lambda: torch.linalg.lu_solve(*factors, x.mT, left=False),
    ):
        with torch.no_grad():
            made = f()
        say(made._is_view(), made.mul_(w).requires_grad)
    with torch.no_grad():
        say(torch.linalg.matrix_norm(x, 2, keepdim=True)._is_view())


QUESTIONS = """
x == y | x > y | x <= 2.5 | torch.isclose(x, z) | torch.allclose(x, z) | torch.logical_xor(x, y)
torch.logical_and(y, x) | torch.isin(x, y) | x.argsort() | x.sort().indices | x.argmax() | x * y
torch.argwhere(x) | x.eq(y) | x.ne(z) | y.lt(x) | torch.equal(x, z) | x.isnan() | x.isfinite()
""".replace("\n", " | ").strip(" |")


@cases
def questions_about_views_without_a_sure_history(torch, say):
    a = leaf(torch).reshape(2, 2) * 2
    with torch.no_grad():
        x = a.t()
        a.copy_(torch.full((2, 2), 3.0))
    several = a.unbind(0)[0]
    a.mul_(2.0)
    for v in (x, several):
        for dtype in (torch.float32, torch.float64, torch.int64):
            y, z = torch.full(v.shape, 6, dtype=dtype), torch.full(v.shape, 6.0)
            for text in QUESTIONS.split(" | "):
                say(text)
                say.error(eval, text, {"torch": torch, "x": v, "y": y, "z": z})


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    found = differences(run(f, dynagrad), run(f, torch))
    assert not found, "\n".join(found)
