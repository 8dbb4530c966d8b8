"""Optimizers and schedules against PyTorch's: parameters, state, rates, errors, text."""

import copy
import inspect
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402
from dynagrad import optim  # noqa: E402
from dynagrad.optim import lr_scheduler  # noqa: E402

ALGORITHMS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "betas": (0.3, 0.9)}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "maximize": True, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "centered": True, "eps": 1e-5}),
    ("RMSprop", {"lr": 0.01, "centered": True, "alpha": 0.4, "momentum": 0.5, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.5},
    ),
    ("Adagrad", {"lr": 0.1, "eps": 1e-4, "maximize": True}),
]
IDS = [f"{name}-{'-'.join(options)}" for name, options in ALGORITHMS]


def both(array):
    """A leaf of either library with the same values."""
    ours = dynagrad.from_numpy(array.copy()).requires_grad_()
    theirs = torch.from_numpy(array.copy()).requires_grad_()
    return ours, theirs


def give_gradients(pairs, rng):
    for ours, theirs in pairs:
        g = rng.standard_normal(ours.shape).astype(ours.detach().numpy().dtype)
        if ours.detach().numpy().dtype.kind == "c":
            g = g + 1j * rng.standard_normal(ours.shape)
            g = g.astype(ours.detach().numpy().dtype)
        ours.grad = dynagrad.from_numpy(g.copy())
        theirs.grad = torch.from_numpy(g.copy())


def close(ours, theirs, rtol, atol=1e-7):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), ALGORITHMS, ids=IDS)
def test_steps(name, options, dtype, rng):
    shapes = [(3, 4), (), (20,), (130, 130)]
    pairs = [both(np.asarray(rng.standard_normal(shape)).astype(dtype)) for shape in shapes]
    ours = getattr(optim, name)([p for p, _ in pairs], **options)
    theirs = getattr(torch.optim, name)([p for _, p in pairs], **options)
    for _ in range(30):
        give_gradients(pairs, rng)
        ours.step()
        theirs.step()
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    # A variance as the difference of two squares stretches rounding.
    least = 1e-5 if "centered" in options else 1e-6
    for p, q in pairs:
        close(p, q, tolerance, least if dtype == "float32" else 1e-13)
    same_state(ours.state_dict(), theirs.state_dict(), tolerance, least)
    assert repr(ours) == repr(theirs)


def same_state(ours, theirs, tolerance, least=1e-6):
    assert ours["param_groups"] == theirs["param_groups"]
    assert list(ours["state"]) == list(theirs["state"])
    for number, state in ours["state"].items():
        assert list(state) == list(theirs["state"][number])
        for key, value in state.items():
            other = theirs["state"][number][key]
            if other is None:
                assert value is None
                continue
            assert str(value.dtype) == str(other.dtype), key
            close(value, other, tolerance, least)


@pytest.mark.parametrize(("name", "options"), ALGORITHMS, ids=IDS)
def test_complex_parameters(name, options, rng):
    pairs = [both(rng.standard_normal((3, 2)) + 1j * rng.standard_normal((3, 2)))]
    ours = getattr(optim, name)([p for p, _ in pairs], **options)
    theirs = getattr(torch.optim, name)([p for _, p in pairs], **options)
    for _ in range(5):
        give_gradients(pairs, rng)
        ours.step()
        theirs.step()
    close(*pairs[0], 1e-12)


