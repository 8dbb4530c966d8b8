"""Anomaly mode against PyTorch: which programs raise, the type and the first line of the error."""

import warnings

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()
nan, inf = float("nan"), float("inf")

PROGRAMS = {}


def program(f):
    """A program that anomaly mode judges."""
    PROGRAMS[f.__name__] = f
    return f


def leaf(torch, *values):
    return torch.tensor(values, requires_grad=True)


def judged(torch, f):
    """The error of a program under anomaly mode: its type and first line; '' where it runs."""
    with warnings.catch_warnings(), torch.autograd.set_detect_anomaly(True):
        warnings.simplefilter("ignore")
        try:
            f(torch)
        except Exception as error:
            return type(error).__name__, str(error).splitlines()[0]
    return ""


@program
def where_trap(torch):
    x = leaf(torch, 0.0, 1.0)
    torch.where(x > 0, torch.sqrt(x), torch.zeros(2)).sum().backward()


@program
def masked_fill(torch):
    x = leaf(torch, 0.0, 1.0)
    torch.log(x).masked_fill(x <= 0, 0.0).sum().backward()


@program
def mask_as_a_factor(torch):
    x = leaf(torch, 0.0, 1.0)
    (torch.log(x) * torch.tensor([0.0, 1.0])).sum().backward()


@program
def safe_input(torch):
    x = leaf(torch, 0.0, 1.0)
    torch.where(
        x > 0, torch.sqrt(torch.where(x > 0, x, torch.ones(2))), torch.zeros(2)
    ).sum().backward()


@program
def clamped(torch):
    x = leaf(torch, 0.0, 1.0)
    torch.sqrt(x.clamp(min=1e-6)).sum().backward()


@program
def norm_at_zero(torch):
    x = leaf(torch, 0.0, 0.0)
    (x * x).sum().sqrt().backward()


@program
def infinite_gradient(torch):
    leaf(torch, 0.0).sqrt().sum().backward()


@program
def division_by_zero(torch):
    x, y = leaf(torch, 0.0), leaf(torch, 0.0)
    (x / y).sum().backward()


@program
def forward_nan_that_spreads(torch):
    leaf(torch, -1.0).log().sin().sum().backward()


@program
def forward_nan_with_finite_gradients(torch):
    (leaf(torch, 1.0) * 2 + torch.tensor([nan])).sum().backward()


@program
def nan_given(torch):
    (leaf(torch, 1.0, 2.0).exp() * 2).backward(torch.tensor([1.0, nan]))


@program
def nan_of_broadcasting(torch):
    x = torch.tensor(1.0, requires_grad=True)
    (x * torch.tensor([inf, -inf])).sum().backward()


@program
def infinities_meet_in_a_node(torch):
    y = leaf(torch, 0.0) * 1
    zero = torch.tensor([0.0])
    (y / zero - y / zero).sum().backward()


@program
def infinities_meet_in_a_leaf(torch):
    x, zero = leaf(torch, 0.0), torch.tensor([0.0])
    (x / zero - x / zero).sum().backward()


@program
def second_input(torch):
    x, y = leaf(torch, 1.0), leaf(torch, 0.0)
    x.detach().mul(y.sqrt()).mul(0.0).sum().backward()
    torch.add(x, (y * 1).sqrt() * 0).sum().backward()


@program
def atan2_at_the_origin(torch):
    torch.atan2(leaf(torch, 0.0), leaf(torch, 0.0)).sum().backward()


@program
def tensor_hook(torch):
    z = leaf(torch, 0.0, 1.0).exp() * 2
    z.register_hook(lambda g: g * nan)
    z.sum().backward()


@program
def leaf_hook(torch):
    x = leaf(torch, 0.0, 1.0)
    x.register_hook(lambda g: g * nan)
    (x * 2).sum().backward()


@program
def node_hook(torch):
    z = leaf(torch, 0.0, 1.0).exp() * 2
    z.grad_fn.register_hook(lambda into, out: (into[0] * nan, None))
    z.sum().backward()


