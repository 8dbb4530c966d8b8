"""Functions at torch's root that programs seldom call by that path, against PyTorch's."""

import pytest

torch = pytest.importorskip("torch")

from scenario import Cases, differences, run  # noqa: E402

import dynagrad  # noqa: E402

CASES = Cases()


def numbers(torch, *shape, grad=True, start=0.3):
    """Some numbers between 0 and 1, all different."""
    n = 1
    for size in shape:
        n *= size
    x = (torch.arange(n, dtype=torch.float64) * 0.37 + start) % 1.0
    return x.reshape(shape).requires_grad_(grad)


def told(torch, say, result, *leaves):
    """Report a result and its gradients."""
    say(result)
    say(torch.autograd.grad(result.sum(), leaves, allow_unused=True))


@CASES
def losses_with_numbers_as_reductions(torch, say):
    x, y = numbers(torch, 3, 4), numbers(torch, 3, 4, start=0.1)
    signs = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    for reduction in (0, 1, 2, 5):
        told(torch, say, torch.kl_div(x, y, reduction), x, y)
        told(torch, say, torch.kl_div(x, y, reduction, log_target=True), x, y)
        told(torch, say, torch.binary_cross_entropy_with_logits(x, y, reduction=reduction), x, y)
        told(torch, say, torch.poisson_nll_loss(x, y, True, False, 1e-8, reduction), x, y)
        told(torch, say, torch.poisson_nll_loss(x, y, False, True, 1e-8, reduction), x, y)
        told(torch, say, torch.hinge_embedding_loss(x, signs[:, None], 0.5, reduction), x)
        told(torch, say, torch.margin_ranking_loss(x, y, signs[:, None], 0.1, reduction), x, y)
        told(torch, say, torch.cosine_embedding_loss(x, y, signs, 0.1, reduction), x, y)
        told(torch, say, torch.triplet_margin_loss(x, y, x * y, reduction=reduction), x, y)
    say(torch.triplet_margin_loss(x, y, x * y, -1.0))


@CASES
def losses_are_not_reduced_by_default(torch, say):
    x, y = numbers(torch, 3, 4), numbers(torch, 3, 4, start=0.1)
    say(torch.kl_div(x, y), torch.binary_cross_entropy_with_logits(x, y))
    say(torch.hinge_embedding_loss(x, y), torch.margin_ranking_loss(x, y, y))
    say(torch.cosine_embedding_loss(x, y, y[:, 0]), torch.triplet_margin_loss(x, y, y))
    say(torch.binary_cross_entropy_with_logits(x[0], y).detach())
    say.error(torch.binary_cross_entropy_with_logits, x, y[0])


@CASES
def losses_of_alignments(torch, say):
    x = numbers(torch, 5, 2, 4)
    targets = torch.tensor([[1, 2], [3, 3]])
    for reduction in (0, 1, 2):
        told(torch, say, torch.ctc_loss(x, targets, (5, 5), (2, 1), 0, reduction), x)
    lengths = torch.tensor([5, 4]), torch.tensor([2, 2])
    say(torch.ctc_loss(x, targets, *lengths, zero_infinity=True))


@CASES
def losses_refuse(torch, say):
    x = numbers(torch, 2, 3)
    whole = torch.ones(2, dtype=torch.int64)
    say.error(torch.kl_div, x, x, reduction="mean")
    say.error(torch.kl_div, whole, whole)


@CASES
def normalization(torch, say):
    x = numbers(torch, 3, 2, 4)
    weight, bias = numbers(torch, 2), numbers(torch, 2, start=0.7)
    mean, var = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    for training in (True, False):
        for norm in (torch.batch_norm, torch.instance_norm):
            rest = (weight, bias, mean, var, training, 0.1, 1e-5, False)
            result = norm(x, *rest)
            say(result.detach(), torch.autograd.grad((result**2).sum(), (x, weight, bias)))
            say(mean, var)
    single = numbers(torch, 1, 2, 1)
    for norm in (torch.batch_norm, torch.instance_norm):
        say(norm(single, None, None, None, None, True, 0.1, 1e-5, True).detach())
    say.error(torch.batch_norm, numbers(torch, 3), None, None, None, None, True, 0.1, 1e-5, False)


@CASES
def rows_of_tables(torch, say):
    w = numbers(torch, 4, 3)
    index = torch.tensor([1, 2, 2, 3, 0])
    for padding, by_uses in ((-1, False), (2, False), (2, True), (9, False)):
        told(torch, say, torch.embedding(w, index, padding, by_uses), w)
    table = w.detach() * 3
    kept = table[:2]
    say(torch.embedding_renorm_(table, index[:2], 1.0, 2.0), table, kept, table._version)
    say.error(torch.embedding_renorm_, w, index, 0.5, 2.0)


@CASES
def bags_of_rows(torch, say):
    w, scale = numbers(torch, 4, 3), numbers(torch, 5)
    index, offsets = torch.tensor([1, 2, 2, 3, 0]), torch.tensor([0, 2, 2])
    for mode in (0, 1, 2):
        for end in (False, True):
            for padding in (None, 2, -2):
                ends = torch.tensor([0, 2, 2, 5]) if end else offsets
                rest = (False, mode, False, None, end, padding)
                result, *others = torch.embedding_bag(w, index, ends, *rest)
                told(torch, say, result, w)
                say(*others)
    result, *others = torch.embedding_bag(w, index, offsets, per_sample_weights=scale)
    told(torch, say, result, w, scale)
    say(*others)
    say(torch.embedding_bag(w, index, offsets, True, 2)[0])


@CASES
def products_in_place(torch, say):
    x, m, v = numbers(torch, 3), numbers(torch, 3, 2), numbers(torch, 2)
    y = x * 1
    say(torch.addmv_(y, m, v, beta=2, alpha=3) is y)
    told(torch, say, y, x, m, v)


@pytest.mark.parametrize("scenario", CASES, ids=lambda f: f.__name__)
def test_equals_pytorch(scenario):
    found = differences(run(scenario, dynagrad), run(scenario, torch), tolerance=1e-10)
    assert not found, found
