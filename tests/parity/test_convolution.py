"""Convolutions next to PyTorch's: graphs, layouts in memory, words of errors."""

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
CASES = Cases()


def tree(edge):
    """A node's name over those of what it came from."""
    name = type(edge).__name__
    return [name, [tree(e) for e, _ in edge.next_functions if e is not None]]


@CASES
def graphs(torch, say):
    x, w = torch.ones(2, 4, 7, requires_grad=True), torch.ones(6, 4, 3, requires_grad=True)
    b = torch.ones(6, requires_grad=True)
    back = torch.ones(4, 6, 3, requires_grad=True)
    say(tree(torch.conv1d(x, w, b).grad_fn))
    say(tree(torch.conv1d(x, w).grad_fn), len(torch.conv1d(x, w).grad_fn.next_functions))
    say(tree(torch.conv1d(x.detach(), w, b, padding="same").grad_fn))
    say(tree(torch.conv1d(x[0], w, b).grad_fn))
    say(tree(torch.conv_transpose1d(x[0], back, b).grad_fn))
    image = torch.ones(1, 2, 5, 5, requires_grad=True)
    columns = torch.nn.functional.unfold(image, 2)
    say(tree(columns.grad_fn), tree(torch.nn.functional.unfold(image[0], 2).grad_fn))
    say(tree(torch.nn.functional.fold(columns, (5, 5), 2).grad_fn))


@CASES
def layouts(torch, say):
    x, w = torch.ones(2, 4, 7, 7), torch.ones(6, 4, 3, 3)
    last = torch.channels_last
    for a, k in ((x, w), (x.to(memory_format=last), w), (x, w.to(memory_format=last))):
        say(torch.conv2d(a, k, padding=1).stride())
        say(torch.conv_transpose2d(a, k.transpose(0, 1).clone(memory_format=last)).stride())
    say(torch.conv2d(x.transpose(2, 3), w).stride(), torch.conv2d(x[0], w).stride())


@CASES
def sequences(torch, say):
    torch.manual_seed(0)
    x, w, b = (
        torch.randn(*shape).double().requires_grad_() for shape in ((9, 2, 4), (3, 4, 6), (6,))
    )
    y = torch.conv_tbc(x, w, b, 1)
    say(y.detach(), y.stride())
    (y * y).sum().backward()
    say(x.grad, w.grad, b.grad)
    settings = ((2, 1), (1, 0), (1, 1), True, (1, 0), 1)
    say(torch.convolution(torch.randn(2, 3, 4, 4), torch.randn(3, 2, 2, 2), None, *settings))


@CASES
def refusals(torch, say):
    f = torch.nn.functional
    x, w, r = torch.ones(1, 3, 5, 5), torch.ones(4, 3, 3, 3), torch.ones
    say.error(f.conv2d, x, r(4, 2, 3, 3))
    say.error(f.conv2d, x, r(4, 2, 3, 3), groups=2)
    say.error(f.conv_transpose2d, x, r(4, 2, 3, 3))
    say.error(f.conv2d, r(1, 4, 5, 5), r(5, 2, 3, 3), groups=2)
    say.error(f.conv2d, r(1, 1, 3, 5, 5), w)
    say.error(f.conv1d, r(1, 1, 4), r(1, 2))
    say.error(f.conv1d, r(1, 3, 5), w)
    say.error(f.conv2d, r(1, 3, 2, 5), w)
    say.error(f.conv_transpose1d, r(1, 3, 1), r(3, 3, 1), padding=1)
    say.error(f.conv2d, x, w, r(3))
    say.error(f.conv_transpose2d, x, r(3, 4, 3, 3), r(3))
    say.error(f.conv2d, x, w, stride=(1, 1, 1))
    say.error(f.conv2d, x, w, padding=(1, 1, 1))
    say.error(f.conv2d, x, w, groups=0)
    say.error(f.conv2d, x, w, stride=2, padding="same")
    say.error(f.conv2d, x, w, padding="full")
    say.error(f.conv_transpose2d, x, r(3, 4, 3, 3), padding="same")
    say.error(f.conv2d, x, w.double())
    say.error(f.conv2d, x, w, r(4).double())
    say.error(f.conv2d, x.bool(), w.bool())
    say.error(f.conv_transpose3d, r(1, 1, 2, 2, 2), r(1, 1, 2, 2, 2), output_padding=1)
    say.error(f.conv_transpose2d, r(1, 3, 0, 5), r(3, 4, 1, 3))
    say.error(f.unfold, x, 7)
    say.error(f.unfold, x, 0)
    say.error(f.unfold, x, (1, 1, 1))
    say.error(f.unfold, x.long(), 2)
    say.error(f.fold, r(1, 12, 10), (4, 5), 2)
    say.error(f.fold, r(1, 13, 12), (4, 5), 2)
    say.error(f.fold, r(12), (4, 5), 2)


@pytest.mark.parametrize("scenario", CASES, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_scenario(scenario):
    ours, theirs = run(scenario, dynagrad), run(scenario, torch)
    assert not differences(list(ours), list(theirs))