@pytest.mark.parametrize(("name", "options"), ALGORITHMS, ids=IDS)
def test_transposed_parameters(name, options, rng):
    array = rng.standard_normal((200, 150))
    ours, theirs = both(array)
    ours, theirs = ours.detach().t().requires_grad_(), theirs.detach().t().requires_grad_()
    a, b = getattr(optim, name)([ours], **options), getattr(torch.optim, name)([theirs], **options)
    for _ in range(3):
        give_gradients([(ours, theirs)], rng)
        a.step()
        b.step()
    close(ours, theirs, 1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_signatures(name):
    def parameters(cls):
        found = inspect.signature(cls.__init__).parameters.values()
        return [(p.name, p.kind, p.default) for p in found]

    assert parameters(getattr(optim, name)) == parameters(getattr(torch.optim, name))


def test_groups_and_checkpoints(rng):
    pairs = [both(rng.standard_normal(3).astype("float32")) for _ in range(4)]
    made = []
    for library, which in ((optim, 0), (torch.optim, 1)):
        p = [pair[which] for pair in pairs]
        optimizer = library.Adam([{"params": p[:2]}, {"params": p[2], "lr": 0.1}], lr=0.01)
        optimizer.add_param_group({"params": [p[3]], "betas": (0.5, 0.6)})
        made.append(optimizer)
    ours, theirs = made
    for _ in range(3):
        give_gradients(pairs, rng)
        ours.step()
        theirs.step()
    same_state(ours.state_dict(), theirs.state_dict(), 1e-5)
    saved, saved_theirs = copy.deepcopy(ours.state_dict()), copy.deepcopy(theirs.state_dict())
    again = optim.Adam([{"params": [p for p, _ in pairs[:2]]}, {"params": pairs[2][0]}])
    again.add_param_group({"params": pairs[3][0]})
    again.load_state_dict(saved)
    assert again.param_groups[1]["lr"] == 0.1
    give_gradients(pairs, rng)
    again.step()
    theirs.step()
    for p, q in pairs:
        close(p, q, 1e-5)
    same_state(again.state_dict(), theirs.state_dict(), 1e-5)
    assert list(saved) == list(saved_theirs)


def test_named_parameters_in_groups():
    ours, theirs = both(np.ones(2, "float32"))
    a, b = optim.SGD([("w", ours)]), torch.optim.SGD([("w", theirs)])
    assert a.state_dict() == b.state_dict()
    assert repr(a) == repr(b)


def test_state_is_converted_to_the_parameter_dtype():
    ours = dynagrad.from_numpy(np.ones(2)).requires_grad_()
    optimizer = optim.Adam([ours])
    ours.grad = dynagrad.from_numpy(np.ones(2))
    optimizer.step()
    half = dynagrad.from_numpy(np.ones(2, "float32")).requires_grad_()
    other = optim.Adam([half])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[half]["exp_avg"].dtype == dynagrad.float32
    assert other.state[half]["step"].item() == 1


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def test_himmelblau_for_thousands_of_steps():
    ours, theirs = both(np.array([-4.0, 0.0], "float32"))
    a, b = optim.Adam([ours], lr=1e-3), torch.optim.Adam([theirs], lr=1e-3)
    for step in range(6000):
        for x, optimizer in ((ours, a), (theirs, b)):
            loss = himmelblau(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if step % 1000 == 0:
            close(ours, theirs, 2e-5)
    close(ours, theirs, 2e-6)


# --- errors ---------------------------------------------------------------------------------------

WRONG = [
    ("SGD", {"lr": -1.0}),
    ("SGD", {"momentum": -1.0}),
    ("SGD", {"weight_decay": -1.0}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"fused": True, "foreach": True}),
    ("Adam", {"lr": -1.0}),
    ("Adam", {"eps": -1.0}),
    ("Adam", {"betas": (1.0, 0.9)}),
    ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"betas": (0, 0.1)}),
    ("Adam", {"weight_decay": -1.0}),
    ("Adam", {"fused": True, "differentiable": True}),
    ("AdamW", {"lr": -1.0}),
    ("RMSprop", {"alpha": -1.0}),
    ("RMSprop", {"momentum": -1.0}),
    ("RMSprop", {"eps": -1.0}),
    ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}),
]


def error_of(call):
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value), str(caught.value)


def same_error(ours, theirs):
    kind, text = error_of(theirs)
    our_kind, our_text = error_of(ours)
    assert issubclass(our_kind, kind)
    first = text.replace("torch.", "").split("\n")[0].split("\\n")[0]
    assert our_text.replace("torch.", "").replace("dynagrad.", "").startswith(first)


@pytest.mark.parametrize(("name", "options"), WRONG)
def test_wrong_options(name, options):
    ours, theirs = both(np.ones(2, "float32"))
    same_error(
        lambda: getattr(optim, name)([ours], **options),
        lambda: getattr(torch.optim, name)([theirs], **options),
    )


WRONG_PARAMETERS = {
    "none": lambda t: [],
    "a tensor": lambda t: t,
    "a set": lambda t: [{"params": {t}}],
    "numbers": lambda t: [1.0],
    "not a leaf": lambda t: [t * 2],
    "twice in groups": lambda t: [{"params": [t]}, {"params": [t]}],
    "names missing": lambda t: [{"params": [("a", t), t]}],
}


@pytest.mark.parametrize("case", WRONG_PARAMETERS)
def test_wrong_parameters(case):
    ours, theirs = both(np.ones(2, "float32"))
    make = WRONG_PARAMETERS[case]
    same_error(lambda: optim.SGD(make(ours)), lambda: torch.optim.SGD(make(theirs)))


def test_duplicates_in_one_group_warn():
    ours, theirs = both(np.ones(2, "float32"))
    for library, p in ((optim, ours), (torch.optim, theirs)):
        with pytest.warns(UserWarning, match="duplicate parameters"):
            library.SGD([p, p])


