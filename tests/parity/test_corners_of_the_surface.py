"""Corners of derivatives and transforms against PyTorch's: bounds of ranks for each example, losses
by their weights, factors without derivative, warnings of older names.
"""

import warnings

import pytest

torch = pytest.importorskip("torch")

from scenario import Cases, differences, run  # noqa: E402

import dynagrad  # noqa: E402
from dynagrad.functions.factory import warned  # noqa: E402

CASES = Cases()


def matrices(torch):
    a = (torch.arange(24, dtype=torch.float64) * 0.37 % 1.0).reshape(2, 4, 3)
    return a, a @ a.mT + 0.1 * torch.eye(4, dtype=torch.float64)


@CASES
def bounds_for_each_example(torch, say):
    a, b = matrices(torch)
    r = torch.tensor([0.15, 0.5], dtype=torch.float64)
    pinv, rank, vmap = torch.linalg.pinv, torch.linalg.matrix_rank, torch.func.vmap
    say(vmap(lambda a, r: pinv(a, rtol=r))(a, r), pinv(a, rtol=r))
    say(vmap(lambda a, r: pinv(a, atol=r, hermitian=True))(b, r), pinv(b, atol=r, hermitian=True))
    say(vmap(lambda r: pinv(a[0], rtol=r))(r), vmap(lambda a: pinv(a, rtol=0.5))(a))
    say(vmap(lambda a, r: rank(a, rtol=r))(a, r), rank(a, rtol=r), rank(a, atol=r, rtol=r))
    say(vmap(lambda a, r: rank(a, atol=r, hermitian=True))(b, r), rank(a[0], r), rank(b))
    say(torch.func.jvp(lambda a: pinv(a, rtol=r), (a,), (a * a,)))


@CASES
def bounds_have_no_derivative(torch, say):
    a, _ = matrices(torch)
    r = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    say.error(torch.linalg.pinv, a, rtol=r)
    say.error(torch.linalg.pinv, a, atol=r)
    say(torch.linalg.pinv(a, rtol=r.detach()), torch.linalg.matrix_rank(a, rtol=r))


@CASES
def factors_without_derivative(torch, say):
    _, b = matrices(torch)
    x = b.clone().requires_grad_()
    factors, pivots = torch.linalg.ldl_factor(x)
    say(factors.requires_grad, type(factors.grad_fn).__name__, pivots.requires_grad)
    say.error(torch.autograd.grad, factors.sum(), x)
    solved = torch.linalg.ldl_solve(*torch.linalg.ldl_factor(b), x)
    say(solved.requires_grad, type(solved.grad_fn).__name__)
    say.error(torch.autograd.grad, solved.sum(), x)
    a, tau = torch.geqrf(x)
    say(type(a.grad_fn).__name__, type(tau.grad_fn).__name__, a.detach(), tau.detach())
    say.error(torch.autograd.grad, a.sum(), x)
    say.error(torch.autograd.grad, tau.sum(), x)


@CASES
def losses_by_their_weights(torch, say):
    x = torch.tensor([[0.3, -0.2], [1.0, 2.0]])
    t = torch.tensor([[1.0, 0.3], [0.0, 0.5]])
    w, p = torch.tensor([0.5, 2.0]), torch.tensor([3.0, 0.7])
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    for reduction in ("mean", "sum", "none"):

        def f(w, p, reduction=reduction):
            return loss(x, t, w, pos_weight=p, reduction=reduction)

        say(torch.func.jvp(f, (w, p), (p, w)))
        say(torch.func.jacrev(f, argnums=(0, 1))(w, p))
        say(torch.func.jvp(lambda w: loss(x, t, w, reduction="sum"), (w,), (p,)))
        say(torch.func.grad(lambda w: loss(x, t, w))(w))


@CASES
def counts_of_each_example(torch, say):
    a, _ = matrices(torch)
    vmap = torch.func.vmap
    for kwargs in ({}, {"range": (0.0, 1.0)}, {"density": True}):
        say(vmap(lambda a, k=kwargs: tuple(torch.histogram(a, 4, **k)))(a))
    say(vmap(lambda a, w: torch.histogram(a, 3, weight=w)[0])(a, a * a))


@CASES
def ends_and_places_of_each_example(torch, say):
    ends = torch.tensor([[0.0, 1.0], [3.0, -2.0], [5.0, 5.0]], dtype=torch.float64)
    vmap = torch.func.vmap
    for steps in (0, 1, 2, 5, 8):
        say(vmap(lambda e, n=steps: torch.linspace(e[0], e[1], n, dtype=torch.float64))(ends))
        say(vmap(lambda e, n=steps: torch.linspace(-1, e[1], n, dtype=torch.float64))(ends))
        say(vmap(lambda e, n=steps: torch.linspace(e[0], 9, n, dtype=torch.int64))(ends))
    x = torch.tensor([[[0, 1], [2, 0]], [[1, 1], [1, 0]]])
    for size in (0, 2, 5):
        one = [torch.nonzero_static(a, size=size) for a in x]
        say(torch.stack(one))
    if torch is dynagrad:  # PyTorch has no batching of it
        found = vmap(lambda a: torch.nonzero_static(a, size=2))(x)
        assert torch.equal(found, torch.stack([torch.nonzero_static(a, size=2) for a in x]))


@CASES
def older_shapes_of_a_leaf(torch, say):
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = (x + 1).sum()
    z = (x * x).sum()
    with torch.no_grad():
        x.t_()
    say(x.shape, torch.autograd.grad(y, x)[0])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


@pytest.mark.parametrize("scenario", CASES, ids=lambda f: f.__name__)
def test_equals_pytorch(scenario):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = run(scenario, dynagrad), run(scenario, torch)
    found = differences(ours, theirs)
    assert not found, found


OLDER = """torch.lu(x) x.lu() torch.cholesky(x) torch.qr(x)
torch.lu_solve(x,*torch.linalg.lu_factor(x))
torch.triangular_solve(x,x) torch.chain_matmul(x,x)"""


@pytest.mark.parametrize("call", OLDER.split())
def test_older_names_warn_once(call):
    warned.clear()
    told = []
    torch.set_warn_always(True)
    try:
        for library in (dynagrad, torch):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                for _ in range(2):
                    eval(call, {"torch": library, "x": library.eye(2)})
            told.append([str(w.message).partition("\n")[0][:60] for w in caught])
    finally:
        torch.set_warn_always(False)
    assert told[0] == told[1][:1]
    assert told[0]
