"""autograd.forward_ad against PyTorch: levels, dual tensors, views and writes, both orders of the
modes, modules, and wrong uses.
"""

import warnings

import pytest
from scenario import Cases, differences, run
from user_functions import numbers

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()


def pair(torch, shape=(3,)):
    """A primal and a tangent."""
    return numbers(torch, *shape), numbers(torch, *shape, phase=1.1)


def parts(torch, t):
    """The primal and the tangent of t."""
    return list(torch.autograd.forward_ad.unpack_dual(t))


# --- levels ---------------------------------------------------------------------------------------


@cases
def levels(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    with fw.dual_level() as number:
        say(number)
        dual = fw.make_dual(x, v)
        found = fw.unpack_dual(dual)
        say(found.primal, found.tangent, type(found).__name__, len(found), isinstance(found, tuple))
        say(list(fw.unpack_dual(x)), list(fw.unpack_dual(dual * 2)))
        say(dual, dual.requires_grad, fw.unpack_dual(dual.clone()).tangent)
    say(list(fw.unpack_dual(dual)), dual * 2)

    @fw.dual_level()
    def decorated(x, v):
        return fw.unpack_dual(torch.sin(fw.make_dual(x, v)))

    say(list(decorated(x, v)), list(decorated(x, v * 2)), decorated.__name__)
    say(fw.enter_dual_level(), list(fw.unpack_dual(fw.make_dual(x, v) ** 2)))
    fw.exit_dual_level()
    level = fw.enter_dual_level()
    say(parts(torch, fw.make_dual(x, v, level=level)), fw.unpack_dual(x, level=level).tangent)
    fw.exit_dual_level(level=level)


@cases
def wrong_levels(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    say.error(fw.make_dual, x, v)
    say.error(fw.exit_dual_level)
    say(list(fw.unpack_dual(x)))
    with fw.dual_level():
        say.error(fw.enter_dual_level)
        say.error(fw.dual_level().__enter__)
        say(parts(torch, fw.make_dual(x, v)))
    with fw.dual_level():
        say(parts(torch, fw.make_dual(x, v)))

    def fails():
        with fw.dual_level():
            fw.make_dual(x, v[:2])

    say.error(fails)
    with fw.dual_level():
        say(parts(torch, fw.make_dual(x, v) * 3))
    say.error(fw.make_dual, x, v)


@cases
def wrong_tangents(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    with fw.dual_level():
        say.error(fw.make_dual, x, v[:2])
        say.error(fw.make_dual, x, v.reshape(1, 3))
        say.error(fw.make_dual, x, v.sum())
        say.error(fw.make_dual, torch.arange(3), v)
        say.error(fw.make_dual, x, torch.arange(3))
        say.error(fw.make_dual, x > 0, v)
        say.error(fw.make_dual, 1.0, v)
        say.error(fw.make_dual, x, 1.0)
        say.error(fw.make_dual, x, None)
        say.error(fw.make_dual, x)
        say(list(fw.unpack_dual(torch.arange(3))))


@cases
def after_the_level(torch, say):
    """A dual number that escapes is an ordinary tensor."""
    fw = torch.autograd.forward_ad
    x, v = pair(torch, (2, 3))
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        kept = [dual, torch.sin(dual), dual[0], dual.T, dual.sum(), dual.tolist() and dual > 0]
        kept += torch.split(dual * 2, 1)
        kept.append(torch.zeros(2, 3, dtype=torch.float64).copy_(dual))
        y = x.clone()
        y[0] = dual[1]
        kept.append(y)
        row = torch.zeros(2, 3, dtype=torch.float64)
        column = row[:, 0]
        row[1].add_(dual[0])
        kept += [row, column, row[1], torch.sin(row).T]
        leaf = fw.make_dual(x, v).requires_grad_()
        kept += torch.autograd.grad((leaf**3).sum(), leaf)
    for t in kept:
        say(
            t, fw.unpack_dual(t).tangent, str(t), t.numpy().tolist(), t[0:1] if t.ndim else t.item()
        )
        say(t + 1, torch.cat([t.reshape(-1), t.reshape(-1)]))
        if t.dtype.is_floating_point:
            leaf = t.clone().requires_grad_()
            (leaf**2).sum().backward()
            say(leaf.grad)
    with fw.dual_level():
        say(fw.unpack_dual(dual).tangent, fw.unpack_dual(dual * 2).tangent)
        say(parts(torch, fw.make_dual(dual, v * 3)))
    say(torch.func.jvp(lambda x: x * dual, (x,), (v,)), torch.vmap(lambda x: x * 2)(dual))
    x.add_(1)
    say(dual)


@cases
def graphs_that_leave(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    leaf = x.clone().requires_grad_()
    with fw.dual_level():
        y = (torch.sin(fw.make_dual(leaf, v)) * leaf).sum()
        tangent = fw.unpack_dual(y).tangent
        z = (torch.cos(leaf) * fw.make_dual(x, v)).sum()
    say(y.detach(), tangent.detach(), y.requires_grad, tangent.requires_grad)
    y.backward(retain_graph=True)
    say(leaf.grad)
    leaf.grad = None
    tangent.backward()
    say(leaf.grad)
    leaf.grad = None
    z.backward()
    say(leaf.grad)


# --- what carries tangents ------------------------------------------------------------------------


@cases
def operations(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch, (3, 3))
    with fw.dual_level():
        d = fw.make_dual(x, v)
        for y in (
            d + 1,
            2 * d - x,
            d / (x**2 + 1),
            d @ d.T,
            d.exp().sum(0),
            d.max(),
            d.sort()[0],
            torch.where(x > 0, d, x),
            d.softmax(-1),
            d.prod(1),
            torch.linalg.solve(d + 3 * torch.eye(3, dtype=torch.float64), x),
            torch.linalg.det(d + 3 * torch.eye(3, dtype=torch.float64)),
            torch.einsum("ij,jk->ki", d, d),
            torch.stack([d, x]),
            torch.cat([x, d], 1),
            d[:, [0, 2]],
            d[d > 0],
            d.cumsum(0),
            d.var(),
            d.norm(),
            d.clamp(-1, 1),
            d.float(),
            d.to(torch.complex128),
            d.pow(3),
            2.0**d,
            d.relu(),
            torch.logsumexp(d, 1),
            d.flatten(),
            d.diagonal(),
        ):
            say(parts(torch, y))
        for y in (d > 0, d.argmax(), d.long(), d.round(), torch.zeros_like(d), d.shape[0] * x):
            found = fw.unpack_dual(y)
            say(found.primal, found.tangent is None or bool((found.tangent == 0).all()))


@cases
def views(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch, (2, 3))
    with fw.dual_level():
        d = fw.make_dual(x, v)
        for y in (
            d[0],
            d[:, 1:],
            d.T,
            d.view(3, 2),
            d.view(-1)[::2],
            d.unsqueeze(0),
            d.expand(2, 2, 3),
        ):
            say(parts(torch, y))
        first, *_ = d.unbind(0)
        say(
            parts(torch, first),
            parts(torch, d.chunk(2)[1]),
            parts(torch, torch.view_as_complex(d.T[:2].T.contiguous())),
        )


@cases
def writes(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    with fw.dual_level():
        y = torch.zeros(3, dtype=torch.float64)
        y[1] = fw.make_dual(x[0], v[0])
        say(parts(torch, y))
        y.mul_(2)
        say(parts(torch, y))
        y[1:].sin_()
        say(parts(torch, y))
        y += fw.make_dual(x, v)
        say(parts(torch, y), parts(torch, y[2]))
        d = fw.make_dual(x.clone(), v.clone())
        d.mul_(2)
        say(parts(torch, d))
        d[0] = 5.0
        say(parts(torch, d))
        d.mul_(x)
        d.add_(d)
        say(parts(torch, d))
        d.zero_()
        say(d, fw.unpack_dual(d).tangent)
        d = fw.make_dual(x.clone(), v.clone())
        d.copy_(x * 2)
        say(d, fw.unpack_dual(d).tangent)
        d = fw.make_dual(x.clone(), v.clone())
        view = d[:2]
        view.mul_(3)
        say(parts(torch, d), parts(torch, view))
        d.fill_(1.0)
        say(view, fw.unpack_dual(view).tangent)
        z = torch.ones(3, 2, dtype=torch.float64)
        z[:, 0].copy_(fw.make_dual(x, v))
        say(parts(torch, z), parts(torch, z.sum(1)))
        z.T[1].add_(fw.make_dual(x, v), alpha=2)
        say(parts(torch, z))


@cases
def writes_to_the_primal(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    with fw.dual_level():
        a, b = x.clone(), v.clone()
        d = fw.make_dual(a, b)
        d.mul_(2)
        say(a)
        a = x.clone()
        d = fw.make_dual(a, v)
        a.add_(1)
        say(parts(torch, d), fw.unpack_dual(a).tangent)


@cases
def modes(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    with fw.dual_level():
        d = fw.make_dual(x, v)
        with torch.no_grad():
            y = d * d
        say(parts(torch, y), y.requires_grad)
        say(d.detach(), fw.unpack_dual(d.detach()).tangent)
        say(d.data, fw.unpack_dual(d.data * 1).tangent)
        with torch.enable_grad():
            say(parts(torch, d.sin()))
        say(fw.unpack_dual(fw.unpack_dual(d).primal).tangent)
        say(fw.unpack_dual(fw.unpack_dual(d).primal * 2).tangent, fw.unpack_dual(x).tangent)
    with torch.no_grad(), fw.dual_level():
        say(parts(torch, fw.make_dual(x, v).exp()))


@cases
def dtypes(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    z, w = torch.complex(x, v), torch.complex(v, x)
    with fw.dual_level():
        d = fw.make_dual(z, w)
        for y in (d * d, d.conj(), d.real, d.imag, d.abs(), d.angle(), (d * 1j).exp(), d.sgn()):
            say(parts(torch, y))
        d = fw.make_dual(x.float(), v.float())
        say(parts(torch, d * 2), parts(torch, d * x), parts(torch, d.double().sin()))
        say(parts(torch, torch.complex(d, d * 2)), parts(torch, d + 1j))
        say(parts(torch, d * torch.arange(3)))
        d = fw.make_dual(x.half(), v.half())
        say(d.dtype, fw.unpack_dual(d * 2).tangent.dtype)


# --- both modes -----------------------------------------------------------------------------------


@cases
def forward_over_reverse(torch, say):
    """The gradient of a dual tensor has a tangent: a Hessian-vector product."""
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    with fw.dual_level():
        d = fw.make_dual(x.clone().requires_grad_(), v)
        y = (torch.sin(d) * d**2).sum()
        (g,) = torch.autograd.grad(y, d)
        say(parts(torch, g), g.requires_grad)
    leaf = x.clone().requires_grad_()
    with fw.dual_level():
        d = fw.make_dual(leaf, v)
        y = (torch.sin(d) * d**2).sum()
        (g,) = torch.autograd.grad(y, leaf, create_graph=True)
        found = fw.unpack_dual(g)
        say(found.primal.detach(), found.tangent.detach(), g.requires_grad)
        say([t.detach() for t in torch.autograd.grad(found.tangent.sum(), leaf)])
    with fw.dual_level():
        d = fw.make_dual(x, v).requires_grad_()
        (d**3).sum().backward()
    say(d.grad)


@cases
def reverse_over_forward(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    leaf, direction = x.clone().requires_grad_(), v.clone().requires_grad_()
    with fw.dual_level():
        d = fw.make_dual(leaf, direction)
        y = torch.tanh(d) * d.sum()
        primal, tangent = fw.unpack_dual(y)
        say(primal.detach(), tangent.detach())
        say(torch.autograd.grad(tangent.sum(), [leaf, direction], retain_graph=True))
        say(torch.autograd.grad(primal.sum(), leaf, retain_graph=True))
        (tangent**2).sum().backward()
        say(leaf.grad, direction.grad)


@cases
def modules(torch, say):
    fw = torch.autograd.forward_ad
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    ).double()
    for i, p in enumerate(net.parameters()):
        p.data = numbers(torch, *p.shape) / (i + 2)
    tangents = {name: numbers(torch, *p.shape, phase=2.0) for name, p in net.named_parameters()}
    parameters = {name: p for name, p in net.named_parameters()}
    x, v = pair(torch, (5, 3))
    with fw.dual_level():
        for name, p in parameters.items():
            part = net.get_submodule(name.split(".")[0])
            delattr(part, name.split(".")[1])
            setattr(part, name.split(".")[1], fw.make_dual(p, tangents[name]))
        y = net(x)
        found = fw.unpack_dual(y)
        say(found.primal.detach(), found.tangent.detach())
        loss = torch.nn.functional.cross_entropy(y, torch.tensor([0, 1, 1, 0, 1]))
        say(fw.unpack_dual(loss).tangent.detach())
        grads = torch.autograd.grad(loss, list(parameters.values()), create_graph=True)
        say([fw.unpack_dual(g).tangent.detach() for g in grads])
    with fw.dual_level():
        other = {n: fw.make_dual(p.detach(), tangents[n]) for n, p in parameters.items()}
        y = torch.func.functional_call(
            torch.nn.Linear(3, 4).double(),
            {"weight": other["0.weight"], "bias": other["0.bias"]},
            (x,),
        )
        say(parts(torch, y))


@cases
def with_transforms(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch, (2, 3))
    f = lambda x: (torch.sin(x) * x.sum()).sum()  # noqa: E731
    with fw.dual_level():
        d = fw.make_dual(x, v)
        say(parts(torch, torch.func.grad(f)(d)))
        say(parts(torch, torch.vmap(f)(d)))
        say(parts(torch, torch.vmap(torch.func.grad(f))(d)))
        say(parts(torch, torch.func.grad(lambda y: f(y * d))(x)))
        y, pull = torch.func.vjp(f, d)
        say(parts(torch, y), parts(torch, pull(torch.ones((), dtype=torch.float64))[0]))


@cases
def reading_values(torch, say):
    fw = torch.autograd.forward_ad
    x, v = pair(torch)
    with fw.dual_level():
        d = fw.make_dual(x, v)
        say(
            d.tolist(),
            d[0].item(),
            float(d[1]),
            bool(d[0] > 0),
            int(d[0]),
            len(d),
            d.shape == x.shape,
        )
        say(d.dtype, d.ndim, d.numel(), d.is_leaf, d.requires_grad, torch.equal(d, x))
        say([float(e) for e in d], d.max().item(), torch.allclose(d, x), d.is_contiguous())
        if d.sum() > 100:
            say("large")
        say(bool((d == x).all()), x.tolist() == d.detach().numpy().tolist())


@pytest.mark.parametrize("f", cases, ids=lambda f: f.__name__)
def test_agrees(f) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = run(f, torch)
    found = differences(run(f, dynagrad), theirs, tolerance=1e-10)
    assert not found, "\n".join(found)