def test_loading_a_state_of_another_shape():
    ours, theirs = both(np.ones(2, "float32"))
    a, b = optim.SGD([ours]), torch.optim.SGD([theirs])
    for change in (
        lambda s: {**s, "param_groups": s["param_groups"] * 2},
        lambda s: {**s, "param_groups": [{**s["param_groups"][0], "params": [0, 1]}]},
    ):
        same_error(
            lambda change=change: a.load_state_dict(change(a.state_dict())),
            lambda change=change: b.load_state_dict(change(b.state_dict())),
        )


# --- schedules ------------------------------------------------------------------------------------


def triple(epoch):
    return 0.9**epoch


SCHEDULES = {
    "StepLR": lambda m, o: m.StepLR(o, 3, gamma=0.5),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, [2, 4, 4, 9], gamma=0.5),
    "ConstantLR": lambda m, o: m.ConstantLR(o, factor=0.25, total_iters=4),
    "LinearLR": lambda m, o: m.LinearLR(o, start_factor=0.2, end_factor=0.9, total_iters=6),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, total_iters=7, power=2.0),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, T_max=5, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2),
    "LambdaLR": lambda m, o: m.LambdaLR(o, [triple, triple]),
    "MultiplicativeLR": lambda m, o: m.MultiplicativeLR(o, lambda epoch: 0.95),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.01, 0.1, step_size_up=3, step_size_down=2),
    "CyclicLR triangular2": lambda m, o: m.CyclicLR(
        o, 0.01, [0.1, 0.2], step_size_up=3, mode="triangular2"
    ),
    "CyclicLR exp_range": lambda m, o: m.CyclicLR(
        o, 0.01, 0.1, step_size_up=3, mode="exp_range", gamma=0.9, cycle_momentum=False
    ),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 0.5, total_steps=24),
    "OneCycleLR linear": lambda m, o: m.OneCycleLR(
        o, [0.5, 0.3], epochs=6, steps_per_epoch=4, anneal_strategy="linear", three_phase=True
    ),
    "SequentialLR": lambda m, o: m.SequentialLR(
        o,
        [m.LinearLR(o, 0.1, total_iters=4), m.ExponentialLR(o, 0.9), m.StepLR(o, 2)],
        milestones=[4, 10],
    ),
    "ChainedScheduler": lambda m, o: m.ChainedScheduler(
        [m.ConstantLR(o, factor=0.1, total_iters=4), m.ExponentialLR(o, 0.9)]
    ),
}


def two_groups(library, which):
    a, b = both(np.ones(2, "float32"))[which], both(np.ones(2, "float32"))[which]
    return library.SGD([{"params": [a]}, {"params": [b], "lr": 0.02}], lr=0.1, momentum=0.9)


def settings_of(optimizer):
    keys = ("lr", "momentum", "initial_lr")
    return [[group.get(key) for key in keys] for group in optimizer.param_groups]


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    ours, theirs = two_groups(optim, 0), two_groups(torch.optim, 1)
    a = SCHEDULES[name](lr_scheduler, ours)
    b = SCHEDULES[name](torch.optim.lr_scheduler, theirs)
    for _ in range(23):
        assert a.get_last_lr() == b.get_last_lr()
        assert settings_of(ours) == settings_of(theirs)
        ours.step()
        theirs.step()
        a.step()
        b.step()
    assert a.last_epoch == b.last_epoch if hasattr(b, "last_epoch") else True
    saved = copy.deepcopy(a.state_dict())
    fresh = two_groups(optim, 0)
    again = SCHEDULES[name](lr_scheduler, fresh)
    again.load_state_dict(saved)
    assert again.get_last_lr() == a.get_last_lr()


HAVE_CLOSED_FORM = [
    *("StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR"),
    *("PolynomialLR", "CosineAnnealingLR", "LambdaLR"),
]


@pytest.mark.parametrize("name", HAVE_CLOSED_FORM)
def test_a_given_epoch(name):
    ours, theirs = two_groups(optim, 0), two_groups(torch.optim, 1)
    a = SCHEDULES[name](lr_scheduler, ours)
    b = SCHEDULES[name](torch.optim.lr_scheduler, theirs)
    ours.step()
    theirs.step()
    for epoch in (3, 8, 1):
        for scheduler in (a, b):
            with pytest.warns(UserWarning, match="The epoch parameter in"):
                scheduler.step(epoch)
        assert a.get_last_lr() == b.get_last_lr()