@program
def node_prehook(torch):
    z = leaf(torch, 0.0, 1.0) * 2
    z.grad_fn.register_prehook(lambda g: (g[0] * nan,))
    z.sum().backward()


@program
def function(torch):
    class Spoiled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y, x + y

        @staticmethod
        def backward(ctx, a, b):
            return a, b * nan

    first, second = Spoiled.apply(leaf(torch, 1.0), leaf(torch, 2.0))
    (first + second).sum().backward()


@program
def raising_function(torch):
    class Raising(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("inside")

    Raising.apply(leaf(torch, 1.0)).sum().backward()


@program
def in_place(torch):
    y = leaf(torch, 0.0, 4.0) * 1
    y.sqrt_()
    (y * torch.tensor([0.0, 1.0])).sum().backward()


@program
def complex_root(torch):
    x = torch.tensor([0j, 1], requires_grad=True)
    torch.where(x.real > 0, torch.sqrt(x), torch.zeros(2, dtype=x.dtype)).abs().sum().backward()


@program
def half_precision(torch):
    x = torch.tensor([300.0], dtype=torch.float16, requires_grad=True)
    y = x * x
    (y / y).sum().backward()


@program
def gradient_of_inputs(torch):
    x = leaf(torch, 0.0, 1.0)
    torch.autograd.grad(torch.where(x > 0, torch.sqrt(x), torch.zeros(2)).sum(), x)


@program
def create_graph(torch):
    x = leaf(torch, 0.0)
    torch.autograd.grad((x.sqrt() * 0).sum(), x, create_graph=True)


@program
def empty(torch):
    (torch.ones(0, requires_grad=True).sqrt() * 2).sum().backward()


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_verdict(name):
    assert judged(dynagrad, PROGRAMS[name]) == judged(torch, PROGRAMS[name])


def test_both_verdicts_occur():
    verdicts = [judged(torch, f) for f in PROGRAMS.values()]
    assert "" in verdicts and len([v for v in verdicts if v]) > 15


@cases
def states(torch, say):
    A = torch.autograd

    def state():
        return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()

    say(state())
    with A.set_detect_anomaly(True) as entered:
        say(entered, state())
        with A.set_detect_anomaly(True, check_nan=False):
            say(state())
            with A.set_detect_anomaly(False):
                say(state())
            A.set_detect_anomaly(True)
            say(state())
        say(state())
    say(state())
    A.set_detect_anomaly(True, False)
    say(state())
    with A.set_detect_anomaly(False):
        say(state())
    say(state())
    torch.set_anomaly_enabled(False)
    say(state())


@cases
def wrong_arguments(torch, say):
    say.error(torch.autograd.set_detect_anomaly, 1)
    say.error(torch.autograd.set_detect_anomaly, True, 1)
    say.error(torch.set_anomaly_enabled, "yes")
    say.error(torch.autograd.set_detect_anomaly)
    say(torch.is_anomaly_enabled())


@cases
def warning_of_detect_anomaly(torch, say):
    say.warning(torch.autograd.detect_anomaly)
    say.warning(lambda: torch.autograd.set_detect_anomaly(False))


@pytest.mark.parametrize("scenario", cases, ids=lambda f: f.__name__)
def test_scenario(scenario):
    ours, theirs = run(scenario, dynagrad), run(scenario, torch)
    assert not (found := differences(ours, theirs)), "\n".join(found)


def test_paths_and_lists_of_names():
    for name in ("detect_anomaly", "set_detect_anomaly"):
        assert getattr(dynagrad.autograd, name) is getattr(dynagrad.autograd.anomaly_mode, name)
        assert getattr(dynagrad.autograd, name).__module__ == "dynagrad.autograd.anomaly_mode"
    assert dynagrad.autograd.anomaly_mode.__all__ == torch.autograd.anomaly_mode.__all__
