"""Checkpoints against PyTorch: gradients, recomputations, random numbers, errors and warnings."""

import inspect
import warnings
from typing import Any

import pytest
from scenario import Cases, differences, run

import dynagrad

torch = pytest.importorskip("torch")
cases = Cases()
FORMS = [True, False]


def leaf(torch, *values):
    """A vector that requires grad."""
    return torch.tensor(values or (0.5, -1.0, 2.0), requires_grad=True)


class Counted:
    """A function of several operations that counts its runs."""

    def __init__(self, torch: Any):
        self.torch = torch
        self.runs = 0

    def __call__(self, x, *others):
        self.runs += 1
        y = x.sin().exp().cos()
        for other in others:
            y = y * other
        return y


@cases
def gradients_and_runs(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    for form in FORMS:
        x, w = leaf(torch), leaf(torch, 1.0, 2.0, 3.0)
        f = Counted(torch)
        y = checkpoint(f, x, w, use_reentrant=form)
        say(f.runs, y)
        y.sum().backward()
        say(f.runs, x.grad, w.grad)


@cases
def several_segments(torch, say):
    for form in FORMS:
        for count, segments in ((5, 2), (6, 3), (4, 4), (4, 1), (4, -2)):
            x = leaf(torch)
            fs = [Counted(torch) for _ in range(count)]
            y = torch.utils.checkpoint.checkpoint_sequential(
                fs, segments, x, use_reentrant=form, preserve_rng_state=False
            )
            y.sum().backward()
            say([f.runs for f in fs], x.grad)


@cases
def modules_in_sequence(torch, say):
    for form in FORMS:
        net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(torch.arange(p.numel()).reshape(p.shape) / 10)
        x = leaf(torch)
        torch.utils.checkpoint.checkpoint_sequential(net, 2, x, use_reentrant=form).sum().backward()
        say(x.grad, [p.grad for p in net.parameters()])


@cases
def nested(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    for outer in FORMS:
        for inner in FORMS:
            if outer and not inner:
                continue
            x, f, g = leaf(torch), Counted(torch), Counted(torch)

            def whole(a, f=f, g=g, inner=inner):
                b = checkpoint(f, a * 2, use_reentrant=inner)
                return checkpoint(g, b + a, use_reentrant=inner).tanh()

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the inner one's inputs, while nothing is recorded
                checkpoint(whole, x, use_reentrant=outer).sum().backward()
            say(f.runs, g.runs, x.grad)


@cases
def three_levels(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    x, f = leaf(torch), Counted(torch)

    def level(depth, a):
        if not depth:
            return f(a)
        b = checkpoint(level, depth - 1, a, use_reentrant=False)
        return checkpoint(level, depth - 1, b * a, use_reentrant=False)

    level(3, x).sum().backward()
    say(f.runs, x.grad)


@cases
def keyword_arguments_and_structures(torch, say):
    def f(x, *, pair, scale):
        a, b = pair
        return {"sum": a * x + b, "rest": [(x * scale).sin(), "text", None]}

    x, a, b = leaf(torch), leaf(torch, 1.0, 2.0, 3.0), leaf(torch, 3.0)
    out = torch.utils.checkpoint.checkpoint(f, x, pair=(a, b), scale=b, use_reentrant=False)
    say(out)
    (out["sum"].sum() * out["rest"][0].sum()).backward()
    say(x.grad, a.grad, b.grad)


@cases
def results_of_the_reentrant_form(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    x = leaf(torch)
    out = checkpoint(lambda a: (a * 2, None, 3, a.detach()), x, use_reentrant=True)
    say(out)
    out[0].sum().backward()
    say(x.grad)
    say(checkpoint(lambda a: [a * 2, {"b": a * 3}], x, use_reentrant=True))
    say(checkpoint(lambda a: a, x, use_reentrant=True))


@cases
def inputs_that_need_no_gradient(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    w = leaf(torch)
    x = torch.ones(3)
    y = checkpoint(lambda a: (a * w).exp(), x, use_reentrant=False)
    y.sum().backward()
    say(w.grad, x.grad)
    say(checkpoint(lambda a: a * 2, x, use_reentrant=False))
    say.warning(lambda: checkpoint(lambda a: (a * w).exp(), x, use_reentrant=True))
    with torch.no_grad():
        say(checkpoint(torch.sin, w, use_reentrant=False))
        say(checkpoint(torch.sin, w, use_reentrant=True))


@cases
def grad_with_both_forms(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    x = leaf(torch)
    say(torch.autograd.grad(checkpoint(torch.sin, x, use_reentrant=False).sum(), x))
    y = checkpoint(torch.sin, x, use_reentrant=True).sum()
    say.error(torch.autograd.grad, y, x, retain_graph=True)
    say.error(y.backward, inputs=[x], retain_graph=True)
    y.backward()
    say(x.grad)


@cases
def a_pass_within_a_hook_of_grad(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    x, z = leaf(torch), leaf(torch)
    y = x * 2
    y.register_hook(lambda g: checkpoint_backward())

    def checkpoint_backward():
        with torch.enable_grad():
            out = checkpoint(torch.sin, z, use_reentrant=True).sum()
        say.error(out.backward)

    say(torch.autograd.grad(y.sum(), x, retain_graph=True), z.grad)


@cases
def higher_derivatives(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    x = leaf(torch)
    f = Counted(torch)
    y = checkpoint(f, x, use_reentrant=False).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    say(g.detach(), h.detach())
    h.sum().backward()
    say(x.grad)


@cases
def twice_with_retain_graph(torch, say):
    for form in FORMS:
        x, f = leaf(torch), Counted(torch)
        y = torch.utils.checkpoint.checkpoint(f, x, use_reentrant=form).sum()
        y.backward(retain_graph=True)
        y.backward()
        say(f.runs, x.grad)
        say.error(y.backward)


@cases
def two_share_their_inputs(torch, say):
    checkpoint = torch.utils.checkpoint.checkpoint
    for form in FORMS:
        x, w = leaf(torch), leaf(torch, 1.0, 2.0, 3.0)
        a = checkpoint(Counted(torch), x, w, use_reentrant=form)
        b = checkpoint(Counted(torch), w, x, use_reentrant=form)
        (a * b).sum().backward()
        say(x.grad, w.grad)


@cases
def writes_within(torch, say):
    def f(a):
        b = a * 2
        b.mul_(a)
        b[0] = a[1] * a[2]
        return b.exp_() * a

    for form in FORMS:
        x = leaf(torch)
        torch.utils.checkpoint.checkpoint(f, x, use_reentrant=form).sum().backward()
        say(x.grad)


@cases
def inputs_written_later(torch, say):
    for form in FORMS:
        w = leaf(torch) * 1
        y = torch.utils.checkpoint.checkpoint(torch.sin, w, use_reentrant=form)
        w.add_(1)
        say.error(y.sum().backward)


@cases
def the_grad_mode_within(torch, say):
    def f(a):
        seen.append(torch.is_grad_enabled())
        with torch.no_grad():
            scale = a.exp()
        return (a * scale).sin()

    for form in FORMS:
        seen: list = []
        x = leaf(torch)
        torch.utils.checkpoint.checkpoint(f, x, use_reentrant=form).sum().backward()
        say(seen, x.grad)


@cases
def a_gradient_within(torch, say):
    def f(a):
        b = a.sin()
        (g,) = torch.autograd.grad(b.exp().sum(), a, create_graph=True)
        return g * b

    for early in (True, False):
        x = leaf(torch)
        y = torch.utils.checkpoint.checkpoint(f, x, use_reentrant=False, early_stop=early)
        y.sum().backward()
        say(x.grad)


@cases
def random_numbers(torch, say):
    for form in FORMS:
        for preserve in (True, False):
            torch.manual_seed(3)
            x = torch.ones(20, requires_grad=True)
            masks: list = []

            def f(a, masks=masks):
                mask = torch.rand(20)
                masks.append(mask)
                return a.exp() * mask * torch.rand(20)

            y = torch.utils.checkpoint.checkpoint(
                f, x, use_reentrant=form, preserve_rng_state=preserve
            )
            before = torch.rand(3)
            y.sum().backward()
            say(masks, before, torch.rand(3), x.grad)


@cases
def statistics_are_updated_twice(torch, say):
    for form in FORMS:
        mean, var = torch.zeros(3), torch.ones(3)
        x = (torch.arange(12.0).reshape(4, 3) ** 2).requires_grad_()

        def f(a, mean=mean, var=var):
            return torch.nn.functional.batch_norm(a, mean, var, training=True)

        (torch.utils.checkpoint.checkpoint(f, x, use_reentrant=form) ** 2).sum().backward()
        say(mean, var)


@cases
def early_stop(torch, say):
    u = torch.utils.checkpoint
    ran: list = []

    def f(a):
        b = a.exp()
        ran.append(1)
        b = b + 1
        ran.append(2)
        return b

    def use(**options):
        ran.clear()
        x = leaf(torch)
        u.checkpoint(f, x, use_reentrant=False, **options).sum().backward()
        say(list(ran), x.grad)

    use()
    use(early_stop=False)
    with u.set_checkpoint_early_stop(False):
        use()
        use(early_stop=True)
        with u.set_checkpoint_early_stop(True):
            use(early_stop=False)


@cases
def contexts(torch, say):
    log: list = []

    class Noting:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(f"enter {self.name}")

        def __exit__(self, *exception):
            log.append(f"leave {self.name}")

    x = leaf(torch)
    y = torch.utils.checkpoint.checkpoint(
        lambda a: a.sin().exp(),
        x,
        use_reentrant=False,
        context_fn=lambda: (Noting("forward"), Noting("again")),
    )
    say(list(log))
    y.sum().backward()
    say(log)


class Changing:
    """A function that does another thing when it runs again."""

    def __init__(self, first, then):
        self.todo = [first, then]

    def __call__(self, x):
        return self.todo.pop(0)(x)


@cases
def what_does_not_repeat_itself(torch, say):
    u = torch.utils.checkpoint
    changes = {
        "shape": (lambda a: a.sin().exp(), lambda a: a[:2].sin().exp()),
        "dtype": (lambda a: a.sin().exp(), lambda a: a.double().sin().exp()),
        "fewer": (lambda a: a.sin().exp().cos(), lambda a: a.sin()),
        "more": (lambda a: a.sin(), lambda a: a.sin().exp().cos()),
    }
    for early in (True, False):
        for first, then in changes.values():
            x = leaf(torch)
            y = u.checkpoint(Changing(first, then), x, use_reentrant=False, early_stop=early)
            say.error(y.sum().backward)
            say(isinstance(raised(y.sum, first, then, u, x, early), u.CheckpointError))


def raised(_, first, then, u, x, early):
    """The error of one more try, or None."""
    y = u.checkpoint(Changing(first, then), x, use_reentrant=False, early_stop=early)
    try:
        y.sum().backward()
    except RuntimeError as error:
        return error
    return None


@cases
def an_error_when_run_again(torch, say):
    def fails(a):
        raise ZeroDivisionError("own")

    for form in FORMS:
        x = leaf(torch)
        y = torch.utils.checkpoint.checkpoint(
            Changing(torch.sin, fails), x, use_reentrant=form
        ).sum()
        say.error(y.backward)
        say(torch.is_grad_enabled())


@cases
def wrong_options(torch, say):
    u = torch.utils.checkpoint
    x = leaf(torch)
    say.error(u.checkpoint, torch.sin, x, use_reentrant=True, scale=1)
    say.error(u.checkpoint, torch.sin, x, use_reentrant=True, debug=True)
    say.error(u.checkpoint, torch.sin, x, use_reentrant=True, context_fn=lambda: 0)
    say.error(u.checkpoint, torch.sin, x, use_reentrant=False, context_fn=lambda: 1)
    say.error(u.checkpoint, torch.sin, x, use_reentrant=False, debug=True, context_fn=lambda: 1)
    say.error(u.checkpoint, torch.sin, x, use_reentrant=False, determinism_check="always")
    say.error(u.checkpoint, 3, x, use_reentrant=True)
    say.error(u.checkpoint, 3, x, use_reentrant=False)
    fs = [torch.sin, torch.cos]
    say.error(u.checkpoint_sequential, fs, 3, x, use_reentrant=False)
    say.error(u.checkpoint_sequential, fs, 0, x, use_reentrant=False)
    say.error(u.checkpoint_sequential, fs, 2, x, use_reentrant=False, debug=True)
    say.error(u.checkpoint_sequential, 3, 2, x, use_reentrant=False)
    y = u.checkpoint(lambda a: a.detach(), x, use_reentrant=True)
    say.error(y.sum().backward)


@cases
def warnings_of_missing_choice(torch, say):
    u = torch.utils.checkpoint
    x = leaf(torch)
    say.warning(lambda: u.checkpoint(torch.sin, x))
    say.warning(lambda: u.checkpoint_sequential([torch.sin, torch.cos], 2, x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        say(u.checkpoint(torch.sin, x))


@cases
def neighbours(torch, say):
    u = torch.utils.checkpoint
    x = leaf(torch)
    y = x * 2
    say(u.detach_variable((x, y, y.detach(), 3, None)))
    say.error(u.detach_variable, x)
    say.warning(lambda: u.check_backward_validity((x, 1)))
    say.warning(lambda: u.check_backward_validity((x.detach(), 1)))
    say(u.get_device_states(x, 1))
    u.set_device_states([], [])
    say(u.DefaultDeviceType.get_device_type())
    for context in u.noop_context_fn():
        with context:
            pass
    say(issubclass(u.CheckpointError, RuntimeError))


@cases
def hooks_around(torch, say):
    seen: list = []
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda t: seen.append(list(t.shape)) or t, lambda t: seen.append("unpacked") or t
    )
    x = leaf(torch)
    with hooks:
        y = torch.utils.checkpoint.checkpoint(lambda a: a.sin().exp(), x, use_reentrant=False)
    say(list(seen))
    y.sum().backward()
    say(seen, x.grad)


@cases
def shared_recomputation(torch, say):
    u = torch.utils.checkpoint
    x, f = leaf(torch), Counted(torch)
    a, b = u.checkpoint(lambda t: (f(t), f(t * 2)), x, use_reentrant=False)
    with u.GraphExecGroup():
        a.sum().backward()
        b.sum().backward()
    say(f.runs, x.grad)


@pytest.mark.parametrize("scenario", cases, ids=lambda f: f.__name__)
def test_as_pytorch(scenario) -> None:
    found = differences(run(scenario, dynagrad), run(scenario, torch))
    assert not found, "\n".join(found)


def test_signatures() -> None:
    ours, theirs = dynagrad.utils.checkpoint, torch.utils.checkpoint
    for name in ("checkpoint", "checkpoint_sequential", "set_checkpoint_early_stop"):
        a, b = (inspect.signature(getattr(m, name)).parameters.values() for m in (ours, theirs))
        assert [(p.name, p.kind) for p in a] == [(p.name, p.kind) for p in b]
    assert set(theirs.__all__) - set(ours.__all__) == {
        "SAC_IGNORED_OPS",
        "SelectiveCheckpointContext",
    }
    assert [(p.name, p.value) for p in ours.CheckpointPolicy] == [
        (p.name, p.value) for p in theirs.CheckpointPolicy
    ]