@pytest.mark.parametrize("name", ["StepLR", "CosineAnnealingLR", "ExponentialLR", "LinearLR"])
def test_state_has_pytorchs_keys(name):
    a = SCHEDULES[name](lr_scheduler, two_groups(optim, 0))
    b = SCHEDULES[name](torch.optim.lr_scheduler, two_groups(torch.optim, 1))
    assert a.state_dict() == b.state_dict()


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"mode": "max", "patience": 1, "factor": 0.5, "cooldown": 2},
        {"threshold_mode": "abs", "threshold": 0.05, "patience": 0, "min_lr": [0.001, 0.004]},
        {"mode": "max", "threshold_mode": "abs", "patience": 1, "eps": 0.01},
    ],
)
def test_plateau(options, rng):
    ours, theirs = two_groups(optim, 0), two_groups(torch.optim, 1)
    a = lr_scheduler.ReduceLROnPlateau(ours, **options)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for metric in np.abs(rng.standard_normal(40)).cumsum()[::-1] / 10:
        metric = float(np.round(metric, 1))
        a.step(metric)
        b.step(metric)
        assert a.get_last_lr() == b.get_last_lr()
        assert (a.num_bad_epochs, a.cooldown_counter, a.best) == (
            b.num_bad_epochs,
            b.cooldown_counter,
            b.best,
        )
    assert a.state_dict() == b.state_dict()


def test_a_schedule_stepped_before_the_optimizer_warns():
    for library, which in ((optim, 0), (torch.optim, 1)):
        scheduler = library.lr_scheduler.StepLR(two_groups(library, which), 2)
        with pytest.warns(UserWarning, match="Detected call of `lr_scheduler.step"):
            scheduler.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scheduler.step()


WRONG_SCHEDULES = {
    "no optimizer": lambda m, o: m.StepLR(3, 2),
    "constant": lambda m, o: m.ConstantLR(o, factor=2.0),
    "linear start": lambda m, o: m.LinearLR(o, start_factor=0.0),
    "linear end": lambda m, o: m.LinearLR(o, end_factor=2.0),
    "lambdas": lambda m, o: m.LambdaLR(o, [triple]),
    "no lambda": lambda m, o: m.MultiplicativeLR(o, 3),
    "resumed": lambda m, o: m.StepLR(o, 3, last_epoch=4),
    "restarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, T_0=0),
    "restarts mult": lambda m, o: m.CosineAnnealingWarmRestarts(o, T_0=1, T_mult=0),
    "cycle mode": lambda m, o: m.CyclicLR(o, 0.1, 0.2, mode="square"),
    "cycle rates": lambda m, o: m.CyclicLR(o, [0.1], 0.2),
    "one cycle": lambda m, o: m.OneCycleLR(o, 0.1),
    "one cycle steps": lambda m, o: m.OneCycleLR(o, 0.1, total_steps=-1),
    "one cycle start": lambda m, o: m.OneCycleLR(o, 0.1, total_steps=9, pct_start=2.0),
    "one cycle strategy": lambda m, o: m.OneCycleLR(o, 0.1, total_steps=9, anneal_strategy="e"),
    "plateau factor": lambda m, o: m.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda m, o: m.ReduceLROnPlateau(o, mode="mid"),
    "plateau threshold": lambda m, o: m.ReduceLROnPlateau(o, threshold_mode="mid"),
    "plateau min_lr": lambda m, o: m.ReduceLROnPlateau(o, min_lr=[1.0]),
    "sequence of none": lambda m, o: m.SequentialLR(o, [], []),
    "sequence": lambda m, o: m.SequentialLR(o, [m.StepLR(o, 2)], [3]),
    "chain of none": lambda m, o: m.ChainedScheduler([]),
    "chain of plateau": lambda m, o: m.ChainedScheduler([m.ReduceLROnPlateau(o)]),
}


@pytest.mark.parametrize("case", WRONG_SCHEDULES)
def test_wrong_schedules(case):
    make = WRONG_SCHEDULES[case]
    ours, theirs = two_groups(optim, 0), two_groups(torch.optim, 1)
    same_error(lambda: make(lr_scheduler, ours), lambda: make(torch.optim.lr_scheduler, theirs))


def test_one_cycle_ends():
    ours, theirs = two_groups(optim, 0), two_groups(torch.optim, 1)
    a = lr_scheduler.OneCycleLR(ours, 0.1, total_steps=3)
    b = torch.optim.lr_scheduler.OneCycleLR(theirs, 0.1, total_steps=3)
    ours.step()
    theirs.step()
    for _ in range(3):
        a.step()
        b.step()
    same_error(a.step, b.step)
